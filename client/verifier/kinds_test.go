package verifier

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// TestEveryEntryHasAName: in both languages, and no two have the same.
func TestEveryEntryHasAName(t *testing.T) {
	for _, l := range []Language{English, Chinese} {
		seen := map[string]types.EntryKind{}
		for n := range types.EntryKind_name {
			k := types.EntryKind(n)
			if k == types.EntryKind_ENTRY_UNSPECIFIED {
				continue
			}
			name := EntryName(k, l)
			require.NotEqual(t, k.String(), name)
			require.NotContains(t, seen, name, "%s", k)
			seen[name] = k
		}
	}
	require.Len(t, entryNames, len(types.EntryKind_name)-1)
	require.Equal(t, "ENTRY_UNSPECIFIED", EntryName(0, Chinese))
}
