package state

import (
	"encoding/binary"
	"fmt"
	"slices"

	"tradecredit/types"
)

// Schema is the version of the rows that this program reads and writes.
const Schema = 1

// Head says what is committed.
type Head struct {
	Height  int64             // 0 before the first commit
	AppHash types.Hash        // AppHash(Roots); zero before the first commit
	Roots   []types.NamedRoot // by name: references, state
	Schema  uint32
}

// root returns a root by name.
func (h *Head) root(name string) types.Hash {
	for _, r := range h.Roots {
		if r.Name == name {
			return r.Root
		}
	}
	return types.Hash{}
}

// headRow is what the head row holds: the Head, and what cannot be derived quickly.
type headRow struct {
	Head
	oldest  int64    // lowest height whose values are complete
	archive bool     // tree nodes of every height are kept, from the first block on
	floor   int64    // buckets below are dropped
	buckets []bucket // sorted
}

// bucket is the digest of one expiry bucket of references.
type bucket struct {
	bucket int64
	digest types.Hash
}

func (h *headRow) clone() headRow {
	c := *h
	c.Roots = slices.Clone(h.Roots)
	c.buckets = slices.Clone(h.buckets)
	return c
}

func (h *headRow) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(h.Schema))
	b = binary.AppendUvarint(b, uint64(h.Height))
	b = append(b, h.AppHash[:]...)
	b = appendRoots(b, h.Roots)
	b = binary.AppendUvarint(b, uint64(h.oldest))
	archive := byte(0)
	if h.archive {
		archive = 1
	}
	b = append(b, archive)
	b = binary.AppendUvarint(b, uint64(h.floor))
	b = binary.AppendUvarint(b, uint64(len(h.buckets)))
	for _, k := range h.buckets {
		b = binary.AppendUvarint(b, uint64(k.bucket))
		b = append(b, k.digest[:]...)
	}
	return b
}

func decodeHead(row []byte) (h headRow, err error) {
	r := &rowReader{b: row}
	h.Schema = uint32(r.uvarint())
	if h.Schema != Schema {
		return h, fmt.Errorf("the store has format %d, this program reads format %d: use the program that wrote it, or start from a snapshot", h.Schema, Schema)
	}
	h.Height = int64(r.uvarint())
	h.AppHash = r.hash()
	h.Roots = readRoots(r)
	h.oldest = int64(r.uvarint())
	h.archive = string(r.bytes(1)) == "\x01"
	h.floor = int64(r.uvarint())
	n := r.uvarint()
	for range min(n, maxBuckets) {
		k := bucket{bucket: int64(r.uvarint())}
		k.digest = r.hash()
		h.buckets = append(h.buckets, k)
	}
	if err := r.done("head row"); err != nil {
		return h, err
	}
	if types.AppHash(h.Roots) != h.AppHash || referencesRoot(h.buckets) != h.root(types.RootReferences) {
		return h, fmt.Errorf("%w: roots of the head row do not give its app hash", ErrCorrupt)
	}
	return h, nil
}
