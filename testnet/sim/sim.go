package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"runtime/debug"
	"strings"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Config of one run.
type Config struct {
	Seed       uint64
	Blocks     int64
	AuditEvery int64    // blocks between two audits of all records; 0: 10
	Record     *History // gets every decided block; nil: nothing is kept
	// Says tells whether a message, by its name in types.Table, may be sent; nil: all are.
	Says func(message string) bool
	// Watch is told every message of an authenticated transaction and what became of it; nil: nobody watches.
	Watch func(height int64, body *types.Body, m *types.Message, c types.Code)
	// Oracle makes what predicts every code and balance, from a genesis, its chain id and its time; nil: nobody does.
	Oracle func(g *types.Genesis, chainID string, unix int64) *Oracle
	Asks   int // messages that the oracle is asked about after each block, beside those that were sent
}

// Oracle is told every block as it was decided, and asked what should have come of it.
type Oracle struct {
	// Begin is told of a block with the state that it left.
	Begin func(height, unix int64, after state.Reader)
	// Deliver predicts one transaction that decodes; verified says whether its signature is good. codes is empty if it
	// does not authenticate.
	Deliver func(t *types.Tx, verified bool) (code types.Code, codes []types.Code)
	// End compares balances with the records of the committed block. An error says which one differs.
	End func(r state.Reader) error
	// Ask predicts a transaction of one message after the block, with a good signature. The rules said code, and left that
	// state if they accepted it.
	Ask func(t *types.Tx, code types.Code, left state.Reader) error
}

// Run plays one seed to its end, and returns what was reached. The error is a *Failure.
func Run(c Config) (*Counters, error) {
	if c.AuditEvery == 0 {
		c.AuditEvery = 10
	}
	d := &driver{config: c, counters: NewCounters(), chance: source(c.Seed, "driver")}
	err := d.survive()
	for _, r := range d.replicas {
		err = errors.Join(err, r.shut())
	}
	if err != nil {
		return d.counters, &Failure{Seed: c.Seed, Block: d.height, Asks: c.Asks, Err: err}
	}
	return d.counters, nil
}

// survive runs the network. A panic, which would end every node's process at that block, is an error with its stack.
func (d *driver) survive() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return d.run()
}

// Failure says what broke, and how to see it again.
type Failure struct {
	Seed  uint64
	Block int64
	Asks  int // after each block; 0: nobody was asked
	Err   error
}

// Error has the command to replay.
func (f *Failure) Error() string {
	asks := ""
	if f.Asks > 0 {
		asks = fmt.Sprintf(" ASKS=%d", f.Asks)
	}
	return fmt.Sprintf("seed %d, block %d, commit %s: %v\nreplay: make sim SEEDS=%d:%d BLOCKS=%d%s", f.Seed, f.Block, commit(), f.Err, f.Seed, f.Seed+1, f.Block, asks)
}

func (f *Failure) Unwrap() error { return f.Err }

// commit is the source's git commit as far as anybody knows it.
func commit() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	out, err := exec.Command("git", "rev-parse", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// source is a stream of random numbers of its own, so that one part of the simulation that asks more often does not
// change what the others do.
func source(seed uint64, part string) *rand.Rand {
	n := uint64(14695981039346656037)
	for i := range len(part) {
		n = (n ^ uint64(part[i])) * 1099511628211
	}
	return rand.New(rand.NewPCG(seed, n))
}

// chance tells whether something that happens in so many of a hundred cases happens.
func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

// oneOf picks one.
func oneOf[T any](r *rand.Rand, list ...T) T { return list[r.IntN(len(list))] }
