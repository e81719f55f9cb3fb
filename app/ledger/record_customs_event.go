package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// RecordCustomsEvent: what customs did with a declaration.
//
// Signed by CUSTOMS. Writes customs-event/<id> and declaration/<customs>/<declaration>, changes order/<id>; posts CUSTOMS
// to the declarant's log. Only the customs that took a declaration speaks about it, for its own name begins the id.
//
//	DECLARED → (INSPECTED) → RELEASED → GATE_OUT → CLOSED
//
// The release opens the financeable balance, the declared value, and gives the order's receivables the third leg, unless
// that customs belongs to the seller's control group; revoking takes both back, until the goods left. An amendment states
// value and currency anew, and the HS code and place if they changed; after the release the balance follows the value,
// never below what it secures. What each supervision mode asks for beyond that stands in customs_modes.go.

// checkRecordCustomsEvent refuses what no state could make valid.
func checkRecordCustomsEvent(m *types.RecordCustomsEvent) error {
	if err := firstRefusal(types.CheckSourceID(m.Id), types.CheckSourceID(m.Declaration)); err != nil {
		return err
	}
	switch m.Event {
	case types.CustomsEvent_DECLARED:
		return firstRefusal(
			types.CheckRecordID(m.Order), given(m.Linked, types.CheckRecordID),
			types.CheckSubjectID(m.Declarant),
			checkOptionalDigest(m.ListRoot),
			types.CheckAmount(m.ValueMinor),
			types.CheckCurrency(m.Currency),
			checkDeclaredPlace(m),
			given(m.Hs6, types.CheckHS6),
			types.CheckMode(m.Mode),
			checkListCount(m.ListCount),
			checkOtherModes(m),
			given(m.BondedZone, checkZone),
			checkEventDay(m.Day),
			checkModeFields(m),
		)
	case types.CustomsEvent_DECLARATION_AMENDED, types.CustomsEvent_SUMMARY_DECLARED:
		return firstRefusal(
			types.CheckAmount(m.ValueMinor),
			types.CheckCurrency(m.Currency),
			given(m.Place, types.CheckPlace),
			given(m.Hs6, types.CheckHS6),
			onlyDeclared(m), checkSold(m), checkSummarised(m),
			checkEventDay(m.Day),
		)
	case types.CustomsEvent_SOLD_THROUGH:
		return firstRefusal(
			types.CheckRecordID(m.Order),
			types.CheckAmount(m.SoldMinor),
			given(m.Place, types.CheckPlace),
			soldOnly(m), unvalued(m), checkSummarised(m),
			checkEventDay(m.Day),
		)
	}
	return firstRefusal(
		required(m.Event, "event"),
		given(m.Place, types.CheckPlace),
		onlyDeclared(m), unvalued(m), checkSold(m), checkSummarised(m),
		checkEventDay(m.Day),
	)
}

// onlyDeclared refuses what is said once, with DECLARED: said again it could only differ.
func onlyDeclared(m *types.RecordCustomsEvent) error {
	if m.Order != "" {
		return types.Refuse(types.Code_field_not_of_event, "order stands with DECLARED and SOLD_THROUGH only")
	}
	return soldOnly(m)
}

// soldOnly is onlyDeclared for an event that names an order.
func soldOnly(m *types.RecordCustomsEvent) error {
	if m.Declarant != "" || m.Mode != "" || m.Export || m.BondedZone != "" || len(m.ListRoot) > 0 || m.Linked != "" {
		return types.Refuse(types.Code_field_not_of_event, "declarant, mode, export, bonded zone, list and link stand with DECLARED only")
	}
	return nil
}

// unvalued refuses a value where none is stated.
func unvalued(m *types.RecordCustomsEvent) error {
	if m.Currency != "" || m.ValueMinor != 0 || m.Hs6 != "" {
		return types.Refuse(types.Code_field_not_of_event, "%s states no currency, value or HS code", m.Event)
	}
	return nil
}

func checkSold(m *types.RecordCustomsEvent) error {
	if m.SoldMinor != 0 {
		return types.Refuse(types.Code_field_not_of_event, "sold_minor stands with SOLD_THROUGH only")
	}
	return nil
}

func checkSummarised(m *types.RecordCustomsEvent) error {
	if m.ListCount != 0 && m.Event != types.CustomsEvent_SUMMARY_DECLARED {
		return types.Refuse(types.Code_field_not_of_event, "list_count stands with DECLARED and SUMMARY_DECLARED only")
	}
	return nil
}

// recordCustomsEvent checks: day, id, then for DECLARED: declarant, order, its kind, state and day, declaration,
// declarant's part, linked declaration, fixing; for the others: declaration, state, day, what the mode asks for, fixing,
// liens.
func recordCustomsEvent(tx *Tx, m *types.RecordCustomsEvent) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.CustomsEventKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return tx.customsAgain(id, m, old)
	}
	act := tx.provenance(m.Day)
	d, err := state.Get(tx, types.DeclarationKey(tx.RecordID(m.Declaration)))
	if err != nil {
		return err
	}
	var o *types.Order
	if m.Event == types.CustomsEvent_DECLARED {
		d, o, err = tx.declare(m, d, act)
	} else {
		d, o, err = tx.proceed(m, d, act)
	}
	if err != nil {
		return err
	}
	if err := state.Set(tx, types.DeclarationKey(d.Id), d); err != nil {
		return err
	}
	if err := tx.rematch(o); err != nil {
		return err
	}
	if err := state.Set(tx, types.OrderKey(d.Order), o); err != nil {
		return err
	}
	other := o.Order.Buyer
	if d.Declarant == other {
		other = o.Order.Seller
	}
	e := tx.orderEntry(types.EntryKind_ENTRY_CUSTOMS, string(types.CustomsEventKey(id)), o, other, act, m.Day)
	e.BaseMinor, e.Counted = d.BaseMinor, act.Counted && !o.Related // customs vouches for itself, however late the order was told
	n, err := tx.post(d.Declarant, e)
	if err != nil {
		return err
	}
	return state.Set(tx, types.CustomsEventKey(id), &types.CustomsRecord{Event: m, Provenance: act, Entry: n + 1})
}

// customsAgain answers an event that was recorded before; a declaration is confirmed again with its first event.
func (tx *Tx) customsAgain(id string, m *types.RecordCustomsEvent, old *types.CustomsRecord) error {
	err := again(tx, "customs event", types.CustomsEventKey(id), old, old.Provenance)
	if err != nil || m.Event != types.CustomsEvent_DECLARED {
		return err
	}
	key := types.DeclarationKey(tx.RecordID(m.Declaration))
	d, err := there(tx, key)
	if err != nil {
		return err
	}
	d.Provenance.Key, d.Provenance.Height, d.Provenance.Unix = old.Provenance.Key, old.Provenance.Height, old.Provenance.Unix
	return state.Set(tx, key, d)
}

// declare opens a declaration for the order's seller, who exports, or its buyer, who imports.
func (tx *Tx) declare(m *types.RecordCustomsEvent, old *types.Declaration, act *types.Provenance) (*types.Declaration, *types.Order, error) {
	if _, err := tx.enterprise(m.Declarant); err != nil {
		return nil, nil, err
	}
	o, err := tx.order(m.Order)
	if err != nil {
		return nil, nil, err
	}
	if k := o.Order.Kind; k != types.OrderKind_GOODS && k != types.OrderKind_REPAIR {
		return nil, nil, types.Refuse(types.Code_not_goods, "%s is an order of %s", m.Order, k)
	}
	if o.Status == types.OrderStatus_ORDER_CANCELLED {
		return nil, nil, orderState(o, m.Order, "nothing is declared of it")
	}
	if err := sinceOrder(o, m.Day); err != nil {
		return nil, nil, err
	}
	id := tx.RecordID(m.Declaration)
	if old != nil {
		return nil, nil, types.Refuse(types.Code_declaration_exists, "%s is %s", id, old.Status)
	}
	party := o.Order.Buyer
	if m.Export {
		party = o.Order.Seller
	}
	if m.Declarant != party {
		return nil, nil, types.Refuse(types.Code_declarant_not_party, "the seller declares exports, the buyer imports: %s", party)
	}
	d := &types.Declaration{
		Id: id, Order: m.Order, Declarant: m.Declarant, Export: m.Export, Mode: m.Mode,
		Currency: m.Currency, ValueMinor: m.ValueMinor, Hs6: m.Hs6, Place: m.Place,
		Status: types.DeclarationStatus_DECLARATION_DECLARED, DeclaredDay: m.Day, Provenance: act,
		BondedZone: m.BondedZone, ListRoot: m.ListRoot, ListCount: m.ListCount,
	}
	if err := tx.link(m, d); err != nil {
		return nil, nil, err
	}
	if d.BaseMinor, err = tx.toBase(m.ValueMinor, m.Currency, m.Day); err != nil {
		return nil, nil, err
	}
	if ruleOf(m.Mode).sale() {
		o.Declaration = id
	}
	return d, o, nil
}

// proceed moves a declaration on.
func (tx *Tx) proceed(m *types.RecordCustomsEvent, d *types.Declaration, act *types.Provenance) (*types.Declaration, *types.Order, error) {
	if d == nil {
		return nil, nil, types.Refuse(types.Code_declaration_unknown, "%s", tx.RecordID(m.Declaration))
	}
	next, ok := cleared(d.Status, m.Event)
	if !ok {
		return nil, nil, types.Refuse(types.Code_declaration_state_forbids, "%s is %s: no %s now", d.Id, d.Status, m.Event)
	}
	if m.Day < d.DeclaredDay {
		return nil, nil, types.Refuse(types.Code_declaration_state_forbids, "%s was declared later, on %s", d.Id, types.FormatDay(d.DeclaredDay))
	}
	o, err := tx.order(d.Order)
	if err != nil {
		return nil, nil, err
	}
	d.Status = next
	switch m.Event {
	case types.CustomsEvent_DECLARATION_AMENDED:
		d.Amendments++
		err = tx.revalue(m, d)
	case types.CustomsEvent_SUMMARY_DECLARED:
		err = tx.summarise(m, d)
	case types.CustomsEvent_SOLD_THROUGH:
		err = tx.sellThrough(m, d)
	case types.CustomsEvent_RELEASED:
		err = tx.release(m, d, o, act)
	case types.CustomsEvent_DECLARATION_CLOSED:
		if ruleOf(d.Mode).list && !d.Summarised {
			err = types.Refuse(types.Code_summary_missing, "the list of %s was not summarised", d.Id)
		}
	case types.CustomsEvent_DECLARATION_REVOKED:
		err = tx.unrelease(m.Day, d, o, act)
	}
	return d, o, err
}

// cleared is a declaration's state after an event, and whether it can happen in this one (LEDGER.md §7).
func cleared(from types.DeclarationStatus, event types.CustomsEvent) (types.DeclarationStatus, bool) {
	declared := from == types.DeclarationStatus_DECLARATION_DECLARED
	inspected := from == types.DeclarationStatus_DECLARATION_INSPECTED
	released := from == types.DeclarationStatus_DECLARATION_RELEASED
	gone := from == types.DeclarationStatus_DECLARATION_GATE_OUT
	switch event {
	case types.CustomsEvent_INSPECTED:
		return types.DeclarationStatus_DECLARATION_INSPECTED, declared
	case types.CustomsEvent_RELEASED:
		return types.DeclarationStatus_DECLARATION_RELEASED, declared || inspected
	case types.CustomsEvent_GATE_OUT:
		return types.DeclarationStatus_DECLARATION_GATE_OUT, released
	case types.CustomsEvent_DECLARATION_CLOSED:
		return types.DeclarationStatus_DECLARATION_IS_CLOSED, gone
	case types.CustomsEvent_DECLARATION_AMENDED:
		return from, declared || inspected || released || gone
	case types.CustomsEvent_SUMMARY_DECLARED:
		return from, released || gone
	case types.CustomsEvent_SOLD_THROUGH:
		return from, gone
	case types.CustomsEvent_DECLARATION_REVOKED:
		return types.DeclarationStatus_DECLARATION_IS_REVOKED, declared || inspected || released
	}
	return 0, false
}

// revalue states the value anew; base amounts follow the fixing of that day. Once released, the balance follows the value.
func (tx *Tx) revalue(m *types.RecordCustomsEvent, d *types.Declaration) error {
	if err := valueFits(m, d); err != nil {
		return err
	}
	base, err := tx.toBase(m.ValueMinor, m.Currency, m.Day)
	if err != nil {
		return err
	}
	if d.ReleasedDay != 0 && ruleOf(d.Mode).sale() {
		if err := tx.refinance(d, m.ValueMinor-d.SoldMinor); err != nil {
			return err
		}
	}
	d.Currency, d.ValueMinor, d.BaseMinor = m.Currency, m.ValueMinor, base
	if m.Hs6 != "" {
		d.Hs6 = m.Hs6
	}
	if m.Place != "" {
		d.Place = m.Place
	}
	return nil
}

// valueFits refuses a value below what was sold or came back already, and another currency once something rests on it. A
// declaration that goes on with another one keeps the value that was taken from that.
func valueFits(m *types.RecordCustomsEvent, d *types.Declaration) error {
	used := d.ReleasedDay != 0 || d.LinkedMinor > 0
	switch {
	case d.Linked != "" && (m.ValueMinor != d.ValueMinor || m.Currency != d.Currency):
		return types.Refuse(types.Code_linked_declaration_unfit, "the value of %s was taken from %s; revoke it and declare anew", d.Id, d.Linked)
	case used && m.Currency != d.Currency:
		return types.Refuse(types.Code_value_under_financing, "%s was released in %s", d.Id, d.Currency)
	case m.ValueMinor < d.SoldMinor:
		return types.Refuse(types.Code_sold_over_value, "%d %s of it were sold", d.SoldMinor, d.Currency)
	case m.ValueMinor < d.LinkedMinor:
		return types.Refuse(types.Code_linked_declaration_unfit, "%d %s of it came back", d.LinkedMinor, d.Currency)
	}
	return nil
}

// release opens the financeable balance. Goods that go for repair or go back are not for sale: they open none, and lend
// no leg.
func (tx *Tx) release(m *types.RecordCustomsEvent, d *types.Declaration, o *types.Order, act *types.Provenance) error {
	d.ReleasedDay = m.Day
	if !ruleOf(d.Mode).sale() {
		return nil
	}
	d.FinanceableMinor = d.ValueMinor
	if o.Releases++; o.Releases == 1 {
		o.ReleasedDay = m.Day
	}
	group, err := tx.groupOf(o.Order.Seller)
	if err != nil || group == tx.Sender.Group { // nobody releases its own goods
		return err
	}
	return tx.lend(o, o.Legs|legReceipt, act, m.Day)
}

// unrelease closes the balance of a declaration that is revoked, unless something rests on it.
func (tx *Tx) unrelease(day int32, d *types.Declaration, o *types.Order, act *types.Provenance) error {
	if d.LinkedMinor > 0 {
		return types.Refuse(types.Code_linked_declaration_unfit, "%d %s of it came back", d.LinkedMinor, d.Currency)
	}
	if err := tx.unlink(d); err != nil {
		return err
	}
	if err := tx.refinance(d, 0); err != nil {
		return err
	}
	return tx.takeRelease(day, d, o, act)
}

// releaseFalls closes the balance of a declaration whose release was signed by a key in wrong hands. What a lender relied
// on stays secured until it is released.
func (tx *Tx) releaseFalls(d *types.Declaration, o *types.Order, act *types.Provenance) error {
	var err error
	if d.FinanceableMinor, err = tx.secured(d); err != nil {
		return err
	}
	return tx.takeRelease(tx.Block.Today(), d, o, act)
}

// takeRelease takes a release back; the leg goes with the order's last one.
func (tx *Tx) takeRelease(day int32, d *types.Declaration, o *types.Order, act *types.Provenance) error {
	if d.ReleasedDay == 0 {
		return nil
	}
	d.ReleasedDay = 0
	if !ruleOf(d.Mode).sale() {
		return nil
	}
	if o.Releases--; o.Releases > 0 {
		return nil
	}
	o.ReleasedDay = 0
	return tx.lend(o, o.Legs&^legReceipt, act, day)
}
