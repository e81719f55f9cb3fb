package ledger

import "tradecredit/types"

// RecordPolicy: not written yet.

func checkRecordPolicy(m *types.RecordPolicy) error { return nil }

func recordPolicy(tx *Tx, m *types.RecordPolicy) error {
	return types.Refuse(types.Code_inconsistent_state, "record_policy is not written yet")
}
