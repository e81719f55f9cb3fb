package app

import (
	"context"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// benchParties is the number of enterprises that trade in the benchmarks.
const benchParties = 1000

// newBench is a node on disk with enterprises registered.
func newBench(b *testing.B, blockCost int64) *replica {
	b.Helper()
	w := newWorld(b, types.GenesisParameter{Name: "block_cost", Value: blockCost}, types.GenesisParameter{Name: "quota_bytes", Value: 1 << 40},
		types.GenesisParameter{Name: "quota_messages", Value: 1_000_000_000})
	r := &replica{t: b, w: w, dir: b.TempDir(), unix: testUnix, o: Options{MaxPendingBytes: 2 << 30}}
	r.open()
	r.block()
	for first := 0; first < benchParties; first += 250 {
		var msgs []types.Msg
		for i := range 250 {
			msgs = append(msgs, &types.RegisterEnterprise{
				Subject: benchParty(first + i), District: "CN", Size_: types.EnterpriseSize_SMALL, Ownership: types.Ownership_PRIVATE,
				ControlGroup: fmt.Sprintf("owner-%d", first+i),
			})
		}
		res := r.block(w.tx(b, "bank-a", r.unix, msgs...))
		require.Zero(b, res.TxResults[0].Code, res.TxResults[0].Log)
	}
	return r
}

func benchParty(n int) string { return fmt.Sprintf("CN:TEST:%06d", n%benchParties) }

// benchOrders signs transactions of orders, size messages each.
func benchOrders(b *testing.B, r *replica, n, size int) [][]byte {
	b.Helper()
	txs := make([][]byte, n)
	for i := range txs {
		msgs := make([]types.Msg, size)
		for j := range msgs {
			k := i*size + j
			msgs[j] = &types.RecordOrder{
				Id: fmt.Sprintf("order-%09d", k), Kind: types.OrderKind_GOODS, Buyer: benchParty(k * 7), Seller: benchParty(k*13 + 1),
				OrderDay: 20_600, PromisedDay: 20_630, Currency: "CNY", AmountMinor: int64(1000 + k), TermsDigest: make([]byte, 32),
			}
		}
		body := r.w.body("platform", r.unix+80_000, msgs...)
		txs[i] = wire(b, body, r.w.keys["platform"], nil)
	}
	return txs
}

// BenchmarkIngress is a record's whole way, from the bytes of a request to the synced commit, without CometBFT: decoded,
// admitted, verified, proposed, run, hashed, written. One operation is one record.
func BenchmarkIngress(b *testing.B) {
	for _, size := range []int{1, 100} {
		b.Run(fmt.Sprintf("batch%d", size), func(b *testing.B) {
			r := newBench(b, 1_000_000)
			txs := benchOrders(b, r, (b.N+size-1)/size, size)
			const request = 64
			b.ResetTimer()
			began := cpu()
			for len(txs) > 0 {
				for range 2000/(size*request) + 1 {
					n := min(request, len(txs))
					for _, a := range r.Submit(context.Background(), txs[:n]) {
						require.Equal(b, types.Code_ok, a.Code, a.Detail)
					}
					txs = txs[n:]
				}
				for r.Status().PendingTxs > 0 {
					_, res := r.propose()
					require.Zero(b, res.TxResults[0].Code, res.TxResults[0].Log)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64((cpu()-began).Microseconds())/float64(b.N), "cpu-µs/op")
			r.Quit()
			require.NoError(b, r.db.Close())
		})
	}
}

// BenchmarkPrepare fills a block of the default cost from a pool that holds ten of them, one message a transaction. One
// operation is one PrepareProposal.
func BenchmarkPrepare(b *testing.B) {
	blockCost := types.DefaultParameters().BlockCost
	r := newBench(b, blockCost)
	for txs := range slices.Chunk(benchOrders(b, r, 10*int(blockCost)/5, 1), 1000) {
		for _, a := range r.Submit(context.Background(), txs) {
			require.Equal(b, types.Code_ok, a.Code, a.Detail)
		}
	}
	b.ResetTimer()
	began := cpu()
	for range b.N {
		require.NotEmpty(b, r.prepare(64<<20))
	}
	b.StopTimer()
	b.ReportMetric(float64((cpu()-began).Microseconds())/float64(b.N), "cpu-µs/op")
	r.Quit()
	require.NoError(b, r.db.Close())
}

// cpu is the processor time of this process so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSubmit is the ingress alone: decode, admit, verify, insert. One operation is one transaction.
func BenchmarkSubmit(b *testing.B) {
	for _, size := range []int{1, 100} {
		b.Run(fmt.Sprintf("batch%d", size), func(b *testing.B) {
			r := newBench(b, 1_000_000)
			txs := benchOrders(b, r, b.N, size)
			b.ResetTimer()
			began := cpu()
			for len(txs) > 0 {
				n := min(256, len(txs))
				r.Submit(context.Background(), txs[:n])
				txs = txs[n:]
			}
			b.StopTimer()
			b.ReportMetric(float64((cpu()-began).Microseconds())/float64(b.N), "cpu-µs/op")
			r.Quit()
			require.NoError(b, r.db.Close())
		})
	}
}
