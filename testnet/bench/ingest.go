package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"tradecredit/app/state"
	"tradecredit/node"
	"tradecredit/testnet"
	"tradecredit/types"
)

// recordsPerCycle: order, receivable, delivery, settlement.
const recordsPerCycle = 4

// rig is one validator in this process with a workload.
type rig struct {
	net  *testnet.Network
	node *node.Node
	work *testnet.Workload
	api  string
	next int  // first cycle that was not sent
	sent int  // records
	mix  bool // mixed cycles from now on
}

// newRig starts a network of one validator with so many registered subjects.
func (b *bench) newRig(name string, subjects int) (*rig, error) {
	n, err := testnet.Make(testnet.Plan{
		Dir: b.home(name), ChainID: "bench", BaseCurrency: "CNY", DayOffsetS: 28800, Validators: 1, Seats: testnet.WorkSeats(),
		Parameters: []types.GenesisParameter{
			{Name: "block_cost", Value: 200_000}, {Name: "quota_bytes", Value: 1 << 40}, {Name: "quota_messages", Value: 1_000_000_000},
			{Name: "quota_registrations", Value: 1_000_000},
		},
		Tweak: func(_ int, c *node.Config) { c.API.RequestsPerSecond = 0 },
	})
	if err != nil {
		return nil, err
	}
	r := &rig{net: n, api: n.Configs[0].API.Laddr, work: &testnet.Workload{Net: n, Subjects: subjects, Unix: time.Now().Unix()}}
	if err := r.start(b.ctx); err != nil {
		return nil, err
	}
	register, confirm, err := r.work.Prepare()
	if err != nil {
		return nil, err
	}
	if err := drive(b.ctx, r.at, independent(register)); err != nil {
		return nil, err
	}
	return r, drive(b.ctx, r.at, independent(confirm))
}

// at is the one node's API, whichever request it is.
func (r *rig) at(int) string { return r.api }

func (r *rig) start(ctx context.Context) error {
	n, err := node.New(ctx, r.net.Configs[0], slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	r.node = n
	return n.Start(ctx)
}

// requests is how many requests are under way at a time, and perRequest how many bytes of transactions one carries, about.
const (
	requests   = 8
	perRequest = 256 << 10
)

// load is what one request after another carries: first transactions that depend on nothing, then, when those are final,
// second ones that depend on these first ones only.
type load struct{ first, second [][]byte }

func (l *load) size() (n int) {
	for _, raw := range l.first {
		n += len(raw)
	}
	return n
}

// drive sends loads, so many requests at a time.
func drive(ctx context.Context, api func(i int) string, loads []load) error {
	var next atomic.Int64
	errs := make(chan error, requests)
	var wg sync.WaitGroup
	for range requests {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(loads) {
					return
				}
				for _, txs := range [][][]byte{loads[i].first, loads[i].second} {
					if len(txs) == 0 {
						continue
					}
					if err := testnet.Post(ctx, api(i), txs); err != nil {
						errs <- err
						return
					}
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}

// independent makes loads of transactions that depend on nothing.
func independent(txs [][]byte) []load {
	var out []load
	for _, raw := range txs {
		if len(out) == 0 || out[len(out)-1].size()+len(raw) > perRequest {
			out = append(out, load{})
		}
		last := &out[len(out)-1]
		last.first = append(last.first, raw)
	}
	return out
}

// chunk is how many cycles are signed, then sent as one load; their dependants follow request by request.
const (
	chunk    = 5_000
	mixChunk = 1_000 // of mixed cycles
)

// perChunk is how many records a chunk has.
func (r *rig) perChunk() int {
	if r.mix {
		return mixChunk * testnet.MixedRecords
	}
	return chunk * recordsPerCycle
}

// records sends so many records and returns the time that took without the signing.
func (r *rig) records(ctx context.Context, n, batch int) (time.Duration, error) {
	var took time.Duration
	for sent := 0; sent < n; sent += r.perChunk() {
		loads, err := r.loads(batch)
		if err != nil {
			return 0, err
		}
		began := time.Now()
		if err := drive(ctx, r.at, loads); err != nil {
			return 0, err
		}
		took += time.Since(began)
	}
	return took, nil
}

// loads signs one chunk of cycles.
func (r *rig) loads(batch int) ([]load, error) {
	var out []load
	step, n, cycles := max(batch, 50), chunk, r.work.Cycles
	if r.mix {
		step, n, cycles = batch, mixChunk, r.work.Mixed
	}
	for from := r.next; from < r.next+n; from += step {
		first, second, err := cycles(from, min(from+step, r.next+n), batch)
		if err != nil {
			return nil, err
		}
		if len(out) == 0 || out[len(out)-1].size() > perRequest*3/4 {
			out = append(out, load{})
		}
		last := &out[len(out)-1]
		last.first, last.second = append(last.first, first...), append(last.second, second...)
	}
	r.next += n
	r.sent += r.perChunk()
	return out, nil
}

// until loads records until the state tree has that many keys.
func (r *rig) until(ctx context.Context, keys int) error {
	for {
		have, err := r.keys(ctx)
		if err != nil || have >= keys {
			return err
		}
		if _, err := r.records(ctx, r.perChunk(), 100); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "\r  %d of %d keys ", have, keys)
	}
}

// keys is the number of leaves of the state tree, as the node's metrics say.
func (r *rig) keys(ctx context.Context) (int, error) {
	v, err := metric(ctx, r.node.MetricsAddress(), "ledgerd_state_keys")
	return int(v), err
}

// measured is one timed load with its profile.
type measured struct {
	records int
	took    time.Duration
	cpu     time.Duration
	profile []byte
}

func (m *measured) perSecond() float64 { return float64(m.records) / m.took.Seconds() }

// measure sends n records after a warm-up and takes the CPU profile of the whole process meanwhile.
func (r *rig) measure(ctx context.Context, n, batch int) (*measured, error) {
	if _, err := r.records(ctx, r.perChunk(), batch); err != nil {
		return nil, err
	}
	m := &measured{}
	var profile bytes.Buffer
	for m.records < n {
		loads, err := r.loads(batch)
		if err != nil {
			return nil, err
		}
		if m.records == 0 {
			if err := pprof.StartCPUProfile(&profile); err != nil {
				return nil, err
			}
		}
		before, began := cpuTime(), time.Now()
		if err := drive(ctx, r.at, loads); err != nil {
			pprof.StopCPUProfile()
			return nil, err
		}
		m.took += time.Since(began)
		m.cpu += cpuTime() - before
		m.records += r.perChunk()
	}
	pprof.StopCPUProfile()
	m.profile = profile.Bytes()
	return m, nil
}

// cpuTime is the CPU time of this process, user and system.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ingest measures records per second through the ingress at two sizes of the state, what they cost, and what stays on disk.
func ingest(b *bench) error {
	r, err := b.newRig("ingest", 20_000)
	if err != nil {
		return err
	}
	defer func() { _ = r.node.Stop() }() // the run's folder goes anyway
	if err := r.until(b.ctx, b.keys[0]); err != nil {
		return err
	}
	m, err := r.measure(b.ctx, 100_000, 100)
	if err != nil {
		return err
	}
	b.add("ingest.batch100.keys1e5", m.perSecond(), "records/s", "8000")
	if err := r.until(b.ctx, b.keys[1]); err != nil {
		return err
	}
	if m, err = r.measure(b.ctx, 100_000, 100); err != nil {
		return err
	}
	b.add("ingest.batch100.keys1e6", m.perSecond(), "records/s", "8000")
	if err := b.parts(m); err != nil {
		return err
	}
	r.mix = true
	if m, err = r.measure(b.ctx, 100_000, 100); err != nil {
		return err
	}
	r.mix = false
	b.add("ingest.mix.keys1e6", m.perSecond(), "records/s", "8000")
	if m, err = r.measure(b.ctx, 40_000, 1); err != nil {
		return err
	}
	b.add("ingest.single.keys1e6", m.perSecond(), "records/s", "4000")
	if err := b.reads(r); err != nil {
		return err
	}
	return b.rest(r)
}

// rest stops the node and measures what it left: bytes a record, and the time to open the state again.
func (b *bench) rest(r *rig) error {
	records := float64(r.sent)
	keys, err := r.keys(b.ctx)
	if err != nil {
		return err
	}
	if err := r.node.Stop(); err != nil {
		return err
	}
	c := r.net.Configs[0]
	for _, part := range []struct{ name, dir string }{
		{"state", c.StateDir()}, {"blockstore", filepath.Join(c.DataDir(), "blockstore.db")}, {"index", c.IndexDir()},
	} {
		size, err := folderSize(part.dir)
		if err != nil {
			return err
		}
		b.add("bytes.record."+part.name, float64(size)/records, "bytes", map[string]string{"state": "400"}[part.name])
	}
	b.note("bytes a record: on disk after %.0f records, compaction as it stood; the state keeps %d heights of history", records, c.State.KeepHeights)
	began := time.Now()
	db, err := state.Open(c.StateDir(), state.Options{KeepHeights: c.State.KeepHeights})
	if err != nil {
		return err
	}
	b.add("boot.keys1e6", time.Since(began).Seconds(), "s", "")
	b.note("boot: the state of %d keys opened, tree rebuilt from the leaf checkpoint and what came after it, root compared", keys)
	return db.Close()
}

// folderSize is the bytes of all files below a folder.
func folderSize(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}
