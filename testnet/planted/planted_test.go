package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// quick are the bugs that are planted in every run of the tests; SOAK=1 and make planted plant all of them. That the
// others still fit the source is seen to every time.
var quick = []string{"cut-not-applied", "map-unsorted", "proof-key-unbound"}

func TestPlanted(t *testing.T) {
	root, err := moduleRoot()
	require.NoError(t, err)
	bugs, err := readBugs(filepath.Join(root, "testnet/planted/bugs"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(bugs), 12)
	for _, b := range bugs {
		t.Run(b.name, func(t *testing.T) {
			if os.Getenv("SOAK") == "" && !slices.Contains(quick, b.name) {
				_, err := writeOverlay(root, t.TempDir(), b)
				require.NoError(t, err)
				return
			}
			by, err := plant(root, b)
			require.NoError(t, err)
			require.NotEmpty(t, by, "no test of %s %s finds it: %s", b.pkg, b.run, b.what)
			t.Log("found by", by)
		})
	}
}

// TestPlantedRefuses: a bug that changes nothing is not found, one that fits nowhere or does not build is an error.
func TestPlantedRefuses(t *testing.T) {
	root, err := moduleRoot()
	require.NoError(t, err)
	harmless := &bug{
		name: "harmless", what: "nothing", file: "types/day.go", pkg: "./types", run: "TestDay",
		changes: []change{{"package types\n", "package types\n\n"}},
	}
	by, err := plant(root, harmless)
	require.NoError(t, err)
	require.Empty(t, by)

	harmless.changes[0].out = "no such line\n"
	_, err = plant(root, harmless)
	require.ErrorContains(t, err, "0 times")

	harmless.changes[0] = change{"package types\n", "package types\n\nvar x int = \"\"\n"}
	_, err = plant(root, harmless)
	require.ErrorContains(t, err, "does not build")

	harmless.changes[0] = change{"package types\n", "package types\n\n"}
	harmless.run = "TestThatDoesNotExist"
	_, err = plant(root, harmless)
	require.ErrorContains(t, err, "has no test")

	_, err = parseBug("x", "what: y\n")
	require.Error(t, err)
	_, err = os.Stat(filepath.Join(root, "types/day.go"))
	require.NoError(t, err)
}
