package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"

	"tradecredit/app/ledger"
	"tradecredit/types"
)

// Commit writes the block that FinalizeBlock staged, in one synced batch, and then lets everybody see it: admission,
// Await, the pool. An error halts the node; what the disk holds is then known after a restart.
func (a *App) Commit(context.Context, *abci.RequestCommit) (*abci.ResponseCommit, error) {
	began := time.Now()
	b := a.staged
	if b == nil {
		return nil, errors.New("app: Commit without FinalizeBlock")
	}
	if err := a.db.Apply(b.staged); err != nil {
		return nil, fmt.Errorf("commit of block %d: %w", b.height, err)
	}
	a.snapshotIfDue(b.height)
	a.dropStaged()
	a.genesis, a.accepted = nil, nil
	a.seen.clear()
	if err := a.follow(b); err != nil {
		return nil, err
	}
	a.metrics.step("commit", began)
	retain := int64(0)
	if keep := a.options.KeepBlocks; keep > 0 && b.height > keep {
		retain = b.height - keep
	}
	return &abci.ResponseCommit{RetainHeight: retain}, nil
}

// follow carries a committed block into memory.
func (a *App) follow(b *stagedBlock) error {
	view := a.db.View()
	defer release(view)
	m, err := ledger.ReadMoment(view, b.unix)
	if err != nil {
		return err
	}
	if err := a.foretell(view, b.height); err != nil {
		return err
	}
	a.tip.Store(&tip{Moment: *m, height: b.height, hash: b.staged.AppHash()})
	expired := a.pool.committed(b.height, b.unix, b.txs)
	a.waiters.wake(b.txs)
	a.peers.committed()
	a.metrics.dropped("expired", expired)
	a.metrics.committed(b)
	return nil
}

// waiters are the callers of Await.
type waiters struct {
	mu      sync.Mutex
	waiting map[string]*waiter // by types.ReferenceKey
}

type waiter struct {
	final   chan struct{} // closed when the reference is committed
	callers int
}

func (w *waiters) join(key string) *waiter {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting == nil {
		w.waiting = make(map[string]*waiter)
	}
	one := w.waiting[key]
	if one == nil {
		one = &waiter{final: make(chan struct{})}
		w.waiting[key] = one
	}
	one.callers++
	return one
}

func (w *waiters) leave(key string, one *waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if one.callers--; one.callers == 0 && w.waiting[key] == one {
		delete(w.waiting, key)
	}
}

// wake tells those who wait for a reference of the block.
func (w *waiters) wake(block []blockTx) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		return
	}
	for i := range block {
		if !block[i].final {
			continue
		}
		key := types.ReferenceKey(block[i].tx.Body.Signer, block[i].tx.Body.Reference)
		if one := w.waiting[key]; one != nil {
			close(one.final)
			delete(w.waiting, key)
		}
	}
}

// Await waits until a signer's reference is FINAL and returns its row: height, index, and one code a message. It returns
// at once if that is so already. nil without an error means that ctx ended or the node stops, and the reference is not
// FINAL yet. Whether the transaction is known to this node at all makes no difference; a reference whose time is over for
// longer than an hour may be forgotten and is never found. The row's BodyDigest says which body was final.
func (a *App) Await(ctx context.Context, signer, reference string) (*types.Reference, error) {
	if !a.begin() {
		return nil, nil
	}
	defer a.busy.Done()
	key := types.ReferenceKey(signer, reference)
	one := a.waiters.join(key)
	defer a.waiters.leave(key, one)
	if row, err := a.reference(key); row != nil || err != nil {
		return row, err
	}
	select {
	case <-one.final:
		return a.reference(key)
	case <-ctx.Done():
	case <-a.quit:
	}
	return nil, nil
}

// reference reads a committed row of replay protection; nil if there is none.
func (a *App) reference(key string) (*types.Reference, error) {
	view := a.db.View()
	defer release(view)
	value, err := view.Reference(key)
	if err != nil || value == nil {
		return nil, err
	}
	row := new(types.Reference)
	if err := row.Unmarshal(value); err != nil {
		return nil, fmt.Errorf("reference %s: %w", key, err)
	}
	return row, nil
}
