package node

import (
	"strings"
	"time"

	cmtcfg "github.com/cometbft/cometbft/config"
)

// Fixed settings of CometBFT that others of this package count on.
const (
	// maj23Sleep is how long CometBFT's slowest gossip routine sleeps: after a stop it may read a store that much later.
	maj23Sleep = 500 * time.Millisecond
	// closeGrace is how long the stores outlive CometBFT.
	closeGrace = maj23Sleep + 200*time.Millisecond
	// blockTimeTolerance is how far ahead of its own clock a node lets a block's time be.
	blockTimeTolerance = 15 * time.Second

	maxTxBytes       = 256 << 10
	rpcMaxBodyBytes  = 512 << 10
	peerBytesPerSec  = 32 << 20 // a block of 2 MiB and its transactions, several times a second
	maxSnapshotParts = 4096
)

// engineConfig is CometBFT's configuration for a node: its defaults, what this ledger needs to be otherwise, and the settings
// of ours that it shares.
func engineConfig(c *Config) *cmtcfg.Config {
	e := cmtcfg.DefaultConfig()
	e.SetRoot(c.Home)
	e.Moniker = c.Moniker
	e.ProxyApp, e.ABCI = "", ""
	e.DBBackend = "pebble-v2 (by this node's provider)" // never opened by name: any attempt fails
	e.FilterPeers = false

	enginePeers(c, e.P2P)
	engineRPC(c, e.RPC)

	// The application keeps what waits. 10 ms between reaps carries a lone transaction to the proposer at once.
	e.Mempool.Type = cmtcfg.MempoolTypeApp
	e.Mempool.ReapInterval = 10 * time.Millisecond
	e.Mempool.MaxTxBytes = maxTxBytes
	e.Mempool.MaxTxsBytes = c.Mempool.MaxPendingBytes
	e.Mempool.KeepInvalidTxsInCache = true

	// The proposer waits for the first transaction inside PrepareProposal; nothing waits after a commit.
	e.Consensus.TimeoutPropose = time.Duration(c.Consensus.TimeoutPropose)
	e.Consensus.TimeoutCommit = 0
	e.Consensus.SkipTimeoutCommit = true
	e.Consensus.CreateEmptyBlocks = true
	e.Consensus.CreateEmptyBlocksInterval = 0
	e.Consensus.PeerGossipSleepDuration = 10 * time.Millisecond
	e.Consensus.PeerQueryMaj23SleepDuration = maj23Sleep
	e.Consensus.BlockTimeTolerance = blockTimeTolerance
	// CometBFT's own check refuses every restart within that many blocks, a lone validator's for ever. The node looks for a
	// twin by comparing with what this validator remembers to have signed: see refuseTwin.
	e.Consensus.DoubleSignCheckHeight = 0

	e.BlockSync.AdaptiveSync = false
	e.StateSync.Enable = false
	e.StateSync.MaxSnapshotChunks = maxSnapshotParts
	e.TxIndex.Indexer = "null"
	e.Storage.DiscardABCIResponses = false
	// Served by this node from a registry of its own: CometBFT's server knows only the process-wide one.
	e.Instrumentation.Prometheus = false
	return e
}

// enginePeers: members only. No address exchange, no seeds, no libp2p.
func enginePeers(c *Config, p *cmtcfg.P2PConfig) {
	p.ListenAddress = "tcp://" + c.P2P.Laddr
	p.ExternalAddress = c.P2P.ExternalAddress
	p.PersistentPeers = strings.Join(c.P2P.PersistentPeers, ",")
	ids := make([]string, len(c.P2P.PersistentPeers))
	for i, peer := range c.P2P.PersistentPeers {
		ids[i], _, _ = strings.Cut(peer, "@")
	}
	p.UnconditionalPeerIDs = strings.Join(ids, ",")
	p.PexReactor = false
	p.SeedMode = false
	p.Seeds = ""
	p.LibP2PConfig.Enabled = false
	p.MaxNumInboundPeers = int(c.P2P.MaxInbound)
	p.AddrBookStrict = !c.P2P.LocalNetwork
	p.AllowDuplicateIP = c.P2P.LocalNetwork
	p.SendRate, p.RecvRate = peerBytesPerSec, peerBytesPerSec
}

// engineRPC: for tools on this machine. No browser, no profiler, nothing that changes the node.
func engineRPC(c *Config, r *cmtcfg.RPCConfig) {
	r.ListenAddress = ""
	if c.RPC.Laddr != "" {
		r.ListenAddress = "tcp://" + c.RPC.Laddr
	}
	r.Unsafe = false
	r.CORSAllowedOrigins = nil
	r.CORSAllowedMethods = nil
	r.CORSAllowedHeaders = nil
	r.GRPCListenAddress = ""
	r.PprofListenAddress = ""
	r.MaxBodyBytes = rpcMaxBodyBytes
	r.MaxRequestBatchSize = 10
}
