package state

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/celestiaorg/smt"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cometbft/cometbft/crypto/merkle"
	cmtcrypto "github.com/cometbft/cometbft/proto/tendermint/crypto"
	ics23 "github.com/cosmos/ics23/go"
	pokt "github.com/pokt-network/smt"
	"github.com/pokt-network/smt/kvstore/simplemap"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// checkProof proves a key at a view's height, and checks the proof three times: with
// types.Proof, with the stock ICS-23 verifier, and with CometBFT's ProofRuntime.
func checkProof(t *testing.T, v *View, roots []types.NamedRoot, key, want string, present bool) *types.Proof {
	t.Helper()
	appHash := types.AppHash(roots)
	value, p, err := v.Prove(key)
	require.NoError(t, err)
	require.Equal(t, present, value != nil)
	require.Equal(t, want, string(value))
	require.NoError(t, p.Verify(appHash, types.RootState, key, value), "key %q height %d", key, v.Height())

	var commitment ics23.CommitmentProof
	require.NoError(t, commitment.Unmarshal(p.Ops[0].Data))
	var root types.Hash
	for _, r := range roots {
		if r.Name == types.RootState {
			root = r.Root
		}
	}
	k, val := sha256.Sum256([]byte(key)), sha256.Sum256(value)
	if present {
		require.True(t, ics23.VerifyMembership(ics23.SmtSpec, root[:], &commitment, k[:], val[:]))
	} else {
		require.True(t, ics23.VerifyNonMembership(ics23.SmtSpec, root[:], &commitment, k[:]))
	}
	encoded, err := p.Marshal()
	require.NoError(t, err)
	var back types.Proof
	require.NoError(t, back.Unmarshal(encoded))
	require.Equal(t, *p, back)
	runtimeAccepts(t, encoded, appHash, key, value)
	return p
}

// runtimeAccepts runs an encoded proof through CometBFT's own types and runtime.
func runtimeAccepts(t *testing.T, encoded []byte, appHash types.Hash, key string, value []byte) {
	t.Helper()
	var ops cmtcrypto.ProofOps
	require.NoError(t, ops.Unmarshal(encoded))
	again, err := ops.Marshal()
	require.NoError(t, err)
	require.Equal(t, encoded, again)
	rt := merkle.NewProofRuntime()
	rt.RegisterOpDecoder(types.ProofOpSMT, decoderOf(ics23.SmtSpec))
	rt.RegisterOpDecoder(types.ProofOpSimple, decoderOf(ics23.TendermintSpec))
	path := merkle.KeyPath{}.AppendKey([]byte(types.RootState), merkle.KeyEncodingURL).AppendKey([]byte(key), merkle.KeyEncodingHex).String()
	if value == nil {
		require.NoError(t, rt.VerifyAbsence(&ops, appHash[:], path))
		return
	}
	require.NoError(t, rt.VerifyValue(&ops, appHash[:], path, value))
}

// runtimeOp is an operator as an outsider with CometBFT's runtime would write it.
type runtimeOp struct {
	spec  *ics23.ProofSpec
	op    cmtcrypto.ProofOp
	proof ics23.CommitmentProof
}

func decoderOf(spec *ics23.ProofSpec) merkle.OpDecoder {
	return func(op cmtcrypto.ProofOp) (merkle.ProofOperator, error) {
		o := runtimeOp{spec: spec, op: op}
		return &o, o.proof.Unmarshal(op.Data)
	}
}

func (o *runtimeOp) GetKey() []byte             { return o.op.Key }
func (o *runtimeOp) ProofOp() cmtcrypto.ProofOp { return o.op }
func (o *runtimeOp) Run(args [][]byte) ([][]byte, error) {
	root, err := o.proof.Calculate()
	if err != nil {
		return nil, err
	}
	key := o.op.Key
	hash := func(b []byte) []byte {
		if o.spec == ics23.SmtSpec {
			h := sha256.Sum256(b)
			return h[:]
		}
		return b
	}
	ok := len(args) == 0 && ics23.VerifyNonMembership(o.spec, root, &o.proof, hash(key)) ||
		len(args) == 1 && ics23.VerifyMembership(o.spec, root, &o.proof, hash(key), hash(args[0]))
	if !ok {
		return nil, fmt.Errorf("operator %s refuses", o.op.Type)
	}
	return [][]byte{root}, nil
}

// oracles are two published trees, fed with the hashes that ours hashes once more.
type oracles struct {
	celestia *smt.SparseMerkleTree
	pokt     *pokt.SMT
}

func newOracles() *oracles {
	return &oracles{
		celestia: smt.NewSparseMerkleTree(smt.NewSimpleMap(), smt.NewSimpleMap(), sha256.New()),
		pokt:     pokt.NewSparseMerkleTrie(simplemap.NewSimpleMap(), sha256.New(), pokt.WithValueHasher(nil)),
	}
}

func (o *oracles) change(t *testing.T, changes []types.Change) {
	t.Helper()
	for _, c := range changes {
		k, v := sha256.Sum256([]byte(c.Key)), sha256.Sum256(c.Value)
		if c.Value == nil {
			_, err := o.celestia.Delete(k[:])
			require.NoError(t, err)
			require.NoError(t, o.pokt.Delete(k[:]))
			continue
		}
		_, err := o.celestia.Update(k[:], v[:])
		require.NoError(t, err)
		hashed := sha256.Sum256(v[:])
		require.NoError(t, o.pokt.Update(k[:], hashed[:]))
	}
}

func (o *oracles) check(t *testing.T, h *Head) {
	t.Helper()
	root := h.root(types.RootState)
	require.Equal(t, root[:], o.celestia.Root())
	require.Equal(t, root[:], []byte(o.pokt.Root()))
}

func TestRootsEqualPublishedTrees(t *testing.T) {
	for _, size := range []int{1, 3, 40, 3000} {
		t.Run(fmt.Sprint(size, " keys"), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(size), 7))
			db, err := Open("db", testOptions(vfs.NewMem()))
			require.NoError(t, err)
			defer db.Close()
			o, alive := newOracles(), map[string]bool{}
			for height := int64(1); height <= 30; height++ {
				v := db.View()
				b := NewBatch(v)
				for range 1 + rng.IntN(size) {
					key := fmt.Sprint("k", rng.IntN(size))
					if rng.IntN(3) == 0 && len(alive) > 1 {
						b.Delete(key)
						delete(alive, key)
						continue
					}
					b.Set(key, binary.BigEndian.AppendUint64(nil, rng.Uint64N(1<<20)))
					alive[key] = true
				}
				s := commit(t, db, b, height)
				require.NoError(t, v.Close())
				o.change(t, s.Changes())
				h := db.Head()
				o.check(t, &h)
			}
		})
	}
}

// TestProofsAtEveryHeight proves present and absent keys at every height of random histories,
// on a node that keeps proofs for a while, after a restart, and on an archive.
func TestProofsAtEveryHeight(t *testing.T) {
	const blocks, keys = 40, 30
	for _, archive := range []bool{false, true} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("archive %v seed %d", archive, seed), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 2))
				o := testOptions(vfs.NewMem())
				o.ProofHeights = 12
				if !archive {
					o.KeepHeights = 15
				}
				db, err := Open("db", o)
				require.NoError(t, err)
				m, roots := newModel(), [][]types.NamedRoot{nil}
				for height := int64(1); height <= blocks; height++ {
					v := db.View()
					b := NewBatch(v)
					m.block(t, rng, b, keys)
					b.Set("chain", []byte("genesis"))
					m.states[height]["chain"] = "genesis"
					roots = append(roots, commit(t, db, b, height).Roots())
					require.NoError(t, v.Close())
					if rng.IntN(8) == 0 {
						require.NoError(t, db.Close())
						db, err = Open("db", o)
						require.NoError(t, err)
					}
					m.checkProofs(t, rng, db, roots, o.ProofHeights)
				}
				require.NoError(t, db.Close())
			})
		}
	}
}

func (m *model) checkProofs(t *testing.T, rng *rand.Rand, db *DB, roots [][]types.NamedRoot, window int64) {
	t.Helper()
	for range 4 {
		height := 1 + rng.Int64N(m.height())
		v, err := db.At(height)
		if err != nil {
			require.ErrorIs(t, err, ErrPruned)
			continue
		}
		if db.options.KeepHeights > 0 && m.height()-height >= window {
			_, _, err = v.Prove("a/0")
			require.ErrorIs(t, err, ErrPruned)
			require.NoError(t, v.Close())
			continue
		}
		for range 6 {
			key := fmt.Sprintf("%c/%d", 'a'+rng.IntN(3), rng.IntN(40))
			want, present := m.states[height][key]
			checkProof(t, v, roots[height], key, want, present)
		}
		checkProof(t, v, roots[height], "chain", "genesis", true)
		require.NoError(t, v.Close())
	}
}
