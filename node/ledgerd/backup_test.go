package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/node"
)

// TestBackupRestoreFsckRollback: the commands of an operator, on a node that runs and on one that does not.
func TestBackupRestoreFsckRollback(t *testing.T) {
	dir := t.TempDir()
	home, other := filepath.Join(dir, "home"), filepath.Join(dir, "other")
	must(t, council(t, home, "--p2p.laddr", freeAddress(t), "--rpc.laddr", "", "--api.laddr", "127.0.0.1:0", "--metrics.laddr", "",
		"--consensus.proposal_wait", "50ms", "--log.level", "error", "--state.min_free_bytes", "0")...)
	cfg, err := node.Load(home, nil, nil)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		_, err := ledgerd(ctx, "start", "--home", home)
		ended <- err
	}()
	live := filepath.Join(dir, "live.tar.zst")
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(cfg.DataDir(), "snapshots"))
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	require.Contains(t, must(t, "backup", "--home", home, "--out", live), "Wrote "+live)
	listed := must(t, "snapshots", "list", "--home", home)
	require.Regexp(t, `(?m)^\d+ +\d+ +\d+ +[0-9a-f]{64} +\d+:[0-9a-f]{64}$`, listed)
	require.Contains(t, must(t, "snapshots", "list", "--home", home, "-o", "json"), `"app_hash"`)
	require.Contains(t, must(t, "snapshots", "export", "--home", home, "--out", filepath.Join(dir, "exported")), "chunks")
	for _, args := range [][]string{{"fsck"}, {"rollback"}} {
		_, err := ledgerd(context.Background(), append(args, "--home", home)...)
		require.ErrorIs(t, err, node.ErrNodeRuns)
	}
	stop()
	require.NoError(t, <-ended)

	require.Contains(t, must(t, "fsck", "--home", home), "Nothing is damaged.")
	require.Contains(t, must(t, "rollback", "--home", home), "is executed again when the node starts")
	require.Contains(t, must(t, "restore", "--from", live, "--home", other, "--moniker", "restored"), "Next: ledgerd start")
	require.Contains(t, must(t, "fsck", "--home", other), "Nothing is damaged.")
	again := filepath.Join(dir, "again")
	must(t, "backup", "--home", other, "--out", again)
	require.Contains(t, must(t, "snapshots", "restore", "--from", again, "--home", filepath.Join(dir, "third")), "Restored")

	for _, c := range []struct{ args, message string }{
		{"backup", "--out is missing"},
		{"restore", "--from is missing"},
		{"restore --from /nonexistent", "no such file"},
		{"snapshots export", "--out is missing"},
		{"snapshots list -o xml", "must be table or json"},
		{"join", "statesync.from is empty"},
		{"join --from http://127.0.0.1:1 --trust genesis", "two different members"},
		{"join --from http://127.0.0.1:1,http://127.0.0.1:2 --trust 7", "statesync.trust must be"},
	} {
		_, err := ledgerd(context.Background(), append(strings.Fields(c.args), "--home", other)...)
		require.ErrorContains(t, err, c.message, c.args)
	}
}
