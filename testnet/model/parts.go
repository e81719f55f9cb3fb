package model

import (
	"slices"

	"tradecredit/types"
)

// A part is what one allocation of a payment closes of a receivable.

// points is the published key between days beyond terms and points, linear between its knots.
func points(dbt int32) int32 {
	key := [][2]int32{{-30, 100}, {-20, 90}, {0, 80}, {15, 70}, {22, 60}, {30, 50}, {60, 40}, {90, 30}, {120, 20}}
	switch {
	case dbt <= -30:
		return 100
	case dbt > 180:
		return 1
	case dbt > 150:
		return 10
	case dbt > 120:
		return 15
	}
	for i := 1; ; i++ {
		if lo, hi := key[i-1], key[i]; dbt <= hi[0] {
			return lo[1] - (dbt-lo[0])*(lo[1]-hi[1])/(hi[0]-lo[0])
		}
	}
}

// settle adds one part to a payment and its receivable.
func (m *Model) settle(at types.Key[types.Settlement], a *types.Allocation, p *types.Provenance) {
	s := m.settlements.at(at)
	id := a.Receivable
	r := m.receivables.at(types.ReceivableKey(id))
	x := &types.Part{Receivable: id, AmountMinor: a.AmountMinor, BaseMinor: nextBase(&r, a.AmountMinor), Dbt: s.Day - r.Receivable.DueDay}
	x.P = points(x.Dbt)
	x.Bank = p.Role == types.Role_BANK && m.groupOf(p.Signer) != m.groupOf(s.Payee)
	counts := p.Counted && mayCount(&r)
	if x.Bank && counts && !r.Experience {
		m.owe(id, &r, p, s.Day, true)
		x.Obligation = r.ObligationEntry
	}
	x.Counted = r.Experience && counts && !m.cancelsOut(&s, x)
	if x.Bank && p.Counted {
		m.stand(id, &r, r.Legs|legFunds, p, s.Day)
	}
	if x.Counted {
		closes(&r, s.Day, len(m.logs[s.Payer]))
	}
	e := m.entryOfPart(at, &s, &r, x, p, len(s.Parts))
	x.DebtorEntry = m.post(s.Payer, e) - 1
	e.Kind, e.Counterparty = types.EntryKind_ENTRY_COLLECTED, s.Payer
	x.CreditorEntry = m.post(s.Payee, e) - 1
	r.SettledMinor, r.SettledBaseMinor = r.SettledMinor+x.AmountMinor, r.SettledBaseMinor+x.BaseMinor
	r.Parts++
	count(&r.BankParts, x.Bank)
	m.closed(&r, s.Day)
	m.keep(id, &r)
	m.settlements.change(at, func(s *types.Settlement) { s.Parts = append(slices.Clone(s.Parts), x) })
	m.paid(&r, x, 1, s.Day)
}

// mayCount tells whether a receivable may count: recorded in time, between unrelated parties, and not taken out of scores.
func mayCount(r *types.Receivable) bool {
	return r.Provenance.Counted && !r.Related && r.Suppressed == 0
}

// closes adds a counted part to a receivable, by its row in the debtor's log.
func closes(r *types.Receivable, day int32, entry int) {
	r.ClosingMonths = append(slices.Clone(r.ClosingMonths), types.MonthOf(day))
	r.ClosingEntries = append(slices.Clone(r.ClosingEntries), uint64(entry))
}

// closed gives a receivable the state that follows from what was closed of it on a day.
func (m *Model) closed(r *types.Receivable, day int32) {
	r.VoidAskedBy = ""
	r.Status, r.SettledDay = statusOf(r), 0
	if openOf(r) == 0 {
		r.SettledDay = day
	}
}

// entryOfPart is the row of a part in the debtor's log.
func (m *Model) entryOfPart(at types.Key[types.Settlement], s *types.Settlement, r *types.Receivable, x *types.Part, p *types.Provenance, n int) types.Entry {
	e := entryOf(types.EntryKind_ENTRY_PAID, string(at), p, s.Day)
	e.Counterparty, e.DueDay, e.BaseMinor, e.Dbt, e.P = s.Payee, r.Receivable.DueDay, x.BaseMinor, x.Dbt, x.P
	e.Counted, e.Part, e.Open = x.Counted, uint32(n), r.Experience
	return e
}

// counterpart is a counted part that a new one may cancel out with.
type counterpart struct {
	settlement types.Key[types.Settlement]
	part       int
	day        int32
	base       int64
	entry      uint64
}

// cancelsOut looks for a counted payment in the other direction within 30 days and 5 %; both leave the sums.
func (m *Model) cancelsOut(s *types.Settlement, x *types.Part) bool {
	for _, c := range m.recentParts(s.Payee, s.Payer) {
		apart := max(c.day-s.Day, s.Day-c.day)
		differ, larger := max(c.base-x.BaseMinor, x.BaseMinor-c.base), max(c.base, x.BaseMinor)
		if apart <= 30 && differ*20 <= larger {
			m.exclude(c.settlement, c.part)
			id := m.settlements.at(c.settlement).Parts[c.part].Receivable
			r := m.receivables.at(types.ReceivableKey(id))
			m.owesOnNothing(id, &r)
			m.keep(id, &r)
			return true
		}
	}
	return false
}

// recentParts are the counted parts that a debtor paid a creditor and that are remembered, in the order they came: the last
// 32, and none more than 30 days before the newest. What was forgotten does not come back when a newer one goes.
func (m *Model) recentParts(debtor, creditor string) (list []counterpart) {
	for n, e := range m.logs[debtor] {
		if e.Counterparty != creditor {
			continue
		}
		switch e.Kind {
		case types.EntryKind_ENTRY_PAID:
			if !e.Counted {
				continue
			}
			list = append(list, counterpart{types.Key[types.Settlement](e.Record), int(e.Part), e.Day, e.BaseMinor, uint64(n)})
			newest := e.Day
			for _, c := range list {
				newest = max(newest, c.day)
			}
			list = slices.DeleteFunc(list, func(c counterpart) bool { return c.day < newest-30 })
			list = list[max(0, len(list)-32):]
		case types.EntryKind_ENTRY_PAID_REVERSED, types.EntryKind_ENTRY_PAID_EXCLUDED:
			list = slices.DeleteFunc(list, func(c counterpart) bool { return c.entry == e.Reverses-1 })
		}
	}
	return list
}

// exclude takes a counted part out of the sums; what it paid stays paid.
func (m *Model) exclude(at types.Key[types.Settlement], n int) {
	s := m.settlements.at(at)
	x := *s.Parts[n]
	r := m.receivables.at(types.ReceivableKey(x.Receivable))
	opens(&r, x.DebtorEntry)
	m.post(s.Payer, m.takenBack(s.Payer, x.DebtorEntry+1, types.EntryKind_ENTRY_PAID_EXCLUDED))
	m.post(s.Payee, m.takenBack(s.Payee, x.CreditorEntry+1, types.EntryKind_ENTRY_COLLECTED_EXCLUDED))
	x.Counted = false
	s.Parts = replaced(s.Parts, n, &x)
	m.settlements.put(at, s)
	m.keep(x.Receivable, &r)
}

// takenBack repeats an entry under the kind that takes it back; it opens nothing.
func (m *Model) takenBack(subject string, entry uint64, kind types.EntryKind) types.Entry {
	e := m.logs[subject][entry-1]
	e.Kind, e.Reverses, e.Open = kind, entry, false
	return e
}

// opens takes a counted part from a receivable, by its row in the debtor's log.
func opens(r *types.Receivable, entry uint64) {
	i := slices.Index(r.ClosingEntries, entry)
	r.ClosingMonths = slices.Delete(slices.Clone(r.ClosingMonths), i, i+1)
	r.ClosingEntries = slices.Delete(slices.Clone(r.ClosingEntries), i, i+1)
}

// unsettle takes one part back, exactly, and reopens the original due day.
func (m *Model) unsettle(at types.Key[types.Settlement], n int, p *types.Provenance, day int32) {
	s := m.settlements.at(at)
	x := *s.Parts[n]
	r := m.receivables.at(types.ReceivableKey(x.Receivable))
	if x.Counted {
		opens(&r, x.DebtorEntry)
	}
	paid := m.takenBack(s.Payer, x.DebtorEntry+1, types.EntryKind_ENTRY_PAID_REVERSED)
	collected := m.takenBack(s.Payee, x.CreditorEntry+1, types.EntryKind_ENTRY_COLLECTED_REVERSED)
	paid.Counted, collected.Counted = x.Counted, x.Counted
	paid.Open, collected.Open = r.Experience, r.Experience
	paid.Evidence, collected.Evidence = s.CreditorSide.Evidence, s.CreditorSide.Evidence
	m.post(s.Payer, paid)
	m.post(s.Payee, collected)
	r.SettledMinor -= x.AmountMinor
	r.SettledBaseMinor -= x.BaseMinor
	r.Parts--
	if x.Bank {
		r.BankParts--
	}
	r.Status, r.SettledDay = statusOf(&r), 0
	m.lessPaid(x.Receivable, &r, p, day)
	m.keep(x.Receivable, &r)
	x.Counted = false
	s.Parts = replaced(s.Parts, n, &x)
	m.settlements.put(at, s)
	m.paid(&r, &x, -1, day)
}

// lessPaid is what no longer stands on a bank's payments: the funds leg, and an experience that rests on nothing else.
func (m *Model) lessPaid(id string, r *types.Receivable, p *types.Provenance, day int32) {
	if r.BankParts == 0 {
		m.stand(id, r, r.Legs&^legFunds, p, day)
		m.owesOnNothing(id, r)
	}
}

// owesOnNothing ends an experience that nobody accepted, no bank's payment stands behind, and no counted payment is left of.
func (m *Model) owesOnNothing(id string, r *types.Receivable) {
	writeOffs := 0
	for _, x := range r.WriteOffs {
		if x.Counted {
			writeOffs++
		}
	}
	if r.Experience && !r.AcceptedCounts && r.BankParts == 0 && len(r.ClosingMonths) == writeOffs {
		m.oweNoMore(id, r)
	}
}

// paid tells the order of a receivable of a part that came, or was taken back.
func (m *Model) paid(r *types.Receivable, x *types.Part, sign int64, day int32) {
	if r.Receivable.Order == "" {
		return
	}
	at := types.OrderKey(r.Receivable.Order)
	o := m.orders.at(at)
	o.PaidMinor += sign * x.AmountMinor
	if x.Bank {
		o.BankPaid = uint32(int64(o.BankPaid) + sign)
	}
	m.closeIfDone(&o)
	m.putOrder(at, o)
}
