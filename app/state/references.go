package state

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"tradecredit/types"
)

// maxBuckets bounds the live expiry buckets; a day has 24.
const maxBuckets = 4096

// referencesRoot is the tree hash of RFC 6962 over the leaves bucket (8 bytes, big endian) ‖
// digest, sorted by bucket.
func referencesRoot(buckets []bucket) types.Hash {
	leaves := make([][]byte, len(buckets))
	for i, b := range buckets {
		leaf := binary.BigEndian.AppendUint64(make([]byte, 0, 40), uint64(b.bucket))
		leaves[i] = append(leaf, b.digest[:]...)
	}
	return types.MerkleRoot(leaves)
}

// chain is the digest of a bucket after one more reference: SHA-256(previous ‖ key ‖ value);
// a bucket begins with 32 zero bytes. Reference keys are printable and records are not, so
// that no key can run on into its value.
func chain(previous types.Hash, key string, value []byte) types.Hash {
	b := make([]byte, 0, 32+len(key)+len(value))
	b = append(b, previous[:]...)
	b = append(b, key...)
	b = append(b, value...)
	return sha256.Sum256(b)
}

func compareBucket(b bucket, number int64) int { return cmp.Compare(b.bucket, number) }

// stageReferences carries the batch's references into the head that is being made.
func (h *headRow) stageReferences(b *Batch) error {
	if b.dropped && b.drop > h.floor {
		h.floor = b.drop
		i, _ := slices.BinarySearchFunc(h.buckets, h.floor, compareBucket)
		h.buckets = h.buckets[i:]
	}
	for _, r := range b.refs {
		if r.bucket < h.floor {
			return fmt.Errorf("%w: reference %q in the dropped bucket %d", ErrInvalid, r.key, r.bucket)
		}
		known, number, err := b.parent.(bucketed).reference(r.key)
		if err != nil {
			return err
		}
		if known != nil && number >= h.floor {
			return fmt.Errorf("%w: reference %q is in use", ErrInvalid, r.key)
		}
		i, found := slices.BinarySearchFunc(h.buckets, r.bucket, compareBucket)
		if !found {
			h.buckets = slices.Insert(h.buckets, i, bucket{bucket: r.bucket})
		}
		h.buckets[i].digest = chain(h.buckets[i].digest, r.key, r.value)
	}
	if len(h.buckets) > maxBuckets {
		return fmt.Errorf("%w: %d reference buckets", ErrInvalid, len(h.buckets))
	}
	return nil
}

// writeReferences adds the rows of references, and for each bucket, in the row that list
// names, the order of their keys.
func writeReferences(w *pebble.Batch, refs []reference, list func(bucket int64) []byte) error {
	var order []int64
	lists := make(map[int64][]byte)
	keys := make(map[int64]*keyList)
	for _, r := range refs {
		if err := w.Set(referenceRow(r.key, r.bucket), r.value, nil); err != nil {
			return err
		}
		if keys[r.bucket] == nil {
			keys[r.bucket] = new(keyList)
			order = append(order, r.bucket)
		}
		lists[r.bucket] = keys[r.bucket].append(lists[r.bucket], r.key)
	}
	for _, k := range order {
		if err := w.Set(list(k), lists[k], nil); err != nil {
			return err
		}
	}
	return nil
}

// sweepReferences deletes about limit rows of dropped buckets and says whether all are gone.
// A block drops a bucket in no time; its rows go little by little with the blocks that follow.
func (db *DB) sweepReferences(w *pebble.Batch, floor int64, limit int) (done bool, err error) {
	it, err := db.disk.NewIter(&pebble.IterOptions{LowerBound: []byte{rowBucket}, UpperBound: bucketRow(floor, 0)})
	if err != nil {
		return false, err
	}
	defer it.Close()
	ok := it.First()
	for ; ok && limit > 0; ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return false, err
		}
		number := int64(binary.BigEndian.Uint64(it.Key()[1:]))
		r := &rowReader{b: value}
		var keys keyList
		for len(r.b) > 0 {
			if err := w.SingleDelete(referenceRow(keys.next(r), number), nil); err != nil {
				return false, err
			}
			limit--
		}
		if err := r.done("bucket row"); err != nil {
			return false, err
		}
		if err := w.SingleDelete(it.Key(), nil); err != nil {
			return false, err
		}
	}
	return !ok, it.Error()
}

// liveReferences visits the references of all buckets from floor on, as their digests did.
func liveReferences(disk pebble.Reader, floor int64, fn func(bucket int64, key string, value []byte) error) error {
	it, err := disk.NewIter(&pebble.IterOptions{LowerBound: bucketRow(floor, 0), UpperBound: []byte{rowBucket + 1}})
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		list, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		number := int64(binary.BigEndian.Uint64(it.Key()[1:]))
		r := &rowReader{b: list}
		for keys := new(keyList); len(r.b) > 0; {
			key := keys.next(r)
			value, err := get(disk, referenceRow(key, number))
			if err != nil {
				return err
			}
			if value == nil {
				return fmt.Errorf("%w: reference %q of bucket %d is gone", ErrCorrupt, key, number)
			}
			if err := fn(number, key, value); err != nil {
				return err
			}
		}
		if err := r.done("bucket row"); err != nil {
			return err
		}
	}
	return it.Error()
}
