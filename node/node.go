package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	cs "github.com/cometbft/cometbft/consensus"
	cmtnode "github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/proxy"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/store"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/prometheus/client_golang/prometheus"

	"tradecredit/app"
	"tradecredit/app/state"
	"tradecredit/types"
)

// ErrHalted is what Wait gives when consensus stopped by itself: the application failed, or CometBFT met what must not be.
// The log has the cause. Starting again without removing it ends the same way.
var ErrHalted = errors.New("consensus stopped by itself; the log above has the cause")

// Node is one running node. New, then Start once, then Stop; it cannot be started again.
type Node struct {
	cfg      Config
	logger   *slog.Logger
	identity Identity
	genesis  *cmttypes.GenesisDoc
	registry *prometheus.Registry

	state  *state.DB
	stores *engineStores
	app    *app.App
	engine *cmtnode.Node
	chain  chain

	probe  func(point string) // nil: nobody asks
	keeper *keeper            // nil until the application is there

	indexer *indexer // nil until the state is open

	api     *server // nil: off
	metrics *server // nil: off

	quitting atomic.Bool // CometBFT is being stopped
	stopping sync.Once
	stopErr  error
	failing  sync.Once
	failure  error         // why the node is of no use; read after failed is closed
	failed   chan struct{} // closed by fail
	done     chan struct{} // closed when Stop is through
	quit     chan struct{} // closed when Stop begins
}

// Option changes how a node runs; for tests.
type Option func(*Node)

// WithProbe calls f where a crash would be interesting, with the name of the place, in whatever goroutine is there. Tests end
// the process in it.
func WithProbe(f func(point string)) Option { return func(n *Node) { n.probe = f } }

// New prepares a node: it checks the configuration, the home and the addresses, opens the stores and compares them, and lets
// CometBFT replay what the application lacks. ctx ends a long replay. Nothing is left open when it fails.
//
// The caller owns logger; see NewLogger.
func New(ctx context.Context, c Config, logger *slog.Logger, options ...Option) (*Node, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	n := &Node{
		cfg: c, logger: logger, registry: newRegistry(),
		failed: make(chan struct{}), done: make(chan struct{}), quit: make(chan struct{}),
	}
	for _, o := range options {
		o(n)
	}
	if err := n.prepare(ctx); err != nil {
		return nil, errors.Join(err, n.abandon())
	}
	return n, nil
}

// prepare does the work of New; what it opened is closed by abandon when it fails.
func (n *Node) prepare(ctx context.Context) (err error) {
	if n.genesis, err = readGenesis(&n.cfg); err != nil {
		return err
	}
	nodeKey, validator, err := loadKeys(&n.cfg)
	if err != nil {
		return err
	}
	n.identity = identityOf(nodeKey, validator)
	if err := checkAddressesFree(&n.cfg); err != nil {
		return err
	}
	if err := checkDisk(&n.cfg, freeSpace); err != nil {
		return err
	}
	if err := n.begin(ctx); err != nil {
		return err
	}
	if err := n.openStores(); err != nil {
		return err
	}
	if err := n.checkStores(validator); err != nil {
		return err
	}
	n.openIndex()
	n.app, err = app.New(n.state, app.Options{
		Logger:          n.logger.With("part", "app"),
		Wait:            n.cfg.proposalWait(len(n.genesis.Validators)),
		MaxPendingBytes: n.cfg.Mempool.MaxPendingBytes,
		KeepBlocks:      n.cfg.State.KeepBlocks,
		Snapshots: app.SnapshotOptions{
			Dir: n.cfg.SnapshotDir(), Interval: n.cfg.Snapshot.Interval, Keep: int(n.cfg.Snapshot.Keep), Share: int(n.cfg.Snapshot.Share),
		},
		Probe:      n.probe,
		Registerer: n.registry,
	})
	if err != nil {
		return fmt.Errorf("application: %w", err)
	}
	n.keeper = n.newKeeper()
	return n.prepareEngine(ctx, nodeKey, validator)
}

// begin finishes what an earlier beginning left, and lets an empty node join from a snapshot where that is set.
func (n *Node) begin(ctx context.Context) error {
	if err := settle(&n.cfg); err != nil {
		return err
	}
	if len(n.cfg.StateSync.From) == 0 || !n.cfg.isEmpty() {
		return nil
	}
	joined, err := join(ctx, n.cfg, n.logger, n.probe)
	if err != nil {
		return fmt.Errorf("join from a snapshot (without statesync.from the node replays all blocks instead): %w", err)
	}
	n.logger.Info("joined from a snapshot", "height", joined.Height, "chunks", joined.Chunks, "bytes", joined.Bytes, "took", joined.Took.Round(time.Millisecond))
	return nil
}

func (n *Node) openStores() (err error) {
	options := stateOptions(&n.cfg, n.logger)
	options.Probe = n.probe
	if n.state, err = state.Open(n.cfg.StateDir(), options); err != nil {
		return fmt.Errorf("%w (is another ledgerd running in this home?)", err)
	}
	n.stores = newEngineStores(n.cfg.DataDir(), n.logger)
	blocks, err := n.stores.get("blockstore")
	if err != nil {
		return err
	}
	states, err := n.stores.get("state")
	if err != nil {
		return err
	}
	n.chain = chain{lights: &lightCache{}, state: n.state, blocks: store.NewBlockStore(blocks), states: sm.NewStore(states, sm.StoreOptions{})}
	return nil
}

// stateOptions are those of the application's state.
func stateOptions(c *Config, logger *slog.Logger) state.Options {
	o := state.Options{
		KeepHeights: c.State.KeepHeights,
		CacheBytes:  c.State.CacheBytes,
		Logger:      func(format string, args ...any) { logger.Info("state: " + fmt.Sprintf(format, args...)) },
		Fatal:       func(err error) { pebbleLog{logger}.Fatalf("state: %v", err) },
	}
	if c.State.Archive {
		o.KeepHeights = 0
	}
	return o
}

// checkStores compares what the stores say with each other, with the genesis and with the clock.
func (n *Node) checkStores(validator *privval.FilePV) error {
	if err := sameGenesis(&n.cfg, n.genesis, n.stores); err != nil {
		return err
	}
	if err := sameHeights(&n.cfg, n.state.Head().Height, n.chain.blocks.Height()); err != nil {
		return err
	}
	if err := refuseTwin(&n.cfg, n.chain.blocks, validator); err != nil {
		return err
	}
	warnOfClock(n.logger, n.genesis.GenesisTime, n.chain.lastHeaderTime(), time.Now())
	return nil
}

func (n *Node) prepareEngine(ctx context.Context, nodeKey *p2p.NodeKey, validator *privval.FilePV) (err error) {
	// Query has a lock of its own in this client, and CheckTx and the mempool calls take none: nothing waits for a proposer
	// that waits for its first transaction.
	n.engine, err = cmtnode.NewNodeWithContext(ctx, engineConfig(&n.cfg), validator, nodeKey,
		proxy.NewConnSyncLocalClientCreator(n.app),
		func() (*cmttypes.GenesisDoc, error) { return n.genesis, nil },
		n.stores.provide, engineMetrics(n.registry), newEngineLog(n.logger, n.cfg.Log.EngineLevel, &n.quitting))
	if err != nil {
		return fmt.Errorf("cometbft: %w", err)
	}
	n.chain.engine = n.engine
	n.chain.blocks = n.engine.BlockStore() // the one that grows: heights are kept in memory
	return nil
}

// Start brings the node up: CometBFT, then the interface and the metrics. It returns when they listen; ctx is not kept.
// When it fails, everything is closed.
func (n *Node) Start(ctx context.Context) error {
	if err := n.start(ctx); err != nil {
		return errors.Join(err, n.Stop())
	}
	if first, err := types.ParseGenesis(n.genesis.AppState); err == nil && first.Notice != "" {
		n.logger.Warn(first.Notice, "simulation", first.Simulation)
	}
	n.logger.Info("node is up", "chain", n.genesis.ChainID, "moniker", n.cfg.Moniker, "node_id", n.identity.NodeID,
		"height", n.state.Head().Height, "p2p", n.cfg.P2P.Laddr, "rpc", n.cfg.RPC.Laddr, "api", n.APIAddress(),
		"metrics", n.MetricsAddress(), "proposal_wait", n.cfg.proposalWait(len(n.genesis.Validators)))
	return nil
}

func (n *Node) start(ctx context.Context) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	// The interface listens first, so that a port that is taken is found before consensus runs; it serves when all is up.
	if n.cfg.API.Laddr != "" {
		if n.api, err = n.newAPI(); err != nil {
			return err
		}
	}
	if n.cfg.Metrics.Laddr != "" {
		if n.metrics, err = n.newMetricsServer(); err != nil {
			return err
		}
	}
	if err := n.engine.Start(); err != nil {
		return fmt.Errorf("cometbft: %w", explainListen(err, n.cfg.listeners()))
	}
	if err := n.watchConsensus(); err != nil {
		return err
	}
	go n.watchDisk()
	n.indexer.follow()
	n.keeper.start()
	n.api.serve()
	n.metrics.serve()
	return nil
}

// watchConsensus notices that consensus has ended: CometBFT itself goes on without it, serving and gossiping.
func (n *Node) watchConsensus() error {
	env, err := n.engine.ConfigureRPC() // the only way to the consensus state from outside
	if err != nil {
		return fmt.Errorf("cometbft: %w", err)
	}
	consensus, ok := env.ConsensusState.(*cs.State)
	if !ok {
		return fmt.Errorf("cometbft: the consensus state is a %T", env.ConsensusState)
	}
	go func() {
		consensus.Wait() // takes no lock, unlike every getter
		n.fail(ErrHalted)
	}()
	return nil
}

// fail says that the node is of no use any more, unless it is being stopped. The first reason counts.
func (n *Node) fail(reason error) {
	n.failing.Do(func() {
		select {
		case <-n.quit:
			return // consensus ended because of Stop
		default:
		}
		n.logger.Error("this node is of no use any more", "reason", reason)
		n.failure = reason
		close(n.failed)
	})
}

// Wait returns when the node is no use any more: nil after Stop, ErrHalted when consensus stopped by itself, ErrDiskFull when
// there is no room left. Stop is still to be called after an error.
func (n *Node) Wait() error {
	select {
	case <-n.quit:
		<-n.done
		return nil
	case <-n.failed:
	}
	select {
	case <-n.done: // stopped since
		return nil
	default:
		return n.failure
	}
}

// Stop ends the node and closes everything. It waits for requests under way, for the block at work and, where there were
// peers, a moment more for CometBFT's gossip (see the package comment). Calls after the first give the same answer.
func (n *Node) Stop() error {
	n.stopping.Do(func() {
		close(n.quit)
		n.stopErr = n.stop()
		close(n.done)
	})
	<-n.done
	return n.stopErr
}

func (n *Node) stop() error {
	var errs []error
	errs = append(errs, n.api.stop())
	n.app.Quit() // a proposer that waits for transactions proposes what it has
	if n.engine.IsRunning() {
		n.quitting.Store(true)
		n.stopCatchingUp()
		errs = append(errs, n.engine.Stop())
		time.Sleep(n.grace())
	}
	errs = append(errs, n.metrics.stop(), n.abandon())
	n.logger.Info("node is down", "height", n.state.Head().Height)
	return errors.Join(errs...)
}

// stopCatchingUp ends block sync before its peers go. CometBFT v0.40.0 stops the peers first, which takes fetched blocks away
// from a routine that is about to use one (BlockPool.PopRequest): it would panic. While a node runs, a peer that hangs up in the
// moment between can still bring that about; the node has lost nothing and starts again.
func (n *Node) stopCatchingUp() {
	if !n.engine.ConsensusReactor().WaitSync() {
		return
	}
	if r, ok := n.engine.Switch().Reactor("BLOCKSYNC"); ok && r.IsRunning() {
		if err := r.Stop(); err != nil {
			n.logger.Debug("block sync was not running", "err", err.Error())
		}
	}
}

// grace is how long gossip may still read the stores: not at all where nobody ever connected.
func (n *Node) grace() time.Duration {
	if len(n.cfg.P2P.PersistentPeers) == 0 && n.cfg.P2P.MaxInbound == 0 {
		return 0
	}
	return closeGrace
}

// abandon closes the stores that are open.
func (n *Node) abandon() error {
	n.keeper.stop()
	errs := []error{n.indexer.stop()}
	if n.app != nil {
		n.app.Quit()
	}
	if n.stores != nil {
		errs = append(errs, n.stores.close(closeGrace))
	}
	if n.state != nil {
		errs = append(errs, n.state.Close())
	}
	return errors.Join(errs...)
}

// Identity is who this node is.
func (n *Node) Identity() Identity { return n.identity }

// Height is the last committed height, 0 before the first.
func (n *Node) Height() int64 { return n.state.Head().Height }

// App is the application; for tests and tools in the same process.
func (n *Node) App() *app.App { return n.app }

// Engine is CometBFT's node; for tests and tools in the same process. See the package comment for what not to ask it.
func (n *Node) Engine() *cmtnode.Node { return n.engine }

// APIAddress is where the HTTP interface listens, "" if it is off.
func (n *Node) APIAddress() string { return n.api.address() }

// MetricsAddress is where Prometheus reads, "" if it is off.
func (n *Node) MetricsAddress() string { return n.metrics.address() }

// checkAddressesFree refuses addresses that something else listens on, before anything is opened.
func checkAddressesFree(c *Config) error {
	var errs []error
	for _, l := range c.listeners() {
		probe, err := net.Listen("tcp", l.address)
		if err != nil {
			errs = append(errs, listenProblem(l, err))
			continue
		}
		errs = append(errs, probe.Close())
	}
	return errors.Join(errs...)
}
