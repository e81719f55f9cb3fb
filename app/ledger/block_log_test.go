package ledger

import (
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// TestRemember: every block's hash is a row, from the first height on, and nothing else is taken.
func TestRemember(t *testing.T) {
	w := newWorld(t, castText, "USD", "")
	view := w.db.View()
	defer func() { require.NoError(t, view.Close()) }()
	batch := state.NewBatch(view)
	var rows [][]byte
	for height := int64(7); height < 40; height++ {
		b, err := NewBlock(batch, view, height, w.unix+height)
		require.NoError(t, err)
		hash := sha256.Sum256([]byte{byte(height)})
		require.NoError(t, b.Remember(hash[:]))
		rows = append(rows, hash[:])
		head, err := state.Get(batch, types.BlockLogKey)
		require.NoError(t, err)
		_, root, err := types.Frontier{}.Extend(0, rows)
		require.NoError(t, err)
		require.Equal(t, root, head.Root)
		require.Equal(t, uint64(len(rows)), head.Blocks)
		require.Equal(t, int64(7), head.FirstHeight)
		require.ErrorContains(t, b.Remember(hash[:]), "follows", "twice in one block")
		require.ErrorContains(t, b.Remember(hash[:31]), "31 bytes")
	}
	require.NoError(t, auditBlockLog(batch))
	head, err := state.Get(batch, types.BlockLogKey)
	require.NoError(t, err)
	head.Root[0] ^= 1
	require.NoError(t, state.Set(batch, types.BlockLogKey, head))
	require.ErrorContains(t, auditBlockLog(batch), "another root")
	head.Blocks++
	require.NoError(t, state.Set(batch, types.BlockLogKey, head))
	require.ErrorContains(t, auditBlockLog(batch), "row 33")
}
