package ledger

import "tradecredit/types"

// OfferFinancing: not written yet.

func checkOfferFinancing(m *types.OfferFinancing) error { return nil }

func offerFinancing(tx *Tx, m *types.OfferFinancing) error {
	return types.Refuse(types.Code_inconsistent_state, "offer_financing is not written yet")
}
