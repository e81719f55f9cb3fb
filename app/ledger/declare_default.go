package ledger

import "tradecredit/types"

// DeclareDefault: not written yet.

func checkDeclareDefault(m *types.DeclareDefault) error { return nil }

func declareDefault(tx *Tx, m *types.DeclareDefault) error {
	return types.Refuse(types.Code_inconsistent_state, "declare_default is not written yet")
}
