package sim

import "tradecredit/types"

// trade: orders, services, goods. Customs has a file of its own.
var trade = []generator{
	{"record_order", 12, recordOrder},
	{"confirm_order", 8, confirmOrder},
	{"record_logistics_event", 10, recordLogisticsEvent},
	{"accept_delivery", 6, acceptDelivery},
	{"amend_order", 3, amendOrder},
	{"cancel_order", 2, cancelOrder},
	{"record_service_progress", 6, recordServiceProgress},
	{"confirm_service_progress", 5, confirmServiceProgress},
	{"reject_delivery", 2, rejectDelivery},
	{"record_return", 5, recordReturn},
	{"record_trace", 3, recordTrace},
	{"record_parcel_batch", 3, recordParcelBatch},
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
	if chance(w.rng, 25) {
		m.Kind, m.Hs6, m.Incoterm = oneOf(w.rng, types.OrderKind_SERVICE, types.OrderKind_SERVICE, types.OrderKind_DIGITAL, types.OrderKind_DATA, types.OrderKind_REPAIR), "", ""
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

// recorder is the enterprise for which an order was recorded, empty when a platform did.
func recorder(o *types.Order) string {
	if o.Provenance.Role == types.Role_ENTERPRISE {
		return o.Provenance.Signer
	}
	return o.Provenance.OnBehalfOf
}

// forOrder completes an act of a party of an order, or of the platform that recorded it.
func (w *world) forOrder(o *types.Order, msg types.Msg) *act {
	if party := recorder(o); party != "" && chance(w.rng, 60) {
		return w.by(party, msg)
	} else if party == "" && chance(w.rng, 60) {
		return own(o.Provenance.Signer, msg)
	}
	return w.by(oneOf(w.rng, o.Order.Buyer, o.Order.Seller), msg)
}

func amendOrder(w *world) *act {
	id, o := pick(w, types.Orders, func(_ string, o *types.Order) bool { return o.Status <= types.OrderStatus_ORDER_IN_WAREHOUSE })
	if o == nil {
		return nil
	}
	return w.forOrder(o, &types.AmendOrder{
		Order: id, PromisedDay: o.Order.PromisedDay + int32(w.rng.IntN(20)), AmountMinor: max(o.InvoicedMinor, o.Order.AmountMinor-w.rng.Int64N(1+o.Order.AmountMinor/4)),
		TermsDigest: w.digest(), Day: w.ago(3),
	})
}

func cancelOrder(w *world) *act {
	id, o := pick(w, types.Orders, func(_ string, o *types.Order) bool {
		return o.CancelAskedBy != "" && o.Status == types.OrderStatus_CONFIRMED || o.Status == types.OrderStatus_PROPOSED && chance(w.rng, 30) ||
			o.Status == types.OrderStatus_CONFIRMED && chance(w.rng, 20)
	})
	if o == nil {
		return nil
	}
	m := &types.CancelOrder{Order: id, Day: w.ago(2), Reason: uint32(w.rng.IntN(3))}
	switch o.CancelAskedBy {
	case "buyer":
		return w.by(o.Order.Seller, m)
	case "seller":
		return w.by(o.Order.Buyer, m)
	}
	return w.forOrder(o, m)
}

func recordServiceProgress(w *world) *act {
	id, o := pick(w, types.Orders, func(_ string, o *types.Order) bool {
		return o.Order.Kind != types.OrderKind_GOODS && o.ExecutedMinor < o.Order.AmountMinor && o.Status <= types.OrderStatus_CONFIRMED
	})
	if o == nil {
		return nil
	}
	m := &types.RecordServiceProgress{
		Id: w.id(), Order: id, Service: oneOf(w.rng, types.ServiceClass_ITO, types.ServiceClass_BPO, types.ServiceClass_KPO),
		Ebops: oneOf(w.rng, "SI", "SJ", "SK"), ExecutedMinor: o.Order.AmountMinor - o.ExecutedMinor, Day: w.ago(5), Commitment: w.digest(),
	}
	if chance(w.rng, 50) {
		m.ExecutedMinor = 1 + w.rng.Int64N(m.ExecutedMinor)
	}
	return w.by(o.Order.Seller, m)
}

func confirmServiceProgress(w *world) *act {
	id, p := pick(w, types.Progresses, func(_ string, p *types.Progress) bool { return p.Buyer == nil || p.Tax == nil })
	if p == nil {
		return nil
	}
	m := &types.ConfirmServiceProgress{Progress: id, ExecutedMinor: p.Progress.ExecutedMinor, Day: max(p.Progress.Day, w.ago(3)), Commitment: p.Progress.Commitment}
	o := get(w, types.OrderKey(p.Progress.Order))
	if o != nil && p.Buyer == nil && chance(w.rng, 70) {
		return w.by(o.Order.Buyer, m)
	}
	return own(w.member(types.Role_TAX), m)
}

func rejectDelivery(w *world) *act {
	id, o := pick(w, types.Orders, func(_ string, o *types.Order) bool { return o.Status == types.OrderStatus_ORDER_DELIVERED })
	if o == nil {
		return nil
	}
	return w.by(o.Order.Buyer, &types.RejectDelivery{Order: id, Day: max(o.DeliveredDay, w.ago(4)), Reason: 1})
}

// recordReturn goes on with a return, or opens one.
func recordReturn(w *world) *act {
	m := &types.RecordReturn{Id: w.id(), Day: w.ago(3), Place: oneOf(w.rng, "CNSHA", "DE")}
	signer := w.oneWith(types.Role_LOGISTICS, types.Role_CUSTOMS, types.Role_PLATFORM)
	if id, r := pick(w, types.Returns, func(_ string, r *types.ReturnRecord) bool { return r.Stage < types.ReturnStage_RETURN_REEXPORTED }); r != nil && chance(w.rng, 60) {
		m.Order, m.Kind, m.Opened, m.Stage, m.Day = r.Opened.Order, r.Opened.Kind, id, r.Stage+1, max(r.Opened.Day, m.Day)
		return own(signer, m)
	}
	id, o := pick(w, types.Orders, func(_ string, o *types.Order) bool {
		return o.Status >= types.OrderStatus_ORDER_DELIVERED && o.ReturnedMinor < o.Order.AmountMinor
	})
	if o == nil {
		return nil
	}
	m.Order, m.Stage = id, types.ReturnStage_RETURN_OPENED
	m.Kind = oneOf(w.rng, types.ReturnKind_RETURN_GOODS, types.ReturnKind_RETURN_FOR_REPAIR, types.ReturnKind_RETURN_FOR_EXCHANGE)
	m.Fault = oneOf(w.rng, types.Fault_FAULT_OF_SELLER, types.Fault_FAULT_OF_SELLER, types.Fault_FAULT_OF_BUYER, types.Fault_FAULT_OF_CARRIER, types.Fault_FAULT_OF_NOBODY)
	m.ValueMinor, m.Day = 1+w.rng.Int64N(o.Order.AmountMinor-o.ReturnedMinor), max(o.DeliveredDay, m.Day)
	return own(signer, m)
}

func recordTrace(w *world) *act {
	m := &types.RecordTrace{Id: w.id(), Lot: w.digest(), Event: types.TraceEvent(1 + w.rng.IntN(6)), Place: "CNSHA", Day: w.ago(3)}
	if _, t := pick(w, types.Traces, nil); t != nil && chance(w.rng, 60) { // the same lot again
		m.Lot, m.Day = t.Trace.Lot, max(t.Trace.Day, m.Day)
	} else if t != nil && chance(w.rng, 50) { // a lot made of another
		m.Event, m.FromLots = oneOf(w.rng, types.TraceEvent_TRACE_PROCESSED, types.TraceEvent_TRACE_PACKED), [][]byte{t.Trace.Lot}
	}
	if id, o := pick(w, types.Orders, nil); o != nil && chance(w.rng, 40) {
		m.Order = id
	}
	if chance(w.rng, 30) {
		m.Commitment = w.digest()
	}
	return own(w.oneWith(types.Role_LOGISTICS, types.Role_PLATFORM, types.Role_VERIFIER), m)
}

func recordParcelBatch(w *world) *act {
	m := &types.RecordParcelBatch{Id: w.id(), Root: w.digest(), Count: 1 + uint32(w.rng.IntN(5000)), Day: w.ago(3), Place: "CNSHA"}
	if id, d := pick(w, types.Declarations, nil); d != nil && chance(w.rng, 40) {
		m.Declaration, m.Order = id, d.Order
		if d.ListCount > 0 {
			m.Root, m.Count = d.ListRoot, d.ListCount
		}
	} else if id, o := pick(w, types.Orders, nil); o != nil && chance(w.rng, 60) {
		m.Order = id
	}
	return own(w.oneWith(types.Role_LOGISTICS, types.Role_PLATFORM, types.Role_VERIFIER), m)
}
