package ledger

import (
	"math/bits"
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Limits of a pair's row.
const (
	// pairMonthsBack: months further back than this from the newest are dropped. The window of a score is 24 months and
	// event days reach tomorrow, so the newest month can lie one ahead of the window's.
	pairMonthsBack = 24
	recentDays     = 30 // parts older than this before the newest are forgotten; the reach of two-way payments
	recentParts    = 32 // and of the rest all but the last
)

// order weighs an order between the two parties, or with sign −1 takes its weight back.
func (f *fold) order(sign int64) {
	e := f.entry
	f.changePair(func(p *types.PairSum) {
		before := p.LifetimeOrdered
		f.add(&p.LifetimeOrdered, sign*e.BaseMinor)
		f.changePairMonth(p, func(m *types.PairMonth) { f.add(&m.Ordered, sign*e.BaseMinor) })
		f.rank(f.subject, types.RankOrdered, e.Counterparty, before, p.LifetimeOrdered)
		f.rank(e.Counterparty, types.RankOrdered, f.subject, before, p.LifetimeOrdered)
	})
}

// part weighs a part that the subject paid to the counterparty, or with sign −1 takes it back.
func (f *fold) part(sign int64) {
	e := f.entry
	f.changePair(func(p *types.PairSum) {
		tradedBefore := f.sum(p.LifetimeAb, p.LifetimeBa)
		lifetime, recent := side(p, f.subject, e.Counterparty)
		paidBefore := *lifetime
		f.add(lifetime, sign*e.BaseMinor)
		f.changePairMonth(p, func(m *types.PairMonth) {
			if f.subject < e.Counterparty {
				f.add(&m.ClosedAb, sign*e.BaseMinor)
				f.addWide(&m.ApAbHi, &m.ApAbLo, sign)
			} else {
				f.add(&m.ClosedBa, sign*e.BaseMinor)
				f.addWide(&m.ApBaHi, &m.ApBaLo, sign)
			}
		})
		if sign > 0 && money(e.Kind) {
			*recent = remember(*recent, &types.RecentPart{Day: e.Day, BaseMinor: e.BaseMinor, Entry: f.number})
		} else if sign < 0 {
			f.forget(recent)
		}
		traded := f.sum(p.LifetimeAb, p.LifetimeBa)
		f.rank(f.subject, types.RankPaid, e.Counterparty, paidBefore, *lifetime)
		f.rank(f.subject, types.RankTraded, e.Counterparty, tradedBefore, traded)
		f.rank(e.Counterparty, types.RankTraded, f.subject, tradedBefore, traded)
	})
}

// side picks what the debtor paid to the creditor: of the two ids the smaller is side a.
func side(p *types.PairSum, debtor, creditor string) (lifetime *int64, recent *[]*types.RecentPart) {
	if debtor < creditor {
		return &p.LifetimeAb, &p.RecentAb
	}
	return &p.LifetimeBa, &p.RecentBa
}

// changePair reads the pair's row, lets change work on it, and writes it, or deletes it when only its newest month is
// left.
func (f *fold) changePair(change func(*types.PairSum)) {
	e := f.entry
	if f.err != nil {
		return
	}
	if e.Counterparty == "" || e.Counterparty == f.subject {
		f.inconsistent("no counterparty")
		return
	}
	key := types.PairKey(f.subject, e.Counterparty)
	p, err := state.Get(f.w, key)
	if err != nil {
		f.fail(err)
		return
	}
	if p == nil {
		p = &types.PairSum{}
	}
	change(p)
	if f.err != nil {
		return
	}
	if rest := (types.PairSum{NewestMonth: p.NewestMonth}); p.Size() == rest.Size() {
		f.w.Delete(string(key))
	} else if err := state.Set(f.w, key, p); err != nil {
		f.fail(err)
	}
}

// changePairMonth lets change work on the month of the entry, unless it lies too far back to be kept.
func (f *fold) changePairMonth(p *types.PairSum, change func(*types.PairMonth)) {
	month := types.MonthOf(f.entry.Day)
	p.NewestMonth = max(p.NewestMonth, month)
	p.Months = slices.DeleteFunc(p.Months, func(m *types.PairMonth) bool { return m.Month < p.NewestMonth-pairMonthsBack })
	if month < p.NewestMonth-pairMonthsBack {
		return
	}
	i, ok := slices.BinarySearchFunc(p.Months, month, func(m *types.PairMonth, month int32) int {
		return int(m.Month) - int(month)
	})
	if !ok {
		p.Months = slices.Insert(p.Months, i, &types.PairMonth{Month: month})
	}
	change(p.Months[i])
	if *p.Months[i] == (types.PairMonth{Month: month}) {
		p.Months = slices.Delete(p.Months, i, i+1)
	}
}

// sum adds two amounts, checked.
func (f *fold) sum(a, b int64) int64 {
	v, err := types.Add(a, b)
	if err != nil {
		f.fail(err)
	}
	return v
}

// rank moves a counterparty to the place of its amount; places differ by bit length only.
func (f *fold) rank(subject string, d types.Dimension, counterparty string, before, after int64) {
	was, is := bits.Len64(uint64(before)), bits.Len64(uint64(after))
	if f.err != nil || was == is {
		return
	}
	if was > 0 {
		f.w.Delete(string(types.RankKey(subject, d, before, counterparty)))
	}
	if is > 0 {
		key := types.RankKey(subject, d, after, counterparty)
		if err := state.Set(f.w, key, &types.Rank{Bits: int32(is)}); err != nil {
			f.fail(err)
		}
	}
}

// remember adds a part to a recent list and drops what has become too old or too much.
func remember(list []*types.RecentPart, part *types.RecentPart) []*types.RecentPart {
	list = append(list, part)
	newest := part.Day
	for _, p := range list {
		newest = max(newest, p.Day)
	}
	list = slices.DeleteFunc(list, func(p *types.RecentPart) bool { return p.Day < newest-recentDays })
	return list[max(0, len(list)-recentParts):]
}

// forget removes the part that the entry takes back, if it is still remembered.
func (f *fold) forget(list *[]*types.RecentPart) {
	if f.entry.Reverses == 0 {
		f.inconsistent("reverses does not say which entry")
		return
	}
	*list = slices.DeleteFunc(*list, func(p *types.RecentPart) bool { return p.Entry == f.entry.Reverses-1 })
}

// twoWay finds the payment that makes a new one a two-way payment (LEDGER.md §8): of the parts that the creditor last
// paid to the debtor and that count, the first within 30 days and 5 % of the larger amount. entry is its number in the
// creditor's log, where it was a debtor; it means nothing without a hit.
func twoWay(r state.Reader, debtor, creditor string, day int32, base int64) (entry uint64, hit bool, err error) {
	p, err := state.Get(r, types.PairKey(debtor, creditor))
	if err != nil || p == nil {
		return 0, false, err
	}
	_, recent := side(p, creditor, debtor)
	for _, part := range *recent {
		days, low, high := day-part.Day, min(base, part.BaseMinor), max(base, part.BaseMinor)
		if -recentDays <= days && days <= recentDays && high-low <= high/20 {
			return part.Entry, true, nil
		}
	}
	return 0, false, nil
}
