package state

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

const crashBlocks = 14

// crashBlock writes a block that is a function of its height alone: new keys, updates,
// deletions, log rows, references and dropped buckets.
func crashBlock(height int64, b *Batch) {
	rng := rand.New(rand.NewPCG(uint64(height), 9))
	b.Set("chain", []byte("genesis"))
	for range 60 {
		key := fmt.Sprint("key/", rng.IntN(150))
		if rng.IntN(4) == 0 {
			b.Delete(key)
			continue
		}
		value := make([]byte, 100+rng.IntN(400))
		for i := range value {
			value[i] = byte(rng.Uint32())
		}
		b.Set(key, value)
	}
	for n := range uint64(5) {
		b.Append("entry/x", uint64(height)*5+n, fmt.Appendf(nil, "row %d of %d", n, height))
		b.SetReference(height+int64(n%2), fmt.Sprintf("reference/%d/%d", height, n), []byte("done"))
	}
	b.DropReferences(height - 3)
}

// twin is what a node that never crashed has at every height.
type twin struct {
	appHash []types.Hash
	states  []map[string]string
}

func crashOptions(fs vfs.FS) Options {
	return Options{FS: fs, CacheBytes: 64 << 10, KeepHeights: 4, ProofHeights: 3, CheckpointEvery: -1, memTable: 32 << 10}
}

func newTwin(t *testing.T) *twin {
	db, err := Open("db", crashOptions(vfs.NewMem()))
	require.NoError(t, err)
	defer db.Close()
	w := &twin{appHash: []types.Hash{{}}, states: []map[string]string{{}}}
	for height := int64(1); height <= crashBlocks+1; height++ {
		w.appHash = append(w.appHash, runCrashBlock(t, db, height))
		w.states = append(w.states, contents(t, db))
	}
	return w
}

func runCrashBlock(t *testing.T, db *DB, height int64) types.Hash {
	v := db.View()
	defer v.Close()
	b := NewBatch(v)
	crashBlock(height, b)
	s, err := db.Stage(height, b)
	require.NoError(t, err)
	require.NoError(t, db.Apply(s))
	return s.AppHash()
}

func contents(t *testing.T, db *DB) map[string]string {
	v := db.View()
	defer v.Close()
	all := map[string]string{}
	require.NoError(t, v.Scan("", func(key string, value []byte) error {
		all[key] = string(value)
		return nil
	}))
	return all
}

// check opens what a crash left and demands that it is the twin at returned or the height
// after, and that it goes on like the twin.
func (w *twin) check(t *testing.T, dir string, fs vfs.FS, returned int64) (height int64) {
	t.Helper()
	db, err := Open(dir, crashOptions(fs))
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	height = db.Head().Height
	require.GreaterOrEqual(t, height, returned, "an applied block is lost")
	require.LessOrEqual(t, height, returned+1)
	require.Equal(t, w.appHash[height], db.Head().AppHash)
	require.True(t, maps.Equal(w.states[height], contents(t, db)))
	v := db.View()
	defer v.Close()
	for h := int64(1); h <= crashBlocks; h++ {
		for n := range uint64(5) {
			row, err := v.Entry("entry/x", uint64(h)*5+n)
			require.NoError(t, err)
			require.Equal(t, h <= height, row != nil)
			ref, err := v.Reference(fmt.Sprintf("reference/%d/%d", h, n))
			require.NoError(t, err)
			require.Equal(t, h <= height && h+int64(n%2) >= height-3, ref != nil)
		}
	}
	require.Equal(t, w.appHash[height+1], runCrashBlock(t, db, height+1))
	require.NoError(t, db.Verify())
	return height
}

// watched calls before each write operation on a file system.
func watched(fs vfs.FS, before func(op errorfs.Op) error) vfs.FS {
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return before(op)
		}
		return nil
	}))
}

// TestPowerLossAtEveryOperation cuts the power before every single write operation of blocks
// that insert, delete, prune, flush, compact and write a checkpoint, and lets none, half or
// all of what was not synced survive.
func TestPowerLossAtEveryOperation(t *testing.T) {
	w := newTwin(t)
	before, after := 0, 0
	for _, flushes := range []bool{false, true} {
		b, a := w.cutPower(t, flushes)
		before, after = before+b, after+a
	}
	t.Logf("%d power cuts before a block was durable, %d after", before, after)
	require.Greater(t, before, 20)
	require.Greater(t, after, 20)
}

// cutPower runs all blocks once, and counts on which side of a commit the power cuts fell.
func (w *twin) cutPower(t *testing.T, flushes bool) (before, after int) {
	base := vfs.NewCrashableMem()
	rng := rand.New(rand.NewPCG(1, 1))
	var mu sync.Mutex
	var clones []vfs.FS
	collecting := false
	o := crashOptions(watched(base, func(errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if collecting {
			for _, percent := range []int{0, 50, 100} {
				clones = append(clones, base.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng}))
			}
		}
		return nil
	}))
	if !flushes { // a block that fills half a memtable is written as a table at once, and needs no log
		o.memTable = 4 << 20
	}
	db, err := Open("db", o)
	require.NoError(t, err)
	during := func(do func()) (taken []vfs.FS) {
		mu.Lock()
		collecting = true
		mu.Unlock()
		do()
		mu.Lock()
		defer mu.Unlock()
		collecting = false
		taken, clones = clones, nil
		require.NotEmpty(t, taken)
		return taken
	}
	for height := int64(1); height <= crashBlocks; height++ {
		taken := during(func() {
			require.Equal(t, w.appHash[height], runCrashBlock(t, db, height))
			if flushes && height%7 == 0 {
				require.NoError(t, db.disk.Flush())
			}
		})
		for _, c := range taken { // which of them were taken after Apply returned is not known
			if w.check(t, "db", c, height-1) == height {
				after++
			} else {
				before++
			}
		}
		w.check(t, "db", base.CrashClone(vfs.CrashCloneCfg{}), height) // Apply has returned: all is there
		if height%4 == 0 {
			for _, c := range during(func() { require.NoError(t, db.Checkpoint()) }) {
				w.check(t, "db", c, height)
				after++
			}
		}
	}
	require.NoError(t, db.Close())
	return before, after
}
