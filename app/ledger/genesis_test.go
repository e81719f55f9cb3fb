package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
	"tradecredit/types/score"
)

// InitChain writes what a network begins with, and the same genesis gives the same root.
func TestInitChain(t *testing.T) {
	w := newWorld(t, castText, "CNY", "a notice")
	chain := read(w, types.ChainKey)
	require.Equal(t, types.Chain{ChainId: scriptChain, BaseCurrency: "CNY", GenesisUnix: scriptStart, Notice: "a notice"}, *chain)
	params := types.DefaultParameters()
	require.Equal(t, params.String(), read(w, types.ParametersKey).String())
	model := score.ExpertV1()
	require.Equal(t, model.String(), read(w, types.ActiveModelKey).String())
	require.Equal(t, model.String(), read(w, types.ModelKey(model.Id)).String())

	bank := read(w, types.MemberKey("bank-a"))
	require.Equal(t, types.MemberStatus_LIVE, bank.Status)
	require.Equal(t, []types.Role{types.Role_COUNCIL, types.Role_OPERATOR, types.Role_BANK}, bank.Roles)
	key := read(w, types.KeyKey("bank-a", "council"))
	require.Equal(t, types.Role_COUNCIL, key.Role)
	require.Equal(t, types.KeyStatus_KEY_LIVE, key.Status)
	owner := read(w, types.PublicKeyKey(key.PublicKey))
	require.Equal(t, "bank-a/council", owner.Holder+"/"+owner.Id)

	again := newWorld(t, castText, "CNY", "a notice")
	require.Equal(t, w.db.Head().AppHash, again.db.Head().AppHash)
	other := newWorld(t, castText, "USD", "a notice")
	require.NotEqual(t, w.db.Head().AppHash, other.db.Head().AppHash)
}

// A genesis that does not validate writes nothing.
func TestInitChainRefuses(t *testing.T) {
	batch := state.NewBatch(emptyState(t))
	require.ErrorContains(t, InitChain(batch, &types.Genesis{BaseCurrency: "USD"}, scriptChain, scriptStart), "COUNCIL")
	require.Empty(t, batch.Changes())
	_, err := NewBlock(batch, batch, 1, scriptStart)
	require.ErrorIs(t, err, errNoChain)
}
