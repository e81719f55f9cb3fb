package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/klauspost/compress/zstd"

	"tradecredit/types"
)

// ErrArchiveOther says that the folder holds an archive that this export does not continue.
var ErrArchiveOther = errors.New("the folder holds another archive")

// ExportOptions of Export.
type ExportOptions struct {
	From     string // a node's home, an archive, or the interface of a running node, "http://host:port"
	Out      string // folder of the archive; one that is there already, of the same network, is continued
	First    int64  // first height of a new archive; 0: 1
	Last     int64  // last height; 0: the newest that is there
	Logger   *slog.Logger
	Progress func(Progress) // told now and then; nil: nobody
	// Probe is called where a crash would be interesting, with the name of the place; tests end the process there. nil: nothing.
	Probe func(point string)

	chunk int // bytes of content from which a chunk ends, for tests; 0: chunkTarget
}

// Exported says what an export did.
type Exported struct {
	First, Last  int64 // heights written by this call; Last < First: there was nothing new
	Transactions int64
	Records      int64 // messages, as the stored results count them
	Content      int64 // bytes of blocks and results
	Bytes        int64 // bytes written
	Chunks       int
	Seconds      float64
}

// Export writes a history into an archive, chunk by chunk; each is on disk before the index names it, so that an export
// that was interrupted is continued by the same call. Every block is decoded and held to its own header and to the one
// before it on the way; signatures are left to Replay.
func Export(ctx context.Context, o ExportOptions) (*Exported, error) {
	began := time.Now()
	h, err := openSource(ctx, o.From, orSilent(o.Logger))
	if err != nil {
		return nil, err
	}
	defer h.close()
	e := newExporter(o, h)
	err = e.run(ctx)
	e.done.Seconds = time.Since(began).Seconds()
	return &e.done, err
}

func newExporter(o ExportOptions, h source) *exporter {
	if o.chunk == 0 {
		o.chunk = chunkTarget
	}
	if o.Probe == nil {
		o.Probe = func(string) {}
	}
	return &exporter{o: o, source: h}
}

func orSilent(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}

// exporter fills one chunk after another.
type exporter struct {
	o       ExportOptions
	source  source
	index   archiveIndex
	encoder *zstd.Encoder
	done    Exported
	meter   meter

	previous []byte // hash of the block before; nil: not known
	first    int64  // of the chunk at work
	content  []byte
	txs      int64
}

func (e *exporter) run(ctx context.Context) error {
	if err := e.begin(); err != nil {
		return err
	}
	from, to := e.done.First, e.source.last()
	if e.o.Last > 0 {
		if e.o.Last > to {
			return fmt.Errorf("%w: the newest block is %d, not yet %d", ErrNoBlock, to, e.o.Last)
		}
		to = e.o.Last
	}
	e.done.Last = from - 1
	if from > to {
		return nil
	}
	var err error
	if e.encoder, err = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithSingleSegment(true)); err != nil {
		return err
	}
	defer e.encoder.Close()
	e.first, e.meter = from, newMeter(e.o.Progress, from-1, to)
	err = e.source.each(ctx, from, to, func(r *blockRecord) error {
		if err := e.add(r); err != nil {
			return fmt.Errorf("block %d: %w", r.height, err)
		}
		if len(e.content) >= e.o.chunk || r.height == to {
			return e.flush(r.height)
		}
		return nil
	})
	e.meter.end()
	return err
}

// begin opens or makes the archive and finds out where to go on.
func (e *exporter) begin() error {
	genesis, err := e.source.genesis()
	if err != nil {
		return err
	}
	doc, err := cmttypes.GenesisDocFromJSON(genesis)
	if err != nil {
		return err
	}
	_, err = os.Stat(filepath.Join(e.o.Out, archiveIndexFile))
	if err == nil {
		return e.resume(genesis)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(e.o.Out, 0o755); err != nil {
		return err
	}
	e.done.First = max(1, e.o.First)
	e.index = archiveIndex{Format: archiveFormat, ChainID: doc.ChainID, GenesisSHA256: digestText(genesis), First: e.done.First}
	return writeWhole(filepath.Join(e.o.Out, archiveGenesisFile), genesis)
}

// resume goes on behind the last chunk, which must be whole.
func (e *exporter) resume(genesis []byte) error {
	x, theirs, err := readIndex(e.o.Out)
	if err != nil {
		return fmt.Errorf("%s: %w", e.o.Out, err)
	}
	if string(theirs) != string(genesis) {
		return fmt.Errorf("%w: %s is of the network %s with another genesis", ErrArchiveOther, e.o.Out, x.ChainID)
	}
	if e.o.First > 0 && e.o.First != x.First {
		return fmt.Errorf("%w: %s begins with block %d, not %d", ErrArchiveOther, e.o.Out, x.First, e.o.First)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(chunkMost))
	if err != nil {
		return err
	}
	a := &archive{dir: e.o.Out, index: x, first: theirs, decoder: decoder}
	defer a.close()
	records, _, err := a.chunk(&x.Chunks[len(x.Chunks)-1])
	if err != nil {
		return err
	}
	block, err := decodeBlock(records[len(records)-1])
	if err != nil {
		return fmt.Errorf("block %d: %w", x.Last, err)
	}
	e.index, e.done.First, e.previous = *x, x.Last+1, block.Hash()
	return nil
}

// decodeBlock decodes the block of a record and checks that its parts are what its header says.
func decodeBlock(r *blockRecord) (*cmttypes.Block, error) {
	var p cmtproto.Block
	if err := p.Unmarshal(r.block); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBlockMalformed, err)
	}
	block, err := cmttypes.BlockFromProto(&p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBlockMalformed, err)
	}
	if block.Height != r.height {
		return nil, fmt.Errorf("%w: its header says height %d", ErrBlockOrder, block.Height)
	}
	return block, nil
}

// add takes a block into the chunk at work.
func (e *exporter) add(r *blockRecord) error {
	block, err := decodeBlock(r)
	if err != nil {
		return err
	}
	if block.ChainID != e.index.ChainID {
		return fmt.Errorf("%w: %q", ErrBlockChain, block.ChainID)
	}
	if e.previous != nil && string(block.LastBlockID.Hash) != string(e.previous) {
		return fmt.Errorf("%w: it follows %X, not %X", ErrBlockLink, block.LastBlockID.Hash, e.previous)
	}
	e.previous = block.Hash()
	records := int64(0)
	for _, t := range r.results {
		codes, err := types.DecodeCodes(t.Data)
		if err != nil {
			return fmt.Errorf("%w: results: %w", ErrBlockMalformed, err)
		}
		records += int64(len(codes))
	}
	before := len(e.content)
	e.content = r.append(e.content)
	if len(e.content)-before > maxRecordBytes {
		return fmt.Errorf("%w: %d bytes", ErrBlockRecord, len(e.content)-before)
	}
	e.txs += int64(len(block.Txs))
	e.done.Transactions += int64(len(block.Txs))
	e.done.Records += records
	e.meter.step(r.height, records)
	return nil
}

// flush writes the chunk at work, then the index that names it.
func (e *exporter) flush(last int64) error {
	commit, err := e.source.seal(last)
	if err != nil {
		return err
	}
	content := append(e.content, commit...)
	data := e.encoder.EncodeAll(content, []byte(e.index.line(e.first, last, content)))
	c := archiveChunk{
		File: chunkFile(e.first, last), First: e.first, Last: last, Transactions: e.txs,
		Bytes: int64(len(data)), Content: int64(len(content)), SHA256: digestText(data),
	}
	e.o.Probe("export.begin")
	if err := writeWhole(filepath.Join(e.o.Out, c.File), data); err != nil {
		return err
	}
	e.o.Probe("export.chunk")
	e.index.Chunks = append(e.index.Chunks, c)
	e.index.Last = last
	e.index.Transactions += e.txs
	text, err := json.MarshalIndent(&e.index, "", "  ")
	if err != nil {
		return err
	}
	if err := writeWhole(filepath.Join(e.o.Out, archiveIndexFile), append(text, '\n')); err != nil {
		return err
	}
	e.o.Probe("export.end")
	e.done.Last = last
	e.done.Chunks++
	e.done.Content += c.Content
	e.done.Bytes += c.Bytes
	e.first, e.content, e.txs = last+1, e.content[:0], 0
	return nil
}

// writeWhole puts a file in place whole and synced, or not at all.
func writeWhole(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".part-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a new name in a folder survive a loss of power.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
