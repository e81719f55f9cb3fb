package model

import (
	"slices"

	"tradecredit/types"
)

var rulesOfReceivables = map[string]rule{
	"issue_receivable":  on((*Model).issueReceivable),
	"accept_receivable": on((*Model).acceptReceivable),
	"reject_receivable": on((*Model).rejectReceivable),
	"void_receivable":   on((*Model).voidReceivable),
	"adjust_receivable": on((*Model).adjustReceivable),
	"split_receivable":  on((*Model).splitReceivable),
	"write_off":         on((*Model).writeOff),
}

func (m *Model) shapeOfReceivable(msg *types.IssueReceivable) types.Code {
	code := codeOf(types.CheckSourceID(msg.Id))
	if msg.Order != "" {
		code = refusal(code, codeOf(types.CheckRecordID(msg.Order)))
	}
	return refusal(code, codeOf(types.CheckSubjectID(msg.Seller)), codeOf(types.CheckSubjectID(msg.Debtor)), digest(msg.Commitment),
		shapeOfFingerprints(msg.Fingerprints), amount(msg.AmountMinor), m.currency(msg.Currency), codeOf(types.CheckDocumentType(msg.Type)),
		notTooEarly(msg.IssueDay), when(msg.DueDay < msg.IssueDay, types.Code_due_before_issue),
		when(int64(msg.DueDay) > int64(msg.IssueDay)+720, types.Code_due_too_late), when(msg.Seller == msg.Debtor, types.Code_parties_must_differ))
}

func (m *Model) issueReceivable(c *call, msg *types.IssueReceivable) types.Code {
	if code := refusal(m.shapeOfReceivable(msg), m.eventDay(msg.IssueDay)); code != types.Code_ok {
		return code
	}
	id := c.id(msg.Id)
	at := types.ReceivableKey(id)
	if old, ok := m.receivables.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.receivables.put(at, old) })
	}
	code := refusal(m.registered(msg.Seller), m.registered(msg.Debtor), m.actsFor(c, msg.Seller),
		when(m.related(msg.Seller, msg.Debtor) && !msg.Related, types.Code_parties_related), m.invoices(msg))
	base, unfixed := m.base(msg.AmountMinor, msg.Currency, msg.IssueDay)
	if code = refusal(code, unfixed, m.withinLimit(c, base), m.fingerprinted(msg.Fingerprints)); code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.IssueDay)
	r := types.Receivable{Receivable: msg, Provenance: p, Status: types.ReceivableStatus_ISSUED, BaseMinor: base,
		Related: msg.Related || m.related(msg.Seller, msg.Debtor) || m.orders.at(types.OrderKey(msg.Order)).Related}
	r.IssuedEntry = m.post(msg.Seller, m.entryOfReceivable(id, &r, types.EntryKind_ENTRY_RECEIVABLE_ISSUED, p, msg.IssueDay, msg.Debtor))
	m.post(msg.Debtor, m.entryOfReceivable(id, &r, types.EntryKind_ENTRY_RECEIVABLE_RECEIVED, p, msg.IssueDay, msg.Seller))
	if msg.Order != "" {
		o := m.orders.at(types.OrderKey(msg.Order))
		o.InvoicedMinor += msg.AmountMinor
		o.Receivables = append(slices.Clone(o.Receivables), id)
		m.stand(id, &r, lent(o.Legs), p, msg.IssueDay)
		m.keep(id, &r)
		m.closeIfDone(&o)
		m.putOrder(types.OrderKey(msg.Order), o)
	}
	m.keep(id, &r)
	return types.Code_ok
}

// invoices refuses what does not fit the order that a receivable names, or claims more than 110 % of it.
func (m *Model) invoices(msg *types.IssueReceivable) types.Code {
	if msg.Order == "" {
		return types.Code_ok
	}
	o, ok := m.orders.get(types.OrderKey(msg.Order))
	if !ok {
		return types.Code_order_unknown
	}
	return refusal(when(o.Status == types.OrderStatus_ORDER_CANCELLED, types.Code_order_state_forbids), unless(o.Order.Seller == msg.Seller && o.Order.Buyer == msg.Debtor, types.Code_order_parties_differ),
		unless(o.Order.Currency == msg.Currency, types.Code_order_currency_differs),
		when((o.InvoicedMinor+msg.AmountMinor)*10 > o.Order.AmountMinor*11, types.Code_order_over_invoiced),
		when(len(o.Receivables) >= 32, types.Code_too_many_parts))
}

// entryOfReceivable is a row about a receivable. What related parties do counts nowhere.
func (m *Model) entryOfReceivable(id string, r *types.Receivable, kind types.EntryKind, p *types.Provenance, day int32, other string) types.Entry {
	e := entryOf(kind, string(types.ReceivableKey(id)), p, day)
	e.Counterparty, e.DueDay, e.BaseMinor = other, r.Receivable.DueDay, r.BaseMinor
	e.Counted = e.Counted && !r.Related
	return e
}

func (m *Model) acceptReceivable(c *call, msg *types.AcceptReceivable) types.Code {
	code := refusal(codeOf(types.CheckRecordID(msg.Receivable)), digest(msg.Commitment), notTooEarly(msg.Day), m.eventDay(msg.Day))
	if code != types.Code_ok {
		return code
	}
	at := types.ReceivableKey(msg.Receivable)
	r, ok := m.receivables.get(at)
	if !ok {
		return types.Code_receivable_unknown
	}
	code = refusal(m.actsFor(c, r.Receivable.Debtor), m.withinLimit(c, r.BaseMinor),
		when(string(msg.Commitment) != string(r.Receivable.Commitment), types.Code_commitment_differs))
	if code == types.Code_ok && r.Accepted && r.AcceptedBy == c.signer {
		return types.Code_already_recorded
	}
	code = refusal(code, when(r.Status != types.ReceivableStatus_ISSUED, types.Code_receivable_state_forbids),
		when(msg.Day < r.Receivable.IssueDay, types.Code_receivable_state_forbids))
	if code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.Day)
	r.Status, r.Accepted, r.AcceptedBy = types.ReceivableStatus_ACCEPTED, true, c.signer
	r.AcceptedIndependent = m.independent(c.signer, r.Receivable.Seller)
	for x := &r; x != nil; x = m.parentOf(x) {
		r.AcceptedIndependent = r.AcceptedIndependent && m.independent(c.signer, x.Provenance.Signer)
	}
	if r.AcceptedIndependent {
		p.Evidence = raised(p.Evidence)
		r.Provenance = withEvidence(r.Provenance, raised(r.Provenance.Evidence))
	}
	r.AcceptedCounts = r.AcceptedIndependent && p.Counted && mayCount(&r)
	m.owe(msg.Receivable, &r, p, msg.Day, r.AcceptedCounts)
	if r.AcceptedIndependent && p.Counted {
		m.stand(msg.Receivable, &r, r.Legs|legInvoice, p, msg.Day)
	}
	m.keep(msg.Receivable, &r)
	return types.Code_ok
}

// acceptanceStands tells whether the debtor's acceptance is evidence of the invoice: independent, and no late one of a
// receivable that may count.
func acceptanceStands(r *types.Receivable) bool {
	return r.AcceptedIndependent && (r.AcceptedCounts || !mayCount(r))
}

// parentOf is the receivable that one came of by a split; nil if it did not.
func (m *Model) parentOf(r *types.Receivable) *types.Receivable {
	if r.Parent == "" {
		return nil
	}
	parent := m.receivables.at(types.ReceivableKey(r.Parent))
	return &parent
}
