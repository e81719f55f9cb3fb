// Package index keeps lists of the ledger's records: by signer, by party, by status, by day. It is a function of the
// committed state and of nothing else: two indexes of one height hold the same rows, byte for byte, whether they followed
// every block or were made from the state at once. Its folder may be deleted at any time and is made again. No rule reads
// it, and what it says is not proved: each row of a list names the state key under which the record is read with a proof.
//
// # Rows
//
// One Pebble database, keys in plain byte order. kind and by are one byte each, and never change their meaning:
//
//	M h                                        layout (1 byte), height (8), digest of the chain's first record (32)
//	M b                                        there while Rebuild is at work: what else is there is of no use
//	R <state key>                              facts of the record: what its lists are made of, and so how to take it off them
//	L <kind> <by> <value> <^height> <id>       one record in one list; the row has no value
//	T <kind> <by> <value>                      how many rows that list has; no row for none
//
// value is a text and NUL, or a number (state, day) in four bytes that sort as it does; ^height is the complement of the height
// at which the record was recorded, in eight bytes, so that the newest comes first; id is the state key without the kind's
// prefix. The list of all records of a kind is its R rows.
// Neighbours share their beginnings, and Pebble stores those once: see TestBytesPerRecord for what a record takes.
//
// # Writing
//
// Apply writes one block as one batch with its height, so that a block is in the index whole or not at all. The row R says
// exactly which rows a record has, so a change of its status costs one row less and one row more, whatever came before.
// Writes are not synced: after a crash the newest blocks may be missing, never one in the middle, and whoever feeds the
// index goes on from Height.
//
// # Why
//
// CometBFT's indexer is off: it costs more than the rules of a transaction, is never pruned, and its search loads every
// match before it pages. Here a request reads at most MaxLimit rows, wherever in a list it begins.
package index
