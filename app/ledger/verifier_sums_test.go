package ledger

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/client/verifier"
	"tradecredit/types"
	"tradecredit/types/score"
)

// TestVerifierAddsUpTheSameSums holds what a reader's program makes of entries against the sums kept here, over random
// histories with what seldom happens: evidence that is lost, late events that leave the sums. Package sim does the same
// with whole networks.
func TestVerifierAddsUpTheSameSums(t *testing.T) {
	kinds, missed := map[types.EntryKind]int{}, 0
	empty := emptyState(t)
	for seed := range int64(30) {
		h := newHistory(t, empty, 900+seed)
		for range 400 {
			h.step()
		}
		for _, subject := range traders {
			log, rows := entriesOf(t, h.batch, subject), scoredRows(t, h.batch, subject, h.day)
			for _, e := range log {
				kinds[e.Kind]++
			}
			require.NoError(t, verifier.CheckSums(subject, h.day, rows, log), "seed %d, %s", seed, subject)
			// One entry that counts in the months that are read, left out, is missed.
			at := slices.IndexFunc(log, func(e *types.Entry) bool {
				return e.Counted && e.Kind == types.EntryKind_ENTRY_CUSTOMS && e.Day > h.day-300
			})
			if at >= 0 {
				require.ErrorIs(t, verifier.CheckSums(subject, h.day, rows, slices.Delete(log, at, at+1)), verifier.ErrReportSums)
				missed++
			}
		}
	}
	require.Greater(t, missed, 20)
	for _, kind := range []types.EntryKind{
		types.EntryKind_ENTRY_EVIDENCE_LOST, types.EntryKind_ENTRY_CUSTOMS_EXCLUDED, types.EntryKind_ENTRY_EVENT_EXCLUDED,
	} {
		require.Greater(t, kinds[kind], 10, kind)
	}
}

// TestVerifierAddsUpScripts does the same where each script of the rules ends.
func TestVerifierAddsUpScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	kinds, logs := map[types.EntryKind]int{}, 0
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			s := &script{t: t, macros: map[string]string{}}
			check := func() {
				view := s.view()
				require.NoError(t, view.Scan(string(types.Subjects), func(key string, _ []byte) error {
					subject := strings.TrimPrefix(key, string(types.Subjects))
					log := entriesOf(t, view, subject)
					for _, e := range log {
						kinds[e.Kind]++
					}
					logs++
					return verifier.CheckSums(subject, s.today(), scoredRows(t, view, subject, s.today()), log)
				}))
			}
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				if s.world != nil && d.Cmd == "network" {
					check() // it begins another one
				}
				s.t = t
				return s.run(d)
			})
			s.t = t
			check()
		})
	}
	t.Logf("%d logs, %d kinds", logs, len(kinds))
	require.Greater(t, logs, 100)
	require.Greater(t, len(kinds), 60)
	require.Positive(t, kinds[types.EntryKind_ENTRY_GIVEN_UP])
}

// entriesOf are all entries of an enterprise.
func entriesOf(t *testing.T, r state.Reader, subject string) (log []*types.Entry) {
	t.Helper()
	head, err := state.Get(r, types.SubjectKey(subject))
	require.NoError(t, err)
	for n := range head.Entries {
		row, err := r.Entry(types.EntryLog(subject), n)
		require.NoError(t, err)
		e := new(types.Entry)
		require.NoError(t, e.Unmarshal(row))
		log = append(log, e)
	}
	return log
}

// scoredRows are the rows that a score of the subject reads, ascending by key.
func scoredRows(t *testing.T, r state.Reader, subject string, day int32) (rows []verifier.Record) {
	t.Helper()
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
	_, err := score.Load(get, scan, subject, day)
	require.NoError(t, err)
	slices.SortFunc(rows, func(a, b verifier.Record) int { return strings.Compare(a.Key, b.Key) })
	return rows
}
