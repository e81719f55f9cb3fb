package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"sort"

	"tradecredit/types"
)

// The tree is the sparse Merkle tree of ics23.SmtSpec, held in three layers that its root
// knows nothing of: topBits levels of hashes over the whole, below each of their ends a shard
// with as many levels of its own as its leaves are worth, below those buckets of sorted leaves
// whose inner hashes are made when needed. Shards grow one by one, so that no block pays for
// the growth of the whole tree.
const (
	topBits      = 12
	shardCount   = 1 << topBits
	bucketLeaves = 8   // a shard gets another level when its buckets hold more on average
	bucketMax    = 256 // or when one bucket holds more than this
	shardBitsMax = 20
)

// Kinds of nodes. A leaf stays what it is on its way up while nothing stands beside it.
const (
	empty = iota
	lone
	inner
)

type node struct {
	hash types.Hash
	kind uint8
}

// leaf is one key of the state: where it stands, what it hashes to, and the height of its newest row.
type leaf struct {
	path   types.Hash // SHA-256(SHA-256(key))
	hash   types.Hash // SHA-256(0 ‖ path ‖ SHA-256(SHA-256(value)))
	height int64
}

// shard is the part of the tree under one node at depth topBits.
type shard struct {
	bits    uint8
	count   int
	nodes   []node   // heap of 2<<bits, from 1; nil while the shard is empty
	buckets [][]leaf // 1<<bits, each sorted by path
}

// tree is the whole tree at one height.
type tree struct {
	top    []node // heap of 2*shardCount, from 1; its last level is the roots of the shards
	shards []shard
	count  int
}

func newTree() *tree {
	return &tree{top: make([]node, 2*shardCount), shards: make([]shard, shardCount)}
}

func (t *tree) root() types.Hash { return t.top[1].hash }

// pathOf is where a key stands in the tree.
func pathOf(key string) types.Hash {
	k := sha256.Sum256([]byte(key))
	return sha256.Sum256(k[:])
}

// leafHash is the hash of a leaf as ics23.SmtSpec makes it of SHA-256(key) and SHA-256(value).
func leafHash(path *types.Hash, value []byte) types.Hash {
	v := sha256.Sum256(value)
	v = sha256.Sum256(v[:])
	var b [65]byte
	copy(b[1:], path[:])
	copy(b[33:], v[:])
	return sha256.Sum256(b[:])
}

// combine is the parent of two nodes: a leaf with nothing beside it is promoted.
func combine(l, r *node) node {
	switch {
	case r.kind == empty && l.kind != inner:
		return *l
	case l.kind == empty && r.kind == lone:
		return *r
	}
	var b [65]byte
	b[0] = 1
	copy(b[1:], l.hash[:])
	copy(b[33:], r.hash[:])
	return node{hash: sha256.Sum256(b[:]), kind: inner}
}

// fold is the node over sorted leaves that share their first depth bits.
func fold(leaves []leaf, depth int) node {
	switch len(leaves) {
	case 0:
		return node{}
	case 1:
		return node{hash: leaves[0].hash, kind: lone}
	}
	m := splitAt(leaves, depth)
	l, r := fold(leaves[:m], depth+1), fold(leaves[m:], depth+1)
	return combine(&l, &r)
}

// splitAt is the number of leaves whose bit at depth is 0.
func splitAt(leaves []leaf, depth int) int {
	if len(leaves) <= 8 {
		for i := range leaves {
			if bitAt(&leaves[i].path, depth) == 1 {
				return i
			}
		}
		return len(leaves)
	}
	return sort.Search(len(leaves), func(i int) bool { return bitAt(&leaves[i].path, depth) == 1 })
}

func bitAt(path *types.Hash, i int) int { return int(path[i>>3]>>(7-uint(i&7))) & 1 }

// bitsAt reads n ≤ 32 bits of the path from the given depth; depth + n ≤ 64.
func bitsAt(path *types.Hash, depth, n int) uint32 {
	if n == 0 {
		return 0
	}
	return uint32(binary.BigEndian.Uint64(path[:8]) << depth >> (64 - n))
}

func shardOf(path *types.Hash) uint32 { return bitsAt(path, 0, topBits) }

func (s *shard) bucketOf(path *types.Hash) uint32 { return bitsAt(path, topBits, int(s.bits)) }

func (s *shard) root() node {
	if s.nodes == nil {
		return node{}
	}
	return s.nodes[1]
}

// search is the place of path among sorted leaves, and whether it is there.
func search(leaves []leaf, path *types.Hash) (int, bool) {
	i := sort.Search(len(leaves), func(i int) bool { return bytes.Compare(leaves[i].path[:], path[:]) >= 0 })
	return i, i < len(leaves) && leaves[i].path == *path
}

// find is the leaf at path, or nil.
func (t *tree) find(path *types.Hash) *leaf {
	s := &t.shards[shardOf(path)]
	if s.nodes == nil {
		return nil
	}
	b := s.buckets[s.bucketOf(path)]
	if i, ok := search(b, path); ok {
		return &b[i]
	}
	return nil
}

// bitsFor is the number of levels that a shard of sorted leaves should have, not below least.
func bitsFor(leaves []leaf, least uint8) uint8 {
	bits := least
	for bits < shardBitsMax && len(leaves) > bucketLeaves<<bits {
		bits++
	}
	// Somebody may have searched for keys that fall together: up to 16 times as many buckets
	// are spent on taking them apart.
	for bits < shardBitsMax && len(leaves)*2 > 1<<bits && largestBucket(leaves, bits) > bucketMax {
		bits++
	}
	return bits
}

func largestBucket(leaves []leaf, bits uint8) (most int) {
	if len(leaves) <= bucketMax {
		return len(leaves)
	}
	for i, n := 0, 0; i < len(leaves); i += n {
		n = bucketEnd(leaves[i:], bits)
		most = max(most, n)
	}
	return most
}

// bucketEnd is the number of leaves from the first on that fall into its bucket.
func bucketEnd(leaves []leaf, bits uint8) int {
	first := bitsAt(&leaves[0].path, topBits, int(bits))
	n := 1
	for n < len(leaves) && bitsAt(&leaves[n].path, topBits, int(bits)) == first {
		n++
	}
	return n
}

// newShard builds a shard of sorted leaves.
func newShard(leaves []leaf, bits uint8) shard {
	s := shard{bits: bits, count: len(leaves), nodes: make([]node, 2<<bits), buckets: make([][]leaf, 1<<bits)}
	for len(leaves) > 0 {
		b, n := s.bucketOf(&leaves[0].path), bucketEnd(leaves, bits)
		s.buckets[b] = slices.Clone(leaves[:n])
		s.nodes[1<<bits+b] = fold(leaves[:n], topBits+int(bits))
		leaves = leaves[n:]
	}
	for i := 1<<bits - 1; i >= 1; i-- {
		s.nodes[i] = combine(&s.nodes[2*i], &s.nodes[2*i+1])
	}
	return s
}

// leaves lists all leaves of the shard, sorted.
func (s *shard) leaves() []leaf {
	all := make([]leaf, 0, s.count)
	for _, b := range s.buckets {
		all = append(all, b...)
	}
	return all
}
