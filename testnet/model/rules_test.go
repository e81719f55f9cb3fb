package model

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// TestEveryMessageHasARule: and there is no rule without a message.
func TestEveryMessageHasARule(t *testing.T) {
	require.NotEmpty(t, types.Table)
	for _, row := range types.Table {
		require.NotNil(t, rules[row.Name], row.Name)
	}
	require.Len(t, rules, len(types.Table))
}
