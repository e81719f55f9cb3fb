package ledger

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// TestTreeKeysByMessage tells how many leaves of the state tree each accepted message of the scripts changed, alone in its
// block: median and most, without the signer's quota and what the block itself writes. With -v it prints the table.
func TestTreeKeysByMessage(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	command := regexp.MustCompile(`^([a-z_]+) from=`)
	keys := map[string][]int{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for block := range strings.SplitSeq(string(text), "\n\n") {
			lines := strings.Split(block, "\n")
			for len(lines) > 0 && strings.HasPrefix(lines[0], "#") {
				lines = lines[1:]
			}
			if len(lines) < 3 || lines[1] != "----" || lines[2] != "ok" {
				continue
			}
			m := command.FindStringSubmatch(lines[0])
			if m == nil || types.RowNamed(m[1]) == nil {
				continue
			}
			n := 0
			for _, line := range lines[3:] {
				if strings.HasPrefix(line, "+ ") || strings.HasPrefix(line, "~ ") || strings.HasPrefix(line, "- ") {
					n++
				}
			}
			keys[m[1]] = append(keys[m[1]], n)
		}
	}
	var table strings.Builder
	for _, row := range types.Table {
		require.NotEmpty(t, keys[row.Name], row.Name)
		slices.Sort(keys[row.Name])
		n := keys[row.Name]
		fmt.Fprintf(&table, "%-26s %3d median %3d most\n", row.Name, n[len(n)/2], n[len(n)-1])
	}
	t.Logf("tree keys by message\n%s", table.String())
}
