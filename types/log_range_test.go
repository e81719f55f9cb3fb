package types

import (
	"bytes"
	"fmt"
	"math/bits"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// logOf is a log of n rows and the roots of its perfect subtrees.
func logOf(n uint64) (rows [][]byte, node func(level uint, index uint64) ([]byte, error)) {
	for i := range n {
		rows = append(rows, fmt.Appendf(nil, "row %d", i))
	}
	return rows, func(level uint, index uint64) ([]byte, error) {
		_, root, err := Frontier(nil).Extend(0, rows[index<<level:(index+1)<<level])
		return root, err
	}
}

func TestLogRange(t *testing.T) {
	for n := range uint64(36) {
		rows, node := logOf(n)
		_, want, err := Frontier(nil).Extend(0, rows)
		require.NoError(t, err)
		for begin := range n + 1 {
			for end := begin; end <= n; end++ {
				p, err := ProveLogRange(n, begin, end, node)
				require.NoError(t, err)
				got, err := p.Root(n, begin, rows[begin:end])
				require.NoError(t, err)
				require.Equal(t, want, got, "%d rows, %d to %d", n, begin, end)
				require.LessOrEqual(t, len(p.Left)+len(p.Right), 2*bits.Len64(n))
			}
		}
		p, err := ProveLogRange(n, 0, n, node)
		require.NoError(t, err)
		require.Empty(t, p.Left)
		require.Empty(t, p.Right)
	}
}

// A single row's proof holds the same hashes as RFC 6962's audit path, whose last ones are of ragged subtrees.
func TestLogRangeOfOneRowIsAnAuditPath(t *testing.T) {
	for n := uint64(1); n < 40; n++ {
		rows, node := logOf(n)
		_, root, err := Frontier(nil).Extend(0, rows)
		require.NoError(t, err)
		for i := range n {
			nodes, err := proof.Inclusion(i, n)
			require.NoError(t, err)
			var hashes [][]byte
			for _, id := range nodes.IDs {
				h, err := node(id.Level, id.Index)
				require.NoError(t, err)
				hashes = append(hashes, h)
			}
			path, err := nodes.Rehash(slices.Clone(hashes), rfc6962.DefaultHasher.HashChildren)
			require.NoError(t, err)
			require.NoError(t, proof.VerifyInclusion(rfc6962.DefaultHasher, i, n, LogLeafHash(rows[i]), path, root))
			p, err := ProveLogRange(n, i, i+1, node)
			require.NoError(t, err)
			got, err := p.Root(n, i, rows[i:i+1])
			require.NoError(t, err)
			require.Equal(t, root, got)
			seen := map[string]bool{}
			for _, h := range append(p.Left, p.Right...) {
				seen[string(h)] = true
			}
			for _, h := range hashes {
				require.True(t, seen[string(h)], "row %d of %d", i, n)
			}
			require.Len(t, seen, len(hashes))
		}
	}
}

func TestLogRangeRefuses(t *testing.T) {
	const n, begin, end = 23, 5, 11
	rows, node := logOf(n)
	_, want, err := Frontier(nil).Extend(0, rows)
	require.NoError(t, err)
	p, err := ProveLogRange(n, begin, end, node)
	require.NoError(t, err)
	refused := func(what string, p LogRange, n, begin uint64, rows [][]byte) {
		t.Helper()
		got, err := p.Root(n, begin, rows)
		require.True(t, err != nil || !bytes.Equal(got, want), what)
	}
	some := rows[begin:end]
	refused("a row missing", *p, n, begin, some[1:])
	refused("a row missing at the end", *p, n, begin, some[:len(some)-1])
	refused("a row missing between", *p, n, begin, append(append([][]byte{}, some[:2]...), some[3:]...))
	refused("a row more", *p, n, begin, append(append([][]byte{}, some...), rows[end]))
	refused("another place", *p, n, begin+1, some)
	refused("another length", *p, n+1, begin, some)
	refused("shorter", *p, n-1, begin, some)
	refused("swapped", *p, n, begin, append([][]byte{some[1], some[0]}, some[2:]...))
	refused("no left", LogRange{Right: p.Right}, n, begin, some)
	refused("no right", LogRange{Left: p.Left}, n, begin, some)
	refused("more right", LogRange{Left: p.Left, Right: append(append([][]byte{}, p.Right...), p.Right[0])}, n, begin, some)
	refused("short hash", LogRange{Left: [][]byte{p.Left[0][1:], p.Left[1]}, Right: p.Right}, n, begin, some)
	refused("beyond", *p, n, 1<<63, some)
	_, err = ProveLogRange(n, 4, n+1, node)
	require.ErrorIs(t, err, ErrLogRange)
	_, err = ProveLogRange(n, 4, 3, node)
	require.ErrorIs(t, err, ErrLogRange)
}
