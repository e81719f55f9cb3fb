package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/node"
)

// history is the home of a node that ran for a few blocks and was stopped.
func history(t *testing.T) string {
	t.Helper()
	home, api := filepath.Join(t.TempDir(), "home"), freeAddress(t)
	must(t, council(t, home, "--simulation", "--api.laddr", api, "--p2p.laddr", freeAddress(t), "--rpc.laddr", "", "--metrics.laddr", "",
		"--p2p.max_inbound_peers", "0", "--consensus.proposal_wait", "10ms", "--state.cache_bytes", "8388608")...)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		_, err := ledgerd(ctx, "start", "--home", home)
		ended <- err
	}()
	require.Eventually(t, func() bool {
		var status node.Status
		out, err := ledgerd(context.Background(), "status", "--home", home, "-o", "json")
		return err == nil && json.Unmarshal([]byte(out), &status) == nil && status.Height >= 6
	}, time.Minute, 20*time.Millisecond)
	out := must(t, "export", "--home", home, "--out", filepath.Join(home, "..", "running"))
	require.Contains(t, out, "blocks 1 to ", "it runs: its interface passes them on")
	stop()
	require.NoError(t, <-ended)
	return home
}

// Export, replay and import as they are typed, and what is kept of a past height.
func TestReplayExportImport(t *testing.T) {
	home := history(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	require.Contains(t, must(t, "export", "--home", home, "--out", at("archive")), "bytes a record")
	require.Contains(t, must(t, "export", "--home", home, "--out", at("archive")), "is up to date")

	out := must(t, "replay", "--from", home, "--report", at("home.json"), "--statement", at("attest.json"), "--id", "RE-1", "--scratch", dir)
	require.True(t, strings.HasSuffix(out, "\nMATCH\n"), out)
	for _, part := range []string{"chain        cli-test", "signatures", "rules", "tree", "store", "records/s"} {
		require.Contains(t, out, part)
	}
	require.NotContains(t, out, "\r", "a bar is for terminals")
	must(t, "replay", "--from", at("archive"), "--report", at("archive.json"), "-o", "json")
	one, err := os.ReadFile(at("home.json"))
	require.NoError(t, err)
	other, err := os.ReadFile(at("archive.json"))
	require.NoError(t, err)
	require.Equal(t, string(one), string(other))
	statement, err := os.ReadFile(at("attest.json"))
	require.NoError(t, err)
	require.Contains(t, string(statement), `"id": "RE-1"`)
	require.Contains(t, string(statement), `"REPLAY_MATCH"`)

	must(t, "replay", "--from", at("archive"), "--as-of", "4", "--keep", at("kept"))
	require.Contains(t, must(t, "replay", "get", "--state", at("kept"), "chain"), `"chain_id":"cli-test"`)
	require.Contains(t, must(t, "replay", "get", "--state", at("kept"), "--prefix", "member/", "--at", "2"), "member/council-1\t{")
	require.Contains(t, must(t, "replay", "get", "--state", at("kept"), "member/nobody"), "nothing")
	require.Contains(t, must(t, "replay", "get", "--state", at("kept"), "--score", "CN:NONE:1"), "score of CN:NONE:1 at height 4, on 20")
	var both struct {
		Report node.ReplayReport `json:"-"`
		Raw    json.RawMessage   `json:"report"`
		Scores []json.RawMessage `json:"scores"`
	}
	require.NoError(t, json.Unmarshal([]byte(must(t, "replay", "--from", at("archive"), "--score", "CN:NONE:1", "--at", "3", "-o", "json")), &both))
	require.Len(t, both.Scores, 1)
	require.Contains(t, string(both.Raw), `"last_height": 3`)

	must(t, "init", "--home", at("fresh"), "--genesis", filepath.Join(at("archive"), "genesis.json"))
	require.Contains(t, must(t, "import", "--home", at("fresh"), "--from", at("archive")), "is at height")
	_, err = ledgerd(t.Context(), "import", "--home", at("fresh"), "--from", at("archive"))
	require.ErrorIs(t, err, node.ErrNotFresh)
	require.True(t, strings.HasSuffix(must(t, "replay", "--from", at("archive"), "--against", at("fresh")), "\nMATCH\n"))
}

func TestBadReplayLines(t *testing.T) {
	empty := t.TempDir()
	for args, message := range map[string]string{
		"replay --from " + empty:                        "there is no history at",
		"replay --from x --until 3 --at 4 --score a":    "name one height, not 3 and 4",
		"replay --from x --until -1":                    "heights begin with 1",
		"replay --from x --as-of 3":                     "name a folder for it with --keep",
		"replay --from x --at 3":                        "name its subject with --score",
		"replay --from x --day 2026-01-01":              "name its subject with --score",
		"replay --from x --score a --day yesterday":     "--day",
		"replay --from x -o xml":                        "--output must be table or json",
		"replay --from http://127.0.0.1:1":              "no answer at http://127.0.0.1:1",
		"replay get chain":                              "name --state",
		"replay get --state " + empty + " chain":        "holds no state that 'ledgerd replay --keep' kept",
		"replay get --state " + empty + " a --prefix b": "one of KEY, --prefix and --score",
		"export --home " + empty:                        "--out is missing",
		"import --home " + empty:                        "--from is missing",
	} {
		_, err := ledgerd(t.Context(), strings.Fields(args)...)
		require.ErrorContains(t, err, message, args)
	}
}
