package ledger

import "tradecredit/types"

// RecordFxEvent: not written yet.

func checkRecordFxEvent(m *types.RecordFxEvent) error { return nil }

func recordFxEvent(tx *Tx, m *types.RecordFxEvent) error {
	return types.Refuse(types.Code_inconsistent_state, "record_fx_event is not written yet")
}
