package verifier

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtmath "github.com/cometbft/cometbft/libs/math"
	"github.com/cometbft/cometbft/light"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmt "github.com/cometbft/cometbft/types"
	"github.com/stretchr/testify/require"
)

// theirs is what CometBFT says of a light block: its error, if any, and the decoded one.
func theirs(data []byte, chain string, pinned *cmt.ValidatorSet) (*cmt.LightBlock, error) {
	pb := new(cmtproto.LightBlock)
	if err := pb.Unmarshal(data); err != nil {
		return nil, err
	}
	lb, err := cmt.LightBlockFromProto(pb)
	if err != nil {
		return nil, err
	}
	if lb.SignedHeader == nil || lb.ValidatorSet == nil || lb.Header == nil || lb.Commit == nil {
		return nil, fmt.Errorf("a part is missing")
	}
	if !bytes.Equal(encodeCmt(lb), data) {
		return nil, fmt.Errorf("not canonical")
	}
	if err := lb.ValidateBasic(chain); err != nil {
		return lb, err
	}
	if err := lb.ValidatorSet.VerifyCommit(chain, lb.Commit.BlockID, lb.Height, lb.Commit); err != nil {
		return lb, err
	}
	return lb, pinned.VerifyCommitLightTrusting(chain, lb.Commit, cmtmath.Fraction{Numerator: 2, Denominator: 3})
}

func trustOf(set *cmt.ValidatorSet) *Trust {
	t := &Trust{ChainID: testChain, NextValidatorsHash: filled(1), Height: 1}
	for _, v := range set.Validators {
		t.Validators = append(t.Validators, TrustedValidator{PublicKey: v.PubKey.Bytes(), Power: v.VotingPower})
	}
	return t
}

// randomHeader has fields of any length that a header may have.
func randomHeader(rng *rand.Rand) *cmt.Header {
	w := &world{chain: testChain, sets: [][]ed25519.PrivKey{testKeys("v", 4)}}
	h := w.header(1)
	h.Height = 3 + rng.Int64N(math.MaxInt64-3)
	h.Time = time.Unix(rng.Int64N(4e9), rng.Int64N(1e9)).UTC()
	if rng.IntN(8) == 0 {
		h.Time = time.Unix(h.Time.Unix(), 0).UTC()
	}
	h.Version.App = rng.Uint64() >> rng.IntN(64)
	for _, b := range []*[]byte{(*[]byte)(&h.LastCommitHash), (*[]byte)(&h.DataHash), (*[]byte)(&h.ConsensusHash), (*[]byte)(&h.LastResultsHash), (*[]byte)(&h.EvidenceHash)} {
		if rng.IntN(4) == 0 {
			*b = nil
		} else {
			*b = randomBytes(rng, 32)
		}
	}
	h.AppHash = randomBytes(rng, rng.IntN(40))
	if rng.IntN(4) == 0 {
		h.LastBlockID = cmt.BlockID{}
	}
	return h
}

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// TestHeadersAgainstCometBFT holds decoding, hashes, signed bytes and verdicts of random headers against CometBFT's.
func TestHeadersAgainstCometBFT(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	accepted, refused := 0, 0
	for i := range 400 {
		keys := testKeys("v", 1+rng.IntN(7))
		pinned := validatorSet(testKeys("v", 1+rng.IntN(7)))
		h := randomHeader(rng)
		h.ValidatorsHash = validatorSet(keys).Hash()
		share := rng.Float64() + 0.3
		lb := signHeader(h, keys, func(int) cmt.BlockIDFlag {
			switch {
			case rng.Float64() < share:
				return cmt.BlockIDFlagCommit
			case rng.IntN(2) == 0:
				return cmt.BlockIDFlagNil
			}
			return cmt.BlockIDFlagAbsent
		})
		switch rng.IntN(8) {
		case 0:
			lb.Commit.Round++ // signed was another
		case 1:
			lb.ValidatorSet = validatorSet(testKeys("x", len(keys)))
		case 2:
			lb.ValidatorSet.IncrementProposerPriority(rng.Int32N(5) + 1)
		}
		data := encodeCmt(lb)
		_, want := theirs(data, testChain, pinned)
		got, err := DecodeLightBlock(data)
		require.NoError(t, err)
		hash := got.Hash()
		require.Equal(t, []byte(lb.Hash()), hash[:])
		set := validatorsHash(got.Validators)
		require.Equal(t, lb.ValidatorSet.Hash(), set[:])
		for j := range got.Commit.Signatures {
			require.Equal(t, lb.Commit.VoteSignBytes(testChain, int32(j)), got.Commit.signBytes(testChain, j))
		}
		err = VerifyLightBlock(got, trustOf(pinned), h.Time.Add(time.Hour), TwoThirds)
		require.Equal(t, want == nil, err == nil, "case %d: CometBFT says %v, we say %v", i, want, err)
		if err == nil {
			accepted++
		} else {
			refused++
		}
	}
	require.Greater(t, accepted, 40)
	require.Greater(t, refused, 40)
}

// TestEveryBitOfAHeader flips every bit of a light block, cuts it at every place and doubles every byte: what either
// verifier accepts the other accepts, and of what nobody signed nothing but the validators' turns.
func TestEveryBitOfAHeader(t *testing.T) {
	w := newWorld(t, worldOptions{validators: 2})
	good := w.light(provedAt + 1)
	pinned := validatorSet(w.keys(1))
	trust, now := trustOf(pinned), w.now()
	try := func(data []byte, what string, args ...any) {
		_, want := theirs(data, testChain, pinned)
		lb, err := DecodeLightBlock(data)
		if err == nil {
			err = VerifyLightBlock(lb, trust, now, TwoThirds)
		}
		if err == nil {
			require.NoError(t, want, what, args)
			require.Equal(t, good, lb.Normal(), what, args)
		} else if want == nil {
			require.Fail(t, err.Error(), what, args)
		}
	}
	try(good, "good")
	for i := range good {
		for bit := range 8 {
			bad := bytes.Clone(good)
			bad[i] ^= 1 << bit
			try(bad, "byte %d, bit %d", i, bit)
		}
		try(good[:i], "cut at %d", i)
		try(append(bytes.Clone(good[:i+1]), good[i:]...), "byte %d twice", i)
	}
}

// TestLightRules holds VerifyLightBlock against CometBFT's light over changing validators.
func TestLightRules(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	accepted := 0
	for i := range 300 {
		w := &world{chain: testChain, step: time.Second, states: []map[string][]byte{{"chain": {1}}}}
		pool := testKeys("v", 8)
		set := pool[:4]
		for range 10 {
			if rng.IntN(3) == 0 {
				from := rng.IntN(5)
				set = pool[from : from+1+rng.IntN(4)]
			}
			w.sets = append(w.sets, set)
		}
		flags := rng.Uint64()
		sign := func(h int64) *cmt.LightBlock {
			head := w.header(1)
			head.Height, head.Time = h, w.time(h)
			head.ValidatorsHash, head.NextValidatorsHash = validatorSet(w.keys(h)).Hash(), validatorSet(w.keys(h+1)).Hash()
			return signHeader(head, w.keys(h), func(i int) cmt.BlockIDFlag {
				if h >= 5 && flags>>(8*i)&3 == 0 {
					return cmt.BlockIDFlagAbsent
				}
				return cmt.BlockIDFlagCommit
			})
		}
		from, to := sign(2+rng.Int64N(3)), sign(5+rng.Int64N(5))
		now := to.Time.Add(time.Duration(rng.Int64N(40)-15) * time.Second)
		want := light.Verify(from.SignedHeader, from.ValidatorSet, to.SignedHeader, to.ValidatorSet, time.Hour, now, ClockDrift, light.DefaultTrustLevel)
		a, err := DecodeLightBlock(encodeCmt(from))
		require.NoError(t, err)
		b, err := DecodeLightBlock(encodeCmt(to))
		require.NoError(t, err)
		got := VerifyLightBlock(b, TrustFrom(a, time.Hour), now, OneThird)
		require.Equal(t, want == nil, got == nil, "case %d: light says %v, we say %v", i, want, got)
		if got == nil {
			accepted++
		}
	}
	require.Greater(t, accepted, 60)
}

// A genesis file is read as CometBFT reads it, and a set ordered as it orders it.
func TestGenesisAgainstCometBFT(t *testing.T) {
	doc := &cmt.GenesisDoc{ChainID: testChain, GenesisTime: testStart, InitialHeight: 7}
	var vals []*cmt.Validator
	for i, k := range testKeys("g", 9) {
		power := int64(10 + i%3)
		doc.Validators = append(doc.Validators, cmt.GenesisValidator{PubKey: k.PubKey(), Power: power})
		vals = append(vals, cmt.NewValidator(k.PubKey(), power))
	}
	path := t.TempDir() + "/genesis.json"
	require.NoError(t, doc.SaveAs(path))
	trust, err := TrustFromGenesis(readFile(t, path), testStart, time.Hour)
	require.NoError(t, err)
	require.Equal(t, int64(6), trust.Height)
	require.Equal(t, cmt.NewValidatorSet(vals).Hash(), trust.NextValidatorsHash)

	text, err := json.Marshal(trust)
	require.NoError(t, err)
	again := new(Trust)
	require.NoError(t, json.Unmarshal(text, again))
	require.Equal(t, trust, again)
	for _, bad := range []string{"{}", "[]", `{"chain_id":"x","validators":[{"pub_key":{"type":"tendermint/PubKeySecp256k1","value":""},"power":"1"}]}`,
		`{"chain_id":"x","initial_height":"one"}`} {
		_, err := TrustFromGenesis([]byte(bad), testStart, 0)
		require.ErrorIs(t, err, ErrTrustMalformed, bad)
	}
}

// What a stranger sends must not bring the reader down.
func FuzzDecodeLightBlock(f *testing.F) {
	w := newWorld(f, worldOptions{validators: 2})
	good := w.light(provedAt + 1)
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte{})
	trust, now := w.trust(), w.now()
	f.Fuzz(func(t *testing.T, data []byte) {
		lb, err := DecodeLightBlock(data)
		if err != nil {
			require.Nil(t, lb)
			return
		}
		require.Equal(t, data, lb.encode())
		_ = VerifyLightBlock(lb, trust, now, OneThird)
	})
}
