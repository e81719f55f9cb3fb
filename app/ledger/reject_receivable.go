package ledger

import (
	"tradecredit/types"
)

// RejectReceivable: the debtor says that it does not owe this.
//
// Signed by the debtor, itself or through its delegate. Changes receivable/<id>, ISSUED to REJECTED for good: an acceptance
// binds, and so does a payment. Changes order/<id> when the receivable names one: nothing is claimed of it any more. Posts
// RECEIVABLE_REJECTED to both logs. A rejected receivable stays counted among its seller's, as one without evidence, and
// weighs no longer in what the seller invoiced: whoever invents claims has no better share of well evidenced ones, and no
// smaller share of credit notes.

// checkRejectReceivable refuses what no state could make valid.
func checkRejectReceivable(m *types.RejectReceivable) error {
	return firstRefusal(types.CheckRecordID(m.Receivable), checkEventDay(m.Day))
}

// rejectReceivable checks: day, receivable, whether this signer rejected it so before, the signer's part, state, issue day,
// liens.
func rejectReceivable(tx *Tx, m *types.RejectReceivable) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	p, err := tx.paper(m.Receivable)
	if err != nil {
		return err
	}
	if done, err := p.endedBefore("rejection"); done || err != nil {
		return err
	}
	if err := tx.actsFor(p.r.Receivable.Debtor, 0); err != nil {
		return err
	}
	if p.r.Status != types.ReceivableStatus_ISSUED {
		return p.forbids("only what is issued and no more is rejected")
	}
	if err := firstRefusal(p.sinceIssue(m.Day), p.unlocked()); err != nil {
		return err
	}
	act := tx.provenance(m.Day)
	p.r.Status = types.ReceivableStatus_REJECTED
	p.ends(act, m.Day, m.Reason)
	e := tx.entry(types.EntryKind_ENTRY_RECEIVABLE_REJECTED, string(types.ReceivableKey(p.id)), "", act)
	e.Day, e.BaseMinor = m.Day, openBase(p.r)
	return p.retire(e, act, m.Day)
}
