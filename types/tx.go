package types

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
)

// Bounds of a transaction.
const (
	// MaxTxBytes is the longest encoded SignedTx, in bytes.
	MaxTxBytes = 256 << 10
	// MaxMessages is the largest number of messages in one body; the least is 1.
	MaxMessages = 256
	// MaxValidity is how far ahead of the block's time a transaction may be valid, in seconds.
	MaxValidity = 24 * 60 * 60
)

// Domains keep signatures made for one use from standing for another. A zero byte follows each.
const (
	domainTx         = "tradecredit/v1/tx"
	domainPossession = "tradecredit/v1/possession"
	domainReceipt    = "tradecredit/v1/receipt"
)

// Tx is a transaction that decoded strictly. Its fields belong together: change none of them.
type Tx struct {
	Raw        []byte   // as received; not copied
	Signed     SignedTx // the envelope
	Body       Body     // what was signed
	BodyDigest Hash     // SHA-256 of the body's bytes
	Hash       Hash     // SHA-256 of Raw
}

// SignBytes is what the signature of a transaction is over: "tradecredit/v1/tx" ‖ 0 ‖ body, body as it travels.
func SignBytes(body []byte) []byte {
	b := make([]byte, 0, len(domainTx)+1+len(body))
	b = append(b, domainTx...)
	b = append(b, 0)
	return append(b, body...)
}

// Sign encodes the body, signs it and returns the encoded SignedTx. It checks nothing but that the result can be
// decoded again; the same body and key give the same bytes.
func Sign(body *Body, k *SigningKey) (raw []byte, err error) {
	if body == nil || k == nil {
		return nil, errors.New("types: Sign needs a body and a key")
	}
	if slices.Contains(body.Messages, nil) {
		return nil, errors.New("types: a message of the body is nil")
	}
	encoded, err := body.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode body: %w", err)
	}
	signed := SignedTx{
		Body:      encoded,
		PublicKey: k.PublicKey(),
		Algorithm: k.Algorithm(),
		Signature: k.Sign(SignBytes(encoded)),
	}
	raw, err = signed.Marshal()
	if err != nil {
		return nil, fmt.Errorf("encode transaction: %w", err)
	}
	if _, err := Decode(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// Decode reads a transaction and refuses, with the first code that fits, in this order:
//
//	tx_too_large                longer than MaxTxBytes
//	tx_malformed                no protobuf, or empty
//	tx_not_canonical            envelope or body would be encoded in other bytes
//	tx_field_invalid            a field of the envelope is missing, an enum has an unknown value, a string is not
//	                            UTF-8, a message is unset or empty, signer or key id are malformed
//	message_count_out_of_range  not 1 to MaxMessages
//	reference_malformed         not 16 to 64 characters [A-Za-z0-9._-]
//	origin_invalid              see CheckOrigin
//
// It verifies no signature and needs no state; CheckWindow and Verifier do the rest. Raw is kept, not copied.
func Decode(raw []byte) (*Tx, error) {
	if len(raw) > MaxTxBytes {
		return nil, Refuse(Code_tx_too_large, "%d bytes, at most %d", len(raw), MaxTxBytes)
	}
	if len(raw) == 0 {
		return nil, Refuse(Code_tx_malformed, "empty")
	}
	t := &Tx{Raw: raw}
	if err := t.Signed.Unmarshal(raw); err != nil {
		return nil, Refuse(Code_tx_malformed, "envelope: %v", err)
	}
	if err := t.Body.Unmarshal(t.Signed.Body); err != nil {
		return nil, Refuse(Code_tx_malformed, "body: %v", err)
	}
	if err := sameEncoding("envelope", &t.Signed, raw); err != nil {
		return nil, err
	}
	if err := sameEncoding("body", &t.Body, t.Signed.Body); err != nil {
		return nil, err
	}
	if err := t.checkFields(); err != nil {
		return nil, err
	}
	if n := len(t.Body.Messages); n < 1 || n > MaxMessages {
		return nil, Refuse(Code_message_count_out_of_range, "%d messages, 1 to %d", n, MaxMessages)
	}
	if !isReference(t.Body.Reference) {
		return nil, Refuse(Code_reference_malformed, "16 to 64 characters A-Z a-z 0-9 . _ -")
	}
	if err := CheckOrigin(t.Body.Origin); err != nil {
		return nil, err
	}
	t.BodyDigest = sha256.Sum256(t.Signed.Body)
	t.Hash = sha256.Sum256(raw)
	return t, nil
}

// encoder is a generated message.
type encoder interface{ Marshal() ([]byte, error) }

func sameEncoding(layer string, m encoder, raw []byte) error {
	again, err := m.Marshal()
	if err != nil {
		return Refuse(Code_tx_malformed, "%s: %v", layer, err)
	}
	if !bytes.Equal(again, raw) {
		return Refuse(Code_tx_not_canonical, "%s: encode with ascending fields, shortest varints and no defaults", layer)
	}
	return nil
}

// checkFields applies what the encoding alone does not: see tx_field_invalid at Decode.
func (t *Tx) checkFields() error {
	s, b := &t.Signed, &t.Body
	if err := signedTxPlan().check(t.Raw); err != nil {
		return Refuse(Code_tx_field_invalid, "%v", err)
	}
	if err := bodyPlan().check(s.Body); err != nil {
		return Refuse(Code_tx_field_invalid, "%v", err)
	}
	missing := ""
	switch {
	case len(s.Body) == 0:
		missing = "body"
	case len(s.PublicKey) == 0:
		missing = "public_key"
	case s.Algorithm == Algorithm_ALGORITHM_UNSPECIFIED:
		missing = "algorithm"
	case len(s.Signature) == 0:
		missing = "signature"
	case b.ChainId == "":
		missing = "chain_id"
	case !isSigner(b.Signer):
		missing = "signer"
	case CheckKeyID(b.Key) != nil:
		missing = "key"
	}
	if missing != "" {
		return Refuse(Code_tx_field_invalid, "%s is missing or malformed", missing)
	}
	return nil
}

// CheckWindow refuses a transaction for another chain, algorithm or time: algorithm_not_allowed, chain_id_differs,
// tx_expired (nowUnix lies after valid_until), valid_until_too_far (more than 24 h after nowUnix), in this order.
// nowUnix is the block's time in seconds; algorithms is the mask of Parameters: bit 0 ed25519, bit 1 SM2 with SM3.
func (t *Tx) CheckWindow(chainID string, nowUnix int64, algorithms int64) error {
	if !Allowed(t.Signed.Algorithm, algorithms) {
		return Refuse(Code_algorithm_not_allowed, "%s", t.Signed.Algorithm)
	}
	if t.Body.ChainId != chainID {
		return Refuse(Code_chain_id_differs, "signed for another chain than %q", chainID)
	}
	until := t.Body.ValidUntilUnix
	if until < nowUnix {
		return Refuse(Code_tx_expired, "valid until %d, it is %d", until, nowUnix)
	}
	if until-MaxValidity > nowUnix {
		return Refuse(Code_valid_until_too_far, "valid until %d, at most %d s after %d", until, MaxValidity, nowUnix)
	}
	return nil
}

// CheckOrigin refuses with origin_invalid a label of origin that is missing, has no source system
// ([A-Za-z0-9._-]{1,32}), no known jurisdiction (ISO 3166-1 or 3166-2), a collection time before 1970 or after 9999,
// a shift beyond 36600 days either way, or shifted dates that are not marked as simulated.
func CheckOrigin(o *Origin) error {
	const maxShift, maxUnix = 36600, 253402300799
	wrong := ""
	switch {
	case o == nil:
		wrong = "origin is missing"
	case !isToken(o.SourceSystem, 1, 32):
		wrong = "source_system: 1 to 32 characters A-Z a-z 0-9 . _ -"
	case CheckJurisdiction(o.Jurisdiction) != nil:
		wrong = "jurisdiction is in neither ISO 3166-1 nor ISO 3166-2"
	case o.CollectedUnix < 0 || o.CollectedUnix > maxUnix:
		wrong = "collected_unix lies outside 1970 to 9999"
	case o.ShiftDays < -maxShift || o.ShiftDays > maxShift:
		wrong = "shift_days lies outside ±36600"
	case o.ShiftDays != 0 && !o.Simulated:
		wrong = "shifted dates must be marked simulated"
	}
	if wrong != "" {
		return Refuse(Code_origin_invalid, "%s", wrong)
	}
	return nil
}

// ContentDigest is the first 16 bytes of SHA-256 of the message as it is encoded in a body, on_behalf_of included. It
// tells an id that was sent again from an id that was taken by other content. It panics when m is no message.
func ContentDigest(onBehalfOf string, m Msg) []byte {
	wrapped := Wrap(onBehalfOf, m)
	b, err := wrapped.Marshal()
	if err != nil {
		panic("types: message does not encode: " + err.Error()) // generated code has no such path
	}
	sum := sha256.Sum256(b)
	return sum[:16]
}
