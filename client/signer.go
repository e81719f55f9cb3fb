package client

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"tradecredit/types"
)

// DefaultValidFor is how long a transaction may be included after it was signed; at most 24 h.
const DefaultValidFor = time.Hour

// Signer is a member, or an enterprise, with one of its keys and the label of where its facts come from.
type Signer struct {
	ID     string // member or subject
	KeyID  string
	Key    *types.SigningKey
	Origin types.Origin
}

// TxOptions are what a transaction has beside its messages.
type TxOptions struct {
	Reference  string // empty: ContentReference of the messages, attempt 0
	ValidUntil time.Time
	Atomic     bool
}

// SignTx signs a transaction for a chain and returns its bytes. ValidUntil must be set. Errors are the refusals of
// types.Decode: what this returns without one has the right shape.
func (s *Signer) SignTx(chainID string, messages []*types.Message, opts TxOptions) ([]byte, error) {
	if s.Key == nil {
		return nil, fmt.Errorf("client: signer %s has no key", s.ID)
	}
	reference := opts.Reference
	if reference == "" {
		var err error
		if reference, err = ContentReference(chainID, s.ID, messages, 0); err != nil {
			return nil, err
		}
	}
	origin := s.Origin
	return types.Sign(&types.Body{
		ChainId:        chainID,
		Signer:         s.ID,
		Key:            s.KeyID,
		Reference:      reference,
		ValidUntilUnix: opts.ValidUntil.Unix(),
		Origin:         &origin,
		Atomic:         opts.Atomic,
		Messages:       messages,
	}, s.Key)
}

// referenceDomain separates this digest from every other.
const referenceDomain = "tradecredit/v1/content-reference"

var referenceText = base32.StdEncoding.WithPadding(base32.NoPadding)

// ContentReference derives a transaction's reference from what it says: 32 characters of
// SHA-256(domain ‖ 0 ‖ chain ‖ 0 ‖ signer ‖ 0 ‖ attempt ‖ messages, each with its length). The same messages sent again
// have the same reference, so that the second copy is recognised; attempt tells apart a deliberate second try after a
// refusal.
func ContentReference(chainID, signer string, messages []*types.Message, attempt uint32) (string, error) {
	h := sha256.New()
	for _, s := range []string{referenceDomain, chainID, signer} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], attempt)
	h.Write(n[:])
	for _, m := range messages {
		b, err := m.Marshal()
		if err != nil {
			return "", fmt.Errorf("client: encode message: %w", err)
		}
		binary.BigEndian.PutUint32(n[:], uint32(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	return strings.ToLower(referenceText.EncodeToString(h.Sum(nil)[:20])), nil
}
