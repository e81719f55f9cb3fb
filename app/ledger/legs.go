package ledger

import (
	"math/bits"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Evidence legs (LEDGER.md §8): five kinds of evidence that a receivable is what it says. An order lends its
// receivables the first three; invoice and funds are their own. Only independent acts that count make a leg.
const (
	legContract uint32 = 1 << iota // the other party confirmed the order
	legGoods                       // the carrier signed the delivery
	legReceipt                     // customs released the goods, or the buyer accepted the delivery
	legInvoice                     // the debtor's side accepted the receivable
	legFunds                       // a bank settled it, in whole or in part

	legAcceptance // in Order.legs only: the buyer's acceptance, apart from the release, for a release can be revoked

	lentLegs = legContract | legGoods | legReceipt
)

// enoughLegs of the five make a receivable a well evidenced one (characteristic C4 of the score).
const enoughLegs = 4

// lent is what an order lends its receivables: bits 0 to 2 of Receivable.legs.
func lent(o *types.Order) uint32 {
	if o.Legs&legAcceptance != 0 {
		return o.Legs&lentLegs | legReceipt
	}
	return o.Legs & lentLegs
}

// lend changes the legs of an order, and those of its receivables, of which there are at most maxOrderReceivables. The
// caller writes the order. act is the provenance of what gave or took a leg, on that day.
func (tx *Tx) lend(o *types.Order, legs uint32, act *types.Provenance, day int32) error {
	before := lent(o)
	o.Legs = legs
	after := lent(o)
	if before == after {
		return nil
	}
	for _, id := range o.Receivables {
		r, err := tx.receivable(id)
		if err != nil {
			return err
		}
		if err := tx.setLegs(id, r, r.Legs&^lentLegs|after, act, day); err != nil {
			return err
		}
		if err := state.Set(tx, types.ReceivableKey(id), r); err != nil {
			return err
		}
	}
	return nil
}

// setLegs gives a receivable its legs. The caller writes the receivable; of one that came of a split the root is written here.
func (tx *Tx) setLegs(id string, r *types.Receivable, legs uint32, act *types.Provenance, day int32) error {
	p, err := tx.paperOf(id, r)
	if err != nil {
		return err
	}
	if err := p.setLegs(legs, act, day); err != nil || p.root == p.r {
		return err
	}
	return state.Set(tx, types.ReceivableKey(p.rootID), p.root)
}

// setLegs gives the receivable its legs. What came of a split has only invoice and funds of its own: the root has them as
// soon as one of its ends does, and is the one that counts. One that is void or rejected keeps what it had, and gives
// nothing. The caller writes the paper.
func (p *paper) setLegs(legs uint32, act *types.Provenance, day int32) error {
	if p.r == p.root {
		if sum := p.root.SplitSum; sum != nil && sum.Invoices > 0 {
			legs |= legInvoice
		}
		return p.evidence(legs, act, day)
	}
	if endOf(p.r).live {
		p.r.Legs = legs &^ lentLegs
	}
	if err := p.follow(); err != nil {
		return err
	}
	return p.rootLegs(act, day)
}

// rootLegs derives the legs of a root that was split from its ends; the tax authority may have verified the root itself.
func (p *paper) rootLegs(act *types.Provenance, day int32) error {
	sum, legs := p.root.SplitSum, p.root.Legs&lentLegs
	if sum.Invoices > 0 || p.root.TaxVerifiedBy != "" {
		legs |= legInvoice
	}
	if sum.Funds > 0 {
		legs |= legFunds
	}
	return p.evidence(legs, act, day)
}

// evidence gives the root its legs, and tells the seller's log when it comes to have enough of them, or no longer has. A
// paper of which nothing is left has none.
func (p *paper) evidence(legs uint32, act *types.Provenance, day int32) error {
	root := p.root
	if !p.alive() {
		legs = 0
	}
	had, has := bits.OnesCount32(root.Legs) >= enoughLegs, bits.OnesCount32(legs) >= enoughLegs
	root.Legs = legs
	if had == has {
		return nil
	}
	kind := types.EntryKind_ENTRY_LEGS
	if had {
		kind = types.EntryKind_ENTRY_LEGS_LOST
	}
	e := p.tx.entry(kind, string(types.ReceivableKey(p.rootID)), root.Receivable.Debtor, act)
	e.Day, e.DueDay, e.BaseMinor = day, root.Receivable.DueDay, root.BaseMinor
	e.Counted, e.MonthWas = receivableCounts(root), types.MonthOf(root.Receivable.IssueDay)
	_, err := p.tx.post(root.Receivable.Seller, e)
	return err
}

// receivable returns an issued receivable.
func (tx *Tx) receivable(id string) (*types.Receivable, error) {
	r, err := state.Get(tx, types.ReceivableKey(id))
	if err == nil && r == nil {
		return nil, types.Refuse(types.Code_receivable_unknown, "%s", id)
	}
	return r, err
}

// receivableCounts tells whether a receivable may count: it was issued in time and its parties are unrelated.
func receivableCounts(r *types.Receivable) bool { return r.Provenance.Counted && !r.Related }
