package ledger

import "tradecredit/types"

// Rehabilitate: not written yet.

func checkRehabilitate(m *types.Rehabilitate) error { return nil }

func rehabilitate(tx *Tx, m *types.Rehabilitate) error {
	return types.Refuse(types.Code_inconsistent_state, "rehabilitate is not written yet")
}
