package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// AttestReplay: an auditor says that it replayed all blocks up to a height, and whether it came to the same state.
//
// Signed by AUDITOR. Writes attestation/<signer>/<id>. The rules cannot tell whether it is true: they record who says so.

// checkAttestReplay refuses what no state could make valid.
func checkAttestReplay(m *types.AttestReplay) error {
	err := firstRefusal(types.CheckSourceID(m.Id), types.CheckDigest(m.AppHash))
	if err == nil && len(m.ReportDigest) > 0 {
		err = types.CheckDigest(m.ReportDigest)
	}
	if err == nil {
		err = required(m.Result, "result")
	}
	diverged := m.Result == types.ReplayResult_REPLAY_DIVERGED
	switch {
	case err != nil:
		return err
	case m.Height < 1:
		return types.Refuse(types.Code_count_out_of_range, "height %d", m.Height)
	case diverged && (m.DivergedHeight < 1 || m.DivergedHeight > m.Height):
		return types.Refuse(types.Code_count_out_of_range, "it diverged at a height from 1 to %d, not %d", m.Height, m.DivergedHeight)
	case !diverged && m.DivergedHeight != 0:
		return types.Refuse(types.Code_field_not_of_event, "diverged_height goes with REPLAY_DIVERGED only")
	}
	return nil
}

// attestReplay checks the id, then the height.
func attestReplay(tx *Tx, m *types.AttestReplay) error {
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.AttestationKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return tx.fresh("attestation", id, old.Provenance)
	}
	if m.Height >= tx.Block.Height {
		return types.Refuse(types.Code_replay_height_unknown, "height %d is not committed before this block, %d", m.Height, tx.Block.Height)
	}
	return state.Set(tx, types.AttestationKey(id), &types.Attestation{Attestation: m, Provenance: tx.provenance(tx.Block.Today())})
}
