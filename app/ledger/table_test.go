package ledger

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// Handlers, the table of messages and the generated oneof list the same messages in the same order.
func TestEveryMessageHasAHandler(t *testing.T) {
	wrappers := (*types.Message)(nil).XXX_OneofWrappers()
	require.NotEmpty(t, wrappers)
	require.Len(t, handlers, len(wrappers))
	require.Len(t, types.Table, len(wrappers))
	for i, w := range wrappers {
		field := reflect.TypeOf(w).Elem().Field(0)
		require.Equal(t, types.Table[i].Name, handlers[i].name)
		require.Equal(t, field.Type, handlers[i].msg)
		require.Equal(t, types.Table[i].Name, protoName(field.Tag.Get("protobuf")))
		h, row := find(reflect.New(field.Type.Elem()).Interface())
		require.Equal(t, handlers[i].name, h.name)
		require.Equal(t, row.Name, h.name)
	}
}

// One file and one script a message, both called after it, and the file opens by telling what the message is.
func TestEveryHandlerHasAScript(t *testing.T) {
	require.NotEmpty(t, handlers)
	for _, h := range handlers {
		source, err := os.ReadFile(h.name + ".go")
		require.NoError(t, err)
		name := h.msg.Elem().Name()
		require.Contains(t, string(source), "\n// "+name+": ", "%s.go opens with what the message means", h.name)
		script, err := os.ReadFile(filepath.Join("testdata", h.name+".txt"))
		require.NoError(t, err)
		require.Regexp(t, `(?m)^`+h.name+` `, string(script), "the script sends no %s", h.name)
		require.Regexp(t, `(?m)^ok$`, string(script))
	}
}

// notShown are the codes that no script shows, and why.
var notShown = map[types.Code]string{
	types.Code_tx_too_large:               "Decode, tested in types",
	types.Code_tx_malformed:               "Decode, tested in types",
	types.Code_tx_not_canonical:           "Decode, tested in types",
	types.Code_message_count_out_of_range: "Decode, tested in types",
	types.Code_quota_bytes_exceeded:       "the lowest quota is a megabyte: TestQuotas",
	types.Code_block_cost_exceeded:        "checked where blocks are made, in package app",
	types.Code_too_many_liens:             "needs 65 liens on one trade: TestFinancingLimits",
	types.Code_overflow:                   "needs sums that no script reaches: TestPostRefuses",
	types.Code_inconsistent_state:         "needs rows that no rule writes: TestQueueBadItem",
}

// Every code of the consensus enum appears as an outcome in a script, or says above why it does not.
func TestEveryCodeIsShown(t *testing.T) {
	shown := map[string]bool{}
	paths, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	outcomes := regexp.MustCompile(`(?m)^([a-z_0-9]+) \(\d+\)|failure=\d+`)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, m := range outcomes.FindAllStringSubmatch(string(text), -1) {
			shown[m[1]] = true
		}
		if strings.Contains(string(text), "rolled_back") {
			shown["rolled_back"] = true
		}
	}
	var missing, needless []string
	for number, name := range types.Code_name {
		_, excused := notShown[types.Code(number)]
		switch {
		case number == 0:
		case excused && shown[name]:
			needless = append(needless, name)
		case !excused && !shown[name]:
			missing = append(missing, name)
		}
	}
	for code, why := range notShown {
		require.NotEmpty(t, why, code)
	}
	slices.Sort(missing)
	slices.Sort(needless)
	require.Empty(t, missing, "codes that no script shows")
	require.Empty(t, needless, "codes that are excused and shown")
}

// Every outcome of a script is a code of the enum, with its number.
func TestScriptsNameCodesRightly(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	outcomes := regexp.MustCompile(`(?m)^([a-z_0-9]+) \((\d+)\)`)
	seen := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, m := range outcomes.FindAllStringSubmatch(string(text), -1) {
			require.Contains(t, types.Code_value, m[1], path)
			require.Equal(t, strconv.Itoa(int(types.Code_value[m[1]])), m[2], path)
			seen++
		}
	}
	require.NotZero(t, seen)
}
