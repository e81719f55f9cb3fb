package ledger

import "tradecredit/types"

// ConfirmFinancing: not written yet.

func checkConfirmFinancing(m *types.ConfirmFinancing) error { return nil }

func confirmFinancing(tx *Tx, m *types.ConfirmFinancing) error {
	return types.Refuse(types.Code_inconsistent_state, "confirm_financing is not written yet")
}
