package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// How each kind of item leaves the sums for good after a dispute, by the exact inverse of what it still counts (post.go).
// It works from a message and from the queues alike, where nobody signs. Records stay, and so do states: what is settled
// stays settled, goods went where they went. Nothing that comes later of the item counts: the record's provenance says so,
// or its own mark.

// leaveSums takes an item out of the sums for good, and returns how much that was to do.
func (tx *Tx) leaveSums(key string) (work int, err error) {
	kind, id := itemKindOf(key)
	if kind == nil || kind.leave == nil {
		return 0, types.Refuse(types.Code_inconsistent_state, "%s counts nowhere", key)
	}
	return kind.leave(tx, id)
}

// leaveAdverse: its mark goes, and with it the cap.
func leaveAdverse(tx *Tx, id string) (int, error) {
	key := types.AdverseKey(id)
	a, err := there(tx, key)
	if err != nil {
		return 0, err
	}
	a.Suppressed = true
	if err := tx.markAdverse(id, a); err != nil {
		return 0, err
	}
	return 1, state.Set(tx, key, a)
}

// leaveReceivable: its parts, what was written off of it, the obligation and the claim. That it was issued stays.
func leaveReceivable(tx *Tx, id string) (int, error) {
	p, err := tx.paper(id)
	if err != nil {
		return 0, err
	}
	work := 4 + 4*len(p.r.ClosingEntries)
	if err := p.forgiveWriteOffs(); err != nil {
		return 0, err
	}
	for len(p.r.ClosingEntries) > 0 { // what is left are payments, the last first
		n := p.r.ClosingEntries[len(p.r.ClosingEntries)-1]
		if err := p.uncountEntry(n); err != nil {
			return 0, err
		}
	}
	if p.r.Experience {
		if err := p.unoblige(obligationExcluded); err != nil {
			return 0, err
		}
	}
	p.r.Suppressed = 1
	return work, p.write()
}

// uncountEntry takes the part whose row in the debtor's log has that number out of the sums. The caller writes the paper.
func (p *paper) uncountEntry(n uint64) error {
	e, err := p.tx.logRow(p.r.Receivable.Debtor, n)
	if err != nil {
		return err
	}
	key := types.Key[types.Settlement](e.Record)
	s, err := state.Get(p.tx, key)
	if err != nil {
		return err
	}
	if s == nil || int(e.Part) >= len(s.Parts) || s.Parts[e.Part].DebtorEntry != n || !s.Parts[e.Part].Counted {
		return types.Refuse(types.Code_inconsistent_state, "entry %d of %s is no counted part", n, p.r.Receivable.Debtor)
	}
	if err := p.uncountPart(s, int(e.Part)); err != nil {
		return err
	}
	return state.Set(p.tx, key, s)
}

// leaveSettlement: all its parts, the last first, with what rests on them; see fallPart.
func leaveSettlement(tx *Tx, id string) (int, error) {
	key := types.Key[types.Settlement](string(types.Settlements) + id)
	s, err := there(tx, key)
	if err != nil {
		return 0, err
	}
	if s.Reversed {
		return 1, nil
	}
	for i := len(s.Parts) - 1; i >= 0; i-- {
		if err := tx.fallPart(s, i); err != nil {
			return 0, err
		}
	}
	return 1 + 4*len(s.Parts), state.Set(tx, key, s)
}

// leaveOrder: the purchase, the sale with its weight and its promise, and a promise that a cancellation left broken. What
// happens to the order later counts nowhere.
func leaveOrder(tx *Tx, id string) (int, error) {
	o, err := tx.order(id)
	if err != nil {
		return 0, err
	}
	if err := tx.excludeRow(o.Order.Buyer, o.BoughtEntry, o.Provenance); err != nil {
		return 0, err
	}
	if o.PromiseEntry != 0 {
		if _, err := tx.unsell(o); err != nil {
			return 0, err
		}
	} else if err := tx.excludeRow(o.Order.Seller, o.SaleEntry, soldBy(o)); err != nil {
		return 0, err
	}
	if err := tx.excludeRow(o.Order.Seller, o.CancelledEntry, &types.Provenance{Counted: true}); err != nil {
		return 0, err
	}
	o.BoughtEntry, o.SoldEntry, o.SaleEntry, o.CancelledEntry = 0, 0, 0, 0
	o.Provenance.Counted = false
	return 4, state.Set(tx, types.OrderKey(id), o)
}

// soldBy is whose signature the sale that counts rests on: the recorder's, whose key may have fallen, or the act of both
// parties that took its place.
func soldBy(o *types.Order) *types.Provenance {
	if o.SaleEntry == o.SoldEntry {
		return o.Provenance
	}
	return &types.Provenance{Counted: true}
}

// leaveMovement: its rows; of a delivery also the fulfilled sale or the broken promise, and the goods leg. The promise stays
// closed.
func leaveMovement(tx *Tx, id string) (int, error) {
	key := types.MovementKey(id)
	v, err := there(tx, key)
	if err != nil {
		return 0, err
	}
	o, err := tx.order(v.Event.Order)
	if err != nil {
		return 0, err
	}
	if err := tx.excludeRow(o.Order.Seller, v.SellerEntry, v.Provenance); err != nil {
		return 0, err
	}
	if err := tx.excludeRow(o.Order.Buyer, v.BuyerEntry, v.Provenance); err != nil {
		return 0, err
	}
	v.SellerEntry, v.BuyerEntry, v.Provenance.Counted = 0, 0, false
	work := 3
	if v.Event.Event == types.LogisticsEvent_DELIVERED {
		work += len(o.Receivables)
		o.DeliveredIndependent = false
		if err := tx.lend(o, o.Legs&^legGoods, v.Provenance, tx.Block.Today()); err != nil {
			return 0, err
		}
		if err := tx.rematch(o); err != nil {
			return 0, err
		}
		if err := state.Set(tx, types.OrderKey(v.Event.Order), o); err != nil {
			return 0, err
		}
	}
	return work, state.Set(tx, key, v)
}

// leaveReturn: what weighs against the seller.
func leaveReturn(tx *Tx, id string) (int, error) {
	key := types.ReturnKey(id)
	r, err := there(tx, key)
	if err != nil {
		return 0, err
	}
	o, err := tx.order(r.Opened.Order)
	if err != nil {
		return 0, err
	}
	if err := tx.excludeReturn(r, o.Order.Seller); err != nil {
		return 0, err
	}
	r.Provenance.Counted = false
	return 1, state.Set(tx, key, r)
}

// leaveCustomsEvent: its row; a release closes the balance that it opened, but for what it secures, and its leg goes.
func leaveCustomsEvent(tx *Tx, id string) (int, error) {
	key := types.CustomsEventKey(id)
	v, err := there(tx, key)
	if err != nil {
		return 0, err
	}
	d, err := there(tx, types.DeclarationKey(declarationOf(v)))
	if err != nil {
		return 0, err
	}
	if err := tx.excludeRow(d.Declarant, v.Entry, v.Provenance); err != nil {
		return 0, err
	}
	work := 1
	if v.Event.Event == types.CustomsEvent_RELEASED {
		o, err := tx.order(d.Order)
		if err != nil {
			return 0, err
		}
		work += len(o.Receivables)
		if err := tx.releaseFalls(d, o, v.Provenance); err != nil {
			return 0, err
		}
		if err := state.Set(tx, types.OrderKey(d.Order), o); err != nil {
			return 0, err
		}
		if err := state.Set(tx, types.DeclarationKey(d.Id), d); err != nil {
			return 0, err
		}
	}
	v.Entry, v.Provenance.Counted = 0, false
	return work, state.Set(tx, key, v)
}

// leaveVerdict: the verdict of one verifier. The document stays what the verdicts made it.
func leaveVerdict(tx *Tx, id string) (int, error) {
	document, verifier := splitVerdict(id)
	d, err := tx.document(document)
	if err != nil {
		return 0, err
	}
	v := verdictOf(d, verifier)
	if v == nil {
		return 0, missing(string(types.Documents) + id)
	}
	if err := tx.excludeRow(d.Document.Subject, v.Entry, v.Provenance); err != nil {
		return 0, err
	}
	v.Entry, v.Provenance.Counted = 0, false
	return 1, state.Set(tx, types.DocumentKey(document), d)
}

// leaveTaxEvent: its row, and the invoice leg that it gave.
func leaveTaxEvent(tx *Tx, id string) (int, error) {
	key := types.TaxEventKey(id)
	v, err := there(tx, key)
	if err != nil {
		return 0, err
	}
	if err := tx.excludeRow(v.Event.Subject, v.Entry, v.Provenance); err != nil {
		return 0, err
	}
	v.Entry, v.Provenance.Counted = 0, false
	if err := tx.invoiceFalls(v); err != nil {
		return 0, err
	}
	return 2, state.Set(tx, key, v)
}

func leaveFxEvent(tx *Tx, id string) (int, error) {
	key := types.FxEventKey(id)
	v, err := there(tx, key)
	if err != nil {
		return 0, err
	}
	if err := tx.excludeRow(v.Event.Subject, v.Entry, v.Provenance); err != nil {
		return 0, err
	}
	v.Entry, v.Provenance.Counted = 0, false
	return 1, state.Set(tx, key, v)
}

// leaveFinancing: what was repaid of it, the last first, and the obligation with what is owed.
func leaveFinancing(tx *Tx, id string) (int, error) {
	f, err := tx.financing(id)
	if err != nil {
		return 0, err
	}
	work := 2 + 2*len(f.ClosingEntries)
	for n := len(f.ClosingEntries); n > 0; n-- {
		if err := tx.uncountRepayment(f, f.ClosingEntries[n-1]); err != nil {
			return 0, err
		}
	}
	if f.Experience {
		if err := tx.unoblige(f, types.EntryKind_ENTRY_OBLIGATION_EXCLUDED); err != nil {
			return 0, err
		}
	}
	f.Suppressed = 1
	return work, state.Set(tx, types.FinancingKey(id), f)
}
