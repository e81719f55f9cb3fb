package index

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// Whatever the history, every list is what a look at the whole state gives; and the rows are the same, byte for byte,
// whether the blocks were followed or the state was read at once, with an index that was in use before or a new one.
func TestIndexIsAFunctionOfTheState(t *testing.T) {
	seen := 0
	for seed := range uint64(6) {
		m := newModel(seed)
		x := open(t, vfs.NewMem())
		if seed%2 == 1 {
			x.options.pageTime = -1 // every page ends with its first window
		}
		rebuilt := open(t, vfs.NewMem())
		for range 60 {
			m.follow(t, x)
			if m.height%10 != 0 {
				continue
			}
			seen += m.compare(t, x)
			require.NoError(t, x.Check(nil))
			require.NoError(t, rebuilt.Rebuild(m.height, m.scan))
			require.Equal(t, dump(t, x), dump(t, rebuilt), "seed %d, height %d", seed, m.height)
			require.Equal(t, x.Chain(), rebuilt.Chain())
			fresh := open(t, vfs.NewMem())
			require.NoError(t, fresh.Rebuild(m.height, m.scan))
			require.Equal(t, dump(t, x), dump(t, fresh))
			require.NoError(t, fresh.Close())
		}
		require.NoError(t, x.Close())
		require.NoError(t, rebuilt.Close())
	}
	require.Greater(t, seen, 5000)
}

// An index that is closed and opened after every block, or is made anew from the state at some, ends like one that never
// stopped; and going on after Rebuild is as good as never having needed it.
func TestRestartAtEveryStep(t *testing.T) {
	m, twin := newModel(99), newModel(99)
	fs := vfs.NewMem()
	steady := open(t, vfs.NewMem())
	for range 80 {
		x := open(t, fs)
		require.Equal(t, m.height, x.Height())
		if m.height > 0 && m.rng.IntN(10) == 0 {
			require.NoError(t, x.Rebuild(m.height, m.scan))
		}
		twin.rng = rand.New(rand.NewPCG(uint64(m.height), 1))
		m.rng = rand.New(rand.NewPCG(uint64(m.height), 1))
		changes, before := m.block(t), m.height-1
		require.NoError(t, x.Apply(m.height, changes))
		require.NoError(t, x.Apply(m.height, changes), "a block that is there is no error")
		require.NoError(t, x.Apply(before, []types.Change{{Key: "order/bank-a/none"}}))
		require.ErrorIs(t, x.Apply(m.height+2, nil), ErrGap)
		twin.follow(t, steady)
		require.Equal(t, dump(t, steady), dump(t, x))
		require.NoError(t, x.Close())
		require.NoError(t, x.Close())
		require.ErrorIs(t, x.Apply(m.height+1, nil), ErrClosed)
		_, err := x.List(Query{Kind: "order"})
		require.ErrorIs(t, err, ErrClosed)
	}
	require.NoError(t, steady.Close())
}

// Check finds every row that is too many, missing or other than it should be.
func TestCheckFindsEveryRow(t *testing.T) {
	m := newModel(11)
	x := open(t, vfs.NewMem())
	for range 40 {
		m.follow(t, x)
	}
	rows := dump(t, x)
	require.Greater(t, len(rows), 100)
	for row, value := range rows {
		if row[0] == rowMeta {
			continue
		}
		require.NoError(t, x.disk.Delete([]byte(row), nil))
		require.ErrorIs(t, x.Check(nil), ErrCorrupt, "without %q", row)
		require.NoError(t, x.disk.Set([]byte(row), append([]byte(value), 1), nil))
		if row[0] != rowList { // whose value nobody reads
			require.ErrorIs(t, x.Check(nil), ErrCorrupt, "%q with another value", row)
		}
		require.NoError(t, x.disk.Set([]byte(row), []byte(value), nil))
		more := row[:len(row)-1] + "~"
		require.NotContains(t, rows, more)
		require.NoError(t, x.disk.Set([]byte(more), []byte(value), nil))
		require.ErrorIs(t, x.Check(nil), ErrCorrupt, "with %q", more)
		require.NoError(t, x.disk.Delete([]byte(more), nil))
	}
	require.NoError(t, x.Check(nil))
	require.NoError(t, x.Close())
	require.ErrorIs(t, x.Check(nil), ErrClosed)
}

// A Rebuild that is interrupted leaves nothing that could be taken for an index.
func TestRebuildInterrupted(t *testing.T) {
	m := newModel(3)
	fs := vfs.NewMem()
	x := open(t, fs)
	_, err := x.List(Query{Kind: "order"})
	require.ErrorIs(t, err, ErrBuilding, "an index of nothing says nothing")
	for range 30 {
		m.follow(t, x)
	}
	want := dump(t, x)
	stop := errors.New("enough")
	for n := range 20 {
		visited := 0
		err := x.Rebuild(m.height, func(prefix string, visit func(string, []byte) error) error {
			return m.scan(prefix, func(key string, value []byte) error {
				if visited++; visited > n*3 {
					return stop
				}
				return visit(key, value)
			})
		})
		require.ErrorIs(t, err, stop)
		require.Zero(t, x.Height())
		_, err = x.List(Query{Kind: "order"})
		require.ErrorIs(t, err, ErrBuilding)
		require.ErrorIs(t, x.Apply(1, nil), ErrBuilding)
		if n%2 == 0 {
			require.NoError(t, x.Close())
			x = open(t, fs)
			require.Zero(t, x.Height())
			require.Empty(t, dump(t, x), "what an interrupted rebuild wrote is dropped")
		}
	}
	require.NoError(t, x.Rebuild(m.height, m.scan))
	require.Equal(t, want, dump(t, x))
	require.NoError(t, x.Close())
}
