package sim

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// What a run covers unless SIM_SEEDS=a:b (b not included) and SIM_BLOCKS say otherwise. SIM_SHOW=text prints every message
// that has the text somewhere, as "nn240", and what became of it. SIM_AUDIT=1 audits after every block. SIM_ASKS=n asks rules
// and model about n more messages after each block.
const (
	seedsInTest, blocksInTest = 16, 200
	asksInTest                = 10 // after each block
	seedsInSoak, blocksInSoak = 1000, 500
)

// codesReached is how many different codes a run must come to at least.
const codesReached = 200

// extent reads which seeds are played, and how many blocks of each.
func extent(t *testing.T) (from, to uint64, blocks int64, asks int) {
	to, blocks = seedsInTest, blocksInTest
	if os.Getenv("SOAK") != "" {
		to, blocks = seedsInSoak, blocksInSoak
	}
	var err error
	if text := os.Getenv("SIM_SEEDS"); text != "" {
		a, b, ok := strings.Cut(text, ":")
		require.True(t, ok, "SIM_SEEDS=%s is not from:to", text)
		from, err = strconv.ParseUint(a, 10, 64)
		require.NoError(t, err)
		to, err = strconv.ParseUint(b, 10, 64)
		require.NoError(t, err)
		require.Less(t, from, to, "SIM_SEEDS=%s has no seed", text)
	}
	asks = asksInTest
	if text := os.Getenv("SIM_ASKS"); text != "" {
		asks, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	if text := os.Getenv("SIM_BLOCKS"); text != "" {
		blocks, err = strconv.ParseInt(text, 10, 64)
		require.NoError(t, err)
		require.Positive(t, blocks)
	}
	return from, to, blocks, asks
}

// TestSeeds plays the seeds, some at a time. A run that is long enough must have reached everything that is required.
func TestSeeds(t *testing.T) {
	from, to, blocks, asks := extent(t)
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // many small stores: most of the time went into collecting them
	began, all, mu := time.Now(), NewCounters(), sync.Mutex{}
	config := Config{Blocks: blocks, Oracle: predictions(blocks), Asks: asks}
	if os.Getenv("SIM_AUDIT") != "" {
		config.AuditEvery = 1
	}
	if text := os.Getenv("SIM_SHOW"); text != "" {
		config.Watch = func(height int64, b *types.Body, m *types.Message, c types.Code) {
			if line := m.String(); strings.Contains(line, text) {
				t.Logf("block %d, %s (atomic %v), %s: %s", height, b.Signer, b.Atomic, c, line)
			}
		}
	}
	t.Run("seed", func(t *testing.T) {
		for seed := from; seed < to; seed++ {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				config := config
				config.Seed = seed
				reached, err := Run(config)
				mu.Lock()
				defer mu.Unlock()
				all.Add(reached)
				require.NoError(t, err)
			})
		}
	})
	t.Logf("%d seeds of %d blocks in %.1f s, %d codes\n%s", to-from, blocks, time.Since(began).Seconds(), all.Codes(), all)
	if to-from >= seedsInTest && blocks >= blocksInTest && !t.Failed() {
		require.Empty(t, all.Missing(), "never reached")
		require.GreaterOrEqual(t, all.Codes(), codesReached)
		require.Zero(t, all.Of(code(types.Code_inconsistent_state)), "rows that contradict each other")
	}
}

// TestSameSeed: a seed is a seed. What goes on in the background of the stores changes nothing, nor does what the model is
// asked.
func TestSameSeed(t *testing.T) {
	var first, second History
	for asks, h := range []*History{&first, &second} {
		_, err := Run(Config{Seed: 3, Blocks: 60, Record: h, Oracle: predictions(60), Asks: 5 * asks})
		require.NoError(t, err)
	}
	require.Equal(t, first, second)
	var other History
	_, err := Run(Config{Seed: 4, Blocks: 60, Record: &other})
	require.NoError(t, err)
	require.NotEqual(t, first.Blocks[20:], other.Blocks[20:])
}

// TestFailureNamesItself: what somebody reads in a log is enough to see the failure again.
func TestFailureNamesItself(t *testing.T) {
	err := error(&Failure{Seed: 17, Block: 120, Err: fmt.Errorf("broken")})
	require.Regexp(t, `^seed 17, block 120, commit ([0-9a-f]{40}|unknown): broken\nreplay: make sim SEEDS=17:18 BLOCKS=120$`, err.Error())
	err = &Failure{Seed: 17, Block: 120, Asks: 60, Err: fmt.Errorf("broken")}
	require.Regexp(t, `\nreplay: make sim SEEDS=17:18 BLOCKS=120 ASKS=60$`, err.Error())
}
