package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// homeWith is a home whose ledgerd.toml has this text.
func homeWith(t *testing.T, text string) string {
	t.Helper()
	home := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(home, "config"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(home, "config", "ledgerd.toml"), []byte(text), 0o600))
	return home
}

func loadText(t *testing.T, text string) (Config, error) {
	t.Helper()
	return Load(homeWith(t, text), nil, nil)
}

// Every bad configuration is refused with a message that names the setting and what would be right.
func TestBadConfigurations(t *testing.T) {
	const peer = "0123456789abcdef0123456789abcdef01234567"
	for _, c := range []struct{ name, text, message string }{
		// the file itself
		{"no TOML", "moniker = ", "line 1, column"},
		{"a key twice", "moniker = \"a\"\nmoniker = \"b\"", "moniker"},
		{"misspelt", "[p2p]\nladdr_ = \"127.0.0.1:1\"", "p2p.laddr_ is no setting; did you mean p2p.laddr?"},
		{"swapped letters", "[api]\nlarddr = \"127.0.0.1:1\"", "api.larddr is no setting; did you mean api.laddr?"},
		{"misspelt table", "[mempol]\nmax_pending_bytes = 1", "mempol.max_pending_bytes is no setting; did you mean mempool.max_pending_bytes?"},
		{"wrong table", "persistent_peers = []", "persistent_peers is no setting; did you mean p2p.persistent_peers?"},
		{"from nowhere", "[frobnication]\nquux_quotient = 3", "'ledgerd start --help' lists them all"},
		{"number for a text", "moniker = 5", `moniker must be a text in quotes, but is the number 5`},
		{"text for a number", "[state]\nkeep_heights = \"many\"", `state.keep_heights must be a whole number, but is the text "many"`},
		{"fraction", "[state]\nkeep_heights = 1.5", "state.keep_heights must be a whole number, but is the number 1.5"},
		{"text for a boolean", "[state]\narchive = \"yes\"", `state.archive must be true or false, but is the text "yes"`},
		{"number for a duration", "[consensus]\nproposal_wait = 500", `consensus.proposal_wait must be a duration in quotes such as "500ms" or "2s", but is the number 500`},
		{"no duration", "[consensus]\nproposal_wait = \"soon\"", "consensus.proposal_wait must be a duration"},
		{"text for a list", "[p2p]\npersistent_peers = \"x\"", `p2p.persistent_peers must be a list of texts`},
		{"list of numbers", "[p2p]\npersistent_peers = [1]", `p2p.persistent_peers must be a list of texts`},
		{"table for a setting", "[moniker]\nname = \"x\"", "moniker must be a text in quotes, but is a table"},

		// what CometBFT has and we lock
		{"pex", "[p2p]\npex = true", "p2p.pex cannot be set: peers are members' nodes"},
		{"libp2p", "[p2p.libp2p]\nenabled = true", "p2p.libp2p.enabled cannot be set: the libp2p transport is experimental"},
		{"adaptive sync", "[blocksync]\nadaptive_sync = true", "blocksync.adaptive_sync cannot be set: adaptive sync can make a validator sign twice"},
		{"CORS", "[rpc]\ncors_allowed_origins = [\"*\"]", "rpc.cors_allowed_origins cannot be set"},
		{"pprof", "[rpc]\npprof_laddr = \":6060\"", "rpc.pprof_laddr cannot be set: the profiler shows memory"},
		{"unsafe", "[rpc]\nunsafe = true", "rpc.unsafe cannot be set"},
		{"indexer", "[tx_index]\nindexer = \"kv\"", "tx_index.indexer cannot be set"},
		{"mempool type", "[mempool]\ntype = \"flood\"", "mempool.type cannot be set"},
		{"backend", "db_backend = \"goleveldb\"", "db_backend cannot be set: every store is Pebble v2"},
		{"empty blocks", "[consensus]\ncreate_empty_blocks = false", "consensus.create_empty_blocks cannot be set"},

		// values
		{"no moniker", "moniker = \"\"", "moniker must be 1 to 64 printable characters"},
		{"control character", "moniker = \"a\\nb\"", "moniker must be 1 to 64 printable characters"},
		{"address with a scheme", "[p2p]\nladdr = \"tcp://0.0.0.0:26656\"", `p2p.laddr is written without tcp:// here: "0.0.0.0:26656"`},
		{"address without a host", "[p2p]\nladdr = \":26656\"", "p2p.laddr must be host:port"},
		{"address without a port", "[api]\nladdr = \"127.0.0.1\"", "api.laddr must be host:port"},
		{"port too high", "[api]\nladdr = \"127.0.0.1:70000\"", "api.laddr must have a port between 1 and 65535"},
		{"peers cannot find a chosen port", "[p2p]\nladdr = \"127.0.0.1:0\"", "p2p.laddr must have a port between 1 and 65535"},
		{"remote JSON-RPC", "[rpc]\nladdr = \"0.0.0.0:26657\"", "rpc.laddr = \"0.0.0.0:26657\" is reachable from other machines"},
		{"remote JSON-RPC by name", "[rpc]\nladdr = \"ledger.example:26657\"", "set rpc.allow_remote = true"},
		{"remote interface", "[api]\nladdr = \"0.0.0.0:8080\"", "set api.allow_remote = true"},
		{"remote metrics", "[metrics]\nladdr = \"0.0.0.0:26660\"", "metrics.laddr = \"0.0.0.0:26660\" is reachable from other machines"},
		{"one port twice", "[api]\nladdr = \"127.0.0.1:26657\"", "rpc.laddr and api.laddr both use port 26657"},
		{"peer without an id", "[p2p]\npersistent_peers = [\"10.0.0.1:26656\"]", "must be \"<node id>@host:port\""},
		{"peer with a short id", "[p2p]\npersistent_peers = [\"abcd@10.0.0.1:26656\"]", "40 hexadecimal digits"},
		{"peer without a port", "[p2p]\npersistent_peers = [\"" + peer + "@10.0.0.1\"]", "p2p.persistent_peers must be host:port"},
		{"peer twice", "[p2p]\npersistent_peers = [\"" + peer + "@a:1\", \"" + peer + "@b:2\"]", "is listed twice"},
		{"wait longer than half", "[consensus]\nproposal_wait = \"1500ms\"", "consensus.proposal_wait = 1.5s is more than half of consensus.timeout_propose = 2s"},
		{"negative wait", "[consensus]\nproposal_wait = \"-1s\"", "consensus.proposal_wait must not be negative"},
		{"no time to propose", "[consensus]\ntimeout_propose = \"1ms\"", "consensus.timeout_propose must be between 100ms and 1m0s"},
		{"log level", "[log]\nlevel = \"loud\"", "log.level must be debug, info, warn or error"},
		{"engine's log level", "[log]\nengine_level = \"*:error\"", "log.engine_level must be debug, info, warn or error"},
		{"log format", "[log]\nformat = \"xml\"", "log.format must be plain or json"},
		{"too little history", "[state]\nkeep_heights = 10", "state.keep_heights must be at least 128"},
		{"too few blocks", "[state]\nkeep_blocks = 10", "state.keep_blocks must be 0 (all) or at least 100000"},
		{"an archive without blocks", "[state]\narchive = true\nkeep_blocks = 200000", "and 0 with state.archive"},
		{"no cache", "[state]\ncache_bytes = 1", "state.cache_bytes must be between"},
		{"no room for what waits", "[mempool]\nmax_pending_bytes = 0", "mempool.max_pending_bytes must be between"},
		{"bodies without bound", "[api]\nmax_body_bytes = 9999999999", "api.max_body_bytes must be between"},
		{"no requests", "[api]\nmax_requests = 0", "api.max_requests must be between 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, err := loadText(t, c.text)
			if err == nil {
				err = cfg.Validate()
			}
			require.ErrorContains(t, err, c.message)
			require.NotContains(t, err.Error(), "%!")
		})
	}
}

// All problems are told at once, not one at a time.
func TestAllProblemsAtOnce(t *testing.T) {
	_, err := loadText(t, "monicker = \"x\"\n[log]\nlevl = \"info\"\nformat = 3")
	require.ErrorContains(t, err, "did you mean moniker?")
	require.ErrorContains(t, err, "did you mean log.level?")
	require.ErrorContains(t, err, "log.format must be a text")

	cfg, err := loadText(t, "moniker = \"\"\n[log]\nlevel = \"x\"\nformat = \"y\"\n[state]\nkeep_heights = 1")
	require.NoError(t, err)
	err = cfg.Validate()
	require.ErrorContains(t, err, "moniker")
	require.ErrorContains(t, err, "log.level")
	require.ErrorContains(t, err, "state.keep_heights")
}

func TestDefaultIsValidAndWrittenOut(t *testing.T) {
	home := t.TempDir()
	c := Default(home)
	require.NoError(t, c.Validate())
	for _, s := range Settings() {
		require.NotEmpty(t, s.Doc, s.Name)
		require.Contains(t, string(c.Text()), s.Doc)
	}

	// With nothing said, each setting is commented out; with each uncommented, it reads back the same.
	for line := range strings.Lines(string(c.Text())) {
		require.True(t, line == "\n" || line[0] == '#' || line[0] == '[', line)
	}
	spoken := strings.ReplaceAll(string(c.Text()), "\n# ", "\n")
	var settings []string
	for line := range strings.Lines(spoken) {
		if strings.HasPrefix(line, "[") || strings.Contains(line, " = ") && !strings.Contains(line, " such ") {
			settings = append(settings, line)
		}
	}
	back, err := loadText(t, strings.Join(settings, ""))
	require.NoError(t, err)
	back.Home = home
	require.Equal(t, c, back)
}

func TestTextKeepsWhatWasChosen(t *testing.T) {
	c := Default("x")
	c.Moniker = `bank "A" \ 银行`
	c.P2P.PersistentPeers = []string{"0123456789abcdef0123456789abcdef01234567@10.0.0.1:26656"}
	c.Consensus.ProposalWait = Duration(300 * time.Millisecond)
	c.State.Archive = true
	back, err := loadText(t, string(c.Text()))
	require.NoError(t, err)
	back.Home = "x"
	require.Equal(t, c, back)
}

// Flag over environment over file over default.
func TestPrecedence(t *testing.T) {
	home := homeWith(t, "moniker = \"file\"\n[log]\nlevel = \"warn\"\nformat = \"json\"")
	c, err := Load(home,
		[]string{"LEDGERD_HOME=/elsewhere", "LEDGERD_MONIKER=environment", "LEDGERD_LOG_LEVEL=error", "PATH=/bin",
			"LEDGERD_P2P_PERSISTENT_PEERS=a, b,", "LEDGERD_STATE_ARCHIVE=true", "LEDGERD_CONSENSUS_PROPOSAL_WAIT=250ms"},
		map[string]string{"moniker": "flag", "state.keep_heights": "500"})
	require.NoError(t, err)
	require.Equal(t, "flag", c.Moniker)
	require.Equal(t, "error", c.Log.Level)
	require.Equal(t, "json", c.Log.Format)
	require.Equal(t, []string{"a", "b"}, c.P2P.PersistentPeers)
	require.True(t, c.State.Archive)
	require.EqualValues(t, 500, c.State.KeepHeights)
	require.Equal(t, Duration(250*time.Millisecond), c.Consensus.ProposalWait)
	require.Equal(t, Default(home).API, c.API)
}

func TestBadEnvironmentAndFlags(t *testing.T) {
	home := homeWith(t, "")
	for _, c := range []struct{ environ, message string }{
		{"LEDGERD_P2P_LADR=x", "LEDGERD_P2P_LADR is no setting; did you mean LEDGERD_P2P_LADDR?"},
		{"LEDGERD_STATE_ARCHIVE=perhaps", `LEDGERD_STATE_ARCHIVE must be true or false, but is "perhaps"`},
		{"LEDGERD_STATE_KEEP_HEIGHTS=1e3", `LEDGERD_STATE_KEEP_HEIGHTS must be a whole number, but is "1e3"`},
		{"LEDGERD_CONSENSUS_TIMEOUT_PROPOSE=2", "LEDGERD_CONSENSUS_TIMEOUT_PROPOSE must be a duration"},
	} {
		_, err := Load(home, []string{c.environ}, nil)
		require.ErrorContains(t, err, c.message)
	}
	_, err := Load(home, nil, map[string]string{"api.max_requests": "x"})
	require.ErrorContains(t, err, `--api.max_requests must be a whole number, but is "x"`)
	_, err = Load(home, nil, map[string]string{"api.max_request": "1"})
	require.ErrorContains(t, err, "did you mean api.max_requests?")
}

func TestHomeProblems(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none"), nil, nil)
	require.ErrorContains(t, err, "make one with 'ledgerd init --home")

	home := homeWith(t, "")
	require.NoError(t, os.WriteFile(filepath.Join(home, "config", "config.toml"), nil, 0o600))
	_, err = Load(home, nil, nil)
	require.ErrorContains(t, err, "config.toml is not read by ledgerd")
}

func TestProposalWait(t *testing.T) {
	c := Default("")
	require.Equal(t, time.Second, c.proposalWait(1))
	require.Equal(t, 500*time.Millisecond, c.proposalWait(4))
	c.Consensus.TimeoutPropose = Duration(600 * time.Millisecond)
	require.NoError(t, c.Validate(), "the automatic wait follows timeout_propose")
	require.Equal(t, 300*time.Millisecond, c.proposalWait(4))
	c.Consensus.ProposalWait = Duration(200 * time.Millisecond)
	require.Equal(t, 200*time.Millisecond, c.proposalWait(1))
}

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "ab", 2}, {"laddr", "laddr", 0}, {"ladr", "laddr", 1}, {"lardd", "laddr", 2}, {"ab", "ba", 1}, {"kitten", "sitting", 3}} {
		require.Equal(t, c.want, editDistance(c.a, c.b), "%s/%s", c.a, c.b)
		require.Equal(t, c.want, editDistance(c.b, c.a), "%s/%s", c.b, c.a)
	}
}
