package ledger

import (
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Order, payment and logistics compared (三单对碰): what three sources said of one trade, kept in the order's own row. It is a
// pure function of that row and of the declaration that it names, and is computed again by whatever changes one of them.
//
// INCOMPLETE while one of the three is missing, DIFFERS when all are there and something keeps them apart, MATCHED
// otherwise; the codes say all that is missing or differs, ascending. A cancelled order is compared no more. The match is
// shown and asked for; no sum and no score reads it.

// matchTolerance is by how much, in percent of the order, a declared value may differ, and a payment may exceed it.
const matchTolerance = 10

// rematch compares an order anew. Its declaration must have been written before; the caller writes the order.
func (tx *Tx) rematch(o *types.Order) error { return rematch(tx, o) }

func rematch(r state.Reader, o *types.Order) error {
	var d *types.Declaration
	if o.Declaration != "" {
		var err error
		if d, err = there(r, types.DeclarationKey(o.Declaration)); err != nil {
			return err
		}
	}
	o.Match, o.Differs = match(o, d)
	return nil
}

// match compares an order with its payments, its delivery and its declaration; d is nil when there is none.
func match(o *types.Order, d *types.Declaration) (types.MatchStatus, []types.MatchDifference) {
	if o.Status == types.OrderStatus_ORDER_CANCELLED {
		return types.MatchStatus_MATCH_NONE, nil
	}
	var differs []types.MatchDifference
	say := func(is bool, what types.MatchDifference) {
		if is {
			differs = append(differs, what)
		}
	}
	whole := o.Order.AmountMinor
	say(!o.ConfirmedIndependent, types.MatchDifference_ORDER_UNCONFIRMED)
	say(!carried(o), types.MatchDifference_LOGISTICS_MISSING)
	say(o.PaidMinor == 0, types.MatchDifference_PAYMENT_MISSING)
	incomplete := len(differs) > 0
	say(0 < o.PaidMinor && o.PaidMinor < whole-o.ReturnedMinor, types.MatchDifference_PAYMENT_SHORT)
	say(100*o.PaidMinor > (100+matchTolerance)*whole, types.MatchDifference_PAYMENT_OVER)
	say(o.DeliveredDay != 0 && o.DeliveredDay < o.Order.OrderDay, types.MatchDifference_DELIVERED_BEFORE_ORDER)
	if d != nil && d.Status != types.DeclarationStatus_DECLARATION_IS_REVOKED {
		say(apart(o, d), types.MatchDifference_DECLARED_VALUE_DIFFERS)
		say(o.Order.Hs6 != "" && d.Hs6 != "" && o.Order.Hs6 != d.Hs6, types.MatchDifference_DECLARED_GOODS_DIFFER)
	}
	say(o.ReturnedMinor > 0, types.MatchDifference_RETURNED)
	say(o.RejectedDay != 0 && o.AcceptedDay == 0, types.MatchDifference_DELIVERY_REFUSED)
	switch {
	case incomplete:
		return types.MatchStatus_MATCH_INCOMPLETE, differs
	case len(differs) > 0:
		return types.MatchStatus_MATCH_DIFFERS, differs
	}
	return types.MatchStatus_MATCHED, nil
}

// carried tells whether a carrier that stands outside the order and the seller signed the delivery; of a service, whether
// such members confirmed all of it.
func carried(o *types.Order) bool {
	return o.DeliveredDay != 0 && o.DeliveredIndependent && (isService(o) || o.DeliveredBy == o.Carrier)
}

// apart tells whether the declared value is another than the order's: in its currency, or else in base currency.
func apart(o *types.Order, d *types.Declaration) bool {
	ordered, declared := o.Order.AmountMinor, d.ValueMinor
	if d.Currency != o.Order.Currency {
		ordered, declared = o.BaseMinor, d.BaseMinor
	}
	difference := max(ordered-declared, declared-ordered)
	return difference > ordered/100*matchTolerance+ordered%100*matchTolerance/100
}

// closeIfDone closes an order that was accepted once all that is claimed for it is over, and something was paid in
// full; it opens a closed one again when that no longer holds: a payment was taken back, or more is claimed. The
// receivables must have been written before; the caller writes the order.
func (tx *Tx) closeIfDone(o *types.Order) error {
	if o.Status != types.OrderStatus_ORDER_ACCEPTED && o.Status != types.OrderStatus_ORDER_CLOSED {
		return nil
	}
	done, err := claimsDone(tx, o)
	switch {
	case err != nil:
		return err
	case done && o.Status == types.OrderStatus_ORDER_ACCEPTED:
		o.Status, o.ClosedDay = types.OrderStatus_ORDER_CLOSED, tx.Block.Today()
	case !done && o.Status == types.OrderStatus_ORDER_CLOSED:
		o.Status, o.ClosedDay = types.OrderStatus_ORDER_ACCEPTED, 0
	}
	return nil
}

// claimsDone tells whether nothing is open of what was claimed for an order, and at least one claim was settled. Of a
// receivable that was split everything that came of it must be over.
func claimsDone(r state.Reader, o *types.Order) (bool, error) {
	over := []types.ReceivableStatus{
		types.ReceivableStatus_SETTLED, types.ReceivableStatus_VOID, types.ReceivableStatus_WRITTEN_OFF,
		types.ReceivableStatus_REJECTED,
	}
	settled := false
	for _, id := range o.Receivables {
		v, err := there(r, types.ReceivableKey(id))
		switch {
		case err != nil:
			return false, err
		case v.SplitSum != nil && v.SplitSum.Unpaid > 0, v.SplitSum == nil && !slices.Contains(over, v.Status):
			return false, nil
		}
		settled = settled || v.Status == types.ReceivableStatus_SETTLED || v.SplitSum.GetSettled() > 0
	}
	return settled, nil
}

// isService tells whether an order is performed and not carried: it has a contract value and an executed value.
func isService(o *types.Order) bool {
	switch o.Order.Kind {
	case types.OrderKind_SERVICE, types.OrderKind_DIGITAL, types.OrderKind_DATA:
		return true
	}
	return false
}
