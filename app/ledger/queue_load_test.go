package ledger

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// backlog plants n items of all kinds that fall due between first and a thousand seconds later, as after a halt.
func backlog(t testing.TB, b *state.Batch, n int, first int64) {
	for i := range n {
		at, id := first+int64(i%1000), fmt.Sprintf("bank-a/i%06d", i)
		subject := fmt.Sprintf("DE:HRB:%d", i%200)
		due := &types.Due{Id: id}
		var err error
		switch i % 8 {
		case 0, 1:
			due.Kind = types.DueKind_DUE_CONSENT
			err = state.Set(b, types.ConsentKey(id), &types.Consent{Consent: &types.GrantConsent{Uses: 1}, Status: types.ConsentStatus_ACTIVE})
		case 2, 3:
			due.Kind = types.DueKind_DUE_DOCUMENT
			err = state.Set(b, types.DocumentKey(id), &types.Document{Status: types.DocumentStatus_DOCUMENT_VERIFIED})
		case 4:
			due.Kind = types.DueKind_DUE_OFFER
			err = state.Set(b, types.OfferKey(id), &types.Offer{Status: types.OfferStatus_OFFER_OPEN})
		case 5:
			due.Kind = types.DueKind_DUE_POLICY
			err = state.Set(b, types.PolicyKey(id), &types.Policy{Status: types.PolicyStatus_POLICY_LIVE})
		case 6:
			due.Kind = types.DueKind_DUE_ENTERPRISE
			due.Id = fmt.Sprintf("FR:RCS:%d", i)
			err = state.Set(b, types.EnterpriseKey(due.Id), &types.Enterprise{
				Registration: &types.RegisterEnterprise{Subject: due.Id}, Status: types.EnterpriseStatus_REGISTERED,
			})
		case 7:
			due.Kind = types.DueKind_DUE_DISPUTE
			plantDispute(t, b, id, subject, at, i%16 == 7)
		}
		require.NoError(t, err)
		require.NoError(t, state.Set(b, types.DueKey(at, due.Kind, due.Id), due))
	}
}

// plantDispute plants a dispute of an adverse record whose time ends then, answered or not.
func plantDispute(t testing.TB, b *state.Batch, id, subject string, at int64, answered bool) {
	item := string(types.AdverseKey(id))
	require.NoError(t, state.Set(b, types.AdverseKey(id), &types.Adverse{
		Adverse:    &types.RecordAdverse{Subject: subject, Kind: types.AdverseKind_LOAN_DEFAULT},
		Provenance: &types.Provenance{Signer: "bank-a", Counted: true},
	}))
	require.NoError(t, state.Set(b, types.DisputedItemKey(item), &types.DisputedItem{Open: id, Disputes: 1, Last: id, Disputants: []string{subject}}))
	d := &types.Dispute{
		Dispute: &types.OpenDispute{Item: item}, Subject: subject, Provider: "bank-a", Provenance: &types.Provenance{Signer: subject},
		Status: types.DisputeStatus_FLAGGED, RespondByUnix: at,
	}
	if answered {
		d.Status, d.EscalateByUnix = types.DisputeStatus_RESPONDED, at
	}
	require.NoError(t, state.Set(b, types.DisputeKey(id), d))
}

// A hundred thousand items fall due during a halt. Every block works off its share and no more, what is sent is final in
// the block that it is sent in, and in the end nothing is left.
func TestBacklogDelaysNothing(t *testing.T) {
	const items = 100_000
	w := newWorld(t, castText, "USD", "")
	s := &script{world: w, t: t, macros: map[string]string{}}
	for _, subject := range []string{"DE:HRB:seller", "FR:RCS:buyer"} {
		require.Equal(t, "ok\n", s.enterprise([]datadriven.CmdArg{{Key: subject}}))
	}
	first := w.unix + 100
	w.plant(func(b *state.Batch) { backlog(t, b, items, first) })
	w.unix = first + 1000
	share := types.DefaultParameters().QueueItems
	var times, begins []time.Duration
	worked := 0
	for more := true; more; {
		require.Less(t, len(times), 3*items/int(share), "it ends")
		start := time.Now()
		stats, begin, codes := w.loaded()
		times, begins = append(times, time.Since(start)), append(begins, begin)
		require.LessOrEqual(t, int64(stats.Due), share)
		require.Zero(t, stats.Bad)
		require.Equal(t, []types.Code{types.Code_ok, types.Code_ok, types.Code_already_recorded}, codes)
		worked += stats.Due
		more = stats.Due > 0
	}
	require.GreaterOrEqual(t, worked, items)
	done := map[string]int{}
	view := w.db.View()
	defer func() { require.NoError(t, view.Close()) }()
	require.NoError(t, each(view, types.Disputes, func(_ string, d *types.Dispute) error { done[d.Status.String()]++; return nil }))
	require.NoError(t, each(view, types.Enterprises, func(_ string, e *types.Enterprise) error { done[e.Status.String()]++; return nil }))
	require.Equal(t, map[string]int{"SUPPRESSED": items / 16, "STANDS": items / 16, "LAPSED_ENTERPRISE": items / 8, "ENTERPRISE_VERIFIED": 2}, done)
	slices.Sort(times)
	slices.Sort(begins)
	t.Logf("%d items in %d blocks of at most %d: a block took %v at the median and %v at most, of it its start %v and %v",
		items, len(times), share, times[len(times)/2], times[len(times)-1], begins[len(begins)/2], begins[len(begins)-1])
}

// loaded makes a block with two new orders and one that was sent before, without the checks of other tests.
func (w *world) loaded() (stats BeginStats, begin time.Duration, codes []types.Code) {
	order := func(id string) message {
		args := []datadriven.CmdArg{}
		for _, kv := range [][2]string{
			{"id", id}, {"kind", "GOODS"}, {"buyer", "FR:RCS:buyer"}, {"seller", "DE:HRB:seller"}, {"order_day", "D"}, {"promised_day", "D+9"},
			{"currency", "USD"}, {"amount_minor", "100"}, {"terms_digest", "#terms"},
		} {
			args = append(args, datadriven.CmdArg{Key: kv[0], Vals: []string{kv[1]}})
		}
		return message{"record_order", args}
	}
	id := fmt.Sprintf("o%d", w.height)
	var txs []sent
	for _, name := range []string{id + "a", id + "b", id + "a"} {
		txs = append(txs, w.transaction(from("platform/platform"), order(name)))
	}
	w.unix++
	view, prev := w.db.View(), w.db.View()
	defer func() { require.NoError(w.t, prev.Close()) }()
	batch := state.NewBatch(view)
	b, err := NewBlock(batch, prev, w.height+1, w.unix)
	require.NoError(w.t, err)
	start := time.Now()
	stats, err = b.Begin()
	require.NoError(w.t, err)
	begin = time.Since(start)
	for i, s := range txs {
		require.NoError(w.t, s.refused)
		r, err := b.Deliver(s.tx, uint32(i), true)
		require.NoError(w.t, err)
		codes = append(codes, r.Code)
	}
	w.commit(view, batch)
	return stats, begin, codes
}
