package sim

import (
	"strings"

	"tradecredit/types"
)

// rights: what is held against a subject, and what it can do about it.
var rights = []generator{
	{"record_adverse", 3, recordAdverse},
	{"rehabilitate", 3, rehabilitate},
	{"open_dispute", 5, openDispute},
	{"respond_dispute", 4, respondDispute},
	{"escalate_dispute", 3, escalateDispute},
	{"resolve_dispute", 4, resolveDispute},
	{"add_statement", 2, addStatement},
	{"correct_record", 3, correctRecord},
}

// adverseOf are the roles that record adverse facts, each with its kinds.
var adverseOf = []struct {
	role  types.Role
	kinds []types.AdverseKind
}{
	{types.Role_CUSTOMS, []types.AdverseKind{types.AdverseKind_CUSTOMS_PENALTY, types.AdverseKind_CUSTOMS_DISCREDITED}},
	{types.Role_TAX, []types.AdverseKind{types.AdverseKind_TAX_ARREARS, types.AdverseKind_TAX_MAJOR_VIOLATION}},
	{types.Role_FOREX, []types.AdverseKind{types.AdverseKind_FX_VIOLATION}},
	{types.Role_ARBITER, []types.AdverseKind{
		types.AdverseKind_FORGERY_CONFIRMED, types.AdverseKind_DUPLICATE_FINANCING_CONFIRMED, types.AdverseKind_INSOLVENCY_OPENED,
		types.AdverseKind_AWARD_UNPERFORMED, types.AdverseKind_JUDGMENT_DEFAULTER,
	}},
	{types.Role_BANK, []types.AdverseKind{types.AdverseKind_LOAN_DEFAULT, types.AdverseKind_BILL_DISHONOURED}},
}

func recordAdverse(w *world) *act {
	a := oneOf(w.rng, adverseOf...)
	m := &types.RecordAdverse{Id: w.id(), Subject: w.enterprise(), Kind: oneOf(w.rng, a.kinds...), Day: w.ago(40), Commitment: w.digest()}
	if m.Subject == "" {
		return nil
	}
	if chance(w.rng, 30) {
		m.EndDay = m.Day + int32(w.rng.IntN(int(w.today()-m.Day)+1))
	}
	return own(w.member(a.role), m)
}

func rehabilitate(w *world) *act {
	id, a := pick(w, types.Adverses, func(_ string, a *types.Adverse) bool { return a.EndDay == 0 })
	if a == nil {
		return nil
	}
	return own(a.Provenance.Signer, &types.Rehabilitate{Adverse: id, EndDay: max(a.Adverse.Day, w.ago(3)), Reason: 1})
}

// item is a record that a subject may want to dispute or comment on: its key, and the subject; empty if there is none.
func (w *world) item() (key, subject string) {
	switch w.rng.IntN(12) {
	case 0, 1, 2:
		if id, r := pick(w, types.Receivables, nil); r != nil {
			return string(types.ReceivableKey(id)), oneOf(w.rng, r.Receivable.Debtor, r.Receivable.Debtor, r.Receivable.Seller)
		}
	case 3:
		if id, m := pick(w, types.Movements, nil); m != nil {
			return w.ofOrder(string(types.MovementKey(id)), m.Event.Order)
		}
	case 4:
		if id, o := pick(w, types.Orders, nil); o != nil {
			return w.ofOrder(string(types.OrderKey(id)), id)
		}
	case 5:
		if id, r := pick(w, types.Returns, nil); r != nil {
			return w.ofOrder(string(types.ReturnKey(id)), r.Opened.Order)
		}
	case 6:
		if id, f := pick(w, types.Financings, nil); f != nil {
			return string(types.FinancingKey(id)), f.Borrower
		}
	case 7:
		if id, d := pick(w, types.Documents, func(_ string, d *types.Document) bool { return len(d.Verdicts) > 0 }); d != nil {
			return string(types.DocumentKey(id)) + "/" + oneOf(w.rng, d.Verdicts...).Verifier, d.Document.Subject
		}
	case 8:
		if _, s := pick(w, types.Settlements, nil); s != nil {
			return string(types.SettlementKey(s.Id)), oneOf(w.rng, s.Payer, s.Payee)
		}
	case 9:
		return w.authorityItem()
	}
	if id, a := pick(w, types.Adverses, nil); a != nil {
		return string(types.AdverseKey(id)), a.Adverse.Subject
	}
	return "", ""
}

// ofOrder lets one of the parties of an order speak about an item that is about both.
func (w *world) ofOrder(key, order string) (item, subject string) {
	o := get(w, types.OrderKey(order))
	if o == nil {
		return "", ""
	}
	return key, oneOf(w.rng, o.Order.Seller, o.Order.Buyer)
}

// authorityItem is an event of customs, the tax authority or the exchange authority.
func (w *world) authorityItem() (key, subject string) {
	if id, v := pick(w, types.TaxEvents, nil); v != nil && chance(w.rng, 40) {
		return string(types.TaxEventKey(id)), v.Event.Subject
	}
	if id, v := pick(w, types.FxEvents, nil); v != nil && chance(w.rng, 40) {
		return string(types.FxEventKey(id)), v.Event.Subject
	}
	id, v := pick(w, types.CustomsEvents, nil)
	if v == nil {
		return "", ""
	}
	d := get(w, types.DeclarationKey(v.Provenance.Signer+"/"+v.Event.Declaration))
	if d == nil {
		return "", ""
	}
	return string(types.CustomsEventKey(id)), d.Declarant
}

func openDispute(w *world) *act {
	item, subject := w.item()
	if item == "" {
		return nil
	}
	return w.by(subject, &types.OpenDispute{Id: w.id(), Item: item, Reason: 1, StatementDigest: w.digest()})
}

// disputeIn picks a dispute in one of some states.
func (w *world) disputeIn(states ...types.DisputeStatus) (string, *types.Dispute) {
	return pick(w, types.Disputes, func(_ string, d *types.Dispute) bool {
		for _, s := range states {
			if d.Status == s {
				return true
			}
		}
		return false
	})
}

// side lets a party of a dispute speak: the provider of the item, which may be an enterprise, or the subject.
func (w *world) side(id string, msg types.Msg) *act {
	if types.IsSubjectID(id) {
		return w.by(id, msg)
	}
	return own(id, msg)
}

func respondDispute(w *world) *act {
	id, d := w.disputeIn(types.DisputeStatus_FLAGGED)
	if d == nil || chance(w.rng, 25) { // some stay without a response
		return nil
	}
	position := oneOf(w.rng, types.DisputePosition_UPHELD, types.DisputePosition_UPHELD, types.DisputePosition_CONCEDED)
	return w.side(d.Provider, &types.RespondDispute{Dispute: id, Position: position, StatementDigest: w.digest()})
}

func escalateDispute(w *world) *act {
	id, d := w.disputeIn(types.DisputeStatus_RESPONDED)
	if d == nil {
		return nil
	}
	return w.side(oneOf(w.rng, d.Subject, d.Subject, d.Provider), &types.EscalateDispute{Dispute: id})
}

func resolveDispute(w *world) *act {
	id, d := w.disputeIn(types.DisputeStatus_FLAGGED, types.DisputeStatus_RESPONDED, types.DisputeStatus_ESCALATED)
	if d == nil {
		return nil
	}
	m := &types.ResolveDispute{Dispute: id, Outcome: types.DisputeOutcome(1 + w.rng.IntN(4)), AwardDigest: w.digest()}
	if d.Status == types.DisputeStatus_ESCALATED && chance(w.rng, 60) {
		m.Leave = chance(w.rng, 40)
		return own(w.member(types.Role_ARBITER), m)
	}
	if chance(w.rng, 50) {
		m.Outcome = types.DisputeOutcome_DISPUTE_WITHDRAWN
		return w.by(d.Subject, m)
	}
	return w.side(d.Provider, m)
}

func addStatement(w *world) *act {
	item, subject := w.item()
	if item == "" {
		return nil
	}
	return w.by(subject, &types.AddStatement{Id: w.id(), Record: item, StatementDigest: w.digest()})
}

// correctRecord states a record anew that carries no money.
func correctRecord(w *world) *act {
	m := &types.CorrectRecord{Reason: 1}
	signer := ""
	switch w.rng.IntN(6) {
	case 0:
		if id, v := pick(w, types.Movements, nil); v != nil {
			m.Record, signer = string(types.MovementKey(id)), v.Provenance.Signer
			next := clone(v.Event).(*types.RecordLogisticsEvent)
			next.Place = "DEHAM"
			m.Replacement = &types.CorrectRecord_RecordLogisticsEvent{RecordLogisticsEvent: next}
		}
	case 1:
		if id, v := pick(w, types.Traces, nil); v != nil {
			m.Record, signer = string(types.TraceKey(id)), v.Provenance.Signer
			next := clone(v.Trace).(*types.RecordTrace)
			next.Place = "DEHAM"
			m.Replacement = &types.CorrectRecord_RecordTrace{RecordTrace: next}
		}
	case 2:
		if id, v := pick(w, types.TaxEvents, nil); v != nil {
			m.Record, signer = string(types.TaxEventKey(id)), v.Provenance.Signer
			next := clone(v.Event).(*types.RecordTaxEvent)
			next.Invoice = w.digest()
			m.Replacement = &types.CorrectRecord_RecordTaxEvent{RecordTaxEvent: next}
		}
	case 3:
		if id, v := pick(w, types.FxEvents, nil); v != nil {
			m.Record, signer = string(types.FxEventKey(id)), v.Provenance.Signer
			next := clone(v.Event).(*types.RecordFxEvent)
			next.AmountMinor++
			m.Replacement = &types.CorrectRecord_RecordFxEvent{RecordFxEvent: next}
		}
	case 4:
		if id, v := pick(w, types.Adverses, nil); v != nil {
			m.Record, signer = string(types.AdverseKey(id)), v.Provenance.Signer
			next := clone(v.Adverse).(*types.RecordAdverse)
			next.Commitment = w.digest()
			m.Replacement = &types.CorrectRecord_RecordAdverse{RecordAdverse: next}
		}
	case 5:
		if id, v := pick(w, types.Policies, nil); v != nil {
			m.Record, signer = string(types.PolicyKey(id)), v.Provenance.Signer
			next := clone(v.Policy).(*types.RecordPolicy)
			next.UntilDay++
			m.Replacement = &types.CorrectRecord_RecordPolicy{RecordPolicy: next}
		}
	}
	if m.Record == "" || strings.Contains(signer, ":") {
		return nil
	}
	return own(signer, m)
}
