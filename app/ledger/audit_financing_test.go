package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// TestAuditFinancing finds each contradiction that is planted among liens, fingerprints, repayments and documents.
func TestAuditFinancing(t *testing.T) {
	w := newWorld(t, castText, "USD", "")
	w.live(everyMessage)
	view := w.db.View()
	defer func() { require.NoError(t, view.Close()) }()
	require.NoError(t, Audit(view, w.unix))

	r1, b1 := "receivable/DE:HRB:1/f1", "transferable/carrier/b1"
	zero := types.FingerprintZero("DE:HRB:1", "", "705", must(state.Get(view, types.TransferableKey("carrier/b1"))).Document.IssueDay, "EUR", 300000)
	f0 := fingerprint{0, 0, zero}.key()
	onF2 := func(change func(*types.Financing)) func(*state.Batch) {
		return func(b *state.Batch) { alter(t, b, types.FinancingKey("bank-b/f2"), change) }
	}
	onLien := func(object string, change func(*types.Encumbrance)) func(*state.Batch) {
		return func(b *state.Batch) { alter(t, b, types.EncumbranceKey(object), change) }
	}
	for name, plant := range map[string]func(*state.Batch){
		"that no live financing has": onLien(r1, func(e *types.Encumbrance) { e.Liens[0].AmountMinor++ }),
		"liens, of live financings":  onLien(r1, func(e *types.Encumbrance) { e.Liens = e.Liens[1:] }),
		"the row says":               onLien(r1, func(e *types.Encumbrance) { e.BaseMinor++ }),
		"of the trade is pledged": func(b *state.Batch) {
			alter(t, b, types.OrderKey("platform/o1"), func(o *types.Order) { o.BaseMinor = 9 })
		},
		"on 9": func(b *state.Batch) {
			alter(t, b, types.TransferableKey("carrier/b1"), func(v *types.Transferable) { v.Document.AmountMinor = 9 })
		},
		"rows show it":                 func(b *state.Batch) { b.Delete(string(types.EncumbranceKey(b1))) },
		"rows show them":               func(b *state.Batch) { b.Delete(string(f0)) },
		"that no live financing makes": func(b *state.Batch) { alter(t, b, f0, func(h *types.FingerprintHits) { h.Hits[0].Lender = "bank-a" }) },
		"hits and 1 more":              func(b *state.Batch) { alter(t, b, f0, func(h *types.FingerprintHits) { h.Unnamed++ }) },
		"by now": func(b *state.Batch) {
			alter(t, b, types.TransferableKey("carrier/b1"), func(v *types.Transferable) { v.Controller = "IT:REA:3" })
		},
		"nobody controls it": func(b *state.Batch) {
			alter(t, b, types.TransferableKey("DE:HRB:1/n1"), func(v *types.Transferable) { v.Controller = "XX:NO:1" })
		},
		"pledged, and surrendered": func(b *state.Batch) {
			alter(t, b, types.TransferableKey("carrier/b1"), func(v *types.Transferable) { v.Status = types.TransferableStatus_SURRENDERED })
		},
		"which has no such lien": func(b *state.Batch) {
			alter(t, b, types.ReceivableKey("DE:HRB:1/f1"), func(v *types.Receivable) { v.Assignee = "bank-a" })
		},
		"assigned under nothing": func(b *state.Batch) {
			alter(t, b, types.ReceivableKey("DE:HRB:1/f1"), func(v *types.Receivable) { v.Assignment = "" })
		},
		"in 1 parts, the record says": onF2(func(f *types.Financing) { f.RepaidMinor++ }),
		"reserved, 350000 advanced":   onF2(func(f *types.Financing) { f.ReservedMinor = 1 }),
		"months of":                   onF2(func(f *types.Financing) { f.ClosingMonths = nil }),
		"with 300000 owed":            onF2(func(f *types.Financing) { f.Status = types.FinancingStatus_CURED }),
		"still in the queues": func(b *state.Batch) {
			alter(t, b, types.FinancingKey("bank-b/f3"), func(f *types.Financing) { f.Status = types.FinancingStatus_FINANCED; f.AdvanceMinor = 1 })
		},
		"OFFER_CONSUMED by": func(b *state.Batch) {
			alter(t, b, types.OfferKey("DE:HRB:1/f1"), func(o *types.Offer) { o.Financing = "" })
		},
		"not in the queues": func(b *state.Batch) {
			alter(t, b, types.OfferKey("DE:HRB:1/f6"), func(o *types.Offer) { o.Status = types.OfferStatus_OFFER_OPEN })
		},
		"paid on 1 claims": func(b *state.Batch) {
			alter(t, b, types.PolicyKey("insurer/p1"), func(p *types.Policy) { p.PaidMinor = 1 })
		},
		"answered by": func(b *state.Batch) {
			alter(t, b, types.ClaimKey("insurer/k1"), func(c *types.Claim) { c.AnsweredBy = "insurer/k2" })
		},
		"it fell, and it counts": func(b *state.Batch) {
			alter(t, b, types.RepaymentKey("bank-b/y1"), func(p *types.Repayment) { fallOf(t, b, p.Provenance) })
		},
		"its release fell": func(b *state.Batch) {
			alter(t, b, types.FinancingKey("bank-a/f5"), func(f *types.Financing) { fallOf(t, b, f.Ended) })
		},
		"an experience of nobody's word": func(b *state.Batch) {
			alter(t, b, types.FinancingKey("bank-a/f7"), func(f *types.Financing) { fallOf(t, b, f.Confirmed) })
		},
	} {
		batch := state.NewBatch(view)
		plant(batch)
		require.ErrorContains(t, Audit(batch, w.unix), name)
	}
}
