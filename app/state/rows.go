package state

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"tradecredit/types"
)

// First bytes of the rows; see doc.go for the whole format.
const (
	rowBucket    = 'B'
	rowChanges   = 'C'
	rowEntry     = 'E'
	rowPath      = 'K'
	rowMeta      = 'M'
	rowNode      = 'N'
	rowReference = 'R'
	rowState     = 'S'
)

// headKey is the row that a block becomes committed by.
var headKey = []byte{rowMeta, 'h'}

// comparer orders rows bytewise and ends a row's prefix at its first NUL, which in S and R rows
// is followed by the version. Bloom filters are made of prefixes, so a lookup of the newest
// version of a key that does not exist reads no data block.
var comparer = func() *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.Split = func(key []byte) int {
		if i := bytes.IndexByte(key, 0); i >= 0 {
			return i + 1
		}
		return len(key)
	}
	// The least prefix above p ‖ NUL is p ‖ 1, above one without NUL it is p ‖ NUL.
	c.ImmediateSuccessor = func(dst, prefix []byte) []byte {
		dst = append(dst, prefix...)
		if n := len(dst) - 1; len(prefix) > 0 && dst[n] == 0 {
			dst[n] = 1
			return dst
		}
		return append(dst, 0)
	}
	c.Name = "tradecredit.rows.v1"
	return &c
}()

// versioned is kind ‖ key ‖ NUL ‖ ^version: newer versions come first.
func versioned(kind byte, key string, version int64) []byte {
	b := make([]byte, 0, len(key)+10)
	b = append(b, kind)
	b = append(b, key...)
	b = append(b, 0)
	return binary.BigEndian.AppendUint64(b, ^uint64(version))
}

func stateRow(key string, height int64) []byte { return versioned(rowState, key, height) }

func referenceRow(key string, bucket int64) []byte { return versioned(rowReference, key, bucket) }

// splitVersioned undoes versioned; the key aliases row.
func splitVersioned(row []byte) (key []byte, version int64, err error) {
	if n := len(row) - 9; n > 1 && row[n] == 0 {
		return row[1:n], int64(^binary.BigEndian.Uint64(row[n+1:])), nil
	}
	return nil, 0, fmt.Errorf("%w: row key %q", ErrCorrupt, row)
}

func entryRow(log string, n uint64) []byte {
	b := make([]byte, 0, len(log)+10)
	b = append(b, rowEntry)
	b = append(b, log...)
	b = append(b, 0)
	return binary.BigEndian.AppendUint64(b, n)
}

func changesRow(height int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{rowChanges}, uint64(height))
}

func bucketRow(bucket, height int64) []byte {
	b := binary.BigEndian.AppendUint64([]byte{rowBucket}, uint64(bucket))
	return binary.BigEndian.AppendUint64(b, uint64(height))
}

// pathRowKey is where the key begins in a path row.
const pathRowKey = 1 + 8

// pathRow leads from a leaf's place in the tree back to its key. Eight bytes of the path find
// it; the key stands in the row's key, so that equal beginnings do not disturb each other.
func pathRow(path *types.Hash, key string) []byte {
	b := make([]byte, 0, pathRowKey+len(key))
	b = append(b, rowPath)
	b = append(b, path[:pathRowKey-1]...)
	return append(b, key...)
}

func nodeRow(index uint32, height int64) []byte {
	b := binary.BigEndian.AppendUint16([]byte{rowNode}, uint16(index))
	return binary.BigEndian.AppendUint64(b, ^uint64(height))
}

// successor is the least row above all that begin with prefix; nil if there is none.
func successor(prefix []byte) []byte {
	b := bytes.Clone(prefix)
	for i := len(b) - 1; i >= 0; i-- {
		if b[i] != 0xff {
			b[i]++
			return b[:i+1]
		}
	}
	return nil
}

// keyList appends keys, each without what it shares with the one before it.
type keyList struct{ last string }

func (l *keyList) append(b []byte, key string) []byte {
	n := 0
	for n < len(key) && n < len(l.last) && key[n] == l.last[n] {
		n++
	}
	l.last = key
	b = binary.AppendUvarint(b, uint64(n))
	b = binary.AppendUvarint(b, uint64(len(key)-n))
	return append(b, key[n:]...)
}

func (l *keyList) next(r *rowReader) string {
	n := r.uvarint()
	tail := r.bytes(r.uvarint())
	if n > uint64(len(l.last)) {
		r.failed = true
		return ""
	}
	l.last = l.last[:n] + string(tail)
	return l.last
}

// rowReader decodes a row; failed says that it ended early or held nonsense.
type rowReader struct {
	b      []byte
	failed bool
}

func (r *rowReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.failed, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *rowReader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.failed, r.b = true, nil
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *rowReader) hash() (h types.Hash) {
	copy(h[:], r.bytes(32))
	return h
}

func (r *rowReader) done(what string) error {
	if r.failed || len(r.b) != 0 {
		return fmt.Errorf("%w: %s does not decode", ErrCorrupt, what)
	}
	return nil
}

// changed is one leaf in the change row of a block.
type changed struct {
	key     string
	old     int64 // height of the version before; 0 if there was none
	deleted bool
}

// encodeChanges makes the change row: the roots of the block, then its changed keys, sorted.
func encodeChanges(height int64, roots []types.NamedRoot, list []changed) []byte {
	b := appendRoots(nil, roots)
	b = binary.AppendUvarint(b, uint64(len(list)))
	var keys keyList
	for _, c := range list {
		b = keys.append(b, c.key)
		var age uint64
		if c.old > 0 {
			age = uint64(height - c.old)
		}
		age <<= 1
		if c.deleted {
			age |= 1
		}
		b = binary.AppendUvarint(b, age)
	}
	return b
}

func decodeChanges(height int64, row []byte) ([]types.NamedRoot, []changed, error) {
	r := &rowReader{b: row}
	roots := readRoots(r)
	n := r.uvarint()
	if n > uint64(len(row)) {
		return nil, nil, fmt.Errorf("%w: change row of height %d", ErrCorrupt, height)
	}
	list := make([]changed, 0, n)
	var keys keyList
	for range n {
		c := changed{key: keys.next(r)}
		age := r.uvarint()
		c.deleted = age&1 == 1
		if age >>= 1; age > 0 {
			c.old = height - int64(age)
		}
		list = append(list, c)
	}
	return roots, list, r.done(fmt.Sprintf("change row of height %d", height))
}

func appendRoots(b []byte, roots []types.NamedRoot) []byte {
	b = binary.AppendUvarint(b, uint64(len(roots)))
	for _, root := range roots {
		b = binary.AppendUvarint(b, uint64(len(root.Name)))
		b = append(b, root.Name...)
		b = append(b, root.Root[:]...)
	}
	return b
}

func readRoots(r *rowReader) []types.NamedRoot {
	var roots []types.NamedRoot
	for range min(r.uvarint(), 16) {
		name := string(r.bytes(r.uvarint()))
		roots = append(roots, types.NamedRoot{Name: name, Root: r.hash()})
	}
	return roots
}
