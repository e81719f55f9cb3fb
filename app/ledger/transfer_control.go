package ledger

import "tradecredit/types"

// TransferControl: not written yet.

func checkTransferControl(m *types.TransferControl) error { return nil }

func transferControl(tx *Tx, m *types.TransferControl) error {
	return types.Refuse(types.Code_inconsistent_state, "transfer_control is not written yet")
}
