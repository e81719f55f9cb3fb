package client

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// TestAbsenceOfAnyOtherLock: what is pledged of an object is one key of the state. Its content, and with it the order of
// the lenders, and its absence are proved alike; so is the absence of every fingerprint of a paper.
func TestAbsenceOfAnyOtherLock(t *testing.T) {
	pledged, free := types.EncumbranceKey("receivable/a-1/r1"), types.EncumbranceKey("receivable/a-1/r2")
	held := types.FingerprintKey(1, 1, []byte("digest"))
	row := &types.Encumbrance{Liens: []*types.Lien{
		{Financing: "b-1/f1", Lender: "b-1", Object: "receivable/a-1/r1", AmountMinor: 60, NotifiedDay: 19737},
		{Financing: "b-2/f1", Lender: "b-2", Object: "receivable/a-1/r1", AmountMinor: 40, RegistryNumber: "ZD-1", RegisteredDay: 19740},
	}}
	f := newFakeChain(4)
	f.add(map[string][]byte{"chain": {1}, string(pledged): mustMarshal(row), string(held): mustMarshal(&types.FingerprintHits{
		Hits: []*types.FingerprintHit{{Financing: "b-1/f1", Object: "receivable/a-1/r1", Lender: "b-1"}},
	})})
	c, _ := newFakeNode(f).serve(t)

	got, proven, err := Get(context.Background(), c, pledged, GetOptions{})
	require.NoError(t, err)
	require.NotNil(t, proven.Value)
	require.Equal(t, "b-2", types.Priority(got)[0].Lien.Lender)

	none, proven, err := Get(context.Background(), c, free, GetOptions{})
	require.NoError(t, err)
	require.Nil(t, none)
	require.Nil(t, proven.Value)
	require.Equal(t, int64(1), proven.Height)

	for number := range 7 {
		hits, proven, err := Get(context.Background(), c, types.FingerprintKey(number, 1, []byte("digest")), GetOptions{})
		require.NoError(t, err)
		require.Equal(t, number == 1, hits != nil)
		require.Equal(t, number != 1, proven.Value == nil)
	}
}
