package app

import (
	"bytes"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// At the height that the council chose, a program that does not know the version neither proposes, nor votes on, nor
// computes the block, and does not start again; one that does goes on, from the same store, and headers carry the version.
func TestUpgrade(t *testing.T) {
	w := newWorld(t)
	old, ready := newReplica(t, w, Options{}), newReplica(t, w, Options{AppVersion: 2})
	release := bytes.Repeat([]byte{0xab}, 32)
	plan := &types.PlanUpgrade{AppVersion: 2, Height: 4, BinaryDigest: release}
	vote := w.tx(t, "council", old.unix, &types.Propose{Id: "two", Action: &types.Propose_Upgrade{Upgrade: plan}})
	for _, r := range []*replica{old, ready} {
		require.EqualValues(t, 1, r.info().AppVersion)
		require.Equal(t, []types.Code{0}, codes(t, r.block(vote).TxResults[0]))
		for range 2 {
			require.True(t, r.process(r.prepare(testRoom)))
			require.Nil(t, r.block().ConsensusParamUpdates)
		}
		require.EqualValues(t, 1, r.info().AppVersion, "until the block of that height")
	}
	require.Equal(t, old.info().LastBlockAppHash, ready.info().LastBlockAppHash)

	height, unix := old.next()
	at := time.Unix(unix, 0)
	stops := func(err error) {
		require.ErrorContains(t, err, "UPGRADE NEEDED: block 4 runs by version 2 of the rules")
		require.ErrorContains(t, err, "knows them up to version 1")
		require.ErrorContains(t, err, "abababababababababababababababababababababababababababababababab")
	}
	_, err := old.PrepareProposal(t.Context(), &abci.RequestPrepareProposal{MaxTxBytes: testRoom, Height: height, Time: at})
	stops(err)
	_, err = old.ProcessProposal(t.Context(), &abci.RequestProcessProposal{Height: height, Time: at})
	stops(err)
	_, err = old.FinalizeBlock(t.Context(), &abci.RequestFinalizeBlock{Height: height, Time: at, Hash: blockHash(height)})
	stops(err)

	// The old program does not come back; the new one goes on from where it stopped.
	old.Quit()
	require.NoError(t, old.db.Close())
	db, err := state.Open(old.dir, state.Options{FS: old.fs, CheckpointEvery: -1, CacheBytes: 8 << 20})
	require.NoError(t, err)
	_, err = New(db, Options{})
	stops(err)
	require.NoError(t, db.Close())
	old.o.AppVersion = 2
	old.open()

	for _, r := range []*replica{old, ready} {
		require.True(t, r.process(r.prepare(testRoom)))
		res := r.block()
		require.EqualValues(t, 2, res.ConsensusParamUpdates.Version.App)
		require.Nil(t, res.ConsensusParamUpdates.Block, "nothing else changes")
		require.EqualValues(t, 2, r.info().AppVersion)
		require.Nil(t, r.block().ConsensusParamUpdates)
		r.restart()
		require.EqualValues(t, 2, r.info().AppVersion)
	}
	require.Equal(t, old.info().LastBlockAppHash, ready.info().LastBlockAppHash)
	_, err = New(old.db, Options{AppVersion: 1})
	require.ErrorContains(t, err, "UPGRADE NEEDED: block 6 runs by version 2")
	require.ErrorContains(t, err, "abababab")
}

// A plan that was dropped stops nobody.
func TestUpgradeDropped(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{})
	plan := &types.PlanUpgrade{AppVersion: 2, Height: 3, BinaryDigest: make([]byte, 32)}
	r.block(w.tx(t, "council", r.unix, &types.Propose{Id: "two", Action: &types.Propose_Upgrade{Upgrade: plan}}))
	drop := &types.PlanUpgrade{AppVersion: 2}
	res := r.block(w.tx(t, "council", r.unix, &types.Propose{Id: "none", Action: &types.Propose_Upgrade{Upgrade: drop}}))
	require.Equal(t, []types.Code{0}, codes(t, res.TxResults[0]))
	for range 3 {
		r.block()
	}
	require.EqualValues(t, 1, r.info().AppVersion)
}
