package node

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	dbm "github.com/cometbft/cometbft-db"
	cmtcfg "github.com/cometbft/cometbft/config"
	"github.com/stretchr/testify/require"
)

// memCmtDB is the adapter over a file system in memory.
func memCmtDB(t *testing.T) *cmtDB {
	t.Helper()
	d, err := openCmtDB("x", &pebble.Options{FS: vfs.NewMem(), Logger: quietPebble{}, FormatMajorVersion: pebble.FormatNewest})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.closeLate(time.Second)) })
	return d
}

// history draws operations with few short keys, so that they meet: nil, empty, overlapping and reversed ranges included.
type history struct{ r *rand.Rand }

func (h history) key() []byte {
	switch h.r.IntN(12) {
	case 0:
		return nil
	case 1:
		return []byte{}
	}
	k := make([]byte, 1+h.r.IntN(3))
	for i := range k {
		k[i] = []byte{0, 1, 'a', 'b', 0xff}[h.r.IntN(5)]
	}
	return k
}

func (h history) value() []byte {
	switch h.r.IntN(8) {
	case 0:
		return nil
	case 1:
		return []byte{}
	}
	return h.key()
}

type pair struct{ key, value []byte }

func scan(d dbm.DB, start, end []byte, reverse bool) ([]pair, error) {
	open := d.Iterator
	if reverse {
		open = d.ReverseIterator
	}
	it, err := open(start, end)
	if err != nil {
		return nil, err
	}
	defer it.Close()
	var out []pair
	for ; it.Valid(); it.Next() {
		out = append(out, pair{bytes.Clone(it.Key()), bytes.Clone(it.Value())}) // goleveldb reuses them
	}
	return out, it.Error()
}

// perform does one operation and gives what can be seen of it: pairs, and whether it failed.
func perform(t *testing.T, d dbm.DB, op int, k, v, k2 []byte) (seen []pair, err error) {
	switch op {
	case 0:
		return nil, d.Set(k, v)
	case 1:
		return nil, d.SetSync(k, v)
	case 2:
		return nil, d.Delete(k)
	case 3:
		return nil, d.DeleteSync(k)
	case 4, 5:
		return nil, performBatch(t, d, op == 4, k, v, k2)
	case 6:
		got, err := d.Get(k)
		if got != nil {
			seen = []pair{{k, got}}
		}
		return seen, err
	case 7:
		has, err := d.Has(k)
		if has {
			seen = []pair{{k, nil}}
		}
		return seen, err
	case 8:
		return scan(d, k, k2, false)
	default:
		return scan(d, k, k2, true)
	}
}

// performBatch sets, deletes and sets again in one batch, writes it, and uses it once more, which must fail.
func performBatch(t *testing.T, d dbm.DB, sync bool, k, v, k2 []byte) error {
	b := d.NewBatch()
	var first error
	for _, err := range []error{b.Set(k, v), b.Delete(k2), b.Set([]byte("b"), []byte("batch"))} {
		if err != nil && first == nil {
			first = err
		}
	}
	write := b.Write
	if sync {
		write = b.WriteSync
	}
	if err := write(); err != nil && first == nil {
		first = err
	}
	require.Error(t, b.Set([]byte("a"), []byte("a")), "a written batch takes no more")
	require.Error(t, b.Delete([]byte("a")))
	require.Error(t, write(), "a written batch is not written again")
	require.NoError(t, b.Close())
	require.NoError(t, b.Close())
	return first
}

// The adapter, goleveldb and memdb give the same answers to the same history, errors included.
func TestAdapterAnswersAsOtherBackends(t *testing.T) {
	level, err := dbm.NewGoLevelDB("l", t.TempDir())
	require.NoError(t, err)
	defer level.Close()
	ours := memCmtDB(t)
	others := map[string]dbm.DB{"goleveldb": level, "memdb": dbm.NewMemDB()}
	h := history{rand.New(rand.NewPCG(1, 2))}
	const operations = 20000
	failures, pairs := 0, 0
	for i := range operations {
		op, k, v, k2 := h.r.IntN(11), h.key(), h.value(), h.key()
		want, wantErr := perform(t, ours, op, k, v, k2)
		pairs += len(want)
		if wantErr != nil {
			failures++
		}
		for name, d := range others {
			got, gotErr := perform(t, d, op, k, v, k2)
			at := fmt.Sprintf("operation %d (kind %d, key %x, value %x, key2 %x) against %s", i, op, k, v, k2, name)
			require.Equal(t, gotErr == nil, wantErr == nil, "%s: %v / %v", at, wantErr, gotErr)
			require.Len(t, want, len(got), at)
			for j := range got {
				require.True(t, bytes.Equal(got[j].key, want[j].key) && bytes.Equal(got[j].value, want[j].value), "%s: %x / %x", at, want, got)
			}
		}
		if i%5000 == 0 {
			require.NoError(t, ours.Compact(nil, nil))
		}
	}
	require.Greater(t, failures, operations/20, "the history must meet the errors")
	require.Greater(t, pairs, operations, "the history must meet data")
	t.Logf("%d operations the same, %d of them errors, %d pairs read", operations, failures, pairs)
}

func TestAdapterEmptyValueIsNotMissing(t *testing.T) {
	d := memCmtDB(t)
	require.NoError(t, d.Set([]byte("k"), []byte{}))
	v, err := d.Get([]byte("k"))
	require.NoError(t, err)
	require.NotNil(t, v)
	require.Empty(t, v)
	v, err = d.Get([]byte("other"))
	require.NoError(t, err)
	require.Nil(t, v)
}

// Keys and values stay what they were when the iterator moves on and when the store changes.
func TestAdapterIteratorGivesCopies(t *testing.T) {
	d := memCmtDB(t)
	for i := range 50 {
		require.NoError(t, d.Set([]byte{'k', byte(i)}, bytes.Repeat([]byte{byte(i)}, 40)))
	}
	it, err := d.Iterator(nil, nil)
	require.NoError(t, err)
	var kept []pair
	for ; it.Valid(); it.Next() {
		kept = append(kept, pair{it.Key(), it.Value()})
	}
	require.NoError(t, it.Close())
	require.Len(t, kept, 50)
	for i, p := range kept {
		require.Equal(t, []byte{'k', byte(i)}, p.key)
		require.Equal(t, bytes.Repeat([]byte{byte(i)}, 40), p.value)
	}
}

func TestAdapterCompact(t *testing.T) {
	d := memCmtDB(t)
	require.NoError(t, d.Compact(nil, nil), "an empty store")
	for i := range 100 {
		require.NoError(t, d.Set([]byte{byte(i)}, []byte("v")))
	}
	require.NoError(t, d.Compact(nil, nil))
	require.NoError(t, d.Compact([]byte{3}, []byte{9}))
	require.NoError(t, d.Compact([]byte{9}, []byte{3}), "a reversed range is an empty one")
	require.NoError(t, d.Print())
	require.NotEmpty(t, d.Stats()["pebble"])
}

// CometBFT closes its stores while its gossip still reads them: Close must leave them readable.
func TestAdapterCloseIsLate(t *testing.T) {
	d := memCmtDB(t)
	require.NoError(t, d.SetSync([]byte("k"), []byte("v")))
	require.NoError(t, d.Close())
	v, err := d.Get([]byte("k"))
	require.NoError(t, err)
	require.Equal(t, "v", string(v))
}

func TestAdapterUseAfterClose(t *testing.T) {
	d := memCmtDB(t)
	require.NoError(t, d.SetSync([]byte("k"), []byte("v")))
	batch := d.NewBatch()
	require.NoError(t, batch.Set([]byte("a"), []byte("b")))
	require.NoError(t, d.closeLate(time.Second))
	require.NoError(t, d.closeLate(time.Second), "a second close does nothing")

	_, err := d.Get([]byte("k"))
	require.ErrorIs(t, err, errStoreClosed)
	_, err = d.Has([]byte("k"))
	require.ErrorIs(t, err, errStoreClosed)
	require.ErrorIs(t, d.Set([]byte("k"), nil), errValueNil)
	require.ErrorIs(t, d.Set([]byte("k"), []byte("v")), errStoreClosed)
	require.ErrorIs(t, d.SetSync([]byte("k"), []byte("v")), errStoreClosed)
	require.ErrorIs(t, d.Delete([]byte("k")), errStoreClosed)
	require.ErrorIs(t, d.DeleteSync([]byte("k")), errStoreClosed)
	_, err = d.Iterator(nil, nil)
	require.ErrorIs(t, err, errStoreClosed)
	_, err = d.ReverseIterator(nil, nil)
	require.ErrorIs(t, err, errStoreClosed)
	require.ErrorIs(t, d.Compact(nil, nil), errStoreClosed)
	require.Nil(t, d.Stats())
	require.ErrorIs(t, batch.WriteSync(), errStoreClosed)
	require.NoError(t, batch.Close())
	require.NoError(t, d.NewBatch().Close(), "an empty batch of a closed store can be made and closed")
}

// A store that is still read is not pulled away: the close gives up and says so.
func TestAdapterCloseWaitsForIterators(t *testing.T) {
	d, err := openCmtDB("x", &pebble.Options{FS: vfs.NewMem(), Logger: quietPebble{}})
	require.NoError(t, err)
	require.NoError(t, d.Set([]byte("k"), []byte("v")))
	it, err := d.Iterator(nil, nil)
	require.NoError(t, err)
	require.ErrorIs(t, d.closeLate(5*time.Millisecond), errStillRead)
	require.Equal(t, "v", string(it.Value()), "the open iterator still reads")
	require.NoError(t, it.Close())
	require.NoError(t, it.Close())
	require.False(t, it.Valid())
	require.NoError(t, it.Error())
	require.PanicsWithValue(t, errIteratorInvalid, it.Next)
	_, err = d.Get([]byte("k"))
	require.ErrorIs(t, err, errStoreClosed)
	require.NoError(t, d.pebble.Close())
}

// Readers and writers on many goroutines meet a close: each gets an answer or errStoreClosed, never a panic.
func TestAdapterCloseUnderLoad(t *testing.T) {
	for range 5 {
		d, err := openCmtDB("x", &pebble.Options{FS: vfs.NewMem(), Logger: quietPebble{}})
		require.NoError(t, err)
		require.NoError(t, d.Set([]byte("k"), []byte("v")))
		var running sync.WaitGroup
		started := make(chan struct{}, 8)
		for range 8 {
			running.Add(1)
			go func() {
				defer running.Done()
				for n := 0; ; n++ {
					if n == 10 {
						started <- struct{}{}
					}
					if _, err := d.Get([]byte("k")); err != nil {
						return
					}
					if _, err := scan(d, nil, nil, n%2 == 0); err != nil {
						return
					}
					b := d.NewBatch()
					if b.Set([]byte("k"), []byte("w")) != nil || b.Write() != nil {
						return
					}
				}
			}()
		}
		for range 8 {
			<-started
		}
		require.NoError(t, d.closeLate(5*time.Second))
		running.Wait()
	}
}

// quietPebble fails loudly where Pebble gives up and says nothing else.
type quietPebble struct{}

func (quietPebble) Infof(string, ...any)         {}
func (quietPebble) Errorf(string, ...any)        {}
func (quietPebble) Fatalf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }

// What CometBFT reads after the close waits instead of failing: an error there ends the process.
func TestReadsAfterTheCloseAreParked(t *testing.T) {
	stores := newEngineStores(t.TempDir(), slog.New(slog.DiscardHandler))
	d, err := stores.provide(&cmtcfg.DBContext{ID: "blockstore"})
	require.NoError(t, err)
	require.NoError(t, d.Set([]byte("k"), []byte("v")))
	v, err := d.Get([]byte("k"))
	require.NoError(t, err)
	require.Equal(t, []byte("v"), v)
	has, err := d.Has([]byte("none"))
	require.NoError(t, err)
	require.False(t, has)
	require.NoError(t, stores.close(time.Second))
	answered := make(chan error, 2)
	go func() { _, err := d.Get([]byte("k")); answered <- err }()
	go func() { _, err := d.Has([]byte("k")); answered <- err }()
	select {
	case err := <-answered:
		t.Fatalf("a read after the close answered: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
}
