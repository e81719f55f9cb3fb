package ledger

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every transition of a state that the scripts show stands in testdata/transitions.md, which was written from the
// specification, and every one that stands there is shown. A line of it is "kind: FROM → TO TO …"; what begins comes from
// "new".
func TestEveryTransitionIsShown(t *testing.T) {
	text, err := os.ReadFile("testdata/transitions.md")
	require.NoError(t, err)
	want := map[string]bool{}
	kind := ""
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "## "); ok {
			kind = name
			continue
		}
		from, to, ok := strings.Cut(strings.TrimSpace(line), " → ")
		if !ok {
			continue
		}
		for _, state := range strings.Fields(to) {
			want[kind+": "+from+" → "+state] = true
		}
	}
	shown := shownTransitions(t)
	var missing, unknown []string
	for w := range want {
		if !shown[w] {
			missing = append(missing, w)
		}
	}
	for s := range shown {
		if !want[s] {
			unknown = append(unknown, s)
		}
	}
	slices.Sort(missing)
	slices.Sort(unknown)
	require.Empty(t, missing, "transitions of the specification that no script shows")
	require.Empty(t, unknown, "transitions that the specification does not know")
	t.Logf("%d transitions", len(want))
}

// shownTransitions follows the records of every script from state to state.
func shownTransitions(t *testing.T) map[string]bool {
	paths, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	standing := map[string]string{"member": "LIVE", "key": "KEY_LIVE", "model-state": "MODEL_ACTIVE"} // of what the genesis made
	row := regexp.MustCompile(`^([+~-]) ([a-z-]+)/(\S+)(.*)`)
	state := regexp.MustCompile(` (?:status|stage|state)=(\S*)`)
	out := map[string]bool{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		now := map[string]string{}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimRight(line, "\n")
			if strings.HasPrefix(line, "network") {
				clear(now)
			}
			m := row.FindStringSubmatch(line)
			if m == nil || m[1] == "-" {
				continue
			}
			found := state.FindStringSubmatch(m[4])
			if found == nil {
				continue
			}
			key := m[2] + "/" + m[3]
			from := now[key]
			if m[1] == "+" {
				from = "new"
			}
			if first, ok := standing[m[2]]; ok && from == "" {
				from = first
			}
			if from != "" && from != found[1] && m[2] != "settlement" {
				out[m[2]+": "+from+" → "+found[1]] = true
			}
			now[key] = found[1]
		}
	}
	return out
}
