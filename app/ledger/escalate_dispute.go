package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// EscalateDispute: one side takes an answered dispute to an arbiter.
//
// Signed by the enterprise that opened it or by who answers for the item, each itself or through a delegate, within 60 days
// of the answer. The dispute is ESCALATED for 60 days; without an award the item then stands.

// checkEscalateDispute refuses what no state could make valid.
func checkEscalateDispute(m *types.EscalateDispute) error { return types.CheckRecordID(m.Dispute) }

// escalateDispute checks: dispute, signer, whether it did so before, state.
func escalateDispute(tx *Tx, m *types.EscalateDispute) error {
	d, err := tx.dispute(m.Dispute)
	if err != nil {
		return err
	}
	side, err := tx.disputes(d)
	if err == nil && !side {
		side, err = tx.answers(d)
	}
	switch {
	case err != nil:
		return err
	case !side:
		return types.Refuse(types.Code_not_a_disputant, "%s and %s are", d.Subject, d.Provider)
	case tx.reported(d.Escalated):
		return again(tx, "escalation of", types.DisputeKey(m.Dispute), d, d.Escalated)
	}
	if err := tx.disputeIs(d, m.Dispute, "only what was answered goes to an arbiter", types.DisputeStatus_RESPONDED); err != nil {
		return err
	}
	d.Escalated = tx.provenance(tx.Block.Today())
	if err := tx.moveDispute(m.Dispute, d, types.DisputeStatus_ESCALATED, tx.Block.Unix+arbiterS); err != nil {
		return err
	}
	return state.Set(tx, types.DisputeKey(m.Dispute), d)
}
