package verifier

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"tradecredit/types"
	"tradecredit/types/score"
)

// This file says what each entry of an enterprise's log does to the sums that scores read. It is written apart from the
// rules of the ledger, from what types.proto says of entries, so that a reader's program does not repeat their mistakes:
// a test holds both against each other over random histories.

// sums is a fold over a log: the head, the months, and what the enterprise paid to each counterparty.
type sums struct {
	entry  *types.Entry
	head   types.SubjectHead // first day and open obligations only
	months map[int32]*monthSums
	paid   map[string]*paidSums
	broken bool // something became negative or too large
}

// monthSums is a month with its lists by day and member.
type monthSums struct {
	types.MonthSum
	owed, due, promised map[int32]*types.OpenDay
	vouched             map[string]*types.MemberSum
}

// paidSums is what was paid to one counterparty and counts: in all, and by month with its points.
type paidSums struct {
	lifetime int64
	minor    map[int32]int64
	points   map[int32]types.Uint128
}

// How a claim stands, in claim_was and claim_now.
const (
	claimOpen   = 1
	claimInTime = 2
	claimLate   = 3
)

// foldEntries adds up a log from its first entry on.
func foldEntries(entries []*types.Entry) (*sums, error) {
	s := &sums{months: map[int32]*monthSums{}, paid: map[string]*paidSums{}}
	for i, e := range entries {
		s.entry = e
		if effect := effects[e.Kind]; effect != nil {
			effect(s, e)
		}
		if s.broken {
			return nil, fmt.Errorf("%w: entry %d, %s", ErrReportSums, i, e.Kind)
		}
	}
	return s, nil
}

// effects are the kinds of entries that touch a sum.
var effects = map[types.EntryKind]func(*sums, *types.Entry){
	types.EntryKind_ENTRY_ORDER_BOUGHT:       counts,
	types.EntryKind_ENTRY_ORDER_CONFIRMED:    counts,
	types.EntryKind_ENTRY_MOVEMENT:           counts,
	types.EntryKind_ENTRY_RECEIVED:           counts,
	types.EntryKind_ENTRY_DELIVERY_ACCEPTED:  counts,
	types.EntryKind_ENTRY_PROGRESS_CONFIRMED: counts,
	types.EntryKind_ENTRY_CUSTOMS:            counts,
	types.EntryKind_ENTRY_TAX:                counts,
	types.EntryKind_ENTRY_FX:                 counts,
	types.EntryKind_ENTRY_CUSTOMS_EXCLUDED: func(s *sums, e *types.Entry) {
		if e.Counted {
			s.event(-1)
		}
	},
	types.EntryKind_ENTRY_ORDER_SOLD:          func(s *sums, e *types.Entry) { s.sale(e, 1) },
	types.EntryKind_ENTRY_ORDER_SOLD_REVERSED: func(s *sums, e *types.Entry) { s.sale(e, -1) },
	types.EntryKind_ENTRY_ORDER_CANCELLED:     func(s *sums, e *types.Entry) { s.cancelled(e, 1) },
	types.EntryKind_ENTRY_DELIVERED:           func(s *sums, e *types.Entry) { s.delivered(e, 1) },
	types.EntryKind_ENTRY_RETURN:              func(s *sums, e *types.Entry) { s.returned(e, 1) },
	types.EntryKind_ENTRY_RETURN_EXCLUDED:     func(s *sums, e *types.Entry) { s.returned(e, -1) },
	types.EntryKind_ENTRY_VERDICT:             func(s *sums, e *types.Entry) { s.verdict(e, 1) },
	types.EntryKind_ENTRY_VERDICT_EXCLUDED:    func(s *sums, e *types.Entry) { s.verdict(e, -1) },
	types.EntryKind_ENTRY_EVENT_EXCLUDED:      (*sums).excluded,
	types.EntryKind_ENTRY_EVIDENCE_LOST:       (*sums).evidenceLost,

	types.EntryKind_ENTRY_RECEIVABLE_ISSUED:          (*sums).issued,
	types.EntryKind_ENTRY_RECEIVABLE_ISSUED_REVERSED: (*sums).unissued,
	types.EntryKind_ENTRY_RECEIVABLE_REJECTED: func(s *sums, e *types.Entry) {
		if e.Counted {
			s.add(&s.month(e.MonthWas).InvoicedMinor, -e.BaseMinor)
		}
	},
	types.EntryKind_ENTRY_LEGS:                func(s *sums, e *types.Entry) { s.legs(e, 1) },
	types.EntryKind_ENTRY_LEGS_LOST:           func(s *sums, e *types.Entry) { s.legs(e, -1) },
	types.EntryKind_ENTRY_OBLIGATION:          func(s *sums, e *types.Entry) { s.obligation(e, 1) },
	types.EntryKind_ENTRY_OBLIGATION_REVERSED: func(s *sums, e *types.Entry) { s.obligation(e, -1) },
	types.EntryKind_ENTRY_OBLIGATION_EXCLUDED: func(s *sums, e *types.Entry) { s.obligation(e, -1) },
	types.EntryKind_ENTRY_CLAIM:               func(s *sums, e *types.Entry) { s.claim(e, 1) },
	types.EntryKind_ENTRY_CLAIM_REVERSED:      func(s *sums, e *types.Entry) { s.claim(e, -1) },
	types.EntryKind_ENTRY_CLAIM_EXCLUDED:      func(s *sums, e *types.Entry) { s.claim(e, -1) },

	types.EntryKind_ENTRY_PAID:                 func(s *sums, e *types.Entry) { s.closed(e, 1, e.Open, e.Counted, true) },
	types.EntryKind_ENTRY_PAID_REVERSED:        func(s *sums, e *types.Entry) { s.closed(e, -1, e.Open, e.Counted, true) },
	types.EntryKind_ENTRY_PAID_EXCLUDED:        func(s *sums, e *types.Entry) { s.closed(e, -1, false, true, true) },
	types.EntryKind_ENTRY_CREDITED:             func(s *sums, e *types.Entry) { s.closed(e, 1, e.Open, false, true) },
	types.EntryKind_ENTRY_WRITTEN_OFF:          func(s *sums, e *types.Entry) { s.closed(e, 1, e.Open, e.Counted, false) },
	types.EntryKind_ENTRY_WRITTEN_OFF_EXCLUDED: func(s *sums, e *types.Entry) { s.closed(e, -1, false, true, false) },
	types.EntryKind_ENTRY_CREDIT_NOTE:          (*sums).cut,
	types.EntryKind_ENTRY_GIVEN_UP:             (*sums).cut,
	types.EntryKind_ENTRY_COLLECTED:            func(s *sums, e *types.Entry) { s.collected(e, 1, e.Open, e.Counted) },
	types.EntryKind_ENTRY_COLLECTED_REVERSED:   func(s *sums, e *types.Entry) { s.collected(e, -1, e.Open, e.Counted) },
	types.EntryKind_ENTRY_COLLECTED_EXCLUDED:   func(s *sums, e *types.Entry) { s.collected(e, -1, false, true) },
}

// money are the kinds whose amount a member vouches for.
var money = map[types.EntryKind]bool{
	types.EntryKind_ENTRY_PAID: true, types.EntryKind_ENTRY_PAID_REVERSED: true, types.EntryKind_ENTRY_PAID_EXCLUDED: true,
	types.EntryKind_ENTRY_COLLECTED: true, types.EntryKind_ENTRY_COLLECTED_REVERSED: true, types.EntryKind_ENTRY_COLLECTED_EXCLUDED: true,
	types.EntryKind_ENTRY_DELIVERED: true,
}

func (s *sums) month(m int32) *monthSums {
	if s.months[m] == nil {
		s.months[m] = &monthSums{owed: map[int32]*types.OpenDay{}, due: map[int32]*types.OpenDay{},
			promised: map[int32]*types.OpenDay{}, vouched: map[string]*types.MemberSum{}}
	}
	return s.months[m]
}

func (s *sums) add(sum *int64, change int64) {
	v, err := types.Add(*sum, change)
	if s.broken = s.broken || err != nil || v < 0; !s.broken {
		*sum = v
	}
}

func (s *sums) addDay(days map[int32]*types.OpenDay, day int32, minor, items, untouched int64) {
	o := days[day]
	if o == nil {
		o = &types.OpenDay{Day: day}
		days[day] = o
	}
	s.add(&o.Minor, minor)
	s.add(&o.Items, items)
	s.add(&o.Untouched, untouched)
}

// points adds the entry's amount times its points to a 128-bit sum, or takes it away.
func (s *sums) points(sum types.Uint128, e *types.Entry, sign int64) types.Uint128 {
	change := sum.AddMul
	if sign < 0 {
		change = sum.SubMul
	}
	v, err := change(e.BaseMinor, int64(e.P))
	s.broken = s.broken || err != nil
	return v
}

func counts(s *sums, e *types.Entry) {
	if e.Counted {
		s.event(1)
	}
}

// event counts the entry in the month of its day, or takes it back; the first day ever counted stays.
func (s *sums) event(sign int64) {
	e := s.entry
	if sign > 0 && (s.head.FirstDay == 0 || e.Day < s.head.FirstDay) {
		s.head.FirstDay = e.Day
	}
	m := s.month(types.MonthOf(e.Day))
	s.add(&m.Events, sign)
	if e.Late {
		s.add(&m.LateEvents, sign)
	}
	if e.Evidence > types.Evidence_SELF_DECLARED {
		s.add(&m.AboveSelf, sign)
	}
	if e.Member == "" {
		return
	}
	by := m.vouched[e.Member]
	if by == nil {
		by = &types.MemberSum{Member: e.Member}
		m.vouched[e.Member] = by
	}
	s.add(&by.Events, sign)
	if money[e.Kind] || money[e.Excludes] {
		s.add(&by.WeightMinor, sign*e.BaseMinor)
	}
	if by.Events == 0 {
		delete(m.vouched, e.Member)
	}
}

func (s *sums) sale(e *types.Entry, sign int64) {
	if !e.Counted {
		return
	}
	s.event(sign)
	if e.Open {
		s.addDay(s.month(types.MonthOf(e.DueDay)).promised, e.DueDay, 0, sign, 0)
	}
}

func (s *sums) cancelled(e *types.Entry, sign int64) {
	if e.Counted {
		s.add(&s.month(types.MonthOf(e.DueDay)).DeliveredLate, sign)
	}
}

// delivered: a sale is fulfilled when somebody independent signed its delivery; a broken promise is late whoever signed.
func (s *sums) delivered(e *types.Entry, sign int64) {
	m, sold := s.month(types.MonthOf(e.DueDay)), e.Counted && e.Independent
	if e.Open && sign > 0 {
		s.addDay(m.promised, e.DueDay, 0, -1, 0)
	}
	if sold && e.OnTime {
		s.add(&m.DeliveredOnTime, sign)
	}
	if !e.OnTime && (sold || e.Open) {
		s.add(&m.DeliveredLate, sign)
	}
	if e.Counted {
		s.event(sign)
	}
	if sold {
		s.add(&s.month(types.MonthOf(e.Day)).Fulfilled, sign)
	}
}

func (s *sums) returned(e *types.Entry, sign int64) {
	if e.Counted {
		s.add(&s.month(types.MonthOf(e.Day)).CreditedMinor, sign*e.BaseMinor)
	}
}

func (s *sums) verdict(e *types.Entry, sign int64) {
	if !e.Counted {
		return
	}
	s.event(sign)
	m := s.month(types.MonthOf(e.Day))
	s.add(&m.Verdicts, sign)
	if e.Adverse {
		s.add(&m.AdverseVerdicts, sign)
	}
}

func (s *sums) excluded(e *types.Entry) {
	switch {
	case e.Excludes == types.EntryKind_ENTRY_DELIVERED:
		s.delivered(e, -1)
	case e.Excludes == types.EntryKind_ENTRY_ORDER_CANCELLED:
		s.cancelled(e, -1)
	case e.Counted:
		s.event(-1)
	}
}

func (s *sums) evidenceLost(e *types.Entry) {
	if !e.Counted || e.Evidence <= types.Evidence_SELF_DECLARED {
		return
	}
	m := s.month(types.MonthOf(e.Day))
	s.add(&m.AboveSelf, -1)
	if !e.Independent {
		return
	}
	s.add(&m.Fulfilled, -1)
	due := s.month(types.MonthOf(e.DueDay))
	if e.OnTime {
		s.add(&due.DeliveredOnTime, -1)
	} else if !e.Open {
		s.add(&due.DeliveredLate, -1)
	}
}

func (s *sums) issued(e *types.Entry) {
	if !e.Counted {
		return
	}
	s.event(1)
	m := s.month(types.MonthOf(e.Day))
	s.add(&m.Receivables, 1)
	s.add(&m.InvoicedMinor, e.BaseMinor)
}

func (s *sums) unissued(e *types.Entry) {
	if !e.Counted {
		return
	}
	m := s.month(types.MonthOf(e.Day))
	s.add(&m.InvoicedMinor, -e.BaseMinor)
	if e.Last {
		s.event(-1)
		s.add(&m.Receivables, -1)
	}
}

func (s *sums) legs(e *types.Entry, sign int64) {
	if e.Counted {
		s.add(&s.month(e.MonthWas).ReceivablesLegs, sign)
	}
}

// moved is by how much the number of claims that stand in one way changes; told says whether the entry tells at all.
func moved(e *types.Entry, claim uint32) (n int64) {
	if e.ClaimNow == claim {
		n++
	}
	if e.ClaimWas == claim {
		n--
	}
	return n
}

func told(e *types.Entry) bool { return e.ClaimWas != 0 || e.ClaimNow != 0 }

func (s *sums) obligation(e *types.Entry, sign int64) {
	if e.Counted {
		s.event(sign)
	}
	minor, items, untouched := int64(0), int64(0), int64(0)
	if e.Open {
		minor = sign * e.BaseMinor
	}
	switch {
	case told(e):
		items = moved(e, claimOpen)
		if e.First {
			untouched = sign
		}
	case e.Open:
		items, untouched = sign, sign
	default:
		return
	}
	s.addDay(s.month(types.MonthOf(e.DueDay)).owed, e.DueDay, minor, items, untouched)
	s.add(&s.head.OpenMinor, minor)
	s.add(&s.head.OpenObligations, items)
}

func (s *sums) claim(e *types.Entry, sign int64) {
	m := s.month(types.MonthOf(e.DueDay))
	switch {
	case told(e):
		s.claimMoved(e, sign*e.BaseMinor)
	case e.Open:
		s.addDay(m.due, e.DueDay, sign*e.BaseMinor, sign, 0)
	case sign < 0 && e.OnTime:
		s.add(&m.CollectedInTime, -1)
	case sign < 0:
		s.add(&m.CollectedLate, -1)
	}
}

func (s *sums) claimMoved(e *types.Entry, minor int64) {
	m := s.month(types.MonthOf(e.DueDay))
	if !e.Open {
		minor = 0
	}
	s.addDay(m.due, e.DueDay, minor, moved(e, claimOpen), 0)
	s.add(&m.CollectedInTime, moved(e, claimInTime))
	s.add(&m.CollectedLate, moved(e, claimLate))
}

func (s *sums) cut(e *types.Entry) {
	if e.Open {
		s.claimMoved(e, -e.BaseMinor)
	}
	if e.Counted {
		s.add(&s.month(e.MonthWas).CreditedMinor, e.BaseMinor)
	}
}

// closed closes a part of what the enterprise owes, or takes it back: paid tells a payment from a write-off.
func (s *sums) closed(e *types.Entry, sign int64, open, counted, paid bool) {
	minor, items, untouched := int64(0), int64(0), int64(0)
	if open {
		minor = -sign * e.BaseMinor
		if e.Last {
			items = -sign
		}
	}
	if e.First {
		untouched = -sign
	}
	s.add(&s.head.OpenMinor, minor)
	s.add(&s.head.OpenObligations, items)
	s.addDay(s.month(types.MonthOf(e.DueDay)).owed, e.DueDay, minor, items, untouched)
	if !counted {
		return
	}
	if paid {
		s.event(sign)
	}
	month := types.MonthOf(e.Day)
	m := s.month(month)
	s.add(&m.ClosedMinor, sign*e.BaseMinor)
	ap := s.points(types.Uint128{Hi: m.ClosedApHi, Lo: m.ClosedApLo}, e, sign)
	m.ClosedApHi, m.ClosedApLo = ap.Hi, ap.Lo
	if m.ClosedByDbt == nil {
		m.ClosedByDbt = make([]int64, score.Classes)
	}
	s.add(&m.ClosedByDbt[score.DBTClass(e.Dbt)], sign*e.BaseMinor)
	if e.MonthWas != e.MonthNow {
		if e.MonthWas != 0 {
			s.add(&s.month(e.MonthWas).Experiences, -1)
		}
		if e.MonthNow != 0 {
			s.add(&s.month(e.MonthNow).Experiences, 1)
		}
	}
	s.paidTo(e, month, sign)
}

func (s *sums) paidTo(e *types.Entry, month int32, sign int64) {
	p := s.paid[e.Counterparty]
	if p == nil {
		p = &paidSums{minor: map[int32]int64{}, points: map[int32]types.Uint128{}}
		s.paid[e.Counterparty] = p
	}
	s.add(&p.lifetime, sign*e.BaseMinor)
	minor := p.minor[month]
	s.add(&minor, sign*e.BaseMinor)
	p.minor[month], p.points[month] = minor, s.points(p.points[month], e, sign)
}

func (s *sums) collected(e *types.Entry, sign int64, open, counted bool) {
	if open {
		m, items := s.month(types.MonthOf(e.DueDay)), int64(0)
		if e.Last {
			items = -sign
			if e.OnTime {
				s.add(&m.CollectedInTime, sign)
			} else {
				s.add(&m.CollectedLate, sign)
			}
		}
		s.addDay(m.due, e.DueDay, -sign*e.BaseMinor, items, 0)
	}
	if counted {
		s.event(sign)
	}
}

// encode is the month as the state keeps it; empty when all is zero.
func (m *monthSums) encode() ([]byte, error) {
	sum := m.MonthSum
	if !slices.ContainsFunc(sum.ClosedByDbt, func(v int64) bool { return v != 0 }) {
		sum.ClosedByDbt = nil
	}
	sum.Open, sum.ToCollect, sum.Promised = openDays(m.owed), openDays(m.due), openDays(m.promised)
	for _, id := range slices.Sorted(maps.Keys(m.vouched)) {
		sum.Members = append(sum.Members, m.vouched[id])
	}
	return sum.Marshal()
}

func openDays(days map[int32]*types.OpenDay) (out []*types.OpenDay) {
	for _, o := range days {
		if o.Minor != 0 || o.Items != 0 || o.Untouched != 0 {
			out = append(out, o)
		}
	}
	slices.SortFunc(out, func(a, b *types.OpenDay) int { return cmp.Compare(a.Day, b.Day) })
	return out
}
