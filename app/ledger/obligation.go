package ledger

import (
	"tradecredit/types"
)

// The rows that parts and obligations leave in the two logs.

// openMinor is what is still open of a receivable, in its own currency: neither paid nor credited.
func openMinor(r *types.Receivable) int64 {
	return r.Receivable.AmountMinor - r.SettledMinor - r.CreditedMinor
}

// openBase is the same in the base currency.
func openBase(r *types.Receivable) int64 {
	return r.BaseMinor - r.SettledBaseMinor - r.CreditedBaseMinor
}

// partKinds are the entries of one act: in the debtor's log, and in the creditor's.
type partKinds struct{ debtor, creditor types.EntryKind }

var (
	partPaid     = partKinds{types.EntryKind_ENTRY_PAID, types.EntryKind_ENTRY_COLLECTED}
	partReversed = partKinds{types.EntryKind_ENTRY_PAID_REVERSED, types.EntryKind_ENTRY_COLLECTED_REVERSED}
	partExcluded = partKinds{types.EntryKind_ENTRY_PAID_EXCLUDED, types.EntryKind_ENTRY_COLLECTED_EXCLUDED}
)

// partEntry is the row of a part, for the debtor: r stands as the act left it, was is where it stood before. What is
// taken back is taken back from where it was counted: member, day, evidence and lateness are the settlement's own.
func (tx *Tx) partEntry(s *types.Settlement, r *types.Receivable, part *types.Part, index int, was standing) types.Entry {
	now := standingOf(r)
	e := tx.entry(0, string(types.SettlementKey(s.Id)), s.Payee, s.CreditorSide)
	e.Day, e.DueDay, e.BaseMinor = s.Day, r.Receivable.DueDay, part.BaseMinor
	e.Dbt, e.P, e.Part = part.Dbt, part.P, uint32(index)
	e.Counted, e.Open = part.Counted, r.Experience
	e.MonthWas, e.MonthNow = was.month, now.month
	e.First = was.untouched != now.untouched
	e.Last = (was.settledDay == 0) != (now.settledDay == 0)
	closed := s.Day
	if e.Last {
		closed = max(was.settledDay, now.settledDay)
	}
	e.OnTime = closed <= r.Receivable.DueDay+collectionGrace
	return e
}

// postPart posts the debtor's row, and from it the creditor's, which knows no experiences. reverses are the numbers plus
// one of the rows that are taken back, zero when none are.
func (tx *Tx) postPart(s *types.Settlement, e types.Entry, kinds partKinds, debtorReverses, creditorReverses uint64) (debtor, creditor uint64, err error) {
	e.Kind, e.Reverses = kinds.debtor, debtorReverses
	if debtor, err = tx.post(s.Payer, e); err != nil {
		return 0, 0, err
	}
	e.Kind, e.Reverses, e.Counterparty = kinds.creditor, creditorReverses, s.Payer
	e.MonthWas, e.MonthNow, e.First = 0, 0, false
	creditor, err = tx.post(s.Payee, e)
	return debtor, creditor, err
}

// oblige posts what a receivable means to both sides once somebody said so: an obligation of the debtor, a claim of the
// seller, over what is open. Only if it counts does the receivable become an experience, open in the sums. The caller
// writes the receivable.
func (tx *Tx) oblige(id string, r *types.Receivable, act *types.Provenance, day int32, counts bool) error {
	m := r.Receivable
	e := tx.entry(types.EntryKind_ENTRY_OBLIGATION, string(types.ReceivableKey(id)), m.Seller, act)
	e.Day, e.DueDay, e.BaseMinor = day, m.DueDay, openBase(r)
	e.Counted, e.Open = counts, counts
	debtor, err := tx.post(m.Debtor, e)
	if err != nil {
		return err
	}
	e.Kind, e.Counterparty = types.EntryKind_ENTRY_CLAIM, m.Debtor
	creditor, err := tx.post(m.Seller, e)
	if err != nil || !counts {
		return err
	}
	r.Experience, r.ObligationEntry, r.ClaimEntry = true, debtor+1, creditor+1
	return nil
}

// absolve ends an experience that rests on nothing any more: nobody's acceptance made it one, and every bank's payment
// and every counted part was taken back. What is open is owed by nobody's word but the seller's. The caller writes the
// receivable.
func (tx *Tx) absolve(r *types.Receivable) error {
	if !r.Experience || r.AcceptedCounts || r.BankParts > 0 || len(r.ClosingMonths) > 0 {
		return nil
	}
	m, open := r.Receivable, r.SettledDay == 0
	for _, row := range [...]struct {
		subject string
		number  uint64 // plus one
		kind    types.EntryKind
	}{
		{m.Debtor, r.ObligationEntry, types.EntryKind_ENTRY_OBLIGATION_REVERSED},
		{m.Seller, r.ClaimEntry, types.EntryKind_ENTRY_CLAIM_REVERSED},
	} {
		e, err := tx.logRow(row.subject, row.number-1)
		if err != nil {
			return err
		}
		e.Kind, e.Reverses = row.kind, row.number
		e.BaseMinor, e.Open = openBase(r), open
		e.OnTime = !open && r.SettledDay <= m.DueDay+collectionGrace
		if r.ObligationFallen {
			e.Evidence = types.Evidence_SELF_DECLARED
		}
		if _, err := tx.post(row.subject, *e); err != nil {
			return err
		}
	}
	r.Experience, r.ObligationEntry, r.ClaimEntry, r.ObligationFallen = false, 0, 0, false
	return nil
}

// logRow reads a row of a subject's entry log that another record names.
func (tx *Tx) logRow(subject string, n uint64) (*types.Entry, error) {
	row, err := tx.Entry(types.EntryLog(subject), n)
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, types.Refuse(types.Code_inconsistent_state, "the log of %s has no entry %d", subject, n)
	}
	e := &types.Entry{}
	return e, e.Unmarshal(row)
}
