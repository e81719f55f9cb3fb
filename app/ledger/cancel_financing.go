package ledger

import "tradecredit/types"

// CancelFinancing: not written yet.

func checkCancelFinancing(m *types.CancelFinancing) error { return nil }

func cancelFinancing(tx *Tx, m *types.CancelFinancing) error {
	return types.Refuse(types.Code_inconsistent_state, "cancel_financing is not written yet")
}
