package ledger

import (
	"bytes"

	"tradecredit/app/state"
	"tradecredit/types"
)

// CureDefault: what was in default is paid.
//
// Signed by the lender. Changes financing/<id>, DEFAULTED to CURED, once nothing past due is open: with one due day,
// once nothing is open at all. Posts CURED to the borrower's log. The objects went free with the last payment.

// checkCureDefault refuses what no state could make valid.
func checkCureDefault(m *types.CureDefault) error {
	return firstRefusal(types.CheckRecordID(m.Financing), checkEventDay(m.Day))
}

// cureDefault checks: day, the financing and whose it is, whether it was cured before, state, what is owed.
func cureDefault(tx *Tx, m *types.CureDefault) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	f, err := tx.ownFinancing(m.Financing)
	if err != nil {
		return err
	}
	key := types.FinancingKey(m.Financing)
	if f.Ended != nil && bytes.Equal(f.Ended.Content, tx.Content()) {
		return again(tx, "cure of", key, f, f.Ended)
	}
	switch {
	case f.Status != types.FinancingStatus_DEFAULTED:
		return financingState(f, "only a default is cured")
	case owed(f) > 0:
		return financingState(f, types.FormatAmount(owed(f), f.Currency)+" "+f.Currency+" is owed")
	case m.Day < f.RepaidDay:
		return financingState(f, "it was paid later, on "+types.FormatDay(f.RepaidDay))
	}
	f.Status, f.Ended = types.FinancingStatus_CURED, tx.provenance(m.Day)
	if err := tx.tellBorrower(f, types.EntryKind_ENTRY_CURED, f.Ended, m.Day); err != nil {
		return err
	}
	return state.Set(tx, key, f)
}
