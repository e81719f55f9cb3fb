package ledger

import "tradecredit/types"

// ConfirmServiceProgress: not written yet.

func checkConfirmServiceProgress(m *types.ConfirmServiceProgress) error { return nil }

func confirmServiceProgress(tx *Tx, m *types.ConfirmServiceProgress) error {
	return types.Refuse(types.Code_inconsistent_state, "confirm_service_progress is not written yet")
}
