package model

import (
	"slices"
	"strings"

	"tradecredit/types"
)

var rulesOfDocuments = map[string]rule{
	"anchor_document": on((*Model).anchorDocument),
	"verify_document": on((*Model).verifyDocument),
	"revoke_document": on((*Model).revokeDocument),
	"erase_payload":   on((*Model).erasePayload),
}

func shapeOfDocument(msg *types.AnchorDocument) types.Code {
	code := codeOf(types.CheckSourceID(msg.Id))
	if msg.Object != "" {
		kind, id, _ := strings.Cut(msg.Object, "/")
		code = refusal(code, unless(kind == "order" || kind == "receivable" || kind == "declaration" || kind == "transferable", types.Code_record_id_malformed),
			codeOf(types.CheckRecordID(id)))
	}
	if msg.Supersedes != "" {
		code = refusal(code, codeOf(types.CheckRecordID(msg.Supersedes)))
	}
	if msg.Issuer != "" && !isEnterprise(msg.Issuer) {
		code = refusal(code, codeOf(types.CheckMemberID(msg.Issuer)))
	}
	code = refusal(code, codeOf(types.CheckSubjectID(msg.Subject)))
	if isEnterprise(msg.Issuer) {
		code = refusal(code, codeOf(types.CheckSubjectID(msg.Issuer)))
	}
	return refusal(code, digest(msg.Commitment), when(msg.Fields < 1 || msg.Fields > 256, types.Code_list_too_long),
		codeOf(types.CheckDocumentType(msg.Type)), notTooEarly(msg.IssueDay),
		when(msg.ValidUntilDay != 0 && msg.ValidUntilDay < msg.IssueDay, types.Code_due_before_issue))
}

func (m *Model) anchorDocument(c *call, msg *types.AnchorDocument) types.Code {
	if code := refusal(shapeOfDocument(msg), m.eventDay(msg.IssueDay)); code != types.Code_ok {
		return code
	}
	at := types.DocumentKey(c.id(msg.Id))
	if old, ok := m.documents.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.documents.put(at, old) })
	}
	code := refusal(when(msg.ValidUntilDay != 0 && msg.ValidUntilDay < m.day, types.Code_expiry_passed), m.registered(msg.Subject),
		m.actsFor(c, msg.Subject))
	if msg.Issuer != "" {
		if isEnterprise(msg.Issuer) {
			code = refusal(code, m.registered(msg.Issuer))
		} else {
			code = refusal(code, unless(m.members.has(types.MemberKey(msg.Issuer)), types.Code_member_unknown))
		}
	}
	if code = refusal(code, m.objectOf(msg), m.supersedes(c, msg)); code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.IssueDay)
	m.documents.put(at, types.Document{Document: msg, Provenance: p, Status: types.DocumentStatus_ANCHORED})
	if msg.ValidUntilDay != 0 {
		m.wait(m.afterDay(msg.ValidUntilDay), types.DueKind_DUE_DOCUMENT, c.id(msg.Id))
	}
	e := entryOf(types.EntryKind_ENTRY_DOCUMENT, string(at), p, msg.IssueDay)
	e.DueDay = msg.ValidUntilDay
	m.post(msg.Subject, e)
	return types.Code_ok
}

// objectOf refuses an object that does not exist, or that the holder is no party of.
func (m *Model) objectOf(msg *types.AnchorDocument) types.Code {
	kind, id, _ := strings.Cut(msg.Object, "/")
	var parties []string
	switch kind {
	case "":
		return types.Code_ok
	case "declaration":
		d, ok := m.declarations.get(types.DeclarationKey(id))
		if !ok {
			return types.Code_object_unknown
		}
		id = d.Order
		fallthrough
	case "order":
		if o, ok := m.orders.get(types.OrderKey(id)); ok {
			parties = []string{o.Order.Buyer, o.Order.Seller}
		}
	case "transferable":
		if x, ok := m.transferables.get(types.TransferableKey(id)); ok {
			parties = []string{x.Controller}
		}
	case "receivable":
		if r, ok := m.receivables.get(types.ReceivableKey(id)); ok {
			parties = []string{r.Receivable.Seller, r.Receivable.Debtor}
		}
	}
	return refusal(when(parties == nil, types.Code_object_unknown), unless(contains(parties, msg.Subject), types.Code_object_not_of_subject))
}

// supersedes refuses to take the place of what is of another holder, type or object, or not in force.
func (m *Model) supersedes(c *call, msg *types.AnchorDocument) types.Code {
	if msg.Supersedes == "" {
		return types.Code_ok
	}
	at := types.DocumentKey(msg.Supersedes)
	old, ok := m.documents.get(at)
	if !ok {
		return types.Code_document_unknown
	}
	fits := old.Document.Subject == msg.Subject && old.Document.Type == msg.Type && old.Document.Object == msg.Object &&
		(old.Status == types.DocumentStatus_ANCHORED || old.Status == types.DocumentStatus_DOCUMENT_VERIFIED)
	if !fits {
		return types.Code_supersedes_unfit
	}
	old.Status, old.SupersededBy = types.DocumentStatus_DOCUMENT_SUPERSEDED, c.id(msg.Id)
	m.documents.put(at, old)
	return types.Code_ok
}

// sourceOf are the document types (UNTDID 1001) that come from a role's own registers.
var sourceOf = map[types.Role]string{
	types.Role_CUSTOMS:   "830 929 930 932 933 934 935 936 833 950 962 861 865",
	types.Role_TAX:       "380 381 383 384 386 388 389 937 938",
	types.Role_FOREX:     "812 927",
	types.Role_BANK:      "425 430 435 447 450 451 452 454 455 456 465 466 467 468 469 485 493",
	types.Role_LOGISTICS: "632 635 640 700 701 702 703 704 705 710 714 720 730 740 741 743 760 761",
	types.Role_INSURER:   "520 530 550 575 580",
}

func (m *Model) verifyDocument(c *call, msg *types.VerifyDocument) types.Code {
	code := refusal(codeOf(types.CheckRecordID(msg.Document)), digest(msg.Commitment), digest(msg.CheckDigest), required(msg.Verdict),
		required(msg.Method), notTooEarly(msg.Day), m.eventDay(msg.Day))
	if code != types.Code_ok {
		return code
	}
	at := types.DocumentKey(msg.Document)
	d, ok := m.documents.get(at)
	if !ok {
		return types.Code_document_unknown
	}
	source := c.key.Role == types.Role_VERIFIER || contains(strings.Fields(sourceOf[c.key.Role]), d.Document.Type)
	code = refusal(unless(m.independent(c.signer, d.Provenance.Signer) && m.independent(c.signer, d.Document.Subject), types.Code_own_document))
	if code != types.Code_ok {
		return code
	}
	for i, v := range d.Verdicts {
		if v.Verifier == c.signer {
			return m.verdictAgain(c, at, d, i)
		}
	}
	for _, v := range d.Verdicts {
		if m.groupOf(v.Verifier) == m.groupOf(c.signer) {
			return types.Code_same_control_group
		}
	}
	expired := d.Status == types.DocumentStatus_DOCUMENT_EXPIRED
	switch {
	case d.Status != types.DocumentStatus_ANCHORED && !expired:
		return types.Code_document_state_forbids
	case msg.Day < d.Document.IssueDay:
		return types.Code_document_state_forbids
	case string(msg.Commitment) != string(d.Document.Commitment):
		return types.Code_commitment_differs
	case expired || d.Document.ValidUntilDay != 0 && max(msg.Day, m.day) > d.Document.ValidUntilDay:
		return types.Code_document_expired
	case d.ErasedDay != 0:
		return types.Code_payload_erased
	case !source:
		return types.Code_not_source_of_type
	}
	m.judge(c, at, d, msg)
	return types.Code_ok
}

func (m *Model) verdictAgain(c *call, at types.Key[types.Document], d types.Document, i int) types.Code {
	v := *d.Verdicts[i]
	p, code := m.again(c, v.Provenance)
	if code == types.Code_id_taken {
		return types.Code_verdict_already_given
	}
	if p != nil {
		v.Provenance = p
		d.Verdicts = slices.Clone(d.Verdicts)
		d.Verdicts[i] = &v
		m.documents.put(at, d)
	}
	return code
}

// judge adds a verdict; as many equal ones as the parameter says decide.
func (m *Model) judge(c *call, at types.Key[types.Document], d types.Document, msg *types.VerifyDocument) {
	p := m.provenance(c, msg.Day)
	v := &types.GivenVerdict{Verifier: c.signer, Role: c.key.Role, Verdict: msg.Verdict, Method: msg.Method, Day: msg.Day,
		CheckDigest: msg.CheckDigest, Height: m.height, Provenance: p}
	e := entryOf(types.EntryKind_ENTRY_VERDICT, string(at), p, msg.Day)
	e.Counted = e.Counted && msg.Verdict != types.Verdict_INCONCLUSIVE
	e.Adverse = adverse(msg.Verdict)
	v.Entry = m.post(d.Document.Subject, e)
	d.Verdicts = append(slices.Clone(d.Verdicts), v)
	equal := int64(0)
	for _, other := range d.Verdicts {
		if other.Verdict == msg.Verdict {
			equal++
		}
	}
	if equal >= m.params.DocumentVerdicts {
		switch {
		case msg.Verdict == types.Verdict_MATCH:
			d.Status = types.DocumentStatus_DOCUMENT_VERIFIED
		case adverse(msg.Verdict):
			d.Status = types.DocumentStatus_DOCUMENT_REJECTED
		}
	}
	m.documents.put(at, d)
}

func adverse(v types.Verdict) bool {
	return v == types.Verdict_MISMATCH || v == types.Verdict_NOT_FOUND || v == types.Verdict_REVOKED_BY_ISSUER
}

func (m *Model) revokeDocument(c *call, msg *types.RevokeDocument) types.Code {
	code := refusal(codeOf(types.CheckRecordID(msg.Document)), notTooEarly(msg.Day), m.eventDay(msg.Day))
	if code != types.Code_ok {
		return code
	}
	at := types.DocumentKey(msg.Document)
	d, ok := m.documents.get(at)
	if !ok {
		return types.Code_document_unknown
	}
	who := c.party()
	if who == "" {
		who = c.signer
	}
	code = refusal(unless(who == d.Document.Issuer || who == d.Document.Subject, types.Code_not_the_issuer), m.mandate(c))
	if code != types.Code_ok {
		return code
	}
	switch {
	case d.Status == types.DocumentStatus_DOCUMENT_REVOKED && d.RevokedDay == msg.Day && d.RevokedReason == msg.Reason:
		return types.Code_already_recorded
	case d.Status != types.DocumentStatus_ANCHORED && d.Status != types.DocumentStatus_DOCUMENT_VERIFIED &&
		d.Status != types.DocumentStatus_DOCUMENT_REJECTED:
		return types.Code_document_state_forbids
	case msg.Day < d.Document.IssueDay:
		return types.Code_document_state_forbids
	}
	d.Status, d.RevokedDay, d.RevokedReason = types.DocumentStatus_DOCUMENT_REVOKED, msg.Day, msg.Reason
	m.documents.put(at, d)
	m.post(d.Document.Subject, entryOf(types.EntryKind_ENTRY_DOCUMENT_REVOKED, string(at), m.provenance(c, msg.Day), msg.Day))
	return types.Code_ok
}

func (m *Model) erasePayload(c *call, msg *types.ErasePayload) types.Code {
	code := refusal(codeOf(types.CheckRecordID(msg.Document)), notTooEarly(msg.Day), m.eventDay(msg.Day))
	if code != types.Code_ok {
		return code
	}
	at := types.DocumentKey(msg.Document)
	d, ok := m.documents.get(at)
	if !ok {
		return types.Code_document_unknown
	}
	custodian := c.party() == d.Document.Subject || c.own() && c.signer == d.Provenance.Signer
	code = refusal(unless(custodian, types.Code_not_the_custodian), m.mandate(c))
	if code != types.Code_ok {
		return code
	}
	if d.ErasedDay != 0 {
		return either(d.ErasedDay == msg.Day && d.ErasedReason == msg.Reason && d.ErasedBy == c.signer, types.Code_already_recorded,
			types.Code_payload_erased)
	}
	if msg.Day < d.Document.IssueDay {
		return types.Code_document_state_forbids
	}
	d.ErasedDay, d.ErasedBy, d.ErasedReason = msg.Day, c.signer, msg.Reason
	m.documents.put(at, d)
	m.post(d.Document.Subject, entryOf(types.EntryKind_ENTRY_CORRECTED, string(at), m.provenance(c, msg.Day), msg.Day))
	return types.Code_ok
}
