package ledger

import (
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
	"tradecredit/types/score"
)

// The life of a financing:
//
//	RESERVED → FINANCED → REPAID
//	                    → BOUGHT_BACK
//	                    → DEFAULTED → REPAID, BOUGHT_BACK, or CURED once nothing is owed
//	RESERVED → CANCELLED, LAPSED
//
// While something secures it, every one of its objects bears its lien and its fingerprints. They go with the debt: a
// security falls when its claim does (Civil Code of China, art. 393), so the repayment that completes takes them away by
// itself, from a defaulted financing too, and no lender has to be asked.
//
// What was advanced is an obligation of the borrower, due on one day, and an experience of it when lender and borrower
// are unrelated, closed in parts like a receivable (part.go). It stands in the borrower's log only: the lender is a
// member and has none.

// maxRepayments bounds the parts of a financing.
const maxRepayments = 64

// financing returns a recorded financing.
func (tx *Tx) financing(id string) (*types.Financing, error) {
	f, err := state.Get(tx, types.FinancingKey(id))
	if err == nil && f == nil {
		return nil, types.Refuse(types.Code_financing_unknown, "%s", id)
	}
	return f, err
}

// ownFinancing returns a financing that the signer is the lender of.
func (tx *Tx) ownFinancing(id string) (*types.Financing, error) {
	f, err := tx.financing(id)
	if err == nil && f.Lender != tx.Sender.ID {
		return nil, types.Refuse(types.Code_financing_of_another, "%s is the lender of %s", f.Lender, id)
	}
	return f, err
}

// financingState refuses what the state of a financing does not allow.
func financingState(f *types.Financing, what string) error {
	return types.Refuse(types.Code_financing_state_forbids, "%s is %s: %s", f.Id, f.Status, what)
}

// owed is what is open of a financing.
func owed(f *types.Financing) int64 { return f.AdvanceMinor - f.RepaidMinor }

// outstanding tells whether money was advanced and some of it is owed.
func outstanding(f *types.Financing) bool {
	return (f.Status == types.FinancingStatus_FINANCED || f.Status == types.FinancingStatus_DEFAULTED) && owed(f) > 0
}

// secured tells whether the liens of a financing live.
func secured(f *types.Financing) bool {
	return f.Status == types.FinancingStatus_RESERVED || outstanding(f)
}

// armsLength tells whether a member stands outside the control group of an enterprise.
func (tx *Tx) armsLength(member, subject string) (bool, error) {
	a, err := tx.groupOf(member)
	if err != nil {
		return false, err
	}
	b, err := tx.groupOf(subject)
	return a != b, err
}

// eachCollateral reads the objects of a financing one after the other; first says that no object before it shares its
// paper.
func (tx *Tx) eachCollateral(f *types.Financing, do func(i int, c *collateral, first bool) error) error {
	var papers []string
	for i, o := range f.Objects {
		c, err := collateralOf(tx, o.Object)
		if err != nil {
			return err
		}
		first := !slices.Contains(papers, c.paper)
		papers = append(papers, c.paper)
		if err := do(i, c, first); err != nil {
			return err
		}
	}
	return nil
}

// unlock takes liens and fingerprints from all objects of a financing, and its assignments back, and tells the borrower.
// The caller writes f. act is nil when time or a repayment ended it.
func (tx *Tx) unlock(f *types.Financing, act *types.Provenance, day int32) error {
	err := tx.eachCollateral(f, func(_ int, c *collateral, first bool) error {
		if err := tx.disencumber(f, c); err != nil {
			return err
		}
		if first {
			if err := tx.unprint(f, c); err != nil {
				return err
			}
		}
		return tx.unassign(f, c)
	})
	if err != nil {
		return err
	}
	f.EndedDay = day
	return tx.tellBorrower(f, types.EntryKind_ENTRY_FINANCING_ENDED, act, day)
}

// unassign lets the debtor of a receivable pay as before, if it was told to pay under this financing.
func (tx *Tx) unassign(f *types.Financing, c *collateral) error {
	if c.debtor == "" {
		return nil
	}
	key := types.Key[types.Receivable](c.object)
	r, err := state.Get(tx, key)
	if err != nil || r.Assignment != f.Id {
		return err
	}
	r.Assignee, r.Assignment, r.NotifiedDay, r.AcknowledgedDay = "", "", 0, 0
	return state.Set(tx, key, r)
}

// tellBorrower posts a row about a financing that moves no sum.
func (tx *Tx) tellBorrower(f *types.Financing, kind types.EntryKind, act *types.Provenance, day int32) error {
	if act == nil {
		act = &types.Provenance{}
	}
	e := tx.entry(kind, string(types.FinancingKey(f.Id)), f.Lender, act)
	e.Day, e.DueDay, e.BaseMinor = day, f.DueDay, f.BaseMinor-f.RepaidBaseMinor
	_, err := tx.post(f.Borrower, e)
	return err
}

// installment is one part of a financing that is paid.
type installment struct {
	base    int64
	dbt, p  int32
	counted bool
	entry   uint64 // its row in the borrower's log
}

// repay closes a part of what is owed, on that day, and posts PAID under record. The caller has checked that so much is
// owed, and writes f.
func (tx *Tx) repay(f *types.Financing, record string, amount int64, day int32, act *types.Provenance) (installment, error) {
	part := installment{dbt: day - f.DueDay, counted: f.Experience && f.Suppressed == 0 && act.Counted}
	part.p = score.PartScore(part.dbt)
	if f.Parts >= maxRepayments {
		return part, types.Refuse(types.Code_too_many_parts, "%s has %d parts", f.Id, maxRepayments)
	}
	share, err := types.Share(f.BaseMinor, f.RepaidMinor+amount, f.AdvanceMinor)
	if err != nil {
		return part, err
	}
	part.base = share - f.RepaidBaseMinor
	monthWas, untouched := closingMonth(f), untouchedFinancing(f)
	f.RepaidMinor, f.RepaidBaseMinor, f.Parts = f.RepaidMinor+amount, share, f.Parts+1
	if owed(f) == 0 {
		f.RepaidDay = day
	}
	if part.counted {
		f.ClosingMonths = append(f.ClosingMonths, types.MonthOf(day))
	}
	e := tx.entry(types.EntryKind_ENTRY_PAID, record, f.Lender, act)
	e.Day, e.DueDay, e.BaseMinor, e.Dbt, e.P = day, f.DueDay, part.base, part.dbt, part.p
	e.Counted, e.Open = part.counted, f.Experience
	e.MonthWas, e.MonthNow = monthWas, closingMonth(f)
	e.First, e.Last = untouched != untouchedFinancing(f), owed(f) == 0
	if part.entry, err = tx.post(f.Borrower, e); err != nil {
		return part, err
	}
	if part.counted {
		f.ClosingEntries = append(f.ClosingEntries, part.entry)
	}
	return part, nil
}

// closingMonth is the month in which a financing counts as an experience of its borrower; 0: none.
func closingMonth(f *types.Financing) int32 {
	if len(f.ClosingMonths) == 0 {
		return 0
	}
	return slices.Max(f.ClosingMonths)
}

// untouchedFinancing tells whether it stands open in the sums without a counted part.
func untouchedFinancing(f *types.Financing) bool {
	return f.Experience && owed(f) > 0 && len(f.ClosingMonths) == 0
}

// settleFinancing ends what nothing is owed on any more: FINANCED becomes REPAID; a defaulted one stays DEFAULTED until
// its lender says that it is cured, but nothing secures it any more.
func (tx *Tx) settleFinancing(f *types.Financing, day int32) error {
	if owed(f) > 0 {
		return nil
	}
	if f.Status == types.FinancingStatus_FINANCED {
		f.Status = types.FinancingStatus_REPAID
	}
	return tx.unlock(f, nil, day)
}

// checkRegistryNumber refuses what is no number of the statutory register: [A-Za-z0-9._-]{0,64}.
func checkRegistryNumber(number string) error {
	if number != "" && types.CheckSourceID(number) != nil {
		return types.Refuse(types.Code_text_malformed, "register number: up to 64 characters A-Z a-z 0-9 . _ -")
	}
	return nil
}
