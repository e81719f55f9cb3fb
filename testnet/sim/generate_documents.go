package sim

import "tradecredit/types"

// documents: commitments, what verifiers say of them, and those that have a controller.
var documents = []generator{
	{"anchor_document", 5, anchorDocument},
	{"verify_document", 6, verifyDocument},
	{"revoke_document", 1, revokeDocument},
	{"erase_payload", 1, erasePayload},
	{"issue_transferable", 3, issueTransferable},
	{"transfer_control", 3, transferControl},
	{"surrender", 1, surrender},
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
	if id, d := pick(w, types.Documents, func(_ string, d *types.Document) bool { return d.Status <= types.DocumentStatus_DOCUMENT_VERIFIED }); d != nil && chance(w.rng, 15) {
		m.Supersedes, m.Subject, m.Type, m.Object = id, d.Document.Subject, d.Document.Type, d.Document.Object
		return w.by(m.Subject, m)
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

func erasePayload(w *world) *act {
	id, d := pick(w, types.Documents, nil)
	if d == nil {
		return nil
	}
	m := &types.ErasePayload{Document: id, Day: w.ago(1), Reason: 1}
	if types.IsSubjectID(d.Provenance.Signer) || d.Provenance.OnBehalfOf != "" && chance(w.rng, 60) {
		return w.by(d.Document.Subject, m)
	}
	return own(d.Provenance.Signer, m)
}

func issueTransferable(w *world) *act {
	m := &types.IssueTransferable{
		Id: w.id(), Type: oneOf(w.rng, "705", "705", "632"), Commitment: w.digest(), Currency: w.currency(), AmountMinor: w.amount(), IssueDay: w.ago(5),
		Fingerprints: w.fingerprints(),
	}
	id, o := pick(w, types.Orders, func(_ string, o *types.Order) bool { return o.Order.Kind == types.OrderKind_GOODS })
	if o != nil && chance(w.rng, 60) {
		m.Order, m.Controller, m.Currency, m.AmountMinor = id, oneOf(w.rng, o.Order.Seller, o.Order.Buyer), o.Order.Currency, o.Order.AmountMinor
	} else if m.Controller = w.enterprise(); m.Controller == "" {
		return nil
	}
	if chance(w.rng, 50) {
		m.TransportDocument = w.digest()
	}
	if chance(w.rng, 70) {
		return own(w.member(types.Role_LOGISTICS), m)
	}
	return w.by(m.Controller, m)
}

func transferControl(w *world) *act {
	id, t := pick(w, types.Transferables, func(_ string, t *types.Transferable) bool {
		return t.Status == types.TransferableStatus_TRANSFERABLE_LIVE
	})
	if t == nil {
		return nil
	}
	return w.by(t.Controller, &types.TransferControl{Transferable: id, To: w.enterprise(), Day: w.ago(1)})
}

func surrender(w *world) *act {
	id, t := pick(w, types.Transferables, func(_ string, t *types.Transferable) bool {
		return t.Status == types.TransferableStatus_TRANSFERABLE_LIVE
	})
	if t == nil {
		return nil
	}
	return w.by(t.Controller, &types.Surrender{Transferable: id, Day: w.ago(1)})
}
