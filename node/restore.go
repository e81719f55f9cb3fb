package node

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/klauspost/compress/zstd"

	"tradecredit/app"
	"tradecredit/app/state"
)

// Restore makes the data of a home from a backup. A home that does not exist is made, with new keys and the genesis of the
// backup; one that exists must have that genesis and no data. It is left as it was when this fails.
func Restore(cfg Config, file string, logger *slog.Logger) (info *BackupInfo, err error) {
	began := time.Now()
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	z, err := zstd.NewReader(f, zstd.WithDecoderMaxMemory(256<<20), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	u := &unpacking{tar: tar.NewReader(z), cfg: &cfg, logger: logger}
	if err := u.home(); err != nil {
		return nil, err
	}
	if err := settle(&cfg); err != nil {
		return nil, err
	}
	if err := beginScratch(&cfg); err != nil {
		return nil, err
	}
	if info, err = u.run(); err != nil {
		return nil, errors.Join(err, settle(&cfg)) // not complete: removed
	}
	if stat, err := f.Stat(); err == nil {
		info.Size = stat.Size()
	}
	info.Took = time.Since(began)
	return info, complete(&cfg)
}

// unpacking is a restore at work.
type unpacking struct {
	tar    *tar.Reader
	cfg    *Config
	logger *slog.Logger
}

// next reads the next part, which must have the name.
func (u *unpacking) next(name string, atMost int64) ([]byte, error) {
	h, err := u.tar.Next()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrBackup, name, err)
	}
	if h.Name != name || h.Typeflag != tar.TypeReg || h.Size > atMost {
		return nil, fmt.Errorf("%w: %q of %d bytes instead of %s", ErrBackup, h.Name, h.Size, name)
	}
	data, err := io.ReadAll(u.tar)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrBackup, name, err)
	}
	return data, nil
}

// home makes the home, or compares its genesis.
func (u *unpacking) home() error {
	text, err := u.next(genesisName, maxBackupFile)
	if err != nil {
		return err
	}
	if err := CheckGenesis(text); err != nil {
		return fmt.Errorf("%w: %w", ErrBackup, err)
	}
	have, err := os.ReadFile(u.cfg.GenesisFile())
	switch {
	case err == nil && !bytes.Equal(have, text):
		return fmt.Errorf("%s is not the genesis of the backup", u.cfg.GenesisFile())
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if _, err := os.Lstat(u.cfg.File()); errors.Is(err, fs.ErrNotExist) {
		if _, err := CreateHome(*u.cfg); err != nil {
			return err
		}
	}
	return WriteGenesis(*u.cfg, text)
}

// run restores into the scratch folder.
func (u *unpacking) run() (_ *BackupInfo, err error) {
	genesis, err := readGenesis(u.cfg)
	if err != nil {
		return nil, err
	}
	var parts [4][]byte
	for i, name := range []string{engineName, blockName, commitName, "manifest"} {
		if parts[i], err = u.next(name, maxBackupFile); err != nil {
			return nil, err
		}
	}
	b, err := unmarshalBeginning(parts[0], parts[1], parts[2])
	if err == nil {
		err = b.check(genesis)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBackup, err)
	}
	scratch := u.cfg.scratch()
	db, err := state.Open(scratch.StateDir(), stateOptions(u.cfg, u.logger))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	a, err := app.New(db, app.Options{Logger: u.logger})
	if err != nil {
		return nil, err
	}
	defer a.Quit()
	info, err := u.chunks(a, b, parts[3])
	if err != nil {
		return nil, err
	}
	return info, b.write(scratch.DataDir(), u.logger)
}

// chunks restores the state of the application.
func (u *unpacking) chunks(a *app.App, b *beginning, manifest []byte) (*BackupInfo, error) {
	m := new(state.Manifest)
	if err := m.Unmarshal(manifest); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBackup, err)
	}
	height := b.state.LastBlockHeight
	err := a.Offer(&abci.Snapshot{
		Height: uint64(height), Format: state.SnapshotFormat, Chunks: uint32(m.Chunks()), Hash: app.ManifestHash(manifest), Metadata: manifest,
	}, b.state.AppHash)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBackup, err)
	}
	info := &BackupInfo{ChainID: b.state.ChainID, Height: height, AppHash: m.AppHash(), Chunks: m.Chunks()}
	told := newPace(u.logger, "restoring", m.Chunks())
	for i := range m.Chunks() {
		chunk, err := u.next(fmt.Sprintf("%06d", i), state.MaxChunkSize)
		if err != nil {
			return nil, err
		}
		info.Bytes += int64(len(chunk))
		if _, err := a.Chunk(i, chunk); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBackup, err)
		}
		told.step(i+1, info.Bytes)
	}
	if _, err := u.tar.Next(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: something follows the last chunk", ErrBackup)
	}
	return info, nil
}
