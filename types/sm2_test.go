package types_test

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// sm2Key makes the n-th SM2 key of the tests.
func sm2Key(t testing.TB, n byte) *types.SigningKey {
	t.Helper()
	secret := make([]byte, 32)
	secret[0], secret[31] = n, 0x5b
	k, err := types.NewSigningKeyFor(types.Algorithm_SM2_SM3, secret)
	require.NoError(t, err)
	return k
}

func TestSM2SigningKey(t *testing.T) {
	for n := range byte(8) {
		k := sm2Key(t, n)
		require.Equal(t, types.Algorithm_SM2_SM3, k.Algorithm())
		d := new(big.Int).SetBytes(k.Seed())
		require.Equal(t, times(d, naiveG).encode(), k.PublicKey())
		require.NoError(t, types.CheckPublicKey(k.Algorithm(), k.PublicKey()))
		msg := make([]byte, int(n)*17)
		sig := k.Sign(msg)
		require.Len(t, sig, 64)
		require.Equal(t, sig, k.Sign(msg), "signatures are deterministic")
		require.True(t, types.VerifySignature(k.Algorithm(), k.PublicKey(), msg, sig))
		require.True(t, naiveVerify(k.PublicKey(), msg, sig))
		again, err := types.NewSigningKeyFor(types.Algorithm_SM2_SM3, k.Seed())
		require.NoError(t, err)
		require.Equal(t, k.PublicKey(), again.PublicKey())
	}
	below := func(n int64) []byte { return bytes32(new(big.Int).Sub(naiveN, big.NewInt(n))) }
	for _, secret := range [][]byte{nil, make([]byte, 31), make([]byte, 33), make([]byte, 32), below(1), below(0), below(-1)} {
		_, err := types.NewSigningKeyFor(types.Algorithm_SM2_SM3, secret)
		require.Error(t, err, "%x", secret)
	}
	for _, secret := range [][]byte{below(2), bytes32(big.NewInt(1))} {
		_, err := types.NewSigningKeyFor(types.Algorithm_SM2_SM3, secret)
		require.NoError(t, err, "%x", secret)
	}
	a, err := types.GenerateSigningKeyFor(types.Algorithm_SM2_SM3)
	require.NoError(t, err)
	b, err := types.GenerateSigningKeyFor(types.Algorithm_SM2_SM3)
	require.NoError(t, err)
	require.NotEqual(t, a.Seed(), b.Seed())
	for _, none := range []types.Algorithm{0, 3, -1} {
		_, err := types.NewSigningKeyFor(none, make([]byte, 32))
		require.ErrorContains(t, err, "has no keys")
		_, err = types.GenerateSigningKeyFor(none)
		require.ErrorContains(t, err, "has no keys")
	}
}

// TestSM2KeepsItsSecret: no way of printing shows the secret, and no slice that is handed out is the key's own.
func TestSM2KeepsItsSecret(t *testing.T) {
	k := sm2Key(t, 3)
	secret := new(big.Int).SetBytes(k.Seed())
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q", "%o", "%b", "%t"} {
		for _, value := range []any{k, *k, []*types.SigningKey{k}, struct{ Key types.SigningKey }{*k}} {
			text := fmt.Sprintf(format, value)
			require.NotContains(t, text, hex.EncodeToString(k.Seed()), format)
			require.NotContains(t, text, secret.String(), format)
			require.Contains(t, text, hex.EncodeToString(k.PublicKey()), format)
		}
	}
	seed := k.Seed()
	k.Seed()[0] ^= 1
	k.PublicKey()[1] ^= 1
	require.Equal(t, seed, k.Seed())
	require.True(t, types.VerifySignature(types.Algorithm_SM2_SM3, k.PublicKey(), seed, k.Sign(seed)))
	require.Contains(t, fmt.Sprint(k), "SM2_SM3 key 04")
}

// TestAlgorithmsStayApart: a key, or a signature, of one algorithm is none of another.
func TestAlgorithmsStayApart(t *testing.T) {
	ed, sm := signingKey(t, 1), sm2Key(t, 1)
	msg := []byte("message")
	for _, a := range []types.Algorithm{0, types.Algorithm_ED25519, types.Algorithm_SM2_SM3, 3, -1} {
		require.Equal(t, a == types.Algorithm_ED25519, types.VerifySignature(a, ed.PublicKey(), msg, ed.Sign(msg)), a)
		require.Equal(t, a == types.Algorithm_SM2_SM3, types.VerifySignature(a, sm.PublicKey(), msg, sm.Sign(msg)), a)
		require.False(t, types.VerifySignature(a, ed.PublicKey(), msg, sm.Sign(msg)), a)
		require.False(t, types.VerifySignature(a, sm.PublicKey(), msg, ed.Sign(msg)), a)
	}
	requireCode(t, types.Code_public_key_malformed, types.CheckPublicKey(types.Algorithm_ED25519, sm.PublicKey()))
	requireCode(t, types.Code_public_key_malformed, types.CheckPublicKey(types.Algorithm_SM2_SM3, ed.PublicKey()))
	requireCode(t, types.Code_public_key_malformed, types.CheckPublicKey(3, sm.PublicKey()))
	for mask, allowed := range map[int64][2]bool{0: {false, false}, 1: {true, false}, 2: {false, true}, 3: {true, true}} {
		require.Equal(t, allowed, [2]bool{types.Allowed(types.Algorithm_ED25519, mask), types.Allowed(types.Algorithm_SM2_SM3, mask)}, mask)
		require.False(t, types.Allowed(0, mask))
	}
}

// TestSM2Transaction: what Sign makes with an SM2 key decodes and verifies on every path, in one form only.
func TestSM2Transaction(t *testing.T) {
	k := sm2Key(t, 1)
	raw, err := types.Sign(sampleBody(sampleOrder(1)), k)
	require.NoError(t, err)
	again, err := types.Sign(sampleBody(sampleOrder(1)), k)
	require.NoError(t, err)
	require.Equal(t, raw, again)
	tx, err := types.Decode(raw)
	require.NoError(t, err)
	requireCode(t, types.Code_algorithm_not_allowed, tx.CheckWindow(sampleChain, sampleNow, 1))
	require.NoError(t, tx.CheckWindow(sampleChain, sampleNow, 2))
	require.NoError(t, tx.CheckWindow(sampleChain, sampleNow, 3))

	negated := new(big.Int).Sub(naiveN, new(big.Int).SetBytes(tx.Signed.Signature[32:]))
	edits := []func(*types.SignedTx){
		func(s *types.SignedTx) { s.Signature = append(s.Signature[:32:32], bytes32(negated)...) },
		func(s *types.SignedTx) { s.Signature = s.Signature[:63] },
		func(s *types.SignedTx) { s.Signature = append(s.Signature[:64:64], 0) },
		func(s *types.SignedTx) { s.Signature = flip(s.Signature, 0) },
		func(s *types.SignedTx) { s.Signature = flip(s.Signature, 40) },
		func(s *types.SignedTx) { s.Body = flip(s.Body, 5) },
		func(s *types.SignedTx) { s.PublicKey = sm2Key(t, 2).PublicKey() },
		func(s *types.SignedTx) { s.PublicKey = flip(s.PublicKey, 9) },
		func(s *types.SignedTx) { s.PublicKey = s.PublicKey[:33] },
		func(s *types.SignedTx) { s.Algorithm = types.Algorithm_ED25519 },
		func(s *types.SignedTx) { s.Algorithm = 0 },
	}
	txs := []*types.Tx{tx}
	for _, edit := range edits {
		bad := &types.Tx{Signed: tx.Signed}
		edit(&bad.Signed)
		txs = append(txs, bad)
	}
	for i, ok := range verdicts(t, txs) {
		require.Equal(t, i == 0, ok, "transaction %d", i)
	}
	p := types.Possession(sampleChain, "bank-a", "k2", k.PublicKey())
	require.True(t, types.VerifySignature(k.Algorithm(), k.PublicKey(), p, k.Sign(p)))
}

// TestMixedBatch verifies both algorithms in one batch, over more than one chunk, and finds the bad ones of each.
func TestMixedBatch(t *testing.T) {
	var txs []*types.Tx
	bad := map[int]bool{2: true, 3: true, 1040: true, 1041: true}
	for i := range 1100 {
		k := signingKey(t, byte(i%5))
		if i%4 == 3 || i == 1040 {
			k = sm2Key(t, byte(i%5))
		}
		body := []byte(fmt.Sprintf("body %d", i))
		s := types.SignedTx{Body: body, Algorithm: k.Algorithm(), PublicKey: k.PublicKey(), Signature: k.Sign(types.SignBytes(body))}
		if bad[i] {
			s.Signature = flip(s.Signature, 33)
		}
		txs = append(txs, &types.Tx{Signed: s})
	}
	v := types.NewVerifier()
	for range 2 { // the second time with all keys known
		for i, ok := range v.VerifyBatch(txs) {
			require.Equal(t, !bad[i], ok, "transaction %d", i)
		}
	}
	var sm2Only []*types.Tx
	for i := 3; i < 40; i += 4 {
		sm2Only = append(sm2Only, txs[i])
	}
	for i, ok := range v.VerifyBatch(sm2Only) {
		require.Equal(t, i != 0, ok, "transaction %d", i)
	}
}

// FuzzSM2: no key and no signature makes the verifier panic, and it accepts what the standard accepts, on every path.
func FuzzSM2(f *testing.F) {
	f.Fuzz(func(t *testing.T, public, msg, sig []byte) {
		_, isPoint := naivePoint(public)
		if err := types.CheckPublicKey(types.Algorithm_SM2_SM3, public); err == nil && !isPoint {
			t.Fatalf("%x is no point", public)
		} else if _, ok := types.CodeOf(err); !ok {
			t.Fatal(err)
		}
		accepted := types.VerifySignature(types.Algorithm_SM2_SM3, public, msg, sig)
		if accepted != naiveVerify(public, msg, sig) {
			t.Fatalf("accepted: %t, the standard differs", accepted)
		}
		tx := &types.Tx{Signed: types.SignedTx{Body: msg, PublicKey: public, Algorithm: types.Algorithm_SM2_SM3, Signature: sig}}
		single := types.VerifySignature(types.Algorithm_SM2_SM3, public, types.SignBytes(msg), sig)
		v := types.NewVerifier()
		for range 2 { // the second time with the key known
			if v.VerifyTx(tx) != single {
				t.Fatal("verifiers disagree")
			}
		}
		for _, ok := range v.VerifyBatch([]*types.Tx{tx, tx}) {
			if ok != single {
				t.Fatal("a batch disagrees")
			}
		}
	})
}

// sm2Seeds are some of the cases that stand in testdata/sm2.json, and one transaction's signature.
func sm2Seeds(t *testing.T) [][]any {
	file := readSM2Vectors(t)
	out := [][]any{{[]byte{}, []byte{}, []byte{}}}
	for i := 0; i < len(file.Signatures); i += 7 {
		c := file.Signatures[i]
		out = append(out, []any{unhex(t, c.PublicKey), unhex(t, c.Message), unhex(t, c.Signature)})
	}
	for i := 0; i < len(file.Keys); i += 3 {
		out = append(out, []any{unhex(t, file.Keys[i].PublicKey), []byte("m"), make([]byte, 64)})
	}
	k := sm2Key(t, 1)
	return append(out, []any{k.PublicKey(), []byte("body"), k.Sign(types.SignBytes([]byte("body")))})
}
