package model

import "tradecredit/types"

var rulesOfCustoms = map[string]rule{
	"record_customs_event": on((*Model).recordCustomsEvent),
}

// customsMode is what a supervision mode asks for.
type customsMode struct {
	exports bool // only exports are declared under it
	zone    bool // names a bonded zone
	list    bool // comes with a list of parcels
	sells   bool // goes to an overseas warehouse, from which it is sold
	repair  bool // goods come and go for repair
	back    bool // exported goods come back
}

var customsModes = map[string]customsMode{
	"0110": {},
	"1210": {zone: true},
	"9610": {list: true},
	"9710": {exports: true},
	"9810": {exports: true, sells: true},
	"1300": {repair: true},
	"1371": {repair: true, zone: true},
	"4561": {back: true},
}

// sale: under the other modes nothing was sold, so that nothing can be financed and no leg stands on it.
func (x customsMode) sale() bool { return !x.repair && !x.back }

const maxParcels = 1_000_000

// shapeOfCustomsEvent: of what no state could make valid, the lowest code.
func (m *Model) shapeOfCustomsEvent(msg *types.RecordCustomsEvent) types.Code {
	e := msg.Event
	declared := e == types.CustomsEvent_DECLARED
	summary, sold := e == types.CustomsEvent_SUMMARY_DECLARED, e == types.CustomsEvent_SOLD_THROUGH
	states := declared || summary || e == types.CustomsEvent_DECLARATION_AMENDED
	codes := []types.Code{codeOf(types.CheckSourceID(msg.Id)), codeOf(types.CheckSourceID(msg.Declaration)), required(e), notTooEarly(msg.Day),
		when(msg.Place != "" && m.place(msg.Place) != types.Code_ok, types.Code_place_unknown)}
	if declared || sold {
		codes = append(codes, codeOf(types.CheckRecordID(msg.Order)))
	} else {
		codes = append(codes, when(msg.Order != "", types.Code_field_not_of_event))
	}
	if states {
		codes = append(codes, amount(msg.ValueMinor), m.currency(msg.Currency),
			when(msg.Hs6 != "" && m.hs6(msg.Hs6) != types.Code_ok, types.Code_hs_code_malformed))
	} else {
		codes = append(codes, when(msg.Currency != "" || msg.ValueMinor != 0 || msg.Hs6 != "", types.Code_field_not_of_event))
	}
	if sold {
		codes = append(codes, amount(msg.SoldMinor))
	} else {
		codes = append(codes, when(msg.SoldMinor != 0, types.Code_field_not_of_event))
	}
	if declared {
		if msg.Linked != "" {
			codes = append(codes, codeOf(types.CheckRecordID(msg.Linked)))
		}
		return lowest(append(codes, codeOf(types.CheckSubjectID(msg.Declarant)), optionalDigest(msg.ListRoot), codeOf(types.CheckMode(msg.Mode)),
			when(msg.ListCount > maxParcels, types.Code_count_out_of_range),
			when(msg.BondedZone != "" && !zoneCode(msg.BondedZone), types.Code_code_malformed), shapeOfMode(msg))...)
	}
	once := msg.Declarant != "" || msg.Mode != "" || msg.Export || msg.BondedZone != "" || len(msg.ListRoot) > 0 || msg.Linked != ""
	return lowest(append(codes, when(once, types.Code_field_not_of_event), when(!summary && msg.ListCount != 0, types.Code_field_not_of_event))...)
}

// shapeOfMode is what a mode asks of a declaration.
func shapeOfMode(msg *types.RecordCustomsEvent) types.Code {
	x, ok := customsModes[msg.Mode]
	if !ok {
		return types.Code_mode_not_supported
	}
	codes := []types.Code{when(x.exports && !msg.Export, types.Code_mode_not_supported)}
	if x.zone {
		codes = append(codes, when(msg.BondedZone == "", types.Code_bonded_zone_required))
	} else {
		codes = append(codes, when(msg.BondedZone != "", types.Code_field_not_of_event))
	}
	if x.list {
		codes = append(codes, when(msg.ListCount == 0 || len(msg.ListRoot) == 0, types.Code_list_required))
	} else {
		codes = append(codes, when(msg.ListCount != 0 || len(msg.ListRoot) != 0, types.Code_field_not_of_event))
	}
	codes = append(codes, when(x.back && msg.Linked == "", types.Code_linked_declaration_required),
		when(!x.back && !x.repair && msg.Linked != "", types.Code_field_not_of_event), when(x.sells && msg.Place == "", types.Code_place_unknown))
	return lowest(codes...)
}

func zoneCode(s string) bool {
	if len(s) < 4 || len(s) > 10 {
		return false
	}
	for _, r := range s {
		if (r < 'A' || r > 'Z') && (r < '0' || r > '9') {
			return false
		}
	}
	return true
}

func (m *Model) recordCustomsEvent(c *call, msg *types.RecordCustomsEvent) types.Code {
	if code := refusal(m.shapeOfCustomsEvent(msg), m.eventDay(msg.Day)); code != types.Code_ok {
		return code
	}
	at := types.CustomsEventKey(c.id(msg.Id))
	if old, ok := m.customsEvents.get(at); ok {
		return m.customsAgain(c, at, old)
	}
	x := types.CustomsRecord{Event: msg, Provenance: m.provenance(c, msg.Day)}
	var d types.Declaration
	var code types.Code
	if msg.Event == types.CustomsEvent_DECLARED {
		d, code = m.declare(c, msg, x.Provenance)
	} else {
		d, code = m.proceed(c, msg, x.Provenance)
	}
	if code != types.Code_ok {
		return code
	}
	o := m.orders.at(types.OrderKey(d.Order))
	e := entryOf(types.EntryKind_ENTRY_CUSTOMS, string(at), x.Provenance, msg.Day)
	e.DueDay, e.BaseMinor, e.Counterparty = o.Order.PromisedDay, d.BaseMinor, o.Order.Buyer
	if d.Declarant == o.Order.Buyer {
		e.Counterparty = o.Order.Seller
	}
	e.Counted = e.Counted && !o.Related
	x.Entry = m.post(d.Declarant, e)
	m.declarations.put(types.DeclarationKey(d.Id), d)
	m.rematch(&d)
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
		m.declarations.change(types.DeclarationKey(c.id(old.Event.Declaration)), func(d *types.Declaration) {
			x := *d.Provenance
			x.Key, x.Unix, x.Height = p.Key, p.Unix, p.Height
			d.Provenance = &x
		})
	}
	return code
}

// declare: declarant, order, its kind, state and day, declaration, the declarant's part, link, fixing.
func (m *Model) declare(c *call, msg *types.RecordCustomsEvent, p *types.Provenance) (d types.Declaration, code types.Code) {
	id := c.id(msg.Declaration)
	if code = m.registered(msg.Declarant); code != types.Code_ok {
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
	code = refusal(unless(ofGoods(&o), types.Code_not_goods), when(o.Status == types.OrderStatus_ORDER_CANCELLED, types.Code_order_state_forbids),
		notLongBefore(msg.Day, &o),
		when(m.declarations.has(types.DeclarationKey(id)), types.Code_declaration_exists),
		when(msg.Declarant != party, types.Code_declarant_not_party), m.fitsLinked(msg))
	base, unfixed := m.base(msg.ValueMinor, msg.Currency, msg.Day)
	if code = refusal(code, unfixed); code != types.Code_ok {
		return d, code
	}
	d = types.Declaration{Id: id, Order: msg.Order, Declarant: msg.Declarant, Export: msg.Export, Mode: msg.Mode,
		Currency: msg.Currency, ValueMinor: msg.ValueMinor, BaseMinor: base, Hs6: msg.Hs6, Place: msg.Place,
		Status: types.DeclarationStatus_DECLARATION_DECLARED, DeclaredDay: msg.Day, Provenance: p,
		BondedZone: msg.BondedZone, ListRoot: msg.ListRoot, ListCount: msg.ListCount, Linked: msg.Linked}
	if msg.Linked != "" {
		m.declarations.change(types.DeclarationKey(msg.Linked), func(x *types.Declaration) { x.LinkedMinor += msg.ValueMinor })
	}
	if customsModes[msg.Mode].sale() {
		o.Declaration = id
		m.putOrder(types.OrderKey(msg.Order), o)
	}
	return d, types.Code_ok
}

// ofGoods tells orders whose object moves.
func ofGoods(o *types.Order) bool {
	return o.Order.Kind == types.OrderKind_GOODS || o.Order.Kind == types.OrderKind_REPAIR
}

// fitsLinked refuses a declaration that does not go on with the one it names: of the same declarant, in the other
// direction, released by a key that stands, for repairs under the same mode, back only what was sold, and worth no more
// than what went.
func (m *Model) fitsLinked(msg *types.RecordCustomsEvent) types.Code {
	if msg.Linked == "" {
		return types.Code_ok
	}
	x, ok := m.declarations.get(types.DeclarationKey(msg.Linked))
	if !ok {
		return types.Code_declaration_unknown
	}
	mode := customsModes[msg.Mode]
	repaired := !mode.repair || x.Mode == msg.Mode && x.Linked == "" // what came back from repair does not come back again
	sold := !mode.back || customsModes[x.Mode].sale()
	fits := x.Declarant == msg.Declarant && x.Export != msg.Export && x.ReleasedDay != 0 && repaired && sold &&
		x.Currency == msg.Currency && x.LinkedMinor+msg.ValueMinor <= x.ValueMinor
	return unless(fits, types.Code_linked_declaration_unfit)
}

// customsMay is the life of a declaration: DECLARED → (INSPECTED) → RELEASED → GATE_OUT → CLOSED; revoked until the goods
// left.
func customsMay(s types.DeclarationStatus, e types.CustomsEvent) bool {
	before := s == types.DeclarationStatus_DECLARATION_DECLARED || s == types.DeclarationStatus_DECLARATION_INSPECTED
	released, out := s == types.DeclarationStatus_DECLARATION_RELEASED, s == types.DeclarationStatus_DECLARATION_GATE_OUT
	switch e {
	case types.CustomsEvent_INSPECTED:
		return s == types.DeclarationStatus_DECLARATION_DECLARED
	case types.CustomsEvent_RELEASED:
		return before
	case types.CustomsEvent_DECLARATION_AMENDED:
		return before || released || out
	case types.CustomsEvent_GATE_OUT:
		return released
	case types.CustomsEvent_DECLARATION_CLOSED, types.CustomsEvent_SOLD_THROUGH:
		return out
	case types.CustomsEvent_SUMMARY_DECLARED:
		return released || out
	case types.CustomsEvent_DECLARATION_REVOKED:
		return before || released
	}
	return false
}

// proceed moves a declaration on: declaration, state, day, what the mode asks for, fixing.
func (m *Model) proceed(c *call, msg *types.RecordCustomsEvent, p *types.Provenance) (d types.Declaration, code types.Code) {
	d, ok := m.declarations.get(types.DeclarationKey(c.id(msg.Declaration)))
	if !ok {
		return d, types.Code_declaration_unknown
	}
	code = refusal(unless(customsMay(d.Status, msg.Event), types.Code_declaration_state_forbids),
		when(msg.Day < d.DeclaredDay, types.Code_declaration_state_forbids))
	if code != types.Code_ok {
		return d, code
	}
	switch msg.Event {
	case types.CustomsEvent_INSPECTED:
		d.Status = types.DeclarationStatus_DECLARATION_INSPECTED
	case types.CustomsEvent_GATE_OUT:
		d.Status = types.DeclarationStatus_DECLARATION_GATE_OUT
	case types.CustomsEvent_RELEASED:
		m.release(&d, p, msg.Day)
	case types.CustomsEvent_DECLARATION_CLOSED:
		code = when(customsModes[d.Mode].list && !d.Summarised, types.Code_summary_missing)
		d.Status = types.DeclarationStatus_DECLARATION_IS_CLOSED
	case types.CustomsEvent_DECLARATION_AMENDED:
		code = m.amendDeclaration(&d, msg)
	case types.CustomsEvent_SUMMARY_DECLARED:
		code = m.summarise(&d, msg)
	case types.CustomsEvent_SOLD_THROUGH:
		code = m.sellThrough(&d, msg)
	case types.CustomsEvent_DECLARATION_REVOKED:
		code = m.revokeDeclaration(&d, p, msg.Day)
	}
	return d, code
}

// release opens the balance and lends the third leg, where goods were sold.
func (m *Model) release(d *types.Declaration, p *types.Provenance, day int32) {
	d.Status, d.ReleasedDay = types.DeclarationStatus_DECLARATION_RELEASED, day
	if !customsModes[d.Mode].sale() {
		return
	}
	d.FinanceableMinor = d.ValueMinor
	o := m.orders.at(types.OrderKey(d.Order))
	o.Releases++
	if o.Releases == 1 {
		o.ReleasedDay = day
	}
	if p.Counted && m.independent(p.Signer, o.Order.Seller) {
		m.lend(&o, o.Legs|legRelease, p, day)
	}
	m.putOrder(types.OrderKey(d.Order), o)
}

// revokeDeclaration closes the balance again; the leg goes with the order's last release.
func (m *Model) revokeDeclaration(d *types.Declaration, p *types.Provenance, day int32) types.Code {
	if d.LinkedMinor > 0 {
		return types.Code_linked_declaration_unfit
	}
	if m.secured(string(types.DeclarationKey(d.Id))) > 0 {
		return types.Code_value_under_financing
	}
	if d.ReleasedDay != 0 && customsModes[d.Mode].sale() {
		o := m.orders.at(types.OrderKey(d.Order))
		if o.Releases--; o.Releases == 0 {
			o.ReleasedDay = 0
			m.lend(&o, o.Legs&^legRelease, p, day)
		}
		m.putOrder(types.OrderKey(d.Order), o)
	}
	if d.Linked != "" {
		m.declarations.change(types.DeclarationKey(d.Linked), func(x *types.Declaration) { x.LinkedMinor -= d.ValueMinor })
	}
	d.Status, d.ReleasedDay, d.FinanceableMinor = types.DeclarationStatus_DECLARATION_IS_REVOKED, 0, 0
	return types.Code_ok
}

// amendDeclaration states value and currency anew.
func (m *Model) amendDeclaration(d *types.Declaration, msg *types.RecordCustomsEvent) types.Code {
	d.Amendments++
	return m.revalue(d, msg)
}

// revalue gives a declaration another value, and its balance with it once it is released: never below what was sold or
// came back already, nor in another currency, nor below what it secures.
func (m *Model) revalue(d *types.Declaration, msg *types.RecordCustomsEvent) types.Code {
	used, other := d.ReleasedDay != 0 || d.LinkedMinor > 0, msg.Currency != d.Currency
	code := refusal(when(d.Linked != "" && (msg.ValueMinor != d.ValueMinor || other), types.Code_linked_declaration_unfit),
		when(used && other, types.Code_value_under_financing), when(msg.ValueMinor < d.SoldMinor, types.Code_sold_over_value),
		when(msg.ValueMinor < d.LinkedMinor, types.Code_linked_declaration_unfit))
	base, unfixed := m.base(msg.ValueMinor, msg.Currency, msg.Day)
	if code = refusal(code, unfixed); code != types.Code_ok {
		return code
	}
	d.Currency, d.ValueMinor, d.BaseMinor = msg.Currency, msg.ValueMinor, base
	if msg.Hs6 != "" {
		d.Hs6 = msg.Hs6
	}
	if msg.Place != "" {
		d.Place = msg.Place
	}
	return m.rebalance(d)
}

// rebalance lets the balance of what is released follow value and sales.
func (m *Model) rebalance(d *types.Declaration) types.Code {
	if d.ReleasedDay == 0 || !customsModes[d.Mode].sale() {
		return types.Code_ok
	}
	d.FinanceableMinor = d.ValueMinor - d.SoldMinor
	return when(m.secured(string(types.DeclarationKey(d.Id))) > d.FinanceableMinor, types.Code_value_under_financing)
}

// secured is what live liens on an object secure.
func (m *Model) secured(object string) (sum int64) {
	for _, l := range m.encumbrances.at(types.EncumbranceKey(object)).Liens {
		if l.Object == object {
			sum += l.AmountMinor
		}
	}
	return sum
}

// summarise states what a list came to.
func (m *Model) summarise(d *types.Declaration, msg *types.RecordCustomsEvent) types.Code {
	code := refusal(unless(customsModes[d.Mode].list, types.Code_field_not_of_event),
		when(msg.ListCount != d.ListCount, types.Code_list_required), m.revalue(d, msg))
	d.Summarised = true
	return code
}

// sellThrough tells what was sold from an overseas warehouse; it secures nothing any more.
func (m *Model) sellThrough(d *types.Declaration, msg *types.RecordCustomsEvent) types.Code {
	if !customsModes[d.Mode].sells {
		return types.Code_field_not_of_event
	}
	o, ok := m.orders.get(types.OrderKey(msg.Order))
	if !ok {
		return types.Code_order_unknown
	}
	code := refusal(when(o.Order.Seller != d.Declarant, types.Code_declarant_not_party),
		when(d.SoldMinor+msg.SoldMinor > d.ValueMinor, types.Code_sold_over_value))
	if code != types.Code_ok {
		return code
	}
	d.SoldMinor += msg.SoldMinor
	return m.rebalance(d)
}
