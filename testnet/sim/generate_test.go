package sim

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// TestEveryMessageHasAGenerator: one each, of that message.
func TestEveryMessageHasAGenerator(t *testing.T) {
	have := map[string]int{}
	for _, g := range generators {
		have[g.message]++
		require.Positive(t, g.weight, g.message)
		require.NotNil(t, types.RowNamed(g.message), "%s is no message", g.message)
	}
	var missing []string
	for _, row := range types.Table {
		if have[row.Name] == 0 {
			missing = append(missing, row.Name)
		}
		require.LessOrEqual(t, have[row.Name], 1, row.Name)
	}
	require.Empty(t, missing, "messages without a generator; generate.go says how to add one")
}

// TestEveryMessageCanBeInvented: hostile messages are made of any type of message, also where nothing fits them yet.
func TestEveryMessageCanBeInvented(t *testing.T) {
	w := newWorld(Config{Seed: 1}, NewCounters())
	for _, row := range types.Table {
		for range 20 {
			a := w.invent(row.Name)
			require.Equal(t, row.Name, types.RowOf(a.msg).Name)
			require.NotEmpty(t, a.signer)
			w.distort(a.msg)
			require.Equal(t, clone(a.msg), clone(clone(a.msg)))
			w.seal(w.body(&draft{signer: a.signer, key: "none", acts: []act{*a}}))
		}
	}
}
