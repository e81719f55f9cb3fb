package ledger

import "tradecredit/types"

// RecordClaim: not written yet.

func checkRecordClaim(m *types.RecordClaim) error { return nil }

func recordClaim(tx *Tx, m *types.RecordClaim) error {
	return types.Refuse(types.Code_inconsistent_state, "record_claim is not written yet")
}
