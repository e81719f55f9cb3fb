package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// TestCodes: what the council adopts of a file, and what is wrong with files.
func TestCodes(t *testing.T) {
	file := written(t, "currencies.txt", "EUR 2\nUSD,2\n\nXQA\t3\n")
	var said struct {
		CodeList struct {
			List, Version, Digest string
			Count                 int
		} `json:"code_list"`
	}
	require.NoError(t, json.Unmarshal([]byte(must(t, "codes", "digest", "currencies", file, "--version", "2024-1")), &said))
	require.Equal(t, "CURRENCIES", said.CodeList.List)
	require.Equal(t, 3, said.CodeList.Count)
	// The version that app/ledger/testdata/publish_codes.txt puts in force.
	require.Equal(t, "df7a1cf7431cc7961c786b0d58e3bd37a929e6d56f232cd6dd51c4551e5d50c3", said.CodeList.Digest)

	// What is compiled in can be taken as it is; the edition of HS 6 that is shipped is in order.
	for _, name := range []string{"CURRENCIES", "COUNTRIES", "MODES"} {
		shown := written(t, name, must(t, "codes", "show", name))
		require.Contains(t, must(t, "codes", "digest", name, shown, "--version", "v"), `"digest"`)
	}
	require.Contains(t, must(t, "codes", "digest", "HS6", "../../types/lists/hs6.txt", "--version", "2022"), `"count": 5612`)

	for _, bad := range []struct {
		want string
		args []string
	}{
		{"is no list; there are CURRENCIES, COUNTRIES, HS6, LOCODES, MODES", []string{"codes", "show", "PORTS"}},
		{"no compiled-in version", []string{"codes", "show", "LOCODES"}},
		{"--version is needed", []string{"codes", "digest", "CURRENCIES", file}},
		{"has not the form of COUNTRIES", []string{"codes", "digest", "COUNTRIES", file, "--version", "v"}},
		{"not in ascending order", []string{"codes", "digest", "COUNTRIES", written(t, "c", "DE\nCN\n"), "--version", "v"}},
		{"no number of decimals", []string{"codes", "digest", "CURRENCIES", written(t, "c", "EUR two\n"), "--version", "v"}},
		{"nothing else", []string{"codes", "digest", "CURRENCIES", written(t, "c", "EUR 2 Euro\n"), "--version", "v"}},
		{"no codes", []string{"codes", "digest", "HS6", written(t, "c", "\n"), "--version", "v"}},
		{"no such file", []string{"codes", "publish", "HS6", "nowhere", "--version", "v"}},
	} {
		status, _, errs := call(t, bad.args...)
		require.NotEqual(t, exitDone, status, bad.args)
		require.Contains(t, errs, bad.want)
	}
}

// Rows are sent in order and without gaps, however many there are.
func TestCodeBatches(t *testing.T) {
	rows := make([]*types.CodeRow, 600)
	for i := range rows {
		rows[i] = &types.CodeRow{}
	}
	next := 0
	messages := batches(types.CodeListName_HS6, "v", rows)
	require.Len(t, messages, 3)
	for _, m := range messages {
		p := m.Get().(*types.PublishCodes)
		require.EqualValues(t, next, p.First)
		next += len(p.Rows)
	}
	require.Equal(t, 600, next)
}
