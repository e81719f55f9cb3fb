package node

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/store"
	cmttypes "github.com/cometbft/cometbft/types"

	"tradecredit/app"
	"tradecredit/app/state"
)

// Errors of a history as a whole.
var (
	// ErrNoHistory: there is neither a node's home, nor an archive, nor a node's interface at the place named.
	ErrNoHistory = errors.New("there is no history")
	// ErrNodeRuns: a home's stores are open in another process.
	ErrNodeRuns = errors.New("the node of this home is running")
	// ErrPrunedHistory: the first blocks are not kept there.
	ErrPrunedHistory = errors.New("the history does not begin with the first block")
	// ErrNoBlock: a block that should be there is not.
	ErrNoBlock = errors.New("a block is missing")
	// ErrBlockRecord: a block as it is passed on in archives and between nodes does not decode.
	ErrBlockRecord = errors.New("a block record is malformed")
)

// source is a chain's blocks from the first one on, wherever they are kept.
type source interface {
	// genesis is the file that the network began with.
	genesis() ([]byte, error)
	// last is the newest height.
	last() int64
	// each gives every block from one height to another, ascending. What emit gets, it may keep.
	each(ctx context.Context, from, to int64, emit func(*blockRecord) error) error
	// seal is the commit on the block of a height, CometBFT's Commit in protobuf.
	seal(height int64) ([]byte, error)
	// close lets go of it.
	close() error
}

// openSource opens the blocks of a node's home, of an archive, or of a running node ("http://host:port").
func openSource(ctx context.Context, from string, logger *slog.Logger) (source, error) {
	if strings.HasPrefix(from, "http://") || strings.HasPrefix(from, "https://") {
		return openRemote(ctx, from)
	}
	if _, err := os.Stat(filepath.Join(from, archiveIndexFile)); err == nil {
		return openArchive(from)
	}
	if _, err := os.Stat(filepath.Join(from, "config", "genesis.json")); err == nil {
		return openHome(from, logger)
	}
	return nil, fmt.Errorf("%w at %s: name the home of a node (with config/genesis.json), an archive (with %s), or http://host:port of a node",
		ErrNoHistory, from, archiveIndexFile)
}

// maxRecordBytes bounds a block record: a block of the largest size that CometBFT allows would not fit, one of this network
// does many times.
const maxRecordBytes = 32 << 20

// blockRecord is one block as archives keep it and nodes pass it on.
//
//	height     uvarint
//	block      its length (uvarint) and CometBFT's Block in protobuf, just as it was gossiped and signed
//	results    0; or 1, the number of transactions, and of each its code and the length of its data (uvarints), and the data
type blockRecord struct {
	height  int64
	block   []byte
	results []app.TxResult
	known   bool // results are known

	elected *[]*cmttypes.Validator // whose powers the stored outcome changes; nil: nothing is known, as in archives
}

// append encodes the record.
func (r *blockRecord) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(r.height))
	b = binary.AppendUvarint(b, uint64(len(r.block)))
	b = append(b, r.block...)
	if !r.known {
		return append(b, 0)
	}
	b = binary.AppendUvarint(append(b, 1), uint64(len(r.results)))
	for _, t := range r.results {
		b = binary.AppendUvarint(b, uint64(t.Code))
		b = binary.AppendUvarint(b, uint64(len(t.Data)))
		b = append(b, t.Data...)
	}
	return b
}

// parseRecord decodes the first record of b and gives what follows it. The record shares b's memory.
func parseRecord(b []byte) (*blockRecord, []byte, error) {
	p := &recordParser{b: b}
	r := &blockRecord{height: int64(p.number()), block: p.bytes(p.number())}
	switch p.number() {
	case 0:
	case 1:
		r.known = true
		n := p.number()
		if n > uint64(len(p.b)) {
			p.bad = true
		}
		for i := uint64(0); i < n && !p.bad; i++ {
			t := app.TxResult{Code: uint32(p.number())}
			if t.Data = p.bytes(p.number()); len(t.Data) == 0 {
				t.Data = nil
			}
			r.results = append(r.results, t)
		}
	default:
		p.bad = true
	}
	if p.bad || r.height < 1 {
		return nil, nil, ErrBlockRecord
	}
	return r, p.b, nil
}

// recordParser reads fields; bad says that one was cut short or not encoded in the shortest way.
type recordParser struct {
	b   []byte
	bad bool
}

func (p *recordParser) number() uint64 {
	v, n := binary.Uvarint(p.b)
	if n <= 0 || n > 1 && p.b[n-1] == 0 {
		p.bad, p.b = true, nil
		return 0
	}
	p.b = p.b[n:]
	return v
}

func (p *recordParser) bytes(n uint64) []byte {
	if n > uint64(len(p.b)) {
		p.bad, p.b = true, nil
		return nil
	}
	v := p.b[:n:n]
	p.b = p.b[n:]
	return v
}

// lastCommitOf is the commit in a block, on the block before it.
func lastCommitOf(r *blockRecord) ([]byte, error) {
	var block cmtproto.Block
	if err := block.Unmarshal(r.block); err != nil {
		return nil, fmt.Errorf("%w: block %d: %w", ErrBlockRecord, r.height, err)
	}
	if block.LastCommit == nil {
		return nil, fmt.Errorf("%w: block %d has no commit on the block before it", ErrBlockRecord, r.height)
	}
	return block.LastCommit.Marshal()
}

// blockReader reads block records out of CometBFT's stores.
type blockReader struct {
	blocks *store.BlockStore
	states sm.Store
}

// record is the block of a height with the results that are stored of it. CometBFT's store panics where it meets damage.
func (s *blockReader) record(height int64) (r *blockRecord, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: height %d: the block store is damaged: %v", ErrNoBlock, height, p)
		}
	}()
	meta := s.blocks.LoadBlockMeta(height)
	if meta == nil {
		return nil, fmt.Errorf("%w: height %d, kept are %d to %d", ErrNoBlock, height, s.blocks.Base(), s.blocks.Height())
	}
	r = &blockRecord{height: height}
	for i := range int(meta.BlockID.PartSetHeader.Total) {
		part := s.blocks.LoadBlockPart(height, i)
		if part == nil {
			return nil, fmt.Errorf("%w: height %d: part %d of %d", ErrNoBlock, height, i, meta.BlockID.PartSetHeader.Total)
		}
		r.block = append(r.block, part.Bytes...)
	}
	stored, err := s.states.LoadFinalizeBlockResponse(height)
	var none sm.ErrNoABCIResponsesForHeight
	switch {
	case errors.As(err, &none), errors.Is(err, sm.ErrFinalizeBlockResponsesNotPersisted):
		return r, nil
	case err != nil:
		return nil, fmt.Errorf("results of height %d: %w", height, err)
	}
	r.results, r.known = app.ResultsOf(stored), true
	if elected, err := cmttypes.PB2TM.ValidatorUpdates(stored.ValidatorUpdates); err == nil {
		r.elected = &elected
	}
	return r, nil
}

// commit is the commit on the block of a height: the one in the block after it, or else what the node saw.
func (s *blockReader) commit(height int64) (b []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: commit of height %d: the block store is damaged: %v", ErrNoBlock, height, p)
		}
	}()
	commit := s.blocks.LoadBlockCommit(height)
	if commit == nil {
		commit = s.blocks.LoadSeenCommit(height)
	}
	if commit == nil {
		return nil, fmt.Errorf("%w: there is no commit on block %d", ErrNoBlock, height)
	}
	return commit.ToProto().Marshal()
}

// homeSource is the history of a node that does not run, with the node's own state beside it.
type homeSource struct {
	blockReader
	config Config
	rows   *state.Rows // nil: the node has committed nothing
	opened []io.Closer
}

// openHome opens the stores of a home for reading only.
func openHome(dir string, logger *slog.Logger) (_ *homeSource, err error) {
	h := &homeSource{config: Default(dir)}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	blocks, err := h.open("blockstore", logger)
	if err != nil {
		return nil, err
	}
	states, err := h.open("state", logger)
	if err != nil {
		return nil, err
	}
	h.blocks, h.states = store.NewBlockStore(blocks), sm.NewStore(states, sm.StoreOptions{})
	if h.blocks.Height() == 0 {
		return nil, fmt.Errorf("%w in %s: no block was ever stored there", ErrNoHistory, dir)
	}
	if base := h.blocks.Base(); base > 1 {
		return nil, fmt.Errorf("%w: %s keeps blocks from %d on; take an archive that was exported before, or a node that keeps all blocks "+
			"(state.archive)", ErrPrunedHistory, dir, base)
	}
	h.rows, err = stateRows(h.config.StateDir())
	if errors.Is(err, state.ErrFuture) {
		h.rows, err = nil, nil
	}
	if h.rows != nil {
		h.opened = append(h.opened, h.rows)
	}
	return h, err
}

// stateRows opens the state of a stopped node for reading only.
func stateRows(dir string) (*state.Rows, error) {
	rows, err := state.RowsIn(dir, readOnlyDisk{vfs.Default})
	if err != nil {
		return nil, explainLock(dir, err)
	}
	return rows, nil
}

// open opens one of CometBFT's stores for reading only.
func (h *homeSource) open(name string, logger *slog.Logger) (*cmtDB, error) {
	dir := filepath.Join(h.config.DataDir(), name+".db")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is missing; the node has never run", ErrNoHistory, dir)
	}
	d, err := openCmtDB(dir, &pebble.Options{
		FS: readOnlyDisk{vfs.Default}, ReadOnly: true, FormatMajorVersion: pebble.FormatNewest, Logger: pebbleLog{logger.With("store", name)},
	})
	if err != nil {
		return nil, explainLock(dir, err)
	}
	h.opened = append(h.opened, closeFunc(func() error { return d.closeLate(closeGrace) }))
	return d, nil
}

// closeFunc is a function as an io.Closer.
type closeFunc func() error

// Close implements io.Closer.
func (f closeFunc) Close() error { return f() }

// explainLock tells a store that is in use from one that cannot be opened.
func explainLock(dir string, err error) error {
	text := err.Error()
	if strings.Contains(text, "lock held by current process") || strings.Contains(text, "resource temporarily unavailable") {
		return fmt.Errorf("%w: %s is in use: stop the node first, work on a copy of its folder, or name its interface (http://host:port)", ErrNodeRuns, dir)
	}
	return err
}

// genesis implements source.
func (h *homeSource) genesis() ([]byte, error) { return os.ReadFile(h.config.GenesisFile()) }

// last implements source.
func (h *homeSource) last() int64 { return h.blocks.Height() }

// each implements source.
func (h *homeSource) each(ctx context.Context, from, to int64, emit func(*blockRecord) error) error {
	for height := from; height <= to; height++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := h.record(height)
		if err != nil {
			return err
		}
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}

// seal implements source.
func (h *homeSource) seal(height int64) ([]byte, error) { return h.commit(height) }

// close implements source.
func (h *homeSource) close() error {
	var errs []error
	for i := len(h.opened) - 1; i >= 0; i-- {
		errs = append(errs, h.opened[i].Close())
	}
	h.opened = nil
	return errors.Join(errs...)
}

// readOnlyDisk lets stores be opened on a disk that cannot be written to: there the file that keeps two processes apart
// cannot be made, and is not needed.
type readOnlyDisk struct{ vfs.FS }

// Lock implements vfs.FS.
func (d readOnlyDisk) Lock(name string) (io.Closer, error) {
	l, err := d.FS.Lock(name)
	if errors.Is(err, syscall.EROFS) {
		return closeFunc(func() error { return nil }), nil
	}
	return l, err
}
