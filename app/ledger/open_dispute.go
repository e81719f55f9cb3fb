package ledger

import "tradecredit/types"

// OpenDispute: not written yet.

func checkOpenDispute(m *types.OpenDispute) error { return nil }

func openDispute(tx *Tx, m *types.OpenDispute) error {
	return types.Refuse(types.Code_inconsistent_state, "open_dispute is not written yet")
}
