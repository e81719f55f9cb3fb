package app

import (
	"bytes"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// powerCuts is how many power cuts TestPowerCuts makes: some in every run, and 2,000 with SOAK.
func powerCuts() int {
	if os.Getenv("SOAK") != "" {
		return 2000
	}
	return 150
}

// powerBlocks is the length of the chain whose power is cut.
const powerBlocks = 12

// powerChain is a chain of blocks that never crashed: its transactions, and what each block gave.
type powerChain struct {
	w        *world
	txs      [][][]byte
	outcomes [][]byte // by height, from 0
	hashes   [][]byte
}

// newPowerChain runs the twin.
func newPowerChain(t *testing.T) *powerChain {
	c := &powerChain{w: newWorld(t), outcomes: [][]byte{nil}, hashes: [][]byte{nil}}
	r := newReplica(t, c.w, Options{})
	for h := range powerBlocks {
		var txs [][]byte
		for i := range 1 + h%3 {
			txs = append(txs, c.w.tx(t, "forex", testUnix, fixings(h*100+i*30, 20)...))
		}
		txs = append(txs, c.w.tx(t, "forex-b", testUnix, fixing(50_000+h)))
		c.txs = append(c.txs, txs)
		c.outcomes = append(c.outcomes, outcome(t, r.block(txs...)))
		c.hashes = append(c.hashes, r.info().LastBlockAppHash)
	}
	return c
}

// openAt starts a node on what a power cut left.
func (c *powerChain) openAt(t *testing.T, fs vfs.FS) *replica {
	t.Helper()
	r := &replica{t: t, w: c.w, fs: fs, unix: testUnix}
	r.open()
	if h := r.Height(); h > 0 {
		r.unix = testUnix + h - 1
	}
	return r
}

// check demands that what a power cut left is the twin at the height that Commit returned for, or the one after, that every
// transaction which was final is, and that the node goes on like the twin to the end.
func (c *powerChain) check(t *testing.T, fs vfs.FS, returned int64) (height int64) {
	t.Helper()
	r := c.openAt(t, fs)
	defer func() {
		r.Quit()
		r.dropStaged()
		require.NoError(t, r.db.Close())
	}()
	height = r.info().LastBlockHeight
	require.GreaterOrEqual(t, height, returned, "a final block is lost")
	require.LessOrEqual(t, height, returned+1)
	require.True(t, bytes.Equal(c.hashes[height], r.info().LastBlockAppHash), "height %d", height)
	for h := range height {
		for _, raw := range c.txs[h] {
			tx, err := types.Decode(raw)
			require.NoError(t, err)
			row, err := r.reference(types.ReferenceKey(tx.Body.Signer, tx.Body.Reference))
			require.NoError(t, err)
			require.NotNil(t, row, "a final transaction of height %d is lost at %d", h+1, height)
			require.Equal(t, h+1, row.Height)
		}
	}
	for h := height; h < min(height+2, powerBlocks); h++ {
		require.Equal(t, c.outcomes[h+1], outcome(t, r.block(c.txs[h]...)), "block %d after a power cut at %d", h+1, height)
	}
	return height
}

// TestPowerCuts cuts the power before writes of a whole application, chosen at random over a chain that flushes, compacts,
// writes leaf checkpoints and snapshots, and lets none, half or all of what was not synced survive.
func TestPowerCuts(t *testing.T) {
	c := newPowerChain(t)
	before, after, cuts := 0, 0, 0
	for round := uint64(0); cuts < powerCuts(); round++ {
		require.Less(t, round, uint64(1000))
		b, a := c.cut(t, round)
		before, after, cuts = before+b, after+a, cuts+b+a
	}
	t.Logf("%d power cuts: %d before the block at work was durable, %d after", cuts, before, after)
	require.Positive(t, before)
	require.Positive(t, after)
}

// cut runs the chain once and checks every clone that was taken.
func (c *powerChain) cut(t *testing.T, round uint64) (before, after int) {
	base := vfs.NewCrashableMem()
	rng := rand.New(rand.NewPCG(round, 3))
	var mu sync.Mutex
	var clones []vfs.FS
	watching := false
	fs := errorfs.Wrap(base, errorfs.InjectorFunc(func(op errorfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if watching && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && rng.IntN(4) == 0 {
			percent := []int{0, 50, 100}[rng.IntN(3)]
			clones = append(clones, base.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng}))
		}
		return nil
	}))
	r := c.openAt(t, fs)
	for h := range int64(powerBlocks) {
		mu.Lock()
		watching = true
		mu.Unlock()
		require.Equal(t, c.outcomes[h+1], outcome(t, r.block(c.txs[h]...)))
		if h%4 == 3 {
			require.NoError(t, r.db.Checkpoint())
		}
		mu.Lock()
		watching = false
		taken := clones
		clones = nil
		mu.Unlock()
		for _, clone := range taken { // which of them were taken after Commit returned is not known
			if c.check(t, clone, h) == h {
				before++
			} else {
				after++
			}
		}
		// What Commit returned for is there.
		require.Equal(t, h+1, c.check(t, base.CrashClone(vfs.CrashCloneCfg{}), h+1))
		after++
		if h%5 == 4 {
			require.NoError(t, r.db.Close())
			r = c.openAt(t, fs)
		}
	}
	r.Quit()
	require.NoError(t, r.db.Close())
	return before, after
}

// probed are the places where the application can be told to end, in the order in which one block with a snapshot meets them.
var probed = []string{"apply.before", "apply.synced", "snapshot.begin", "snapshot.middle", "snapshot.end"}

// TestProbes: every place is met, so that a crash matrix that names one means something.
func TestProbes(t *testing.T) {
	var mu sync.Mutex
	var met []string
	w := newWorld(t)
	seen := func(point string) {
		mu.Lock()
		defer mu.Unlock()
		if !slices.Contains(met, point) {
			met = append(met, point)
		}
	}
	db, err := state.Open("state", state.Options{FS: vfs.NewMem(), CheckpointEvery: -1, KeepHeights: 2, Probe: seen})
	require.NoError(t, err)
	r := &replica{t: t, w: w, unix: testUnix}
	r.App, err = New(db, Options{Probe: seen, Snapshots: SnapshotOptions{Dir: t.TempDir(), Interval: 1, Share: 100}})
	require.NoError(t, err)
	t.Cleanup(r.Quit)
	r.initChain()
	for range 6 {
		r.block()
	}
	eventually(t, "all are met", func() bool { mu.Lock(); defer mu.Unlock(); return len(met) == len(probed)+1 })
	for _, point := range append(slices.Clone(probed), "prune") {
		require.Contains(t, met, point)
	}
}
