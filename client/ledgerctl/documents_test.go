package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// TestDocuments: commit, show two fields, check them; and everything that is refused on the way.
func TestDocuments(t *testing.T) {
	dir := t.TempDir()
	salt := filepath.Join(dir, "salt.key")
	must(t, "keys", "salt", salt)
	fields := written(t, "invoice.json", `{"number":"88","total":"12500.00","buyer":"Acme GmbH","day":"2025-11-05"}`)
	with := []string{"--salt-key", salt, "--record", "platform-1/INV-88"}

	var said struct {
		Commitment string
		Fields     int
	}
	require.NoError(t, json.Unmarshal([]byte(must(t, append([]string{"documents", "commit", fields}, with...)...)), &said))
	require.Len(t, said.Commitment, 64)
	require.Equal(t, 4, said.Fields)

	shown := must(t, append([]string{"documents", "disclose", fields, "--field", "total", "--field", "day"}, with...)...)
	require.NotContains(t, shown, "Acme")
	file := written(t, "shown.json", shown)
	out := must(t, "documents", "check", file, "--commitment", said.Commitment)
	require.Contains(t, out, "✓ total")
	require.Contains(t, out, "12500.00")
	require.Contains(t, out, "2 of 4 fields shown; checked against the commitment that was given; that it is on the chain was not checked")
	require.Contains(t, must(t, "documents", "check", file, "--commitment", said.Commitment, "-o", "json"), `"total"`)

	forged := written(t, "forged.json", strings.Replace(shown, "12500.00", "92500.00", 1))
	for _, bad := range []struct {
		want string
		args []string
	}{
		{`field "total"`, []string{"documents", "check", forged, "--commitment", said.Commitment}},
		{"not a disclosure file", []string{"documents", "check", fields, "--commitment", said.Commitment}},
		{"--commitment", []string{"documents", "check", file, "--commitment", "zz"}},
		{"trust", []string{"documents", "check", file}},
		{"--field is needed", append([]string{"documents", "disclose", fields}, with...)},
		{"no such field", append([]string{"documents", "disclose", fields, "--field", "weight"}, with...)},
		{"--salt-key and --record", []string{"documents", "commit", fields, "--record", "platform-1/INV-88"}},
		{"--record", []string{"documents", "commit", fields, "--salt-key", salt, "--record", "INV-88"}},
		{"a JSON object of texts", append([]string{"documents", "commit", written(t, "list.json", `["88"]`)}, with...)},
		{"0 fields", append([]string{"documents", "commit", written(t, "empty.json", `{}`)}, with...)},
	} {
		status, _, errs := call(t, bad.args...)
		require.NotEqual(t, exitDone, status, bad.args)
		require.Contains(t, errs, bad.want)
	}
}

// TestFingerprints: two ways to write one number make one fingerprint, and the key can be compared.
func TestFingerprints(t *testing.T) {
	key := written(t, "epoch-1.key", strings.Repeat("07", 32)+"\n")
	paper := func(number string) string {
		return `{"seller":"USCC:91350100M000100Y43","debtor":"DE:HRB:1","type":"380","number":"` + number + `","issue_day":"2025-11-05","currency":"USD","amount_minor":1250000}`
	}
	first := must(t, "fingerprints", paper("INV-88"), "--key-file", key, "--epoch", "1")
	require.Equal(t, first, must(t, "fingerprints", paper("inv 88"), "--key-file", key, "--epoch", "1"))
	require.NotEqual(t, first, must(t, "fingerprints", paper("INV-89"), "--key-file", key, "--epoch", "1"))
	require.Contains(t, first, `"epoch": 1`)
	require.Contains(t, must(t, "fingerprints", "--key-file", key, "--check"), "key_check")

	for _, bad := range []struct {
		want string
		args []string
	}{
		{"--key-file", []string{"fingerprints", paper("1")}},
		{"--epoch", []string{"fingerprints", paper("1"), "--key-file", key}},
		{"seller, debtor and number", []string{"fingerprints", paper("--"), "--key-file", key, "--epoch", "1"}},
		{"the paper", []string{"fingerprints", `{"weight":1}`, "--key-file", key, "--epoch", "1"}},
		{"issue_day", []string{"fingerprints", strings.Replace(paper("1"), "2025-11-05", "5.11.", 1), "--key-file", key, "--epoch", "1"}},
		{"currency", []string{"fingerprints", strings.Replace(paper("1"), "USD", "XAU", 1), "--key-file", key, "--epoch", "1"}},
		{"amount_minor", []string{"fingerprints", strings.Replace(paper("1"), "1250000", "0", 1), "--key-file", key, "--epoch", "1"}},
	} {
		status, _, errs := call(t, bad.args...)
		require.Equal(t, exitUsage, status, bad.args)
		require.Contains(t, errs, bad.want)
	}
}
