package types

import (
	"bytes"
	"crypto/ecdsa"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm3"
)

// SM2 signatures (GB/T 32918.2-2016) over SM3 digests (GB/T 32905-2016) have one form here.
//
// A public key is the uncompressed point 04‖x‖y, 65 bytes: the form that GM/T 0009 prescribes for SM2PublicKey, so what
// a certificate or a cryptographic device shows is copied as it stands, and reading it takes no square root. Compressed
// and hybrid points are refused. A signature is r‖s, 32 bytes each, big-endian, with 1 ≤ r, s ≤ n−1 and r+s ≠ n, never
// DER. What is signed is SM3(Z_A ‖ message) with the default user id of GM/T 0009.
const (
	sm2PublicKeySize = 65
	sm2SecretSize    = 32
	sm2SignatureSize = 64
	sm2UserID        = "1234567812345678"
	uncompressed     = 4 // first byte of an uncompressed point
)

// sm2Order is n, the order of the group (GB/T 32918.5-2017).
var sm2Order = [sm2SecretSize]byte{
	0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	0x72, 0x03, 0xdf, 0x6b, 0x21, 0xc6, 0x05, 0x2b, 0x53, 0xbb, 0xf4, 0x09, 0x39, 0xd5, 0x41, 0x23,
}

// sm2Signature is the DER form that the library takes and gives; it stays inside this file.
type sm2Signature struct{ R, S *big.Int }

// sm2PublicKey is a public key that was read, with its Z_A.
type sm2PublicKey struct {
	point *ecdsa.PublicKey
	za    []byte
}

// newSM2PublicKey reads 04‖x‖y: x and y below p, and the point on the curve, which excludes infinity. The group has a
// prime order, so there are no points of small order.
func newSM2PublicKey(public []byte) (*sm2PublicKey, error) {
	if len(public) != sm2PublicKeySize || public[0] != uncompressed {
		return nil, fmt.Errorf("an SM2 key is an uncompressed point: 04, x and y, %d bytes", sm2PublicKeySize)
	}
	point, err := sm2.ParseUncompressedPublicKey(public)
	if err != nil {
		return nil, errors.New("not a point of the SM2 curve, or not written canonically")
	}
	za, err := sm2.CalculateZA(point, []byte(sm2UserID))
	if err != nil {
		return nil, err
	}
	return &sm2PublicKey{point: point, za: za}, nil
}

// digest is e = SM3(Z_A ‖ msg).
func (k *sm2PublicKey) digest(msg []byte) []byte {
	h := sm3.New()
	h.Write(k.za)
	h.Write(msg)
	return h.Sum(nil)
}

// verify verifies r‖s over exactly msg.
func (k *sm2PublicKey) verify(msg, sig []byte) bool {
	if len(sig) != sm2SignatureSize || !inSM2Order(sig[:sm2SecretSize]) || !inSM2Order(sig[sm2SecretSize:]) {
		return false
	}
	// The library refuses r+s = n.
	encoded, err := asn1.Marshal(sm2Signature{new(big.Int).SetBytes(sig[:sm2SecretSize]), new(big.Int).SetBytes(sig[sm2SecretSize:])})
	return err == nil && sm2.VerifyASN1(k.point, k.digest(msg), encoded)
}

// inSM2Order tells whether 1 ≤ x ≤ n−1; x has 32 bytes.
func inSM2Order(x []byte) bool {
	return !bytes.Equal(x, make([]byte, sm2SecretSize)) && bytes.Compare(x, sm2Order[:]) < 0
}

// checkSM2Point refuses a public key that may not be registered. Beside what cannot be read that is −G: its secret would
// be n−1, which GB/T 32918.1 excludes, and any s would do in a signature of it.
func checkSM2Point(public []byte) error {
	if _, err := newSM2PublicKey(public); err != nil {
		return err
	}
	if bytes.Equal(public, sm2Negated[:]) {
		return errors.New("the key of the secret n−1, which cannot sign")
	}
	return nil
}

// sm2Negated is −G, written as a public key.
var sm2Negated = [sm2PublicKeySize]byte{
	4,
	0x32, 0xc4, 0xae, 0x2c, 0x1f, 0x19, 0x81, 0x19, 0x5f, 0x99, 0x04, 0x46, 0x6a, 0x39, 0xc9, 0x94,
	0x8f, 0xe3, 0x0b, 0xbf, 0xf2, 0x66, 0x0b, 0xe1, 0x71, 0x5a, 0x45, 0x89, 0x33, 0x4c, 0x74, 0xc7,
	0x43, 0xc8, 0xc9, 0x5c, 0x0b, 0x09, 0x88, 0x63, 0xa6, 0x42, 0x31, 0x1c, 0x94, 0x96, 0xde, 0xac,
	0x2f, 0x56, 0x78, 0x82, 0x39, 0xd5, 0xb8, 0xc0, 0xfd, 0x20, 0xcd, 0x1a, 0xde, 0xc6, 0x0f, 0x5f,
}

// sm2Secret is a secret with its public key.
type sm2Secret struct {
	private *sm2.PrivateKey
	secret  []byte // the same, 32 bytes
	public  *sm2PublicKey
	encoded []byte // public key, 04‖x‖y
}

// newSM2Secret reads a big-endian secret, 1 to n−2.
func newSM2Secret(secret []byte) (*sm2Secret, error) {
	if len(secret) != sm2SecretSize {
		return nil, fmt.Errorf("types: an SM2 secret has %d bytes, not %d", sm2SecretSize, len(secret))
	}
	private, err := sm2.ParseRawPrivateKey(secret)
	if err != nil {
		return nil, errors.New("types: an SM2 secret lies between 1 and n−2")
	}
	agreeing, err := private.ECDH() // the way to the public key's bytes
	if err != nil {
		return nil, fmt.Errorf("types: %w", err)
	}
	encoded := agreeing.PublicKey().Bytes()
	public, err := newSM2PublicKey(encoded)
	if err != nil {
		return nil, fmt.Errorf("types: %w", err)
	}
	return &sm2Secret{private: private, secret: bytes.Clone(secret), public: public, encoded: encoded}, nil
}

// sign gives r‖s. The nonce comes from secret and digest (RFC 6979 with HMAC-SM3), never from chance.
func (k *sm2Secret) sign(msg []byte) []byte {
	encoded, err := sm2.SignDeterministic(k.private, k.public.digest(msg), nil)
	if err != nil {
		panic("types: SM2 does not sign: " + err.Error()) // only keys that newSM2Secret refuses cannot
	}
	var sig sm2Signature
	if rest, err := asn1.Unmarshal(encoded, &sig); err != nil || len(rest) > 0 {
		panic("types: the SM2 library gave no signature")
	}
	out := make([]byte, sm2SignatureSize)
	sig.R.FillBytes(out[:sm2SecretSize])
	sig.S.FillBytes(out[sm2SecretSize:])
	return out
}
