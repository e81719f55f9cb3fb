package ledger

import (
	"strings"

	"tradecredit/app/state"
	"tradecredit/types"
)

// AnchorDocument: a party commits to a document without showing it.
//
// Signed by the holder, itself or through its delegate. Writes document/<id>, posts DOCUMENT to the holder's log. What is
// kept is the Merkle root over salted fields: the holder can show one field later and hide the rest. The document is
// about the holder, or about an order, receivable or declaration that the holder is a party of, or a transferable document
// that it controls. It may take the place of an
// earlier document of the same holder, type and object that is in force: that one is SUPERSEDED.

// maxFields is the most fields a document commits to.
const maxFields = 256

// checkAnchorDocument refuses what no state could make valid.
func checkAnchorDocument(m *types.AnchorDocument) error {
	_, _, object := splitObject(m.Object)
	return firstRefusal(
		types.CheckSourceID(m.Id),
		object, given(m.Supersedes, types.CheckRecordID),
		checkIssuerMember(m.Issuer),
		types.CheckSubjectID(m.Subject), checkIssuerSubject(m.Issuer),
		types.CheckDigest(m.Commitment),
		checkFields(m.Fields),
		types.CheckDocumentType(m.Type),
		checkEventDay(m.IssueDay),
		checkValidity(m),
	)
}

// objectKinds are the kinds of records that a document may be about.
var objectKinds = [...]string{string(types.Orders), string(types.Receivables), string(types.Declarations), string(types.Transferables)}

// splitObject takes a state key like "order/<id>" apart; an empty one is the party itself.
func splitObject(object string) (kind, id string, err error) {
	if object == "" {
		return "", "", nil
	}
	for _, kind := range objectKinds {
		if id, ok := strings.CutPrefix(object, kind); ok {
			return kind, id, types.CheckRecordID(id)
		}
	}
	return "", "", types.Refuse(types.Code_record_id_malformed, "object: order/…, receivable/…, declaration/… or transferable/…, or empty")
}

func checkIssuerMember(issuer string) error {
	if issuer == "" || types.IsSubjectID(issuer) {
		return nil
	}
	return types.CheckMemberID(issuer)
}

func checkIssuerSubject(issuer string) error {
	if !types.IsSubjectID(issuer) {
		return nil
	}
	return types.CheckSubjectID(issuer)
}

func checkFields(n uint32) error {
	if n < 1 || n > maxFields {
		return types.Refuse(types.Code_list_too_long, "%d committed fields, not 1 to %d", n, maxFields)
	}
	return nil
}

func checkValidity(m *types.AnchorDocument) error {
	if m.ValidUntilDay != 0 && m.ValidUntilDay < m.IssueDay {
		return types.Refuse(types.Code_due_before_issue, "valid until %s, issued on %s", types.FormatDay(m.ValidUntilDay), types.FormatDay(m.IssueDay))
	}
	return nil
}

// anchorDocument checks: day, id, end of validity, holder, the signer's part, issuer, object, what it takes the place of.
func anchorDocument(tx *Tx, m *types.AnchorDocument) error {
	if err := tx.eventDay(m.IssueDay); err != nil {
		return err
	}
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.DocumentKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "document", types.DocumentKey(id), old, old.Provenance)
	}
	if m.ValidUntilDay != 0 && m.ValidUntilDay < tx.Block.Today() {
		return types.Refuse(types.Code_expiry_passed, "it was valid until %s", types.FormatDay(m.ValidUntilDay))
	}
	if _, err := tx.enterprise(m.Subject); err != nil {
		return err
	}
	if err := tx.actsFor(m.Subject, 0); err != nil {
		return err
	}
	if err := tx.issuer(m.Issuer); err != nil {
		return err
	}
	if err := tx.concerns(m.Object, m.Subject); err != nil {
		return err
	}
	if err := tx.supersede(id, m); err != nil {
		return err
	}
	d := &types.Document{Document: m, Provenance: tx.provenance(m.IssueDay), Status: types.DocumentStatus_ANCHORED}
	if err := state.Set(tx, types.DocumentKey(id), d); err != nil {
		return err
	}
	if m.ValidUntilDay != 0 {
		if err := tx.later(tx.Block.endOfDay(m.ValidUntilDay), types.DueKind_DUE_DOCUMENT, id); err != nil {
			return err
		}
	}
	e := tx.entry(types.EntryKind_ENTRY_DOCUMENT, string(types.DocumentKey(id)), "", d.Provenance)
	e.Day, e.DueDay = m.IssueDay, m.ValidUntilDay
	_, err = tx.post(m.Subject, e)
	return err
}

// issuer refuses a named issuer that is not known: it may revoke the document, so nobody may come to its name later.
func (tx *Tx) issuer(issuer string) error {
	switch {
	case issuer == "":
		return nil
	case types.IsSubjectID(issuer):
		_, err := tx.enterprise(issuer)
		return err
	}
	member, err := state.Get(tx, types.MemberKey(issuer))
	if err == nil && member == nil {
		return types.Refuse(types.Code_member_unknown, "issuer %s; leave it empty if it is no member", issuer)
	}
	return err
}

// concerns refuses an object that does not exist or that the subject is no party of.
func (tx *Tx) concerns(object, subject string) error {
	kind, id, err := splitObject(object)
	if err != nil || kind == "" {
		return err
	}
	var parties []string
	switch kind {
	case string(types.Receivables):
		r, err := state.Get(tx, types.ReceivableKey(id))
		if err != nil {
			return err
		}
		if r != nil {
			parties = []string{r.Receivable.Seller, r.Receivable.Debtor}
		}
	case string(types.Transferables):
		t, err := state.Get(tx, types.TransferableKey(id))
		if err != nil {
			return err
		}
		if t != nil {
			parties = []string{t.Controller}
		}
	case string(types.Declarations):
		d, err := state.Get(tx, types.DeclarationKey(id))
		if err != nil {
			return err
		}
		if d == nil {
			break
		}
		id = d.Order
		fallthrough
	case string(types.Orders):
		o, err := state.Get(tx, types.OrderKey(id))
		if err != nil {
			return err
		}
		if o != nil {
			parties = []string{o.Order.Buyer, o.Order.Seller}
		}
	}
	return partyOf(parties, object, subject)
}

func partyOf(parties []string, object, subject string) error {
	if len(parties) == 0 {
		return types.Refuse(types.Code_object_unknown, "%s", object)
	}
	for _, p := range parties {
		if p == subject {
			return nil
		}
	}
	return types.Refuse(types.Code_object_not_of_subject, "%s is no party of %s", subject, object)
}

// supersede ends the document that m takes the place of.
func (tx *Tx) supersede(id string, m *types.AnchorDocument) error {
	if m.Supersedes == "" {
		return nil
	}
	old, err := tx.document(m.Supersedes)
	if err != nil {
		return err
	}
	was := old.Document
	switch {
	case was.Subject != m.Subject || was.Type != m.Type || was.Object != m.Object:
		return types.Refuse(types.Code_supersedes_unfit, "%s is of another holder, type or object", m.Supersedes)
	case old.Status != types.DocumentStatus_ANCHORED && old.Status != types.DocumentStatus_DOCUMENT_VERIFIED:
		return types.Refuse(types.Code_supersedes_unfit, "%s is %s", m.Supersedes, old.Status)
	}
	old.Status, old.SupersededBy = types.DocumentStatus_DOCUMENT_SUPERSEDED, id
	return state.Set(tx, types.DocumentKey(m.Supersedes), old)
}
