package sim

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tradecredit/types"
)

// History is every decided block of a run, with the app hash after it. It says what the rules made of these bytes when it
// was written: whoever replays it must come to the same hashes, on any machine, for ever.
type History struct {
	ChainID string
	Genesis []byte
	Blocks  []HistoryBlock
}

// HistoryBlock is one of them. Unix is its time in seconds.
type HistoryBlock struct {
	Unix    int64
	Txs     [][]byte
	AppHash []byte
}

func (h *History) begin(chainID string, genesis []byte) { h.ChainID, h.Genesis = chainID, genesis }

func (h *History) add(unix int64, txs [][]byte, appHash []byte) {
	h.Blocks = append(h.Blocks, HistoryBlock{Unix: unix, Txs: txs, AppHash: appHash})
}

// historyMagic begins a stored history, inside its compression.
const historyMagic = "tradecredit history 1\n"

// maxHistoryPart bounds one field when a history is read.
const maxHistoryPart = 64 << 20

// Write stores the history: gzip over magic, chain id, genesis, number of blocks, and for each block its time, number of
// transactions, transactions, and app hash. Numbers are varints, byte strings have their length before them.
func (h *History) Write(to io.Writer) error {
	b := appendBytes(appendBytes([]byte(historyMagic), []byte(h.ChainID)), h.Genesis)
	b = binary.AppendUvarint(b, uint64(len(h.Blocks)))
	for _, block := range h.Blocks {
		b = binary.AppendVarint(b, block.Unix)
		b = binary.AppendUvarint(b, uint64(len(block.Txs)))
		for _, raw := range block.Txs {
			b = appendBytes(b, raw)
		}
		b = append(b, block.AppHash...)
	}
	z, err := gzip.NewWriterLevel(to, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(b); err != nil {
		return err
	}
	return z.Close()
}

func appendBytes(to, b []byte) []byte {
	return append(binary.AppendUvarint(to, uint64(len(b))), b...)
}

// ReadHistory reads what Write stored.
func ReadHistory(from io.Reader) (*History, error) {
	z, err := gzip.NewReader(from)
	if err != nil {
		return nil, err
	}
	r := &historyReader{r: bufio.NewReader(z)}
	if magic := r.next(uint64(len(historyMagic))); string(magic) != historyMagic {
		return nil, errors.New("no history of a simulation")
	}
	h := &History{ChainID: string(r.bytes()), Genesis: r.bytes()}
	for range r.number() {
		block := HistoryBlock{Unix: r.time()}
		for range r.number() {
			block.Txs = append(block.Txs, r.bytes())
		}
		block.AppHash = r.next(uint64(len(types.Hash{})))
		h.Blocks = append(h.Blocks, block)
		if r.err != nil {
			return nil, r.err
		}
	}
	return h, r.err
}

// historyReader reads fields; the first error stays.
type historyReader struct {
	r   *bufio.Reader
	err error
}

func (r *historyReader) number() (n uint64) {
	if r.err == nil {
		n, r.err = binary.ReadUvarint(r.r)
	}
	return n
}

func (r *historyReader) time() (unix int64) {
	if r.err == nil {
		unix, r.err = binary.ReadVarint(r.r)
	}
	return unix
}

func (r *historyReader) bytes() []byte { return r.next(r.number()) }

func (r *historyReader) next(n uint64) []byte {
	if r.err == nil && n > maxHistoryPart {
		r.err = fmt.Errorf("a field of %d bytes", n)
	}
	if r.err != nil {
		return nil
	}
	b := make([]byte, n)
	_, r.err = io.ReadFull(r.r, b)
	return b
}

// Replay executes the history from its genesis on an empty node, and returns the first height with another app hash.
func (h *History) Replay() (err error) {
	d := &driver{counters: NewCounters(), world: &world{genesisJSON: h.Genesis}, time: time.Unix(genesisUnix, 0)}
	g, err := types.ParseGenesis(h.Genesis)
	if err != nil {
		return err
	}
	d.world.validators = validatorsOf(g)
	r := &replica{name: "replay", fs: vfs.NewCrashableMem()}
	if err := d.start(r); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.shut()) }()
	for i, block := range h.Blocks {
		height, at := int64(i)+1, time.Unix(block.Unix, 0)
		res, err := d.finalize(r, height, at, block.Txs)
		if err != nil {
			return err
		}
		if !bytes.Equal(res.AppHash, block.AppHash) {
			return fmt.Errorf("block %d comes to app hash %X, the history says %X", height, res.AppHash, block.AppHash)
		}
		if err := d.commit(r, at); err != nil {
			return err
		}
	}
	return nil
}
