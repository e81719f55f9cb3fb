package app

import (
	"bytes"
	"context"
	"slices"
	"sync"

	abci "github.com/cometbft/cometbft/abci/types"

	"tradecredit/app/ledger"
	"tradecredit/types"
)

const (
	itemOverhead = 2048 // what a waiting transaction takes besides its bytes, roughly
	signerShare  = 4    // one signer may use a quarter of the pool, and the largest transaction always
	offerEvery   = 10   // blocks between two offers of a transaction to the peers
	relayAfter   = 2    // blocks before a peer's transaction is passed on: most are included by then
)

// pool keeps admitted, verified transactions in the order of their arrival until a block holds them or they expire.
// It never throws out a transaction for another: when it is full, or a signer's share is, new ones are refused.
type pool struct {
	max  int64
	wake chan struct{} // gets a token at every insert, if it has none

	mu      sync.Mutex
	height  int64 // newest committed
	items   map[types.Hash]*item
	refs    map[string]*item // by types.ReferenceKey: a signer's reference waits once
	order   []*item          // by arrival; some may be gone
	gone    int              // how many
	bytes   int64
	signers map[string]int64 // bytes by signer
	expiry  int64            // no waiting transaction expires before; seconds

	fresh   []*item // to be offered at the next ReapTxs
	offered []*item // by due height: were offered, and will be again
	relayed []*item // by due height: came from peers
}

// item is one waiting transaction.
type item struct {
	tx   *types.Tx
	cost int64 // of the block's cost budget
	size int64 // of the pool's bytes
	due  int64 // height from which it is offered to peers
	gone bool
}

func newPool(maxBytes int64) *pool {
	return &pool{
		max:     maxBytes,
		wake:    make(chan struct{}, 1),
		items:   make(map[types.Hash]*item),
		refs:    make(map[string]*item),
		signers: make(map[string]int64),
	}
}

func sizeOf(t *types.Tx) int64 { return int64(len(t.Raw)) + itemOverhead }

// waits says whether the reference of a transaction is in the pool, as insert would.
func (p *pool) waits(t *types.Tx) (types.Code, string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.checkReference(t)
}

// room says whether there is room for a transaction, as insert would, so that no signature is verified in vain.
func (p *pool) room(t *types.Tx) (types.Code, string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.checkRoom(t)
}

func (p *pool) checkReference(t *types.Tx) (types.Code, string) {
	old := p.refs[types.ReferenceKey(t.Body.Signer, t.Body.Reference)]
	switch {
	case old == nil:
		return types.Code_ok, ""
	case old.tx.BodyDigest == t.BodyDigest:
		return types.NodeCodeDuplicate, "it waits for a block already"
	}
	return types.Code_reference_conflict, "another body with this reference waits for a block; choose a new reference"
}

func (p *pool) checkRoom(t *types.Tx) (types.Code, string) {
	signer, size := t.Body.Signer, sizeOf(t)
	if p.bytes+size > p.max {
		return types.NodeCodeFull, "the node's pool is full; send it again later"
	}
	if p.signers[signer]+size > max(p.max/signerShare, types.MaxTxBytes+itemOverhead) {
		return types.NodeCodeQuota, "too much from " + signer + " waits for a block; send it again later"
	}
	return types.Code_ok, ""
}

// insert adds a verified transaction at the end.
func (p *pool) insert(t *types.Tx, from source) (types.Code, string) {
	it := &item{tx: t, cost: ledger.Cost(t), size: sizeOf(t)}
	if cap(t.Raw) > len(t.Raw)+itemOverhead { // a part of a request that would stay in memory as a whole
		t.Raw = bytes.Clone(t.Raw)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if code, detail := p.checkReference(t); code != types.Code_ok {
		return code, detail
	}
	if code, detail := p.checkRoom(t); code != types.Code_ok {
		return code, detail
	}
	p.items[t.Hash] = it
	p.refs[types.ReferenceKey(t.Body.Signer, t.Body.Reference)] = it
	p.order = append(p.order, it)
	p.bytes += it.size
	p.signers[t.Body.Signer] += it.size
	if until := t.Body.ValidUntilUnix; len(p.items) == 1 || until < p.expiry {
		p.expiry = until
	}
	if from == fromPeer {
		it.due = p.height + relayAfter
		p.relayed = append(p.relayed, it)
	} else {
		p.fresh = append(p.fresh, it)
	}
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return types.Code_ok, ""
}

// remove takes an item out of everything but order and the queues of offers, which notice by themselves.
func (p *pool) remove(it *item) {
	if it.gone {
		return
	}
	it.gone = true
	p.gone++
	delete(p.items, it.tx.Hash)
	delete(p.refs, types.ReferenceKey(it.tx.Body.Signer, it.tx.Body.Reference))
	p.bytes -= it.size
	signer := it.tx.Body.Signer
	if p.signers[signer] -= it.size; p.signers[signer] == 0 {
		delete(p.signers, signer)
	}
}

// pending lists what waits, by arrival.
func (p *pool) pending() []*item {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.compact()
	return slices.Clone(p.order)
}

func (p *pool) compact() {
	if p.gone == 0 {
		return
	}
	p.order = slices.DeleteFunc(p.order, func(it *item) bool { return it.gone })
	p.gone = 0
}

// drop removes items that turned out to be good for no block.
func (p *pool) drop(items []*item) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, it := range items {
		p.remove(it)
	}
}

// lookup fills in what the pool knows of a block's transactions.
func (p *pool) lookup(txs []blockTx) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range txs {
		if it := p.items[txs[i].hash]; it != nil {
			txs[i].tx, txs[i].verified, txs[i].known = it.tx, true, true
		}
	}
}

// committed carries a block in: its transactions leave, and so does what waits under one of their references. It returns how
// many of the others expired.
func (p *pool) committed(height, unix int64, block []blockTx) (expired int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.height = height
	for i := range block {
		t := block[i].tx
		if t == nil {
			continue
		}
		it := p.refs[types.ReferenceKey(t.Body.Signer, t.Body.Reference)]
		if it != nil && (block[i].final || it.tx.Hash == t.Hash) {
			p.remove(it)
		}
	}
	if len(p.items) > 0 && p.expiry < unix {
		expired = p.expire(unix)
	}
	if p.gone > len(p.order)/2 {
		p.compact()
	}
	p.fresh = offerAgain(p.fresh, &p.offered, height)
	p.fresh = offerAgain(p.fresh, &p.relayed, height)
	if len(p.fresh) > 2*len(p.items)+1024 { // nobody reaps
		p.fresh = slices.DeleteFunc(p.fresh, func(it *item) bool { return it.gone })
	}
	return expired
}

func (p *pool) expire(unix int64) (expired int) {
	first := true
	for _, it := range p.order {
		until := it.tx.Body.ValidUntilUnix
		switch {
		case it.gone:
		case until < unix:
			p.remove(it)
			expired++
		case first || until < p.expiry:
			p.expiry, first = until, false
		}
	}
	return expired
}

// offerAgain moves the items that are due from a queue to the fresh ones.
func offerAgain(fresh []*item, queue *[]*item, height int64) []*item {
	q := *queue
	n := 0
	for n < len(q) && (q[n].gone || q[n].due <= height) {
		if !q[n].gone {
			fresh = append(fresh, q[n])
		}
		n++
	}
	*queue = slices.Delete(q, 0, n)
	return fresh
}

// reap returns transactions that are to be offered to the peers, at most maxBytes (0: no bound) beyond the first.
func (p *pool) reap(maxBytes uint64) (txs [][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var size uint64
	n := 0
	for ; n < len(p.fresh); n++ {
		it := p.fresh[n]
		if it.gone {
			continue
		}
		size += uint64(len(it.tx.Raw))
		if maxBytes > 0 && size > maxBytes && len(txs) > 0 {
			break
		}
		txs = append(txs, it.tx.Raw)
		it.due = p.height + offerEvery
		p.offered = append(p.offered, it)
	}
	p.fresh = slices.Delete(p.fresh, 0, n)
	return txs
}

// ReapTxs hands CometBFT the transactions to offer to the peers: new ones, a peer's after some blocks, and every ten
// blocks what is still not included, until it expires. CometBFT offers each once, to the peers of that moment.
func (a *App) ReapTxs(_ context.Context, req *abci.RequestReapTxs) (*abci.ResponseReapTxs, error) {
	return &abci.ResponseReapTxs{Txs: a.pool.reap(req.MaxBytes)}, nil
}

// full tells whether there is no room for even a small transaction.
func (p *pool) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes+itemOverhead > p.max
}

func (p *pool) size() (txs, bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int64(len(p.items)), p.bytes - int64(len(p.items))*itemOverhead
}
