package types

import (
	"crypto/sha256"
	"errors"
	"math/bits"
)

// LogLeafHash is the RFC 6962 hash of a row of a log: SHA-256(0x00 ‖ row).
func LogLeafHash(row []byte) []byte {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(row)
	return h.Sum(nil)
}

func logNodeHash(left, right []byte) []byte {
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], left)
	copy(b[1+sha256.Size:], right)
	sum := sha256.Sum256(b[:])
	return sum[:]
}

// Frontier is the compact range of an RFC 6962 log: the roots of the perfect subtrees that n rows fall into, the
// largest first, one for each bit that is set in n. With n it is all that is needed to append.
type Frontier [][]byte

var errFrontier = errors.New("types: the frontier does not fit the number of rows")

// Fits tells whether f can be the frontier of n rows.
func (f Frontier) Fits(n uint64) bool {
	if len(f) != bits.OnesCount64(n) {
		return false
	}
	for _, h := range f {
		if len(h) != sha256.Size {
			return false
		}
	}
	return true
}

// Append returns the frontier of n+1 rows, f being that of n rows and leafHash the LogLeafHash of row n. f itself is
// left as it is. It fails when f does not fit n.
func (f Frontier) Append(n uint64, leafHash []byte) (Frontier, error) {
	if !f.Fits(n) || len(leafHash) != sha256.Size {
		return nil, errFrontier
	}
	keep := len(f) - bits.TrailingZeros64(^n) // subtrees that merge: one for each trailing 1 of n
	node := leafHash
	for i := len(f) - 1; i >= keep; i-- {
		node = logNodeHash(f[i], node)
	}
	next := make(Frontier, keep, keep+1)
	copy(next, f)
	return append(next, node), nil
}

// Root is the RFC 6962 root of the n rows that f stands for; of no rows, SHA-256 of nothing. It fails when f does not fit n.
func (f Frontier) Root(n uint64) ([]byte, error) {
	if !f.Fits(n) {
		return nil, errFrontier
	}
	if n == 0 {
		sum := sha256.Sum256(nil)
		return sum[:], nil
	}
	root := f[len(f)-1]
	for i := len(f) - 2; i >= 0; i-- {
		root = logNodeHash(f[i], root)
	}
	return root, nil
}

// Extend returns the frontier and the root of a log of n rows after more rows. Whoever holds an older head can so check
// that a newer one only added what it was shown; from no frontier and 0 it computes a root from all rows.
func (f Frontier) Extend(n uint64, rows [][]byte) (Frontier, []byte, error) {
	next := f
	for _, row := range rows {
		var err error
		if next, err = next.Append(n, LogLeafHash(row)); err != nil {
			return nil, nil, err
		}
		n++
	}
	root, err := next.Root(n)
	return next, root, err
}
