package model

import (
	"strings"

	"tradecredit/types"
)

var rulesOfTax = map[string]rule{
	"record_tax_event": on((*Model).recordTaxEvent),
	"record_fx_event":  on((*Model).recordFxEvent),
}

func (m *Model) shapeOfTaxEvent(msg *types.RecordTaxEvent) types.Code {
	name := msg.Event.String()
	invoice, rebate, filed := strings.HasPrefix(name, "INVOICE"), strings.HasPrefix(name, "REBATE"), msg.Event == types.TaxEvent_RETURN_FILED
	codes := []types.Code{codeOf(types.CheckSourceID(msg.Id)), codeOf(types.CheckSubjectID(msg.Subject)), optionalDigest(msg.Invoice),
		required(msg.Event), notTooEarly(msg.Day)}
	if msg.Receivable != "" {
		codes = append(codes, codeOf(types.CheckRecordID(msg.Receivable)))
	}
	if msg.Declaration != "" {
		codes = append(codes, codeOf(types.CheckRecordID(msg.Declaration)))
	}
	if filed {
		codes = append(codes, when(msg.AmountMinor != 0 || msg.Currency != "", types.Code_field_not_of_event))
	} else {
		codes = append(codes, amount(msg.AmountMinor), m.currency(msg.Currency))
	}
	return lowest(append(codes, when(!invoice && (msg.Receivable != "" || len(msg.Invoice) > 0), types.Code_field_not_of_event),
		when(!rebate && msg.Declaration != "", types.Code_field_not_of_event))...)
}

func (m *Model) recordTaxEvent(c *call, msg *types.RecordTaxEvent) types.Code {
	if code := refusal(m.shapeOfTaxEvent(msg), m.eventDay(msg.Day)); code != types.Code_ok {
		return code
	}
	at := types.TaxEventKey(c.id(msg.Id))
	if old, ok := m.taxEvents.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.taxEvents.put(at, old) })
	}
	code := m.registered(msg.Subject)
	r, d := types.ReceivableKey(msg.Receivable), types.DeclarationKey(msg.Declaration)
	if msg.Receivable != "" {
		code = refusal(code, unless(m.receivables.has(r), types.Code_receivable_unknown),
			when(m.receivables.at(r).Receivable.GetSeller() != msg.Subject, types.Code_not_the_tax_subject))
	}
	if msg.Declaration != "" {
		code = refusal(code, unless(m.declarations.has(d), types.Code_declaration_unknown),
			when(m.declarations.at(d).Declarant != msg.Subject, types.Code_not_the_tax_subject))
	}
	base, unfixed := int64(0), types.Code_ok
	if msg.AmountMinor != 0 {
		base, unfixed = m.base(msg.AmountMinor, msg.Currency, msg.Day)
	}
	if code = refusal(code, unfixed); code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.Day)
	if msg.Receivable != "" {
		m.invoiceStatus(c, msg, p)
	}
	e := entryOf(types.EntryKind_ENTRY_TAX, string(at), p, msg.Day)
	e.BaseMinor = base
	m.taxEvents.put(at, types.TaxRecord{Event: msg, Provenance: p, Entry: m.post(msg.Subject, e)})
	return types.Code_ok
}

// invoiceStatus gives a receivable its invoice leg, or takes it.
func (m *Model) invoiceStatus(c *call, msg *types.RecordTaxEvent, p *types.Provenance) {
	id := m.verifiedAs(msg.Receivable)
	r := m.receivables.at(types.ReceivableKey(id))
	switch {
	case !alive(&r) && msg.Event == types.TaxEvent_INVOICE_VERIFIED:
		r.TaxVerifiedBy = c.signer // of what is not claimed nothing is evidence
	case msg.Event == types.TaxEvent_INVOICE_VERIFIED:
		r.TaxVerifiedBy = c.signer
		m.keep(id, &r)
		m.stand(id, &r, r.Legs|legInvoice, p, msg.Day)
	case msg.Event == types.TaxEvent_INVOICE_VOIDED && r.TaxVerifiedBy == c.signer:
		r.TaxVerifiedBy = ""
		if r.SplitSum != nil || !acceptanceStands(&r) {
			m.keep(id, &r)
			m.stand(id, &r, r.Legs&^legInvoice, p, msg.Day)
		}
	}
	m.keep(id, &r)
}

// verifiedAs is the receivable that keeps what the tax authority says of one: of what was divided the whole.
func (m *Model) verifiedAs(id string) string {
	if r := m.receivables.at(types.ReceivableKey(id)); r.Status == types.ReceivableStatus_SPLIT {
		return rootOf(id, &r)
	}
	return id
}

func (m *Model) shapeOfFxEvent(msg *types.RecordFxEvent) types.Code {
	codes := []types.Code{codeOf(types.CheckSourceID(msg.Id)), codeOf(types.CheckSubjectID(msg.Subject)), optionalDigest(msg.Settlement),
		required(msg.Event), m.currency(msg.Currency), notTooEarly(msg.Day)}
	amounts := amount(msg.AmountMinor)
	if msg.Event == types.FxEvent_FX_CONVERTED { // one amount after the other, as in a list
		amounts = refusal(amounts, amount(msg.ToAmountMinor))
		codes = append(codes, m.currency(msg.ToCurrency),
			when(msg.Currency == msg.ToCurrency, types.Code_field_not_of_event))
	} else {
		codes = append(codes, when(msg.ToCurrency != "" || msg.ToAmountMinor != 0, types.Code_field_not_of_event))
	}
	return lowest(append(codes, amounts)...)
}

func (m *Model) recordFxEvent(c *call, msg *types.RecordFxEvent) types.Code {
	if code := refusal(m.shapeOfFxEvent(msg), m.eventDay(msg.Day)); code != types.Code_ok {
		return code
	}
	at := types.FxEventKey(c.id(msg.Id))
	if old, ok := m.fxEvents.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.fxEvents.put(at, old) })
	}
	code := m.registered(msg.Subject)
	if len(msg.Settlement) > 0 {
		s, ok := m.settlements.get(types.SettlementKey(msg.Settlement))
		code = refusal(code, unless(ok, types.Code_settlement_unknown), when(s.Reversed, types.Code_settlement_reversed),
			unless(msg.Subject == s.Payer || msg.Subject == s.Payee, types.Code_fx_terms_differ),
			unless(msg.Currency == s.Currency && msg.AmountMinor <= s.AmountMinor, types.Code_fx_terms_differ))
	}
	base, unfixed := m.base(msg.AmountMinor, msg.Currency, msg.Day)
	if code = refusal(code, unfixed); code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.Day)
	e := entryOf(types.EntryKind_ENTRY_FX, string(at), p, msg.Day)
	e.BaseMinor = base
	m.fxEvents.put(at, types.FxRecord{Event: msg, Provenance: p, Entry: m.post(msg.Subject, e)})
	return types.Code_ok
}
