package ledger

import "tradecredit/types"

// ReleaseFinancing: not written yet.

func checkReleaseFinancing(m *types.ReleaseFinancing) error { return nil }

func releaseFinancing(tx *Tx, m *types.ReleaseFinancing) error {
	return types.Refuse(types.Code_inconsistent_state, "release_financing is not written yet")
}
