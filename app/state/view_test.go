package state

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// TestOpenViewHoldsBackPruning: a view shows its height however long it stays open.
func TestOpenViewHoldsBackPruning(t *testing.T) {
	w := newTwin(t)
	o := crashOptions(vfs.NewMem())
	db := chainDB(t, o.FS, o, 3)
	defer db.Close()
	v := db.View()
	other, err := db.At(2)
	require.NoError(t, err)
	require.Equal(t, 2, db.Metrics().OpenViews)
	for h := int64(4); h <= crashBlocks; h++ {
		runCrashBlock(t, db, h)
	}
	for i, view := range []*View{other, v} {
		got := map[string]string{}
		require.NoError(t, view.Scan("", func(key string, value []byte) error {
			got[key] = string(value)
			return nil
		}))
		require.Equal(t, w.states[2+i], got)
	}
	require.NoError(t, v.Close())
	require.NoError(t, other.Close())
	require.NoError(t, other.Close())
	runCrashBlock(t, db, crashBlocks+1)
	_, err = db.At(4)
	require.ErrorIs(t, err, ErrPruned)
	require.Zero(t, db.Metrics().OpenViews)
}

// TestPruningLeavesNothingBehind counts rows after everything old was pruned and dropped.
func TestPruningLeavesNothingBehind(t *testing.T) {
	o := testOptions(vfs.NewMem())
	o.KeepHeights = 3
	db, err := Open("db", o)
	require.NoError(t, err)
	defer db.Close()
	first := db.View()
	b := NewBatch(first)
	b.Set("chain", []byte("genesis"))
	commit(t, db, b, 1)
	require.NoError(t, first.Close())
	for h := int64(2); h <= 60; h++ {
		v := db.View()
		b := NewBatch(v)
		if h < 50 {
			for i := range 20 {
				key := fmt.Sprint("k", i)
				if (int(h)+i)%3 == 0 || h == 49 {
					b.Delete(key)
				} else {
					b.Set(key, fmt.Append(nil, h))
				}
				b.SetReference(h, fmt.Sprint("r", h, "/", i), []byte("done"))
			}
		}
		b.DropReferences(h - 5)
		commit(t, db, b, h)
		require.NoError(t, v.Close())
	}
	rows := map[byte]int{}
	it, err := db.disk.NewIter(&pebble.IterOptions{})
	require.NoError(t, err)
	for ok := it.First(); ok; ok = it.Next() {
		rows[it.Key()[0]]++
	}
	require.NoError(t, it.Close())
	// One leaf, its path, the head, the changes of three kept heights.
	require.Equal(t, map[byte]int{rowState: 1, rowPath: 1, rowMeta: 1, rowChanges: 3}, rows)
}

// TestReadersBesideCommits reads and proves at many heights while blocks are committed and
// checkpoints written; run with -race.
func TestReadersBesideCommits(t *testing.T) {
	const heights = 60
	o := testOptions(vfs.NewMem())
	o.KeepHeights, o.ProofHeights, o.CheckpointEvery, o.memTable = 20, 10, 7, 64<<10
	db, err := Open("db", o)
	require.NoError(t, err)
	var hashes sync.Map // height → app hash
	var wg sync.WaitGroup
	var stop atomic.Bool
	var proofs atomic.Int64
	for r := range uint64(3) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(r, 4))
			for !stop.Load() {
				head := db.Head().Height
				if head == 0 {
					continue
				}
				v, err := db.At(max(1, head-rng.Int64N(5)))
				if errors.Is(err, ErrPruned) { // so did twenty
					continue
				}
				if !assertNoError(t, err) {
					return
				}
				hash, _ := hashes.Load(v.Height())
				key := fmt.Sprint("k", rng.IntN(700))
				value, err := v.Get(key)
				again, p, err2 := v.Prove(key)
				if errors.Is(err2, ErrPruned) { // ten blocks went by since Head
					v.Close()
					continue
				}
				if !assertNoError(t, err) || !assertNoError(t, err2) || string(value) != string(again) {
					t.Errorf("%q is %q, then %q", key, value, again)
					return
				}
				if hash != nil && !assertNoError(t, p.Verify(hash.(types.Hash), types.RootState, key, value)) {
					return
				}
				proofs.Add(1)
				v.Close()
			}
		})
	}
	rng := rand.New(rand.NewPCG(8, 8))
	for h := int64(1); h <= heights; h++ {
		v := db.View()
		b := NewBatch(v)
		for range 200 {
			key := fmt.Sprint("k", rng.IntN(500))
			if rng.IntN(3) == 0 {
				b.Delete(key)
				continue
			}
			b.Set(key, fmt.Append(nil, h, key))
		}
		b.Set("chain", []byte("genesis"))
		s, err := db.Stage(h, b)
		require.NoError(t, err)
		hashes.Store(h, s.AppHash())
		require.NoError(t, db.Apply(s))
		require.NoError(t, v.Close())
	}
	stop.Store(true)
	wg.Wait()
	require.Greater(t, proofs.Load(), int64(heights))
	require.NoError(t, db.Close())
}

func assertNoError(t *testing.T, err error) bool {
	if err != nil {
		t.Error(err)
	}
	return err == nil
}

// TestValuesCacheKeepsItsBounds: bytes stay within the limit, and entries within the truth.
func TestValuesCacheKeepsItsBounds(t *testing.T) {
	const limit = 64 << 10
	c := newValueCache(limit, 1)
	rng := rand.New(rand.NewPCG(1, 1))
	truth := map[string]int64{}
	for height := int64(2); height < 200; height++ {
		var block []*update
		for range 20 {
			u := &update{key: fmt.Sprint("k", rng.IntN(400))}
			if rng.IntN(4) > 0 {
				u.value = make([]byte, 1+rng.IntN(3000))
				u.value[0] = byte(height)
				truth[u.key] = height
			} else {
				delete(truth, u.key)
			}
			block = append(block, u)
		}
		c.offer("late", []byte("x"), height-2, height-2)
		c.update(height, block)
		for range 50 {
			key := fmt.Sprint("k", rng.IntN(400))
			value, ok := c.get(key, height)
			if ok {
				require.Equal(t, byte(truth[key]), value[0])
				_, ok = c.get(key, truth[key]-1)
				require.False(t, ok, "a value from after the view")
			}
		}
		_, bytes := c.size()
		require.LessOrEqual(t, bytes, limit)
	}
	values, _ := c.size()
	require.Greater(t, values, 10)
	_, ok := c.get("late", 200)
	require.False(t, ok, "offered after a block came in between")
}
