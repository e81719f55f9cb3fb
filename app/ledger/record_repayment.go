package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// RecordRepayment: the borrower paid back a part of what was advanced, or all that was left.
//
// Signed by the lender. Writes repayment/<id>, changes financing/<id>; posts PAID to the borrower's log, as many days
// beyond terms as the payment lies after the due day. What closes the rest ends a FINANCED financing as REPAID, and frees
// the objects of a defaulted one too.

// checkRecordRepayment refuses what no state could make valid.
func checkRecordRepayment(m *types.RecordRepayment) error {
	return firstRefusal(
		types.CheckSourceID(m.Id), types.CheckRecordID(m.Financing), types.CheckAmount(m.AmountMinor), checkEventDay(m.Day),
	)
}

// recordRepayment checks: day, id, the financing and whose it is, state, what is owed, number of parts.
func recordRepayment(tx *Tx, m *types.RecordRepayment) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	id := tx.RecordID(m.Id)
	key := types.RepaymentKey(id)
	old, err := state.Get(tx, key)
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "repayment", key, old, old.Provenance)
	}
	f, err := tx.ownFinancing(m.Financing)
	if err != nil {
		return err
	}
	switch {
	case !outstanding(f):
		return financingState(f, "nothing is owed")
	case m.Day < f.FinancedDay:
		return financingState(f, "it was advanced later, on "+types.FormatDay(f.FinancedDay))
	case m.AmountMinor > owed(f):
		return types.Refuse(types.Code_repayment_exceeds_open, "%d of %d", m.AmountMinor, owed(f))
	}
	act := tx.provenance(m.Day)
	part, err := tx.repay(f, string(key), m.AmountMinor, m.Day, act)
	if err != nil {
		return err
	}
	if err := tx.settleFinancing(f, m.Day); err != nil {
		return err
	}
	if err := state.Set(tx, types.FinancingKey(m.Financing), f); err != nil {
		return err
	}
	return state.Set(tx, key, &types.Repayment{
		Repayment: m, Provenance: act, BaseMinor: part.base, Dbt: part.dbt, P: part.p, Entry: part.entry, Counted: part.counted,
	})
}
