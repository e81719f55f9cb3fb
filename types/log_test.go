package types_test

import (
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"tradecredit/types"
)

// TestFrontierAgainstCompactRange appends a thousand rows beside transparency-dev's compact range.
func TestFrontierAgainstCompactRange(t *testing.T) {
	factory := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	oracle := factory.NewEmptyRange(0)
	var f types.Frontier
	for n := range uint64(1025) {
		root, err := f.Root(n)
		require.NoError(t, err)
		want, err := oracle.GetRootHash(nil)
		require.NoError(t, err)
		if n == 0 {
			want = rfc6962.DefaultHasher.EmptyRoot()
		}
		require.Equal(t, want, root, "%d rows", n)
		require.Len(t, f, len(oracle.Hashes()))
		for i, h := range oracle.Hashes() {
			require.Equal(t, h, f[i], "%d rows, subtree %d", n, i)
		}
		row := []byte(fmt.Sprintf("row %d", n))
		leaf := types.LogLeafHash(row)
		require.Equal(t, rfc6962.DefaultHasher.HashLeaf(row), leaf)
		require.NoError(t, oracle.Append(leaf, nil))
		before := append(types.Frontier(nil), f...)
		next, err := f.Append(n, leaf)
		require.NoError(t, err)
		require.Equal(t, before, append(types.Frontier(nil), f...), "append leaves the old frontier as it is")
		f = next
	}
}

// TestLogOfTheStandard holds two roots of Certificate Transparency's own reference tree.
func TestLogOfTheStandard(t *testing.T) {
	var rows [][]byte
	for _, s := range []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"} {
		rows = append(rows, unhex(t, s))
	}
	for n, want := range map[int]string{
		0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
		8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
	} {
		_, root, err := types.Frontier(nil).Extend(0, rows[:n])
		require.NoError(t, err)
		require.Equal(t, want, hex.EncodeToString(root))
	}
}

func TestFrontierExtend(t *testing.T) {
	var rows [][]byte
	for i := range 77 {
		rows = append(rows, []byte{byte(i)})
	}
	whole, want, err := types.Frontier(nil).Extend(0, rows)
	require.NoError(t, err)
	for n := range rows {
		older, _, err := types.Frontier(nil).Extend(0, rows[:n])
		require.NoError(t, err)
		newer, root, err := older.Extend(uint64(n), rows[n:])
		require.NoError(t, err)
		require.Equal(t, want, root)
		require.Equal(t, whole, newer)
		_, root, err = older.Extend(uint64(n), rows[n:len(rows)-1])
		require.NoError(t, err)
		require.NotEqual(t, want, root, "a row was left out")
	}
}

func TestFrontierRefuses(t *testing.T) {
	leaf := types.LogLeafHash(nil)
	_, err := types.Frontier{leaf}.Append(2, leaf[:31])
	require.Error(t, err)
	for _, n := range []uint64{0, 3, 7} {
		_, err = types.Frontier{leaf}.Append(n, leaf)
		require.Error(t, err)
		_, err = types.Frontier{leaf}.Root(n)
		require.Error(t, err)
	}
	_, err = types.Frontier{leaf[:31]}.Root(1)
	require.Error(t, err)
	_, _, err = types.Frontier{leaf}.Extend(0, [][]byte{{1}})
	require.Error(t, err)
}
