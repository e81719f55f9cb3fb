package ledger

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// plant puts records into a world's next height, as no rule would.
func (w *world) plant(write func(*state.Batch)) {
	view := w.db.View()
	batch := state.NewBatch(view)
	write(batch)
	w.commit(view, batch)
}

func read[V any, P types.Record[V]](w *world, k types.Key[V]) P {
	view := w.db.View()
	defer func() { require.NoError(w.t, view.Close()) }()
	v, err := state.Get[V, P](view, k)
	require.NoError(w.t, err)
	return v
}

// An item that names nothing is tried again for two days, then parked where it can be seen; the queue goes on.
func TestQueueBadItem(t *testing.T) {
	w := newWorld(t, castText, "USD", "")
	bad := types.Due{Kind: types.DueKind_DUE_CONSENT, Id: "bank-a/none"}
	strange := types.Due{Kind: types.DueKind_DUE_UNSPECIFIED, Id: "strange"}
	good := types.Consent{Consent: &types.GrantConsent{Id: "c1", Uses: 1}, Subject: "DE:HRB:1", Status: types.ConsentStatus_ACTIVE}
	at := w.unix + 10
	w.plant(func(b *state.Batch) {
		require.NoError(t, state.Set(b, types.DueKey(at, bad.Kind, bad.Id), &bad))
		require.NoError(t, state.Set(b, types.DueKey(at, strange.Kind, strange.Id), &strange))
		require.NoError(t, state.Set(b, types.DueKey(at+1, bad.Kind, "DE:HRB:1/c1"), &types.Due{Kind: bad.Kind, Id: "DE:HRB:1/c1"}))
		require.NoError(t, state.Set(b, types.ConsentKey("DE:HRB:1/c1"), &good))
	})
	w.unix = at - 2
	w.block(nil)
	require.Equal(t, BeginStats{}, w.stats, "a second too early")
	w.unix = at
	w.block(nil)
	require.Equal(t, BeginStats{Due: 3, Bad: 2}, w.stats)
	require.Equal(t, types.ConsentStatus_EXPIRED, read(w, types.ConsentKey("DE:HRB:1/c1")).Status)
	for day := 1; day < dueMaxAttempts; day++ {
		require.EqualValues(t, day, read(w, types.DueKey(w.unix+dueRetryS, bad.Kind, bad.Id)).Attempts)
		w.unix += dueRetryS - 1
		w.block(nil)
		require.Equal(t, BeginStats{Due: 2, Bad: 2}, w.stats)
	}
	require.EqualValues(t, dueMaxAttempts, read(w, types.DueKey(dueParkedUnix, bad.Kind, bad.Id)).Attempts)
	w.unix += 1000 * secondsADay
	w.block(nil)
	require.Zero(t, w.stats.Due)
}

// What falls due at once is spread over blocks, oldest first, and nothing is left behind; the cursor follows.
func TestQueueIsBounded(t *testing.T) {
	w := newWorld(t, castText, "USD", "")
	params := types.DefaultParameters()
	require.NoError(t, params.Set("queue_items", 16))
	const items = 40
	first := w.unix + 900
	w.plant(func(b *state.Batch) {
		require.NoError(t, state.Set(b, types.ParametersKey, &params))
		for i := range items {
			id := fmt.Sprintf("DE:HRB:1/c%02d", i)
			at := first + int64(i)*100
			require.NoError(t, state.Set(b, types.ConsentKey(id), &types.Consent{Subject: "DE:HRB:1", Status: types.ConsentStatus_ACTIVE}))
			require.NoError(t, state.Set(b, types.DueKey(at, types.DueKind_DUE_CONSENT, id), &types.Due{Kind: types.DueKind_DUE_CONSENT, Id: id}))
		}
	})
	w.unix = first + items*100
	for left := items; left > 0; left -= 16 {
		w.block(nil)
		require.Equal(t, BeginStats{Due: min(16, left), More: left > 16}, w.stats)
		done := items - left + min(16, left)
		require.Equal(t, types.ConsentStatus_EXPIRED, read(w, types.ConsentKey(fmt.Sprintf("DE:HRB:1/c%02d", done-1))).Status)
		if done < items {
			require.Equal(t, types.ConsentStatus_ACTIVE, read(w, types.ConsentKey(fmt.Sprintf("DE:HRB:1/c%02d", done))).Status)
		}
	}
	require.Equal(t, fmt.Sprint(w.unix/types.DueStepS), read(w, types.DueCursorKey).Id)
	w.block(nil)
	require.Zero(t, w.stats.Due)
}

// After a halt of years the cursor catches up in a few blocks, and finds what fell due on the way.
func TestQueueCatchesUp(t *testing.T) {
	w := newWorld(t, castText, "USD", "")
	id := "DE:HRB:1/c1"
	due := w.unix + 700*secondsADay
	w.plant(func(b *state.Batch) {
		require.NoError(t, state.Set(b, types.ConsentKey(id), &types.Consent{Subject: "DE:HRB:1", Status: types.ConsentStatus_ACTIVE}))
		require.NoError(t, state.Set(b, types.DueKey(due, types.DueKind_DUE_CONSENT, id), &types.Due{Kind: types.DueKind_DUE_CONSENT, Id: id}))
	})
	w.unix += 1000 * secondsADay
	blocks, worked := 0, 0
	for more := true; more; blocks++ {
		require.Less(t, blocks, 10)
		w.block(nil)
		worked, more = worked+w.stats.Due, w.stats.More
	}
	require.Equal(t, 1, worked)
	require.Equal(t, 3, blocks)
	require.Equal(t, types.ConsentStatus_EXPIRED, read(w, types.ConsentKey(id)).Status)
}

// A signer's bytes and messages of one day are bounded; the next day begins at zero.
func TestQuotas(t *testing.T) {
	w := newWorld(t, castText, "USD", "")
	params := types.DefaultParameters()
	m := &Moment{Chain: &types.Chain{ChainId: scriptChain}, Params: &params, Unix: w.unix + 1}
	tx := w.transaction(from("bank-a/bank"), message{"revoke_key", []datadriven.CmdArg{{Key: "key", Vals: []string{"x"}}}}).tx
	size := int64(len(tx.Raw))
	for _, c := range []struct {
		usage types.Usage
		code  types.Code
	}{
		{types.Usage{Day: m.Today(), Bytes: params.QuotaBytes - size, Messages: params.QuotaMessages - 1}, types.Code_ok},
		{types.Usage{Day: m.Today(), Bytes: params.QuotaBytes - size + 1}, types.Code_quota_bytes_exceeded},
		{types.Usage{Day: m.Today(), Messages: params.QuotaMessages}, types.Code_quota_messages_exceeded},
		{types.Usage{Day: m.Today() - 1, Bytes: params.QuotaBytes, Messages: params.QuotaMessages}, types.Code_ok},
	} {
		view := w.db.View()
		batch := state.NewBatch(view)
		require.NoError(t, state.Set(batch, types.UsageKey("bank-a"), &c.usage))
		_, err := Authenticate(batch, m, tx)
		code, ok := types.CodeOf(err)
		require.True(t, ok, "%v", err)
		require.Equal(t, c.code, code)
		require.NoError(t, Charge(batch, m, tx))
		require.NoError(t, view.Close())
	}
}
