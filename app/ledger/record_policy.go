package ledger

import (
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// RecordPolicy: an insurer covers a receivable, a declaration's goods, or a transferable document.
//
// Signed by an INSURER. Writes policy/<id> and the day it ends; posts POLICY to the owner's log. Insured is who owns the
// object, or a lender with a live lien on it. The insurer stands outside the insured's control group: nobody covers
// himself. A policy moves no lien and no sum.

// checkRecordPolicy refuses what no state could make valid.
func checkRecordPolicy(m *types.RecordPolicy) error {
	return firstRefusal(
		types.CheckSourceID(m.Id),
		checkInsured(m.Insured),
		types.CheckDigest(m.Commitment),
		types.CheckAmount(m.AmountMinor),
		types.CheckCurrency(m.Currency),
		checkEventDay(m.FromDay),
		checkCover(m),
		checkCollateral(m.Object),
	)
}

func checkInsured(insured string) error {
	if types.IsSubjectID(insured) {
		return types.CheckSubjectID(insured)
	}
	return types.CheckMemberID(insured)
}

func checkCover(m *types.RecordPolicy) error {
	if m.UntilDay < m.FromDay {
		return types.Refuse(types.Code_due_before_issue, "from %s until %s", types.FormatDay(m.FromDay), types.FormatDay(m.UntilDay))
	}
	return nil
}

func checkCollateral(object string) error {
	_, _, err := splitCollateral(object)
	return err
}

// recordPolicy checks: id, days, object, insured, that the insurer is unrelated, that the insured has an interest.
func recordPolicy(tx *Tx, m *types.RecordPolicy) error {
	id := tx.RecordID(m.Id)
	key := types.PolicyKey(id)
	old, err := state.Get(tx, key)
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "policy", key, old, old.Provenance)
	}
	if err := tx.eventDay(m.FromDay); err != nil {
		return err
	}
	if err := tx.expiry(m.UntilDay, maxExpiry); err != nil {
		return err
	}
	c, err := collateralOf(tx, m.Object)
	if err != nil {
		return err
	}
	apart, err := tx.armsLength(tx.Sender.ID, m.Insured)
	if err != nil {
		return err
	}
	if !apart {
		return types.Refuse(types.Code_same_control_group, "%s and %s are under one control", tx.Sender.ID, m.Insured)
	}
	if err := tx.insurable(c, m.Insured); err != nil {
		return err
	}
	p := &types.Policy{Policy: m, Provenance: tx.provenance(m.FromDay), Status: types.PolicyStatus_POLICY_LIVE}
	if err := state.Set(tx, key, p); err != nil {
		return err
	}
	if err := tx.later(tx.Block.endOfDay(m.UntilDay), types.DueKind_DUE_POLICY, id); err != nil {
		return err
	}
	return tx.tellPolicy(types.EntryKind_ENTRY_POLICY, string(key), c, p.Provenance, m.FromDay, m.UntilDay)
}

// insurable refuses an insured without an interest in the object.
func (tx *Tx) insurable(c *collateral, insured string) error {
	if insured == c.owner {
		return nil
	}
	row, err := tx.liens(c.object)
	if err != nil {
		return err
	}
	if row == nil || !slices.ContainsFunc(row.Liens, func(l *types.Lien) bool { return l.Lender == insured }) {
		return types.Refuse(types.Code_object_not_owned, "%s neither owns %s nor lends on it", insured, c.object)
	}
	return nil
}

// tellPolicy posts a row about an object's insurance to its owner's log.
func (tx *Tx) tellPolicy(kind types.EntryKind, record string, c *collateral, act *types.Provenance, day, until int32) error {
	e := tx.entry(kind, record, "", act)
	e.Day, e.DueDay = day, until
	_, err := tx.post(c.owner, e)
	return err
}

// endPolicy ends a policy whose last day has passed.
func endPolicy(w *state.Batch, id string) error {
	p, err := there(w, types.PolicyKey(id))
	if err != nil {
		return err
	}
	p.Status = types.PolicyStatus_POLICY_ENDED
	return state.Set(w, types.PolicyKey(id), p)
}
