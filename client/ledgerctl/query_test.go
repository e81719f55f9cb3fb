package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/client/verifier"
	"tradecredit/types"
)

// TestPriorityStatement: what is printed of a lock, in both languages.
func TestPriorityStatement(t *testing.T) {
	lines := types.Priority(&types.Encumbrance{Liens: []*types.Lien{
		{Lender: "bank-a", Financing: "bank-a/f1", AmountMinor: 200},
		{Lender: "bank-b", Financing: "bank-b/f1", AmountMinor: 100},
		{Lender: "bank-c", Financing: "bank-c/f1", AmountMinor: 5, NotifiedDay: 19737},
		{Lender: "bank-d", Financing: "bank-d/f1", AmountMinor: 7, RegisteredDay: 19738, RegistryNumber: "ZD-1"},
		{Lender: "bank-e", Financing: "bank-e/f1", AmountMinor: 9, Reserved: true},
	}})
	for language, want := range map[verifier.Language][]string{
		verifier.English: {
			"1 bank-d bank-d/f1 7 registered on 2024-01-16 as ZD-1",
			"2 bank-c bank-c/f1 5 not registered; the debtor was notified on 2024-01-15",
			"3 bank-a bank-a/f1 200 neither registered nor notified: 66.66 % of what these lent",
			"3 bank-b bank-b/f1 100 neither registered nor notified: 33.33 % of what these lent",
			"– bank-e bank-e/f1 9 reserved only: nothing is claimed yet",
		},
		verifier.Chinese: {
			"1 bank-d bank-d/f1 7 已于 2024-01-16 登记,编号 ZD-1",
			"2 bank-c bank-c/f1 5 未登记;转让通知于 2024-01-15 到达债务人",
			"3 bank-a bank-a/f1 200 既未登记也未通知:按融资款比例,占 66.66 %",
			"3 bank-b bank-b/f1 100 既未登记也未通知:按融资款比例,占 33.33 %",
			"– bank-e bank-e/f1 9 仅预留,尚未放款",
		},
	} {
		say := priorityWords[language]
		var out strings.Builder
		require.NoError(t, printPriority(&out, "receivable/a-1/r1", lines, say))
		var got []string
		for line := range strings.Lines(out.String()) {
			got = append(got, strings.Join(strings.Fields(line), " "))
		}
		require.Equal(t, want, got[1:len(got)-1], language)
		require.Equal(t, say.notice+"\n", out.String()[strings.Index(out.String(), say.notice):], language)
		require.Len(t, say.grounds, int(types.NotAdvanced))

		out.Reset()
		require.NoError(t, printPriority(&out, "receivable/a-1/r1", nil, say))
		require.Contains(t, out.String(), "receivable/a-1/r1")
	}
	_, _, errs := call(t, "query", "priority", "receivable/a-1/r1", "--lang", "fr")
	require.Contains(t, errs, "en or zh")
	_, _, errs = call(t, "query", "priority")
	require.Contains(t, errs, "state key")
}
