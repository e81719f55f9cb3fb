package ledger

import (
	"bytes"

	"tradecredit/app/state"
	"tradecredit/types"
)

// CancelFinancing: the lender gives a reservation up.
//
// Signed by the lender. Changes financing/<id>, RESERVED to CANCELLED; liens, fingerprints and notices of assignment go.
// Posts FINANCING_ENDED to the borrower's log. The offer stays consumed: to reserve again takes another.

// checkCancelFinancing refuses what no state could make valid.
func checkCancelFinancing(m *types.CancelFinancing) error { return types.CheckRecordID(m.Financing) }

// cancelFinancing checks: the financing and whose it is, whether it was cancelled before, state.
func cancelFinancing(tx *Tx, m *types.CancelFinancing) error {
	f, err := tx.ownFinancing(m.Financing)
	if err != nil {
		return err
	}
	key := types.FinancingKey(m.Financing)
	if f.Ended != nil && bytes.Equal(f.Ended.Content, tx.Content()) {
		return again(tx, "cancellation of", key, f, f.Ended)
	}
	if f.Status != types.FinancingStatus_RESERVED {
		return financingState(f, "only a reservation is cancelled")
	}
	today := tx.Block.Today()
	f.Status, f.Ended, f.Reason = types.FinancingStatus_FINANCING_CANCELLED, tx.provenance(today), m.Reason
	tx.Delete(string(types.DueKey(f.LapsesUnix, types.DueKind_DUE_RESERVATION, f.Id)))
	if err := tx.unlock(f, f.Ended, today); err != nil {
		return err
	}
	return state.Set(tx, key, f)
}
