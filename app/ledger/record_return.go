package ledger

import "tradecredit/types"

// RecordReturn: not written yet.

func checkRecordReturn(m *types.RecordReturn) error { return nil }

func recordReturn(tx *Tx, m *types.RecordReturn) error {
	return types.Refuse(types.Code_inconsistent_state, "record_return is not written yet")
}
