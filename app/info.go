package app

import (
	"context"

	abci "github.com/cometbft/cometbft/abci/types"

	"tradecredit/app/ledger"
	"tradecredit/types"
)

// Info tells what is committed on disk, and nothing else: height 0 and no hash until the first block is. The version is that
// of the rules in force, which the next header carries, not the newest that this program knows.
func (a *App) Info(context.Context, *abci.RequestInfo) (*abci.ResponseInfo, error) {
	view := a.db.View()
	defer release(view)
	head := a.db.Head() // a block newer than the view, at times
	res := &abci.ResponseInfo{
		Data:            "tradecredit",
		Version:         types.Version,
		AppVersion:      types.FirstAppVersion,
		LastBlockHeight: head.Height,
	}
	if view.Height() == 0 || head.Height == 0 {
		res.LastBlockHeight = 0
		return res, nil
	}
	rules, _, err := ledger.Rules(view, head.Height)
	if err != nil {
		return nil, err
	}
	res.AppVersion, res.LastBlockAppHash = rules.AppVersion, head.AppHash[:]
	return res, nil
}
