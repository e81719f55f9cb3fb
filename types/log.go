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

// LogNodeHash is the RFC 6962 hash of two subtrees of a log: SHA-256(0x01 ‖ left ‖ right).
func LogNodeHash(left, right []byte) []byte {
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
		node = LogNodeHash(f[i], node)
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
		root = LogNodeHash(f[i], root)
	}
	return root, nil
}

// Extend returns the frontier and the root of a log of n rows after more rows. Whoever holds an older head can so check
// that a newer one only added what it was shown; from no frontier and 0 it computes a root from all rows.
func (f Frontier) Extend(n uint64, rows [][]byte) (Frontier, []byte, error) {
	if !f.Fits(n) {
		return nil, nil, errFrontier
	}
	next := make(Frontier, len(f), len(f)+1)
	copy(next, f)
	for _, row := range rows {
		node := LogLeafHash(row)
		for range bits.TrailingZeros64(^n) { // subtrees that merge: one for each trailing 1 of n
			last := len(next) - 1
			node, next = LogNodeHash(next[last], node), next[:last]
		}
		next = append(next, node)
		n++
	}
	root, err := next.Root(n)
	return next, root, err
}

// appendSubtree is Append of a perfect subtree of 2^level rows that begins at row n, which must be a multiple of that.
func (f Frontier) appendSubtree(n uint64, level uint, root []byte) (Frontier, error) {
	if !f.Fits(n) || len(root) != sha256.Size || level > 62 || n&(1<<level-1) != 0 {
		return nil, errFrontier
	}
	keep := len(f) - bits.TrailingZeros64(^(n >> level)) // subtrees that merge: one for each trailing 1 from that bit on
	node := root
	for i := len(f) - 1; i >= keep; i-- {
		node = LogNodeHash(f[i], node)
	}
	next := make(Frontier, keep, keep+1)
	copy(next, f)
	return append(next, node), nil
}

// LogRange proves that rows stand in a log from one place on and none between is missing: with the rows themselves it
// gives the root. It has at most about two hashes for each doubling of the log, and none for a whole log.
type LogRange struct {
	Left  [][]byte // frontier of the rows before the first
	Right [][]byte // roots of the perfect subtrees that the rows after the last fall into, in the order of the rows
}

// ErrLogRange is a proof that does not have the hashes that the place of its rows asks for.
var ErrLogRange = errors.New("proof does not fit the place of its rows in the log")

// subtreesFrom calls fn for each perfect subtree that the rows begin … n−1 of a log fall into, in the order of the rows.
func subtreesFrom(begin, n uint64, fn func(level uint, index uint64) error) error {
	for begin < n {
		level := min(uint(bits.TrailingZeros64(begin)), uint(bits.Len64(n-begin))-1)
		if err := fn(level, begin>>level); err != nil {
			return err
		}
		begin += 1 << level
	}
	return nil
}

// ProveLogRange makes the proof of the rows begin … end−1 of a log of n rows. node gives the root of the perfect subtree
// that has the rows from index·2^level to (index+1)·2^level − 1; what it fails with is returned. ErrLogRange if the rows
// are not 0 ≤ begin ≤ end ≤ n.
func ProveLogRange(n, begin, end uint64, node func(level uint, index uint64) ([]byte, error)) (*LogRange, error) {
	if begin > end || end > n || n>>62 != 0 {
		return nil, ErrLogRange
	}
	p := &LogRange{}
	at := uint64(0)
	for level := bits.Len64(begin); level >= 0; level-- {
		if begin>>level&1 == 0 {
			continue
		}
		h, err := node(uint(level), at>>level)
		if err != nil {
			return nil, err
		}
		p.Left, at = append(p.Left, h), at+1<<level
	}
	err := subtreesFrom(end, n, func(level uint, index uint64) error {
		h, err := node(level, index)
		p.Right = append(p.Right, h)
		return err
	})
	return p, err
}

// Root is the root of the log of n rows in which the given ones stand from row begin on. It must be compared with a root
// that was proved. ErrLogRange when p has too many or too few hashes for that place.
func (p *LogRange) Root(n, begin uint64, rows [][]byte) ([]byte, error) {
	end := begin + uint64(len(rows))
	if end > n || begin > end || n>>62 != 0 {
		return nil, ErrLogRange
	}
	f, _, err := Frontier(p.Left).Extend(begin, rows)
	if err != nil {
		return nil, ErrLogRange
	}
	right, at := p.Right, end
	err = subtreesFrom(end, n, func(level uint, _ uint64) error {
		if len(right) == 0 {
			return ErrLogRange
		}
		if f, err = f.appendSubtree(at, level, right[0]); err != nil {
			return ErrLogRange
		}
		right, at = right[1:], at+1<<level
		return nil
	})
	if err != nil || len(right) != 0 {
		return nil, ErrLogRange
	}
	return f.Root(n)
}
