package app

import (
	"context"
	"crypto/sha256"
	"runtime"
	"sync"

	"tradecredit/types"
)

const (
	batchTxs  = 1024 // signatures in one batch; more gain nothing
	singleTxs = 8    // below this a batch gains nothing either
)

// signatures verifies the signatures of many callers in common batches.
type signatures struct {
	verifier *types.Verifier
	jobs     chan *signatureJob
}

type signatureJob struct {
	txs      []*types.Tx
	verdicts []bool
	done     chan struct{}
}

func newSignatures() *signatures {
	return &signatures{verifier: types.NewVerifier(), jobs: make(chan *signatureJob, 256)}
}

// verify has the signatures verified by a worker, together with what others brought meanwhile. The second result is
// false if ctx or quit ended before there was a verdict.
func (s *signatures) verify(ctx context.Context, quit <-chan struct{}, txs []*types.Tx) ([]bool, bool) {
	if len(txs) == 0 {
		return nil, true
	}
	job := &signatureJob{txs: txs, done: make(chan struct{})}
	select {
	case s.jobs <- job:
	case <-ctx.Done():
		return nil, false
	case <-quit:
		return nil, false
	}
	select {
	case <-job.done:
		return job.verdicts, true
	case <-ctx.Done():
	case <-quit:
	}
	return nil, false
}

// run is a worker: it takes all jobs that wait, up to a batch, so that batches grow with the load.
func (s *signatures) run(quit <-chan struct{}) {
	for {
		var jobs []*signatureJob
		select {
		case j := <-s.jobs:
			jobs = append(jobs, j)
		case <-quit:
			return
		}
		txs := jobs[0].txs
		for len(txs) < batchTxs {
			select {
			case j := <-s.jobs:
				jobs = append(jobs, j)
				txs = append(txs[:len(txs):len(txs)], j.txs...)
				continue
			default:
			}
			break
		}
		verdicts := s.now(txs)
		for _, j := range jobs {
			j.verdicts, verdicts = verdicts[:len(j.txs)], verdicts[len(j.txs):]
			close(j.done)
		}
	}
}

// now verifies on the caller's goroutine.
func (s *signatures) now(txs []*types.Tx) []bool {
	if len(txs) >= singleTxs {
		return s.verifier.VerifyBatch(txs)
	}
	verdicts := make([]bool, len(txs))
	for i, t := range txs {
		verdicts[i] = s.verifier.VerifyTx(t)
	}
	return verdicts
}

// blockTx is one transaction of a proposal or block.
type blockTx struct {
	raw      []byte
	hash     types.Hash
	tx       *types.Tx // nil if it does not decode
	err      error     // why it does not
	verified bool      // its signature is good
	known    bool      // it was decoded and verified before
	final    bool      // FinalizeBlock wrote its reference
}

// resolve decodes and verifies the transactions of a proposal or block, as far as the pool or an earlier proposal of
// this height has not done so already. The work is spread over the processors; the result depends on raw alone.
// hashes are the SHA-256 of raw.
func (a *App) resolve(raw [][]byte, hashes []types.Hash) []blockTx {
	txs := make([]blockTx, len(raw))
	for i := range raw {
		txs[i].raw, txs[i].hash = raw[i], hashes[i]
	}
	a.pool.lookup(txs)
	a.seen.lookup(txs)
	var missing []int
	for i := range txs {
		if !txs[i].known {
			missing = append(missing, i)
		}
	}
	spread(len(missing), func(from, to int) { a.signatures.resolve(txs, missing[from:to]) })
	for _, i := range missing {
		if txs[i].verified {
			a.seen.add(txs[i].tx)
		}
	}
	a.metrics.lookups(len(txs)-len(missing), len(missing))
	return txs
}

// hashAll digests transactions, beside each other.
func hashAll(raw [][]byte) []types.Hash {
	hashes := make([]types.Hash, len(raw))
	spread(len(raw), func(from, to int) {
		for i := from; i < to; i++ {
			hashes[i] = sha256.Sum256(raw[i])
		}
	})
	return hashes
}

// resolve decodes and verifies the transactions at some places.
func (s *signatures) resolve(txs []blockTx, places []int) {
	var decoded []*types.Tx
	var at []int
	for _, i := range places {
		t := &txs[i]
		if t.tx, t.err = types.Decode(t.raw); t.err == nil {
			decoded, at = append(decoded, t.tx), append(at, i)
		}
	}
	for j, good := range s.now(decoded) {
		txs[at[j]].verified = good
	}
}

// spread cuts 0 … n−1 into runs and works on them beside each other.
func spread(n int, do func(from, to int)) {
	parts := min(runtime.GOMAXPROCS(0), n/32)
	if parts <= 1 {
		do(0, n)
		return
	}
	var wg sync.WaitGroup
	for p := range parts {
		wg.Add(1)
		go func() {
			defer wg.Done()
			do(p*n/parts, (p+1)*n/parts)
		}()
	}
	wg.Wait()
}

// maxSeenBytes bounds seenTxs: some rounds of full blocks.
const maxSeenBytes = 128 << 20

// seenTxs keeps verified transactions that came with a proposal of this height and were not in the pool.
type seenTxs struct {
	txs   map[types.Hash]*types.Tx
	bytes int
}

func (s *seenTxs) lookup(txs []blockTx) {
	for i := range txs {
		if t := s.txs[txs[i].hash]; t != nil && !txs[i].known {
			txs[i].tx, txs[i].verified, txs[i].known = t, true, true
		}
	}
}

func (s *seenTxs) add(t *types.Tx) {
	if s.txs == nil || s.bytes > maxSeenBytes {
		*s = seenTxs{txs: make(map[types.Hash]*types.Tx)}
	}
	if s.txs[t.Hash] == nil {
		s.txs[t.Hash] = t
		s.bytes += len(t.Raw)
	}
}

func (s *seenTxs) clear() { *s = seenTxs{} }
