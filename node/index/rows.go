package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// First bytes of the rows; see the package comment.
const (
	rowList   = 'L'
	rowMeta   = 'M'
	rowRecord = 'R'
	rowTotal  = 'T'
)

var (
	headRow     = []byte{rowMeta, 'h'}
	buildingRow = []byte{rowMeta, 'b'}
)

const (
	layout   = 1          // of the rows, in the head; a change of what is written raises it
	headSize = 1 + 8 + 32 // of the head's value
	listHead = 3          // of L and T rows: first byte, kind, by
)

// comparer is the plain order of bytes, and ends the prefix of an L row where its list ends: Bloom filters are made of
// prefixes, and need to know records and lists, not each place.
var comparer = func() *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.Split = func(row []byte) int {
		if len(row) > 0 && row[0] == rowList {
			if n, err := listOf(row); err == nil {
				return n
			}
		}
		return len(row)
	}
	// A row that is a prefix as a whole is followed by itself and NUL; a list of a number by its next number, and one of a
	// text by the text and 1.
	c.ImmediateSuccessor = func(dst, prefix []byte) []byte {
		if len(prefix) > 0 && prefix[0] == rowList {
			if _, err := listOf(prefix); err == nil {
				return append(dst, successor(prefix)...)
			}
		}
		return append(append(dst, prefix...), 0)
	}
	c.Name = "tradecredit.index.v1"
	return &c
}()

// listing is a record's place in the lists of one By: a text or, for status and days, a number.
type listing struct {
	by     By
	text   string
	number int32
}

func (l listing) compare(m listing) int {
	if l.by != m.by {
		return int(l.by) - int(m.by)
	}
	if l.number != m.number {
		return int(int64(l.number) - int64(m.number))
	}
	return strings.Compare(l.text, m.text)
}

// facts is what the lists of a record are made of.
type facts struct {
	height int64 // at which it was recorded; 0 when the record does not say
	lists  []listing
}

// text puts the record into a list of a text. No list is made of nothing, or of what no key of the state can hold.
func (f *facts) text(by By, s string) {
	if s != "" && len(s) <= maxValue && strings.IndexByte(s, 0) < 0 {
		f.lists = append(f.lists, listing{by: by, text: s})
	}
}

// number puts the record into a list of a number.
func (f *facts) number(by By, n int32) { f.lists = append(f.lists, listing{by: by, number: n}) }

// sort brings the lists into the order of their rows, each once.
func (f *facts) sort() {
	slices.SortFunc(f.lists, listing.compare)
	f.lists = slices.Compact(f.lists)
}

// ownSigner marks, in an encoded listing, the text with which the record's id begins: most records are their signer's.
const ownSigner = 0x80

// encode writes the facts, without what the id says already.
func (f *facts) encode(id string) []byte {
	own, _, _ := strings.Cut(id, "/")
	b := binary.AppendUvarint(make([]byte, 0, 96), uint64(f.height))
	for _, l := range f.lists {
		switch {
		case l.by.isNumber():
			b = binary.AppendVarint(append(b, byte(l.by)), int64(l.number))
		case l.text == own:
			b = append(b, byte(l.by)|ownSigner)
		default:
			b = binary.AppendUvarint(append(b, byte(l.by)), uint64(len(l.text)))
			b = append(b, l.text...)
		}
	}
	return b
}

// decodeFacts undoes encode.
func decodeFacts(id string, b []byte) (*facts, error) {
	own, _, _ := strings.Cut(id, "/")
	damaged := fmt.Errorf("%w: the facts of %q do not decode", ErrCorrupt, id)
	height, n := binary.Uvarint(b)
	if n <= 0 || height > math.MaxInt64 {
		return nil, damaged
	}
	f := &facts{height: int64(height)}
	for b = b[n:]; len(b) > 0; {
		l := listing{by: By(b[0] &^ ownSigner)}
		mine := b[0]&ownSigner != 0
		b = b[1:]
		switch {
		case mine:
			l.text = own
		case l.by.isNumber():
			v, n := binary.Varint(b)
			if n <= 0 || v != int64(int32(v)) {
				return nil, damaged
			}
			l.number, b = int32(v), b[n:]
		default:
			size, n := binary.Uvarint(b)
			if n <= 0 || size > uint64(len(b)-n) {
				return nil, damaged
			}
			l.text, b = string(b[n:n+int(size)]), b[n+int(size):]
		}
		f.lists = append(f.lists, l)
	}
	return f, nil
}

// rows lists the L rows of a record, in order.
func (f *facts) rows(kind byte, id string) [][]byte {
	out := make([][]byte, 0, len(f.lists))
	for _, l := range f.lists {
		row := binary.BigEndian.AppendUint64(l.row(rowList, kind), ^uint64(f.height))
		out = append(out, append(row, id...))
	}
	return out
}

// row is the beginning of the list's rows, or the key of its total.
func (l listing) row(first, kind byte) []byte {
	b := make([]byte, 0, 4+len(l.text)+8+64)
	b = append(b, first, kind, byte(l.by))
	switch {
	case l.by == All:
		return b
	case l.by.isNumber():
		return binary.BigEndian.AppendUint32(b, uint32(l.number)^1<<31)
	}
	return append(append(b, l.text...), 0)
}

// listOf is the length of the beginning that all rows of an L row's list share.
func listOf(row []byte) (int, error) {
	if len(row) > listHead {
		by := By(row[2])
		if by.isNumber() && len(row) >= listHead+4 {
			return listHead + 4, nil
		}
		if n := bytes.IndexByte(row[listHead:], 0); !by.isNumber() && n >= 0 {
			return listHead + n + 1, nil
		}
	}
	return 0, fmt.Errorf("%w: row %q", ErrCorrupt, row)
}

func recordRow(key string) []byte { return append([]byte{rowRecord}, key...) }

// successor is the least row above all that begin with prefix, whose last byte is below 0xff in all of ours.
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

// get reads one row; nil if there is none.
func get(r pebble.Reader, row []byte) ([]byte, error) {
	value, closer, err := r.Get(row)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	value = append(make([]byte, 0, len(value)), value...) // never nil
	return value, closer.Close()
}

// decodeTotal reads how many rows a list has; no row means none.
func decodeTotal(row, value []byte) (int64, error) {
	if value == nil {
		return 0, nil
	}
	count, n := binary.Uvarint(value)
	if n != len(value) || count == 0 || count > math.MaxInt64 {
		return 0, fmt.Errorf("%w: total %q", ErrCorrupt, row)
	}
	return int64(count), nil
}
