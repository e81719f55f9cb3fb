// Command ledgerd runs one node of the ledger.
//
//	ledgerd init      make the home of a node: folders, keys, settings, genesis
//	ledgerd start     run the node of a home until it is interrupted
//	ledgerd status    ask a running node how it is
//	ledgerd keys      show who a home is to its peers and as a validator
//	ledgerd genesis   check, make and sign the genesis of a network
//	ledgerd version   show what this program is made of
//
// Exit status: 0 done, 1 refused or failed, 3 a store failed (disk), 4 consensus stopped by itself, 5 the disk is nearly full.
package main
