package ledger

import "tradecredit/types"

// UpdateEnterprise: not written yet.

func checkUpdateEnterprise(m *types.UpdateEnterprise) error { return nil }

func updateEnterprise(tx *Tx, m *types.UpdateEnterprise) error {
	return types.Refuse(types.Code_inconsistent_state, "update_enterprise is not written yet")
}
