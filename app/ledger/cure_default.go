package ledger

import "tradecredit/types"

// CureDefault: not written yet.

func checkCureDefault(m *types.CureDefault) error { return nil }

func cureDefault(tx *Tx, m *types.CureDefault) error {
	return types.Refuse(types.Code_inconsistent_state, "cure_default is not written yet")
}
