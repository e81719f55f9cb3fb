package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"tradecredit/types"
)

// Errors about snapshots. They are about what a peer sent: refuse it and ask another one. Each is an ErrSnapshot.
var (
	ErrSnapshot = errors.New("snapshot is not what was committed")
	// ErrManifestSize: more bytes than a manifest may have.
	ErrManifestSize = fmt.Errorf("%w: size of the manifest", ErrSnapshot)
	// ErrManifestFormat: of another format, malformed, or not encoded canonically.
	ErrManifestFormat = fmt.Errorf("%w: form of the manifest", ErrSnapshot)
	// ErrManifestCount: more chunks than a snapshot may have.
	ErrManifestCount = fmt.Errorf("%w: number of chunks in the manifest", ErrSnapshot)
	// ErrManifestRoots: the parts of the manifest do not give its own roots.
	ErrManifestRoots = fmt.Errorf("%w: roots of the manifest", ErrSnapshot)
	// ErrManifestOther: of another height or app hash than the verified one.
	ErrManifestOther = fmt.Errorf("%w: the manifest is of another state", ErrSnapshot)
	// ErrChunkPlace: a chunk where another one belongs, or one too many.
	ErrChunkPlace = fmt.Errorf("%w: chunk out of place", ErrSnapshot)
	// ErrChunkHash: the bytes are not those that the manifest names. Whoever sent them is to blame, not the manifest.
	ErrChunkHash = fmt.Errorf("%w: bytes of a chunk", ErrSnapshot)
	// ErrChunkRows: the bytes are the manifest's, the rows are not what the roots commit to: whoever made the manifest lied.
	ErrChunkRows = fmt.Errorf("%w: rows of a chunk", ErrSnapshot)
	// ErrMissingChunks: the snapshot ended before its last chunk.
	ErrMissingChunks = fmt.Errorf("%w: chunks are missing", ErrSnapshot)
)

// Limits of snapshots.
const (
	chunkTarget      = 8 << 20  // bytes from which a chunk ends
	MaxChunkSize     = 15 << 20 // bytes that a chunk may have; CometBFT carries 16,000,000
	MaxManifestSize  = 1 << 20  // bytes that an encoded manifest may have
	MaxChunks        = 20_000   // of a snapshot
	manifestFormat   = 1
	sectionLeaves    = 1 // leaves by path, whole shards
	sectionReference = 2 // live references by bucket, in writing order
	sectionLogs      = 3 // rows of logs
)

// Manifest describes a snapshot of one height: what is in which chunk, and enough of the tree
// to check every chunk of leaves against the app hash as it comes in.
type Manifest struct {
	head   headRow
	shards []node // roots of all shards
	chunks []chunkInfo
}

// chunkInfo is one chunk: what it holds, and what it hashes to.
type chunkInfo struct {
	section byte
	shards  uint32 // of leaves: the shard after the last one
	hash    types.Hash
}

// SnapshotFormat is the number of the form that snapshots have; nodes understand each other's snapshots of this form only.
const SnapshotFormat = manifestFormat

// Height is the height of the snapshot.
func (m *Manifest) Height() int64 { return m.head.Height }

// AppHash is the app hash of that height, as the manifest claims.
func (m *Manifest) AppHash() types.Hash { return m.head.AppHash }

// Chunks is the number of chunks.
func (m *Manifest) Chunks() int { return len(m.chunks) }

// Snapshot is the newest committed height at one moment. It takes no time to take, and blocks go on while it is written;
// rows that blocks supersede stay on disk until Close.
type Snapshot struct {
	db   *DB
	disk *pebble.Snapshot
	head headRow
}

// Snapshot takes one, to be closed by the caller. ErrFuture before the first block.
func (db *DB) Snapshot() (*Snapshot, error) {
	disk := db.disk.NewSnapshot()
	row, err := get(disk, headKey)
	if err == nil && row == nil {
		err = fmt.Errorf("%w: there is no block yet", ErrFuture)
	}
	var head headRow
	if err == nil {
		head, err = decodeHead(row)
	}
	if err != nil {
		return nil, errors.Join(err, disk.Close())
	}
	return &Snapshot{db, disk, head}, nil
}

// Height is the height of the snapshot.
func (s *Snapshot) Height() int64 { return s.head.Height }

// AppHash is the app hash of that height.
func (s *Snapshot) AppHash() types.Hash { return s.head.AppHash }

// Close lets go of the height.
func (s *Snapshot) Close() error { return s.disk.Close() }

// restRows is how many references or rows of logs are written between two rests.
const restRows = 1000

// Write writes the snapshot in chunks: emit is called for each in order, and keeps none of the bytes it does not copy. rest
// is called again and again, after each few thousand rows at most, so that the caller can leave the machine to others, or end
// the writing with an error; nil: without rest. Every node that is at the height makes the same chunks.
func (s *Snapshot) Write(emit func(index int, chunk []byte) error, rest func() error) (*Manifest, error) {
	if rest == nil {
		rest = func() error { return nil }
	}
	m := &Manifest{head: s.head.clone(), shards: make([]node, shardCount)}
	w := &chunkWriter{m: m, disk: s.disk, emit: emit, rest: rest, target: s.db.options.ChunkBytes, floor: m.head.floor}
	// What only this node decides, or no root commits to, is no part of a snapshot. A restored store begins without a
	// floor: it has nothing in dropped buckets, and its next DropReferences makes it equal to its source.
	m.head.oldest, m.head.archive, m.head.floor = m.head.Height, false, 0
	for _, section := range []func() error{w.leaves, w.references, w.logs} {
		if err := section(); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// chunkWriter fills chunks. The first byte of a chunk is its section.
type chunkWriter struct {
	m      *Manifest
	disk   pebble.Reader
	emit   func(int, []byte) error
	rest   func() error
	rows   int // since the last rest
	target int
	floor  int64 // of the source: buckets below are dropped, though some rows may be left
	chunk  []byte
	keys   keyList
}

// row counts a row, and rests now and then.
func (w *chunkWriter) row() error {
	if w.rows++; w.rows < restRows {
		return nil
	}
	w.rows = 0
	return w.rest()
}

func (w *chunkWriter) begin(section byte) { w.chunk, w.keys = append(w.chunk[:0], section), keyList{} }

// end hands the chunk out, unless it is empty.
func (w *chunkWriter) end(shards uint32) error {
	if len(w.chunk) == 1 && w.chunk[0] != sectionLeaves {
		return nil
	}
	if len(w.chunk) > MaxChunkSize {
		return fmt.Errorf("%w: chunk of %d bytes", ErrInvalid, len(w.chunk))
	}
	w.m.chunks = append(w.m.chunks, chunkInfo{w.chunk[0], shards, sha256.Sum256(w.chunk)})
	return w.emit(len(w.m.chunks)-1, w.chunk)
}

func (w *chunkWriter) value(v []byte) {
	w.chunk = binary.AppendUvarint(w.chunk, uint64(len(v)))
	w.chunk = append(w.chunk, v...)
}

// leaves writes the leaves shard by shard; path rows have the order of the tree.
func (w *chunkWriter) leaves() error {
	w.begin(sectionLeaves)
	for shard := range uint32(shardCount) {
		if len(w.chunk) >= w.target {
			if err := w.end(shard); err != nil {
				return err
			}
			w.begin(sectionLeaves)
		}
		rows, err := shardRows(w.disk, shard, w.m.head.Height)
		if err != nil {
			return err
		}
		leaves := make([]leaf, len(rows))
		for i := range rows {
			w.chunk = w.keys.append(w.chunk, rows[i].key)
			w.value(rows[i].value)
			leaves[i] = rows[i].leaf
		}
		w.m.shards[shard] = fold(leaves, topBits)
		if err := w.rest(); err != nil {
			return err
		}
	}
	return w.end(shardCount)
}

// references writes what the digests of live buckets were made of.
func (w *chunkWriter) references() error {
	w.begin(sectionReference)
	err := liveReferences(w.disk, w.floor, func(bucket int64, key string, value []byte) error {
		if len(w.chunk) >= w.target {
			if err := w.end(0); err != nil {
				return err
			}
			w.begin(sectionReference)
		}
		w.chunk = binary.AppendUvarint(w.chunk, uint64(bucket))
		w.chunk = w.keys.append(w.chunk, key)
		w.value(value)
		return w.row()
	})
	if err != nil {
		return err
	}
	return w.end(0)
}

// logs writes all rows of all logs.
func (w *chunkWriter) logs() error {
	w.begin(sectionLogs)
	err := eachLogRow(w.disk, func(log string, n uint64, row []byte) error {
		if len(w.chunk) >= w.target {
			if err := w.end(0); err != nil {
				return err
			}
			w.begin(sectionLogs)
		}
		w.chunk = w.keys.append(w.chunk, log)
		w.chunk = binary.AppendUvarint(w.chunk, n)
		w.value(row)
		return w.row()
	})
	if err != nil {
		return err
	}
	return w.end(0)
}

// Marshal encodes the manifest.
func (m *Manifest) Marshal() ([]byte, error) {
	b := []byte{manifestFormat}
	head := m.head.encode()
	b = binary.AppendUvarint(b, uint64(len(head)))
	b = append(b, head...)
	for i := range m.shards {
		b = append(b, m.shards[i].kind)
		if m.shards[i].kind != empty {
			b = append(b, m.shards[i].hash[:]...)
		}
	}
	b = binary.AppendUvarint(b, uint64(len(m.chunks)))
	for i := range m.chunks {
		c := &m.chunks[i]
		b = append(b, c.section)
		b = binary.AppendUvarint(b, uint64(c.shards))
		b = append(b, c.hash[:]...)
	}
	if len(b) > MaxManifestSize {
		return nil, fmt.Errorf("%w: manifest of %d bytes", ErrInvalid, len(b))
	}
	return b, nil
}

// Unmarshal decodes a manifest and checks that it is consistent in itself; whether it is true only an app hash says, see
// DB.Restore. What does not fit is refused before anything of its size is allocated.
func (m *Manifest) Unmarshal(b []byte) error {
	if len(b) > MaxManifestSize {
		return fmt.Errorf("%w: %d bytes", ErrManifestSize, len(b))
	}
	if len(b) == 0 || b[0] != manifestFormat {
		return fmt.Errorf("%w: not format %d", ErrManifestFormat, manifestFormat)
	}
	r := &rowReader{b: b[1:]}
	head, err := decodeHead(r.bytes(r.uvarint()))
	if err != nil {
		return fmt.Errorf("%w: %v", ErrManifestRoots, err)
	}
	m.head, m.shards, m.chunks = head, make([]node, shardCount), nil
	for i := range m.shards {
		if kind := r.bytes(1); len(kind) == 1 && kind[0] != empty {
			m.shards[i] = node{kind: min(kind[0], inner), hash: r.hash()}
		}
	}
	n := r.uvarint()
	if n > MaxChunks {
		return fmt.Errorf("%w: %d of at most %d", ErrManifestCount, n, MaxChunks)
	}
	for range n {
		c := chunkInfo{}
		if s := r.bytes(1); len(s) == 1 {
			c.section = s[0]
		}
		c.shards = uint32(r.uvarint())
		c.hash = r.hash()
		m.chunks = append(m.chunks, c)
	}
	if err := r.done("manifest"); err != nil {
		return fmt.Errorf("%w: %v", ErrManifestFormat, err)
	}
	if again, err := m.Marshal(); err != nil || !bytes.Equal(again, b) {
		return fmt.Errorf("%w: not encoded canonically", ErrManifestFormat)
	}
	return m.check()
}

// check holds the manifest to its own app hash and to the order of chunks.
func (m *Manifest) check() error {
	t := newTree()
	copy(t.top[shardCount:], m.shards)
	t.finish()
	if m.head.Height < 1 || m.head.oldest != m.head.Height || m.head.archive ||
		m.head.floor != 0 || t.root() != m.head.root(types.RootState) {
		return fmt.Errorf("%w: the parts do not give the state root", ErrManifestRoots)
	}
	section, shards := byte(sectionLeaves), uint32(0)
	for i, c := range m.chunks {
		ok := c.section >= section && c.section <= sectionLogs
		if c.section == sectionLeaves {
			ok = ok && c.shards > shards && c.shards <= shardCount
			shards = c.shards
		} else {
			ok = ok && shards == shardCount && c.shards == 0
		}
		if !ok {
			return fmt.Errorf("%w: chunk %d is out of order", ErrManifestFormat, i)
		}
		section = c.section
	}
	if shards != shardCount {
		return fmt.Errorf("%w: leaves are missing", ErrManifestFormat)
	}
	return nil
}

// place is the index of the chunk with these bytes, or -1.
func (m *Manifest) place(hash types.Hash) int {
	return slices.IndexFunc(m.chunks, func(c chunkInfo) bool { return c.hash == hash })
}

// ChunkHash is the SHA-256 of a chunk, which must exist.
func (m *Manifest) ChunkHash(index int) types.Hash { return m.chunks[index].hash }
