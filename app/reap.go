package app

import (
	"context"

	abci "github.com/cometbft/cometbft/abci/types"
)

// ReapTxs hands CometBFT the transactions to offer to the peers: new ones, a peer's after some blocks, and every ten
// blocks what is still not included, until it expires. CometBFT offers each once, to the peers of that moment.
func (a *App) ReapTxs(_ context.Context, req *abci.RequestReapTxs) (*abci.ResponseReapTxs, error) {
	return &abci.ResponseReapTxs{Txs: a.pool.reap(req.MaxBytes)}, nil
}
