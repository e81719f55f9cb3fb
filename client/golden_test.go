package client

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("rewrite", false, "write the golden report anew; only with a line in the change log")

// TestGoldenReport verifies a report file that an earlier version wrote: reports are kept for years.
func TestGoldenReport(t *testing.T) {
	r, n := mustReport(t, true)
	if *rewrite {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, WriteReportFile("testdata/report.tcr", r))
		require.NoError(t, n.chain.trust().WriteFile("testdata/trust.json"))
	}
	trust, err := ReadTrust("testdata/trust.json")
	require.NoError(t, err)
	kept, err := ReadReportFile("testdata/report.tcr")
	require.NoError(t, err)
	require.Equal(t, mustMarshal(r), mustMarshal(kept), "the content of the format has changed")
	v, err := Verify(kept, trust, VerifyOptions{Now: testStart.AddDate(0, 0, 30), AllowSimulation: true})
	require.NoError(t, err)
	for lang, path := range map[Language]string{English: "testdata/report.en.txt", Chinese: "testdata/report.zh.txt"} {
		var page bytes.Buffer
		require.NoError(t, WritePage(&page, v, lang))
		if *rewrite {
			require.NoError(t, os.WriteFile(path, page.Bytes(), 0o644))
		}
		require.Equal(t, string(readTestFile(t, path)), page.String())
	}
}
