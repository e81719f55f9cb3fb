package client

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	dbm "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/light"
	"github.com/cometbft/cometbft/light/provider"
	lightdb "github.com/cometbft/cometbft/light/store/db"
	cmt "github.com/cometbft/cometbft/types"
	ics23 "github.com/cosmos/ics23/go"
	"github.com/stretchr/testify/require"

	"tradecredit/client/verifier"
	"tradecredit/types"
)

// wanderingChain has validators of random powers that come and go, by few or by many at a time.
func wanderingChain(rng *rand.Rand, heights int) *fakeChain {
	f := newFakeChain(4)
	pool := testValidators("w", 12)
	seed := rng.Uint64()
	f.power = func(k ed25519.PrivKey) int64 {
		sum := sha256.Sum256(fmt.Appendf(nil, "%d-%x", seed, k.PubKey().Bytes()))
		return 1 + int64(sum[0])%20
	}
	set := slices.Clone(pool[:4])
	restless := rng.IntN(4)
	f.sets = nil
	for range heights {
		f.sets = append(f.sets, slices.Clone(set))
		if rng.IntN(4) < restless {
			for range 1 + rng.IntN(restless) {
				next := pool[rng.IntN(len(pool))]
				if !slices.ContainsFunc(set, func(k ed25519.PrivKey) bool { return k.Equals(next) }) {
					set[rng.IntN(4)] = next
				}
			}
		}
	}
	for range heights - 2 {
		f.add(map[string][]byte{"chain": {1}})
	}
	return f
}

// providerOf is a chain as CometBFT's light client asks for it.
type providerOf struct {
	block func(height int64) *cmt.LightBlock
	asked int
}

func (p *providerOf) ChainID() string { return testChain }
func (p *providerOf) LightBlock(_ context.Context, height int64) (*cmt.LightBlock, error) {
	p.asked++
	lb := p.block(height)
	if err := lb.ValidateBasic(testChain); err != nil { // as its HTTP provider does
		return nil, provider.ErrBadLightBlock{Reason: err}
	}
	return lb, nil
}
func (p *providerOf) ReportEvidence(context.Context, cmt.Evidence) error { return nil }

// TestFollowIsLights holds the whole way to a header against CometBFT's light client: over random chains, from random pins
// to random headers, with headers on the way that too few signed, it gets there exactly when the other does.
func TestFollowIsLights(t *testing.T) {
	accepted, refused, between := 0, 0, 0
	for i := range 120 {
		rng := rand.New(rand.NewPCG(11, uint64(i)))
		f := wanderingChain(rng, 24)
		bits := rng.Uint64()
		lazy := rng.IntN(3) == 0
		f.signed = func(h int64, i int) bool {
			return !lazy || h < 3 || sha256.Sum256(fmt.Appendf(nil, "%d-%d-%d", bits, h, i))[0] > 40
		}
		from, to := 1+rng.Int64N(2), 4+rng.Int64N(18)
		period := time.Duration(20+rng.IntN(60)) * time.Second
		now := f.time(to).Add(time.Duration(rng.IntN(60)-12) * time.Second)
		p := &providerOf{block: f.lightBlock}
		theirs, err := light.NewClient(context.Background(), testChain, light.TrustOptions{Period: period, Height: from, Hash: f.lightBlock(from).Hash()},
			p, []provider.Provider{&providerOf{block: f.lightBlock}}, lightdb.New(dbm.NewMemDB(), ""), light.MaxClockDrift(DefaultClockDrift))
		require.NoError(t, err)
		_, want := theirs.VerifyLightBlockAtHeight(context.Background(), to, now)

		asked := 0
		steps, got := follow(context.Background(), func(_ context.Context, h int64) (*LightBlock, error) { asked++; return f.block(h), nil },
			verifier.TrustFrom(f.block(from), period), f.block(to), now)
		require.Equal(t, want == nil, got == nil, "case %d, %d to %d: light says %v, we say %v", i, from, to, want, got)
		if got != nil {
			refused++
			continue
		}
		accepted++
		between += len(steps) - 1
		require.LessOrEqual(t, asked, p.asked, "case %d: we ask for no more headers than light does", i)
	}
	t.Logf("%d headers reached over %d between, %d refused", accepted, between, refused)
	require.Greater(t, accepted, 40)
	require.Greater(t, refused, 20)
	require.Greater(t, between, 30)
}

// headerMutations are other headers, which the validators then signed: what is judged is not the signature.
var headerMutations = map[string]func(f *fakeChain, h *cmt.Header){
	"none":                    func(*fakeChain, *cmt.Header) {},
	"block protocol":          func(_ *fakeChain, h *cmt.Header) { h.Version.Block++ },
	"app version":             func(_ *fakeChain, h *cmt.Header) { h.Version.App++ },
	"chain id":                func(_ *fakeChain, h *cmt.Header) { h.ChainID += "x" },
	"no chain id":             func(_ *fakeChain, h *cmt.Header) { h.ChainID = "" },
	"long chain id":           func(_ *fakeChain, h *cmt.Header) { h.ChainID = fmt.Sprintf("%051d", 1) },
	"height 0":                func(_ *fakeChain, h *cmt.Header) { h.Height = 0 },
	"height -1":               func(_ *fakeChain, h *cmt.Header) { h.Height = -1 },
	"height + 1":              func(_ *fakeChain, h *cmt.Header) { h.Height++ },
	"greatest height":         func(_ *fakeChain, h *cmt.Header) { h.Height = math.MaxInt64 },
	"time of the pin":         func(f *fakeChain, h *cmt.Header) { h.Time = f.time(2) },
	"time just after the pin": func(f *fakeChain, h *cmt.Header) { h.Time = f.time(2).Add(1) },
	"time before the pin":     func(f *fakeChain, h *cmt.Header) { h.Time = f.time(1) },
	"time at the drift":       func(f *fakeChain, h *cmt.Header) { h.Time = f.time(9).Add(DefaultClockDrift) },
	"time below the drift":    func(f *fakeChain, h *cmt.Header) { h.Time = f.time(9).Add(DefaultClockDrift - 1) },
	"time beyond the drift":   func(f *fakeChain, h *cmt.Header) { h.Time = f.time(9).Add(time.Hour) },
	"validators hash":         func(_ *fakeChain, h *cmt.Header) { h.ValidatorsHash = filled(9) },
	"next validators hash":    func(_ *fakeChain, h *cmt.Header) { h.NextValidatorsHash = filled(9) },
	"no next validators":      func(_ *fakeChain, h *cmt.Header) { h.NextValidatorsHash = nil },
	"short hash":              func(_ *fakeChain, h *cmt.Header) { h.DataHash = h.DataHash[:31] },
	"no data":                 func(_ *fakeChain, h *cmt.Header) { h.DataHash = nil },
	"long app hash":           func(_ *fakeChain, h *cmt.Header) { h.AppHash = append(filled(1), 1) },
	"no app hash":             func(_ *fakeChain, h *cmt.Header) { h.AppHash = nil },
	"no last block":           func(_ *fakeChain, h *cmt.Header) { h.LastBlockID = cmt.BlockID{} },
	"last block's parts":      func(_ *fakeChain, h *cmt.Header) { h.LastBlockID.PartSetHeader.Total = math.MaxUint32 },
	"last block's hash":       func(_ *fakeChain, h *cmt.Header) { h.LastBlockID.Hash = h.LastBlockID.Hash[:8] },
	"no proposer":             func(_ *fakeChain, h *cmt.Header) { h.ProposerAddress = nil },
	"strange proposer":        func(_ *fakeChain, h *cmt.Header) { h.ProposerAddress = filled(1)[:20] },
	"long proposer":           func(_ *fakeChain, h *cmt.Header) { h.ProposerAddress = filled(1)[:21] },
	"evidence":                func(_ *fakeChain, h *cmt.Header) { h.EvidenceHash = filled(2) },
	"results":                 func(_ *fakeChain, h *cmt.Header) { h.LastResultsHash = nil },
}

// blockMutations change what stands beside the header, after it was signed.
var blockMutations = map[string]func(f *fakeChain, lb *cmt.LightBlock){
	"commit height":        func(_ *fakeChain, lb *cmt.LightBlock) { lb.Commit.Height++ },
	"commit round":         func(_ *fakeChain, lb *cmt.LightBlock) { lb.Commit.Round++ },
	"negative round":       func(_ *fakeChain, lb *cmt.LightBlock) { lb.Commit.Round = -1 },
	"commit hash":          func(_ *fakeChain, lb *cmt.LightBlock) { lb.Commit.BlockID.Hash = filled(9) },
	"commit parts":         func(_ *fakeChain, lb *cmt.LightBlock) { lb.Commit.BlockID.PartSetHeader.Hash = filled(9) },
	"commit parts total":   func(_ *fakeChain, lb *cmt.LightBlock) { lb.Commit.BlockID.PartSetHeader.Total++ },
	"commit for nothing":   func(_ *fakeChain, lb *cmt.LightBlock) { lb.Commit.BlockID = cmt.BlockID{} },
	"no signatures":        func(_ *fakeChain, lb *cmt.LightBlock) { lb.Commit.Signatures = nil },
	"first signature gone": func(_ *fakeChain, lb *cmt.LightBlock) { lb.Commit.Signatures = lb.Commit.Signatures[1:] },
	"last signature gone":  func(_ *fakeChain, lb *cmt.LightBlock) { lb.Commit.Signatures = lb.Commit.Signatures[:3] },
	"a signature more": func(_ *fakeChain, lb *cmt.LightBlock) {
		lb.Commit.Signatures = append(lb.Commit.Signatures, lb.Commit.Signatures[0])
	},
	"first absent": func(_ *fakeChain, lb *cmt.LightBlock) { lb.Commit.Signatures[0] = cmt.NewCommitSigAbsent() },
	"first three absent": func(_ *fakeChain, lb *cmt.LightBlock) {
		for i := range 3 {
			lb.Commit.Signatures[i] = cmt.NewCommitSigAbsent()
		}
	},
	"first for no block": func(f *fakeChain, lb *cmt.LightBlock) { lb.Commit.Signatures[0] = nilVote(f, lb, 0) },
	"three for no block": func(f *fakeChain, lb *cmt.LightBlock) {
		for i := range 3 {
			lb.Commit.Signatures[i] = nilVote(f, lb, i)
		}
	},
	"for the block, called nil": func(_ *fakeChain, lb *cmt.LightBlock) { lb.Commit.Signatures[0].BlockIDFlag = cmt.BlockIDFlagNil },
	"unknown flag":              func(_ *fakeChain, lb *cmt.LightBlock) { lb.Commit.Signatures[0].BlockIDFlag = 4 },
	"absent with a signature":   func(_ *fakeChain, lb *cmt.LightBlock) { lb.Commit.Signatures[0].BlockIDFlag = cmt.BlockIDFlagAbsent },
	"signature of zeros":        func(_ *fakeChain, lb *cmt.LightBlock) { lb.Commit.Signatures[0].Signature = make([]byte, 64) },
	"short signature":           func(_ *fakeChain, lb *cmt.LightBlock) { lb.Commit.Signatures[0].Signature = make([]byte, 63) },
	"last signature wrong":      func(_ *fakeChain, lb *cmt.LightBlock) { lb.Commit.Signatures[3].Signature[0] ^= 1 },
	"vote time":                 func(_ *fakeChain, lb *cmt.LightBlock) { lb.Commit.Signatures[0].Timestamp = lb.Time.Add(time.Second) },
	"one signature for all":     func(_ *fakeChain, lb *cmt.LightBlock) { s := lb.Commit.Signatures; s[1], s[2], s[3] = s[0], s[0], s[0] },
	"signatures swapped":        func(_ *fakeChain, lb *cmt.LightBlock) { s := lb.Commit.Signatures; s[0], s[1] = s[1], s[0] },
	"addresses swapped": func(_ *fakeChain, lb *cmt.LightBlock) {
		s := lb.Commit.Signatures
		s[0].ValidatorAddress, s[1].ValidatorAddress = s[1].ValidatorAddress, s[0].ValidatorAddress
	},
	"strange address":    func(_ *fakeChain, lb *cmt.LightBlock) { lb.Commit.Signatures[0].ValidatorAddress = filled(1)[:20] },
	"power":              func(_ *fakeChain, lb *cmt.LightBlock) { lb.ValidatorSet.Validators[0].VotingPower++ },
	"validator gone":     func(_ *fakeChain, lb *cmt.LightBlock) { lb.ValidatorSet.Validators = lb.ValidatorSet.Validators[1:] },
	"validators swapped": func(_ *fakeChain, lb *cmt.LightBlock) { v := lb.ValidatorSet.Validators; v[0], v[1] = v[1], v[0] },
	"validator twice":    func(_ *fakeChain, lb *cmt.LightBlock) { v := lb.ValidatorSet.Validators; v[1] = v[0] },
	"strange validator": func(_ *fakeChain, lb *cmt.LightBlock) {
		lb.ValidatorSet.Validators[0] = cmt.NewValidator(ed25519.GenPrivKeyFromSecret([]byte("x")).PubKey(), 10)
	},
	"validator's address": func(_ *fakeChain, lb *cmt.LightBlock) { lb.ValidatorSet.Validators[0].Address = filled(1)[:20] },
}

// TestEveryMutationIsJudgedAlike holds our rules against light's for every kind of change to a header, its commit and its
// validators, next to the pin and far from it, over random chains.
func TestEveryMutationIsJudgedAlike(t *testing.T) {
	accepted, refused, stricter := 0, 0, map[string]int{}
	for round := range 12 {
		rng := rand.New(rand.NewPCG(5, uint64(round)))
		f := wanderingChain(rng, 12)
		f.power = nil
		from := f.lightBlock(2)
		trust := verifier.TrustFrom(f.block(2), time.Hour)
		now := f.time(9)
		for _, height := range []int64{3, 4, 7} {
			blocks := map[string]*cmt.LightBlock{}
			for name, change := range headerMutations {
				h := f.header(height)
				change(f, h)
				blocks["header: "+name] = f.sign(h, f.keys(height))
			}
			for name, change := range blockMutations {
				lb := f.lightBlock(height)
				change(f, lb)
				blocks["block: "+name] = lb
			}
			for name, lb := range blocks {
				data, want := judged(from, lb, now)
				got := verifyEncoded(data, trust, now)
				if want == nil && got != nil && stricterThanLight(f, lb) {
					stricter[name]++
					continue
				}
				require.Equal(t, want == nil, got == nil, "round %d, height %d, %s: light says %v, we say %v", round, height, name, want, got)
				if got == nil {
					accepted++
				} else {
					refused++
				}
			}
		}
	}
	t.Logf("%d accepted by both, %d refused by both; of what light does not look at, refused by us: %v", accepted, refused, stricter)
	require.Greater(t, accepted, 100)
	require.Greater(t, refused, 500)
	require.NotEmpty(t, stricter)
}

// judged is what light says of a light block that came over the wire, and what came.
func judged(from, lb *cmt.LightBlock, now time.Time) (data []byte, err error) {
	defer func() {
		if r := recover(); r != nil { // a set that cannot be built cannot be sent
			err = fmt.Errorf("%v", r)
		}
	}()
	data = encoded(lb)
	if err := lb.ValidateBasic(testChain); err != nil { // as light's provider does
		return data, err
	}
	return data, light.Verify(from.SignedHeader, from.ValidatorSet, lb.SignedHeader, lb.ValidatorSet, time.Hour, now, DefaultClockDrift, light.DefaultTrustLevel)
}

// stricterThanLight tells whether a light block has what light never looks at: votes beyond two thirds, or for no block.
func stricterThanLight(f *fakeChain, lb *cmt.LightBlock) bool {
	return lb.ValidatorSet.VerifyCommit(f.id, lb.Commit.BlockID, lb.Height, lb.Commit) != nil
}

// TestProofsAgainstStockICS23 holds our verifier of proofs against the published one, on answers as they come and on
// answers that were changed: what we accept it accepts; what it accepts and we refuse has a shape that no tree of ours makes.
func TestProofsAgainstStockICS23(t *testing.T) {
	both, neither, stricter := 0, 0, 0
	for i := range 60 {
		rng := rand.New(rand.NewPCG(13, uint64(i)))
		f := newFakeChain(1)
		state := map[string][]byte{}
		for k := range 1 + rng.IntN(40) {
			state[fmt.Sprintf("member/m-%d", k)] = fmt.Appendf(nil, "value %d", rng.IntN(5))
		}
		f.add(state)
		appHash := f.appHash(1)
		for range 60 {
			key := fmt.Sprintf("member/m-%d", rng.IntN(50))
			r := f.record(key, 1)
			value := r.Value
			if rng.IntN(4) == 0 {
				value = fmt.Appendf(nil, "value %d", rng.IntN(5))
			}
			spoil(rng, r.Proof)
			ours := (&types.Proof{Ops: r.Proof}).Verify(appHash, types.RootState, key, value) == nil
			theirs := stockAccepts(r.Proof, appHash, key, value)
			require.False(t, ours && !theirs, "case %d: we accept what ics23 refuses", i)
			switch {
			case ours:
				both++
				require.Equal(t, state[key], value)
			case theirs:
				stricter++
			default:
				neither++
			}
		}
	}
	t.Logf("accepted by both %d, refused by both %d, by us alone %d", both, neither, stricter)
	require.Greater(t, both, 500)
	require.Greater(t, neither, 500)
}

// spoil changes a proof in one of the ways in which proofs are forged, or not at all.
func spoil(rng *rand.Rand, ops []*types.ProofOp) {
	step := func(p *ics23.CommitmentProof) *ics23.ExistenceProof {
		if e := p.GetExist(); e != nil {
			return e
		}
		n := p.GetNonexist()
		if n.Left == nil || n.Right != nil && rng.IntN(2) == 0 {
			return n.Right
		}
		return n.Left
	}
	kind := rng.IntN(16)
	changeProof(ops[rng.IntN(2)], func(p *ics23.CommitmentProof) {
		e := step(p)
		path := len(e.Path)
		switch {
		case kind == 0 && path > 0:
			e.Path = e.Path[1:]
		case kind == 1 && path > 0:
			e.Path = e.Path[:path-1]
		case kind == 2 && path > 0:
			e.Path = append(e.Path, e.Path[0])
		case kind == 3 && path > 1:
			e.Path[0], e.Path[1] = e.Path[1], e.Path[0]
		case kind == 4 && path > 0:
			s := e.Path[rng.IntN(path)]
			s.Prefix, s.Suffix = append([]byte{1}, s.Suffix...), s.Prefix[1:]
		case kind == 5:
			e.Key = slices.Clone(e.Key)
			e.Key[rng.IntN(len(e.Key))] ^= 1 << rng.IntN(8)
		case kind == 6:
			e.Value = slices.Clone(e.Value)
			e.Value[rng.IntN(len(e.Value))] ^= 1 << rng.IntN(8)
		case kind == 7:
			leaf := *e.Leaf
			leaf.Prefix = []byte{1}
			e.Leaf = &leaf
		case kind == 8:
			leaf := *e.Leaf
			leaf.PrehashKey, leaf.PrehashValue = ics23.HashOp_NO_HASH, ics23.HashOp_NO_HASH
			e.Leaf = &leaf
		case kind == 9 && path > 0:
			e.Path[0].Hash = ics23.HashOp_SHA512
		case kind == 10:
			if n := p.GetNonexist(); n != nil {
				n.Left, n.Right = n.Right, n.Left
			}
		case kind == 11:
			if n := p.GetNonexist(); n != nil {
				n.Left = nil
			}
		}
	})
}

// stockAccepts verifies by the published specifications alone.
func stockAccepts(ops []*types.ProofOp, appHash types.Hash, key string, value []byte) (ok bool) {
	defer func() {
		if recover() != nil { // ics23 panics on some malformed proofs
			ok = false
		}
	}()
	var inner, outer ics23.CommitmentProof
	if inner.Unmarshal(ops[0].Data) != nil || outer.Unmarshal(ops[1].Data) != nil || outer.GetExist() == nil {
		return false
	}
	root := outer.GetExist().Value
	if !ics23.VerifyMembership(ics23.TendermintSpec, appHash[:], &outer, []byte(types.RootState), root) {
		return false
	}
	k := sha256.Sum256([]byte(key))
	if value == nil {
		return ics23.VerifyNonMembership(ics23.SmtSpec, root, &inner, k[:])
	}
	v := sha256.Sum256(value)
	return ics23.VerifyMembership(ics23.SmtSpec, root, &inner, k[:], v[:])
}
