package model

import "tradecredit/types"

var rulesOfOrders = map[string]rule{
	"record_order":    on((*Model).recordOrder),
	"confirm_order":   on((*Model).confirmOrder),
	"accept_delivery": on((*Model).acceptDelivery),
}

// Evidence that an order lends its receivables, and that receivables have of their own.
const (
	legContract = 1
	legGoods    = 2
	legRelease  = 4
	legInvoice  = 8
	legFunds    = 16
	legAccepted = 32 // of an order: the buyer took the goods, which stands for the release
)

// raised is what an independent counterparty's word makes of evidence that was lower.
func raised(e types.Evidence) types.Evidence {
	return max(e, types.Evidence_COUNTERPARTY_CONFIRMED)
}

// promisedDay bounds the day that delivery was promised for.
func promisedDay(order, promised int32) types.Code {
	return refusal(when(promised < order-366, types.Code_promised_before_order), when(promised > order+1098, types.Code_promised_too_late))
}

func shapeOfOrder(msg *types.RecordOrder) types.Code {
	code := refusal(codeOf(types.CheckSourceID(msg.Id)), codeOf(types.CheckSubjectID(msg.Buyer)), codeOf(types.CheckSubjectID(msg.Seller)),
		digest(msg.TermsDigest), required(msg.Kind), amount(msg.AmountMinor), codeOf(types.CheckCurrency(msg.Currency)))
	if msg.Hs6 != "" {
		code = refusal(code, codeOf(types.CheckHS6(msg.Hs6)))
	}
	if msg.Incoterm != "" {
		code = refusal(code, codeOf(types.CheckIncoterm(msg.Incoterm)))
	}
	return refusal(code, notTooEarly(msg.OrderDay), promisedDay(msg.OrderDay, msg.PromisedDay),
		when(msg.Buyer == msg.Seller, types.Code_parties_must_differ))
}

func (m *Model) recordOrder(c *call, msg *types.RecordOrder) types.Code {
	if code := refusal(shapeOfOrder(msg), m.eventDay(msg.OrderDay)); code != types.Code_ok {
		return code
	}
	at := types.OrderKey(c.id(msg.Id))
	if old, ok := m.orders.get(at); ok {
		p, code := m.again(c, old.Provenance)
		if p != nil {
			old.Provenance = p
			m.orders.put(at, old)
		}
		return code
	}
	code := refusal(m.registered(msg.Buyer), m.registered(msg.Seller))
	if !c.own() {
		code = refusal(code, m.actsForEither(c, msg.Buyer, msg.Seller))
	}
	code = refusal(code, when(m.related(msg.Buyer, msg.Seller) && !msg.Related, types.Code_parties_related))
	base, unfixed := m.base(msg.AmountMinor, msg.Currency, msg.OrderDay)
	if code = refusal(code, unfixed, m.withinLimit(c, base)); code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.OrderDay)
	o := types.Order{Order: msg, Provenance: p, Status: types.OrderStatus_PROPOSED, BaseMinor: base,
		Related: msg.Related || m.related(msg.Buyer, msg.Seller)}
	bought := m.entryOfOrder(&o, types.EntryKind_ENTRY_ORDER_BOUGHT, at, p, msg.OrderDay, msg.Seller)
	o.BoughtEntry = m.post(msg.Buyer, bought)
	sold := m.entryOfOrder(&o, types.EntryKind_ENTRY_ORDER_SOLD, at, p, msg.OrderDay, msg.Buyer)
	sold.Counted = sold.Counted && c.party() != msg.Buyer // the buyer's word alone is no sale
	sold.Open = sold.Counted
	o.SoldEntry = m.post(msg.Seller, sold)
	m.orders.put(at, o)
	return types.Code_ok
}

// entryOfOrder is a row about an order. What related parties do counts nowhere, nor what rests on an order that does not
// count.
func (m *Model) entryOfOrder(o *types.Order, kind types.EntryKind, at types.Key[types.Order], p *types.Provenance, day int32, other string) types.Entry {
	e := entryOf(kind, string(at), p, day)
	e.Counterparty, e.DueDay, e.BaseMinor = other, o.Order.PromisedDay, o.BaseMinor
	e.Counted = e.Counted && o.Provenance.Counted && !o.Related
	return e
}

// bothSides posts rows of one kind to the seller's log and the buyer's.
func (m *Model) bothSides(o *types.Order, kind types.EntryKind, at types.Key[types.Order], p *types.Provenance, day int32) {
	m.post(o.Order.Seller, m.entryOfOrder(o, kind, at, p, day, o.Order.Buyer))
	m.post(o.Order.Buyer, m.entryOfOrder(o, kind, at, p, day, o.Order.Seller))
}

func (m *Model) confirmOrder(c *call, msg *types.ConfirmOrder) types.Code {
	code := refusal(codeOf(types.CheckRecordID(msg.Order)), digest(msg.TermsDigest), notTooEarly(msg.Day), m.eventDay(msg.Day))
	if code != types.Code_ok {
		return code
	}
	at := types.OrderKey(msg.Order)
	o, ok := m.orders.get(at)
	if !ok {
		return types.Code_order_unknown
	}
	recorder := o.Provenance.OnBehalfOf
	if isEnterprise(o.Provenance.Signer) {
		recorder = o.Provenance.Signer
	}
	code = refusal(m.actsForEither(c, o.Order.Buyer, o.Order.Seller), when(c.party() == recorder, types.Code_not_a_party),
		when(string(o.Order.TermsDigest) != string(msg.TermsDigest), types.Code_terms_differ))
	if code == types.Code_ok && o.ConfirmedBy != "" {
		return either(o.ConfirmedBy == c.signer, types.Code_already_recorded, types.Code_already_confirmed)
	}
	code = refusal(code, m.withinLimit(c, o.BaseMinor), when(o.Status != types.OrderStatus_PROPOSED, types.Code_order_state_forbids),
		when(msg.Day < o.Order.OrderDay-366, types.Code_event_before_order))
	if code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.Day)
	o.Status, o.ConfirmedBy = types.OrderStatus_CONFIRMED, c.signer
	o.ConfirmedIndependent = m.independent(c.signer, o.Provenance.Signer)
	if o.ConfirmedIndependent {
		p.Evidence = raised(p.Evidence)
		o.Provenance = withEvidence(o.Provenance, raised(o.Provenance.Evidence))
	}
	sold := m.entryOfOrder(&o, types.EntryKind_ENTRY_ORDER_SOLD, at, p, o.Order.OrderDay, o.Order.Buyer)
	if recorder == o.Order.Buyer && o.ConfirmedIndependent && sold.Counted {
		sold.Open = true
		m.post(o.Order.Seller, sold)
	}
	if o.ConfirmedIndependent && p.Counted {
		m.lend(&o, o.Legs|legContract, p, msg.Day)
	}
	m.bothSides(&o, types.EntryKind_ENTRY_ORDER_CONFIRMED, at, p, msg.Day)
	m.orders.put(at, o)
	return types.Code_ok
}

func withEvidence(p *types.Provenance, e types.Evidence) *types.Provenance {
	x := *p
	x.Evidence = e
	return &x
}

func (m *Model) acceptDelivery(c *call, msg *types.AcceptDelivery) types.Code {
	code := refusal(codeOf(types.CheckRecordID(msg.Order)), notTooEarly(msg.Day), m.eventDay(msg.Day))
	if code != types.Code_ok {
		return code
	}
	at := types.OrderKey(msg.Order)
	o, ok := m.orders.get(at)
	if !ok {
		return types.Code_order_unknown
	}
	code = m.actsFor(c, o.Order.Buyer)
	if code == types.Code_ok && o.Status == types.OrderStatus_ORDER_ACCEPTED && o.AcceptedDay == msg.Day {
		return types.Code_already_recorded
	}
	code = refusal(code, m.withinLimit(c, o.BaseMinor), when(o.Status != types.OrderStatus_ORDER_DELIVERED, types.Code_order_state_forbids),
		when(msg.Day < o.DeliveredDay, types.Code_order_state_forbids))
	if code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.Day)
	o.Status, o.AcceptedDay = types.OrderStatus_ORDER_ACCEPTED, msg.Day
	if m.independent(c.signer, o.Provenance.Signer) && m.independent(c.signer, o.Order.Seller) {
		p.Evidence = raised(p.Evidence)
		if p.Counted {
			m.lend(&o, o.Legs|legAccepted, p, msg.Day)
		}
	}
	m.bothSides(&o, types.EntryKind_ENTRY_DELIVERY_ACCEPTED, at, p, msg.Day)
	m.orders.put(at, o)
	return types.Code_ok
}

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
