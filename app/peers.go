package app

import (
	"context"
	"sync/atomic"

	abci "github.com/cometbft/cometbft/abci/types"

	"tradecredit/types"
)

const (
	peerQueueTxs   = 8192 // transactions of peers that wait to be admitted
	peerBatchTxs   = 1024
	peerBatchBytes = 4 << 20
)

// peerQueue keeps what peers sent until a worker admits it, bounded in number and bytes.
type peerQueue struct {
	txs   chan []byte
	bytes atomic.Int64
	max   int64
}

func newPeerQueue(maxBytes int64) *peerQueue {
	return &peerQueue{txs: make(chan []byte, peerQueueTxs), max: maxBytes}
}

// put queues a transaction; false if there is no room.
func (q *peerQueue) put(raw []byte) bool {
	n := int64(len(raw))
	if q.bytes.Add(n) > q.max {
		q.bytes.Add(-n)
		return false
	}
	select {
	case q.txs <- raw:
		return true
	default:
		q.bytes.Add(-n)
		return false
	}
}

// take waits for a transaction and returns it with what else has arrived; nil at the end.
func (q *peerQueue) take(quit <-chan struct{}) [][]byte {
	var batch [][]byte
	select {
	case raw := <-q.txs:
		batch = append(batch, raw)
	case <-quit:
		return nil
	}
	size := len(batch[0])
	for len(batch) < peerBatchTxs && size < peerBatchBytes {
		select {
		case raw := <-q.txs:
			batch, size = append(batch, raw), size+len(raw)
			continue
		default:
		}
		break
	}
	q.bytes.Add(-int64(size))
	return batch
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
	case a.pool.full() || !a.peers.put(req.Tx):
		code = types.NodeCodeFull
	}
	return &abci.ResponseInsertTx{Code: uint32(code)}, nil
}

// admitPeers is a worker: it admits what peers sent, many at a time.
func (a *App) admitPeers() {
	for {
		batch := a.peers.take(a.quit)
		if batch == nil {
			return
		}
		a.enter(context.Background(), batch, fromPeer)
	}
}
