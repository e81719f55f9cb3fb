package model

import (
	"bytes"
	"slices"

	"tradecredit/types"
)

// What ends a receivable, or makes it smaller, other than money.

// endedSo tells whether a signer ended a receivable in these words before, whatever became of it since.
func endedSo(c *call, r *types.Receivable) bool {
	return r.Ended != nil && r.Ended.Signer == c.signer && bytes.Equal(r.Ended.Content, c.content)
}

// endedAgain answers who ended a receivable in these words before.
func (m *Model) endedAgain(c *call, id string, r *types.Receivable) types.Code {
	return m.repeated(c, &r.Ended, func() { m.receivables.put(types.ReceivableKey(id), *r) })
}

// free refuses a receivable that secures a financing.
func (m *Model) free(id string) types.Code {
	return when(len(m.liens(string(types.ReceivableKey(id)))) > 0, types.Code_receivable_locked)
}

// owedStill tells whether a receivable is of those of which something may be owed.
func owedStill(r *types.Receivable) bool {
	return r.Status == types.ReceivableStatus_ISSUED || r.Status == types.ReceivableStatus_ACCEPTED || r.Status == types.ReceivableStatus_PARTLY_SETTLED
}

// ended writes down who ended a receivable.
func ended(r *types.Receivable, status types.ReceivableStatus, p *types.Provenance, day int32, reason uint32) {
	r.Status, r.Ended, r.EndedDay, r.EndedReason, r.VoidAskedBy = status, p, day, reason, ""
}

func (m *Model) rejectReceivable(c *call, msg *types.RejectReceivable) types.Code {
	id := msg.Receivable
	code := refusal(codeOf(types.CheckRecordID(id)), notTooEarly(msg.Day), m.eventDay(msg.Day))
	if code != types.Code_ok {
		return code
	}
	r, ok := m.receivables.get(types.ReceivableKey(id))
	code = refusal(unless(ok, types.Code_receivable_unknown))
	if code == types.Code_ok && endedSo(c, &r) {
		return m.endedAgain(c, id, &r)
	}
	if code != types.Code_ok {
		return code
	}
	code = refusal(m.actsFor(c, r.Receivable.Debtor),
		unless(r.Status == types.ReceivableStatus_ISSUED && r.SettledMinor == 0 && r.WrittenOffMinor == 0, types.Code_receivable_state_forbids),
		when(msg.Day < r.Receivable.IssueDay, types.Code_receivable_state_forbids), m.free(id))
	if code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.Day)
	m.retire(id, &r, types.ReceivableStatus_REJECTED, p, msg.Day, msg.Reason)
	e := m.entryOfReceivable(id, &r, types.EntryKind_ENTRY_RECEIVABLE_REJECTED, p, msg.Day, r.Receivable.Seller)
	e.BaseMinor, e.Counted = openBase(&r), false
	m.post(r.Receivable.Debtor, e)
	e.Counterparty, e.Counted = r.Receivable.Debtor, r.Provenance.Counted && !r.Related
	m.post(r.Receivable.Seller, e)
	return types.Code_ok
}

// retire ends a receivable that is claimed no more, and takes it from its order.
func (m *Model) retire(id string, r *types.Receivable, status types.ReceivableStatus, p *types.Provenance, day int32, reason uint32) {
	ended(r, status, p, day, reason)
	legs := r.Legs
	if rootOf(id, r) == id {
		legs = 0
	}
	m.stand(id, r, legs, p, day)
	m.keep(id, r)
	if r.Receivable.Order == "" {
		return
	}
	at, root := types.OrderKey(r.Receivable.Order), rootOf(id, r)
	o := m.orders.at(at)
	o.InvoicedMinor -= r.Receivable.AmountMinor
	if !slices.ContainsFunc(m.ends(root), func(x types.Receivable) bool { return alive(&x) }) {
		o.Receivables = slices.DeleteFunc(slices.Clone(o.Receivables), func(x string) bool { return x == root })
	}
	m.closeIfDone(&o)
	m.putOrder(at, o)
}

func (m *Model) voidReceivable(c *call, msg *types.VoidReceivable) types.Code {
	id := msg.Receivable
	code := refusal(codeOf(types.CheckRecordID(id)), notTooEarly(msg.Day), m.eventDay(msg.Day))
	if code != types.Code_ok {
		return code
	}
	r, ok := m.receivables.get(types.ReceivableKey(id))
	if !ok {
		return types.Code_receivable_unknown
	}
	if endedSo(c, &r) {
		return m.endedAgain(c, id, &r)
	}
	side := ""
	if !c.own() {
		code = refusal(m.actsForEither(c, r.Receivable.Seller, r.Receivable.Debtor), m.withinLimit(c, r.BaseMinor))
		side = "seller"
		if c.party() == r.Receivable.Debtor {
			side = "debtor"
		}
	}
	accepted := r.Status == types.ReceivableStatus_ACCEPTED
	may := r.Status == types.ReceivableStatus_ISSUED && side != "debtor" ||
		accepted && side != "" && m.day <= r.Receivable.DueDay
	code = refusal(code, unless(may && untouched(&r), types.Code_receivable_state_forbids),
		when(msg.Day < r.Receivable.IssueDay, types.Code_receivable_state_forbids), m.free(id),
		when(accepted && r.VoidAskedBy == side, types.Code_already_requested))
	if code != types.Code_ok {
		return code
	}
	if accepted && r.VoidAskedBy == "" {
		r.VoidAskedBy = side
		m.keep(id, &r)
		return types.Code_ok
	}
	p := m.provenance(c, msg.Day)
	if r.Experience {
		m.oweNoMore(id, &r)
	}
	m.retire(id, &r, types.ReceivableStatus_VOID, p, msg.Day, msg.Reason)
	e := m.entryOfReceivable(id, &r, types.EntryKind_ENTRY_RECEIVABLE_VOID, p, msg.Day, r.Receivable.Seller)
	e.Counted = false
	m.post(r.Receivable.Debtor, e)
	issued := m.takenBack(r.Receivable.Seller, r.IssuedEntry, types.EntryKind_ENTRY_RECEIVABLE_ISSUED_REVERSED)
	issued.Record, issued.BaseMinor = string(types.ReceivableKey(id)), r.BaseMinor
	m.post(r.Receivable.Seller, issued)
	return types.Code_ok
}

func (m *Model) adjustReceivable(c *call, msg *types.AdjustReceivable) types.Code {
	code := lowest(codeOf(types.CheckSourceID(msg.Id)), codeOf(types.CheckRecordID(msg.Receivable)), digest(msg.Commitment),
		required(msg.Fault), amount(msg.AmountMinor), notTooEarly(msg.Day))
	if code = refusal(code, m.eventDay(msg.Day)); code != types.Code_ok {
		return code
	}
	at := types.CreditNoteKey(c.id(msg.Id))
	if old, ok := m.creditNotes.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.creditNotes.put(at, old) })
	}
	id := msg.Receivable
	r, ok := m.receivables.get(types.ReceivableKey(id))
	if !ok {
		return types.Code_receivable_unknown
	}
	code = refusal(m.actsFor(c, r.Receivable.Seller), unless(owedStill(&r), types.Code_receivable_state_forbids),
		when(msg.Day < r.Receivable.IssueDay, types.Code_receivable_state_forbids), m.free(id),
		when(msg.AmountMinor > openOf(&r), types.Code_credit_exceeds_open))
	if code != types.Code_ok {
		return code
	}
	base := nextBase(&r, msg.AmountMinor)
	if code = m.withinLimit(c, base); code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.Day)
	m.creditNotes.put(at, types.CreditNote{Note: msg, Provenance: p, BaseMinor: base})
	r.CreditedMinor, r.CreditedBaseMinor = r.CreditedMinor+msg.AmountMinor, r.CreditedBaseMinor+base
	m.closed(&r, m.day)
	m.keep(id, &r)
	e := m.entryOfReceivable(id, &r, types.EntryKind_ENTRY_CREDITED, p, msg.Day, r.Receivable.Seller)
	e.Record, e.BaseMinor, e.Counted, e.Open = string(at), base, false, r.Experience
	m.post(r.Receivable.Debtor, e)
	e.Kind, e.Counterparty = types.EntryKind_ENTRY_CREDIT_NOTE, r.Receivable.Debtor
	e.Counted = (msg.Fault == types.Fault_FAULT_OF_SELLER || m.day > r.Receivable.DueDay) && r.Provenance.Counted && !r.Related
	m.post(r.Receivable.Seller, e)
	m.reviewOrder(&r, msg.Day)
	return types.Code_ok
}

// reviewOrder compares the order of a receivable anew, and closes or opens it.
func (m *Model) reviewOrder(r *types.Receivable, day int32) {
	if r.Receivable.Order == "" {
		return
	}
	at := types.OrderKey(r.Receivable.Order)
	o := m.orders.at(at)
	m.closeIfDone(&o)
	m.putOrder(at, o)
}

func shapeOfSplit(msg *types.SplitReceivable) types.Code {
	code := codeOf(types.CheckRecordID(msg.Receivable))
	twice, seen := false, map[string]bool{}
	for _, x := range msg.Children {
		code = refusal(code, codeOf(types.CheckSourceID(x.Id)), amount(x.AmountMinor))
		twice = twice || seen[x.Id]
		seen[x.Id] = true
	}
	count := when(len(msg.Children) < 2 || len(msg.Children) > 16, types.Code_count_out_of_range)
	return refusal(code, count, notTooEarly(msg.Day), when(twice, types.Code_id_taken))
}

func (m *Model) splitReceivable(c *call, msg *types.SplitReceivable) types.Code {
	code := refusal(shapeOfSplit(msg), m.eventDay(msg.Day))
	if code != types.Code_ok {
		return code
	}
	id := msg.Receivable
	r, known := m.receivables.get(types.ReceivableKey(id))
	sum := int64(0)
	for _, x := range msg.Children {
		sum += x.AmountMinor
		if child, taken := m.receivables.get(types.ReceivableKey(c.id(x.Id))); taken {
			if !known || child.Parent != id || !endedSo(c, &r) {
				return types.Code_id_taken
			}
			return m.splitAgain(c, r)
		}
	}
	if !known {
		return types.Code_receivable_unknown
	}
	may := owedStill(&r) && untouched(&r)
	code = refusal(m.actsFor(c, r.Receivable.Seller), unless(may, types.Code_receivable_state_forbids),
		when(msg.Day < r.Receivable.IssueDay, types.Code_receivable_state_forbids), m.free(id),
		when(r.Assignee != "", types.Code_receivable_locked), when(sum != openOf(&r), types.Code_split_sum_differs),
		when(r.Level >= 8, types.Code_split_too_deep), when(r.Dispute != "", types.Code_object_disputed))
	if code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.Day)
	m.divide(c, id, r, msg, p)
	e := m.entryOfReceivable(id, &r, types.EntryKind_ENTRY_RECEIVABLE_SPLIT, p, msg.Day, r.Receivable.Debtor)
	e.Counted = false
	m.post(r.Receivable.Seller, e)
	e.Counterparty = r.Receivable.Seller
	m.post(r.Receivable.Debtor, e)
	return types.Code_ok
}

// splitAgain: a split is confirmed again as one, with all its children.
func (m *Model) splitAgain(c *call, r types.Receivable) types.Code {
	for _, child := range r.Children {
		at := types.ReceivableKey(child)
		x := m.receivables.at(at)
		code := m.repeated(c, &x.Provenance, func() { m.receivables.put(at, x) })
		if code != types.Code_ok {
			return code // all or none
		}
	}
	return types.Code_ok
}

// divide makes the children of a receivable.
func (m *Model) divide(c *call, id string, r types.Receivable, msg *types.SplitReceivable, p *types.Provenance) {
	parent, given, gone := r, int64(0), int64(0)
	parent.Children = nil
	for _, x := range msg.Children {
		child, signed, terms := r, *p, *r.Receivable
		signed.Evidence, signed.Counted = r.Provenance.Evidence, r.Provenance.Counted
		signed.Late, signed.Backfill = r.Provenance.Late, r.Provenance.Backfill
		child.Provenance = &signed
		terms.Id, terms.AmountMinor = x.Id, x.AmountMinor
		given += x.AmountMinor
		child.Receivable, child.BaseMinor = &terms, share(r.BaseMinor, given, r.Receivable.AmountMinor)-gone
		gone += child.BaseMinor
		child.Parent, child.Root, child.Level, child.Legs, child.VoidAskedBy = id, rootOf(id, &r), r.Level+1, r.Legs&(legInvoice|legFunds), ""
		if !acceptanceStands(&r) {
			child.Legs &^= legInvoice // the tax authority verified the paper as a whole
		}
		child.TaxVerifiedBy = ""
		m.receivables.put(types.ReceivableKey(c.id(x.Id)), child)
		parent.Children = append(parent.Children, c.id(x.Id))
	}
	ended(&parent, types.ReceivableStatus_SPLIT, p, msg.Day, 0)
	if root := rootOf(id, &r); root != id && r.TaxVerifiedBy != "" {
		m.receivables.change(types.ReceivableKey(root), func(x *types.Receivable) {
			if x.TaxVerifiedBy == "" {
				x.TaxVerifiedBy = r.TaxVerifiedBy
			}
		})
		parent.TaxVerifiedBy = ""
	}
	if parent.Experience {
		record := m.logs[r.Receivable.Debtor][r.ObligationEntry-1].Record
		shares := uint32(len(msg.Children))
		if record == string(types.ReceivableKey(id)) {
			parent.ObligationShares = shares
		} else {
			m.receivables.change(types.Key[types.Receivable](record), func(x *types.Receivable) { x.ObligationShares += shares - 1 })
		}
	}
	parent.Experience, parent.ObligationEntry, parent.ClaimEntry = false, 0, 0
	m.keep(id, &parent)
}

func (m *Model) writeOff(c *call, msg *types.WriteOff) types.Code {
	id := msg.Receivable
	code := refusal(codeOf(types.CheckRecordID(id)), notTooEarly(msg.Day), m.eventDay(msg.Day))
	if code != types.Code_ok {
		return code
	}
	r, ok := m.receivables.get(types.ReceivableKey(id))
	if !ok {
		return types.Code_receivable_unknown
	}
	if endedSo(c, &r) {
		return m.endedAgain(c, id, &r)
	}
	code = refusal(m.actsFor(c, r.Receivable.Seller), m.withinLimit(c, openBase(&r)), unless(owedStill(&r), types.Code_receivable_state_forbids),
		when(len(r.WriteOffs) >= 64, types.Code_too_many_parts), m.free(id),
		when(msg.Day < r.Receivable.DueDay+180, types.Code_write_off_too_early))
	if code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.Day)
	open := openOf(&r)
	x := &types.Part{Receivable: id, AmountMinor: open, BaseMinor: nextBase(&r, open), Dbt: msg.Day - r.Receivable.DueDay, P: 1,
		Counted: r.Experience && p.Counted && mayCount(&r)}
	e := m.entryOfReceivable(id, &r, types.EntryKind_ENTRY_WRITTEN_OFF, p, msg.Day, r.Receivable.Seller)
	e.BaseMinor, e.Dbt, e.P, e.Part, e.Counted, e.Open = x.BaseMinor, x.Dbt, x.P, uint32(len(r.WriteOffs)), x.Counted, r.Experience
	if x.Counted {
		closes(&r, msg.Day, len(m.logs[r.Receivable.Debtor]))
	}
	x.DebtorEntry = m.post(r.Receivable.Debtor, e) - 1
	e.Kind, e.Counterparty, e.Counted = types.EntryKind_ENTRY_GIVEN_UP, r.Receivable.Debtor, false
	x.CreditorEntry = m.post(r.Receivable.Seller, e) - 1
	r.WrittenOffMinor, r.WrittenOffBaseMinor, r.WrittenOffDay = r.WrittenOffMinor+open, r.WrittenOffBaseMinor+x.BaseMinor, msg.Day
	r.WriteOffs = append(slices.Clone(r.WriteOffs), x)
	m.closed(&r, msg.Day)
	ended(&r, types.ReceivableStatus_WRITTEN_OFF, p, msg.Day, msg.Reason)
	m.keep(id, &r)
	m.reviewOrder(&r, msg.Day)
	return types.Code_ok
}
