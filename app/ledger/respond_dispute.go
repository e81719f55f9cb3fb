package ledger

import "tradecredit/types"

// RespondDispute: not written yet.

func checkRespondDispute(m *types.RespondDispute) error { return nil }

func respondDispute(tx *Tx, m *types.RespondDispute) error {
	return types.Refuse(types.Code_inconsistent_state, "respond_dispute is not written yet")
}
