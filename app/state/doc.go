// Package state is an authenticated, versioned key-value store on Pebble. It knows no business:
// keys and values are bytes, and what they mean stands in package types.
//
// # How to use it
//
//	db, err := state.Open(dir, state.Options{KeepHeights: 100_000})
//	view := db.View()                      // the newest committed height, unchanging
//	block := state.NewBatch(view)          // a block's changes
//	tx := state.NewBatch(block)            // a transaction's, over the block's
//	err = state.Set(tx, types.MemberKey(id), member)
//	tx.Merge()                             // or tx.Discard()
//	staged, err := db.Stage(height, block) // roots and app hash; changes nothing
//	err = db.Apply(staged)                 // one synced write, then memory follows
//	value, proof, err := db.View().Prove(key)
//
// One goroutine stages and applies. Views may be opened, read, proved and closed by any number
// of others meanwhile. Stage is pure and may be called again for the same height; until Apply
// nothing is written. After Apply returned, the block survives a loss of power; after it
// failed, only opening the store again says whether the block is there.
//
// # What is kept
//
// Leaves are the state: versioned rows under the root "state". Logs are append-only rows
// outside of the tree, of which a leaf kept by the caller holds count and root. References
// protect against replay: rows in expiry buckets under the root "references", dropped a bucket
// at a time.
//
// The rows are the truth; the tree is made from them, in memory, at every start, and compared
// with what the last block committed. A start refuses rows that do not give the root.
//
//	row                                 value
//	S key NUL ^height                   leaf as of height; nothing if deleted there
//	K path[:8] key                      nothing; leads from a place in the tree to its key
//	E log NUL n                         row n of a log
//	R key NUL ^bucket                   reference
//	B bucket height                     keys of the references written then, in order
//	C height                            roots, changed keys, and the height each one's version before was of
//	N index ^height                     node of the tree, every fourth upper level; archives only
//	M h                                 head: height, app hash, roots, digests of buckets
//
// Numbers in keys are big endian, two bytes for an index and eight for the rest; ^ is the
// complement, so that newer comes first. Keys of leaves, logs and references have no NUL.
// Integers in values are unsigned varints, lists of keys leave out what a key shares with the
// one before it.
//
// # The tree
//
// A leaf stands at SHA-256(SHA-256(key)) and is SHA-256(0 ‖ path ‖ SHA-256(SHA-256(value))), an
// inner node is SHA-256(1 ‖ left ‖ right), nothing is 32 zero bytes, and a leaf with nothing
// beside it takes its parent's place: the tree that ics23.SmtSpec verifies, with SHA-256(key)
// and SHA-256(value) as its keys and values, so that a proof of absence shows hashes only. How
// it is cut up in memory (see tree.go) does not show in its root. No proof of absence exists
// for an empty tree; the store refuses to become empty.
//
// A bucket's digest is SHA-256(digest ‖ key ‖ value) over its references in writing order,
// from 32 zero bytes; the root "references" is RFC 6962's over bucket (8 bytes) ‖ digest.
// The app hash is types.AppHash of both roots.
//
// # Heights
//
// With KeepHeights n, values of the newest n heights and the one before can be read, and newer
// than any open view's. Older rows are deleted with later blocks, a bounded number each. With
// KeepHeights 0 everything stays. Proofs reach back ProofHeights from memory, which holds what
// each block overwrote; after a restart that is made again from rows when it is first asked
// for. A store that was an archive from its first block on proves every height.
//
// # Why not a library
//
// None offers Pebble, versions, one atomic write a block and absence by ICS-23 together. Two
// published trees (celestiaorg/smt, pokt-network/smt) serve the tests, which compare every root.
package state
