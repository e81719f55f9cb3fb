package ledger

import "tradecredit/types"

// ProposeModel: not written yet.

func checkProposeModel(m *types.ProposeModel) error { return nil }

func proposeModel(tx *Tx, m *types.ProposeModel) error {
	return types.Refuse(types.Code_inconsistent_state, "propose_model is not written yet")
}
