package ledger

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// A sweep over many records does a bounded amount a block, goes on where it stopped, and needs nothing but the state: a
// node that is started anew in between comes to the same.
func TestSweepIsBounded(t *testing.T) {
	const records, covered = 5000, 1500
	b := newBreach(t, 1)
	order := b.record("shop", buyer, seller)
	for i := range records {
		if i == records-covered {
			b.Unix++
		}
		b.move("carrier", order, types.LogisticsEvent_IN_TRANSIT, tradeDay)
	}
	b.mark("carrier", "k0", b.Unix)
	start := b.Unix + confirmAgainS

	dir := t.TempDir()
	db, err := state.Open(dir, state.Options{CheckpointEvery: -1})
	require.NoError(t, err)
	view := db.View()
	batch := state.NewBatch(view)
	copyState(t, b.Batch, batch)
	commit := func(height int64) {
		staged, err := db.Stage(height, batch)
		require.NoError(t, err)
		require.NoError(t, db.Apply(staged))
		require.NoError(t, view.Close())
	}
	commit(1)
	height, fallen := int64(2), 0
	for ; fallen < covered; height++ {
		require.LessOrEqual(t, height, int64(2+(records+2*covered)/(sweepWork-2)), "it comes to an end")
		running := beginBlock(t, b.Batch, b.Prev, height, start+height)
		if height%8 == 0 {
			require.NoError(t, db.Close())
			db, err = state.Open(dir, state.Options{CheckpointEvery: -1})
			require.NoError(t, err)
		}
		view = db.View()
		batch = state.NewBatch(view)
		require.Equal(t, running, beginBlock(t, batch, view, height, start+height))
		require.Greater(t, running, 0)
		require.LessOrEqual(t, running, sweepWork+2)
		commit(height)
		fallen = countFallen(t, b.Batch)
	}
	require.Equal(t, covered, fallen)
	view = db.View()
	require.Equal(t, allOf(t, b.Batch), allOf(t, view))
	require.NoError(t, view.Close())
	require.NoError(t, db.Close())
}

// beginBlock begins a block on a batch, and tells what its sweeps did.
func beginBlock(t *testing.T, batch *state.Batch, prev state.Reader, height, unix int64) int {
	block, err := NewBlock(batch, prev, height, unix)
	require.NoError(t, err)
	stats, err := block.Begin()
	require.NoError(t, err)
	require.Zero(t, stats.Bad)
	return block.swept
}

// allOf is a whole state but for the rows of logs, whose roots it holds.
func allOf(t *testing.T, r state.Reader) map[string]string {
	all := map[string]string{}
	require.NoError(t, r.Scan("", func(key string, value []byte) error {
		all[key] = string(value)
		return nil
	}))
	return all
}

// copyState puts everything that a batch holds into another one.
func copyState(t *testing.T, from, to *state.Batch) {
	require.NoError(t, from.Scan("", func(key string, value []byte) error {
		to.Set(key, bytes.Clone(value))
		subject, ok := strings.CutPrefix(key, string(types.Subjects))
		if !ok {
			return nil
		}
		var head types.SubjectHead
		require.NoError(t, head.Unmarshal(value))
		for n := range head.Entries {
			row, err := from.Entry(types.EntryLog(subject), n)
			require.NoError(t, err)
			to.Append(types.EntryLog(subject), n, row)
		}
		return nil
	}))
}

func countFallen(t *testing.T, r state.Reader) (n int) {
	require.NoError(t, r.Scan(string(types.Movements), func(_ string, value []byte) error {
		var v types.Movement
		require.NoError(t, v.Unmarshal(value))
		if v.Provenance.Fallen {
			n++
		}
		return nil
	}))
	return n
}

// A record that contradicts other rows is named in the year 9999, and the sweep goes on.
func TestSweepOverABadRecord(t *testing.T) {
	b := newBreach(t, 1)
	order := b.record("shop", buyer, seller)
	for range 3 {
		b.move("carrier", order, types.LogisticsEvent_IN_TRANSIT, tradeDay)
	}
	alterIn := func(id string, change func(*types.Movement)) {
		v := must(state.Get(b, types.MovementKey(id)))
		change(v)
		require.NoError(t, state.Set(b, types.MovementKey(id), v))
	}
	alterIn("carrier/n3", func(v *types.Movement) { v.SellerEntry = 1000 })
	b.mark("carrier", "k0", b.Unix)
	b.Unix += confirmAgainS
	b.settle()
	for id, want := range map[string]bool{"carrier/n2": true, "carrier/n3": false, "carrier/n4": true} {
		require.Equal(t, want, must(state.Get(b, types.MovementKey(id))).Provenance.Fallen, id)
	}
	stuck := 0
	require.NoError(t, b.Scan(string(types.Dues), func(key string, value []byte) error {
		var due types.Due
		require.NoError(t, due.Unmarshal(value))
		if due.Kind == types.DueKind_DUE_COMPROMISE {
			require.Equal(t, int64(dueParkedUnix), dueUnix(key))
			require.Equal(t, "movement/carrier/n3", due.Cursor)
			stuck++
		}
		return nil
	}))
	require.Equal(t, 1, stuck)
}
