package ledger

import "tradecredit/types"

// RecordAdverse: not written yet.

func checkRecordAdverse(m *types.RecordAdverse) error { return nil }

func recordAdverse(tx *Tx, m *types.RecordAdverse) error {
	return types.Refuse(types.Code_inconsistent_state, "record_adverse is not written yet")
}
