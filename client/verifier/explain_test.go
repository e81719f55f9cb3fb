package verifier

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// Every way to be refused has a sentence of its own in either language.
func TestExplain(t *testing.T) {
	names := 0
	for file, prefix := range map[string]string{"errors.go": "Err", "../../types/proof.go": "ErrProof"} {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(v.Names[0].Name, prefix) {
				names++
			}
			return true
		})
	}
	require.Greater(t, names, 40)
	require.Len(t, refusals, names, "an error without a sentence in Chinese, or one twice")
	seen := map[string]bool{}
	for _, r := range refusals {
		require.False(t, seen[r.chinese] || seen[r.err.Error()], r.chinese)
		seen[r.chinese], seen[r.err.Error()] = true, true
		require.True(t, strings.ContainsFunc(r.chinese, func(c rune) bool { return unicode.Is(unicode.Han, c) }), r.err)
		require.NotContains(t, r.chinese, ",")
		detailed := fmt.Errorf("%w: a detail", r.err)
		require.Equal(t, detailed.Error(), Explain(detailed, English))
		require.Contains(t, Explain(detailed, Chinese), r.chinese)
		require.Contains(t, Explain(detailed, Chinese), "a detail")
	}
	both := fmt.Errorf("%w: %w", ErrReportProof, types.ErrProofPath)
	require.Contains(t, Explain(both, Chinese), "报告中有一项记录没有得到证明", "the report's part of it")
	require.Contains(t, Explain(errors.New("something"), Chinese), "something")

	// A file whose parts are written for terminals.
	w := newWorld(t, worldOptions{validators: 1, entries: 3})
	r := w.report(t, 0)
	r.State = w.state(t, provedAt, "chain", "\x1b[2J\x1b[32mVERIFIED\u202e\u0085\r\n")
	_, err := Verify(r, w.trust(), Options{Now: w.now()})
	require.Error(t, err)
	r.State.Records[0].Value = []byte{1}
	_, err = Verify(r, w.trust(), Options{Now: w.now()})
	require.Error(t, err)
	require.Contains(t, err.Error(), "\x1b")
	for _, lang := range []Language{English, Chinese} {
		require.NotContains(t, Explain(err, lang), "\x1b")
		require.Contains(t, Explain(err, lang), "VERIFIED··")
	}
}

// Amounts are printed so that a person can read them.
func TestMoney(t *testing.T) {
	for want, minor := range map[string]int64{"0.00 CNY": 0, "-0.05 CNY": -5, "999.99 CNY": 99999, "1,000.00 CNY": 100000,
		"-1,234,567.89 CNY": -123456789, "92,233,720,368,547,758.07 CNY": 1<<63 - 1} {
		require.Equal(t, want, Money(minor, "CNY"))
	}
	require.Equal(t, "1,234 JPY", Money(1234, "JPY"))
}
