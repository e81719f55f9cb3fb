package ledger

import "tradecredit/types"

// ReserveFinancing: not written yet.

func checkReserveFinancing(m *types.ReserveFinancing) error { return nil }

func reserveFinancing(tx *Tx, m *types.ReserveFinancing) error {
	return types.Refuse(types.Code_inconsistent_state, "reserve_financing is not written yet")
}
