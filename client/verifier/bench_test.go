package verifier

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkVerify reads and verifies reports with so many entries, the score computed anew and the sums added up from all
// of them, and reports the size of the file. REPORTS=<folder> keeps the files, and what they are verified against.
func BenchmarkVerify(b *testing.B) {
	for _, n := range []int{10, 1_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w := newWorld(b, worldOptions{validators: 4, entries: n})
			file := encode(b, w.report(b, 0))
			trust, opts := w.trust(), Options{Now: w.now()}
			keep(b, fmt.Sprint(n, ".tcr"), file)
			pin, err := json.Marshal(trust)
			require.NoError(b, err)
			keep(b, "trust.json", pin)
			b.ResetTimer()
			for range b.N {
				r, err := Decode(file)
				require.NoError(b, err)
				v, err := Verify(r, trust, opts)
				require.NoError(b, err)
				require.True(b, v.Entries.SumsChecked)
			}
			b.ReportMetric(float64(len(file)), "file-bytes")
		})
	}
}

func keep(b *testing.B, name string, data []byte) {
	b.Helper()
	if dir := os.Getenv("REPORTS"); dir != "" {
		require.NoError(b, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
}

// A report with 1,000 entries has at most 300 KB.
func TestReportSize(t *testing.T) {
	w := newWorld(t, worldOptions{validators: 4, entries: 1000})
	file := encode(t, w.report(t, 0))
	require.Less(t, len(file), 300_000)
	t.Logf("%d bytes with %d entries", len(file), len(w.log))
}
