package ledger

import "tradecredit/types"

// Surrender: not written yet.

func checkSurrender(m *types.Surrender) error { return nil }

func surrender(tx *Tx, m *types.Surrender) error {
	return types.Refuse(types.Code_inconsistent_state, "surrender is not written yet")
}
