package state

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// chainDB commits heights of crashBlock and returns the store open.
func chainDB(t *testing.T, fs vfs.FS, o Options, heights int64) *DB {
	t.Helper()
	o.FS = fs
	db, err := Open("db", o)
	require.NoError(t, err)
	for h := db.Head().Height + 1; h <= heights; h++ {
		runCrashBlock(t, db, h)
	}
	return db
}

// logged collects what a store says.
func logged(lines *[]string) func(string, ...any) {
	return func(format string, args ...any) { *lines = append(*lines, fmt.Sprintf(format, args...)) }
}

func readFile(t *testing.T, fs vfs.FS, name string) []byte {
	f, err := fs.Open(name)
	require.NoError(t, err)
	defer f.Close()
	b, err := io.ReadAll(f)
	require.NoError(t, err)
	return b
}

func writeFile(t *testing.T, fs vfs.FS, name string, b []byte) {
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	_, err = f.Write(b)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func checkpointFile(t *testing.T, db *DB) string {
	names, err := db.checkpointNames()
	require.NoError(t, err)
	require.Len(t, names, 1)
	return db.fs.PathJoin(db.checkpointDir(), names[0])
}

func TestStartFromCheckpoint(t *testing.T) {
	o := testOptions(nil)
	o.KeepHeights = 6
	fs := vfs.NewMem()
	db := chainDB(t, fs, o, 8)
	require.NoError(t, db.Checkpoint())
	for h := int64(9); h <= 13; h++ {
		runCrashBlock(t, db, h)
	}
	head, want := db.Head(), contents(t, db)
	name := checkpointFile(t, db)
	require.NoError(t, db.Close())

	reopen := func(used bool, heights int64) {
		t.Helper()
		var lines []string
		o.Logger = logged(&lines)
		o.FS = fs
		db, err := Open("db", o)
		require.NoError(t, err)
		require.Equal(t, used, !strings.Contains(strings.Join(lines, "\n"), "not used"), "%v", lines)
		require.Equal(t, head, db.Head())
		require.Equal(t, want, contents(t, db))
		for h := head.Height + 1; h <= heights; h++ {
			runCrashBlock(t, db, h)
		}
		head, want = db.Head(), contents(t, db)
		require.NoError(t, db.Close())
	}
	reopen(true, 13)
	good := readFile(t, fs, name)
	for i := range 40 { // one bit flipped, somewhere
		bad := append([]byte{}, good...)
		bad[i*len(bad)/40] ^= 1 << (i % 8)
		writeFile(t, fs, name, bad)
		reopen(false, 13)
	}
	for _, n := range []int{0, 10, len(checkpointMagic) + 8, len(good) / 2, len(good) - 1} {
		writeFile(t, fs, name, good[:n])
		reopen(false, 13)
	}
	// Stamped with a later height than it is of, but consistent: the root does not agree.
	stamped := append([]byte{}, good...)
	stamped[len(checkpointMagic)+7] = 12
	writeFile(t, fs, name, stamped)
	reopen(false, 13)
	stamped[len(checkpointMagic)+7] = 14 // a height that was never committed
	writeFile(t, fs, name, stamped)
	reopen(false, 13)
	writeFile(t, fs, name, good)
	reopen(true, 20)
	reopen(false, 20) // its changes are pruned by now
	require.NoError(t, fs.Remove(name))
	reopen(false, 20)
}

func TestCheckpointsAreWrittenBesideBlocks(t *testing.T) {
	o := testOptions(nil)
	o.CheckpointEvery = 5
	fs := vfs.NewMem()
	db := chainDB(t, fs, o, 40)
	require.NoError(t, db.Close())
	var lines []string
	o.Logger = logged(&lines)
	db = chainDB(t, fs, o, 40)
	require.Empty(t, lines)
	names, err := db.checkpointNames()
	require.NoError(t, err)
	require.Len(t, names, 1)
	require.NoError(t, db.Close())
}

// TestManyChangesMakeACheckpointDue, so that a start never has too many to read again.
func TestManyChangesMakeACheckpointDue(t *testing.T) {
	o := testOptions(nil)
	o.CheckpointEvery, o.replay = 1_000_000, 200
	db := chainDB(t, vfs.NewMem(), o, 12)
	db.checkpoints.wait()
	names, err := db.checkpointNames()
	require.NoError(t, err)
	require.Len(t, names, 1)
	require.NotEqual(t, fmt.Sprintf("%s%020d", checkpointPrefix, 1), names[0])
	require.NoError(t, db.Close())
}

// TestShardsNewerThanTheStamp starts from a checkpoint whose shards were written while blocks
// went on.
func TestShardsNewerThanTheStamp(t *testing.T) {
	fs := vfs.NewMem()
	db := chainDB(t, fs, testOptions(nil), 5)
	require.NoError(t, fs.MkdirAll(db.checkpointDir(), 0o755))
	f, err := fs.Create(db.fs.PathJoin(db.checkpointDir(), fmt.Sprintf("%s%020d", checkpointPrefix, 5)), vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	_, err = f.Write(append([]byte(checkpointMagic), 0, 0, 0, 0, 0, 0, 0, 5))
	require.NoError(t, err)
	for i := range shardCount {
		if i%400 == 399 {
			runCrashBlock(t, db, db.Head().Height+1)
		}
		_, err = f.Write(db.appendSection(nil, i))
		require.NoError(t, err)
	}
	require.NoError(t, f.Close())
	head := db.Head()
	require.NoError(t, db.Close())
	var lines []string
	o := testOptions(nil)
	o.Logger = logged(&lines)
	db = chainDB(t, fs, o, head.Height)
	require.Empty(t, lines)
	require.Equal(t, head, db.Head())
	runCrashBlock(t, db, head.Height+1)
	require.NoError(t, db.Close())
}

// TestStartRefusesWhatWasChanged changes single rows on disk.
func TestStartRefusesWhatWasChanged(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, db *DB, b *pebble.Batch){
		"a value": func(t *testing.T, db *DB, b *pebble.Batch) {
			require.NoError(t, b.Set(stateRow("chain", 1), []byte("another"), nil))
		},
		"a leaf gone": func(t *testing.T, db *DB, b *pebble.Batch) {
			require.NoError(t, b.Delete(stateRow("chain", 1), nil))
		},
		"a leaf more": func(t *testing.T, db *DB, b *pebble.Batch) {
			require.NoError(t, b.Set(stateRow("unheard of", 3), []byte("x"), nil))
		},
		"a leaf of the future": func(t *testing.T, db *DB, b *pebble.Batch) {
			require.NoError(t, b.Set(stateRow("chain", 9), []byte("genesis"), nil))
		},
		"the head's app hash": func(t *testing.T, db *DB, b *pebble.Batch) {
			h := db.head.clone()
			h.AppHash[0] ^= 1
			require.NoError(t, b.Set(headKey, h.encode(), nil))
		},
		"the head's roots": func(t *testing.T, db *DB, b *pebble.Batch) {
			h := db.head.clone()
			h.Roots[1].Root[0] ^= 1
			h.AppHash = types.AppHash(h.Roots)
			require.NoError(t, b.Set(headKey, h.encode(), nil))
		},
		"the head's buckets": func(t *testing.T, db *DB, b *pebble.Batch) {
			h := db.head.clone()
			h.buckets[0].digest[5] ^= 1
			require.NoError(t, b.Set(headKey, h.encode(), nil))
		},
		"the head cut short": func(t *testing.T, db *DB, b *pebble.Batch) {
			e := db.head.encode()
			require.NoError(t, b.Set(headKey, e[:len(e)-3], nil))
		},
		"the head of an older block": func(t *testing.T, db *DB, b *pebble.Batch) {
			other := chainDB(t, vfs.NewMem(), testOptions(nil), 7)
			require.NoError(t, b.Set(headKey, other.head.encode(), nil))
			require.NoError(t, other.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			db := chainDB(t, fs, testOptions(nil), 8)
			b := db.disk.NewBatch()
			damage(t, db, b)
			require.NoError(t, b.Commit(pebble.Sync))
			require.NoError(t, db.Close())
			_, err := Open("db", testOptions(fs))
			require.ErrorIs(t, err, ErrCorrupt)
			t.Log(err)
			_, err = Open("db", testOptions(fs)) // and lets go of the directory
			require.ErrorIs(t, err, ErrCorrupt)
		})
	}
	t.Run("another format", func(t *testing.T) {
		fs := vfs.NewMem()
		db := chainDB(t, fs, testOptions(nil), 2)
		db.head.Schema++
		require.NoError(t, db.disk.Set(headKey, db.head.encode(), pebble.Sync))
		require.NoError(t, db.Close())
		_, err := Open("db", testOptions(fs))
		require.ErrorContains(t, err, "format 2")
	})
}

// TestReadsNoticeDamage changes rows under an open store: reads and proofs fail, and never
// give out what was not committed.
func TestReadsNoticeDamage(t *testing.T) {
	db := chainDB(t, vfs.NewMem(), testOptions(nil), 8)
	defer db.Close()
	v := db.View()
	defer v.Close()
	require.NoError(t, db.disk.Set(stateRow("chain", 1), []byte("another"), pebble.Sync))
	_, _, err := v.Prove("chain")
	require.ErrorIs(t, err, ErrCorrupt)
	db.values = newValueCache(1<<20, 8) // which still knew better
	require.NoError(t, db.disk.Delete(stateRow("chain", 1), pebble.Sync))
	_, err = v.Get("chain")
	require.ErrorIs(t, err, ErrCorrupt)
	_, _, err = v.Prove("chain")
	require.ErrorIs(t, err, ErrCorrupt)
	failed := 0
	rng := rand.New(rand.NewPCG(1, 1))
	for range 50 { // the neighbour of some absent keys is the damaged one
		if _, _, err := v.Prove(fmt.Sprint("absent/", rng.Uint32())); err != nil {
			require.ErrorIs(t, err, ErrCorrupt)
			failed++
		}
	}
	require.Positive(t, failed)
}

// TestVerifyNoticesDamage changes rows that a start does not read.
func TestVerifyNoticesDamage(t *testing.T) {
	path := pathOf("chain")
	for name, damage := range map[string]func(b *pebble.Batch) error{
		"nothing":             func(b *pebble.Batch) error { return nil },
		"a value":             func(b *pebble.Batch) error { return b.Set(stateRow("chain", 1), []byte("another"), nil) },
		"a path gone":         func(b *pebble.Batch) error { return b.Delete(pathRow(&path, "chain"), nil) },
		"a path misplaced":    func(b *pebble.Batch) error { return b.Set(pathRow(&path, "another"), nil, nil) },
		"a path cut short":    func(b *pebble.Batch) error { return b.Set([]byte{rowPath, 1}, nil, nil) },
		"a reference":         func(b *pebble.Batch) error { return b.Set(referenceRow("reference/7/0", 7), []byte("x"), nil) },
		"a reference gone":    func(b *pebble.Batch) error { return b.Delete(referenceRow("reference/7/0", 7), nil) },
		"a bucket's row gone": func(b *pebble.Batch) error { return b.Delete(bucketRow(7, 7), nil) },
		"a bucket's row cut":  func(b *pebble.Batch) error { return b.Set(bucketRow(7, 7), []byte{9}, nil) },
		"the head":            func(b *pebble.Batch) error { return b.Set(headKey, []byte{1, 2}, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			db := chainDB(t, vfs.NewMem(), testOptions(nil), 8)
			defer db.Close()
			b := db.disk.NewBatch()
			require.NoError(t, damage(b))
			require.NoError(t, b.Commit(pebble.Sync))
			if name == "nothing" {
				require.NoError(t, db.Verify())
				return
			}
			require.ErrorIs(t, db.Verify(), ErrCorrupt)
		})
	}
	db, err := Open("new", testOptions(vfs.NewMem()))
	require.NoError(t, err)
	defer db.Close()
	require.NoError(t, db.Verify())
}

// TestArchiveNoMore: a node that gives up its archive prunes it, and one that becomes an
// archive later proves what it can.
func TestArchiveNoMore(t *testing.T) {
	fs := vfs.NewMem()
	o := testOptions(nil)
	o.ProofHeights = 2
	count := func(db *DB, kind byte) (n int) {
		it, err := db.disk.NewIter(&pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}})
		require.NoError(t, err)
		for ok := it.First(); ok; ok = it.Next() {
			n++
		}
		require.NoError(t, it.Close())
		return n
	}
	provable := func(db *DB, height int64) error {
		v, err := db.At(height)
		if err != nil {
			return err
		}
		defer v.Close()
		_, _, err = v.Prove("chain")
		return err
	}
	db := chainDB(t, fs, o, 10)
	require.NoError(t, provable(db, 1))
	require.NotZero(t, count(db, rowNode))
	require.NoError(t, db.Close())
	o.KeepHeights = 4
	db = chainDB(t, fs, o, 20)
	require.Zero(t, count(db, rowNode))
	require.Equal(t, 4, count(db, rowChanges))
	require.ErrorIs(t, provable(db, 15), ErrPruned)
	require.NoError(t, db.Close())
	o.KeepHeights = 0
	db = chainDB(t, fs, o, 30)
	require.ErrorIs(t, provable(db, 15), ErrPruned)
	require.ErrorIs(t, provable(db, 25), ErrPruned)
	require.NoError(t, provable(db, 29))
	require.Equal(t, int64(16), db.Metrics().Oldest)
	require.Zero(t, count(db, rowNode))
	require.NoError(t, db.Close())
}
