package ledger

import "tradecredit/types"

// RecordRepayment: not written yet.

func checkRecordRepayment(m *types.RecordRepayment) error { return nil }

func recordRepayment(tx *Tx, m *types.RecordRepayment) error {
	return types.Refuse(types.Code_inconsistent_state, "record_repayment is not written yet")
}
