package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"time"

	"tradecredit/node"
)

// replays measures what an auditor does: a history is written through the ingress, exported, executed again from its
// archive, and filled into a fresh home; each with the rate of the ingest of the same records in the same run.
func replays(b *bench) error {
	for _, c := range []struct {
		name           string
		records, batch int
		bar            string
	}{{"batch100", 360_000, 100, "1.5"}, {"single", 60_000, 1, "1.5"}} {
		if err := b.history(c.name, c.records, c.batch, c.bar); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	b.note("replay, import: from an archive on this disk, to an empty state, everything verified; ratios to the ingest of the same records before, in this " +
		"process; of three replays the middle one; time by part is added up over all processors; cpu_record is the CPU time of the " +
		"whole process for a record, and cpu_ratio that of the ingest (with the client that loads) to it")
	return nil
}

// history writes one history and measures what is made of it.
func (b *bench) history(name string, records, batch int, bar string) error {
	r, err := b.newRig("replay-"+name, 2000)
	if err != nil {
		return err
	}
	stop := func() error {
		err := r.node.Stop()
		r.node = nil
		return err
	}
	defer func() {
		if r.node != nil {
			_ = stop() // the run's folder goes anyway
		}
	}()
	ingest, ingestCPU, err := r.history(b.ctx, records, batch)
	if err != nil {
		return err
	}
	b.add("replay."+name+".ingest", ingest, "records/s", "")
	archive := b.home("archive-" + name)
	x, err := node.Export(b.ctx, node.ExportOptions{From: "http://" + r.api, Out: archive})
	if err != nil {
		return err
	}
	b.exported("export."+name+".running", x)
	if err := stop(); err != nil {
		return err
	}
	home := r.net.Configs[0].Home
	if x, err = node.Export(b.ctx, node.ExportOptions{From: home, Out: archive + "-stopped"}); err != nil {
		return err
	}
	b.exported("export."+name, x)
	b.add("export."+name+".bytes_record", float64(x.Bytes)/float64(x.Records), "bytes", "")
	done, replayCPU, err := b.replayed(archive+"-stopped", x.Records)
	if err != nil {
		return err
	}
	b.add("replay."+name, done.Times.PerSecond, "records/s", "")
	b.add("replay."+name+".ratio", done.Times.PerSecond/ingest, "× ingest", bar)
	b.add("replay."+name+".cpu_record", replayCPU, "µs", "")
	b.add("replay."+name+".cpu_ratio", ingestCPU/replayCPU, "× ingest", "")
	if err := b.shares("replay."+name, &done.Times); err != nil {
		return err
	}
	return b.imports(name, archive+"-stopped", ingest)
}

// tries is how often a history is replayed.
const tries = 3

// history sends records. It gives the rate, and the CPU time of a record in microseconds, both without the signing.
func (r *rig) history(ctx context.Context, n, batch int) (rate, micros float64, err error) {
	var spent, took time.Duration
	sent := 0
	for sent < n {
		loads, err := r.loads(batch)
		if err != nil {
			return 0, 0, err
		}
		before, began := cpuTime(), time.Now()
		if err := drive(ctx, r.at, loads); err != nil {
			return 0, 0, err
		}
		took += time.Since(began)
		spent += cpuTime() - before
		sent += r.perChunk()
	}
	return float64(sent) / took.Seconds(), float64(spent.Microseconds()) / float64(sent), nil
}

// replayed replays an archive a few times. It gives the run of median time, and its CPU time of a record in microseconds.
func (b *bench) replayed(archive string, records int64) (*node.Replayed, float64, error) {
	type run struct {
		done   *node.Replayed
		micros float64
	}
	var runs []run
	for range tries {
		runtime.GC() // what the ingest and the try before left is none of its work
		before := cpuTime()
		done, err := node.Replay(b.ctx, node.ReplayOptions{From: archive, Scratch: b.dir})
		if err != nil {
			return nil, 0, err
		}
		spent := cpuTime() - before
		if done.Report.Divergence != nil || done.Report.Records != records {
			return nil, 0, fmt.Errorf("%d of %d records replayed, %s", done.Report.Records, records, done.Report.Result)
		}
		runs = append(runs, run{done, float64(spent.Microseconds()) / float64(records)})
	}
	slices.SortFunc(runs, func(a, b run) int { return cmp.Compare(a.done.Times.Seconds, b.done.Times.Seconds) })
	middle := runs[len(runs)/2]
	return middle.done, middle.micros, nil
}

func (b *bench) exported(name string, x *node.Exported) {
	b.add(name, float64(x.Content)/1e6/max(x.Seconds, 1e-9), "MB/s", "")
}

// shares says where the time of a replay went.
func (b *bench) shares(name string, t *node.ReplayTimes) error {
	sum := 0.0
	for _, p := range t.Parts() {
		sum += p.Seconds
	}
	if sum <= 0 {
		return errors.New("a replay that took no time")
	}
	for _, p := range t.Parts() {
		b.add(name+".share."+p.Name, 100*p.Seconds/sum, "%", "")
	}
	return nil
}

// imports fills a fresh home with an archive.
func (b *bench) imports(name, archive string, ingest float64) error {
	c := node.Default(b.home("import-" + name))
	if _, err := node.CreateHome(c); err != nil {
		return err
	}
	began := time.Now()
	done, err := node.Import(b.ctx, node.ImportOptions{From: archive, Config: c, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	rate := float64(done.Report.Records) / time.Since(began).Seconds()
	b.add("import."+name, rate, "records/s", "")
	b.add("import."+name+".ratio", rate/ingest, "× ingest", "")
	return os.RemoveAll(c.Home)
}
