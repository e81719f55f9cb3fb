package ledger

import "tradecredit/types"

// ErasePayload: not written yet.

func checkErasePayload(m *types.ErasePayload) error { return nil }

func erasePayload(tx *Tx, m *types.ErasePayload) error {
	return types.Refuse(types.Code_inconsistent_state, "erase_payload is not written yet")
}
