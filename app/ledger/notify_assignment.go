package ledger

import "tradecredit/types"

// NotifyAssignment: not written yet.

func checkNotifyAssignment(m *types.NotifyAssignment) error { return nil }

func notifyAssignment(tx *Tx, m *types.NotifyAssignment) error {
	return types.Refuse(types.Code_inconsistent_state, "notify_assignment is not written yet")
}
