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
		r := m.receivables.at(types.ReceivableKey(id))
		if r.Status == types.ReceivableStatus_SPLIT {
			m.lendRoot(id, lent(legs), p, day)
			continue
		}
		m.stand(id, &r, r.Legs&(legInvoice|legFunds)|lent(legs), p, day)
		m.keep(id, &r)
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

// stand puts a receivable on these legs. What came of a split has two of its own, the paper as a whole all of them.
func (m *Model) stand(id string, r *types.Receivable, legs uint32, p *types.Provenance, day int32) {
	root := rootOf(id, r)
	if root == id && r.Status != types.ReceivableStatus_SPLIT {
		m.putLegs(id, r, legs, p, day)
		return
	}
	if root != id && alive(r) {
		r.Legs = legs & (legInvoice | legFunds)
	}
	m.keep(id, r)
	m.lendRoot(root, m.receivables.at(types.ReceivableKey(root)).Legs, p, day)
	*r = m.receivables.at(types.ReceivableKey(id))
}

// putLegs tells the seller's log when a paper comes to have four legs, or no longer has.
func (m *Model) putLegs(id string, r *types.Receivable, legs uint32, p *types.Provenance, day int32) {
	before, after := four(r.Legs), four(legs)
	r.Legs = legs
	if before == after {
		return
	}
	kind := types.EntryKind_ENTRY_LEGS
	if before {
		kind = types.EntryKind_ENTRY_LEGS_LOST
	}
	e := m.entryOfReceivable(id, r, kind, p, day, r.Receivable.Debtor)
	e.Counted = r.Provenance.Counted && !r.Related
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
