package model

import (
	"maps"
	"slices"

	"tradecredit/types"
)

// A receivable can be split, and what came of it again: a tree, at whose ends all that follows happens. Scores know one
// paper, the root.

// openOf is what is owed of a receivable, in its own currency.
func openOf(r *types.Receivable) int64 {
	return r.Receivable.AmountMinor - r.SettledMinor - r.CreditedMinor - r.WrittenOffMinor
}

// openBase is the same in base currency.
func openBase(r *types.Receivable) int64 {
	return r.BaseMinor - r.SettledBaseMinor - r.CreditedBaseMinor - r.WrittenOffBaseMinor
}

// nextBase is the base amount of what closes so much now: shares are cumulative, so that they add up in the end.
func nextBase(r *types.Receivable, minor int64) int64 {
	closed := r.Receivable.AmountMinor - openOf(r)
	return max(0, share(r.BaseMinor, closed+minor, r.Receivable.AmountMinor)-(r.BaseMinor-openBase(r)))
}

// untouched tells whether nothing of a receivable was closed.
func untouched(r *types.Receivable) bool {
	return r.SettledMinor == 0 && r.CreditedMinor == 0 && r.WrittenOffMinor == 0
}

// alive tells whether a receivable is neither void nor rejected.
func alive(r *types.Receivable) bool {
	return r.Status != types.ReceivableStatus_VOID && r.Status != types.ReceivableStatus_REJECTED
}

// statusOf is what a receivable is by what was closed of it.
func statusOf(r *types.Receivable) types.ReceivableStatus {
	switch {
	case openOf(r) == 0 && r.WrittenOffMinor > 0:
		return types.ReceivableStatus_WRITTEN_OFF
	case openOf(r) == 0:
		return types.ReceivableStatus_SETTLED
	case r.SettledMinor > 0 || r.WrittenOffMinor > 0:
		return types.ReceivableStatus_PARTLY_SETTLED
	case r.Accepted:
		return types.ReceivableStatus_ACCEPTED
	}
	return types.ReceivableStatus_ISSUED
}

// rootOf is the receivable that one came of, itself if it came of none.
func rootOf(id string, r *types.Receivable) string {
	if r.Root == "" {
		return id
	}
	return r.Root
}

// ends are what a receivable was split into in the end; the receivable itself if it was not.
func (m *Model) ends(id string) []types.Receivable {
	r := m.receivables.at(types.ReceivableKey(id))
	if r.Status != types.ReceivableStatus_SPLIT {
		return []types.Receivable{r}
	}
	var out []types.Receivable
	for _, child := range r.Children {
		out = append(out, m.ends(child)...)
	}
	return out
}

// keep stores a receivable, and in its root what came of the whole.
func (m *Model) keep(id string, r *types.Receivable) {
	was := m.receivables.at(types.ReceivableKey(id))
	m.receivables.put(types.ReceivableKey(id), *r)
	root := rootOf(id, r)
	if root == id && r.Status != types.ReceivableStatus_SPLIT {
		return
	}
	x := m.receivables.at(types.ReceivableKey(root))
	s := m.splitSum(root)
	s.ClosedDay = x.SplitSum.GetClosedDay()
	if r.Experience && openOf(r) == 0 && (openOf(&was) > 0 || !was.Experience) {
		s.ClosedDay = r.SettledDay
	}
	x.SplitSum = s
	m.receivables.put(types.ReceivableKey(root), x)
}

// splitSum counts the ends of a paper.
func (m *Model) splitSum(root string) *types.SplitSum {
	s, months := &types.SplitSum{}, map[int32]uint32{}
	for _, r := range m.ends(root) {
		switch r.Status {
		case types.ReceivableStatus_REJECTED:
			s.Rejected++
			continue
		case types.ReceivableStatus_VOID:
			continue
		}
		s.Live++
		count(&s.Unpaid, openOf(&r) > 0)
		count(&s.Settled, r.Status == types.ReceivableStatus_SETTLED)
		count(&s.Invoices, r.Legs&legInvoice != 0)
		count(&s.Funds, r.Legs&legFunds != 0)
		if !r.Experience {
			continue
		}
		s.Obliged++
		count(&s.Open, openOf(&r) > 0)
		s.Parts += r.Parts
		for _, month := range r.ClosingMonths {
			months[month]++
		}
	}
	for _, month := range slices.Sorted(maps.Keys(months)) {
		s.Closing = append(s.Closing, &types.ClosingMonth{Month: month, Parts: months[month]})
	}
	return s
}

func count(n *uint32, holds bool) {
	if holds {
		*n++
	}
}

// lendRoot derives the legs of a paper that was split: what the order lends, and what any of its ends has of its own.
func (m *Model) lendRoot(root string, legs uint32, p *types.Provenance, day int32) {
	r := m.receivables.at(types.ReceivableKey(root))
	all, left := legs&(legContract|legGoods|legRelease), false
	if r.TaxVerifiedBy != "" {
		all |= legInvoice
	}
	for _, end := range m.ends(root) {
		if alive(&end) {
			left = true
			all |= end.Legs & (legInvoice | legFunds)
		}
	}
	if !left {
		all = 0
	}
	m.putLegs(root, &r, all, p, day)
	m.keep(root, &r)
}

// owe posts that a receivable is owed; it is an experience of its debtor, open with what is unpaid, if that counts.
func (m *Model) owe(id string, r *types.Receivable, p *types.Provenance, day int32, counts bool) {
	debtor := m.entryOfReceivable(id, r, types.EntryKind_ENTRY_OBLIGATION, p, day, r.Receivable.Seller)
	debtor.BaseMinor = openBase(r)
	debtor.Counted, debtor.Open = counts, counts
	creditor := debtor
	creditor.Kind, creditor.Counterparty = types.EntryKind_ENTRY_CLAIM, r.Receivable.Debtor
	obligation := m.post(r.Receivable.Debtor, debtor)
	claim := m.post(r.Receivable.Seller, creditor)
	if counts {
		r.Experience, r.ObligationEntry, r.ClaimEntry = true, obligation, claim
	}
}

// oweNoMore takes an experience back, with the write-offs that count.
func (m *Model) oweNoMore(id string, r *types.Receivable, kinds ...types.EntryKind) {
	for i := len(r.WriteOffs) - 1; i >= 0; i-- {
		m.excludeWriteOff(r, i)
	}
	last := m.unshare(id, r)
	debtor := m.takenBack(r.Receivable.Debtor, r.ObligationEntry, types.EntryKind_ENTRY_OBLIGATION_REVERSED)
	creditor := m.takenBack(r.Receivable.Seller, r.ClaimEntry, types.EntryKind_ENTRY_CLAIM_REVERSED)
	if len(kinds) > 0 {
		debtor.Kind, creditor.Kind = kinds[0], kinds[1]
	}
	if r.ObligationFallen {
		debtor.Evidence, creditor.Evidence = types.Evidence_SELF_DECLARED, types.Evidence_SELF_DECLARED
		r.ObligationFallen = false
	}
	for _, e := range []*types.Entry{&debtor, &creditor} {
		e.Record = string(types.ReceivableKey(id))
		e.BaseMinor, e.Open = openBase(r), openOf(r) > 0
		e.Counted = e.Counted && last
	}
	m.post(r.Receivable.Debtor, debtor)
	m.post(r.Receivable.Seller, creditor)
	r.Experience, r.ObligationEntry, r.ClaimEntry = false, 0, 0
}

// excludeWriteOff takes a write-off out of the sums, if it counts; it still closes what it closed.
func (m *Model) excludeWriteOff(r *types.Receivable, i int) {
	x := *r.WriteOffs[i]
	if !x.Counted {
		return
	}
	opens(r, x.DebtorEntry)
	m.post(r.Receivable.Debtor, m.takenBack(r.Receivable.Debtor, x.DebtorEntry+1, types.EntryKind_ENTRY_WRITTEN_OFF_EXCLUDED))
	x.Counted = false
	r.WriteOffs = replaced(r.WriteOffs, i, &x)
}

// unshare tells whether nothing else rests on the acceptance or payment that a receivable's obligation rests on: what was
// split after it shares it.
func (m *Model) unshare(id string, r *types.Receivable) (last bool) {
	record := m.logs[r.Receivable.Debtor][r.ObligationEntry-1].Record
	if record == string(types.ReceivableKey(id)) {
		return true
	}
	m.receivables.change(types.Key[types.Receivable](record), func(x *types.Receivable) {
		x.ObligationShares--
		last = x.ObligationShares == 0
	})
	return last
}

// replaced is a copy of a list with another item.
func replaced[T any](list []*T, i int, x *T) []*T {
	out := append([]*T(nil), list...)
	out[i] = x
	return out
}
