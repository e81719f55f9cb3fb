package client

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"tradecredit/client/verifier"
)

// pin is a header that was verified, as something to verify others from.
type pin struct {
	trust *Trust
	lb    *LightBlock // nil: the pin of the trust file
	at    time.Time   // when it was verified
}

// pins are what is believed, by ascending height: the pin of the trust file, and headers of which each was verified from
// the one before. They only ever grow forward.
type pins []pin

func (p pins) newest() pin { return p[len(p)-1] }

// within returns the pins with another period.
func (p pins) within(period time.Duration) pins {
	out := slices.Clone(p)
	for i, k := range out {
		t := *k.trust
		t.Period = period
		out[i].trust = &t
	}
	return out
}

// from is the pin to verify a header of that height from: the nearest one before it. Where that has expired, and for
// headers before all pins, it is a later one, which two thirds of its validators must bear out; see verifyLightBlock.
func (p pins) from(height int64, now time.Time) *Trust {
	best := p[0].trust
	for _, k := range p[1:] {
		if k.trust.Height < height {
			best = k.trust
		}
	}
	if newest := p.newest().trust; newest.Height >= height && best.Expired(now) != nil {
		return newest
	}
	return best
}

// at is the header of that height among the pins; nil without one.
func (p pins) at(height int64) *LightBlock {
	for _, k := range p {
		if k.lb != nil && k.lb.Height == height {
			return k.lb
		}
	}
	return nil
}

// extend returns the pins with headers that were verified one from another, the first from one of the pins. What is not
// newer than the newest pin is left out. A pin is forgotten when the one after it verifies from the one before it: what is
// kept can always be verified again.
func (p pins) extend(steps []*LightBlock, now time.Time) pins {
	out := slices.Clone(p)
	for _, lb := range steps {
		if lb.Height <= out.newest().trust.Height {
			continue
		}
		out = append(out, pin{nextTrust(out.newest().trust, lb), lb, now})
		for len(out) > 2 && follows(lb, out[len(out)-3].trust) {
			out = append(out[:len(out)-2], out[len(out)-1])
		}
	}
	return out
}

// nextTrust is the pin of a header that was verified from t. What expires is the later of the header's time and of when t
// was known to be good: whoever pins an old genesis today vouches for it today.
func nextTrust(t *Trust, lb *LightBlock) *Trust {
	next := verifier.TrustFrom(lb, t.Period)
	if t.Since.After(next.Since) {
		next.Since = t.Since
	}
	return next
}

// identity is what a trust pins, apart from when and for how long.
func identity(t *Trust) [32]byte {
	set := slices.Clone(t.Validators)
	slices.SortFunc(set, func(a, b TrustedValidator) int { return bytes.Compare(a.PublicKey, b.PublicKey) })
	h := sha256.New()
	h.Write([]byte("tradecredit/trust\x00" + t.ChainID + "\x00"))
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(t.Height)))
	h.Write(t.NextValidatorsHash)
	for _, v := range set {
		h.Write(v.PublicKey)
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(v.Power)))
	}
	return [32]byte(h.Sum(nil))
}
