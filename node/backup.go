package node

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/zstd"

	"tradecredit/app"
	"tradecredit/types"
)

// A backup is a snapshot in one file, with what CometBFT needs to go on from it: a tar archive, compressed with zstd, of
//
//	genesis.json   the genesis of the network
//	engine         CometBFT's state after the height (its tendermint.state.State)
//	block, commit  the block of the height, and what the validators signed
//	manifest       what is in the chunks (see state.Manifest)
//	000000 …       the chunks
//
// Restoring compares every row with the app hash in engine, and the block and its commit with the validators in it. That
// engine itself is true, nobody has signed: a backup is for whoever made it. It becomes certain with the first block that is
// fetched, whose header has the app hash; who restores somebody else's file compares the hash that is printed with another
// member. Keys are no part of a backup, nor are old blocks (ledgerd export).

// genesisName is the genesis in a backup.
const genesisName = "genesis.json"

// maxBackupFile bounds each of the small parts.
const maxBackupFile = 64 << 20

// ErrBackup says that the file is no backup, or is damaged.
var ErrBackup = errors.New("this is no backup that can be restored")

// BackupInfo says what a backup holds.
type BackupInfo struct {
	ChainID string
	Height  int64
	AppHash types.Hash
	Chunks  int
	Bytes   int64 // of the chunks
	Size    int64 // of the file
	Took    time.Duration
}

// Backup writes a backup of a node into a file that must not exist: of the newest height if the node is stopped, else of one
// that it commits while this waits. ctx ends the wait.
func Backup(ctx context.Context, cfg Config, out string, logger *slog.Logger) (info *BackupInfo, err error) {
	began := time.Now()
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s exists already; a backup is never overwritten", out)
	}
	s, err := openStopped(&cfg, logger)
	if errors.Is(err, ErrNodeRuns) {
		running, err := awaitSnapshot(ctx, &cfg, logger)
		if err != nil {
			return nil, err
		}
		return pack(&cfg, running, out, began, logger)
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	snapshot, err := s.snapshot(logger)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(filepath.Dir(snapshot.Dir))) }()
	return pack(&cfg, snapshot, out, began, logger)
}

// snapshot writes a snapshot of the newest height into a folder of its own.
func (s *stopped) snapshot(logger *slog.Logger) (*app.Snapshot, error) {
	taken, err := s.state.Snapshot()
	if err != nil {
		return nil, err
	}
	defer func() { _ = taken.Close() }() // it only lets go of a height
	b, err := s.chain.beginningAtEnd(taken.Height())
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(s.cfg.DataDir(), "backup-")
	if err != nil {
		return nil, err
	}
	began, told := time.Now(), time.Now()
	made, err := app.WriteSnapshot(dir, taken, func() error {
		if time.Since(told) > progressPause {
			told = time.Now()
			logger.Info("making a snapshot of the state", "height", taken.Height(), "for", time.Since(began).Round(time.Second))
		}
		return nil
	})
	if err == nil {
		err = b.writeFiles(made.Dir)
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return made, nil
}

// beginningAtEnd is beginningAt for the newest height of a stopped node.
func (c *chain) beginningAtEnd(height int64) (*beginning, error) {
	s, err := c.states.Load()
	if err != nil {
		return nil, err
	}
	if s.LastBlockHeight != height || c.blocks.Height() != height {
		return nil, fmt.Errorf("the state is at height %d, CometBFT at %d with blocks to %d: the node did not stop cleanly. Start it, let it come up, "+
			"and stop it again", height, s.LastBlockHeight, c.blocks.Height())
	}
	b := &beginning{state: s, block: c.blocks.LoadBlock(height), commit: c.blocks.LoadSeenCommit(height)}
	if b.block == nil || b.commit == nil {
		return nil, fmt.Errorf("%w: %d", errNoHeader, height)
	}
	return b, nil
}

// awaitSnapshot asks the running node of a home for a snapshot, and waits for it.
func awaitSnapshot(ctx context.Context, cfg *Config, logger *slog.Logger) (*app.Snapshot, error) {
	dir := cfg.SnapshotDir()
	before, err := app.OpenSnapshots(dir)
	if err != nil {
		return nil, err
	}
	if err := replaceFile(filepath.Join(dir, wantedName), nil); err != nil {
		return nil, err
	}
	began, told := time.Now(), time.Now()
	for {
		if time.Since(told) > progressPause {
			told = time.Now()
			logger.Info("the running node makes a snapshot", "for", time.Since(began).Round(time.Second))
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("the running node has not made a snapshot: %w", ctx.Err())
		case <-time.After(keeperPace / 2):
		}
		list, err := app.OpenSnapshots(dir)
		if err != nil {
			return nil, err
		}
		if len(list) == 0 || len(before) > 0 && list[0].Manifest.Height() <= before[0].Manifest.Height() {
			continue
		}
		if _, err := os.Stat(filepath.Join(list[0].Dir, engineName)); err == nil {
			return list[0], nil
		}
	}
}

// ExportSnapshot writes a snapshot that a node keeps into a file that must not exist; height 0: the newest that is whole.
func ExportSnapshot(cfg Config, height int64, out string) (*BackupInfo, error) {
	began := time.Now()
	if _, err := os.Lstat(out); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s exists already; nothing is overwritten", out)
	}
	list, err := app.OpenSnapshots(cfg.SnapshotDir())
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		_, err := os.Stat(filepath.Join(s.Dir, engineName))
		if err == nil && (height == 0 || s.Manifest.Height() == height) {
			return pack(&cfg, s, out, began, slog.New(slog.DiscardHandler))
		}
	}
	return nil, fmt.Errorf("no snapshot of that height is kept in %s; 'ledgerd snapshots list' shows what there is", cfg.SnapshotDir())
}

// KeptSnapshots lists the snapshots in a home, the newest first, whether its node runs or not.
func KeptSnapshots(cfg Config) ([]SnapshotInfo, error) {
	list, err := app.OpenSnapshots(cfg.SnapshotDir())
	if err != nil {
		return nil, err
	}
	var out []SnapshotInfo
	for _, s := range list {
		var header []byte
		if raw, err := os.ReadFile(filepath.Join(s.Dir, blockName)); err == nil {
			if block, err := unmarshalBlock(raw); err == nil {
				header = block.Hash()
			}
		}
		out = append(out, snapshotInfo(s, header))
	}
	return out, nil
}

// pack writes a snapshot and the genesis into one file, whole or not at all.
func pack(cfg *Config, s *app.Snapshot, out string, began time.Time, logger *slog.Logger) (info *BackupInfo, err error) {
	scratch := out + ".unfinished"
	f, err := os.OpenFile(scratch, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, secretFileMode)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(scratch))
		}
	}()
	z, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	t := tar.NewWriter(z)
	paths := []string{cfg.GenesisFile()}
	for _, name := range []string{engineName, blockName, commitName, "manifest"} {
		paths = append(paths, filepath.Join(s.Dir, name))
	}
	for i := range s.Manifest.Chunks() {
		paths = append(paths, s.ChunkFile(i))
	}
	told := newPace(logger, "packing", len(paths))
	for i, path := range paths {
		if err := addFile(t, path); err != nil {
			return nil, err
		}
		told.step(i+1, s.Bytes)
	}
	if err := errors.Join(t.Close(), z.Close(), f.Sync()); err != nil {
		return nil, err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(f.Close(), os.Rename(scratch, out)); err != nil {
		return nil, err
	}
	genesis, err := readGenesis(cfg)
	if err != nil {
		return nil, err
	}
	return &BackupInfo{ChainID: genesis.ChainID, Height: s.Manifest.Height(), AppHash: s.Manifest.AppHash(), Chunks: s.Manifest.Chunks(),
		Bytes: s.Bytes, Size: size, Took: time.Since(began)}, nil
}

func addFile(t *tar.Writer, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Name: filepath.Base(path), Mode: 0o600, Size: int64(len(data)), Format: tar.FormatUSTAR}); err != nil {
		return err
	}
	_, err = t.Write(data)
	return err
}
