package app

import (
	"bytes"
	"slices"

	abci "github.com/cometbft/cometbft/abci/types"

	"tradecredit/types"
)

// updates are changes of validators as CometBFT takes them, in the order given.
func updates(changes []*types.ValidatorRow) []abci.ValidatorUpdate {
	var out []abci.ValidatorUpdate
	for _, v := range changes {
		out = append(out, abci.Ed25519ValidatorUpdate(v.PublicKey, v.Power))
	}
	return out
}

// rows are CometBFT's validators as the state keeps them, ascending by key. A key that is not ed25519 is empty, which the
// rules refuse.
func rows(engine []abci.ValidatorUpdate) []*types.ValidatorRow {
	var out []*types.ValidatorRow
	for _, v := range engine {
		out = append(out, &types.ValidatorRow{PublicKey: v.PubKey.GetEd25519(), Power: v.Power})
	}
	slices.SortFunc(out, func(a, b *types.ValidatorRow) int { return bytes.Compare(a.PublicKey, b.PublicKey) })
	return out
}
