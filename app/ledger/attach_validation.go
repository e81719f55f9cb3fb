package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// AttachValidation: an auditor puts the digest of a validation report, and its figures, to a model.
//
// Signed by AUDITOR, of another control group than the bureau. Writes validation/<signer>/<id> and model-state/<model>: a
// DRAFT becomes VALIDATED, unless its content calls itself calibrated and this validation does not say so. Models that
// are further in their life are validated again; a RETIRED one is not.

// maxAUC is an area under the ROC curve of 1, in basis points.
const maxAUC = 10_000

// checkAttachValidation refuses what no state could make valid.
func checkAttachValidation(m *types.AttachValidation) error {
	err := firstRefusal(
		types.CheckSourceID(m.Id), checkModelID(m.Model), types.CheckDigest(m.ReportDigest), types.CheckDigest(m.DataDigest),
	)
	switch {
	case err != nil:
		return err
	case m.Subjects == 0:
		return types.Refuse(types.Code_count_out_of_range, "a sample of no subjects")
	case m.Defaults > m.Subjects:
		return types.Refuse(types.Code_count_out_of_range, "%d defaults of %d subjects", m.Defaults, m.Subjects)
	case m.AucBp > maxAUC:
		return types.Refuse(types.Code_count_out_of_range, "auc_bp is 0 to %d, not %d", maxAUC, m.AucBp)
	case m.UntilDay < m.FromDay:
		return types.Refuse(types.Code_day_too_early, "the sample ends before it begins")
	}
	return checkEventDay(m.FromDay)
}

// attachValidation checks the time, the id, the model, the groups, and the model's state.
func attachValidation(tx *Tx, m *types.AttachValidation) error {
	if err := tx.eventDay(m.UntilDay); err != nil {
		return err
	}
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.ValidationKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return tx.fresh("validation", id, old.Provenance)
	}
	s, err := modelState(tx, m.Model)
	if err != nil {
		return err
	}
	if s.Provenance != nil {
		apart, err := tx.independentOf(s.Provenance)
		if err != nil {
			return err
		}
		if !apart {
			return types.Refuse(types.Code_own_model, "%s and %s are of one group", tx.Sender.ID, s.Provenance.Signer)
		}
	}
	switch {
	case s.Status == types.ModelStatus_MODEL_RETIRED:
		return modelForbids(s, "nobody scores by it any more")
	case len(s.Validations) >= maxValidations:
		return types.Refuse(types.Code_model_state_forbids, "%s has %d validations", s.Model, maxValidations)
	}
	content, err := state.Get(tx, types.ModelKey(m.Model))
	if err != nil {
		return err
	}
	s.Validations = append(s.Validations, id)
	s.Calibrated = s.Calibrated || m.Calibrated
	if s.Status == types.ModelStatus_DRAFT && (s.Calibrated || !content.GetCalibrated()) {
		s.Status = types.ModelStatus_VALIDATED
	}
	if err := state.Set(tx, types.ModelStateKey(s.Model), s); err != nil {
		return err
	}
	return state.Set(tx, types.ValidationKey(id), &types.Validation{Validation: m, Provenance: tx.provenance(tx.Block.Today())})
}
