package node

import (
	"fmt"
	"strings"
)

// lockedSettings are settings of CometBFT that people know, with the reason why they are none of ours. A name that ends in a
// dot stands for everything below it.
var lockedSettings = []struct{ name, reason string }{
	{"p2p.pex", "peers are members' nodes and are listed in p2p.persistent_peers; none is taken from hearsay"},
	{"p2p.seeds", "peers are members' nodes and are listed in p2p.persistent_peers; none is taken from hearsay"},
	{"p2p.seed_mode", "peers are members' nodes and are listed in p2p.persistent_peers; none is taken from hearsay"},
	{"p2p.libp2p", "the libp2p transport is experimental and has open advisories; it stays off"},
	{"p2p.libp2p.", "the libp2p transport is experimental and has open advisories; it stays off"},
	{"p2p.addr_book_strict", "it follows p2p.local_network"},
	{"p2p.allow_duplicate_ip", "it follows p2p.local_network"},
	{"blocksync.", "adaptive sync can make a validator sign twice; block sync is not configurable"},
	{"statesync.enable", "an empty node joins by snapshot where statesync.from is set"},
	{"statesync.rpc_servers", "it is statesync.from: the HTTP interfaces of nodes, not their JSON-RPC"},
	{"statesync.trust_height", "it is statesync.trust, \"HEIGHT:HASH\""},
	{"statesync.trust_hash", "it is statesync.trust, \"HEIGHT:HASH\""},
	{"rpc.cors_allowed_origins", "browsers have no business with the JSON-RPC"},
	{"rpc.cors_allowed_methods", "browsers have no business with the JSON-RPC"},
	{"rpc.cors_allowed_headers", "browsers have no business with the JSON-RPC"},
	{"rpc.pprof_laddr", "the profiler shows memory, keys included; it is not built in"},
	{"rpc.unsafe", "the unsafe calls let a caller change peers and drop transactions; they stay off"},
	{"rpc.grpc_laddr", "CometBFT's gRPC is deprecated; it stays off"},
	{"api.cors", "browsers of other sites have no business with the interface"},
	{"api.cors_allowed_origins", "browsers of other sites have no business with the interface"},
	{"mempool.type", "the application keeps the pending transactions (\"app\")"},
	{"mempool.size", "the bound is in bytes: mempool.max_pending_bytes"},
	{"mempool.max_txs_bytes", "the bound is mempool.max_pending_bytes"},
	{"mempool.recheck", "the application keeps the pending transactions and drops what can no longer stand"},
	{"tx_index.", "CometBFT's index is never pruned and slows the chain; it stays off"},
	{"consensus.timeout_commit", "it is zero: the proposer waits for the first transaction instead (consensus.proposal_wait)"},
	{"consensus.skip_timeout_commit", "it is on: the proposer waits for the first transaction instead (consensus.proposal_wait)"},
	{"consensus.create_empty_blocks", "empty blocks prove that the network is alive; they stay on"},
	{"consensus.create_empty_blocks_interval", "the pace of empty blocks is consensus.proposal_wait"},
	{"consensus.double_sign_check_height", "the node itself looks for a twin at start (see the package comment of node)"},
	{"instrumentation.", "metrics are set under [metrics]"},
	{"storage.", "results of blocks are kept: they are needed for replay"},
	{"db_backend", "every store is Pebble v2"},
	{"db_dir", "the stores are in data/ of the home"},
	{"proxy_app", "the application is part of this binary"},
	{"filter_peers", "it is not a setting"},
	{"log_level", "it is log.level (and log.engine_level for CometBFT)"},
	{"log_format", "it is log.format"},
	{"priv_validator_laddr", "remote signers are not supported by this version"},
}

// unknownSetting says that name is no setting, and why or what may have been meant.
func unknownSetting(name string) error {
	for _, l := range lockedSettings {
		if name == l.name || (strings.HasSuffix(l.name, ".") && strings.HasPrefix(name, l.name)) {
			return fmt.Errorf("%s cannot be set: %s", name, l.reason)
		}
	}
	var names []string
	for _, s := range Settings() {
		names = append(names, s.Name)
	}
	return fmt.Errorf("%s is no setting%s", name, didYouMean(name, names))
}

// didYouMean suggests the nearest of the names, or says where the list is.
func didYouMean(name string, names []string) string {
	best, bestDistance := "", 1+max(2, len(name)/3)
	for _, n := range names {
		if d := editDistance(name, n); d < bestDistance {
			best, bestDistance = n, d
		}
	}
	if best == "" { // the right word in the wrong table?
		last := name[strings.LastIndex(name, ".")+1:]
		for _, n := range names {
			if n[strings.LastIndex(n, ".")+1:] == last {
				best = n
				break
			}
		}
	}
	if best == "" {
		return " ('ledgerd start --help' lists them all)"
	}
	return "; did you mean " + best + "?"
}

// editDistance counts the insertions, deletions, substitutions and swaps of neighbours that turn a into b.
func editDistance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
