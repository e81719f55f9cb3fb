package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"tradecredit/types"
)

// LogTail is what one block appended to a log: rows From ≤ n < To.
type LogTail struct {
	Log      string
	From, To uint64
}

// ErrNoWayBack says that the newest block cannot be taken back; the text says why.
var ErrNoWayBack = errors.New("the newest block cannot be taken back")

// Rollback takes the newest block back, in one synced write: the store is then as it was after the block before, and that
// block may be applied again, or another one in its place. tails are the rows of logs that the block appended; only the
// caller can know them, from the heads that it keeps (see DB.Changes).
//
// It is for a store that nobody else uses: no view may be open. ErrNoWayBack if the block is the first that this store has,
// or what it changed is pruned, and nothing is written then.
func (db *DB) Rollback(tails []LogTail) error {
	if db.failed != nil {
		return db.failed
	}
	height := db.head.Height
	before, err := db.headBefore()
	if err != nil {
		return err
	}
	w := db.disk.NewBatch()
	defer w.Close()
	if err := db.undoLeaves(w, height); err != nil {
		return err
	}
	for _, t := range tails {
		for n := t.From; n < t.To; n++ {
			if err := w.Delete(entryRow(t.Log, n), nil); err != nil {
				return err
			}
		}
	}
	if err := db.undoReferences(w, height); err != nil {
		return err
	}
	for i := uint32(2); db.head.archive && i < 2*shardCount; i++ {
		if levelOf(i)%4 == 0 {
			if err := w.Delete(nodeRow(i, height), nil); err != nil {
				return err
			}
		}
	}
	if err := w.Set(headKey, before.encode(), nil); err != nil {
		return err
	}
	if err := w.Commit(pebble.Sync); err != nil {
		return err
	}
	return db.again()
}

// again makes what is in memory from the rows, like a start.
func (db *DB) again() error {
	if err := db.dropCheckpoints(); err != nil {
		return err
	}
	db.history, db.swept, db.dropNodes = history{}, 0, false
	return db.boot()
}

// dropCheckpoints removes leaf checkpoints: one of a height that is taken back would be of another block of that height.
func (db *DB) dropCheckpoints() error {
	db.checkpoints.wait()
	names, err := db.checkpointNames()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, name := range names {
		err = errors.Join(err, db.fs.Remove(db.fs.PathJoin(db.checkpointDir(), name)))
	}
	return err
}

// headBefore is the head of the block before the newest.
func (db *DB) headBefore() (*headRow, error) {
	height := db.head.Height
	if height == 0 {
		return nil, fmt.Errorf("%w: there is none", ErrNoWayBack)
	}
	roots, _, err := db.readChanges(height - 1)
	if err != nil {
		return nil, fmt.Errorf("%w: height %d is not kept, or was never here: %v", ErrNoWayBack, height-1, err)
	}
	if _, _, err := db.readChanges(height); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrNoWayBack, err)
	}
	h := db.head.clone()
	h.Height, h.Roots, h.AppHash = height-1, roots, types.AppHash(roots)
	h.oldest = min(h.oldest, h.Height)
	if h.buckets, err = db.bucketsBefore(height); err != nil {
		return nil, err
	}
	// Buckets that the block dropped are there still: their rows go with the blocks that follow.
	want := h.root(types.RootReferences)
	for referencesRoot(h.buckets) != want {
		if len(h.buckets) == 0 {
			return nil, fmt.Errorf("%w: references that it dropped are deleted", ErrNoWayBack)
		}
		h.buckets = h.buckets[1:]
	}
	if len(h.buckets) > 0 {
		h.floor = min(h.floor, h.buckets[0].bucket)
	}
	return &h, nil
}

// bucketsBefore makes the digests of all buckets that are on disk from the references of blocks before height.
func (db *DB) bucketsBefore(height int64) (buckets []bucket, err error) {
	err = db.eachBucketRow(func(number, written int64, row []byte) error {
		if written >= height {
			return nil
		}
		if n := len(buckets); n == 0 || buckets[n-1].bucket != number {
			buckets = append(buckets, bucket{bucket: number})
		}
		b := &buckets[len(buckets)-1]
		r, keys := &rowReader{b: row}, new(keyList)
		for len(r.b) > 0 {
			key := keys.next(r)
			value, err := db.get(referenceRow(key, number))
			if err != nil {
				return err
			}
			b.digest = chain(b.digest, key, value)
		}
		return r.done("bucket row")
	})
	return buckets, err
}

// eachBucketRow visits the lists of references: bucket, height of writing, keys.
func (db *DB) eachBucketRow(visit func(number, written int64, row []byte) error) (err error) {
	it, err := db.disk.NewIter(&pebble.IterOptions{LowerBound: []byte{rowBucket}, UpperBound: []byte{rowBucket + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		if len(it.Key()) < 17 {
			return fmt.Errorf("%w: bucket row %x", ErrCorrupt, it.Key())
		}
		row, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		number, written := binary.BigEndian.Uint64(it.Key()[1:]), binary.BigEndian.Uint64(it.Key()[9:])
		if err := visit(int64(number), int64(written), slices.Clip(row)); err != nil {
			return err
		}
	}
	return it.Error()
}

// undoLeaves deletes the versions that the block wrote, and the places of keys that it brought.
func (db *DB) undoLeaves(w *pebble.Batch, height int64) error {
	_, list, err := db.readChanges(height)
	if err != nil {
		return err
	}
	for _, c := range list {
		if err := w.Delete(stateRow(c.key, height), nil); err != nil {
			return err
		}
		if c.old > 0 {
			continue
		}
		// A key that was there once, and was deleted, is still read at older heights.
		_, older, err := db.newestUpTo(rowState, c.key, height-1)
		if err != nil {
			return err
		}
		if older > 0 {
			continue
		}
		path := pathOf(c.key)
		if err := w.Delete(pathRow(&path, c.key), nil); err != nil {
			return err
		}
	}
	return w.Delete(changesRow(height), nil)
}

// undoReferences deletes the references that the block wrote.
func (db *DB) undoReferences(w *pebble.Batch, height int64) error {
	return db.eachBucketRow(func(number, written int64, row []byte) error {
		if written != height {
			return nil
		}
		r, keys := &rowReader{b: row}, new(keyList)
		for len(r.b) > 0 {
			if err := w.Delete(referenceRow(keys.next(r), number), nil); err != nil {
				return err
			}
		}
		if err := r.done("bucket row"); err != nil {
			return err
		}
		return w.Delete(bucketRow(number, height), nil)
	})
}
