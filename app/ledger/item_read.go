package ledger

import (
	"strings"

	"tradecredit/app/state"
	"tradecredit/types"
)

// How each kind of record is read as an item; see item.go. All return nil when there is no such record.

// itemOf reads a record and lets tell say what it is as an item.
func itemOf[V any, P types.Record[V]](tx *Tx, key types.Key[V], tell func(P) (*item, error)) (*item, error) {
	v, err := state.Get[V, P](tx, key)
	if err != nil || v == nil {
		return nil, err
	}
	return tell(v)
}

func readAdverse(tx *Tx, id string) (*item, error) {
	return itemOf(tx, types.AdverseKey(id), func(a *types.Adverse) (*item, error) {
		return signedBy(a.Provenance, a.Adverse.Subject), nil
	})
}

// readReceivable: one that is divided or void counts nowhere any more; its children do.
func readReceivable(tx *Tx, id string) (*item, error) {
	return itemOf(tx, types.ReceivableKey(id), func(r *types.Receivable) (*item, error) {
		it := signedBy(r.Provenance, r.Receivable.Seller, r.Receivable.Debtor)
		switch r.Status {
		case types.ReceivableStatus_SPLIT:
			it.unfit = "it was split; dispute what came of it"
		case types.ReceivableStatus_VOID:
			it.unfit = "it is void"
		}
		return it, nil
	})
}

// readSettlement: what counts of a payment is what the creditor's side allocated, so that side answers for it.
func readSettlement(tx *Tx, id string) (*item, error) {
	return itemOf(tx, types.Key[types.Settlement](string(types.Settlements)+id), func(s *types.Settlement) (*item, error) {
		p, unfit := s.CreditorSide, ""
		switch {
		case p == nil:
			p, unfit = s.DebtorSide, "the creditor's side has not told of it, so nothing of it counts"
		case s.Reversed:
			unfit = "it was taken back"
		}
		it := signedBy(p, s.Payer, s.Payee)
		it.unfit = unfit
		return it, nil
	})
}

func readOrder(tx *Tx, id string) (*item, error) {
	return itemOf(tx, types.OrderKey(id), func(o *types.Order) (*item, error) {
		return signedBy(o.Provenance, o.Order.Buyer, o.Order.Seller), nil
	})
}

func readMovement(tx *Tx, id string) (*item, error) {
	return itemOf(tx, types.MovementKey(id), func(v *types.Movement) (*item, error) {
		return tx.ofOrder(v.Provenance, v.Event.Order)
	})
}

func readReturn(tx *Tx, id string) (*item, error) {
	return itemOf(tx, types.ReturnKey(id), func(r *types.ReturnRecord) (*item, error) {
		return tx.ofOrder(r.Provenance, r.Opened.Order)
	})
}

// ofOrder is an item that is about both parties of an order.
func (tx *Tx) ofOrder(p *types.Provenance, id string) (*item, error) {
	o, err := tx.order(id)
	if err != nil {
		return nil, err
	}
	return signedBy(p, o.Order.Buyer, o.Order.Seller), nil
}

func readCustomsEvent(tx *Tx, id string) (*item, error) {
	return itemOf(tx, types.CustomsEventKey(id), func(v *types.CustomsRecord) (*item, error) {
		key := types.DeclarationKey(declarationOf(v))
		d, err := there(tx, key)
		if err != nil {
			return nil, err
		}
		return signedBy(v.Provenance, d.Declarant), nil
	})
}

// declarationOf is the record id of the declaration that an event belongs to.
func declarationOf(v *types.CustomsRecord) string {
	return v.Provenance.Signer + "/" + v.Event.Declaration
}

// readVerdict reads a document, or the verdict of one verifier on it.
func readVerdict(tx *Tx, id string) (*item, error) {
	document, verifier := splitVerdict(id)
	return itemOf(tx, types.DocumentKey(document), func(d *types.Document) (*item, error) {
		if verifier == "" {
			it := signedBy(d.Provenance, d.Document.Subject)
			it.unfit = "it is its verdicts that are disputed: name the verifier too"
			return it, nil
		}
		v := verdictOf(d, verifier)
		if v == nil {
			return nil, nil
		}
		it := signedBy(v.Provenance, d.Document.Subject)
		if v.Verdict == types.Verdict_INCONCLUSIVE {
			it.unfit = "it decides nothing"
		}
		return it, nil
	})
}

// verdictOf is the verdict that a verifier gave on a document; nil if it gave none.
func verdictOf(d *types.Document, verifier string) *types.GivenVerdict {
	for _, v := range d.Verdicts {
		if v.Verifier == verifier {
			return v
		}
	}
	return nil
}

func readTaxEvent(tx *Tx, id string) (*item, error) {
	return itemOf(tx, types.TaxEventKey(id), func(v *types.TaxRecord) (*item, error) {
		return signedBy(v.Provenance, v.Event.Subject), nil
	})
}

func readFxEvent(tx *Tx, id string) (*item, error) {
	return itemOf(tx, types.FxEventKey(id), func(v *types.FxRecord) (*item, error) {
		return signedBy(v.Provenance, v.Event.Subject), nil
	})
}

func readFinancing(tx *Tx, id string) (*item, error) {
	return itemOf(tx, types.FinancingKey(id), func(f *types.Financing) (*item, error) {
		it := &item{provider: f.Lender, signer: f.Lender, about: []string{f.Borrower}}
		if f.AdvanceMinor == 0 {
			it.unfit = "nothing was advanced"
		}
		return it, nil
	})
}

func readDeclaration(tx *Tx, id string) (*item, error) {
	return itemOf(tx, types.DeclarationKey(id), func(d *types.Declaration) (*item, error) {
		return signedBy(d.Provenance, d.Declarant), nil
	})
}

func readCreditNote(tx *Tx, id string) (*item, error) {
	return itemOf(tx, types.CreditNoteKey(id), func(n *types.CreditNote) (*item, error) {
		r, err := tx.receivable(n.Note.Receivable)
		if err != nil {
			return nil, err
		}
		return signedBy(n.Provenance, r.Receivable.Seller, r.Receivable.Debtor), nil
	})
}

func readRepayment(tx *Tx, id string) (*item, error) {
	return itemOf(tx, types.RepaymentKey(id), func(v *types.Repayment) (*item, error) {
		f, err := tx.financing(v.Repayment.Financing)
		if err != nil {
			return nil, err
		}
		return signedBy(v.Provenance, f.Borrower), nil
	})
}

// readDispute: whoever stands on either side of a dispute may say something to it.
func readDispute(tx *Tx, id string) (*item, error) {
	return itemOf(tx, types.DisputeKey(id), func(d *types.Dispute) (*item, error) {
		it := signedBy(d.Provenance, d.Subject)
		if types.IsSubjectID(d.Provider) {
			it.about = append(it.about, d.Provider)
		}
		return it, nil
	})
}

// readReceipt: what was answered about an enterprise.
func readReceipt(tx *Tx, id string) (*item, error) {
	return itemOf(tx, types.ReceiptKey(id), func(r *types.Receipt) (*item, error) {
		member, _, _ := strings.Cut(id, "/")
		return &item{provider: member, signer: member, about: []string{r.Subject}}, nil
	})
}
