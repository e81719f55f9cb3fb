package node

import (
	"os"
	"path/filepath"
	"time"
)

// Config is every setting of a node. Its fields, their toml names and their doc tags are the one source of the file
// ledgerd.toml, of the environment variables (LEDGERD_P2P_LADDR), of the flags (--p2p.laddr) and of their help.
//
// Precedence: flag, environment, file, default.
type Config struct {
	// Home is the node's folder; see the package comment for what it holds.
	Home string `toml:"-"`

	Moniker   string          `toml:"moniker" doc:"name of this node as its peers and the status page show it; 1 to 64 characters"`
	P2P       P2PConfig       `toml:"p2p"`
	RPC       RPCConfig       `toml:"rpc"`
	API       APIConfig       `toml:"api"`
	Metrics   MetricsConfig   `toml:"metrics"`
	Log       LogConfig       `toml:"log"`
	State     StateConfig     `toml:"state"`
	Index     IndexConfig     `toml:"index"`
	Snapshot  SnapshotConfig  `toml:"snapshot"`
	StateSync StateSyncConfig `toml:"statesync"`
	Mempool   MempoolConfig   `toml:"mempool"`
	Consensus ConsensusConfig `toml:"consensus"`
}

// P2PConfig says how this node meets the other members' nodes.
type P2PConfig struct {
	Laddr           string   `toml:"laddr" doc:"host:port where the nodes of the other members connect"`
	ExternalAddress string   `toml:"external_address" doc:"host:port under which peers reach this node when that is not p2p.laddr (behind a translating router); empty: p2p.laddr"`
	PersistentPeers []string `toml:"persistent_peers" doc:"nodes to stay connected with, each \"<node id>@host:port\" ('ledgerd keys' prints a node's id)"`
	MaxInbound      int64    `toml:"max_inbound_peers" doc:"how many nodes that are not listed in persistent_peers may connect to this one; 0: members only, each listed by its id"`
	LocalNetwork    bool     `toml:"local_network" doc:"true only where all nodes stand on one machine or one private network: accepts private addresses and several peers behind one address"`
}

// RPCConfig is about CometBFT's own JSON-RPC, which has no client authentication: for tools on the same machine.
type RPCConfig struct {
	Laddr       string `toml:"laddr" doc:"host:port of CometBFT's JSON-RPC, for tools on this machine; empty: off"`
	AllowRemote bool   `toml:"allow_remote" doc:"true lets rpc.laddr be another address than loopback; whoever reaches it can load this node at will"`
}

// APIConfig is about the node's HTTP interface: where transactions come in and records are read.
type APIConfig struct {
	Laddr             string `toml:"laddr" doc:"host:port of the HTTP interface (transactions in, records out); empty: off"`
	AllowRemote       bool   `toml:"allow_remote" doc:"true lets api.laddr be another address than loopback; set it only behind a proxy that brings TLS and knows the clients"`
	MaxBodyBytes      int64  `toml:"max_body_bytes" doc:"largest body of one request, in bytes"`
	MaxRequests       int64  `toml:"max_requests" doc:"requests answered at the same time; more get 503"`
	RequestsPerSecond int64  `toml:"requests_per_second" doc:"requests one remote address may make in a second on average (ten times that at once); more get 429. 0: no limit"`
}

// MetricsConfig is about Prometheus.
type MetricsConfig struct {
	Laddr string `toml:"laddr" doc:"host:port of the Prometheus page /metrics, loopback only; empty: off"`
}

// LogConfig says what is written to the standard error stream, and how.
type LogConfig struct {
	Level       string `toml:"level" doc:"least important message of ledgerd that is written: debug, info, warn or error"`
	EngineLevel string `toml:"engine_level" doc:"the same for CometBFT, which writes several info messages a block"`
	Format      string `toml:"format" doc:"plain (for people) or json (one object a line)"`
}

// StateConfig says how much history is kept.
type StateConfig struct {
	KeepHeights  int64    `toml:"keep_heights" doc:"how many past heights can be read; at least 128. Records, receipts and references are kept for ever in any case"`
	ScrubPause   Duration `toml:"scrub_pause" doc:"the state on disk is compared with the committed roots, one of 4096 parts at a time, with this pause between; what is found stands in /v1/health and the metrics. 0s: off"`
	CacheBytes   int64    `toml:"cache_bytes" doc:"memory for rows that were read lately, beside the tree, which takes about 72 bytes a record"`
	KeepBlocks   int64    `toml:"keep_blocks" doc:"how many past blocks are kept; 0: all. Beside those that clients and evidence still need, 100000 at least"`
	MinFreeBytes int64    `toml:"min_free_bytes" doc:"the node stops, with its stores whole, when less is free on the disk; a full disk would end it in the middle of a write. 0: off"`
	Archive      bool     `toml:"archive" doc:"true keeps every height with its proofs, and every block; at least two members should"`
}

// SnapshotConfig is about snapshots of the state, from which other nodes begin and backups are made.
type SnapshotConfig struct {
	Interval int64 `toml:"interval" doc:"a snapshot of the state is made of every height that this divides, beside the blocks that follow; 0: only when a backup asks for one. Members should have the same"`
	Keep     int64 `toml:"keep" doc:"how many snapshots are kept, each as large as the state"`
	Share    int64 `toml:"share" doc:"percent of one processor that making a snapshot may take; the less, the longer it takes and the less blocks are slowed"`
}

// StateSyncConfig says how a node with an empty data folder begins: from a snapshot of others, or else from the first block.
type StateSyncConfig struct {
	From        []string `toml:"from" doc:"HTTP interfaces of nodes of two different members at least, such as \"https://node.bank-a.example\", from which an empty node fetches a snapshot; empty: it replays all blocks"`
	Trust       string   `toml:"trust" doc:"\"HEIGHT:HASH\" of a header that members have confirmed to you on another way ('ledgerd snapshots list' prints it), or \"genesis\" to believe the genesis's validators"`
	TrustPeriod Duration `toml:"trust_period" doc:"for how long after its time a trusted header is believed; less than members keep the keys of validators that have left"`
}

// IndexConfig is about the lists of records.
type IndexConfig struct {
	Enabled bool `toml:"enabled" doc:"true keeps lists of records by signer, party, status and day, for /v1/list; they follow the state, take about 100 bytes a record, and data/index may be deleted at any time"`
}

// MempoolConfig bounds what waits for a block.
type MempoolConfig struct {
	MaxPendingBytes int64 `toml:"max_pending_bytes" doc:"bytes of transactions that may wait for a block on this node; beyond, senders are told to come again"`
}

// ConsensusConfig is timing. All validators of a network should have the same.
type ConsensusConfig struct {
	ProposalWait   Duration `toml:"proposal_wait" doc:"how long a proposer waits for a first transaction before it proposes an empty block; at most half of timeout_propose. 0s: 1s for a lone validator, 500ms among several"`
	TimeoutPropose Duration `toml:"timeout_propose" doc:"how long the others wait for a proposal before they go to the next proposer"`
}

// Bounds of settings.
const (
	minKeepHeights     = 128 // proofs of that many heights are promised by every node
	maxMonikerChars    = 64
	minKeepBlocks      = 100_000
	minCacheBytes      = 8 << 20
	maxMinFreeBytes    = 1 << 50
	maxCacheBytes      = 1 << 40
	minPendingBytes    = 1 << 20
	maxPendingBytes    = 4 << 30
	minBodyBytes       = 64 << 10
	maxBodyBytes       = 64 << 20
	maxAPIRequests     = 100_000
	maxInboundPeers    = 10_000
	maxSnapshotsKept   = 100
	minTrustPeriod     = time.Hour
	maxTrustPeriod     = 10 * 365 * 24 * time.Hour
	maxScrubPause      = 24 * time.Hour
	minTimeoutPropose  = 100 * time.Millisecond
	maxTimeoutPropose  = time.Minute
	waitLoneValidator  = time.Second
	waitManyValidators = 500 * time.Millisecond
)

// Default is the configuration of a node in this home with nothing said about it.
func Default(home string) Config {
	return Config{
		Home:      home,
		Moniker:   "ledger-node",
		P2P:       P2PConfig{Laddr: "0.0.0.0:26656", PersistentPeers: []string{}, MaxInbound: 0},
		RPC:       RPCConfig{Laddr: "127.0.0.1:26657"},
		API:       APIConfig{Laddr: "127.0.0.1:8080", MaxBodyBytes: 8 << 20, MaxRequests: 256, RequestsPerSecond: 2000},
		Metrics:   MetricsConfig{Laddr: "127.0.0.1:26660"},
		Log:       LogConfig{Level: "info", EngineLevel: "warn", Format: "plain"},
		State:     StateConfig{KeepHeights: 1000, CacheBytes: 256 << 20, MinFreeBytes: 512 << 20, ScrubPause: Duration(2 * time.Second)},
		Index:     IndexConfig{Enabled: true},
		Snapshot:  SnapshotConfig{Interval: 5000, Keep: 2, Share: 25},
		StateSync: StateSyncConfig{From: []string{}, TrustPeriod: Duration(14 * 24 * time.Hour)},
		Mempool:   MempoolConfig{MaxPendingBytes: 64 << 20},
		Consensus: ConsensusConfig{
			TimeoutPropose: Duration(2 * time.Second),
		},
	}
}

// Load reads the configuration of a home: defaults, then its ledgerd.toml, then environ (as os.Environ gives it), then
// overrides (setting name → text, from flags). It does not validate: see Config.Validate.
//
// Errors name the file or variable and the setting. An unknown setting is an error that says what may have been meant.
func Load(home string, environ []string, overrides map[string]string) (Config, error) {
	c := Default(home)
	if err := refuseForeignFiles(home); err != nil {
		return c, err
	}
	text, err := os.ReadFile(c.File())
	if err != nil {
		return c, homeProblem(home, err)
	}
	if err := c.decode(text); err != nil {
		return c, err
	}
	if err := c.applyEnvironment(environ); err != nil {
		return c, err
	}
	return c, c.Apply(overrides)
}

// File is the path of ledgerd.toml.
func (c *Config) File() string { return filepath.Join(c.ConfigDir(), "ledgerd.toml") }

// ConfigDir is the folder of settings and keys.
func (c *Config) ConfigDir() string { return filepath.Join(c.Home, "config") }

// DataDir is the folder of everything the node writes while it runs.
func (c *Config) DataDir() string { return filepath.Join(c.Home, "data") }

// StateDir is the folder of the application's state.
func (c *Config) StateDir() string { return filepath.Join(c.DataDir(), "state") }

// SnapshotDir is the folder of the snapshots that this node offers.
func (c *Config) SnapshotDir() string { return filepath.Join(c.DataDir(), "snapshots") }

// IndexDir is the folder of the lists, which may be deleted at any time.
func (c *Config) IndexDir() string { return filepath.Join(c.DataDir(), "index") }

// GenesisFile is the path of the network's first state.
func (c *Config) GenesisFile() string { return filepath.Join(c.ConfigDir(), "genesis.json") }

// NodeKeyFile is the path of the key that names this node to its peers.
func (c *Config) NodeKeyFile() string { return filepath.Join(c.ConfigDir(), "node_key.json") }

// ValidatorKeyFile is the path of the key that signs blocks.
func (c *Config) ValidatorKeyFile() string {
	return filepath.Join(c.ConfigDir(), "priv_validator_key.json")
}

// ValidatorStateFile is the path of the note of what was signed last, which keeps a validator from signing twice.
func (c *Config) ValidatorStateFile() string {
	return filepath.Join(c.DataDir(), "priv_validator_state.json")
}
