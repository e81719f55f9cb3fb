package model

import "tradecredit/types"

var rulesOfLogistics = map[string]rule{
	"record_logistics_event": on((*Model).recordLogisticsEvent),
}

// movesTo says what a movement makes of an order in each state; what is not listed is refused.
var movesTo = map[types.LogisticsEvent]struct {
	to   types.OrderStatus
	from []types.OrderStatus
}{
	types.LogisticsEvent_IN_TRANSIT: {types.OrderStatus_ORDER_IN_TRANSIT, []types.OrderStatus{types.OrderStatus_PROPOSED,
		types.OrderStatus_CONFIRMED, types.OrderStatus_ORDER_IN_TRANSIT, types.OrderStatus_ORDER_IN_WAREHOUSE}},
	types.LogisticsEvent_IN_WAREHOUSE: {types.OrderStatus_ORDER_IN_WAREHOUSE, []types.OrderStatus{types.OrderStatus_ORDER_IN_TRANSIT,
		types.OrderStatus_ORDER_IN_WAREHOUSE}},
	types.LogisticsEvent_DELIVERED: {types.OrderStatus_ORDER_DELIVERED, undelivered},
	types.LogisticsEvent_ESTIMATE:  {0, undelivered},
}

var undelivered = []types.OrderStatus{types.OrderStatus_PROPOSED, types.OrderStatus_CONFIRMED, types.OrderStatus_ORDER_IN_TRANSIT,
	types.OrderStatus_ORDER_IN_WAREHOUSE}

func (m *Model) shapeOfMovement(msg *types.RecordLogisticsEvent) types.Code {
	return refusal(codeOf(types.CheckSourceID(msg.Id)), codeOf(types.CheckRecordID(msg.Order)), optionalDigest(msg.TransportDocument),
		required(msg.Event), m.place(msg.Place), notTooEarly(msg.Day))
}

// movementDay: an estimate may lie a year ahead.
func (m *Model) movementDay(msg *types.RecordLogisticsEvent) types.Code {
	if msg.Event == types.LogisticsEvent_ESTIMATE {
		return when(msg.Day > m.day+366, types.Code_day_too_late)
	}
	return m.eventDay(msg.Day)
}

func (m *Model) recordLogisticsEvent(c *call, msg *types.RecordLogisticsEvent) types.Code {
	code := refusal(m.shapeOfMovement(msg), m.movementDay(msg))
	if code != types.Code_ok {
		return code
	}
	at := types.MovementKey(c.id(msg.Id))
	if old, ok := m.movements.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.movements.put(at, old) })
	}
	o, ok := m.orders.get(types.OrderKey(msg.Order))
	if !ok {
		return types.Code_order_unknown
	}
	code = refusal(unless(ofGoods(&o), types.Code_not_goods), unless(contains(movesTo[msg.Event].from, o.Status), types.Code_order_state_forbids),
		notLongBefore(msg.Day, &o))
	if code != types.Code_ok {
		return code
	}
	x := types.Movement{Event: msg, Provenance: m.provenance(c, msg.Day)}
	m.move(c, &o, &x)
	m.putOrder(types.OrderKey(msg.Order), o)
	m.movements.put(at, x)
	return types.Code_ok
}

// move does what a movement does to its order, and posts it.
func (m *Model) move(c *call, o *types.Order, x *types.Movement) {
	msg, p := x.Event, x.Provenance
	e := entryOf(types.EntryKind_ENTRY_MOVEMENT, string(types.MovementKey(c.id(msg.Id))), p, msg.Day)
	e.DueDay, e.BaseMinor = o.Order.PromisedDay, o.BaseMinor
	e.Counted = p.Counted && o.Provenance.Counted && !o.Related && msg.Event != types.LogisticsEvent_ESTIMATE
	seller, buyer := e, e
	seller.Counterparty, buyer.Counterparty = o.Order.Buyer, o.Order.Seller
	if msg.Event == types.LogisticsEvent_ESTIMATE {
		x.SellerEntry = m.post(o.Order.Seller, seller)
		return
	}
	o.Status, o.CancelAskedBy = movesTo[msg.Event].to, ""
	if c.key.Role == types.Role_LOGISTICS {
		o.Carrier = c.signer
	}
	if msg.Event != types.LogisticsEvent_DELIVERED {
		x.SellerEntry = m.post(o.Order.Seller, seller)
		return
	}
	o.DeliveredDay, o.DeliveredBy = msg.Day, c.signer
	o.DeliveredIndependent = m.independent(c.signer, o.Provenance.Signer) && m.independent(c.signer, o.Order.Seller)
	if o.DeliveredIndependent && c.key.Role == types.Role_LOGISTICS && p.Counted {
		m.lend(o, o.Legs|legGoods, p, msg.Day)
	}
	seller.Kind, buyer.Kind = types.EntryKind_ENTRY_DELIVERED, types.EntryKind_ENTRY_RECEIVED
	seller.OnTime = msg.Day <= o.Order.PromisedDay
	seller.Open = o.PromiseEntry != 0
	o.PromiseEntry = 0
	seller.Independent = o.DeliveredIndependent
	x.SellerEntry = m.post(o.Order.Seller, seller)
	x.BuyerEntry = m.post(o.Order.Buyer, buyer)
}

func contains[E comparable](list []E, x E) bool {
	for _, y := range list {
		if x == y {
			return true
		}
	}
	return false
}
