package ledger

import "tradecredit/types"

// CancelOrder: not written yet.

func checkCancelOrder(m *types.CancelOrder) error { return nil }

func cancelOrder(tx *Tx, m *types.CancelOrder) error {
	return types.Refuse(types.Code_inconsistent_state, "cancel_order is not written yet")
}
