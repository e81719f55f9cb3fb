package ledger

import "tradecredit/types"

// WriteOff: not written yet.

func checkWriteOff(m *types.WriteOff) error { return nil }

func writeOff(tx *Tx, m *types.WriteOff) error {
	return types.Refuse(types.Code_inconsistent_state, "write_off is not written yet")
}
