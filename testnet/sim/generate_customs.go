package sim

import "tradecredit/types"

// customs: what happens to declarations, in all supervision modes.
var customs = []generator{{"record_customs_event", 10, recordCustomsEvent}}

// recordCustomsEvent goes on with a declaration, or declares an order.
func recordCustomsEvent(w *world) *act {
	m := &types.RecordCustomsEvent{Id: w.id(), Day: w.eventDay(), Place: oneOf(w.rng, "", "CNSHA")}
	if id, d := pick(w, types.Declarations, nil); d != nil && chance(w.rng, 65) {
		signer, source, _ := types.SplitRecordID(id)
		m.Declaration, m.Event, m.Day = source, nextCustoms(w, d), max(d.DeclaredDay, m.Day)
		switch m.Event {
		case types.CustomsEvent_DECLARATION_AMENDED:
			m.Currency, m.ValueMinor = d.Currency, w.amount()
		case types.CustomsEvent_SUMMARY_DECLARED:
			m.ListCount = d.ListCount
		case types.CustomsEvent_SOLD_THROUGH:
			m.SoldMinor = 1 + w.rng.Int64N(d.ValueMinor)
			if order, o := pick(w, types.Orders, func(_ string, o *types.Order) bool { return o.Order.Seller == d.Declarant }); o != nil {
				m.Order = order
			}
		}
		return own(signer, m)
	}
	id, o := pick(w, types.Orders, nil)
	if o == nil {
		return nil
	}
	m.Event, m.Declaration, m.Order, m.Export = types.CustomsEvent_DECLARED, w.id(), id, chance(w.rng, 60)
	m.Currency, m.ValueMinor, m.Hs6 = o.Order.Currency, o.Order.AmountMinor, o.Order.Hs6
	w.mode(m)
	m.Declarant = o.Order.Buyer
	if m.Export {
		m.Declarant = o.Order.Seller
	}
	return own(w.member(types.Role_CUSTOMS), m)
}

// mode chooses a supervision mode, and says what it asks for.
func (w *world) mode(m *types.RecordCustomsEvent) {
	m.Mode = oneOf(w.rng, "0110", "0110", "0110", "9610", "9710", "9810", "1210", "1300", "1371", "4561")
	switch m.Mode {
	case "9610":
		m.ListRoot, m.ListCount = w.digest(), 1+uint32(w.rng.IntN(100))
	case "9710":
		m.Export = true
	case "9810":
		m.Export, m.Place = true, "DEHAM"
	case "1210", "1371":
		m.BondedZone = "3301A"
	}
	if m.Mode != "1300" && m.Mode != "1371" && m.Mode != "4561" {
		return
	}
	id, d := pick(w, types.Declarations, func(_ string, d *types.Declaration) bool {
		return d.ReleasedDay != 0 && (m.Mode == "4561" || d.Mode == m.Mode)
	})
	if d != nil && (m.Mode == "4561" || chance(w.rng, 50)) { // the goods come back
		m.Linked, m.Order, m.Export, m.Currency = id, d.Order, !d.Export, d.Currency
		m.ValueMinor = 1 + w.rng.Int64N(d.ValueMinor)
	}
}

func nextCustoms(w *world, d *types.Declaration) types.CustomsEvent {
	switch d.Status {
	case types.DeclarationStatus_DECLARATION_DECLARED:
		return oneOf(w.rng, types.CustomsEvent_INSPECTED, types.CustomsEvent_RELEASED, types.CustomsEvent_RELEASED, types.CustomsEvent_DECLARATION_AMENDED, types.CustomsEvent_DECLARATION_REVOKED)
	case types.DeclarationStatus_DECLARATION_INSPECTED:
		return oneOf(w.rng, types.CustomsEvent_RELEASED, types.CustomsEvent_RELEASED, types.CustomsEvent_DECLARATION_AMENDED)
	case types.DeclarationStatus_DECLARATION_RELEASED:
		if d.Mode == "9610" || d.Mode == "9810" {
			return oneOf(w.rng, types.CustomsEvent_SUMMARY_DECLARED, types.CustomsEvent_SOLD_THROUGH, types.CustomsEvent_GATE_OUT)
		}
		return oneOf(w.rng, types.CustomsEvent_GATE_OUT, types.CustomsEvent_DECLARATION_AMENDED, types.CustomsEvent_DECLARATION_REVOKED)
	}
	if d.Mode == "9810" && chance(w.rng, 50) {
		return types.CustomsEvent_SOLD_THROUGH
	}
	return types.CustomsEvent_DECLARATION_CLOSED
}
