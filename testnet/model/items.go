package model

import (
	"encoding/hex"
	"slices"
	"strings"

	"tradecredit/types"
)

// An item is a record that speaks about enterprises: they may say something to it, and dispute it if it can count.
type item struct {
	provider string // who answers for it
	signer   string
	about    []string
	unfit    bool   // it cannot be disputed now
	leave    func() // takes it out of the sums for good
}

// disputable are the kinds of records that can count, others those to which there may be statements, too.
var disputable = []string{"adverse", "receivable", "settlement", "order", "movement", "return", "customs-event", "document", "tax-event", "fx-event", "financing"}
var others = []string{"declaration", "credit-note", "repayment", "dispute", "receipt"}

// shapeOfItem refuses what is no key of an item.
func shapeOfItem(key string, unfit types.Code, kinds ...string) types.Code {
	kind, id, _ := strings.Cut(key, "/")
	switch {
	case !contains(kinds, kind) || !strings.Contains(key, "/"):
		if strings.Contains(key, "/") && contains(slices.Concat(disputable, others), kind) {
			return refusal(codeOf(types.CheckRecordID(id)), unfit)
		}
		return unfit
	case kind == "settlement":
		raw, err := hex.DecodeString(id)
		return unless(err == nil && len(raw) == 32 && strings.ToLower(id) == id, types.Code_record_id_malformed)
	case kind == "document":
		if i := strings.LastIndex(id, "/"); strings.Count(id, "/") > 1 {
			return refusal(codeOf(types.CheckRecordID(id[:i])), codeOf(types.CheckMemberID(id[i+1:])))
		}
	}
	return codeOf(types.CheckRecordID(id))
}

// by begins an item: who signed for whom, and whom it is about.
func by(p *types.Provenance, about ...string) *item {
	x := &item{signer: p.Signer, provider: p.Signer, about: about}
	if p.OnBehalfOf != "" {
		x.provider = p.OnBehalfOf
	}
	return x
}

// isAbout tells whether an item speaks about somebody who does not answer for it.
func (x *item) isAbout(subject string) bool {
	return slices.Contains(x.about, subject) && subject != x.provider
}

// itemOf reads an item; nil when there is no such record.
func (m *Model) itemOf(key string) (x *item) {
	kind, id, _ := strings.Cut(key, "/")
	switch kind {
	case "adverse":
		if r, ok := m.adverses.get(types.Key[types.Adverse](key)); ok {
			x = by(r.Provenance, r.Adverse.Subject)
			x.leave = func() { m.leaveAdverse(id) }
		}
	case "receivable":
		if r, ok := m.receivables.get(types.Key[types.Receivable](key)); ok {
			x = by(r.Provenance, r.Receivable.Seller, r.Receivable.Debtor)
			x.unfit = r.Status == types.ReceivableStatus_VOID || r.Status == types.ReceivableStatus_SPLIT
			x.leave = func() { m.leaveReceivable(id) }
		}
	case "settlement":
		if r, ok := m.settlements.get(types.Key[types.Settlement](key)); ok {
			p := r.CreditorSide
			if p == nil {
				p = r.DebtorSide
			}
			x = by(p, r.Payer, r.Payee)
			x.unfit = r.CreditorSide == nil || r.Reversed
			x.leave = func() { m.leaveSettlement(types.Key[types.Settlement](key)) }
		}
	case "financing":
		if r, ok := m.financings.get(types.Key[types.Financing](key)); ok {
			x = by(r.Provenance, r.Borrower)
			x.unfit = r.FinancedDay == 0
			x.leave = func() { m.leaveFinancing(id) }
		}
	case "document":
		x = m.verdictItem(id)
	default:
		x = m.goodsItem(kind, key)
	}
	return x
}

// goodsItem reads items of goods and authorities, and those that are not disputed.
func (m *Model) goodsItem(kind, key string) (x *item) {
	switch kind {
	case "order":
		if r, ok := m.orders.get(types.Key[types.Order](key)); ok {
			x = by(r.Provenance, r.Order.Buyer, r.Order.Seller)
			x.leave = func() { m.leaveOrder(types.Key[types.Order](key)) }
		}
	case "movement":
		if r, ok := m.movements.get(types.Key[types.Movement](key)); ok {
			o := m.orders.at(types.OrderKey(r.Event.Order)).Order
			x = by(r.Provenance, o.Buyer, o.Seller)
			x.leave = func() { m.leaveMovement(types.Key[types.Movement](key)) }
		}
	case "return":
		if r, ok := m.returns.get(types.Key[types.ReturnRecord](key)); ok {
			o := m.orders.at(types.OrderKey(r.Opened.Order)).Order
			x = by(r.Provenance, o.Buyer, o.Seller)
			x.leave = func() { m.leaveReturn(types.Key[types.ReturnRecord](key)) }
		}
	case "customs-event":
		if r, ok := m.customsEvents.get(types.Key[types.CustomsRecord](key)); ok {
			d := r.Provenance.Signer + "/" + r.Event.Declaration
			x = by(r.Provenance, m.declarations.at(types.DeclarationKey(d)).Declarant)
			x.leave = func() { m.leaveCustomsEvent(types.Key[types.CustomsRecord](key), d) }
		}
	case "tax-event":
		if r, ok := m.taxEvents.get(types.Key[types.TaxRecord](key)); ok {
			x = by(r.Provenance, r.Event.Subject)
			x.leave = func() { m.leaveTaxEvent(types.Key[types.TaxRecord](key)) }
		}
	case "fx-event":
		if r, ok := m.fxEvents.get(types.Key[types.FxRecord](key)); ok {
			x = by(r.Provenance, r.Event.Subject)
			x.leave = func() { m.leaveFxEvent(types.Key[types.FxRecord](key)) }
		}
	default:
		x = m.quietItem(kind, key)
	}
	return x
}

// quietItem reads items that count nowhere.
func (m *Model) quietItem(kind, key string) (x *item) {
	switch kind {
	case "declaration":
		if r, ok := m.declarations.get(types.Key[types.Declaration](key)); ok {
			x = by(r.Provenance, r.Declarant)
		}
	case "credit-note":
		if r, ok := m.creditNotes.get(types.Key[types.CreditNote](key)); ok {
			b := m.receivables.at(types.ReceivableKey(r.Note.Receivable)).Receivable
			x = by(r.Provenance, b.Seller, b.Debtor)
		}
	case "repayment":
		if r, ok := m.repayments.get(types.Key[types.Repayment](key)); ok {
			x = by(r.Provenance, m.financings.at(types.FinancingKey(r.Repayment.Financing)).Borrower)
		}
	case "dispute":
		if r, ok := m.disputes.get(types.Key[types.Dispute](key)); ok {
			x = by(r.Provenance, r.Subject)
			if isEnterprise(r.Provider) {
				x.about = append(x.about, r.Provider)
			}
		}
	case "receipt":
		if r, ok := m.receipts.get(types.Key[types.Receipt](key)); ok {
			member, _, _ := strings.Cut(r.Id, "/")
			x = &item{provider: member, signer: member, about: []string{r.Subject}}
		}
	}
	return x
}

// verdictItem reads a document, which is not disputed, or the verdict of one verifier on it.
func (m *Model) verdictItem(id string) *item {
	f := strings.SplitN(id, "/", 3)
	at := types.DocumentKey(f[0] + "/" + f[1])
	d, ok := m.documents.get(at)
	if !ok {
		return nil
	}
	if len(f) < 3 {
		x := by(d.Provenance, d.Document.Subject)
		x.unfit = true // it is its verdicts that are disputed
		return x
	}
	for i, v := range d.Verdicts {
		if v.Verifier == f[2] {
			x := by(v.Provenance, d.Document.Subject)
			x.unfit = v.Verdict == types.Verdict_INCONCLUSIVE // it decides nothing
			x.leave = func() { m.leaveVerdict(at, i) }
			return x
		}
	}
	return nil
}
