package app

import (
	"context"
	"fmt"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// bulky is a transaction of about so many bytes that is admitted; its message is refused in the block.
func bulky(t testing.TB, r *replica, signer string, bytes int) []byte {
	t.Helper()
	return r.w.tx(t, signer, r.unix, &types.PublishFixing{Currency: string(make([]byte, bytes))})
}

func TestPoolLimits(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{MaxPendingBytes: 4 * types.MaxTxBytes})
	r.block()
	body := w.body("forex", r.unix, fixing(0))
	raw := w.sign(t, body)
	r.submit(types.Code_ok, raw)
	r.submit(types.NodeCodeDuplicate, raw)
	again := wire(t, body, w.keys["forex"], nil)
	require.Equal(t, raw, again)
	other := *body
	other.Messages = []*types.Message{types.Wrap("", fixing(1))}
	r.submit(types.Code_reference_conflict, w.sign(t, &other))

	r.submit(types.Code_ok, bulky(t, r, "forex", 200_000))
	r.submit(types.NodeCodeQuota, bulky(t, r, "forex", 100_000))
	r.submit(types.Code_ok, bulky(t, r, "forex-b", 250_000), bulky(t, r, "forex-c", 250_000))
	r.submit(types.NodeCodeQuota, bulky(t, r, "forex-c", 20_000))
	w.keys["forex-d"] = testKey(t, "forex-d")
	require.False(t, r.pool.full())
	admit := &types.Admit{
		Member: "forex-d", ControlGroup: "group-forex-d", Jurisdiction: "CN", Roles: []types.Role{types.Role_FOREX}, NameDigest: make([]byte, 32),
		Keys: []*types.NewKey{{
			Id: "k1", Role: types.Role_FOREX, Algorithm: types.Algorithm_ED25519, PublicKey: w.keys["forex-d"].PublicKey(),
			Possession: w.keys["forex-d"].Sign(types.Possession(testChain, "forex-d", "k1", w.keys["forex-d"].PublicKey())),
		}},
	}
	res := r.block(w.tx(t, "council", r.unix, &types.Propose{Id: "a1", Action: &types.Propose_Admit{Admit: admit}}))
	require.Zero(t, res.TxResults[0].Code, res.TxResults[0].Log)
	r.submit(types.Code_ok, bulky(t, r, "forex-d", 250_000))
	r.submit(types.NodeCodeFull, w.tx(t, "platform", r.unix, &types.RecordOrder{Id: "x", TermsDigest: make([]byte, 100_000)}))
}

// TestLargestTransactionFitsTheSmallestPool: one signer's share always holds one transaction.
func TestLargestTransactionFitsTheSmallestPool(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{MaxPendingBytes: 4 * types.MaxTxBytes})
	r.block()
	raw := bulky(t, r, "forex", types.MaxTxBytes-280)
	require.Greater(t, len(raw), types.MaxTxBytes-100)
	r.submit(types.Code_ok, raw)
	require.Len(t, r.prepare(testRoom), 1)
}

func TestPoolExpires(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{})
	r.block()
	for i, seconds := range []int64{50, 10, 30, 10, 90} {
		b := w.body("forex", r.unix, fixing(i))
		b.ValidUntilUnix = r.unix + seconds
		r.submit(types.Code_ok, w.sign(t, b))
	}
	began := r.unix
	for _, step := range []struct{ after, left int64 }{{9, 5}, {10, 5}, {11, 3}, {31, 2}, {51, 1}, {91, 0}} {
		r.unix = began + step.after - 1
		r.block()
		require.Equal(t, step.left, r.Status().PendingTxs, "after %d s", step.after)
	}
	require.Zero(t, r.pool.bytes)
	require.Empty(t, r.pool.refs)
	require.Empty(t, r.pool.order)
}

// TestReap: new transactions are offered at once, a peer's after two blocks, and what is not included every ten.
func TestReap(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{})
	r.block()
	reap := func(maxBytes uint64) [][]byte {
		res, err := r.ReapTxs(context.Background(), &abci.RequestReapTxs{MaxBytes: maxBytes})
		require.NoError(t, err)
		return res.Txs
	}
	own, gone, peers := w.tx(t, "forex", r.unix, fixing(0)), w.tx(t, "forex", r.unix, fixing(1)), w.tx(t, "forex", r.unix, fixing(2))
	r.submit(types.Code_ok, own, gone)
	_, err := r.InsertTx(context.Background(), &abci.RequestInsertTx{Tx: peers})
	require.NoError(t, err)
	eventually(t, "the peer's is admitted", func() bool { return r.Status().PendingTxs == 3 })
	require.Equal(t, [][]byte{own}, reap(1), "one at least")
	require.Equal(t, [][]byte{gone}, reap(0))
	offered := r.Height()
	relayed := 0
	for r.Height() < offered+40 {
		if r.Height() == offered+5 {
			r.block(gone)
		} else {
			r.block()
		}
		var want [][]byte
		if (r.Height()-offered)%10 == 0 {
			want = append(want, own)
		}
		if (r.Height()-offered)%10 == 2 {
			want = append(want, peers)
			relayed++
		}
		require.Equal(t, want, reap(0), "%d blocks later", r.Height()-offered)
	}
	require.Equal(t, 4, relayed)
	r.block(own, peers)
	for range 12 {
		r.block()
		require.Empty(t, reap(0))
	}
	require.Empty(t, r.pool.fresh)
	require.Empty(t, r.pool.offered)
	require.Empty(t, r.pool.relayed)
}

// TestNobodyReaps: without peers to offer to, what is done does not pile up.
func TestNobodyReaps(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{})
	r.block()
	for i := range 30 {
		var txs [][]byte
		for j := range 100 {
			txs = append(txs, w.tx(t, "forex", r.unix, fixing(100*i+j)))
		}
		r.submit(types.Code_ok, txs...)
		r.propose()
	}
	require.Less(t, len(r.pool.fresh), 1200)
	require.Less(t, len(r.pool.order), 200)
}

func TestAwait(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{})
	r.block()
	other := fixing(0)
	other.RateE9++
	body := w.body("forex", r.unix, fixing(0), other)
	raw := w.sign(t, body)
	type answer struct {
		row *types.Reference
		err error
	}
	answers := make(chan answer)
	for range 3 {
		go func() {
			row, err := r.Await(context.Background(), "forex", body.Reference)
			answers <- answer{row, err}
		}()
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		row, err := r.Await(ctx, "forex", body.Reference)
		answers <- answer{row, err}
	}()
	callers := func() int {
		r.waiters.mu.Lock()
		defer r.waiters.mu.Unlock()
		if one := r.waiters.waiting[types.ReferenceKey("forex", body.Reference)]; one != nil {
			return one.callers
		}
		return 0
	}
	eventually(t, "four wait", func() bool { return callers() == 4 })
	cancel()
	require.Equal(t, answer{}, <-answers, "ctx ended: not FINAL, and no error")
	eventually(t, "three wait", func() bool { return callers() == 3 })
	r.submit(types.Code_ok, raw)
	r.block()
	require.Equal(t, 3, callers(), "ADMITTED is not FINAL")
	r.propose()
	digest := types.Hash{}
	for range 3 {
		a := <-answers
		require.NoError(t, a.err)
		require.EqualValues(t, 3, a.row.Height)
		require.Zero(t, a.row.Index)
		require.Equal(t, []uint32{0, uint32(types.Code_fixing_exists)}, a.row.Codes)
		copy(digest[:], a.row.BodyDigest)
	}
	tx, err := types.Decode(raw)
	require.NoError(t, err)
	require.Equal(t, tx.BodyDigest, digest)
	row, err := r.Await(context.Background(), "forex", body.Reference)
	require.NoError(t, err)
	require.EqualValues(t, 3, row.Height, "at once when it is FINAL already")
	require.Empty(t, r.waiters.waiting)
}

// TestSubmitBesideBlocks: clients and peers submit while blocks are made; everything is final once.
func TestSubmitBesideBlocks(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{Wait: time.Millisecond})
	r.block()
	const clients, each = 4, 60
	var raws [clients][][]byte
	for c := range clients {
		for i := range each {
			raws[c] = append(raws[c], w.tx(t, []string{"forex", "forex-b"}[c%2], r.unix, fixing(each*c+i)))
		}
	}
	failed := make(chan string, clients)
	for c := range clients {
		go func() {
			problem := ""
			for i, raw := range raws[c] {
				var code types.Code
				if c == 3 {
					res, err := r.InsertTx(context.Background(), &abci.RequestInsertTx{Tx: raw})
					if err != nil {
						problem = err.Error()
					}
					code = types.Code(res.Code)
				} else {
					code = r.Submit(context.Background(), [][]byte{raw})[0].Code
				}
				if code != types.Code_ok {
					problem = fmt.Sprintf("client %d, transaction %d: %s", c, i, code)
				}
			}
			failed <- problem
		}()
	}
	final := 0
	deadline := time.Now().Add(20 * time.Second)
	for final < clients*each && time.Now().Before(deadline) {
		txs := r.prepare(2000)
		require.True(t, r.process(txs))
		for i, x := range r.finalize(txs).TxResults {
			require.NotEmpty(t, x.Data, "%d: %s", i, x.Log)
			final++
		}
		r.commit()
		r.Status()
	}
	for range clients {
		require.Empty(t, <-failed)
	}
	require.Equal(t, clients*each, final)
	require.Zero(t, r.Status().PendingTxs)
}
