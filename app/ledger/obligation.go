package ledger

import (
	"strings"

	"tradecredit/app/state"
	"tradecredit/types"
)

// The rows that parts and obligations leave in the two logs.

// openMinor is what is still open of a receivable, in its own currency: neither paid nor credited nor written off. Of one
// that was split it is what was divided.
func openMinor(r *types.Receivable) int64 {
	return r.Receivable.AmountMinor - r.SettledMinor - r.CreditedMinor - r.WrittenOffMinor
}

// openBase is the same in the base currency.
func openBase(r *types.Receivable) int64 {
	return r.BaseMinor - r.SettledBaseMinor - r.CreditedBaseMinor - r.WrittenOffBaseMinor
}

// partKinds are the entries of one act: in the debtor's log, and in the creditor's.
type partKinds struct{ debtor, creditor types.EntryKind }

var (
	partPaid     = partKinds{types.EntryKind_ENTRY_PAID, types.EntryKind_ENTRY_COLLECTED}
	partReversed = partKinds{types.EntryKind_ENTRY_PAID_REVERSED, types.EntryKind_ENTRY_COLLECTED_REVERSED}
	partExcluded = partKinds{types.EntryKind_ENTRY_PAID_EXCLUDED, types.EntryKind_ENTRY_COLLECTED_EXCLUDED}

	obligationReversed = partKinds{types.EntryKind_ENTRY_OBLIGATION_REVERSED, types.EntryKind_ENTRY_CLAIM_REVERSED}
	obligationExcluded = partKinds{types.EntryKind_ENTRY_OBLIGATION_EXCLUDED, types.EntryKind_ENTRY_CLAIM_EXCLUDED}
)

// moves says in a row what an act did to the paper, which stood at was before it.
func (p *paper) moves(e *types.Entry, was standing) {
	now, due := p.standing(), p.r.Receivable.DueDay
	e.MonthWas, e.MonthNow = was.month, now.month
	e.First = was.untouched != now.untouched
	if p.r.Experience {
		e.Last = was.open != now.open
		e.OnTime = e.Last && max(was.claim, now.claim) == claimInTime
		return
	}
	e.Last = (was.settledDay == 0) != (now.settledDay == 0)
	e.OnTime = e.Last && max(was.settledDay, now.settledDay) <= due+collectionGrace
}

// partEntry is the row of a part, for the debtor: the paper stands as the act left it, was is where it stood before. What
// is taken back is taken back from where it was counted: member, day, evidence and lateness are the settlement's own.
func (p *paper) partEntry(s *types.Settlement, part *types.Part, index int, was standing) types.Entry {
	e := p.tx.entry(0, string(types.SettlementKey(s.Id)), s.Payee, s.CreditorSide)
	e.Day, e.DueDay, e.BaseMinor = s.Day, p.r.Receivable.DueDay, part.BaseMinor
	e.Dbt, e.P, e.Part = part.Dbt, part.P, uint32(index)
	e.Counted, e.Open = part.Counted, p.r.Experience
	p.moves(&e, was)
	if !e.Last {
		e.OnTime = s.Day <= p.r.Receivable.DueDay+collectionGrace
	}
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

// mayOblige tells whether a receivable may become an experience of its debtor.
func mayOblige(r *types.Receivable) bool { return receivableCounts(r) && r.Suppressed == 0 }

// oblige posts what a receivable means to both sides once somebody said so: an obligation of the debtor, a claim of the
// seller, over what is open. Only if it counts does the receivable become an experience, open in the sums. The caller
// writes the paper.
func (p *paper) oblige(act *types.Provenance, day int32, counts bool) error {
	m, was := p.r.Receivable, p.standing()
	p.r.Experience = p.r.Experience || counts
	if err := p.follow(); err != nil {
		return err
	}
	e := p.tx.entry(types.EntryKind_ENTRY_OBLIGATION, string(types.ReceivableKey(p.id)), m.Seller, act)
	e.Day, e.DueDay, e.BaseMinor = day, m.DueDay, openBase(p.r)
	e.Counted, e.Open = counts, counts
	if counts {
		p.shares(&e, was)
	}
	debtor, err := p.tx.post(m.Debtor, e)
	if err != nil {
		return err
	}
	e.Kind, e.Counterparty, e.First = types.EntryKind_ENTRY_CLAIM, m.Debtor, false
	creditor, err := p.tx.post(m.Seller, e)
	if err == nil && counts {
		p.r.ObligationEntry, p.r.ClaimEntry = debtor+1, creditor+1
	}
	return err
}

// shares marks a row of an obligation or claim whose items are not its own: those of a paper that was split, or of a claim
// that was closed without a payment.
func (p *paper) shares(e *types.Entry, was standing) {
	now := p.standing()
	if p.root.SplitSum != nil || was.claim == claimDropped {
		e.First, e.ClaimWas, e.ClaimNow = was.untouched != now.untouched, was.claim, now.claim
	}
}

// absolve ends an experience that rests on nothing any more: nobody's acceptance made it one, and every bank's payment
// and every counted part was taken back; a creditor's write-off alone makes none. What is open is owed by nobody's word
// but the seller's. The caller writes the paper.
func (p *paper) absolve() error {
	r := p.r
	if !r.Experience || r.AcceptedCounts || r.BankParts > 0 {
		return nil
	}
	givenUp := 0
	for _, w := range r.WriteOffs {
		if w.Counted {
			givenUp++
		}
	}
	if len(r.ClosingMonths) > givenUp {
		return nil
	}
	if err := p.forgiveWriteOffs(); err != nil {
		return err
	}
	return p.unoblige(obligationReversed)
}

// unoblige takes the obligation and the claim of an experience back, with what is open; none of its parts counts any more.
// The caller writes the paper.
func (p *paper) unoblige(kinds partKinds) error {
	r, was := p.r, p.standing()
	rows := [...]struct {
		subject string
		number  uint64 // plus one
		kind    types.EntryKind
	}{{r.Receivable.Debtor, r.ObligationEntry, kinds.debtor}, {r.Receivable.Seller, r.ClaimEntry, kinds.creditor}}
	open, fallen := r.SettledDay == 0, r.ObligationFallen
	r.Experience, r.ObligationEntry, r.ClaimEntry, r.ObligationFallen = false, 0, 0, false
	if err := p.follow(); err != nil {
		return err
	}
	counted := true
	for i, row := range rows {
		e, err := p.tx.logRow(row.subject, row.number-1)
		if err != nil {
			return err
		}
		if i == 0 {
			if counted, err = p.unshare(e.Record); err != nil {
				return err
			}
		}
		e.Record = string(types.ReceivableKey(p.id))
		e.Kind, e.Reverses = row.kind, row.number
		e.BaseMinor, e.Open, e.Counted = openBase(r), open, e.Counted && counted
		e.OnTime = !open && was.claim == claimInTime
		e.First, e.ClaimWas, e.ClaimNow = false, 0, 0
		if p.shares(e, was); i == 1 {
			e.First = false
		}
		if fallen {
			e.Evidence = types.Evidence_SELF_DECLARED
		}
		if _, err := p.tx.post(row.subject, *e); err != nil {
			return err
		}
	}
	return nil
}

// unshare tells whether the receivable is the last that rests on the obligation which the record, a receivable's key,
// brought about: only then does the debtor's acceptance leave the sums as an event. The record itself is written, unless
// it is the root, which the caller writes.
func (p *paper) unshare(record string) (last bool, err error) {
	id := strings.TrimPrefix(record, string(types.Receivables))
	origin := p.root
	switch id {
	case p.id:
		return true, nil
	case p.rootID:
	default:
		if origin, err = p.tx.receivable(id); err != nil {
			return false, err
		}
	}
	if err := p.count(&origin.ObligationShares, -1); err != nil {
		return false, err
	}
	if origin != p.root {
		err = state.Set(p.tx, types.ReceivableKey(id), origin)
	}
	return origin.ObligationShares == 0, err
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
