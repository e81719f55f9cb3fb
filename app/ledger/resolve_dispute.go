package ledger

import (
	"tradecredit/types"
)

// ResolveDispute: the end of a dispute.
//
// An ARBITER of neither side's control group ends an ESCALATED dispute with any outcome, and may give leave for another
// one; an act under mandate is its delegate's, so whoever signed the item or the dispute for a side stands on it. Who answers for the item ends an open one by expunging it, or by saying that it was corrected with a message of its
// own. The enterprise that opened it withdraws it, not by the hand that signed the item. What is expunged leaves the scores for good; every other outcome leaves
// them as they are. The dispute is RESOLVED; DISPUTE_ENDED goes to the log of who opened it.

// checkResolveDispute refuses what no state could make valid.
func checkResolveDispute(m *types.ResolveDispute) error {
	return firstRefusal(
		types.CheckRecordID(m.Dispute),
		types.CheckDigest(m.AwardDigest),
		required(m.Outcome, "outcome"),
	)
}

// resolveDispute checks: dispute, signer, whether it did so before, its independence, state, what this side may decide.
func resolveDispute(tx *Tx, m *types.ResolveDispute) error {
	d, err := tx.dispute(m.Dispute)
	if err != nil {
		return err
	}
	may, err := tx.resolves(d)
	if err != nil {
		return err
	}
	if tx.reported(d.Resolved) {
		return again(tx, "end of", types.DisputeKey(m.Dispute), d, d.Resolved)
	}
	if err := may.check(tx, m, d); err != nil {
		return err
	}
	d.Resolved, d.Outcome, d.Leave, d.AwardDigest = tx.provenance(tx.Block.Today()), m.Outcome, m.Leave, m.AwardDigest
	d.ResolvedBy = tx.Sender.ID
	_, err = tx.endDispute(m.Dispute, d, types.DisputeStatus_RESOLVED, d.Resolved)
	return err
}

// resolver is a side that ends disputes.
type resolver uint8

const (
	byArbiter resolver = iota
	byProvider
	bySubject
)

// resolves tells on which side the signer ends a dispute, and refuses whoever stands on none.
func (tx *Tx) resolves(d *types.Dispute) (resolver, error) {
	if tx.Sender.Key.Role == types.Role_ARBITER && tx.Sender.ID != d.Provider {
		return byArbiter, nil
	}
	subject, err := tx.disputes(d)
	if err != nil || subject {
		return bySubject, err
	}
	provider, err := tx.answers(d)
	if err == nil && !provider {
		err = types.Refuse(types.Code_not_a_disputant, "%s and %s are", d.Subject, d.Provider)
	}
	return byProvider, err
}

// check refuses what this side may not decide, or not now.
func (r resolver) check(tx *Tx, m *types.ResolveDispute, d *types.Dispute) error {
	open := []types.DisputeStatus{types.DisputeStatus_FLAGGED, types.DisputeStatus_RESPONDED, types.DisputeStatus_ESCALATED}
	expunged, corrected := m.Outcome == types.DisputeOutcome_ITEM_EXPUNGED, m.Outcome == types.DisputeOutcome_ITEM_CORRECTED
	withdrawn := m.Outcome == types.DisputeOutcome_DISPUTE_WITHDRAWN
	switch r {
	case byArbiter:
		it, err := tx.item(d.Dispute.Item)
		if err != nil {
			return err
		}
		if err := tx.apartFrom(d.Subject, d.Provider, it.signer, d.Provenance.Signer); err != nil {
			return err
		}
		return tx.disputeIs(d, m.Dispute, "an arbiter decides what was escalated", types.DisputeStatus_ESCALATED)
	case bySubject:
		if tx.Relation == types.ByMandate {
			it, err := tx.item(d.Dispute.Item)
			if err != nil {
				return err
			}
			if err := tx.apartFrom(d.Provider, it.signer); err != nil {
				return err
			}
		}
	case byProvider:
		if expunged {
			if err := tx.apartFrom(d.Provenance.Signer); err != nil {
				return err
			}
		}
	}
	if err := tx.disputeIs(d, m.Dispute, "it is over", open...); err != nil {
		return err
	}
	switch {
	case m.Leave:
		return types.Refuse(types.Code_provider_cannot, "only an arbiter gives leave")
	case r == bySubject && !withdrawn:
		return types.Refuse(types.Code_provider_cannot, "who opened a dispute can withdraw it; %s is for others", m.Outcome)
	case r == byProvider && !expunged && !corrected:
		return types.Refuse(types.Code_provider_cannot, "who answers for an item can correct or expunge it; %s is for others", m.Outcome)
	}
	return nil
}
