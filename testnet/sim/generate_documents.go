package sim

import "tradecredit/types"

// documents: commitments and what verifiers say of them.
var documents = []generator{
	{"anchor_document", 5, anchorDocument},
	{"verify_document", 6, verifyDocument},
	{"revoke_document", 1, revokeDocument},
}

func anchorDocument(w *world) *act {
	subject := w.enterprise()
	if subject == "" {
		return nil
	}
	m := &types.AnchorDocument{
		Id: w.id(), Subject: subject, Type: oneOf(w.rng, "380", "705", "861", "450", "520"), Commitment: w.digest(), Fields: 1 + uint32(w.rng.IntN(20)),
		IssueDay: w.eventDay(),
	}
	if chance(w.rng, 40) {
		m.ValidUntilDay = w.ahead(30)
	}
	if chance(w.rng, 30) {
		m.Issuer = oneOf(w.rng, w.anybody(), subject)
	}
	switch w.rng.IntN(3) {
	case 0:
		if id, o := pick(w, types.Orders, nil); o != nil {
			m.Object, m.Subject = string(types.OrderKey(id)), oneOf(w.rng, o.Order.Seller, o.Order.Buyer)
		}
	case 1:
		if id, r := pick(w, types.Receivables, nil); r != nil {
			m.Object, m.Subject = string(types.ReceivableKey(id)), oneOf(w.rng, r.Receivable.Seller, r.Receivable.Debtor)
		}
	}
	return w.by(m.Subject, m)
}

func verifyDocument(w *world) *act {
	id, d := pick(w, types.Documents, func(_ string, d *types.Document) bool { return d.Status == types.DocumentStatus_ANCHORED })
	if d == nil {
		return nil
	}
	m := &types.VerifyDocument{
		Document: id, Verdict: oneOf(w.rng, types.Verdict_MATCH, types.Verdict_MATCH, types.Verdict_MATCH, types.Verdict_MISMATCH,
			types.Verdict_NOT_FOUND, types.Verdict_REVOKED_BY_ISSUER, types.Verdict_INCONCLUSIVE),
		Method: types.VerdictMethod_ORIGINAL_SEEN, Day: w.eventDay(), Commitment: d.Document.Commitment, CheckDigest: w.digest(),
	}
	role := types.Role_VERIFIER
	if chance(w.rng, 40) {
		role = oneOf(w.rng, types.Role_TAX, types.Role_LOGISTICS, types.Role_CUSTOMS, types.Role_BANK, types.Role_INSURER)
	}
	return own(w.member(role), m)
}

func revokeDocument(w *world) *act {
	id, d := pick(w, types.Documents, func(_ string, d *types.Document) bool {
		return d.Status == types.DocumentStatus_ANCHORED || d.Status == types.DocumentStatus_DOCUMENT_VERIFIED
	})
	if d == nil {
		return nil
	}
	m := &types.RevokeDocument{Document: id, Day: w.ago(1), Reason: uint32(w.rng.IntN(3))}
	if issuer := d.Document.Issuer; issuer != "" && !types.IsSubjectID(issuer) {
		return own(issuer, m)
	}
	return w.by(d.Document.Subject, m)
}
