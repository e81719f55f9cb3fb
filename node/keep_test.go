package node

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cometbft/cometbft/p2p"
	"github.com/stretchr/testify/require"

	"tradecredit/app"
	"tradecredit/app/state"
	"tradecredit/types"
)

// lone starts a lone validator with one final vote, and waits for some height.
func lone(t *testing.T, c Config, reference string, height int64) *Node {
	t.Helper()
	n, err := New(context.Background(), c, quiet())
	require.NoError(t, err)
	require.NoError(t, n.Start(context.Background()))
	awaitHeight(t, n, n.Height()+2) // transactions are taken from the first block since the start on
	result := submit(t, n, "?wait=30", vote(t, reference))[0]
	require.Equal(t, types.SubmitStatus_FINAL, result.Status, result.String())
	awaitHeight(t, n, height)
	return n
}

func newHome(t *testing.T) Config {
	t.Helper()
	c := testConfig(t)
	c.Home = filepath.Join(t.TempDir(), "new")
	return c
}

// TestBackupAndRestore: of a running node and of a stopped one, each with one command, into a home that is made by it.
func TestBackupAndRestore(t *testing.T) {
	c := testHome(t)
	c.State.ScrubPause = Duration(time.Millisecond)
	n := lone(t, c, "backup-reference-01", 4)
	dir := t.TempDir()
	live := filepath.Join(dir, "live.backup")
	info, err := Backup(context.Background(), c, live, quiet())
	require.NoError(t, err)
	require.GreaterOrEqual(t, info.Height, int64(4))
	_, err = Backup(context.Background(), c, live, quiet())
	require.ErrorContains(t, err, "exists already")
	kept, err := KeptSnapshots(c)
	require.NoError(t, err)
	require.Len(t, kept, 1)
	require.NotEmpty(t, kept[0].Header)
	exported := filepath.Join(dir, "exported")
	again, err := ExportSnapshot(c, 0, exported)
	require.NoError(t, err)
	require.Equal(t, info.Height, again.Height)
	_, err = ExportSnapshot(c, 999, filepath.Join(dir, "none"))
	require.ErrorContains(t, err, "no snapshot of that height")
	require.NoError(t, n.Stop())

	still := filepath.Join(dir, "stopped.backup")
	last, err := Backup(context.Background(), c, still, quiet())
	require.NoError(t, err)
	require.Greater(t, last.Height, info.Height)
	left, err := filepath.Glob(filepath.Join(c.DataDir(), "backup-*"))
	require.NoError(t, err)
	require.Empty(t, left)

	for file, want := range map[string]*BackupInfo{live: info, exported: info, still: last} {
		home := newHome(t)
		got, err := Restore(home, file, quiet())
		require.NoError(t, err)
		require.Equal(t, want.AppHash, got.AppHash)
		require.Equal(t, want.Height, got.Height)
		findings, err := Fsck(home, quiet(), nil, nil)
		require.NoError(t, err, findings)
		_, err = Restore(home, file, quiet())
		require.ErrorContains(t, err, "only with an empty data folder")
	}

	// With the key, the note of what it signed, and the log of what it said, all of the stopped node, the restored home is the
	// validator, and the chain goes on. (Without the log a lone validator would wait for ever for what it has said already.)
	home := newHome(t)
	_, err = Restore(home, still, quiet())
	require.NoError(t, err)
	for _, path := range []func(*Config) string{(*Config).ValidatorKeyFile, (*Config).ValidatorStateFile} {
		key, err := os.ReadFile(path(&c))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path(&home), key, 0o600))
	}
	require.NoError(t, os.CopyFS(filepath.Join(home.DataDir(), "cs.wal"), os.DirFS(filepath.Join(c.DataDir(), "cs.wal"))))
	r := lone(t, home, "backup-reference-02", last.Height+2)
	status, body := get(t, r, "/v1/reference?signer=council-1&reference=backup-reference-01")
	require.Equal(t, http.StatusOK, status, string(body))
	require.NoError(t, r.Stop())
}

// TestDamagedBackups: what is not what was written is refused, and the home stays empty.
func TestDamagedBackups(t *testing.T) {
	c := testHome(t)
	require.NoError(t, lone(t, c, "backup-reference-03", 3).Stop())
	file := filepath.Join(t.TempDir(), "backup")
	_, err := Backup(context.Background(), c, file, quiet())
	require.NoError(t, err)
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	refused := 0
	for n := 0; n < len(whole); n += max(1, len(whole)/24) {
		for _, bad := range [][]byte{whole[:n], flipped(whole, n)} {
			require.NoError(t, os.WriteFile(file, bad, 0o600))
			home := newHome(t)
			if _, err := Restore(home, file, quiet()); err != nil {
				refused++
				require.NoDirExists(t, home.StateDir())
				require.NoDirExists(t, home.scratchDir())
			} else {
				require.Equal(t, len(whole), len(bad), "a part is never enough") // a bit of the archive's padding
			}
		}
	}
	require.Greater(t, refused, 40)

	// Another network's home takes none of it.
	require.NoError(t, os.WriteFile(file, whole, 0o600))
	other := testHome(t)
	_, err = Restore(other, file, quiet())
	require.ErrorContains(t, err, "is not the genesis of the backup")
}

func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// TestRollback takes a block back, and executes it again; for good, and fetches it from peers.
func TestRollback(t *testing.T) {
	c := testHome(t)
	n := lone(t, c, "rollback-reference-01", 4)
	require.NoError(t, n.Stop())
	before := n.state.Head()
	_, err := Rollback(c, true, quiet())
	require.ErrorIs(t, err, ErrNoRollback)
	require.ErrorContains(t, err, "the only validator")
	back, err := Rollback(c, false, quiet())
	require.NoError(t, err)
	require.Equal(t, before.Height-1, back.Height)
	require.NoDirExists(t, c.IndexDir())
	_, err = Rollback(c, false, quiet())
	require.ErrorIs(t, err, ErrNoRollback)
	require.ErrorContains(t, err, "not executed yet")
	findings, err := Fsck(c, quiet(), nil, nil)
	require.NoError(t, err, findings)
	n = lone(t, c, "rollback-reference-02", before.Height+2)
	status, body := get(t, n, "/v1/reference?signer=council-1&reference=rollback-reference-01")
	require.Equal(t, http.StatusOK, status, string(body))
	block := n.chain.blocks.LoadBlockMeta(before.Height + 1)
	require.Equal(t, before.AppHash[:], []byte(block.Header.AppHash), "the same block, executed again")
	require.NoError(t, n.Stop())

	configs := networkHomes(t, 2)
	follower := configs[2]
	// The others dial it: CometBFT v0.40.0 may go on dialling after its Stop (see hangUp).
	quietly := follower
	quietly.P2P.PersistentPeers = nil
	n, err = New(context.Background(), quietly, quiet())
	require.NoError(t, err)
	require.NoError(t, n.Start(context.Background()))
	var nodes []*Node
	for i := range 2 {
		nodes = append(nodes, running(t, configs[i]))
	}
	awaitHeight(t, n, 5)
	require.NoError(t, n.Stop())
	height := n.state.Head().Height
	for i := range int64(2) { // one after the other, as long as what they changed is kept
		back, err = Rollback(follower, true, quiet())
		require.NoError(t, err)
		require.Equal(t, height-1-i, back.Height)
		require.False(t, back.Block)
	}
	findings, err = Fsck(follower, quiet(), nil, nil)
	require.NoError(t, err, findings)
	hangUp(nodes, n.identity.NodeID)
	n = running(t, follower)
	awaitHeight(t, n, height+1)
	require.Equal(t, headerAppHash(t, nodes[0], height+1), headerAppHash(t, n, height+1))
}

// hangUp ends what nodes still have of a node that was stopped. CometBFT v0.40.0 never closes a connection that comes about
// while it stops, which the end of a process would: the others would take the node that starts again for its own double until
// they have waited for a sign of life in vain, more than a minute.
func hangUp(nodes []*Node, id string) {
	for _, n := range nodes {
		if left := n.engine.Switch().Peers().Get(p2p.ID(id)); left != nil {
			n.engine.Switch().StopPeerGracefully(left)
		}
	}
}

// TestRollbackInterrupted: the application is a block behind CometBFT, as after a process that ended in between; the node
// starts, and has the block again.
func TestRollbackInterrupted(t *testing.T) {
	c := testHome(t)
	n := lone(t, c, "rollback-reference-03", 4)
	require.NoError(t, n.Stop())
	height := n.state.Head().Height
	s, err := openStopped(&c, quiet())
	require.NoError(t, err)
	require.NoError(t, s.mayGoBack(height))
	require.NoError(t, app.Rollback(s.state))
	require.ErrorIs(t, s.mayGoBack(height-1), ErrNoRollback)
	require.NoError(t, s.close())
	n = lone(t, c, "rollback-reference-04", height+1)
	require.NoError(t, n.Stop())
	_, err = Rollback(newHome(t), false, quiet())
	require.ErrorContains(t, err, "never run")
}

// TestNodeRuns: what needs a stopped node says so while it runs.
func TestNodeRuns(t *testing.T) {
	c := testHome(t)
	n := lone(t, c, "runs-reference-01", 3)
	_, err := Fsck(c, quiet(), nil, nil)
	require.ErrorIs(t, err, ErrNodeRuns)
	_, err = Rollback(c, false, quiet())
	require.ErrorIs(t, err, ErrNodeRuns)
	require.NoError(t, n.Stop())
}

// tamper changes a store of a stopped node with a Pebble of its own.
func tamper(t *testing.T, dir string, o pebble.Options, do func(disk *pebble.DB) error) {
	t.Helper()
	o.Logger = pebbleLog{quiet()}
	disk, err := pebble.Open(dir, &o)
	require.NoError(t, err)
	require.NoError(t, do(disk))
	require.NoError(t, disk.Close())
}

// rowsOptions open the rows of the state.
func rowsOptions() pebble.Options {
	comparer := *pebble.DefaultComparer
	comparer.Name = "tradecredit.rows.v1"
	comparer.Split = func(key []byte) int {
		if i := bytes.IndexByte(key, 0); i >= 0 {
			return i + 1
		}
		return len(key)
	}
	return pebble.Options{Comparer: &comparer}
}

func indexOptions() pebble.Options {
	comparer := *pebble.DefaultComparer
	comparer.Name = "tradecredit.index.v1"
	return pebble.Options{Comparer: &comparer}
}

// changeRow flips a bit of the first row with a prefix.
func changeRow(prefix string) func(disk *pebble.DB) error {
	return func(disk *pebble.DB) error {
		it, err := disk.NewIter(&pebble.IterOptions{LowerBound: []byte(prefix), UpperBound: append([]byte(prefix), 0xff)})
		if err != nil {
			return err
		}
		if !it.First() || len(it.Value()) == 0 {
			return errors.Join(errors.New("no such row"), it.Close())
		}
		key, value := bytes.Clone(it.Key()), bytes.Clone(it.Value())
		value[len(value)-1] ^= 1
		return errors.Join(it.Close(), disk.Set(key, value, pebble.Sync))
	}
}

// TestFsckFindsDamage: of every kind, by the part that is about it.
func TestFsckFindsDamage(t *testing.T) {
	c := testHome(t)
	c.Snapshot.Interval = 3
	n := lone(t, c, "fsck-reference-01", 5)
	require.Eventually(t, func() bool { list, _ := n.app.Snapshots(); return len(list) > 0 }, patience, 5*time.Millisecond)
	require.Eventually(t, func() bool { return n.indexer.height() >= 5 }, patience, 5*time.Millisecond)
	require.NoError(t, n.Stop())
	var seen []string
	findings, err := Fsck(c, quiet(), func(f Finding) { seen = append(seen, f.Name) }, nil)
	require.NoError(t, err, findings)
	require.Len(t, seen, 8)
	for name, d := range map[string]struct {
		do   func(home Config)
		part string
	}{
		"a leaf's row": {func(home Config) {
			require.NoError(t, os.RemoveAll(filepath.Join(home.StateDir(), "leaves")))
			tamper(t, filepath.Join(home.StateDir(), "rows"), rowsOptions(), changeRow("Smember/"))
		}, "tree of the state"},
		"a reference": {func(home Config) {
			tamper(t, filepath.Join(home.StateDir(), "rows"), rowsOptions(), changeRow("R"))
		}, "state and references against the app hash"},
		"a block hash": {func(home Config) {
			tamper(t, filepath.Join(home.StateDir(), "rows"), rowsOptions(), changeRow("Eblock-log"))
		}, "logs against their heads"},
		"a list": {func(home Config) {
			tamper(t, home.IndexDir(), indexOptions(), func(disk *pebble.DB) error {
				return disk.Set(append([]byte("T"), 1, 1, 'x', 0), binary.AppendUvarint(nil, 9), pebble.Sync)
			})
		}, "lists against the state"},
		"a block": {func(home Config) {
			tamper(t, filepath.Join(home.DataDir(), "blockstore.db"), pebble.Options{}, changeRow("P:3:"))
		}, "blocks against each other and the state"},
		"a chunk": {func(home Config) {
			files, err := filepath.Glob(filepath.Join(home.SnapshotDir(), "*", "000000"))
			require.NoError(t, err)
			require.NotEmpty(t, files)
			chunk, err := os.ReadFile(files[0])
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(files[0], flipped(chunk, 9), 0o600))
		}, "snapshots against their manifests"},
	} {
		t.Run(name, func(t *testing.T) {
			home := c
			home.Home = filepath.Join(t.TempDir(), "copy")
			require.NoError(t, os.CopyFS(home.Home, os.DirFS(c.Home)))
			d.do(home)
			findings, err := Fsck(home, quiet(), nil, nil)
			require.ErrorIs(t, err, ErrDamaged)
			var damaged []string
			for _, f := range findings {
				if f.Err != nil {
					damaged = append(damaged, f.Name)
				}
			}
			require.Contains(t, damaged, d.part, findings)
		})
	}
}

// TestScrubber: a node that runs finds what changed on its disk, and says so.
func TestScrubber(t *testing.T) {
	c := testHome(t)
	c.State.ScrubPause = Duration(time.Microsecond)
	n := lone(t, c, "scrub-reference-01", 3)
	k := n.keeper
	require.Eventually(t, func() bool { k.mu.Lock(); defer k.mu.Unlock(); return k.whole > 0 }, patience, time.Millisecond)
	require.NoError(t, k.ailment())
	status, body := get(t, n, "/v1/health")
	require.Equal(t, http.StatusOK, status, string(body))
	require.NoError(t, n.Stop())

	// The tree is made from a leaf checkpoint when the node starts, so that a changed row is not noticed then.
	s, err := openStopped(&c, quiet())
	require.NoError(t, err)
	require.NoError(t, s.state.Checkpoint())
	require.NoError(t, s.close())
	tamper(t, filepath.Join(c.StateDir(), "rows"), rowsOptions(), changeRow("Smember/"))
	n, err = New(context.Background(), c, quiet())
	require.NoError(t, err)
	require.NoError(t, n.Start(context.Background()))
	require.Eventually(t, func() bool { return n.keeper.ailment() != nil }, patience, time.Millisecond)
	require.ErrorIs(t, n.keeper.ailment(), state.ErrCorrupt)
	status, body = get(t, n, "/v1/health")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, string(body), "the state on disk is damaged")
	_, body = do(t, http.MethodGet, "http://"+n.MetricsAddress()+"/metrics", nil, "")
	require.Regexp(t, `(?m)^ledgerd_scrub_damage_total [1-9]`, string(body))
	require.NoError(t, n.Stop())
}
