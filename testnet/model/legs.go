package model

import "tradecredit/types"

// Evidence that an order lends its receivables, and that receivables have of their own.
const (
	legContract = 1
	legGoods    = 2
	legRelease  = 4
	legInvoice  = 8
	legFunds    = 16
	legAccepted = 32 // of an order: the buyer took the goods, which stands for the release
)

// lend gives an order other legs, and its receivables with it. p is whose act it is.
func (m *Model) lend(o *types.Order, legs uint32, p *types.Provenance, day int32) {
	if o.Legs == legs {
		return
	}
	o.Legs = legs
	for _, id := range o.Receivables {
		at := types.ReceivableKey(id)
		r := m.receivables.at(at)
		m.stand(&r, r.Legs&(legInvoice|legFunds)|lent(legs), p, day)
		m.receivables.put(at, r)
	}
}

// lent is what an order's legs are worth to a receivable.
func lent(legs uint32) uint32 {
	out := legs & (legContract | legGoods | legRelease)
	if legs&legAccepted != 0 {
		out |= legRelease
	}
	return out
}

// stand puts a receivable on these legs; at the fourth, and below it, its seller's log says so.
func (m *Model) stand(r *types.Receivable, legs uint32, p *types.Provenance, day int32) {
	before, after := four(r.Legs), four(legs)
	r.Legs = legs
	if before == after {
		return
	}
	kind := types.EntryKind_ENTRY_LEGS
	if before {
		kind = types.EntryKind_ENTRY_LEGS_LOST
	}
	e := m.entryOfReceivable(r, kind, p, day, r.Receivable.Debtor)
	e.Counted = r.Provenance.Counted && !r.Related
	e.MonthWas = types.MonthOf(r.Receivable.IssueDay)
	m.post(r.Receivable.Seller, e)
}

// four tells whether at least four of five legs are there.
func four(legs uint32) bool {
	n := 0
	for bit := uint32(legContract); bit <= legFunds; bit *= 2 {
		if legs&bit != 0 {
			n++
		}
	}
	return n >= 4
}
