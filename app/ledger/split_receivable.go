package ledger

import "tradecredit/types"

// SplitReceivable: not written yet.

func checkSplitReceivable(m *types.SplitReceivable) error { return nil }

func splitReceivable(tx *Tx, m *types.SplitReceivable) error {
	return types.Refuse(types.Code_inconsistent_state, "split_receivable is not written yet")
}
