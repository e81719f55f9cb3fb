package ledger

import (
	"bytes"
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// VerifyDocument: a verifier looked at a document and says what it found.
//
// Signed by a VERIFIER, or by the role that is the source of such documents (document_sources.go), in its own right. Changes
// document/<id>; posts VERDICT to the holder's log. Nobody verifies its own document: not who anchored it, nor the
// holder's control group. One verdict a verifier, and one a control group of verifiers. As many equal verdicts as
// Parameters.document_verdicts says decide: MATCH verifies, MISMATCH, NOT_FOUND and REVOKED_BY_ISSUER reject.
// INCONCLUSIVE decides nothing and counts nowhere.

// checkVerifyDocument refuses what no state could make valid.
func checkVerifyDocument(m *types.VerifyDocument) error {
	return firstRefusal(
		types.CheckRecordID(m.Document),
		types.CheckDigest(m.Commitment), types.CheckDigest(m.CheckDigest),
		required(m.Verdict, "verdict"), required(m.Method, "method"),
		checkEventDay(m.Day),
	)
}

// verifyDocument checks: day, document, whose it is, the verifier's earlier verdict, that of its control group, state,
// commitment, expiry, whether its body was destroyed, source of the type.
func verifyDocument(tx *Tx, m *types.VerifyDocument) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	d, err := tx.document(m.Document)
	if err != nil {
		return err
	}
	if err := tx.notOwn(d); err != nil {
		return err
	}
	for _, v := range d.Verdicts {
		if v.Verifier == tx.Sender.ID {
			return tx.verdictGiven(d, v, m)
		}
	}
	for _, v := range d.Verdicts {
		group, err := tx.groupOf(v.Verifier)
		if err != nil {
			return err
		}
		if group == tx.Sender.Group {
			return types.Refuse(types.Code_same_control_group, "%s of the same control group gave its verdict", v.Verifier)
		}
	}
	if err := tx.verifiable(d, m); err != nil {
		return err
	}
	if role := tx.Sender.Key.Role; role != types.Role_VERIFIER && !isSource(role, d.Document.Type) {
		return types.Refuse(types.Code_not_source_of_type, "documents of type %s do not come from %s; a verifier looks at them", d.Document.Type, role)
	}
	v := &types.GivenVerdict{
		Verifier: tx.Sender.ID, Role: tx.Sender.Key.Role, Verdict: m.Verdict, Method: m.Method, Day: m.Day,
		CheckDigest: m.CheckDigest, Height: tx.Block.Height, Provenance: tx.provenance(m.Day),
	}
	d.Verdicts = append(d.Verdicts, v)
	d.Status = tx.decided(d, m.Verdict)
	e := tx.entry(types.EntryKind_ENTRY_VERDICT, string(types.DocumentKey(m.Document)), "", v.Provenance)
	e.Day, e.Adverse = m.Day, adverse(m.Verdict)
	e.Counted = e.Counted && m.Verdict != types.Verdict_INCONCLUSIVE
	n, err := tx.post(d.Document.Subject, e)
	if err != nil {
		return err
	}
	v.Entry = n + 1
	return state.Set(tx, types.DocumentKey(m.Document), d)
}

// document returns an anchored document.
func (tx *Tx) document(id string) (*types.Document, error) {
	d, err := state.Get(tx, types.DocumentKey(id))
	if err == nil && d == nil {
		return nil, types.Refuse(types.Code_document_unknown, "%s", id)
	}
	return d, err
}

// notOwn refuses a verifier that anchored the document, or belongs to the control group of who did or of the holder.
func (tx *Tx) notOwn(d *types.Document) error {
	outside, err := tx.independentOf(d.Provenance)
	if err != nil {
		return err
	}
	holder, err := tx.groupOf(d.Document.Subject)
	if err != nil {
		return err
	}
	if !outside || holder == tx.Sender.Group {
		return types.Refuse(types.Code_own_document, "%s anchored it for %s; another member of another control group verifies", d.Provenance.Signer, d.Document.Subject)
	}
	return nil
}

// verdictGiven says whether a verifier repeats itself or changes its mind, which it cannot.
func (tx *Tx) verdictGiven(d *types.Document, v *types.GivenVerdict, m *types.VerifyDocument) error {
	if bytes.Equal(v.Provenance.Content, tx.Content()) {
		return again(tx, "verdict on", types.DocumentKey(m.Document), d, v.Provenance)
	}
	return types.Refuse(types.Code_verdict_already_given, "%s said %s at height %d", v.Verifier, v.Verdict, v.Height)
}

// verifiable refuses what is decided, other paper, and what was no longer valid.
func (tx *Tx) verifiable(d *types.Document, m *types.VerifyDocument) error {
	until := d.Document.ValidUntilDay
	switch {
	case d.Status != types.DocumentStatus_ANCHORED && d.Status != types.DocumentStatus_DOCUMENT_EXPIRED:
		return types.Refuse(types.Code_document_state_forbids, "%s is %s", m.Document, d.Status)
	case m.Day < d.Document.IssueDay:
		return types.Refuse(types.Code_document_state_forbids, "%s was issued later, on %s", m.Document, types.FormatDay(d.Document.IssueDay))
	case !bytes.Equal(m.Commitment, d.Document.Commitment):
		return types.Refuse(types.Code_commitment_differs, "%s commits to another paper", m.Document)
	case d.Status == types.DocumentStatus_DOCUMENT_EXPIRED, until != 0 && until < max(m.Day, tx.Block.Today()):
		return types.Refuse(types.Code_document_expired, "%s was valid until %s", m.Document, types.FormatDay(until))
	case d.ErasedDay != 0:
		return types.Refuse(types.Code_payload_erased, "the body of %s was destroyed on %s", m.Document, types.FormatDay(d.ErasedDay))
	}
	return nil
}

// decided is the document's state after one more verdict.
func (tx *Tx) decided(d *types.Document, last types.Verdict) types.DocumentStatus {
	equal := int64(0)
	for _, v := range d.Verdicts {
		if v.Verdict == last {
			equal++
		}
	}
	switch {
	case last == types.Verdict_INCONCLUSIVE || equal < tx.Block.Params.DocumentVerdicts:
		return d.Status
	case last == types.Verdict_MATCH:
		return types.DocumentStatus_DOCUMENT_VERIFIED
	}
	return types.DocumentStatus_DOCUMENT_REJECTED
}

// adverse tells the verdicts that speak against the holder.
func adverse(v types.Verdict) bool {
	return slices.Contains([]types.Verdict{types.Verdict_MISMATCH, types.Verdict_NOT_FOUND, types.Verdict_REVOKED_BY_ISSUER}, v)
}
