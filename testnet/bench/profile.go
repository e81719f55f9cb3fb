package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/google/pprof/profile"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// part says to what a stack belongs: the first rule whose text occurs in any of its functions, innermost rules first.
var partRules = []struct{ part, function string }{
	{"client", "tradecredit/testnet."},
	{"verify", "tradecredit/types.(*Verifier)"},
	{"decode", "tradecredit/types.Decode"},
	{"pebble", "github.com/cockroachdb/pebble"},
	{"tree", "tradecredit/app/state.(*DB).Stage"},
	{"tree", "tradecredit/app/state.(*DB).Apply"},
	{"rules", "tradecredit/app/ledger."},
	{"admission", "tradecredit/app."},
	{"ingress", "tradecredit/node."},
	{"ingress", "net/http."},
	{"engine", "github.com/cometbft/cometbft"},
	{"collector", "runtime.gcBgMarkWorker"},
	{"collector", "runtime.bgsweep"},
	{"collector", "runtime.bgscavenge"},
}

// parts says what a record cost, by part, from the CPU profile of the measured load.
func (b *bench) parts(m *measured) error {
	if b.save != "" {
		if err := os.WriteFile(b.save, m.profile, 0o600); err != nil {
			return err
		}
	}
	p, err := profile.Parse(bytes.NewReader(m.profile))
	if err != nil {
		return err
	}
	spent := map[string]int64{}
	var total int64
	at := len(p.SampleType) - 1 // nanoseconds
	for _, s := range p.Sample {
		spent[partOf(s)] += s.Value[at]
		total += s.Value[at]
	}
	if total == 0 {
		return errors.New("the CPU profile is empty")
	}
	micros := func(ns float64) float64 { return ns / 1e3 / float64(m.records) }
	b.add("cpu.record", micros(float64(m.cpu.Nanoseconds())), "µs", "")
	for _, part := range []string{"verify", "decode", "rules", "tree", "pebble", "engine", "admission", "ingress", "collector", "client", "other"} {
		// Shares of the profile, scaled to what the system says the process used.
		b.add("cpu.record."+part, micros(float64(m.cpu.Nanoseconds())*float64(spent[part])/float64(total)), "µs", "")
	}
	b.note("CPU by part: shares of a CPU profile at 1e6 keys, batches of 100; reading rows inside a rule counts as rules or pebble; the client that loads runs in the same process")
	return nil
}

func partOf(s *profile.Sample) string {
	for _, rule := range partRules {
		for _, l := range s.Location {
			for _, line := range l.Line {
				if line.Function != nil && strings.HasPrefix(line.Function.Name, rule.function) {
					return rule.part
				}
			}
		}
	}
	return "other"
}

// metric reads one value from a node's Prometheus page.
func metric(ctx context.Context, address, name string) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(res.Body)
	if err != nil {
		return 0, err
	}
	f := families[name]
	if f == nil || len(f.Metric) == 0 {
		return 0, fmt.Errorf("the node has no metric %s", name)
	}
	return f.Metric[0].GetGauge().GetValue(), nil
}
