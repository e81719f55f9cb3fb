package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// ErasePayload: whoever kept the body of a document destroyed it.
//
// Signed by the custodian: the holder, or the member that anchored the document, for itself or under mandate. Changes
// document/<id>, posts CORRECTED to the holder's log. The commitment stays, for verdicts and proofs rest on it; without
// the body and its salts it opens nothing any more. A document is erased once; verdicts that were given stay.

// checkErasePayload refuses what no state could make valid.
func checkErasePayload(m *types.ErasePayload) error {
	return firstRefusal(types.CheckRecordID(m.Document), checkEventDay(m.Day))
}

// erasePayload checks: day, document, custodian, whether it was erased so already, state, issue day.
func erasePayload(tx *Tx, m *types.ErasePayload) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	d, err := tx.document(m.Document)
	if err != nil {
		return err
	}
	if err := tx.custodian(d, m.Document); err != nil {
		return err
	}
	switch {
	case d.ErasedDay != 0 && d.ErasedBy == tx.Sender.ID && d.ErasedDay == m.Day && d.ErasedReason == m.Reason:
		return types.Refuse(types.Code_already_recorded, "%s was erased on that day", m.Document)
	case d.ErasedDay != 0:
		return types.Refuse(types.Code_payload_erased, "%s was erased on %s", m.Document, types.FormatDay(d.ErasedDay))
	case m.Day < d.Document.IssueDay:
		return types.Refuse(types.Code_document_state_forbids, "%s was issued later, on %s", m.Document, types.FormatDay(d.Document.IssueDay))
	}
	d.ErasedDay, d.ErasedBy, d.ErasedReason = m.Day, tx.Sender.ID, m.Reason
	if err := state.Set(tx, types.DocumentKey(m.Document), d); err != nil {
		return err
	}
	e := tx.entry(types.EntryKind_ENTRY_CORRECTED, string(types.DocumentKey(m.Document)), "", tx.provenance(m.Day))
	e.Day = m.Day
	_, err = tx.post(d.Document.Subject, e)
	return err
}

// custodian refuses whoever neither holds the document nor anchored it.
func (tx *Tx) custodian(d *types.Document, id string) error {
	if tx.Sender.ID == d.Provenance.Signer && tx.Relation == types.OwnRight {
		return nil
	}
	if tx.actor() == d.Document.Subject {
		return tx.actsFor(d.Document.Subject, 0)
	}
	return types.Refuse(types.Code_not_the_custodian, "%s neither holds nor anchored %s", tx.Sender.ID, id)
}
