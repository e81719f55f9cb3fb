package model

import (
	"bytes"
	"slices"
	"strings"

	"tradecredit/types"
)

var rulesOfCorrections = map[string]rule{"correct_record": on((*Model).correctRecord)}

// replacementKinds are the kinds of records that can be corrected, by the message that states them anew.
var replacementKinds = map[string]string{"record_logistics_event": "movement", "record_trace": "trace", "record_tax_event": "tax-event",
	"record_fx_event": "fx-event", "record_adverse": "adverse", "record_policy": "policy"}

// correction is a record and what shall take its place.
type correction struct {
	source string // the id that the new version names
	day    int32
	shape  types.Code
	time   types.Code // days that are no event's, asked before the signer
	old    types.Msg  // as it was stated, nil when there is no such record
	p      *types.Provenance
	apply  func(c *call, p, act *types.Provenance) types.Code
}

func (m *Model) correctRecord(c *call, msg *types.CorrectRecord) types.Code {
	kind, id, whole := strings.Cut(msg.Record, "/")
	r := msg.Get()
	if r == nil {
		return types.Code_tx_field_invalid
	}
	correctable := false
	for _, k := range replacementKinds {
		correctable = correctable || k == kind
	}
	if !correctable || !whole {
		return types.Code_not_correctable
	}
	x := m.correctionOf(kind, id, r)
	code := refusal(codeOf(types.CheckRecordID(id)), unless(replacementKinds[types.RowOf(r).Name] == kind, types.Code_field_not_of_event), x.shape)
	if code != types.Code_ok {
		return code
	}
	if x.old == nil {
		return types.Code_record_unknown
	}
	code = refusal(x.time, unless(x.p.Signer == c.signer && x.p.Role == c.key.Role, types.Code_not_the_original_signer),
		when(x.p.Fallen || c.id(x.source) != id, types.Code_not_correctable), when(same(x.old, r), types.Code_correction_changes_nothing),
		when(m.disputed.at(types.DisputedItemKey(msg.Record)).Left, types.Code_not_correctable), m.eventDay(x.day))
	if code != types.Code_ok {
		return code
	}
	act := m.provenance(c, m.day)
	p := *x.p
	p.Content = contentOf(x.p.OnBehalfOf, r)
	p.Late = x.day < types.DayOf(p.Unix, m.offset)-30
	p.Backfill = p.Late && (p.Backfill || m.inBackfill(c.signer, x.day))
	p.Counted = !p.Late || p.Backfill || p.Evidence == types.Evidence_SOURCE_SIGNED && countsLate(p.Role)
	n := uint32(1)
	for m.versions.has(types.VersionKey(msg.Record, n)) {
		n++
	}
	version := types.RecordVersion{Record: msg.Record, UntilHeight: m.height, CorrectedBy: act, Reason: msg.Reason}
	m.versions.put(types.VersionKey(msg.Record, n), version)
	return refusal(x.apply(c, &p, act), when(n > 32, types.Code_not_correctable))
}

func same(a, b types.Msg) bool { return bytes.Equal(contentOf("", a), contentOf("", b)) }

// corrected tells a subject's log that a record has a new version.
func (m *Model) corrected(subject, other, record string, act *types.Provenance) {
	e := entryOf(types.EntryKind_ENTRY_CORRECTED, record, act, m.day)
	e.Counterparty = other
	m.post(subject, e)
}

// correctionOf reads the record of a correction.
func (m *Model) correctionOf(kind, id string, r types.Msg) *correction {
	x := &correction{}
	switch msg := r.(type) {
	case *types.RecordLogisticsEvent:
		x.shape, x.time, x.source, x.day = m.shapeOfMovement(msg), m.movementDay(msg), msg.Id, min(msg.Day, m.day+1)
		if old, ok := m.movements.get(types.MovementKey(id)); ok && kind == "movement" {
			x.old, x.p = old.Event, old.Provenance
			x.apply = func(c *call, p, act *types.Provenance) types.Code { return m.correctMovement(c, old, msg, p, act) }
		}
	case *types.RecordTrace:
		x.shape, x.time, x.source, x.day = m.shapeOfTrace(msg), types.Code_ok, msg.Id, msg.Day
		if old, ok := m.traces.get(types.TraceKey(id)); ok && kind == "trace" {
			x.old, x.p = old.Trace, old.Provenance
			x.apply = func(_ *call, p, _ *types.Provenance) types.Code { return m.correctTrace(id, old, msg, p) }
		}
	case *types.RecordTaxEvent:
		x.shape, x.time, x.source, x.day = m.shapeOfTaxEvent(msg), types.Code_ok, msg.Id, msg.Day
		if old, ok := m.taxEvents.get(types.TaxEventKey(id)); ok && kind == "tax-event" {
			x.old, x.p = old.Event, old.Provenance
			x.apply = func(_ *call, p, act *types.Provenance) types.Code { return m.correctTaxEvent(id, old, msg, p, act) }
		}
	case *types.RecordFxEvent:
		x.shape, x.time, x.source, x.day = m.shapeOfFxEvent(msg), types.Code_ok, msg.Id, msg.Day
		if old, ok := m.fxEvents.get(types.FxEventKey(id)); ok && kind == "fx-event" {
			x.old, x.p = old.Event, old.Provenance
			x.apply = func(_ *call, p, act *types.Provenance) types.Code { return m.correctFxEvent(id, old, msg, p, act) }
		}
	case *types.RecordAdverse:
		x.shape, x.time, x.source, x.day = shapeOfAdverse(msg), m.eventDay(msg.EndDay), msg.Id, msg.Day
		if old, ok := m.adverses.get(types.AdverseKey(id)); ok && kind == "adverse" {
			x.old, x.p = old.Adverse, old.Provenance
			x.apply = func(_ *call, p, act *types.Provenance) types.Code { return m.correctAdverse(id, old, msg, p, act) }
		}
	case *types.RecordPolicy:
		x.shape, x.time, x.source, x.day = m.shapeOfPolicy(msg), types.Code_ok, msg.Id, msg.FromDay
		if old, ok := m.policies.get(types.PolicyKey(id)); ok && kind == "policy" {
			x.old, x.p = old.Policy, old.Provenance
			x.apply = func(_ *call, p, act *types.Provenance) types.Code { return m.correctPolicy(id, old, msg, p, act) }
		}
	}
	return x
}

// correctMovement: day, place and transport document. The day of a delivery moves only if somebody independent signed it.
func (m *Model) correctMovement(c *call, x types.Movement, msg *types.RecordLogisticsEvent, p, act *types.Provenance) types.Code {
	at, on := types.MovementKey(c.id(msg.Id)), types.OrderKey(msg.Order)
	if msg.Order != x.Event.Order || msg.Event != x.Event.Event {
		return types.Code_not_correctable
	}
	o := m.orders.at(on)
	delivery, moved := msg.Event == types.LogisticsEvent_DELIVERED, msg.Day != x.Event.Day
	stuck := delivery && moved && !(p.Counted && x.SellerEntry != 0 && m.logs[o.Order.Seller][x.SellerEntry-1].Independent &&
		m.logs[o.Order.Seller][x.SellerEntry-1].Counted)
	code := refusal(notLongBefore(msg.Day, &o), when(stuck, types.Code_not_correctable))
	if code != types.Code_ok {
		return code
	}
	m.corrected(o.Order.Seller, o.Order.Buyer, string(at), act)
	if delivery {
		m.corrected(o.Order.Buyer, o.Order.Seller, string(at), act)
	}
	if !delivery || moved {
		ofOrder := func(e *types.Entry) {
			e.DueDay, e.BaseMinor, e.Open = o.Order.PromisedDay, o.BaseMinor, false
			e.OnTime = e.Kind == types.EntryKind_ENTRY_DELIVERED && msg.Day <= o.Order.PromisedDay
			e.Counted = e.Counted && o.Provenance.Counted && !o.Related && msg.Event != types.LogisticsEvent_ESTIMATE
		}
		m.restate(o.Order.Seller, &x.SellerEntry, x.Provenance, p, msg.Day, ofOrder)
		m.restate(o.Order.Buyer, &x.BuyerEntry, x.Provenance, p, msg.Day, ofOrder)
	}
	if delivery {
		o.DeliveredDay = msg.Day
		m.putOrder(on, o)
	}
	x.Event, x.Provenance = msg, p
	m.movements.put(at, x)
	return types.Code_ok
}

// restate puts a row in the place of the one that a record had.
func (m *Model) restate(subject string, entry *uint64, was, p *types.Provenance, day int32, change func(*types.Entry)) {
	if *entry == 0 {
		return
	}
	row := m.logs[subject][*entry-1]
	m.excludeRow(subject, *entry, was)
	row.Day, row.Late, row.Counted = day, p.Late, p.Counted
	change(&row)
	*entry = m.post(subject, row)
}

func (m *Model) correctTrace(id string, x types.Trace, msg *types.RecordTrace, p *types.Provenance) types.Code {
	fits := bytes.Equal(msg.Lot, x.Trace.Lot) && msg.Order == x.Trace.Order && msg.Event == x.Trace.Event &&
		slices.EqualFunc(msg.FromLots, x.Trace.FromLots, bytes.Equal)
	x.Trace, x.Provenance = msg, p
	m.traces.put(types.TraceKey(id), x)
	return unless(fits, types.Code_not_correctable)
}

func (m *Model) correctTaxEvent(id string, x types.TaxRecord, msg *types.RecordTaxEvent, p, act *types.Provenance) types.Code {
	old := x.Event
	fits := msg.Subject == old.Subject && msg.Event == old.Event && msg.Receivable == old.Receivable && msg.Declaration == old.Declaration
	base, unfixed := int64(0), types.Code_ok
	if msg.AmountMinor != 0 {
		base, unfixed = m.base(msg.AmountMinor, msg.Currency, msg.Day)
	}
	if code := refusal(unless(fits, types.Code_not_correctable), unfixed); code != types.Code_ok {
		return code
	}
	at := types.TaxEventKey(id)
	m.corrected(msg.Subject, "", string(at), act)
	m.restate(msg.Subject, &x.Entry, x.Provenance, p, msg.Day, func(e *types.Entry) { e.BaseMinor = base })
	x.Event, x.Provenance = msg, p
	m.taxEvents.put(at, x)
	return types.Code_ok
}

func (m *Model) correctFxEvent(id string, x types.FxRecord, msg *types.RecordFxEvent, p, act *types.Provenance) types.Code {
	old := x.Event
	fits := msg.Subject == old.Subject && msg.Event == old.Event && bytes.Equal(msg.Settlement, old.Settlement)
	code := unless(fits, types.Code_not_correctable)
	if len(msg.Settlement) > 0 {
		s := m.settlements.at(types.SettlementKey(msg.Settlement))
		code = refusal(code, when(s.Reversed, types.Code_settlement_reversed),
			unless(msg.Subject == s.Payer || msg.Subject == s.Payee, types.Code_fx_terms_differ),
			unless(msg.Currency == s.Currency && msg.AmountMinor <= s.AmountMinor, types.Code_fx_terms_differ))
	}
	base, unfixed := m.base(msg.AmountMinor, msg.Currency, msg.Day)
	if code = refusal(code, unfixed); code != types.Code_ok {
		return code
	}
	at := types.FxEventKey(id)
	m.corrected(msg.Subject, "", string(at), act)
	m.restate(msg.Subject, &x.Entry, x.Provenance, p, msg.Day, func(e *types.Entry) { e.BaseMinor = base })
	x.Event, x.Provenance = msg, p
	m.fxEvents.put(at, x)
	return types.Code_ok
}

// correctAdverse: day, end and decision. An end that was told by a rehabilitation stays.
func (m *Model) correctAdverse(id string, x types.Adverse, msg *types.RecordAdverse, p, act *types.Provenance) types.Code {
	fits := msg.Subject == x.Adverse.Subject && msg.Kind == x.Adverse.Kind
	if x.Ended == nil {
		x.EndDay = msg.EndDay
	}
	if code := refusal(unless(fits, types.Code_not_correctable), when(x.EndDay != 0 && x.EndDay < msg.Day, types.Code_due_before_issue)); code != types.Code_ok {
		return code
	}
	at := types.AdverseKey(id)
	x.Adverse, x.Provenance = msg, p
	m.adverses.put(at, x)
	m.corrected(msg.Subject, "", string(at), act)
	return m.mark(id, &x)
}

// correctPolicy: amount, term and paper of a policy in force, never below what was paid on it.
func (m *Model) correctPolicy(id string, x types.Policy, msg *types.RecordPolicy, p, act *types.Provenance) types.Code {
	old := x.Policy
	fits := msg.Object == old.Object && msg.Insured == old.Insured && msg.Currency == old.Currency && x.Status == types.PolicyStatus_POLICY_LIVE
	if code := refusal(m.expiry(msg.UntilDay), unless(fits, types.Code_not_correctable), when(msg.AmountMinor < x.PaidMinor, types.Code_claims_exceed_policy)); code != types.Code_ok {
		return code
	}
	at := types.PolicyKey(id)
	m.waitNoMore(m.afterDay(old.UntilDay), types.DueKind_DUE_POLICY, id)
	m.wait(m.afterDay(msg.UntilDay), types.DueKind_DUE_POLICY, id)
	x.Policy, x.Provenance = msg, p
	m.policies.put(at, x)
	owner, _ := m.collateralOf(msg.Object)
	m.corrected(owner.owner, "", string(at), act)
	return types.Code_ok
}
