package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	cmttypes "github.com/cometbft/cometbft/types"

	"tradecredit/app"
	"tradecredit/app/state"
	"tradecredit/types"
)

// ReplayOptions of Replay.
type ReplayOptions struct {
	From    string // a node's home, an archive, or the interface of a running node, "http://host:port"
	Until   int64  // last height that is executed; 0: the newest
	Scratch string // folder where the state is made; a folder in it is made and removed. Empty: the system's
	Keep    string // folder that keeps the state, every height of it; it must be absent or empty. Empty: nothing is kept
	// Against is the home of a stopped node whose state is compared height by height. A home in From is compared anyway.
	Against    string
	CacheBytes int64          // memory for rows that were read lately; 0: 256 MiB
	Score      []ScoreRequest // past scores to compute, all at the last height
	Logger     *slog.Logger   // nil: silent
	Progress   func(Progress) // told now and then; nil: nobody
}

// ScoreRequest asks for a subject's score as the last height of a replay left it.
type ScoreRequest struct {
	Subject string
	Day     int32 // the civil day of the score; 0: that of the last block
}

// errUntil refuses a height that is not there.
func errUntil(until, last int64) error {
	return fmt.Errorf("%w: the newest block is %d, not yet %d", ErrNoBlock, last, until)
}

// Replayed is what a replay came to, and what it took.
type Replayed struct {
	Report ReplayReport
	Scores []*types.Receipt // in the order of the requests; none after a divergence
	Times  ReplayTimes
}

// Replay verifies a history from its genesis on and executes it again on an empty state: every header, every commit by two
// thirds of the validators that the application itself put in force, every signature. After each block it compares app
// hash, results, validators and version with the next header, and, where there is one, the state that a node keeps. The
// first difference ends it and is no error: see ReplayReport.Divergence. An error says that the history is not what its
// validators signed (Err…), or that the replay failed.
func Replay(ctx context.Context, o ReplayOptions) (*Replayed, error) {
	h, err := openSource(ctx, o.From, orSilent(o.Logger))
	if err != nil {
		return nil, err
	}
	defer h.close()
	rows, release, err := rowsBeside(h, o.Against)
	if err != nil {
		return nil, err
	}
	defer release()
	r := &replayer{options: o, source: h, other: rows, until: o.Until}
	if r.until == 0 {
		r.until = h.last()
	}
	if r.until > h.last() || r.until < 1 {
		return nil, errUntil(r.until, h.last())
	}
	done, err := r.replay(ctx)
	if err != nil || done.Report.Divergence == nil || done.Report.Divergence.Transaction != nil || !done.Report.Divergence.late {
		return done, err
	}
	// It was found when the block had long been committed: come back to that height to see which transaction it was.
	again := &replayer{options: o, source: h, other: rows, until: done.Report.Divergence.Height, suspect: done.Report.Divergence.Key}
	again.options.Keep, again.options.Score = "", nil
	second, err := again.replay(ctx)
	if err == nil && again.culprit != nil {
		done.Report.Divergence.Transaction = again.culprit
	}
	if second != nil {
		done.Times.Seconds += second.Times.Seconds
	}
	return done, err
}

// rowsBeside is the state that a history is compared with; nil if there is none.
func rowsBeside(h source, against string) (*state.Rows, func(), error) {
	if against != "" {
		c := Default(against)
		rows, err := stateRows(c.StateDir())
		if err != nil {
			return nil, nil, err
		}
		return rows, func() { _ = rows.Close() }, nil
	}
	if home, ok := h.(*homeSource); ok {
		return home.rows, func() {}, nil
	}
	return nil, func() {}, nil
}

// replayer is one replay at work.
type replayer struct {
	options ReplayOptions
	source  source
	other   *state.Rows // the state of a node; nil: there is none
	until   int64
	rules   uint64                           // newest version of the rules that this program computes; 0: types.AppVersion
	suspect string                           // a key to trace at the last height; empty: none
	decide  func(*checkedBlock) *app.Decided // what is executed; nil: the block
	keep    func(*checkedBlock, *cmttypes.Commit, *app.Executed, *tracker) error
	setup   func(*tracker) error
	open    func() (*state.DB, func() error, error)

	genesis []byte
	doc     *cmttypes.GenesisDoc
	db      *state.DB
	app     *app.App
	chain   *tracker
	pipe    *pipeline
	commits *commitChecks
	ahead   *aheadRun // of the block after the one at hand; nil: none
	spent   spent
	meter   meter
	garbage garbage
	times   *timesKeeper // beside a state that is kept; else nil
	done    Replayed
	culprit *DivergedTransaction
}

// replay runs it from the genesis to until.
func (r *replayer) replay(ctx context.Context) (_ *Replayed, err error) {
	began := time.Now()
	r.garbage.begin()
	defer r.garbage.end()
	if err := r.begin(); err != nil {
		return nil, err
	}
	finish, err := r.openState()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, finish()) }()
	hash, err := r.app.Begin(r.doc)
	if err != nil {
		return nil, err
	}
	if r.chain, err = newTracker(r.doc, hash); err != nil {
		return nil, err
	}
	if r.setup != nil {
		if err := r.setup(r.chain); err != nil {
			return nil, err
		}
	}
	r.meter = newMeter(r.options.Progress, 0, r.until)
	// Two blocks more than are executed: the header that commits to the last outcome, and the commit on that header.
	r.pipe = newPipeline(ctx, r.source, 1, min(r.until+2, r.source.last()), r.otherAt(), &r.spent)
	r.commits = newCommitChecks(&r.spent)
	err = r.run(ctx)
	r.pipe.stop()
	if commits := r.commits.wait(); commits != nil {
		err = commits // it lies before whatever else was found
	}
	r.meter.end()
	if err != nil {
		return nil, err
	}
	if err := r.conclude(); err != nil {
		return nil, err
	}
	r.done.Times = r.spent.times(time.Since(began), r.done.Report.Records)
	return &r.done, nil
}

// begin reads the genesis.
func (r *replayer) begin() (err error) {
	if r.genesis, err = r.source.genesis(); err != nil {
		return err
	}
	if r.doc, err = parseGenesis(r.genesis); err != nil {
		return err
	}
	r.done.Report = ReplayReport{
		Format: replayReportFormat, ChainID: r.doc.ChainID, GenesisSHA256: digestText(r.genesis), First: 1, Result: replayMatch,
	}
	return nil
}

// openState makes the state that the blocks are executed on. finish closes it, and removes it unless it is to be kept.
func (r *replayer) openState() (finish func() error, err error) {
	open := r.open
	if open == nil {
		open = r.scratch
	}
	db, closeState, err := open()
	if err != nil {
		return nil, err
	}
	if h := db.Head().Height; h > 0 {
		return nil, errors.Join(fmt.Errorf("the state to fill is at height %d already", h), closeState())
	}
	if r.app, err = app.New(db, app.Options{Logger: orSilent(r.options.Logger).With("part", "app"), AppVersion: r.rules}); err != nil {
		return nil, errors.Join(err, closeState())
	}
	r.db = db
	return func() error {
		r.app.Quit()
		return closeState()
	}, nil
}

// allHeights keeps every height readable, without the rows by which an archive proves them.
const allHeights = 1 << 50

// scratch is a state that is removed afterwards, or kept where the options say.
func (r *replayer) scratch() (*state.DB, func() error, error) {
	dir, remove := r.options.Keep, func() error { return nil }
	if dir == "" {
		made, err := os.MkdirTemp(r.options.Scratch, "replay-")
		if err != nil {
			return nil, nil, err
		}
		dir, remove = made, func() error { return os.RemoveAll(made) }
	} else if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return nil, nil, fmt.Errorf("--keep %s: the folder is not empty", dir)
	}
	db, err := state.Open(filepath.Join(dir, "state"), state.Options{
		KeepHeights: allHeights, CheckpointEvery: -1, CacheBytes: r.options.CacheBytes, Volatile: true,
	})
	if err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	if r.options.Keep != "" {
		if r.times, err = newTimesKeeper(dir); err != nil {
			return nil, nil, errors.Join(err, db.Close())
		}
	}
	return db, func() error { return errors.Join(r.times.close(), db.Close(), remove()) }, nil
}

// run executes the blocks in order.
func (r *replayer) run(ctx context.Context) error {
	cur, err := r.pull(ctx)
	if err != nil {
		return err
	}
	if err := r.chain.structure(cur.block); err != nil {
		return fmt.Errorf("block %d: %w", cur.height, err)
	}
	if differs := r.chain.outcome(&cur.block.Header); len(differs) > 0 {
		r.diverge(r.genesisDivergence(cur, differs))
		return nil
	}
	defer func() { r.ahead.drop() }()
	for {
		var next *checkedBlock
		if cur.height < r.source.last() {
			if next, err = r.pull(ctx); err != nil {
				return err
			}
			if err := r.chain.passed(cur).structure(next.block); err != nil {
				return fmt.Errorf("block %d: %w", next.height, err)
			}
		}
		found, err := r.step(ctx, cur, next)
		if err != nil {
			return err
		}
		if found || cur.height == r.until {
			return nil
		}
		if r.commits.failed() {
			return nil // wait tells
		}
		cur = next
	}
}

// pull takes the next block, which must be there.
func (r *replayer) pull(ctx context.Context) (*checkedBlock, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, err := r.pipe.next()
	if err == nil && b == nil {
		if err = ctx.Err(); err == nil {
			err = ErrNoBlock
		}
	}
	return b, err
}

// step executes one block, compares, and commits it. It says whether a difference was found.
func (r *replayer) step(ctx context.Context, cur, next *checkedBlock) (found bool, err error) {
	run, err := r.runRules(cur, next)
	if err != nil {
		return false, err
	}
	executed, err := r.app.Execute(run)
	if err != nil {
		return false, err
	}
	r.spent.rules.Add(int64(executed.Rules))
	r.spent.tree.Add(int64(executed.Tree))
	after, err := r.chain.after(cur, executed)
	if err != nil {
		return false, err
	}
	commit, err := r.commitOn(cur, next)
	if err != nil {
		return false, err
	}
	r.commits.check(r.doc.ChainID, after.LastValidators, cur.id, cur.height, commit)
	found, err = r.compare(ctx, cur, next, executed, after)
	if err != nil || found {
		return found, err
	}
	if r.suspect != "" && cur.height == r.until {
		if r.culprit, err = r.writerOf(cur, r.suspect); err != nil {
			return false, err
		}
	}
	began := time.Now()
	if err := r.app.CommitExecuted(); err != nil {
		return false, err
	}
	if err := r.times.add(cur.block.Time.Unix()); err != nil {
		return false, err
	}
	if r.keep != nil {
		if err := r.keep(cur, commit, executed, after); err != nil {
			return false, err
		}
	}
	since(&r.spent.store, &began)
	r.chain = after
	r.count(cur, next, len(executed.Response.ValidatorUpdates) > 0)
	return false, nil
}

// decided is what is executed of a block.
func (r *replayer) decided(b *checkedBlock) *app.Decided {
	if r.decide != nil {
		return r.decide(b)
	}
	return b.decided()
}

// commitOn is the commit on a block: in the next one, or else the seal of the history.
func (r *replayer) commitOn(b, next *checkedBlock) (*cmttypes.Commit, error) {
	if next != nil {
		return next.block.LastCommit, nil
	}
	encoded, err := r.source.seal(b.height)
	if err != nil {
		return nil, err
	}
	commit, err := decodeCommit(encoded)
	if err != nil {
		return nil, fmt.Errorf("block %d: %w", b.height, err)
	}
	return commit, nil
}

// count enters a block that was executed and found right into the report.
func (r *replayer) count(b, next *checkedBlock, elected bool) {
	p := &r.done.Report
	p.Last, p.AppHash, p.LastBlockHash = b.height, hexBytes(r.chain.AppHash), hexBytes(b.id.Hash)
	p.Transactions += int64(b.txs.Len())
	p.Records += int64(b.txs.Records())
	p.BlockBytes += int64(b.bytes)
	if elected {
		p.ValidatorChanges++
	}
	if next != nil {
		p.CertifiedHeight, p.CertifiedAppHash = b.height, p.AppHash
	}
	r.meter.step(b.height, int64(b.txs.Records()))
	r.garbage.block()
}
