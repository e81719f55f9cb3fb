package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"tradecredit/app/state"
	"tradecredit/node/index"
	"tradecredit/types"
)

// indexPace is how often the index looks for new blocks. Blocks do not wait for it, nor does it hold a lock of theirs.
const indexPace = 50 * time.Millisecond

// indexPatience is how long an index that was made anew for its errors must do before it may be made anew once more.
const indexPatience = 10 * time.Minute

// Errors of lists.
var (
	errNoIndex     = errors.New("this node keeps no lists (index.enabled is false); ask another one")
	errBadIndex    = errors.New("the lists of this node have failed; its log has the cause, and a restart makes them anew")
	errNobodyWaits = errors.New("the caller is gone")
)

// indexer lets the index follow the committed state, by height. It reads what is committed and nothing else, so it may be
// behind, and may be killed at any point: the index itself knows how far it came. What fails here fails alone: the node goes
// on without lists.
type indexer struct {
	open   atomic.Pointer[index.Index] // nil: off, or could not be opened
	dir    string
	state  *state.DB
	logger *slog.Logger
	probe  func(point string) // tells tests where it is; nil: nobody asks

	following bool        // run was started
	held      *state.View // of the height that the index shows: what is open cannot be pruned; owned by run
	checked   atomic.Bool // the index is known to be of this state
	broken    atomic.Bool
	damaged   atomic.Pointer[damage] // what a reader met
	checking  sync.WaitGroup
	reading   chan struct{} // one token a list that is being read
	stopping  sync.Once
	quit      chan struct{} // closed by stop
	done      chan struct{} // closed when run has ended
}

// damage is an error that tells of an index that is of no use.
type damage struct {
	of  *index.Index
	err error
}

// openIndex opens the index. A folder that cannot be opened is deleted and made anew: all it holds is in the state.
func (n *Node) openIndex() {
	x := &indexer{dir: n.cfg.IndexDir(), state: n.state, logger: n.logger.With("part", "index"), probe: n.probe,
		reading: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), quit: make(chan struct{}), done: make(chan struct{})}
	n.indexer = x
	if !n.cfg.Index.Enabled {
		return
	}
	err := x.openDisk()
	if err != nil {
		x.logger.Warn("the index cannot be opened; it is deleted and made anew", "err", err.Error())
		err = x.openAnew()
	}
	if err != nil {
		x.fail(err)
	}
}

func (x *indexer) openDisk() error {
	opened, err := index.Open(x.dir, index.Options{Logger: func(format string, args ...any) { x.logger.Error(fmt.Sprintf(format, args...)) }})
	if err == nil {
		x.open.Store(opened)
	}
	return err
}

func (x *indexer) openAnew() error {
	if err := os.RemoveAll(x.dir); err != nil {
		return err
	}
	return x.openDisk()
}

// fail ends the lists of this node until it is started again.
func (x *indexer) fail(err error) {
	x.broken.Store(true)
	x.logger.Error("no more lists: the index has failed; the node goes on without", "err", err.Error())
}

// follow begins to follow the state.
func (x *indexer) follow() {
	if x.open.Load() == nil || x.broken.Load() {
		return
	}
	x.following = true
	if opened := x.open.Load(); opened.Height() > 0 {
		x.checking.Go(func() { x.check(opened) })
	}
	go x.run()
}

// check looks through an index that was there before, beside the following. It takes seconds for a million records.
func (x *indexer) check(opened *index.Index) {
	began := time.Now()
	err := opened.Check(x.quit)
	if x.notice(opened, err); err == nil {
		x.logger.Debug("the index was looked through", "took", time.Since(began).Round(time.Millisecond))
	}
}

// notice tells run of an error that means that the index is damaged, and says whether it does.
func (x *indexer) notice(of *index.Index, err error) bool {
	var wrong *index.QueryError
	if err == nil || errors.As(err, &wrong) || errors.Is(err, index.ErrBuilding) || errors.Is(err, index.ErrClosed) || errors.Is(err, index.ErrFailed) {
		return false
	}
	x.damaged.Store(&damage{of, err})
	return true
}

// stop ends the following and closes the index. It may be called at any time, and again; on nil, too.
func (x *indexer) stop() (err error) {
	if x == nil {
		return nil
	}
	x.stopping.Do(func() {
		close(x.quit)
		if x.following {
			<-x.done
		}
		x.checking.Wait()
		if opened := x.open.Load(); opened != nil {
			err = opened.Close()
		}
	})
	return err
}

// list answers a query, as soon as few enough others are being answered: consensus needs the processor, too.
func (x *indexer) list(ctx context.Context, q index.Query) (*index.Page, error) {
	opened := x.open.Load()
	switch {
	case x.broken.Load():
		return nil, errBadIndex
	case opened == nil:
		return nil, errNoIndex
	case !x.checked.Load():
		return nil, index.ErrBuilding
	}
	select {
	case x.reading <- struct{}{}:
		defer func() { <-x.reading }()
	case <-ctx.Done():
		return nil, errNobodyWaits
	}
	page, err := opened.List(q)
	if x.notice(opened, err) {
		return nil, fmt.Errorf("%w: %w", index.ErrBuilding, err)
	}
	return page, err
}

// height is the height of the state that the lists show, 0 when they show none.
func (x *indexer) height() int64 {
	if opened := x.open.Load(); opened != nil {
		return opened.Height()
	}
	return 0
}

// diskBytes is what the index takes on the disk.
func (x *indexer) diskBytes() uint64 {
	if opened := x.open.Load(); opened != nil {
		return opened.DiskBytes()
	}
	return 0
}

// lag is how many committed blocks the index does not show yet.
func (x *indexer) lag() int64 {
	if x.open.Load() == nil {
		return 0
	}
	return max(0, x.state.Head().Height-x.height())
}

func (x *indexer) run() {
	defer close(x.done)
	defer x.hold(nil)
	ticker := time.NewTicker(indexPace)
	defer ticker.Stop()
	var anew time.Time // when the index was made anew for its errors
	for {
		err := x.catchUp()
		if met := x.damaged.Swap(nil); met != nil && err == nil && met.of == x.open.Load() {
			err = met.err
		}
		if err != nil && !errors.Is(err, errStopped) && !errors.Is(err, index.ErrFailed) && time.Since(anew) > indexPatience {
			anew = time.Now()
			err = x.startOver(err)
		}
		switch {
		case errors.Is(err, errStopped):
			return
		case err != nil:
			x.fail(err)
			return
		}
		select {
		case <-x.quit:
			return
		case <-ticker.C:
		}
	}
}

// startOver makes a new index in place of one that is inconsistent or damaged.
func (x *indexer) startOver(why error) error {
	x.logger.Error("the index is of no use; it is deleted and made anew", "err", why.Error())
	if err := x.open.Load().Close(); err != nil {
		x.logger.Warn("the old index did not close well", "err", err.Error())
	}
	if err := x.openAnew(); err != nil {
		return err
	}
	return x.catchUp()
}

// errStopped: stop was called in between.
var errStopped = errors.New("stopped")

func (x *indexer) stopped() bool {
	select {
	case <-x.quit:
		return true
	default:
		return false
	}
}

// catchUp applies the blocks that the index does not show. An index of another chain, one that is ahead of the state, one
// that shows nothing, or one that is so far behind that what it needs is pruned, is made anew from the state.
func (x *indexer) catchUp() error {
	head, at := x.state.Head().Height, x.open.Load().Height()
	if head == 0 || (at == head && x.checked.Load()) {
		return nil
	}
	if why, err := x.unfit(head, at); why != "" || err != nil {
		if err != nil {
			return err
		}
		if err := x.rebuild(why); err != nil {
			return err
		}
		at = x.open.Load().Height()
	}
	x.checked.Store(true)
	for at < head && !x.stopped() {
		at++
		changes, err := x.state.Changes(at)
		if err != nil {
			return err
		}
		x.at("index.apply")
		if err := x.open.Load().Apply(at, changes); err != nil {
			return err
		}
		x.at("index.applied")
		view, err := x.state.At(at)
		if err != nil {
			return err
		}
		x.hold(view)
	}
	return nil
}

// at tells tests where the indexer is.
func (x *indexer) at(point string) {
	if x.probe != nil {
		x.probe(point)
	}
}

// hold keeps a height from being pruned in place of the one before; nil for none. The index holds the height that it shows,
// so that the blocks it lacks are there, however far it falls behind.
func (x *indexer) hold(view *state.View) {
	if x.held != nil {
		_ = x.held.Close() // never fails
	}
	x.held = view
}

// unfit says why the index must be made anew, "" if it can go on.
func (x *indexer) unfit(head, at int64) (why string, err error) {
	if x.checked.Load() && x.held != nil && x.held.Height() == at {
		return "", nil
	}
	switch {
	case at == 0:
		return "there was none", nil
	case at > head:
		return "it was ahead of the state", nil
	}
	view, err := x.state.At(at)
	if errors.Is(err, state.ErrPruned) {
		return "the blocks that it lacks are pruned", nil
	}
	if err != nil {
		return "", err
	}
	x.hold(view)
	chain, err := view.Get(string(types.ChainKey))
	if err == nil && sha256.Sum256(chain) != x.open.Load().Chain() {
		why = "it was of another chain"
	}
	return why, err
}

// rebuild makes the index from the newest state.
func (x *indexer) rebuild(why string) error {
	view := x.state.View()
	x.hold(view)
	began := time.Now()
	if view.Height() > 1 {
		x.logger.Info("the index is made from the state", "height", view.Height(), "because", why)
	}
	err := x.open.Load().Rebuild(view.Height(), func(prefix string, visit func(string, []byte) error) error {
		return view.Scan(prefix, func(key string, value []byte) error {
			if x.stopped() {
				return errStopped
			}
			return visit(key, value)
		})
	})
	if err != nil {
		return err
	}
	if view.Height() > 1 {
		x.logger.Info("the index is there", "height", view.Height(), "took", time.Since(began).Round(time.Millisecond))
	}
	return nil
}
