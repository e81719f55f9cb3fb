package ledger

import (
	"bytes"

	"tradecredit/types"
)

// AcceptReceivable: the debtor says that it owes this.
//
// Signed by the debtor, itself or through its delegate. Changes receivable/<id>, ISSUED to ACCEPTED; posts OBLIGATION to
// the debtor's log and CLAIM to the seller's. The receivable becomes an experience of its debtor, open at its due day,
// only if the signer is independent of who issued it and stands outside the seller's control group: one institution that
// speaks for both sides, and a debtor under the seller's control, owe nothing that a score believes. A LATE acceptance
// counts as little as any LATE record. Otherwise the rows are posted and count nowhere.

// checkAcceptReceivable refuses what no state could make valid.
func checkAcceptReceivable(m *types.AcceptReceivable) error {
	return firstRefusal(types.CheckRecordID(m.Receivable), types.CheckDigest(m.Commitment), checkEventDay(m.Day))
}

// acceptReceivable checks: day, receivable, the signer's part and its mandate's limit, commitment, whether it accepted
// before, state, issue day. already_recorded is told by signer and commitment.
func acceptReceivable(tx *Tx, m *types.AcceptReceivable) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	p, err := tx.paper(m.Receivable)
	if err != nil {
		return err
	}
	r := p.r
	if err := tx.actsFor(r.Receivable.Debtor, r.BaseMinor); err != nil {
		return err
	}
	switch {
	case !bytes.Equal(m.Commitment, r.Receivable.Commitment):
		return types.Refuse(types.Code_commitment_differs, "%s commits to another paper", m.Receivable)
	case r.Accepted && r.AcceptedBy == tx.Sender.ID:
		return types.Refuse(types.Code_already_recorded, "%s accepted %s", r.AcceptedBy, m.Receivable)
	case r.Status != types.ReceivableStatus_ISSUED:
		return types.Refuse(types.Code_receivable_state_forbids, "%s is %s", m.Receivable, r.Status)
	case m.Day < r.Receivable.IssueDay:
		return types.Refuse(types.Code_receivable_state_forbids, "%s was issued later, on %s", m.Receivable, types.FormatDay(r.Receivable.IssueDay))
	}
	if err := p.accepted(m); err != nil {
		return err
	}
	return p.write()
}

// accepted takes the debtor's word, for as much as it is worth.
func (p *paper) accepted(m *types.AcceptReceivable) error {
	tx, r := p.tx, p.r
	act := tx.provenance(m.Day)
	outside, err := tx.outsideIssue(r)
	if err != nil {
		return err
	}
	r.Status = types.ReceivableStatus_ACCEPTED
	r.Accepted, r.AcceptedBy, r.AcceptedIndependent = true, tx.Sender.ID, outside
	if !outside {
		return p.oblige(act, m.Day, false)
	}
	act.Evidence = types.Evidence_COUNTERPARTY_CONFIRMED
	r.Provenance.Evidence = max(r.Provenance.Evidence, act.Evidence)
	r.AcceptedCounts = act.Counted && mayOblige(r)
	if err := p.oblige(act, m.Day, r.AcceptedCounts); err != nil || !act.Counted {
		return err
	}
	return p.setLegs(r.Legs|legInvoice, act, m.Day)
}

// outsideIssue tells whether the signer of this message stands outside a receivable as its seller's side told it: outside
// the seller's control group, and independent of who issued it and of everybody who split it, at most maxSplits.
func (tx *Tx) outsideIssue(r *types.Receivable) (bool, error) {
	group, err := tx.groupOf(r.Receivable.Seller)
	if err != nil || group == tx.Sender.Group {
		return false, err
	}
	for range maxSplits + 1 {
		outside, err := tx.independentOf(r.Provenance)
		if err != nil || !outside || r.Parent == "" {
			return outside, err
		}
		if r, err = tx.receivable(r.Parent); err != nil {
			return false, err
		}
	}
	return false, types.Refuse(types.Code_inconsistent_state, "%s came of more than %d splits", r.Receivable.Id, maxSplits)
}
