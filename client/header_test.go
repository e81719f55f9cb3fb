package client

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/cometbft/cometbft/light"
	cmt "github.com/cometbft/cometbft/types"
	"github.com/stretchr/testify/require"

	"tradecredit/client/verifier"
)

// TestHeaderRulesAreLights holds VerifyLightBlock against CometBFT's light on thousands of pairs of headers: what one
// accepts the other accepts.
func TestHeaderRulesAreLights(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	accepted, strict, refused := 0, 0, map[string]int{}
	for i := range 1500 {
		f := newFakeChain(4)
		f.sets = randomSets(rng, 10)
		f.add(map[string][]byte{"chain": {1}})
		share := rng.Float64()*0.8 + 0.3
		bits := rng.Uint64()
		f.signed = func(h int64, i int) bool {
			return h < 5 || float64((bits>>(uint(i)*8))&0xff)/256 < share
		}
		from := f.lightBlock(2 + rng.Int64N(3))
		to := f.lightBlock(1 + rng.Int64N(9))
		tamper(rng, f, to)
		period := time.Duration(rng.Int64N(40)) * time.Second
		now := to.Time.Add(time.Duration(rng.Int64N(50)-15) * time.Second)
		if period == 0 {
			continue // ours: without end; light knows no such thing
		}
		trust := verifier.TrustFrom(ours(from), period)
		want := light.Verify(from.SignedHeader, from.ValidatorSet, to.SignedHeader, to.ValidatorSet, period, now, DefaultClockDrift, light.DefaultTrustLevel)
		got := verifyEncoded(encoded(to), trust, now)
		if want == nil && errors.Is(got, ErrHeaderSignature) { // light stops at two thirds
			require.Error(t, to.ValidatorSet.VerifyCommit(f.id, to.Commit.BlockID, to.Height, to.Commit), "case %d: %v", i, got)
			strict++
			continue
		}
		require.Equal(t, want == nil, got == nil, "case %d: light says %v, we say %v", i, want, got)
		if got == nil {
			accepted++
		} else {
			refused[sentinel(got).Error()]++
		}
	}
	require.Greater(t, accepted, 100)
	for _, want := range []error{ErrTrustExpired, ErrHeaderForged, ErrHeaderNotNewer, ErrHeaderTime, ErrHeaderFuture, ErrValidatorsDiffer, ErrValidatorsPinned, ErrTrustOverlap, ErrPowerShort, ErrHeaderSignature, ErrOtherChain} {
		require.Positive(t, refused[want.Error()], "%v never happened: %v", want, refused)
	}
}

// verifyEncoded is what a reader does with the bytes of a light block.
func verifyEncoded(data []byte, trust *Trust, now time.Time) error {
	lb, err := DecodeLightBlock(data)
	if err != nil {
		return err
	}
	return VerifyLightBlock(lb, trust, now, 0)
}

// sentinel is the innermost error of the package.
func sentinel(err error) error {
	for {
		next, ok := err.(interface{ Unwrap() error })
		if !ok || next.Unwrap() == nil {
			return err
		}
		err = next.Unwrap()
	}
}

func randomSets(rng *rand.Rand, heights int) [][]ed25519.PrivKey {
	pool := testValidators("v", 8)
	set := pool[:4]
	var out [][]ed25519.PrivKey
	for range heights {
		if rng.IntN(3) == 0 {
			from := rng.IntN(5)
			set = pool[from : from+1+rng.IntN(4)]
		}
		out = append(out, set)
	}
	return out
}

// tamper changes a light block in one of the ways in which headers are forged, or not at all.
func tamper(rng *rand.Rand, f *fakeChain, lb *cmt.LightBlock) {
	switch rng.IntN(16) {
	case 0:
		lb.AppHash = filled(9)
	case 1:
		for i := range lb.Commit.Signatures {
			if s := lb.Commit.Signatures[i].Signature; len(s) > 0 {
				s[3] ^= 4
			}
		}
	case 2:
		lb.ValidatorSet = validatorSet(testValidators("other", 3))
	case 3:
		lb.Commit.Height++
	case 4:
		lb.Commit.Signatures = lb.Commit.Signatures[:len(lb.Commit.Signatures)-1]
	case 5:
		h := *lb.Header
		h.Time = testStart
		*lb = *f.sign(&h, f.keys(h.Height))
	case 6:
		h := *lb.Header
		h.ChainID = "another-chain"
		*lb = *f.sign(&h, f.keys(h.Height))
	case 7, 8: // others than those announced
		h := *lb.Header
		keys := testValidators("v", 8)[rng.IntN(4):]
		h.ValidatorsHash = validatorSet(keys).Hash()
		*lb = *f.sign(&h, keys)
	}
}

// The reasons, one by one.
func TestVerifyLightBlockReasons(t *testing.T) {
	f := newFakeChain(4)
	for range 6 {
		f.add(map[string][]byte{"chain": {1}})
	}
	now := f.time(7).Add(time.Second)
	trust := f.trust()
	require.NoError(t, VerifyLightBlock(f.block(1), trust, now, 0))
	require.NoError(t, VerifyLightBlock(f.block(6), trust, now, time.Minute))
	require.ErrorIs(t, VerifyLightBlock(f.block(2), trust, now, 2*time.Second), ErrStale)
	require.ErrorIs(t, VerifyLightBlock(nil, trust, now, 0), ErrHeaderMalformed)
	require.ErrorIs(t, VerifyLightBlock(&LightBlock{}, trust, now, 0), ErrOtherChain)
	require.ErrorIs(t, VerifyLightBlock(f.block(6), nil, now, 0), ErrNoTrust)
	require.ErrorIs(t, VerifyLightBlock(f.block(6), &Trust{}, now, 0), ErrTrustMalformed)

	later := verifier.TrustFrom(f.block(5), time.Hour)
	require.ErrorIs(t, VerifyLightBlock(f.block(5), later, now, 0), ErrHeaderNotNewer)
	require.ErrorIs(t, VerifyLightBlock(f.block(4), later, now, 0), ErrHeaderNotNewer)
	require.NoError(t, VerifyLightBlock(f.block(6), later, now, 0))
	require.ErrorIs(t, VerifyLightBlock(f.block(6), later, now.Add(2*time.Hour), 0), ErrTrustExpired)

	// A pin without end does not expire, and one that others signed is not believed.
	trust.Period = 0
	require.NoError(t, VerifyLightBlock(f.block(6), trust, now.Add(24*3650*time.Hour), 0))
	strange := newFakeChain(4)
	strange.sets = [][]ed25519.PrivKey{testValidators("x", 4)}
	require.ErrorIs(t, VerifyLightBlock(strange.block(6), trust, now, 0), ErrTrustOverlap)
	require.ErrorIs(t, VerifyLightBlock(strange.block(1), trust, now, 0), ErrValidatorsPinned)
}

// A pin that was advanced still verifies what is older, when two thirds of it signed that.
func TestOlderHeaders(t *testing.T) {
	f := newFakeChain(4)
	for range 6 {
		f.add(map[string][]byte{"chain": {1}})
	}
	now := f.time(7).Add(time.Second)
	later := verifier.TrustFrom(f.block(5), time.Hour)
	for h := int64(1); h <= 7; h++ {
		require.NoError(t, verifyLightBlock(f.block(h), later, now), h)
	}
	some := *f
	some.sets = [][]ed25519.PrivKey{append(testValidators("v", 2), testValidators("old", 2)...)} // half of the pinned
	require.ErrorIs(t, verifyLightBlock(some.block(3), later, now), ErrTrustOverlap)
	require.NoError(t, verifyLightBlock(some.block(7), later, now))
	h := f.header(3)
	h.Time = f.time(6)
	require.ErrorIs(t, verifyLightBlock(ours(f.sign(h, f.keys(3))), later, now), ErrHeaderTime)
	h = f.header(5)
	h.Time = f.time(6)
	require.ErrorIs(t, verifyLightBlock(ours(f.sign(h, f.keys(5))), later, now), ErrHeaderTime)
}

func TestTrustFile(t *testing.T) {
	f := newFakeChain(4)
	f.add(map[string][]byte{"chain": {1}})
	path := t.TempDir() + "/trust.json"
	header := verifier.TrustFrom(f.block(2), time.Hour)
	for _, want := range []*Trust{f.trust(), header} {
		require.NoError(t, WriteTrust(path, want))
		got, err := ReadTrust(path)
		require.NoError(t, err)
		require.True(t, want.HeaderTime.Equal(got.HeaderTime))
		require.True(t, want.Since.Equal(got.Since))
		want.HeaderTime, want.Since = got.HeaderTime, got.Since
		require.Equal(t, want, got)
	}
	good, err := f.trust().MarshalJSON()
	require.NoError(t, err)
	for _, c := range [][2]string{
		{`"format":"tradecredit-trust/1"`, `"format":"tradecredit-trust/2"`}, {`"power":10`, `"power":0`}, {`"power":10`, `"power":-1`},
		{`"power":10`, `"power":9223372036854775807`}, {`"height":0`, `"height":-1`}, {`"height":0`, `"high":0`}, {`"validators":[`, `"validators":[],"x":[`},
		{`"public_key_ed25519":"`, `"public_key_ed25519":"00`}, {`"since":"2025`, `"since":"now`},
	} {
		require.Contains(t, string(good), c[0])
		bad := replaceOnce(string(good), c[0], c[1])
		require.ErrorIs(t, new(Trust).UnmarshalJSON([]byte(bad)), ErrTrustMalformed, c[1])
	}
	_, err = ReadTrust(path + ".none")
	require.Error(t, err)
}

func TestTrustFromGenesis(t *testing.T) {
	f := newFakeChain(4)
	f.add(map[string][]byte{"chain": {1}})
	doc := &cmt.GenesisDoc{ChainID: testChain, GenesisTime: testStart, InitialHeight: 1}
	for _, k := range f.keys(1) {
		doc.Validators = append(doc.Validators, cmt.GenesisValidator{PubKey: k.PubKey(), Power: 10, Name: "v"})
	}
	path := t.TempDir() + "/genesis.json"
	require.NoError(t, doc.SaveAs(path))
	trust, err := TrustFromGenesis(readTestFile(t, path), testStart, time.Hour)
	require.NoError(t, err)
	require.NoError(t, VerifyLightBlock(f.block(1), trust, f.time(2), 0))
	require.NoError(t, VerifyLightBlock(f.block(2), trust, f.time(2), 0))

	doc.Validators = nil
	require.NoError(t, doc.SaveAs(path))
	_, err = TrustFromGenesis(readTestFile(t, path), testStart, time.Hour)
	require.ErrorIs(t, err, ErrTrustMalformed)
	_, err = TrustFromGenesis([]byte("{}"), testStart, time.Hour)
	require.ErrorIs(t, err, ErrTrustMalformed)
}
