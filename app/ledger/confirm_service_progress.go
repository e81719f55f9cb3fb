package ledger

import (
	"bytes"

	"tradecredit/app/state"
	"tradecredit/types"
)

// ConfirmServiceProgress: a step of a service was executed, says somebody else than the seller.
//
// Signed by the buyer, itself or through its delegate, or by TAX, which saw the invoice; each once, repeating value and
// commitment of the step. Changes progress/<id>, PROGRESS_RECORDED to PROGRESS_CONFIRMED with the first, and order/<id>;
// posts PROGRESS_CONFIRMED to both logs. The confirmation that completes the contract posts DELIVERED to the seller's log
// and RECEIVED to the buyer's: service.go says what it is worth. A buyer's signature that is independent of the step, of
// whoever recorded the order, and of the seller makes it COUNTERPARTY_CONFIRMED; the tax authority's is SOURCE_SIGNED.

// checkConfirmServiceProgress refuses what no state could make valid.
func checkConfirmServiceProgress(m *types.ConfirmServiceProgress) error {
	return firstRefusal(
		types.CheckRecordID(m.Progress),
		types.CheckDigest(m.Commitment),
		types.CheckAmount(m.ExecutedMinor),
		checkEventDay(m.Day),
	)
}

// confirmServiceProgress checks: day, step, the signer's part, limit of the mandate, value, commitment, whether this side
// confirmed it before, day of the step.
func confirmServiceProgress(tx *Tx, m *types.ConfirmServiceProgress) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	p, err := state.Get(tx, types.ProgressKey(m.Progress))
	switch {
	case err != nil:
		return err
	case p == nil:
		return types.Refuse(types.Code_progress_unknown, "%s", m.Progress)
	}
	o, err := tx.order(p.Progress.Order)
	if err != nil {
		return err
	}
	side := &p.Buyer
	if tx.Sender.Key.Role == types.Role_TAX {
		side = &p.Tax
	} else if err := tx.actsFor(o.Order.Buyer, p.BaseMinor); err != nil {
		return err
	}
	switch {
	case m.ExecutedMinor != p.Progress.ExecutedMinor:
		return types.Refuse(types.Code_terms_differ, "%s says %d", m.Progress, p.Progress.ExecutedMinor)
	case !bytes.Equal(m.Commitment, p.Progress.Commitment):
		return types.Refuse(types.Code_commitment_differs, "%s was recorded with another paper", m.Progress)
	case *side != nil && (*side).Signer == tx.Sender.ID && bytes.Equal((*side).Content, tx.Content()):
		return again(tx, "confirmation of", types.ProgressKey(m.Progress), p, *side)
	case *side != nil:
		return types.Refuse(types.Code_progress_state_forbids, "%s confirmed it", (*side).Signer)
	case m.Day < p.Progress.Day:
		return types.Refuse(types.Code_progress_state_forbids, "it was executed later, on %s", types.FormatDay(p.Progress.Day))
	}
	return tx.confirmProgress(m, p, o)
}

// confirmProgress takes the confirmation into the step, the order, and both logs.
func (tx *Tx) confirmProgress(m *types.ConfirmServiceProgress, p *types.Progress, o *types.Order) error {
	act := tx.provenance(m.Day)
	outside, err := tx.outsideProgress(p, o)
	if err != nil {
		return err
	}
	if outside && act.Evidence == types.Evidence_SELF_DECLARED {
		act.Evidence = types.Evidence_COUNTERPARTY_CONFIRMED
	}
	p.Provenance.Evidence = max(p.Provenance.Evidence, act.Evidence)
	if err := addConfirmed(m, p, o, act, outside && act.Counted); err != nil {
		return err
	}
	id := p.Progress.Order
	seller, buyer, err := tx.postProgress(m, p, o, act)
	if err != nil {
		return err
	}
	if act.Role == types.Role_TAX {
		p.TaxSellerEntry, p.TaxBuyerEntry = seller, buyer
	}
	if o.DeliveredDay != 0 {
		err = tx.lendPerformed(o, act, m.Day)
	} else {
		err = tx.performedIfDone(id, o, act, o.PerformedDay, outside)
	}
	if err != nil {
		return err
	}
	if err := tx.rematch(o); err != nil {
		return err
	}
	if err := state.Set(tx, types.OrderKey(id), o); err != nil {
		return err
	}
	return state.Set(tx, types.ProgressKey(m.Progress), p)
}

// outsideProgress tells whether the signer of this message stands outside a step, the order, and the seller.
func (tx *Tx) outsideProgress(p *types.Progress, o *types.Order) (bool, error) {
	ok, err := tx.independentOf(p.Provenance)
	if err != nil || !ok {
		return false, err
	}
	return tx.independentOfOrder(o)
}

// addConfirmed adds a step to what the order says was confirmed, and by whom; counts says that the signature stands
// outside and counts.
func addConfirmed(m *types.ConfirmServiceProgress, p *types.Progress, o *types.Order, act *types.Provenance, counts bool) error {
	step, first := p.Progress.ExecutedMinor, p.Status == types.ProgressStatus_PROGRESS_RECORDED
	if first {
		p.Status = types.ProgressStatus_PROGRESS_CONFIRMED
		o.ConfirmedMinor += step
		o.PerformedDay = max(o.PerformedDay, m.Day)
	}
	was := byMember(p)
	if act.Role == types.Role_TAX {
		p.Tax, p.TaxOutside = act, counts
		if counts {
			o.TaxConfirmedMinor += step
		}
	} else {
		p.Buyer, p.BuyerOutside = act, counts
		if counts {
			o.BuyerConfirmedMinor += step
		}
	}
	if !was && byMember(p) {
		o.MemberConfirmedMinor += step
	}
	if o.ConfirmedMinor > o.ExecutedMinor {
		return types.Refuse(types.Code_inconsistent_state, "%d confirmed of %d executed", o.ConfirmedMinor, o.ExecutedMinor)
	}
	return nil
}

// postProgress tells both logs, and returns the numbers of the rows plus one.
func (tx *Tx) postProgress(m *types.ConfirmServiceProgress, p *types.Progress, o *types.Order, act *types.Provenance) (seller, buyer uint64, err error) {
	e := tx.orderEntry(types.EntryKind_ENTRY_PROGRESS_CONFIRMED, string(types.ProgressKey(m.Progress)), o, o.Order.Buyer, act, m.Day)
	e.BaseMinor = p.BaseMinor
	if seller, err = tx.post(o.Order.Seller, e); err != nil {
		return 0, 0, err
	}
	e.Counterparty = o.Order.Seller
	buyer, err = tx.post(o.Order.Buyer, e)
	return seller + 1, buyer + 1, err
}

// byMember tells whether a member that stands outside confirmed a step, and not the buyer's own key alone.
func byMember(p *types.Progress) bool {
	return p.TaxOutside || p.BuyerOutside && memberOf(p.Buyer.Signer) != ""
}
