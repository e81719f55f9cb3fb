package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// RevokeDocument: a document is no longer to be relied on.
//
// Signed by its issuer, a member in its own right or an enterprise, or by its holder. Changes document/<id>, posts
// DOCUMENT_REVOKED to the holder's log. Verdicts that were given stay: revoking hides nothing.

// checkRevokeDocument refuses what no state could make valid.
func checkRevokeDocument(m *types.RevokeDocument) error {
	return firstRefusal(types.CheckRecordID(m.Document), checkEventDay(m.Day))
}

// revokeDocument checks: day, document, issuer or holder, mandate, whether it was revoked so already, state, issue day.
func revokeDocument(tx *Tx, m *types.RevokeDocument) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	d, err := tx.document(m.Document)
	if err != nil {
		return err
	}
	if err := tx.mayRevoke(d, m.Document); err != nil {
		return err
	}
	switch d.Status {
	case types.DocumentStatus_DOCUMENT_REVOKED:
		if d.RevokedDay == m.Day && d.RevokedReason == m.Reason {
			return types.Refuse(types.Code_already_recorded, "%s was revoked on that day", m.Document)
		}
		fallthrough
	case types.DocumentStatus_DOCUMENT_EXPIRED, types.DocumentStatus_DOCUMENT_SUPERSEDED:
		return types.Refuse(types.Code_document_state_forbids, "%s is %s", m.Document, d.Status)
	}
	if m.Day < d.Document.IssueDay {
		return types.Refuse(types.Code_document_state_forbids, "%s was issued later, on %s", m.Document, types.FormatDay(d.Document.IssueDay))
	}
	d.Status, d.RevokedDay, d.RevokedReason = types.DocumentStatus_DOCUMENT_REVOKED, m.Day, m.Reason
	if err := state.Set(tx, types.DocumentKey(m.Document), d); err != nil {
		return err
	}
	e := tx.entry(types.EntryKind_ENTRY_DOCUMENT_REVOKED, string(types.DocumentKey(m.Document)), "", tx.provenance(m.Day))
	e.Day = m.Day
	_, err = tx.post(d.Document.Subject, e)
	return err
}

// mayRevoke refuses whoever is neither the issuer nor the holder, nor acts for one of them.
func (tx *Tx) mayRevoke(d *types.Document, id string) error {
	issuer, holder := d.Document.Issuer, d.Document.Subject
	actor := tx.actor()
	if tx.Relation == types.OwnRight {
		actor = tx.Sender.ID
	}
	if actor != issuer && (actor != holder || tx.Relation == types.OwnRight) {
		return types.Refuse(types.Code_not_the_issuer, "%s is neither the issuer nor the holder of %s", actor, id)
	}
	if tx.Relation == types.OwnRight {
		return nil
	}
	return tx.actsFor(actor, 0)
}
