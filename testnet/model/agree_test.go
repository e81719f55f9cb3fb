package model_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/testnet/model"
	"tradecredit/testnet/sim"
	"tradecredit/types"
)

// seeds and blocks are how far the model is followed in every run of the tests; MODEL=1 with make sim follows it on, to where
// it still differs.
const seeds, blocks = 30, 8

// Random traffic, a fifth of it hostile, through the real application and through the model: every code, every record,
// every row of every log, and the sums at the end. Messages without a rule end the comparison of a seed.
func TestModelAgrees(t *testing.T) {
	for seed := uint64(1); seed <= seeds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			f := &follower{}
			_, err := sim.Run(sim.Config{Seed: seed, Blocks: blocks, AuditEvery: 50, Oracle: f.oracle})
			require.NoError(t, err)
			t.Logf("%d transactions, %d messages, %d of them accepted, %d codes%s", f.txs, f.messages, f.accepted, len(f.codes), f.lost)
			require.Greater(t, f.accepted, 10)
		})
	}
}

// follower keeps a model beside a simulation.
type follower struct {
	m                       *model.Model
	height                  int64
	txs, messages, accepted int
	codes                   map[types.Code]bool
	lost                    string // why it does not compare any more
}

func (f *follower) oracle(g *types.Genesis, chainID string, unix int64) *sim.Oracle {
	f.m, f.codes = model.New(g, chainID, unix), map[types.Code]bool{}
	return &sim.Oracle{Begin: f.begin, Deliver: f.deliver, End: f.end}
}

func (f *follower) begin(height, unix int64) {
	f.height = height
	f.m.Begin(height, unix)
}

func (f *follower) deliver(x *types.Tx, verified bool) (types.Code, []types.Code) {
	code, codes := f.m.Deliver(x, nil, verified)
	f.txs++
	f.codes[code] = true
	for _, c := range codes {
		f.messages++
		f.codes[c] = true
		if c == types.Code_ok {
			f.accepted++
		}
	}
	return code, codes
}

func (f *follower) end(r state.Reader) error {
	f.m.End()
	view := r.(*state.View)
	differences := append(f.m.Compare(view.Get), f.m.CompareLogs(view.Entry)...)
	if f.height%10 == 0 {
		differences = append(differences, f.m.CompareAll(view.Get)...)
	}
	if len(differences) > 0 {
		differences = append(differences, f.show(view, differences)...)
		return fmt.Errorf("%s", strings.Join(differences, "\n"))
	}
	return nil
}

// show are the records of the rows that differ, as the state has them.
func (f *follower) show(view *state.View, differences []string) (out []string) {
	seen := map[string]bool{}
	for _, d := range differences {
		key, _, _ := strings.Cut(d, " ")
		if strings.HasPrefix(d, "log of ") {
			var subject string
			var n uint64
			if _, err := fmt.Sscanf(d, "log of %s #%d", &subject, &n); err == nil {
				var e types.Entry
				if raw, err := view.Entry(subject, n); err == nil && e.Unmarshal(raw) == nil {
					key = e.Record
				}
			}
		}
		if seen[key] {
			continue
		}
		seen[key] = true
		kind, id, _ := strings.Cut(key, "/")
		switch kind {
		case "receivable":
			out = append(out, record(view, types.ReceivableKey(id)))
		case "order":
			out = append(out, record(view, types.OrderKey(id)))
		case "movement":
			x, _ := state.Get(view, types.MovementKey(id))
			out = append(out, x.String(), record(view, types.OrderKey(x.Event.Order)))
		case "settlement":
			out = append(out, record(view, types.Key[types.Settlement](key)))
		case "document":
			out = append(out, record(view, types.DocumentKey(id)))
		}
	}
	return out
}

func record[V any, P interface {
	types.Record[V]
	String() string
}](view *state.View, key types.Key[V]) string {
	x, err := state.Get[V, P](view, key)
	if err != nil || x == nil {
		return ""
	}
	return x.String()
}
