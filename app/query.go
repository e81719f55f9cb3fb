package app

import (
	"context"
	"errors"
	"fmt"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/proto/tendermint/crypto"

	"tradecredit/app/state"
)

// Codes of Query. They are no part of types.Code: Query is for tools, and refuses nothing by rule.
const (
	queryUnknownPath uint32 = 1
	queryInvalidKey  uint32 = 2
	queryNoHeight    uint32 = 3 // not committed yet, or not kept any more
	queryFailed      uint32 = 4
)

// Query answers the path "/key": Data is a key of the state, Height the state's height (0: the newest), Prove asks for a
// proof, whose app hash stands in the header of the height after. No value means that the key is absent. The node's own
// interface is the way for clients; this is for tools that speak CometBFT's RPC.
func (a *App) Query(_ context.Context, req *abci.RequestQuery) (*abci.ResponseQuery, error) {
	if req.Path != "/key" {
		return &abci.ResponseQuery{Code: queryUnknownPath, Log: fmt.Sprintf("unknown path %.60q; there is /key", req.Path)}, nil
	}
	if !a.begin() {
		return &abci.ResponseQuery{Code: queryFailed, Log: stoppingDetail}, nil
	}
	defer a.busy.Done()
	res, err := a.key(string(req.Data), req.Height, req.Prove)
	if err == nil {
		return res, nil
	}
	code := queryFailed
	switch {
	case errors.Is(err, state.ErrInvalid):
		code = queryInvalidKey
	case errors.Is(err, state.ErrFuture), errors.Is(err, state.ErrPruned):
		code = queryNoHeight
	default:
		a.log.Error("query failed", "error", err)
	}
	return &abci.ResponseQuery{Code: code, Log: err.Error(), Height: req.Height}, nil
}

// key reads one key of a height.
func (a *App) key(key string, height int64, prove bool) (*abci.ResponseQuery, error) {
	view := a.db.View()
	if height != 0 && height != view.Height() {
		release(view)
		var err error
		if view, err = a.db.At(height); err != nil {
			return nil, err
		}
	}
	defer release(view)
	res := &abci.ResponseQuery{Key: []byte(key), Height: view.Height()}
	if !prove {
		value, err := view.Get(key)
		res.Value = value
		return res, err
	}
	value, proof, err := view.Prove(key)
	if err != nil {
		return nil, err
	}
	res.Value, res.ProofOps = value, &crypto.ProofOps{}
	for _, op := range proof.Ops {
		res.ProofOps.Ops = append(res.ProofOps.Ops, crypto.ProofOp{Type: op.Type, Key: op.Key, Data: op.Data})
	}
	return res, nil
}
