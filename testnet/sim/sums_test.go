package sim

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/client/verifier"
	"tradecredit/types"
	"tradecredit/types/score"
)

// sumsCheck counts what was held against each other.
type sumsCheck struct {
	logs, entries int
	kinds         map[types.EntryKind]bool
}

// TestVerifierAddsUpTheSameSums: whatever happens, what a reader's program makes of the entries of every enterprise's log
// are the rows that the ledger keeps. The two were written apart.
func TestVerifierAddsUpTheSameSums(t *testing.T) {
	seeds, blocks := uint64(4), int64(150)
	if os.Getenv("SOAK") != "" {
		seeds, blocks = 40, 300
	}
	c := &sumsCheck{kinds: map[types.EntryKind]bool{}}
	for seed := range seeds {
		h := &History{}
		_, err := Run(Config{Seed: 7000 + seed, Blocks: blocks, Record: h})
		require.NoError(t, err)
		require.NoError(t, c.replay(h), "seed %d", 7000+seed)
	}
	t.Logf("%d logs of %d entries, %d kinds", c.logs, c.entries, len(c.kinds))
	require.Greater(t, c.logs, 100)
	require.Greater(t, len(c.kinds), 60)
}

// replay executes a history and looks at every tenth height.
func (c *sumsCheck) replay(h *History) error {
	g, err := types.ParseGenesis(h.Genesis)
	if err != nil {
		return err
	}
	d := &driver{counters: NewCounters(), world: &world{genesisJSON: h.Genesis, validators: validatorsOf(g)}, time: time.Unix(genesisUnix, 0)}
	r := &replica{name: "sums", fs: vfs.NewCrashableMem()}
	if err := d.start(r); err != nil {
		return err
	}
	for i, block := range h.Blocks {
		height, at := int64(i)+1, time.Unix(block.Unix, 0)
		if _, err := d.finalize(r, height, at, block.Txs); err != nil {
			return err
		}
		if err := d.commit(r, at); err != nil {
			return err
		}
		if height%10 != 0 {
			continue
		}
		view := r.db.View()
		err := c.compare(view, block.Unix)
		if closing := view.Close(); err == nil {
			err = closing
		}
		if err != nil {
			return fmt.Errorf("height %d: %w", height, err)
		}
	}
	return r.shut()
}

// compare adds up all logs of a height.
func (c *sumsCheck) compare(r state.Reader, unix int64) error {
	chain, err := state.Get(r, types.ChainKey)
	if err != nil {
		return err
	}
	day := types.DayOf(unix, chain.DayOffsetS)
	return r.Scan(string(types.Subjects), func(key string, value []byte) error {
		subject, head := strings.TrimPrefix(key, string(types.Subjects)), new(types.SubjectHead)
		if err := head.Unmarshal(value); err != nil {
			return err
		}
		var log []*types.Entry
		for n := range head.Entries {
			row, err := r.Entry(types.EntryLog(subject), n)
			if err != nil {
				return err
			}
			e := new(types.Entry)
			if err := e.Unmarshal(row); err != nil {
				return err
			}
			log, c.kinds[e.Kind] = append(log, e), true
		}
		c.logs, c.entries = c.logs+1, c.entries+len(log)
		rows, err := scored(r, subject, day)
		if err == nil {
			err = verifier.CheckSums(subject, day, rows, log)
		}
		if err != nil {
			return fmt.Errorf("%s, %d entries: %w", subject, len(log), err)
		}
		return nil
	})
}

// scored are the rows that a score of the subject reads, ascending by key.
func scored(r state.Reader, subject string, day int32) ([]verifier.Record, error) {
	var rows []verifier.Record
	note := func(key string, value []byte) {
		if value != nil {
			rows = append(rows, verifier.Record{Key: key, Value: slices.Clone(value)})
		}
	}
	get := func(key string) ([]byte, error) {
		value, err := r.Get(key)
		note(key, value)
		return value, err
	}
	scan := func(prefix string, fn func(string, []byte) error) error {
		return r.Scan(prefix, func(key string, value []byte) error {
			note(key, value)
			return fn(key, value)
		})
	}
	if _, err := score.Load(get, scan, subject, day); err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b verifier.Record) int { return strings.Compare(a.Key, b.Key) })
	return rows, nil
}
