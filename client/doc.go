// Package client is the other side of the wire: it submits transactions, reads records, imports files and checks
// credit reports. It believes only what it verifies.
//
// # Reading
//
// A node's answer about a record is a value, a state proof and a light block. Get checks all of it, offline, in this
// order: the light block's header was signed by validators that Trust vouches for; the header belongs to the chain
// that was asked, is not older than allowed and lies one above the state's height; the proof leads from the key *that
// was asked* to the app hash in that header. What the answer says about itself (its key, its height) is compared,
// never believed. Absence is proved in the same way. ProveEntries proves an enterprise's entries complete, all or from
// one number to another; the other lists (Entries, List) carry no proof and say so.
//
// # Trust
//
// Trust pins a validator set: from a genesis file that the user obtained and checked on another way, or from a header
// verified before. The rules for headers are those of CometBFT's light/verifier.go, in package verifier, so that a browser
// shares them; tests hold the rules and the whole way from a pin to a header against CometBFT's light client, and proofs
// against the stock ics23 verifier. The time of day is an argument everywhere.
//
// A header is verified straight from the nearest pin where more than a third of that pin's power signed it, else over
// headers between, down to the next height. Witnesses are nodes of other members, asked for the same height: one at least
// must show the same header, and one that shows another, equally signed, ends everything with a ConflictError, which holds
// both. TrustStore keeps the pins between runs, so that they move forward with every read and trust does not run out; what
// it holds is verified again when it is opened. A pin is believed for its period and no longer.
//
// # Submitting
//
// ADMITTED means that one node has a transaction and may lose it; FINAL means height, index and codes. Only FINAL is
// acknowledged. Until then the same bytes are sent again, with the same reference, so that nothing happens twice.
// FINAL is the word of the node that said it; Get proves the record that the transaction wrote.
//
// # Reports
//
// A report file (*.tcr) carries a receipt with everything needed to check it without a network; container.go
// describes the bytes, Verify what is checked, and Verdict what is not.
//
// # Import
//
// Importer turns the rows of a file into messages by a Mapping (TOML) or a Go function. Record ids and references
// derive from the rows' content, so the same file can be loaded again at any time and adds nothing.
package client
