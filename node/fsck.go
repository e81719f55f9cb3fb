package node

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"tradecredit/app"
	"tradecredit/app/state"
	"tradecredit/node/index"
	"tradecredit/types"
)

// ErrDamaged says that fsck found damage.
var ErrDamaged = errors.New("this node's data is damaged")

// Finding is the outcome of one examination.
type Finding struct {
	Name    string
	Err     error  // what is damaged first; nil: nothing
	Skipped string // why it was not done; "" if it was
	Rows    int    // that were counted; 0 if they were not
	Took    time.Duration
}

// fsck examines a home, part after part.
type fsck struct {
	s        *stopped
	logger   *slog.Logger
	tell     func(Finding) // at the end of each part
	progress func(name string, rows int)
	findings []Finding
}

// Fsck examines the data of a stopped node: every part is derived again from raw rows and compared with what was committed.
// It changes nothing but what any start would. end is called after each part, progress at its beginning and now and then; each
// may be nil. The error is ErrDamaged if anything was found, or says why nothing could be examined.
func Fsck(cfg Config, logger *slog.Logger, end func(Finding), progress func(name string, rows int)) ([]Finding, error) {
	f := &fsck{logger: logger, tell: end, progress: progress}
	if f.tell == nil {
		f.tell = func(Finding) {}
	}
	if f.progress == nil {
		f.progress = func(string, int) {}
	}
	if err := f.run(&cfg); err != nil {
		return f.findings, err
	}
	for _, one := range f.findings {
		if one.Err != nil {
			return f.findings, ErrDamaged
		}
	}
	return f.findings, nil
}

// run examines everything; the error is about the examination itself.
func (f *fsck) run(cfg *Config) (err error) {
	began := time.Now()
	f.progress("rebuilding the tree", 0)
	f.s, err = openStopped(cfg, f.logger)
	if errors.Is(err, state.ErrCorrupt) {
		f.found(Finding{Name: "tree of the state", Err: err, Took: time.Since(began)})
		return nil // nothing can be said of what stands on it
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.s.close()) }()
	f.found(Finding{Name: "tree of the state", Took: time.Since(began)})
	head := f.s.state.Head()
	if head.Height == 0 {
		f.found(Finding{Name: "state", Skipped: "no block was ever committed"})
		return nil
	}
	unix, known := f.blockTime(head.Height)
	for _, c := range app.Checks(f.s.state, unix) {
		f.do(c.Name, func(rows func(int)) error { return c.Run(rows) })
	}
	if !known {
		f.logger.Warn("the block of the state's height is not there; what waits for time was examined as of now")
	}
	f.do("blocks against each other and the state", f.blocks)
	f.index(cfg, head.Height)
	f.snapshots(cfg)
	return nil
}

func (f *fsck) found(one Finding) {
	f.findings = append(f.findings, one)
	f.tell(one)
}

// do runs one examination.
func (f *fsck) do(name string, run func(rows func(int)) error) {
	began, counted := time.Now(), 0
	f.progress(name, 0)
	err := run(func(n int) {
		counted = n
		f.progress(name, n)
	})
	f.found(Finding{Name: name, Err: err, Rows: counted, Took: time.Since(began)})
}

// blockTime is the time of a block, or now.
func (f *fsck) blockTime(height int64) (unix int64, known bool) {
	if meta := f.s.chain.blocks.LoadBlockMeta(height); meta != nil {
		return meta.Header.Time.Unix(), true
	}
	return time.Now().Unix(), false
}

// blocks reads every block that is kept: that it has the hash under which it is kept, that it follows the one before, and that
// the state's own log of block hashes has it.
func (f *fsck) blocks(rows func(int)) error {
	s := f.s
	head := s.state.Head()
	view := s.state.View()
	defer func() { _ = view.Close() }() // never fails
	logged, err := state.Get(view, types.BlockLogKey)
	if err != nil {
		return err
	}
	var before []byte
	for h := s.chain.blocks.Base(); h > 0 && h <= s.chain.blocks.Height(); h++ {
		hash, err := f.block(h, before)
		if err != nil {
			return fmt.Errorf("block %d: %w", h, err)
		}
		if logged != nil && h <= head.Height && h >= logged.FirstHeight {
			row, err := view.Entry(types.BlockLogName, uint64(h-logged.FirstHeight))
			if err != nil {
				return err
			}
			if !bytes.Equal(row, hash) {
				return fmt.Errorf("block %d has the hash %X, the state remembers %X", h, hash, row)
			}
		}
		if h == head.Height+1 && !bytes.Equal(s.chain.blocks.LoadBlockMeta(h).Header.AppHash, head.AppHash[:]) {
			return fmt.Errorf("block %d says that the state has another app hash than %s", h, head.AppHash)
		}
		before = hash
		rows(int(h - s.chain.blocks.Base() + 1))
	}
	return f.engine(head.Height)
}

// block reads one block; before is the hash of the one before, nil if that is not kept.
func (f *fsck) block(height int64, before []byte) (hash []byte, err error) {
	defer func() {
		if r := recover(); r != nil { // CometBFT panics on a store that it cannot read
			err = fmt.Errorf("cannot be read: %v", r)
		}
	}()
	meta, block := f.s.chain.blocks.LoadBlockMeta(height), f.s.chain.blocks.LoadBlock(height)
	switch {
	case meta == nil || block == nil:
		return nil, errors.New("is missing")
	case !bytes.Equal(block.Hash(), meta.BlockID.Hash):
		return nil, fmt.Errorf("has the hash %X, and is kept as %X", block.Hash(), meta.BlockID.Hash)
	case before != nil && !bytes.Equal(block.LastBlockID.Hash, before):
		return nil, fmt.Errorf("follows %X, but the one before is %X", block.LastBlockID.Hash, before)
	}
	// Peers are given the parts as they lie here.
	for i := range int(meta.BlockID.PartSetHeader.Total) {
		part := f.s.chain.blocks.LoadBlockPart(height, i)
		if part == nil {
			return nil, fmt.Errorf("lacks part %d", i)
		}
		if err := part.Proof.Verify(meta.BlockID.PartSetHeader.Hash, part.Bytes); err != nil {
			return nil, fmt.Errorf("has a damaged part %d: %w", i, err)
		}
	}
	return block.Hash(), block.ValidateBasic()
}

// engine compares CometBFT's state with the application's.
func (f *fsck) engine(height int64) error {
	engine, err := f.s.chain.states.Load()
	if err != nil {
		return err
	}
	if h := engine.LastBlockHeight; h != height && h != height-1 && h != height+1 {
		return fmt.Errorf("CometBFT's state is at height %d, the application's at %d", h, height)
	}
	head := f.s.state.Head()
	if engine.LastBlockHeight == height && !bytes.Equal(engine.AppHash, head.AppHash[:]) {
		return fmt.Errorf("CometBFT's state has the app hash %X at height %d, the application's %s", engine.AppHash, height, head.AppHash)
	}
	return nil
}

// index makes the lists again from the state, beside those that are there, and compares them row by row.
func (f *fsck) index(cfg *Config, height int64) {
	const name = "lists against the state"
	if _, err := os.Stat(cfg.IndexDir()); errors.Is(err, fs.ErrNotExist) {
		f.found(Finding{Name: name, Skipped: "there are none; they are made from the state when the node starts"})
		return
	}
	began := time.Now()
	f.progress(name, 0)
	skipped, err := f.compareIndex(cfg, height)
	f.found(Finding{Name: name, Err: err, Skipped: skipped, Took: time.Since(began)})
}

func (f *fsck) compareIndex(cfg *Config, height int64) (skipped string, err error) {
	options := index.Options{Logger: func(format string, args ...any) { f.logger.Warn(fmt.Sprintf(format, args...)) }}
	kept, err := index.Open(cfg.IndexDir(), options)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, kept.Close()) }()
	at := kept.Height()
	view, err := f.s.state.At(at)
	if at == 0 || at > height || errors.Is(err, state.ErrPruned) {
		return fmt.Sprintf("they are at height %d, the state at %d; they are made anew when the node starts", at, height), nil
	}
	if err != nil {
		return "", err
	}
	defer func() { _ = view.Close() }() // never fails
	dir := filepath.Join(cfg.DataDir(), "fsck")
	if err := os.RemoveAll(dir); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	again, err := index.Open(dir, options)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, again.Close()) }()
	if err := again.Rebuild(at, view.Scan); err != nil {
		return "", err
	}
	return "", kept.Same(again)
}

// snapshots compares the chunks of kept snapshots with their manifests.
func (f *fsck) snapshots(cfg *Config) {
	list, err := app.OpenSnapshots(cfg.SnapshotDir())
	if err == nil && len(list) == 0 {
		return
	}
	f.do("snapshots against their manifests", func(rows func(int)) error {
		if err != nil {
			return err
		}
		n := 0
		for _, s := range list {
			for i := range s.Manifest.Chunks() {
				if _, err := s.Chunk(i); err != nil {
					return err
				}
				n++
				rows(n)
			}
		}
		return nil
	})
}
