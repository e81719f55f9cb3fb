package testnet

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/types"

	"tradecredit/client"
)

func readme(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	return strings.ReplaceAll(string(raw), "\\\n", " ")
}

// comment is what a shell would not read at the end of a line.
var comment = regexp.MustCompile(`\s+#.*$`)

// typed lists the commands that the README has a reader type, in their order: lines of console blocks, indented lines and
// commands in backticks. The first program's name tells what they are about; variables before it are dropped.
func typed(t *testing.T, programs ...string) (console, elsewhere []string) {
	t.Helper()
	text := readme(t)
	isOurs := func(line string) (string, bool) {
		line = comment.ReplaceAllString(strings.TrimSpace(line), "")
		line = regexp.MustCompile(`^([A-Z_]+=\S+ )+`).ReplaceAllString(line, "")
		line = strings.TrimPrefix(line, "build/")
		first, _, _ := strings.Cut(line, " ")
		for _, p := range programs {
			if first == p {
				return line, true
			}
		}
		return "", false
	}
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(block[1]) {
			require.True(t, strings.HasPrefix(line, "$ "), "a line of a console block is no command: %s", line)
			if c, ok := isOurs(line[2:]); ok {
				console = append(console, c)
			}
		}
	}
	outside := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(text, "")
	for line := range strings.Lines(outside) {
		if rest, ok := strings.CutPrefix(line, "    "); ok {
			if c, ok := isOurs(rest); ok {
				elsewhere = append(elsewhere, c)
			}
			continue
		}
		for _, quoted := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(line, -1) {
			if c, ok := isOurs(quoted[1]); ok {
				elsewhere = append(elsewhere, c)
			}
		}
	}
	return console, elsewhere
}

// TestReadmeMake: every make of the README is a target that the Makefile lists, and `make` lists them.
func TestReadmeMake(t *testing.T) {
	raw, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	targets := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z]+):.* ## \S`).FindAllStringSubmatch(string(raw), -1) {
		targets[m[1]] = true
	}
	console, elsewhere := typed(t, "make")
	require.GreaterOrEqual(t, len(console)+len(elsewhere), 5)
	for _, c := range append(console, elsewhere...) {
		words := strings.Fields(c)[1:]
		for _, w := range words {
			require.True(t, targets[w], "%q: the Makefile has no target %q with a description", c, w)
		}
	}
	list := exec.Command("make", "--no-print-directory")
	list.Dir = ".."
	out, err := list.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for name := range targets {
		require.Regexp(t, `(?m)^`+name+` +\S`, string(out))
		dry := exec.Command("make", "-n", name)
		dry.Dir = ".."
		out, err := dry.CombinedOutput()
		require.NoError(t, err, "make -n %s: %s", name, out)
	}
}

// TestReadmeHelp: every ledgerd and ledgerctl of the README is a command with the flags that are given, and takes as many
// arguments.
func TestReadmeHelp(t *testing.T) {
	console, elsewhere := typed(t, "ledgerd", "ledgerctl")
	require.GreaterOrEqual(t, len(console), 6)
	require.GreaterOrEqual(t, len(elsewhere), 2)
	for _, c := range append(console, elsewhere...) {
		words := strings.Fields(strings.ReplaceAll(c, "<public key>", "KEY"))
		out, err := exec.Command(program(t, words[0]), append(words[1:], "--help")...).CombinedOutput()
		require.NoError(t, err, "%s --help\n%s", c, out)
		usage := regexp.MustCompile(`(?m)^Usage:\n  (\S.*)$`).FindStringSubmatch(string(out))
		require.NotNil(t, usage, "%s --help\n%s", c, out)
		rest, flags := words, false
		placeholders := 0
		for _, w := range strings.Fields(usage[1]) {
			switch {
			case strings.HasPrefix(w, "["):
				flags = true
			case strings.ToUpper(w) == w:
				placeholders++
			default:
				require.NotEmpty(t, rest, "%s: %s", c, usage[1])
				require.Equal(t, w, rest[0], "%s: %s", c, usage[1])
				rest = rest[1:]
			}
		}
		require.True(t, flags || placeholders > 0 || len(rest) == 0, "%s: %s", c, usage[1])
		arguments := 0
		for i, w := range rest {
			if !strings.HasPrefix(w, "-") && (i == 0 || !strings.HasPrefix(rest[i-1], "-") || strings.Contains(rest[i-1], "=")) {
				arguments++
			}
		}
		require.LessOrEqual(t, arguments, placeholders, "%s: %s", c, usage[1])
		if placeholders == 0 && strings.Contains(string(out), "Available Commands:") {
			require.Zero(t, arguments, "%s: no such command below %s", c, usage[1])
		}
	}
}

// TestReadmeFirstHour types the console block as it stands, one command after the other, in a home of its own. Only the
// addresses are moved, by environment, and the import is left out: it wants a file of the reader's.
func TestReadmeFirstHour(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(programDir, 0o755))
	program(t, "ledgerd")
	require.NoError(t, os.Symlink(programDir, filepath.Join(dir, "build")))
	api := freeAddress(t)
	env := append(os.Environ(), "HOME="+dir, "LANG=C", client.PassphraseVariable+"=correct horse battery", "LEDGERCTL_NODE=http://"+api,
		"LEDGERD_API_LADDR="+api, "LEDGERD_P2P_LADDR="+freeAddress(t), "LEDGERD_RPC_LADDR="+freeAddress(t), "LEDGERD_METRICS_LADDR="+freeAddress(t))
	shell := func(ctx context.Context, line string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, "sh", "-c", "exec "+line)
		cmd.Dir, cmd.Env = dir, env
		return cmd
	}
	console, _ := typed(t, "ledgerd", "ledgerctl")
	publicKey, done, started := "", 0, false
	for _, c := range console {
		if strings.HasPrefix(c, "ledgerctl import ") {
			continue
		}
		done++
		line := "build/" + strings.ReplaceAll(c, "<public key>", publicKey)
		if strings.HasPrefix(c, "ledgerd start ") {
			node := shell(within(t, 2*patience), line)
			var log lockedBuffer
			node.Stdout, node.Stderr = &log, &log
			require.NoError(t, node.Start())
			started = true
			t.Cleanup(func() {
				_ = node.Process.Signal(os.Interrupt)
				_ = node.Wait() // its log is shown when something failed
				if t.Failed() {
					t.Log(log.String())
				}
			})
			continue
		}
		eventually(t, c, func() (bool, string) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			out, err := shell(ctx, line).CombinedOutput()
			if m := regexp.MustCompile(`public key +([0-9a-f]{64})`).FindSubmatch(out); m != nil && publicKey == "" {
				publicKey = string(m[1])
			}
			if err == nil {
				return true, ""
			}
			exit := &exec.ExitError{}
			require.ErrorAs(t, err, &exit)
			require.True(t, started && exit.ExitCode() == 1, "%s\n%s", line, out)
			return false, string(out) // a node needs a moment for its first blocks
		})
	}
	require.GreaterOrEqual(t, done, 6)
	require.Len(t, publicKey, 64)
}

// TestReadmeTruth holds paths and figures of the README against the tree and the sample.
func TestReadmeTruth(t *testing.T) {
	text := readme(t)
	_, packages, ok := strings.Cut(text, "## Packages\n\n```\n")
	require.True(t, ok)
	packages, _, _ = strings.Cut(packages, "```")
	for pkg := range layers {
		name := pkg
		if strings.HasPrefix(pkg, "testnet/") { // the programs stand beside the package
			name = strings.TrimPrefix(pkg, "testnet/")
		}
		require.Regexp(t, `(?m)(^|\s)`+name+`([ :,]|$)`, packages, "%s: a package without a word in the README", pkg)
	}
	paths := 0
	for line := range strings.Lines(packages) {
		for _, dir := range regexp.MustCompile(`(?:^|\s)((?:types|app|node|client|testnet)(?:/\w+)*)\b[ :]`).FindAllStringSubmatch(line, -1) {
			paths++
			require.DirExists(t, filepath.Join("..", dir[1]))
		}
	}
	require.GreaterOrEqual(t, paths, 8)
	files := regexp.MustCompile("`((?:types|app|node|client|testnet)/[\\w./]+)`").FindAllStringSubmatch(text, -1)
	require.GreaterOrEqual(t, len(files), 5)
	for _, f := range files {
		_, err := os.Stat(filepath.Join("..", f[1]))
		require.NoError(t, err, "the README names %s", f[1])
	}
	for _, row := range types.Table {
		require.Contains(t, text, "`"+row.Name+"`", "a message without a word in the README")
	}
	require.Equal(t, 4911, readDeliveries(t).good)
	require.Contains(t, text, "4,911 real delivery lines")
	require.Equal(t, 117, readPayments(t).good/100)
	require.Contains(t, text, "11,700 real payments")
	require.Contains(t, text, "Go 1.26")
	mod, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	require.Contains(t, string(mod), "\ngo 1.26")
}
