package types_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// hundred is a transaction of a hundred orders.
func hundred(b *testing.B) []byte {
	b.Helper()
	var msgs []types.Msg
	for i := range 100 {
		msgs = append(msgs, sampleOrder(i))
	}
	raw, err := types.Sign(sampleBody(msgs...), signingKey(b, 1))
	require.NoError(b, err)
	return raw
}

// BenchmarkDecode100 decodes a hundred messages strictly; ns/op divided by a hundred is the cost of one.
func BenchmarkDecode100(b *testing.B) {
	raw := hundred(b)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := types.Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerify verifies one signature whose key is known already.
func BenchmarkVerify(b *testing.B) {
	for _, k := range []*types.SigningKey{signingKey(b, 1), sm2Key(b, 1)} {
		b.Run(k.Algorithm().String(), func(b *testing.B) {
			raw, err := types.Sign(sampleBody(sampleOrder(1)), k)
			require.NoError(b, err)
			tx, err := types.Decode(raw)
			require.NoError(b, err)
			v := types.NewVerifier()
			for b.Loop() {
				if !v.VerifyTx(tx) {
					b.Fatal("signature")
				}
			}
		})
	}
}

// BenchmarkVerifyUnknown verifies one signature whose key was never seen, as proofs of possession are.
func BenchmarkVerifyUnknown(b *testing.B) {
	for _, k := range []*types.SigningKey{signingKey(b, 1), sm2Key(b, 1)} {
		b.Run(k.Algorithm().String(), func(b *testing.B) {
			msg := make([]byte, 300)
			sig, public := k.Sign(msg), k.PublicKey()
			for b.Loop() {
				if !types.VerifySignature(k.Algorithm(), public, msg, sig) {
					b.Fatal("signature")
				}
			}
		})
	}
}

// BenchmarkSign signs 300 bytes.
func BenchmarkSign(b *testing.B) {
	for _, k := range []*types.SigningKey{signingKey(b, 1), sm2Key(b, 1)} {
		b.Run(k.Algorithm().String(), func(b *testing.B) {
			msg := make([]byte, 300)
			for b.Loop() {
				k.Sign(msg)
			}
		})
	}
}

// BenchmarkVerifyBatch1024 verifies 1,024 signatures of eight signers; ns/op divided by 1,024 is the cost of one.
func BenchmarkVerifyBatch1024(b *testing.B) {
	txs := make([]*types.Tx, 1024)
	for i := range txs {
		k := signingKey(b, byte(i%8))
		raw, err := types.Sign(sampleBody(sampleOrder(i)), k)
		require.NoError(b, err)
		txs[i], err = types.Decode(raw)
		require.NoError(b, err)
	}
	v := types.NewVerifier()
	for b.Loop() {
		for _, ok := range v.VerifyBatch(txs) {
			if !ok {
				b.Fatal("signature")
			}
		}
	}
}

// BenchmarkCheckRecordID checks the id that most messages name.
func BenchmarkCheckRecordID(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if types.CheckRecordID("USCC:91350100M000100Y43/PO-00001") != nil {
			b.Fatal("id")
		}
	}
}

// BenchmarkFrontierAppend appends to a log of a million rows.
func BenchmarkFrontierAppend(b *testing.B) {
	leaf := types.LogLeafHash(nil)
	const n = 1_000_000
	f := make(types.Frontier, 0, 7)
	for range 7 { // bits that are set in a million
		f = append(f, leaf)
	}
	for b.Loop() {
		if _, err := f.Append(n, leaf); err != nil {
			b.Fatal(err)
		}
	}
}
