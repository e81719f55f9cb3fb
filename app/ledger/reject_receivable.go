package ledger

import "tradecredit/types"

// RejectReceivable: not written yet.

func checkRejectReceivable(m *types.RejectReceivable) error { return nil }

func rejectReceivable(tx *Tx, m *types.RejectReceivable) error {
	return types.Refuse(types.Code_inconsistent_state, "reject_receivable is not written yet")
}
