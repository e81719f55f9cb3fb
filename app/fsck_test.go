package app

import (
	"bytes"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// fsck runs all checks and gives the name of the first that finds something.
func fsck(t *testing.T, db *state.DB, unix int64) (string, error) {
	t.Helper()
	for _, c := range Checks(db, unix) {
		if err := c.Run(func(int) {}); err != nil {
			return c.Name, err
		}
	}
	return "", nil
}

// TestChecksOfAWholeState: nothing is found in a state that nobody damaged, however it came about.
func TestChecksOfAWholeState(t *testing.T) {
	o := newOffering(t)
	name, err := fsck(t, o.db, o.unix)
	require.NoError(t, err, name)
	r := joiner(t, o.w, vfs.NewMem())
	o.accept(r)
	name, err = fsck(t, r.db, o.unix)
	require.NoError(t, err, name)
	leaves, rows := 0, uint64(0)
	for part := range state.Ranges {
		s, err := r.Scrub(part)
		require.NoError(t, err)
		leaves, rows = leaves+s.Leaves, rows+s.Rows
	}
	require.Greater(t, leaves, 1000)
	require.GreaterOrEqual(t, rows, uint64(9), "the log of block hashes")
	_, err = r.Scrub(state.Ranges)
	require.ErrorIs(t, err, state.ErrInvalid)
}

// TestRollbackOfABlock: the application without its newest block is what it was, passes all checks, and computes the block again.
func TestRollbackOfABlock(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{})
	var results [][]byte
	for h := range 5 {
		results = append(results, outcome(t, r.block(w.tx(t, "forex", r.unix, fixings(h*10, 10)...))))
	}
	before := r.leaves()
	hash := r.info().LastBlockAppHash
	for range 3 {
		require.NoError(t, Rollback(r.db))
		require.Equal(t, int64(4), r.Height())
		require.NotEqual(t, before, r.leaves())
		name, err := fsck(t, r.db, r.unix)
		require.NoError(t, err, name)
		r.unix--
		r.restart()
		res := r.block(r.history[4]...)
		require.Equal(t, results[4], outcome(t, res), "the same block gives the same")
		r.history = r.history[:5]
		require.Equal(t, before, r.leaves())
		require.Equal(t, hash, r.info().LastBlockAppHash)
	}
	require.NoError(t, Rollback(r.db))
	r.unix--
	r.restart()
	other := r.block()
	require.NotEqual(t, results[4], outcome(t, other), "another block may take its place")
	name, err := fsck(t, r.db, r.unix)
	require.NoError(t, err, name)
}

// TestDamageIsFound: what is changed under the store's feet, and who finds it.
func TestDamageIsFound(t *testing.T) {
	w := newWorld(t)
	for _, damage := range []struct {
		name  string
		do    func(t *testing.T, disk *pebble.DB)
		check string
		words string
	}{
		{"a row of the log of block hashes", func(t *testing.T, disk *pebble.DB) {
			key := append([]byte("E"+types.BlockLogName+"\x00"), 0, 0, 0, 0, 0, 0, 0, 1)
			require.NoError(t, disk.Set(key, make([]byte, 32), pebble.Sync))
		}, "logs against their heads", "block-log"},
		{"a row that no head counts", func(t *testing.T, disk *pebble.DB) {
			key := append([]byte("Esubject-of-nobody\x00"), 0, 0, 0, 0, 0, 0, 0, 0)
			require.NoError(t, disk.Set(key, []byte("x"), pebble.Sync))
		}, "logs against their heads", "no head"},
		{"a row too many", func(t *testing.T, disk *pebble.DB) {
			key := append([]byte("E"+types.BlockLogName+"\x00"), 0, 0, 0, 0, 0, 0, 0, 77)
			require.NoError(t, disk.Set(key, make([]byte, 32), pebble.Sync))
		}, "logs against their heads", "row 77"},
	} {
		t.Run(damage.name, func(t *testing.T) {
			r := newReplica(t, w, Options{})
			for h := range 3 {
				r.block(w.tx(t, "forex", r.unix, fixings(h*10, 10)...))
			}
			r.Quit()
			require.NoError(t, r.db.Close())
			tamper(t, r.fs, damage.do)
			r.open()
			name, err := fsck(t, r.db, r.unix)
			require.ErrorContains(t, err, damage.words)
			require.Equal(t, damage.check, name)
		})
	}
}

// tamper opens the rows of a closed store with a Pebble of its own.
func tamper(t *testing.T, fs vfs.FS, do func(*testing.T, *pebble.DB)) {
	t.Helper()
	comparer := *pebble.DefaultComparer
	comparer.Name = "tradecredit.rows.v1"
	comparer.Split = func(key []byte) int {
		if i := bytes.IndexByte(key, 0); i >= 0 {
			return i + 1
		}
		return len(key)
	}
	disk, err := pebble.Open("state/rows", &pebble.Options{FS: fs, Comparer: &comparer})
	require.NoError(t, err)
	do(t, disk)
	require.NoError(t, disk.Close())
}
