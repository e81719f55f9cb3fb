package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tradecredit/client"
	"tradecredit/node"
	"tradecredit/testnet"
	"tradecredit/types"
)

// lone is how many transactions a latency is measured over, one after the other with the network idle between them.
const lone = 40

// latencyLone is the time from sending one transaction to one validator until it is FINAL.
func latencyLone(b *bench) error {
	r, err := b.newRig("lone", 100)
	if err != nil {
		return err
	}
	defer func() { _ = r.node.Stop() }() // the run's folder goes anyway
	took, err := loneTimes(b.ctx, r.work, func(int) string { return r.api })
	if err != nil {
		return err
	}
	b.add("latency.lone", millis(took, 50), "ms", "")
	b.add("latency.lone.p90", millis(took, 90), "ms", "")
	return nil
}

// loneTimes sends single transactions with pauses between them.
func loneTimes(ctx context.Context, w *testnet.Workload, api func(i int) string) ([]time.Duration, error) {
	var took []time.Duration
	for i := range lone {
		first, _, err := w.Cycles(1_000_000+i, 1_000_001+i, 2)
		if err != nil {
			return nil, err
		}
		began := time.Now()
		if err := testnet.Post(ctx, api(i), first); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Duration(50+i*7%100) * time.Millisecond):
		}
	}
	return took, nil
}

// millis is a percentile in milliseconds.
func millis(d []time.Duration, percent int) float64 {
	d = slices.Sorted(slices.Values(d))
	return float64(d[(len(d)-1)*percent/100].Microseconds()) / 1000
}

// latencyFour runs four validators in this process: the lone transaction again, then records per second and rounds.
func latencyFour(b *bench) error {
	n, err := testnet.Make(testnet.Plan{
		Dir: b.home("four"), ChainID: "bench", BaseCurrency: "CNY", DayOffsetS: 28800, Validators: 4, Seats: testnet.WorkSeats(),
		Parameters: []types.GenesisParameter{{Name: "quota_messages", Value: 1_000_000_000}},
		Tweak:      func(_ int, c *node.Config) { c.API.RequestsPerSecond = 0 },
	})
	if err != nil {
		return err
	}
	quiet := slog.New(slog.DiscardHandler)
	var nodes []*node.Node
	defer func() {
		for _, n := range nodes {
			_ = n.Stop() // the run's folder goes anyway
		}
	}()
	for _, c := range n.Configs {
		v, err := node.New(b.ctx, c, quiet)
		if err != nil {
			return err
		}
		nodes = append(nodes, v)
		if err := v.Start(b.ctx); err != nil {
			return err
		}
	}
	w := &testnet.Workload{Net: n, Subjects: 500, Unix: time.Now().Unix()}
	register, confirm, err := w.Prepare()
	if err != nil {
		return err
	}
	api := func(i int) string { return n.Configs[i%4].API.Laddr }
	if err := testnet.Post(b.ctx, api(0), register); err != nil {
		return err
	}
	if err := testnet.Post(b.ctx, api(0), confirm); err != nil {
		return err
	}
	took, err := loneTimes(b.ctx, w, api)
	if err != nil {
		return err
	}
	b.add("latency.4validators", millis(took, 50), "ms", "1000")
	b.add("latency.4validators.p90", millis(took, 90), "ms", "")
	return b.fourLoaded(n, w, nodes)
}

// fourLoaded loads four validators for a while and counts the heights that needed another round.
func (b *bench) fourLoaded(n *testnet.Network, w *testnet.Workload, nodes []*node.Node) error {
	r := &rig{net: n, work: w}
	from := nodes[0].Height()
	loads, err := r.loads(100)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := drive(b.ctx, func(i int) string { return n.Configs[i%4].API.Laddr }, loads); err != nil {
		return err
	}
	took := time.Since(began)
	b.add("ingest.4validators.batch100", chunk*recordsPerCycle/took.Seconds(), "records/s", "1500")
	good, all := 0, 0
	for h := from + 1; h <= nodes[0].Height(); h++ {
		if commit := nodes[0].Engine().BlockStore().LoadSeenCommit(h); commit != nil {
			all++
			if commit.Round == 0 {
				good++
			}
		}
	}
	if all == 0 {
		return fmt.Errorf("no commit between heights %d and %d", from, nodes[0].Height())
	}
	b.add("rounds.4validators.first", 100*float64(good)/float64(all), "% of heights", "99")
	return nil
}

// reads measures verified reads: size and time of membership and absence, and many callers at once.
func (b *bench) reads(r *rig) error {
	trust, err := client.TrustFromGenesis(r.net.Genesis, time.Now(), 0)
	if err != nil {
		return err
	}
	c, err := client.New(client.Config{Endpoints: []string{"http://" + r.api}, ChainID: r.net.Plan.ChainID, Trust: trust})
	if err != nil {
		return err
	}
	for _, kind := range []struct{ name, key string }{
		{"member", "receivable/" + testnet.WorkPlatform + "/c%d"}, {"absent", "receivable/" + testnet.WorkPlatform + "/none%d"},
	} {
		var took []time.Duration
		size := 0
		for i := range 300 {
			began := time.Now()
			p, err := c.GetRaw(b.ctx, fmt.Sprintf(kind.key, i*7), client.GetOptions{})
			if err != nil {
				return err
			}
			if (p.Value == nil) != (kind.name == "absent") {
				return fmt.Errorf("%s: wrong answer", p.Key)
			}
			took = append(took, time.Since(began))
			for _, op := range p.Proof.Ops {
				size += len(op.Type) + len(op.Key) + len(op.Data)
			}
		}
		b.add("proof."+kind.name+".bytes", float64(size)/300, "bytes", "")
		b.add("proof."+kind.name+".verified_read", millis(took, 50), "ms", "")
	}
	return b.manyReads(c)
}

// manyReads has 64 callers read records with proof for five seconds.
func (b *bench) manyReads(c *client.Client) error {
	const callers = 64
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var wg sync.WaitGroup
	began := time.Now()
	for caller := range callers {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				start := time.Now()
				_, err := c.GetRaw(ctx, fmt.Sprintf("receivable/%s/c%d", testnet.WorkPlatform, (caller*131+i*17)%5000), client.GetOptions{})
				mu.Lock()
				if err == nil {
					took = append(took, time.Since(start))
				} else if ctx.Err() == nil {
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if failed != nil || len(took) == 0 {
		return fmt.Errorf("verified reads: %d done, last error: %w", len(took), failed)
	}
	b.add("proof.reads64", float64(len(took))/time.Since(began).Seconds(), "reads/s", "1500")
	b.add("proof.reads64.p99", millis(took, 99), "ms", "40")
	return nil
}
