package app

import (
	"context"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

func TestQuery(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{})
	ask := func(q abci.RequestQuery) *abci.ResponseQuery {
		res, err := r.Query(context.Background(), &q)
		require.NoError(t, err)
		return res
	}
	key := string(types.FixingKey("USD", types.MinDay))
	require.Equal(t, queryNoHeight, ask(abci.RequestQuery{Path: "/key", Data: []byte(key), Prove: true}).Code, "before the first block")
	r.block()
	var hashes []types.Hash
	for i := range 3 {
		r.block(w.tx(t, "forex", r.unix, fixing(i)))
		hashes = append(hashes, r.Status().AppHash)
	}
	for height := int64(2); height <= 4; height++ {
		res := ask(abci.RequestQuery{Path: "/key", Data: []byte(key), Height: height, Prove: true})
		require.Zero(t, res.Code, res.Log)
		require.Equal(t, height, res.Height)
		require.NotEmpty(t, res.Value)
		proof := &types.Proof{}
		for _, op := range res.ProofOps.Ops {
			proof.Ops = append(proof.Ops, &types.ProofOp{Type: op.Type, Key: op.Key, Data: op.Data})
		}
		require.NoError(t, proof.Verify(hashes[height-2], types.RootState, key, res.Value))
		require.Error(t, proof.Verify(hashes[height-2], types.RootState, key, nil))
		plain := ask(abci.RequestQuery{Path: "/key", Data: []byte(key), Height: height})
		require.Equal(t, res.Value, plain.Value)
		require.Nil(t, plain.ProofOps)
	}
	absent := ask(abci.RequestQuery{Path: "/key", Data: []byte("fixing/none"), Prove: true})
	require.Zero(t, absent.Code)
	require.EqualValues(t, 4, absent.Height)
	require.Empty(t, absent.Value)
	require.NotEmpty(t, absent.ProofOps.Ops)
	require.Equal(t, queryUnknownPath, ask(abci.RequestQuery{Path: "/store/key"}).Code)
	require.Equal(t, queryInvalidKey, ask(abci.RequestQuery{Path: "/key", Prove: true}).Code)
	require.Equal(t, queryNoHeight, ask(abci.RequestQuery{Path: "/key", Data: []byte(key), Height: 99}).Code)
	require.Equal(t, queryNoHeight, ask(abci.RequestQuery{Path: "/key", Data: []byte(key), Height: -1}).Code)
	r.Quit()
	require.Equal(t, queryFailed, ask(abci.RequestQuery{Path: "/key", Data: []byte(key)}).Code)
}
