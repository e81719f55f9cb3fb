package score

import (
	"math"
	"math/big"
	"slices"
	"strings"

	"tradecredit/types"
)

// openBeyond is the DBT beyond which open parts bind the cap CAP_OPEN_90, once they reach openBeyondBP of outstanding.
const (
	openBeyond   = 90
	openBeyondBP = 500
)

// facts are the sums of one subject over the window, from which index and characteristics follow.
type facts struct {
	day, month int32

	// As debtor.
	weight, points types.Uint128  // ΣW and ΣP of closed parts: Σ r·a and Σ r·a·p
	byClass        [Classes]int64 // base amounts of 12 months, open past due included
	outstanding    int64
	pastDue        int64
	pastDuePoints  types.Uint128 // Σ a·p of open parts past due
	beyond90       int64
	closedExp      int64 // experiences by their latest part
	untouched      int64 // obligations past due without a live part
	pastDueItems   int64

	// As seller.
	receivables, withLegs, invoiced, credited int64
	onTime, deliveries                        int64
	inTime, dueCollections                    int64
	fulfilled                                 int64

	// Both.
	verdicts, adverse        int64
	events, late, aboveSelf  int64
	activeMonths             int64
	members                  []*types.MemberSum // of the window, ascending by id
	counterparties           int64
	concentration            int64
	hasConcentration, broken bool
}

// gather adds up rows that belong to day.
func gather(r *Rows, day int32) (*facts, error) {
	if r.Day != day {
		return nil, types.Refuse(types.Code_inconsistent_state, "rows were read for day %d, not %d", r.Day, day)
	}
	f := &facts{day: day, month: types.MonthOf(day), outstanding: r.Head.OpenMinor}
	older, olderItems := r.Head.OpenMinor, r.Head.OpenObligations
	for _, m := range r.Months {
		if back := f.month - m.Month; back >= 0 && back < WindowMonths {
			f.addMonth(m.Sum, back)
		}
		for _, o := range m.Sum.Open {
			older -= o.Minor
			olderItems -= o.Items
			f.addOpen(o)
		}
	}
	// What no row accounts for fell due before the window: more than 180 days ago.
	if older < 0 || olderItems < 0 {
		return nil, types.Refuse(types.Code_inconsistent_state, "subject %s: open rows exceed the head", r.Subject)
	}
	f.addPastDue(older, olderItems, math.MaxInt32)
	f.addPairs(r)
	if f.broken {
		return nil, types.Refuse(types.Code_inconsistent_state, "subject %s: a sum is negative or too large", r.Subject)
	}
	return f, nil
}

// add is checked: amounts in rows are never negative.
func (f *facts) add(sum *int64, v int64) {
	if v < 0 || *sum > math.MaxInt64-v {
		f.broken = true
		return
	}
	*sum += v
}

// addMonth adds a month of the window, back months before D's.
func (f *facts) addMonth(m *types.MonthSum, back int32) {
	r := windowWeight(back)
	f.addTimes(&f.weight, m.ClosedMinor, r)
	f.addWide(&f.points, m.ClosedApHi, m.ClosedApLo, r)
	if back < WindowMonths/2 {
		for c, minor := range m.ClosedByDbt {
			if c < Classes {
				f.add(&f.byClass[c], minor)
			}
		}
	}
	f.add(&f.closedExp, m.Experiences)
	f.add(&f.receivables, m.Receivables)
	f.add(&f.withLegs, m.ReceivablesLegs)
	f.add(&f.invoiced, m.InvoicedMinor)
	f.add(&f.credited, m.CreditedMinor)
	f.add(&f.fulfilled, m.Fulfilled)
	f.add(&f.verdicts, m.Verdicts)
	f.add(&f.adverse, m.AdverseVerdicts)
	f.add(&f.events, m.Events)
	f.add(&f.late, m.LateEvents)
	f.add(&f.aboveSelf, m.AboveSelf)
	if m.Events > 0 {
		f.activeMonths++
	}
	for _, s := range m.Members {
		f.addMember(s)
	}
	f.addSales(m)
}

// addSales adds deliveries by promised day and collections by due day; what is overdue counts, what is not yet does not.
func (f *facts) addSales(m *types.MonthSum) {
	f.add(&f.onTime, m.DeliveredOnTime)
	f.add(&f.deliveries, m.DeliveredOnTime)
	f.add(&f.deliveries, m.DeliveredLate)
	for _, o := range m.Promised {
		if o.Day < f.day {
			f.add(&f.deliveries, o.Items)
		}
	}
	f.add(&f.inTime, m.CollectedInTime)
	f.add(&f.dueCollections, m.CollectedInTime)
	f.add(&f.dueCollections, m.CollectedLate)
	for _, o := range m.ToCollect {
		if int64(o.Day)+30 < int64(f.day) {
			f.add(&f.dueCollections, o.Items)
		}
	}
}

func (f *facts) addMember(s *types.MemberSum) {
	if s.Events <= 0 {
		return
	}
	i, ok := slices.BinarySearchFunc(f.members, s.Member, func(m *types.MemberSum, id string) int {
		return strings.Compare(m.Member, id)
	})
	if !ok {
		f.members = slices.Insert(f.members, i, &types.MemberSum{Member: s.Member})
	}
	f.add(&f.members[i].Events, s.Events)
	f.add(&f.members[i].WeightMinor, s.WeightMinor)
}

func (f *facts) addOpen(o *types.OpenDay) {
	if o.Minor < 0 || o.Items < 0 || o.Untouched < 0 {
		f.broken = true
		return
	}
	if o.Day < f.day {
		f.add(&f.untouched, o.Untouched)
		f.addPastDue(o.Minor, o.Items, f.day-o.Day)
	}
}

func (f *facts) addPastDue(minor, items int64, dbt int32) {
	f.add(&f.pastDueItems, items)
	f.add(&f.pastDue, minor)
	f.add(&f.byClass[DBTClass(dbt)], minor)
	f.addTimes(&f.pastDuePoints, minor, int64(PartScore(dbt)))
	if dbt > openBeyond {
		f.add(&f.beyond90, minor)
	}
}

// experiences never counts an obligation twice: see the package comment.
func (f *facts) experiences() int64 {
	n := f.closedExp
	f.add(&n, f.untouched)
	return max(n, f.pastDueItems)
}

// addPairs counts counterparties and measures concentration.
func (f *facts) addPairs(r *Rows) {
	for _, p := range r.Pairs {
		if traded, ordered := f.pairAmounts(p.Sum); traded > 0 || ordered > 0 {
			f.counterparties++
		}
	}
	amounts := func(ids []string, pick func(traded, ordered int64) int64) []int64 {
		list := make([]int64, 0, len(ids))
		for _, id := range ids {
			if p := r.pair(id); p != nil {
				list = append(list, pick(f.pairAmounts(p)))
			}
		}
		return list
	}
	f.concentration, f.hasConcentration = concentrationOf(amounts(r.Traded, func(t, _ int64) int64 { return t }))
	if !f.hasConcentration {
		f.concentration, f.hasConcentration = concentrationOf(amounts(r.Ordered, func(_, o int64) int64 { return o }))
	}
}

// pairAmounts adds up what was paid in both directions, and what was ordered, in the window.
func (f *facts) pairAmounts(p *types.PairSum) (traded, ordered int64) {
	for _, m := range p.Months {
		if back := f.month - m.Month; back >= 0 && back < WindowMonths {
			f.add(&traded, m.ClosedAb)
			f.add(&traded, m.ClosedBa)
			f.add(&ordered, m.Ordered)
		}
	}
	return traded, ordered
}

// concentrationOf is ⌊10000·Σ a² / (Σ a)²⌋, the Herfindahl index of the amounts; not applicable when all are zero.
func concentrationOf(amounts []int64) (int64, bool) {
	var total, squares, t big.Int
	for _, a := range amounts {
		t.SetInt64(a)
		total.Add(&total, &t)
		squares.Add(&squares, t.Mul(&t, &t))
	}
	if total.Sign() == 0 {
		return 0, false
	}
	squares.Mul(&squares, big.NewInt(10000))
	return squares.Quo(&squares, total.Mul(&total, &total)).Int64(), true
}

// windowWeight is r of a month of the window.
func windowWeight(back int32) int64 {
	if back < WindowMonths/2 {
		return 2
	}
	return 1
}

// addTimes adds a·r, checked.
func (f *facts) addTimes(sum *types.Uint128, a, r int64) {
	v, err := sum.AddMul(a, r)
	if err != nil {
		f.broken = true
		return
	}
	*sum = v
}

// addWide adds a 128-bit number r times, checked.
func (f *facts) addWide(sum *types.Uint128, hi, lo uint64, r int64) {
	v, err := types.Uint128{Hi: hi, Lo: lo}.Mul(uint64(r))
	if err == nil {
		v, err = sum.Add(v)
	}
	if err != nil {
		f.broken = true
		return
	}
	*sum = v
}
