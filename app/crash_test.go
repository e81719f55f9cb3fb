package app

import (
	"bytes"
	"fmt"
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

// powerRounds is how often TestPowerCuts runs its chain: twice, and twenty times with SOAK. What survives of unsynced data is
// chosen anew in each round.
func powerRounds() uint64 {
	if os.Getenv("SOAK") != "" {
		return 20
	}
	return 2
}

// powerCuts is how many power cuts a round makes at least.
const powerCuts = 1000

// powerBlocks is the length of the chain whose power is cut.
const powerBlocks = 30

// powerKinds are the kinds of blocks that take turns, the first one with the genesis.
var powerKinds = []func(t *testing.T, w *world, h int) [][]byte{
	func(t *testing.T, w *world, h int) [][]byte { // records of several signers
		return [][]byte{
			w.tx(t, "forex", testUnix, fixings(h*100, 20)...), w.tx(t, "forex", testUnix, fixings(h*100+30, 20)...),
			w.tx(t, "forex-b", testUnix, fixing(50_000+h)), w.tx(t, "forex-c", testUnix, fixing(0)), // refused
		}
	},
	func(t *testing.T, w *world, h int) [][]byte { // a parameter
		set := &types.SetParameter{Name: "block_cost", Value: int64(150_000 + h)}
		return [][]byte{w.tx(t, "council", testUnix, &types.Propose{Id: fmt.Sprint("set-", h), Action: &types.Propose_Parameter{Parameter: set}})}
	},
	func(*testing.T, *world, int) [][]byte { return nil }, // an empty one
	func(t *testing.T, w *world, h int) [][]byte { // a validator
		change := &types.ChangeValidator{PublicKey: consensusKey(t, 4+h), Power: 2, Member: operator(4)}
		return [][]byte{w.tx(t, "council", testUnix, &types.Propose{Id: fmt.Sprint("change-", h), Action: &types.Propose_Validator{Validator: change}})}
	},
	func(t *testing.T, w *world, h int) [][]byte { // many records
		var txs [][]byte
		for i := range 5 {
			txs = append(txs, w.tx(t, "forex", testUnix, fixings(60_000+h*1000+i*60, 60)...))
		}
		return txs
	},
}

// powerChain is a chain of blocks that never crashed: its transactions, and what each block gave.
type powerChain struct {
	w        *world
	txs      [][][]byte
	outcomes [][]byte // by height, from 0
	hashes   [][]byte

	references [][]string // keys of the transactions that became final, by block
}

// newPowerChain runs the twin.
func newPowerChain(t *testing.T) *powerChain {
	c := &powerChain{w: newValidatorWorld(t, 10, 10, 10, 10), outcomes: [][]byte{nil}, hashes: [][]byte{nil}}
	r := newReplica(t, c.w, Options{})
	accepted, refused, validators := 0, 0, 0
	for h := range powerBlocks {
		txs := powerKinds[h%len(powerKinds)](t, c.w, h)
		res := r.block(txs...)
		for _, one := range res.TxResults {
			if one.Code == 0 {
				accepted++
			} else {
				refused++
			}
		}
		validators += len(res.ValidatorUpdates)
		c.txs = append(c.txs, txs)
		var keys []string
		for _, raw := range txs {
			tx, err := types.Decode(raw)
			require.NoError(t, err)
			keys = append(keys, types.ReferenceKey(tx.Body.Signer, tx.Body.Reference))
		}
		c.references = append(c.references, keys)
		c.outcomes = append(c.outcomes, outcome(t, res))
		c.hashes = append(c.hashes, r.info().LastBlockAppHash)
	}
	require.Positive(t, refused)
	require.Greater(t, accepted, 20)
	require.Positive(t, validators)
	return c
}

// openAt starts a node on what a power cut left.
func (c *powerChain) openAt(t *testing.T, fs vfs.FS) *replica {
	t.Helper()
	r := &replica{t: t, w: c.w, fs: fs, unix: testUnix}
	db, err := state.Open("state", state.Options{FS: fs, CheckpointEvery: -1, CacheBytes: 1 << 20, KeepHeights: 3})
	require.NoError(t, err)
	r.App, err = New(db, Options{})
	require.NoError(t, err)
	if h := r.Height(); h > 0 {
		r.unix = testUnix + h - 1
	} else {
		r.initChain()
	}
	return r
}

// check demands that what a power cut left is the twin at the height that Commit returned for, or the one after, that every
// transaction which was final is, and that the node goes on like the twin.
func (c *powerChain) check(t *testing.T, fs vfs.FS, returned int64) (height int64) {
	t.Helper()
	r := c.openAt(t, fs)
	defer c.close(t, r)
	height = r.info().LastBlockHeight
	require.GreaterOrEqual(t, height, returned, "a final block is lost")
	require.LessOrEqual(t, height, returned+1)
	require.True(t, bytes.Equal(c.hashes[height], r.info().LastBlockAppHash), "height %d", height)
	for h := range height {
		for _, key := range c.references[h] {
			row, err := r.reference(key)
			require.NoError(t, err)
			require.NotNil(t, row, "a final transaction of height %d is lost at %d", h+1, height)
			require.Equal(t, h+1, row.Height)
		}
	}
	if height < powerBlocks {
		require.Equal(t, c.outcomes[height+1], outcome(t, r.block(c.txs[height]...)), "block %d after a power cut at %d", height+1, height)
	}
	require.NoError(t, r.db.Verify())
	return height
}

func (c *powerChain) close(t *testing.T, r *replica) {
	r.Quit()
	r.dropStaged()
	require.NoError(t, r.db.Close())
}

// TestPowerCuts cuts the power before every single write of a whole application, from the first start on, over a chain of all
// kinds of blocks that prunes, writes leaf checkpoints, and is closed and opened; none, half and all of what was not synced
// survives.
func TestPowerCuts(t *testing.T) {
	c := newPowerChain(t)
	for round := range powerRounds() {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			cut := &powerCut{powerChain: c, base: vfs.NewCrashableMem(), rng: rand.New(rand.NewPCG(round, 3))}
			cut.run(t)
			t.Logf("%d power cuts: %d before the block at work was durable, %d after, %d between blocks",
				cut.before+cut.after+cut.between, cut.before, cut.after, cut.between)
			require.GreaterOrEqual(t, cut.before+cut.after+cut.between, powerCuts)
			require.Greater(t, cut.before, powerCuts/20)
			require.Positive(t, cut.after)
		})
	}
}

// powerCut is one run of the chain and what its power cuts left.
type powerCut struct {
	*powerChain
	base                   *vfs.MemFS
	rng                    *rand.Rand
	before, after, between int

	mu       sync.Mutex
	watching bool
	clones   []vfs.FS
}

// during cuts the power before each write while do runs.
func (c *powerCut) during(do func()) []vfs.FS {
	c.mu.Lock()
	c.watching = true
	c.mu.Unlock()
	do()
	c.mu.Lock()
	defer c.mu.Unlock()
	taken := c.clones
	c.watching, c.clones = false, nil
	return taken
}

// run runs the chain and checks every clone.
func (c *powerCut) run(t *testing.T) {
	fs := errorfs.Wrap(c.base, errorfs.InjectorFunc(func(op errorfs.Op) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.watching && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			for _, percent := range []int{0, 50, 100} {
				c.clones = append(c.clones, c.base.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: c.rng}))
			}
		}
		return nil
	}))
	var r *replica
	apart := func(height int64, do func()) {
		for _, clone := range c.during(do) {
			c.between++
			require.Equal(t, height, c.check(t, clone, height))
		}
	}
	apart(0, func() { r = c.openAt(t, fs) })
	for h := range int64(powerBlocks) {
		taken := c.during(func() { require.Equal(t, c.outcomes[h+1], outcome(t, r.block(c.txs[h]...))) })
		for _, clone := range taken { // which of them were taken after Commit returned is not known
			if c.check(t, clone, h) == h {
				c.before++
			} else {
				c.after++
			}
		}
		require.Equal(t, h+1, c.check(t, c.base.CrashClone(vfs.CrashCloneCfg{}), h+1), "Commit returned")
		if h%7 == 3 {
			apart(h+1, func() { require.NoError(t, r.db.Checkpoint()) })
		}
		if h%5 == 4 {
			apart(h+1, func() {
				c.close(t, r)
				r = c.openAt(t, fs)
			})
		}
	}
	c.close(t, r)
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
