package ledger

import (
	"fmt"
	"math/big"
	"slices"

	"tradecredit/types"
)

// naivePair is what two subjects did with each other; a is the smaller id.
type naivePair struct {
	a, b   string
	newest int32
	parts  []posted // counted parts in effect, in the order in which they came
	orders []posted
	recent map[string][]posted // by debtor
}

// naivePairs replays parts and orders pair by pair; which months and recent parts are kept depends on their order.
func naivePairs(all []posted, rows map[string][]byte) {
	pairs := map[string]*naivePair{}
	for _, p := range all {
		naiveReplay(pairs, p)
	}
	for _, n := range pairs {
		n.encode(rows)
	}
}

func naiveReplay(pairs map[string]*naivePair, p posted) {
	a, b := min(p.subject, p.entry.Counterparty), max(p.subject, p.entry.Counterparty)
	if pairs[a+"/"+b] == nil {
		pairs[a+"/"+b] = &naivePair{a: a, b: b, recent: map[string][]posted{}}
	}
	n := pairs[a+"/"+b]
	same := func(q posted) bool { return q.subject == p.subject && q.number == p.entry.Reverses-1 }
	switch p.entry.Kind {
	case types.EntryKind_ENTRY_ORDER_SOLD:
		if !p.entry.Counted {
			return
		}
		n.orders = append(n.orders, p)
	case types.EntryKind_ENTRY_ORDER_SOLD_REVERSED:
		if !p.entry.Counted {
			return
		}
		n.orders = slices.DeleteFunc(n.orders, same)
	case types.EntryKind_ENTRY_PAID:
		if !p.entry.Counted {
			return
		}
		n.parts = append(n.parts, p)
		n.recent[p.subject] = naiveRecent(append(n.recent[p.subject], p))
	case types.EntryKind_ENTRY_WRITTEN_OFF:
		if !p.entry.Counted {
			return
		}
		n.parts = append(n.parts, p)
	case types.EntryKind_ENTRY_PAID_REVERSED, types.EntryKind_ENTRY_PAID_EXCLUDED, types.EntryKind_ENTRY_WRITTEN_OFF_EXCLUDED:
		if p.entry.Kind == types.EntryKind_ENTRY_PAID_REVERSED && !p.entry.Counted {
			return
		}
		n.parts = slices.DeleteFunc(n.parts, same)
		n.recent[p.subject] = slices.DeleteFunc(n.recent[p.subject], same)
	default:
		return
	}
	n.newest = max(n.newest, types.MonthOf(p.entry.Day))
	if n.empty() {
		n.newest = 0 // nothing left: the row goes, and its newest month with it
	}
}

func (n *naivePair) empty() bool {
	weighty := func(p posted) bool { return p.entry.BaseMinor > 0 }
	return len(n.recent[n.a])+len(n.recent[n.b]) == 0 &&
		!slices.ContainsFunc(n.parts, weighty) && !slices.ContainsFunc(n.orders, weighty)
}

func naiveRecent(list []posted) []posted {
	newest := int32(0)
	for _, p := range list {
		newest = max(newest, p.entry.Day)
	}
	var kept []posted
	for _, p := range list {
		if newest-p.entry.Day <= 30 {
			kept = append(kept, p)
		}
	}
	if len(kept) > 32 {
		kept = kept[len(kept)-32:]
	}
	return kept
}

// value is the row.
func (n *naivePair) value() []byte {
	sum := types.PairSum{NewestMonth: n.newest}
	for month := n.newest - 24; month <= n.newest; month++ {
		m := types.PairMonth{Month: month}
		for _, o := range n.orders {
			if types.MonthOf(o.entry.Day) == month {
				m.Ordered += o.entry.BaseMinor
			}
		}
		for _, side := range []string{n.a, n.b} {
			closed, ap := int64(0), new(big.Int)
			for _, p := range n.parts {
				if p.subject == side && types.MonthOf(p.entry.Day) == month {
					closed += p.entry.BaseMinor
					ap.Add(ap, new(big.Int).Mul(big.NewInt(p.entry.BaseMinor), big.NewInt(int64(p.entry.P))))
				}
			}
			lo, hi := new(big.Int).And(ap, new(big.Int).SetUint64(1<<64-1)).Uint64(), new(big.Int).Rsh(ap, 64).Uint64()
			if side == n.a {
				m.ClosedAb, m.ApAbLo, m.ApAbHi = closed, lo, hi
			} else {
				m.ClosedBa, m.ApBaLo, m.ApBaHi = closed, lo, hi
			}
		}
		if m.ClosedAb+m.ClosedBa+m.Ordered > 0 {
			sum.Months = append(sum.Months, &m)
		}
	}
	for _, p := range n.parts {
		if p.subject == n.a {
			sum.LifetimeAb += p.entry.BaseMinor
		} else {
			sum.LifetimeBa += p.entry.BaseMinor
		}
	}
	for _, o := range n.orders {
		sum.LifetimeOrdered += o.entry.BaseMinor
	}
	for _, p := range n.recent[n.a] {
		sum.RecentAb = append(sum.RecentAb, &types.RecentPart{Day: p.entry.Day, BaseMinor: p.entry.BaseMinor, Entry: p.number})
	}
	for _, p := range n.recent[n.b] {
		sum.RecentBa = append(sum.RecentBa, &types.RecentPart{Day: p.entry.Day, BaseMinor: p.entry.BaseMinor, Entry: p.number})
	}
	return encoded(sum.Marshal())
}

// encode writes the pair's row and the places of each party in the other's rankings.
func (n *naivePair) encode(rows map[string][]byte) {
	if n.empty() {
		return
	}
	rows["pair/"+n.a+"/"+n.b] = n.value()
	paid := map[string]int64{}
	ordered := int64(0)
	for _, p := range n.parts {
		paid[p.subject] += p.entry.BaseMinor
	}
	for _, o := range n.orders {
		ordered += o.entry.BaseMinor
	}
	naiveRank(rows, n.a, "paid", n.b, paid[n.a])
	naiveRank(rows, n.b, "paid", n.a, paid[n.b])
	for _, s := range [][2]string{{n.a, n.b}, {n.b, n.a}} {
		naiveRank(rows, s[0], "traded", s[1], paid[n.a]+paid[n.b])
		naiveRank(rows, s[0], "ordered", s[1], ordered)
	}
}

func naiveRank(rows map[string][]byte, subject, dimension, counterparty string, amount int64) {
	if amount == 0 {
		return
	}
	bits := int32(0)
	for ; amount > 0; amount /= 2 {
		bits++
	}
	key := fmt.Sprintf("rank/%s/%s/%02d/%s", subject, dimension, 64-bits, counterparty)
	rank := types.Rank{Bits: bits}
	rows[key] = encoded(rank.Marshal())
}

// naiveTwoWay finds the part that the creditor paid to the debtor and that a new one is measured against.
func naiveTwoWay(pairs map[string]*naivePair, debtor, creditor string, day int32, base int64) (uint64, bool) {
	n := pairs[min(debtor, creditor)+"/"+max(debtor, creditor)]
	if n == nil {
		return 0, false
	}
	for _, p := range n.recent[creditor] {
		days, difference := p.entry.Day-day, new(big.Int).Sub(big.NewInt(p.entry.BaseMinor), big.NewInt(base))
		difference.Mul(difference.Abs(difference), big.NewInt(20))
		if days >= -30 && days <= 30 && difference.Cmp(big.NewInt(max(base, p.entry.BaseMinor))) <= 0 {
			return p.number, true
		}
	}
	return 0, false
}
