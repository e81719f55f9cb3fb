// Package node is one machine of the network: its configuration, CometBFT and the application in one process, their stores,
// the HTTP interface and the metrics.
//
// # A home
//
// A node lives in one folder:
//
//	config/ledgerd.toml              every setting there is; what is left out has its default (see Config)
//	config/genesis.json              the first state of the network, the same on every node
//	config/node_key.json             who this node is to its peers; losing it changes an address, nothing more
//	config/priv_validator_key.json   what this validator signs blocks with; two nodes must never share it
//	data/                            everything that can be fetched again from peers
//	data/snapshots/                  snapshots of the state for nodes that join (see bootstrap.go); may be deleted while the node stands
//	data/index/                      lists of records (see node/index); may be deleted at any time, is made again from the state
//	data/priv_validator_state.json   what was signed last; the one file of data/ that must survive with the key
//
// There is one configuration file, not CometBFT's config.toml beside an app.toml: most of CometBFT's settings are part of how
// this ledger works (its mempool, its timing, who may connect), so they are fixed in engineConfig, and the few that an operator
// decides stand in ledgerd.toml under our names. A config.toml or app.toml found in the folder is refused, because it would
// look as if it had an effect.
//
// # What runs
//
// New opens the stores and checks them against each other, Start brings CometBFT up, then the interface and the metrics. All of
// CometBFT's stores are Pebble v2 through the adapter in cmtdb.go. Stop ends the application's waits first, then CometBFT, and
// closes the stores last and late: gossip routines of CometBFT outlive its Stop and panic on a closed store.
//
// The interface (api*.go) reads committed state, the block store and the state store directly. It never asks the consensus
// state: its getters wait for a lock which the proposer holds while it waits for the first transaction.
package node
