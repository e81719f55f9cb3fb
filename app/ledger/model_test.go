package ledger

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
)

// The naive model predicts every code of every script, every record, and every row of the logs: refusals in their order
// of precedence, and what is left behind.
func TestModelPredictsScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			s := &script{t: t, macros: map[string]string{}, predict: true}
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				s.t = t
				s.run(d)
				return d.Expected
			})
			s.t = t
			s.kept()
		})
	}
}

// predictBlock tells the model that a block begins.
func (w *world) predictBlock() {
	if w.model != nil {
		w.model.Begin(w.height+1, w.unix, nil)
	}
}

// predict compares one result with the model's.
func (w *world) predict(s sent, verified bool, r Result) {
	if w.model == nil {
		return
	}
	code, codes := w.model.Deliver(s.tx, s.refused, verified)
	if code != r.Code || !slices.Equal(codes, r.Codes) {
		w.lose("the rules say %s %s: %s; the model %s %s; %v", r.Code, r.Codes, r.Detail, code, codes, s.tx)
	}
}

// predictState compares the state of the last height with the model's.
func (w *world) predictState() {
	if w.model == nil {
		return
	}
	w.model.End()
	view := w.db.View()
	defer func() { require.NoError(w.t, view.Close()) }()
	differences := append(w.model.Compare(view.Get), w.model.CompareLogs(view.Entry)...)
	if len(differences) > 0 {
		w.lose("%s", strings.Join(differences, "\n"))
	}
}

// lose ends the comparison of a script.
func (w *world) lose(format string, args ...any) {
	w.lost = fmt.Sprintf("height %d: "+format, append([]any{w.height + 1}, args...)...)
	w.model = nil
}
