package state

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// View is the state of one height. It is safe for concurrent use, while blocks are committed
// too, and stays what it is until closed; until then it holds back pruning.
type View struct {
	db     *DB
	height int64
	closed atomic.Bool
}

// View opens the newest committed height; close it after use. Before the first block it is
// the empty state of height 0.
func (db *DB) View() *View {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return db.open(db.head.Height)
}

// At opens a height: ErrFuture if it is not committed, ErrPruned if its values are not kept.
func (db *DB) At(height int64) (*View, error) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	switch {
	case height > db.head.Height:
		return nil, fmt.Errorf("%w: height %d, newest is %d", ErrFuture, height, db.head.Height)
	case height < db.oldest:
		return nil, fmt.Errorf("%w: height %d, oldest is %d", ErrPruned, height, db.oldest)
	}
	return db.open(height), nil
}

// open registers a view. It is called under db.mu, so that pruning cannot pass between.
func (db *DB) open(height int64) *View {
	db.views.add(height, 1)
	return &View{db: db, height: height}
}

// Close lets go of the height. Closing twice is no error.
func (v *View) Close() error {
	if !v.closed.Swap(true) {
		v.db.views.add(v.height, -1)
	}
	return nil
}

// openViews counts the open views of each height.
type openViews struct {
	mu     sync.Mutex
	counts []viewCount // by height
}

type viewCount struct {
	height int64
	count  int
}

func (o *openViews) add(height int64, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	i, found := slices.BinarySearchFunc(o.counts, height, func(c viewCount, height int64) int { return cmp.Compare(c.height, height) })
	if !found {
		o.counts = slices.Insert(o.counts, i, viewCount{height: height})
	}
	if o.counts[i].count += n; o.counts[i].count == 0 {
		o.counts = slices.Delete(o.counts, i, i+1)
	}
}

// oldest is the lowest height that a view is open at, or else limit.
func (o *openViews) oldest(limit int64) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.counts) == 0 {
		return limit
	}
	return min(limit, o.counts[0].height)
}

// Height is the height that the view shows.
func (v *View) Height() int64 { return v.height }

// Get returns the value of a leaf at the view's height; see Reader.
func (v *View) Get(key string) ([]byte, error) {
	if value, ok := v.db.values.get(key, v.height); ok {
		return value, nil
	}
	if checkKey(key) != nil {
		return nil, nil // no such key can have been written
	}
	value, height, err := v.lookup(key)
	if err != nil || value == nil {
		return nil, err
	}
	v.db.values.offer(key, value, height, v.height)
	return value, nil
}

// lookup finds a value and its row's height. The tree knows which version is the newest, or
// that there is none; only what changed after the view needs a search.
func (v *View) lookup(key string) ([]byte, int64, error) {
	path := pathOf(key)
	v.db.mu.RLock()
	var newest int64
	if l := v.db.tree.find(&path); l != nil {
		newest = l.height
	}
	current := v.db.head.Height == v.height
	v.db.mu.RUnlock()
	switch {
	case newest > 0 && newest <= v.height:
		value, err := v.db.get(stateRow(key, newest))
		if err == nil && value == nil {
			err = fmt.Errorf("%w: no row for %q at height %d", ErrCorrupt, key, newest)
		}
		return value, newest, err
	case newest == 0 && current:
		return nil, 0, nil
	}
	return v.db.newestUpTo(rowState, key, v.height)
}

// get reads one row; nil if there is none.
func get(disk pebble.Reader, row []byte) ([]byte, error) {
	value, closer, err := disk.Get(row)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	value = bytes.Clone(value)
	return value, closer.Close()
}

func (db *DB) get(row []byte) ([]byte, error) { return get(db.disk, row) }

// newestUpTo finds the newest version ≤ limit of a versioned row; the value is nil if it is a
// deletion, and the version is 0 if there is none.
func (db *DB) newestUpTo(kind byte, key string, limit int64) (value []byte, version int64, err error) {
	it, err := db.disk.NewIter(nil)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	return seekNewest(it, kind, key, limit)
}

// seekNewest is newestUpTo with an iterator that is used for many keys.
func seekNewest(it *pebble.Iterator, kind byte, key string, limit int64) (value []byte, version int64, err error) {
	if !it.SeekPrefixGE(versioned(kind, key, limit)) {
		return nil, 0, it.Error()
	}
	if _, version, err = splitVersioned(it.Key()); err != nil {
		return nil, 0, err
	}
	value, err = it.ValueAndErr()
	if err != nil || len(value) == 0 {
		return nil, version, err
	}
	return bytes.Clone(value), version, nil
}

// Scan visits leaves at the view's height; see Reader.
func (v *View) Scan(prefix string, fn func(key string, value []byte) error) error {
	return v.ScanFrom(prefix, prefix, fn)
}

// ScanFrom visits leaves at the view's height; see Reader.
func (v *View) ScanFrom(prefix, from string, fn func(key string, value []byte) error) (err error) {
	lower := append([]byte{rowState}, max(prefix, from)...)
	upper := successor(append([]byte{rowState}, prefix...))
	if upper != nil && bytes.Compare(lower, upper) >= 0 {
		return nil
	}
	it, err := v.db.disk.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, it.Close())
	}()
	for ok := it.First(); ok; {
		key, height, err := splitVersioned(it.Key())
		if err != nil {
			return err
		}
		if height > v.height {
			ok = it.Next()
			continue
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if len(value) > 0 {
			if err := fn(string(key), slices.Clip(value)); err != nil {
				if errors.Is(err, Stop) {
					return nil
				}
				return err
			}
		}
		ok = it.NextPrefix()
	}
	return it.Error()
}

// Entry returns row n of a log; see Reader.
func (v *View) Entry(log string, n uint64) ([]byte, error) {
	if checkKey(log) != nil {
		return nil, nil
	}
	return v.db.get(entryRow(log, n))
}

// Reference returns a replay-protection row; see Reader.
func (v *View) Reference(key string) ([]byte, error) {
	value, _, err := v.reference(key)
	return value, err
}

func (v *View) reference(key string) ([]byte, int64, error) {
	if checkKey(key) != nil {
		return nil, 0, nil
	}
	v.db.mu.RLock()
	floor := v.db.head.floor
	v.db.mu.RUnlock()
	value, bucket, err := v.db.newestUpTo(rowReference, key, maxBucketNumber)
	if err != nil || bucket < floor {
		return nil, 0, err
	}
	return value, bucket, nil
}
