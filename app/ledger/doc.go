// Package ledger holds the rules: what each message may change, and when it is refused.
//
// It is pure. It knows no ABCI, no network, no clock but the block's time, starts no goroutine, and iterates over no map.
// Everything it reads and writes goes through typed keys of package types on a state.Writer.
//
// # A block
//
// [NewBlock] opens a block over the committed state of the height before. [Block.Begin] works off what time alone does:
// lapses and expiries, from queues ordered by due time, at most Parameters.QueueItems a block. [Block.Deliver] takes one
// transaction: it authenticates again in block order, writes the reference (replay protection) whatever becomes of the
// messages, and applies each message in a batch of its own; a refused message leaves nothing behind but its code.
//
// # Two kinds of error
//
// A *types.Error is a refusal: it becomes a code, and codes are consensus. Any other error means that the store failed or
// that rows cannot be decoded: it travels up and halts the node. A panic in a rule halts it too; nothing recovers it.
//
// # Order of refusals
//
// Cheap before dear, and the same for every message: codes that a list in force has not (code_lists.go; only where the
// council put one in force), shape (the check function, which reads no state), time, the party
// the signer acts for, the records named, their relations, limits. The numbers of the codes follow that order. A record
// that its source sends again is already_recorded whatever became of it since, so facts of trade look at their own id
// right after shape and time. Each handler names its order; scripts under testdata show it, one per message.
//
// # Where to start reading
//
// handlers.go is the table of contents, ledger.go the life of a transaction, then one file a message.
package ledger
