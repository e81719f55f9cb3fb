package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"tradecredit/node"
	"tradecredit/types"
)

// ledgerd runs a command line and gives what it prints.
func ledgerd(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.ExecuteContext(ctx)
	return out.String(), err
}

func must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := ledgerd(context.Background(), args...)
	require.NoError(t, err, out)
	return out
}

func publicKey(t *testing.T) string {
	t.Helper()
	k, err := types.NewSigningKey(bytes.Repeat([]byte{5}, 32))
	require.NoError(t, err)
	return hex.EncodeToString(k.PublicKey())
}

func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(20000)))
		if err == nil {
			require.NoError(t, l.Close())
			return l.Addr().String()
		}
	}
	t.Fatal("no free port")
	return ""
}

// council are the flags of a network of one council member.
func council(t *testing.T, home string, more ...string) []string {
	return append([]string{"init", "--home", home, "--chain-id", "cli-test", "--council", "council-1=" + publicKey(t),
		"--base-currency", "USD", "--jurisdiction", "CN"}, more...)
}

// Every command explains itself, with an example, and each of its flags does.
func TestEveryCommandExplainsItself(t *testing.T) {
	commands := 0
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		commands++
		require.NotEmpty(t, c.Short, c.CommandPath())
		require.Greater(t, len(c.Long), len(c.Short), c.CommandPath())
		require.Contains(t, c.Example, "ledgerd", c.CommandPath())
		require.True(t, c.SilenceUsage || c.Parent() != nil)
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot())
	require.Equal(t, 24, commands)

	help := must(t, "start", "--help")
	for _, s := range node.Settings() {
		require.Contains(t, help, "--"+s.Name)
		require.Contains(t, help, s.Env)
	}
	require.Contains(t, must(t, "version"), "CometBFT v0.40.0")
	require.Contains(t, must(t), "ledgerd init")
}

func TestBadCommandLines(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	stateFile := filepath.Join(t.TempDir(), "state.json")
	require.NoError(t, os.WriteFile(stateFile, []byte(`{"base_currency": "USD", "surprise": 1}`), 0o600))
	key := publicKey(t)
	for _, c := range []struct {
		args    string
		message string
	}{
		{"strat", `unknown command "strat" for "ledgerd"`},
		{"init --chian-id x", "'ledgerd init --help' lists the flags"},
		{"init extra", "unknown command"},
		{"init", "which network? Give --genesis FILE"},
		{"init --chain-id x", "which network?"},
		{"init --genesis a --council b=c", "exclude each other"},
		{"init --genesis a --chain-id x", "stands in the genesis already"},
		{"init --genesis /nonexistent", "--genesis: open /nonexistent"},
		{"init --council council-1=" + key, "--chain-id is missing"},
		{"init --chain-id x --council council-1=" + key, "--base-currency is missing"},
		{"init --chain-id x --council council-1=" + key + " --base-currency USD", "--jurisdiction is missing"},
		{"init --chain-id x --council council-1=" + key + " --base-currency DOLLAR --jurisdiction CN", "base_currency"},
		{"init --chain-id x --council council-1=" + key + " --base-currency USD --jurisdiction Atlantis", "jurisdiction"},
		{"init --chain-id x/y --council council-1=" + key + " --base-currency USD --jurisdiction CN", "chain_id"},
		{"init --chain-id x --council council-1=abc --base-currency USD --jurisdiction CN", "must be ID=PUBLICKEY"},
		{"init --chain-id x --council nobody --base-currency USD --jurisdiction CN", "must be ID=PUBLICKEY"},
		{"init --chain-id x --council A!=" + key + " --base-currency USD --jurisdiction CN", "members[0].id"},
		{"init --chain-id x --state /nonexistent", "--state: open /nonexistent"},
		{"init --chain-id x --state " + stateFile, "surprise"},
		{"init --chain-id x --state " + stateFile + " --simulation", "go with --council"},
		{"init --chain-id x --council council-1=" + key + " --base-currency USD --jurisdiction CN --log.level loud", "log.level must be"},
		{"init --chain-id x --council council-1=" + key + " --base-currency USD --jurisdiction CN --state.archive maybe", "--state.archive must be true or false"},
		{"start", "make one with 'ledgerd init --home"},
		{"keys", "make one with 'ledgerd init --home"},
		{"status", "or name a running node with --api"},
		{"status --api http://127.0.0.1:1", "is 'ledgerd start' running there?"},
		{"status --output xml", "--output must be table or json"},
	} {
		out, err := ledgerd(context.Background(), append(strings.Fields(c.args), "--home", home)...)
		require.ErrorContains(t, err, c.message, "%s\n%s", c.args, out)
		require.NoDirExists(t, home, "%s left something behind", c.args)
	}
	_, err := ledgerd(context.Background(), "keys", "--home", "")
	require.ErrorContains(t, err, "--home is empty")
}

func TestInitAndKeys(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	out := must(t, council(t, home, "--simulation", "--moniker", "Bank A", "--p2p.laddr", "127.0.0.1:11111")...)
	require.Contains(t, out, "node id")
	require.Contains(t, out, "ledgerd start --home "+home)

	var keys map[string]string
	require.NoError(t, json.Unmarshal([]byte(must(t, "keys", "--home", home, "-o", "json")), &keys))
	require.Len(t, keys["node_id"], 40)
	require.Len(t, keys["validator_key"], 64)
	require.Contains(t, out, keys["node_id"])
	require.Contains(t, must(t, "keys", "--home", home), keys["validator_key"])

	settings, err := os.ReadFile(filepath.Join(home, "config", "ledgerd.toml"))
	require.NoError(t, err)
	require.Contains(t, string(settings), "\nmoniker = \"Bank A\"\n")
	require.Contains(t, string(settings), "\nladdr = \"127.0.0.1:11111\"\n")

	genesis := filepath.Join(home, "config", "genesis.json")
	text, err := os.ReadFile(genesis)
	require.NoError(t, err)
	require.NoError(t, node.CheckGenesis(text))
	require.Contains(t, string(text), simulationNotice)
	require.Contains(t, string(text), `"2097152"`)

	_, err = ledgerd(context.Background(), council(t, home)...)
	require.ErrorContains(t, err, "never overwritten")

	other := filepath.Join(t.TempDir(), "other")
	must(t, "init", "--home", other, "--genesis", genesis)
	copied, err := os.ReadFile(filepath.Join(other, "config", "genesis.json"))
	require.NoError(t, err)
	require.Equal(t, text, copied, "who joins has the same genesis, to the byte")
}

func TestInitFromState(t *testing.T) {
	dir := t.TempDir()
	must(t, council(t, filepath.Join(dir, "a"))...)
	text, err := os.ReadFile(filepath.Join(dir, "a", "config", "genesis.json"))
	require.NoError(t, err)
	var genesis struct {
		AppState json.RawMessage `json:"app_state"`
	}
	require.NoError(t, json.Unmarshal(text, &genesis))
	stateFile := filepath.Join(dir, "state.json")
	require.NoError(t, os.WriteFile(stateFile, genesis.AppState, 0o600))
	must(t, "init", "--home", filepath.Join(dir, "b"), "--chain-id", "from-state", "--state", stateFile)
}

// As a newcomer does it: init, start, status, Ctrl-C.
func TestStartAndStatus(t *testing.T) {
	home, api := filepath.Join(t.TempDir(), "home"), freeAddress(t)
	must(t, council(t, home, "--simulation", "--api.laddr", api, "--p2p.laddr", freeAddress(t), "--rpc.laddr", "", "--metrics.laddr", "",
		"--p2p.max_inbound_peers", "0", "--consensus.proposal_wait", "50ms", "--state.cache_bytes", "8388608")...)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	type ending struct {
		log string
		err error
	}
	ended := make(chan ending, 1)
	go func() {
		log, err := ledgerd(ctx, "start", "--home", home, "--log.format", "json")
		ended <- ending{log, err}
	}()
	var status node.Status
	require.Eventually(t, func() bool {
		out, err := ledgerd(context.Background(), "status", "--home", home, "-o", "json")
		return err == nil && json.Unmarshal([]byte(out), &status) == nil && status.Height >= 2
	}, time.Minute, 20*time.Millisecond)
	require.Equal(t, "cli-test", status.ChainID)
	require.True(t, status.Simulation)
	table := must(t, "status", "--api", "http://"+api)
	require.Contains(t, table, "cli-test")
	require.Contains(t, table, simulationNotice)

	stop()
	end := <-ended
	require.NoError(t, end.err)
	require.Contains(t, end.log, `"msg":"node is up"`)
	require.Contains(t, end.log, `"msg":"node is down"`)
	for line := range strings.Lines(end.log) {
		require.True(t, json.Valid([]byte(line)), line)
	}
	_, err := ledgerd(context.Background(), "status", "--home", home)
	require.ErrorContains(t, err, "is 'ledgerd start' running there?")
}
