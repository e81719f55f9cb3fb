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
		require.NoError(t, h.Replay(), "with %d processors", n)
	}
	for _, b := range h.Blocks {
		txs += len(b.Txs)
	}
	require.Greater(t, txs, goldenBlocks)
	t.Logf("%s: %d blocks, %d transactions, app hash %X", runtime.GOARCH, len(h.Blocks), txs, h.Blocks[goldenBlocks-1].AppHash)
}

// TestGoldenHistoryOn386 replays it in a program for a machine with words of 32 bits, which runs here natively.
func TestGoldenHistoryOn386(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Logf("%s/%s runs no programs for linux/386", runtime.GOOS, runtime.GOARCH)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-v", "-run", "^TestGoldenHistory$", ".")
	cmd.Env = append(os.Environ(), "GOARCH=386", "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "386: 200 blocks", "it has really run")
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
