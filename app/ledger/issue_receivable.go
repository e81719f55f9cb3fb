package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// IssueReceivable: a seller claims an amount from a debtor, due on a day.
//
// Signed by the seller, itself or through its delegate. Writes receivable/<id>, and order/<id> when it names one; posts
// RECEIVABLE_ISSUED to the seller's log and RECEIVABLE_RECEIVED to the debtor's. Nothing is owed yet: see
// accept_receivable.go and part.go. The base amount is fixed by the issue day for ever. Once an epoch of the consortium's
// key is open, the paper carries its duplicate fingerprints (fingerprints.go).

const (
	// paymentTerm is how far after the issue, in days, a receivable may be due.
	paymentTerm = 720
	// overInvoicing is what the receivables of an order may claim of its amount, in percent.
	overInvoicing = 110
	// maxOrderReceivables bounds the receivables of an order: they all follow its legs.
	maxOrderReceivables = 32
)

// checkIssueReceivable refuses what no state could make valid.
func checkIssueReceivable(m *types.IssueReceivable) error {
	return firstRefusal(
		types.CheckSourceID(m.Id),
		given(m.Order, types.CheckRecordID),
		types.CheckSubjectID(m.Seller), types.CheckSubjectID(m.Debtor),
		types.CheckDigest(m.Commitment),
		checkFingerprints(m.Fingerprints),
		types.CheckAmount(m.AmountMinor),
		types.CheckCurrency(m.Currency),
		types.CheckDocumentType(m.Type),
		checkEventDay(m.IssueDay),
		checkTerms(m),
		mustDiffer(m.Seller, m.Debtor),
	)
}

func checkTerms(m *types.IssueReceivable) error {
	switch {
	case m.DueDay < m.IssueDay:
		return types.Refuse(types.Code_due_before_issue, "due %s, issued %s", types.FormatDay(m.DueDay), types.FormatDay(m.IssueDay))
	case m.DueDay-m.IssueDay > paymentTerm:
		return types.Refuse(types.Code_due_too_late, "%s is more than %d days after the issue", types.FormatDay(m.DueDay), paymentTerm)
	}
	return nil
}

// issueReceivable checks: day, id, both parties, the signer's part, their relation, order, fixing, limit of the mandate,
// fingerprints.
func issueReceivable(tx *Tx, m *types.IssueReceivable) error {
	if err := tx.eventDay(m.IssueDay); err != nil {
		return err
	}
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.ReceivableKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "receivable", types.ReceivableKey(id), old, old.Provenance)
	}
	seller, debtor, err := tx.twoParties(m.Seller, m.Debtor)
	if err != nil {
		return err
	}
	if err := tx.actsFor(m.Seller, 0); err != nil {
		return err
	}
	r := &types.Receivable{Receivable: m, Provenance: tx.provenance(m.IssueDay), Status: types.ReceivableStatus_ISSUED}
	if r.Related, err = relation(seller, debtor, m.Related); err != nil {
		return err
	}
	o, err := tx.invoice(id, m)
	if err != nil {
		return err
	}
	if r.BaseMinor, err = tx.toBase(m.AmountMinor, m.Currency, m.IssueDay); err != nil {
		return err
	}
	if err := firstRefusal(tx.withinMandate(r.BaseMinor), tx.fingerprinted(m.Fingerprints)); err != nil {
		return err
	}
	if o != nil {
		r.Related = r.Related || o.Related
		r.Legs = lent(o)
	}
	if err := tx.postIssue(id, r); err != nil {
		return err
	}
	if err := state.Set(tx, types.ReceivableKey(id), r); err != nil || o == nil {
		return err
	}
	return tx.review(m.Order, o)
}

// invoice adds the receivable to the order it names; nil when it names none. The caller writes the order.
func (tx *Tx) invoice(id string, m *types.IssueReceivable) (*types.Order, error) {
	if m.Order == "" {
		return nil, nil
	}
	o, err := tx.order(m.Order)
	if err != nil {
		return nil, err
	}
	invoiced, err := types.Add(o.InvoicedMinor, m.AmountMinor)
	if err != nil {
		return nil, err
	}
	most, err := types.Share(o.Order.AmountMinor, overInvoicing, 100)
	if err != nil {
		return nil, err
	}
	switch {
	case o.Status == types.OrderStatus_ORDER_CANCELLED:
		return nil, orderState(o, m.Order, "nothing is claimed for it")
	case o.Order.Seller != m.Seller || o.Order.Buyer != m.Debtor:
		return nil, types.Refuse(types.Code_order_parties_differ, "%s is between %s and %s", m.Order, o.Order.Seller, o.Order.Buyer)
	case o.Order.Currency != m.Currency:
		return nil, types.Refuse(types.Code_order_currency_differs, "%s is in %s", m.Order, o.Order.Currency)
	case invoiced > most:
		return nil, types.Refuse(types.Code_order_over_invoiced, "%d would be claimed of %d", invoiced, o.Order.AmountMinor)
	case len(o.Receivables) >= maxOrderReceivables:
		return nil, types.Refuse(types.Code_too_many_parts, "%s has %d receivables", m.Order, maxOrderReceivables)
	}
	o.InvoicedMinor = invoiced
	o.Receivables = append(o.Receivables, id)
	return o, nil
}

// postIssue tells both logs. The caller writes the receivable.
func (tx *Tx) postIssue(id string, r *types.Receivable) error {
	m := r.Receivable
	e := tx.entry(types.EntryKind_ENTRY_RECEIVABLE_ISSUED, string(types.ReceivableKey(id)), m.Debtor, r.Provenance)
	e.Day, e.DueDay, e.BaseMinor, e.Counted = m.IssueDay, m.DueDay, r.BaseMinor, receivableCounts(r)
	n, err := tx.post(m.Seller, e)
	if err != nil {
		return err
	}
	r.IssuedEntry = n + 1
	e.Kind, e.Counterparty = types.EntryKind_ENTRY_RECEIVABLE_RECEIVED, m.Seller
	_, err = tx.post(m.Debtor, e)
	return err
}
