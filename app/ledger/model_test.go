package ledger

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"tradecredit/testnet/model"
	"tradecredit/types"
)

// The naive model predicts every code of every script, and every record: refusals in their order of precedence, and
// what is left behind. A script with a message that the model does not cover yet is followed up to there.
func TestModelPredictsScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	whole := 0
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			s := &script{t: t, macros: map[string]string{}, predict: true}
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				s.t = t
				s.run(d)
				return d.Expected
			})
			if s.world.model != nil {
				whole++
			}
		})
	}
	t.Logf("%d of %d scripts predicted to the end", whole, len(paths))
	require.GreaterOrEqual(t, whole, predictedScripts)
}

// predictedScripts are followed to the end. The number only grows.
const predictedScripts = 20

// predictBlock tells the model that a block begins.
func (w *world) predictBlock() {
	if w.model != nil {
		w.model.Begin(w.height+1, w.unix)
	}
}

// predict compares one result with the model's.
func (w *world) predict(s sent, verified bool, r Result) {
	if w.model == nil {
		return
	}
	if s.refused == nil {
		for _, m := range s.tx.Body.Messages {
			if name := types.RowOf(m.Get()).Name; !model.Covers(name) {
				w.t.Logf("the model has no rule for %s yet", name)
				w.model = nil
				return
			}
		}
	}
	code, codes := w.model.Deliver(s.tx, s.refused, verified)
	require.Equal(w.t, r.Code.String(), code.String(), "height %d: %s; %v", w.height+1, r.Detail, s.tx)
	require.Equal(w.t, r.Codes, codes, r.Detail)
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
	require.Empty(w.t, strings.Join(differences, "\n"), "height %d", w.height)
}
