package node

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"tradecredit/app/state"
	"tradecredit/node/index"
	"tradecredit/types"
)

// indexPace is how often the index looks for new blocks. Blocks do not wait for it, nor does it hold a lock of theirs.
const indexPace = 50 * time.Millisecond

// Errors of lists.
var (
	errNoIndex  = errors.New("this node keeps no lists (index.enabled is false); ask another one")
	errBadIndex = errors.New("the lists of this node have failed; its log has the cause, and a restart makes them anew")
)

// indexer lets the index follow the committed state, by height. It reads what is committed and nothing else, so it may be
// behind, and may be killed at any point: the index itself knows how far it came. What fails here fails alone: the node goes
// on without lists.
type indexer struct {
	index  *index.Index // nil: off, or could not be opened
	state  *state.DB
	logger *slog.Logger

	following bool // run was started
	broken    atomic.Bool
	stopping  sync.Once
	quit      chan struct{} // closed by stop
	done      chan struct{} // closed when run has ended
}

// openIndex opens the index. A folder that cannot be opened is deleted and made anew: all it holds is in the state.
func (n *Node) openIndex() {
	x := &indexer{state: n.state, logger: n.logger.With("part", "index"), quit: make(chan struct{}), done: make(chan struct{})}
	n.indexer = x
	if !n.cfg.Index.Enabled {
		return
	}
	options := index.Options{Logger: func(format string, args ...any) { x.logger.Error(fmt.Sprintf(format, args...)) }}
	var err error
	if x.index, err = index.Open(n.cfg.IndexDir(), options); err == nil {
		return
	}
	x.logger.Warn("the index cannot be opened; it is deleted and made anew", "err", err)
	if err = os.RemoveAll(n.cfg.IndexDir()); err == nil {
		x.index, err = index.Open(n.cfg.IndexDir(), options)
	}
	if err != nil {
		x.fail(err)
	}
}

// fail ends the lists of this node until it is started again.
func (x *indexer) fail(err error) {
	x.broken.Store(true)
	x.logger.Error("no more lists: the index has failed; the node goes on without", "err", err)
}

// follow begins to follow the state.
func (x *indexer) follow() {
	if x.index == nil || x.broken.Load() {
		return
	}
	x.following = true
	go x.run()
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
		if x.index != nil {
			err = x.index.Close()
		}
	})
	return err
}

// list answers a query.
func (x *indexer) list(q index.Query) (*index.Page, error) {
	switch {
	case x.broken.Load():
		return nil, errBadIndex
	case x.index == nil:
		return nil, errNoIndex
	}
	return x.index.List(q)
}

// lag is how many committed blocks the index does not show yet.
func (x *indexer) lag() int64 {
	if x.index == nil {
		return 0
	}
	return max(0, x.state.Head().Height-x.index.Height())
}

func (x *indexer) run() {
	defer close(x.done)
	ticker := time.NewTicker(indexPace)
	defer ticker.Stop()
	again := false // an index that is inconsistent just after it was made is not made a third time
	for {
		err := x.catchUp()
		if errors.Is(err, index.ErrCorrupt) && !again {
			x.logger.Error("the index is inconsistent", "err", err)
			again, err = true, x.rebuild("it was inconsistent")
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
	head, at := x.state.Head().Height, x.index.Height()
	switch {
	case head == 0:
		return nil
	case at == 0:
		return x.rebuild("there was none")
	case at > head:
		return x.rebuild("it was ahead of the state")
	case at == head:
		return nil
	}
	// What is open cannot be pruned: the blocks from here on stay until they are applied.
	view, err := x.state.At(at)
	if errors.Is(err, state.ErrPruned) {
		return x.rebuild("the blocks that it lacks are pruned")
	}
	if err != nil {
		return err
	}
	defer func() { _ = view.Close() }() // never fails
	same, err := x.sameChain(view)
	if err != nil {
		return err
	}
	if !same {
		return x.rebuild("it was of another chain")
	}
	for at < head && !x.stopped() {
		at++
		changes, err := x.state.Changes(at)
		if err != nil {
			return err
		}
		if err := x.index.Apply(at, changes); err != nil {
			return err
		}
		next, err := x.state.At(at)
		if err != nil {
			return err
		}
		_ = view.Close() // never fails
		view = next
	}
	return nil
}

// sameChain compares the chain that the index is of with the state's.
func (x *indexer) sameChain(view *state.View) (bool, error) {
	chain, err := view.Get(string(types.ChainKey))
	return sha256.Sum256(chain) == x.index.Chain(), err
}

// rebuild makes the index from the newest state, and then applies what was committed meanwhile.
func (x *indexer) rebuild(why string) error {
	view := x.state.View()
	defer func() { _ = view.Close() }() // never fails
	began := time.Now()
	if view.Height() > 1 {
		x.logger.Info("the index is made from the state", "height", view.Height(), "because", why)
	}
	err := x.index.Rebuild(view.Height(), func(prefix string, visit func(string, []byte) error) error {
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
	return x.catchUp() // while view holds back pruning
}
