package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
	"tradecredit/types/score"
)

// ProposeModel: a credit bureau proposes a scorecard.
//
// Signed by BUREAU. Writes model/<signer>/<id>, the content, for ever, and model-state/<signer>/<id>, a DRAFT. A content
// that calls itself calibrated does not become VALIDATED before a validation says so (attach_validation.go).

// checkProposeModel refuses what no state could make valid. The message's model has no id; the ledger names it.
func checkProposeModel(m *types.ProposeModel) error {
	if err := types.CheckSourceID(m.Id); err != nil {
		return err
	}
	if m.Model == nil {
		return types.Refuse(types.Code_model_invalid, "the model is missing")
	}
	if m.Model.Id != "" {
		return types.Refuse(types.Code_model_invalid, "the model is named by who proposes it: leave its id empty")
	}
	named := *m.Model
	named.Id = "bureau/" + m.Id
	if err := score.CheckModel(&named); err != nil {
		return types.Refuse(types.Code_model_invalid, "%v", err)
	}
	return nil
}

// proposeModel checks the id.
func proposeModel(tx *Tx, m *types.ProposeModel) error {
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.ModelStateKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return tx.fresh("model", id, old.Provenance)
	}
	model := *m.Model
	model.Id = id
	if err := state.Set(tx, types.ModelKey(id), &model); err != nil {
		return err
	}
	return state.Set(tx, types.ModelStateKey(id), &types.ModelState{
		Model: id, Status: types.ModelStatus_DRAFT, Provenance: tx.provenance(tx.Block.Today()),
	})
}
