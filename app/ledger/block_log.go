package ledger

import (
	"crypto/sha256"
	"fmt"

	"tradecredit/app/state"
	"tradecredit/types"
)

// The state keeps an RFC 6962 log of block hashes. A header commits to the state before its block, and so, through this
// log, to every header before it: a report whose validators' keys have long been retired is shown to lie under a header of
// today by one proof as long as the logarithm of the chain.

// Remember appends the block's own hash, 32 bytes, to the log of block hashes. It is called once a block, after Begin. An
// error means that the machine failed.
func (b *Block) Remember(hash []byte) error {
	if len(hash) != sha256.Size {
		return fmt.Errorf("ledger: the hash of block %d has %d bytes, not %d", b.Height, len(hash), sha256.Size)
	}
	head, err := state.Get(b, types.BlockLogKey)
	if err != nil {
		return err
	}
	if head == nil {
		head = &types.BlockLog{FirstHeight: b.Height}
	}
	n := head.Blocks
	if at := head.FirstHeight + int64(n); at != b.Height {
		return fmt.Errorf("ledger: block %d follows %d logged from height %d", b.Height, n, head.FirstHeight)
	}
	next, err := types.Frontier(head.Frontier).Append(n, types.LogLeafHash(hash))
	if err != nil {
		return err
	}
	head.Blocks, head.Frontier = n+1, next
	if head.Root, err = next.Root(n + 1); err != nil {
		return err
	}
	b.Append(types.BlockLogName, n, hash)
	return state.Set(b, types.BlockLogKey, head)
}

// auditBlockLog: the log is as long as its head says, and has its root.
func auditBlockLog(r state.Reader) error {
	head, err := state.Get(r, types.BlockLogKey)
	if err != nil || head == nil {
		return err
	}
	f := types.Frontier{}
	for n := range head.Blocks {
		row, err := r.Entry(types.BlockLogName, n)
		if err != nil {
			return err
		}
		if len(row) != sha256.Size {
			return fmt.Errorf("audit: %s: row %d of %d has %d bytes", types.BlockLogKey, n, head.Blocks, len(row))
		}
		if f, err = f.Append(n, types.LogLeafHash(row)); err != nil {
			return err
		}
	}
	root, err := f.Root(head.Blocks)
	if err == nil && string(root) != string(head.Root) {
		return fmt.Errorf("audit: %s: the rows have another root", types.BlockLogKey)
	}
	return err
}
