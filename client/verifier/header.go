package verifier

import (
	"bytes"
	"cmp"
	"fmt"
	"math/bits"
	"time"

	"tradecredit/types"
)

// ClockDrift is how far a header's time may lie ahead of the reader's clock.
const ClockDrift = 10 * time.Second

// Level is the share of a trusted set's power that must have signed a header for it to be believed.
type Level struct{ Numerator, Denominator uint64 }

// A live reader takes the light client's third (one honest validator among them); a report must satisfy two thirds of the
// pinned set.
var (
	OneThird  = Level{1, 3}
	TwoThirds = Level{2, 3}
)

// exceeded tells whether power is more than the level's share of all, rounded down as CometBFT does.
func (l Level) exceeded(power, all int64) bool {
	hi, lo := bits.Mul64(uint64(all), l.Numerator)
	needed, _ := bits.Div64(hi, lo, l.Denominator)
	return uint64(power) > needed
}

// VerifyLightBlock checks that a light block follows from a pin, by the rules of CometBFT's light/verifier.go: header,
// commit and validators belong together and to the chain; its time fits its height and does not lie after now; for the
// next height the set is the announced one, else validators with more than level of the trusted power signed; more than
// two thirds of its own set signed; and every signature is a good one. Every failure is one of this package's errors.
// Whether the pin has expired is for the caller to ask.
//
// A header that is not newer than the pin is believed when more than two thirds of the pinned power signed it: a pin that
// was advanced still verifies what was made before. (CometBFT's client would walk the hashes of every header between.)
func VerifyLightBlock(lb *LightBlock, trust *Trust, now time.Time, level Level) error {
	if err := trust.Check(); err != nil {
		return err
	}
	if err := lb.check(trust.ChainID); err != nil {
		return err
	}
	// Times of headers rise with their heights.
	if order := lb.Time.Compare(trust.HeaderTime); !trust.HeaderTime.IsZero() && order != cmp.Compare(lb.Height, trust.Height) {
		return fmt.Errorf("%w: height %d at %s, trusted height %d at %s", ErrHeaderTime, lb.Height, lb.Time, trust.Height, trust.HeaderTime)
	}
	if !lb.Time.Before(now.Add(ClockDrift)) {
		return fmt.Errorf("%w: %s, now %s; is the clock right?", ErrHeaderFuture, lb.Time, now)
	}
	if lb.Height <= trust.Height {
		level = TwoThirds
	}
	if lb.Height == trust.Height+1 {
		if !bytes.Equal(lb.ValidatorsHash, trust.NextValidatorsHash) {
			return ErrValidatorsPinned
		}
	} else if signed, all := lb.signedBy(trust.Validators); !level.exceeded(signed, all) {
		return fmt.Errorf("%w: %d of more than %d/%d of %d", ErrTrustOverlap, signed, level.Numerator, level.Denominator, all)
	}
	return lb.signatures()
}

// check is what can be said without a signature.
func (lb *LightBlock) check(chainID string) error {
	if lb == nil {
		return ErrHeaderMalformed
	}
	if lb.ChainID != chainID {
		return fmt.Errorf("%w: the header is of %q, not %q", ErrOtherChain, lb.ChainID, chainID)
	}
	if hash := lb.Hash(); lb.Commit.Height != lb.Height || !bytes.Equal(lb.Commit.Block.Hash, hash[:]) {
		return ErrHeaderForged
	}
	if hash := validatorsHash(lb.Validators); !bytes.Equal(lb.ValidatorsHash, hash[:]) {
		return ErrValidatorsDiffer
	}
	if len(lb.Commit.Signatures) != len(lb.Validators) {
		return fmt.Errorf("%w: %d signatures of %d validators", ErrHeaderMalformed, len(lb.Commit.Signatures), len(lb.Validators))
	}
	for i, s := range lb.Commit.Signatures {
		if s.Flag != flagAbsent && !bytes.Equal(s.Address, lb.Validators[i].Address) {
			return fmt.Errorf("%w: signature %d is not of validator %d", ErrHeaderSignature, i+1, i+1)
		}
	}
	return nil
}

// signatures verifies each signature, those for no block too, and that more than two thirds of the power signed the block.
func (lb *LightBlock) signatures() error {
	signed, all := lb.power()
	if !TwoThirds.exceeded(signed, all) {
		return fmt.Errorf("%w: %d of %d", ErrPowerShort, signed, all)
	}
	for i, s := range lb.Commit.Signatures {
		if s.Flag != flagAbsent && !types.VerifySignature(types.Algorithm_ED25519, lb.Validators[i].PublicKey,
			lb.Commit.signBytes(lb.ChainID, i), s.Signature) {
			return fmt.Errorf("%w: of validator %d", ErrHeaderSignature, i+1)
		}
	}
	return nil
}

// power adds up who signed the block, and everybody.
func (lb *LightBlock) power() (signed, all int64) {
	for i, v := range lb.Validators {
		all += v.Power
		if lb.Commit.Signatures[i].Flag == flagCommit {
			signed += v.Power
		}
	}
	return signed, all
}

// signedBy adds up the power that a trusted set gives to those of its validators that signed the block, and all its power.
func (lb *LightBlock) signedBy(trusted []TrustedValidator) (signed, all int64) {
	voted := make(map[string]bool, len(lb.Validators))
	for i, v := range lb.Validators {
		voted[string(v.PublicKey)] = lb.Commit.Signatures[i].Flag == flagCommit
	}
	for _, v := range trusted {
		all += v.Power
		if voted[string(v.PublicKey)] {
			signed += v.Power
		}
	}
	return signed, all
}

// signers counts the validators that signed the block.
func (lb *LightBlock) signers() (n int) {
	for _, s := range lb.Commit.Signatures {
		if s.Flag == flagCommit {
			n++
		}
	}
	return n
}
