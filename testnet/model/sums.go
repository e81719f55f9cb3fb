package model

import (
	"maps"
	"math/big"
	"math/bits"
	"reflect"
	"slices"
	"strings"

	"tradecredit/types"
)

// The sums that scores read, counted anew from the records and the rows of the logs whenever they are compared. What is
// open, and what counts as an experience, is counted from receivables, financings and orders; what happened from rows.

// sums are the rows of all subjects by state key.
type sums struct {
	m      *Model
	heads  map[string]*types.SubjectHead
	months map[string]*types.MonthSum
	pairs  map[string]*pair
	ranks  map[string]int32
}

// pair is what two parties did with each other.
type pair struct {
	a, b     string
	newest   int32
	months   map[int32]*pairMonth
	lifetime [2]int64 // paid by a to b, by b to a
	ordered  int64
	recent   [2][]*types.RecentPart
}

type pairMonth struct {
	closed  [2]int64
	ap      [2]*big.Int
	ordered int64
}

// events are the kinds of rows that count as something that happened.
var events = []types.EntryKind{types.EntryKind_ENTRY_ORDER_BOUGHT, types.EntryKind_ENTRY_ORDER_SOLD, types.EntryKind_ENTRY_ORDER_CONFIRMED,
	types.EntryKind_ENTRY_MOVEMENT, types.EntryKind_ENTRY_DELIVERED, types.EntryKind_ENTRY_RECEIVED, types.EntryKind_ENTRY_DELIVERY_ACCEPTED,
	types.EntryKind_ENTRY_CUSTOMS, types.EntryKind_ENTRY_VERDICT, types.EntryKind_ENTRY_RECEIVABLE_ISSUED, types.EntryKind_ENTRY_OBLIGATION,
	types.EntryKind_ENTRY_PAID, types.EntryKind_ENTRY_COLLECTED, types.EntryKind_ENTRY_PROGRESS_CONFIRMED, types.EntryKind_ENTRY_TAX,
	types.EntryKind_ENTRY_FX}

// weighing are the kinds whose amounts their member vouches for.
var weighing = []types.EntryKind{types.EntryKind_ENTRY_PAID, types.EntryKind_ENTRY_COLLECTED, types.EntryKind_ENTRY_DELIVERED}

// sums counts everything.
func (m *Model) sums() *sums {
	s := &sums{m: m, heads: map[string]*types.SubjectHead{}, months: map[string]*types.MonthSum{}, pairs: map[string]*pair{}, ranks: map[string]int32{}}
	for _, subject := range sorted(m.logs) {
		head := &types.SubjectHead{Entries: uint64(len(m.logs[subject]))}
		s.heads[subject] = head
		s.rows(subject, head)
	}
	for _, key := range sorted(m.receivables.rows) {
		if r := m.receivables.rows[key]; r.Root == "" {
			s.paper(strings.TrimPrefix(key, "receivable/"), &r)
		}
	}
	for _, f := range m.financings.rows {
		s.owed(f.Borrower, f.DueDay, f.Experience, owed(&f) > 0, f.BaseMinor-f.RepaidBaseMinor, f.ClosingMonths)
	}
	for _, o := range m.orders.rows {
		if o.PromiseEntry != 0 {
			x := s.month(o.Order.Seller, types.MonthOf(o.Order.PromisedDay))
			addDay(&x.Promised, o.Order.PromisedDay, 0, 1, 0)
		}
	}
	s.rank()
	return s
}

// month is a row of sums to be added to.
func (s *sums) month(subject string, month int32) *types.MonthSum {
	key := string(types.MonthKey(subject, month))
	if s.months[key] == nil {
		s.months[key] = &types.MonthSum{}
	}
	return s.months[key]
}

func addDay(list *[]*types.OpenDay, day int32, minor, items, untouched int64) {
	i, found := slices.BinarySearchFunc(*list, day, func(x *types.OpenDay, day int32) int { return int(x.Day - day) })
	if !found {
		*list = slices.Insert(*list, i, &types.OpenDay{Day: day})
	}
	x := (*list)[i]
	x.Minor, x.Items, x.Untouched = x.Minor+minor, x.Items+items, x.Untouched+untouched
}

// owed counts what a debtor owes of one paper.
func (s *sums) owed(debtor string, due int32, experience, open bool, base int64, closing []int32) {
	if !experience {
		return
	}
	if len(closing) > 0 {
		s.month(debtor, slices.Max(closing)).Experiences++
	}
	items, untouched := int64(0), int64(0)
	if open {
		items = 1
		if len(closing) == 0 {
			untouched = 1
		}
	}
	s.heads[debtor].OpenMinor += base
	s.heads[debtor].OpenObligations += items
	if base != 0 || items != 0 {
		x := s.month(debtor, types.MonthOf(due))
		addDay(&x.Open, due, base, items, untouched)
	}
}

// paper counts one receivable, with all that came of it.
func (s *sums) paper(id string, root *types.Receivable) {
	b, m := root.Receivable, s.m
	experience, open, left, base, parts := false, false, false, int64(0), 0
	var closing []int32
	issued := m.logs[b.Seller][root.IssuedEntry-1]
	invoiced := root.BaseMinor
	for _, r := range m.ends(id) {
		left = left || r.Status != types.ReceivableStatus_VOID
		switch r.Status {
		case types.ReceivableStatus_VOID:
			invoiced -= r.BaseMinor
		case types.ReceivableStatus_REJECTED:
			invoiced -= openBase(&r)
		}
		if r.Experience {
			experience = true
			open = open || openOf(&r) > 0
			base += openBase(&r)
			parts += int(r.Parts)
			closing = append(closing, r.ClosingMonths...)
		}
	}
	s.owed(b.Debtor, b.DueDay, experience, open, base, closing)
	if issued.Counted {
		x := s.month(b.Seller, types.MonthOf(b.IssueDay))
		x.InvoicedMinor += invoiced
		if left {
			x.Receivables++
			if four(root.Legs) {
				x.ReceivablesLegs++
			}
		}
	}
	if !experience {
		return
	}
	x := s.month(b.Seller, types.MonthOf(b.DueDay))
	closed := root.SettledDay
	if root.Status == types.ReceivableStatus_SPLIT {
		closed = root.SplitSum.ClosedDay
	}
	switch {
	case open:
		addDay(&x.ToCollect, b.DueDay, base, 1, 0)
	case closed > b.DueDay+30:
		x.CollectedLate++
	case parts > 0:
		x.CollectedInTime++
	}
}

// rows counts what happened: every row that counts and was not taken back since.
func (s *sums) rows(subject string, head *types.SubjectHead) {
	log := s.m.logs[subject]
	gone, lost := map[uint64]bool{}, map[uint64]bool{}
	for _, e := range log {
		if e.Counted && contains(events, e.Kind) && (head.FirstDay == 0 || e.Day < head.FirstDay) {
			head.FirstDay = e.Day
		}
		switch {
		case e.Reverses == 0:
		case e.Kind == types.EntryKind_ENTRY_EVIDENCE_LOST:
			lost[e.Reverses] = true
		case e.Kind == types.EntryKind_ENTRY_RECEIVABLE_ISSUED_REVERSED:
			r := s.m.receivables.at(types.Key[types.Receivable](e.Record))
			root := rootOf(strings.TrimPrefix(e.Record, "receivable/"), &r)
			gone[e.Reverses] = !slices.ContainsFunc(s.m.ends(root), func(x types.Receivable) bool { return x.Status != types.ReceivableStatus_VOID })
		case e.Counted || e.Excludes == types.EntryKind_ENTRY_DELIVERED && e.Open && !e.OnTime:
			gone[e.Reverses] = true
		}
	}
	for i, e := range log {
		number := uint64(i) + 1
		if gone[number] {
			continue
		}
		if !e.Counted {
			if e.Kind == types.EntryKind_ENTRY_DELIVERED && e.Open && !e.OnTime { // a promise is broken whoever says so
				s.month(subject, types.MonthOf(e.DueDay)).DeliveredLate++
			}
			continue
		}
		if contains(events, e.Kind) {
			s.happened(subject, &e, lost[number])
		}
		s.counted(subject, &e, uint64(i), lost[number])
	}
}

func (s *sums) happened(subject string, e *types.Entry, lost bool) {
	x := s.month(subject, types.MonthOf(e.Day))
	x.Events++
	if e.Late {
		x.LateEvents++
	}
	if e.Evidence > types.Evidence_SELF_DECLARED && !lost {
		x.AboveSelf++
	}
	if e.Member == "" {
		return
	}
	i, found := slices.BinarySearchFunc(x.Members, e.Member, func(y *types.MemberSum, id string) int { return strings.Compare(y.Member, id) })
	if !found {
		x.Members = slices.Insert(x.Members, i, &types.MemberSum{Member: e.Member})
	}
	x.Members[i].Events++
	if contains(weighing, e.Kind) {
		x.Members[i].WeightMinor += e.BaseMinor
	}
}

// classOf is the class of days beyond terms.
func classOf(dbt int32) int {
	for i, until := range []int32{0, 14, 29, 59, 89} {
		if dbt <= until {
			return i
		}
	}
	return 5
}

// counted adds what else a row means.
func (s *sums) counted(subject string, e *types.Entry, number uint64, lost bool) {
	x := func() *types.MonthSum { return s.month(subject, types.MonthOf(e.Day)) }
	switch e.Kind {
	case types.EntryKind_ENTRY_ORDER_SOLD:
		p := s.pair(subject, e.Counterparty, types.MonthOf(e.Day))
		p.ordered += e.BaseMinor
		p.month(types.MonthOf(e.Day)).ordered += e.BaseMinor
	case types.EntryKind_ENTRY_DELIVERED:
		independent := e.Independent && !lost
		if independent {
			x().Fulfilled++
		}
		promised := s.month(subject, types.MonthOf(e.DueDay))
		if e.OnTime && independent {
			promised.DeliveredOnTime++
		} else if !e.OnTime && (independent || e.Open) {
			promised.DeliveredLate++
		}
	case types.EntryKind_ENTRY_ORDER_CANCELLED:
		s.month(subject, types.MonthOf(e.DueDay)).DeliveredLate++
	case types.EntryKind_ENTRY_PAID, types.EntryKind_ENTRY_WRITTEN_OFF:
		s.closes(x(), e)
		p := s.pair(subject, e.Counterparty, types.MonthOf(e.Day))
		side := p.side(subject)
		p.lifetime[side] += e.BaseMinor
		month := p.month(types.MonthOf(e.Day))
		month.closed[side] += e.BaseMinor
		month.ap[side].Add(month.ap[side], new(big.Int).Mul(big.NewInt(e.BaseMinor), big.NewInt(int64(e.P))))
		if e.Kind == types.EntryKind_ENTRY_PAID {
			p.recent[side] = append(p.recent[side], &types.RecentPart{Day: e.Day, BaseMinor: e.BaseMinor, Entry: number})
		}
	case types.EntryKind_ENTRY_CREDIT_NOTE:
		note := s.m.creditNotes.at(types.Key[types.CreditNote](e.Record)).Note
		issue := s.m.receivables.at(types.ReceivableKey(note.Receivable)).Receivable.IssueDay
		s.month(subject, types.MonthOf(issue)).CreditedMinor += e.BaseMinor
	case types.EntryKind_ENTRY_RETURN:
		x().CreditedMinor += e.BaseMinor
	case types.EntryKind_ENTRY_VERDICT:
		x().Verdicts++
		if e.Adverse {
			x().AdverseVerdicts++
		}
	}
}

// closes adds a part that closed something of what the subject owed.
func (s *sums) closes(x *types.MonthSum, e *types.Entry) {
	x.ClosedMinor += e.BaseMinor
	ap := wide(x.ClosedApHi, x.ClosedApLo)
	ap.Add(ap, new(big.Int).Mul(big.NewInt(e.BaseMinor), big.NewInt(int64(e.P))))
	x.ClosedApHi, x.ClosedApLo = words(ap)
	if len(x.ClosedByDbt) == 0 {
		x.ClosedByDbt = make([]int64, 6)
	}
	x.ClosedByDbt[classOf(e.Dbt)] += e.BaseMinor
}

func wide(hi, lo uint64) *big.Int {
	n := new(big.Int).SetUint64(hi)
	return n.Lsh(n, 64).Add(n, new(big.Int).SetUint64(lo))
}

func words(n *big.Int) (hi, lo uint64) {
	return new(big.Int).Rsh(n, 64).Uint64(), new(big.Int).And(n, new(big.Int).SetUint64(^uint64(0))).Uint64()
}

func (s *sums) pair(x, y string, month int32) *pair {
	key := string(types.PairKey(x, y))
	p := s.pairs[key]
	if p == nil {
		p = &pair{a: min(x, y), b: max(x, y), months: map[int32]*pairMonth{}}
		s.pairs[key] = p
	}
	p.newest = max(p.newest, month)
	return p
}

func (p *pair) side(debtor string) int {
	if debtor == p.a {
		return 0
	}
	return 1
}

func (p *pair) month(month int32) *pairMonth {
	if p.months[month] == nil {
		p.months[month] = &pairMonth{ap: [2]*big.Int{new(big.Int), new(big.Int)}}
	}
	return p.months[month]
}

// rank orders counterparties by the length of what was paid, traded and ordered.
func (s *sums) rank() {
	put := func(subject string, d types.Dimension, amount int64, other string) {
		if amount > 0 {
			s.ranks[string(types.RankKey(subject, d, amount, other))] = int32(bits.Len64(uint64(amount)))
		}
	}
	for _, p := range s.pairs {
		put(p.a, types.RankPaid, p.lifetime[0], p.b)
		put(p.b, types.RankPaid, p.lifetime[1], p.a)
		for _, x := range [][2]string{{p.a, p.b}, {p.b, p.a}} {
			put(x[0], types.RankTraded, p.lifetime[0]+p.lifetime[1], x[1])
			put(x[0], types.RankOrdered, p.ordered, x[1])
		}
	}
}

// row is a pair as the state keeps it. Months that were dropped long ago do not come back, so that of those on the edge
// nothing is said.
func (p *pair) row() types.PairSum {
	out := types.PairSum{LifetimeAb: p.lifetime[0], LifetimeBa: p.lifetime[1], LifetimeOrdered: p.ordered, NewestMonth: p.newest}
	for _, month := range slices.Sorted(maps.Keys(p.months)) {
		x := p.months[month]
		row := &types.PairMonth{Month: month, ClosedAb: x.closed[0], ClosedBa: x.closed[1], Ordered: x.ordered}
		row.ApAbHi, row.ApAbLo = words(x.ap[0])
		row.ApBaHi, row.ApBaLo = words(x.ap[1])
		out.Months = append(out.Months, row)
	}
	return out
}

// compareSums tells what of the sums is not in the state as the model counts it.
func (m *Model) compareSums(get Get) (out []string) {
	s := m.sums()
	for _, subject := range sorted(s.heads) {
		is, err := rowOf[types.SubjectHead](get, string(types.SubjectKey(subject)))
		if err != nil {
			return append(out, err.Error())
		}
		is.Root, is.Frontier = nil, nil
		out = append(out, tell(string(types.SubjectKey(subject)), *s.heads[subject], is)...)
	}
	for key := range m.seenSums {
		if s.months[key] == nil {
			s.months[key] = &types.MonthSum{}
		}
	}
	for _, key := range sorted(s.months) {
		m.seenSums[key] = true
		is, err := rowOf[types.MonthSum](get, key)
		if err != nil {
			return append(out, err.Error())
		}
		want := *s.months[key]
		if len(want.ClosedByDbt) == 0 && slices.Max(append(is.ClosedByDbt, 0)) == 0 {
			is.ClosedByDbt = nil
		}
		out = append(out, tell(key, want, is)...)
	}
	return append(out, m.comparePairs(s, get)...)
}

func (m *Model) comparePairs(s *sums, get Get) (out []string) {
	for _, key := range sorted(s.pairs) {
		is, err := rowOf[types.PairSum](get, key)
		if err != nil {
			return append(out, err.Error())
		}
		want := s.pairs[key].row()
		is.RecentAb, is.RecentBa = nil, nil
		kept := is.NewestMonth - 23
		older := func(x *types.PairMonth) bool { return x.Month < kept }
		want.Months, is.Months = slices.DeleteFunc(want.Months, older), slices.DeleteFunc(is.Months, older)
		want.NewestMonth = max(want.NewestMonth, is.NewestMonth) // it never goes back
		if is.NewestMonth == 0 {
			want.NewestMonth = 0
		}
		out = append(out, tell(key, want, is)...)
	}
	for _, key := range sorted(s.ranks) {
		is, err := rowOf[types.Rank](get, key)
		if err != nil {
			return append(out, err.Error())
		}
		out = append(out, tell(key, types.Rank{Bits: s.ranks[key]}, is)...)
	}
	return out
}

func tell[V any](key string, want, is V) (out []string) {
	for _, d := range differences(reflect.ValueOf(want), reflect.ValueOf(is), "") {
		out = append(out, key+" "+d)
	}
	return out
}
