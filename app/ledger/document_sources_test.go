package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// Sources are roles that may verify, their codes are on the list, and no code has two sources.
func TestDocumentSources(t *testing.T) {
	row := types.RowNamed("verify_document")
	seen := map[string]bool{}
	for _, s := range documentSources {
		_, ok := row.Permit(s.role, types.OwnRight)
		require.True(t, ok, s.role)
		for _, code := range s.codes {
			require.NoError(t, types.CheckDocumentType(code))
			require.False(t, seen[code], code)
			seen[code] = true
			require.True(t, isSource(s.role, code))
		}
	}
	for _, p := range row.Permissions {
		require.Equal(t, p.Role == types.Role_VERIFIER, !isSourceOfAny(p.Role), p.Role)
	}
	require.False(t, isSource(types.Role_VERIFIER, "861"))
	require.False(t, isSource(types.Role_TAX, "705"))
}

func isSourceOfAny(role types.Role) bool {
	for _, s := range documentSources {
		if s.role == role {
			return len(s.codes) > 0
		}
	}
	return false
}
