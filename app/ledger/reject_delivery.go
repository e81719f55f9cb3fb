package ledger

import "tradecredit/types"

// RejectDelivery: not written yet.

func checkRejectDelivery(m *types.RejectDelivery) error { return nil }

func rejectDelivery(tx *Tx, m *types.RejectDelivery) error {
	return types.Refuse(types.Code_inconsistent_state, "reject_delivery is not written yet")
}
