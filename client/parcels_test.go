package client

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

var parcelKey = bytes.Repeat([]byte{7}, 32)

func parcelsOf(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("YT%08d,610910,1,%d", i%97, 1200+i))
	}
	return out
}

// Every parcel of batches of every small size is shown, and verifies against that batch and no other.
func TestParcelProofs(t *testing.T) {
	for n := 1; n <= 40; n++ {
		b, err := NewParcelBatch(parcelKey, "carrier/b1", parcelsOf(n))
		require.NoError(t, err)
		require.Equal(t, uint32(n), b.Count())
		var leaves [][]byte
		for i, text := range parcelsOf(n) {
			leaves = append(leaves, parcelLeaf(b.salt(i), text))
		}
		root := types.MerkleRoot(leaves)
		require.Equal(t, root[:], b.Root(), "the root is RFC 6962's over the leaves")
		other, err := NewParcelBatch(parcelKey, "carrier/b2", parcelsOf(n))
		require.NoError(t, err)
		require.NotEqual(t, b.Root(), other.Root(), "salts are the batch's own")
		for i := range n {
			p, err := b.Prove(i)
			require.NoError(t, err)
			data, err := p.Encode()
			require.NoError(t, err)
			again, err := ParseParcelProof(data)
			require.NoError(t, err)
			require.NoError(t, again.Verify(b.Root(), uint64(n)))
			require.ErrorIs(t, again.Verify(other.Root(), uint64(n)), ErrParcel)
		}
	}
}

// Nothing of a proof can be changed.
func TestParcelProofIsRigid(t *testing.T) {
	b, err := NewParcelBatch(parcelKey, "carrier/b1", parcelsOf(11))
	require.NoError(t, err)
	for name, change := range map[string]func(*ParcelProof){
		"parcel": func(p *ParcelProof) { p.Parcel = strings.Replace(p.Parcel, "610910", "610990", 1) },
		"salt":   func(p *ParcelProof) { p.Salt[0]++ },
		"short":  func(p *ParcelProof) { p.Salt = p.Salt[1:] },
		"index":  func(p *ParcelProof) { p.Index++ },
		"beyond": func(p *ParcelProof) { p.Index = p.Count },
		"count":  func(p *ParcelProof) { p.Count++ },
		"path":   func(p *ParcelProof) { p.Path[1][5]++ },
		"longer": func(p *ParcelProof) { p.Path = append(p.Path, p.Path[0]) },
		"less":   func(p *ParcelProof) { p.Path = p.Path[1:] },
		"moved": func(p *ParcelProof) { // bytes between salt and text do not slide
			p.Parcel = string(p.Salt[31:]) + p.Parcel
			p.Salt = append([]byte{0}, p.Salt[:31]...)
		},
	} {
		p, err := b.Prove(4)
		require.NoError(t, err)
		require.NoError(t, p.Verify(b.Root(), 11))
		change(p)
		require.ErrorIs(t, p.Verify(b.Root(), 11), ErrParcel, name)
	}
	p, err := b.Prove(4)
	require.NoError(t, err)
	require.ErrorIs(t, p.Verify(b.Root(), 12), ErrParcel)
	require.ErrorIs(t, p.Verify(b.Root()[:31], 11), ErrParcel)
	require.NotContains(t, string(encodedProof(t, p)), "00000003", "the neighbour stays hidden")
}

func encodedProof(t *testing.T, p *ParcelProof) []byte {
	data, err := p.Encode()
	require.NoError(t, err)
	return data
}

func TestParcelsRefused(t *testing.T) {
	for _, c := range []struct {
		key     []byte
		record  string
		parcels []string
	}{
		{parcelKey[1:], "carrier/b1", []string{"a"}},
		{parcelKey, "b1", []string{"a"}},
		{parcelKey, "carrier/b1", nil},
		{parcelKey, "carrier/b1", []string{"a", ""}},
		{parcelKey, "carrier/b1", []string{strings.Repeat("a", maxParcelBytes+1)}},
	} {
		_, err := NewParcelBatch(c.key, c.record, c.parcels)
		require.ErrorIs(t, err, ErrParcels)
	}
	b, err := NewParcelBatch(parcelKey, "carrier/b1", []string{strings.Repeat("\x00", maxParcelBytes)})
	require.NoError(t, err)
	for _, i := range []int{-1, 1} {
		_, err = b.Prove(i)
		require.ErrorIs(t, err, ErrParcels)
	}
	p, err := b.Prove(0)
	require.NoError(t, err)
	longest := encodedProof(t, p)
	_, err = ParseParcelProof(longest)
	require.NoError(t, err, "the longest parcel fits")
	for _, text := range []string{
		"", "{}", "[]", `{"batch":"carrier/b1"}`, `{"batch":"c/b","parcel":"p","salt":"zz"}`,
		`{"batch":"c/b","parcel":"p","path":["zz"]}`, `{"batch":"c/b","parcel":"p","weight":1}`,
		string(longest) + string(longest), strings.Repeat(" ", maxParcelProof) + string(longest),
	} {
		_, err := ParseParcelProof([]byte(text))
		require.ErrorIs(t, err, ErrParcelProof, text[:min(len(text), 40)])
	}
}
