package app

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

func TestGenesisIsCommittedWithTheFirstBlock(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{})
	require.Zero(t, r.info().LastBlockHeight)
	require.Empty(t, r.info().LastBlockAppHash)
	require.EqualValues(t, types.AppVersion, r.info().AppVersion)
	before := disk(t, r.fs)
	genesis := r.initChain()
	require.Equal(t, genesis, r.initChain(), "InitChain again")
	require.Equal(t, before, disk(t, r.fs))
	require.Zero(t, r.info().LastBlockHeight)

	r.restart()
	require.Zero(t, r.info().LastBlockHeight, "nothing was written before the first block")
	res := r.block()
	require.NotEqual(t, genesis, res.AppHash, "an empty block is in the log of block hashes")
	require.EqualValues(t, 1, r.info().LastBlockHeight)
	require.Equal(t, res.AppHash, r.info().LastBlockAppHash)
	view := r.View()
	defer view.Close()
	value, err := view.Get(string(types.ChainKey))
	require.NoError(t, err)
	require.NotNil(t, value)
	log, err := state.Get(view, types.BlockLogKey)
	require.NoError(t, err)
	require.Equal(t, uint64(1), log.Blocks)
	row, err := view.Entry(types.BlockLogName, 0)
	require.NoError(t, err)
	require.Equal(t, blockHash(1), row)

	_, err = r.InitChain(context.Background(), r.initRequest())
	require.ErrorContains(t, err, "do not belong together")
}

func TestInitChainRefuses(t *testing.T) {
	w := newWorld(t)
	cases := []struct {
		name string
		edit func(*abci.RequestInitChain)
		want string
	}{
		{"no genesis", func(q *abci.RequestInitChain) { q.AppStateBytes = nil }, "genesis"},
		{"unknown field", func(q *abci.RequestInitChain) { q.AppStateBytes = []byte(`{"colour":1}`) }, "colour"},
		{"no council", func(q *abci.RequestInitChain) { q.AppStateBytes = []byte(`{"base_currency":"CNY"}`) }, "members"},
		{"bad chain id", func(q *abci.RequestInitChain) { q.ChainId = "a b" }, "chain_id"},
		{"vote extensions", func(q *abci.RequestInitChain) { q.ConsensusParams.Abci.VoteExtensionsEnableHeight = 2 }, "vote extensions"},
		{"small blocks", func(q *abci.RequestInitChain) { q.ConsensusParams.Block.MaxBytes = 1000 }, "max_bytes"},
		{"before 1970", func(q *abci.RequestInitChain) { q.Time = time.Unix(-1, 0) }, "1970"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newReplica(t, w, Options{})
			q := r.initRequest()
			c.edit(q)
			_, err := r.InitChain(context.Background(), q)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestNothingButCommitWrites: PrepareProposal, ProcessProposal, CheckTx, FinalizeBlock and a query leave state and disk.
func TestNothingButCommitWrites(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{})
	r.block()
	r.block(w.tx(t, "forex", r.unix, fixings(0, 5)...))
	before, head := disk(t, r.fs), r.db.Head()
	good, bad := w.tx(t, "forex", r.unix, fixings(5, 5)...), w.tx(t, "bank-a", r.unix, fixing(10))

	res, err := r.CheckTx(context.Background(), &abci.RequestCheckTx{Tx: good})
	require.NoError(t, err)
	require.Zero(t, res.Code, res.Log)
	res, err = r.CheckTx(context.Background(), &abci.RequestCheckTx{Tx: bad})
	require.NoError(t, err)
	require.EqualValues(t, types.Code_role_not_permitted, res.Code)
	txs := r.prepare(testRoom)
	require.Len(t, txs, 1)
	require.True(t, r.process(txs))
	require.False(t, r.process([][]byte{bad}))
	final := r.finalize(txs)
	require.NotEqual(t, head.AppHash[:], final.AppHash)
	_, err = r.Query(context.Background(), &abci.RequestQuery{Path: "/key", Data: []byte("chain"), Prove: true})
	require.NoError(t, err)

	require.Equal(t, before, disk(t, r.fs))
	require.Equal(t, head, r.db.Head())
	require.Equal(t, head.AppHash[:], r.info().LastBlockAppHash)
	r.commit()
	require.NotEqual(t, before, disk(t, r.fs), "the digest of the disk sees writes")
	require.Equal(t, final.AppHash, r.info().LastBlockAppHash)
}

func TestFinalizeAgain(t *testing.T) {
	w := newWorld(t)
	for _, height := range []int64{1, 2} {
		r, twin := newReplica(t, w, Options{}), newReplica(t, w, Options{})
		for r.Height() < height-1 {
			r.block()
			twin.block()
		}
		one := [][]byte{w.tx(t, "forex", r.unix, fixings(0, 9)...), w.tx(t, "forex", r.unix, fixings(4, 9)...)}
		other := [][]byte{w.tx(t, "forex", r.unix, fixings(20, 3)...)}
		first := r.finalize(one)
		require.Equal(t, first, r.finalize(one))
		require.NotEqual(t, first.AppHash, r.finalize(other).AppHash)
		require.Equal(t, first, r.finalize(one), "an earlier call left nothing behind")
		r.commit()
		require.Equal(t, first, twin.block(one...))
		require.Equal(t, first.AppHash, r.info().LastBlockAppHash)
		require.Equal(t, r.block().AppHash, twin.block().AppHash)
	}
}

func TestCommitNeedsABlock(t *testing.T) {
	r := newReplica(t, newWorld(t), Options{})
	_, err := r.Commit(context.Background(), &abci.RequestCommit{})
	require.Error(t, err)
	r.block()
	_, err = r.Commit(context.Background(), &abci.RequestCommit{})
	require.Error(t, err)
	_, err = r.FinalizeBlock(context.Background(), &abci.RequestFinalizeBlock{Height: 3, Time: time.Unix(testUnix+1, 0), Hash: blockHash(3)})
	require.ErrorContains(t, err, "does not follow")
}

// TestRestartBetweenFinalizeAndCommit: CometBFT saved the block and the response; the application comes back without it.
func TestRestartBetweenFinalizeAndCommit(t *testing.T) {
	w := newWorld(t)
	for _, height := range []int64{1, 2, 5} {
		r := newReplica(t, w, Options{})
		for r.Height() < height-1 {
			r.block(w.tx(t, "forex", r.unix, fixing(int(r.Height()))))
		}
		txs := [][]byte{w.tx(t, "forex", r.unix, fixings(100, 50)...)}
		first := r.finalize(txs)
		r.restart()
		require.Equal(t, height-1, r.info().LastBlockHeight)
		require.Equal(t, first, r.finalize(txs))
		r.commit()
		require.Equal(t, first.AppHash, r.info().LastBlockAppHash)
		r.restart()
		require.Equal(t, height, r.info().LastBlockHeight)
		require.Equal(t, first.AppHash, r.info().LastBlockAppHash)
	}
}

// TestPowerLoss cuts the power before and after Commit, with none, half and all of the unsynced bytes kept.
func TestPowerLoss(t *testing.T) {
	w := newWorld(t)
	rng := random(1)
	for _, percent := range []int{0, 50, 100} {
		r := newReplica(t, w, Options{})
		mem := vfs.NewCrashableMem()
		r.Quit()
		require.NoError(t, r.db.Close())
		r.fs = mem
		r.open()
		twin := newReplica(t, w, Options{})
		for i := range 6 {
			txs := [][]byte{w.tx(t, "forex", r.unix, fixings(40*i, 40)...), w.tx(t, "bank-a", r.unix, fixing(1))}
			height := r.Height()
			want := r.finalize(txs)
			before := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
			r.commit()
			after := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng})
			require.Equal(t, want, twin.block(txs...))

			lost := &replica{t: t, w: w, fs: before, unix: twin.unix - 1, o: Options{}}
			lost.open()
			require.Equal(t, height, lost.info().LastBlockHeight, "Commit had not begun")
			if height == 0 {
				lost.unix = testUnix
			}
			require.Equal(t, want, lost.block(txs...), "the block is replayed")
			kept := &replica{t: t, w: w, fs: after, unix: twin.unix, o: Options{}}
			kept.open()
			require.Equal(t, height+1, kept.info().LastBlockHeight, "Commit had returned")
			require.Equal(t, want.AppHash, kept.info().LastBlockAppHash)
			more := [][]byte{w.tx(t, "forex", twin.unix, fixings(5000, 10)...)}
			require.Equal(t, lost.block(more...), kept.block(more...))
			for _, x := range []*replica{lost, kept} {
				x.Quit()
				require.NoError(t, x.db.Close())
			}
		}
	}
}

// TestBlocksThatNobodyWouldPropose: a block may hold what admission refuses; each such transaction has its code, no Data,
// and changes nothing.
func TestBlocksThatNobodyWouldPropose(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{})
	r.block()
	empty := r.finalize(nil).AppHash
	garbage := [][]byte{nil, {1, 2, 3}, make([]byte, types.MaxTxBytes+1), w.tx(t, "bank-a", r.unix, fixing(0))}
	res := r.finalize(garbage)
	require.Equal(t, empty, res.AppHash)
	want := []types.Code{types.Code_tx_malformed, types.Code_tx_malformed, types.Code_tx_too_large, types.Code_role_not_permitted}
	for i, x := range res.TxResults {
		require.Equal(t, want[i].String(), types.Code(x.Code).String())
		require.Empty(t, x.Data)
	}
}

func TestResultsSayOneCodeAMessage(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{})
	r.block()
	other := fixing(0)
	other.RateE9++
	atomic := w.body("forex", r.unix, fixing(3), other)
	atomic.Atomic = true
	res := r.block(
		w.tx(t, "forex", r.unix, fixing(0), fixing(1), fixing(0), other),
		w.sign(t, atomic),
		w.tx(t, "forex", r.unix, fixing(3)),
	)
	ok := types.Code_ok
	require.Equal(t, []types.Code{ok, ok, types.Code_already_recorded, types.Code_fixing_exists}, codes(t, res.TxResults[0]))
	require.EqualValues(t, types.Code_already_recorded, res.TxResults[0].Code)
	require.Equal(t, []types.Code{types.Code_rolled_back, types.Code_fixing_exists}, codes(t, res.TxResults[1]))
	require.Equal(t, []types.Code{ok}, codes(t, res.TxResults[2]))
	require.Zero(t, res.TxResults[2].Code)
	event := res.TxResults[0].Events[0]
	require.Equal(t, "tx", event.Type)
	require.Equal(t, "forex", event.Attributes[0].Value)
	require.Equal(t, "2", event.Attributes[3].Value)
}

// TestCommitFailureHalts: an error of the store is returned, upon which CometBFT halts the node, and nothing is shown.
func TestCommitFailureHalts(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{})
	r.block()
	r.finalize([][]byte{w.tx(t, "forex", r.unix, fixing(0))})
	view := r.View()
	defer view.Close()
	batch := state.NewBatch(view)
	batch.Set("other", []byte("writer"))
	other, err := r.db.Stage(2, batch)
	require.NoError(t, err)
	require.NoError(t, r.db.Apply(other))
	_, err = r.Commit(context.Background(), &abci.RequestCommit{})
	require.ErrorIs(t, err, state.ErrStale)
	require.EqualValues(t, 1, r.Status().Height)
}
