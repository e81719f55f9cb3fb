package verifier

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// trustFormat stands in every trust file, so that a reader knows what it holds.
const trustFormat = "tradecredit-trust/1"

// Trust pins a validator set: everything else is believed only as far as these validators signed it. It comes from a
// genesis file that the user obtained on another way, or from a header that was verified before.
type Trust struct {
	// ChainID is the network it is about.
	ChainID string
	// Height is that of the trusted header; the height before the first block for a genesis.
	Height int64
	// HeaderTime is the trusted header's time; zero for a genesis.
	HeaderTime time.Time
	// Since is when the set was known to be good: the header's time, or when the genesis was pinned.
	Since time.Time
	// Period is for how long after Since the set is believed; 0: without end.
	Period time.Duration
	// Validators is the set of Height, and of Height+1 for a genesis.
	Validators []TrustedValidator
	// NextValidatorsHash is the hash of the set of Height+1, 32 bytes.
	NextValidatorsHash []byte
}

// TrustedValidator is one validator of a pinned set.
type TrustedValidator struct {
	PublicKey []byte // ed25519, 32 bytes
	Power     int64  // > 0
}

// TrustFrom pins a header that was verified, for a period from its time on. The validators are those of its own height.
func TrustFrom(lb *LightBlock, period time.Duration) *Trust {
	t := &Trust{ChainID: lb.ChainID, Height: lb.Height, HeaderTime: lb.Time, Since: lb.Time, Period: period,
		NextValidatorsHash: lb.NextValidatorsHash}
	for _, v := range lb.Validators {
		t.Validators = append(t.Validators, TrustedValidator{PublicKey: v.PublicKey, Power: v.Power})
	}
	return t
}

// Check holds the pin to its shape: ErrNoTrust, ErrTrustMalformed.
func (t *Trust) Check() error {
	if t == nil {
		return ErrNoTrust
	}
	if t.ChainID == "" || t.Height < 0 || t.Period < 0 || len(t.NextValidatorsHash) != 32 || len(t.Validators) == 0 {
		return ErrTrustMalformed
	}
	var total int64
	for i, v := range t.Validators {
		if len(v.PublicKey) != publicKeySize {
			return fmt.Errorf("%w: validator %d: the public key has %d bytes", ErrTrustMalformed, i+1, len(v.PublicKey))
		}
		if v.Power <= 0 || v.Power > maxTotalPower-total {
			return fmt.Errorf("%w: validator %d: power %d", ErrTrustMalformed, i+1, v.Power)
		}
		total += v.Power
		for _, other := range t.Validators[:i] {
			if bytes.Equal(other.PublicKey, v.PublicKey) {
				return fmt.Errorf("%w: validator %d stands there twice", ErrTrustMalformed, i+1)
			}
		}
	}
	return nil
}

// Expired refuses with ErrTrustExpired a pin whose period is over.
func (t *Trust) Expired(now time.Time) error {
	if t.Period > 0 && !t.Since.Add(t.Period).After(now) {
		return fmt.Errorf("%w (at %s, now %s)", ErrTrustExpired,
			t.Since.Add(t.Period).UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	return nil
}

// trustFile is the JSON form of Trust.
type trustFile struct {
	Format             string           `json:"format"`
	ChainID            string           `json:"chain_id"`
	Height             int64            `json:"height"`
	HeaderTime         string           `json:"header_time,omitempty"`
	Since              string           `json:"since"`
	PeriodS            int64            `json:"period_s"`
	NextValidatorsHash string           `json:"next_validators_hash"`
	Validators         []trustValidator `json:"validators"`
}

type trustValidator struct {
	PublicKey string `json:"public_key_ed25519"`
	Power     int64  `json:"power"`
}

// MarshalJSON writes the trust file.
func (t *Trust) MarshalJSON() ([]byte, error) {
	f := trustFile{Format: trustFormat, ChainID: t.ChainID, Height: t.Height, Since: t.Since.UTC().Format(time.RFC3339Nano),
		PeriodS: int64(t.Period / time.Second), NextValidatorsHash: hex.EncodeToString(t.NextValidatorsHash)}
	if !t.HeaderTime.IsZero() {
		f.HeaderTime = t.HeaderTime.UTC().Format(time.RFC3339Nano)
	}
	for _, v := range t.Validators {
		f.Validators = append(f.Validators, trustValidator{hex.EncodeToString(v.PublicKey), v.Power})
	}
	return json.Marshal(f)
}

// UnmarshalJSON reads a trust file; an unknown field, a missing one or a malformed set is ErrTrustMalformed.
func (t *Trust) UnmarshalJSON(data []byte) error {
	var f trustFile
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return fmt.Errorf("%w: %v", ErrTrustMalformed, err)
	}
	if f.Format != trustFormat {
		return fmt.Errorf("%w: format is %q, not %q", ErrTrustMalformed, f.Format, trustFormat)
	}
	var errs []error
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339Nano, s)
		errs = append(errs, err)
		return v
	}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		errs = append(errs, err)
		return b
	}
	out := Trust{ChainID: f.ChainID, Height: f.Height, Since: at(f.Since), Period: time.Duration(f.PeriodS) * time.Second,
		NextValidatorsHash: unhex(f.NextValidatorsHash)}
	if f.HeaderTime != "" {
		out.HeaderTime = at(f.HeaderTime)
	}
	for _, v := range f.Validators {
		out.Validators = append(out.Validators, TrustedValidator{unhex(v.PublicKey), v.Power})
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: %v", ErrTrustMalformed, err)
	}
	// An expired trust is still a readable one: only its shape is looked at here.
	if err := out.Check(); err != nil {
		return err
	}
	*t = out
	return nil
}
