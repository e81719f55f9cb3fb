package ledger

import "tradecredit/types"

// AttestReplay: not written yet.

func checkAttestReplay(m *types.AttestReplay) error { return nil }

func attestReplay(tx *Tx, m *types.AttestReplay) error {
	return types.Refuse(types.Code_inconsistent_state, "attest_replay is not written yet")
}
