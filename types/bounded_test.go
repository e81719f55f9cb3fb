package types

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestVerifierKeepsFewKeys asks for more keys than the cache holds: it stays bounded, and its answers stay right.
func TestVerifierKeepsFewKeys(t *testing.T) {
	v := NewVerifier()
	var first *Tx
	for i := range cachedKeys + cachedKeys/2 {
		seed := make([]byte, 32)
		binary.BigEndian.PutUint32(seed, uint32(i))
		k, err := NewSigningKey(seed)
		require.NoError(t, err)
		tx := &Tx{Signed: SignedTx{Body: seed, Algorithm: Algorithm_ED25519, PublicKey: k.PublicKey(), Signature: make([]byte, 64)}}
		if first == nil {
			tx.Signed.Signature = k.Sign(SignBytes(seed))
			first = tx
		}
		require.NotNil(t, v.expanded(tx))
		require.LessOrEqual(t, len(v.ed25519.recent)+len(v.ed25519.older), cachedKeys)
	}
	require.Len(t, v.ed25519.older, cachedKeys/2)
	require.NotContains(t, v.ed25519.older, [32]byte(first.Signed.PublicKey))
	require.True(t, v.VerifyTx(first), "a key that was dropped comes back")
	require.Contains(t, v.ed25519.recent, [32]byte(first.Signed.PublicKey))
}

// TestVerifierKeepsFewSM2Keys does the same with SM2.
func TestVerifierKeepsFewSM2Keys(t *testing.T) {
	v := NewVerifier()
	var first *Tx
	for i := range cachedKeys + cachedKeys/2 {
		secret := make([]byte, 32)
		binary.BigEndian.PutUint32(secret, uint32(i+1))
		k, err := NewSigningKeyFor(Algorithm_SM2_SM3, secret)
		require.NoError(t, err)
		tx := &Tx{Signed: SignedTx{Body: secret, Algorithm: Algorithm_SM2_SM3, PublicKey: k.PublicKey(), Signature: make([]byte, 64)}}
		if first == nil {
			tx.Signed.Signature = k.Sign(SignBytes(secret))
			first = tx
		}
		require.Equal(t, i == 0, v.VerifyTx(tx))
		require.LessOrEqual(t, len(v.sm2.recent)+len(v.sm2.older), cachedKeys)
	}
	require.Len(t, v.sm2.older, cachedKeys/2)
	require.NotContains(t, v.sm2.older, [65]byte(first.Signed.PublicKey))
	require.True(t, v.VerifyTx(first), "a key that was dropped comes back")
	require.Contains(t, v.sm2.recent, [65]byte(first.Signed.PublicKey))
	kept := len(v.sm2.recent)
	nobody := &Tx{Signed: SignedTx{Algorithm: Algorithm_SM2_SM3, PublicKey: append([]byte{4}, make([]byte, 64)...), Signature: make([]byte, 64)}}
	require.False(t, v.VerifyTx(nobody))
	require.Len(t, v.sm2.recent, kept, "what is no key is not kept")
}

// TestPlanOfAnyBytes: a plan that is run on bytes that were never decoded answers with an error, not a panic.
func TestPlanOfAnyBytes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	refused := 0
	for range 20_000 {
		b := make([]byte, r.IntN(40))
		for i := range b {
			b[i] = byte(r.Uint32() & r.Uint32()) // small numbers: tags and lengths that fit
		}
		if bodyPlan().check(b) != nil {
			refused++
		}
	}
	require.Greater(t, refused, 1000)
	for name, b := range map[string][]byte{
		"tag cut off": {0x80}, "no value": {0x28}, "length beyond the end": {0x0a, 5, 'a'}, "fixed 32": {0x2d, 0, 0, 0, 0},
		"unknown field": {0xfa, 0x7f, 0}, "unset oneof": {0x42, 2, 0x0a, 0},
	} {
		require.Error(t, bodyPlan().check(b), name)
	}
	require.NoError(t, bodyPlan().check(nil))
}

// TestPlansReachEveryMessage: nothing inside a transaction is left unchecked.
func TestPlansReachEveryMessage(t *testing.T) {
	body := bodyPlan()
	require.Equal(t, kindMessage, body.fields[8].kind)
	message := body.fields[8].plan
	require.True(t, message.oneof)
	set := 0
	for _, f := range message.fields {
		if f.oneof {
			require.Equal(t, kindMessage, f.kind, f.name)
			require.NotNil(t, f.plan, f.name)
			require.NotNil(t, RowNamed(f.name), f.name)
			set++
		}
	}
	require.Equal(t, len(Table), set)
	require.Equal(t, kindEnum, signedTxPlan().fields[3].kind)
	require.Equal(t, []bool{true, true, true}, signedTxPlan().fields[3].values)
}
