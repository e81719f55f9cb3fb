package ledger

import "tradecredit/types"

// AcknowledgeAssignment: not written yet.

func checkAcknowledgeAssignment(m *types.AcknowledgeAssignment) error { return nil }

func acknowledgeAssignment(tx *Tx, m *types.AcknowledgeAssignment) error {
	return types.Refuse(types.Code_inconsistent_state, "acknowledge_assignment is not written yet")
}
