package ledger

import (
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
	"tradecredit/types/score"
)

// A part is what one allocation of a settlement closes of a receivable. It is frozen with everything it counted, so that
// it can be taken back exactly (LEDGER.md §8). After every message there holds, for a receivable that is an experience of
// its debtor:
//
//   - its open base amount in the sums is openBase: base_minor less what was settled and credited;
//   - closing_months has one month for each live counted part, and closing_entries the number of its entry in the debtor's
//     log; the experience counts in the latest of them;
//   - while it is open and has no live counted part, it stands "untouched" among the open obligations.
//
// A receivable that is no experience is settled all the same, by parts that count nowhere. When it becomes one later, it
// does so with what is open then.

// closePart closes a part of the receivable that the allocation names, and appends it to the settlement. It checks:
// receivable, state, currency, parties, open part, number of parts, assignment. bank says that a bank outside the payee's
// control group signed: that alone makes an experience of a receivable nobody accepted, and gives the funds leg.
func (tx *Tx) closePart(s *types.Settlement, a *types.Allocation, bank bool) error {
	act := s.CreditorSide
	p, err := tx.paper(a.Receivable)
	if err != nil {
		return err
	}
	r := p.r
	if err := checkAllocation(s, a, r); err != nil {
		return err
	}
	obligation := uint64(0)
	if bank && !r.Experience && mayOblige(r) {
		if err := p.oblige(act, s.Day, true); err != nil {
			return err
		}
		obligation = r.ObligationEntry
	}
	part := &types.Part{
		Receivable: p.id, AmountMinor: a.AmountMinor, Dbt: s.Day - r.Receivable.DueDay, Bank: bank, Obligation: obligation,
	}
	part.P = score.PartScore(part.Dbt)
	if part.BaseMinor, err = nextBase(r, a.AmountMinor); err != nil {
		return err
	}
	if part.Counted, err = tx.partCounts(s, r, part); err != nil {
		return err
	}
	was := p.standing()
	if err := addPart(r, s.Day, part); err != nil {
		return err
	}
	if err := p.follow(); err != nil {
		return err
	}
	if bank {
		if err := p.setLegs(r.Legs|legFunds, act, s.Day); err != nil {
			return err
		}
	}
	e := p.partEntry(s, part, len(s.Parts), was)
	if part.DebtorEntry, part.CreditorEntry, err = tx.postPart(s, e, partPaid, 0, 0); err != nil {
		return err
	}
	if part.Counted {
		r.ClosingEntries = append(r.ClosingEntries, part.DebtorEntry)
	}
	s.Parts = append(s.Parts, part)
	if err := p.write(); err != nil {
		return err
	}
	return tx.orderPaid(r, part.AmountMinor, number(part.Bank))
}

// orderPaid tells the order that a receivable names, if it does, of a part that was closed, or with negative numbers taken
// back: the amount, and whether a bank outside the seller's group signed. The receivable must have been written before.
func (tx *Tx) orderPaid(r *types.Receivable, amount, bank int64) error {
	id := r.Receivable.Order
	if id == "" {
		return nil
	}
	o, err := tx.order(id)
	if err != nil {
		return err
	}
	if o.PaidMinor, err = types.Add(o.PaidMinor, amount); err != nil {
		return err
	}
	bankPaid := int64(o.BankPaid) + bank
	if o.PaidMinor < 0 || bankPaid < 0 {
		return types.Refuse(types.Code_inconsistent_state, "%s has less paid than was taken back", id)
	}
	o.BankPaid = uint32(bankPaid)
	return tx.review(id, o)
}

// review compares an order anew after its receivables changed, closes or opens it, and writes it.
func (tx *Tx) review(id string, o *types.Order) error {
	if err := tx.rematch(o); err != nil {
		return err
	}
	if err := tx.closeIfDone(o); err != nil {
		return err
	}
	return state.Set(tx, types.OrderKey(id), o)
}

// checkAllocation refuses what a receivable cannot take.
func checkAllocation(s *types.Settlement, a *types.Allocation, r *types.Receivable) error {
	m := r.Receivable
	switch {
	case r.Status == types.ReceivableStatus_REJECTED, r.Status == types.ReceivableStatus_VOID,
		r.Status == types.ReceivableStatus_WRITTEN_OFF, r.Status == types.ReceivableStatus_SPLIT:
		return types.Refuse(types.Code_receivable_state_forbids, "%s is %s", a.Receivable, r.Status)
	case m.Currency != s.Currency:
		return types.Refuse(types.Code_allocation_currency_differs, "%s is in %s", a.Receivable, m.Currency)
	case m.Debtor != s.Payer || m.Seller != s.Payee:
		return types.Refuse(types.Code_allocation_parties_differ, "%s owes %s to %s", m.Debtor, a.Receivable, m.Seller)
	case a.AmountMinor > openMinor(r):
		return types.Refuse(types.Code_allocation_exceeds_open, "%s has %d open", a.Receivable, openMinor(r))
	case r.Parts >= maxReceivableParts:
		return types.Refuse(types.Code_too_many_parts, "%s has %d parts", a.Receivable, maxReceivableParts)
	case r.AcknowledgedDay > 0 && r.Assignee != "" && r.Assignee != s.CreditorSide.Signer:
		return types.Refuse(types.Code_assigned_elsewhere, "the debtor of %s was told to pay through %s", a.Receivable, r.Assignee)
	}
	return nil
}

// nextBase is the base amount of the next part, credit note or write-off: the share of everything closed then, less what
// was closed before. So parts always add up to the whole. What was taken back in the middle can leave the parts ahead of their share; the
// next then has nothing.
func nextBase(r *types.Receivable, amount int64) (int64, error) {
	whole := r.Receivable.AmountMinor
	closed, err := types.Add(whole-openMinor(r), amount)
	if err != nil {
		return 0, err
	}
	share, err := types.Share(r.BaseMinor, closed, whole)
	return max(share-(r.BaseMinor-openBase(r)), 0), err
}

// partCounts tells whether a new part counts: an experience, paid in time to be believed, and no two-way payment. The
// payment in the other direction that makes it one leaves the sums here.
func (tx *Tx) partCounts(s *types.Settlement, r *types.Receivable, part *types.Part) (bool, error) {
	if !r.Experience || !s.CreditorSide.Counted {
		return false, nil
	}
	n, hit, err := twoWay(tx, s.Payer, s.Payee, s.Day, part.BaseMinor)
	if err != nil || !hit {
		return err == nil, err
	}
	return false, tx.exclude(s.Payee, n)
}

// addPart settles a part of a receivable.
func addPart(r *types.Receivable, day int32, part *types.Part) error {
	var err error
	if r.SettledMinor, err = types.Add(r.SettledMinor, part.AmountMinor); err != nil {
		return err
	}
	if r.SettledBaseMinor, err = types.Add(r.SettledBaseMinor, part.BaseMinor); err != nil {
		return err
	}
	r.Parts++
	if part.Bank {
		r.BankParts++
	}
	if part.Counted {
		r.ClosingMonths = append(r.ClosingMonths, types.MonthOf(day))
	}
	closed(r, day)
	return nil
}

// closed gives a receivable the status that follows from what is open of it. day is that of the act that closed something.
func closed(r *types.Receivable, day int32) {
	r.VoidAskedBy = ""
	r.Status = statusOf(r)
	if openMinor(r) == 0 {
		r.SettledDay = day
	}
}

// statusOf is the status of a receivable that is neither rejected nor void nor split.
func statusOf(r *types.Receivable) types.ReceivableStatus {
	switch {
	case openMinor(r) == 0 && r.WrittenOffMinor > 0:
		return types.ReceivableStatus_WRITTEN_OFF
	case openMinor(r) == 0:
		return types.ReceivableStatus_SETTLED
	case r.Parts > 0 || r.WrittenOffMinor > 0:
		return types.ReceivableStatus_PARTLY_SETTLED
	case r.Accepted:
		return types.ReceivableStatus_ACCEPTED
	}
	return types.ReceivableStatus_ISSUED
}

// takeBack is the inverse of addPart: the receivable is open again, due on its original day.
func takeBack(r *types.Receivable, day int32, part *types.Part) error {
	if r.SettledMinor < part.AmountMinor || r.SettledBaseMinor < part.BaseMinor || r.Parts == 0 || part.Bank && r.BankParts == 0 {
		return types.Refuse(types.Code_inconsistent_state, "%s has less settled than the part", part.Receivable)
	}
	r.SettledMinor -= part.AmountMinor
	r.SettledBaseMinor -= part.BaseMinor
	r.Parts--
	if part.Bank {
		r.BankParts--
	}
	if part.Counted {
		if err := uncount(r, day, part.DebtorEntry); err != nil {
			return err
		}
	}
	r.SettledDay = 0
	r.Status = statusOf(r)
	return nil
}

// uncount takes the closing month of one counted part away: the one whose entry in the debtor's log has that number.
func uncount(r *types.Receivable, day int32, entry uint64) error {
	i := slices.Index(r.ClosingEntries, entry)
	if i < 0 || len(r.ClosingMonths) != len(r.ClosingEntries) || r.ClosingMonths[i] != types.MonthOf(day) {
		return types.Refuse(types.Code_inconsistent_state, "no counted part closed in that month")
	}
	r.ClosingMonths = slices.Delete(r.ClosingMonths, i, i+1)
	r.ClosingEntries = slices.Delete(r.ClosingEntries, i, i+1)
	return nil
}

// reversePart takes one part of a settlement back. act is the reversal's own provenance, on that day.
func (tx *Tx) reversePart(s *types.Settlement, i int, act *types.Provenance, day int32) error {
	part := s.Parts[i]
	p, err := tx.paper(part.Receivable)
	if err != nil {
		return err
	}
	was := p.standing()
	if err := takeBack(p.r, s.Day, part); err != nil {
		return err
	}
	if err := p.follow(); err != nil {
		return err
	}
	e := p.partEntry(s, part, i, was)
	if _, _, err := tx.postPart(s, e, partReversed, part.DebtorEntry+1, part.CreditorEntry+1); err != nil {
		return err
	}
	part.Counted = false
	if p.r.BankParts == 0 {
		if err := p.setLegs(p.r.Legs&^legFunds, act, day); err != nil {
			return err
		}
	}
	if err := p.absolve(); err != nil {
		return err
	}
	if err := p.write(); err != nil {
		return err
	}
	return tx.orderPaid(p.r, -part.AmountMinor, -number(part.Bank))
}

// exclude takes a counted part out of the sums: entry n of the debtor's log, found to be one half of a two-way payment.
// The part still closes what it closed. It stays excluded even if the other half is taken back later.
func (tx *Tx) exclude(debtor string, n uint64) error {
	row, err := tx.logRow(debtor, n)
	if err != nil {
		return err
	}
	key := types.Key[types.Settlement](row.Record)
	s, err := state.Get(tx, key)
	if err != nil {
		return err
	}
	if s == nil || int(row.Part) >= len(s.Parts) || !s.Parts[row.Part].Counted {
		return types.Refuse(types.Code_inconsistent_state, "entry %d of %s is no counted part", n, debtor)
	}
	part := s.Parts[row.Part]
	p, err := tx.paper(part.Receivable)
	if err != nil {
		return err
	}
	if part.DebtorEntry != n {
		return types.Refuse(types.Code_inconsistent_state, "entry %d of %s is another part's", n, debtor)
	}
	if err := p.uncountPart(s, int(row.Part)); err != nil {
		return err
	}
	if err := p.absolve(); err != nil {
		return err
	}
	if err := p.write(); err != nil {
		return err
	}
	return state.Set(tx, key, s)
}

// uncountPart takes a part out of the sums, if it counts; it still closes what it closed. The caller writes settlement and
// paper.
func (p *paper) uncountPart(s *types.Settlement, index int) error {
	part := s.Parts[index]
	if !part.Counted {
		return nil
	}
	was := p.standing()
	if err := uncount(p.r, s.Day, part.DebtorEntry); err != nil {
		return err
	}
	if err := p.follow(); err != nil {
		return err
	}
	e := p.partEntry(s, part, index, was)
	e.Open = false
	part.Counted = false
	_, _, err := p.tx.postPart(s, e, partExcluded, part.DebtorEntry+1, part.CreditorEntry+1)
	return err
}
