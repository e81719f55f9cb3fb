package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/stretchr/testify/require"

	"tradecredit/app/ledger"
	"tradecredit/types"
)

// costOf is what transactions take of a block's cost.
func costOf(t testing.TB, txs [][]byte) (sum int64) {
	t.Helper()
	for _, raw := range txs {
		tx, err := types.Decode(raw)
		require.NoError(t, err)
		sum += ledger.Cost(tx)
	}
	return sum
}

func bytesOf(txs [][]byte) (sum int64) {
	for _, raw := range txs {
		sum += dataSize(raw)
	}
	return sum
}

func signersOf(t testing.TB, txs [][]byte) (list []string) {
	t.Helper()
	for _, raw := range txs {
		tx, err := types.Decode(raw)
		require.NoError(t, err)
		list = append(list, tx.Body.Signer)
	}
	return list
}

// TestPreparedIsAccepted: with a pool of one and of ten blocks, whatever this node proposes every node accepts, the ones
// that never saw the transactions included, and nothing in it is refused when it is run.
func TestPreparedIsAccepted(t *testing.T) {
	for _, times := range []int{1, 10} {
		t.Run(fmt.Sprint(times), func(t *testing.T) {
			w := newWorld(t, types.GenesisParameter{Name: "block_cost", Value: 12_288}, types.GenesisParameter{Name: "member_share_bp", Value: 5000})
			proposer, other := newReplica(t, w, Options{}), newReplica(t, w, Options{})
			proposer.block()
			other.block()
			rng := random(uint64(times))
			var all [][]byte
			for n, cost := 0, int64(0); cost < int64(times)*12_288; n++ {
				signer := []string{"forex", "forex-b", "forex-c"}[rng.IntN(3)]
				raw := w.tx(t, signer, proposer.unix+int64(rng.IntN(3)), fixings(rng.IntN(80_000), 1+rng.IntN(200))...)
				all = append(all, raw)
				cost += costOf(t, [][]byte{raw})
			}
			proposer.submit(types.Code_ok, all...)
			included := 0
			for height := 2; included < len(all); height++ {
				require.Less(t, height, 200, "the pool does not empty")
				room := int64(20_000 + rng.IntN(40_000))
				began := time.Now()
				txs := proposer.prepare(room)
				require.Less(t, time.Since(began), 2*time.Second)
				require.NotEmpty(t, txs)
				require.LessOrEqual(t, costOf(t, txs), int64(12_288))
				require.LessOrEqual(t, bytesOf(txs), room)
				require.True(t, proposer.process(txs))
				require.True(t, other.process(txs))
				require.True(t, other.process(txs), "again")
				res := proposer.block(txs...)
				require.Equal(t, res, other.block(txs...))
				for _, x := range res.TxResults {
					require.NotEmpty(t, x.Data, "authentication failed: %s", x.Log)
				}
				included += len(txs)
			}
			count, bytes := proposer.pool.size()
			require.Zero(t, count)
			require.Zero(t, bytes)
			require.Empty(t, proposer.pool.signers)
		})
	}
}

// mutation spoils a good proposal. It returns whether the outcome must be refused.
type mutation struct {
	name string
	edit func(rng *rand.Rand, txs [][]byte) (mutated [][]byte, bad bool)
}

func mutations(a *authentication) []mutation {
	at := func(rng *rand.Rand, txs [][]byte) int { return rng.IntN(len(txs)) }
	list := []mutation{
		{"bit", func(rng *rand.Rand, txs [][]byte) ([][]byte, bool) {
			i := at(rng, txs)
			txs[i] = slices.Clone(txs[i])
			txs[i][rng.IntN(len(txs[i]))] ^= 1 << rng.IntN(8)
			return txs, true
		}},
		{"cut", func(rng *rand.Rand, txs [][]byte) ([][]byte, bool) {
			i := at(rng, txs)
			txs[i] = txs[i][:rng.IntN(len(txs[i]))]
			return txs, true
		}},
		{"twice", func(rng *rand.Rand, txs [][]byte) ([][]byte, bool) {
			return slices.Insert(txs, at(rng, txs), txs[at(rng, txs)]), true
		}},
		{"swapped", func(rng *rand.Rand, txs [][]byte) ([][]byte, bool) {
			i, j := at(rng, txs), at(rng, txs)
			txs[i], txs[j] = txs[j], txs[i]
			return txs, false
		}},
		{"shorter", func(rng *rand.Rand, txs [][]byte) ([][]byte, bool) { return slices.Delete(txs, 0, at(rng, txs)), false }},
		{"spliced", func(rng *rand.Rand, txs [][]byte) ([][]byte, bool) {
			i := at(rng, txs)
			txs[i] = append(slices.Clone(txs[i]), txs[at(rng, txs)]...)
			return txs, true
		}},
	}
	for code := types.Code_tx_too_large; code <= types.Code_signature_invalid; code++ {
		if raw := a.cases[code]; raw != nil {
			list = append(list, mutation{code.String(), func(rng *rand.Rand, txs [][]byte) ([][]byte, bool) {
				return slices.Insert(txs, at(rng, txs), raw), true
			}})
		}
	}
	return list
}

// TestMutatedProposals: 300 spoiled proposals get the same answer on the node that proposed, on one that has the
// transactions in its pool, and on one that knows nothing; and answers do not depend on what was asked before.
func TestMutatedProposals(t *testing.T) {
	a := newAuthentication(t)
	replicas := []*replica{a.replica, sameAs(t, a), sameAs(t, a)}
	var good [][]byte
	for i := range 12 {
		good = append(good, a.good(i))
	}
	a.submit(types.Code_ok, good...)
	replicas[1].submit(types.Code_ok, good...)
	rng := random(3)
	list := mutations(a)
	for i := range 300 {
		m := list[i%len(list)]
		txs, bad := m.edit(rng, slices.Clone(good))
		for j, r := range replicas {
			require.Equal(t, !bad, r.process(txs), "%s, proposal %d, replica %d", m.name, i, j)
			if i%7 == j {
				require.True(t, r.process(good))
			}
		}
	}
	require.Equal(t, good, a.prepare(testRoom))
}

// sameAs is another node with the same blocks.
func sameAs(t testing.TB, a *authentication) *replica {
	t.Helper()
	r := newReplica(t, a.w, Options{})
	for _, txs := range a.history {
		require.NotNil(t, r.block(txs...))
	}
	require.Equal(t, a.db.Head(), r.db.Head())
	return r
}

// TestEveryTransactionFitsABlock: no vote on the parameters can make a transaction too dear for a block.
func TestEveryTransactionFitsABlock(t *testing.T) {
	dearest := int64(0)
	for _, row := range types.Table {
		dearest = max(dearest, row.Cost)
	}
	require.LessOrEqual(t, types.MaxMessages*dearest, types.ParameterNamed("block_cost").Min)
}

func TestBlockCost(t *testing.T) {
	w := newWorld(t, types.GenesisParameter{Name: "block_cost", Value: 12_288})
	r := newReplica(t, w, Options{})
	r.block()
	var txs [][]byte
	for i := range 17 {
		txs = append(txs, w.tx(t, "forex", r.unix, fixings(256*i, 256)...)) // 768 each
	}
	require.True(t, r.process(txs[:16]))
	require.False(t, r.process(txs))
	_, err := r.examine(&abci.RequestProcessProposal{Txs: txs, Height: 2, Time: time.Unix(r.unix+1, 0)})
	code, _ := types.CodeOf(err)
	require.Equal(t, types.Code_block_cost_exceeded, code)
	r.submit(types.Code_ok, txs...)
	require.Len(t, r.prepare(testRoom), 16)
}

// TestQuotaWithinABlock: what one block may hold of a signer counts with what it holds already.
func TestQuotaWithinABlock(t *testing.T) {
	w := newWorld(t, types.GenesisParameter{Name: "quota_messages", Value: 1000})
	r := newReplica(t, w, Options{})
	r.block()
	var txs [][]byte
	for i := range 5 {
		txs = append(txs, w.tx(t, "forex", r.unix, fixings(240*i, 240)...))
	}
	last := w.tx(t, "forex", r.unix, fixing(5000))
	other := w.tx(t, "forex-b", r.unix, fixing(6000))
	r.submit(types.Code_ok, txs...)
	r.submit(types.Code_ok, last, other)
	require.False(t, r.process(txs))
	require.Equal(t, append(slices.Clone(txs[:4]), other), r.prepare(testRoom), "after a refusal the signer's later ones wait too")
	res := r.finalize(txs)
	require.EqualValues(t, types.Code_quota_messages_exceeded, res.TxResults[4].Code)
	r.propose()
	require.Empty(t, r.prepare(testRoom))
	// The pool keeps them for the next day.
	r.unix += 86400
	for _, raw := range [][]byte{txs[4], last} {
		tx, err := types.Decode(raw)
		require.NoError(t, err)
		require.NotNil(t, r.pool.items[tx.Hash])
	}
}

// TestFairness: while others wait a flooder gets its share of the block; what is left over goes to it.
func TestFairness(t *testing.T) {
	w := newWorld(t, types.GenesisParameter{Name: "block_cost", Value: 12_288}, types.GenesisParameter{Name: "member_share_bp", Value: 2500})
	r := newReplica(t, w, Options{})
	r.block()
	for i := range 40 {
		r.submit(types.Code_ok, w.tx(t, "forex", r.unix, fixings(100*i, 100)...)) // 300 each
	}
	for i := range 3 {
		r.submit(types.Code_ok, w.tx(t, "forex-b", r.unix, fixings(50_000+100*i, 100)...))
		r.submit(types.Code_ok, w.tx(t, "forex-c", r.unix, fixings(60_000+100*i, 100)...))
	}
	txs := r.prepare(testRoom)
	require.Len(t, txs, 40)
	signers := signersOf(t, txs)
	want := slices.Repeat([]string{"forex"}, 10)
	for range 3 {
		want = append(want, "forex-b", "forex-c")
	}
	want = append(want, slices.Repeat([]string{"forex"}, 24)...)
	require.Equal(t, want, signers)
	// By bytes too: a quarter of the room for the flooder, then the others.
	few := signersOf(t, r.prepare(9*dataSize(txs[0])))
	require.Equal(t, []string{"forex", "forex", "forex-b", "forex-c", "forex-b", "forex-c"}, few[:6])
	// A transaction beyond the share is taken when it is the signer's first.
	require.NotEmpty(t, r.prepare(dataSize(txs[0])+10))
}

// TestUselessAreDropped: what can be good for no block any more leaves the pool when a block is prepared.
func TestUselessAreDropped(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{})
	r.block()
	r.submit(types.Code_ok, w.tx(t, "forex-b", r.unix, fixing(1)), w.tx(t, "forex", r.unix, fixing(2)))
	revoke := w.tx(t, "forex-b", r.unix, &types.RevokeKey{Key: "k1"})
	require.Zero(t, r.block(revoke).TxResults[0].Code)
	require.EqualValues(t, 2, r.Status().PendingTxs)
	require.Len(t, r.prepare(testRoom), 1)
	require.EqualValues(t, 1, r.Status().PendingTxs)
}

func TestPrepareWaitsForTheFirst(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{Wait: time.Hour})
	r.block()
	raw := w.tx(t, "forex", r.unix, fixing(0))
	prepared := make(chan [][]byte)
	go func() { prepared <- r.prepare(testRoom) }()
	r.submit(types.Code_ok, raw)
	require.Equal(t, [][]byte{raw}, <-prepared)
	r.block(raw)

	r.options.Wait = 20 * time.Millisecond
	began := time.Now()
	require.Empty(t, r.prepare(testRoom))
	require.GreaterOrEqual(t, time.Since(began), 20*time.Millisecond)

	r.options.Wait = time.Hour
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	res, err := r.PrepareProposal(ctx, &abci.RequestPrepareProposal{MaxTxBytes: testRoom, Height: r.Height() + 1, Time: time.Unix(r.unix+1, 0)})
	require.NoError(t, err)
	require.Empty(t, res.Txs)
}

// TestReplicasAgree: random blocks, a fifth of them hostile. One node has the transactions in its pool, one sees them in
// blocks only, one is restarted all the time and finalizes twice.
func TestReplicasAgree(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rng := random(seed)
			a := newAuthentication(t)
			cold, shaky := sameAs(t, a), sameAs(t, a)
			hostile := make([][]byte, 0, len(a.cases))
			for code := types.Code_tx_too_large; code <= types.Code_signature_invalid; code++ {
				if raw := a.cases[code]; raw != nil {
					hostile = append(hostile, raw)
				}
			}
			var old [][]byte
			accepted, verdicts := 0, map[bool]int{}
			for range 25 {
				var txs [][]byte
				for range rng.IntN(10) {
					txs = append(txs, a.randomTx(t, rng))
				}
				a.Submit(context.Background(), txs)
				if rng.IntN(5) == 0 {
					txs = append(txs, hostile[rng.IntN(len(hostile))], hostile[rng.IntN(len(hostile))])
				}
				if len(old) > 0 && rng.IntN(3) == 0 {
					txs = append(txs, old[rng.IntN(len(old))])
				}
				verdict := a.process(txs)
				require.Equal(t, verdict, cold.process(txs))
				verdicts[verdict]++
				res := a.finalize(txs)
				want := outcome(t, res)
				for _, x := range res.TxResults {
					for _, c := range codes(t, x) {
						if c == types.Code_ok {
							accepted++
						}
					}
				}
				if rng.IntN(4) == 0 {
					shaky.finalize(txs[:len(txs)/2])
					shaky.finalize(txs)
					shaky.restart()
				}
				require.Equal(t, want, outcome(t, cold.finalize(txs)))
				require.Equal(t, want, outcome(t, shaky.finalize(txs)))
				for _, r := range []*replica{a.replica, cold, shaky} {
					r.commit()
				}
				require.Equal(t, a.db.Head(), cold.db.Head())
				require.Equal(t, a.db.Head(), shaky.db.Head())
				old = append(old, txs...)
			}
			require.Greater(t, accepted, 20, "messages accepted")
			require.Len(t, verdicts, 2, "good and bad proposals")
		})
	}
}

// randomTx is one transaction of a random member; most of its messages succeed.
func (a *authentication) randomTx(t testing.TB, rng *rand.Rand) []byte {
	t.Helper()
	subject := func() string { return fmt.Sprintf("CN:TEST:%d", rng.IntN(8)) }
	var msgs []types.Msg
	for range 1 + rng.IntN(4) {
		switch rng.IntN(4) {
		case 0:
			msgs = append(msgs, &types.RegisterEnterprise{
				Subject: subject(), District: "CN", Size_: types.EnterpriseSize_SMALL, Ownership: types.Ownership_PRIVATE,
				ControlGroup: fmt.Sprintf("owner-%d", rng.IntN(5)),
			})
		case 1:
			msgs = append(msgs, &types.ConfirmEnterprise{Subject: subject()})
		default:
			msgs = append(msgs, &types.RecordOrder{
				Id: fmt.Sprintf("o-%d", rng.IntN(200)), Kind: types.OrderKind_GOODS, Buyer: subject(), Seller: subject(), OrderDay: 20_000,
				PromisedDay: 20_030, Currency: "CNY", AmountMinor: 1 + rng.Int64N(1_000_000), TermsDigest: make([]byte, 32),
			})
		}
	}
	signer := "platform"
	if _, ok := msgs[0].(*types.RecordOrder); !ok {
		signer = []string{"bank-a", "platform"}[rng.IntN(2)]
	}
	b := a.w.body(signer, a.unix, msgs...)
	b.Atomic = rng.IntN(4) == 0
	return wire(t, b, a.w.keys[signer], nil)
}
