package index

import (
	"fmt"
	"testing"

	"tradecredit/types"
)

// What the naive model makes of the records of services, returns, papers, financing and rights, and what it knows of them.

type marshaler interface{ Marshal() ([]byte, error) }

// paper makes a record about goods and papers, nil when it is of another kind.
func (m *model) paper(kind, order string, p *types.Provenance) marshaler {
	stage := int32(1 + m.rng.IntN(2))
	lot := []byte{byte(m.rng.IntN(3))}
	receivable, declaration := m.pick("", m.recordID()), m.pick("", m.recordID())
	switch kind {
	case "progress":
		return &types.Progress{Provenance: p, Status: types.ProgressStatus(stage), Progress: &types.RecordServiceProgress{Order: order}}
	case "return":
		return &types.ReturnRecord{Provenance: p, Stage: types.ReturnStage(stage), Opened: &types.RecordReturn{Order: order}}
	case "trace":
		return &types.Trace{Provenance: p, Trace: &types.RecordTrace{Lot: lot, Order: order}}
	case "parcels":
		return &types.ParcelBatch{Provenance: p, Batch: &types.RecordParcelBatch{Order: order, Declaration: declaration}}
	case "transferable":
		return &types.Transferable{Provenance: p, Status: types.TransferableStatus(stage), Controller: m.subject(),
			Document: &types.IssueTransferable{Controller: m.subject(), Order: order}}
	case "credit-note":
		return &types.CreditNote{Provenance: p, Note: &types.AdjustReceivable{Receivable: m.recordID()}}
	case "tax-event":
		return &types.TaxRecord{Provenance: p, Event: &types.RecordTaxEvent{Subject: m.subject(), Receivable: receivable, Declaration: declaration}}
	case "fx-event":
		return &types.FxRecord{Provenance: p, Event: &types.RecordFxEvent{Subject: m.subject(), Settlement: lot[:m.rng.IntN(2)]}}
	}
	return nil
}

// right makes a record about financing, rights and models, nil when it is of another kind.
func (m *model) right(kind string, p *types.Provenance) marshaler {
	state := int32(1 + m.rng.IntN(5))
	object := "receivable/" + m.recordID()
	switch kind {
	case "offer":
		return &types.Offer{Provenance: p, Status: types.OfferStatus(1 + m.rng.IntN(4)), Owner: m.subject(), Offer: &types.OfferFinancing{
			Lender: m.member(), UntilDay: m.day(), Objects: []*types.OfferedObject{{Object: object}, {Object: "declaration/" + m.recordID()}}}}
	case "financing":
		return &types.Financing{Provenance: p, Status: types.FinancingStatus(state), Borrower: m.subject(), Lender: m.member(), Offer: m.recordID(),
			DueDay: m.day(), Objects: []*types.OfferedObject{{Object: object}}}
	case "repayment":
		return &types.Repayment{Provenance: p, Repayment: &types.RecordRepayment{Financing: m.recordID()}}
	case "policy":
		return &types.Policy{Provenance: p, Status: types.PolicyStatus(1 + m.rng.IntN(2)), Policy: &types.RecordPolicy{
			Insured: m.pick(m.subject(), m.member()), Object: object, UntilDay: m.day()}}
	case "claim":
		return &types.Claim{Provenance: p, State: types.ClaimEvent(1 + m.rng.IntN(3)), Claim: &types.RecordClaim{Policy: m.recordID()}}
	case "adverse":
		return &types.Adverse{Provenance: p, Adverse: &types.RecordAdverse{Subject: m.subject()}}
	case "dispute":
		return &types.Dispute{Provenance: p, Status: types.DisputeStatus(state), Subject: m.subject(), Provider: m.member(), Dispute: &types.OpenDispute{Item: object}}
	case "statement":
		return &types.Statement{Provenance: p, Subject: m.subject(), Statement: &types.AddStatement{Record: object}}
	case "model-state":
		return &types.ModelState{Provenance: p, Status: types.ModelStatus(state)}
	case "validation":
		return &types.Validation{Provenance: p, Validation: &types.AttachValidation{Model: m.recordID()}}
	case "attestation":
		return &types.Attestation{Provenance: p, Attestation: &types.AttestReplay{Result: types.ReplayResult(1 + m.rng.IntN(2))}}
	}
	return nil
}

// naming lists the keys of records that are named, where they are.
func naming(pairs ...string) (out []string) {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			out = append(out, pairs[i]+pairs[i+1])
		}
	}
	return out
}

// paperSide is sideOf for what paper makes; false for other kinds.
func paperSide(t testing.TB, kind string, raw []byte) (p *types.Provenance, s side, ok bool) {
	switch kind {
	case "progress":
		r := decoded(t, new(types.Progress), raw)
		return r.Provenance, side{status: []string{r.Status.String()}, objects: naming("order/", r.Progress.Order)}, true
	case "return":
		r := decoded(t, new(types.ReturnRecord), raw)
		return r.Provenance, side{status: []string{r.Stage.String()}, objects: naming("order/", r.Opened.Order)}, true
	case "trace":
		r := decoded(t, new(types.Trace), raw)
		return r.Provenance, side{objects: naming("lot/", fmt.Sprintf("%x", r.Trace.Lot), "order/", r.Trace.Order)}, true
	case "parcels":
		r := decoded(t, new(types.ParcelBatch), raw)
		return r.Provenance, side{objects: naming("order/", r.Batch.Order, "declaration/", r.Batch.Declaration)}, true
	case "transferable":
		r := decoded(t, new(types.Transferable), raw)
		return r.Provenance, side{status: []string{r.Status.String()}, parties: []string{r.Controller, r.Document.Controller},
			objects: naming("order/", r.Document.Order)}, true
	case "credit-note":
		r := decoded(t, new(types.CreditNote), raw)
		return r.Provenance, side{objects: naming("receivable/", r.Note.Receivable)}, true
	case "tax-event":
		r := decoded(t, new(types.TaxRecord), raw)
		return r.Provenance, side{parties: []string{r.Event.Subject},
			objects: naming("receivable/", r.Event.Receivable, "declaration/", r.Event.Declaration)}, true
	case "fx-event":
		r := decoded(t, new(types.FxRecord), raw)
		return r.Provenance, side{parties: []string{r.Event.Subject}, objects: naming("settlement/", fmt.Sprintf("%x", r.Event.Settlement))}, true
	}
	return nil, side{}, false
}

// rightSide is sideOf for what right makes; false for other kinds.
func rightSide(t testing.TB, kind string, raw []byte) (p *types.Provenance, s side, ok bool) {
	switch kind {
	case "offer":
		r := decoded(t, new(types.Offer), raw)
		s = side{status: []string{r.Status.String()}, parties: []string{r.Owner}, grantee: []string{r.Offer.Lender}, until: []int32{r.Offer.UntilDay}}
		for _, o := range r.Offer.Objects {
			s.objects = append(s.objects, o.Object)
		}
		return r.Provenance, s, true
	case "financing":
		r := decoded(t, new(types.Financing), raw)
		s = side{status: []string{r.Status.String()}, parties: []string{r.Borrower, r.Lender}, objects: []string{"offer/" + r.Offer, r.Objects[0].Object}}
		if r.DueDay != 0 {
			s.due = []int32{r.DueDay}
			if st := r.Status.String(); st == "FINANCED" || st == "DEFAULTED" || st == "CURED" {
				s.outstanding = s.due
			}
		}
		return r.Provenance, s, true
	case "repayment":
		r := decoded(t, new(types.Repayment), raw)
		return r.Provenance, side{objects: naming("financing/", r.Repayment.Financing)}, true
	case "policy":
		r := decoded(t, new(types.Policy), raw)
		return r.Provenance, side{status: []string{r.Status.String()}, parties: []string{r.Policy.Insured}, objects: []string{r.Policy.Object},
			until: []int32{r.Policy.UntilDay}}, true
	case "claim":
		r := decoded(t, new(types.Claim), raw)
		return r.Provenance, side{status: []string{r.State.String()}, objects: naming("policy/", r.Claim.Policy)}, true
	case "adverse":
		r := decoded(t, new(types.Adverse), raw)
		return r.Provenance, side{parties: []string{r.Adverse.Subject}}, true
	case "dispute":
		r := decoded(t, new(types.Dispute), raw)
		return r.Provenance, side{status: []string{r.Status.String()}, parties: []string{r.Subject, r.Provider}, objects: []string{r.Dispute.Item}}, true
	case "statement":
		r := decoded(t, new(types.Statement), raw)
		return r.Provenance, side{parties: []string{r.Subject}, objects: []string{r.Statement.Record}}, true
	case "model-state":
		r := decoded(t, new(types.ModelState), raw)
		return r.Provenance, side{status: []string{r.Status.String()}}, true
	case "validation":
		r := decoded(t, new(types.Validation), raw)
		return r.Provenance, side{objects: naming("model/", r.Validation.Model)}, true
	case "attestation":
		r := decoded(t, new(types.Attestation), raw)
		return r.Provenance, side{status: []string{r.Attestation.Result.String()}}, true
	}
	return nil, side{}, false
}
