package types

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
)

// zip215 is the one way in which ed25519 signatures are verified. Nodes that mix it with another would fork the chain: the
// variants differ on signatures that an attacker can make on purpose.
var zip215 = &ed25519.Options{Verify: ed25519.VerifyOptionsZIP_215}

// SigningKey is a key that can sign: ed25519, or SM2 with SM3.
type SigningKey struct {
	private ed25519.PrivateKey // nil for SM2
	sm2     *sm2Secret         // nil for ed25519
}

// NewSigningKey makes the ed25519 key of a 32-byte seed (RFC 8032), which is copied.
func NewSigningKey(seed []byte) (*SigningKey, error) {
	return NewSigningKeyFor(Algorithm_ED25519, seed)
}

// NewSigningKeyFor makes the key of a 32-byte secret, which is copied: the seed of an ed25519 key (RFC 8032), or the
// big-endian number d of an SM2 key, 1 to n−2 (GB/T 32918.1).
func NewSigningKeyFor(a Algorithm, secret []byte) (*SigningKey, error) {
	switch a {
	case Algorithm_ED25519:
		if len(secret) != ed25519.SeedSize {
			return nil, fmt.Errorf("types: a seed has %d bytes, not %d", ed25519.SeedSize, len(secret))
		}
		return &SigningKey{private: ed25519.NewKeyFromSeed(secret)}, nil
	case Algorithm_SM2_SM3:
		key, err := newSM2Secret(secret)
		if err != nil {
			return nil, err
		}
		return &SigningKey{sm2: key}, nil
	}
	return nil, fmt.Errorf("types: %s has no keys", a)
}

// GenerateSigningKey makes a new ed25519 key from the system's entropy.
func GenerateSigningKey() (*SigningKey, error) { return GenerateSigningKeyFor(Algorithm_ED25519) }

// GenerateSigningKeyFor makes a new key of an algorithm from the system's entropy.
func GenerateSigningKeyFor(a Algorithm) (*SigningKey, error) {
	// One 32-byte number in 2³² is no SM2 secret; who sees that twice has no entropy.
	const tries = 2
	var failed error
	for range tries {
		secret := make([]byte, secretSize)
		if _, err := rand.Read(secret); err != nil { //nolint:forbidigo // a new key is no part of what replicas compute
			return nil, fmt.Errorf("read entropy: %w", err)
		}
		key, err := NewSigningKeyFor(a, secret)
		if err == nil {
			return key, nil
		}
		failed = err
	}
	return nil, failed
}

// secretSize is how many bytes the secret of every kind of key has.
const secretSize = 32

// PublicKey is the public key, a fresh copy: 32 bytes of ed25519 (RFC 8032), or 65 of SM2, the uncompressed point 04‖x‖y
// (GM/T 0009).
func (k *SigningKey) PublicKey() []byte {
	if k.sm2 != nil {
		return bytes.Clone(k.sm2.encoded)
	}
	return bytes.Clone(k.private[ed25519.SeedSize:])
}

// Algorithm is ED25519 or SM2_SM3.
func (k *SigningKey) Algorithm() Algorithm {
	if k.sm2 != nil {
		return Algorithm_SM2_SM3
	}
	return Algorithm_ED25519
}

// Seed is the 32-byte secret, a fresh copy: what NewSigningKeyFor makes the key of. It never leaves the machine that signs.
func (k *SigningKey) Seed() []byte {
	if k.sm2 != nil {
		return bytes.Clone(k.sm2.secret)
	}
	return bytes.Clone(k.private[:ed25519.SeedSize])
}

// Sign signs the bytes as they are, 64 bytes: R‖S of ed25519 (RFC 8032), or r‖s of SM2 with SM3 (GB/T 32918.2, user id
// 1234567812345678, nonce by RFC 6979 with HMAC-SM3). The same bytes give the same signature.
func (k *SigningKey) Sign(msg []byte) []byte {
	if k.sm2 != nil {
		return k.sm2.sign(msg)
	}
	return ed25519.Sign(k.private, msg)
}

// String tells the algorithm and the public key.
func (k SigningKey) String() string { return fmt.Sprintf("%s key %x", k.Algorithm(), k.PublicKey()) }

// Format hides the secret from logs, whatever the verb.
func (k SigningKey) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, k.String()) // what prints has no way to fail
}

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

// VerifySignature verifies one signature over exactly msg: ed25519 with ZIP-215 semantics (https://zips.z.cash/zip-0215),
// or SM2 with SM3 (GB/T 32918.2 with the default user id of GM/T 0009; public key 04‖x‖y, signature r‖s). Anything of a
// wrong length or form is false, and so is every other algorithm.
func VerifySignature(a Algorithm, public, msg, sig []byte) bool {
	switch a {
	case Algorithm_ED25519:
		return len(public) == ed25519.PublicKeySize && len(sig) == ed25519.SignatureSize &&
			ed25519.VerifyWithOptions(public, msg, sig, zip215)
	case Algorithm_SM2_SM3:
		if len(sig) != sm2SignatureSize {
			return false
		}
		key, err := newSM2PublicKey(public)
		return err == nil && key.verify(msg, sig)
	}
	return false
}

// CheckPublicKey refuses with public_key_malformed a key that may not be registered: one that is no point of the curve,
// is written in another than the one form, or of which signatures prove nothing (of small order; of the secret n−1).
func CheckPublicKey(a Algorithm, public []byte) error {
	var err error
	switch a {
	case Algorithm_ALGORITHM_UNSPECIFIED:
		return Refuse(Code_enum_required, "algorithm")
	case Algorithm_ED25519:
		err = checkPoint(public)
	case Algorithm_SM2_SM3:
		err = checkSM2Point(public)
	default:
		err = fmt.Errorf("%s is no algorithm", a)
	}
	if err != nil {
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
