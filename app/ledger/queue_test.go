package ledger

import (
	"fmt"
	"strings"
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
	good := types.Document{Status: types.DocumentStatus_DOCUMENT_VERIFIED}
	at := w.unix + 10
	w.plant(func(b *state.Batch) {
		require.NoError(t, state.Set(b, types.DueKey(at, bad.Kind, bad.Id), &bad))
		require.NoError(t, state.Set(b, types.DueKey(at, strange.Kind, strange.Id), &strange))
		require.NoError(t, state.Set(b, types.DueKey(at+1, types.DueKind_DUE_DOCUMENT, "DE:HRB:1/d1"), &types.Due{Kind: types.DueKind_DUE_DOCUMENT, Id: "DE:HRB:1/d1"}))
		require.NoError(t, state.Set(b, types.DocumentKey("DE:HRB:1/d1"), &good))
	})
	w.unix = at - 2
	w.block(nil)
	require.Equal(t, BeginStats{}, w.stats, "a second too early")
	w.unix = at
	w.block(nil)
	require.Equal(t, BeginStats{Due: 3, Bad: 2}, w.stats)
	require.Equal(t, types.DocumentStatus_DOCUMENT_EXPIRED, read(w, types.DocumentKey("DE:HRB:1/d1")).Status)
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
			id := fmt.Sprintf("DE:HRB:1/d%02d", i)
			at := first + int64(i)*100
			require.NoError(t, state.Set(b, types.DocumentKey(id), &types.Document{Status: types.DocumentStatus_ANCHORED}))
			require.NoError(t, state.Set(b, types.DueKey(at, types.DueKind_DUE_DOCUMENT, id), &types.Due{Kind: types.DueKind_DUE_DOCUMENT, Id: id}))
		}
	})
	w.unix = first + items*100
	for left := items; left > 0; left -= 16 {
		w.block(nil)
		require.Equal(t, BeginStats{Due: min(16, left), More: left > 16}, w.stats)
		done := items - left + min(16, left)
		require.Equal(t, types.DocumentStatus_DOCUMENT_EXPIRED, read(w, types.DocumentKey(fmt.Sprintf("DE:HRB:1/d%02d", done-1))).Status)
		if done < items {
			require.Equal(t, types.DocumentStatus_ANCHORED, read(w, types.DocumentKey(fmt.Sprintf("DE:HRB:1/d%02d", done))).Status)
		}
	}
	require.Equal(t, fmt.Sprint(floorSpan(w.unix)), read(w, types.DueCursorKey).Id)
	w.block(nil)
	require.Zero(t, w.stats.Due)
}

// After a halt of years what fell due on the way is found at once, at the edges of every span too.
func TestQueueCatchesUp(t *testing.T) {
	w := newWorld(t, castText, "USD", "")
	end := w.unix + 4000*secondsADay + 777
	var dues []int64
	for _, span := range []int64{1, 1000, 10_000, 1_000_000, 100_000_000} {
		edge := end - end%span
		dues = append(dues, edge-1, edge, edge+1)
	}
	w.plant(func(b *state.Batch) {
		for i, at := range dues {
			id := fmt.Sprintf("DE:HRB:1/d%02d", i)
			require.NoError(t, state.Set(b, types.DocumentKey(id), &types.Document{Status: types.DocumentStatus_ANCHORED}))
			require.NoError(t, state.Set(b, types.DueKey(at, types.DueKind_DUE_DOCUMENT, id), &types.Due{Kind: types.DueKind_DUE_DOCUMENT, Id: id}))
		}
	})
	w.unix = end - 1
	w.block(nil)
	require.False(t, w.stats.More)
	left := 0
	for i, at := range dues {
		want := types.DocumentStatus_DOCUMENT_EXPIRED
		if at > end {
			want, left = types.DocumentStatus_ANCHORED, left+1
		}
		require.Equal(t, want, read(w, types.DocumentKey(fmt.Sprintf("DE:HRB:1/d%02d", i))).Status, "%d", at-end)
	}
	require.Equal(t, len(dues)-left, w.stats.Due)
	w.block(nil)
	require.Equal(t, left, w.stats.Due)
}

// A span never reaches beyond the end, and the spans from any time to any other follow each other.
func TestWidestSpan(t *testing.T) {
	for _, c := range [][2]int64{{0, 1000}, {0, 5_123_000}, {1_705_305_000, 1_999_999_000}, {999_000, 1_001_000}, {1_000_000, 2_000_000}} {
		spans := 0
		for at := c[0]; at < c[1]; spans++ {
			zeros, span := widestSpan(at, c[1])
			require.Zero(t, at%span)
			require.LessOrEqual(t, at+span, c[1])
			require.True(t, strings.HasPrefix(string(types.DueKey(at+span-1, 1, "x")), string(types.DuePrefix(at, zeros))))
			require.False(t, strings.HasPrefix(string(types.DueKey(at+span, 1, "x")), string(types.DuePrefix(at, zeros))))
			at += span
		}
		require.Less(t, spans, 200)
	}
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
