package sim

import "tradecredit/types"

// trade: orders, goods and customs.
var trade = []generator{
	{"record_order", 12, recordOrder},
	{"confirm_order", 8, confirmOrder},
	{"record_customs_event", 8, recordCustomsEvent},
	{"record_logistics_event", 10, recordLogisticsEvent},
	{"accept_delivery", 6, acceptDelivery},
}

func recordOrder(w *world) *act {
	buyer, seller := w.twoEnterprises()
	if buyer == "" {
		return nil
	}
	day := w.eventDay()
	m := &types.RecordOrder{
		Id: w.id(), Kind: types.OrderKind_GOODS, Buyer: buyer, Seller: seller, OrderDay: day, PromisedDay: day + int32(w.rng.IntN(60)),
		Currency: w.currency(), AmountMinor: w.amount(), TermsDigest: w.digest(), Related: w.related(buyer, seller),
		Hs6: oneOf(w.rng, "", "850440"), Incoterm: oneOf(w.rng, "", "FOB"),
	}
	if chance(w.rng, 55) {
		return own(w.member(types.Role_PLATFORM), m)
	}
	return w.by(oneOf(w.rng, buyer, seller), m)
}

func confirmOrder(w *world) *act {
	id, o := pick(w, types.Orders, func(_ string, o *types.Order) bool {
		return o.Status == types.OrderStatus_PROPOSED && o.ConfirmedBy == ""
	})
	if o == nil {
		return nil
	}
	party := oneOf(w.rng, o.Order.Buyer, o.Order.Seller)
	if party == o.Provenance.Signer || party == o.Provenance.OnBehalfOf {
		party = o.Order.Buyer
		if party == o.Provenance.Signer || party == o.Provenance.OnBehalfOf {
			party = o.Order.Seller
		}
	}
	return w.by(party, &types.ConfirmOrder{Order: id, TermsDigest: o.Order.TermsDigest, Day: w.eventDay()})
}

// recordCustomsEvent goes on with a declaration, or declares an order.
func recordCustomsEvent(w *world) *act {
	m := &types.RecordCustomsEvent{Id: w.id(), Day: w.eventDay(), Place: oneOf(w.rng, "", "CNSHA")}
	if id, d := pick(w, types.Declarations, nil); d != nil && chance(w.rng, 65) {
		signer, source, _ := types.SplitRecordID(id)
		m.Declaration = source
		m.Event = nextCustoms(w, d.Status)
		if m.Event == types.CustomsEvent_DECLARATION_AMENDED {
			m.Currency, m.ValueMinor = w.currency(), w.amount()
		}
		return own(signer, m)
	}
	id, o := pick(w, types.Orders, nil)
	if o == nil {
		return nil
	}
	m.Event, m.Declaration, m.Order, m.Mode, m.Export = types.CustomsEvent_DECLARED, w.id(), id, "0110", chance(w.rng, 60)
	m.Declarant, m.Currency, m.ValueMinor, m.Hs6 = o.Order.Buyer, o.Order.Currency, o.Order.AmountMinor, o.Order.Hs6
	if m.Export {
		m.Declarant = o.Order.Seller
	}
	return own(w.member(types.Role_CUSTOMS), m)
}

func nextCustoms(w *world, from types.DeclarationStatus) types.CustomsEvent {
	switch from {
	case types.DeclarationStatus_DECLARATION_DECLARED:
		return oneOf(w.rng, types.CustomsEvent_INSPECTED, types.CustomsEvent_RELEASED, types.CustomsEvent_DECLARATION_AMENDED, types.CustomsEvent_DECLARATION_REVOKED)
	case types.DeclarationStatus_DECLARATION_INSPECTED:
		return oneOf(w.rng, types.CustomsEvent_RELEASED, types.CustomsEvent_RELEASED, types.CustomsEvent_DECLARATION_AMENDED)
	case types.DeclarationStatus_DECLARATION_RELEASED:
		return oneOf(w.rng, types.CustomsEvent_GATE_OUT, types.CustomsEvent_GATE_OUT, types.CustomsEvent_DECLARATION_REVOKED)
	}
	return types.CustomsEvent_DECLARATION_CLOSED
}

func recordLogisticsEvent(w *world) *act {
	id, o := pick(w, types.Orders, func(_ string, o *types.Order) bool {
		return o.Status >= types.OrderStatus_PROPOSED && o.Status <= types.OrderStatus_ORDER_IN_WAREHOUSE
	})
	if o == nil {
		return nil
	}
	m := &types.RecordLogisticsEvent{
		Id: w.id(), Order: id, Day: w.eventDay(), Place: oneOf(w.rng, "CNSHA", "DEHAM", "SG"),
		Event: oneOf(w.rng, types.LogisticsEvent_IN_TRANSIT, types.LogisticsEvent_IN_WAREHOUSE, types.LogisticsEvent_DELIVERED,
			types.LogisticsEvent_DELIVERED, types.LogisticsEvent_ESTIMATE),
	}
	if m.Event == types.LogisticsEvent_ESTIMATE {
		m.Day = w.ahead(30)
	}
	if chance(w.rng, 30) {
		m.TransportDocument = w.digest()
	}
	return own(w.oneWith(types.Role_LOGISTICS, types.Role_LOGISTICS, types.Role_PLATFORM), m)
}

func acceptDelivery(w *world) *act {
	id, o := pick(w, types.Orders, func(_ string, o *types.Order) bool { return o.Status == types.OrderStatus_ORDER_DELIVERED })
	if o == nil {
		return nil
	}
	return w.by(o.Order.Buyer, &types.AcceptDelivery{Order: id, Day: max(o.DeliveredDay, w.ago(4))})
}
