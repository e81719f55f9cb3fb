package types_test

import (
	stded25519 "crypto/ed25519"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

func TestSigningKey(t *testing.T) {
	for n := range byte(8) {
		k := signingKey(t, n)
		std := stded25519.NewKeyFromSeed(k.Seed())
		require.Equal(t, []byte(std.Public().(stded25519.PublicKey)), k.PublicKey())
		msg := []byte(strings.Repeat("m", int(n)*17))
		require.Equal(t, stded25519.Sign(std, msg), k.Sign(msg), "RFC 8032 signatures are deterministic")
		require.True(t, types.VerifySignature(k.Algorithm(), k.PublicKey(), msg, k.Sign(msg)))
	}
	for _, size := range []int{0, 31, 33, 64} {
		_, err := types.NewSigningKey(make([]byte, size))
		require.Error(t, err)
	}
	a, err := types.GenerateSigningKey()
	require.NoError(t, err)
	b, err := types.GenerateSigningKey()
	require.NoError(t, err)
	require.NotEqual(t, a.Seed(), b.Seed())
}

// TestSigningKeyKeepsItsSecret: no way of printing shows the seed, and no slice that is handed out is the key's own.
func TestSigningKeyKeepsItsSecret(t *testing.T) {
	k := signingKey(t, 3)
	secret := hex.EncodeToString(k.Seed())
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		require.NotContains(t, fmt.Sprintf(format, k), secret, format)
	}
	seed := k.Seed()
	k.Seed()[0] ^= 1
	k.PublicKey()[0] ^= 1
	require.Equal(t, seed, k.Seed())
	require.True(t, types.VerifySignature(1, k.PublicKey(), seed, k.Sign(seed)))
}

// smallOrder are the 14 encodings, canonical and not, of the eight points of small order.
var smallOrder = []string{
	"0100000000000000000000000000000000000000000000000000000000000000",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	"0100000000000000000000000000000000000000000000000000000000000080",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// verdicts asks every path about the same transactions and requires that they agree.
func verdicts(t testing.TB, txs []*types.Tx) []bool {
	t.Helper()
	v := types.NewVerifier()
	batch := v.VerifyBatch(txs)
	require.Len(t, batch, len(txs))
	for i, tx := range txs {
		s := tx.Signed
		single := types.VerifySignature(s.Algorithm, s.PublicKey, types.SignBytes(s.Body), s.Signature)
		require.Equal(t, single, batch[i], "batch, signature %d", i)
		require.Equal(t, single, v.VerifyTx(tx), "cached, signature %d", i)
		require.Equal(t, single, v.VerifyBatch(txs[i : i+1])[0], "batch of one, signature %d", i)
	}
	return batch
}

// TestZIP215 takes the 196 signatures on which implementations of ed25519 disagree: keys and R of small order, S = 0.
// ZIP-215 accepts them all, on every path.
func TestZIP215(t *testing.T) {
	var txs []*types.Tx
	for _, a := range smallOrder {
		for _, r := range smallOrder {
			txs = append(txs, &types.Tx{Signed: types.SignedTx{
				Body: []byte("Zcash"), Algorithm: types.Algorithm_ED25519,
				PublicKey: unhex(t, a), Signature: append(unhex(t, r), make([]byte, 32)...),
			}})
		}
	}
	require.Len(t, txs, 196)
	for i, ok := range verdicts(t, txs) {
		require.True(t, ok, "signature %d", i)
	}
}

// groupOrder is L, little-endian: adding it to S makes the classic second form of a signature.
const groupOrder = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"

func addOrder(t testing.TB, sig []byte) []byte {
	out := append([]byte(nil), sig...)
	carry := 0
	for i, b := range unhex(t, groupOrder) {
		carry += int(out[32+i]) + int(b)
		out[32+i], carry = byte(carry), carry>>8
	}
	return out
}

func TestSignatureHasOneForm(t *testing.T) {
	tx, err := types.Decode(wire(t, sampleBody(sampleOrder(1))))
	require.NoError(t, err)
	edits := map[string]func(*types.SignedTx){
		"S plus the group's order": func(s *types.SignedTx) { s.Signature = addOrder(t, s.Signature) },
		"63 bytes":                 func(s *types.SignedTx) { s.Signature = s.Signature[:63] },
		"65 bytes":                 func(s *types.SignedTx) { s.Signature = append(s.Signature[:64:64], 0) },
		"a bit of R":               func(s *types.SignedTx) { s.Signature = flip(s.Signature, 0) },
		"a bit of S":               func(s *types.SignedTx) { s.Signature = flip(s.Signature, 40) },
		"a bit of the body":        func(s *types.SignedTx) { s.Body = flip(s.Body, 5) },
		"another key":              func(s *types.SignedTx) { s.PublicKey = signingKey(t, 2).PublicKey() },
		"a key that is no point":   func(s *types.SignedTx) { s.PublicKey = append([]byte{2}, make([]byte, 31)...) },
		"31 bytes of key":          func(s *types.SignedTx) { s.PublicKey = s.PublicKey[:31] },
		"SM2 with SM3":             func(s *types.SignedTx) { s.Algorithm = types.Algorithm_SM2_SM3 },
		"no algorithm":             func(s *types.SignedTx) { s.Algorithm = 0 },
	}
	txs := []*types.Tx{tx}
	for _, edit := range edits {
		bad := &types.Tx{Signed: tx.Signed}
		edit(&bad.Signed)
		txs = append(txs, bad)
	}
	require.Len(t, txs, 12)
	for i, ok := range verdicts(t, txs) {
		require.Equal(t, i == 0, ok, "transaction %d", i)
	}
}

func flip(b []byte, i int) []byte {
	out := append([]byte(nil), b...)
	out[i] ^= 1
	return out
}

// TestDomains: a signature for one use is none for another, and the body alone is never what is signed.
func TestDomains(t *testing.T) {
	k := signingKey(t, 1)
	body := []byte("body")
	require.Equal(t, "tradecredit/v1/tx\x00body", string(types.SignBytes(body)))
	require.False(t, types.VerifySignature(1, k.PublicKey(), types.SignBytes(body), k.Sign(body)))
	p := types.Possession("trade-1", "bank-a", "k1", []byte("PUBLIC"))
	require.Equal(t, "tradecredit/v1/possession\x00trade-1\x00bank-a\x00k1\x00PUBLIC", string(p))
}

// TestVerifyBatchFindsTheBadOnes over more than one chunk, with keys that come again.
func TestVerifyBatchFindsTheBadOnes(t *testing.T) {
	v := types.NewVerifier()
	require.Empty(t, v.VerifyBatch(nil))
	var txs []*types.Tx
	for i := range 1100 {
		k := signingKey(t, byte(i%5))
		body := []byte(fmt.Sprintf("body %d", i))
		s := types.SignedTx{Body: body, Algorithm: 1, PublicKey: k.PublicKey(), Signature: k.Sign(types.SignBytes(body))}
		if i == 3 || i == 1050 {
			s.Signature = flip(s.Signature, 33)
		}
		txs = append(txs, &types.Tx{Signed: s})
	}
	for i, ok := range v.VerifyBatch(txs) {
		require.Equal(t, i != 3 && i != 1050, ok, "transaction %d", i)
	}
}

func TestVerifierIsSafeForConcurrentUse(t *testing.T) {
	v := types.NewVerifier()
	raws := randomTransactions(t, 24)
	var wg sync.WaitGroup
	bad := make([]int, 4)
	for w := range bad {
		wg.Go(func() {
			for i := range raws {
				tx, err := types.Decode(raws[(i+w)%len(raws)])
				if err != nil || !v.VerifyTx(tx) {
					bad[w]++
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, make([]int, 4), bad)
}

func TestCheckPublicKey(t *testing.T) {
	k := signingKey(t, 1)
	require.NoError(t, types.CheckPublicKey(k.Algorithm(), k.PublicKey()))
	requireCode(t, types.Code_enum_required, types.CheckPublicKey(0, k.PublicKey()))
	requireCode(t, types.Code_public_key_malformed, types.CheckPublicKey(types.Algorithm_SM2_SM3, k.PublicKey()))
	requireCode(t, types.Code_public_key_malformed, types.CheckPublicKey(1, k.PublicKey()[:31]))
	requireCode(t, types.Code_public_key_malformed, types.CheckPublicKey(1, nil))
	requireCode(t, types.Code_public_key_malformed, types.CheckPublicKey(1, append([]byte{2}, make([]byte, 31)...)))
	for _, s := range smallOrder {
		requireCode(t, types.Code_public_key_malformed, types.CheckPublicKey(1, unhex(t, s)), s)
	}
	// y = p + 3 is a point of large order written in a second way.
	second := unhex(t, "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
	requireCode(t, types.Code_public_key_malformed, types.CheckPublicKey(1, second))
}
