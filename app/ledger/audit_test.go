package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Audit passes over a life in which every message was accepted, and finds each contradiction that is planted in it.
func TestAudit(t *testing.T) {
	w := newWorld(t, castText, "USD", "")
	w.live(everyMessage)
	view := w.db.View()
	defer func() { require.NoError(t, view.Close()) }()
	require.NoError(t, Audit(view, w.unix))

	for name, plant := range map[string]func(*state.Batch){
		"parts exceed": func(b *state.Batch) {
			alter(t, b, types.SettlementKey(digestOf("p2")), func(s *types.Settlement) { s.AmountMinor = 499999 })
		},
		"live parts": func(b *state.Batch) {
			alter(t, b, types.ReceivableKey("DE:HRB:1/r1"), func(r *types.Receivable) { r.SettledMinor++ })
		},
		"live parts of banks": func(b *state.Batch) {
			alter(t, b, types.ReceivableKey("DE:HRB:1/r1"), func(r *types.Receivable) { r.BankParts++ })
		},
		"nobody else's hands": func(b *state.Batch) {
			alter(t, b, types.OrderKey("platform/o1"), func(o *types.Order) { o.Provenance.Fallen = true })
		},
		"its order still counts the delivery": func(b *state.Batch) {
			alter(t, b, types.MovementKey("carrier/m1"), func(v *types.Movement) { fallOf(t, b, v.Provenance) })
		},
		"its declaration still rests on it": func(b *state.Batch) {
			alter(t, b, types.CustomsEventKey("customs/e1"), func(v *types.CustomsRecord) { fallOf(t, b, v.Provenance) })
		},
		"part 0 counts": func(b *state.Batch) {
			alter(t, b, types.SettlementKey(digestOf("p2")), func(s *types.Settlement) { fallOf(t, b, s.CreditorSide) })
		},
		"0 open, 500000 in base currency": func(b *state.Batch) {
			alter(t, b, types.ReceivableKey("DE:HRB:1/r1"), func(r *types.Receivable) { r.Receivable.AmountMinor = 500000 })
		},
		"SETTLED with": func(b *state.Batch) {
			alter(t, b, types.ReceivableKey("DE:HRB:1/r1"), func(r *types.Receivable) { r.Status = types.ReceivableStatus_SETTLED })
		},
		"receivables of": func(b *state.Batch) {
			alter(t, b, types.OrderKey("platform/o1"), func(o *types.Order) { o.InvoicedMinor++ })
		},
		"its row says MATCHED": func(b *state.Batch) {
			alter(t, b, types.OrderKey("platform/o1"), func(o *types.Order) { o.Match, o.Differs = types.MatchStatus_MATCHED, nil })
		},
		"all that was claimed is over: false": func(b *state.Batch) {
			alter(t, b, types.OrderKey("platform/o1"), func(o *types.Order) { o.Status = types.OrderStatus_ORDER_CLOSED })
		},
		"something goes on": func(b *state.Batch) {
			alter(t, b, types.OrderKey("platform/s2"), func(o *types.Order) {
				o.Status, o.Match, o.Differs = types.OrderStatus_ORDER_CANCELLED, types.MatchStatus_MATCH_NONE, nil
			})
		},
		"an amendment of nobody": func(b *state.Batch) {
			alter(t, b, types.OrderKey("platform/s2"), func(o *types.Order) { o.Amendment = &types.AmendOrder{} })
		},
		"the record says 1000001 executed": func(b *state.Batch) {
			alter(t, b, types.OrderKey("platform/s1"), func(o *types.Order) { o.ExecutedMinor++ })
		},
		"the record says 1000000 executed, 999999 confirmed": func(b *state.Batch) {
			alter(t, b, types.OrderKey("platform/s1"), func(o *types.Order) { o.ConfirmedMinor-- })
		},
		"executed of 999999": func(b *state.Batch) {
			alter(t, b, types.OrderKey("platform/s1"), func(o *types.Order) { o.Order.AmountMinor = 999999 })
		},
		"confirmed by somebody: true": func(b *state.Batch) {
			alter(t, b, types.ProgressKey("DE:HRB:1/s2"), func(p *types.Progress) { p.Status = types.ProgressStatus_PROGRESS_RECORDED })
		},
		"2 open": func(b *state.Batch) {
			alter(t, b, types.OrderKey("platform/g1"), func(o *types.Order) { o.OpenReturns = 2 })
		},
		"with 1 returns open": func(b *state.Batch) {
			alter(t, b, types.OrderKey("platform/g1"), func(o *types.Order) { o.Status = types.OrderStatus_ORDER_DISPUTED })
		},
		"the orders have": func(b *state.Batch) {
			alter(t, b, types.OrderKey("platform/s2"), func(o *types.Order) { o.PromiseEntry = 0 })
		},
		"goes on from": func(b *state.Batch) {
			alter(t, b, types.TraceKey("verifier/t3"), func(v *types.Trace) { v.Previous = "carrier/t1" })
		},
		"its order still rests on it": func(b *state.Batch) {
			alter(t, b, types.ProgressKey("DE:HRB:1/s2"), func(p *types.Progress) { p.Tax.Fallen = true })
		},
		"the leg of the goods, and": func(b *state.Batch) {
			alter(t, b, types.OrderKey("platform/s1"), func(o *types.Order) { o.Legs |= legGoods })
		},
		"and weighs against the seller": func(b *state.Batch) {
			alter(t, b, types.ReturnKey("carrier/x1"), func(v *types.ReturnRecord) { v.Provenance.Fallen = true })
		},
		"is the last": func(b *state.Batch) {
			alter(t, b, types.LotKey(digestOf("lot-2")), func(l *types.Lot) { l.Traces++ })
		},
		"is no declaration of": func(b *state.Batch) {
			alter(t, b, types.ParcelBatchKey("platform/b1"), func(p *types.ParcelBatch) { p.Batch.Declaration = "customs/d1" })
		},
		"after 9 of 9 uses": func(b *state.Batch) {
			alter(t, b, types.ConsentKey("DE:HRB:1/c1"), func(c *types.Consent) { c.Used = 9 })
		},
		"not in the queues": func(b *state.Batch) {
			alter(t, b, types.ConsentKey("DE:HRB:1/c1"), func(c *types.Consent) { c.Status = types.ConsentStatus_ACTIVE })
		},
		"still in the queues": func(b *state.Batch) {
			alter(t, b, types.ConsentKey("bank-a/c2"), func(c *types.Consent) { c.Status = types.ConsentStatus_CONSENT_REVOKED })
		},
		"voted twice": func(b *state.Batch) {
			alter(t, b, types.ProposalKey("bank-a/p1"), func(p *types.Proposal) { p.Rejections = p.Approvals[:1] })
		},
		"not of the electorate": func(b *state.Batch) {
			alter(t, b, types.ProposalKey("bank-a/p1"), func(p *types.Proposal) { p.Electorate = p.Electorate[1:] })
		},
		"OPEN with": func(b *state.Batch) {
			alter(t, b, types.ProposalKey("bank-a/p2"), func(p *types.Proposal) { p.Approvals = p.Electorate })
		},
		"public half": func(b *state.Batch) {
			alter(t, b, types.KeyKey("tax", "tax"), func(k *types.KeyRecord) { k.PublicKey[0]++ })
		},
		"is missing": func(b *state.Batch) {
			alter(t, b, types.SubjectKey("DE:HRB:1"), func(h *types.SubjectHead) { h.Entries++ })
		},
		"another root": func(b *state.Batch) {
			alter(t, b, types.SubjectKey("DE:HRB:1"), func(h *types.SubjectHead) { h.Root[0]++ })
		},
		"last_council_seat": func(b *state.Batch) {
			for _, id := range []string{"bank-a", "bank-b", "platform"} {
				alter(t, b, types.KeyKey(id, "council"), func(k *types.KeyRecord) { k.Status = types.KeyStatus_KEY_REVOKED })
			}
		},
	} {
		batch := state.NewBatch(view)
		plant(batch)
		require.ErrorContains(t, Audit(batch, w.unix), name)
	}
}

// fallOf lets a provenance fall, and nothing else.
func fallOf(t *testing.T, b *state.Batch, p *types.Provenance) {
	p.Fallen = true
	alter(t, b, types.KeyKey(p.Signer, p.Key), func(k *types.KeyRecord) { k.CompromisedSinceUnix = 1 })
}

func alter[V any, P types.Record[V]](t *testing.T, b *state.Batch, k types.Key[V], change func(P)) {
	v, err := state.Get[V, P](b, k)
	require.NoError(t, err)
	require.NotNil(t, v, string(k))
	change(v)
	require.NoError(t, state.Set(b, k, v))
}
