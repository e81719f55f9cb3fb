package types_test

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// TestPriority has one case for each clause of article 768, and for where they meet.
func TestPriority(t *testing.T) {
	type place struct {
		lender string
		rank   int
		ground types.PriorityGround
		share  int32
	}
	lien := func(lender string, registered, notified int32, amount int64) *types.Lien {
		l := &types.Lien{Financing: lender + "/f1", Lender: lender, AmountMinor: amount, NotifiedDay: notified}
		if registered != 0 {
			l.RegistryNumber, l.RegisteredDay = "ZD-1", registered
		}
		return l
	}
	reserved := lien("r", 0, 0, 5)
	reserved.Reserved, reserved.RegistryNumber = true, "ZD-2"
	numbered := lien("n", 0, 0, 100)
	numbered.RegistryNumber = "ZD-3" // when it was entered, nobody said
	for name, c := range map[string]struct {
		liens []*types.Lien
		want  []place
	}{
		"registered before not registered, whatever was notified": {
			[]*types.Lien{lien("a", 0, 10, 1), lien("b", 30, 0, 1)},
			[]place{{"b", 1, types.ByRegistration, 0}, {"a", 2, types.ByNotice, 0}},
		},
		"all registered: the earlier first, however they were notified or recorded here": {
			[]*types.Lien{lien("a", 32, 1, 1), lien("b", 30, 9, 1), lien("c", 31, 0, 1)},
			[]place{{"b", 1, types.ByRegistration, 0}, {"c", 2, types.ByRegistration, 0}, {"a", 3, types.ByRegistration, 0}},
		},
		"none registered: the notice that reached the debtor first": {
			[]*types.Lien{lien("a", 0, 12, 1), lien("b", 0, 0, 1), lien("c", 0, 11, 1)},
			[]place{{"c", 1, types.ByNotice, 0}, {"a", 2, types.ByNotice, 0}, {"b", 3, types.ByShare, 10_000}},
		},
		"neither: by the share of what was lent": {
			[]*types.Lien{lien("a", 0, 0, 600), lien("b", 0, 0, 300), lien("c", 0, 0, 100)},
			[]place{{"a", 1, types.ByShare, 6000}, {"b", 1, types.ByShare, 3000}, {"c", 1, types.ByShare, 1000}},
		},
		"one day, one rank": {
			[]*types.Lien{lien("a", 30, 0, 1), lien("b", 30, 0, 1), lien("c", 31, 0, 1), lien("d", 0, 7, 1), lien("e", 0, 7, 1)},
			[]place{
				{"a", 1, types.ByRegistration, 0}, {"b", 1, types.ByRegistration, 0}, {"c", 3, types.ByRegistration, 0},
				{"d", 4, types.ByNotice, 0}, {"e", 4, types.ByNotice, 0},
			},
		},
		"what is only reserved claims nothing; a number without a day is no registration": {
			[]*types.Lien{reserved, numbered, lien("a", 0, 0, 100)},
			[]place{{"n", 1, types.ByShare, 5000}, {"a", 1, types.ByShare, 5000}, {"r", 0, types.NotAdvanced, 0}},
		},
		"shares round down, and amounts of nothing share nothing": {
			[]*types.Lien{lien("a", 0, 0, 1), lien("b", 0, 0, 1), lien("c", 0, 0, 1)},
			[]place{{"a", 1, types.ByShare, 3333}, {"b", 1, types.ByShare, 3333}, {"c", 1, types.ByShare, 3333}},
		},
		"nobody": {nil, nil},
	} {
		var got []place
		e := &types.Encumbrance{Liens: c.liens}
		before := e.String()
		for _, l := range types.Priority(e) {
			got = append(got, place{l.Lien.Lender, l.Rank, l.Ground, l.ShareBp})
		}
		require.Equal(t, c.want, got, name)
		require.Equal(t, before, e.String(), "the row stays as it is")
	}
	require.Empty(t, types.Priority(nil))
	most := &types.Encumbrance{}
	for range 64 {
		most.Liens = append(most.Liens, lien("a", 0, 0, types.MaxAmount))
	}
	require.Equal(t, int32(156), types.Priority(most)[63].ShareBp)
}

// TestFingerprintZero holds F0 against bytes that were put together and hashed elsewhere:
// printf 'tradecredit/v1/f0\0DE:HRB:1|FR:RCS:2|380|2024-01-31|USD|1000000' | sha256sum
func TestFingerprintZero(t *testing.T) {
	day, err := types.ParseDay("2024-01-31")
	require.NoError(t, err)
	got := types.FingerprintZero("DE:HRB:1", "FR:RCS:2", "380", day, "USD", 1_000_000)
	require.Equal(t, "5c50df2880d27f2c886d18b97f5ef468b1d7b640f4af385a584950777ff10a1a", hex.EncodeToString(got))
	require.NotEqual(t, got, types.FingerprintZero("DE:HRB:1", "", "380", day, "USD", 1_000_000))
}
