package state

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// model is the store in maps: one copy of everything per height.
type model struct {
	states [](map[string]string) // by height; 0 is empty
	logs   map[logKey]string
	refs   map[string]modelReference
	floor  int64
	roots  []types.Hash // app hash by height
}

type modelReference struct {
	bucket int64
	value  string
}

func newModel() *model {
	return &model{states: []map[string]string{{}}, logs: map[logKey]string{}, refs: map[string]modelReference{}, roots: []types.Hash{{}}}
}

func (m *model) height() int64 { return int64(len(m.states) - 1) }

// block makes random changes in a batch and in the model alike, through nested batches of
// which some are discarded, and checks every read on the way.
func (m *model) block(t *testing.T, rng *rand.Rand, b *Batch, keys int) {
	state := maps.Clone(m.states[m.height()])
	for range 1 + rng.IntN(6) {
		tx, next := NewBatch(b), maps.Clone(state)
		logs, refs := map[logKey]string{}, map[string]modelReference{}
		for range 1 + rng.IntN(12) {
			m.write(rng, tx, next, keys)
			if rng.IntN(8) == 0 {
				checkScan(t, tx, next, somePrefix(rng))
			}
		}
		k := logKey{fmt.Sprintf("entry/%d", rng.IntN(3)), rng.Uint64N(1 << 20)}
		if _, ok := m.logs[k]; !ok {
			logs[k] = fmt.Sprint("row", rng.Uint32())
			tx.Append(k.log, k.n, []byte(logs[k]))
			got, err := tx.Entry(k.log, k.n)
			require.NoError(t, err)
			require.Equal(t, logs[k], string(got))
		}
		ref := fmt.Sprintf("reference/%d", rng.IntN(200))
		if old, ok := m.refs[ref]; !ok || old.bucket < m.floor {
			refs[ref] = modelReference{m.floor + rng.Int64N(3), fmt.Sprint("done", rng.Uint32())}
			tx.SetReference(refs[ref].bucket, ref, []byte(refs[ref].value))
		}
		if rng.IntN(3) == 0 {
			tx.Discard()
			continue
		}
		tx.Merge()
		state = next
		maps.Copy(m.logs, logs)
		maps.Copy(m.refs, refs)
	}
	checkScan(t, b, state, somePrefix(rng))
	m.states = append(m.states, state)
}

func (m *model) write(rng *rand.Rand, b *Batch, state map[string]string, keys int) {
	key := fmt.Sprintf("%c/%d", 'a'+rng.IntN(3), rng.IntN(keys))
	if rng.IntN(3) == 0 {
		b.Delete(key)
		delete(state, key)
		return
	}
	value := fmt.Sprint("v", rng.Uint64N(1<<rng.UintN(30)))
	b.Set(key, []byte(value))
	state[key] = value
}

func somePrefix(rng *rand.Rand) string {
	return []string{"", "a/", "b/1", "c/", "a", "zz", "b/22"}[rng.IntN(7)]
}

func checkScan(t *testing.T, r Reader, state map[string]string, prefix string) {
	t.Helper()
	want := slices.DeleteFunc(append([]string{}, slices.Sorted(maps.Keys(state))...), func(k string) bool { return !strings.HasPrefix(k, prefix) })
	got := []string{}
	require.NoError(t, r.Scan(prefix, func(key string, value []byte) error {
		require.Equal(t, state[key], string(value))
		got = append(got, key)
		return nil
	}))
	require.Equal(t, want, got, "prefix %q", prefix)
	for _, from := range []string{"", "a/1", "a/15", "b", "c/9", "zz"} {
		late := slices.DeleteFunc(slices.Clone(want), func(k string) bool { return k < from })
		got := []string{}
		require.NoError(t, r.ScanFrom(prefix, from, func(key string, value []byte) error {
			require.Equal(t, state[key], string(value))
			got = append(got, key)
			return nil
		}))
		require.Equal(t, late, got, "prefix %q from %q", prefix, from)
	}
	if len(want) > 1 {
		stopAt, seen := len(want)/2, 0
		require.NoError(t, r.Scan(prefix, func(string, []byte) error {
			if seen++; seen == stopAt {
				return Stop
			}
			return nil
		}))
		require.Equal(t, stopAt, seen)
	}
	failure := errors.New("from fn")
	if len(want) > 0 {
		require.ErrorIs(t, r.Scan(prefix, func(string, []byte) error { return failure }), failure)
	}
}

// checkHeight compares everything readable at a height, if it is kept.
func (m *model) checkHeight(t *testing.T, db *DB, height int64, keys int, keep int64) {
	t.Helper()
	_, err := db.At(m.height() + 1)
	require.ErrorIs(t, err, ErrFuture)
	v, err := db.At(height)
	if keep > 0 && height < m.height()-keep {
		require.ErrorIs(t, err, ErrPruned)
		return
	}
	require.NoError(t, err)
	defer v.Close()
	require.Equal(t, height, v.Height())
	state := m.states[height]
	checkScan(t, v, state, "")
	for i := range keys {
		for _, c := range "abc" {
			key := fmt.Sprintf("%c/%d", c, i)
			got, err := v.Get(key)
			require.NoError(t, err)
			want, ok := state[key]
			require.Equal(t, ok, got != nil, key)
			require.Equal(t, want, string(got))
		}
	}
}

func (m *model) checkNewest(t *testing.T, db *DB) {
	t.Helper()
	v := db.View()
	defer v.Close()
	for k, want := range m.logs {
		got, err := v.Entry(k.log, k.n)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	for k, want := range m.refs {
		got, err := v.Reference(k)
		require.NoError(t, err)
		if want.bucket < m.floor {
			require.Nil(t, got)
		} else {
			require.Equal(t, want.value, string(got))
		}
	}
	for _, absent := range []string{"reference/none", "a", "", "x\x00y"} {
		got, err := v.Reference(absent)
		require.NoError(t, err)
		require.Nil(t, got)
		got, err = v.Get(absent)
		require.NoError(t, err)
		require.Nil(t, got)
		got, err = v.Entry(absent, 0)
		require.NoError(t, err)
		require.Nil(t, got)
	}
}

// checkChanges compares the change feed with the difference of two heights.
func (m *model) checkChanges(t *testing.T, db *DB, s *Staged) {
	t.Helper()
	before, after := m.states[m.height()-1], m.states[m.height()]
	var want []types.Change
	for k, v := range after {
		if before[k] != v {
			want = append(want, types.Change{Key: k, Value: []byte(v)})
		}
	}
	for k := range before {
		if _, ok := after[k]; !ok {
			want = append(want, types.Change{Key: k})
		}
	}
	slices.SortFunc(want, func(a, b types.Change) int { return strings.Compare(a.Key, b.Key) })
	require.Equal(t, len(want), len(s.Changes()))
	for i, got := range s.Changes() {
		require.Equal(t, want[i], got)
	}
	got, err := db.Changes(m.height())
	require.NoError(t, err)
	require.Equal(t, len(want), len(got))
	for i := range got {
		require.Equal(t, want[i], got[i])
	}
}

// commit stages twice, compares, and applies.
func commit(t *testing.T, db *DB, b *Batch, height int64) *Staged {
	t.Helper()
	before := db.Head()
	s, err := db.Stage(height, b)
	require.NoError(t, err)
	again, err := db.Stage(height, b)
	require.NoError(t, err)
	require.Equal(t, s.AppHash(), again.AppHash())
	require.Equal(t, before, db.Head())
	require.Equal(t, types.AppHash(s.Roots()), s.AppHash())
	require.NoError(t, db.Apply(s))
	require.Equal(t, s.AppHash(), db.Head().AppHash)
	require.Equal(t, height, db.Head().Height)
	return s
}

func testOptions(fs vfs.FS) Options {
	return Options{FS: fs, CacheBytes: 1 << 20, CheckpointEvery: -1}
}

func TestRandomHistoriesAgainstMaps(t *testing.T) {
	const keys = 60
	for seed := range uint64(6) {
		keep := []int64{0, 5, 20}[seed%3]
		t.Run(fmt.Sprintf("seed %d keep %d", seed, keep), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			o := testOptions(vfs.NewMem())
			o.KeepHeights = keep
			db, err := Open("db", o)
			require.NoError(t, err)
			m := newModel()
			for height := int64(1); height <= 60; height++ {
				v := db.View()
				b := NewBatch(v)
				if height == 1 {
					b.Set("a/0", []byte("v0"))
					m.states[0]["a/0"] = "v0" // so that the first block starts from it
				}
				if rng.IntN(4) == 0 {
					m.floor++
					b.DropReferences(m.floor)
				}
				m.block(t, rng, b, keys)
				if len(m.states[height]) == 0 {
					b.Set("a/0", []byte("v0"))
					m.states[height]["a/0"] = "v0"
				}
				if height == 1 {
					delete(m.states[0], "a/0")
				}
				s := commit(t, db, b, height)
				m.checkChanges(t, db, s)
				require.NoError(t, v.Close())
				m.roots = append(m.roots, s.AppHash())
				if rng.IntN(10) == 0 {
					require.NoError(t, db.Verify())
					require.NoError(t, db.Close())
					db, err = Open("db", o)
					require.NoError(t, err)
					require.Equal(t, s.AppHash(), db.Head().AppHash)
				}
				m.checkHeight(t, db, height, keys, keep)
				m.checkNewest(t, db)
				m.checkHeight(t, db, rng.Int64N(min(height, max(keep, 60))+1), keys, keep)
			}
			require.NoError(t, db.Close())
		})
	}
}
