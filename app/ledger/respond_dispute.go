package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// RespondDispute: whoever answers for a disputed item says whether it is right.
//
// Signed by the member that signed the item, or by the enterprise that it was signed for, itself or through a delegate,
// within 20 days. UPHELD: the dispute is RESPONDED, and either side may take it to an arbiter for 60 days. CONCEDED: it is
// RESOLVED, and the item leaves the scores for good; not by the hand that opened the dispute.

// checkRespondDispute refuses what no state could make valid.
func checkRespondDispute(m *types.RespondDispute) error {
	return firstRefusal(
		types.CheckRecordID(m.Dispute),
		types.CheckDigest(m.StatementDigest),
		required(m.Position, "position"),
	)
}

// respondDispute checks: dispute, signer, whether it answered so before, who opened it, state.
func respondDispute(tx *Tx, m *types.RespondDispute) error {
	d, err := tx.dispute(m.Dispute)
	if err != nil {
		return err
	}
	provider, err := tx.answers(d)
	if err != nil {
		return err
	}
	if !provider {
		return types.Refuse(types.Code_not_the_provider, "%s answers for %s", d.Provider, d.Dispute.Item)
	}
	if tx.reported(d.Responded) {
		return again(tx, "answer to", types.DisputeKey(m.Dispute), d, d.Responded)
	}
	if m.Position == types.DisputePosition_CONCEDED {
		if err := tx.apartFrom(d.Provenance.Signer); err != nil {
			return err
		}
	}
	if err := tx.disputeIs(d, m.Dispute, "it is answered once", types.DisputeStatus_FLAGGED); err != nil {
		return err
	}
	d.Responded, d.Position, d.ResponseDigest = tx.provenance(tx.Block.Today()), m.Position, m.StatementDigest
	if m.Position == types.DisputePosition_CONCEDED {
		d.Outcome, d.ResolvedBy = types.DisputeOutcome_ITEM_EXPUNGED, tx.Sender.ID
		_, err := tx.endDispute(m.Dispute, d, types.DisputeStatus_RESOLVED, d.Responded)
		return err
	}
	if err := tx.moveDispute(m.Dispute, d, types.DisputeStatus_RESPONDED, tx.Block.Unix+escalateS); err != nil {
		return err
	}
	return state.Set(tx, types.DisputeKey(m.Dispute), d)
}
