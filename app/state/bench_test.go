package state

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// benchKeys are the sizes of state that benchmarks run at; STATE_BENCH_KEYS=1000000 adds one.
func benchKeys(b *testing.B) []int {
	sizes := []int{100_000}
	if s := os.Getenv("STATE_BENCH_KEYS"); s != "" {
		n, err := strconv.Atoi(s)
		require.NoError(b, err)
		sizes = append(sizes, n)
	}
	return sizes
}

const benchBlock = 4000

// cpu is the processor time that the process has used.
func cpu() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// benchKey is the i-th of many keys that look like the ledger's: not in order, 35 bytes.
func benchKey(i uint64) string {
	i = (i + 1) * 0x9e3779b97f4a7c15
	return fmt.Sprintf("receivable/bank-%02d/%016x", i>>58, i)
}

// benchValue is 100 bytes, a third of them compressible.
func benchValue(rng *rand.Rand) []byte {
	b := make([]byte, 100)
	for i := 32; i < len(b)-8; i += 8 {
		binary.LittleEndian.PutUint64(b[i:], rng.Uint64())
	}
	return b
}

// benchDB is a store on disk with keys leaves; it checks nothing, the model tests do.
func benchDB(b *testing.B, dir string, keys int, o Options) *DB {
	db, err := Open(dir, o)
	require.NoError(b, err)
	rng := rand.New(rand.NewPCG(1, 1))
	for from := 0; from < keys; from += 50_000 {
		benchCommit(b, db, func(w *Batch) {
			for i := from; i < min(from+50_000, keys); i++ {
				w.Set(benchKey(uint64(i)), benchValue(rng))
			}
		})
	}
	return db
}

func benchCommit(b *testing.B, db *DB, change func(w *Batch)) *Staged {
	v := db.View()
	defer v.Close()
	w := NewBatch(v)
	change(w)
	s, err := db.Stage(db.Head().Height+1, w)
	require.NoError(b, err)
	require.NoError(b, db.Apply(s))
	return s
}

// BenchmarkBlock commits blocks of 4,000 changes, three in four of them to keys that exist.
// cpu-µs/key is all processor time, compactions and garbage collection included.
func BenchmarkBlock(b *testing.B) {
	for _, keys := range benchKeys(b) {
		b.Run(fmt.Sprint("keys=", keys), func(b *testing.B) {
			db := benchDB(b, b.TempDir(), keys, Options{KeepHeights: 200, CheckpointEvery: -1})
			defer db.Close()
			rng := rand.New(rand.NewPCG(2, 2))
			next := uint64(keys)
			runtime.GC()
			written := db.Metrics().BytesWritten
			b.ResetTimer()
			used := cpu()
			for b.Loop() {
				benchCommit(b, db, func(w *Batch) {
					for i := range benchBlock {
						n := rng.Uint64N(next)
						if i%4 == 0 {
							n = next
							next++
						}
						w.Set(benchKey(n), benchValue(rng))
					}
				})
			}
			changes := float64(b.N) * benchBlock
			b.ReportMetric((cpu()-used).Seconds()*1e6/changes, "cpu-µs/key")
			b.ReportMetric(float64(db.Metrics().BytesWritten-written)/changes, "written-B/key")
			b.ReportMetric(b.Elapsed().Seconds()*1e6/changes, "µs/key")
		})
	}
}

// BenchmarkStage is the part of a block that FinalizeBlock waits for.
func BenchmarkStage(b *testing.B) {
	for _, keys := range benchKeys(b) {
		b.Run(fmt.Sprint("keys=", keys), func(b *testing.B) {
			db := benchDB(b, b.TempDir(), keys, Options{KeepHeights: 200, CheckpointEvery: -1})
			defer db.Close()
			rng := rand.New(rand.NewPCG(2, 2))
			w := NewBatch(db.View())
			for range benchBlock {
				w.Set(benchKey(rng.Uint64N(uint64(keys))), benchValue(rng))
			}
			b.ResetTimer()
			used := cpu()
			for b.Loop() {
				_, err := db.Stage(db.Head().Height+1, w)
				require.NoError(b, err)
			}
			b.ReportMetric((cpu()-used).Seconds()*1e6/float64(b.N)/benchBlock, "cpu-µs/key")
		})
	}
}

// BenchmarkGet reads leaves at the newest height: from memory, from disk, and absent ones.
func BenchmarkGet(b *testing.B) {
	const keys = 100_000
	db := benchDB(b, b.TempDir(), keys, Options{CheckpointEvery: -1})
	defer db.Close()
	v := db.View()
	defer v.Close()
	for _, c := range []struct {
		name  string
		among uint64
		from  uint64
	}{{"hot", 1000, 0}, {"all", keys, 0}, {"absent", keys, keys}} {
		b.Run(c.name, func(b *testing.B) {
			rng := rand.New(rand.NewPCG(3, 3))
			for b.Loop() {
				value, err := v.Get(benchKey(c.from + rng.Uint64N(c.among)))
				if err != nil || (value == nil) != (c.from > 0) {
					b.Fatal("not what was written", err)
				}
			}
		})
	}
}

// BenchmarkProve makes proofs at the newest height, one below, and far back.
func BenchmarkProve(b *testing.B) {
	for _, keys := range benchKeys(b) {
		db := benchDB(b, b.TempDir(), keys, Options{KeepHeights: 200, CheckpointEvery: -1})
		rng := rand.New(rand.NewPCG(4, 4))
		for range 120 {
			benchCommit(b, db, func(w *Batch) {
				for range 1000 {
					w.Set(benchKey(rng.Uint64N(uint64(keys))), benchValue(rng))
				}
			})
		}
		for _, back := range []int64{0, 1, 110} {
			for _, from := range []uint64{0, uint64(keys)} {
				kind := "present"
				if from > 0 {
					kind = "absent"
				}
				b.Run(fmt.Sprintf("keys=%d/back=%d/%s", keys, back, kind), func(b *testing.B) {
					v, err := db.At(db.Head().Height - back)
					require.NoError(b, err)
					defer v.Close()
					size := 0
					for b.Loop() {
						_, p, err := v.Prove(benchKey(from + rng.Uint64N(uint64(keys))))
						require.NoError(b, err)
						data, _ := p.Marshal()
						size += len(data)
					}
					b.ReportMetric(float64(size)/float64(b.N), "B/proof")
				})
			}
		}
		require.NoError(b, db.Close())
	}
}

// BenchmarkOpen starts a node from all rows and from a leaf checkpoint.
func BenchmarkOpen(b *testing.B) {
	for _, keys := range benchKeys(b) {
		for _, checkpoint := range []bool{false, true} {
			b.Run(fmt.Sprintf("keys=%d/checkpoint=%v", keys, checkpoint), func(b *testing.B) {
				dir, o := b.TempDir(), Options{CheckpointEvery: -1}
				db := benchDB(b, dir, keys, o)
				if checkpoint {
					require.NoError(b, db.Checkpoint())
				}
				head := db.Head()
				require.NoError(b, db.Close())
				used := cpu()
				for b.Loop() {
					db, err := Open(dir, o)
					require.NoError(b, err)
					require.Equal(b, head, db.Head())
					require.NoError(b, db.Close())
				}
				b.ReportMetric((cpu()-used).Seconds()/float64(b.N), "cpu-s/op")
			})
		}
	}
}

// BenchmarkVerify is what a client spends on a proof.
func BenchmarkVerify(b *testing.B) {
	const keys = 100_000
	db := benchDB(b, b.TempDir(), keys, Options{CheckpointEvery: -1})
	defer db.Close()
	v := db.View()
	defer v.Close()
	for name, key := range map[string]string{"present": benchKey(5), "absent": benchKey(keys)} {
		b.Run(name, func(b *testing.B) {
			value, p, err := v.Prove(key)
			require.NoError(b, err)
			for b.Loop() {
				if err := p.Verify(db.Head().AppHash, types.RootState, key, value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
