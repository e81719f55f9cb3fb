package verifier

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func encode(t testing.TB, r *Report) []byte {
	t.Helper()
	file, err := r.Encode()
	require.NoError(t, err)
	return file
}

func TestReportVerifies(t *testing.T) {
	w := newWorld(t, worldOptions{validators: 4, entries: 60})
	file := encode(t, w.report(t, 0, "receivable/platform/R-1", "encumbrance/receivable/platform/R-1"))
	r, err := Decode(file)
	require.NoError(t, err)
	require.Equal(t, file, encode(t, r), "the same report gives the same bytes")
	v, err := Verify(r, w.trust(), Options{Now: w.now()})
	require.NoError(t, err)
	require.Equal(t, Fresh, v.Standing)
	require.True(t, v.Recomputed)
	require.True(t, v.Entries.Complete())
	require.True(t, v.Entries.SumsChecked)
	require.Equal(t, uint64(61), v.Entries.Count)
	t.Logf("%d bytes, score %d", len(file), v.Receipt.Result.Score)
}
