package types

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	ics23 "github.com/cosmos/ics23/go"
)

// Names of the two roots of the state, as they stand in the app hash.
const (
	RootState      = "state"      // the tree of all keys; everything the ledger knows
	RootReferences = "references" // replay protection: one digest for each expiry bucket
)

// Types of the two operators of a Proof, in the order in which they are applied.
const (
	ProofOpSMT    = "ics23:smt"    // raw key → root of the tree; key and value are hashed first
	ProofOpSimple = "ics23:simple" // root of the tree → app hash
)

// MaxProofSize bounds an encoded Proof in bytes. The longest one that can exist, two
// neighbours at depth 256, has less than 24 KiB.
const MaxProofSize = 32 << 10

// Every way in which a proof can fail, one error each; wrapped with detail.
var (
	ErrProofEmpty     = errors.New("proof is empty")
	ErrProofSize      = errors.New("proof is too large")
	ErrProofEncoding  = errors.New("proof is not encoded canonically")
	ErrProofOperators = errors.New("proof does not have the operators ics23:smt and ics23:simple")
	ErrProofKey       = errors.New("proof is about another key")
	ErrProofRoot      = errors.New("proof is about another root")
	ErrProofKind      = errors.New("proof is neither of the kind that was asked for, nor of one that is accepted")
	ErrProofShape     = errors.New("proof has a part that is missing or malformed")
	ErrProofValue     = errors.New("proof is about another value")
	ErrProofPath      = errors.New("proof does not lead from the key to its root")
	ErrProofAppHash   = errors.New("proof does not lead to the app hash")
)

// NamedRoot is one of the roots that the app hash commits to.
type NamedRoot struct {
	Name string
	Root Hash
}

// leaf is the encoding of a named root in CometBFT's simple Merkle map.
func (r NamedRoot) leaf() []byte {
	sum := sha256.Sum256(r.Root[:])
	b := binary.AppendUvarint(nil, uint64(len(r.Name)))
	b = append(b, r.Name...)
	b = append(b, byte(len(sum)))
	return append(b, sum[:]...)
}

// AppHash is CometBFT's simple Merkle map over named roots: the leaves
// uvarint(len name) ‖ name ‖ 32 ‖ SHA-256(root), sorted by name, under MerkleRoot.
// The order of the argument does not matter; names must differ.
func AppHash(roots []NamedRoot) Hash {
	return MerkleRoot(rootLeaves(roots))
}

// SortRoots orders roots by name, as the app hash does.
func SortRoots(roots []NamedRoot) {
	slices.SortFunc(roots, func(a, b NamedRoot) int { return strings.Compare(a.Name, b.Name) })
}

func rootLeaves(roots []NamedRoot) [][]byte {
	sorted := slices.Clone(roots)
	SortRoots(sorted)
	leaves := make([][]byte, len(sorted))
	for i, r := range sorted {
		leaves[i] = r.leaf()
	}
	return leaves
}

// MerkleRoot is the tree hash of RFC 6962 over leaf data, which is also CometBFT's simple
// Merkle tree: SHA-256(0x00 ‖ leaf), SHA-256(0x01 ‖ left ‖ right), the left side being the
// largest power of two below the count; SHA-256 of nothing for an empty list.
func MerkleRoot(leaves [][]byte) Hash {
	switch len(leaves) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	}
	m := splitPoint(len(leaves))
	l, r := MerkleRoot(leaves[:m]), MerkleRoot(leaves[m:])
	var b [65]byte
	b[0] = 1
	copy(b[1:], l[:])
	copy(b[33:], r[:])
	return sha256.Sum256(b[:])
}

// splitPoint is the largest power of two below n, for n ≥ 2.
func splitPoint(n int) int {
	m := 1
	for m*2 < n {
		m *= 2
	}
	return m
}

// merklePath lists the siblings of leaf i as ICS-23 steps, from the leaf upwards.
func merklePath(leaves [][]byte, i int) []*ics23.InnerOp {
	if len(leaves) <= 1 {
		return nil
	}
	m := splitPoint(len(leaves))
	if i < m {
		r := MerkleRoot(leaves[m:])
		return append(merklePath(leaves[:m], i), &ics23.InnerOp{Hash: ics23.HashOp_SHA256, Prefix: []byte{1}, Suffix: r[:]})
	}
	l := MerkleRoot(leaves[:m])
	return append(merklePath(leaves[m:], i-m), &ics23.InnerOp{Hash: ics23.HashOp_SHA256, Prefix: append([]byte{1}, l[:]...)})
}

// ProveRoot makes the second operator of a Proof: that AppHash(roots) commits to the root
// called name. ErrProofRoot if there is none of that name.
func ProveRoot(roots []NamedRoot, name string) (*ProofOp, error) {
	sorted := slices.Clone(roots)
	SortRoots(sorted)
	i := slices.IndexFunc(sorted, func(r NamedRoot) bool { return r.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("%w: no root %q", ErrProofRoot, name)
	}
	proof := ics23.CommitmentProof{Proof: &ics23.CommitmentProof_Exist{Exist: &ics23.ExistenceProof{
		Key:   []byte(name),
		Value: sorted[i].Root[:],
		Leaf:  ics23.TendermintSpec.LeafSpec,
		Path:  merklePath(rootLeaves(sorted), i),
	}}}
	data, err := proof.Marshal()
	if err != nil {
		return nil, err
	}
	return &ProofOp{Type: ProofOpSimple, Key: []byte(name), Data: data}, nil
}

// Proof shows that a key has a value, or is absent, in the state of an app hash. It has two
// operators: ics23:smt with the raw key, then ics23:simple with the name of the root. Its
// encoding is that of CometBFT's crypto.ProofOps, so that merkle.ProofRuntime can run it.
type Proof struct {
	Ops []*ProofOp
}

// Verify checks the proof for what the caller asks, believing nothing in it: that under
// appHash the root called root has value at key, or, if value is nil, that it has no such
// key. appHash must come from a header that was verified. nil means proved; every other
// outcome is one of the ErrProof errors.
func (p *Proof) Verify(appHash Hash, root, key string, value []byte) (err error) {
	defer func() {
		// ics23 v0.11.0 panics on some malformed proofs. All known ones are refused before,
		// but a proof comes from a stranger.
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrProofShape, r)
		}
	}()
	if p == nil || len(p.Ops) == 0 {
		return ErrProofEmpty
	}
	if len(p.Ops) != 2 || p.Ops[0] == nil || p.Ops[1] == nil || p.Ops[0].Type != ProofOpSMT || p.Ops[1].Type != ProofOpSimple {
		return ErrProofOperators
	}
	if len(p.Ops[0].Data) > MaxProofSize || len(p.Ops[1].Data) > MaxProofSize {
		return ErrProofSize
	}
	if string(p.Ops[0].Key) != key {
		return ErrProofKey
	}
	if string(p.Ops[1].Key) != root {
		return ErrProofRoot
	}
	subroot, err := verifyRoot(appHash, root, p.Ops[1].Data)
	if err != nil {
		return err
	}
	inner, err := decodeCommitment(p.Ops[0].Data)
	if err != nil {
		return err
	}
	if value == nil {
		return verifyAbsence(inner, subroot, key)
	}
	return verifyMembership(inner, subroot, key, value)
}

// verifyRoot returns the root that the app hash holds under name.
func verifyRoot(appHash Hash, name string, data []byte) ([]byte, error) {
	proof, err := decodeCommitment(data)
	if err != nil {
		return nil, err
	}
	exist := proof.GetExist()
	if exist == nil {
		return nil, fmt.Errorf("%w: the operator %s shows existence", ErrProofKind, ProofOpSimple)
	}
	if err := checkExistence(exist, ics23.TendermintSpec); err != nil {
		return nil, err
	}
	if string(exist.Key) != name {
		return nil, ErrProofRoot
	}
	if len(exist.Value) != len(Hash{}) {
		return nil, fmt.Errorf("%w: a root has %d bytes", ErrProofShape, len(exist.Value))
	}
	if !ics23.VerifyMembership(ics23.TendermintSpec, appHash[:], proof, []byte(name), exist.Value) {
		return nil, ErrProofAppHash
	}
	return exist.Value, nil
}

func verifyMembership(proof *ics23.CommitmentProof, root []byte, key string, value []byte) error {
	exist := proof.GetExist()
	if exist == nil {
		return fmt.Errorf("%w: existence was asked", ErrProofKind)
	}
	if err := checkExistence(exist, ics23.SmtSpec); err != nil {
		return err
	}
	k, v := sha256.Sum256([]byte(key)), sha256.Sum256(value)
	if !bytes.Equal(exist.Key, k[:]) {
		return ErrProofKey
	}
	if !bytes.Equal(exist.Value, v[:]) {
		return ErrProofValue
	}
	if !ics23.VerifyMembership(ics23.SmtSpec, root, proof, k[:], v[:]) {
		return ErrProofPath
	}
	return nil
}

func verifyAbsence(proof *ics23.CommitmentProof, root []byte, key string) error {
	absent := proof.GetNonexist()
	if absent == nil {
		return fmt.Errorf("%w: absence was asked", ErrProofKind)
	}
	k := sha256.Sum256([]byte(key))
	if !bytes.Equal(absent.Key, k[:]) {
		return ErrProofKey
	}
	if absent.Left == nil && absent.Right == nil {
		return fmt.Errorf("%w: absence without a neighbour", ErrProofShape)
	}
	for _, neighbour := range []*ics23.ExistenceProof{absent.Left, absent.Right} {
		if neighbour == nil {
			continue // the key would be the first or the last; ics23 checks that
		}
		if err := checkExistence(neighbour, ics23.SmtSpec); err != nil {
			return err
		}
		if len(neighbour.Key) != len(Hash{}) || len(neighbour.Value) != len(Hash{}) {
			return fmt.Errorf("%w: a neighbour shows hashes", ErrProofShape)
		}
	}
	if !ics23.VerifyNonMembership(ics23.SmtSpec, root, proof, k[:]) {
		return ErrProofPath
	}
	return nil
}

// decodeCommitment accepts existence and non-existence only, canonically encoded: what
// remains cannot be changed in a single bit and still verify.
func decodeCommitment(data []byte) (*ics23.CommitmentProof, error) {
	proof := new(ics23.CommitmentProof)
	if err := proof.Unmarshal(data); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrProofEncoding, err)
	}
	switch proof.Proof.(type) {
	case *ics23.CommitmentProof_Exist, *ics23.CommitmentProof_Nonexist:
	default:
		return nil, ErrProofKind
	}
	again, err := proof.Marshal()
	if err != nil || !bytes.Equal(again, data) {
		return nil, ErrProofEncoding
	}
	return proof, nil
}

// checkExistence holds an existence proof to the exact shape of the specification; ics23
// alone would let a leaf's prefix be longer and a step have siblings on both sides.
func checkExistence(p *ics23.ExistenceProof, spec *ics23.ProofSpec) error {
	leaf := p.GetLeaf()
	if leaf == nil || leaf.Hash != spec.LeafSpec.Hash || leaf.PrehashKey != spec.LeafSpec.PrehashKey ||
		leaf.PrehashValue != spec.LeafSpec.PrehashValue || leaf.Length != spec.LeafSpec.Length ||
		!bytes.Equal(leaf.Prefix, spec.LeafSpec.Prefix) {
		return fmt.Errorf("%w: leaf", ErrProofShape)
	}
	if len(p.Path) > 256 {
		return fmt.Errorf("%w: %d steps", ErrProofShape, len(p.Path))
	}
	for i, op := range p.Path {
		left := op != nil && len(op.Prefix) == 1 && len(op.Suffix) == 32
		right := op != nil && len(op.Prefix) == 33 && len(op.Suffix) == 0
		if !left && !right || op.Prefix[0] != 1 || op.Hash != ics23.HashOp_SHA256 {
			return fmt.Errorf("%w: step %d", ErrProofShape, i)
		}
	}
	return nil
}
