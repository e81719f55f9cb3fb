package model

import "tradecredit/types"

var rulesOfServices = map[string]rule{
	"record_service_progress":  on((*Model).recordServiceProgress),
	"confirm_service_progress": on((*Model).confirmServiceProgress),
}

// serviceClasses are the codes of EBOPS 2010 that count.
var serviceClasses = []string{"SF", "SG", "SH", "SI", "SJ", "SK"}

func (m *Model) recordServiceProgress(c *call, msg *types.RecordServiceProgress) types.Code {
	code := lowest(codeOf(types.CheckSourceID(msg.Id)), codeOf(types.CheckRecordID(msg.Order)), digest(msg.Commitment), required(msg.Service),
		amount(msg.ExecutedMinor), unless(contains(serviceClasses, msg.Ebops), types.Code_service_class_unknown), notTooEarly(msg.Day))
	if code = refusal(code, m.eventDay(msg.Day)); code != types.Code_ok {
		return code
	}
	at := types.ProgressKey(c.id(msg.Id))
	if old, ok := m.progresses.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.progresses.put(at, old) })
	}
	o, ok := m.orders.get(types.OrderKey(msg.Order))
	if !ok {
		return types.Code_order_unknown
	}
	may := o.Status == types.OrderStatus_PROPOSED || o.Status == types.OrderStatus_CONFIRMED
	code = refusal(m.actsFor(c, o.Order.Seller), when(ofGoods(&o), types.Code_not_a_service), unless(may, types.Code_order_state_forbids),
		notLongBefore(msg.Day, &o), when(o.ExecutedMinor+msg.ExecutedMinor > o.Order.AmountMinor, types.Code_executed_over_contract))
	if code != types.Code_ok {
		return code
	}
	base := share(o.BaseMinor, o.ExecutedMinor+msg.ExecutedMinor, o.Order.AmountMinor) - share(o.BaseMinor, o.ExecutedMinor, o.Order.AmountMinor)
	if code = m.withinLimit(c, base); code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.Day)
	o.ExecutedMinor += msg.ExecutedMinor
	o.CancelAskedBy = ""
	m.putOrder(types.OrderKey(msg.Order), o)
	m.progresses.put(at, types.Progress{Progress: msg, Provenance: p, Status: types.ProgressStatus_PROGRESS_RECORDED, BaseMinor: base})
	e := m.entryOfProgress(&o, types.EntryKind_ENTRY_PROGRESS, at, p, msg.Day, base)
	e.Counted = false
	m.post(o.Order.Seller, e)
	return types.Code_ok
}

// entryOfProgress is a row about a step, in the seller's log.
func (m *Model) entryOfProgress(o *types.Order, kind types.EntryKind, at types.Key[types.Progress], p *types.Provenance, day int32, base int64) types.Entry {
	e := m.entryOfOrder(o, kind, types.Key[types.Order](at), p, day, o.Order.Buyer)
	e.BaseMinor = base
	return e
}

func (m *Model) confirmServiceProgress(c *call, msg *types.ConfirmServiceProgress) types.Code {
	code := lowest(codeOf(types.CheckRecordID(msg.Progress)), digest(msg.Commitment), amount(msg.ExecutedMinor), notTooEarly(msg.Day))
	if code = refusal(code, m.eventDay(msg.Day)); code != types.Code_ok {
		return code
	}
	at := types.ProgressKey(msg.Progress)
	x, ok := m.progresses.get(at)
	if !ok {
		return types.Code_progress_unknown
	}
	o := m.orders.at(types.OrderKey(x.Progress.Order))
	before := x.Tax
	if !c.own() {
		code = m.actsFor(c, o.Order.Buyer)
		before = x.Buyer
	}
	code = refusal(code, m.withinLimit(c, x.BaseMinor), when(msg.ExecutedMinor != x.Progress.ExecutedMinor, types.Code_terms_differ),
		when(string(msg.Commitment) != string(x.Progress.Commitment), types.Code_commitment_differs))
	if code != types.Code_ok {
		return code
	}
	if before != nil && before.Signer != c.signer {
		return types.Code_progress_state_forbids
	}
	if before != nil {
		p, code := m.again(c, before)
		if code == types.Code_id_taken {
			return types.Code_progress_state_forbids
		}
		if p != nil {
			if c.own() {
				x.Tax = p
			} else {
				x.Buyer = p
			}
			m.progresses.put(at, x)
		}
		return code
	}
	if msg.Day < x.Progress.Day {
		return types.Code_progress_state_forbids
	}
	m.confirmStep(c, at, x, o, msg)
	return types.Code_ok
}

// confirmStep takes a confirmation into the step, its order, and both logs.
func (m *Model) confirmStep(c *call, at types.Key[types.Progress], x types.Progress, o types.Order, msg *types.ConfirmServiceProgress) {
	p := m.provenance(c, msg.Day)
	outside := m.independent(c.signer, x.Provenance.Signer) && m.independent(c.signer, o.Provenance.Signer) && m.independent(c.signer, o.Order.Seller)
	if outside {
		p.Evidence = raised(p.Evidence)
	}
	x.Provenance = withEvidence(x.Provenance, max(x.Provenance.Evidence, p.Evidence))
	stands := outside && p.Counted
	first := x.Status == types.ProgressStatus_PROGRESS_RECORDED
	x.Status = types.ProgressStatus_PROGRESS_CONFIRMED
	if first {
		o.ConfirmedMinor += msg.ExecutedMinor
		o.PerformedDay = max(o.PerformedDay, msg.Day)
	}
	member := stands && c.key.Role != types.Role_ENTERPRISE && !(x.TaxOutside || x.BuyerOutside && x.Buyer.Role != types.Role_ENTERPRISE)
	if c.own() {
		x.Tax, x.TaxOutside = p, stands
		if stands {
			o.TaxConfirmedMinor += msg.ExecutedMinor
		}
	} else {
		x.Buyer, x.BuyerOutside = p, stands
		if stands {
			o.BuyerConfirmedMinor += msg.ExecutedMinor
		}
	}
	if member {
		o.MemberConfirmedMinor += msg.ExecutedMinor
	}
	e := m.entryOfProgress(&o, types.EntryKind_ENTRY_PROGRESS_CONFIRMED, at, p, msg.Day, x.BaseMinor)
	seller := m.post(o.Order.Seller, e)
	e.Counterparty = o.Order.Seller
	buyer := m.post(o.Order.Buyer, e)
	if c.own() {
		x.TaxSellerEntry, x.TaxBuyerEntry = seller, buyer
	}
	m.progresses.put(at, x)
	order := types.OrderKey(x.Progress.Order)
	if o.DeliveredDay != 0 {
		m.lendPerformed(&o, p, msg.Day)
	} else {
		m.performedIfDone(&o, order, p, outside, o.PerformedDay)
	}
	m.putOrder(order, o)
}

// lendPerformed, once it is performed: the tax authority's word on all of it is the leg of the goods, the buyer's that of the receipt.
func (m *Model) lendPerformed(o *types.Order, p *types.Provenance, day int32) {
	legs := o.Legs &^ legGoods
	if o.TaxConfirmedMinor == o.Order.AmountMinor {
		legs |= legGoods
	}
	if o.BuyerConfirmedMinor == o.Order.AmountMinor {
		legs |= legAccepted
	}
	m.lend(o, legs, p, day)
}

// performedIfDone closes the promise of a service whose confirmed steps reach the contract.
func (m *Model) performedIfDone(o *types.Order, at types.Key[types.Order], p *types.Provenance, outside bool, day int32) {
	may := o.Status == types.OrderStatus_PROPOSED || o.Status == types.OrderStatus_CONFIRMED
	if !may || o.ConfirmedMinor < o.Order.AmountMinor {
		return
	}
	o.Status, o.DeliveredDay, o.DeliveredBy = types.OrderStatus_ORDER_DELIVERED, day, p.Signer
	o.DeliveredIndependent = outside && !isEnterprise(p.Signer) && o.MemberConfirmedMinor == o.Order.AmountMinor
	o.CancelAskedBy = ""
	m.lendPerformed(o, p, day)
	seller := m.entryOfOrder(o, types.EntryKind_ENTRY_DELIVERED, at, p, o.DeliveredDay, o.Order.Buyer)
	buyer := m.entryOfOrder(o, types.EntryKind_ENTRY_RECEIVED, at, p, o.DeliveredDay, o.Order.Seller)
	seller.OnTime, seller.Open, seller.Independent = o.DeliveredDay <= o.Order.PromisedDay, o.PromiseEntry != 0, o.DeliveredIndependent
	o.PromiseEntry = 0
	o.DeliveredEntry = m.post(o.Order.Seller, seller)
	o.ReceivedEntry = m.post(o.Order.Buyer, buyer)
}
