// Package types is the vocabulary of the ledger: transactions, records, keys of the state, codes, amounts,
// identifiers, signatures, proofs and the genesis. It holds no state, opens no network and reads no clock, so a node,
// a client and an auditor's offline verifier share it and agree byte for byte.
//
// # How to read the ledger
//
// The envelope. What travels is a [SignedTx]: the bytes of a [Body], a public key, an algorithm and a signature over
// [SignBytes] of exactly those bytes. A body names its chain, its signer and the signer's key, carries a reference
// that is unique for the signer, and holds 1 to 256 messages. [Sign] makes such a transaction, [Decode] reads one.
// Decode is strict: what does not encode to the same bytes again is refused, so a transaction has one form and one
// hash. Encoding is protobuf with ascending fields, shortest varints, no default values and packed lists, as
// types.proto describes it; any protobuf library reads it.
//
// Records. Each kind of record in types.proto (an [Order], a [Receivable], a [Settlement] …) is the value of a typed
// [Key]; keys.go holds every key there is. A record carries its [Provenance]: who signed, in which role, how good the
// evidence is, where the facts come from.
//
// Keys of a signer. A [SigningKey] is of ed25519, whose signatures are verified with ZIP-215 semantics on every path, or
// of SM2 with SM3, for members that must (sm2.go says in which one form); a parameter says which may sign. A new key
// proves that its owner holds it by signing [Possession].
//
// Codes. A rule that refuses answers with an [Error], whose [Code] names the rule. Codes are consensus and are never
// renumbered; words are not consensus. The result of a transaction carries one code a message ([EncodeCodes]).
//
// Proofs. A [Proof] shows that a key has a value, or none, under the app hash of a height (proof.go). What must be
// complete is a log: [Frontier] is the RFC 6962 hash tree whose root stands in a subject's head.
package types
