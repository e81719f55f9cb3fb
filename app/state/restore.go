package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"tradecredit/types"
)

// Restore fills an empty store from a snapshot, chunk by chunk. The store is in no state that
// can be opened before Finish returned: restore into a directory of its own, and remove it if
// anything fails.
type Restore struct {
	db      *DB
	m       *Manifest
	tree    *tree
	buckets []bucket
	next    int
}

// Restore begins to fill this store, which must be empty, with the snapshot of a height whose
// app hash is known from a verified header. ErrSnapshot if the manifest is about another one.
func (db *DB) Restore(m *Manifest, height int64, appHash types.Hash) (*Restore, error) {
	if db.Head().Height != 0 {
		return nil, fmt.Errorf("%w: the store to restore into has height %d", ErrStale, db.Head().Height)
	}
	if m.head.Height != height || m.head.AppHash != appHash {
		return nil, fmt.Errorf("%w: it is of height %d and app hash %s", ErrSnapshot, m.head.Height, m.head.AppHash)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	db.fail(errors.New("a restore is not finished"))
	return &Restore{db: db, m: m, tree: newTree()}, nil
}

// Chunk takes the next chunk, in order. ErrSnapshot if it is not the manifest's, or, for
// leaves, not the app hash's; nothing is written then, and the right bytes may still be given.
func (r *Restore) Chunk(index int, chunk []byte) error {
	if index != r.next || index >= len(r.m.chunks) {
		return fmt.Errorf("%w: chunk %d, %d is next of %d", ErrSnapshot, index, r.next, len(r.m.chunks))
	}
	info := &r.m.chunks[index]
	if len(chunk) > MaxChunkSize || len(chunk) == 0 || chunk[0] != info.section || sha256.Sum256(chunk) != info.hash {
		return fmt.Errorf("%w: chunk %d is not the manifest's", ErrSnapshot, index)
	}
	w := r.db.disk.NewBatchWithSize(4096 + 2*len(chunk))
	defer w.Close()
	in := &rowReader{b: chunk[1:]}
	var err error
	switch info.section {
	case sectionLeaves:
		err = r.leaves(w, in, index)
	case sectionReference:
		err = r.references(w, in, index)
	case sectionLogs:
		err = r.logs(w, in, index)
	}
	if err != nil {
		return err
	}
	if err := in.done("chunk"); err != nil {
		return fmt.Errorf("%w: chunk %d does not decode", ErrSnapshot, index)
	}
	if err := w.Commit(pebble.NoSync); err != nil { // Finish makes all durable
		return err
	}
	r.next++
	return nil
}

// leaves checks that the chunk is exactly the leaves of its shards, and writes them.
func (r *Restore) leaves(w *pebble.Batch, in *rowReader, index int) error {
	height := r.m.head.Height
	first := uint32(0)
	if index > 0 {
		first = r.m.chunks[index-1].shards
	}
	parts := make([][]leaf, r.m.chunks[index].shards-first)
	var keys keyList
	last := types.Hash{}
	for n := 0; len(in.b) > 0; n++ {
		key := keys.next(in)
		value := in.bytes(in.uvarint())
		if in.failed || checkKey(key) != nil || len(value) == 0 {
			return fmt.Errorf("%w: chunk %d has a malformed leaf", ErrSnapshot, index)
		}
		path := pathOf(key)
		shard := shardOf(&path)
		if shard < first || shard-first >= uint32(len(parts)) || n > 0 && bytes.Compare(last[:], path[:]) >= 0 {
			return fmt.Errorf("%w: chunk %d has a leaf out of place", ErrSnapshot, index)
		}
		last = path
		parts[shard-first] = append(parts[shard-first], leaf{path, leafHash(&path, value), height})
		if err := w.Set(stateRow(key, height), value, nil); err != nil {
			return err
		}
		if err := w.Set(pathRow(&path, key), nil, nil); err != nil {
			return err
		}
	}
	for i, leaves := range parts {
		at := first + uint32(i)
		if len(leaves) > 0 {
			r.tree.shards[at] = newShard(leaves, bitsFor(leaves, 0))
		} else {
			r.tree.shards[at] = shard{}
		}
		root := r.tree.shards[at].root()
		if root != r.m.shards[at] {
			return fmt.Errorf("%w: chunk %d does not give the root of shard %d", ErrSnapshot, index, at)
		}
		r.tree.top[shardCount+at] = root
	}
	return nil
}

// references writes references and continues the digests of their buckets.
func (r *Restore) references(w *pebble.Batch, in *rowReader, index int) error {
	var keys keyList
	var list []reference
	buckets := append([]bucket(nil), r.buckets...)
	for len(in.b) > 0 {
		number := in.uvarint()
		ref := reference{int64(number), keys.next(in), in.bytes(in.uvarint())}
		if in.failed || number > math.MaxInt64 || checkKey(ref.key) != nil || len(ref.value) == 0 {
			return fmt.Errorf("%w: chunk %d has a malformed reference", ErrSnapshot, index)
		}
		if n := len(buckets); n == 0 || buckets[n-1].bucket < ref.bucket {
			buckets = append(buckets, bucket{bucket: ref.bucket})
		}
		b := &buckets[len(buckets)-1]
		if b.bucket != ref.bucket || len(buckets) > len(r.m.head.buckets) {
			return fmt.Errorf("%w: chunk %d has references out of order", ErrSnapshot, index)
		}
		b.digest = chain(b.digest, ref.key, ref.value)
		list = append(list, ref)
	}
	err := writeReferences(w, list, func(bucket int64) []byte {
		// Several chunks may hold one bucket, whose lists must stay in order.
		return binary.BigEndian.AppendUint32(bucketRow(bucket, r.m.head.Height), uint32(index))
	})
	if err != nil {
		return err
	}
	r.buckets = buckets
	return nil
}

// logs writes rows of logs. Their truth stands in leaves that this package cannot read: the
// caller compares them after Finish.
func (r *Restore) logs(w *pebble.Batch, in *rowReader, index int) error {
	var keys keyList
	for len(in.b) > 0 {
		log, n, row := keys.next(in), in.uvarint(), in.bytes(in.uvarint())
		if in.failed || checkKey(log) != nil || len(row) == 0 {
			return fmt.Errorf("%w: chunk %d has a malformed row", ErrSnapshot, index)
		}
		if err := w.Set(entryRow(log, n), row, nil); err != nil {
			return err
		}
	}
	return nil
}

// Finish compares all roots, makes everything durable and opens the store for use: one more
// crash before it returns leaves a directory that Open refuses. ErrSnapshot if chunks are
// missing or the references are not the app hash's.
func (r *Restore) Finish() error {
	if r.next != len(r.m.chunks) {
		return fmt.Errorf("%w: %d of %d chunks", ErrSnapshot, r.next, len(r.m.chunks))
	}
	if referencesRoot(r.buckets) != r.m.head.root(types.RootReferences) {
		return fmt.Errorf("%w: references", ErrSnapshot)
	}
	r.tree.finish()
	if r.tree.root() != r.m.head.root(types.RootState) {
		return fmt.Errorf("%w: leaves", ErrSnapshot)
	}
	db, head := r.db, r.m.head.clone()
	if err := db.disk.Flush(); err != nil {
		return err
	}
	w := db.disk.NewBatch()
	defer w.Close()
	if err := w.Set(changesRow(head.Height), encodeChanges(head.Height, head.Roots, nil), nil); err != nil {
		return err
	}
	if err := w.Set(headKey, head.encode(), nil); err != nil {
		return err
	}
	if err := w.Commit(pebble.Sync); err != nil {
		return err
	}
	db.values = newValueCache(db.options.CacheBytes/2, head.Height)
	db.swept = head.floor
	db.mu.Lock()
	db.head, db.tree, db.oldest, db.failed = head, r.tree, head.oldest, nil
	db.mu.Unlock()
	if err := db.Checkpoint(); err != nil {
		db.log("leaf checkpoint: %v", err) // the next start takes longer
	}
	return nil
}
