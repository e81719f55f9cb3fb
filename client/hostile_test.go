package client

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	cmt "github.com/cometbft/cometbft/types"
	ics23 "github.com/cosmos/ics23/go"
	"github.com/stretchr/testify/require"

	"tradecredit/client/verifier"
	"tradecredit/types"
)

// attack is one way in which a node lies, and the error that names it.
type attack struct {
	name string
	want error
	run  func(t *testing.T) error
}

// hostile is what the attacks are made on: a chain of three states with and without a member.
type hostile struct {
	chain *fakeChain
	key   types.Key[types.Member] // present at heights 2 and 3
}

func newHostile() *hostile { return &hostile{memberChain(4), types.MemberKey("b-1")} }

// get is an attack by one answer: change spoils what an honest node would say.
func (h *hostile) get(name string, want error, change func(*types.RecordResponse), opts ...GetOptions) attack {
	return attack{name, want, func(t *testing.T) error { return h.read(t, string(h.key), 0, change, opts...) }}
}

// read gets a key from a node that lies; later moves the reader's clock.
func (h *hostile) read(t *testing.T, key string, later time.Duration, change func(*types.RecordResponse), opts ...GetOptions) error {
	n := newFakeNode(h.chain)
	n.record = change
	c, _ := n.serve(t)
	n.now = n.now.Add(later)
	p, err := c.GetRaw(context.Background(), key, append(opts, GetOptions{})[0])
	if err != nil {
		require.Nil(t, p)
	}
	return err
}

// late reads a good answer at another time.
func (h *hostile) late(name string, want error, later time.Duration, opts ...GetOptions) attack {
	return attack{name, want, func(t *testing.T) error {
		return h.read(t, string(h.key), later, func(*types.RecordResponse) {}, opts...)
	}}
}

// absent attacks the absence of a key at the newest height.
func (h *hostile) absent(name string, want error, change func(*types.RecordResponse)) attack {
	return attack{name, want, func(t *testing.T) error { return h.read(t, "member/a-1", 0, change) }}
}

// header is an attack by another header: change gives the light block of header 4.
func (h *hostile) header(name string, want error, change func() *cmt.LightBlock) attack {
	return h.get(name, want, func(r *types.RecordResponse) { r.LightBlock = encoded(change()) })
}

// between is an absent key with a neighbour on either side.
func (h *hostile) between() string {
	for i := 0; ; i++ {
		key, found := fmt.Sprintf("member/n-%d", i), false
		changeProof(h.chain.record(key, 3).Proof[0], func(p *ics23.CommitmentProof) { found = p.GetNonexist().Left != nil && p.GetNonexist().Right != nil })
		if found {
			return key
		}
	}
}

// pinned reads a record at a height when the pin is a header; change spoils the header above that height.
func (h *hostile) pinned(name string, want error, pin, height int64, change func() *cmt.LightBlock) attack {
	return attack{name, want, func(t *testing.T) error {
		n, url := serveChain(t, h.chain)
		n.record = func(r *types.RecordResponse) { r.LightBlock = encoded(change()) }
		c := reader(t, h.chain, Config{Endpoints: []string{url}, Trust: verifier.TrustFrom(h.chain.block(pin), time.Hour)})
		_, err := c.GetRaw(context.Background(), string(h.key), GetOptions{Height: height})
		return err
	}}
}

// innerProof changes the first operator's proof.
func innerProof(r *types.RecordResponse, change func(*ics23.CommitmentProof)) {
	changeProof(r.Proof[0], change)
}

func changeProof(op *types.ProofOp, change func(*ics23.CommitmentProof)) {
	p := new(ics23.CommitmentProof)
	if err := p.Unmarshal(op.Data); err != nil {
		panic(err)
	}
	change(p)
	op.Data = mustMarshal(p)
}

// namedAttacks are those on proofs and light clients that the test plan names, each with an error of its own.
func namedAttacks() []attack {
	h := newHostile()
	key := string(h.key)
	signedBy := func(count int) func() *cmt.LightBlock {
		return func() *cmt.LightBlock {
			some := *h.chain
			some.signed = func(_ int64, i int) bool { return i < count }
			return some.lightBlock(4)
		}
	}
	return []attack{
		h.get("other key", ErrOtherKey, func(r *types.RecordResponse) { *r = *h.chain.record("member/c-1", 3) }),
		h.get("old height", ErrOldHeight, func(r *types.RecordResponse) { *r = *h.chain.record(key, 2) }, GetOptions{MinHeight: 3}),
		h.get("other chain id", ErrOtherChain, func(r *types.RecordResponse) {
			other := memberChain(4)
			other.id = "other-chain"
			*r = *other.record(key, 3)
		}),
		h.get("absence of a present key", types.ErrProofKind, func(r *types.RecordResponse) { r.Value = nil }),
		h.absent("presence of an absent key", types.ErrProofKey, func(r *types.RecordResponse) {
			there := h.chain.record("member/b-1", 3)
			r.Value, r.Proof = there.Value, there.Proof
			r.Proof[0].Key = []byte("member/a-1")
		}),
		h.get("op swap", types.ErrProofOperators, func(r *types.RecordResponse) { r.Proof[0], r.Proof[1] = r.Proof[1], r.Proof[0] }),
		h.get("truncated path", types.ErrProofPath, func(r *types.RecordResponse) {
			innerProof(r, func(p *ics23.CommitmentProof) { e := p.GetExist(); e.Path = e.Path[:len(e.Path)-1] })
		}),
		h.get("empty ops", ErrUnproved, func(r *types.RecordResponse) { r.Proof = nil }),
		h.header("forged header", ErrHeaderForged, func() *cmt.LightBlock {
			lb := h.chain.lightBlock(4)
			lb.AppHash = filled(9)
			return lb
		}),
		h.header("< 2/3 power", ErrPowerShort, signedBy(2)),
		h.late("expired trust", ErrTrustExpired, 91*24*time.Hour, GetOptions{MaxAge: -1}),
		{"conflicting witness", ErrWitnessConflict, func(t *testing.T) error {
			_, url := serveChain(t, h.chain)
			_, liar := serveChain(t, forge(h.chain, 3))
			return read(reader(t, h.chain, Config{Endpoints: []string{url}, Witnesses: []string{liar}}))
		}},
		h.header("duplicate validator signatures", ErrHeaderSignature, func() *cmt.LightBlock {
			lb := signedBy(2)()
			lb.Commit.Signatures[2], lb.Commit.Signatures[3] = lb.Commit.Signatures[0], lb.Commit.Signatures[1]
			return lb
		}),
		h.get("H vs H+1 slip", ErrHeightSlip, func(r *types.RecordResponse) { r.LightBlock = encoded(h.chain.lightBlock(3)) }),
	}
}

// answerAttacks lie about a record.
func answerAttacks() []attack {
	h := newHostile()
	key := string(h.key)
	return []attack{
		h.get("other key, under this one's name", types.ErrProofKey, func(r *types.RecordResponse) { *r = *h.chain.record("member/c-1", 3); r.Key = key }),
		h.get("other key, the proof too under this one's name", types.ErrProofKey, func(r *types.RecordResponse) {
			*r = *h.chain.record("member/c-1", 3)
			r.Key, r.Proof[0].Key = key, []byte(key)
		}),
		h.get("other key's hash under this one's", types.ErrProofPath, func(r *types.RecordResponse) {
			mine := h.chain.record(key, 3)
			other := h.chain.record("member/c-1", 3)
			p := new(ics23.CommitmentProof)
			if err := p.Unmarshal(mine.Proof[0].Data); err != nil {
				panic(err)
			}
			exist := *p.GetExist()
			r.Value = other.Value
			r.Proof[0].Data = other.Proof[0].Data
			innerProof(r, func(p *ics23.CommitmentProof) { p.GetExist().Key = exist.Key })
		}),
		h.get("other height than asked", ErrOtherHeight, func(r *types.RecordResponse) { *r = *h.chain.record(key, 2) }, GetOptions{Height: 3}),
		h.get("old height, said to be new", ErrHeightSlip, func(r *types.RecordResponse) { *r = *h.chain.record(key, 2); r.Height = 3 }, GetOptions{MinHeight: 3}),
		h.get("old state under a new header", types.ErrProofAppHash, func(r *types.RecordResponse) {
			header := r.LightBlock
			*r = *h.chain.record(key, 2)
			r.Height, r.LightBlock = 3, header
		}),
		h.late("old header", ErrStale, time.Hour),
		h.late("header from the future", ErrHeaderFuture, -time.Hour),
		h.get("absence proved for another key", types.ErrProofKey, func(r *types.RecordResponse) {
			absent := h.chain.record("member/z-1", 3)
			r.Value, r.Proof = nil, absent.Proof
			r.Proof[0].Key = []byte(key)
		}),
		{"absence with one neighbour left out", types.ErrProofPath, func(t *testing.T) error {
			return h.read(t, h.between(), 0, func(r *types.RecordResponse) {
				innerProof(r, func(p *ics23.CommitmentProof) { p.GetNonexist().Left = nil })
			})
		}},
		h.absent("absence without neighbours", types.ErrProofShape, func(r *types.RecordResponse) {
			innerProof(r, func(p *ics23.CommitmentProof) { p.GetNonexist().Left, p.GetNonexist().Right = nil, nil })
		}),
		h.get("other value", types.ErrProofValue, func(r *types.RecordResponse) { r.Value = append([]byte{}, 10, 1, 'x') }),
		h.get("other value, hashed in the proof", types.ErrProofPath, func(r *types.RecordResponse) {
			other := h.chain.record("member/c-1", 3)
			r.Value = other.Value
			var value []byte
			changeProof(other.Proof[0], func(p *ics23.CommitmentProof) { value = p.GetExist().Value })
			innerProof(r, func(p *ics23.CommitmentProof) { p.GetExist().Value = value })
		}),
		h.get("path with a step more", types.ErrProofPath, func(r *types.RecordResponse) {
			innerProof(r, func(p *ics23.CommitmentProof) { e := p.GetExist(); e.Path = append(e.Path, e.Path[0]) })
		}),
		h.get("step with siblings on both sides", types.ErrProofShape, func(r *types.RecordResponse) {
			innerProof(r, func(p *ics23.CommitmentProof) {
				s := p.GetExist().Path[0]
				s.Prefix, s.Suffix = append([]byte{1}, filled(1)...), filled(2)
			})
		}),
		h.get("leaf with a longer prefix", types.ErrProofShape, func(r *types.RecordResponse) {
			innerProof(r, func(p *ics23.CommitmentProof) {
				e := p.GetExist()
				leaf := *e.Leaf
				leaf.Prefix = []byte{0, 0}
				e.Leaf = &leaf
			})
		}),
		h.get("compressed proof", types.ErrProofKind, func(r *types.RecordResponse) {
			r.Proof[0].Data = mustMarshal(&ics23.CommitmentProof{Proof: &ics23.CommitmentProof_Compressed{Compressed: &ics23.CompressedBatchProof{}}})
		}),
		h.get("one operator", types.ErrProofOperators, func(r *types.RecordResponse) { r.Proof = r.Proof[:1] }),
		h.get("three operators", types.ErrProofOperators, func(r *types.RecordResponse) { r.Proof = append(r.Proof, r.Proof[1]) }),
		h.get("other root", types.ErrProofRoot, func(r *types.RecordResponse) { r.Proof[1].Key = []byte(types.RootReferences) }),
		h.get("proof cut", types.ErrProofEncoding, func(r *types.RecordResponse) { r.Proof[0].Data = r.Proof[0].Data[:len(r.Proof[0].Data)-1] }),
		h.get("proof of great size", types.ErrProofSize, func(r *types.RecordResponse) { r.Proof[0].Data = make([]byte, types.MaxProofSize+1) }),
		h.get("no header", ErrUnproved, func(r *types.RecordResponse) { r.LightBlock = nil }),
		{"answer with a field more", ErrAnswer, func(t *testing.T) error {
			n := newFakeNode(h.chain)
			n.before = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				_, _ = w.Write(append(mustMarshal(h.chain.record(key, 3)), 0x7a, 0))
				return true
			}
			c, _ := n.serve(t)
			return read(c)
		}},
		{"proved record of no kind", ErrValue, func(t *testing.T) error {
			f := newFakeChain(1)
			f.add(map[string][]byte{"chain": {1}, key: {0x7a, 0}})
			c, _ := newFakeNode(f).serve(t)
			return read(c)
		}},
	}
}

// headerAttacks lie about who agreed on what.
func headerAttacks() []attack {
	h := newHostile()
	lb := func() *cmt.LightBlock { return h.chain.lightBlock(4) }
	resigned := func(change func(*cmt.Header)) func() *cmt.LightBlock {
		return func() *cmt.LightBlock {
			header := h.chain.header(4)
			change(header)
			return h.chain.sign(header, h.chain.keys(4))
		}
	}
	strangers := memberChain(4)
	strangers.sets = [][]ed25519.PrivKey{testValidators("forger", 4)}
	return []attack{
		h.get("header cut", ErrHeaderMalformed, func(r *types.RecordResponse) { r.LightBlock = r.LightBlock[:len(r.LightBlock)-1] }),
		h.get("header with more bytes", ErrHeaderMalformed, func(r *types.RecordResponse) { r.LightBlock = append(r.LightBlock, 0x7a, 0) }),
		h.get("header of great size", ErrHeaderMalformed, func(r *types.RecordResponse) { r.LightBlock = make([]byte, 2<<20) }),
		h.get("turns as proposers, which nobody signs", ErrHeaderEncoding, func(r *types.RecordResponse) { r.LightBlock = rawLightBlock(lb()) }),
		h.header("header that strangers signed", ErrValidatorsPinned, func() *cmt.LightBlock { return strangers.lightBlock(4) }),
		h.pinned("old header that half of the pinned signed", ErrTrustOverlap, 4, 2, func() *cmt.LightBlock {
			half := memberChain(4)
			half.sets = [][]ed25519.PrivKey{append(testValidators("v", 2), testValidators("old", 2)...)}
			return half.lightBlock(3)
		}),
		h.header("other validators than the header names", ErrValidatorsDiffer, func() *cmt.LightBlock {
			b := lb()
			b.ValidatorSet = validatorSet(testValidators("other", 4))
			return b
		}),
		h.header("more power for one validator", ErrValidatorsDiffer, func() *cmt.LightBlock {
			b := lb()
			b.ValidatorSet.Validators[0].VotingPower = 1000
			return b
		}),
		h.header("a validator twice", ErrHeaderMalformed, func() *cmt.LightBlock {
			b := lb()
			b.ValidatorSet.Validators[1] = b.ValidatorSet.Validators[0]
			return b
		}),
		h.header("one signature in four", ErrPowerShort, func() *cmt.LightBlock {
			some := *h.chain
			some.signed = func(_ int64, i int) bool { return i == 0 }
			return some.lightBlock(4)
		}),
		h.header("votes for no block, counted as for it", ErrHeaderSignature, func() *cmt.LightBlock {
			b := lb()
			for i := range b.Commit.Signatures[:2] {
				b.Commit.Signatures[i] = nilVote(h.chain, b, i)
				b.Commit.Signatures[i].BlockIDFlag = cmt.BlockIDFlagCommit
			}
			return b
		}),
		h.header("two votes for no block", ErrPowerShort, func() *cmt.LightBlock {
			b := lb()
			for i := range b.Commit.Signatures[:2] {
				b.Commit.Signatures[i] = nilVote(h.chain, b, i)
			}
			return b
		}),
		h.header("wrong signature", ErrHeaderSignature, func() *cmt.LightBlock {
			b := lb()
			b.Commit.Signatures[0].Signature[5] ^= 1
			return b
		}),
		h.header("wrong signature beyond two thirds", ErrHeaderSignature, func() *cmt.LightBlock {
			b := lb()
			b.Commit.Signatures[3].Signature[5] ^= 1
			return b
		}),
		h.header("signatures in other places", ErrHeaderSignature, func() *cmt.LightBlock {
			b := lb()
			s := b.Commit.Signatures
			s[0], s[1] = s[1], s[0]
			return b
		}),
		h.header("a signature less", ErrHeaderMalformed, func() *cmt.LightBlock {
			b := lb()
			b.Commit.Signatures = b.Commit.Signatures[:3]
			return b
		}),
		h.header("signatures of another round", ErrHeaderSignature, func() *cmt.LightBlock {
			b := lb()
			b.Commit.Round++
			return b
		}),
		h.header("commit of another height", ErrHeaderForged, func() *cmt.LightBlock {
			b := lb()
			b.Commit = h.chain.lightBlock(3).Commit
			return b
		}),
		h.header("app hash of no length", ErrHeaderMalformed, resigned(func(h *cmt.Header) { h.AppHash = nil })),
		h.pinned("header older than the pinned one", ErrHeaderTime, 2, 3, resigned(func(header *cmt.Header) { header.Time = testStart })),
	}
}

// nilVote is validator i's vote for no block.
func nilVote(f *fakeChain, lb *cmt.LightBlock, i int) cmt.CommitSig {
	v := lb.ValidatorSet.Validators[i]
	keys := f.keys(lb.Height)
	at := slices.IndexFunc(keys, func(k ed25519.PrivKey) bool { return string(k.PubKey().Address()) == string(v.Address) })
	vote := &cmt.Vote{Type: 2, Height: lb.Height, Timestamp: lb.Time, ValidatorAddress: v.Address, ValidatorIndex: int32(i)}
	sig, err := keys[at].Sign(cmt.VoteSignBytes(f.id, vote.ToProto()))
	if err != nil {
		panic(err)
	}
	return cmt.CommitSig{BlockIDFlag: cmt.BlockIDFlagNil, ValidatorAddress: v.Address, Timestamp: lb.Time, Signature: sig}
}

// clientAttacks are on what a client remembers, whom it asks, and on lists.
func clientAttacks() []attack {
	h := newHostile()
	list := func(name string, want error, first uint64, limit int, change func(*logNode)) attack {
		return attack{name, want, func(t *testing.T) error {
			l := newLogNode(40, 0)
			change(l)
			c, _ := l.serve(t)
			_, err := c.ProveEntries(context.Background(), logSubject, first, limit, GetOptions{})
			return err
		}}
	}
	all := func(name string, want error, change func(*types.EntriesResponse)) attack {
		return list(name, want, 0, 0, func(l *logNode) { l.entries = change })
	}
	part := func(name string, want error, change func(*types.LogProofResponse)) attack {
		return list(name, want, 10, 10, func(l *logNode) { l.proof = change })
	}
	return []attack{
		{"no witness confirms", ErrNoWitness, func(t *testing.T) error {
			_, url := serveChain(t, h.chain)
			return read(reader(t, h.chain, Config{Endpoints: []string{url}, Witnesses: []string{"http://127.0.0.1:1"}}))
		}},
		{"another header than was verified before", ErrWitnessConflict, func(t *testing.T) error {
			n, url := serveChain(t, h.chain)
			c := reader(t, h.chain, Config{Endpoints: []string{url}})
			require.NoError(t, read(c))
			n.chain = forge(h.chain, 3)
			return read(c)
		}},
		{"trust store with a header that nobody signed", ErrTrustStore, func(t *testing.T) error {
			forged := h.chain.lightBlock(3)
			forged.AppHash = filled(9)
			path := filepath.Join(t.TempDir(), "store")
			require.NoError(t, os.WriteFile(path, storeOf(h.chain.trust(), h.chain.block(2), ours(forged)), 0o600))
			_, err := OpenTrustStore(path, h.chain.trust())
			return err
		}},
		{"headers between that lead nowhere", ErrOtherHeight, func(t *testing.T) error {
			f := longChain(20)
			n, url := serveChain(t, f)
			n.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if r.URL.Path == "/v1/light" {
					_, _ = w.Write(encoded(f.lightBlock(19)))
				}
				return r.URL.Path == "/v1/light"
			}
			return read(reader(t, f, Config{Endpoints: []string{url}}))
		}},
		all("an entry left out", ErrEntriesDiffer, func(r *types.EntriesResponse) {
			r.Entries = append(slices.Clone(r.Entries[:5]), r.Entries[6:]...)
			r.Entries = append(r.Entries, r.Entries[0])
		}),
		all("the last entry left out", ErrEntriesMissing, func(r *types.EntriesResponse) {
			r.Total, r.Next = 39, 39
			if len(r.Entries) == 40 {
				r.Entries = r.Entries[:39]
			} else {
				r.Entries = nil
			}
		}),
		all("an entry changed", ErrEntriesDiffer, func(r *types.EntriesResponse) {
			e := *r.Entries[3]
			e.BaseMinor++
			r.Entries = slices.Clone(r.Entries)
			r.Entries[3] = &e
		}),
		all("entries in another order", ErrEntriesDiffer, func(r *types.EntriesResponse) {
			r.Entries = slices.Clone(r.Entries)
			r.Entries[3], r.Entries[4] = r.Entries[4], r.Entries[3]
		}),
		all("entries of another enterprise", ErrOtherKey, func(r *types.EntriesResponse) { r.Subject = "XX:REG:8" }),
		all("a page that goes nowhere", ErrAnswer, func(r *types.EntriesResponse) { r.Next = 0 }),
		part("a part, with a hash more", ErrEntriesDiffer, func(p *types.LogProofResponse) { p.Right = append(p.Right, filled(1)) }),
		part("a part, with a hash less", ErrEntriesDiffer, func(p *types.LogProofResponse) { p.Left = p.Left[1:] }),
		part("a part, with another hash", ErrEntriesDiffer, func(p *types.LogProofResponse) { p.Right[0] = filled(1) }),
		part("a part from another place", ErrEntriesDiffer, func(p *types.LogProofResponse) {
			_, raw := entriesOf(40)
			other, err := rangeProof(raw, 20, 30)
			if err != nil {
				panic(err)
			}
			p.Left, p.Right = other.Left, other.Right
		}),
	}
}

// storeOf is a trust store with headers, whether they follow or not.
func storeOf(root *Trust, blocks ...*LightBlock) []byte {
	id := identity(root)
	f := storeFile{Format: storeFormat, ChainID: root.ChainID, Root: hex.EncodeToString(id[:])}
	for _, lb := range blocks {
		f.Steps = append(f.Steps, storeStep{lb.Height, lb.Time.UTC().Format(time.RFC3339Nano), testStart.Format(time.RFC3339Nano), lb.Normal()})
	}
	data, err := json.Marshal(f)
	if err != nil {
		panic(err)
	}
	return data
}

// TestHostileSet runs every attack on proofs and the light client through a client over HTTP, and prints the list.
func TestHostileSet(t *testing.T) {
	// Nothing is refused when nobody lies.
	h := newHostile()
	require.NoError(t, h.read(t, string(h.key), 0, func(*types.RecordResponse) {}))
	require.NoError(t, h.read(t, "member/a-1", 0, func(*types.RecordResponse) {}))

	named := namedAttacks()
	require.Len(t, named, 14)
	own := map[error]string{}
	for _, a := range named {
		require.Empty(t, own[a.want], "%s and %s have one error", a.name, own[a.want])
		own[a.want] = a.name
	}
	var list strings.Builder
	seen := map[string]bool{}
	for i, a := range slices.Concat(named, answerAttacks(), headerAttacks(), clientAttacks()) {
		require.False(t, seen[a.name], "two attacks are called %s", a.name)
		seen[a.name] = true
		t.Run(a.name, func(t *testing.T) { require.ErrorIs(t, a.run(t), a.want) })
		fmt.Fprintf(&list, "%3d  %-55s %s\n", i+1, a.name, a.want)
	}
	t.Logf("attacks on proofs and the light client, and what refuses them:\n%s", list.String())
}
