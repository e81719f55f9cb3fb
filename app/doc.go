// Package app is the application under CometBFT: ABCI on one side, the rules of package ledger and the store of package
// state on the other.
//
// # From arrival to FINAL
//
// A transaction arrives through Submit (the node's ingress), CheckTx (CometBFT's RPC) or InsertTx (a peer). One gate,
// App.enter, decodes it, authenticates it against the last committed state and verifies its signature, in batches; what
// passes waits in the pool. PrepareProposal waits for the first transaction and fills a block, ProcessProposal holds other
// proposers to the same checks, FinalizeBlock runs the rules and Commit writes the block in one synced batch. Business
// rules run in FinalizeBlock only. ledger.Authenticate is the one check behind all of them.
//
// A signature is verified once: the pool and the proposals of the current height keep decoded, verified transactions by
// the digest of their bytes, and a block is looked up there first.
//
// # What is consensus
//
// ProcessProposal, FinalizeBlock and what they call are functions of the committed state and the block alone. The pool,
// fairness between signers, the wait and all codes from 32000 on are this node's own affair.
//
// # Validators and versions
//
// Votes change the validators and plan upgrades. FinalizeBlock gives CometBFT one sorted list of changes a block, which the
// rules have made sure it accepts (package ledger, validators.go). A program that does not know the version of the rules
// that a block runs by neither proposes it, nor votes on it, nor computes it (upgrade.go).
//
// # What is on disk
//
// Nothing but what Commit writes. InitChain's rows are committed with the first block; until then Info says height 0.
// The pool and the waiting callers of Await are memory: ADMITTED may be lost, FINAL may not.
//
// # Who calls what
//
// CometBFT calls InitChain, PrepareProposal, ProcessProposal, FinalizeBlock and Commit one after another, under a lock of
// its own; the fields of App that only they use have no other guard. Everything else may be called by many at any time,
// and never waits for consensus. The node must use a client creator with a lock for each connection
// (proxy.NewConnSyncLocalClientCreator): PrepareProposal waits.
//
// # Where to start reading
//
// admit.go (the one gate), propose.go, block.go, commit.go; mempool.go is the pool.
package app
