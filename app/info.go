package app

import (
	"context"

	abci "github.com/cometbft/cometbft/abci/types"

	"tradecredit/types"
)

// Info tells what is committed on disk, and nothing else: height 0 and no hash until the first block is.
func (a *App) Info(context.Context, *abci.RequestInfo) (*abci.ResponseInfo, error) {
	head := a.db.Head()
	res := &abci.ResponseInfo{
		Data:            "tradecredit",
		Version:         types.Version,
		AppVersion:      AppVersion,
		LastBlockHeight: head.Height,
	}
	if head.Height > 0 {
		res.LastBlockAppHash = head.AppHash[:]
	}
	return res, nil
}
