package app

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"

	"tradecredit/app/ledger"
	"tradecredit/app/state"
	"tradecredit/types"
)

// proposal is a block that is being put together or examined. What its transactions would leave behind of quotas and
// references stands in a scratch batch, so that the next one is checked as FinalizeBlock will check it. Rules do not run.
type proposal struct {
	scratch *state.Batch
	moment  *ledger.Moment
	height  int64
	count   uint32
	cost    int64
}

func newProposal(r state.Reader, height, unix int64) (*proposal, error) {
	m, err := ledger.ReadMoment(r, unix)
	if err != nil {
		return nil, err
	}
	return &proposal{scratch: state.NewBatch(r), moment: m, height: height}, nil
}

// take adds a transaction of a cost, whose signature the caller has verified, or refuses it and stays as it was.
func (p *proposal) take(t *types.Tx, cost int64) error {
	if _, err := ledger.Authenticate(p.scratch, p.moment, t); err != nil {
		return err
	}
	if p.cost+cost > p.moment.Params.BlockCost {
		return types.Refuse(types.Code_block_cost_exceeded, "%d of %d are taken, it costs %d", p.cost, p.moment.Params.BlockCost, cost)
	}
	if err := ledger.Charge(p.scratch, p.moment, t); err != nil {
		return err
	}
	if err := ledger.WriteReference(p.scratch, t, p.height, p.count, nil); err != nil {
		return err
	}
	p.cost += cost
	p.count++
	return nil
}

// PrepareProposal fills a block with what waits. If nothing does, it waits up to Options.Wait for the first transaction,
// so that an idle network makes few blocks and a lone transaction is in a block at once. It does not wait for the first
// block since the start, which opens admission, nor after Quit. What CometBFT's own pool offers is ignored: it has none.
func (a *App) PrepareProposal(ctx context.Context, req *abci.RequestPrepareProposal) (*abci.ResponsePrepareProposal, error) {
	if err := a.knowsNext(req.Height); err != nil {
		return nil, err
	}
	timer := time.NewTimer(a.options.Wait)
	defer timer.Stop()
	for {
		began := time.Now()
		txs, err := a.fill(req)
		if err != nil {
			return nil, err
		}
		if len(txs) > 0 || a.tip.Load() == nil {
			a.metrics.step("prepare", began)
			return &abci.ResponsePrepareProposal{Txs: txs}, nil
		}
		select {
		case <-a.pool.wake:
		case <-timer.C:
			return &abci.ResponsePrepareProposal{}, nil
		case <-a.quit:
			return &abci.ResponsePrepareProposal{}, nil
		case <-ctx.Done():
			return &abci.ResponsePrepareProposal{}, nil
		}
	}
}

// fill takes transactions from the pool by arrival. While others wait, one signer gets at most its share
// (Parameters.MemberShareBp) of the block's cost and bytes, but one transaction at least; what is left of the block after
// everybody had a turn goes to those who were held back, again by arrival.
func (a *App) fill(req *abci.RequestPrepareProposal) ([][]byte, error) {
	waiting := a.pool.pending()
	if len(waiting) == 0 {
		return nil, nil
	}
	view, prior, err := a.prior(req.Height)
	if err != nil {
		return nil, err
	}
	defer release(view)
	p, err := newProposal(prior, req.Height, req.Time.Unix())
	if err != nil {
		return nil, err
	}
	f := &filling{proposal: p, room: req.MaxTxBytes, signers: make(map[string]*signerUse)}
	f.shareCost = share(p.moment.Params.BlockCost, p.moment.Params.MemberShareBp)
	f.shareBytes = share(req.MaxTxBytes, p.moment.Params.MemberShareBp)
	if err := f.run(waiting); err != nil {
		return nil, err
	}
	if len(f.useless) > 0 {
		a.pool.drop(f.useless)
		a.metrics.dropped("useless", len(f.useless))
	}
	if len(f.txs) > 0 {
		digest := digestOf(req.Height, req.Time.Unix(), f.hashes)
		a.accepted = &digest
	}
	return f.txs, nil
}

func share(whole, bp int64) int64 {
	part, err := types.Share(whole, bp, 10_000)
	if err != nil {
		return whole
	}
	return part
}

// filling is one run of fill.
type filling struct {
	*proposal
	room                  int64 // bytes left
	shareCost, shareBytes int64
	signers               map[string]*signerUse
	held                  []*item // over their signer's share, by arrival
	useless               []*item // refused for good
	txs                   [][]byte
	hashes                []types.Hash
	full                  bool
}

// signerUse is what a signer has of the block so far.
type signerUse struct {
	cost, bytes int64
	held        bool // its later transactions stay behind the one that was held back
	spent       bool // it has used up today's quota
}

func (f *filling) run(waiting []*item) error {
	for _, it := range waiting {
		if f.full {
			return nil
		}
		u := f.use(it)
		size := dataSize(it.tx.Raw)
		if u.held || u.cost > 0 && (u.cost+it.cost > f.shareCost || u.bytes+size > f.shareBytes) {
			u.held = true
			f.held = append(f.held, it)
			continue
		}
		if err := f.add(it, u); err != nil {
			return err
		}
	}
	for _, it := range f.held {
		if f.full {
			return nil
		}
		if err := f.add(it, f.use(it)); err != nil {
			return err
		}
	}
	return nil
}

func (f *filling) use(it *item) *signerUse {
	u := f.signers[it.tx.Body.Signer]
	if u == nil {
		u = &signerUse{}
		f.signers[it.tx.Body.Signer] = u
	}
	return u
}

// add takes one transaction if it fits; the first that does not ends the block.
func (f *filling) add(it *item, u *signerUse) error {
	if u.spent {
		return nil
	}
	size := dataSize(it.tx.Raw)
	if size > f.room || f.cost+it.cost > f.moment.Params.BlockCost {
		f.full = true
		return nil
	}
	err := f.take(it.tx, it.cost)
	code, refused := types.CodeOf(err)
	switch {
	case err == nil:
		f.room -= size
		u.cost, u.bytes = u.cost+it.cost, u.bytes+size
		f.txs, f.hashes = append(f.txs, it.tx.Raw), append(f.hashes, it.tx.Hash)
	case !refused:
		return err
	case code == types.Code_quota_messages_exceeded || code == types.Code_quota_bytes_exceeded:
		u.spent = true // tomorrow again
	case code == types.Code_key_not_live || code == types.Code_valid_until_too_far:
		// its time may come
	default:
		f.useless = append(f.useless, it)
	}
	return nil
}

// dataSize is what a transaction takes of a block's data: tag, length and bytes, as CometBFT counts it.
func dataSize(raw []byte) int64 {
	n := len(raw)
	return int64(1 + (bits.Len64(uint64(n)|1)+6)/7 + n)
}

// proposalDigest names a proposal as far as it matters to whether it is good: height, time and transactions.
type proposalDigest types.Hash

func digestOf(height, unix int64, hashes []types.Hash) proposalDigest {
	b := make([]byte, 0, 16+len(hashes)*len(types.Hash{}))
	b = binary.BigEndian.AppendUint64(b, uint64(height))
	b = binary.BigEndian.AppendUint64(b, uint64(unix))
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return sha256.Sum256(b)
}

// ProcessProposal accepts a block whose every transaction is admitted, in the block's order and against the state before
// it, with a good signature and within the block's cost. The answer depends on that state and the proposal alone.
// What this node proposed itself, or found good in an earlier round, is not examined twice.
func (a *App) ProcessProposal(_ context.Context, req *abci.RequestProcessProposal) (*abci.ResponseProcessProposal, error) {
	began := time.Now()
	defer a.metrics.step("process", began)
	index, err := a.examine(req)
	if err == nil {
		return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_ACCEPT}, nil
	}
	code, refused := types.CodeOf(err)
	if !refused {
		return nil, err
	}
	a.metrics.rejected(code)
	a.log.Warn("proposal rejected", "height", req.Height, "transaction", index, "reason", err, "proposer", fmt.Sprintf("%X", req.ProposerAddress))
	return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_REJECT}, nil
}

// examine returns the refusal of the first transaction that is not acceptable, and its index.
func (a *App) examine(req *abci.RequestProcessProposal) (index int, err error) {
	hashes := hashAll(req.Txs)
	digest := digestOf(req.Height, req.Time.Unix(), hashes)
	if a.accepted != nil && *a.accepted == digest {
		return 0, nil
	}
	view, prior, err := a.prior(req.Height)
	if err != nil {
		return 0, err
	}
	defer release(view)
	if _, err := a.knows(prior, req.Height); err != nil {
		return 0, err
	}
	p, err := newProposal(prior, req.Height, req.Time.Unix())
	if err != nil {
		return 0, err
	}
	for i, t := range a.resolve(req.Txs, hashes) {
		switch {
		case t.err != nil:
			return i, t.err
		case !t.verified:
			return i, types.Refuse(types.Code_signature_invalid, "signer %s", t.tx.Body.Signer)
		}
		if err := p.take(t.tx, ledger.Cost(t.tx)); err != nil {
			return i, err
		}
	}
	a.accepted = &digest
	return 0, nil
}
