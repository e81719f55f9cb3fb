package ledger

import "tradecredit/types"

// ResolveDispute: not written yet.

func checkResolveDispute(m *types.ResolveDispute) error { return nil }

func resolveDispute(tx *Tx, m *types.ResolveDispute) error {
	return types.Refuse(types.Code_inconsistent_state, "resolve_dispute is not written yet")
}
