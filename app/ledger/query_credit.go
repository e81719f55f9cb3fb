package ledger

import (
	"bytes"
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
	"tradecredit/types/score"
)

// QueryCredit: a member asks for an enterprise's payment index or credit score, and gets a receipt.
//
// Signed by BANK, PLATFORM, CUSTOMS, TAX, FOREX, INSURER or AUDITOR, under a live consent, or, for CUSTOMS, TAX, FOREX
// and AUDITOR, on a statutory basis. Writes receipt/<member>/<id>, for ever, what the consent has left, and the
// enterprise's entry log. What is scored is the committed state of the height before, on today's civil day, by the model
// that was active there; so all queries of a block see the same facts, while each spends the consent at its own place.
//
// A receipt holds no content digest: sent again means the same id, subject, output, and commitment, which covers salt,
// grantee and purpose. While models run in shadow, shadow/<member>/<id> keeps what they say of the same rows (models.go).

// purposes says what each role may ask for.
//
//	BANK      granting credit, watching a loan, choosing a trade partner
//	PLATFORM  choosing a trade partner
//	CUSTOMS   clearance, supervision
//	TAX       supervision
//	FOREX     supervision
//	INSURER   insurance, choosing a trade partner
//	AUDITOR   audit, supervision
func purposes(r types.Role) []types.Purpose {
	switch r {
	case types.Role_BANK:
		return []types.Purpose{types.Purpose_CREDIT_GRANT, types.Purpose_POST_LOAN, types.Purpose_TRADE_PARTNER}
	case types.Role_PLATFORM:
		return []types.Purpose{types.Purpose_TRADE_PARTNER}
	case types.Role_CUSTOMS:
		return []types.Purpose{types.Purpose_CLEARANCE, types.Purpose_SUPERVISION}
	case types.Role_TAX, types.Role_FOREX:
		return []types.Purpose{types.Purpose_SUPERVISION}
	case types.Role_INSURER:
		return []types.Purpose{types.Purpose_INSURANCE, types.Purpose_TRADE_PARTNER}
	case types.Role_AUDITOR:
		return []types.Purpose{types.Purpose_AUDIT, types.Purpose_SUPERVISION}
	}
	return nil
}

// statutory lists the roles that a statute may let ask without consent.
var statutory = []types.Role{types.Role_CUSTOMS, types.Role_TAX, types.Role_FOREX, types.Role_AUDITOR}

// checkQueryCredit refuses what no state could make valid.
func checkQueryCredit(m *types.QueryCredit) error {
	return firstRefusal(
		types.CheckSourceID(m.Id),
		given(m.Consent, types.CheckRecordID),
		types.CheckSubjectID(m.Subject),
		required(m.Purpose, "purpose"),
		types.CheckSalt(m.Salt),
		checkOutput(m.Output),
	)
}

func checkOutput(o types.Output) error {
	if o == types.Output_OUTPUT_UNSPECIFIED {
		return types.Refuse(types.Code_output_required, "INDEX or SCORE")
	}
	return nil
}

// queryCredit checks the id, the subject, the consent or statute, and the purpose; then it spends, scores and answers.
func queryCredit(tx *Tx, m *types.QueryCredit) error {
	id := tx.RecordID(m.Id)
	commitment := types.ReceiptCommitment(m.Salt, tx.Sender.ID, m.Purpose)
	old, err := state.Get(tx, types.ReceiptKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		if old.Subject == m.Subject && old.Output == m.Output && bytes.Equal(old.Commitment, commitment) {
			return types.Refuse(types.Code_already_recorded, "receipt %s stands since height %d", id, old.Height)
		}
		return types.Refuse(types.Code_id_taken, "receipt %s answers another question; choose another id", id)
	}
	if _, err := tx.enterprise(m.Subject); err != nil {
		return err
	}
	consent, err := tx.basis(m)
	if err != nil {
		return err
	}
	if role := tx.Sender.Key.Role; !slices.Contains(purposes(role), m.Purpose) {
		return types.Refuse(types.Code_purpose_not_allowed, "%s does not ask for %s", role, m.Purpose)
	}
	r, rows, err := tx.answer(m)
	if err != nil {
		return err
	}
	r.Id, r.Commitment = id, commitment
	if consent != nil {
		r.ByDelegate = consent.ByDelegate
		if err := tx.spend(m.Consent, consent); err != nil {
			return err
		}
	}
	if err := state.Set(tx, types.ReceiptKey(id), r); err != nil {
		return err
	}
	if err := tx.inShadow(r, rows); err != nil {
		return err
	}
	return tx.note(m.Subject, types.EntryKind_ENTRY_QUERY, string(types.ReceiptKey(id)), tx.provenance(tx.Block.Today()))
}

// basis returns the consent that the query may spend, nil when it rests on a statute.
func (tx *Tx) basis(m *types.QueryCredit) (*types.Consent, error) {
	if m.Consent == "" && m.StatutoryBasis == 0 {
		return nil, types.Refuse(types.Code_consent_required, "name a consent of %s", m.Subject)
	}
	var c *types.Consent
	if m.Consent != "" {
		var err error
		if c, err = state.Get(tx, types.ConsentKey(m.Consent)); err != nil {
			return nil, err
		}
		if err := tx.usable(m, c); err != nil {
			return nil, err
		}
	}
	if m.StatutoryBasis == 0 {
		return c, nil
	}
	if m.Consent != "" {
		return nil, types.Refuse(types.Code_statutory_basis_not_allowed, "name a consent or a statute, not both")
	}
	if role := tx.Sender.Key.Role; !slices.Contains(statutory, role) {
		return nil, types.Refuse(types.Code_statutory_basis_not_allowed, "no statute lets %s ask without consent", role)
	}
	return nil, nil
}

// usable refuses a consent that does not allow this query now.
func (tx *Tx) usable(m *types.QueryCredit, c *types.Consent) error {
	today := tx.Block.Today()
	switch {
	case c == nil:
		return types.Refuse(types.Code_consent_unknown, "%s", m.Consent)
	case c.Status == types.ConsentStatus_EXPIRED || c.Status == types.ConsentStatus_ACTIVE && c.Consent.UntilDay < today:
		return types.Refuse(types.Code_consent_expired, "%s ended on %s", m.Consent, types.FormatDay(c.Consent.UntilDay))
	case c.Status == types.ConsentStatus_EXHAUSTED:
		return types.Refuse(types.Code_consent_exhausted, "%s: %d of %d uses", m.Consent, c.Used, c.Consent.Uses)
	case c.Status == types.ConsentStatus_CONSENT_REVOKED:
		return types.Refuse(types.Code_consent_revoked, "%s", m.Consent)
	case c.Subject != m.Subject:
		return types.Refuse(types.Code_consent_other_subject, "%s is of %s", m.Consent, c.Subject)
	case c.Consent.Grantee != tx.Sender.ID:
		return types.Refuse(types.Code_consent_other_grantee, "%s is for %s", m.Consent, c.Consent.Grantee)
	case c.Consent.Purpose != m.Purpose:
		return types.Refuse(types.Code_consent_other_purpose, "%s is for %s", m.Consent, c.Consent.Purpose)
	case c.Consent.Scope < m.Output:
		return types.Refuse(types.Code_consent_scope_exceeded, "%s is for %s at most", m.Consent, c.Consent.Scope)
	}
	return nil
}

// spend takes one use from a consent; the last one exhausts it.
func (tx *Tx) spend(id string, c *types.Consent) error {
	c.Used++
	if c.Used >= c.Consent.Uses {
		c.Status = types.ConsentStatus_EXHAUSTED
		tx.Delete(string(tx.consentDue(id, c)))
	}
	return state.Set(tx, types.ConsentKey(id), c)
}

// answer scores the subject as the height before left it, and begins the receipt. The rows are what was scored.
func (tx *Tx) answer(m *types.QueryCredit) (*types.Receipt, *score.Rows, error) {
	r, rows, err := ScoreAt(tx.Block.Prev, m.Subject, tx.Block.Today())
	if code, refused := types.CodeOf(err); refused && code == types.Code_model_unknown {
		err = types.Refuse(types.Code_model_unknown, "no model was active at height %d", tx.Block.Height-1)
	}
	if err != nil {
		return nil, nil, err
	}
	r.Output, r.Result = m.Output, score.Restrict(r.Result, m.Output)
	r.ScoredHeight, r.Height, r.Simulation = tx.Block.Height-1, tx.Block.Height, tx.Block.Chain.Simulation
	return r, rows, nil
}

// ScoreAt scores a subject by the state r, on a civil day, with the model that is active in r. The receipt has what does
// not depend on who asks: subject, day, model, digests of model and inputs, and the whole result. The rows are what was
// scored. It is refused with model_unknown where no model is active, and with what score.Compute refuses.
func ScoreAt(r state.Reader, subject string, day int32) (*types.Receipt, *score.Rows, error) {
	model, err := state.Get(r, types.ActiveModelKey)
	if err != nil {
		return nil, nil, err
	}
	if model == nil {
		return nil, nil, types.Refuse(types.Code_model_unknown, "no model is active")
	}
	digest, err := score.ModelDigest(model)
	if err != nil {
		return nil, nil, err
	}
	rows, err := score.Load(r.Get, r.Scan, subject, day)
	if err != nil {
		return nil, nil, err
	}
	result, err := score.Compute(rows, model, day)
	if err != nil {
		return nil, nil, err
	}
	inputs := rows.Digest()
	return &types.Receipt{
		Subject: subject, Day: day, Model: model.Id, ModelDigest: digest[:], InputsDigest: inputs[:], Result: result,
	}, rows, nil
}
