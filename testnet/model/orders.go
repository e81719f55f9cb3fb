package model

import "tradecredit/types"

var rulesOfOrders = map[string]rule{
	"record_order":    on((*Model).recordOrder),
	"confirm_order":   on((*Model).confirmOrder),
	"amend_order":     on((*Model).amendOrder),
	"cancel_order":    on((*Model).cancelOrder),
	"accept_delivery": on((*Model).acceptDelivery),
	"reject_delivery": on((*Model).rejectDelivery),
}

// raised is what an independent counterparty's word makes of evidence that was lower.
func raised(e types.Evidence) types.Evidence {
	return max(e, types.Evidence_COUNTERPARTY_CONFIRMED)
}

func withEvidence(p *types.Provenance, e types.Evidence) *types.Provenance {
	x := *p
	x.Evidence = e
	return &x
}

// promisedDay bounds the day that delivery was promised for.
func promisedDay(order, promised int32) types.Code {
	return refusal(when(promised < order-366, types.Code_promised_before_order),
		when(int64(promised) > int64(order)+1098, types.Code_promised_too_late))
}

// notLongBefore refuses an event that lies far before its order.
func notLongBefore(day int32, o *types.Order) types.Code {
	return when(day < o.Order.OrderDay-366, types.Code_event_before_order)
}

func (m *Model) shapeOfOrder(msg *types.RecordOrder) types.Code {
	code := refusal(codeOf(types.CheckSourceID(msg.Id)), codeOf(types.CheckSubjectID(msg.Buyer)), codeOf(types.CheckSubjectID(msg.Seller)),
		digest(msg.TermsDigest), required(msg.Kind), amount(msg.AmountMinor), m.currency(msg.Currency))
	if msg.Hs6 != "" {
		code = refusal(code, m.hs6(msg.Hs6))
	}
	if msg.Incoterm != "" {
		code = refusal(code, codeOf(types.CheckIncoterm(msg.Incoterm)))
	}
	return refusal(code, notTooEarly(msg.OrderDay), promisedDay(msg.OrderDay, msg.PromisedDay),
		when(msg.Buyer == msg.Seller, types.Code_parties_must_differ))
}

func (m *Model) recordOrder(c *call, msg *types.RecordOrder) types.Code {
	if code := refusal(m.shapeOfOrder(msg), m.eventDay(msg.OrderDay)); code != types.Code_ok {
		return code
	}
	at := types.OrderKey(c.id(msg.Id))
	if old, ok := m.orders.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.putOrder(at, old) })
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
	o.BoughtEntry = m.post(msg.Buyer, m.entryOfOrder(&o, types.EntryKind_ENTRY_ORDER_BOUGHT, at, p, msg.OrderDay, msg.Seller))
	m.sell(&o, at, p, c.party() != msg.Buyer) // the buyer's word alone is no sale
	m.putOrder(at, o)
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
func (m *Model) bothSides(o *types.Order, kind types.EntryKind, at types.Key[types.Order], p *types.Provenance, day int32, counts bool) {
	seller := m.entryOfOrder(o, kind, at, p, day, o.Order.Buyer)
	buyer := m.entryOfOrder(o, kind, at, p, day, o.Order.Seller)
	seller.Counted, buyer.Counted = seller.Counted && counts, buyer.Counted && counts
	m.post(o.Order.Seller, seller)
	m.post(o.Order.Buyer, buyer)
}

// sell posts the sale to the seller's log; if it counts it is a promise, and open.
func (m *Model) sell(o *types.Order, at types.Key[types.Order], p *types.Provenance, stated bool) {
	e := m.entryOfOrder(o, types.EntryKind_ENTRY_ORDER_SOLD, at, p, o.Order.OrderDay, o.Order.Buyer)
	e.Counted = e.Counted && stated
	e.Open = e.Counted
	o.SoldEntry = m.post(o.Order.Seller, e)
	o.PromiseEntry, o.SaleEntry = 0, 0
	if e.Open {
		o.PromiseEntry, o.SaleEntry = o.SoldEntry, o.SoldEntry
	}
}

// unsell takes an open promise and its weight back.
func (m *Model) unsell(o *types.Order) {
	e := m.logs[o.Order.Seller][o.PromiseEntry-1]
	e.Kind, e.Reverses = types.EntryKind_ENTRY_ORDER_SOLD_REVERSED, o.PromiseEntry
	if o.SoldEntry == o.PromiseEntry { // the row of the order's own signature, which may have fallen since
		o.SoldEntry = 0
		if o.Provenance.Fallen {
			e.Evidence = types.Evidence_SELF_DECLARED
		}
	}
	o.PromiseEntry, o.SaleEntry = 0, 0
	m.post(o.Order.Seller, e)
}

// recorder is the party that an order was recorded for; empty when a platform recorded it in its own right.
func recorder(o *types.Order) string {
	if isEnterprise(o.Provenance.Signer) {
		return o.Provenance.Signer
	}
	return o.Provenance.OnBehalfOf
}

func sideOfOrder(o *types.Order, party string) string {
	if party == o.Order.Buyer {
		return "buyer"
	}
	return "seller"
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
	if code = m.actsForEither(c, o.Order.Buyer, o.Order.Seller); code != types.Code_ok {
		return code
	}
	same := string(o.Order.TermsDigest) == string(msg.TermsDigest)
	waits := o.Amendment != nil
	if waits && string(o.Amendment.TermsDigest) == string(msg.TermsDigest) {
		return m.confirmAmendment(c, at, o, msg)
	}
	if o.ConfirmedBy == c.signer && same {
		return types.Code_already_recorded
	}
	code = refusal(when(c.party() == recorder(&o), types.Code_not_a_party), m.withinLimit(c, o.BaseMinor),
		when(o.ConfirmedBy != "" && !same && !waits, types.Code_nothing_to_confirm), unless(same, types.Code_terms_differ),
		when(o.ConfirmedBy != "", types.Code_already_confirmed),
		when(o.Status != types.OrderStatus_PROPOSED, types.Code_order_state_forbids), notLongBefore(msg.Day, &o))
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
	if o.ConfirmedIndependent && p.Counted {
		m.lend(&o, o.Legs|legContract, p, msg.Day)
	}
	if recorder(&o) == o.Order.Buyer && o.ConfirmedIndependent && m.entryOfOrder(&o, 0, at, p, 0, "").Counted {
		sold := o.SoldEntry
		m.sell(&o, at, p, true)
		o.SoldEntry = sold // the row of the order's own signature
	}
	m.bothSides(&o, types.EntryKind_ENTRY_ORDER_CONFIRMED, at, p, msg.Day, true)
	m.putOrder(at, o)
	return types.Code_ok
}

func (m *Model) amendOrder(c *call, msg *types.AmendOrder) types.Code {
	code := refusal(codeOf(types.CheckRecordID(msg.Order)), digest(msg.TermsDigest), amount(msg.AmountMinor), notTooEarly(msg.Day),
		notTooEarly(msg.PromisedDay), m.eventDay(msg.Day))
	if code != types.Code_ok {
		return code
	}
	at := types.OrderKey(msg.Order)
	o, ok := m.orders.get(at)
	if !ok {
		return types.Code_order_unknown
	}
	alone := o.Status == types.OrderStatus_PROPOSED
	if alone {
		code = m.actsAlone(c, &o)
	} else {
		code = m.actsForEither(c, o.Order.Buyer, o.Order.Seller)
	}
	if code != types.Code_ok {
		return code
	}
	side := sideOfOrder(&o, c.party())
	if waits := o.Amendment; waits != nil && sameTerms(waits, msg) && o.AmendedBy == side {
		return types.Code_already_recorded
	}
	if o.Order.PromisedDay == msg.PromisedDay && o.Order.AmountMinor == msg.AmountMinor && string(o.Order.TermsDigest) == string(msg.TermsDigest) {
		if o.Amendment == nil || o.AmendedBy != side {
			return types.Code_already_recorded
		}
		o.Amendment, o.AmendedBy, o.AmendedSigner = nil, "", ""
		m.putOrder(at, o)
		return types.Code_ok
	}
	code = refusal(promisedDay(o.Order.OrderDay, msg.PromisedDay), when(string(o.Order.TermsDigest) == string(msg.TermsDigest), types.Code_terms_differ),
		m.amendable(&o, msg), when(alone && o.Order.PromisedDay < m.day && msg.PromisedDay != o.Order.PromisedDay, types.Code_order_state_forbids),
		when(msg.AmountMinor < inUse(&o), types.Code_amendment_below_use))
	base, unfixed := m.base(msg.AmountMinor, o.Order.Currency, o.Order.OrderDay)
	if code = refusal(code, unfixed, m.carries(at, base), notLongBefore(msg.Day, &o), m.withinLimit(c, base)); code != types.Code_ok {
		return code
	}
	if alone {
		p := m.provenance(c, msg.Day)
		own := o.PromiseEntry != 0 && o.SoldEntry == o.PromiseEntry && !o.Provenance.Fallen
		m.amended(&o, at, msg, base, p)
		if own {
			o.SoldEntry = o.PromiseEntry
		}
		m.performed(&o, at, p, msg.Day, false)
	} else {
		o.Amendment, o.AmendedBy, o.AmendedSigner = msg, side, c.signer
	}
	m.putOrder(at, o)
	return types.Code_ok
}

// actsAlone refuses a signer that did not record the order.
func (m *Model) actsAlone(c *call, o *types.Order) types.Code {
	if c.own() {
		return unless(o.Provenance.Signer == c.signer && recorder(o) == "", types.Code_not_a_party)
	}
	return refusal(m.actsForEither(c, o.Order.Buyer, o.Order.Seller), unless(c.party() == recorder(o), types.Code_not_a_party))
}

func sameTerms(a, b *types.AmendOrder) bool {
	return a.Day == b.Day && a.PromisedDay == b.PromisedDay && a.AmountMinor == b.AmountMinor && string(a.TermsDigest) == string(b.TermsDigest)
}

// broken tells whether the promised day has passed, and the promise is still open.
func (m *Model) broken(o *types.Order) bool {
	return o.PromiseEntry != 0 && o.Order.PromisedDay < m.day
}

// amendable refuses an amendment of what is over, or of the day of what was delivered.
func (m *Model) amendable(o *types.Order, msg *types.AmendOrder) types.Code {
	switch o.Status {
	case types.OrderStatus_ORDER_CANCELLED, types.OrderStatus_ORDER_CLOSED, types.OrderStatus_ORDER_RETURNED:
		return types.Code_order_state_forbids
	}
	return when(o.DeliveredDay != 0 && msg.PromisedDay != o.Order.PromisedDay, types.Code_order_state_forbids)
}

// inUse is the least that an order is worth: what of it is invoiced, executed or returned.
func inUse(o *types.Order) int64 { return max(o.InvoicedMinor, o.ExecutedMinor, o.ReturnedMinor) }

// carries refuses a value of a trade below what is pledged of it.
func (m *Model) carries(at types.Key[types.Order], base int64) types.Code {
	return when(base < m.encumbrances.at(types.EncumbranceKey(string(at))).BaseMinor, types.Code_value_under_financing)
}

// amended puts new terms into force. p signs for the amendment, and for the promise that comes with it.
func (m *Model) amended(o *types.Order, at types.Key[types.Order], msg *types.AmendOrder, base int64, p *types.Provenance) {
	var sale types.Entry
	open := o.PromiseEntry != 0
	if open {
		sale = m.logs[o.Order.Seller][o.PromiseEntry-1]
		m.unsell(o)
	}
	terms := *o.Order
	terms.PromisedDay, terms.AmountMinor, terms.TermsDigest = msg.PromisedDay, msg.AmountMinor, msg.TermsDigest
	o.Order, o.BaseMinor = &terms, base
	o.Amendments++
	o.Amendment, o.AmendedBy, o.AmendedSigner, o.CancelAskedBy = nil, "", "", ""
	sold := o.SoldEntry
	switch {
	case open:
		own := entryOf(0, "", p, 0)
		sale.DueDay, sale.BaseMinor, sale.Member, sale.Evidence = msg.PromisedDay, base, own.Member, own.Evidence
		o.PromiseEntry = m.post(o.Order.Seller, sale)
		o.SaleEntry = o.PromiseEntry
	case o.DeliveredDay == 0 && o.Provenance.Counted && !o.Related && (recorder(o) != o.Order.Buyer || o.Legs&legContract != 0):
		m.sell(o, at, p, true) // the seller's word on what the buyer had recorded
	}
	o.SoldEntry = sold
	m.bothSides(o, types.EntryKind_ENTRY_ORDER_AMENDED, at, p, msg.Day, false)
}

// confirmAmendment brings the amendment that waits into force.
func (m *Model) confirmAmendment(c *call, at types.Key[types.Order], o types.Order, msg *types.ConfirmOrder) types.Code {
	waits := o.Amendment
	code := refusal(when(sideOfOrder(&o, c.party()) == o.AmendedBy, types.Code_not_a_party), m.amendable(&o, waits),
		when(waits.AmountMinor < inUse(&o), types.Code_amendment_below_use))
	base, unfixed := m.base(waits.AmountMinor, o.Order.Currency, o.Order.OrderDay)
	buyer := c.signer
	if o.AmendedBy == "buyer" {
		buyer = o.AmendedSigner
	}
	outside := m.independent(c.signer, o.AmendedSigner) && m.independent(buyer, o.Order.Seller)
	moves := m.broken(&o) && waits.PromisedDay != o.Order.PromisedDay
	code = refusal(code, unfixed, m.carries(at, base), notLongBefore(msg.Day, &o), m.withinLimit(c, base), when(moves && !outside, types.Code_same_control_group))
	if code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.Day)
	terms := *waits
	terms.Day = msg.Day
	o.ConfirmedBy, o.ConfirmedIndependent = c.signer, outside
	legs := o.Legs &^ legContract
	if outside {
		p.Evidence = raised(p.Evidence)
		if p.Counted {
			legs |= legContract
		}
	}
	o.Provenance = withEvidence(o.Provenance, p.Evidence)
	m.lend(&o, legs, p, msg.Day)
	m.amended(&o, at, &terms, base, p)
	m.performed(&o, at, p, msg.Day, outside)
	m.putOrder(at, o)
	return types.Code_ok
}

// performed: a contract that became smaller may be performed by what was confirmed before; today, if its promise is
// broken by now.
func (m *Model) performed(o *types.Order, at types.Key[types.Order], p *types.Provenance, day int32, outside bool) {
	switch {
	case ofGoods(o):
	case o.DeliveredDay != 0:
		m.lendPerformed(o, p, day)
	case m.broken(o):
		m.performedIfDone(o, at, p, outside, max(o.PerformedDay, m.day))
	default:
		m.performedIfDone(o, at, p, outside, o.PerformedDay)
	}
}

func (m *Model) cancelOrder(c *call, msg *types.CancelOrder) types.Code {
	code := refusal(codeOf(types.CheckRecordID(msg.Order)), notTooEarly(msg.Day), m.eventDay(msg.Day))
	if code != types.Code_ok {
		return code
	}
	at := types.OrderKey(msg.Order)
	o, ok := m.orders.get(at)
	if !ok {
		return types.Code_order_unknown
	}
	cancelled, alone := o.Status == types.OrderStatus_ORDER_CANCELLED, o.Status == types.OrderStatus_PROPOSED
	if alone || cancelled && c.own() {
		code = m.actsAlone(c, &o)
	} else {
		code = m.actsForEither(c, o.Order.Buyer, o.Order.Seller)
	}
	if code = refusal(code, m.withinLimit(c, o.BaseMinor)); code != types.Code_ok {
		return code
	}
	if cancelled {
		return types.Code_already_recorded
	}
	side := sideOfOrder(&o, c.party())
	code = refusal(when(!alone && o.CancelAskedBy == side, types.Code_already_requested), notLongBefore(msg.Day, &o), m.begun(at, &o))
	if code != types.Code_ok {
		return code
	}
	if !alone && o.CancelAskedBy == "" {
		o.CancelAskedBy = side
		m.putOrder(at, o)
		return types.Code_ok
	}
	p := m.provenance(c, msg.Day)
	counts := m.broken(&o)
	if o.PromiseEntry != 0 {
		m.unsell(&o)
	}
	o.Status, o.CancelledDay, o.CancelReason, o.CancelAskedBy = types.OrderStatus_ORDER_CANCELLED, msg.Day, msg.Reason, ""
	o.Amendment, o.AmendedBy, o.AmendedSigner = nil, "", ""
	seller := m.entryOfOrder(&o, types.EntryKind_ENTRY_ORDER_CANCELLED, at, p, msg.Day, o.Order.Buyer)
	buyer := m.entryOfOrder(&o, types.EntryKind_ENTRY_ORDER_CANCELLED, at, p, msg.Day, o.Order.Seller)
	seller.Counted, buyer.Counted = counts, false
	entry := m.post(o.Order.Seller, seller)
	if counts {
		o.CancelledEntry = entry
	}
	m.post(o.Order.Buyer, buyer)
	m.putOrder(at, o)
	return types.Code_ok
}

// begun refuses to cancel what has begun: goods that moved or were declared, work that was done, money that is claimed.
func (m *Model) begun(at types.Key[types.Order], o *types.Order) types.Code {
	status := o.Status == types.OrderStatus_PROPOSED || o.Status == types.OrderStatus_CONFIRMED
	if !status || o.Releases > 0 || o.ExecutedMinor > 0 || len(m.liens(string(at))) > 0 {
		return types.Code_order_in_use
	}
	if d, ok := m.declarations.get(types.DeclarationKey(o.Declaration)); ok && d.Status != types.DeclarationStatus_DECLARATION_IS_REVOKED {
		return types.Code_order_in_use
	}
	for _, id := range o.Receivables {
		s := m.receivables.at(types.ReceivableKey(id)).Status
		if s != types.ReceivableStatus_VOID && s != types.ReceivableStatus_REJECTED {
			return types.Code_order_in_use
		}
	}
	return types.Code_ok
}

// latestArrival is the day on which the goods came to the buyer last.
func latestArrival(o *types.Order) int32 { return max(o.DeliveredDay, o.ReexportedDay) }

// outAgain tells whether repaired or exchanged goods lie with the buyer on that day, whatever it said of them before.
func outAgain(o *types.Order, day int32) bool {
	return o.Status == types.OrderStatus_ORDER_REEXPORTED && day >= o.ReexportedDay
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
	if code = refusal(m.actsFor(c, o.Order.Buyer), m.withinLimit(c, o.BaseMinor)); code != types.Code_ok {
		return code
	}
	if o.AcceptedDay == msg.Day && !outAgain(&o, msg.Day) {
		return types.Code_already_recorded
	}
	disputed := o.Status == types.OrderStatus_ORDER_DISPUTED
	may := o.Status == types.OrderStatus_ORDER_DELIVERED || o.Status == types.OrderStatus_ORDER_REEXPORTED || disputed
	code = refusal(unless(may, types.Code_order_state_forbids), when(msg.Day < latestArrival(&o), types.Code_order_state_forbids),
		when(msg.Day < o.RejectedDay, types.Code_order_state_forbids))
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
	m.bothSides(&o, types.EntryKind_ENTRY_DELIVERY_ACCEPTED, at, p, msg.Day, true)
	m.closeIfDone(&o)
	m.putOrder(at, o)
	return types.Code_ok
}

func (m *Model) rejectDelivery(c *call, msg *types.RejectDelivery) types.Code {
	code := refusal(codeOf(types.CheckRecordID(msg.Order)), notTooEarly(msg.Day), m.eventDay(msg.Day))
	if code != types.Code_ok {
		return code
	}
	at := types.OrderKey(msg.Order)
	o, ok := m.orders.get(at)
	if !ok {
		return types.Code_order_unknown
	}
	if code = refusal(m.actsFor(c, o.Order.Buyer), m.withinLimit(c, o.BaseMinor)); code != types.Code_ok {
		return code
	}
	if o.RejectedDay == msg.Day && o.RejectedReason == msg.Reason && !outAgain(&o, msg.Day) {
		return types.Code_already_recorded
	}
	may := o.Status == types.OrderStatus_ORDER_DELIVERED || o.Status == types.OrderStatus_ORDER_REEXPORTED
	code = refusal(unless(may, types.Code_order_state_forbids), when(msg.Day < latestArrival(&o), types.Code_order_state_forbids))
	if code != types.Code_ok {
		return code
	}
	o.Status, o.RejectedDay, o.RejectedReason, o.AcceptedDay = types.OrderStatus_ORDER_DISPUTED, msg.Day, msg.Reason, 0
	m.bothSides(&o, types.EntryKind_ENTRY_DELIVERY_REJECTED, at, m.provenance(c, msg.Day), msg.Day, false)
	m.putOrder(at, o)
	return types.Code_ok
}
