package ledger

import "tradecredit/types"

// CorrectRecord: not written yet.

func checkCorrectRecord(m *types.CorrectRecord) error { return nil }

func correctRecord(tx *Tx, m *types.CorrectRecord) error {
	return types.Refuse(types.Code_inconsistent_state, "correct_record is not written yet")
}
