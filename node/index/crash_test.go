package index

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

const crashBlocks = 40

// history is the blocks of a model, and the rows of an index that never crashed after each of them.
type history struct {
	m      *model
	blocks [][]types.Change
	rows   []map[string]string
	states []map[string]string
}

func newHistory(t *testing.T, seed uint64) *history {
	h := &history{m: newModel(seed), blocks: [][]types.Change{nil}, rows: []map[string]string{{}}, states: []map[string]string{{}}}
	x := open(t, vfs.NewMem())
	for range crashBlocks {
		h.blocks = append(h.blocks, h.m.block(t))
		require.NoError(t, x.Apply(h.m.height, h.blocks[h.m.height]))
		h.rows = append(h.rows, dump(t, x))
		state := map[string]string{}
		for k, v := range h.m.state {
			state[k] = v
		}
		h.states = append(h.states, state)
	}
	require.NoError(t, x.Close())
	return h
}

// at is the model as it was at a height.
func (h *history) at(height int64) *model { return &model{state: h.states[height]} }

// goesOn opens what a crash left, demands that it is a height that was applied, whole, and that it ends like the twin.
func (h *history) goesOn(t *testing.T, fs vfs.FS, atMost int64) (height int64) {
	t.Helper()
	x := open(t, fs)
	height = x.Height()
	require.LessOrEqual(t, height, atMost)
	require.Equal(t, h.rows[height], dump(t, x), "height %d", height)
	if height == 0 {
		require.NoError(t, x.Rebuild(crashBlocks/2, h.at(crashBlocks/2).scan))
		height = crashBlocks / 2
	}
	for at := height + 1; at <= crashBlocks; at++ {
		require.NoError(t, x.Apply(at, h.blocks[at]))
	}
	require.Equal(t, h.rows[crashBlocks], dump(t, x))
	require.NoError(t, x.Close())
	return height
}

// The power is cut before single write operations of blocks and of a rebuild in the middle, and none, half or all of what
// was not synced survives: what is found is some height, whole, or nothing; never a part.
func TestPowerLoss(t *testing.T) {
	h := newHistory(t, 5)
	base := vfs.NewCrashableMem()
	rng := rand.New(rand.NewPCG(1, 1))
	var mu sync.Mutex
	type cut struct {
		fs     vfs.FS
		height int64
	}
	var cuts []cut
	height := int64(0)
	fs := errorfs.Wrap(base, errorfs.InjectorFunc(func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
			return nil
		}
		{
			cuts = append(cuts, cut{base.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50 * rng.IntN(3), RNG: rand.New(rand.NewPCG(rng.Uint64(), 1))}), height + 1})
		}
		return nil
	}))
	x := open(t, fs)
	for at := int64(1); at <= crashBlocks; at++ {
		if at == crashBlocks/2 {
			require.NoError(t, x.Rebuild(at, h.at(at).scan))
		} else {
			require.NoError(t, x.Apply(at, h.blocks[at]))
		}
		if at%4 == 0 {
			require.NoError(t, x.disk.Flush())
		}
		mu.Lock()
		height = at
		mu.Unlock()
	}
	require.NoError(t, x.Close())
	mu.Lock()
	defer mu.Unlock()
	found := map[int64]int{}
	for i, c := range cuts {
		if !t.Failed() && (i < 200 || i%2 == 0) {
			found[h.goesOn(t, c.fs, min(c.height, crashBlocks))]++
		}
	}
	t.Logf("%d cuts, found at %d different heights", len(cuts), len(found))
	require.Greater(t, len(cuts), 50)
	require.Greater(t, len(found), 5)
}

// A disk that takes no more, from whatever operation on, ends the index at most: no call hangs or panics while the log can
// still be written to as far as Pebble knows, and what is there can be opened again when the disk is well, and is whole.
func TestDiskFaults(t *testing.T) {
	h := newHistory(t, 6)
	failed, fell := 0, 0
	for n := range 40 {
		base := vfs.NewCrashableMem()
		var mu sync.Mutex
		operations := 0
		fs := errorfs.Wrap(base, errorfs.InjectorFunc(func(op errorfs.Op) error {
			mu.Lock()
			defer mu.Unlock()
			switch op.Kind {
			case errorfs.OpFileWrite, errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo, errorfs.OpFileFlush:
			default:
				return nil
			}
			if operations++; operations > n {
				return errorfs.ErrInjected
			}
			return nil
		}))
		done := make(chan struct{})
		applied := int64(0)
		go func() {
			defer close(done)
			x, err := Open("index", Options{FS: fs})
			if err != nil {
				failed++
				return
			}
			for at := int64(1); at <= crashBlocks && err == nil; at++ {
				if err = x.Apply(at, h.blocks[at]); err == nil {
					applied = at
				}
			}
			if err != nil {
				failed++
				_, err = x.List(Query{Kind: "order"})
				require.ErrorIs(t, err, ErrFailed)
				require.ErrorIs(t, x.Apply(applied+1, nil), ErrFailed)
			}
			_ = x.Close()
		}()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Fatalf("with a disk that fails after %d operations a call hangs", n)
		}
		clone := base.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
		if h.goesOn(t, clone, crashBlocks) < crashBlocks {
			fell++
		}
	}
	t.Logf("%d ended the index, %d lost blocks", failed, fell)
	require.Positive(t, failed)
	require.Positive(t, fell)
}

// Bits that change on the disk are an error, when the index is opened, checked or read, or make no difference.
func TestDamage(t *testing.T) {
	h := newHistory(t, 7)
	fs := vfs.NewMem()
	x := open(t, fs)
	for at := int64(1); at <= crashBlocks; at++ {
		require.NoError(t, x.Apply(at, h.blocks[at]))
	}
	require.NoError(t, x.disk.Flush())
	require.NoError(t, x.Close())
	names, err := fs.List("index")
	require.NoError(t, err)
	slices.Sort(names)
	noticed, flipped := 0, 0
	rng := rand.New(rand.NewPCG(1, 1))
	for _, name := range names {
		if fs.PathBase(name) == "LOCK" {
			continue
		}
		for range 24 {
			damaged := copyOf(t, fs)
			if !flip(t, damaged, "index/"+name, rng) {
				continue
			}
			flipped++
			x, err := Open("index", Options{FS: damaged, CacheBytes: 1 << 20})
			if err != nil {
				noticed++
				continue
			}
			if x.Height() != crashBlocks {
				require.Equal(t, h.rows[x.Height()], dump(t, x))
				require.NoError(t, x.Close())
				continue
			}
			if x.Check(nil) != nil {
				noticed++
				_ = x.Close()
				continue
			}
			for _, kind := range Kinds() {
				page, err := x.List(Query{Kind: kind, Limit: MaxLimit})
				if err != nil {
					noticed++
					break
				}
				var keys []string
				for _, r := range page.Rows {
					keys = append(keys, r.Key)
				}
				var want []string
				for _, p := range h.m.lists(t, kind, "all") {
					want = append(want, p.key)
				}
				require.Equal(t, want, keys, "%s of %v", name, names)
			}
			_ = x.Close()
		}
	}
	t.Logf("%d flips, %d noticed", flipped, noticed)
	require.Greater(t, noticed, 5)
}

func copyOf(t *testing.T, fs vfs.FS) *vfs.MemFS {
	t.Helper()
	out := vfs.NewMem()
	ok, err := vfs.Clone(fs, out, "index", "index")
	require.NoError(t, err)
	require.True(t, ok)
	return out
}

// flip changes one bit of a file; false if it is empty.
func flip(t *testing.T, fs *vfs.MemFS, path string, rng *rand.Rand) bool {
	t.Helper()
	f, err := fs.Open(path)
	require.NoError(t, err)
	stat, err := f.Stat()
	require.NoError(t, err)
	raw := make([]byte, stat.Size())
	if len(raw) == 0 {
		require.NoError(t, f.Close())
		return false
	}
	_, err = f.ReadAt(raw, 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	raw[rng.IntN(len(raw))] ^= 1 << rng.IntN(8)
	w, err := fs.Create(path, "test")
	require.NoError(t, err)
	_, err = w.Write(raw)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return true
}
