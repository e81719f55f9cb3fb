package client

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"time"

	cmtmath "github.com/cometbft/cometbft/libs/math"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmt "github.com/cometbft/cometbft/types"
)

// MaxLightBlockSize bounds an encoded light block in bytes; 100 validators have less than 40 KiB.
const MaxLightBlockSize = 1 << 20

// DefaultClockDrift is how far a header's time may lie ahead of the reader's clock.
const DefaultClockDrift = 10 * time.Second

// trustLevel is the share of the pinned power that must have signed a header for it to be believed. A live client
// takes the light client's third (one honest validator among them); a report must satisfy two thirds of the pinned set.
type trustLevel cmtmath.Fraction

var (
	oneThird  = trustLevel{Numerator: 1, Denominator: 3}
	twoThirds = trustLevel{Numerator: 2, Denominator: 3}
)

// DecodeLightBlock reads a CometBFT LightBlock and checks its shape; nothing in it is believed yet. Bytes that do not
// encode to themselves are ErrHeaderEncoding.
func DecodeLightBlock(data []byte) (lb *cmt.LightBlock, err error) {
	defer func() {
		// The bytes come from a stranger, and CometBFT's set arithmetic panics where it sees a bug of its caller.
		if r := recover(); r != nil {
			lb, err = nil, fmt.Errorf("%w: %v", ErrHeaderMalformed, r)
		}
	}()
	if len(data) == 0 {
		return nil, fmt.Errorf("%w: empty", ErrHeaderMalformed)
	}
	if len(data) > MaxLightBlockSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrHeaderMalformed, len(data))
	}
	pb := new(cmtproto.LightBlock)
	if err := pb.Unmarshal(data); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrHeaderMalformed, err)
	}
	if lb, err = cmt.LightBlockFromProto(pb); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrHeaderMalformed, err)
	}
	if lb.SignedHeader == nil || lb.Header == nil || lb.Commit == nil || lb.ValidatorSet == nil {
		return nil, fmt.Errorf("%w: a part is missing", ErrHeaderMalformed)
	}
	again, err := encodeLightBlock(lb)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, data) {
		return nil, ErrHeaderEncoding
	}
	return lb, nil
}

// encodeLightBlock is the one encoding that DecodeLightBlock accepts.
func encodeLightBlock(lb *cmt.LightBlock) ([]byte, error) {
	pb, err := lb.ToProto()
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrHeaderMalformed, err)
	}
	return pb.Marshal()
}

// VerifyLightBlock checks that a light block follows from what is trusted, by the rules of CometBFT's
// light/verifier.go: the trust has not expired; header, commit and validators belong together and to the chain; the
// header is newer than the trusted one and not from the future; for the next height the set is the announced one, else
// validators with more than a third of the trusted power signed; and more than two thirds of its own set signed.
// maxAge > 0 also refuses a header older than that (ErrStale). Every failure is one of this package's errors.
func VerifyLightBlock(lb *cmt.LightBlock, trust *Trust, now time.Time, maxAge time.Duration) error {
	if err := checkNewer(lb, trust); err != nil {
		return err
	}
	return verifyLightBlock(lb, trust, now, maxAge, oneThird)
}

// verifyLightBlock is VerifyLightBlock at another level, and for headers that are not newer than the trusted one. Such a
// header is believed when more than two thirds of the pinned power signed it: a pin that was advanced still verifies the
// history and the reports that were made before. (Light would walk the hashes of every header between.)
func verifyLightBlock(lb *cmt.LightBlock, trust *Trust, now time.Time, maxAge time.Duration, level trustLevel) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrHeaderMalformed, r)
		}
	}()
	pinned, err := trust.check(now)
	if err != nil {
		return err
	}
	if err := checkHeader(lb, trust, now); err != nil {
		return err
	}
	if lb.Height <= trust.Height {
		level = twoThirds
	}
	if lb.Height == trust.Height+1 {
		if !bytes.Equal(lb.ValidatorsHash, trust.NextValidatorsHash) {
			return ErrValidatorsPinned
		}
	} else if err := pinned.VerifyCommitLightTrusting(trust.ChainID, lb.Commit, cmtmath.Fraction(level)); err != nil {
		return signatureError(err, ErrTrustOverlap)
	}
	if err := lb.ValidatorSet.VerifyCommitLight(trust.ChainID, lb.Commit.BlockID, lb.Height, lb.Commit); err != nil {
		return signatureError(err, ErrPowerShort)
	}
	if age := now.Sub(lb.Time); maxAge > 0 && age > maxAge {
		return fmt.Errorf("%w: the header is %s old", ErrStale, age.Round(time.Second))
	}
	return nil
}

// checkNewer is light's rule that only headers after the trusted one are looked at.
func checkNewer(lb *cmt.LightBlock, trust *Trust) error {
	if lb != nil && lb.SignedHeader != nil && lb.Header != nil && trust != nil && lb.ChainID == trust.ChainID && lb.Height <= trust.Height {
		return fmt.Errorf("%w: height %d, trusted %d", ErrHeaderNotNewer, lb.Height, trust.Height)
	}
	return nil
}

// checkHeader is what can be said without a signature.
func checkHeader(lb *cmt.LightBlock, trust *Trust, now time.Time) error {
	if lb == nil || lb.SignedHeader == nil || lb.Header == nil || lb.Commit == nil || lb.ValidatorSet.IsNilOrEmpty() {
		return ErrHeaderMalformed
	}
	if lb.ChainID != trust.ChainID {
		return fmt.Errorf("%w: the header is of %q, not %q", ErrOtherChain, lb.ChainID, trust.ChainID)
	}
	if lb.Commit.Height != lb.Height || !bytes.Equal(lb.Commit.BlockID.Hash, lb.Hash()) {
		return ErrHeaderForged
	}
	if !bytes.Equal(lb.ValidatorsHash, lb.ValidatorSet.Hash()) {
		return ErrValidatorsDiffer
	}
	if err := lb.ValidateBasic(trust.ChainID); err != nil {
		return fmt.Errorf("%w: %v", ErrHeaderMalformed, err)
	}
	// Times of headers rise with their heights.
	if order := lb.Time.Compare(trust.HeaderTime); !trust.HeaderTime.IsZero() && order != cmp.Compare(lb.Height, trust.Height) {
		return fmt.Errorf("%w: height %d at %s, trusted height %d at %s", ErrHeaderTime, lb.Height, lb.Time, trust.Height, trust.HeaderTime)
	}
	if !lb.Time.Before(now.Add(DefaultClockDrift)) {
		return fmt.Errorf("%w: %s, now %s; is the clock right?", ErrHeaderFuture, lb.Time, now)
	}
	return nil
}

// signatureError tells too little power from a wrong signature.
func signatureError(err, short error) error {
	var power cmt.ErrNotEnoughVotingPowerSigned
	if errors.As(err, &power) {
		return fmt.Errorf("%w: %d of more than %d", short, power.Got, power.Needed)
	}
	return fmt.Errorf("%w: %v", ErrHeaderSignature, err)
}
