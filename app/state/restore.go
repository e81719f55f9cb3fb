package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/cockroachdb/pebble/v2"

	"tradecredit/types"
)

// Restore fills an empty store from a snapshot, chunk by chunk. Until Finish returned, the store has height 0 and takes no
// blocks; a process that ends before leaves rows that the next Open removes. So nothing of a snapshot is ever used that
// was not compared with the app hash.
type Restore struct {
	db      *DB
	m       *Manifest
	tree    *tree
	buckets []bucket
	next    int

	// What logs hold is committed to by leaves that this package cannot read: whoever can sets these before the first chunk.
	// An error of any of them means ErrChunkRows. nil: not called.
	OnLeaf func(key string, value []byte) error         // every leaf
	OnRow  func(log string, n uint64, row []byte) error // every row of a log, after all leaves; by log and ascending
	OnEnd  func() error                                 // after the last chunk
}

// restoringRow is there while a restore is not finished.
var restoringRow = []byte{rowMeta, 'r'}

// Restore begins to fill this store, which must be empty, with the snapshot of a height whose
// app hash is known from a verified header. ErrManifestOther if the manifest is about another one.
func (db *DB) Restore(m *Manifest, height int64, appHash types.Hash) (*Restore, error) {
	db.mu.RLock()
	at, failed := db.head.Height, db.failed
	db.mu.RUnlock()
	switch {
	case at != 0:
		return nil, fmt.Errorf("%w: the store to restore into has height %d", ErrStale, at)
	case failed != nil:
		return nil, failed
	case m.head.Height != height || m.head.AppHash != appHash:
		return nil, fmt.Errorf("%w: height %d and app hash %s, wanted %d and %s", ErrManifestOther, m.head.Height, m.head.AppHash, height, appHash)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	if err := db.disk.Set(restoringRow, nil, pebble.Sync); err != nil {
		return nil, err
	}
	r := &Restore{db: db, m: m, tree: newTree()}
	db.mu.Lock()
	db.failed, db.filling = fmt.Errorf("%w: a restore is not finished", ErrFailed), true
	db.mu.Unlock()
	db.probe("restore.begin")
	return r, nil
}

// Abort ends a restore that is not finished, and leaves the store empty: another one may begin.
func (r *Restore) Abort() error {
	if err := r.db.clear(); err != nil {
		return err
	}
	r.db.mu.Lock()
	defer r.db.mu.Unlock()
	if r.db.filling {
		r.db.failed, r.db.filling = nil, false
	}
	return nil
}

// clear removes all rows.
func (db *DB) clear() error {
	w := db.disk.NewBatch()
	defer w.Close()
	if err := w.DeleteRange([]byte{0}, []byte{0xff}, nil); err != nil {
		return err
	}
	return w.Commit(pebble.Sync)
}

// Leaf is the value of a leaf that was restored, nil if there is none.
func (r *Restore) Leaf(key string) ([]byte, error) { return r.db.get(stateRow(key, r.m.head.Height)) }

// Chunk takes the next chunk, in order. ErrChunkHash and ErrChunkPlace say that these bytes are not the next ones: nothing
// is written, and the right ones may still be given. After ErrChunkRows, or any other error, there is only Abort.
func (r *Restore) Chunk(index int, chunk []byte) error {
	if index != r.next || index >= len(r.m.chunks) {
		return fmt.Errorf("%w: chunk %d, %d is next of %d", ErrChunkPlace, index, r.next, len(r.m.chunks))
	}
	info := &r.m.chunks[index]
	if len(chunk) > MaxChunkSize || len(chunk) == 0 {
		return fmt.Errorf("%w: chunk %d has %d", ErrChunkHash, index, len(chunk))
	}
	if hash := sha256.Sum256(chunk); hash != info.hash {
		if other := r.m.place(hash); other >= 0 {
			return fmt.Errorf("%w: chunk %d instead of %d", ErrChunkPlace, other, index)
		}
		return fmt.Errorf("%w: chunk %d is not the manifest's", ErrChunkHash, index)
	}
	if chunk[0] != info.section {
		return fmt.Errorf("%w: chunk %d has another kind of rows", ErrChunkRows, index)
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
		return fmt.Errorf("%w: chunk %d does not decode", ErrChunkRows, index)
	}
	r.db.probe("restore.chunk")
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
			return fmt.Errorf("%w: chunk %d has a malformed leaf", ErrChunkRows, index)
		}
		path := pathOf(key)
		shard := shardOf(&path)
		if shard < first || shard-first >= uint32(len(parts)) || n > 0 && bytes.Compare(last[:], path[:]) >= 0 {
			return fmt.Errorf("%w: chunk %d has a leaf out of place", ErrChunkRows, index)
		}
		last = path
		parts[shard-first] = append(parts[shard-first], leaf{path, leafHash(&path, value), height})
		if err := seen(r.OnLeaf != nil, func() error { return r.OnLeaf(key, value) }); err != nil {
			return err
		}
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
			return fmt.Errorf("%w: chunk %d does not give the root of shard %d", ErrChunkRows, index, at)
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
			return fmt.Errorf("%w: chunk %d has a malformed reference", ErrChunkRows, index)
		}
		if n := len(buckets); n == 0 || buckets[n-1].bucket < ref.bucket {
			if !r.whole(buckets) {
				return fmt.Errorf("%w: chunk %d ends a bucket that is not the manifest's", ErrChunkRows, index)
			}
			buckets = append(buckets, bucket{bucket: ref.bucket})
		}
		b := &buckets[len(buckets)-1]
		if b.bucket != ref.bucket || len(buckets) > len(r.m.head.buckets) {
			return fmt.Errorf("%w: chunk %d has references out of order", ErrChunkRows, index)
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

// whole tells whether the buckets that were read so far are the first of the manifest, the last one to its end.
func (r *Restore) whole(buckets []bucket) bool {
	n := len(buckets)
	return n == 0 || n <= len(r.m.head.buckets) && buckets[n-1] == r.m.head.buckets[n-1]
}

// seen shows rows to whoever knows what they must be.
func seen(wanted bool, show func() error) error {
	if !wanted {
		return nil
	}
	if err := show(); err != nil {
		return fmt.Errorf("%w: %w", ErrChunkRows, err)
	}
	return nil
}

// logs writes rows of logs, whose truth OnRow knows.
func (r *Restore) logs(w *pebble.Batch, in *rowReader, index int) error {
	var keys keyList
	for len(in.b) > 0 {
		log, n, row := keys.next(in), in.uvarint(), in.bytes(in.uvarint())
		if in.failed || checkKey(log) != nil || len(row) == 0 {
			return fmt.Errorf("%w: chunk %d has a malformed row", ErrChunkRows, index)
		}
		if err := seen(r.OnRow != nil, func() error { return r.OnRow(log, n, row) }); err != nil {
			return err
		}
		if err := w.Set(entryRow(log, n), row, nil); err != nil {
			return err
		}
	}
	return nil
}

// Finish compares all roots, makes everything durable and opens the store for use. ErrMissingChunks if chunks are missing,
// ErrChunkRows if rows are not what the app hash or the heads of logs commit to.
func (r *Restore) Finish() error {
	if r.next != len(r.m.chunks) {
		return fmt.Errorf("%w: %d of %d are there", ErrMissingChunks, r.next, len(r.m.chunks))
	}
	if referencesRoot(r.buckets) != r.m.head.root(types.RootReferences) {
		return fmt.Errorf("%w: the references do not give their root", ErrChunkRows)
	}
	r.tree.finish()
	if r.tree.root() != r.m.head.root(types.RootState) {
		return fmt.Errorf("%w: the leaves do not give their root", ErrChunkRows)
	}
	if err := seen(r.OnEnd != nil, r.OnEnd); err != nil {
		return err
	}
	db, head := r.db, r.m.head.clone()
	if err := db.disk.Flush(); err != nil {
		return err
	}
	db.probe("restore.end")
	w := db.disk.NewBatch()
	defer w.Close()
	if err := w.Set(changesRow(head.Height), encodeChanges(head.Height, head.Roots, nil), nil); err != nil {
		return err
	}
	if err := w.Set(headKey, head.encode(), nil); err != nil {
		return err
	}
	if err := w.Delete(restoringRow, nil); err != nil {
		return err
	}
	if err := w.Commit(pebble.Sync); err != nil {
		return err
	}
	db.values = newValueCache(db.options.CacheBytes/2, head.Height)
	db.swept = head.floor
	db.mu.Lock()
	db.head, db.tree, db.oldest, db.failed, db.filling = head, r.tree, head.oldest, nil, false
	db.mu.Unlock()
	if err := db.Checkpoint(); err != nil {
		db.log("leaf checkpoint: %v", err) // the next start takes longer
	}
	return nil
}
