package app

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/prometheus/client_golang/prometheus"

	"tradecredit/app/ledger"
	"tradecredit/app/state"
	"tradecredit/types"
)

// staleAfter is how old, by this node's clock, the newest block may be before refusals that rest on the state are
// called temporary: the node is catching up, or the network stands.
const staleAfter = time.Minute

// defaultPendingBytes bounds the pool unless Options say otherwise.
const defaultPendingBytes = 64 << 20

// Options of New; the zero value is usable.
type Options struct {
	Logger          *slog.Logger          // nil: silent
	Wait            time.Duration         // how long PrepareProposal waits for the first transaction; 0: not at all
	MaxPendingBytes int64                 // bytes of transactions that wait for a block; 0: 64 MiB
	Registerer      prometheus.Registerer // nil: metrics are kept and not registered
	KeepBlocks      int64                 // blocks that CometBFT may not prune; 0: it keeps all
	Now             func() time.Time      // this node's clock, for no decision of consensus; nil: time.Now
	Snapshots       SnapshotOptions       // what this node offers to those who join
	AppVersion      uint64                // newest version of the rules that this program computes; 0: types.AppVersion
	Probe           func(point string)    // called where a crash would be interesting; tests end the process there. nil: nothing
}

// App implements abci.Application of CometBFT v0.40.0.
type App struct {
	abci.BaseApplication

	options Options
	log     *slog.Logger
	db      *state.DB
	metrics *metrics

	tip        atomic.Pointer[tip] // nil until the first block since the start
	pool       *pool
	snapshots  *snapshots
	signatures *signatures
	peers      *peerQueue
	waiters    waiters

	quit     chan struct{}
	gate     sync.RWMutex // guards stopping against calls that begin
	stopping bool
	busy     sync.WaitGroup // running calls and workers that read the store

	// Used by the consensus connection alone.
	genesis  *genesis        // from InitChain until the first block is committed
	staged   *stagedBlock    // from FinalizeBlock until Commit
	seen     seenTxs         // verified transactions of this height's proposals that are not in the pool
	accepted *proposalDigest // the last proposal that was found good

	restoring *restoring // used by whoever restores, which is one, and before the first block
	warned    uint64     // the version of the rules that operators were told to prepare for
}

// tip is the newest committed block, as admission needs it.
type tip struct {
	ledger.Moment
	height int64
	hash   types.Hash
}

// Status is what the interface shows of the application.
type Status struct {
	Height       int64
	AppHash      types.Hash // zero before the first block
	BlockUnix    int64      // time of the newest block; 0 until the first one since this node started
	PendingTxs   int64
	PendingBytes int64
}

// New makes the application over an open store, which it does not close. Quit must be called before the store is closed.
// A store whose next block runs by rules that this program does not know is refused.
func New(db *state.DB, o Options) (*App, error) {
	if db == nil {
		return nil, errors.New("app: no store")
	}
	if o.Wait < 0 || o.MaxPendingBytes < 0 || o.KeepBlocks < 0 {
		return nil, fmt.Errorf("app: wait %v, pending bytes %d, blocks kept %d: must not be negative", o.Wait, o.MaxPendingBytes, o.KeepBlocks)
	}
	if o.MaxPendingBytes == 0 {
		o.MaxPendingBytes = defaultPendingBytes
	}
	if o.MaxPendingBytes < 4*types.MaxTxBytes {
		return nil, fmt.Errorf("app: pending bytes %d, at least %d", o.MaxPendingBytes, 4*types.MaxTxBytes)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.AppVersion == 0 {
		o.AppVersion = types.AppVersion
	}
	if err := compatible(db, o.AppVersion); err != nil {
		return nil, err
	}
	waiting := newPool(o.MaxPendingBytes)
	m, err := newMetrics(o.Registerer, waiting)
	if err != nil {
		return nil, err
	}
	kept, err := newSnapshots(o.Snapshots)
	if err != nil {
		return nil, err
	}
	a := &App{
		options:    o,
		snapshots:  kept,
		log:        o.Logger,
		db:         db,
		metrics:    m,
		pool:       waiting,
		signatures: newSignatures(),
		peers:      newPeerQueue(o.MaxPendingBytes / 4),
		quit:       make(chan struct{}),
	}
	workers := max(1, runtime.GOMAXPROCS(0)/2)
	for range workers {
		a.work(func() { a.signatures.run(a.quit) })
		a.work(a.admitPeers)
	}
	return a, nil
}

// work runs a worker that Quit waits for.
func (a *App) work(f func()) {
	a.busy.Add(1)
	go func() {
		defer a.busy.Done()
		f()
	}()
}

// begin enters a call that reads the store; false once Quit was called. The caller calls a.busy.Done.
func (a *App) begin() bool {
	a.gate.RLock()
	defer a.gate.RUnlock()
	if a.stopping {
		return false
	}
	a.busy.Add(1)
	return true
}

// Quit ends every wait, of PrepareProposal and of Await, and returns when no call of Submit, CheckTx or Await reads the
// store any more. Transactions that arrive later are answered with types.NodeCodeStopping. CometBFT may still be running:
// blocks are finalized and committed as before. Calling it twice is no error.
func (a *App) Quit() {
	a.gate.Lock()
	first := !a.stopping
	a.stopping = true
	a.gate.Unlock()
	if first {
		close(a.quit)
	}
	a.busy.Wait()
}

// quitting tells whether Quit was called.
func (a *App) quitting() bool {
	select {
	case <-a.quit:
		return true
	default:
		return false
	}
}

// View opens the newest committed state; the caller closes it. Before the first block it is empty.
func (a *App) View() *state.View { return a.db.View() }

// release closes a view, which cannot fail: it only lets pruning pass.
func release(v *state.View) { _ = v.Close() }

// Height is the newest committed height; 0 before the first block.
func (a *App) Height() int64 { return a.db.Head().Height }

// Status reads what the interface shows. It waits for no lock of consensus.
func (a *App) Status() Status {
	head := a.db.Head()
	s := Status{Height: head.Height, AppHash: head.AppHash}
	if t := a.tip.Load(); t != nil {
		s.Height, s.AppHash, s.BlockUnix = t.height, t.hash, t.Unix
	}
	s.PendingTxs, s.PendingBytes = a.pool.size()
	return s
}
