package app

import (
	"context"
	"fmt"
	"math"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmttypes "github.com/cometbft/cometbft/types"

	"tradecredit/app/ledger"
	"tradecredit/app/state"
	"tradecredit/types"
)

// Replay. A history that consensus decided is executed without CometBFT: Begin with the genesis, then for each block
// Prepare (beside the execution of earlier ones, for several blocks in common), Run, Execute, and CommitExecuted. The next
// block's rules may run while a block is executed and committed: RunAhead, then Settle. What is computed is what
// FinalizeBlock computes; nothing here is another path through the rules. The App must be used for nothing else meanwhile.

// Prepared is the transactions of a block, decoded, and their signatures verified.
type Prepared struct {
	txs     []blockTx
	records int
}

// Prepare decodes the transactions of some blocks and verifies all their signatures in common batches. What it says of a
// block depends on that block alone. It may be called from any goroutine. decode and verify are how long each part took.
func Prepare(v *types.Verifier, blocks [][][]byte) (out []*Prepared, decode, verify time.Duration) {
	began := time.Now()
	var decoded []*types.Tx
	var at []*blockTx
	for _, raw := range blocks {
		p := &Prepared{txs: make([]blockTx, len(raw))}
		for i := range raw {
			t := &p.txs[i]
			t.raw = raw[i]
			if t.tx, t.err = types.Decode(raw[i]); t.err == nil {
				t.hash = t.tx.Hash
				p.records += len(t.tx.Body.Messages)
				decoded, at = append(decoded, t.tx), append(at, t)
			}
		}
		out = append(out, p)
	}
	decode = time.Since(began)
	began = time.Now()
	for i, good := range v.VerifyBatch(decoded) {
		at[i].verified = good
	}
	return out, decode, time.Since(began)
}

// Len is the number of transactions.
func (p *Prepared) Len() int { return len(p.txs) }

// Records is the number of messages in all transactions that decode.
func (p *Prepared) Records() int { return p.records }

// Tx is a transaction of the block; nil if it does not decode.
func (p *Prepared) Tx(i int) *types.Tx { return p.txs[i].tx }

// Bad is the first transaction that no honest validator lets into a block, because it does not decode or because its
// signature is not that of the key it carries, and what is wrong with it; −1 if there is none.
func (p *Prepared) Bad() (int, error) {
	for i := range p.txs {
		switch t := &p.txs[i]; {
		case t.err != nil:
			return i, t.err
		case !t.verified:
			return i, types.Refuse(types.Code_signature_invalid, "signer %s, key %s", t.tx.Body.Signer, t.tx.Body.Key)
		}
	}
	return -1, nil
}

// Decided is a block that consensus decided.
type Decided struct {
	Height int64
	Time   time.Time
	Hash   []byte // the block's own, 32 bytes
	Txs    *Prepared
}

// TxResult is what consensus keeps of a transaction.
type TxResult struct {
	Code uint32
	Data []byte // codes of the messages, see types.DecodeCodes
}

// ResultsHash is what the next header commits to as the outcome of a block's transactions.
func ResultsHash(results []TxResult) []byte {
	list := make([]*abci.ExecTxResult, len(results))
	for i, r := range results {
		list[i] = &abci.ExecTxResult{Code: r.Code, Data: r.Data}
	}
	return cmttypes.NewResults(list).Hash()
}

// ResultsOf reads the results out of a response as CometBFT's store keeps it.
func ResultsOf(res *abci.ResponseFinalizeBlock) []TxResult {
	list := make([]TxResult, len(res.TxResults))
	for i, r := range res.TxResults {
		list[i] = TxResult{Code: r.Code, Data: r.Data}
	}
	return list
}

// Executed is the outcome of a block that is not committed.
type Executed struct {
	Response *abci.ResponseFinalizeBlock // as FinalizeBlock gives it
	Rules    time.Duration
	Tree     time.Duration
}

// Begin is InitChain with a genesis, as CometBFT calls it. It returns the app hash that the first header carries.
func (a *App) Begin(doc *cmttypes.GenesisDoc) (types.Hash, error) {
	set := make([]*cmttypes.Validator, len(doc.Validators))
	for i, v := range doc.Validators {
		set[i] = cmttypes.NewValidator(v.PubKey, v.Power)
	}
	params := doc.ConsensusParams.ToProto()
	res, err := a.InitChain(context.Background(), &abci.RequestInitChain{
		Time: doc.GenesisTime, ChainId: doc.ChainID, InitialHeight: doc.InitialHeight, ConsensusParams: &params,
		Validators: cmttypes.TM2PB.ValidatorUpdates(cmttypes.NewValidatorSet(set)), AppStateBytes: doc.AppState,
	})
	if err != nil {
		return types.Hash{}, err
	}
	return types.Hash(res.AppHash), nil
}

// Run is the outcome of the rules of a block, whose roots are not computed yet.
type Run struct {
	block *stagedBlock
	batch *state.Batch
}

// Run runs the rules of a block that follows the committed height, or is the first after Begin.
func (a *App) Run(d *Decided) (*Run, error) {
	b, prior, err := a.decided(d)
	if err != nil {
		return nil, err
	}
	return a.run(b, prior)
}

// RunAhead runs the rules of the block after one that ran and is not committed. It may be called while another goroutine
// stages and commits that one, and for nothing else; what it comes to is the same, before, meanwhile or after.
func (a *App) RunAhead(d *Decided, on *Run) (*Run, error) {
	if d.Height != on.block.height+1 {
		return nil, fmt.Errorf("app: block %d does not follow block %d", d.Height, on.block.height)
	}
	// The commit of the block below closes its own view; this one holds back pruning until the rules are through.
	view, err := a.db.At(on.block.height - 1)
	if err != nil {
		return nil, err
	}
	return a.run(&stagedBlock{height: d.Height, unix: d.Time.Unix(), hash: d.Hash, view: view, below: on.batch, txs: d.Txs.txs}, on.batch)
}

func (a *App) run(b *stagedBlock, prior state.Reader) (*Run, error) {
	began := time.Now()
	batch, err := a.runRules(b, prior)
	if err != nil {
		release(b.view)
		return nil, fmt.Errorf("block %d: %w", b.height, err)
	}
	b.rules = time.Since(began)
	return &Run{block: b, batch: batch}, nil
}

// Batch is what the rules changed, over the state before the block.
func (r *Run) Batch() *state.Batch { return r.batch }

// Drop lets go of a run that is not to be executed.
func (r *Run) Drop() { release(r.block.view) }

// Settle lays a run over the committed state, after the block below it was committed, and nothing else since. It comes
// before another block runs ahead on this one.
func (a *App) Settle(r *Run) error {
	if r.block.below == nil {
		return nil
	}
	view := a.db.View()
	if view.Height() != r.block.height-1 {
		release(view)
		return fmt.Errorf("app: block %d does not follow the committed height %d", r.block.height, a.db.Head().Height)
	}
	release(r.block.view)
	r.batch.Settle(view)
	r.block.view, r.block.below = view, nil
	return nil
}

// Execute computes the roots of a run that was settled: it ends what FinalizeBlock does, without the search for
// transactions that were verified before.
func (a *App) Execute(r *Run) (*Executed, error) {
	a.dropStaged()
	b, began := r.block, time.Now()
	var err error
	if b.staged, err = a.db.Stage(b.height, r.batch); err != nil {
		release(b.view)
		return nil, fmt.Errorf("block %d: %w", b.height, err)
	}
	b.tree = time.Since(began)
	a.staged = b
	hash := b.staged.AppHash()
	return &Executed{Rules: b.rules, Tree: b.tree, Response: &abci.ResponseFinalizeBlock{
		TxResults: b.txResults(), AppHash: hash[:],
		ValidatorUpdates: updates(b.validators), ConsensusParamUpdates: versionUpdate(b.version),
	}}, nil
}

// decided opens a block over the committed state; the caller closes its view.
func (a *App) decided(d *Decided) (*stagedBlock, state.Reader, error) {
	view, prior, err := a.prior(d.Height)
	if err != nil {
		return nil, nil, err
	}
	return &stagedBlock{height: d.Height, unix: d.Time.Unix(), hash: d.Hash, view: view, txs: d.Txs.txs}, prior, nil
}

// Staged is the block that was executed and not committed; nil if there is none.
func (a *App) Staged() *state.Staged {
	if a.staged == nil {
		return nil
	}
	return a.staged.staged
}

// CommitExecuted is Commit.
func (a *App) CommitExecuted() error {
	_, err := a.Commit(context.Background(), &abci.RequestCommit{})
	return err
}

// AtStart and ByNone stand where the index of a transaction would.
const (
	AtStart = -1            // the work that time alone causes, before the first transaction
	ByNone  = math.MaxInt32 // nothing in the block
)

// Trace executes a block once more, over the state before it, and says of each key which transaction wrote its leaf last,
// or AtStart or ByNone. It stages nothing; the block must not be committed yet.
func (a *App) Trace(d *Decided, keys []string) ([]int, error) {
	b, prior, err := a.decided(d)
	if err != nil {
		return nil, err
	}
	defer release(b.view)
	writers, last := make([]int, len(keys)), make([]string, len(keys))
	for i, key := range keys {
		value, err := b.view.Get(key)
		if err != nil {
			return nil, err
		}
		writers[i], last[i] = ByNone, string(value)
	}
	b.watch = func(index int, r state.Reader) error {
		for i, key := range keys {
			value, err := r.Get(key)
			if err != nil {
				return err
			}
			if string(value) != last[i] {
				writers[i], last[i] = index, string(value)
			}
		}
		return nil
	}
	if _, err := a.runRules(b, prior); err != nil {
		return nil, fmt.Errorf("block %d: %w", d.Height, err)
	}
	return writers, nil
}

// RootWith is the root of the leaves that the committed state becomes with the changes; nothing is staged or kept.
func (a *App) RootWith(height int64, changes []types.Change) (types.Hash, error) {
	view := a.db.View()
	defer release(view)
	b := state.NewBatch(view)
	for _, c := range changes {
		if c.Value == nil {
			b.Delete(c.Key)
			continue
		}
		b.Set(c.Key, c.Value)
	}
	staged, err := a.db.Stage(height, b)
	if err != nil {
		return types.Hash{}, err
	}
	for _, root := range staged.Roots() {
		if root.Name == types.RootState {
			return root.Root, nil
		}
	}
	return types.Hash{}, fmt.Errorf("app: no root %q", types.RootState)
}

// Score is what a query of the height after r would have been told of a subject: see ledger.ScoreAt.
func Score(r state.Reader, subject string, day int32) (*types.Receipt, error) {
	receipt, _, err := ledger.ScoreAt(r, subject, day)
	return receipt, err
}

// Today is the civil day of a block's time, by the chain's constants in r.
func Today(r state.Reader, unix int64) (int32, error) {
	m, err := ledger.ReadMoment(r, unix)
	if err != nil {
		return 0, err
	}
	return m.Today(), nil
}
