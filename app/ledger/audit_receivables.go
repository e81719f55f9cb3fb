package ledger

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// closings is what live parts and credit notes closed of each receivable, and what live parts paid of each order; read by
// key only.
type closings struct {
	receivables map[string]*types.Receivable
	ends        map[string]*types.SplitSum // of each root, of the receivables that came of it
	months      map[string][]int32         // the closing months of these
	orders      map[string]*types.Order
}

func (c *closings) receivable(id string) *types.Receivable {
	if c.receivables[id] == nil {
		c.receivables[id] = &types.Receivable{}
	}
	return c.receivables[id]
}

func (c *closings) order(id string) *types.Order {
	if c.orders[id] == nil {
		c.orders[id] = &types.Order{}
	}
	return c.orders[id]
}

// auditSettlements: no settlement allocates more than was paid; every receivable shows exactly what live parts, credit notes
// and write-offs closed of it, no more than it is, and the status that follows; children add up to the one that was split,
// roots know what came of them, and orders what was paid of them.
func auditSettlements(r state.Reader) error {
	c := &closings{
		receivables: map[string]*types.Receivable{}, ends: map[string]*types.SplitSum{}, months: map[string][]int32{},
		orders: map[string]*types.Order{},
	}
	if err := each(r, types.Settlements, func(_ string, s *types.Settlement) error { return c.settlement(r, s) }); err != nil {
		return err
	}
	err := each(r, types.CreditNotes, func(_ string, n *types.CreditNote) error {
		sum := c.receivable(n.Note.Receivable)
		sum.CreditedMinor += n.Note.AmountMinor
		sum.CreditedBaseMinor += n.BaseMinor
		return nil
	})
	if err != nil {
		return err
	}
	for _, audit := range []func(string, *types.Receivable) error{
		c.auditAmounts, auditStatus, func(id string, v *types.Receivable) error { return auditSplit(r, id, v) }, c.end,
	} {
		if err := each(r, types.Receivables, audit); err != nil {
			return err
		}
	}
	if err := each(r, types.Receivables, c.auditRoot); err != nil {
		return err
	}
	return each(r, types.Orders, func(id string, o *types.Order) error {
		if sum := c.order(id); sum.PaidMinor != o.PaidMinor || sum.BankPaid != o.BankPaid {
			return fmt.Errorf("live parts of %d, %d by banks; the record says %d and %d", sum.PaidMinor, sum.BankPaid, o.PaidMinor, o.BankPaid)
		}
		return nil
	})
}

// settlement adds the live parts of a settlement up.
func (c *closings) settlement(r state.Reader, s *types.Settlement) error {
	left := s.AmountMinor
	for _, p := range s.Parts {
		if left -= p.AmountMinor; p.AmountMinor <= 0 || left < 0 {
			return fmt.Errorf("parts exceed %d", s.AmountMinor)
		}
		if s.Reversed {
			continue
		}
		v, err := state.Get(r, types.ReceivableKey(p.Receivable))
		if err != nil {
			return err
		}
		if v == nil {
			return fmt.Errorf("a part of %s, which is no receivable", p.Receivable)
		}
		sum, order := c.receivable(p.Receivable), &types.Order{}
		if id := v.Receivable.Order; id != "" {
			order = c.order(id)
		}
		sum.SettledMinor += p.AmountMinor
		sum.SettledBaseMinor += p.BaseMinor
		order.PaidMinor += p.AmountMinor
		sum.Parts++
		if p.Bank {
			sum.BankParts++
			order.BankPaid++
		}
		if p.Counted {
			sum.ClosingMonths = append(sum.ClosingMonths, types.MonthOf(s.Day))
			sum.ClosingEntries = append(sum.ClosingEntries, p.DebtorEntry)
		}
	}
	return nil
}

// auditAmounts: a receivable shows what closed it.
func (c *closings) auditAmounts(id string, v *types.Receivable) error {
	sum := c.receivable(id)
	for _, w := range v.WriteOffs {
		sum.WrittenOffMinor += w.AmountMinor
		sum.WrittenOffBaseMinor += w.BaseMinor
		if w.Counted {
			sum.ClosingEntries = append(sum.ClosingEntries, w.DebtorEntry)
		}
	}
	entries := slices.Clone(v.ClosingEntries)
	slices.Sort(entries)
	slices.Sort(sum.ClosingEntries)
	switch {
	case sum.SettledMinor != v.SettledMinor || sum.SettledBaseMinor != v.SettledBaseMinor || sum.Parts != v.Parts:
		return fmt.Errorf("live parts %v, the record says %d, %d in %d parts", sum, v.SettledMinor, v.SettledBaseMinor, v.Parts)
	case sum.CreditedMinor != v.CreditedMinor || sum.CreditedBaseMinor != v.CreditedBaseMinor:
		return fmt.Errorf("credit notes of %d, %d, the record says %d, %d", sum.CreditedMinor, sum.CreditedBaseMinor, v.CreditedMinor, v.CreditedBaseMinor)
	case sum.WrittenOffMinor != v.WrittenOffMinor || sum.WrittenOffBaseMinor != v.WrittenOffBaseMinor:
		return fmt.Errorf("write-offs of %d, %d, the record says %d, %d", sum.WrittenOffMinor, sum.WrittenOffBaseMinor, v.WrittenOffMinor, v.WrittenOffBaseMinor)
	case sum.BankParts != v.BankParts || !slices.Equal(sum.ClosingEntries, entries) || len(v.ClosingMonths) != len(entries):
		return fmt.Errorf("%d live parts of banks and %d that count, the record says %d and %d in %d months",
			sum.BankParts, len(sum.ClosingEntries), v.BankParts, len(entries), len(v.ClosingMonths))
	case openMinor(v) < 0 || openBase(v) < 0 || openMinor(v) == 0 && openBase(v) != 0:
		return fmt.Errorf("%d open, %d in base currency", openMinor(v), openBase(v))
	}
	return nil
}

// auditStatus: a receivable has the status that follows from what is open of it, unless somebody ended it; then nothing was
// closed, and it is no experience.
func auditStatus(_ string, v *types.Receivable) error {
	switch v.Status {
	case types.ReceivableStatus_REJECTED, types.ReceivableStatus_VOID, types.ReceivableStatus_SPLIT:
		if v.Parts > 0 || v.Experience || v.SettledDay != 0 || v.Ended == nil || v.VoidAskedBy != "" {
			return fmt.Errorf("%s, and something goes on", v.Status)
		}
		return nil
	}
	switch {
	case v.Status != statusOf(v) || (openMinor(v) == 0) != (v.SettledDay != 0):
		return fmt.Errorf("%s with %d open, settled on %d", v.Status, openMinor(v), v.SettledDay)
	case v.Experience != (v.ObligationEntry != 0) || v.Experience != (v.ClaimEntry != 0) || v.AcceptedCounts && v.Suppressed == 0 && !v.Experience:
		return fmt.Errorf("an experience: %t, by entries %d and %d", v.Experience, v.ObligationEntry, v.ClaimEntry)
	case v.Experience && (v.Related || !v.AcceptedCounts && v.BankParts == 0 && len(v.ClosingMonths) == 0):
		return errors.New("an experience that rests on nothing")
	case v.VoidAskedBy != "" && v.Status != types.ReceivableStatus_ACCEPTED:
		return errors.New("one side wants to void what cannot be")
	}
	return nil
}

// auditSplit: children have the terms of the one that was split, and add up to it.
func auditSplit(r state.Reader, id string, v *types.Receivable) error {
	if (v.Status == types.ReceivableStatus_SPLIT) != (len(v.Children) > 0) || (v.Root == "") != (v.Parent == "") || (v.Level == 0) != (v.Root == "") || v.Level > maxSplits {
		return fmt.Errorf("%s with %d children, level %d", v.Status, len(v.Children), v.Level)
	}
	if len(v.Children) == 0 {
		return nil
	}
	amount, base := v.Receivable.AmountMinor, v.BaseMinor
	for _, child := range v.Children {
		c, err := state.Get(r, types.ReceivableKey(child))
		if err != nil {
			return err
		}
		if c == nil || c.Parent != id || c.Level != v.Level+1 || (c.Root != v.Root && c.Root != id) || c.Related != v.Related {
			return fmt.Errorf("%s is no child of it", child)
		}
		terms := *c.Receivable
		terms.Id, terms.AmountMinor = v.Receivable.Id, v.Receivable.AmountMinor
		if terms.String() != v.Receivable.String() {
			return fmt.Errorf("%s has other terms", child)
		}
		amount, base = amount-c.Receivable.AmountMinor, base-c.BaseMinor
	}
	if amount != 0 || base != 0 || openMinor(v) != v.Receivable.AmountMinor {
		return fmt.Errorf("the children lack %d, %d in base currency, of %d open", amount, base, openMinor(v))
	}
	return nil
}

// end adds a receivable to its root's.
func (c *closings) end(_ string, v *types.Receivable) error {
	if v.Root == "" || v.Status == types.ReceivableStatus_SPLIT || v.Status == types.ReceivableStatus_VOID {
		return nil
	}
	if c.ends[v.Root] == nil {
		c.ends[v.Root] = &types.SplitSum{}
	}
	sum := c.ends[v.Root]
	if v.Status == types.ReceivableStatus_REJECTED {
		sum.Rejected++
		return nil
	}
	sum.Live++
	for _, n := range [...]struct {
		count *uint32
		is    bool
	}{
		{&sum.Unpaid, openMinor(v) > 0}, {&sum.Settled, v.Status == types.ReceivableStatus_SETTLED}, {&sum.Obliged, v.Experience},
		{&sum.Open, v.Experience && openMinor(v) > 0}, {&sum.Invoices, v.Legs&legInvoice != 0}, {&sum.Funds, v.Legs&legFunds != 0},
	} {
		if n.is {
			*n.count++
		}
	}
	if v.Experience {
		sum.Parts += v.Parts
	}
	c.months[v.Root] = append(c.months[v.Root], v.ClosingMonths...)
	return nil
}

// auditRoot: a root knows what came of it, and has the legs of its ends.
func (c *closings) auditRoot(id string, v *types.Receivable) error {
	if (v.SplitSum != nil) != (v.Root == "" && v.Status == types.ReceivableStatus_SPLIT) {
		return fmt.Errorf("%s, root %q, and it knows of %v", v.Status, v.Root, v.SplitSum)
	}
	if v.SplitSum == nil {
		if v.Root != "" && v.Legs&lentLegs != 0 {
			return errors.New("it has legs that are its root's")
		}
		return nil
	}
	want := c.ends[id]
	if want == nil {
		want = &types.SplitSum{}
	}
	months := c.months[id]
	slices.Sort(months)
	for i, m := range months {
		if i == 0 || m != months[i-1] {
			want.Closing = append(want.Closing, &types.ClosingMonth{Month: m})
		}
		want.Closing[len(want.Closing)-1].Parts++
	}
	want.ClosedDay = v.SplitSum.ClosedDay // which act was the last is the fold's to say
	if want.String() != v.SplitSum.String() {
		return fmt.Errorf("its ends are %v, the record says %v", want, v.SplitSum)
	}
	invoice, funds := v.Legs&legInvoice != 0, v.Legs&legFunds != 0
	if want.Live == 0 && bits.OnesCount32(v.Legs) > 0 || want.Live > 0 && (funds != (want.Funds > 0) || invoice != (want.Invoices > 0 || v.TaxVerifiedBy != "")) {
		return fmt.Errorf("legs %b, of its ends %v", v.Legs, want)
	}
	return nil
}

// auditOrders: an order shows what was invoiced against it, and names the receivables that it lends its legs.
func auditOrders(r state.Reader) error {
	invoiced, named := map[string]int64{}, map[string][]string{} // read by key only
	err := each(r, types.Receivables, func(id string, v *types.Receivable) error {
		order := v.Receivable.Order
		gone := v.Status == types.ReceivableStatus_VOID || v.Status == types.ReceivableStatus_REJECTED
		if order == "" || gone {
			return nil
		}
		if v.Status != types.ReceivableStatus_SPLIT {
			invoiced[order] += v.Receivable.AmountMinor
		}
		if v.Root == "" && (v.SplitSum == nil || v.SplitSum.Live > 0) {
			named[order] = append(named[order], id)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return each(r, types.Orders, func(id string, o *types.Order) error {
		if sum := invoiced[id]; sum != o.InvoicedMinor {
			return fmt.Errorf("receivables of %d, the record says %d", sum, o.InvoicedMinor)
		}
		list := slices.Clone(o.Receivables)
		slices.Sort(list)
		if !slices.Equal(list, named[id]) {
			return fmt.Errorf("receivables %v, the record says %v", named[id], list)
		}
		return nil
	})
}
