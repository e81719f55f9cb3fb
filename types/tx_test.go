package types_test

import (
	"crypto/sha256"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

func TestDecodeReadsWhatSignWrote(t *testing.T) {
	for i, raw := range randomTransactions(t, 60) {
		tx, err := types.Decode(raw)
		require.NoError(t, err, "transaction %d", i)
		require.Equal(t, types.Hash(sha256.Sum256(raw)), tx.Hash)
		require.Equal(t, types.Hash(sha256.Sum256(tx.Signed.Body)), tx.BodyDigest)
		require.True(t, types.NewVerifier().VerifyTx(tx))
		again, err := tx.Body.Marshal()
		require.NoError(t, err)
		require.Equal(t, tx.Signed.Body, again)
	}
}

func TestSignRefusesWhatDecodeWould(t *testing.T) {
	k := signingKey(t, 1)
	_, err := types.Sign(sampleBody(), k)
	requireCode(t, types.Code_message_count_out_of_range, err)
	_, err = types.Sign(nil, k)
	require.Error(t, err)
	_, err = types.Sign(sampleBody(sampleOrder(1)), nil)
	require.Error(t, err)
	b := sampleBody(sampleOrder(1))
	b.Messages = append(b.Messages, nil)
	_, err = types.Sign(b, k)
	require.ErrorContains(t, err, "nil")
}

// TestDecodeCodes has one case for each thing that Decode refuses in a well-encoded transaction.
func TestDecodeCodes(t *testing.T) {
	cases := []struct {
		name string
		edit func(*types.Body)
		want types.Code
	}{
		{"no chain", func(b *types.Body) { b.ChainId = "" }, types.Code_tx_field_invalid},
		{"no signer", func(b *types.Body) { b.Signer = "" }, types.Code_tx_field_invalid},
		{"signer with a slash", func(b *types.Body) { b.Signer = "bank/a" }, types.Code_tx_field_invalid},
		{"signer in capitals", func(b *types.Body) { b.Signer = "Bank" }, types.Code_tx_field_invalid},
		{"subject without a form", func(b *types.Body) { b.Signer = "USCC:1" }, types.Code_tx_field_invalid},
		{"no key", func(b *types.Body) { b.Key = "" }, types.Code_tx_field_invalid},
		{"signer not UTF-8", func(b *types.Body) { b.Signer = "\xff\xfe" }, types.Code_tx_field_invalid},
		{"text deep inside not UTF-8", func(b *types.Body) { b.Messages[0].GetRecordOrder().Id = "a\x80" }, types.Code_tx_field_invalid},
		{"unknown enum", func(b *types.Body) { b.Messages[0].GetRecordOrder().Kind = 77 }, types.Code_tx_field_invalid},
		{"first unknown enum", func(b *types.Body) { b.Messages[0].GetRecordOrder().Kind = 6 }, types.Code_tx_field_invalid},
		{"negative enum", func(b *types.Body) { b.Messages[0].GetRecordOrder().Kind = -1 }, types.Code_tx_field_invalid},
		{"unset message", func(b *types.Body) { b.Messages[0] = &types.Message{OnBehalfOf: "LEI:5493001KJTIIGC8Y1R12"} }, types.Code_tx_field_invalid},
		{"empty wrapper", func(b *types.Body) { b.Messages[0] = &types.Message{} }, types.Code_tx_field_invalid},
		{"empty message", func(b *types.Body) { b.Messages[0] = types.Wrap("", &types.Vote{}) }, types.Code_tx_field_invalid},
		{"proposal without action", func(b *types.Body) { b.Messages[0] = types.Wrap("", &types.Propose{Id: "p"}) }, types.Code_tx_field_invalid},
		{"unknown role in a list", func(b *types.Body) {
			b.Messages[0] = types.Wrap("", &types.Propose{Id: "p", Action: &types.Propose_Admit{Admit: &types.Admit{Roles: []types.Role{1, 15}}}})
		}, types.Code_tx_field_invalid},
		{"text in a list not UTF-8", func(b *types.Body) {
			b.Messages[0] = types.Wrap("", &types.Delegate{Delegate: "d", Messages: []string{"ok", "\xc3("}})
		}, types.Code_tx_field_invalid},
		{"empty allocation", func(b *types.Body) {
			b.Messages[0] = types.Wrap("", &types.RecordSettlement{Payer: "p", Allocations: []*types.Allocation{{}}})
		}, types.Code_tx_field_invalid},
		{"empty key", func(b *types.Body) {
			b.Messages[0] = types.Wrap("", &types.RegisterEnterprise{Subject: "s", Key: &types.NewKey{}})
		}, types.Code_tx_field_invalid},
		{"empty origin", func(b *types.Body) { b.Origin = &types.Origin{} }, types.Code_tx_field_invalid},
		{"no messages", func(b *types.Body) { b.Messages = nil }, types.Code_message_count_out_of_range},
		{"too many messages", func(b *types.Body) { b.Messages = manyMessages(types.MaxMessages + 1) }, types.Code_message_count_out_of_range},
		{"reference of 15", func(b *types.Body) { b.Reference = strings.Repeat("r", 15) }, types.Code_reference_malformed},
		{"reference of 65", func(b *types.Body) { b.Reference = strings.Repeat("r", 65) }, types.Code_reference_malformed},
		{"reference with a slash", func(b *types.Body) { b.Reference = "ref/000000000000001" }, types.Code_reference_malformed},
		{"no origin", func(b *types.Body) { b.Origin = nil }, types.Code_origin_invalid},
		{"most messages", func(b *types.Body) { b.Messages = manyMessages(types.MaxMessages) }, types.Code_ok},
		{"longest reference", func(b *types.Body) { b.Reference = strings.Repeat("r", 64) }, types.Code_ok},
		{"an enterprise signs", func(b *types.Body) { b.Signer = "USCC:91350100M000100Y43" }, types.Code_ok},
		{"last known enum", func(b *types.Body) { b.Messages[0].GetRecordOrder().Kind = types.OrderKind_REPAIR }, types.Code_ok},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := sampleBody(sampleOrder(1))
			c.edit(b)
			_, err := types.Decode(wire(t, b))
			requireCode(t, c.want, err)
		})
	}
}

func manyMessages(n int) []*types.Message {
	out := make([]*types.Message, n)
	for i := range out {
		out[i] = types.Wrap("", sampleOrder(i))
	}
	return out
}

func TestDecodeEnvelope(t *testing.T) {
	good := types.SignedTx{}
	require.NoError(t, good.Unmarshal(wire(t, sampleBody(sampleOrder(1)))))
	cases := []struct {
		name string
		edit func(*types.SignedTx)
		want types.Code
	}{
		{"untouched", func(*types.SignedTx) {}, types.Code_ok},
		{"no body", func(s *types.SignedTx) { s.Body = nil }, types.Code_tx_field_invalid},
		{"no key", func(s *types.SignedTx) { s.PublicKey = nil }, types.Code_tx_field_invalid},
		{"no algorithm", func(s *types.SignedTx) { s.Algorithm = 0 }, types.Code_tx_field_invalid},
		{"no signature", func(s *types.SignedTx) { s.Signature = nil }, types.Code_tx_field_invalid},
		{"unknown algorithm", func(s *types.SignedTx) { s.Algorithm = 3 }, types.Code_tx_field_invalid},
		{"negative algorithm", func(s *types.SignedTx) { s.Algorithm = -1 }, types.Code_tx_field_invalid},
		{"known algorithm", func(s *types.SignedTx) { s.Algorithm = types.Algorithm_SM2_SM3 }, types.Code_ok},
		{"body is no protobuf", func(s *types.SignedTx) { s.Body = []byte{0xff} }, types.Code_tx_malformed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := good
			c.edit(&s)
			raw, err := s.Marshal()
			require.NoError(t, err)
			_, err = types.Decode(raw)
			requireCode(t, c.want, err)
		})
	}
}

func TestDecodeSize(t *testing.T) {
	_, err := types.Decode(make([]byte, types.MaxTxBytes+1))
	requireCode(t, types.Code_tx_too_large, err)
	_, err = types.Decode(make([]byte, types.MaxTxBytes))
	requireCode(t, types.Code_tx_malformed, err)
	for _, empty := range [][]byte{nil, {}} {
		_, err = types.Decode(empty)
		requireCode(t, types.Code_tx_malformed, err)
	}
}

func TestCheckWindow(t *testing.T) {
	cases := []struct {
		name       string
		chain      string
		now        int64
		until      int64
		algorithm  types.Algorithm
		algorithms int64
		want       types.Code
	}{
		{"ok", sampleChain, 1000, 1000 + 60, 1, 1, types.Code_ok},
		{"its last second", sampleChain, 1000, 1000, 1, 1, types.Code_ok},
		{"a second late", sampleChain, 1001, 1000, 1, 1, types.Code_tx_expired},
		{"no time at all", sampleChain, 1000, 0, 1, 1, types.Code_tx_expired},
		{"negative", sampleChain, 1000, math.MinInt64 + 5, 1, 1, types.Code_tx_expired},
		{"24 hours", sampleChain, 1000, 1000 + 86400, 1, 1, types.Code_ok},
		{"24 hours and a second", sampleChain, 1000, 1000 + 86401, 1, 1, types.Code_valid_until_too_far},
		{"the end of time", sampleChain, 1000, math.MaxInt64, 1, 1, types.Code_valid_until_too_far},
		{"other chain", "trade-2", 1000, 1060, 1, 1, types.Code_chain_id_differs},
		{"algorithm off", sampleChain, 1000, 1060, 2, 1, types.Code_algorithm_not_allowed},
		{"algorithm on", sampleChain, 1000, 1060, 2, 3, types.Code_ok},
		{"none on", sampleChain, 1000, 1060, 1, 0, types.Code_algorithm_not_allowed},
		{"algorithm comes first", "trade-2", 5000, 1060, 2, 1, types.Code_algorithm_not_allowed},
		{"chain comes before time", "trade-2", 5000, 1060, 1, 1, types.Code_chain_id_differs},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			tx := &types.Tx{Signed: types.SignedTx{Algorithm: c.algorithm}, Body: types.Body{ChainId: sampleChain, ValidUntilUnix: c.until}}
			requireCode(t, c.want, tx.CheckWindow(c.chain, c.now, c.algorithms))
		})
	}
}

func TestCheckOrigin(t *testing.T) {
	cases := []struct {
		name string
		edit func(*types.Origin)
		ok   bool
	}{
		{"as it is", func(*types.Origin) {}, true},
		{"a country", func(o *types.Origin) { o.Jurisdiction = "DE" }, true},
		{"nowhere", func(o *types.Origin) { o.Jurisdiction = "" }, false},
		{"unknown subdivision", func(o *types.Origin) { o.Jurisdiction = "CN-QQ" }, false},
		{"no source", func(o *types.Origin) { o.SourceSystem = "" }, false},
		{"source of 33", func(o *types.Origin) { o.SourceSystem = strings.Repeat("s", 33) }, false},
		{"source with a space", func(o *types.Origin) { o.SourceSystem = "erp 7" }, false},
		{"collected before 1970", func(o *types.Origin) { o.CollectedUnix = -1 }, false},
		{"collected after 9999", func(o *types.Origin) { o.CollectedUnix = 253402300800 }, false},
		{"moved and marked", func(o *types.Origin) { o.ShiftDays, o.Simulated = 36600, true }, true},
		{"moved back and marked", func(o *types.Origin) { o.ShiftDays, o.Simulated = -36600, true }, true},
		{"moved, unmarked", func(o *types.Origin) { o.ShiftDays = 1 }, false},
		{"moved too far", func(o *types.Origin) { o.ShiftDays, o.Simulated = 36601, true }, false},
		{"moved back too far", func(o *types.Origin) { o.ShiftDays, o.Simulated = math.MinInt32, true }, false},
		{"simulated, not moved", func(o *types.Origin) { o.Simulated = true }, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := sampleOrigin()
			c.edit(o)
			want := types.Code_origin_invalid
			if c.ok {
				want = types.Code_ok
			}
			requireCode(t, want, types.CheckOrigin(o))
		})
	}
	requireCode(t, types.Code_origin_invalid, types.CheckOrigin(nil))
}

func TestContentDigest(t *testing.T) {
	d := types.ContentDigest("", sampleOrder(1))
	require.Len(t, d, 16)
	require.Equal(t, d, types.ContentDigest("", sampleOrder(1)))
	require.NotEqual(t, d, types.ContentDigest("", sampleOrder(2)))
	require.NotEqual(t, d, types.ContentDigest("LEI:5493001KJTIIGC8Y1R12", sampleOrder(1)))
	wrapped := types.Wrap("x", sampleOrder(3))
	encoded, err := wrapped.Marshal()
	require.NoError(t, err)
	sum := sha256.Sum256(encoded)
	require.Equal(t, sum[:16], types.ContentDigest("x", sampleOrder(3)))
	require.Panics(t, func() { types.ContentDigest("", &types.Origin{}) })
}
