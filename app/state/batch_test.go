package state

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// word is a record for tests of typed keys.
type word struct{ text string }

func (w *word) Marshal() ([]byte, error) {
	if w.text == "cannot" {
		return nil, errors.New("cannot")
	}
	return []byte(w.text), nil
}

func (w *word) Unmarshal(b []byte) error {
	if string(b) == "nonsense" {
		return errors.New("nonsense")
	}
	w.text = string(b)
	return nil
}

func TestTypedKeys(t *testing.T) {
	db, err := Open("db", testOptions(vfs.NewMem()))
	require.NoError(t, err)
	defer db.Close()
	b := NewBatch(db.View())
	const key = types.Key[word]("word/1")
	got, err := Get(b, key)
	require.NoError(t, err)
	require.Nil(t, got)
	require.NoError(t, Set(b, key, &word{"hello"}))
	got, err = Get(b, key)
	require.NoError(t, err)
	require.Equal(t, "hello", got.text)
	require.ErrorIs(t, Set(b, key, &word{}), ErrInvalid)
	require.ErrorContains(t, Set(b, key, &word{"cannot"}), "does not encode")
	b.Set("word/2", []byte("nonsense"))
	_, err = Get(b, types.Key[word]("word/2"))
	require.ErrorIs(t, err, ErrCorrupt)
}

func TestStageRefusesWhatCannotBeStored(t *testing.T) {
	long := strings.Repeat("k", MaxKeySize+1)
	for name, write := range map[string]func(b *Batch){
		"empty key":                  func(b *Batch) { b.Set("", []byte("v")) },
		"key with NUL":               func(b *Batch) { b.Set("a\x00b", []byte("v")) },
		"long key":                   func(b *Batch) { b.Set(long, []byte("v")) },
		"empty value":                func(b *Batch) { b.Set("k", []byte{}) },
		"nil value":                  func(b *Batch) { b.Set("k", nil) },
		"deletion of a NUL key":      func(b *Batch) { b.Delete("\x00") },
		"log with NUL":               func(b *Batch) { b.Append("\x00", 0, []byte("v")) },
		"empty row":                  func(b *Batch) { b.Append("log", 0, nil) },
		"row twice":                  func(b *Batch) { b.Append("log", 0, []byte("v")); b.Append("log", 0, []byte("v")) },
		"reference with NUL":         func(b *Batch) { b.SetReference(5, "\x00", []byte("v")) },
		"empty reference":            func(b *Batch) { b.SetReference(5, "r", nil) },
		"negative bucket":            func(b *Batch) { b.SetReference(-1, "r", []byte("v")) },
		"reference twice":            func(b *Batch) { b.SetReference(5, "r", []byte("v")); b.SetReference(6, "r", []byte("v")) },
		"reference in use":           func(b *Batch) { b.SetReference(5, "used", []byte("v")) },
		"reference set and dropped":  func(b *Batch) { b.SetReference(5, "r", []byte("v")); b.DropReferences(6) },
		"reference dropped and set":  func(b *Batch) { b.DropReferences(6); b.SetReference(5, "r", []byte("v")) },
		"reference dropped long ago": func(b *Batch) { b.SetReference(2, "r", []byte("v")) },
		"too many buckets": func(b *Batch) {
			for i := range int64(maxBuckets + 1) {
				b.SetReference(10+i, fmt.Sprint("r", i), []byte("v"))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := Open("db", testOptions(vfs.NewMem()))
			require.NoError(t, err)
			defer db.Close()
			b := NewBatch(db.View())
			b.Set("chain", []byte("genesis"))
			b.SetReference(5, "used", []byte("v"))
			b.DropReferences(3)
			commit(t, db, b, 1)
			for _, nested := range []bool{false, true} {
				b := NewBatch(db.View())
				if nested {
					tx := NewBatch(b)
					write(tx)
					tx.Merge()
				} else {
					write(b)
				}
				_, err = db.Stage(2, b)
				require.ErrorIs(t, err, ErrInvalid)
				t.Log(err)
			}
			dropped := NewBatch(NewBatch(db.View()))
			write(dropped)
			dropped.Discard()
			dropped.Merge()
			b = dropped.parent.(*Batch)
			commit(t, db, b, 2)
		})
	}
}

func TestStageRefusesWhatDoesNotFollow(t *testing.T) {
	db, err := Open("db", testOptions(vfs.NewMem()))
	require.NoError(t, err)
	defer db.Close()
	empty := NewBatch(db.View())
	_, err = db.Stage(1, empty)
	require.ErrorIs(t, err, ErrEmptyState)
	first := NewBatch(db.View())
	first.Set("chain", []byte("genesis"))
	_, err = db.Stage(0, first)
	require.ErrorIs(t, err, ErrStale)
	s, err := db.Stage(100, first) // a chain may begin anywhere
	require.NoError(t, err)
	require.NoError(t, db.Apply(s))
	require.ErrorIs(t, db.Apply(s), ErrStale)
	_, err = db.Stage(101, first)
	require.ErrorIs(t, err, ErrStale, "the view below is old")
	next := NewBatch(db.View())
	_, err = db.Stage(102, next)
	require.ErrorIs(t, err, ErrStale)
	_, err = db.Stage(101, NewBatch(next))
	require.ErrorIs(t, err, ErrStale)
	next.Delete("chain")
	_, err = db.Stage(101, next)
	require.ErrorIs(t, err, ErrEmptyState)
	other, err := Open("other", testOptions(vfs.NewMem()))
	require.NoError(t, err)
	defer other.Close()
	require.ErrorIs(t, other.Apply(s), ErrStale)
	_, err = other.Stage(1, next)
	require.ErrorIs(t, err, ErrStale)
	_, err = db.At(98)
	require.ErrorIs(t, err, ErrPruned)
	_, err = db.At(-1)
	require.ErrorIs(t, err, ErrPruned)
	_, err = db.At(101)
	require.ErrorIs(t, err, ErrFuture)
	_, err = db.Changes(99)
	require.ErrorIs(t, err, ErrPruned)
	before, err := db.At(99)
	require.NoError(t, err)
	value, err := before.Get("chain")
	require.NoError(t, err)
	require.Nil(t, value)
	require.Panics(t, func() { NewBatch(before).Merge() })
}

// TestUnchangedWritesAreNoChange: what is written as it was leaves no trace.
func TestUnchangedWritesAreNoChange(t *testing.T) {
	db, err := Open("db", testOptions(vfs.NewMem()))
	require.NoError(t, err)
	defer db.Close()
	b := NewBatch(db.View())
	for i := range 3000 {
		b.Set(fmt.Sprint("k", i), []byte("v"))
	}
	hash := commit(t, db, b, 1).AppHash()
	b = NewBatch(db.View())
	for i := range 3000 {
		b.Set(fmt.Sprint("k", i), []byte("v"))
		b.Delete(fmt.Sprint("absent", i))
	}
	require.Len(t, b.Changes(), 6000)
	s := commit(t, db, b, 2)
	require.Equal(t, hash, s.AppHash())
	require.Empty(t, s.Changes())
	changes, err := db.Changes(2)
	require.NoError(t, err)
	require.Empty(t, changes)
}

func TestScanDoesNotSeeWritesOfItsFunction(t *testing.T) {
	db, err := Open("db", testOptions(vfs.NewMem()))
	require.NoError(t, err)
	defer db.Close()
	b := NewBatch(db.View())
	for i := range 3 * tailMax {
		b.Set(fmt.Sprintf("queue/%05d", i), []byte("v"))
	}
	for range 2 {
		seen := 0
		require.NoError(t, b.Scan("queue/", func(key string, value []byte) error {
			b.Delete(key)
			b.Set(key+"+", []byte("later"))
			seen++
			return nil
		}))
		require.Equal(t, 3*tailMax, seen)
	}
}

func sample(m map[string]string) []types.Change {
	var list []types.Change
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, types.Change{Key: k, Value: []byte(m[k])})
	}
	return list
}

// FuzzBatch runs a program of bytes against nested batches and maps.
func FuzzBatch(f *testing.F) {
	seeds, err := filepath.Glob("testdata/fuzz/FuzzBatch/*")
	require.NoError(f, err)
	require.NotEmpty(f, seeds, "the corpus is gone")
	for _, name := range seeds {
		_, err := os.Stat(name)
		require.NoError(f, err)
	}
	f.Fuzz(func(t *testing.T, program []byte) {
		db, err := Open("db", Options{FS: vfs.NewMem(), CacheBytes: 1 << 16, CheckpointEvery: -1, KeepHeights: 3, memTable: 64 << 10})
		require.NoError(t, err)
		defer db.Close()
		m := &batchMachine{db: db, height: 1, state: map[string]string{"chain": "genesis"}}
		m.begin()
		m.batches[0].Set("chain", []byte("genesis"))
		for ; len(program) >= 2 && m.height < 20; program = program[2:] {
			m.step(t, program[0], program[1])
		}
		for i, b := range m.batches { // what each leaves is its state
			require.True(t, slices.IsSortedFunc(b.Changes(), func(a, b types.Change) int { return strings.Compare(a.Key, b.Key) }))
			var all []types.Change
			require.NoError(t, b.Scan("", func(key string, value []byte) error {
				all = append(all, types.Change{Key: key, Value: slices.Clone(value)})
				return nil
			}))
			require.Equal(t, sample(m.states[i]), all)
		}
	})
}

// batchMachine runs FuzzBatch's programs: a stack of nested batches, and a map for each.
type batchMachine struct {
	db      *DB
	height  int64
	state   map[string]string // committed
	view    *View
	batches []*Batch
	states  []map[string]string
}

func (m *batchMachine) begin() {
	m.view = m.db.View()
	m.batches, m.states = []*Batch{NewBatch(m.view)}, []map[string]string{maps.Clone(m.state)}
}

// pop ends the innermost batch, if it is one within another.
func (m *batchMachine) pop(merge bool) {
	top := len(m.batches) - 1
	if top == 0 {
		return
	}
	if merge {
		m.batches[top].Merge()
		m.states[top-1] = m.states[top]
	} else {
		m.batches[top].Discard()
	}
	m.batches, m.states = m.batches[:top], m.states[:top]
}

func (m *batchMachine) step(t *testing.T, what, which byte) {
	top := len(m.batches) - 1
	key, value := fmt.Sprintf("k/%d", which%40), fmt.Sprint("v", which)
	switch what % 8 {
	case 0, 1, 2:
		m.batches[top].Set(key, []byte(value))
		m.states[top][key] = value
	case 3:
		m.batches[top].Delete(key)
		delete(m.states[top], key)
	case 4:
		if top < 6 {
			m.batches, m.states = append(m.batches, NewBatch(m.batches[top])), append(m.states, maps.Clone(m.states[top]))
		}
	case 5, 6:
		m.pop(what%8 == 5)
	case 7:
		for len(m.batches) > 1 {
			m.pop(true)
		}
		s, err := m.db.Stage(m.height, m.batches[0])
		require.NoError(t, err)
		require.NoError(t, m.db.Apply(s))
		require.NoError(t, m.view.Close())
		m.height, m.state = m.height+1, m.states[0]
		m.begin()
	}
	top = len(m.batches) - 1
	got, err := m.batches[top].Get(key)
	require.NoError(t, err)
	require.Equal(t, m.states[top][key], string(got))
	checkScan(t, m.batches[top], m.states[top], []string{"", "k/1", "k/"}[which%3])
}
