package sim

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	abci "github.com/cometbft/cometbft/abci/types"
	cmttypes "github.com/cometbft/cometbft/types"
)

const (
	replicaCount = 3
	blockRoom    = int64(4 << 20) // bytes of a block's data
)

// driver is CometBFT: it decides which blocks there are and calls the replicas in the order that ABCI promises.
type driver struct {
	config   Config
	counters *Counters
	chance   *rand.Rand
	replicas []*replica
	world    *world
	oracle   *Oracle

	next *cmttypes.ValidatorSet // in force once CometBFT has applied every change given to it

	height  int64 // of the block that is being decided
	time    time.Time
	chain   []decided // block i has height i+1
	initial []byte    // the app hash of InitChain
}

// decided is a block as every node's block store keeps it, with the outcome that all agreed on.
type decided struct {
	time    time.Time
	txs     [][]byte
	outcome *abci.ResponseFinalizeBlock
}

// run begins the network and plays its blocks.
func (d *driver) run() error {
	d.world = newWorld(d.config, d.counters)
	d.time = time.Unix(genesisUnix, 0)
	for i := range replicaCount {
		r := &replica{
			name: fmt.Sprintf("replica %d", i), fs: vfs.NewCrashableMem(), keep: []int64{0, 60, 9}[i],
			lost: source(d.config.Seed, fmt.Sprint("power ", i)),
		}
		d.replicas = append(d.replicas, r)
		if err := d.start(r); err != nil {
			return err
		}
	}
	if d.config.Oracle != nil {
		d.oracle = d.config.Oracle(d.world.genesis, chainID, genesisUnix)
	}
	if err := d.elect(d.world.validators); err != nil {
		return err
	}
	if d.config.Record != nil {
		d.config.Record.begin(chainID, d.world.genesisJSON)
	}
	for d.height = 1; d.height <= d.config.Blocks; d.height++ {
		if err := d.block(); err != nil {
			return err
		}
	}
	d.height = d.config.Blocks
	return d.end()
}

// start switches a replica on and does what CometBFT's handshake does: InitChain where nothing was ever committed, then
// every block that the replica has not.
func (d *driver) start(r *replica) error {
	r.clock.Store(d.time.Unix())
	if err := r.open(); err != nil {
		return err
	}
	height, appHash, err := r.info()
	if err != nil {
		return err
	}
	if height > int64(len(d.chain)) {
		return fmt.Errorf("%s is at height %d; block %d is the newest that was decided", r.name, height, len(d.chain))
	}
	if height > 0 {
		if want := d.chain[height-1].outcome.AppHash; !bytes.Equal(want, appHash) {
			return fmt.Errorf("%s comes back at height %d with app hash %X, not %X", r.name, height, appHash, want)
		}
	} else if err := d.initChain(r); err != nil {
		return err
	}
	for h := height + 1; h <= int64(len(d.chain)); h++ {
		if err := d.replay(r, h); err != nil {
			return err
		}
	}
	return nil
}

func (d *driver) initChain(r *replica) error {
	params := cmttypes.DefaultConsensusParams().ToProto()
	res, err := r.app.InitChain(context.Background(), &abci.RequestInitChain{
		Time: time.Unix(genesisUnix, 0), ChainId: chainID, ConsensusParams: &params, InitialHeight: 1,
		AppStateBytes: d.world.genesisJSON, Validators: d.world.validators,
	})
	if err != nil {
		return fmt.Errorf("%s: InitChain: %w", r.name, err)
	}
	if d.initial == nil {
		d.initial = res.AppHash
	}
	if !bytes.Equal(d.initial, res.AppHash) {
		return fmt.Errorf("%s begins with app hash %X, not %X", r.name, res.AppHash, d.initial)
	}
	return nil
}

// replay gives a replica a block that the others have, as blocksync and the handshake do.
func (d *driver) replay(r *replica, height int64) error {
	b := &d.chain[height-1]
	res, err := d.finalize(r, height, b.time, b.txs)
	if err != nil {
		return err
	}
	if err := sameOutcome(r, b.outcome, res); err != nil {
		return fmt.Errorf("block %d replayed: %w", height, err)
	}
	d.counters.hit(replayed)
	return d.commit(r, b.time)
}

func (d *driver) finalize(r *replica, height int64, at time.Time, txs [][]byte) (*abci.ResponseFinalizeBlock, error) {
	hash := sha256.Sum256(bytes.Join(txs, nil))
	res, err := r.app.FinalizeBlock(context.Background(), &abci.RequestFinalizeBlock{Height: height, Time: at, Txs: txs, Hash: hash[:]})
	if err != nil {
		return nil, fmt.Errorf("%s: FinalizeBlock of %d: %w", r.name, height, err)
	}
	if len(res.TxResults) != len(txs) {
		return nil, fmt.Errorf("%s: %d results of %d transactions", r.name, len(res.TxResults), len(txs))
	}
	return res, nil
}

func (d *driver) commit(r *replica, at time.Time) error {
	if _, err := r.app.Commit(context.Background(), &abci.RequestCommit{}); err != nil {
		return fmt.Errorf("%s: Commit: %w", r.name, err)
	}
	r.clock.Store(at.Unix())
	return nil
}

// elect changes the validators as CometBFT does; what it rejects stops every node.
func (d *driver) elect(updates []abci.ValidatorUpdate) error {
	changes, err := cmttypes.PB2TM.ValidatorUpdates(updates)
	if err != nil {
		return fmt.Errorf("validator updates: %w", err)
	}
	if d.next == nil {
		d.next = cmttypes.NewValidatorSet(changes)
		return nil
	}
	if len(changes) == 0 {
		return nil
	}
	d.counters.hit(validatorsChanged)
	if err := d.next.UpdateWithChangeSet(changes); err != nil {
		return fmt.Errorf("validator updates that CometBFT rejects: %w", err)
	}
	return nil
}

// live are the replicas that are switched on, in their order.
func (d *driver) live() []*replica {
	var out []*replica
	for _, r := range d.replicas {
		if r.running() {
			out = append(out, r)
		}
	}
	return out
}

// block plays one height: transactions arrive, a proposal or two are made and examined, one is decided, executed
// everywhere, and committed, while things go wrong.
func (d *driver) block() error {
	if err := d.wake(); err != nil {
		return err
	}
	before := d.time
	if d.height > 1 { // the first block carries the genesis time
		d.time = d.time.Add(step(d.chance))
	}
	d.world.begin(d.height, before, d.time)
	if err := d.arrive(); err != nil {
		return err
	}
	txs, err := d.decide()
	if err != nil {
		return err
	}
	outcome, err := d.execute(txs)
	if err != nil {
		return err
	}
	if err := d.elect(outcome.ValidatorUpdates); err != nil {
		return err
	}
	d.chain = append(d.chain, decided{time: d.time, txs: txs, outcome: outcome})
	if d.config.Record != nil {
		d.config.Record.add(d.time.Unix(), txs, outcome.AppHash)
	}
	for _, r := range d.live() {
		if err := d.finish(r); err != nil {
			return err
		}
	}
	if err := d.world.learn(d.reader(), txs, outcome); err != nil {
		return err
	}
	if err := d.check(txs, outcome); err != nil {
		return err
	}
	return d.trouble()
}

// reader is a replica that is on; they all have the same state.
func (d *driver) reader() *replica { return d.live()[0] }

// arrive lets the world send transactions to some node's ingress or RPC.
func (d *driver) arrive() error {
	live := d.live()
	for _, raw := range d.world.send() {
		to := live
		if d.chance.IntN(3) == 0 { // one node alone hears of it
			to = []*replica{oneOf(d.chance, live...)}
		}
		for _, r := range to {
			if d.chance.IntN(4) == 0 {
				res, err := r.app.CheckTx(context.Background(), &abci.RequestCheckTx{Tx: raw, Type: abci.CheckTxType_New})
				if err != nil {
					return fmt.Errorf("%s: CheckTx: %w", r.name, err)
				}
				d.world.admitted(res.Code)
				continue
			}
			d.world.admitted(uint32(r.app.Submit(context.Background(), [][]byte{raw})[0].Code))
		}
	}
	return nil
}
