package ledger

import (
	"slices"

	"tradecredit/types"
)

// What a rejection, an annulment, a split and a write-off have in common.

// endedBefore answers who sends again what ended a receivable: already_recorded, or nothing more to do if it is confirmed
// again. kind says what that was.
func (p *paper) endedBefore(kind string) (done bool, err error) {
	if !p.tx.reported(p.r.Ended) {
		return false, nil
	}
	return true, again(p.tx, kind, types.ReceivableKey(p.id), p.r, p.r.Ended)
}

// ends says who ended a receivable, and why.
func (p *paper) ends(act *types.Provenance, day int32, reason uint32) {
	p.r.Ended, p.r.EndedDay, p.r.EndedReason, p.r.VoidAskedBy = act, day, reason, ""
}

// forbids refuses what the state of a receivable does not allow.
func (p *paper) forbids(why string) error {
	return types.Refuse(types.Code_receivable_state_forbids, "%s is %s: %s", p.id, p.r.Status, why)
}

// sinceIssue refuses a day before the receivable was issued.
func (p *paper) sinceIssue(day int32) error {
	if issued := p.r.Receivable.IssueDay; day < issued {
		return types.Refuse(types.Code_receivable_state_forbids, "%s was issued later, on %s", p.id, types.FormatDay(issued))
	}
	return nil
}

// unlocked refuses a receivable that secures a financing, reserved or live. The lender releases it first.
func (p *paper) unlocked() error {
	e, err := p.tx.liens(string(types.ReceivableKey(p.id)))
	if err == nil && e != nil {
		return types.Refuse(types.Code_receivable_locked, "it secures %s of %s", e.Liens[0].Financing, e.Liens[0].Lender)
	}
	return err
}

// untouched tells whether nothing closed any part of a receivable.
func untouched(r *types.Receivable) bool {
	return r.Parts == 0 && r.CreditedMinor == 0 && r.WrittenOffMinor == 0
}

// retire takes a receivable out of what its seller claims: it was rejected or annulled. e tells both logs; the seller's row
// counts if the receivable did, in the month of issue. It writes the paper and its order.
func (p *paper) retire(e types.Entry, act *types.Provenance, day int32) error {
	m := p.r.Receivable
	if err := p.follow(); err != nil {
		return err
	}
	if err := p.lastLegs(act, day); err != nil {
		return err
	}
	e.DueDay, e.Counterparty, e.Counted = m.DueDay, m.Seller, false
	if _, err := p.tx.post(m.Debtor, e); err != nil {
		return err
	}
	if e.Kind == types.EntryKind_ENTRY_RECEIVABLE_REJECTED {
		e.Counterparty, e.Counted, e.MonthWas = m.Debtor, receivableCounts(p.r), types.MonthOf(m.IssueDay)
		if _, err := p.tx.post(m.Seller, e); err != nil {
			return err
		}
	} else if err := p.unissue(); err != nil {
		return err
	}
	if err := p.write(); err != nil || m.Order == "" {
		return err
	}
	return p.uninvoice()
}

// lastLegs lets a paper go without evidence when nothing is left of it, and without that which only this end gave.
func (p *paper) lastLegs(act *types.Provenance, day int32) error {
	if p.root.SplitSum != nil {
		return p.rootLegs(act, day)
	}
	return p.evidence(p.root.Legs, act, day)
}

// unissue takes what the seller's log says of the issue back: the amount, and the receivable itself once nothing is left of
// it, not even as a rejected one.
func (p *paper) unissue() error {
	e, err := p.tx.logRow(p.r.Receivable.Seller, p.r.IssuedEntry-1)
	if err != nil {
		return err
	}
	e.Kind, e.Reverses, e.Record = types.EntryKind_ENTRY_RECEIVABLE_ISSUED_REVERSED, p.r.IssuedEntry, string(types.ReceivableKey(p.id))
	e.BaseMinor, e.Last = p.r.BaseMinor, !p.alive()
	if sum := p.root.SplitSum; sum != nil && sum.Rejected > 0 {
		e.Last = false
	}
	_, err = p.tx.post(p.r.Receivable.Seller, *e)
	return err
}

// uninvoice takes the receivable from its order, which has one claim fewer. The paper was written before.
func (p *paper) uninvoice() error {
	m := p.r.Receivable
	o, err := p.tx.order(m.Order)
	if err != nil {
		return err
	}
	if o.InvoicedMinor < m.AmountMinor {
		return types.Refuse(types.Code_inconsistent_state, "%s has less invoiced than %s", m.Order, p.id)
	}
	o.InvoicedMinor -= m.AmountMinor
	if !p.alive() {
		o.Receivables = slices.DeleteFunc(o.Receivables, func(id string) bool { return id == p.rootID })
	}
	return p.tx.review(m.Order, o)
}

// reviewOrder compares the order that a receivable names anew, if it names one. The paper was written before.
func (p *paper) reviewOrder() error {
	id := p.r.Receivable.Order
	if id == "" {
		return nil
	}
	o, err := p.tx.order(id)
	if err != nil {
		return err
	}
	return p.tx.review(id, o)
}
