package ledger

import "tradecredit/types"

// VoidReceivable: not written yet.

func checkVoidReceivable(m *types.VoidReceivable) error { return nil }

func voidReceivable(tx *Tx, m *types.VoidReceivable) error {
	return types.Refuse(types.Code_inconsistent_state, "void_receivable is not written yet")
}
