package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Snapshots are made beside the blocks that follow, by one goroutine that rests most of the time: see SnapshotOptions.Share.
// One lies in a folder of its own, named by its height: the file "manifest", and the chunks by number. It is written under
// another name, synced, and renamed, so that what has the name is whole.

// SnapshotOptions says when snapshots are made, and where they are kept.
type SnapshotOptions struct {
	Dir      string // of all snapshots; "": none are made or served
	Interval int64  // one of each height that it divides; 0: only those that WantSnapshot asks for
	Keep     int    // newest ones; 0: 2
	Share    int    // percent of one processor that making one may take; 0: 25
}

// Defaults of SnapshotOptions.
const (
	defaultSnapshotKeep  = 2
	defaultSnapshotShare = 25
)

// Names in the folder of a snapshot.
const (
	manifestName   = "manifest"
	unfinishedName = "unfinished-" // before the height
)

// Snapshot is one that is kept.
type Snapshot struct {
	Dir      string
	Manifest *state.Manifest
	Encoded  []byte     // the manifest
	Hash     types.Hash // of Encoded
	Bytes    int64      // of all chunks
}

// ChunkFile is the path of a chunk, from 0.
func (s *Snapshot) ChunkFile(index int) string { return filepath.Join(s.Dir, chunkName(index)) }

func chunkName(index int) string { return fmt.Sprintf("%06d", index) }

// Chunk reads a chunk and compares it with the manifest.
func (s *Snapshot) Chunk(index int) ([]byte, error) {
	if index < 0 || index >= s.Manifest.Chunks() {
		return nil, fmt.Errorf("chunk %d of %d: %w", index, s.Manifest.Chunks(), fs.ErrNotExist)
	}
	chunk, err := os.ReadFile(s.ChunkFile(index))
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(chunk) != s.Manifest.ChunkHash(index) {
		return nil, fmt.Errorf("%s: %w", s.ChunkFile(index), state.ErrChunkHash)
	}
	return chunk, nil
}

// OpenSnapshot reads a snapshot from its folder. Whether it is true only an app hash says.
func OpenSnapshot(dir string) (*Snapshot, error) {
	encoded, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return nil, err
	}
	s := &Snapshot{Dir: dir, Manifest: new(state.Manifest), Encoded: encoded, Hash: sha256.Sum256(encoded)}
	if err := s.Manifest.Unmarshal(encoded); err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	for i := range s.Manifest.Chunks() {
		info, err := os.Stat(s.ChunkFile(i))
		if err != nil {
			return nil, err
		}
		s.Bytes += info.Size()
	}
	return s, nil
}

// OpenSnapshots reads all snapshots of a folder, the newest first. What is not whole is passed over.
func OpenSnapshots(dir string) ([]*Snapshot, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []*Snapshot
	for _, e := range entries {
		if _, err := strconv.ParseUint(e.Name(), 10, 63); err != nil || !e.IsDir() {
			continue
		}
		if s, err := OpenSnapshot(filepath.Join(dir, e.Name())); err == nil {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *Snapshot) int { return int(b.Manifest.Height() - a.Manifest.Height()) })
	return list, nil
}

// WriteSnapshot writes a snapshot into a folder below dir, named by its height, and syncs it. rest is that of
// state.Snapshot.Write.
func WriteSnapshot(dir string, s *state.Snapshot, rest func() error) (*Snapshot, error) {
	name := fmt.Sprintf("%020d", s.Height())
	scratch, final := filepath.Join(dir, unfinishedName+name), filepath.Join(dir, name)
	if err := errors.Join(os.RemoveAll(scratch), os.MkdirAll(scratch, 0o755)); err != nil {
		return nil, err
	}
	m, err := s.Write(func(index int, chunk []byte) error {
		return writeSynced(filepath.Join(scratch, chunkName(index)), chunk)
	}, rest)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(scratch))
	}
	encoded, err := m.Marshal()
	if err == nil {
		err = writeSynced(filepath.Join(scratch, manifestName), encoded)
	}
	if err == nil {
		err = syncFolder(scratch)
	}
	if err == nil {
		err = errors.Join(os.RemoveAll(final), os.Rename(scratch, final), syncFolder(dir))
	}
	if err != nil {
		return nil, err
	}
	return OpenSnapshot(final)
}

func writeSynced(path string, data []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// snapshots are those of a running application.
type snapshots struct {
	options SnapshotOptions
	making  chan struct{} // one token: whoever makes one has it

	mu     sync.Mutex
	list   []*Snapshot // the newest first
	wanted bool
	failed error // of the last one that was not made
}

func newSnapshots(o SnapshotOptions) (*snapshots, error) {
	if o.Interval < 0 || o.Keep < 0 || o.Share < 0 || o.Share > 100 {
		return nil, fmt.Errorf("app: snapshots: interval %d, keep %d, share %d: not negative, and a share of at most 100", o.Interval, o.Keep, o.Share)
	}
	if o.Keep == 0 {
		o.Keep = defaultSnapshotKeep
	}
	if o.Share == 0 {
		o.Share = defaultSnapshotShare
	}
	s := &snapshots{options: o, making: make(chan struct{}, 1)}
	if o.Dir == "" {
		return s, nil
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, err
	}
	left, err := os.ReadDir(o.Dir)
	if err != nil {
		return nil, err
	}
	for _, e := range left {
		if strings.HasPrefix(e.Name(), unfinishedName) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(o.Dir, e.Name())))
		}
	}
	if err != nil {
		return nil, err
	}
	s.list, err = OpenSnapshots(o.Dir)
	return s, err
}

// WantSnapshot asks for a snapshot of the next height, whatever the interval. It is not made where snapshots are off.
func (a *App) WantSnapshot() {
	a.snapshots.mu.Lock()
	defer a.snapshots.mu.Unlock()
	a.snapshots.wanted = true
}

// Snapshots lists the snapshots that are kept, the newest first, and why the last one could not be made.
func (a *App) Snapshots() ([]*Snapshot, error) {
	a.snapshots.mu.Lock()
	defer a.snapshots.mu.Unlock()
	return slices.Clone(a.snapshots.list), a.snapshots.failed
}

// snapshotIfDue begins a snapshot of the height that was just committed. One that is due while another is being made is
// left out.
func (a *App) snapshotIfDue(height int64) {
	s := a.snapshots
	if s.options.Dir == "" {
		return
	}
	s.mu.Lock()
	due := s.wanted || s.options.Interval > 0 && height%s.options.Interval == 0
	s.mu.Unlock()
	if !due {
		return
	}
	select {
	case s.making <- struct{}{}:
	default:
		return
	}
	if !a.begin() {
		<-s.making
		return
	}
	taken, err := a.db.Snapshot() // here, where no other block can come in between
	if err != nil {
		a.snapshotEnded(height, nil, err)
		<-s.making
		a.busy.Done()
		return
	}
	s.mu.Lock()
	s.wanted = false
	s.mu.Unlock()
	go func() {
		defer a.busy.Done()
		defer func() { <-s.making }()
		began := time.Now()
		a.probe("snapshot.begin")
		made, err := WriteSnapshot(s.options.Dir, taken, a.resting(s.options.Share))
		err = errors.Join(err, taken.Close())
		a.probe("snapshot.end")
		a.snapshotEnded(height, made, err)
		if err == nil {
			a.metrics.snapshotMade(height, made.Bytes, time.Since(began))
			a.log.Info("snapshot made", "height", height, "chunks", made.Manifest.Chunks(), "bytes", made.Bytes, "took", time.Since(began).Round(time.Millisecond))
		}
	}()
}

// snapshotEnded keeps the newest snapshots and removes the others.
func (a *App) snapshotEnded(height int64, made *Snapshot, err error) {
	if errors.Is(err, errQuitting) {
		return
	}
	s := a.snapshots
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed = err; err != nil {
		a.log.Error("the snapshot was not made; the node goes on", "height", height, "err", err.Error())
		return
	}
	s.list = slices.DeleteFunc(s.list, func(old *Snapshot) bool { return old.Dir == made.Dir })
	s.list = append([]*Snapshot{made}, s.list...)
	for _, old := range s.list[min(len(s.list), s.options.Keep):] {
		if err := os.RemoveAll(old.Dir); err != nil {
			a.log.Error("an old snapshot cannot be removed", "folder", old.Dir, "err", err.Error())
		}
	}
	s.list = s.list[:min(len(s.list), s.options.Keep)]
}

// errQuitting ends what the application does beside blocks.
var errQuitting = errors.New("the node stops")

// resting is a rest that takes so long that the work between rests is a share, in percent, of the time.
func (a *App) resting(share int) func() error {
	awake := time.Now()
	return func() error {
		a.probe("snapshot.middle")
		timer := time.NewTimer(time.Since(awake) * time.Duration(100-share) / time.Duration(share))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-a.quit:
			return errQuitting
		}
		awake = time.Now()
		return nil
	}
}

// probe tells tests where the application is.
func (a *App) probe(point string) {
	if a.options.Probe != nil {
		a.options.Probe(point)
	}
}

// find is the snapshot of a height, nil if it is not kept.
func (s *snapshots) find(height int64) *Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.list, func(one *Snapshot) bool { return one.Manifest.Height() == height })
	if i < 0 {
		return nil
	}
	return s.list[i]
}

// drop forgets a snapshot that is damaged.
func (s *snapshots) drop(damaged *Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = slices.DeleteFunc(s.list, func(one *Snapshot) bool { return one == damaged })
}

// ListSnapshots tells peers what is kept.
func (a *App) ListSnapshots(context.Context, *abci.RequestListSnapshots) (*abci.ResponseListSnapshots, error) {
	list, _ := a.Snapshots()
	res := new(abci.ResponseListSnapshots)
	for _, s := range list {
		res.Snapshots = append(res.Snapshots, &abci.Snapshot{
			Height: uint64(s.Manifest.Height()), Format: state.SnapshotFormat, Chunks: uint32(s.Manifest.Chunks()),
			Hash: s.Hash[:], Metadata: s.Encoded,
		})
	}
	return res, nil
}

// SnapshotChunk reads a chunk of a snapshot that is kept; nil if there is none. One whose bytes have changed on the disk is
// not handed out, and its snapshot is forgotten: whoever got it would take this node for a liar.
func (a *App) SnapshotChunk(height int64, index int) ([]byte, error) {
	s := a.snapshots.find(height)
	if s == nil {
		return nil, nil
	}
	chunk, err := s.Chunk(index)
	if errors.Is(err, fs.ErrNotExist) && index >= s.Manifest.Chunks() {
		return nil, nil
	}
	if err != nil {
		a.snapshots.drop(s)
		a.log.Error("a snapshot is damaged on the disk; it is not offered any more", "height", height, "err", err.Error())
	}
	return chunk, err
}

// LoadSnapshotChunk hands a chunk to a peer; nothing if it is not there.
func (a *App) LoadSnapshotChunk(_ context.Context, req *abci.RequestLoadSnapshotChunk) (*abci.ResponseLoadSnapshotChunk, error) {
	if req.Format != state.SnapshotFormat {
		return &abci.ResponseLoadSnapshotChunk{}, nil
	}
	chunk, err := a.SnapshotChunk(int64(req.Height), int(req.Chunk))
	if err != nil {
		chunk = nil // the log has it; the peer asks another node
	}
	return &abci.ResponseLoadSnapshotChunk{Chunk: chunk}, nil
}
