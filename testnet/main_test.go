package testnet

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/node"
)

// patience bounds what a test waits for on a machine that does other things as well. Nothing waits that long in vain but a
// test that fails.
const patience = 90 * time.Second

// programDir is the folder that programs builds into; TestMain removes it.
var programDir string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "testnet-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	programDir = filepath.Join(dir, "build")
	return m.Run()
}

// buildPrograms builds what `make build` builds, in the same way, once for all tests.
var buildPrograms = sync.OnceValue(func() error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X tradecredit/types.Version=under-test", "-o", programDir+string(os.PathSeparator),
		"./node/ledgerd", "./client/ledgerctl", "./testnet/demo", "./testnet/localnet")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
})

// program is the path of one of our programs, built from this tree.
func program(t testing.TB, name string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(programDir, 0o755))
	require.NoError(t, buildPrograms())
	path := filepath.Join(programDir, name)
	require.FileExists(t, path)
	return path
}

// within is a context that ends with the test, or when patience does.
func within(t testing.TB, limit time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

// eventually polls until done, and fails with what was seen last.
func eventually(t testing.TB, what string, done func() (bool, string)) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ok, seen := done()
		if ok {
			return
		}
		require.True(t, time.Now().Before(deadline), "%s: still not after %s; last seen: %s", what, patience, seen)
		time.Sleep(20 * time.Millisecond)
	}
}

// statusAt asks a node how it is.
func statusAt(ctx context.Context, api string) (s node.Status, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+api+"/v1/status", nil)
	if err != nil {
		return s, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return s, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return s, fmt.Errorf("%s answers %s", api, res.Status)
	}
	return s, json.NewDecoder(res.Body).Decode(&s)
}
