package app

import (
	"context"
	"sync"
	"sync/atomic"

	abci "github.com/cometbft/cometbft/abci/types"

	"tradecredit/types"
)

const (
	peerQueueTxs   = 8192 // transactions of peers that wait to be admitted
	peerBatchTxs   = 1024
	peerBatchBytes = 4 << 20
	peerEarlyTxs   = 1024 // that are tried again after the next block
)

// peerQueue keeps what peers sent until a worker admits it, bounded in number and bytes.
type peerQueue struct {
	txs   chan peerTx
	bytes atomic.Int64
	max   int64

	mu    sync.Mutex
	early []peerTx
}

// peerTx is a peer's transaction; again says that it was refused once.
type peerTx struct {
	raw   []byte
	again bool
}

func newPeerQueue(maxBytes int64) *peerQueue {
	return &peerQueue{txs: make(chan peerTx, peerQueueTxs), max: maxBytes}
}

// put queues a transaction; false if there is no room.
func (q *peerQueue) put(t peerTx) bool {
	n := int64(len(t.raw))
	if q.bytes.Add(n) > q.max {
		q.bytes.Add(-n)
		return false
	}
	select {
	case q.txs <- t:
		return true
	default:
		q.bytes.Add(-n)
		return false
	}
}

// take waits for a transaction and returns it with what else has arrived; nil at the end.
func (q *peerQueue) take(quit <-chan struct{}) []peerTx {
	var batch []peerTx
	select {
	case t := <-q.txs:
		batch = append(batch, t)
	case <-quit:
		return nil
	}
	size := len(batch[0].raw)
	for len(batch) < peerBatchTxs && size < peerBatchBytes {
		select {
		case t := <-q.txs:
			batch, size = append(batch, t), size+len(t.raw)
			continue
		default:
		}
		break
	}
	q.bytes.Add(-int64(size))
	return batch
}

// keep remembers a transaction that may be good after the next block.
func (q *peerQueue) keep(t peerTx) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.early) < peerEarlyTxs {
		q.early = append(q.early, peerTx{t.raw, true})
	}
}

// committed queues again what came too early.
func (q *peerQueue) committed() {
	q.mu.Lock()
	early := q.early
	q.early = nil
	q.mu.Unlock()
	for _, t := range early {
		q.put(t)
	}
}

// InsertTx takes a transaction that a peer sent. It runs on the routine that receives from the peer, so it only queues;
// workers admit. The answer says whether there was room: CometBFT forgets a transaction with a code from 32000 on and
// takes it when it is offered again.
func (a *App) InsertTx(_ context.Context, req *abci.RequestInsertTx) (*abci.ResponseInsertTx, error) {
	code := types.Code_ok
	switch {
	case a.quitting():
		code = types.NodeCodeStopping
	case len(req.Tx) > types.MaxTxBytes:
		code = types.Code_tx_too_large
	case a.tip.Load() == nil:
		code = types.NodeCodeBehind
	case a.pool.full() || !a.peers.put(peerTx{raw: req.Tx}):
		code = types.NodeCodeFull
	}
	return &abci.ResponseInsertTx{Code: uint32(code)}, nil
}

// admitPeers is a worker: it admits what peers sent, many at a time. A peer may be a block ahead, and CometBFT does not
// take the same transaction from a peer twice: what the next block could make good is tried once more after it. What is
// lost here is still with the node that has it from its client, which proposes it when its turn comes.
func (a *App) admitPeers() {
	for {
		batch := a.peers.take(a.quit)
		if batch == nil {
			return
		}
		raw := make([][]byte, len(batch))
		for i := range batch {
			raw[i] = batch[i].raw
		}
		for i, r := range a.enter(context.Background(), raw, fromPeer) {
			later := restsOnState(r.Code) || r.Code == types.NodeCodeFull || r.Code == types.NodeCodeQuota || r.Code == types.NodeCodeBehind
			if later && !batch[i].again {
				a.peers.keep(batch[i])
			}
		}
	}
}
