package sim

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	dbm "github.com/cometbft/cometbft-db"
	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/libs/log"
	"github.com/cometbft/cometbft/mempool"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/proxy"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/store"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"tradecredit/app"
	"tradecredit/app/state"
	"tradecredit/node"
	"tradecredit/types"
)

// engine is CometBFT's own block executor over the real application: it makes a simulated history into blocks with
// headers and commits, which are validated as every node validates them.
type engine struct {
	t        *testing.T
	genesis  []byte
	state    sm.State
	states   sm.Store
	executor *sm.BlockExecutor
	signers  map[string]ed25519.PrivKey // by address
	last     *cmttypes.Commit
	records  [][]byte // of the archive
	hashes   [][]byte // app hash after each block
}

// newEngine begins with the genesis of a history.
func newEngine(t *testing.T, h *History) *engine {
	t.Helper()
	first, err := types.ParseGenesis(h.Genesis)
	require.NoError(t, err)
	e := &engine{t: t, signers: map[string]ed25519.PrivKey{}, last: &cmttypes.Commit{}}
	for i := range 8 { // the nodes that the simulation's council votes about
		seed := sha256.Sum256(fmt.Appendf(nil, "sim secret of node-%d/consensus", i))
		k := ed25519.GenPrivKeyFromSecret(nil)
		copy(k, seed[:])
		pair, err := types.NewSigningKey(seed[:])
		require.NoError(t, err)
		copy(k[32:], pair.PublicKey())
		e.signers[string(k.PubKey().Address())] = k
	}
	var validators []node.Validator
	for i, v := range first.Validators {
		validators = append(validators, node.Validator{Name: fmt.Sprint("v", i), Key: v.PublicKey})
	}
	e.genesis, err = node.Genesis(h.ChainID, time.Unix(genesisUnix, 0), validators, first)
	require.NoError(t, err)
	doc, err := cmttypes.GenesisDocFromJSON(e.genesis)
	require.NoError(t, err)

	db, err := state.Open("state", state.Options{FS: vfs.NewMem(), CheckpointEvery: -1})
	require.NoError(t, err)
	a, err := app.New(db, app.Options{})
	require.NoError(t, err)
	t.Cleanup(func() {
		a.Quit()
		require.NoError(t, db.Close())
	})
	hash, err := a.Begin(doc)
	require.NoError(t, err)
	e.state, err = sm.MakeGenesisState(doc)
	require.NoError(t, err)
	e.state.AppHash, e.state.Version.Consensus.App, e.state.LastResultsHash = hash[:], types.FirstAppVersion, cmttypes.NewResults(nil).Hash()
	client, err := proxy.NewLocalClientCreator(a).NewABCIClient()
	require.NoError(t, err)
	require.NoError(t, client.Start())
	e.states = sm.NewStore(dbm.NewMemDB(), sm.StoreOptions{})
	require.NoError(t, e.states.Save(e.state))
	e.executor = sm.NewBlockExecutor(e.states, log.NewNopLogger(), proxy.NewAppConnConsensus(client, proxy.NopMetrics()),
		&mempool.NopMempool{}, sm.EmptyEvidencePool{}, store.NewBlockStore(dbm.NewMemDB()))
	return e
}

// block makes, applies and signs a block; the votes bear the time of the next one.
func (e *engine) block(txs cmttypes.Txs, next time.Time) {
	e.t.Helper()
	height := e.state.LastBlockHeight + 1
	set := e.state.Validators
	made, err := e.state.MakeBlock(height, txs, e.last, nil, set.GetProposer().Address)
	require.NoError(e.t, err)
	parts, err := made.MakePartSet(cmttypes.BlockPartSizeBytes)
	require.NoError(e.t, err)
	id := cmttypes.BlockID{Hash: made.Hash(), PartSetHeader: parts.Header()}
	e.state, err = e.executor.ApplyBlock(e.state, id, made)
	require.NoError(e.t, err)
	e.hashes = append(e.hashes, e.state.AppHash)
	outcome, err := e.states.LoadFinalizeBlockResponse(height)
	require.NoError(e.t, err)
	e.records = append(e.records, record(e.t, made, outcome))

	e.last = &cmttypes.Commit{Height: height, BlockID: id}
	for i, v := range set.Validators {
		vote := cmttypes.Vote{Type: cmtproto.PrecommitType, Height: height, BlockID: id, Timestamp: next, ValidatorAddress: v.Address, ValidatorIndex: int32(i)}
		k, ok := e.signers[string(v.Address)]
		require.True(e.t, ok, "a validator that nobody knows: %X", v.PubKey.Bytes())
		signature, err := k.Sign(cmttypes.VoteSignBytes(e.state.ChainID, vote.ToProto()))
		require.NoError(e.t, err)
		e.last.Signatures = append(e.last.Signatures, cmttypes.CommitSig{
			BlockIDFlag: cmttypes.BlockIDFlagCommit, ValidatorAddress: v.Address, Timestamp: next, Signature: signature,
		})
	}
}

// record is a block in an archive, written down once more from the description of the format.
func record(t *testing.T, made *cmttypes.Block, outcome *abci.ResponseFinalizeBlock) []byte {
	t.Helper()
	p, err := made.ToProto()
	require.NoError(t, err)
	encoded, err := p.Marshal()
	require.NoError(t, err)
	b := appendBytes(binary.AppendUvarint(nil, uint64(made.Height)), encoded)
	b = binary.AppendUvarint(append(b, 1), uint64(len(outcome.TxResults)))
	for _, r := range outcome.TxResults {
		b = appendBytes(binary.AppendUvarint(b, uint64(r.Code)), r.Data)
	}
	return b
}

// archive writes all blocks as one chunk, by the description of the format alone.
func (e *engine) archive(dir string, transactions int) {
	t := e.t
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	digest := func(b []byte) string {
		sum := sha256.Sum256(b)
		return hex.EncodeToString(sum[:])
	}
	commit, err := e.last.ToProto().Marshal()
	require.NoError(t, err)
	content := append(bytes.Join(e.records, nil), commit...)
	line := fmt.Appendf(nil, "tradecredit archive 1 chain %s genesis %s blocks 1 to %d content %d sha256 %s\n",
		e.state.ChainID, digest(e.genesis), len(e.records), len(content), digest(content))
	encoder, err := zstd.NewWriter(nil, zstd.WithSingleSegment(true))
	require.NoError(t, err)
	chunk := encoder.EncodeAll(content, line)
	require.NoError(t, encoder.Close())
	name := fmt.Sprintf("blocks-%012d-%012d", 1, len(e.records))
	index, err := json.Marshal(map[string]any{
		"format": "tradecredit archive 1", "chain_id": e.state.ChainID, "genesis_sha256": digest(e.genesis),
		"first_height": 1, "last_height": len(e.records), "transactions": transactions,
		"chunks": []map[string]any{{
			"file": name, "first_height": 1, "last_height": len(e.records), "transactions": transactions,
			"bytes": len(chunk), "content_bytes": len(content), "sha256": digest(chunk),
		}},
	})
	require.NoError(t, err)
	for file, text := range map[string][]byte{"genesis.json": e.genesis, "index.json": index, name: chunk} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file), text, 0o644))
	}
}

// variety is what the transactions of a history that were accepted did.
type variety struct {
	transactions, sm2 int
	accepted          map[string]int // by message
}

// archived makes a history into an archive. Transactions that no honest validator lets into a block stay out.
func archived(t *testing.T, h *History) (string, *engine, *variety) {
	t.Helper()
	e, v, verifier := newEngine(t, h), &variety{accepted: map[string]int{}}, types.NewVerifier()
	at := time.Unix(genesisUnix, 0)
	for i, b := range h.Blocks {
		var txs cmttypes.Txs
		var bodies []*types.Tx
		for _, raw := range b.Txs {
			tx, err := types.Decode(raw)
			if err != nil || !verifier.VerifyBatch([]*types.Tx{tx})[0] {
				continue
			}
			txs, bodies = append(txs, raw), append(bodies, tx)
		}
		next := at.Add(time.Second)
		if i+1 < len(h.Blocks) && time.Unix(h.Blocks[i+1].Unix, 0).After(at) {
			next = time.Unix(h.Blocks[i+1].Unix, 0)
		}
		e.block(txs, next)
		at = next
		v.count(t, e, bodies)
	}
	dir := filepath.Join(t.TempDir(), "archive")
	e.archive(dir, v.transactions)
	return dir, e, v
}

// count enters what the newest block accepted.
func (v *variety) count(t *testing.T, e *engine, txs []*types.Tx) {
	t.Helper()
	outcome, err := e.states.LoadFinalizeBlockResponse(e.state.LastBlockHeight)
	require.NoError(t, err)
	for i, tx := range txs {
		v.transactions++
		codes, err := types.DecodeCodes(outcome.TxResults[i].Data)
		require.NoError(t, err)
		for j, c := range codes {
			if c != types.Code_ok {
				continue
			}
			v.accepted[types.RowOf(tx.Body.Messages[j].Get()).Name]++
			if tx.Signed.Algorithm == types.Algorithm_SM2_SM3 {
				v.sm2++
			}
		}
	}
}

// both is a seed whose genesis lets members sign with SM2 as well.
func both(t *testing.T) uint64 {
	t.Helper()
	for seed := uint64(1); seed <= 50; seed++ {
		for _, p := range newWorld(Config{Seed: seed}, NewCounters()).genesis.Parameters {
			if p.Name == "algorithms" && p.Value == 3 {
				return seed
			}
		}
	}
	require.Fail(t, "no seed lets members sign with SM2")
	return 0
}

// TestReplayOfASimulation: histories with governance, keys added and revoked, other validators, models and SM2 signatures,
// as CometBFT's own executor made them, are replayed from an archive that was written by somebody else to the same app hash
// at every height, and every score that was ever given is recomputed by the model of its height.
func TestReplayOfASimulation(t *testing.T) {
	sm2 := &History{}
	_, err := Run(Config{Seed: both(t), Blocks: 150, Record: sm2})
	require.NoError(t, err)
	sm2Signed, rotated, elected := 0, 0, int64(0)
	for name, h := range map[string]*History{"golden": golden(t), "with SM2": sm2} {
		t.Run(name, func(t *testing.T) {
			dir, e, v := archived(t, h)
			for _, name := range []string{
				"propose", "vote", "revoke_key", "propose_model", "query_credit", "record_order", "record_settlement", "confirm_financing", "attest_replay",
			} {
				require.NotZero(t, v.accepted[name], "the history holds no %s", name)
			}
			require.Greater(t, len(v.accepted), 50, "kinds of messages")
			sm2Signed += v.sm2
			rotated += v.accepted["rotate_key"]
			elected += audited(t, dir, e, v)
		})
	}
	require.NotZero(t, sm2Signed, "SM2 signatures")
	require.NotZero(t, rotated, "rotated keys")
	require.NotZero(t, elected, "changes of the validators")
}

// audited replays an archive, and what is made of it. It returns how often the validators changed.
func audited(t *testing.T, dir string, e *engine, v *variety) int64 {
	t.Helper()
	keep, last := filepath.Join(t.TempDir(), "kept"), int64(len(e.hashes))
	r, err := node.Replay(t.Context(), node.ReplayOptions{From: dir, Scratch: t.TempDir(), Keep: keep})
	require.NoError(t, err)
	require.Nil(t, r.Report.Divergence)
	require.Equal(t, "MATCH", r.Report.Result)
	require.Equal(t, last, r.Report.Last)
	require.Equal(t, hex.EncodeToString(e.hashes[last-1]), r.Report.AppHash.String())
	require.Equal(t, hex.EncodeToString(e.hashes[last-2]), r.Report.CertifiedAppHash.String())
	scores, models := recomputed(t, keep)
	t.Logf("%d transactions, %d records, %d kinds of messages, %d signed with SM2, validators changed %d times, %d scores by %d models",
		r.Report.Transactions, r.Report.Records, len(v.accepted), v.sm2, r.Report.ValidatorChanges, scores, models)

	c := node.Default(filepath.Join(t.TempDir(), "home"))
	_, err = node.CreateHome(c)
	require.NoError(t, err)
	filled, err := node.Import(t.Context(), node.ImportOptions{From: dir, Config: c})
	require.NoError(t, err)
	require.Equal(t, r.Report, filled.Report)
	same, err := node.Replay(t.Context(), node.ReplayOptions{From: c.Home, Scratch: t.TempDir()})
	require.NoError(t, err)
	require.Equal(t, r.Report, same.Report)
	return r.Report.ValidatorChanges
}

// recomputed computes every score again that the ledger ever gave, and counts them and their models.
func recomputed(t *testing.T, keep string) (int, int) {
	t.Helper()
	newest, err := node.OpenPast(keep, 0)
	require.NoError(t, err)
	receipts, err := newest.List("receipt/", 1<<20)
	require.NoError(t, err)
	require.NoError(t, newest.Close())
	scores, models := 0, map[string]bool{}
	for _, x := range receipts {
		var want types.Receipt
		require.NoError(t, want.Unmarshal(x.Value))
		if want.ScoredHeight == 0 {
			continue
		}
		past, err := node.OpenPast(keep, want.ScoredHeight)
		require.NoError(t, err)
		got, err := past.Score(want.Subject, want.Day)
		require.NoError(t, err)
		require.NoError(t, past.Close())
		require.Equal(t, want.Model, got.Model, x.Key)
		require.Equal(t, want.ModelDigest, got.ModelDigest, x.Key)
		require.Equal(t, want.InputsDigest, got.InputsDigest, x.Key)
		if want.Output == types.Output_INDEX { // all else of the result is left out
			require.Equal(t, want.Result.Index, got.Result.Index, x.Key)
		} else {
			require.Equal(t, want.Result.String(), got.Result.String(), x.Key)
		}
		scores, models[want.Model] = scores+1, true
	}
	require.NotZero(t, scores)
	return scores, len(models)
}
