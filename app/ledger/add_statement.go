package ledger

import "tradecredit/types"

// AddStatement: not written yet.

func checkAddStatement(m *types.AddStatement) error { return nil }

func addStatement(tx *Tx, m *types.AddStatement) error {
	return types.Refuse(types.Code_inconsistent_state, "add_statement is not written yet")
}
