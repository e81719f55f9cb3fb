package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Only the signer itself, with another key of the same role, the same content and a mark that covers the record, confirms
// it again.
func TestDoubtful(t *testing.T) {
	msg := &types.RecordLogisticsEvent{Id: "m"}
	for name, c := range map[string]struct {
		change func(*types.Provenance, *types.KeyRecord)
		want   bool
	}{
		"as it should be":    {func(*types.Provenance, *types.KeyRecord) {}, true},
		"at that second":     {func(p *types.Provenance, k *types.KeyRecord) { p.Unix = k.CompromisedSinceUnix }, true},
		"a second before":    {func(p *types.Provenance, k *types.KeyRecord) { p.Unix = k.CompromisedSinceUnix - 1 }, false},
		"revoked, no mark":   {func(_ *types.Provenance, k *types.KeyRecord) { k.CompromisedSinceUnix = 0 }, false},
		"it fell":            {func(p *types.Provenance, _ *types.KeyRecord) { p.Fallen = true }, false},
		"another signer":     {func(p *types.Provenance, _ *types.KeyRecord) { p.Signer = "shop" }, false},
		"the key itself":     {func(p *types.Provenance, _ *types.KeyRecord) { p.Key = "k" }, false},
		"a key that is gone": {func(p *types.Provenance, _ *types.KeyRecord) { p.Key = "gone" }, false},
		"another role":       {func(p *types.Provenance, _ *types.KeyRecord) { p.Role = types.Role_PLATFORM }, false},
		"other content":      {func(p *types.Provenance, _ *types.KeyRecord) { p.Content = digest("other")[:16] }, false},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTrade(t)
			old := &types.KeyRecord{Holder: "carrier", Id: "old", Status: types.KeyStatus_KEY_REVOKED, CompromisedSinceUnix: 1000}
			p := &types.Provenance{
				Signer: "carrier", Key: "old", Role: types.Role_LOGISTICS, Unix: 2000, Content: types.ContentDigest("", msg),
			}
			c.change(p, old)
			require.NoError(t, state.Set(tr, types.KeyKey("carrier", "old"), old))
			tx := &Tx{Batch: tr.Batch, Block: tr.Block, msg: msg, Sender: &Sender{
				ID: "carrier", Key: &types.KeyRecord{Holder: "carrier", Id: "k", Role: types.Role_LOGISTICS},
			}}
			got, err := tx.doubtful(p)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

// A release that falls closes the balance it opened, takes its leg, and leaves nothing for a revocation to take twice.
func TestReleaseFalls(t *testing.T) {
	b := newBreach(t, 1)
	order := b.record("shop", buyer, seller)
	event := func(id string, e types.CustomsEvent) *types.RecordCustomsEvent {
		m := &types.RecordCustomsEvent{Id: id, Declaration: "d", Event: e, Day: tradeDay}
		if e == types.CustomsEvent_DECLARED {
			m.Mode, m.Order, m.Declarant, m.Export, m.Currency, m.ValueMinor = "0110", order, seller, true, "CNY", 5
		}
		return m
	}
	declared := event("e1", types.CustomsEvent_DECLARED)
	b.ok("customs", declared)
	b.ok("customs", event("e2", types.CustomsEvent_RELEASED))
	require.Equal(t, legReceipt, must(state.Get(b, types.OrderKey(order))).Legs)
	b.mark("customs", "k0", b.Unix)
	b.ok("customs", declared)
	b.Unix += confirmAgainS
	b.settle()
	d := must(state.Get(b, types.DeclarationKey("customs/d")))
	require.Zero(t, d.FinanceableMinor)
	require.Equal(t, types.DeclarationStatus_DECLARATION_RELEASED, d.Status)
	require.False(t, d.Provenance.Fallen, "its first event was confirmed again")
	require.Equal(t, b.keys["customs"], d.Provenance.Key)
	o := must(state.Get(b, types.OrderKey(order)))
	require.Zero(t, o.Legs|o.Releases)
	b.ok("customs", event("e3", types.CustomsEvent_DECLARATION_REVOKED))
	require.Zero(t, must(state.Get(b, types.OrderKey(order))).Releases)
	b.requireAll()
}
