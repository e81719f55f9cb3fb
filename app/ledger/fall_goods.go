package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// How steps of services, returns, traces and parcels fall when their key was in wrong hands; see fall.go.

// fallPlain is the fall of a record on whose evidence nothing rests but itself.
func fallPlain[V any, P types.Record[V]](of func(P) *types.Provenance) func(*Tx, mark, string, []byte) (int, error) {
	return func(tx *Tx, m mark, key string, value []byte) (int, error) {
		v, err := decode[V, P](key, value)
		if err != nil || !m.covers(of(v)) {
			return 0, err
		}
		fell(of(v))
		return 0, state.Set(tx, types.Key[V](key), v)
	}
}

// fallReturn: what came back at the seller's fault weighs against it no more. The goods went where they went.
func fallReturn(tx *Tx, m mark, key string, value []byte) (int, error) {
	v, err := decode[types.ReturnRecord](key, value)
	if err != nil || !m.covers(v.Provenance) {
		return 0, err
	}
	o, err := tx.order(v.Opened.Order)
	if err != nil {
		return 0, err
	}
	if err := tx.excludeReturn(v, o.Order.Seller); err != nil {
		return 0, err
	}
	fell(v.Provenance)
	return 1, state.Set(tx, types.Key[types.ReturnRecord](key), v)
}

// fallProgress: the tax authority's confirmation of a step loses its evidence, and what rested on it goes: the leg of the
// goods, and the fulfilled sale. The step stays confirmed, and the service performed.
func fallProgress(tx *Tx, m mark, key string, value []byte) (int, error) {
	p, err := decode[types.Progress](key, value)
	if err != nil || !m.covers(p.Tax) {
		return 0, err
	}
	o, err := tx.order(p.Progress.Order)
	if err != nil {
		return 0, err
	}
	if err := tx.fallRow(o.Order.Seller, p.TaxSellerEntry, p.Tax); err != nil {
		return 0, err
	}
	if err := tx.fallRow(o.Order.Buyer, p.TaxBuyerEntry, p.Tax); err != nil {
		return 0, err
	}
	was, step := byMember(p), p.Progress.ExecutedMinor
	if p.TaxOutside {
		o.TaxConfirmedMinor -= step
	}
	p.TaxOutside, p.TaxSellerEntry, p.TaxBuyerEntry = false, 0, 0
	if was && !byMember(p) {
		o.MemberConfirmedMinor -= step
	}
	if err := tx.fallPerformed(p, o); err != nil {
		return 0, err
	}
	fell(p.Tax)
	p.Provenance.Evidence = types.Evidence_SELF_DECLARED
	if p.Buyer != nil {
		p.Provenance.Evidence = p.Buyer.Evidence
	}
	if err := state.Set(tx, types.OrderKey(p.Progress.Order), o); err != nil {
		return 0, err
	}
	return 4 + len(o.Receivables), state.Set(tx, types.Key[types.Progress](key), p)
}

// fallPerformed takes from a performed service what rested on a tax authority's confirmation that falls. The caller
// writes the order.
func (tx *Tx) fallPerformed(p *types.Progress, o *types.Order) error {
	if o.DeliveredDay == 0 {
		return nil
	}
	if err := tx.lendPerformed(o, p.Tax, tx.Block.Today()); err != nil {
		return err
	}
	sale := o.DeliveredIndependent && o.MemberConfirmedMinor != o.Order.AmountMinor
	if sale {
		o.DeliveredIndependent = false
	}
	if sale || o.DeliveredBy == p.Tax.Signer {
		if err := tx.fallRow(o.Order.Seller, o.DeliveredEntry, p.Tax); err != nil {
			return err
		}
		if err := tx.fallRow(o.Order.Buyer, o.ReceivedEntry, p.Tax); err != nil {
			return err
		}
		o.DeliveredEntry, o.ReceivedEntry, o.DeliveredIndependent = 0, 0, false
	}
	return tx.rematch(o)
}
