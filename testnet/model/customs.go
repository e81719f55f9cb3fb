package model

import "tradecredit/types"

var rulesOfCustoms = map[string]rule{
	"record_customs_event": on((*Model).recordCustomsEvent),
}

func shapeOfCustomsEvent(msg *types.RecordCustomsEvent) types.Code {
	declared := msg.Event == types.CustomsEvent_DECLARED
	states := declared || msg.Event == types.CustomsEvent_DECLARATION_AMENDED
	code := refusal(codeOf(types.CheckSourceID(msg.Id)), codeOf(types.CheckSourceID(msg.Declaration)))
	if declared {
		code = refusal(code, codeOf(types.CheckRecordID(msg.Order)), codeOf(types.CheckSubjectID(msg.Declarant)))
	} else {
		code = refusal(code, when(msg.Order != "" || msg.Declarant != "" || msg.Mode != "" || msg.Export, types.Code_text_malformed))
	}
	if !states {
		code = refusal(code, when(msg.Currency != "" || msg.ValueMinor != 0 || msg.Hs6 != "", types.Code_text_malformed))
	}
	code = refusal(code, required(msg.Event))
	if states {
		code = refusal(code, amount(msg.ValueMinor), codeOf(types.CheckCurrency(msg.Currency)))
	}
	if msg.Place != "" {
		code = refusal(code, codeOf(types.CheckPlace(msg.Place)))
	}
	if msg.Hs6 != "" {
		code = refusal(code, codeOf(types.CheckHS6(msg.Hs6)))
	}
	if declared {
		code = refusal(code, codeOf(types.CheckMode(msg.Mode)))
	}
	code = refusal(code, notTooEarly(msg.Day))
	if declared {
		code = refusal(code, when(msg.Mode != "0110", types.Code_mode_not_supported))
	}
	return code
}

func (m *Model) recordCustomsEvent(c *call, msg *types.RecordCustomsEvent) types.Code {
	if code := refusal(shapeOfCustomsEvent(msg), m.eventDay(msg.Day)); code != types.Code_ok {
		return code
	}
	at := types.CustomsEventKey(c.id(msg.Id))
	if old, ok := m.customsEvents.get(at); ok {
		return m.customsAgain(c, at, old)
	}
	d, code := m.declared(c, msg)
	if code != types.Code_ok {
		return code
	}
	x := types.CustomsRecord{Event: msg, Provenance: m.provenance(c, msg.Day)}
	o := m.orders.at(types.OrderKey(d.Order))
	m.declaration(&d, &o, x.Provenance, msg)
	e := entryOf(types.EntryKind_ENTRY_CUSTOMS, string(at), x.Provenance, msg.Day)
	e.DueDay, e.BaseMinor, e.Counterparty = o.Order.PromisedDay, d.BaseMinor, o.Order.Buyer
	if d.Declarant == o.Order.Buyer {
		e.Counterparty = o.Order.Seller
	}
	e.Counted = e.Counted && !o.Related
	x.Entry = m.post(d.Declarant, e)
	m.orders.put(types.OrderKey(d.Order), o)
	m.declarations.put(types.DeclarationKey(d.Id), d)
	m.customsEvents.put(at, x)
	return types.Code_ok
}

// customsAgain: the event, and the declaration that it made.
func (m *Model) customsAgain(c *call, at types.Key[types.CustomsRecord], old types.CustomsRecord) types.Code {
	p, code := m.again(c, old.Provenance)
	if p == nil {
		return code
	}
	old.Provenance = p
	m.customsEvents.put(at, old)
	if old.Event.Event == types.CustomsEvent_DECLARED {
		m.declarations.change(types.DeclarationKey(c.id(old.Event.Declaration)), func(d *types.Declaration) { d.Provenance = p })
	}
	return code
}

// declared finds or makes the declaration of an event, and refuses what does not fit it.
func (m *Model) declared(c *call, msg *types.RecordCustomsEvent) (types.Declaration, types.Code) {
	id := c.id(msg.Declaration)
	d, ok := m.declarations.get(types.DeclarationKey(id))
	if msg.Event != types.CustomsEvent_DECLARED {
		switch {
		case !ok:
			return d, types.Code_declaration_unknown
		case msg.Day < d.DeclaredDay:
			return d, types.Code_declaration_state_forbids
		case !customsMay(d.Status, msg.Event):
			return d, types.Code_declaration_state_forbids
		}
		if msg.Event == types.CustomsEvent_DECLARATION_AMENDED {
			_, code := m.base(msg.ValueMinor, msg.Currency, d.DeclaredDay)
			return d, code
		}
		return d, types.Code_ok
	}
	if code := m.registered(msg.Declarant); code != types.Code_ok {
		return d, code
	}
	o, known := m.orders.get(types.OrderKey(msg.Order))
	if !known {
		return d, types.Code_order_unknown
	}
	party := o.Order.Buyer
	if msg.Export {
		party = o.Order.Seller
	}
	_, unfixed := m.base(msg.ValueMinor, msg.Currency, msg.Day)
	return types.Declaration{Id: id, Order: msg.Order}, refusal(when(msg.Day < o.Order.OrderDay-366, types.Code_event_before_order),
		when(ok, types.Code_declaration_exists), when(msg.Declarant != party, types.Code_declarant_not_party), unfixed)
}

// customsMay is the life of a declaration: DECLARED → (INSPECTED) → RELEASED → GATE_OUT → CLOSED; amended until the
// release, revoked until the goods left.
func customsMay(s types.DeclarationStatus, e types.CustomsEvent) bool {
	before := s == types.DeclarationStatus_DECLARATION_DECLARED || s == types.DeclarationStatus_DECLARATION_INSPECTED
	switch e {
	case types.CustomsEvent_INSPECTED:
		return s == types.DeclarationStatus_DECLARATION_DECLARED
	case types.CustomsEvent_RELEASED, types.CustomsEvent_DECLARATION_AMENDED:
		return before
	case types.CustomsEvent_GATE_OUT:
		return s == types.DeclarationStatus_DECLARATION_RELEASED
	case types.CustomsEvent_DECLARATION_CLOSED:
		return s == types.DeclarationStatus_DECLARATION_GATE_OUT
	case types.CustomsEvent_DECLARATION_REVOKED:
		return before || s == types.DeclarationStatus_DECLARATION_RELEASED
	}
	return false
}

// declaration applies an event to a declaration and its order.
func (m *Model) declaration(d *types.Declaration, o *types.Order, p *types.Provenance, msg *types.RecordCustomsEvent) {
	counts := p.Counted && !o.Related && m.independent(p.Signer, o.Order.Seller)
	switch msg.Event {
	case types.CustomsEvent_DECLARED:
		base, _ := m.base(msg.ValueMinor, msg.Currency, msg.Day)
		*d = types.Declaration{Id: d.Id, Order: msg.Order, Declarant: msg.Declarant, Export: msg.Export, Mode: msg.Mode,
			Currency: msg.Currency, ValueMinor: msg.ValueMinor, BaseMinor: base, Hs6: msg.Hs6, Place: msg.Place,
			Status: types.DeclarationStatus_DECLARATION_DECLARED, DeclaredDay: msg.Day, Provenance: p}
		o.Declaration = d.Id
	case types.CustomsEvent_INSPECTED:
		d.Status = types.DeclarationStatus_DECLARATION_INSPECTED
	case types.CustomsEvent_DECLARATION_AMENDED:
		base, _ := m.base(msg.ValueMinor, msg.Currency, d.DeclaredDay)
		d.Currency, d.ValueMinor, d.BaseMinor = msg.Currency, msg.ValueMinor, base
		if msg.Hs6 != "" {
			d.Hs6 = msg.Hs6
		}
		d.Amendments++
	case types.CustomsEvent_RELEASED:
		d.Status, d.ReleasedDay, d.FinanceableMinor = types.DeclarationStatus_DECLARATION_RELEASED, msg.Day, d.ValueMinor
		o.Releases++
		o.ReleasedDay = msg.Day
		if counts {
			m.lend(o, o.Legs|legRelease, p, msg.Day)
		}
	case types.CustomsEvent_GATE_OUT:
		d.Status = types.DeclarationStatus_DECLARATION_GATE_OUT
	case types.CustomsEvent_DECLARATION_CLOSED:
		d.Status = types.DeclarationStatus_DECLARATION_IS_CLOSED
	case types.CustomsEvent_DECLARATION_REVOKED:
		if d.Status == types.DeclarationStatus_DECLARATION_RELEASED {
			if o.Releases--; o.Releases == 0 {
				o.ReleasedDay = 0
				m.lend(o, o.Legs&^legRelease, p, msg.Day)
			}
		}
		d.Status, d.ReleasedDay, d.FinanceableMinor = types.DeclarationStatus_DECLARATION_IS_REVOKED, 0, 0
	}
}
