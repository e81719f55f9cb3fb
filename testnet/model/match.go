package model

import "tradecredit/types"

// putOrder stores an order with the comparison of what three sources said of it.
func (m *Model) putOrder(at types.Key[types.Order], o types.Order) {
	o.Match, o.Differs = m.match(&o)
	m.orders.put(at, o)
}

// rematch compares the order of a declaration that changed.
func (m *Model) rematch(d *types.Declaration) {
	at := types.OrderKey(d.Order)
	if o := m.orders.at(at); o.Declaration == d.Id {
		m.putOrder(at, o)
	}
}

// match compares order, payment and logistics.
func (m *Model) match(o *types.Order) (types.MatchStatus, []types.MatchDifference) {
	if o.Status == types.OrderStatus_ORDER_CANCELLED {
		return types.MatchStatus_MATCH_NONE, nil
	}
	ordered, paid, left := o.Order.AmountMinor, o.PaidMinor, o.Order.AmountMinor-o.ReturnedMinor
	carried := o.DeliveredIndependent && (!ofGoods(o) || o.DeliveredBy == o.Carrier)
	d, declared := m.declarations.get(types.DeclarationKey(o.Declaration))
	declared = declared && d.Status != types.DeclarationStatus_DECLARATION_IS_REVOKED
	refused := o.RejectedDay != 0 && o.AcceptedDay == 0
	value, worth := d.ValueMinor, ordered
	if d.Currency != o.Order.Currency {
		value, worth = d.BaseMinor, o.BaseMinor
	}
	var out []types.MatchDifference
	for _, x := range []struct {
		code  types.MatchDifference
		holds bool
	}{
		{types.MatchDifference_ORDER_UNCONFIRMED, !o.ConfirmedIndependent},
		{types.MatchDifference_LOGISTICS_MISSING, !carried},
		{types.MatchDifference_PAYMENT_MISSING, paid == 0},
		{types.MatchDifference_PAYMENT_SHORT, paid > 0 && paid < left},
		{types.MatchDifference_PAYMENT_OVER, paid*10 > ordered*11},
		{types.MatchDifference_DELIVERED_BEFORE_ORDER, o.DeliveredDay != 0 && o.DeliveredDay < o.Order.OrderDay},
		{types.MatchDifference_DECLARED_VALUE_DIFFERS, declared && max(value-worth, worth-value)*10 > worth},
		{types.MatchDifference_DECLARED_GOODS_DIFFER, declared && d.Hs6 != "" && o.Order.Hs6 != "" && d.Hs6 != o.Order.Hs6},
		{types.MatchDifference_RETURNED, o.ReturnedMinor > 0},
		{types.MatchDifference_DELIVERY_REFUSED, refused},
	} {
		if x.holds {
			out = append(out, x.code)
		}
	}
	switch {
	case len(out) == 0:
		return types.MatchStatus_MATCHED, nil
	case out[0] <= types.MatchDifference_PAYMENT_MISSING:
		return types.MatchStatus_MATCH_INCOMPLETE, out
	}
	return types.MatchStatus_MATCH_DIFFERS, out
}

// closeIfDone closes an accepted order once all that is claimed for it is over and something was settled, and opens it
// again when that no longer holds.
func (m *Model) closeIfDone(o *types.Order) {
	done, settled := true, false
	for _, id := range o.Receivables {
		for _, r := range m.ends(id) {
			settled = settled || r.Status == types.ReceivableStatus_SETTLED
			done = done && !owedStill(&r)
		}
	}
	switch {
	case o.Status == types.OrderStatus_ORDER_ACCEPTED && done && settled:
		o.Status, o.ClosedDay = types.OrderStatus_ORDER_CLOSED, m.day
	case o.Status == types.OrderStatus_ORDER_CLOSED && !(done && settled):
		o.Status, o.ClosedDay = types.OrderStatus_ORDER_ACCEPTED, 0
	}
}
