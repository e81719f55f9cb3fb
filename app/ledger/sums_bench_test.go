package ledger

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
	"tradecredit/types/score"
)

// BenchmarkPost is one entry with its sums, in a block's batch that never ends: an event that touches one month, a part
// between parties with few recent parts, and one between parties whose recent list is always full.
func BenchmarkPost(b *testing.B) {
	part := types.Entry{
		Kind: types.EntryKind_ENTRY_PAID, Record: "settlement/0123456789abcdef", Member: "bank-1", DueDay: 20000, BaseMinor: 100000,
		Dbt: 5, P: 77, Counted: true, Evidence: types.Evidence_SOURCE_SIGNED,
	}
	event := part
	event.Kind = types.EntryKind_ENTRY_MOVEMENT
	for _, c := range []struct {
		name     string
		entry    types.Entry
		subjects int
		days     int // from one part of a pair to the next
	}{{"event", event, 1000, 1}, {"part", part, 1000, 10}, {"part.recent32", part, 1, 0}} {
		b.Run(c.name, func(b *testing.B) {
			batch := state.NewBatch(emptyState(b))
			subjects := make([]string, c.subjects)
			for i := range subjects {
				subjects[i] = fmt.Sprintf("CC:reg:%04d", i)
			}
			for i := range b.N {
				e := c.entry
				e.Day = 20000 + int32(i/c.subjects*c.days%3000)
				e.Counterparty = subjects[(i+1)%c.subjects] + "x"
				if _, err := post(batch, 1, subjects[i%c.subjects], e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// withoutLog forgets the rows of logs, which scores do not read.
type withoutLog struct{ *state.Batch }

func (withoutLog) Append(string, uint64, []byte) {}

// BenchmarkScoreEntries1e6 is a score, rows read and digest included, of a subject with a million entries of two years
// and five hundred counterparties.
func BenchmarkScoreEntries1e6(b *testing.B) {
	const today = 20000
	db, err := state.Open(b.TempDir(), state.Options{})
	require.NoError(b, err)
	defer func() { require.NoError(b, db.Close()) }()
	empty := db.View()
	w := withoutLog{state.NewBatch(empty)}
	rng := rand.New(rand.NewSource(1))
	for i := range 1_000_000 {
		e := types.Entry{
			Kind: types.EntryKind_ENTRY_PAID, Counterparty: fmt.Sprintf("CC:reg:%03d", rng.Intn(500)),
			Member: fmt.Sprintf("bank-%d", rng.Intn(20)), Day: int32(today - 730 + i*730/1_000_000), BaseMinor: 1 + rng.Int63n(1_000_000),
			Dbt: int32(rng.Intn(60) - 20), Counted: true, Evidence: types.Evidence_SOURCE_SIGNED,
		}
		if i%4 == 0 {
			e.Kind, e.Open, e.DueDay = types.EntryKind_ENTRY_OBLIGATION, true, e.Day+int32(rng.Intn(90))
		}
		e.P, e.MonthNow = score.PartScore(e.Dbt), types.MonthOf(e.Day)
		_, err := post(w, 1, "CC:reg:subject", e)
		require.NoError(b, err)
	}
	block, err := db.Stage(1, w.Batch)
	require.NoError(b, err)
	require.NoError(b, db.Apply(block))
	require.NoError(b, empty.Close())
	v := db.View()
	defer func() { require.NoError(b, v.Close()) }()
	model := score.ExpertV1()
	for b.Loop() {
		rows, err := score.Load(v.Get, v.Scan, "CC:reg:subject", today)
		require.NoError(b, err)
		result, err := score.Compute(rows, model, today)
		require.NoError(b, err)
		require.NotZero(b, rows.Digest())
		require.NotEqual(b, types.ScoreClass_CLASS_U, result.Class)
	}
}
