package ledger

import (
	"fmt"
	"math/big"
	"slices"

	"tradecredit/types"
)

// This file is a second fold over entry logs, written from the rules and not from post.go. It keeps no running sums: it
// looks at the entries that are in effect once reversals and exclusions are taken away, and at what they mean for each
// receivable, and does not use the marks first, last, month_was and month_now that post relies on.

// posted is one row of one log, in the order in which all logs grew.
type posted struct {
	subject string
	number  uint64
	entry   types.Entry
	end     string // the receivable that was acted on, where entry.record is the paper's
	cuts    []cut  // of a split
}

// folded is what the rows say: the state's keys and values, and the heads without root and frontier.
type folded struct {
	rows  map[string][]byte
	heads map[string]types.SubjectHead
}

// naiveFold computes everything from the rows alone.
func naiveFold(all []posted) folded {
	out := folded{rows: map[string][]byte{}, heads: map[string]types.SubjectHead{}}
	subjects := map[string][]posted{}
	for _, p := range all {
		subjects[p.subject] = append(subjects[p.subject], p)
	}
	for subject, log := range subjects {
		head := types.SubjectHead{Entries: uint64(len(log))}
		months := map[int32]*naiveMonth{}
		at := func(m int32) *naiveMonth {
			if months[m] == nil {
				months[m] = newNaiveMonth()
			}
			return months[m]
		}
		naiveEvents(log, at, &head)
		naiveDebtor(log, at, &head)
		naiveSeller(log, at)
		naiveClaims(log, at)
		out.heads[subject] = head
		for m, n := range months {
			if v := n.encode(); len(v) > 0 {
				out.rows[fmt.Sprintf("month/%s/%05d", subject, m)] = v
			}
		}
	}
	naivePairs(all, out.rows)
	return out
}

// naiveMonth is a month in plain maps; encode brings it into the form of the state.
type naiveMonth struct {
	types.MonthSum
	members                      map[string]*types.MemberSum
	ap                           *big.Int
	dbt                          [6]int64
	open, toCollect, promisedDay map[int32]*types.OpenDay
}

func newNaiveMonth() *naiveMonth {
	return &naiveMonth{
		members: map[string]*types.MemberSum{}, ap: new(big.Int), open: map[int32]*types.OpenDay{},
		toCollect: map[int32]*types.OpenDay{}, promisedDay: map[int32]*types.OpenDay{},
	}
}

func onDay(days map[int32]*types.OpenDay, day int32) *types.OpenDay {
	if days[day] == nil {
		days[day] = &types.OpenDay{Day: day}
	}
	return days[day]
}

func (n *naiveMonth) encode() []byte {
	sum := n.MonthSum
	for _, m := range n.members {
		sum.Members = append(sum.Members, m)
	}
	slices.SortFunc(sum.Members, func(a, b *types.MemberSum) int {
		if a.Member < b.Member {
			return -1
		}
		return 1
	})
	sum.ClosedApLo = new(big.Int).And(n.ap, new(big.Int).SetUint64(1<<64-1)).Uint64()
	sum.ClosedApHi = new(big.Int).Rsh(n.ap, 64).Uint64()
	if n.dbt != [6]int64{} {
		sum.ClosedByDbt = n.dbt[:]
	}
	sum.Open, sum.ToCollect, sum.Promised = naiveDays(n.open), naiveDays(n.toCollect), naiveDays(n.promisedDay)
	return encoded(sum.Marshal())
}

func naiveDays(days map[int32]*types.OpenDay) []*types.OpenDay {
	var list []*types.OpenDay
	for _, d := range days {
		if d.Minor != 0 || d.Items != 0 || d.Untouched != 0 {
			list = append(list, d)
		}
	}
	slices.SortFunc(list, func(a, b *types.OpenDay) int { return int(a.Day - b.Day) })
	return list
}

func encoded(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// gone tells which rows of a log no longer count: reversed or excluded ones.
func gone(log []posted) map[uint64]bool {
	taken := map[uint64]bool{}
	for _, p := range log {
		e := p.entry
		switch e.Kind {
		case types.EntryKind_ENTRY_EVIDENCE_LOST:
			continue
		case types.EntryKind_ENTRY_OBLIGATION_REVERSED, types.EntryKind_ENTRY_OBLIGATION_EXCLUDED:
			if !e.Counted {
				continue // others that came of the same paper still rest on the row
			}
		case types.EntryKind_ENTRY_RECEIVABLE_ISSUED_REVERSED:
			if !e.Last {
				continue
			}
		}
		if e.Reverses > 0 {
			taken[e.Reverses-1] = true
		}
	}
	return taken
}

// dropped tells whether a sale left the sums while its promise was still open.
func dropped(log []posted, number uint64) bool {
	return slices.ContainsFunc(log, func(p posted) bool {
		return p.entry.Reverses == number+1 && p.entry.Kind == types.EntryKind_ENTRY_ORDER_SOLD_REVERSED && p.entry.Open
	})
}

// weak tells which rows of a log count as SELF_DECLARED, whatever they say.
func weak(log []posted) map[uint64]bool {
	lost := map[uint64]bool{}
	for _, p := range log {
		if p.entry.Kind == types.EntryKind_ENTRY_EVIDENCE_LOST {
			lost[p.entry.Reverses-1] = true
		}
	}
	return lost
}

// naiveEvents counts the events in effect.
func naiveEvents(log []posted, at func(int32) *naiveMonth, head *types.SubjectHead) {
	taken, lost := gone(log), weak(log)
	for _, p := range log {
		e := p.entry
		weight := int64(0)
		switch e.Kind.String() {
		case "ENTRY_PAID", "ENTRY_COLLECTED", "ENTRY_DELIVERED":
			weight = e.BaseMinor
		case "ENTRY_ORDER_BOUGHT", "ENTRY_ORDER_SOLD", "ENTRY_ORDER_CONFIRMED", "ENTRY_MOVEMENT", "ENTRY_RECEIVED",
			"ENTRY_DELIVERY_ACCEPTED", "ENTRY_PROGRESS_CONFIRMED", "ENTRY_CUSTOMS", "ENTRY_TAX", "ENTRY_FX", "ENTRY_VERDICT", "ENTRY_RECEIVABLE_ISSUED", "ENTRY_OBLIGATION":
		default:
			continue
		}
		if !e.Counted {
			continue
		}
		if head.FirstDay == 0 || e.Day < head.FirstDay {
			head.FirstDay = e.Day // also of what was taken back later
		}
		if taken[p.number] {
			continue
		}
		m := at(types.MonthOf(e.Day))
		m.Events++
		if e.Late {
			m.LateEvents++
		}
		if e.Evidence >= types.Evidence_COUNTERPARTY_CONFIRMED && !lost[p.number] {
			m.AboveSelf++
		}
		if e.Member != "" {
			if m.members[e.Member] == nil {
				m.members[e.Member] = &types.MemberSum{Member: e.Member}
			}
			m.members[e.Member].Events++
			m.members[e.Member].WeightMinor += weight
		}
	}
}

func naivePart(e types.Entry, m *naiveMonth) {
	m.ClosedMinor += e.BaseMinor
	m.ap.Add(m.ap, new(big.Int).Mul(big.NewInt(e.BaseMinor), big.NewInt(int64(e.P))))
	class := 0
	for _, from := range []int32{1, 15, 30, 60, 90} {
		if e.Dbt >= from {
			class++
		}
	}
	m.dbt[class] += e.BaseMinor
}

// naiveSeller follows orders, returns, receivables and verdicts.
func naiveSeller(log []posted, at func(int32) *naiveMonth) {
	taken, lost := gone(log), weak(log)
	for _, p := range log {
		e := p.entry
		month := at(types.MonthOf(e.Day))
		switch e.Kind {
		case types.EntryKind_ENTRY_ORDER_SOLD:
			if e.Counted && e.Open && !dropped(log, p.number) {
				onDay(at(types.MonthOf(e.DueDay)).promisedDay, e.DueDay).Items++
			}
		case types.EntryKind_ENTRY_ORDER_CANCELLED:
			if e.Counted && !taken[p.number] {
				at(types.MonthOf(e.DueDay)).DeliveredLate++
			}
		case types.EntryKind_ENTRY_RETURN:
			if e.Counted && !taken[p.number] {
				month.CreditedMinor += e.BaseMinor
			}
		case types.EntryKind_ENTRY_DELIVERED:
			due := at(types.MonthOf(e.DueDay))
			if e.Open {
				onDay(due.promisedDay, e.DueDay).Items--
			}
			if taken[p.number] {
				continue
			}
			witnessed := e.Counted && e.Independent && !lost[p.number]
			if witnessed {
				month.Fulfilled++
			}
			if e.Day > e.DueDay {
				if e.Open || witnessed {
					due.DeliveredLate++
				}
			} else if witnessed {
				due.DeliveredOnTime++
			}
		case types.EntryKind_ENTRY_VERDICT:
			if e.Counted && !taken[p.number] {
				month.Verdicts++
				if e.Adverse {
					month.AdverseVerdicts++
				}
			}
		default:
			naiveIssued(e, at)
		}
	}
}
