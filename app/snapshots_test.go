package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
)

// offering is a replica with snapshots of every third height, and the newest of them as a peer sees it.
type offering struct {
	*replica
	t       *testing.T
	offer   *abci.Snapshot
	appHash []byte
	chunks  [][]byte
}

// newOffering runs a chain with entry logs, references and a log of block hashes to height 9.
func newOffering(t *testing.T) *offering {
	w := newWorld(t)
	r := newReplica(t, w, Options{Snapshots: SnapshotOptions{Dir: t.TempDir(), Interval: 3, Share: 100}})
	for h := range 9 {
		r.block(w.tx(t, "forex", r.unix, fixings(h*300, 200)...))
		eventually(t, "the snapshot before ended", func() bool { return len(r.App.snapshots.making) == 0 })
	}
	list, err := r.Snapshots()
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, int64(9), list[0].Manifest.Height())
	require.Equal(t, int64(6), list[1].Manifest.Height())
	res, err := r.ListSnapshots(context.Background(), &abci.RequestListSnapshots{})
	require.NoError(t, err)
	require.Len(t, res.Snapshots, 2)
	o := &offering{replica: r, t: t, offer: res.Snapshots[0], appHash: r.info().LastBlockAppHash}
	for i := range o.offer.Chunks {
		o.chunks = append(o.chunks, o.load(o.offer.Height, i))
	}
	require.Greater(t, len(o.chunks), 4)
	return o
}

func (o *offering) load(height uint64, index uint32) []byte {
	o.t.Helper()
	res, err := o.LoadSnapshotChunk(context.Background(), &abci.RequestLoadSnapshotChunk{Height: height, Format: state.SnapshotFormat, Chunk: index})
	require.NoError(o.t, err)
	return res.Chunk
}

// joiner is an empty node on a file system.
func joiner(t *testing.T, w *world, fs vfs.FS) *replica {
	t.Helper()
	r := &replica{t: t, w: w, fs: fs, unix: testUnix}
	db, err := state.Open("state", state.Options{FS: fs, CheckpointEvery: -1, CacheBytes: 8 << 20, ChunkBytes: testChunk})
	require.NoError(t, err)
	r.App, err = New(db, Options{})
	require.NoError(t, err)
	t.Cleanup(r.Quit)
	return r
}

// give hands a chunk over as CometBFT does.
func (r *replica) give(index int, chunk []byte, sender string) *abci.ResponseApplySnapshotChunk {
	r.t.Helper()
	res, err := r.ApplySnapshotChunk(context.Background(), &abci.RequestApplySnapshotChunk{Index: uint32(index), Chunk: chunk, Sender: sender})
	require.NoError(r.t, err)
	return res
}

func (r *replica) offered(s *abci.Snapshot, appHash []byte) abci.ResponseOfferSnapshot_Result {
	r.t.Helper()
	res, err := r.OfferSnapshot(context.Background(), &abci.RequestOfferSnapshot{Snapshot: s, AppHash: appHash})
	require.NoError(r.t, err)
	return res.Result
}

// accept restores all chunks and checks that the node goes on like its source.
func (o *offering) accept(r *replica) {
	o.t.Helper()
	require.Equal(o.t, abci.ResponseOfferSnapshot_ACCEPT, r.offered(o.offer, o.appHash))
	require.Equal(o.t, int64(0), r.info().LastBlockHeight)
	for i, c := range o.chunks {
		require.Equal(o.t, abci.ResponseApplySnapshotChunk_ACCEPT, r.give(i, c, "honest").Result)
	}
	o.same(r)
}

// same checks that the node is the source, and goes on like it.
func (o *offering) same(r *replica) {
	o.t.Helper()
	require.Equal(o.t, int64(9), r.info().LastBlockHeight)
	require.Equal(o.t, o.appHash, r.info().LastBlockAppHash)
	require.NoError(o.t, r.db.Verify())
	r.unix = o.unix
	tx := o.w.tx(o.t, "forex", o.unix, fixings(3000, 3)...)
	want, got := o.finalize([][]byte{tx, o.history[8][0]}), r.finalize([][]byte{tx, o.history[8][0]})
	require.Equal(o.t, outcome(o.t, want), outcome(o.t, got), "a transaction of before is known, too")
	require.NotZero(o.t, got.TxResults[1].Code)
	r.dropStaged()
	o.dropStaged()
}

func TestSnapshotsAreServed(t *testing.T) {
	o := newOffering(t)
	require.Nil(t, o.load(o.offer.Height, o.offer.Chunks))
	require.Nil(t, o.load(o.offer.Height+1, 0))
	res, err := o.LoadSnapshotChunk(context.Background(), &abci.RequestLoadSnapshotChunk{Height: o.offer.Height, Format: 99})
	require.NoError(t, err)
	require.Nil(t, res.Chunk)
	o.accept(joiner(t, o.w, vfs.NewMem()))

	// Another node makes the same chunks of the same height, and one that joined by them, too.
	other := newReplica(t, o.w, Options{Snapshots: SnapshotOptions{Dir: t.TempDir(), Share: 100}})
	for i, txs := range o.history {
		if i == 8 {
			other.WantSnapshot()
		}
		other.block(txs...)
	}
	eventually(t, "one is made when it is wanted", func() bool { list, _ := other.Snapshots(); return len(list) == 1 })
	list, err := other.Snapshots()
	require.NoError(t, err)
	require.Equal(t, o.offer.Metadata, list[0].Encoded)

	// What changed on the disk is not handed out, and not offered any more.
	path := list[0].ChunkFile(1)
	chunk, err := os.ReadFile(path)
	require.NoError(t, err)
	chunk[7] ^= 1
	require.NoError(t, os.WriteFile(path, chunk, 0o600))
	_, err = other.SnapshotChunk(9, 1)
	require.ErrorIs(t, err, state.ErrChunkHash)
	list, _ = other.Snapshots()
	require.Empty(t, list)
}

// TestSnapshotFoldersAfterARestart: what was not finished is removed, what is whole is offered again.
func TestSnapshotFoldersAfterARestart(t *testing.T) {
	o := newOffering(t)
	dir := o.o.Snapshots.Dir
	left := filepath.Join(dir, unfinishedName+"00000000000000000012")
	require.NoError(t, os.MkdirAll(left, 0o755))
	broken := filepath.Join(dir, "00000000000000000003")
	require.NoError(t, os.MkdirAll(broken, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(broken, manifestName), []byte("nothing"), 0o600))
	o.restart()
	require.NoDirExists(t, left)
	list, err := o.Snapshots()
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, o.offer.Metadata, list[0].Encoded)
}

// attack is something that a peer does, and what becomes of it.
type attack struct {
	name   string
	offer  func(s *abci.Snapshot) // changes what is offered; nil: nothing
	chunk  func(i int, chunks [][]byte) []byte
	refuse error
	answer abci.ResponseOfferSnapshot_Result
	apply  abci.ResponseApplySnapshotChunk_Result
}

func rehash(s *abci.Snapshot, change func(m []byte) []byte) {
	s.Metadata = change(bytes.Clone(s.Metadata))
	h := sha256.Sum256(s.Metadata)
	s.Hash = h[:]
}

// TestHostileOffers: what a peer may offer besides the truth, each refused by its own error before any chunk is fetched.
func TestHostileOffers(t *testing.T) {
	o := newOffering(t)
	for _, a := range []attack{
		{"format 99", func(s *abci.Snapshot) { s.Format = 99 }, nil, ErrSnapshotFormat, abci.ResponseOfferSnapshot_REJECT_FORMAT, 0},
		{"100,001 chunks", func(s *abci.Snapshot) { s.Chunks = 100_001 }, nil, ErrSnapshotChunks, abci.ResponseOfferSnapshot_REJECT_SENDER, 0},
		{"no chunks", func(s *abci.Snapshot) { s.Chunks = 0 }, nil, ErrSnapshotChunks, abci.ResponseOfferSnapshot_REJECT_SENDER, 0},
		{"wrong count", func(s *abci.Snapshot) { s.Chunks++ }, nil, ErrSnapshotCount, abci.ResponseOfferSnapshot_REJECT_SENDER, 0},
		{"huge metadata", func(s *abci.Snapshot) {
			rehash(s, func(m []byte) []byte { return append(m, make([]byte, state.MaxManifestSize)...) })
		}, nil, state.ErrManifestSize, abci.ResponseOfferSnapshot_REJECT_SENDER, 0},
		{"another hash", func(s *abci.Snapshot) { s.Hash = bytes.Repeat([]byte{1}, 32) }, nil, ErrSnapshotHash, abci.ResponseOfferSnapshot_REJECT_SENDER, 0},
		{"no metadata", func(s *abci.Snapshot) { rehash(s, func([]byte) []byte { return nil }) }, nil, state.ErrManifestFormat, abci.ResponseOfferSnapshot_REJECT_SENDER, 0},
		{"trailing bytes", func(s *abci.Snapshot) { rehash(s, func(m []byte) []byte { return append(m, 0) }) }, nil, state.ErrManifestFormat, abci.ResponseOfferSnapshot_REJECT_SENDER, 0},
		{"another root", func(s *abci.Snapshot) { rehash(s, func(m []byte) []byte { m[8] ^= 1; return m }) }, nil, state.ErrManifestRoots, abci.ResponseOfferSnapshot_REJECT_SENDER, 0},
		{"a manifest of 100,001 chunks", func(s *abci.Snapshot) { rehash(s, manyChunks(t, len(o.chunks))) }, nil, state.ErrManifestCount, abci.ResponseOfferSnapshot_REJECT_SENDER, 0},
		{"older height under the trusted hash", func(s *abci.Snapshot) {
			res, err := o.ListSnapshots(context.Background(), nil)
			require.NoError(t, err)
			*s = *res.Snapshots[1]
		}, nil, state.ErrManifestOther, abci.ResponseOfferSnapshot_REJECT, 0},
		{"another height", func(s *abci.Snapshot) { s.Height-- }, nil, state.ErrManifestOther, abci.ResponseOfferSnapshot_REJECT, 0},
	} {
		t.Run(a.name, func(t *testing.T) {
			r := joiner(t, o.w, vfs.NewMem())
			offer := *o.offer
			a.offer(&offer)
			require.ErrorIs(t, r.Offer(&offer, o.appHash), a.refuse)
			require.Equal(t, a.answer, r.offered(&offer, o.appHash))
			require.Equal(t, abci.ResponseApplySnapshotChunk_ABORT, r.give(0, o.chunks[0], "").Result, "nothing is being restored")
			o.accept(r) // whatever came before
		})
	}
	// A node with blocks takes no snapshot of a height that it has passed.
	offer := *o.offer
	offer.Height = 6
	require.ErrorIs(t, o.Offer(&offer, o.appHash), ErrSnapshotOld)
	require.Equal(t, abci.ResponseOfferSnapshot_REJECT, o.offered(&offer, o.appHash))
	offer.Height = 12
	require.Error(t, o.Offer(&offer, o.appHash))
}

// manyChunks rewrites the count of a manifest, which stands before its n chunks of 34 or 35 bytes.
func manyChunks(t *testing.T, n int) func(m []byte) []byte {
	return func(m []byte) []byte {
		for at := len(m) - 36*n; at < len(m); at++ {
			if at > 0 && m[at] == byte(n) && m[at+1] == 1 {
				return append(append(slices.Clone(m[:at]), 0xa1, 0x8d, 0x06), m[at+1:]...) // 100,001
			}
		}
		t.Fatal("the count was not found")
		return nil
	}
}

// TestHostileChunks: a peer whose offer is honest sends other bytes. They are refused, the sender is dropped, and the right
// bytes go on.
func TestHostileChunks(t *testing.T) {
	o := newOffering(t)
	last := len(o.chunks) - 1
	for _, a := range []attack{
		{"bad chunk", nil, func(i int, c [][]byte) []byte { b := bytes.Clone(c[i]); b[len(b)/2] ^= 4; return b }, state.ErrChunkHash, 0, abci.ResponseApplySnapshotChunk_RETRY},
		{"swapped chunks", nil, func(i int, c [][]byte) []byte { return c[(i+1)%len(c)] }, state.ErrChunkPlace, 0, abci.ResponseApplySnapshotChunk_RETRY},
		{"nothing", nil, func(int, [][]byte) []byte { return nil }, state.ErrChunkHash, 0, abci.ResponseApplySnapshotChunk_RETRY},
		{"too much", nil, func(int, [][]byte) []byte { return make([]byte, state.MaxChunkSize+1) }, state.ErrChunkHash, 0, abci.ResponseApplySnapshotChunk_RETRY},
		{"a part", nil, func(i int, c [][]byte) []byte { return c[i][:len(c[i])-1] }, state.ErrChunkHash, 0, abci.ResponseApplySnapshotChunk_RETRY},
	} {
		t.Run(a.name, func(t *testing.T) {
			for _, at := range []int{0, 1, last} {
				r := joiner(t, o.w, vfs.NewMem())
				require.NoError(t, r.Offer(o.offer, o.appHash))
				for i, c := range o.chunks {
					if i == at {
						_, err := r.Chunk(i, a.chunk(i, o.chunks))
						require.ErrorIs(t, err, a.refuse)
						res := r.give(i, a.chunk(i, o.chunks), "liar")
						require.Equal(t, a.apply, res.Result)
						require.Equal(t, []uint32{uint32(i)}, res.RefetchChunks)
						require.Equal(t, []string{"liar"}, res.RejectSenders)
					}
					require.Equal(t, abci.ResponseApplySnapshotChunk_ACCEPT, r.give(i, c, "honest").Result)
				}
				o.same(r)
			}
		})
	}
	t.Run("wrong index", func(t *testing.T) {
		r := joiner(t, o.w, vfs.NewMem())
		require.NoError(t, r.Offer(o.offer, o.appHash))
		_, err := r.Chunk(1, o.chunks[1])
		require.ErrorIs(t, err, state.ErrChunkPlace)
		_, err = r.Chunk(last+1, o.chunks[0])
		require.ErrorIs(t, err, state.ErrChunkPlace)
	})
}

// TestRightHashWrongRows: the manifest is the liar's own, and names chunks whose rows are not what the roots and the heads
// of logs commit to.
func TestRightHashWrongRows(t *testing.T) {
	o := newOffering(t)
	tampered := 0
	for i := range o.chunks {
		for _, change := range []func(b []byte) []byte{
			func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
			func(b []byte) []byte { return b[:len(b)-5] },
			func(b []byte) []byte { return b[:1] },
		} {
			forged := change(bytes.Clone(o.chunks[i]))
			was, is := sha256.Sum256(o.chunks[i]), sha256.Sum256(forged)
			offer := *o.offer
			rehash(&offer, func(m []byte) []byte { return bytes.Replace(m, was[:], is[:], 1) })
			r := joiner(t, o.w, vfs.NewMem())
			require.Equal(t, abci.ResponseOfferSnapshot_ACCEPT, r.offered(&offer, o.appHash))
			var answer abci.ResponseApplySnapshotChunk_Result
			for j, c := range o.chunks {
				if j == i {
					c = forged
				}
				if answer = r.give(j, c, "liar").Result; answer != abci.ResponseApplySnapshotChunk_ACCEPT {
					break
				}
			}
			require.Equal(t, abci.ResponseApplySnapshotChunk_REJECT_SNAPSHOT, answer, "chunk %d", i)
			require.Equal(t, int64(0), r.info().LastBlockHeight)
			o.accept(r)
			tampered++
		}
	}
	require.Greater(t, tampered, 12)
}

// TestRestoreIsInterrupted: the process ends after any number of chunks; what is left is an empty node that can start, and
// be restored.
func TestRestoreIsInterrupted(t *testing.T) {
	o := newOffering(t)
	for n := range len(o.chunks) + 1 {
		fs := vfs.NewCrashableMem()
		r := joiner(t, o.w, fs)
		require.NoError(t, r.Offer(o.offer, o.appHash))
		for i, c := range o.chunks[:n] {
			require.Equal(t, abci.ResponseApplySnapshotChunk_ACCEPT, r.give(i, c, "").Result)
		}
		for _, percent := range []int{0, 100} {
			left := joiner(t, o.w, fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: random(uint64(n))}))
			if n == len(o.chunks) {
				o.same(left) // durable as soon as the last chunk is accepted
				continue
			}
			require.Equal(t, int64(0), left.info().LastBlockHeight)
			left.initChain() // it may as well begin with the genesis
			o.accept(left)
		}
	}
}

// TestSnapshotIsGivenUp: another offer takes the place of one that is not finished.
func TestSnapshotIsGivenUp(t *testing.T) {
	o := newOffering(t)
	r := joiner(t, o.w, vfs.NewMem())
	for range 3 {
		require.NoError(t, r.Offer(o.offer, o.appHash))
		require.Equal(t, abci.ResponseApplySnapshotChunk_ACCEPT, r.give(0, o.chunks[0], "").Result)
	}
	o.accept(r)
	_, err := r.Chunk(0, o.chunks[0])
	require.ErrorIs(t, err, ErrNoOffer)
}
