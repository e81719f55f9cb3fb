package index

import (
	"strings"

	"tradecredit/types"
)

// signed lists a record by who signed it, and takes its height.
func (f *facts) signed(p *types.Provenance) {
	if p == nil {
		return
	}
	f.text(Signer, p.Signer)
	if f.height == 0 || p.Height < f.height {
		f.height = p.Height
	}
}

// about lists a record by the one that it is about.
func (f *facts) about(prefix, id string) {
	if id != "" {
		f.text(Object, prefix+id)
	}
}

func listMember(_ string, m *types.Member, f *facts) {
	f.height = m.AdmittedHeight
	f.number(Status, int32(m.Status))
}

func listKey(_ string, k *types.KeyRecord, f *facts) {
	f.text(Subject, k.Holder)
	f.number(Status, int32(k.Status))
}

func listProposal(_ string, p *types.Proposal, f *facts) {
	f.signed(p.Provenance)
	f.number(Status, int32(p.Status))
	if p.Proposal == nil {
		return
	}
	switch a := p.Proposal.Action.(type) {
	case *types.Propose_Admit:
		f.text(Subject, a.Admit.Member)
	case *types.Propose_Suspend:
		f.text(Subject, a.Suspend.Member)
	case *types.Propose_Reinstate:
		f.text(Subject, a.Reinstate.Member)
	case *types.Propose_Backfill:
		f.text(Subject, a.Backfill.Member)
	case *types.Propose_Validator:
		f.text(Subject, a.Validator.Member)
	case *types.Propose_RecoverKey:
		f.text(Subject, a.RecoverKey.Holder)
	case *types.Propose_Model:
		f.about(string(types.Models), a.Model.Model)
	}
}

func listEnterprise(_ string, e *types.Enterprise, f *facts) {
	f.signed(e.Provenance)
	f.number(Status, int32(e.Status))
}

func listDelegation(_ string, d *types.Delegation, f *facts) {
	f.signed(d.Provenance)
	f.text(Subject, d.Subject)
	f.number(Status, int32(d.Status))
	if d.Mandate != nil {
		f.text(Grantee, d.Mandate.Delegate)
		f.number(Until, d.Mandate.UntilDay)
	}
}

func listOrder(_ string, o *types.Order, f *facts) {
	f.signed(o.Provenance)
	f.number(Status, int32(o.Status))
	if o.Order != nil {
		f.text(Subject, o.Order.Buyer)
		f.text(Subject, o.Order.Seller)
	}
}

func listMovement(_ string, m *types.Movement, f *facts) {
	f.signed(m.Provenance)
	if m.Event != nil {
		f.about(string(types.Orders), m.Event.Order)
	}
}

func listDeclaration(_ string, d *types.Declaration, f *facts) {
	f.signed(d.Provenance)
	f.number(Status, int32(d.Status))
	f.text(Subject, d.Declarant)
	f.about(string(types.Orders), d.Order)
}

// listCustomsEvent: the event names its declaration by the source id alone; both are the same member's.
func listCustomsEvent(id string, c *types.CustomsRecord, f *facts) {
	f.signed(c.Provenance)
	if c.Event == nil {
		return
	}
	f.text(Subject, c.Event.Declarant)
	f.about(string(types.Orders), c.Event.Order)
	if member, _, ok := strings.Cut(id, "/"); ok && c.Event.Declaration != "" {
		f.about(string(types.Declarations), member+"/"+c.Event.Declaration)
	}
}

func listDocument(_ string, d *types.Document, f *facts) {
	f.signed(d.Provenance)
	f.number(Status, int32(d.Status))
	if d.Document == nil {
		return
	}
	f.text(Subject, d.Document.Subject)
	f.text(Subject, d.Document.Issuer)
	f.text(Object, d.Document.Object)
	if d.Document.ValidUntilDay != 0 {
		f.number(Until, d.Document.ValidUntilDay)
	}
}

func listReceivable(_ string, r *types.Receivable, f *facts) {
	f.signed(r.Provenance)
	f.number(Status, int32(r.Status))
	if r.Receivable == nil {
		return
	}
	f.text(Subject, r.Receivable.Seller)
	f.text(Subject, r.Receivable.Debtor)
	f.about(string(types.Orders), r.Receivable.Order)
	f.about(string(types.Receivables), r.Parent)
	f.number(Due, r.Receivable.DueDay)
	switch r.Status {
	case types.ReceivableStatus_ISSUED, types.ReceivableStatus_ACCEPTED, types.ReceivableStatus_PARTLY_SETTLED:
		f.number(Outstanding, r.Receivable.DueDay)
	}
}

// listSettlement: either bank may report first; the height is that of the first report.
func listSettlement(_ string, s *types.Settlement, f *facts) {
	f.signed(s.CreditorSide)
	f.signed(s.DebtorSide)
	f.text(Subject, s.Payer)
	f.text(Subject, s.Payee)
	for _, p := range s.Parts {
		f.about(string(types.Receivables), p.Receivable)
	}
	status := int32(1)
	if s.Reversed {
		status = 2
	}
	f.number(Status, status)
}

func listFixing(_ string, x *types.Fixing, f *facts) { f.signed(x.Provenance) }

func listConsent(_ string, c *types.Consent, f *facts) {
	f.signed(c.Provenance)
	f.text(Subject, c.Subject)
	f.number(Status, int32(c.Status))
	if c.Consent != nil {
		f.text(Grantee, c.Consent.Grantee)
		f.number(Until, c.Consent.UntilDay)
	}
}

// listReceipt: the record does not say who asked, but its id does.
func listReceipt(id string, r *types.Receipt, f *facts) {
	f.height = r.Height
	member, _, _ := strings.Cut(id, "/")
	f.text(Signer, member)
	f.text(Subject, r.Subject)
}
