package ledger

import "tradecredit/types"

// RecordServiceProgress: not written yet.

func checkRecordServiceProgress(m *types.RecordServiceProgress) error { return nil }

func recordServiceProgress(tx *Tx, m *types.RecordServiceProgress) error {
	return types.Refuse(types.Code_inconsistent_state, "record_service_progress is not written yet")
}
