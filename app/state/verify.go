package state

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"tradecredit/types"
)

// Verify derives everything that was committed from the rows again, as of one moment, while
// blocks go on: the state root from the newest row of every key, the digest of every bucket from
// its references, and that every leaf can be found from its place in the tree. It reads the
// whole newest state. ErrCorrupt says what does not fit.
func (db *DB) Verify() (err error) {
	disk := db.disk.NewSnapshot()
	defer func() { err = errors.Join(err, disk.Close()) }()
	row, err := get(disk, headKey)
	if err != nil || row == nil {
		return err // nothing is committed
	}
	head, err := decodeHead(row)
	if err != nil {
		return err
	}
	t, err := fromRows(disk, head.Height)
	if err != nil {
		return err
	}
	if root := head.root(types.RootState); t.root() != root {
		return fmt.Errorf("%w: the rows give state root %s, height %d has %s", ErrCorrupt, t.root(), head.Height, root)
	}
	if err := verifyPaths(disk, t); err != nil {
		return err
	}
	return verifyBuckets(disk, &head)
}

// verifyPaths looks for every leaf among the path rows; more rows than leaves are deleted keys.
func verifyPaths(disk pebble.Reader, t *tree) error {
	it, err := disk.NewIter(&pebble.IterOptions{LowerBound: []byte{rowPath}, UpperBound: []byte{rowPath + 1}})
	if err != nil {
		return err
	}
	defer it.Close()
	found := 0
	for ok := it.First(); ok; ok = it.Next() {
		if len(it.Key()) <= pathRowKey {
			return fmt.Errorf("%w: path row %q", ErrCorrupt, it.Key())
		}
		path := pathOf(string(it.Key()[pathRowKey:]))
		if !bytes.Equal(it.Key()[1:pathRowKey], path[:pathRowKey-1]) {
			return fmt.Errorf("%w: path row %q", ErrCorrupt, it.Key())
		}
		if t.find(&path) != nil {
			found++
		}
	}
	if err := it.Error(); err != nil {
		return err
	}
	if found != t.count {
		return fmt.Errorf("%w: %d of %d leaves have a path row", ErrCorrupt, found, t.count)
	}
	return nil
}

// verifyBuckets makes the digests of all live buckets again.
func verifyBuckets(disk pebble.Reader, head *headRow) error {
	var buckets []bucket
	err := liveReferences(disk, head.floor, func(number int64, key string, value []byte) error {
		if n := len(buckets); n == 0 || buckets[n-1].bucket != number {
			buckets = append(buckets, bucket{bucket: number})
		}
		b := &buckets[len(buckets)-1]
		b.digest = chain(b.digest, key, value)
		return nil
	})
	if err != nil {
		return err
	}
	if got := referencesRoot(buckets); got != head.root(types.RootReferences) {
		return fmt.Errorf("%w: the rows give references root %s, height %d has %s", ErrCorrupt, got, head.Height, head.root(types.RootReferences))
	}
	return nil
}
