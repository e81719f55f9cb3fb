package types

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

// zip215 is the one way in which signatures are verified. Nodes that mix it with another would fork the chain: the
// variants differ on signatures that an attacker can make on purpose.
var zip215 = &ed25519.Options{Verify: ed25519.VerifyOptionsZIP_215}

// SigningKey is an ed25519 key that can sign.
type SigningKey struct{ private ed25519.PrivateKey }

// NewSigningKey makes the key of a 32-byte seed (RFC 8032), which is copied.
func NewSigningKey(seed []byte) (*SigningKey, error) {
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("types: a seed has %d bytes, not %d", ed25519.SeedSize, len(seed))
	}
	return &SigningKey{private: ed25519.NewKeyFromSeed(seed)}, nil
}

// GenerateSigningKey makes a new key from the system's entropy.
func GenerateSigningKey() (*SigningKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := rand.Read(seed); err != nil { //nolint:forbidigo // a new key is no part of what replicas compute
		return nil, fmt.Errorf("read entropy: %w", err)
	}
	return NewSigningKey(seed)
}

// PublicKey is the 32-byte public key, a fresh copy.
func (k *SigningKey) PublicKey() []byte {
	return append([]byte(nil), k.private[ed25519.SeedSize:]...)
}

// Algorithm is ED25519.
func (k *SigningKey) Algorithm() Algorithm { return Algorithm_ED25519 }

// Seed is the 32-byte secret, a fresh copy. It never leaves the machine that signs.
func (k *SigningKey) Seed() []byte { return append([]byte(nil), k.private[:ed25519.SeedSize]...) }

// Sign signs the bytes as they are, 64 bytes R‖S (RFC 8032); the same bytes give the same signature.
func (k *SigningKey) Sign(msg []byte) []byte { return ed25519.Sign(k.private, msg) }

// String hides the secret from logs.
func (k *SigningKey) String() string { return fmt.Sprintf("ed25519 key %x", k.PublicKey()) }

// GoString hides the secret from %#v.
func (k *SigningKey) GoString() string { return k.String() }

// Allowed tells whether an algorithm is in a mask: bit 0 ed25519, bit 1 SM2 with SM3.
func Allowed(a Algorithm, mask int64) bool {
	switch a {
	case Algorithm_ED25519:
		return mask&1 != 0
	case Algorithm_SM2_SM3:
		return mask&2 != 0
	}
	return false
}

// VerifySignature verifies one signature over exactly msg: ed25519 with ZIP-215 semantics (https://zips.z.cash/zip-0215).
// Anything of a wrong length is false, and so is every algorithm but ED25519: SM2 with SM3 has its number in the
// format and no verifier in this version.
func VerifySignature(a Algorithm, public, msg, sig []byte) bool {
	if a != Algorithm_ED25519 || len(public) != ed25519.PublicKeySize || len(sig) != ed25519.SignatureSize {
		return false
	}
	return ed25519.VerifyWithOptions(public, msg, sig, zip215)
}

// CheckPublicKey refuses with public_key_malformed a key that may not be registered: one that is no point of the curve,
// is written in more than the shortest way, or has small order, so that signatures of it prove nothing.
func CheckPublicKey(a Algorithm, public []byte) error {
	if a == Algorithm_ALGORITHM_UNSPECIFIED {
		return Refuse(Code_enum_required, "algorithm")
	}
	if a != Algorithm_ED25519 {
		return Refuse(Code_public_key_malformed, "%s keys are not supported in this version", a)
	}
	if err := checkPoint(public); err != nil {
		return Refuse(Code_public_key_malformed, "%v", err)
	}
	return nil
}

func checkPoint(public []byte) error {
	if len(public) != ed25519.PublicKeySize {
		return fmt.Errorf("an ed25519 key has %d bytes, not %d", ed25519.PublicKeySize, len(public))
	}
	var compressed curve.CompressedEdwardsY
	if _, err := compressed.SetBytes(public); err != nil {
		return err
	}
	if !compressed.IsCanonicalVartime() {
		return errors.New("not written canonically")
	}
	var point curve.EdwardsPoint
	if _, err := point.SetCompressedY(&compressed); err != nil {
		return errors.New("not a point of the curve")
	}
	if point.IsSmallOrder() {
		return errors.New("a point of small order")
	}
	return nil
}

// Possession is what a new key signs to show that whoever registers it holds it:
// "tradecredit/v1/possession" ‖ 0 ‖ chain id ‖ 0 ‖ holder ‖ 0 ‖ key id ‖ 0 ‖ public key.
// holder is the member or subject that will own the key. No id can contain a zero byte.
func Possession(chainID, holder, keyID string, public []byte) []byte {
	var b []byte
	for _, s := range []string{domainPossession, chainID, holder, keyID} {
		b = append(append(b, s...), 0)
	}
	return append(b, public...)
}
