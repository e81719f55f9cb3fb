package ledger

import "tradecredit/types"

// RecordTaxEvent: not written yet.

func checkRecordTaxEvent(m *types.RecordTaxEvent) error { return nil }

func recordTaxEvent(tx *Tx, m *types.RecordTaxEvent) error {
	return types.Refuse(types.Code_inconsistent_state, "record_tax_event is not written yet")
}
