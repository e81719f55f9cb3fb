// Package sim is the deterministic simulation: three replicas of the real application, each on a memory file system that
// can lose power, under a driver that calls them as CometBFT would. Everything that happens comes from one seed: the
// clock, who proposes, what members and enterprises send, a fifth of it hostile, and what goes wrong.
//
// After every block the replicas must have the same app hash, codes and data; the records are audited every few blocks,
// and at the end of a seed all sums are folded from the entry logs again. A failure names the seed, the block and the
// command that shows it again:
//
//	make sim SEEDS=17:18 BLOCKS=120
//
// After every block the model (testnet/model) says what each transaction came to and what each record holds, and is asked
// about ten messages that nobody sent (ASKS=60: sixty): spoiled ones mostly, which rules and model must refuse alike, and
// accept with the same traces.
//
// With SHOW=nn240 the run prints every message that has this text and what became of it; with AUDIT=1 the invariants are
// checked after every block, so that the one that broke them is named.
//
// # What goes wrong
//
// A replica loses power before and after FinalizeBlock and Commit, with some of what was not synced, and replays what it
// missed; it is down for some blocks; it restarts cleanly; it is filled anew from another one's snapshot. Blocks go into a
// second round with another proposer. Proposals are mangled, and some that every honest validator rejects are decided all
// the same. FinalizeBlock is called again for a height, also after another block of that height.
//
// # What must have happened
//
// Counters say how often something rare was reached. A run over many seeds fails if one that is listed was not: a
// simulation that never crashes between FinalizeBlock and Commit proves nothing about it.
//
// # Where to start reading
//
// driver.go is the life of a block; generate.go says how a message gets its generator; world.go is what generators know.
package sim
