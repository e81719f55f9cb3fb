package model

import "tradecredit/types"

var rulesOfReturns = map[string]rule{
	"record_return": on((*Model).recordReturn),
}

func (m *Model) shapeOfReturn(msg *types.RecordReturn) types.Code {
	codes := []types.Code{codeOf(types.CheckSourceID(msg.Id)), codeOf(types.CheckRecordID(msg.Order)), required(msg.Kind), required(msg.Stage),
		m.place(msg.Place), notTooEarly(msg.Day)}
	if msg.Stage == types.ReturnStage_RETURN_OPENED {
		codes = append(codes, required(msg.Fault), amount(msg.ValueMinor), when(msg.Opened != "", types.Code_field_not_of_event))
	} else if msg.Stage != 0 {
		codes = append(codes, codeOf(types.CheckRecordID(msg.Opened)), when(msg.ValueMinor != 0 || msg.Fault != 0, types.Code_field_not_of_event))
	}
	return lowest(codes...)
}

func (m *Model) recordReturn(c *call, msg *types.RecordReturn) types.Code {
	if code := refusal(m.shapeOfReturn(msg), m.eventDay(msg.Day)); code != types.Code_ok {
		return code
	}
	if msg.Stage == types.ReturnStage_RETURN_OPENED {
		return m.openReturn(c, msg)
	}
	return m.goOnWithReturn(c, msg)
}

func (m *Model) openReturn(c *call, msg *types.RecordReturn) types.Code {
	at := types.ReturnKey(c.id(msg.Id))
	if old, ok := m.returns.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.returns.put(at, old) })
	}
	o, ok := m.orders.get(types.OrderKey(msg.Order))
	if !ok {
		return types.Code_order_unknown
	}
	may := contains([]types.OrderStatus{types.OrderStatus_ORDER_DELIVERED, types.OrderStatus_ORDER_ACCEPTED, types.OrderStatus_ORDER_CLOSED,
		types.OrderStatus_ORDER_DISPUTED, types.OrderStatus_ORDER_REEXPORTED, types.OrderStatus_ORDER_RETURNING}, o.Status)
	code := refusal(unless(ofGoods(&o), types.Code_not_goods), unless(may, types.Code_order_state_forbids),
		when(msg.Day < o.DeliveredDay, types.Code_order_state_forbids),
		when(o.ReturnedMinor+msg.ValueMinor > o.Order.AmountMinor, types.Code_return_exceeds_remaining))
	if code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.Day)
	base := share(o.BaseMinor, msg.ValueMinor, o.Order.AmountMinor)
	if o.Status != types.OrderStatus_ORDER_RETURNING {
		o.Before = o.Status
		o.Status, o.ClosedDay = types.OrderStatus_ORDER_RETURNING, 0
	}
	o.ReturnedMinor += msg.ValueMinor
	o.OpenReturns++
	x := types.ReturnRecord{Opened: msg, Provenance: p, Stage: msg.Stage, BaseMinor: base}
	e := m.entryOfOrder(&o, types.EntryKind_ENTRY_RETURN, types.Key[types.Order](at), p, msg.Day, o.Order.Buyer)
	e.BaseMinor = base
	x.Counted = e.Counted && msg.Fault == types.Fault_FAULT_OF_SELLER && m.groupOf(c.signer) != m.groupOf(o.Order.Buyer)
	e.Counted = x.Counted
	x.SellerEntry = m.post(o.Order.Seller, e)
	e.Counted, e.Counterparty = false, o.Order.Seller
	m.post(o.Order.Buyer, e)
	m.returns.put(at, x)
	m.putOrder(types.OrderKey(msg.Order), o)
	return types.Code_ok
}

func (m *Model) goOnWithReturn(c *call, msg *types.RecordReturn) types.Code {
	at := types.ReturnStepKey(c.id(msg.Id))
	if old, ok := m.returnSteps.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.returnSteps.put(at, old) })
	}
	opened := types.ReturnKey(msg.Opened)
	x, ok := m.returns.get(opened)
	if !ok {
		return types.Code_return_unknown
	}
	carries := c.key.Role == types.Role_LOGISTICS || c.key.Role == types.Role_CUSTOMS || c.signer == x.Provenance.Signer
	received := msg.Stage == types.ReturnStage_RETURN_RECEIVED
	fits := received && x.Stage == types.ReturnStage_RETURN_OPENED ||
		!received && x.Stage == types.ReturnStage_RETURN_RECEIVED && msg.Kind != types.ReturnKind_RETURN_GOODS
	code := refusal(unless(carries, types.Code_not_a_party),
		unless(msg.Order == x.Opened.Order && msg.Kind == x.Opened.Kind && fits && msg.Day >= x.Opened.Day, types.Code_return_state_forbids))
	if code != types.Code_ok {
		return code
	}
	o := m.orders.at(types.OrderKey(msg.Order))
	p := m.provenance(c, msg.Day)
	x.Stage = msg.Stage
	over := true
	switch {
	case !received:
		x.Reexported = c.id(msg.Id)
		o.ReturnedMinor -= x.Opened.ValueMinor
		o.ReexportedDay = max(o.ReexportedDay, msg.Day)
	case msg.Kind == types.ReturnKind_RETURN_GOODS:
		x.Received = c.id(msg.Id)
		o.BackMinor += x.Opened.ValueMinor
	default:
		x.Received = c.id(msg.Id)
		over = false
	}
	m.returns.put(opened, x)
	if over {
		o.OpenReturns--
		m.returnsOver(&o, !received && x.Opened.ValueMinor == o.Order.AmountMinor-o.BackMinor)
	}
	m.returnSteps.put(at, types.ReturnStep{Step: msg, Provenance: p})
	e := m.entryOfOrder(&o, types.EntryKind_ENTRY_RETURN_STEP, types.Key[types.Order](at), p, msg.Day, o.Order.Buyer)
	e.BaseMinor, e.Counted = x.BaseMinor, false
	m.post(o.Order.Seller, e)
	e.Counterparty = o.Order.Seller
	m.post(o.Order.Buyer, e)
	m.putOrder(types.OrderKey(msg.Order), o)
	return types.Code_ok
}

// returnsOver is where an order stands when the last of its returns is over; out says that its last step sent out again
// all that is left.
func (m *Model) returnsOver(o *types.Order, out bool) {
	if o.OpenReturns > 0 {
		return
	}
	switch {
	case o.BackMinor == o.Order.AmountMinor:
		o.Status = types.OrderStatus_ORDER_RETURNED
	case out:
		o.Status = types.OrderStatus_ORDER_REEXPORTED
	case o.Before == types.OrderStatus_ORDER_CLOSED:
		o.Status = types.OrderStatus_ORDER_ACCEPTED
	default:
		o.Status = o.Before
	}
	m.closeIfDone(o)
	o.Before = 0
}
