package index

import (
	"tradecredit/types"
)

// What the records of services, returns, papers, financing and rights are listed by.

func listProgress(_ string, p *types.Progress, f *facts) {
	f.signed(p.Provenance)
	f.number(Status, int32(p.Status))
	if p.Progress != nil {
		f.about(string(types.Orders), p.Progress.Order)
	}
}

func listReturn(_ string, r *types.ReturnRecord, f *facts) {
	f.signed(r.Provenance)
	f.number(Status, int32(r.Stage))
	if r.Opened != nil {
		f.about(string(types.Orders), r.Opened.Order)
	}
}

func listTrace(_ string, t *types.Trace, f *facts) {
	f.signed(t.Provenance)
	if t.Trace != nil {
		f.text(Object, string(types.LotKey(t.Trace.Lot)))
		f.about(string(types.Orders), t.Trace.Order)
	}
}

func listParcels(_ string, b *types.ParcelBatch, f *facts) {
	f.signed(b.Provenance)
	if b.Batch != nil {
		f.about(string(types.Orders), b.Batch.Order)
		f.about(string(types.Declarations), b.Batch.Declaration)
	}
}

func listTransferable(_ string, t *types.Transferable, f *facts) {
	f.signed(t.Provenance)
	f.number(Status, int32(t.Status))
	f.text(Subject, t.Controller)
	if t.Document != nil {
		f.text(Subject, t.Document.Controller) // the first one keeps finding it
		f.about(string(types.Orders), t.Document.Order)
	}
}

func listCreditNote(_ string, n *types.CreditNote, f *facts) {
	f.signed(n.Provenance)
	if n.Note != nil {
		f.about(string(types.Receivables), n.Note.Receivable)
	}
}

func listTaxEvent(_ string, t *types.TaxRecord, f *facts) {
	f.signed(t.Provenance)
	if t.Event != nil {
		f.text(Subject, t.Event.Subject)
		f.about(string(types.Receivables), t.Event.Receivable)
		f.about(string(types.Declarations), t.Event.Declaration)
	}
}

func listFxEvent(_ string, x *types.FxRecord, f *facts) {
	f.signed(x.Provenance)
	if x.Event == nil {
		return
	}
	f.text(Subject, x.Event.Subject)
	if len(x.Event.Settlement) > 0 {
		f.text(Object, string(types.SettlementKey(x.Event.Settlement)))
	}
}

func listOffer(_ string, o *types.Offer, f *facts) {
	f.signed(o.Provenance)
	f.number(Status, int32(o.Status))
	f.text(Subject, o.Owner)
	if o.Offer == nil {
		return
	}
	f.text(Grantee, o.Offer.Lender)
	f.number(Until, o.Offer.UntilDay)
	for _, x := range o.Offer.Objects {
		f.text(Object, x.Object)
	}
}

func listFinancing(_ string, x *types.Financing, f *facts) {
	f.signed(x.Provenance)
	f.number(Status, int32(x.Status))
	f.text(Subject, x.Borrower)
	f.text(Subject, x.Lender)
	f.about(string(types.Offers), x.Offer)
	for _, o := range x.Objects {
		f.text(Object, o.Object)
	}
	if x.DueDay == 0 {
		return
	}
	f.number(Due, x.DueDay)
	switch x.Status {
	case types.FinancingStatus_FINANCED, types.FinancingStatus_DEFAULTED, types.FinancingStatus_CURED:
		f.number(Outstanding, x.DueDay)
	}
}

func listRepayment(_ string, r *types.Repayment, f *facts) {
	f.signed(r.Provenance)
	if r.Repayment != nil {
		f.about(string(types.Financings), r.Repayment.Financing)
	}
}

func listPolicy(_ string, p *types.Policy, f *facts) {
	f.signed(p.Provenance)
	f.number(Status, int32(p.Status))
	if p.Policy != nil {
		f.text(Subject, p.Policy.Insured)
		f.text(Object, p.Policy.Object)
		f.number(Until, p.Policy.UntilDay)
	}
}

func listClaim(_ string, c *types.Claim, f *facts) {
	f.signed(c.Provenance)
	f.number(Status, int32(c.State))
	if c.Claim != nil {
		f.about(string(types.Policies), c.Claim.Policy)
	}
}

func listAdverse(_ string, a *types.Adverse, f *facts) {
	f.signed(a.Provenance)
	if a.Adverse != nil {
		f.text(Subject, a.Adverse.Subject)
	}
}

func listDispute(_ string, d *types.Dispute, f *facts) {
	f.signed(d.Provenance)
	f.number(Status, int32(d.Status))
	f.text(Subject, d.Subject)
	f.text(Subject, d.Provider)
	if d.Dispute != nil {
		f.text(Object, d.Dispute.Item)
	}
}

func listStatement(_ string, s *types.Statement, f *facts) {
	f.signed(s.Provenance)
	f.text(Subject, s.Subject)
	if s.Statement != nil {
		f.text(Object, s.Statement.Record)
	}
}

func listModelState(_ string, m *types.ModelState, f *facts) {
	f.signed(m.Provenance)
	f.number(Status, int32(m.Status))
}

func listValidation(_ string, v *types.Validation, f *facts) {
	f.signed(v.Provenance)
	if v.Validation != nil {
		f.about(string(types.Models), v.Validation.Model)
	}
}

func listAttestation(_ string, a *types.Attestation, f *facts) {
	f.signed(a.Provenance)
	if a.Attestation != nil {
		f.number(Status, int32(a.Attestation.Result))
	}
}
