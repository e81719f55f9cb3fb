package state

import (
	"errors"
	"fmt"
	"strings"

	"tradecredit/types"
)

// Limits of keys.
const (
	MaxKeySize = 512 // bytes of a leaf key, log name or reference key
)

// Errors that callers branch on. Any other error of this package means that the store
// failed or contradicts itself: the node must stop.
var (
	// Stop ends a Scan early; Scan then returns nil.
	Stop = errors.New("stop") //nolint:revive,staticcheck // a word to the scan, no failure
	// ErrPruned: the height is older than what this node keeps.
	ErrPruned = errors.New("height is pruned on this node")
	// ErrFuture: the height is not committed yet.
	ErrFuture = errors.New("height is not committed yet")
	// ErrFailed: a write failed. What the disk holds is only known after opening again.
	ErrFailed = errors.New("store failed earlier and must be opened again")
	// ErrCorrupt: rows, tree and head contradict each other.
	ErrCorrupt = errors.New("store is inconsistent")
	// ErrEmptyState: the batch would delete the last key. No proof of absence exists for an
	// empty tree, so it is refused.
	ErrEmptyState = errors.New("state may not become empty")
	// ErrInvalid: a batch holds something that cannot be stored; the text says what.
	ErrInvalid = errors.New("batch is invalid")
	// ErrStale: batch or staged block does not continue the newest committed block.
	ErrStale = errors.New("not based on the newest committed block")
)

// Reader is a state at one moment: a View, or a Batch over one.
type Reader interface {
	// Get returns the value of a leaf, or nil, nil if there is none. The bytes belong to the
	// store and must not be modified.
	Get(key string) ([]byte, error)
	// Scan calls fn for every leaf whose key begins with prefix, keys ascending. fn may
	// return Stop to end early. Writes made by fn are not seen by the scan that called it.
	// The value is only valid until fn returns, and must not be modified.
	Scan(prefix string, fn func(key string, value []byte) error) error
	// ScanFrom is Scan without the leaves whose keys are less than from.
	ScanFrom(prefix, from string, fn func(key string, value []byte) error) error
	// Entry returns row n, from 0, of an append-only log, or nil, nil if there is none. Logs
	// are not versioned: how many rows count at a height stands in a leaf kept by the caller.
	Entry(log string, n uint64) ([]byte, error)
	// Reference returns a replay-protection row, or nil, nil if there is none or its bucket
	// was dropped. References are not versioned: the answer is as of the newest block.
	Reference(key string) ([]byte, error)
}

// Writer is a Reader that also takes changes; Batch is the one there is. Keys, log names and
// reference keys have 1 to MaxKeySize bytes and no NUL, values at least one byte; what breaks
// this is reported by DB.Stage as ErrInvalid. Values belong to the store once passed in.
type Writer interface {
	Reader
	// Set writes a leaf.
	Set(key string, value []byte)
	// Delete removes a leaf; removing an absent one changes nothing.
	Delete(key string)
	// Append writes row n of a log. The caller keeps the log's head as a leaf.
	Append(log string, n uint64, row []byte)
	// SetReference writes a replay-protection row into the expiry bucket. A key that is in
	// use already is reported by DB.Stage as ErrInvalid.
	SetReference(bucket int64, key string, value []byte)
	// DropReferences forgets every bucket < before, for good: later rows in such buckets are
	// reported by DB.Stage as ErrInvalid.
	DropReferences(before int64)
}

// Get reads the record at k; nil, nil if there is none. A record that does not decode means
// that the store is inconsistent.
func Get[V any, P types.Record[V]](r Reader, k types.Key[V]) (P, error) {
	b, err := r.Get(string(k))
	if err != nil || b == nil {
		return nil, err
	}
	p := P(new(V))
	if err := p.Unmarshal(b); err != nil {
		return nil, fmt.Errorf("%w: record at %q does not decode: %v", ErrCorrupt, string(k), err)
	}
	return p, nil
}

// Set writes the record v at k. It fails for a record that encodes to nothing.
func Set[V any, P types.Record[V]](w Writer, k types.Key[V], v P) error {
	b, err := v.Marshal()
	if err != nil {
		return fmt.Errorf("record at %q does not encode: %w", string(k), err)
	}
	if len(b) == 0 {
		return fmt.Errorf("%w: record at %q is empty", ErrInvalid, string(k))
	}
	w.Set(string(k), b)
	return nil
}

// checkKey refuses what rows cannot hold: NUL ends a key on disk.
func checkKey(key string) error {
	if len(key) == 0 || len(key) > MaxKeySize {
		return fmt.Errorf("%w: key of %d bytes", ErrInvalid, len(key))
	}
	if strings.IndexByte(key, 0) >= 0 {
		return fmt.Errorf("%w: key %q holds NUL", ErrInvalid, key)
	}
	return nil
}
