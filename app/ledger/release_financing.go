package ledger

import (
	"bytes"

	"tradecredit/app/state"
	"tradecredit/types"
)

// ReleaseFinancing: the lender lets the objects go, because what it lent came back another way than through payments that
// it recorded: from the debtors of the receivables, REPAID, or because the borrower took the objects back, BOUGHT_BACK.
//
// Signed by the lender. Changes financing/<id>; what was still owed is closed as paid on that day and posted as PAID to
// the borrower's log, so that nothing is owed on what nothing secures; liens, fingerprints and notices of assignment go.
// A financing whose last payment was recorded has ended by itself (record_repayment.go).

// checkReleaseFinancing refuses what no state could make valid.
func checkReleaseFinancing(m *types.ReleaseFinancing) error {
	return firstRefusal(types.CheckRecordID(m.Financing), required(m.Reason, "reason"), checkEventDay(m.Day))
}

// releaseFinancing checks: day, the financing and whose it is, whether it was released before, state, number of parts.
func releaseFinancing(tx *Tx, m *types.ReleaseFinancing) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	f, err := tx.ownFinancing(m.Financing)
	if err != nil {
		return err
	}
	key := types.FinancingKey(m.Financing)
	if f.Ended != nil && bytes.Equal(f.Ended.Content, tx.Content()) {
		return again(tx, "release of", key, f, f.Ended)
	}
	if !outstanding(f) {
		return financingState(f, "only what is financed is released")
	}
	if m.Day < f.FinancedDay {
		return financingState(f, "it was advanced later, on "+types.FormatDay(f.FinancedDay))
	}
	f.Ended = tx.provenance(m.Day)
	part, err := tx.repay(f, string(key), owed(f), m.Day, f.Ended)
	if err != nil {
		return err
	}
	f.ClosingEntry, f.ClosingCounted = part.entry+1, part.counted
	f.Status = types.FinancingStatus_REPAID
	if m.Reason == types.ReleaseReason_RELEASE_BOUGHT_BACK {
		f.Status = types.FinancingStatus_BOUGHT_BACK
	}
	if err := tx.unlock(f, f.Ended, m.Day); err != nil {
		return err
	}
	return state.Set(tx, key, f)
}
