package client

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"time"

	"tradecredit/client/verifier"
	"tradecredit/types"
)

// LightBlock is a header with the commit on it and the validators that signed. Its rules are package verifier's, so that a
// node's answer and a report in a browser are held to the same.
type LightBlock = verifier.LightBlock

// DefaultClockDrift is how far a header's time may lie ahead of the reader's clock.
const DefaultClockDrift = verifier.ClockDrift

// DecodeLightBlock reads the light block that a node sends; nothing in it is believed yet. Bytes that do not encode to
// themselves, or have parts that no signature covers, are ErrHeaderEncoding: every bit of it is bound.
func DecodeLightBlock(data []byte) (*LightBlock, error) {
	lb, err := verifier.DecodeLightBlock(data)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(lb.Normal(), data) {
		return nil, fmt.Errorf("%w: it has parts that nobody signed", ErrHeaderEncoding)
	}
	return lb, nil
}

// VerifyLightBlock checks that a light block follows from what is trusted, by the rules of CometBFT's
// light/verifier.go: the trust has not expired; header, commit and validators belong together and to the chain; the
// header is newer than the trusted one and not from the future; for the next height the set is the announced one, else
// validators with more than a third of the trusted power signed; and more than two thirds of its own set signed. Unlike
// light, which stops at two thirds, it wants every signature that is there to be a good one. maxAge > 0 also refuses a
// header older than that (ErrStale). Every failure is one of this package's errors.
func VerifyLightBlock(lb *LightBlock, trust *Trust, now time.Time, maxAge time.Duration) error {
	if lb != nil && trust != nil && lb.ChainID == trust.ChainID && lb.Height <= trust.Height {
		return fmt.Errorf("%w: height %d, trusted %d", ErrHeaderNotNewer, lb.Height, trust.Height)
	}
	if err := verifyLightBlock(lb, trust, now); err != nil {
		return err
	}
	return fresh(lb, now, maxAge)
}

// verifyLightBlock is VerifyLightBlock without the age, and for headers that are not newer than the trusted one. Such a
// header is believed when more than two thirds of the pinned power signed it.
func verifyLightBlock(lb *LightBlock, trust *Trust, now time.Time) error {
	if err := trust.Check(); err != nil {
		return err
	}
	if err := trust.Expired(now); err != nil {
		return err
	}
	return verifier.VerifyLightBlock(lb, trust, now, verifier.OneThird)
}

// fresh refuses a header that is too old, or lies in the future.
func fresh(lb *LightBlock, now time.Time, maxAge time.Duration) error {
	if age := now.Sub(lb.Time); maxAge > 0 && age > maxAge {
		return fmt.Errorf("%w: the header is %s old", ErrStale, age.Round(time.Second))
	}
	if lb.Time.After(now.Add(DefaultClockDrift)) {
		return fmt.Errorf("%w: %s, now %s; is the clock right?", ErrHeaderFuture, lb.Time, now)
	}
	return nil
}

// follows tells whether a header verifies from a pin, whatever the time.
func follows(lb *LightBlock, from *Trust) bool {
	return lb.Height > from.Height && verifier.VerifyLightBlock(lb, from, lb.Time, verifier.OneThird) == nil
}

// blockID tells light blocks apart.
type blockID struct {
	header types.Hash // of the header
	block  [32]byte   // of the whole light block, commit and all
}

func idOf(lb *LightBlock) blockID { return blockID{lb.Hash(), sha256.Sum256(lb.Normal())} }

// appHashOf is the app hash in a header, of the state after the height before.
func appHashOf(lb *LightBlock) (h types.Hash, err error) {
	if len(lb.AppHash) != len(h) {
		return h, fmt.Errorf("%w: the app hash has %d bytes", ErrHeaderMalformed, len(lb.AppHash))
	}
	return types.Hash(lb.AppHash), nil
}
