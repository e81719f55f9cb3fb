package verifier

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	ics23 "github.com/cosmos/ics23/go"

	"tradecredit/types"
)

// A partial tree is the state tree of one height with everything left out that no proof needs: what many ICS-23 proofs
// under one root have in common stands there once. Each proof can be taken out of it again as it was, so that the stock
// verifier has the last word.
//
// It is written from the root on, the left side before the right, a byte a node and what follows it:
//
//	0  something that is not shown: its hash
//	1  two sides
//	2  a record of the report; they come in the order of the tree
//	3  a neighbour that an absence is shown by: SHA-256 of its key and of its value
//	4  nothing
const (
	nodeHidden = iota
	nodeInner
	nodeRecord
	nodeNeighbour
	nodeEmpty
)

// maxDepth is the length of a path in bits.
const maxDepth = 256

// partial is a node of a partial tree.
type partial struct {
	kind        byte
	hash        types.Hash
	key, value  types.Hash // of a leaf: SHA-256 of key and value
	left, right *partial
}

var errTree = errors.New("the records' tree")

// treePath is where a key stands: its bits from the root on, 0 left.
func treePath(keyHash types.Hash) types.Hash { return sha256.Sum256(keyHash[:]) }

func pathBit(path *types.Hash, depth int) byte { return path[depth/8] >> (7 - depth%8) & 1 }

// sum computes the hashes below and of a node, as ics23.SmtSpec does.
func (n *partial) sum() types.Hash {
	switch n.kind {
	case nodeInner:
		l, r := n.left.sum(), n.right.sum()
		n.hash = sha256.Sum256(slices.Concat([]byte{1}, l[:], r[:]))
	case nodeRecord, nodeNeighbour:
		path, v := treePath(n.key), sha256.Sum256(n.value[:])
		n.hash = sha256.Sum256(slices.Concat([]byte{0}, path[:], v[:]))
	case nodeEmpty:
		n.hash = types.Hash{}
	}
	return n.hash
}

// add puts one existence proof into the tree.
func (n *partial) add(p *ics23.ExistenceProof, kind byte) error {
	if len(p.Key) != 32 || len(p.Value) != 32 || len(p.Path) > maxDepth {
		return errTree
	}
	key := types.Hash(p.Key)
	path := treePath(key)
	for depth := range len(p.Path) {
		op := p.Path[len(p.Path)-1-depth]
		if n.kind != nodeInner {
			if n.kind != nodeHidden {
				return errTree
			}
			n.kind, n.left, n.right = nodeInner, &partial{}, &partial{}
		}
		next, sibling, other := n.left, n.right, op.Suffix
		if pathBit(&path, depth) == 1 {
			next, sibling = n.right, n.left
			if len(op.Prefix) != 33 {
				return errTree
			}
			other = op.Prefix[1:]
		}
		if len(other) != 32 {
			return errTree
		}
		if sibling.kind == nodeHidden {
			sibling.hash = types.Hash(other)
			if sibling.hash == (types.Hash{}) {
				sibling.kind = nodeEmpty
			}
		}
		n = next
	}
	if n.kind == nodeRecord || n.kind == nodeNeighbour {
		if n.key != key || n.value != types.Hash(p.Value) {
			return errTree
		}
		n.kind = min(n.kind, kind) // a record can be a neighbour, too
		return nil
	}
	if n.kind != nodeHidden {
		return errTree
	}
	n.kind, n.key, n.value = kind, key, types.Hash(p.Value)
	return nil
}

// addProof puts what one commitment proof shows into the tree.
func (n *partial) addProof(p *ics23.CommitmentProof) error {
	if e := p.GetExist(); e != nil {
		return n.add(e, nodeRecord)
	}
	absent := p.GetNonexist()
	if absent == nil {
		return errTree
	}
	for _, e := range []*ics23.ExistenceProof{absent.Left, absent.Right} {
		if e != nil {
			if err := n.add(e, nodeNeighbour); err != nil {
				return err
			}
		}
	}
	return nil
}

// encode appends the tree to b.
func (n *partial) encode(b []byte) []byte {
	b = append(b, n.kind)
	switch n.kind {
	case nodeHidden:
		b = append(b, n.hash[:]...)
	case nodeInner:
		b = n.right.encode(n.left.encode(b))
	case nodeNeighbour:
		b = append(append(b, n.key[:]...), n.value[:]...)
	}
	return b
}

// treeReader reads a tree. A file of a few bytes can unpack to millions of nodes, so it gives up at more than the records
// can need: for each one way down, or two beside each other to the neighbours of an absent one.
type treeReader struct {
	*reader
	records    []*partial // those that are present, in the order of the tree
	nodes      int        // that may still come
	neighbours int        // of them
}

func newTreeReader(in *reader, records int, present []*partial) *treeReader {
	return &treeReader{in, present, 1 + 4*maxDepth*records, 2 * records}
}

// decode reads a node and what is below it.
func (r *treeReader) decode(depth int) *partial {
	n := &partial{}
	if r.nodes--; r.nodes < 0 {
		r.fail("the tree is larger than its records need")
		return n
	}
	if kind := r.take(1); kind != nil {
		n.kind = kind[0]
	}
	switch n.kind {
	case nodeHidden:
		copy(n.hash[:], r.take(32))
	case nodeInner:
		if depth == maxDepth {
			r.fail("the tree is too deep")
			return n
		}
		n.left = r.decode(depth + 1)
		n.right = r.decode(depth + 1)
	case nodeRecord:
		if len(r.records) == 0 {
			r.fail("the tree shows a record that is not there")
			return n
		}
		n, r.records = r.records[0], r.records[1:]
	case nodeNeighbour:
		if r.neighbours--; r.neighbours < 0 {
			r.fail("the tree shows more neighbours than its records need")
		}
		copy(n.key[:], r.take(32))
		copy(n.value[:], r.take(32))
	case nodeEmpty:
	default:
		r.fail("the tree")
	}
	return n
}

// step is an inner node on the way to a leaf, and which side was taken.
type step struct {
	sibling types.Hash
	right   bool
}

// shown lists the leaves of a tree that are shown, in its order, each with the way to it.
func (n *partial) shown(way []step, fn func(leaf *partial, way []step)) {
	switch n.kind {
	case nodeInner:
		n.left.shown(append(way, step{n.right.hash, false}), fn)
		n.right.shown(append(way, step{n.left.hash, true}), fn)
	case nodeRecord, nodeNeighbour:
		fn(n, way)
	}
}

// leafProof is a leaf that is shown, with its place in the tree's order and its existence proof.
type leafProof struct {
	path  types.Hash
	proof *ics23.ExistenceProof
}

// leafProofs are the existence proofs of all leaves that are shown, in the order of the tree. sum must have been called.
func (n *partial) leafProofs() []leafProof {
	var out []leafProof
	n.shown(nil, func(leaf *partial, way []step) {
		p := &ics23.ExistenceProof{Key: leaf.key[:], Value: leaf.value[:], Leaf: ics23.SmtSpec.LeafSpec}
		for _, s := range slices.Backward(way) {
			op := &ics23.InnerOp{Hash: ics23.HashOp_SHA256, Prefix: []byte{1}}
			if s.right {
				op.Prefix = append(op.Prefix, s.sibling[:]...)
			} else {
				op.Suffix = bytes.Clone(s.sibling[:])
			}
			p.Path = append(p.Path, op)
		}
		out = append(out, leafProof{treePath(leaf.key), p})
	})
	return out
}

// commitment is the ICS-23 proof that a key is there, or by its neighbours that it is not.
func commitment(leaves []leafProof, key string, present bool) (*ics23.CommitmentProof, error) {
	k := types.Hash(sha256.Sum256([]byte(key)))
	path := treePath(k)
	i, found := slices.BinarySearchFunc(leaves, path, func(l leafProof, p types.Hash) int { return bytes.Compare(l.path[:], p[:]) })
	if found != present {
		return nil, fmt.Errorf("%w: %s", errTree, key)
	}
	if present {
		return &ics23.CommitmentProof{Proof: &ics23.CommitmentProof_Exist{Exist: leaves[i].proof}}, nil
	}
	absent := &ics23.NonExistenceProof{Key: k[:]}
	if i > 0 {
		absent.Left = leaves[i-1].proof
	}
	if i < len(leaves) {
		absent.Right = leaves[i].proof
	}
	return &ics23.CommitmentProof{Proof: &ics23.CommitmentProof_Nonexist{Nonexist: absent}}, nil
}

// recordNode is the leaf of a record.
func recordNode(r Record) *partial {
	return &partial{kind: nodeRecord, key: sha256.Sum256([]byte(r.Key)), value: sha256.Sum256(r.Value)}
}

// comparePaths orders two keys, given as their hashes, as the tree does.
func comparePaths(a, b types.Hash) int {
	x, y := treePath(a), treePath(b)
	return bytes.Compare(x[:], y[:])
}
