package ledger

import "tradecredit/types"

// RecordParcelBatch: not written yet.

func checkRecordParcelBatch(m *types.RecordParcelBatch) error { return nil }

func recordParcelBatch(tx *Tx, m *types.RecordParcelBatch) error {
	return types.Refuse(types.Code_inconsistent_state, "record_parcel_batch is not written yet")
}
