package ledger

import "tradecredit/types"

// AdjustReceivable: not written yet.

func checkAdjustReceivable(m *types.AdjustReceivable) error { return nil }

func adjustReceivable(tx *Tx, m *types.AdjustReceivable) error {
	return types.Refuse(types.Code_inconsistent_state, "adjust_receivable is not written yet")
}
