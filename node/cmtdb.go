package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	dbm "github.com/cometbft/cometbft-db"

	"tradecredit/app/state"
)

// The errors of the adapter. They stand for the unexported ones of cometbft-db, which differ from backend to backend.
var (
	errKeyEmpty    = errors.New("store: the key is empty")
	errValueNil    = errors.New("store: the value is nil")
	errBatchClosed = errors.New("store: the batch was written or closed")
	errStoreClosed = errors.New("store: closed")
	errStillRead   = errors.New("store: still read, left open until the process ends")
)

// errIteratorInvalid is what a caller sees that moves or reads an iterator past its end: a fault of the caller, as in
// every other backend of cometbft-db.
const errIteratorInvalid = "store: the iterator is past its end"

// cmtDB is a cometbft-db database kept in Pebble v2 (cometbft-db's own pebbledb backend is Pebble 1.1, which may drop
// unreadable blocks in a compaction).
//
// It answers what goleveldb and memdb answer: Get gives nil for a missing key and a non-nil empty slice for an empty value;
// a nil bound is open and an empty one an error; keys and values are copies.
//
// Pebble panics when used after its Close, and CometBFT's gossip outlives its Stop: here a use after close is an error,
// and the close waits for the calls that are under way.
type cmtDB struct {
	pebble *pebble.DB

	// inUse is held for reading during each call and each iterator's life, and for writing from the close on.
	inUse  sync.RWMutex
	closed atomic.Bool
}

var _ dbm.DB = (*cmtDB)(nil)

// openCmtDB opens the store in the folder dir, which is made when absent. The folder belongs to one process at a time.
func openCmtDB(dir string, o *pebble.Options) (*cmtDB, error) {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	o.FS = state.Durable(o.FS)
	p, err := pebble.Open(dir, o)
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", dir, err)
	}
	return &cmtDB{pebble: p}, nil
}

// enter marks a use of the store; the caller calls leave afterwards if it succeeded.
func (d *cmtDB) enter() error {
	// The lock is only ever taken for writing by closeLate: when it is not free, the store is gone.
	if d.closed.Load() || !d.inUse.TryRLock() {
		return errStoreClosed
	}
	if d.closed.Load() { // closed between the two
		d.inUse.RUnlock()
		return errStoreClosed
	}
	return nil
}

func (d *cmtDB) leave() { d.inUse.RUnlock() }

// Get implements dbm.DB.
func (d *cmtDB) Get(key []byte) ([]byte, error) {
	if len(key) == 0 {
		return nil, errKeyEmpty
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	defer d.leave()
	v, closer, err := d.pebble.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, len(v)), v...) // never nil, even for an empty value
	return out, closer.Close()
}

// Has implements dbm.DB.
func (d *cmtDB) Has(key []byte) (bool, error) {
	v, err := d.Get(key)
	return v != nil, err
}

func (d *cmtDB) set(key, value []byte, w *pebble.WriteOptions) error {
	if len(key) == 0 {
		return errKeyEmpty
	}
	if value == nil {
		return errValueNil
	}
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	return d.pebble.Set(key, value, w)
}

func (d *cmtDB) del(key []byte, w *pebble.WriteOptions) error {
	if len(key) == 0 {
		return errKeyEmpty
	}
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	return d.pebble.Delete(key, w)
}

// Set implements dbm.DB.
func (d *cmtDB) Set(key, value []byte) error { return d.set(key, value, pebble.NoSync) }

// SetSync implements dbm.DB.
func (d *cmtDB) SetSync(key, value []byte) error { return d.set(key, value, pebble.Sync) }

// Delete implements dbm.DB.
func (d *cmtDB) Delete(key []byte) error { return d.del(key, pebble.NoSync) }

// DeleteSync implements dbm.DB.
func (d *cmtDB) DeleteSync(key []byte) error { return d.del(key, pebble.Sync) }

// Close does nothing: CometBFT closes its stores in Stop while its own gossip routines may still read them, which ends the
// process with a panic. The node calls closeLate when nothing can read any more.
func (d *cmtDB) Close() error { return nil }

// closeLate closes the store, once, and refuses every later use. It waits for the calls that are under way and for open
// iterators; if any is left after patience, the store stays open until the process ends (which loses nothing: what was
// written synced is on disk) and the error says so.
func (d *cmtDB) closeLate(patience time.Duration) error {
	if d.closed.Swap(true) {
		return nil
	}
	for deadline := time.Now().Add(patience); !d.inUse.TryLock(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return errStillRead
		}
	}
	return d.pebble.Close() // the lock stays held: the store is gone
}

// Print implements dbm.DB; there is nothing worth printing.
func (d *cmtDB) Print() error { return nil }

// Stats implements dbm.DB.
func (d *cmtDB) Stats() map[string]string {
	if d.enter() != nil {
		return nil
	}
	defer d.leave()
	return map[string]string{"pebble": d.pebble.Metrics().String()}
}

// Compact implements dbm.DB. Pebble wants a range with an end: nil becomes just past the last key.
func (d *cmtDB) Compact(start, end []byte) error {
	if err := d.enter(); err != nil {
		return err
	}
	defer d.leave()
	if end == nil {
		it, err := d.pebble.NewIter(nil)
		if err != nil {
			return err
		}
		if it.Last() {
			end = append(bytes.Clone(it.Key()), 0)
		}
		if err := it.Close(); err != nil {
			return err
		}
	}
	if bytes.Compare(start, end) >= 0 { // nothing in the range, an empty store included
		return nil
	}
	return d.pebble.Compact(context.Background(), start, end, true)
}

// Iterator implements dbm.DB: [start, end) upwards.
func (d *cmtDB) Iterator(start, end []byte) (dbm.Iterator, error) {
	return d.iterate(start, end, false)
}

// ReverseIterator implements dbm.DB: [start, end) downwards.
func (d *cmtDB) ReverseIterator(start, end []byte) (dbm.Iterator, error) {
	return d.iterate(start, end, true)
}

func (d *cmtDB) iterate(start, end []byte, reverse bool) (dbm.Iterator, error) {
	if (start != nil && len(start) == 0) || (end != nil && len(end) == 0) {
		return nil, errKeyEmpty
	}
	if err := d.enter(); err != nil {
		return nil, err
	}
	it, err := d.pebble.NewIter(&pebble.IterOptions{LowerBound: start, UpperBound: end})
	if err != nil {
		d.leave()
		return nil, err
	}
	if reverse {
		it.Last()
	} else {
		it.First()
	}
	return &cmtIterator{db: d, it: it, start: start, end: end, reverse: reverse}, nil
}

// cmtIterator keeps its store open until it is closed.
type cmtIterator struct {
	db         *cmtDB
	it         *pebble.Iterator
	start, end []byte
	reverse    bool
	done       bool
}

// Domain implements dbm.Iterator.
func (i *cmtIterator) Domain() (start, end []byte) { return i.start, i.end }

// Valid implements dbm.Iterator.
func (i *cmtIterator) Valid() bool { return !i.done && i.it.Valid() }

// Error implements dbm.Iterator.
func (i *cmtIterator) Error() error {
	if i.done {
		return nil
	}
	return i.it.Error()
}

// Close implements dbm.Iterator. A second call does nothing.
func (i *cmtIterator) Close() error {
	if i.done {
		return nil
	}
	i.done = true
	defer i.db.leave()
	return i.it.Close()
}

// Next implements dbm.Iterator.
func (i *cmtIterator) Next() {
	i.mustBeValid()
	if i.reverse {
		i.it.Prev()
		return
	}
	i.it.Next()
}

// Key implements dbm.Iterator. It is a copy: callers keep it past Next, as other backends allow.
func (i *cmtIterator) Key() []byte {
	i.mustBeValid()
	return append([]byte{}, i.it.Key()...)
}

// Value implements dbm.Iterator. It is a copy, as Key.
func (i *cmtIterator) Value() []byte {
	i.mustBeValid()
	return append([]byte{}, i.it.Value()...)
}

func (i *cmtIterator) mustBeValid() {
	if !i.Valid() {
		panic(errIteratorInvalid)
	}
}

// NewBatch implements dbm.DB.
func (d *cmtDB) NewBatch() dbm.Batch { return &cmtBatch{db: d, batch: new(pebble.Batch)} }

// cmtBatch is a set of writes, made at once. It is bound to its store only when written, so that an open batch does not
// keep a store from closing.
type cmtBatch struct {
	db    *cmtDB
	batch *pebble.Batch // nil once written or closed
}

// Set implements dbm.Batch.
func (b *cmtBatch) Set(key, value []byte) error {
	switch {
	case len(key) == 0:
		return errKeyEmpty
	case value == nil:
		return errValueNil
	case b.batch == nil:
		return errBatchClosed
	}
	return b.batch.Set(key, value, nil)
}

// Delete implements dbm.Batch.
func (b *cmtBatch) Delete(key []byte) error {
	switch {
	case len(key) == 0:
		return errKeyEmpty
	case b.batch == nil:
		return errBatchClosed
	}
	return b.batch.Delete(key, nil)
}

// Write implements dbm.Batch.
func (b *cmtBatch) Write() error { return b.write(pebble.NoSync) }

// WriteSync implements dbm.Batch.
func (b *cmtBatch) WriteSync() error { return b.write(pebble.Sync) }

func (b *cmtBatch) write(w *pebble.WriteOptions) error {
	if b.batch == nil {
		return errBatchClosed
	}
	if err := b.db.enter(); err != nil {
		return err
	}
	defer b.db.leave()
	if err := b.db.pebble.Apply(b.batch, w); err != nil {
		return err
	}
	return b.Close()
}

// Close implements dbm.Batch. A second call does nothing.
func (b *cmtBatch) Close() error {
	if b.batch == nil {
		return nil
	}
	err := b.batch.Close()
	b.batch = nil
	return err
}
