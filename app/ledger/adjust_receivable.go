package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// AdjustReceivable: a credit note of the seller. It cuts what is open of a receivable, and only that.
//
// Signed by the seller, itself or through its delegate. Writes credit-note/<id>, changes receivable/<id>, and order/<id>
// when it names one; posts CREDITED to the debtor's log and CREDIT_NOTE to the seller's. The open obligation and the claim
// become smaller by a share of the base amount, rounded so that parts and credit notes add up to it. A credit note closes
// no part: what is credited in full before anything was paid is SETTLED, and no experience of its debtor.
//
// It weighs against the seller (LEDGER.md §8, C6), in the month of issue, when the seller says that it is at fault, and in
// any case once the receivable is overdue: whoever forgives a late debtor what it owes bears it.

// checkAdjustReceivable refuses what no state could make valid.
func checkAdjustReceivable(m *types.AdjustReceivable) error {
	return firstRefusal(
		types.CheckSourceID(m.Id), types.CheckRecordID(m.Receivable),
		types.CheckDigest(m.Commitment),
		required(m.Fault, "fault"),
		types.CheckAmount(m.AmountMinor),
		checkEventDay(m.Day),
	)
}

// adjustReceivable checks: day, id, receivable, the signer's part, state, issue day, liens, open part, limit of the mandate.
func adjustReceivable(tx *Tx, m *types.AdjustReceivable) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.CreditNoteKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "credit note", types.CreditNoteKey(id), old, old.Provenance)
	}
	p, err := tx.paper(m.Receivable)
	if err != nil {
		return err
	}
	if err := tx.actsFor(p.r.Receivable.Seller, 0); err != nil {
		return err
	}
	switch p.r.Status {
	case types.ReceivableStatus_ISSUED, types.ReceivableStatus_ACCEPTED, types.ReceivableStatus_PARTLY_SETTLED:
	default:
		return p.forbids("nothing is open of it")
	}
	if err := firstRefusal(p.sinceIssue(m.Day), p.unlocked()); err != nil {
		return err
	}
	if open := openMinor(p.r); m.AmountMinor > open {
		return types.Refuse(types.Code_credit_exceeds_open, "%s has %d open", m.Receivable, open)
	}
	note := &types.CreditNote{Note: m, Provenance: tx.provenance(m.Day)}
	if note.BaseMinor, err = nextBase(p.r, m.AmountMinor); err != nil {
		return err
	}
	if err := tx.withinMandate(note.BaseMinor); err != nil {
		return err
	}
	if err := p.credit(id, note); err != nil {
		return err
	}
	if err := state.Set(tx, types.CreditNoteKey(id), note); err != nil {
		return err
	}
	if err := p.write(); err != nil {
		return err
	}
	return p.reviewOrder()
}

// credit cuts what is open, and tells both logs. What a credit note closes it closes on the day of the block: the seller's
// word moves no collection back.
func (p *paper) credit(id string, note *types.CreditNote) error {
	r, m, today := p.r, p.r.Receivable, p.tx.Block.Today()
	was := p.standing()
	r.CreditedMinor += note.Note.AmountMinor
	r.CreditedBaseMinor += note.BaseMinor
	closed(r, today)
	if err := p.follow(); err != nil {
		return err
	}
	e := p.tx.entry(types.EntryKind_ENTRY_CREDITED, string(types.CreditNoteKey(id)), m.Seller, note.Provenance)
	e.Day, e.DueDay, e.BaseMinor = note.Note.Day, m.DueDay, note.BaseMinor
	e.Counted, e.Open = false, r.Experience
	p.moves(&e, was)
	e.OnTime = today <= m.DueDay+collectionGrace
	if _, err := p.tx.post(m.Debtor, e); err != nil {
		return err
	}
	e.Kind, e.Counterparty, e.First = types.EntryKind_ENTRY_CREDIT_NOTE, m.Debtor, false
	e.Counted = receivableCounts(r) && (note.Note.Fault == types.Fault_FAULT_OF_SELLER || today > m.DueDay)
	e.MonthWas, e.MonthNow = types.MonthOf(m.IssueDay), 0
	e.ClaimWas, e.ClaimNow = was.claim, p.standing().claim
	_, err := p.tx.post(m.Seller, e)
	return err
}
