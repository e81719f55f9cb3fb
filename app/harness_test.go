package app

import (
	"encoding/binary"

	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	abci "github.com/cometbft/cometbft/abci/types"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

const (
	testChain = "test-1"
	testUnix  = int64(1_788_000_000) // genesis time; 2026-08-29
	testRoom  = int64(4 << 20)       // bytes of a block's data
	testChunk = 30_000               // bytes of a chunk of a snapshot
)

// world is a network's genesis and the keys of its members. Everything in it is made from constants.
type world struct {
	genesis []byte
	keys    map[string]*types.SigningKey
	serial  int
}

// memberRoles are the members of every test network; each has one key "k1" of its first role.
var memberRoles = []struct {
	id   string
	role types.Role
}{
	{"bank-a", types.Role_BANK}, {"bank-b", types.Role_BANK}, {"carrier", types.Role_LOGISTICS}, {"council", types.Role_COUNCIL},
	{"forex", types.Role_FOREX}, {"forex-b", types.Role_FOREX}, {"forex-c", types.Role_FOREX}, {"platform", types.Role_PLATFORM},
}

func testKey(t testing.TB, name string) *types.SigningKey {
	t.Helper()
	seed := sha256.Sum256([]byte("app test " + name))
	k, err := types.NewSigningKey(seed[:])
	require.NoError(t, err)
	return k
}

// newWorld makes a network; parameters differ from the defaults where named, and must come by ascending name.
func newWorld(t testing.TB, parameters ...types.GenesisParameter) *world {
	t.Helper()
	w := &world{keys: map[string]*types.SigningKey{}}
	g := types.Genesis{BaseCurrency: "CNY", DayOffsetS: 8 * 3600, Parameters: parameters}
	for _, m := range memberRoles {
		k := testKey(t, m.id)
		w.keys[m.id] = k
		name := sha256.Sum256([]byte(m.id))
		g.Members = append(g.Members, types.GenesisMember{
			ID: m.id, ControlGroup: "group-" + m.id, Jurisdiction: "CN", NameDigest: name[:], Roles: []types.Role{m.role},
			Keys: []types.GenesisKey{{ID: "k1", Role: m.role, Algorithm: k.Algorithm(), PublicKey: k.PublicKey()}},
		})
	}
	var err error
	w.genesis, err = json.Marshal(g)
	require.NoError(t, err)
	return w
}

// body is a body that is valid for some hours around the time given.
func (w *world) body(signer string, unix int64, msgs ...types.Msg) *types.Body {
	w.serial++
	b := &types.Body{
		ChainId: testChain, Signer: signer, Key: "k1", Reference: fmt.Sprintf("reference-%010d", w.serial), ValidUntilUnix: unix + 3600,
		Origin: &types.Origin{SourceSystem: "test", Jurisdiction: "CN", CollectedUnix: testUnix - 60},
	}
	for _, m := range msgs {
		b.Messages = append(b.Messages, types.Wrap("", m))
	}
	return b
}

func (w *world) sign(t testing.TB, b *types.Body) []byte {
	t.Helper()
	raw, err := types.Sign(b, w.keys[b.Signer])
	require.NoError(t, err)
	return raw
}

func (w *world) tx(t testing.TB, signer string, unix int64, msgs ...types.Msg) []byte {
	t.Helper()
	return w.sign(t, w.body(signer, unix, msgs...))
}

var fixingCurrencies = []string{"USD", "EUR", "GBP", "JPY", "HKD", "SGD", "THB", "MYR", "VND", "IDR", "KRW", "AUD"}

// fixing is a message that succeeds once for each n below 90,000.
func fixing(n int) *types.PublishFixing {
	return &types.PublishFixing{
		Currency: fixingCurrencies[n%len(fixingCurrencies)], Day: types.MinDay + int32(n/len(fixingCurrencies)), RateE9: 7_000_000_000,
	}
}

// fixings are n such messages, that begin at first.
func fixings(first, n int) []types.Msg {
	msgs := make([]types.Msg, n)
	for i := range msgs {
		msgs[i] = fixing(first + i)
	}
	return msgs
}

// replica is one node's application, driven as CometBFT drives it.
type replica struct {
	*App
	t    testing.TB
	w    *world
	fs   vfs.FS
	dir  string // of the store; "state" if empty
	unix int64  // time of the last block
	o    Options

	clock   atomic.Int64 // what this node's clock shows: the time of the last block
	staging [][]byte
	history [][][]byte // the transactions of committed blocks
}

func newReplica(t testing.TB, w *world, o Options) *replica {
	t.Helper()
	r := &replica{t: t, w: w, fs: vfs.NewMem(), unix: testUnix, o: o}
	r.open()
	return r
}

// open opens the store and does what CometBFT does at its start.
func (r *replica) open() {
	r.t.Helper()
	if r.dir == "" {
		r.dir = "state"
	}
	db, err := state.Open(r.dir, state.Options{FS: r.fs, CheckpointEvery: -1, CacheBytes: 8 << 20, ChunkBytes: testChunk})
	require.NoError(r.t, err)
	if r.o.Now == nil {
		r.clock.Store(r.unix)
		r.o.Now = func() time.Time { return time.Unix(r.clock.Load(), 0) }
	}
	r.App, err = New(db, r.o)
	require.NoError(r.t, err)
	r.t.Cleanup(r.Quit)
	if r.info().LastBlockHeight == 0 {
		r.initChain()
	}
}

// restart closes the store, keeping the file system, and opens it again. Everything in memory is gone.
func (r *replica) restart() {
	r.t.Helper()
	r.Quit()
	r.dropStaged()
	require.NoError(r.t, r.db.Close())
	r.open()
}

func (r *replica) info() *abci.ResponseInfo {
	r.t.Helper()
	res, err := r.Info(context.Background(), &abci.RequestInfo{})
	require.NoError(r.t, err)
	return res
}

func (r *replica) initRequest() *abci.RequestInitChain {
	params := cmttypes.DefaultConsensusParams().ToProto()
	g, err := types.ParseGenesis(r.w.genesis)
	require.NoError(r.t, err)
	var validators []abci.ValidatorUpdate
	for _, v := range g.Validators {
		validators = append(validators, abci.Ed25519ValidatorUpdate(v.PublicKey, v.Power))
	}
	return &abci.RequestInitChain{
		Time: time.Unix(testUnix, 0), ChainId: testChain, ConsensusParams: &params, Validators: validators,
		AppStateBytes: r.w.genesis, InitialHeight: 1,
	}
}

func (r *replica) initChain() []byte {
	r.t.Helper()
	res, err := r.InitChain(context.Background(), r.initRequest())
	require.NoError(r.t, err)
	return res.AppHash
}

func (r *replica) next() (height, unix int64) {
	height = r.Height() + 1
	if height == 1 {
		return height, testUnix
	}
	return height, r.unix + 1
}

func (r *replica) prepare(room int64) [][]byte {
	r.t.Helper()
	height, unix := r.next()
	res, err := r.PrepareProposal(context.Background(), &abci.RequestPrepareProposal{MaxTxBytes: room, Height: height, Time: time.Unix(unix, 0)})
	require.NoError(r.t, err)
	require.NoError(r.t, cmttypes.ToTxs(res.Txs).Validate(room), "CometBFT would panic")
	return res.Txs
}

func (r *replica) process(txs [][]byte) bool {
	r.t.Helper()
	height, unix := r.next()
	res, err := r.ProcessProposal(context.Background(), &abci.RequestProcessProposal{Txs: txs, Height: height, Time: time.Unix(unix, 0)})
	require.NoError(r.t, err)
	return res.IsAccepted()
}

func (r *replica) finalize(txs [][]byte) *abci.ResponseFinalizeBlock {
	r.t.Helper()
	height, unix := r.next()
	res, err := r.FinalizeBlock(context.Background(), &abci.RequestFinalizeBlock{Txs: txs, Height: height, Time: time.Unix(unix, 0), Hash: blockHash(height)})
	require.NoError(r.t, err)
	require.Len(r.t, res.TxResults, len(txs))
	r.staging = txs
	return res
}

func (r *replica) commit() {
	r.t.Helper()
	_, unix := r.next()
	_, err := r.Commit(context.Background(), &abci.RequestCommit{})
	require.NoError(r.t, err)
	r.unix = unix
	r.clock.Store(unix)
	r.history = append(r.history, r.staging)
}

// block finalizes and commits one block.
func (r *replica) block(txs ...[]byte) *abci.ResponseFinalizeBlock {
	r.t.Helper()
	res := r.finalize(txs)
	r.commit()
	return res
}

// propose makes a block of what waits, and returns it with its results.
func (r *replica) propose() ([][]byte, *abci.ResponseFinalizeBlock) {
	r.t.Helper()
	txs := r.prepare(testRoom)
	require.True(r.t, r.process(txs))
	return txs, r.block(txs...)
}

// submit requires one code for all.
func (r *replica) submit(want types.Code, txs ...[]byte) {
	r.t.Helper()
	for i, res := range r.Submit(context.Background(), txs) {
		require.Equal(r.t, want, res.Code, "transaction %d: %s", i, res.Detail)
	}
}

// codes decodes the result of a transaction.
func codes(t testing.TB, r *abci.ExecTxResult) []types.Code {
	t.Helper()
	list, err := types.DecodeCodes(r.Data)
	require.NoError(t, err)
	return list
}

// outcome is what of results is consensus.
func outcome(t testing.TB, res *abci.ResponseFinalizeBlock) []byte {
	t.Helper()
	parts, err := abci.MarshalTxResults(res.TxResults)
	require.NoError(t, err)
	h := sha256.New()
	h.Write(res.AppHash)
	for _, p := range parts {
		sum := sha256.Sum256(p)
		h.Write(sum[:])
	}
	return h.Sum(nil)
}

// random is deterministic: a failure names its seed and comes back.
func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 41)) }

// disk digests all files of a memory file system.
func disk(t testing.TB, fs vfs.FS) string {
	t.Helper()
	h := sha256.New()
	var walk func(dir string)
	walk = func(dir string) {
		names, err := fs.List(dir)
		require.NoError(t, err)
		slices.Sort(names)
		for _, name := range names {
			path := fs.PathJoin(dir, name)
			info, err := fs.Stat(path)
			require.NoError(t, err)
			if info.IsDir() {
				walk(path)
				continue
			}
			f, err := fs.Open(path)
			require.NoError(t, err)
			content := make([]byte, info.Size())
			if len(content) > 0 {
				_, err = f.ReadAt(content, 0)
				require.NoError(t, err)
			}
			require.NoError(t, f.Close())
			fmt.Fprintf(h, "%s %d ", path, len(content))
			h.Write(content)
		}
	}
	walk("state")
	return fmt.Sprintf("%x", h.Sum(nil))
}

// eventually polls until ok, for at most ten seconds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, 10*time.Second, time.Millisecond, what)
}

// blockHash is what the harness calls the hash of a block.
func blockHash(height int64) []byte {
	h := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(height)))
	return h[:]
}

// leaves is the whole committed state but for the log of block hashes, which grows with every block.
func (r *replica) leaves() map[string]string {
	view := r.View()
	defer view.Close()
	all := map[string]string{}
	require.NoError(r.t, view.Scan("", func(key string, value []byte) error {
		if key != string(types.BlockLogKey) {
			all[key] = string(value)
		}
		return nil
	}))
	return all
}
