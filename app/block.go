package app

import (
	"context"
	"fmt"
	"strconv"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"

	"tradecredit/app/ledger"
	"tradecredit/app/state"
	"tradecredit/types"
)

// stagedBlock is a block that was computed and not committed.
type stagedBlock struct {
	height  int64
	unix    int64
	hash    []byte // the block's own
	staged  *state.Staged
	view    *state.View  // what the block lies over; closed when the block is applied or dropped
	below   *state.Batch // the block before, where that is not committed yet: what the block lies over instead of view
	txs     []blockTx
	results []ledger.Result

	validators []*types.ValidatorRow // what CometBFT must change; ascending by key, power 0 removes
	version    uint64                // of the rules, when this block changed it; else 0

	// watch is told the state after the start of the block (index −1) and after each transaction; nil: nobody watches.
	watch func(index int, r state.Reader) error
	rules time.Duration // how long the rules took
	tree  time.Duration // how long the roots took
}

// FinalizeBlock runs the rules over a decided block: what time alone does, then its transactions in order. It writes
// nothing; Commit does. It may be called again for the same height, by CometBFT after a restart, and forgets what an
// earlier call staged. Votes of this block that change validators come out as one sorted list. A transaction that does not decode or authenticate gets its code and changes nothing. Any error
// that is no refusal is returned, upon which CometBFT halts the node.
func (a *App) FinalizeBlock(_ context.Context, req *abci.RequestFinalizeBlock) (*abci.ResponseFinalizeBlock, error) {
	began := time.Now()
	for _, m := range req.Misbehavior {
		a.metrics.misbehaved(m.Type.String())
		a.log.Error("evidence of misbehaviour: is a validator's key in use twice?",
			"type", m.Type, "validator", fmt.Sprintf("%X", m.Validator.Address), "at", m.Height, "height", req.Height)
	}
	a.dropStaged()
	view, prior, err := a.prior(req.Height)
	if err != nil {
		return nil, err
	}
	b := &stagedBlock{height: req.Height, unix: req.Time.Unix(), hash: req.Hash, view: view}
	if err := a.execute(b, prior, req.Txs); err != nil {
		release(view)
		return nil, fmt.Errorf("block %d: %w", req.Height, err)
	}
	a.staged = b
	a.metrics.step("finalize", began)
	hash := b.staged.AppHash()
	return &abci.ResponseFinalizeBlock{
		TxResults: b.txResults(), AppHash: hash[:],
		ValidatorUpdates: updates(b.validators), ConsensusParamUpdates: versionUpdate(b.version),
	}, nil
}

// dropStaged forgets a block that was finalized and not committed.
func (a *App) dropStaged() {
	if a.staged != nil {
		release(a.staged.view)
		a.staged = nil
	}
}

// execute runs the block over its prior state and stages the outcome.
func (a *App) execute(b *stagedBlock, prior state.Reader, raw [][]byte) error {
	if b.txs == nil {
		b.txs = a.resolve(raw, hashAll(raw))
	}
	began := time.Now()
	batch, err := a.runRules(b, prior)
	if err != nil {
		return err
	}
	b.rules = time.Since(began)
	b.staged, err = a.db.Stage(b.height, batch)
	b.tree = time.Since(began) - b.rules
	return err
}

// runRules runs the resolved transactions of the block over its prior state; what they change is in the batch.
func (a *App) runRules(b *stagedBlock, prior state.Reader) (batch *state.Batch, err error) {
	if b.version, err = a.knows(prior, b.height); err != nil {
		return nil, err
	}
	switch {
	case b.below != nil:
		batch = state.NewBatch(b.below)
	case b.view.Height() == 0: // the genesis is committed with the first block
		if batch, err = a.genesis.over(b.view); err != nil {
			return nil, err
		}
	default:
		batch = state.NewBatch(b.view)
	}
	block, err := ledger.NewBlock(batch, prior, b.height, b.unix)
	if err != nil {
		return nil, err
	}
	stats, err := block.Begin()
	if err != nil {
		return nil, err
	}
	if err := block.Remember(b.hash); err != nil {
		return nil, err
	}
	a.metrics.began(stats)
	if err := b.show(-1, batch); err != nil {
		return nil, err
	}
	b.results = make([]ledger.Result, len(b.txs))
	for i := range b.txs {
		if b.results[i], err = deliver(block, &b.txs[i], uint32(i)); err != nil {
			return nil, fmt.Errorf("transaction %d: %w", i, err)
		}
		if err := b.show(i, batch); err != nil {
			return nil, err
		}
	}
	b.validators, err = block.ValidatorUpdates()
	return batch, err
}

// show tells whoever watches.
func (b *stagedBlock) show(index int, r state.Reader) error {
	if b.watch == nil {
		return nil
	}
	return b.watch(index, r)
}

// deliver runs one transaction.
func deliver(block *ledger.Block, t *blockTx, index uint32) (ledger.Result, error) {
	if t.err != nil {
		code, refused := types.CodeOf(t.err)
		if !refused {
			return ledger.Result{}, t.err
		}
		return ledger.Result{Code: code, Detail: t.err.Error()}, nil
	}
	res, err := block.Deliver(t.tx, index, t.verified)
	t.final = err == nil && len(res.Codes) > 0
	return res, err
}

// txResults is what CometBFT keeps of the transactions. Code and Data are consensus; words and events are not.
func (b *stagedBlock) txResults() []*abci.ExecTxResult {
	list := make([]*abci.ExecTxResult, len(b.results))
	for i := range b.results {
		r := &b.results[i]
		list[i] = &abci.ExecTxResult{Code: uint32(r.Code), Data: types.EncodeCodes(r.Codes), Log: r.Detail}
		if b.txs[i].tx != nil {
			list[i].Events = []abci.Event{txEvent(b.txs[i].tx, r)}
		}
	}
	return list
}

// txEvent is the one event of a transaction. It proves nothing: results are codes, and facts are records of the state.
func txEvent(t *types.Tx, r *ledger.Result) abci.Event {
	accepted := 0
	for _, c := range r.Codes {
		if c == types.Code_ok {
			accepted++
		}
	}
	return abci.Event{Type: "tx", Attributes: []abci.EventAttribute{
		{Key: "signer", Value: t.Body.Signer, Index: true},
		{Key: "reference", Value: t.Body.Reference, Index: true},
		{Key: "messages", Value: strconv.Itoa(len(t.Body.Messages))},
		{Key: "accepted", Value: strconv.Itoa(accepted)},
	}}
}
