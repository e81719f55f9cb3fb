package ledger

import "tradecredit/types"

// EscalateDispute: not written yet.

func checkEscalateDispute(m *types.EscalateDispute) error { return nil }

func escalateDispute(tx *Tx, m *types.EscalateDispute) error {
	return types.Refuse(types.Code_inconsistent_state, "escalate_dispute is not written yet")
}
