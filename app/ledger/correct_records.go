package ledger

import (
	"tradecredit/types"
)

// correctAdverse: day, end and decision. An end that was told by rehabilitate stays.
func correctAdverse(tx *Tx, c *correction) ([]byte, error) {
	m := c.msg.(*types.RecordAdverse)
	v, err := decode[types.Adverse](c.key, c.value)
	if err != nil {
		return nil, err
	}
	if err := tx.endDay(m.EndDay); err != nil {
		return nil, err
	}
	if err := tx.mayCorrect(c, v.Provenance, m.Id, m.Day); err != nil {
		return nil, err
	}
	if err := stays(m.Subject == v.Adverse.Subject && m.Kind == v.Adverse.Kind, "the enterprise and the kind"); err != nil {
		return nil, err
	}
	v.Adverse = m
	if v.Ended == nil {
		v.EndDay = m.EndDay
	} else if err := checkEnd(m.Day, v.EndDay); err != nil {
		return nil, err
	}
	if err := tx.corrected(c, m.Subject, ""); err != nil {
		return nil, err
	}
	if err := tx.markAdverse(c.id, v); err != nil {
		return nil, err
	}
	return v.Marshal()
}

// correctPolicy: amount, term and paper of a policy in force, never below what was paid on it.
func correctPolicy(tx *Tx, c *correction) ([]byte, error) {
	m := c.msg.(*types.RecordPolicy)
	v, err := decode[types.Policy](c.key, c.value)
	if err != nil {
		return nil, err
	}
	if err := tx.mayCorrect(c, v.Provenance, m.Id, m.FromDay); err != nil {
		return nil, err
	}
	if err := tx.expiry(m.UntilDay, maxExpiry); err != nil {
		return nil, err
	}
	was := v.Policy
	same := m.Object == was.Object && m.Insured == was.Insured && m.Currency == was.Currency && v.Status == types.PolicyStatus_POLICY_LIVE
	if err := stays(same, "object, insured and currency, and a policy that has ended"); err != nil {
		return nil, err
	}
	if m.AmountMinor < v.PaidMinor {
		return nil, types.Refuse(types.Code_claims_exceed_policy, "%d %s were paid on %s", v.PaidMinor, m.Currency, c.id)
	}
	object, err := collateralOf(tx, m.Object)
	if err != nil {
		return nil, err
	}
	if err := tx.corrected(c, object.owner, ""); err != nil {
		return nil, err
	}
	tx.Delete(string(types.DueKey(tx.Block.endOfDay(was.UntilDay), types.DueKind_DUE_POLICY, c.id)))
	v.Policy = m
	if err := tx.later(tx.Block.endOfDay(m.UntilDay), types.DueKind_DUE_POLICY, c.id); err != nil {
		return nil, err
	}
	return v.Marshal()
}
