package ledger

import "tradecredit/types"

// RecordTrace: not written yet.

func checkRecordTrace(m *types.RecordTrace) error { return nil }

func recordTrace(tx *Tx, m *types.RecordTrace) error {
	return types.Refuse(types.Code_inconsistent_state, "record_trace is not written yet")
}
