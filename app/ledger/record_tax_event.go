package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// RecordTaxEvent: what the tax authority knows of an invoice, a rebate or a return.
//
// Signed by TAX. Writes tax-event/<id>, posts TAX to the subject's log. An invoice event may name the subject's own
// receivable: INVOICE_VERIFIED gives it the invoice leg, INVOICE_VOIDED by the same authority takes it back, unless the
// debtor's acceptance gave it too. A rebate may name the subject's declaration. RETURN_FILED states no amount.

// checkRecordTaxEvent refuses what no state could make valid.
func checkRecordTaxEvent(m *types.RecordTaxEvent) error {
	filed := m.Event == types.TaxEvent_RETURN_FILED
	return firstRefusal(
		types.CheckSourceID(m.Id),
		given(m.Receivable, types.CheckRecordID), given(m.Declaration, types.CheckRecordID),
		types.CheckSubjectID(m.Subject),
		checkOptionalDigest(m.Invoice),
		required(m.Event, "event"),
		unless(filed, func() error { return types.CheckAmount(m.AmountMinor) }),
		unless(filed, func() error { return types.CheckCurrency(m.Currency) }),
		checkTaxFields(m),
		checkEventDay(m.Day),
	)
}

// unless asks check only where the condition does not hold.
func unless(condition bool, check func() error) error {
	if condition {
		return nil
	}
	return check()
}

// checkTaxFields refuses fields that stand with other events.
func checkTaxFields(m *types.RecordTaxEvent) error {
	invoice, rebate := false, false
	switch m.Event {
	case types.TaxEvent_INVOICE_ISSUED, types.TaxEvent_INVOICE_VERIFIED, types.TaxEvent_INVOICE_VOIDED:
		invoice = true
	case types.TaxEvent_REBATE_GRANTED, types.TaxEvent_REBATE_REFUSED:
		rebate = true
	}
	switch {
	case !invoice && (m.Receivable != "" || len(m.Invoice) > 0):
		return types.Refuse(types.Code_field_not_of_event, "receivable and invoice stand with invoice events only")
	case !rebate && m.Declaration != "":
		return types.Refuse(types.Code_field_not_of_event, "declaration stands with rebates only")
	case !invoice && !rebate && (m.Currency != "" || m.AmountMinor != 0):
		return types.Refuse(types.Code_field_not_of_event, "a filed return states no amount")
	}
	return nil
}

// recordTaxEvent checks: day, id, subject, receivable or declaration and whose it is, fixing.
func recordTaxEvent(tx *Tx, m *types.RecordTaxEvent) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.TaxEventKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "tax event", types.TaxEventKey(id), old, old.Provenance)
	}
	if _, err := tx.enterprise(m.Subject); err != nil {
		return err
	}
	v := &types.TaxRecord{Event: m, Provenance: tx.provenance(m.Day)}
	if err := tx.rebated(m); err != nil {
		return err
	}
	if err := tx.invoiceStatus(m, v.Provenance); err != nil {
		return err
	}
	if err := tx.postTax(id, v); err != nil {
		return err
	}
	return state.Set(tx, types.TaxEventKey(id), v)
}

// postTax tells the subject's log of a tax event. The caller writes the record.
func (tx *Tx) postTax(id string, v *types.TaxRecord) error {
	m := v.Event
	e := tx.entry(types.EntryKind_ENTRY_TAX, string(types.TaxEventKey(id)), "", v.Provenance)
	e.Day = m.Day
	if m.AmountMinor > 0 {
		base, err := tx.toBase(m.AmountMinor, m.Currency, m.Day)
		if err != nil {
			return err
		}
		e.BaseMinor = base
	}
	n, err := tx.post(m.Subject, e)
	v.Entry = n + 1
	return err
}

// rebated refuses a rebate on another's declaration.
func (tx *Tx) rebated(m *types.RecordTaxEvent) error {
	if m.Declaration == "" {
		return nil
	}
	d, err := state.Get(tx, types.DeclarationKey(m.Declaration))
	switch {
	case err != nil:
		return err
	case d == nil:
		return types.Refuse(types.Code_declaration_unknown, "%s", m.Declaration)
	case d.Declarant != m.Subject:
		return types.Refuse(types.Code_not_the_tax_subject, "%s declared %s", d.Declarant, m.Declaration)
	}
	return nil
}

// invoiceStatus gives the receivable that the invoice is of its leg, or takes it. act is the event's provenance.
func (tx *Tx) invoiceStatus(m *types.RecordTaxEvent, act *types.Provenance) error {
	if m.Receivable == "" {
		return nil
	}
	id, r, err := tx.invoiced(m.Receivable)
	if err != nil {
		return err
	}
	if r.Receivable.Seller != m.Subject {
		return types.Refuse(types.Code_not_the_tax_subject, "%s issued %s", r.Receivable.Seller, m.Receivable)
	}
	switch {
	case m.Event == types.TaxEvent_INVOICE_VERIFIED && act.Counted:
		r.TaxVerifiedBy = act.Signer
		err = tx.setLegs(id, r, r.Legs|legInvoice, act, m.Day)
	case m.Event == types.TaxEvent_INVOICE_VOIDED && r.TaxVerifiedBy == act.Signer:
		err = tx.unverifyInvoice(id, r, act, m.Day)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	return state.Set(tx, types.ReceivableKey(id), r)
}

// invoiced is the receivable that keeps what a tax authority says of the one named: of what came of a split and was split
// again that is the paper as a whole. They have the same parties.
func (tx *Tx) invoiced(id string) (string, *types.Receivable, error) {
	r, err := tx.receivable(id)
	if err != nil || r.Status != types.ReceivableStatus_SPLIT || r.Root == "" {
		return id, r, err
	}
	root, err := tx.receivable(r.Root)
	return r.Root, root, err
}

// unverifyInvoice takes the tax authority's word from a receivable; the leg stays if the debtor's acceptance gave it too.
// The caller writes the receivable.
func (tx *Tx) unverifyInvoice(id string, r *types.Receivable, act *types.Provenance, day int32) error {
	r.TaxVerifiedBy = ""
	if r.SplitSum == nil && acceptanceLeg(r) { // what came of a split keeps what the acceptance gave
		return nil
	}
	return tx.setLegs(id, r, r.Legs&^legInvoice, act, day)
}

// acceptanceLeg tells whether the debtor's acceptance gives a receivable its invoice leg: an independent one, and of a
// receivable that may count no late one. Of one that may not (related, late, taken out of the scores) lateness is not kept.
func acceptanceLeg(r *types.Receivable) bool {
	return r.AcceptedIndependent && (r.AcceptedCounts || !mayOblige(r))
}
