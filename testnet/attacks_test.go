package testnet

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// attack is one of those that the test plan names: where it is tried, and the name of the error that refuses it.
type attack struct {
	name, pkg, test, sub string // sub: empty, as the name; "-", the whole test
	refused              string // its error, or the answer that its test looks for
}

// attacks are on proofs and light clients first, then on snapshots and those who restore from them.
var attacks = []attack{
	{"other key", "client", "TestHostileSet", "", "ErrOtherKey"},
	{"old height", "client", "TestHostileSet", "", "ErrOldHeight"},
	{"other chain id", "client", "TestHostileSet", "", "ErrOtherChain"},
	{"absence of a present key", "client", "TestHostileSet", "", "types.ErrProofKind"},
	{"presence of an absent key", "client", "TestHostileSet", "", "types.ErrProofKey"},
	{"op swap", "client", "TestHostileSet", "", "types.ErrProofOperators"},
	{"truncated path", "client", "TestHostileSet", "", "types.ErrProofPath"},
	{"empty ops", "client", "TestHostileSet", "", "ErrUnproved"},
	{"forged header", "client", "TestHostileSet", "", "ErrHeaderForged"},
	{"< 2/3 power", "client", "TestHostileSet", "", "ErrPowerShort"},
	{"expired trust", "client", "TestHostileSet", "", "ErrTrustExpired"},
	{"conflicting witness", "client", "TestHostileSet", "", "ErrWitnessConflict"},
	{"duplicate validator signatures", "client", "TestHostileSet", "", "ErrHeaderSignature"},
	{"H vs H+1 slip", "client", "TestHostileSet", "", "ErrHeightSlip"},
	{"bad chunk", "app", "TestHostileChunks", "", "state.ErrChunkHash"},
	{"swapped chunks", "app", "TestHostileChunks", "", "state.ErrChunkPlace"},
	{"wrong count", "app", "TestHostileOffers", "", "ErrSnapshotCount"},
	{"huge metadata", "app", "TestHostileOffers", "", "state.ErrManifestSize"},
	{"100,001 chunks", "app", "TestHostileOffers", "", "ErrSnapshotChunks"},
	{"right hash, wrong rows", "app", "TestRightHashWrongRows", "-", "REJECT_SNAPSHOT"},
	{"mid-restore crash", "app", "TestRestoreIsInterrupted", "-", "LastBlockHeight"}, // an empty node is left, which can begin anew
	{"sender drop", "node", "TestJoinBesideALiar", "falls silent", "errHangUp"},
	{"format 99", "app", "TestHostileOffers", "", "ErrSnapshotFormat"},
	{"older height", "app", "TestHostileOffers", "older height under the trusted hash", "state.ErrManifestOther"},
}

// TestNamedAttacks runs the attacks that the test plan names, wherever their tests are: each is refused, and by an error of
// its own.
func TestNamedAttacks(t *testing.T) {
	require.GreaterOrEqual(t, len(attacks), 24)
	tests, refused := map[string][]string{}, map[string]string{}
	for _, a := range attacks {
		require.Empty(t, refused[a.refused], "%s and %s are refused by the same error", a.name, refused[a.refused])
		refused[a.refused] = a.name
		only := "^" + a.test + "$"
		if a.pkg == "node" {
			only += "/^" + strings.ReplaceAll(a.sub, " ", "_") + "$"
		}
		tests[a.pkg] = append(tests[a.pkg], only)
	}
	said, sources := map[string]string{}, map[string]string{}
	for pkg, only := range tests {
		cmd := exec.Command("go", "test", "-v", "-run", strings.Join(only, "|"), "tradecredit/"+pkg)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		said[pkg] = string(out)
		files, err := filepath.Glob(filepath.Join(root(t), pkg, "*_test.go"))
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			sources[pkg] += string(text)
		}
	}
	for _, a := range attacks {
		sub := a.sub
		if sub == "" {
			sub = a.name
		}
		passed := "--- PASS: " + a.test
		if sub != "-" {
			passed += "/" + strings.ReplaceAll(sub, " ", "_")
		}
		require.Contains(t, said[a.pkg], passed+" (", a.name)
		if sub != "-" { // its row in the table of its test names the error
			_, row, ok := strings.Cut(sources[a.pkg], `"`+sub+`"`)
			require.True(t, ok, a.name)
			require.Contains(t, row[:min(len(row), 300)], a.refused, a.name)
		}
		t.Logf("%-32s refused: %s", a.name, a.refused)
	}
}
