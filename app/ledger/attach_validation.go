package ledger

import "tradecredit/types"

// AttachValidation: not written yet.

func checkAttachValidation(m *types.AttachValidation) error { return nil }

func attachValidation(tx *Tx, m *types.AttachValidation) error {
	return types.Refuse(types.Code_inconsistent_state, "attach_validation is not written yet")
}
