package state

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cometbft/cometbft/crypto/merkle"
	ics23 "github.com/cosmos/ics23/go"
	"github.com/stretchr/testify/require"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"tradecredit/types"
)

// forgeDB has n leaves named k0 …, and the store's newest view.
func forgeDB(t *testing.T, n int) (*DB, *View) {
	db, err := Open("db", testOptions(vfs.NewMem()))
	require.NoError(t, err)
	b := NewBatch(db.View())
	for i := range n {
		b.Set(fmt.Sprint("k", i), fmt.Append(nil, "value", i))
	}
	b.SetReference(7, "reference/a/1", []byte("done"))
	commit(t, db, b, 1)
	return db, db.View()
}

func cloneProof(p *types.Proof) *types.Proof {
	var c types.Proof
	for _, op := range p.Ops {
		c.Ops = append(c.Ops, &types.ProofOp{Type: op.Type, Key: slices.Clone(op.Key), Data: slices.Clone(op.Data)})
	}
	return &c
}

func commitmentOf(t *testing.T, op *types.ProofOp) *ics23.CommitmentProof {
	var c ics23.CommitmentProof
	require.NoError(t, c.Unmarshal(op.Data))
	return &c
}

// withCommitment replaces the data of one operator.
func withCommitment(t *testing.T, p *types.Proof, op int, change func(c *ics23.CommitmentProof)) *types.Proof {
	forged := cloneProof(p)
	c := commitmentOf(t, forged.Ops[op])
	change(c)
	data, err := c.Marshal()
	require.NoError(t, err)
	forged.Ops[op].Data = data
	return forged
}

// TestProofsOfSmallTrees proves everything about trees of 1 to 40 leaves, and that nothing
// else can be shown with those proofs.
func TestProofsOfSmallTrees(t *testing.T) {
	for n := 1; n <= 40; n++ {
		db, v := forgeDB(t, n)
		roots := db.Head().Roots
		var present, absent []*types.Proof
		for i := range n {
			present = append(present, checkProof(t, v, roots, fmt.Sprint("k", i), fmt.Sprint("value", i), true))
		}
		for i := range 20 {
			absent = append(absent, checkProof(t, v, roots, fmt.Sprint("absent", i), "", false))
		}
		hash := db.Head().AppHash
		for i := range n {
			key, value := fmt.Sprint("k", i), fmt.Append(nil, "value", i)
			for _, p := range absent { // no proof of another absence shows this key absent
				forged := cloneProof(p)
				forged.Ops[0].Key = []byte(key)
				require.ErrorIs(t, forged.Verify(hash, types.RootState, key, nil), types.ErrProofKey)
			}
			if n > 1 {
				other := cloneProof(present[(i+1)%n])
				other.Ops[0].Key = []byte(key)
				require.ErrorIs(t, other.Verify(hash, types.RootState, key, value), types.ErrProofKey)
			}
		}
		require.NoError(t, db.Close())
	}
}

// TestNeighboursCannotHideAKey builds every absence proof of a present key out of true proofs
// of two other leaves.
func TestNeighboursCannotHideAKey(t *testing.T) {
	const n = 12
	db, v := forgeDB(t, n)
	defer db.Close()
	hash := db.Head().AppHash
	var leaves []*ics23.ExistenceProof
	var outer *types.ProofOp
	for i := range n {
		_, p, err := v.Prove(fmt.Sprint("k", i))
		require.NoError(t, err)
		leaves = append(leaves, commitmentOf(t, p.Ops[0]).GetExist())
		outer = p.Ops[1]
	}
	for i := range n {
		for l := -1; l < n; l++ {
			for r := -1; r < n; r++ {
				ne := &ics23.NonExistenceProof{Key: leaves[i].Key}
				if l >= 0 {
					ne.Left = leaves[l]
				}
				if r >= 0 {
					ne.Right = leaves[r]
				}
				data, err := (&ics23.CommitmentProof{Proof: &ics23.CommitmentProof_Nonexist{Nonexist: ne}}).Marshal()
				require.NoError(t, err)
				key := fmt.Sprint("k", i)
				forged := &types.Proof{Ops: []*types.ProofOp{{Type: types.ProofOpSMT, Key: []byte(key), Data: data}, outer}}
				require.Error(t, forged.Verify(hash, types.RootState, key, nil), "%d between %d and %d", i, l, r)
			}
		}
	}
}

// forgery is a proof that must be refused with an error of its own.
type forgery struct {
	name  string
	p     *types.Proof
	root  string
	key   string
	value []byte
	want  error
}

// TestForgeriesAreNamed refuses each kind of forgery with its own error.
func TestForgeriesAreNamed(t *testing.T) {
	db, v := forgeDB(t, 50)
	defer db.Close()
	hash := db.Head().AppHash
	value, p, err := v.Prove("k7")
	require.NoError(t, err)
	_, gone, err := v.Prove("gone")
	require.NoError(t, err)
	for _, c := range append(forgedOperators(t, value, p, gone), forgedPaths(t, value, p, gone)...) {
		t.Run(c.name, func(t *testing.T) {
			require.ErrorIs(t, c.p.Verify(hash, c.root, c.key, c.value), c.want)
		})
	}
	wrong := hash
	wrong[31] ^= 1
	require.ErrorIs(t, p.Verify(wrong, "state", "k7", value), types.ErrProofAppHash)
	require.NoError(t, p.Verify(hash, "state", "k7", value))
	require.NoError(t, gone.Verify(hash, "state", "gone", nil))
}

// forgedOperators changes what is around the proofs.
func forgedOperators(t *testing.T, value []byte, p, gone *types.Proof) []forgery {
	swapped := cloneProof(p)
	swapped.Ops[0], swapped.Ops[1] = swapped.Ops[1], swapped.Ops[0]
	three := cloneProof(p)
	three.Ops = append(three.Ops, three.Ops[1])
	noOp := cloneProof(p)
	noOp.Ops[1] = nil
	large := cloneProof(p)
	large.Ops[0].Data = make([]byte, types.MaxProofSize+1)
	unknown := cloneProof(p)
	unknown.Ops[0].Data = append(unknown.Ops[0].Data, 0x7a, 0x01, 0x00)
	batch := withCommitment(t, p, 0, func(c *ics23.CommitmentProof) {
		c.Proof = &ics23.CommitmentProof_Batch{Batch: &ics23.BatchProof{Entries: []*ics23.BatchEntry{{Proof: &ics23.BatchEntry_Exist{Exist: c.GetExist()}}}}}
	})
	compressed := withCommitment(t, p, 0, func(c *ics23.CommitmentProof) {
		c.Proof = &ics23.CommitmentProof_Compressed{Compressed: &ics23.CompressedBatchProof{Entries: []*ics23.CompressedBatchEntry{{Proof: &ics23.CompressedBatchEntry_Exist{
			Exist: &ics23.CompressedExistenceProof{Key: c.GetExist().Key, Value: c.GetExist().Value, Leaf: ics23.SmtSpec.LeafSpec, Path: []int32{7}}}}}}}
	})
	return []forgery{
		{"nil proof", nil, "state", "k7", value, types.ErrProofEmpty},
		{"no operators", &types.Proof{}, "state", "k7", value, types.ErrProofEmpty},
		{"swapped operators", swapped, "state", "k7", value, types.ErrProofOperators},
		{"three operators", three, "state", "k7", value, types.ErrProofOperators},
		{"one operator", &types.Proof{Ops: p.Ops[:1]}, "state", "k7", value, types.ErrProofOperators},
		{"an operator is nil", noOp, "state", "k7", value, types.ErrProofOperators},
		{"too large", large, "state", "k7", value, types.ErrProofSize},
		{"another key", p, "state", "k8", value, types.ErrProofKey},
		{"another root", p, "references", "k7", value, types.ErrProofRoot},
		{"another value", p, "state", "k7", []byte("value8"), types.ErrProofValue},
		{"an empty value", p, "state", "k7", []byte{}, types.ErrProofValue},
		{"absent, with a proof of presence", p, "state", "k7", nil, types.ErrProofKind},
		{"present, with a proof of absence", gone, "state", "gone", []byte("x"), types.ErrProofKind},
		{"a batch", batch, "state", "k7", value, types.ErrProofKind},
		{"compressed", compressed, "state", "k7", value, types.ErrProofKind},
		{"an unknown field", unknown, "state", "k7", value, types.ErrProofEncoding},
	}
}

// forgedPaths changes what is in the proofs.
func forgedPaths(t *testing.T, value []byte, p, gone *types.Proof) []forgery {
	exist := func(change func(e *ics23.ExistenceProof)) *types.Proof {
		return withCommitment(t, p, 0, func(c *ics23.CommitmentProof) { change(c.GetExist()) })
	}
	return []forgery{
		{"path cut at the root", exist(func(e *ics23.ExistenceProof) { e.Path = e.Path[:len(e.Path)-1] }), "state", "k7", value, types.ErrProofPath},
		{"path cut at the leaf", exist(func(e *ics23.ExistenceProof) { e.Path = e.Path[1:] }), "state", "k7", value, types.ErrProofPath},
		{"no path", exist(func(e *ics23.ExistenceProof) { e.Path = nil }), "state", "k7", value, types.ErrProofPath},
		{"endless path", exist(func(e *ics23.ExistenceProof) { e.Path = slices.Repeat(e.Path[:1], 257) }), "state", "k7", value, types.ErrProofShape},
		{"no leaf", exist(func(e *ics23.ExistenceProof) { e.Leaf = nil }), "state", "k7", value, types.ErrProofShape},
		{"a longer leaf", exist(func(e *ics23.ExistenceProof) {
			e.Leaf = &ics23.LeafOp{Hash: e.Leaf.Hash, PrehashKey: e.Leaf.PrehashKey, PrehashValue: e.Leaf.PrehashValue, Prefix: []byte{0, 0}}
		}), "state", "k7", value, types.ErrProofShape},
		{"siblings on both sides", exist(func(e *ics23.ExistenceProof) {
			e.Path[0].Prefix, e.Path[0].Suffix = append([]byte{1}, make([]byte, 32)...), make([]byte, 32)
		}), "state", "k7", value, types.ErrProofShape},
		{"absence without neighbours", withCommitment(t, gone, 0, func(c *ics23.CommitmentProof) {
			c.GetNonexist().Left, c.GetNonexist().Right = nil, nil
		}), "state", "gone", nil, types.ErrProofShape},
		{"absence with one neighbour", withCommitment(t, gone, 0, func(c *ics23.CommitmentProof) { c.GetNonexist().Left = nil }), "state", "gone", nil, types.ErrProofPath},
		{"the outer root shows absence", withCommitment(t, p, 1, func(c *ics23.CommitmentProof) {
			c.Proof = &ics23.CommitmentProof_Nonexist{Nonexist: &ics23.NonExistenceProof{Key: []byte("state"), Left: c.GetExist()}}
		}), "state", "k7", value, types.ErrProofKind},
		{"the outer name", withCommitment(t, p, 1, func(c *ics23.CommitmentProof) { c.GetExist().Key = []byte("references") }), "state", "k7", value, types.ErrProofRoot},
		{"a root of 31 bytes", withCommitment(t, p, 1, func(c *ics23.CommitmentProof) { c.GetExist().Value = c.GetExist().Value[1:] }), "state", "k7", value, types.ErrProofShape},
		{"another outer root", withCommitment(t, p, 1, func(c *ics23.CommitmentProof) { c.GetExist().Value[3] ^= 1 }), "state", "k7", value, types.ErrProofAppHash},
	}
}

// TestProofsOfAnotherRoot: the references' root under the same app hash proves no record.
func TestProofsOfAnotherRoot(t *testing.T) {
	db, v := forgeDB(t, 3)
	defer db.Close()
	value, p, err := v.Prove("k1")
	require.NoError(t, err)
	outer, err := types.ProveRoot(db.Head().Roots, types.RootReferences)
	require.NoError(t, err)
	forged := &types.Proof{Ops: []*types.ProofOp{p.Ops[0], outer}}
	require.ErrorIs(t, forged.Verify(db.Head().AppHash, types.RootState, "k1", value), types.ErrProofRoot)
	require.ErrorIs(t, forged.Verify(db.Head().AppHash, types.RootReferences, "k1", value), types.ErrProofPath)
	_, err = types.ProveRoot(db.Head().Roots, "nothing")
	require.ErrorIs(t, err, types.ErrProofRoot)
}

// TestEveryBitOfAProofCounts flips each bit of encoded proofs, and cuts them at each byte.
func TestEveryBitOfAProofCounts(t *testing.T) {
	db, v := forgeDB(t, 9)
	defer db.Close()
	hash := db.Head().AppHash
	flips := 0
	for _, key := range []string{"k3", "absent", "x"} {
		value, p, err := v.Prove(key)
		require.NoError(t, err)
		encoded, err := p.Marshal()
		require.NoError(t, err)
		refused := func(b []byte) {
			var forged types.Proof
			if forged.Unmarshal(b) == nil {
				require.Error(t, forged.Verify(hash, types.RootState, key, value))
			}
			flips++
		}
		for i := range len(encoded) * 8 {
			b := bytes.Clone(encoded)
			b[i/8] ^= 1 << (i % 8)
			refused(b)
		}
		for n := range encoded {
			refused(encoded[:n])
			refused(append(bytes.Clone(encoded), encoded[:n+1]...))
		}
	}
	require.Greater(t, flips, 10_000)
}

// TestAppHashIsCometBFTs compares the app hash and the references' root with the libraries
// that define them.
func TestAppHashIsCometBFTs(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for n := range 20 {
		var roots []types.NamedRoot
		var leaves [][]byte
		var buckets []bucket
		tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
		for i := range n {
			var h types.Hash
			for j := range h {
				h[j] = byte(rng.Uint32())
			}
			roots = append(roots, types.NamedRoot{Name: fmt.Sprintf("root-%02d", i), Root: h})
			name := roots[i].Name
			sum := sha256.Sum256(h[:])
			leaf := append([]byte{byte(len(name))}, name...)
			leaf = append(append(leaf, 32), sum[:]...)
			leaves = append(leaves, leaf)
			buckets = append(buckets, bucket{int64(i * i), h})
			row := append([]byte{0, 0, 0, 0, 0, 0, byte(i * i >> 8), byte(i * i)}, h[:]...)
			require.NoError(t, tree.Append(rfc6962.DefaultHasher.HashLeaf(row), nil))
		}
		want := merkle.HashFromByteSlices(leaves)
		got := types.AppHash(roots)
		require.Equal(t, want, got[:])
		rng.Shuffle(n, func(i, j int) { roots[i], roots[j] = roots[j], roots[i] })
		require.Equal(t, got, types.AppHash(roots))
		rootOfBuckets := referencesRoot(buckets)
		if n == 0 {
			require.Equal(t, rfc6962.DefaultHasher.EmptyRoot(), rootOfBuckets[:])
			continue
		}
		root, err := tree.GetRootHash(nil)
		require.NoError(t, err)
		require.Equal(t, root, rootOfBuckets[:])
		for _, r := range roots {
			op, err := types.ProveRoot(roots, r.Name)
			require.NoError(t, err)
			var c ics23.CommitmentProof
			require.NoError(t, c.Unmarshal(op.Data))
			require.True(t, ics23.VerifyMembership(ics23.TendermintSpec, got[:], &c, []byte(r.Name), r.Root[:]))
		}
	}
}
