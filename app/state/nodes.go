package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// levelOf is the depth of a heap index.
func levelOf(index uint32) int { return bits.Len32(index) - 1 }

// writeNodes adds the changed nodes of every fourth upper level, for the proofs of an archive;
// what lies between is made from sixteen of them, what lies below from the rows of one shard.
func (s *Staged) writeNodes(w *pebble.Batch) error {
	for i := range s.top {
		n := &s.top[i]
		if level := levelOf(n.index); level == 0 || level%4 != 0 {
			continue
		}
		value := append(make([]byte, 0, 33), n.kind)
		if n.kind != empty {
			value = append(value, n.hash[:]...)
		}
		if err := w.Set(nodeRow(n.index, s.head.Height), value, nil); err != nil {
			return err
		}
	}
	return nil
}

// archived is the moment of a height on an archive.
func (db *DB) archived(height int64) (*moment, error) {
	roots, _, err := db.readChanges(height)
	if err != nil {
		return nil, err
	}
	return &moment{height: height, roots: roots, db: db, nodes: make(map[uint32]node)}, nil
}

// fail keeps the first error; what the moment then says is not used.
func (m *moment) fail(err error) {
	if m.err == nil {
		m.err = err
	}
}

// archivedNode is a node of the upper levels from rows.
func (m *moment) archivedNode(index uint32) node {
	if n, ok := m.nodes[index]; ok {
		return n
	}
	var n node
	if level := levelOf(index); level > 0 && level%4 == 0 {
		n = m.readNode(index)
	} else {
		l, r := m.archivedNode(2*index), m.archivedNode(2*index+1)
		n = combine(&l, &r)
	}
	m.nodes[index] = n
	return n
}

// readNode reads a node's newest row up to the height; one that was never written is empty.
func (m *moment) readNode(index uint32) (n node) {
	lower := nodeRow(index, m.height)
	it, err := m.db.disk.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: nodeRow(index, 0)})
	if err != nil {
		m.fail(err)
		return n
	}
	defer it.Close()
	if it.First() {
		r := &rowReader{b: it.Value()}
		if kind := r.bytes(1); len(kind) == 1 && kind[0] != empty {
			n = node{hash: r.hash(), kind: kind[0]}
		}
		if err := r.done("node row"); err != nil || n.kind > inner {
			m.fail(fmt.Errorf("%w: node row %d", ErrCorrupt, index))
		}
	}
	if err := it.Error(); err != nil {
		m.fail(err)
	}
	return n
}

// archivedLeaves makes the leaves of one shard from the rows of its keys.
func (m *moment) archivedLeaves(shard uint32) []leaf {
	rows, err := shardRows(m.db.disk, shard, m.height)
	if err != nil {
		m.fail(err)
		return nil
	}
	leaves := make([]leaf, len(rows))
	for i := range rows {
		leaves[i] = rows[i].leaf
	}
	return leaves
}

// keyedLeaf is a leaf with its key and value.
type keyedLeaf struct {
	leaf
	key   string
	value []byte
}

// shardRows reads the leaves of one shard at a height, by path.
func shardRows(disk pebble.Reader, shard uint32, height int64) (leaves []keyedLeaf, err error) {
	lower := binary.BigEndian.AppendUint16([]byte{rowPath}, uint16(shard<<(16-topBits)))
	upper := []byte{rowPath + 1}
	if shard+1 < shardCount {
		upper = binary.BigEndian.AppendUint16([]byte{rowPath}, uint16((shard+1)<<(16-topBits)))
	}
	it, err := disk.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	values, err := disk.NewIter(nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, values.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		if len(it.Key()) <= pathRowKey {
			return nil, fmt.Errorf("%w: path row %q", ErrCorrupt, it.Key())
		}
		l := keyedLeaf{key: string(it.Key()[pathRowKey:])}
		if l.value, l.height, err = seekNewest(values, rowState, l.key, height); err != nil {
			return nil, err
		}
		if l.value != nil {
			l.path = pathOf(l.key)
			l.hash = leafHash(&l.path, l.value)
			leaves = append(leaves, l)
		}
	}
	slices.SortFunc(leaves, func(a, b keyedLeaf) int { return bytes.Compare(a.path[:], b.path[:]) })
	return leaves, it.Error()
}
