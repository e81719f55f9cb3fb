package ledger

import "tradecredit/types"

// WithdrawOffer: not written yet.

func checkWithdrawOffer(m *types.WithdrawOffer) error { return nil }

func withdrawOffer(tx *Tx, m *types.WithdrawOffer) error {
	return types.Refuse(types.Code_inconsistent_state, "withdraw_offer is not written yet")
}
