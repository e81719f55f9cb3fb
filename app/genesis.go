package app

import (
	"context"
	"errors"
	"fmt"

	abci "github.com/cometbft/cometbft/abci/types"

	"tradecredit/app/ledger"
	"tradecredit/app/state"
	"tradecredit/types"
)

// genesis is what InitChain was given. Its rows are written anew for every reading: the first block may be finalized more
// than once, each time over a genesis that nothing has touched.
type genesis struct {
	parsed  *types.Genesis
	chainID string
	unix    int64
	height  int64                 // of the first block
	engine  []*types.ValidatorRow // CometBFT's validators, where the genesis names none; ascending by key
}

// over writes the genesis into a new batch over an empty state.
func (g *genesis) over(v *state.View) (*state.Batch, error) {
	b := state.NewBatch(v)
	if err := ledger.InitChain(b, g.parsed, g.chainID, g.unix); err != nil {
		return nil, fmt.Errorf("genesis: %w", err)
	}
	if len(g.engine) > 0 {
		if err := ledger.AdoptValidators(b, g.engine); err != nil {
			return nil, fmt.Errorf("genesis: %w", err)
		}
	}
	return b, nil
}

// InitChain checks the genesis and computes its app hash, which CometBFT puts into the header of the first block: that
// header commits to the genesis, as every header commits to the state before its own block. Nothing is written; the rows
// go to disk with the first block. CometBFT calls it again after a restart before that, and gets the same answer.
//
// The validators are those of the request; a genesis that lists validators must list the same with the same powers. Either
// way the state begins with them, and votes change them from there. A genesis that does not parse or validate, vote extensions and blocks too small for one transaction are errors, and the
// node does not start.
func (a *App) InitChain(_ context.Context, req *abci.RequestInitChain) (*abci.ResponseInitChain, error) {
	if h := a.db.Head().Height; h > 0 {
		return nil, fmt.Errorf("app: InitChain over a state of height %d; CometBFT's data and the state do not belong together", h)
	}
	if err := checkConsensusParams(req); err != nil {
		return nil, err
	}
	parsed, err := types.ParseGenesis(req.AppStateBytes)
	if err != nil {
		return nil, err
	}
	if err := parsed.Validate(req.ChainId); err != nil {
		return nil, err
	}
	if err := sameValidators(parsed.Validators, req.Validators); err != nil {
		return nil, err
	}
	g := &genesis{parsed: parsed, chainID: req.ChainId, unix: req.Time.Unix(), height: max(1, req.InitialHeight)}
	if len(parsed.Validators) == 0 {
		g.engine = rows(req.Validators)
	}
	view := a.db.View()
	defer release(view)
	batch, err := g.over(view)
	if err != nil {
		return nil, err
	}
	staged, err := a.db.Stage(g.height, batch)
	if err != nil {
		return nil, err
	}
	a.genesis = g
	hash := staged.AppHash()
	if age := a.options.Now().Sub(req.Time); age > staleAfter {
		a.log.Warn("the first block carries the genesis time, which is old", "genesis", req.Time.UTC(), "age", age)
	}
	a.log.Info("chain begins", "chain", g.chainID, "members", len(parsed.Members), "validators", len(req.Validators), "hash", hash)
	return &abci.ResponseInitChain{AppHash: hash[:]}, nil
}

// sameValidators refuses validators of the engine that are not those of the genesis, if that lists any: those are the ones
// that the council signed.
func sameValidators(listed []types.GenesisValidator, engine []abci.ValidatorUpdate) error {
	if len(listed) == 0 {
		return nil
	}
	if len(engine) != len(listed) {
		return fmt.Errorf("app: the engine begins with %d validators, the genesis lists %d", len(engine), len(listed))
	}
	powers := make(map[string]int64, len(listed)) // read by key only
	for _, v := range listed {
		powers[string(v.PublicKey)] = v.Power
	}
	for _, v := range engine {
		key := v.PubKey.GetEd25519()
		power, ok := powers[string(key)]
		if !ok {
			return fmt.Errorf("app: the engine begins with the validator %x, which the genesis does not list, or lists once and the engine twice", key)
		}
		if power != v.Power {
			return fmt.Errorf("app: the engine gives the validator %x the power %d, the genesis %d", key, v.Power, power)
		}
		delete(powers, string(key))
	}
	return nil
}

// checkConsensusParams refuses what this application cannot live with.
func checkConsensusParams(req *abci.RequestInitChain) error {
	if req.Time.Unix() < 0 {
		return fmt.Errorf("app: genesis time %v lies before 1970", req.Time)
	}
	p := req.ConsensusParams
	if p == nil {
		return nil
	}
	if p.Abci != nil && p.Abci.VoteExtensionsEnableHeight != 0 {
		return errors.New("app: vote extensions must be off: abci.vote_extensions_enable_height is not 0")
	}
	if p.Block != nil && p.Block.MaxBytes != -1 && p.Block.MaxBytes < 2*types.MaxTxBytes {
		return fmt.Errorf("app: block.max_bytes is %d, at least %d", p.Block.MaxBytes, 2*types.MaxTxBytes)
	}
	return nil
}

// prior is the state before the block of a height: a view that the caller closes, and the reader over it. They differ
// before the first block, when the genesis is not committed yet.
func (a *App) prior(height int64) (*state.View, state.Reader, error) {
	view := a.db.View()
	if view.Height() > 0 {
		if height != view.Height()+1 {
			release(view)
			return nil, nil, fmt.Errorf("app: block %d does not follow the committed height %d", height, a.db.Head().Height)
		}
		return view, view, nil
	}
	if a.genesis == nil || height != a.genesis.height {
		release(view)
		return nil, nil, fmt.Errorf("app: block %d before InitChain, or not the first", height)
	}
	batch, err := a.genesis.over(view)
	if err != nil {
		release(view)
		return nil, nil, err
	}
	return view, batch, nil
}
