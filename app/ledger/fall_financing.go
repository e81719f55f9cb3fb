package ledger

import (
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// How financings, repayments, transferable documents and policies fall when their key was in wrong hands; see fall.go.
// Liens stay where they are, for a lock that nobody meant is the lender's to cancel or release. What was advanced and
// repaid by that key's word alone leaves the sums: no borrower owes a score what a thief said.

// fallFinancing: a release's closing part leaves the sums; the obligation loses its evidence, and goes where no payment of
// sound hands speaks for it.
func fallFinancing(tx *Tx, m mark, key string, value []byte) (int, error) {
	f, err := decode[types.Financing](key, value)
	if err != nil {
		return 0, err
	}
	work := 0
	if m.covers(f.Provenance) {
		fell(f.Provenance)
		work++
	}
	if m.covers(f.Ended) {
		if f.ClosingCounted {
			if err := tx.uncountRepayment(f, f.ClosingEntry-1); err != nil {
				return 0, err
			}
		}
		fell(f.Ended)
		work += 2
	}
	if m.covers(f.Confirmed) {
		if err := tx.losesEvidence(f.Borrower, f.ObligationEntry); err != nil {
			return 0, err
		}
		fell(f.Confirmed)
		work += 2
	}
	if work == 0 {
		return 0, nil
	}
	if err := tx.absolveFinancing(f); err != nil {
		return 0, err
	}
	return work, state.Set(tx, types.Key[types.Financing](key), f)
}

// fallRepayment: its part leaves the sums; what it paid stays paid.
func fallRepayment(tx *Tx, m mark, key string, value []byte) (int, error) {
	p, err := decode[types.Repayment](key, value)
	if err != nil || !m.covers(p.Provenance) {
		return 0, err
	}
	if p.Counted {
		f, err := tx.financing(p.Repayment.Financing)
		if err != nil {
			return 0, err
		}
		if err := tx.uncountRepayment(f, p.Entry); err != nil {
			return 0, err
		}
		if err := tx.absolveFinancing(f); err != nil {
			return 0, err
		}
		if err := state.Set(tx, types.FinancingKey(f.Id), f); err != nil {
			return 0, err
		}
	}
	fell(p.Provenance)
	p.Counted = false
	return 2, state.Set(tx, types.Key[types.Repayment](key), p)
}

// uncountRepayment takes a counted part of a financing, by the number of its row in the borrower's log, out of the sums;
// what it paid stays paid. The caller writes f.
func (tx *Tx) uncountRepayment(f *types.Financing, entry uint64) error {
	i := slices.Index(f.ClosingEntries, entry)
	if i < 0 || len(f.ClosingMonths) != len(f.ClosingEntries) {
		return types.Refuse(types.Code_inconsistent_state, "entry %d of %s is no counted part of %s", entry, f.Borrower, f.Id)
	}
	e, err := tx.logRow(f.Borrower, entry)
	if err != nil {
		return err
	}
	month, untouched := closingMonth(f), untouchedFinancing(f)
	f.ClosingMonths = slices.Delete(f.ClosingMonths, i, i+1)
	f.ClosingEntries = slices.Delete(f.ClosingEntries, i, i+1)
	e.Kind, e.Reverses, e.Open, e.Last = types.EntryKind_ENTRY_PAID_EXCLUDED, entry+1, false, false
	e.MonthWas, e.MonthNow, e.First = month, closingMonth(f), untouched != untouchedFinancing(f)
	if _, err := tx.post(f.Borrower, *e); err != nil {
		return err
	}
	if f.ClosingEntry == entry+1 {
		f.ClosingCounted = false
		return nil
	}
	key := types.Key[types.Repayment](e.Record)
	p, err := there(tx, key)
	if err != nil {
		return err
	}
	p.Counted = false
	return state.Set(tx, key, p)
}

// absolveFinancing ends an experience that rests on nothing any more: who confirmed the advance had a key in wrong hands,
// and no counted part speaks for it. The caller writes f.
func (tx *Tx) absolveFinancing(f *types.Financing) error {
	if !f.Experience || !f.Confirmed.Fallen || len(f.ClosingMonths) > 0 {
		return nil
	}
	return tx.unoblige(f, types.EntryKind_ENTRY_OBLIGATION_REVERSED)
}

// unoblige takes the obligation of a financing without counted parts out of the sums, with what is owed of it. The caller
// writes f.
func (tx *Tx) unoblige(f *types.Financing, kind types.EntryKind) error {
	e, err := tx.logRow(f.Borrower, f.ObligationEntry-1)
	if err != nil {
		return err
	}
	e.Kind, e.Reverses = kind, f.ObligationEntry
	e.BaseMinor, e.Open = f.BaseMinor-f.RepaidBaseMinor, owed(f) > 0
	if f.Confirmed.Fallen { // it lost its evidence then
		e.Evidence = types.Evidence_SELF_DECLARED
	}
	if _, err := tx.post(f.Borrower, *e); err != nil {
		return err
	}
	f.Experience, f.ObligationEntry = false, 0
	return nil
}

// auditFallenFinancing: what fell was signed with a marked key, and no sum rests on it.
func auditFallenFinancing(r state.Reader) error {
	err := each(r, types.Financings, func(_ string, f *types.Financing) error {
		if err := firstRefusal(marked(r, f.Provenance), marked(r, f.Confirmed), marked(r, f.Ended)); err != nil {
			return err
		}
		switch {
		case f.Ended != nil && f.Ended.Fallen && f.ClosingCounted:
			return types.Refuse(types.Code_inconsistent_state, "its release fell, and what it closed counts")
		case f.Confirmed != nil && f.Confirmed.Fallen && f.Experience && len(f.ClosingMonths) == 0:
			return types.Refuse(types.Code_inconsistent_state, "its advance fell, and it is an experience of nobody's word")
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = each(r, types.Repayments, func(_ string, p *types.Repayment) error {
		if p.Provenance.Fallen && p.Counted {
			return types.Refuse(types.Code_inconsistent_state, "it fell, and it counts")
		}
		return marked(r, p.Provenance)
	})
	if err != nil {
		return err
	}
	err = each(r, types.Transferables, func(_ string, t *types.Transferable) error { return marked(r, t.Provenance) })
	if err != nil {
		return err
	}
	err = each(r, types.Policies, func(_ string, p *types.Policy) error { return marked(r, p.Provenance) })
	if err != nil {
		return err
	}
	return each(r, types.Claims, func(_ string, c *types.Claim) error { return marked(r, c.Provenance) })
}
