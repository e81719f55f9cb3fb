package sim

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write testdata/history.gz anew")

// The golden history: one seed, so many blocks. It is written anew only when the rules are meant to come to something else:
//
//	go test ./testnet/sim -run '^TestGoldenHistory$' -update
const (
	goldenPath   = "testdata/history.gz"
	goldenSeed   = 20_271_217
	goldenBlocks = 200
	goldenBytes  = 1 << 20
)

func golden(t *testing.T) *History {
	t.Helper()
	raw, err := os.ReadFile(goldenPath)
	require.NoError(t, err)
	require.LessOrEqual(t, len(raw), goldenBytes)
	h, err := ReadHistory(bytes.NewReader(raw))
	require.NoError(t, err)
	require.Len(t, h.Blocks, goldenBlocks)
	return h
}

// TestGoldenHistory replays it with one processor and with two.
func TestGoldenHistory(t *testing.T) {
	if *update {
		h := &History{}
		_, err := Run(Config{Seed: goldenSeed, Blocks: goldenBlocks, Record: h})
		require.NoError(t, err)
		var b bytes.Buffer
		require.NoError(t, h.Write(&b))
		require.NoError(t, os.MkdirAll(filepath.Dir(goldenPath), 0o755))
		require.NoError(t, os.WriteFile(goldenPath, b.Bytes(), 0o644))
	}
	h := golden(t)
	txs, processors := 0, runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(processors)
	for _, n := range []int{1, 2} {
		runtime.GOMAXPROCS(n)
		require.NoError(t, h.Replay(), "with %d processors; if the rules are meant to come to something else now, run with -update and say so: it is consensus", n)
	}
	for _, b := range h.Blocks {
		txs += len(b.Txs)
	}
	require.Greater(t, txs, goldenBlocks)
	t.Logf("%s: %d blocks, %d transactions, app hash %X", runtime.GOARCH, len(h.Blocks), txs, h.Blocks[goldenBlocks-1].AppHash)
}

// on386 runs tests as a program for a machine with words of 32 bits, which runs here natively; empty elsewhere.
func on386(t *testing.T, args ...string) string {
	t.Helper()
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Logf("%s/%s runs no programs for linux/386", runtime.GOOS, runtime.GOARCH)
		return ""
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-count=1"}, args...)...)
	cmd.Env = append(os.Environ(), "GOARCH=386", "CGO_ENABLED=0", "SOAK=")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// TestGoldenHistoryOn386 replays it there.
func TestGoldenHistoryOn386(t *testing.T) {
	if out := on386(t, "-v", "-run", "^TestGoldenHistory$", "."); out != "" {
		require.Contains(t, out, "386: 200 blocks", "it has really run")
	}
}

// TestRulesOn386: on a long run all tests of the rules and of the state pass there, too; otherwise they build.
func TestRulesOn386(t *testing.T) {
	args := []string{"-run", "^$"}
	if os.Getenv("SOAK") != "" {
		args = []string{"-timeout", "30m"}
	}
	for _, pkg := range []string{"types", "types/score", "app/state", "app/ledger"} {
		if out := on386(t, append(args, "tradecredit/"+pkg)...); out != "" {
			require.Contains(t, out, "ok  \ttradecredit/"+pkg)
		}
	}
}

// TestHistoryIsKeptWhole: what is written is what is read, and a changed byte is noticed.
func TestHistoryIsKeptWhole(t *testing.T) {
	var h History
	_, err := Run(Config{Seed: 5, Blocks: 30, Record: &h})
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, h.Write(&b))
	again, err := ReadHistory(bytes.NewReader(b.Bytes()))
	require.NoError(t, err)
	require.Equal(t, len(h.Blocks), len(again.Blocks))
	require.NoError(t, again.Replay())
	again.Blocks[20].AppHash[3] ^= 1
	require.ErrorContains(t, again.Replay(), "block 21 comes to")
	_, err = ReadHistory(bytes.NewReader(b.Bytes()[:b.Len()/2]))
	require.Error(t, err)
}
