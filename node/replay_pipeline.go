package node

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	cmttypes "github.com/cometbft/cometbft/types"

	"tradecredit/app"
	"tradecredit/types"
)

// A run of blocks is decoded and its signatures are verified in common. It ends with whichever comes first.
const (
	runTxs    = 512
	runBlocks = 64
	runBytes  = 4 << 20
)

// checkedBlock is a block that was decoded, held to its own header, and whose transactions carry good signatures.
type checkedBlock struct {
	height  int64
	block   *cmttypes.Block
	parts   *cmttypes.PartSet
	id      cmttypes.BlockID
	txs     *app.Prepared
	results []app.TxResult         // that its node stored
	known   bool                   // results are known
	elected *[]*cmttypes.Validator // see blockRecord
	other   *otherChanges          // what the node's state says that the block changed; nil: nothing is known
	bytes   int
}

// decided is the block as the application executes it.
func (b *checkedBlock) decided() *app.Decided {
	return &app.Decided{Height: b.height, Time: b.block.Time, Hash: b.id.Hash, Txs: b.txs}
}

// spent is how long parts of the work took, in nanoseconds, added up over all goroutines.
type spent struct{ read, decode, signatures, headers, rules, tree, store atomic.Int64 }

// since adds the time since began, and begins anew.
func since(to *atomic.Int64, began *time.Time) {
	now := time.Now()
	to.Add(int64(now.Sub(*began)))
	*began = now
}

// blockRun is some blocks on their way through the pipeline.
type blockRun struct {
	records []*blockRecord
	bytes   int
	blocks  []*checkedBlock // up to the first bad one
	err     error
	ready   chan struct{}
}

// pipeline prepares blocks ahead of their execution: one goroutine reads, as many as there are processors decode and
// verify, and next gives the blocks in order.
type pipeline struct {
	verifier *types.Verifier
	changes  func(height int64) (*otherChanges, error)
	spent    *spent
	cancel   context.CancelFunc
	working  sync.WaitGroup
	ordered  chan *blockRun
	now      []*checkedBlock // of the run at hand
	pending  error           // what follows them
}

// newPipeline begins to read. The caller calls stop.
func newPipeline(ctx context.Context, h source, from, to int64, changes func(int64) (*otherChanges, error), s *spent) *pipeline {
	ctx, cancel := context.WithCancel(ctx)
	workers := runtime.GOMAXPROCS(0)
	p := &pipeline{verifier: types.NewVerifier(), changes: changes, spent: s, cancel: cancel, ordered: make(chan *blockRun, 2*workers)}
	work := make(chan *blockRun)
	for range workers {
		p.working.Go(func() {
			for r := range work {
				p.check(r)
				close(r.ready)
			}
		})
	}
	p.working.Go(func() {
		defer close(p.ordered)
		defer close(work)
		p.read(ctx, h, from, to, func(r *blockRun) error {
			select {
			case p.ordered <- r:
			case <-ctx.Done():
				return ctx.Err()
			}
			if r.err != nil {
				close(r.ready)
				return r.err
			}
			work <- r // workers take it whatever happens
			return nil
		})
	})
	return p
}

// read cuts a history into runs; what ends it early is the error of a run of its own.
func (p *pipeline) read(ctx context.Context, h source, from, to int64, send func(*blockRun) error) {
	run := &blockRun{ready: make(chan struct{})}
	txs, stopped := 0, false
	flush := func() error {
		err := send(run)
		stopped = err != nil
		run, txs = &blockRun{ready: make(chan struct{})}, 0
		return err
	}
	began := time.Now()
	err := h.each(ctx, from, to, func(r *blockRecord) error {
		since(&p.spent.read, &began)
		run.records = append(run.records, r)
		run.bytes += len(r.block)
		txs += len(r.results)
		if txs >= runTxs || len(run.records) >= runBlocks || run.bytes >= runBytes || r.height == to {
			if err := flush(); err != nil {
				return err
			}
			began = time.Now()
		}
		return nil
	})
	if err == nil || stopped {
		return
	}
	if len(run.records) > 0 && flush() != nil {
		return
	}
	run.err = err
	_ = send(run) // it is the error
}

// check decodes and verifies a run.
func (p *pipeline) check(run *blockRun) {
	began := time.Now()
	var raw [][][]byte
	for _, r := range run.records {
		b, err := p.open(r)
		if err != nil {
			run.err = fmt.Errorf("block %d: %w", r.height, err)
			break
		}
		run.blocks = append(run.blocks, b)
		raw = append(raw, b.block.Txs.ToSliceOfBytes())
	}
	since(&p.spent.headers, &began)
	prepared, decode, signatures := app.Prepare(p.verifier, raw)
	p.spent.decode.Add(int64(decode))
	p.spent.signatures.Add(int64(signatures))
	for i, txs := range prepared {
		b := run.blocks[i]
		b.txs = txs
		if bad, why := txs.Bad(); why != nil {
			run.blocks, run.err = run.blocks[:i], fmt.Errorf("block %d: %w: transaction %d: %w", b.height, ErrTransaction, bad, why)
			return
		}
	}
}

// open decodes a block and computes what it is called by.
func (p *pipeline) open(r *blockRecord) (*checkedBlock, error) {
	block, err := decodeBlock(r)
	if err != nil {
		return nil, err
	}
	b := &checkedBlock{height: r.height, block: block, results: r.results, known: r.known, elected: r.elected, bytes: len(r.block)}
	b.parts = cmttypes.NewPartSetFromData(r.block, cmttypes.BlockPartSizeBytes)
	b.id = cmttypes.BlockID{Hash: block.Hash(), PartSetHeader: b.parts.Header()}
	if r.known && len(r.results) != len(block.Txs) {
		return nil, fmt.Errorf("%w: %d results of %d transactions", ErrBlockMalformed, len(r.results), len(block.Txs))
	}
	if p.changes != nil {
		b.other, err = p.changes(r.height)
	}
	return b, err
}

// next is the next block, nil after the last one.
func (p *pipeline) next() (*checkedBlock, error) {
	for len(p.now) == 0 {
		if p.pending != nil {
			return nil, p.pending
		}
		run, ok := <-p.ordered
		if !ok {
			return nil, nil
		}
		<-run.ready
		p.now, p.pending = run.blocks, run.err
	}
	b := p.now[0]
	p.now = p.now[1:]
	return b, nil
}

// stop ends the pipeline; the blocks that next gave stay good.
func (p *pipeline) stop() {
	p.cancel()
	for run := range p.ordered { // let the reader go
		_ = run
	}
	p.working.Wait()
}

// commitChecks verifies commits beside the execution. The lowest height that fails is what counts.
type commitChecks struct {
	spent   *spent
	room    chan struct{}
	working sync.WaitGroup
	mu      sync.Mutex
	height  int64 // of the failure
	err     error
}

func newCommitChecks(s *spent) *commitChecks {
	return &commitChecks{spent: s, room: make(chan struct{}, 2*runtime.GOMAXPROCS(0))}
}

// check verifies a commit, now or soon.
func (c *commitChecks) check(chainID string, set *cmttypes.ValidatorSet, id cmttypes.BlockID, height int64, commit *cmttypes.Commit) {
	c.room <- struct{}{}
	c.working.Go(func() {
		defer func() { <-c.room }()
		began := time.Now()
		err := committed(chainID, set, id, height, commit)
		since(&c.spent.headers, &began)
		if err == nil {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.err == nil || height < c.height {
			c.height, c.err = height, err
		}
	})
}

// failed tells of a failure that is known so far.
func (c *commitChecks) failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err != nil
}

// wait finishes what is under way and gives the failure of the lowest height.
func (c *commitChecks) wait() error {
	c.working.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}
