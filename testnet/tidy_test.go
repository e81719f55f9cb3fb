package testnet

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "tradecredit"

// layers is the whole import picture: each package and what it may import of ours.
var layers = map[string]string{
	"types":            "",
	"types/score":      "types",
	"app/state":        "types",
	"app/ledger":       "types types/score app/state",
	"app":              "types app/state app/ledger",
	"node":             "types types/score app app/state node/index",
	"node/index":       "types",
	"node/ledgerd":     "types node client",
	"client":           "types types/score client/verifier",
	"client/verifier":  "types types/score",
	"client/ledgerctl": "types client client/verifier",
	"client/browser":   "types client/verifier",
	"testnet":          "types types/score app app/state app/ledger node client",
	"testnet/demo":     "types node client client/verifier testnet",
	"testnet/localnet": "types node client testnet",
	"testnet/planted":  "",
	"testnet/model":    "types",
	"testnet/sim":      "types types/score app app/state app/ledger",
	"testnet/bench":    "types types/score app app/state app/ledger node client testnet",
}

// doors says which packages alone may import a foreign one.
var doors = map[string]string{
	"github.com/cockroachdb/pebble":           "app/state node node/index testnet/sim", // the simulation: its file systems only
	"github.com/cometbft/cometbft/abci":       "app node testnet/sim",                  // it is CometBFT
	"github.com/cometbft/cometbft/node":       "node",
	"github.com/cometbft/cometbft/light":      "node", // a node that joins; clients have rules of their own
	"github.com/cometbft/cometbft/rpc":        "node",
	"github.com/cometbft/cometbft/types":      "node testnet app testnet/bench testnet/demo testnet/localnet testnet/sim", // clients have headers of their own
	"github.com/cosmos/ics23/go":              "types app/state client/verifier",
	"github.com/oasisprotocol/curve25519-voi": "types",
	"github.com/emmansun/gmsm":                "types",
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("..")
	require.NoError(t, err)
	return dir
}

func TestLayers(t *testing.T) {
	cmd := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	require.NoError(t, err)
	seen := 0
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		pkg := strings.TrimPrefix(f[0], module+"/")
		may, ok := layers[pkg]
		if !ok {
			t.Errorf("%s: a new package needs a row in layers", pkg)
			continue
		}
		seen++
		for _, imp := range f[1:] {
			if ours, is := strings.CutPrefix(imp, module+"/"); is && !slices.Contains(strings.Fields(may), ours) {
				t.Errorf("%s imports %s; allowed: %s", pkg, ours, may)
			}
			for foreign, by := range doors {
				if (imp == foreign || strings.HasPrefix(imp, foreign+"/")) && !slices.Contains(strings.Fields(by), pkg) {
					t.Errorf("%s imports %s; only %q may", pkg, imp, by)
				}
			}
		}
	}
	require.Equal(t, len(layers), seen, "every row of layers names a package that exists")
}

// TestVerifierStandsAlone: what judges a report, natively and in a browser, has no server in it, no network and no engine.
func TestVerifierStandsAlone(t *testing.T) {
	for _, build := range []struct{ pkg, system, machine string }{
		{"./client/verifier", "linux", "amd64"}, {"./client/browser", "js", "wasm"},
	} {
		cmd := exec.Command("go", "list", "-deps", build.pkg)
		cmd.Dir = root(t)
		cmd.Env = append(os.Environ(), "GOOS="+build.system, "GOARCH="+build.machine)
		out, err := cmd.Output()
		require.NoError(t, err)
		deps := strings.Fields(string(out))
		require.Contains(t, deps, module+"/types/score")
		for _, d := range deps {
			for _, bad := range []string{"net", "net/http", "os/exec", "github.com/cometbft", "github.com/cockroachdb", module + "/app", module + "/node", module + "/testnet"} {
				if d == bad || strings.HasPrefix(d, bad+"/") && bad != "net" {
					t.Errorf("%s for %s imports %s", build.pkg, build.system, d)
				}
			}
			if d == module+"/client" {
				t.Errorf("%s imports the client", build.pkg)
			}
		}
	}
}

// TestPins refuses the versions that were ruled out, and anything but exact ones for the core.
func TestPins(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root(t), "go.mod"))
	require.NoError(t, err)
	mod := string(raw)
	for _, want := range []string{
		"github.com/cometbft/cometbft v0.40.0\n", "github.com/cockroachdb/pebble/v2 v2.1.7\n",
		"github.com/cosmos/gogoproto v1.7.2\n", "github.com/cometbft/cometbft-db v0.14.1", "github.com/cosmos/ics23/go v0.11.0\n",
		"github.com/emmansun/gmsm v0.44.0",
	} {
		require.Contains(t, mod, want)
	}
	for _, bad := range []string{`cometbft/cometbft v1\.`, `tjfoc/gmsm`, `(?m)^\treplace|^replace`, `emmansun/gmsm v0\.([0-3]?\d|4[0-3])\.`} {
		require.NotRegexp(t, regexp.MustCompile(bad), mod)
	}
	// Pebble 1.x is in the graph through cometbft-db, and must stay there: nothing of ours may import it (doors).
	for line := range strings.Lines(mod) {
		if strings.Contains(line, "cockroachdb/pebble v1") {
			require.Contains(t, line, "// indirect")
		}
	}
}

// sources yields every Go file of ours that was written by hand.
func sources(t *testing.T) []string {
	var out []string
	require.NoError(t, filepath.WalkDir(root(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") || d.Name() == "build") && path != root(t) {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".pb.go") {
			out = append(out, path)
		}
		return nil
	}))
	require.NotEmpty(t, out)
	return out
}

// TestFunctionLength holds functions to 70 lines (tests aside) and every package to a package comment.
func TestFunctionLength(t *testing.T) {
	documented := map[string]bool{}
	for _, path := range sources(t) {
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		require.NoError(t, err)
		dir := filepath.Dir(path)
		documented[dir] = documented[dir] || f.Doc != nil
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := set.Position(fn.End()).Line - set.Position(fn.Pos()).Line + 1; n > 71 {
				t.Errorf("%s: %s has %d lines; the limit is 70", path, fn.Name.Name, n)
			}
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no package comment", dir)
		}
	}
}

// consensus are the packages in which every replica must compute the same.
var consensus = []string{"types", "types/score", "app/ledger", "app/state"}

// TestPurity refuses in consensus code what replicas could disagree on: clocks, chance, environment, floats, and in the
// rules and the score goroutines and iteration over maps.
func TestPurity(t *testing.T) {
	looked := 0
	for _, pkg := range consensus {
		files, err := filepath.Glob(filepath.Join(root(t), pkg, "*.go"))
		require.NoError(t, err)
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, ".pb.go") {
				continue
			}
			looked++
			set := token.NewFileSet()
			f, err := parser.ParseFile(set, path, nil, 0)
			require.NoError(t, err)
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					x, ok := n.X.(*ast.Ident)
					if ok && (x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "Local"}, n.Sel.Name) ||
						x.Name == "os" && strings.Contains(n.Sel.Name, "env")) {
						t.Errorf("%s: %s.%s", set.Position(n.Pos()), x.Name, n.Sel.Name)
					}
				case *ast.Ident:
					if n.Name == "float64" || n.Name == "float32" {
						t.Errorf("%s: %s", set.Position(n.Pos()), n.Name)
					}
				case *ast.GoStmt:
					if pkg != "app/state" {
						t.Errorf("%s: goroutine", set.Position(n.Pos()))
					}
				}
				return true
			})
		}
	}
	require.Greater(t, looked, 20)
}
