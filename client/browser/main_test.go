package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func golden(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("../verifier/testdata/" + name)
	require.NoError(t, err)
	return b
}

// What the page calls, without the browser.
func TestAnswers(t *testing.T) {
	trust := golden(t, "trust.json")
	ask := func(report []byte, q question) answer {
		asked, err := json.Marshal(q)
		require.NoError(t, err)
		return verify(report, trust, asked)
	}
	q := question{NowUnix: time.Now().Unix(), AsOf: "2025-12-01", AllowSimulation: true}
	a := ask(golden(t, "report.tcr"), q)
	require.True(t, a.Verified, a.Error)
	require.Equal(t, 1, a.Standing)
	require.Equal(t, string(golden(t, "report.en.txt")), a.English)
	require.Equal(t, string(golden(t, "report.zh.txt")), a.Chinese)
	require.Len(t, a.Entries, 41)
	require.Equal(t, 2, ask(golden(t, "renewed.tcr"), q).Standing)
	a = ask(golden(t, "report.tcr"), question{NowUnix: q.NowUnix, AsOf: "2035-12-01", AllowSimulation: true})
	require.False(t, a.Verified)
	require.Equal(t, 3, a.Standing)
	for what, a := range map[string]answer{
		"simulated": ask(golden(t, "report.tcr"), question{AsOf: q.AsOf}), "damaged": ask(append(golden(t, "report.tcr"), 0), q),
		"no day": ask(golden(t, "report.tcr"), question{AsOf: "today"}), "no trust": verify(golden(t, "report.tcr"), []byte("{}"), []byte("{}")), "no question": verify(nil, trust, nil),
	} {
		require.Zero(t, a.Standing, what)
		require.NotEmpty(t, a.Error, what)
	}
	p := pin(trust)
	require.Equal(t, 4, p.Validators)
	require.Len(t, p.SHA256, 64)
	require.NotEmpty(t, pin([]byte("x")).Error)
}

func TestAssemble(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "p.wasm"), bytes.Repeat([]byte("wasm"), 1000), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "l.js"), []byte("const loaded = 1;"), 0o600))
	out := filepath.Join(dir, "verify.html")
	require.NoError(t, run([]string{filepath.Join(dir, "p.wasm"), filepath.Join(dir, "l.js"), out}))
	html, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Contains(t, string(html), "const loaded = 1;")
	require.Contains(t, string(html), "H4sI")
	require.NotContains(t, string(html), "http://", "the page names no host")
	require.Error(t, run(nil))
	_, _, err = assemble([]byte("no places"), nil, nil)
	require.Error(t, err)
}
