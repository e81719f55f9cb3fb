package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"time"

	"tradecredit/node"
	"tradecredit/testnet"
)

// joins measures snapshots beside load, and how a node gets the state of a network: from a snapshot, by replaying all blocks,
// and from a backup. The size is that of --keys.
func joins(b *bench) error {
	r, err := b.newRig("join", 20_000)
	if err != nil {
		return err
	}
	running := true
	defer func() {
		if running {
			_ = r.node.Stop() // the run's folder goes anyway
		}
	}()
	if err := r.until(b.ctx, b.keys[0]); err != nil {
		return err
	}
	size := keysName(b.keys[0])
	if err := b.snapshot(r); err != nil {
		return err
	}
	if err := b.joinSnapshot(r, size); err != nil {
		return err
	}
	running = false
	if err := r.node.Stop(); err != nil {
		return err
	}
	if err := b.joinReplay(r, size); err != nil {
		return err
	}
	b.note("join: %d records; both interfaces that the joining node asks are of one validator on this machine, so a network adds the time of its bytes. From nothing "+
		"to a state that is on disk and has the app hash of a verified header, by a snapshot, by a replay of all blocks from the stopped node's home, and from a backup",
		r.sent)
	if err := r.start(b.ctx); err != nil {
		return err
	}
	running = true
	return b.slowdown(r)
}

// keysName is how figures name a number of keys.
func keysName(n int) string {
	for e, p := 3, 1000; p <= n; e, p = e+1, p*10 {
		if p == n {
			return fmt.Sprintf("keys1e%d", e)
		}
	}
	return fmt.Sprintf("keys%d", n)
}

// slowdownRounds is how often load is measured with and without snapshots, by turns.
const slowdownRounds = 3

// slowdown compares load beside snapshots, made one after the other, with load alone.
func (b *bench) slowdown(r *rig) error {
	var took, spent [2]time.Duration // by the clock, and of processors
	for range slowdownRounds {
		for i := range took {
			ctx, stop := context.WithCancel(b.ctx)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for i == 1 && ctx.Err() == nil {
					r.node.App().WantSnapshot()
					time.Sleep(5 * time.Millisecond)
				}
			}()
			before := cpuTime() // with the signing, which is the same for both
			one, err := r.records(b.ctx, r.perChunk(), 100)
			spent[i] += cpuTime() - before
			stop()
			<-ended
			if err != nil {
				return err
			}
			took[i] += one
			if err := b.idle(r); err != nil {
				return err
			}
		}
	}
	records := float64(slowdownRounds * r.perChunk())
	b.add("snapshot.load.without", records/took[0].Seconds(), "records/s", "")
	b.add("snapshot.load.beside", records/took[1].Seconds(), "records/s", "")
	b.add("snapshot.slowdown", 100*(took[1].Seconds()/took[0].Seconds()-1), "%", "")
	b.add("snapshot.slowdown.cpu", 100*(spent[1].Seconds()/spent[0].Seconds()-1), "%", "")
	b.note("snapshot: slowdown by the clock, and CPU time of the whole process a record, which other programs on the machine disturb least; load of %d records with and without snapshots, one after the other all the time, by turns, at snapshot.share %d %% of a processor",
		r.perChunk(), r.net.Configs[0].Snapshot.Share)
	return nil
}

// snapshot measures one that is made beside empty blocks.
func (b *bench) snapshot(r *rig) error {
	if err := b.idle(r); err != nil {
		return err
	}
	var size, seconds float64
	for _, m := range []struct {
		name string
		to   *float64
	}{{"tradecredit_app_snapshot_bytes", &size}, {"tradecredit_app_snapshot_seconds", &seconds}} {
		var err error
		if *m.to, err = metric(b.ctx, r.node.MetricsAddress(), m.name); err != nil {
			return err
		}
	}
	b.add("snapshot.bytes", size/1e6, "MB", "")
	b.add("snapshot.time", seconds, "s", "")
	b.add("snapshot.rate", size/1e6/seconds, "MB/s", "")
	return nil
}

// idle waits until a snapshot is there that was made of a height after now, when nothing else is left to do.
func (b *bench) idle(r *rig) error {
	from := r.node.Height()
	r.node.App().WantSnapshot()
	for {
		list, err := r.node.App().Snapshots()
		if err != nil {
			return err
		}
		if len(list) > 0 && list[0].Manifest.Height() >= from {
			return nil
		}
		select {
		case <-b.ctx.Done():
			return b.ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// follower is the home of a node that the network does not know.
func (b *bench) follower(r *rig, name string) (node.Config, error) {
	c := node.Default(b.home(name))
	c.P2P = r.net.Configs[0].P2P
	for _, address := range []*string{&c.P2P.Laddr, &c.API.Laddr, &c.Metrics.Laddr} {
		port, err := testnet.FreePort()
		if err != nil {
			return c, err
		}
		*address = fmt.Sprintf("127.0.0.1:%d", port)
	}
	c.RPC.Laddr = ""
	if _, err := node.CreateHome(c); err != nil {
		return c, err
	}
	return c, node.WriteGenesis(c, r.net.Genesis)
}

// joinSnapshot times a join from the newest snapshot.
func (b *bench) joinSnapshot(r *rig, size string) error {
	c, err := b.follower(r, "joining")
	if err != nil {
		return err
	}
	front, err := url.Parse("http://" + r.api)
	if err != nil {
		return err
	}
	second := httptest.NewServer(httputil.NewSingleHostReverseProxy(front))
	defer second.Close()
	list, err := r.node.App().Snapshots()
	if err != nil {
		return err
	}
	for r.node.Height() < list[0].Manifest.Height()+3 { // a join waits for the headers after a snapshot
		select {
		case <-b.ctx.Done():
			return b.ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	c.StateSync.From, c.StateSync.Trust = []string{front.String(), second.URL}, "genesis"
	joined, err := node.Join(b.ctx, c, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	b.add("join.snapshot."+size, joined.Took.Seconds(), "s", "")
	b.add("join.snapshot."+size+".rate", float64(joined.Bytes)/1e6/joined.Took.Seconds(), "MB/s", "")
	return nil
}

// joinReplay times a replay of all blocks into a fresh home, and a backup and its restore.
func (b *bench) joinReplay(r *rig, size string) error {
	quiet := slog.New(slog.DiscardHandler)
	c, err := b.follower(r, "replaying")
	if err != nil {
		return err
	}
	began := time.Now()
	if _, err := node.Import(b.ctx, node.ImportOptions{Config: c, From: r.net.Configs[0].Home, Logger: quiet}); err != nil {
		return err
	}
	b.add("join.replay."+size, time.Since(began).Seconds(), "s", "")
	file := filepath.Join(b.dir, "backup")
	saved, err := node.Backup(b.ctx, r.net.Configs[0], file, quiet)
	if err != nil {
		return err
	}
	b.add("backup."+size, saved.Took.Seconds(), "s", "")
	b.add("backup."+size+".bytes", float64(saved.Size)/1e6, "MB", "")
	restored := node.Default(b.home("restored"))
	back, err := node.Restore(restored, file, quiet)
	if err != nil {
		return err
	}
	b.add("restore."+size, back.Took.Seconds(), "s", "")
	return nil
}
