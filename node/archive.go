package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"

	"tradecredit/types"
)

// An archive is a folder that holds the history of a network, for ever and without it:
//
//	index.json                         what is there; see archiveIndex
//	genesis.json                       the genesis, byte for byte
//	blocks-000000000001-000000000873   a chunk: these blocks
//
// A chunk says by itself what it is. It is one line of text, then one zstd frame (RFC 8878) that declares its content's
// size, and nothing after it:
//
//	tradecredit archive 1 chain <id> genesis <SHA-256 of genesis.json> blocks <first> to <last> content <bytes> sha256 <SHA-256>\n
//
// Size and SHA-256 in the line are those of the content: the block records (see blockRecord) of these heights in order, then
// the commit on the last one, in protobuf. The checksums find damage; what makes a history true are the signatures in it.
const (
	archiveIndexFile   = "index.json"
	archiveGenesisFile = "genesis.json"
	archiveFormat      = "tradecredit archive 1"

	chunkTarget    = 8 << 20   // bytes of content from which a chunk ends
	chunkMost      = 128 << 20 // bytes of content that a chunk may have
	chunkLineMost  = 400       // bytes of a chunk's first line
	indexMost      = 64 << 20  // bytes of index.json
	chunkMostInAll = 1 << 20   // chunks in an index
)

// Errors of an archive, before anything in it is executed. Each is one way of being damaged.
var (
	ErrArchiveIndex    = errors.New("the index of the archive is damaged")
	ErrArchiveGenesis  = errors.New("the genesis of the archive is not the one of its index")
	ErrArchiveGap      = errors.New("the index of the archive leaves out blocks")
	ErrArchiveOrder    = errors.New("the chunks of the archive are not in their order")
	ErrArchiveMissing  = errors.New("a chunk of the archive is missing")
	ErrArchiveCut      = errors.New("a chunk of the archive ends too early")
	ErrArchiveTrailing = errors.New("a chunk of the archive goes on after its end")
	ErrArchiveDamaged  = errors.New("a chunk of the archive is damaged")
	ErrArchiveForeign  = errors.New("a chunk belongs to another network's archive")
	ErrArchiveContent  = errors.New("a chunk of the archive does not hold what its first line says")
)

// archiveIndex is index.json.
type archiveIndex struct {
	Format        string         `json:"format"`
	ChainID       string         `json:"chain_id"`
	GenesisSHA256 string         `json:"genesis_sha256"`
	First         int64          `json:"first_height"`
	Last          int64          `json:"last_height"`
	Transactions  int64          `json:"transactions"`
	Chunks        []archiveChunk `json:"chunks"`
}

// archiveChunk is one chunk in the index. Bytes and SHA256 are those of the file, Content is its size uncompressed.
type archiveChunk struct {
	File         string `json:"file"`
	First        int64  `json:"first_height"`
	Last         int64  `json:"last_height"`
	Transactions int64  `json:"transactions"`
	Bytes        int64  `json:"bytes"`
	Content      int64  `json:"content_bytes"`
	SHA256       string `json:"sha256"`
}

func chunkFile(first, last int64) string { return fmt.Sprintf("blocks-%012d-%012d", first, last) }

// line is the first line of a chunk.
func (x *archiveIndex) line(first, last int64, content []byte) string {
	return fmt.Sprintf("%s chain %s genesis %s blocks %d to %d content %d sha256 %s\n",
		archiveFormat, x.ChainID, x.GenesisSHA256, first, last, len(content), digestText(content))
}

// check holds the index to its own rules.
func (x *archiveIndex) check() error {
	switch {
	case x.Format != archiveFormat:
		return fmt.Errorf("%w: format %q; this program reads %q", ErrArchiveIndex, x.Format, archiveFormat)
	case len(x.Chunks) == 0 || len(x.Chunks) > chunkMostInAll:
		return fmt.Errorf("%w: %d chunks", ErrArchiveIndex, len(x.Chunks))
	}
	var txs int64
	next := x.First
	for i, c := range x.Chunks {
		if c.File != chunkFile(c.First, c.Last) || c.First < 1 || c.Last < c.First || c.Bytes < 1 || c.Content < 1 || c.Content > chunkMost || c.Transactions < 0 {
			return fmt.Errorf("%w: chunk %d", ErrArchiveIndex, i)
		}
		isNext := func(o archiveChunk) bool { return o.First == next }
		switch {
		case c.First < next, c.First > next && slices.ContainsFunc(x.Chunks, isNext):
			return fmt.Errorf("%w: block %d was to be next, not %s", ErrArchiveOrder, next, c.File)
		case c.First > next:
			return fmt.Errorf("%w: %d to %d", ErrArchiveGap, next, c.First-1)
		}
		next = c.Last + 1
		txs += c.Transactions
	}
	if x.Last != next-1 {
		return fmt.Errorf("%w: it ends with block %d, the chunks with %d", ErrArchiveGap, x.Last, next-1)
	}
	if txs != x.Transactions {
		return fmt.Errorf("%w: %d transactions, but the chunks hold %d", ErrArchiveIndex, x.Transactions, txs)
	}
	return nil
}

// readIndex reads and checks index.json and the genesis beside it.
func readIndex(dir string) (*archiveIndex, []byte, error) {
	text, err := readAtMost(filepath.Join(dir, archiveIndexFile), indexMost)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrArchiveIndex, err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	x := new(archiveIndex)
	if err := d.Decode(x); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrArchiveIndex, err)
	}
	if err := x.check(); err != nil {
		return nil, nil, err
	}
	genesis, err := readAtMost(filepath.Join(dir, archiveGenesisFile), indexMost)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrArchiveGenesis, err)
	}
	if sum := digestText(genesis); sum != x.GenesisSHA256 {
		return nil, nil, fmt.Errorf("%w: SHA-256 %s, not %s", ErrArchiveGenesis, sum, x.GenesisSHA256)
	}
	return x, genesis, nil
}

// readAtMost reads a file that must not be larger than limit.
func readAtMost(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return b, err
}

// archive is the history in an archive.
type archive struct {
	dir     string
	index   *archiveIndex
	first   []byte // the genesis
	decoder *zstd.Decoder
}

// openArchive reads the index; chunks are read when their blocks are asked for.
func openArchive(dir string) (*archive, error) {
	x, genesis, err := readIndex(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	if x.First != 1 {
		return nil, fmt.Errorf("%w: the archive %s begins with block %d: it can be kept, but not executed", ErrPrunedHistory, dir, x.First)
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(chunkMost), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	return &archive{dir: dir, index: x, first: genesis, decoder: decoder}, nil
}

// genesis implements source.
func (a *archive) genesis() ([]byte, error) { return a.first, nil }

// last implements source.
func (a *archive) last() int64 { return a.index.Last }

// close implements source.
func (a *archive) close() error {
	a.decoder.Close()
	return nil
}

// each implements source.
func (a *archive) each(ctx context.Context, from, to int64, emit func(*blockRecord) error) error {
	for i := range a.index.Chunks {
		c := &a.index.Chunks[i]
		if c.Last < from || c.First > to {
			continue
		}
		records, _, err := a.chunk(c)
		if err != nil {
			return err
		}
		for _, r := range records {
			if r.height < from || r.height > to {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := emit(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// seal implements source.
func (a *archive) seal(height int64) ([]byte, error) {
	for i := range a.index.Chunks {
		if c := &a.index.Chunks[i]; c.Last == height {
			_, commit, err := a.chunk(c)
			return commit, err
		}
	}
	var commit []byte
	err := a.each(context.Background(), height+1, height+1, func(r *blockRecord) (err error) {
		commit, err = lastCommitOf(r)
		return err
	})
	if err == nil && commit == nil {
		err = fmt.Errorf("%w: there is no commit on block %d", ErrNoBlock, height)
	}
	return commit, err
}

// chunk reads and checks one chunk: its records, and the commit on the last of them.
func (a *archive) chunk(c *archiveChunk) ([]*blockRecord, []byte, error) {
	data, err := a.file(c)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", filepath.Join(a.dir, c.File), err)
	}
	content, err := a.unpack(c, data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", filepath.Join(a.dir, c.File), err)
	}
	records := make([]*blockRecord, 0, c.Last-c.First+1)
	rest := content
	for height := c.First; height <= c.Last; height++ {
		r, after, err := parseRecord(rest)
		if err != nil || r.height != height {
			return nil, nil, fmt.Errorf("%s: %w: no record of block %d", filepath.Join(a.dir, c.File), ErrArchiveContent, height)
		}
		records, rest = append(records, r), after
	}
	return records, rest, nil
}

// file reads the file of a chunk and holds it to the index.
func (a *archive) file(c *archiveChunk) ([]byte, error) {
	data, err := readAtMost(filepath.Join(a.dir, c.File), c.Bytes+1)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrArchiveMissing
	case int64(len(data)) > c.Bytes:
		err = fmt.Errorf("%w: the index says %d bytes", ErrArchiveTrailing, c.Bytes)
	case err != nil:
		return nil, err
	case int64(len(data)) < c.Bytes:
		err = fmt.Errorf("%w: it has %d of %d bytes", ErrArchiveCut, len(data), c.Bytes)
	default:
		sum := digestText(data)
		if sum == c.SHA256 {
			return data, nil
		}
		err = fmt.Errorf("%w: SHA-256 %s, the index says %s", ErrArchiveDamaged, sum, c.SHA256)
	}
	if other := a.mistaken(c, data); other != "" {
		return nil, fmt.Errorf("%w: the file holds what belongs into %s", ErrArchiveOrder, other)
	}
	return nil, err
}

// mistaken names the chunk that a file holds instead of its own; "" if it holds none of them.
func (a *archive) mistaken(c *archiveChunk, data []byte) string {
	line, _, ok := bytes.Cut(data[:min(len(data), chunkLineMost)], []byte("\n"))
	if !ok {
		return ""
	}
	for i := range a.index.Chunks {
		other := &a.index.Chunks[i]
		if other == c || !bytes.Contains(line, fmt.Appendf(nil, " blocks %d to %d ", other.First, other.Last)) {
			continue
		}
		whole, err := readAtMost(filepath.Join(a.dir, c.File), other.Bytes)
		if err == nil && digestText(whole) == other.SHA256 {
			return other.File
		}
	}
	return ""
}

// unpack checks the first line of a chunk and decompresses the rest.
func (a *archive) unpack(c *archiveChunk, data []byte) ([]byte, error) {
	line, packed, ok := bytes.Cut(data, []byte("\n"))
	if !ok || len(line) > chunkLineMost || !bytes.HasPrefix(line, []byte(archiveFormat+" ")) {
		return nil, fmt.Errorf("%w: it begins with no line of an archive", ErrArchiveContent)
	}
	if !bytes.HasPrefix(line, fmt.Appendf(nil, "%s chain %s genesis %s ", archiveFormat, a.index.ChainID, a.index.GenesisSHA256)) {
		return nil, fmt.Errorf("%w: %s", ErrArchiveForeign, line)
	}
	if !bytes.Contains(line, fmt.Appendf(nil, " blocks %d to %d ", c.First, c.Last)) {
		return nil, fmt.Errorf("%w: %s", ErrArchiveOrder, line)
	}
	var h zstd.Header
	if err := h.Decode(packed); err != nil || !h.HasFCS || h.FrameContentSize != uint64(c.Content) {
		return nil, fmt.Errorf("%w: its frame does not declare %d bytes", ErrArchiveContent, c.Content)
	}
	content, err := a.decoder.DecodeAll(packed, make([]byte, 0, c.Content))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrArchiveContent, err)
	}
	if string(line)+"\n" != a.index.line(c.First, c.Last, content) {
		return nil, fmt.Errorf("%w: %s", ErrArchiveContent, line)
	}
	return content, nil
}

// digestText is a SHA-256 as it stands in files.
func digestText(b []byte) string {
	sum := types.Hash(sha256.Sum256(b))
	return sum.String()
}
