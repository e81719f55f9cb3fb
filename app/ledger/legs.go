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

// setLegs gives a receivable its legs, and tells the seller's log when it comes to have enough of them, or no longer
// has. The caller writes the receivable.
func (tx *Tx) setLegs(id string, r *types.Receivable, legs uint32, act *types.Provenance, day int32) error {
	had, has := bits.OnesCount32(r.Legs) >= enoughLegs, bits.OnesCount32(legs) >= enoughLegs
	r.Legs = legs
	if had == has {
		return nil
	}
	kind := types.EntryKind_ENTRY_LEGS
	if had {
		kind = types.EntryKind_ENTRY_LEGS_LOST
	}
	e := tx.entry(kind, string(types.ReceivableKey(id)), r.Receivable.Debtor, act)
	e.Day, e.DueDay, e.BaseMinor = day, r.Receivable.DueDay, r.BaseMinor
	e.Counted, e.MonthWas = receivableCounts(r), types.MonthOf(r.Receivable.IssueDay)
	_, err := tx.post(r.Receivable.Seller, e)
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
