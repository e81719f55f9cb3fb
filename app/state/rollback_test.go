package state

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
)

// rows is everything on disk but what the memory of a store may differ in.
func rows(t *testing.T, db *DB) map[string]string {
	t.Helper()
	it, err := db.disk.NewIter(nil)
	require.NoError(t, err)
	defer it.Close()
	all := map[string]string{}
	for ok := it.First(); ok; ok = it.Next() {
		all[string(it.Key())] = string(it.Value())
	}
	return all
}

// sameRows compares all but the head, whose floor is not kept exactly, and references, of which dropped ones go at any time.
func sameRows(t *testing.T, want, got map[string]string) {
	t.Helper()
	compared := 0
	for _, pair := range [][2]map[string]string{{want, got}, {got, want}} {
		for key, value := range pair[0] {
			if key[0] == rowMeta || key[0] == rowReference || key[0] == rowBucket {
				continue
			}
			other, found := pair[1][key]
			require.True(t, found && other == value, "row %q", key)
			compared++
		}
	}
	require.Greater(t, compared, 100)
}

func tailOf(height int64) []LogTail {
	return []LogTail{{Log: "entry/x", From: uint64(height) * 5, To: uint64(height)*5 + 5}}
}

// TestRollback takes every block back and applies it again, on a node that prunes and on an archive: what is on disk is
// what it was before, byte for byte, and goes on like a twin that never went back.
func TestRollback(t *testing.T) {
	w := newTwin(t)
	for _, keep := range []int64{4, 0} {
		o := crashOptions(vfs.NewMem())
		o.KeepHeights = keep
		db, err := Open("db", o)
		require.NoError(t, err)
		runCrashBlock(t, db, 1)
		for height := int64(2); height <= crashBlocks; height++ {
			before := rows(t, db)
			oldest := db.Head().Height - keep
			require.Equal(t, w.appHash[height], runCrashBlock(t, db, height))
			after := rows(t, db)
			require.NoError(t, db.Checkpoint())
			require.NoError(t, db.Rollback(tailOf(height)), "height %d", height)
			require.Equal(t, w.appHash[height-1], db.Head().AppHash)
			require.Equal(t, w.states[height-1], contents(t, db))
			require.NoError(t, db.Verify())
			if keep == 0 {
				sameRows(t, before, rows(t, db))
			} else if oldest > 0 {
				_, err = db.At(oldest - 1)
				require.ErrorIs(t, err, ErrPruned)
			}
			require.Equal(t, w.appHash[height], runCrashBlock(t, db, height))
			if keep == 0 {
				sameRows(t, after, rows(t, db))
			}
			require.NoError(t, db.Verify())
			if height%5 == 0 {
				require.NoError(t, db.Close())
				db, err = Open("db", o)
				require.NoError(t, err)
			}
		}
		require.NoError(t, db.Close())
	}
}

// TestRollbackRefuses: the first block, and what is not kept.
func TestRollbackRefuses(t *testing.T) {
	o := snapshotOptions()
	db, err := Open("db", o)
	require.NoError(t, err)
	require.ErrorIs(t, db.Rollback(nil), ErrNoWayBack)
	runCrashBlock(t, db, 1)
	hash := db.Head().AppHash
	require.ErrorIs(t, db.Rollback(tailOf(1)), ErrNoWayBack)
	require.Equal(t, hash, db.Head().AppHash)
	runCrashBlock(t, db, 2)
	runCrashBlock(t, db, 3)
	require.NoError(t, db.Rollback(tailOf(3)))
	require.NoError(t, db.Rollback(tailOf(2)))
	require.Equal(t, hash, db.Head().AppHash)
	require.NoError(t, db.Close())

	source := chainDB(t, vfs.NewMem(), snapshotOptions(), 9)
	defer source.Close()
	m, chunks := snapshotOf(t, source)
	db, err = restore(m, 9, m.AppHash(), chunks, snapshotOptions())
	require.NoError(t, err)
	require.ErrorIs(t, db.Rollback(nil), ErrNoWayBack, "nothing is kept of the height before")
	require.Equal(t, m.AppHash(), db.Head().AppHash)
	runCrashBlock(t, db, 10)
	require.NoError(t, db.Rollback(tailOf(10)))
	require.Equal(t, m.AppHash(), db.Head().AppHash)
	require.NoError(t, db.Close())
}

// TestRollbackLosesPowerWholeOrNotAtAll cuts the power before every write of a rollback.
func TestRollbackLosesPowerWholeOrNotAtAll(t *testing.T) {
	w := newTwin(t)
	base := vfs.NewCrashableMem()
	db := chainDB(t, base, crashOptions(base), 9)
	require.NoError(t, db.Checkpoint())
	var clones []vfs.FS
	watching := false
	require.NoError(t, db.Close())
	o := crashOptions(watched(base, func(_ errorfs.Op) error {
		if watching {
			clones = append(clones, base.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rand.New(rand.NewPCG(7, 7))}))
		}
		return nil
	}))
	db, err := Open("db", o)
	require.NoError(t, err)
	watching = true
	require.NoError(t, db.Rollback(tailOf(9)))
	watching = false
	clones = append(clones, base.CrashClone(vfs.CrashCloneCfg{}))
	require.NoError(t, db.Close())
	seen := map[int64]int{}
	for i, fs := range clones {
		db, err := Open("db", crashOptions(fs))
		require.NoError(t, err)
		h := db.Head().Height
		seen[h]++
		require.Equal(t, w.appHash[h], db.Head().AppHash)
		require.Equal(t, w.states[h], contents(t, db))
		require.NoError(t, db.Verify(), fmt.Sprint(i))
		require.Equal(t, w.appHash[h+1], runCrashBlock(t, db, h+1))
		require.NoError(t, db.Close())
	}
	require.Positive(t, seen[8])
	require.Positive(t, seen[9])
}
