package sim

import (
	"slices"
	"strings"

	"tradecredit/types"
)

// financing: offers, locks, advances, and what covers them.
var financing = []generator{
	{"offer_financing", 9, offerFinancing},
	{"withdraw_offer", 1, withdrawOffer},
	{"reserve_financing", 10, reserveFinancing},
	{"confirm_financing", 8, confirmFinancing},
	{"cancel_financing", 2, cancelFinancing},
	{"release_financing", 3, releaseFinancing},
	{"notify_assignment", 4, notifyAssignment},
	{"acknowledge_assignment", 4, acknowledgeAssignment},
	{"record_repayment", 7, recordRepayment},
	{"declare_default", 4, declareDefault},
	{"cure_default", 5, cureDefault},
	{"record_policy", 3, recordPolicy},
	{"record_claim", 4, recordClaim},
}

// financeable is something that can be financed: its key, whose it is, and what it is worth.
type financeable struct {
	key, owner, currency string
	amount               int64
}

// object is something that could be financed; mostly a receivable. nil if there is none.
func (w *world) object() *financeable {
	switch w.rng.IntN(5) {
	case 0:
		if id, d := pick(w, types.Declarations, func(_ string, d *types.Declaration) bool { return d.FinanceableMinor > 0 }); d != nil {
			return &financeable{string(types.DeclarationKey(id)), d.Declarant, d.Currency, d.FinanceableMinor}
		}
	case 1:
		if id, t := pick(w, types.Transferables, func(_ string, t *types.Transferable) bool {
			return t.Status == types.TransferableStatus_TRANSFERABLE_LIVE
		}); t != nil {
			return &financeable{string(types.TransferableKey(id)), t.Controller, t.Document.Currency, t.Document.AmountMinor}
		}
	}
	id, r := pick(w, types.Receivables, payable)
	if r == nil {
		return nil
	}
	return &financeable{string(types.ReceivableKey(id)), r.Receivable.Seller, r.Receivable.Currency, openOf(r)}
}

func offerFinancing(w *world) *act {
	o := w.object()
	if o == nil {
		return nil
	}
	m := &types.OfferFinancing{
		Id: w.id(), Kind: types.FinancingKind(1 + w.rng.IntN(4)), Lender: w.member(types.Role_BANK), UntilDay: w.ahead(20),
		Objects: []*types.OfferedObject{{Object: o.key, AmountMinor: o.amount}},
	}
	switch {
	case strings.HasPrefix(o.key, string(types.Transferables)):
		m.Kind = types.FinancingKind_DOCUMENT_PLEDGE
	case strings.HasPrefix(o.key, string(types.Declarations)):
		m.Kind = types.FinancingKind_ORDER_FINANCE
	case m.Kind > types.FinancingKind_SUPPLY_CHAIN:
		m.Kind = types.FinancingKind_FACTORING
	}
	if chance(w.rng, 50) {
		m.Objects[0].AmountMinor = 1 + w.rng.Int64N(o.amount)
	}
	for range 3 { // several of one owner and currency
		more := w.object()
		if more != nil && more.owner == o.owner && more.currency == o.currency && !slices.ContainsFunc(m.Objects, func(x *types.OfferedObject) bool { return x.Object == more.key }) {
			m.Objects = append(m.Objects, &types.OfferedObject{Object: more.key, AmountMinor: more.amount})
		}
	}
	slices.SortFunc(m.Objects, func(a, b *types.OfferedObject) int { return strings.Compare(a.Object, b.Object) })
	return w.by(o.owner, m)
}

func openOffer(_ string, o *types.Offer) bool { return o.Status == types.OfferStatus_OFFER_OPEN }

func withdrawOffer(w *world) *act {
	id, o := pick(w, types.Offers, openOffer)
	if o == nil {
		return nil
	}
	return w.by(o.Owner, &types.WithdrawOffer{Offer: id})
}

func reserveFinancing(w *world) *act {
	id, o := pick(w, types.Offers, openOffer)
	if o == nil {
		return nil
	}
	return own(o.Offer.Lender, &types.ReserveFinancing{Id: w.id(), Offer: id, RegistryNumber: oneOf(w.rng, "", w.id())})
}

// financingIn picks a financing in one of some states.
func (w *world) financingIn(states ...types.FinancingStatus) (string, *types.Financing) {
	return pick(w, types.Financings, func(_ string, f *types.Financing) bool { return slices.Contains(states, f.Status) })
}

func confirmFinancing(w *world) *act {
	id, f := w.financingIn(types.FinancingStatus_RESERVED)
	if f == nil || chance(w.rng, 10) { // some lapse
		return nil
	}
	m := &types.ConfirmFinancing{Financing: id, AdvanceMinor: f.ReservedMinor, Day: w.ago(1), DueDay: w.ahead(oneOf(w.rng, 2, 15, 90))}
	if chance(w.rng, 50) {
		m.AdvanceMinor = 1 + w.rng.Int64N(f.ReservedMinor)
	}
	if f.RegistryNumber != "" && chance(w.rng, 50) {
		m.RegistryNumber, m.RegisteredDay = f.RegistryNumber, m.Day
	}
	return own(f.Lender, m)
}

func cancelFinancing(w *world) *act {
	id, f := w.financingIn(types.FinancingStatus_RESERVED)
	if f == nil {
		return nil
	}
	return own(f.Lender, &types.CancelFinancing{Financing: id, Reason: 1})
}

func releaseFinancing(w *world) *act {
	id, f := w.financingIn(types.FinancingStatus_FINANCED, types.FinancingStatus_CURED, types.FinancingStatus_DEFAULTED)
	if f == nil {
		return nil
	}
	reason := oneOf(w.rng, types.ReleaseReason_RELEASE_REPAID, types.ReleaseReason_RELEASE_BOUGHT_BACK)
	return own(f.Lender, &types.ReleaseFinancing{Financing: id, Reason: reason, Day: max(f.FinancedDay, w.ago(2))})
}

// assigned is a receivable among what a financing rests on; empty if there is none.
func assigned(f *types.Financing) string {
	for _, o := range f.Objects {
		if id, ok := strings.CutPrefix(o.Object, string(types.Receivables)); ok {
			return id
		}
	}
	return ""
}

func notifyAssignment(w *world) *act {
	id, f := w.financingIn(types.FinancingStatus_FINANCED, types.FinancingStatus_RESERVED)
	if f == nil || assigned(f) == "" {
		return nil
	}
	return own(f.Lender, &types.NotifyAssignment{Financing: id, Receivable: assigned(f), Day: max(f.FinancedDay, w.ago(1)), NoticeDigest: w.digest()})
}

func acknowledgeAssignment(w *world) *act {
	id, r := pick(w, types.Receivables, func(_ string, r *types.Receivable) bool { return r.Assignment != "" && r.AcknowledgedDay == 0 })
	if r == nil {
		return nil
	}
	return w.by(r.Receivable.Debtor, &types.AcknowledgeAssignment{Financing: r.Assignment, Receivable: id, Day: max(r.NotifiedDay, w.ago(1))})
}

func recordRepayment(w *world) *act {
	id, f := w.financingIn(types.FinancingStatus_FINANCED, types.FinancingStatus_DEFAULTED, types.FinancingStatus_CURED)
	if f == nil || f.AdvanceMinor <= f.RepaidMinor {
		return nil
	}
	m := &types.RecordRepayment{Id: w.id(), Financing: id, AmountMinor: f.AdvanceMinor - f.RepaidMinor, Day: max(f.FinancedDay, w.ago(3))}
	if chance(w.rng, 40) {
		m.AmountMinor = 1 + w.rng.Int64N(m.AmountMinor)
	}
	return own(f.Lender, m)
}

func declareDefault(w *world) *act {
	id, f := pick(w, types.Financings, func(_ string, f *types.Financing) bool {
		return (f.Status == types.FinancingStatus_FINANCED || f.Status == types.FinancingStatus_CURED) && (f.DueDay < w.today()-1 || chance(w.rng, 5))
	})
	if f == nil {
		return nil
	}
	return own(f.Lender, &types.DeclareDefault{Financing: id, Day: w.ago(1), Reason: 1})
}

func cureDefault(w *world) *act {
	id, f := w.financingIn(types.FinancingStatus_DEFAULTED)
	if f == nil {
		return nil
	}
	return own(f.Lender, &types.CureDefault{Financing: id, Day: max(f.DefaultDay, w.ago(1))})
}

func recordPolicy(w *world) *act {
	o := w.object()
	if o == nil {
		return nil
	}
	return own(w.member(types.Role_INSURER), &types.RecordPolicy{
		Id: w.id(), Object: o.key, Insured: oneOf(w.rng, o.owner, w.member(types.Role_BANK)), Currency: o.currency, AmountMinor: 1 + w.rng.Int64N(o.amount),
		FromDay: w.ago(3), UntilDay: w.ahead(60), Commitment: w.digest(),
	})
}

// recordClaim answers a claim, or files one.
func recordClaim(w *world) *act {
	m := &types.RecordClaim{Id: w.id(), Day: w.ago(2)}
	if id, c := pick(w, types.Claims, func(_ string, c *types.Claim) bool {
		return c.Claim.Event == types.ClaimEvent_CLAIM_FILED && c.AnsweredBy == ""
	}); c != nil && chance(w.rng, 60) {
		m.Policy, m.Filed, m.Event, m.Day = c.Claim.Policy, id, types.ClaimEvent_CLAIM_REJECTED, max(c.Claim.Day, m.Day)
		if chance(w.rng, 70) {
			m.Event, m.AmountMinor = types.ClaimEvent_CLAIM_PAID, 1+w.rng.Int64N(c.Claim.AmountMinor)
		}
		return own(c.Provenance.Signer, m)
	}
	id, p := pick(w, types.Policies, func(_ string, p *types.Policy) bool { return p.PaidMinor < p.Policy.AmountMinor })
	if p == nil {
		return nil
	}
	m.Policy, m.Event, m.AmountMinor, m.Day = id, types.ClaimEvent_CLAIM_FILED, 1+w.rng.Int64N(p.Policy.AmountMinor-p.PaidMinor), max(p.Policy.FromDay, m.Day)
	return own(p.Provenance.Signer, m)
}
