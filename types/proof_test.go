package types

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"

	ics23 "github.com/cosmos/ics23/go"
	"github.com/stretchr/testify/require"
)

// handMadeProof shows key1 = value1 in a tree of two leaves, computed here from the
// specification and from nothing of this package; it returns the roots too.
func handMadeProof(t testing.TB) (*Proof, []NamedRoot) {
	sum := func(b ...[]byte) []byte {
		h := sha256.Sum256(bytes.Join(b, nil))
		return h[:]
	}
	leaf := func(key, value string) (k, v, path, hash []byte) {
		k, v = sum([]byte(key)), sum([]byte(value))
		path = sum(k)
		return k, v, path, sum([]byte{0}, path, sum(v))
	}
	k, v, place, hash := leaf("key1", "value1")
	_, _, beside, other := leaf("key2", "value2")
	for n := 3; place[0]>>7 == beside[0]>>7; n++ { // until the two part at the root
		_, _, beside, other = leaf(fmt.Sprint("key", n), "value2")
	}
	step := &ics23.InnerOp{Hash: ics23.HashOp_SHA256, Prefix: []byte{1}, Suffix: other}
	node := sum([]byte{1}, hash, other)
	if place[0]>>7 == 1 {
		step.Prefix, step.Suffix = append([]byte{1}, other...), nil
		node = sum([]byte{1}, other, hash)
	}
	exist := &ics23.ExistenceProof{Key: k, Value: v, Leaf: ics23.SmtSpec.LeafSpec, Path: []*ics23.InnerOp{step}}
	data, err := (&ics23.CommitmentProof{Proof: &ics23.CommitmentProof_Exist{Exist: exist}}).Marshal()
	require.NoError(t, err)
	roots := []NamedRoot{{RootState, Hash(node)}, {RootReferences, sha256.Sum256(nil)}}
	outer, err := ProveRoot(roots, RootState)
	require.NoError(t, err)
	return &Proof{Ops: []*ProofOp{{Type: ProofOpSMT, Key: []byte("key1"), Data: data}, outer}}, roots
}

func TestHandMadeProof(t *testing.T) {
	p, roots := handMadeProof(t)
	require.NoError(t, p.Verify(AppHash(roots), RootState, "key1", []byte("value1")))
	require.ErrorIs(t, p.Verify(AppHash(roots), RootState, "key1", []byte("value2")), ErrProofValue)
	require.ErrorIs(t, p.Verify(AppHash(roots), RootState, "key2", []byte("value1")), ErrProofKey)
	require.ErrorIs(t, p.Verify(AppHash(roots[:1]), RootState, "key1", []byte("value1")), ErrProofAppHash)
}

// TestAppHashVectors pins the app hash; a change here is a fork.
func TestAppHashVectors(t *testing.T) {
	root := func(b byte) (h Hash) { return Hash(bytes.Repeat([]byte{b}, 32)) }
	one := sha256.Sum256(append([]byte("\x00\x05state\x20"), sum32(root(7))...))
	require.Equal(t, Hash(one), AppHash([]NamedRoot{{RootState, root(7)}}))
	for want, roots := range map[string][]NamedRoot{
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855":    nil,
		hex.EncodeToString(pair(RootReferences, root(1), RootState, root(2))): {{RootState, root(2)}, {RootReferences, root(1)}},
	} {
		require.Equal(t, want, AppHash(roots).String())
	}
}

func sum32(h Hash) []byte {
	s := sha256.Sum256(h[:])
	return s[:]
}

// pair is the app hash of two roots, spelled out.
func pair(name1 string, root1 Hash, name2 string, root2 Hash) []byte {
	leaf := func(name string, root Hash) []byte {
		b := append([]byte{0, byte(len(name))}, name...)
		h := sha256.Sum256(append(append(b, 32), sum32(root)...))
		return h[:]
	}
	h := sha256.Sum256(bytes.Join([][]byte{{1}, leaf(name1, root1), leaf(name2, root2)}, nil))
	return h[:]
}

func TestProofEncodingIsStrict(t *testing.T) {
	p, _ := handMadeProof(t)
	good, err := p.Marshal()
	require.NoError(t, err)
	var back Proof
	require.NoError(t, back.Unmarshal(good))
	require.Equal(t, p, &back)
	op := func(body ...byte) []byte { return append([]byte{tagOps, byte(len(body))}, body...) }
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"unknown field":       {append(bytes.Clone(good), 0x12, 0), ErrProofOperators},
		"unknown first field": {[]byte{0x12, 0}, ErrProofEncoding},
		"no length":           {[]byte{tagOps}, ErrProofEncoding},
		"padded length":       {[]byte{tagOps, 0x80, 0x00}, ErrProofEncoding},
		"length beyond end":   {[]byte{tagOps, 0x05, 0x00}, ErrProofEncoding},
		"endless length":      {append([]byte{tagOps}, bytes.Repeat([]byte{0xff}, 12)...), ErrProofEncoding},
		"empty field":         {op(tagOpType, 0), ErrProofEncoding},
		"repeated field":      {op(tagOpKey, 1, 'a', tagOpKey, 1, 'b'), ErrProofEncoding},
		"unordered fields":    {op(tagOpKey, 1, 'a', tagOpType, 1, 'b'), ErrProofEncoding},
		"unknown inner field": {op(0x22, 1, 'a'), ErrProofEncoding},
		"three operators":     {append(bytes.Clone(good), op(tagOpKey, 1, 'a')...), ErrProofOperators},
		"too large":           {make([]byte, MaxProofSize+1), ErrProofSize},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, new(Proof).Unmarshal(c.data), c.want)
		})
	}
}

// FuzzProof: what decodes encodes to the same bytes, nothing panics, and no bytes but the true
// proof's prove the key.
func FuzzProof(f *testing.F) {
	p, roots := handMadeProof(f)
	good, err := p.Marshal()
	require.NoError(f, err)
	appHash := AppHash(roots)
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte{tagOps, 3, tagOpType, 1, 'x'})
	f.Fuzz(func(t *testing.T, data []byte) {
		var p Proof
		if p.Unmarshal(data) != nil {
			return
		}
		again, err := p.Marshal()
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, again))
		err = p.Verify(appHash, RootState, "key1", []byte("value1"))
		require.Equal(t, bytes.Equal(data, good), err == nil)
		require.Error(t, p.Verify(appHash, RootState, "key1", nil))
	})
}
