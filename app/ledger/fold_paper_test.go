package ledger

import (
	"strings"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// The fold follows papers: receivables with everything that came of them by splits, and financings. It keeps a list of
// ends, and looks at all of them after every row.

// cut is a receivable that came of a split, and its base amount.
type cut struct {
	record string
	base   int64
}

// about finds out what a row is about that names a settlement, a credit note, a repayment or what came of a split: the paper
// becomes its record, as the fold goes by papers, and what was acted on stands beside it.
func about(t require.TestingT, r state.Reader, p *posted) {
	e := &p.entry
	switch prefix, _, _ := strings.Cut(e.Record, "/"); prefix + "/" {
	case string(types.Repayments):
		v, err := state.Get(r, types.Key[types.Repayment](e.Record))
		require.NoError(t, err)
		e.Record = string(types.FinancingKey(v.Repayment.Financing))
	case string(types.Settlements):
		v, err := state.Get(r, types.Key[types.Settlement](e.Record))
		require.NoError(t, err)
		e.Record = string(types.ReceivableKey(v.Parts[e.Part].Receivable))
	case string(types.CreditNotes):
		v, err := state.Get(r, types.Key[types.CreditNote](e.Record))
		require.NoError(t, err)
		e.Record = string(types.ReceivableKey(v.Note.Receivable))
	}
	p.end = e.Record
	if !strings.HasPrefix(e.Record, string(types.Receivables)) {
		return
	}
	v, err := state.Get(r, types.Key[types.Receivable](e.Record))
	require.NoError(t, err)
	if v.Root != "" {
		e.Record = string(types.ReceivableKey(v.Root))
	}
	if e.Kind != types.EntryKind_ENTRY_RECEIVABLE_SPLIT {
		return
	}
	for _, id := range v.Children {
		child, err := state.Get(r, types.ReceivableKey(id))
		require.NoError(t, err)
		p.cuts = append(p.cuts, cut{string(types.ReceivableKey(id)), child.BaseMinor})
	}
}

// naiveEnd is one receivable of a paper.
type naiveEnd struct {
	in   bool // an obligation, or a claim
	rest int64
	paid int // live parts
}

// naivePaper is a paper in one of the two logs.
type naivePaper struct {
	ends   map[string]*naiveEnd
	due    int32
	closed string // how the last act that closed one of the ends did so: "in time" or "late"
}

func (n *naivePaper) end(name string) *naiveEnd {
	if n.ends[name] == nil {
		n.ends[name] = &naiveEnd{}
	}
	return n.ends[name]
}

// open is what is open of it, whether it is in the sums at all, and how many live parts it has.
func (n *naivePaper) open() (rest int64, in bool, paid int) {
	for _, e := range n.ends {
		if e.in {
			in = true
			rest += e.rest
			paid += e.paid
		}
	}
	return rest, in, paid
}

// papers replays one log; kinds are named by what they do.
func papers(log []posted, opens, takes, closes, reopens []types.EntryKind) map[string]*naivePaper {
	is := func(list []types.EntryKind, k types.EntryKind) bool {
		for _, l := range list {
			if l == k {
				return true
			}
		}
		return false
	}
	out := map[string]*naivePaper{}
	for _, p := range log {
		e := p.entry
		if out[e.Record] == nil {
			out[e.Record] = &naivePaper{ends: map[string]*naiveEnd{}}
		}
		n := out[e.Record]
		end := n.end(p.end)
		before := end.rest
		switch {
		case e.Kind == types.EntryKind_ENTRY_RECEIVABLE_SPLIT:
			for _, c := range p.cuts {
				*n.end(c.record) = naiveEnd{in: end.in, rest: c.base}
			}
			delete(n.ends, p.end)
			continue
		case is(opens, e.Kind) && e.Open:
			end.in, end.rest, n.due = true, e.BaseMinor, e.DueDay
		case is(takes, e.Kind):
			end.in = false
			continue // what was closed before is closed as it was
		case is(closes, e.Kind) && e.Open:
			end.rest -= e.BaseMinor
		case is(reopens, e.Kind) && e.Open:
			end.rest += e.BaseMinor
		}
		switch e.Kind {
		case types.EntryKind_ENTRY_COLLECTED:
			end.paid++
		case types.EntryKind_ENTRY_COLLECTED_REVERSED:
			end.paid--
		}
		if end.in && before > 0 && end.rest == 0 {
			n.closed = howClosed(e)
		}
	}
	return out
}

// howClosed tells when an act closed a claim. A credit note says itself whether it came in time, for its day is its seller's
// word.
func howClosed(e types.Entry) string {
	late := e.Kind == types.EntryKind_ENTRY_GIVEN_UP || e.Day > e.DueDay+30
	if e.Kind == types.EntryKind_ENTRY_CREDIT_NOTE {
		late = !e.OnTime
	}
	if late {
		return "late"
	}
	return "in time"
}

var (
	naiveOwes = [][]types.EntryKind{
		{types.EntryKind_ENTRY_OBLIGATION},
		{types.EntryKind_ENTRY_OBLIGATION_REVERSED, types.EntryKind_ENTRY_OBLIGATION_EXCLUDED},
		{types.EntryKind_ENTRY_PAID, types.EntryKind_ENTRY_CREDITED, types.EntryKind_ENTRY_WRITTEN_OFF},
		{types.EntryKind_ENTRY_PAID_REVERSED},
	}
	naiveCollects = [][]types.EntryKind{
		{types.EntryKind_ENTRY_CLAIM},
		{types.EntryKind_ENTRY_CLAIM_REVERSED, types.EntryKind_ENTRY_CLAIM_EXCLUDED},
		{types.EntryKind_ENTRY_COLLECTED, types.EntryKind_ENTRY_CREDIT_NOTE, types.EntryKind_ENTRY_GIVEN_UP},
		{types.EntryKind_ENTRY_COLLECTED_REVERSED},
	}
)

// naiveDebtor follows each paper: what is open, which parts count, and in which month it counts as an experience.
func naiveDebtor(log []posted, at func(int32) *naiveMonth, head *types.SubjectHead) {
	taken := gone(log)
	live, latest := map[string]int{}, map[string]int32{}
	for _, p := range log {
		e := p.entry
		part := e.Kind == types.EntryKind_ENTRY_PAID || e.Kind == types.EntryKind_ENTRY_WRITTEN_OFF
		if !part || !e.Counted || taken[p.number] {
			continue
		}
		live[e.Record]++
		latest[e.Record] = max(latest[e.Record], types.MonthOf(e.Day))
		naivePart(e, at(types.MonthOf(e.Day)))
	}
	for record, n := range papers(log, naiveOwes[0], naiveOwes[1], naiveOwes[2], naiveOwes[3]) {
		if latest[record] > 0 {
			at(latest[record]).Experiences++
		}
		rest, _, _ := n.open()
		if rest == 0 {
			continue
		}
		day := onDay(at(types.MonthOf(n.due)).open, n.due)
		day.Minor += rest
		day.Items++
		if live[record] == 0 {
			day.Untouched++
		}
		head.OpenMinor += rest
		head.OpenObligations++
	}
}

// naiveClaims follows what the subject has to collect.
func naiveClaims(log []posted, at func(int32) *naiveMonth) {
	for _, n := range papers(log, naiveCollects[0], naiveCollects[1], naiveCollects[2], naiveCollects[3]) {
		rest, in, paid := n.open()
		if !in {
			continue
		}
		due := at(types.MonthOf(n.due))
		switch {
		case rest > 0:
			day := onDay(due.toCollect, n.due)
			day.Minor += rest
			day.Items++
		case n.closed == "late":
			due.CollectedLate++
		case paid > 0:
			due.CollectedInTime++
		}
	}
}

// naiveIssued follows what a row says of the receivables that a seller issued.
func naiveIssued(e types.Entry, at func(int32) *naiveMonth) {
	if !e.Counted {
		return
	}
	switch e.Kind {
	case types.EntryKind_ENTRY_RECEIVABLE_ISSUED:
		m := at(types.MonthOf(e.Day))
		m.Receivables++
		m.InvoicedMinor += e.BaseMinor
	case types.EntryKind_ENTRY_RECEIVABLE_ISSUED_REVERSED:
		m := at(types.MonthOf(e.Day))
		m.InvoicedMinor -= e.BaseMinor
		if e.Last {
			m.Receivables--
		}
	case types.EntryKind_ENTRY_RECEIVABLE_REJECTED:
		at(e.MonthWas).InvoicedMinor -= e.BaseMinor
	case types.EntryKind_ENTRY_CREDIT_NOTE:
		at(e.MonthWas).CreditedMinor += e.BaseMinor
	case types.EntryKind_ENTRY_LEGS:
		at(e.MonthWas).ReceivablesLegs++
	case types.EntryKind_ENTRY_LEGS_LOST:
		at(e.MonthWas).ReceivablesLegs--
	}
}
