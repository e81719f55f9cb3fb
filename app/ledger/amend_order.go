package ledger

import "tradecredit/types"

// AmendOrder: not written yet.

func checkAmendOrder(m *types.AmendOrder) error { return nil }

func amendOrder(tx *Tx, m *types.AmendOrder) error {
	return types.Refuse(types.Code_inconsistent_state, "amend_order is not written yet")
}
