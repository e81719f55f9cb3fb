package state

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	ics23 "github.com/cosmos/ics23/go"

	"tradecredit/types"
)

// Prove returns the value of key at the view's height with a proof of it, or nil with a proof
// of its absence: what types.Proof.Verify accepts for that height's app hash, the root
// types.RootState, and the value. ErrPruned if the height is too old to be proved on this
// node; ErrFuture before the first block; ErrInvalid for what cannot be a key.
func (v *View) Prove(key string) (value []byte, p *types.Proof, err error) {
	if err := checkKey(key); err != nil {
		return nil, nil, err
	}
	path := pathOf(key)
	left, right, roots, err := v.db.locate(v.height, &path)
	if err != nil {
		return nil, nil, err
	}
	var commitment ics23.CommitmentProof
	if left == right && left != nil {
		value, _, err = v.db.newestUpTo(rowState, key, v.height)
		if err != nil {
			return nil, nil, err
		}
		exist, err := existence(left, key, value, roots)
		if err != nil {
			return nil, nil, err
		}
		commitment.Proof = &ics23.CommitmentProof_Exist{Exist: exist}
	} else {
		absent, err := v.absence(key, left, right, roots)
		if err != nil {
			return nil, nil, err
		}
		commitment.Proof = &ics23.CommitmentProof_Nonexist{Nonexist: absent}
	}
	data, err := commitment.Marshal()
	if err != nil {
		return nil, nil, err
	}
	outer, err := types.ProveRoot(roots, types.RootState)
	if err != nil {
		return nil, nil, err
	}
	inner := &types.ProofOp{Type: types.ProofOpSMT, Key: []byte(key), Data: data}
	return value, &types.Proof{Ops: []*types.ProofOp{inner, outer}}, nil
}

// locate finds a path, or its neighbours, at a height, and the roots of that height.
func (db *DB) locate(height int64, path *types.Hash) (left, right *spot, roots []types.NamedRoot, err error) {
	if height == 0 {
		return nil, nil, nil, fmt.Errorf("%w: there is no block yet", ErrFuture)
	}
	for {
		db.mu.RLock()
		newest, archive := db.head.Height, db.head.archive
		if m := db.live(height); m != nil {
			left, right = m.find(path)
			db.mu.RUnlock()
			return left, right, m.roots, m.err
		}
		db.mu.RUnlock()
		if newest-height >= db.options.ProofHeights {
			if archive {
				break
			}
			return nil, nil, nil, fmt.Errorf("%w: this node proves heights above %d", ErrPruned, newest-db.options.ProofHeights)
		}
		if err := db.backfill(height); err != nil {
			return nil, nil, nil, err
		}
	}
	m, err := db.archived(height)
	if err != nil {
		return nil, nil, nil, err
	}
	left, right = m.find(path)
	return left, right, m.roots, m.err
}

// absence is the proof that nothing stands between two neighbours.
func (v *View) absence(key string, left, right *spot, roots []types.NamedRoot) (*ics23.NonExistenceProof, error) {
	k := sha256.Sum256([]byte(key))
	p := &ics23.NonExistenceProof{Key: k[:]}
	for _, n := range []struct {
		at   *spot
		into **ics23.ExistenceProof
	}{{left, &p.Left}, {right, &p.Right}} {
		if n.at == nil {
			continue
		}
		key, err := v.db.keyAt(&n.at.path)
		if err != nil {
			return nil, err
		}
		value, _, err := v.db.newestUpTo(rowState, key, v.height)
		if err != nil {
			return nil, err
		}
		if *n.into, err = existence(n.at, key, value, roots); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// keyAt is the key that stands at a path.
func (db *DB) keyAt(path *types.Hash) (key string, err error) {
	lower := pathRow(path, "")
	it, err := db.disk.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: successor(lower)})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		if key := string(it.Key()[len(lower):]); pathOf(key) == *path {
			return key, nil
		}
	}
	if err := it.Error(); err != nil {
		return "", err
	}
	return "", fmt.Errorf("%w: no key for the leaf %s", ErrCorrupt, path)
}

// existence makes the proof of one leaf, after it has checked that it leads to the root: a
// disk that lies makes an error, never a wrong proof.
func existence(s *spot, key string, value []byte, roots []types.NamedRoot) (*ics23.ExistenceProof, error) {
	hash := leafHash(&s.path, value)
	if hash != s.hash || pathOf(key) != s.path {
		return nil, fmt.Errorf("%w: the row of %q is not what the tree holds", ErrCorrupt, key)
	}
	k, v := sha256.Sum256([]byte(key)), sha256.Sum256(value)
	p := &ics23.ExistenceProof{Key: k[:], Value: v[:], Leaf: ics23.SmtSpec.LeafSpec, Path: make([]*ics23.InnerOp, 0, len(s.steps))}
	at := node{hash: hash, kind: lone}
	for i := len(s.steps) - 1; i >= 0; i-- {
		st := &s.steps[i]
		op := &ics23.InnerOp{Hash: ics23.HashOp_SHA256, Prefix: []byte{1}, Suffix: bytes.Clone(st.sibling.hash[:])}
		pair := [2]*node{&at, &st.sibling}
		if st.bit == 1 {
			op.Prefix, op.Suffix = append([]byte{1}, st.sibling.hash[:]...), nil
			pair = [2]*node{&st.sibling, &at}
		}
		p.Path = append(p.Path, op)
		at = combine(pair[0], pair[1])
	}
	for _, r := range roots {
		if r.Name == types.RootState && r.Root == at.hash {
			return p, nil
		}
	}
	return nil, fmt.Errorf("%w: the way to %q gives root %s", ErrCorrupt, key, at.hash)
}
