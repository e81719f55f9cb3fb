package ledger

import (
	"tradecredit/types"
)

// VoidReceivable: the receivable should never have been.
//
// Signed by the seller, itself or through its delegate, or by TAX in its own right, alone while nobody has relied on it:
// ISSUED, nothing paid, credited or written off, no lien. Once the debtor accepted it, both seller and debtor sign, in
// either order, and not after it fell due: what is overdue is not undone as if it had never been; the seller may credit it.
// Changes receivable/<id> to VOID for good, and order/<id> when it names one. Posts OBLIGATION_REVERSED and CLAIM_REVERSED
// if it was an experience, RECEIVABLE_VOID to the debtor's log and RECEIVABLE_ISSUED_REVERSED to the seller's: the sums are
// what they would be without it. The first of two signatures posts nothing, and lapses when anything is closed of it.

// sideDebtor is the other side of a receivable than sideSeller, as Receivable.void_asked_by names them.
const sideDebtor = "debtor"

// checkVoidReceivable refuses what no state could make valid.
func checkVoidReceivable(m *types.VoidReceivable) error {
	return firstRefusal(types.CheckRecordID(m.Receivable), checkEventDay(m.Day))
}

// voidReceivable checks: day, receivable, whether this signer voided it so before, the signer's part and its mandate's
// limit, state, issue day, liens, whether this side asked before.
func voidReceivable(tx *Tx, m *types.VoidReceivable) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	p, err := tx.paper(m.Receivable)
	if err != nil {
		return err
	}
	if done, err := p.endedBefore("annulment"); done || err != nil {
		return err
	}
	side, err := p.voidingSide()
	if err != nil {
		return err
	}
	both, err := p.voidable(side)
	if err != nil {
		return err
	}
	if err := firstRefusal(p.sinceIssue(m.Day), p.unlocked()); err != nil {
		return err
	}
	switch {
	case both && p.r.VoidAskedBy == side:
		return types.Refuse(types.Code_already_requested, "the other side of %s has not agreed", p.id)
	case both && p.r.VoidAskedBy == "":
		p.r.VoidAskedBy = side
		return p.write()
	}
	return p.void(m)
}

// voidingSide tells who signs: seller, debtor, or the tax authority, which is empty.
func (p *paper) voidingSide() (string, error) {
	if p.tx.Relation == types.OwnRight {
		return "", nil
	}
	actor, err := p.tx.actsForOneOf(p.r.Receivable.Seller, p.r.Receivable.Debtor)
	if err != nil {
		return "", err
	}
	side := sideSeller
	if actor == p.r.Receivable.Debtor {
		side = sideDebtor
	}
	return side, p.tx.withinMandate(p.r.BaseMinor)
}

// voidable tells whether it takes both sides, and refuses what the state of the receivable does not allow.
func (p *paper) voidable(side string) (both bool, err error) {
	r := p.r
	switch {
	case !untouched(r):
		return false, p.forbids("something was paid or credited")
	case r.Status == types.ReceivableStatus_ISSUED && side == sideDebtor:
		return false, p.forbids("the debtor rejects what it has not accepted")
	case r.Status == types.ReceivableStatus_ISSUED:
		return false, nil
	case r.Status != types.ReceivableStatus_ACCEPTED:
		return false, p.forbids("nothing to undo")
	case side == "":
		return false, p.forbids("the debtor relies on it")
	case p.tx.Block.Today() > r.Receivable.DueDay:
		return false, p.forbids("it is overdue; a credit note ends it")
	}
	return true, nil
}

// void takes back what the receivable ever meant.
func (p *paper) void(m *types.VoidReceivable) error {
	act := p.tx.provenance(m.Day)
	if p.r.Experience {
		if err := p.unoblige(obligationReversed); err != nil {
			return err
		}
	}
	p.r.Status = types.ReceivableStatus_VOID
	p.ends(act, m.Day, m.Reason)
	e := p.tx.entry(types.EntryKind_ENTRY_RECEIVABLE_VOID, string(types.ReceivableKey(p.id)), "", act)
	e.Day, e.BaseMinor = m.Day, p.r.BaseMinor
	return p.retire(e, act, m.Day)
}
