//go:build !js

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
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
	q := question{NowUnix: time.Now().Unix(), AsOf: "2025-12-03", AllowSimulation: true}
	a := ask(golden(t, "report.tcr"), q)
	require.True(t, a.Verified, a.Refused)
	require.Equal(t, 1, a.Standing)
	require.Equal(t, string(golden(t, "report.en.txt")), a.English)
	require.Equal(t, string(golden(t, "report.zh.txt")), a.Chinese)
	require.Len(t, a.Entries, 41)
	require.Equal(t, 2, ask(golden(t, "renewed.tcr"), q).Standing)
	a = ask(golden(t, "report.tcr"), question{NowUnix: q.NowUnix, AsOf: "2035-12-01", AllowSimulation: true})
	require.False(t, a.Verified)
	require.Equal(t, 3, a.Standing)
	require.Contains(t, ask(golden(t, "report.tcr"), question{AsOf: q.AsOf, AllowSimulation: true, MaxAgeDays: 7}).Refused.English, "older than the greatest age")
	require.Equal(t, 3, ask(golden(t, "report.tcr"), question{AsOf: q.AsOf, AllowSimulation: true, TrustDays: 7}).Standing)
	require.Equal(t, 1, ask(golden(t, "report.tcr"), question{AsOf: "2035-12-03", AllowSimulation: true, TrustDays: 4000}).Standing)
	for what, a := range map[string]answer{
		"simulated": ask(golden(t, "report.tcr"), question{AsOf: q.AsOf}), "damaged": ask(append(golden(t, "report.tcr"), 0), q),
		"no day": ask(golden(t, "report.tcr"), question{AsOf: "today"}), "no trust": verify(golden(t, "report.tcr"), []byte("{}"), []byte("{}")), "no question": verify(nil, trust, nil),
	} {
		require.Zero(t, a.Standing, what)
		require.NotEmpty(t, a.Refused.English, what)
		require.NotEqual(t, a.Refused.English, a.Refused.Chinese, what)
	}
	p := pin(trust)
	require.Equal(t, 4, p.Validators)
	require.Len(t, p.SHA256, 64)
	require.Contains(t, pin([]byte("x")).Refused.Chinese, "信任文件的格式有误")
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

// The page's script names elements that are there, and says everything in both languages.
func TestPageIsWhole(t *testing.T) {
	all := func(pattern string) map[string]bool {
		out := map[string]bool{}
		for _, m := range regexp.MustCompile(pattern).FindAllSubmatch(page, -1) {
			out[string(m[1])] = true
		}
		require.NotEmpty(t, out, pattern)
		return out
	}
	ids := all(`\bid="(\w+)"`)
	for id := range all(`\bat\("(\w+)"\)`) {
		require.True(t, ids[id], id)
	}
	english, chinese, ok := bytes.Cut(page, []byte("\n  zh: {"))
	require.True(t, ok)
	_, english, ok = bytes.Cut(english, []byte("\n  en: {"))
	require.True(t, ok)
	chinese, _, ok = bytes.Cut(chinese, []byte("\n};"))
	require.True(t, ok)
	key := regexp.MustCompile(`(?:[{,]\s*|^ )(\w+): ["\[n]`)
	keys := func(words []byte) (out []string) {
		for _, m := range key.FindAllSubmatch(words, -1) {
			out = append(out, string(m[1]))
		}
		return out
	}
	require.Greater(t, len(keys(english)), 30)
	require.Equal(t, keys(english), keys(chinese), "one language says more than the other")
	for said := range all(`data-say="(\w+)"`) {
		require.Contains(t, keys(english), said)
	}
	for said := range all(`\bw\.(\w+)`) {
		require.Contains(t, keys(english), said)
	}
	require.Contains(t, string(page), `default-src 'none'`, "it may neither fetch nor send")
}
