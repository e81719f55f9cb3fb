package main

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestParcels: a root, one parcel shown, and checked offline; and everything that is refused on the way.
func TestParcels(t *testing.T) {
	salt := filepath.Join(t.TempDir(), "salt.key")
	must(t, "keys", "salt", salt)
	file := written(t, "parcels.csv", "YT1,610910,12.00\nYT2,610990,15.00\r\nYT3,420222,9.50\n")
	with := []string{"--salt-key", salt, "--record", "carrier-1/B-2025-11"}

	var said struct {
		Root  string
		Count int
	}
	require.NoError(t, json.Unmarshal([]byte(must(t, append([]string{"parcels", "root", file}, with...)...)), &said))
	require.Len(t, said.Root, 64)
	require.Equal(t, 3, said.Count)

	shown := must(t, append([]string{"parcels", "prove", file, "--line", "2"}, with...)...)
	require.Contains(t, shown, "YT2")
	require.NotContains(t, shown, "YT1")
	require.NotContains(t, shown, "YT3")
	parcel := written(t, "parcel.json", shown)
	offline := []string{"--root", said.Root, "--count", strconv.Itoa(said.Count)}
	out := must(t, append([]string{"parcels", "verify", parcel}, offline...)...)
	require.Contains(t, out, "✓ YT2,610990,15.00\nparcel 2 of 3; checked against the root that was given")
	require.Contains(t, must(t, append([]string{"parcels", "verify", parcel, "-o", "json"}, offline...)...), `"line": 2`)

	forged := written(t, "forged.json", strings.Replace(shown, "15.00", "1.50", 1))
	for _, bad := range []struct {
		want string
		args []string
	}{
		{"does not belong to the batch", append([]string{"parcels", "verify", forged}, offline...)},
		{"does not belong to the batch", []string{"parcels", "verify", parcel, "--root", said.Root, "--count", "4"}},
		{"not a proof of a parcel", append([]string{"parcels", "verify", file}, offline...)},
		{"--root and --count", []string{"parcels", "verify", parcel, "--root", said.Root}},
		{"--root and --count", []string{"parcels", "verify", parcel, "--count", "3"}},
		{"--root", []string{"parcels", "verify", parcel, "--root", "zz", "--count", "3"}},
		{"trust", []string{"parcels", "verify", parcel}},
		{"--line is needed", append([]string{"parcels", "prove", file}, with...)},
		{"no parcel 4 of 3", append([]string{"parcels", "prove", file, "--line", "4"}, with...)},
		{"--salt-key and --record", []string{"parcels", "root", file, "--record", "carrier-1/B"}},
		{"--record", []string{"parcels", "root", file, "--salt-key", salt, "--record", "B"}},
		{"no parcels", append([]string{"parcels", "root", written(t, "none.csv", "\n")}, with...)},
		{"parcel 2 has 0 bytes", append([]string{"parcels", "root", written(t, "gap.csv", "a\n\nb\n")}, with...)},
	} {
		status, _, errs := call(t, bad.args...)
		require.NotEqual(t, exitDone, status, bad.args)
		require.Contains(t, errs, bad.want)
	}
}
