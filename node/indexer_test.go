package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/node/index"
	"tradecredit/types"
)

// bareState is a state without a chain, which keeps few heights.
func bareState(t *testing.T, dir string) *state.DB {
	t.Helper()
	db, err := state.Open(dir, state.Options{KeepHeights: 5, CacheBytes: 8 << 20, CheckpointEvery: -1})
	require.NoError(t, err)
	return db
}

// bareBlock commits a block with one order, and a chain record in the first.
func bareBlock(t *testing.T, db *state.DB, chain string) {
	t.Helper()
	view := db.View()
	defer view.Close()
	height := view.Height() + 1
	batch := state.NewBatch(view)
	if height == 1 {
		require.NoError(t, state.Set(batch, types.ChainKey, &types.Chain{ChainId: chain}))
	}
	require.NoError(t, state.Set(batch, types.OrderKey(fmt.Sprintf("bank-a/%s-%04d", chain, height)), &types.Order{
		Status: types.OrderStatus_PROPOSED, Provenance: &types.Provenance{Signer: "bank-a", Height: height}}))
	staged, err := db.Stage(height, batch)
	require.NoError(t, err)
	require.NoError(t, db.Apply(staged))
}

// bareIndexer follows a bare state; the log tells why an index was made.
func bareIndexer(t *testing.T, db *state.DB, dir string) (*indexer, *logBuffer) {
	t.Helper()
	log := &logBuffer{}
	c := Default(filepath.Dir(filepath.Dir(dir)))
	n := &Node{cfg: c, state: db, logger: NewLogger(log, LogConfig{Level: "info", Format: "plain"})}
	require.Equal(t, dir, c.IndexDir())
	n.openIndex()
	return n.indexer, log
}

// orders demands that the index lists the orders of a chain, one a block, newest first.
func orders(t *testing.T, x *indexer, chain string, height int64) {
	t.Helper()
	var page *index.Page
	require.Eventually(t, func() bool {
		var err error
		page, err = x.list(t.Context(), index.Query{Kind: "order", By: "signer", Value: "bank-a", Limit: index.MaxLimit})
		if errors.Is(err, index.ErrBuilding) || errors.Is(err, index.ErrClosed) {
			return false
		}
		require.NoError(t, err)
		return page.Height >= height
	}, patience, time.Millisecond)
	require.Equal(t, height, page.Height)
	require.Equal(t, height, page.Total)
	rows := page.Rows
	for page.Next != "" && len(rows) < int(height) {
		var err error
		page, err = x.list(t.Context(), index.Query{Kind: "order", By: "signer", Value: "bank-a", Limit: index.MaxLimit, After: page.Next})
		require.NoError(t, err)
		rows = append(rows, page.Rows...)
	}
	require.Len(t, rows, int(height))
	for i, r := range rows {
		require.Equal(t, fmt.Sprintf("order/bank-a/%s-%04d", chain, height-int64(i)), r.Key)
	}
	require.Zero(t, x.lag())
}

// Wherever the index stands when it begins, and whatever is left of what it needs, it comes to show the state.
func TestIndexerCatchesUp(t *testing.T) {
	home := t.TempDir()
	dir := filepath.Join(home, "data", "index")
	db := bareState(t, filepath.Join(home, "state"))
	more := func(blocks int) {
		for range blocks {
			bareBlock(t, db, "a")
		}
	}
	follow := func(reason string) {
		t.Helper()
		x, log := bareIndexer(t, db, dir)
		x.follow()
		orders(t, x, "a", db.Head().Height)
		more(3)
		orders(t, x, "a", db.Head().Height)
		require.NoError(t, x.stop())
		require.NoError(t, x.stop())
		if reason == "" {
			require.NotContains(t, log.String(), "is made from the state")
		} else {
			require.Contains(t, log.String(), reason)
		}
	}
	more(20)
	follow("there was none")
	follow("")
	more(3)
	follow("")
	more(20)
	follow("the blocks that it lacks are pruned")

	require.NoError(t, db.Close())
	db = bareState(t, filepath.Join(home, "older"))
	more(4)
	follow("it was ahead of the state")

	require.NoError(t, db.Close())
	db = bareState(t, filepath.Join(home, "other"))
	for range 9 {
		bareBlock(t, db, "b")
	}
	x, log := bareIndexer(t, db, dir)
	x.follow()
	orders(t, x, "b", 9)
	require.Contains(t, log.String(), "it was of another chain")
	require.NoError(t, x.stop())
	require.NoError(t, db.Close())
}

// Blocks that come while the index is made wait for it, even if they would have been pruned.
func TestIndexerIsOvertaken(t *testing.T) {
	home := t.TempDir()
	db := bareState(t, filepath.Join(home, "state"))
	for range 300 {
		bareBlock(t, db, "a")
	}
	x, log := bareIndexer(t, db, filepath.Join(home, "data", "index"))
	x.follow()
	for range 200 {
		bareBlock(t, db, "a")
	}
	orders(t, x, "a", 500)
	require.Equal(t, 1, strings.Count(log.String(), "is made from the state"))
	require.NoError(t, x.stop())
	require.NoError(t, db.Close())
}

// An index whose files were damaged is made anew while the node runs.
func TestIndexerHeals(t *testing.T) {
	home := t.TempDir()
	dir := filepath.Join(home, "data", "index")
	db := bareState(t, filepath.Join(home, "state"))
	for range 300 {
		bareBlock(t, db, "a")
	}
	x, _ := bareIndexer(t, db, dir)
	x.follow()
	orders(t, x, "a", 300)
	require.NoError(t, x.stop())
	x, _ = bareIndexer(t, db, dir) // replays its log into a table
	require.NoError(t, x.stop())

	tables, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	require.NoError(t, err)
	require.NotEmpty(t, tables)
	for _, path := range tables {
		raw, err := os.ReadFile(path)
		require.NoError(t, err)
		for i := range raw[:len(raw)/2] {
			raw[i] ^= 0xff
		}
		require.NoError(t, os.WriteFile(path, raw, 0o600))
	}
	x, log := bareIndexer(t, db, dir)
	x.follow()
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "it is deleted and made anew") }, patience, time.Millisecond,
		"the check finds what nobody has read yet")
	orders(t, x, "a", 300)
	bareBlock(t, db, "a")
	orders(t, x, "a", 301)
	require.False(t, x.broken.Load())
	require.NoError(t, x.stop())
	require.NoError(t, db.Close())
}
