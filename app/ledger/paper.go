package ledger

import (
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// A receivable can be split, and its parts again. Money, credit notes and write-offs go to the ends of such a tree; scores
// know only the root: one paper is one experience of its debtor and one item that its seller collects, whatever pieces it
// was cut into. So the sums of a split paper are what they would be if everything had happened to the root:
//
//   - what is open in the sums is what is open at its ends that are experiences;
//   - it stands among the open obligations once while one of these ends is open, untouched while none of them has a live
//     counted part, and among what is to collect once;
//   - it counts as an experience in the latest month in which a counted part closed anything of it.
//
// The root knows this of its ends in split_sum, which follows every change of one of them.

// How a claim stands in the sums of its seller. Numbers of Entry.claim_was and claim_now.
const (
	claimNone    uint32 = iota
	claimOpen           // to be collected
	claimInTime         // all closed by due day + collectionGrace
	claimLate           // closed later, or given up
	claimDropped        // credited in full before anything was paid: neither
)

// collectionGrace is how many days beyond terms still count as collected in time.
const collectionGrace = 30

// claimOf tells how a claim stands: whether it is one, what is open of it, and the day and parts that closed it.
func claimOf(obliged, open bool, closedDay, dueDay int32, parts uint32) uint32 {
	switch {
	case !obliged:
		return claimNone
	case open:
		return claimOpen
	case closedDay > dueDay+collectionGrace:
		return claimLate
	case parts == 0:
		return claimDropped
	}
	return claimInTime
}

// standing is where a paper stands in the sums of its debtor and its seller.
type standing struct {
	month      int32 // in which the experience counts; 0: none
	open       bool
	untouched  bool
	claim      uint32
	settledDay int32 // of the receivable itself; 0 while something of it is open
}

// paper is a receivable at work, with the root that it came of.
type paper struct {
	tx     *Tx
	id     string
	r      *types.Receivable
	rootID string
	root   *types.Receivable // r itself, unless r came of a split
	was    end               // what r was when the root's split_sum last followed it
	months []int32           // its closing months then
}

// end is what one end of a split is for the root.
type end struct {
	live, rejected, unpaid, settled, obliged, open, invoice, funds bool
	parts                                                          uint32
}

func endOf(r *types.Receivable) end {
	switch r.Status {
	case types.ReceivableStatus_VOID, types.ReceivableStatus_SPLIT:
		return end{}
	case types.ReceivableStatus_REJECTED:
		return end{rejected: true}
	}
	e := end{
		live: true, unpaid: openMinor(r) > 0, settled: r.Status == types.ReceivableStatus_SETTLED, obliged: r.Experience,
		open:    r.Experience && r.SettledDay == 0,
		invoice: r.Legs&legInvoice != 0, funds: r.Legs&legFunds != 0,
	}
	if r.Experience {
		e.parts = r.Parts
	}
	return e
}

// paper takes a receivable up.
func (tx *Tx) paper(id string) (*paper, error) {
	r, err := tx.receivable(id)
	if err != nil {
		return nil, err
	}
	return tx.paperOf(id, r)
}

// paperOf takes up a receivable that was read.
func (tx *Tx) paperOf(id string, r *types.Receivable) (*paper, error) {
	p := &paper{tx: tx, id: id, r: r, rootID: id, root: r}
	if r.Root != "" {
		root, err := state.Get(tx, types.ReceivableKey(r.Root))
		if err != nil {
			return nil, err
		}
		if root == nil || root.SplitSum == nil {
			return nil, missing(string(types.ReceivableKey(r.Root)))
		}
		p.rootID, p.root = r.Root, root
	}
	p.was, p.months = endOf(r), slices.Clone(r.ClosingMonths)
	return p, nil
}

// write keeps the receivable and, if it came of a split, its root.
func (p *paper) write() error {
	if err := state.Set(p.tx, types.ReceivableKey(p.id), p.r); err != nil || p.root == p.r {
		return err
	}
	return state.Set(p.tx, types.ReceivableKey(p.rootID), p.root)
}

// standing tells where the paper stands now. Changes of the receivable show once follow was called.
func (p *paper) standing() standing {
	r, due := p.r, p.r.Receivable.DueDay
	sum := p.root.SplitSum
	if sum == nil {
		open := r.Experience && r.SettledDay == 0
		s := standing{open: open, untouched: open && len(r.ClosingMonths) == 0, settledDay: r.SettledDay}
		s.claim = claimOf(r.Experience, open, r.SettledDay, due, r.Parts)
		if len(r.ClosingMonths) > 0 {
			s.month = slices.Max(r.ClosingMonths)
		}
		return s
	}
	s := standing{open: sum.Open > 0, untouched: sum.Open > 0 && len(sum.Closing) == 0, settledDay: r.SettledDay}
	s.claim = claimOf(sum.Obliged > 0, s.open, sum.ClosedDay, due, sum.Parts)
	if n := len(sum.Closing); n > 0 {
		s.month = sum.Closing[n-1].Month
	}
	return s
}

// follow lets the root know what became of the receivable.
func (p *paper) follow() error {
	was, is, months := p.was, endOf(p.r), p.months
	p.was, p.months = is, slices.Clone(p.r.ClosingMonths)
	sum := p.root.SplitSum
	if sum == nil {
		return nil
	}
	for _, c := range [...]struct {
		count   *uint32
		was, is bool
	}{
		{&sum.Live, was.live, is.live}, {&sum.Rejected, was.rejected, is.rejected}, {&sum.Unpaid, was.unpaid, is.unpaid},
		{&sum.Settled, was.settled, is.settled}, {&sum.Obliged, was.obliged, is.obliged}, {&sum.Open, was.open, is.open},
		{&sum.Invoices, was.invoice, is.invoice}, {&sum.Funds, was.funds, is.funds},
	} {
		if err := p.count(c.count, number(c.is)-number(c.was)); err != nil {
			return err
		}
	}
	if err := p.count(&sum.Parts, int64(is.parts)-int64(was.parts)); err != nil {
		return err
	}
	if was.open && is.obliged && !is.open {
		sum.ClosedDay = p.r.SettledDay
	}
	if slices.Equal(months, p.months) {
		return nil
	}
	for _, m := range months {
		if err := p.closing(m, -1); err != nil {
			return err
		}
	}
	for _, m := range p.months {
		if err := p.closing(m, +1); err != nil {
			return err
		}
	}
	return nil
}

func number(is bool) int64 {
	if is {
		return 1
	}
	return 0
}

func (p *paper) count(n *uint32, change int64) error {
	v := int64(*n) + change
	if v < 0 || v > int64(^uint32(0)) {
		return types.Refuse(types.Code_inconsistent_state, "%s has lost count of what came of it", p.rootID)
	}
	*n = uint32(v)
	return nil
}

// closing adds a live counted part to a month of the root, or with −1 takes it away.
func (p *paper) closing(month int32, change int64) error {
	list := &p.root.SplitSum.Closing
	i, ok := slices.BinarySearchFunc(*list, month, func(m *types.ClosingMonth, month int32) int { return int(m.Month) - int(month) })
	if !ok {
		*list = slices.Insert(*list, i, &types.ClosingMonth{Month: month})
	}
	m := (*list)[i]
	if err := p.count(&m.Parts, change); err != nil {
		return err
	}
	if m.Parts == 0 {
		*list = slices.Delete(*list, i, i+1)
	}
	return nil
}

// alive tells whether anything of the paper is neither void nor rejected.
func (p *paper) alive() bool {
	if sum := p.root.SplitSum; sum != nil {
		return sum.Live > 0
	}
	return endOf(p.r).live
}
