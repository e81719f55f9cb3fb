package types_test

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

const (
	sampleChain = "trade-1"
	sampleNow   = int64(1_788_000_000)
)

// random is deterministic: a failure names its seed and comes back.
func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// signingKey makes the n-th key of the tests.
func signingKey(t testing.TB, n byte) *types.SigningKey {
	t.Helper()
	seed := make([]byte, 32)
	seed[0], seed[31] = n, 0x5a
	k, err := types.NewSigningKey(seed)
	require.NoError(t, err)
	return k
}

func sampleOrigin() *types.Origin {
	return &types.Origin{SourceSystem: "erp-7", Jurisdiction: "CN-SH", CollectedUnix: sampleNow - 60}
}

func sampleOrder(n int) *types.RecordOrder {
	return &types.RecordOrder{
		Id: fmt.Sprintf("PO-%05d", n), Kind: types.OrderKind_GOODS,
		Buyer: "USCC:91350100M000100Y43", Seller: "LEI:5493001KJTIIGC8Y1R12",
		OrderDay: 20_000, PromisedDay: 20_030, Currency: "CNY", AmountMinor: 1_234_500 + int64(n),
		TermsDigest: make([]byte, 32), Hs6: "850440", Incoterm: "FOB",
	}
}

// sampleBody is a valid body with these messages.
func sampleBody(msgs ...types.Msg) *types.Body {
	b := &types.Body{
		ChainId: sampleChain, Signer: "bank-a", Key: "k1", Reference: "ref-0000000000000001",
		ValidUntilUnix: sampleNow + 3600, Origin: sampleOrigin(),
	}
	for _, m := range msgs {
		b.Messages = append(b.Messages, types.Wrap("", m))
	}
	return b
}

// wire encodes a body without looking at it, as an attacker would.
func wire(t testing.TB, b *types.Body) []byte {
	t.Helper()
	encoded, err := b.Marshal()
	require.NoError(t, err)
	return envelope(t, encoded)
}

func envelope(t testing.TB, body []byte) []byte {
	t.Helper()
	k := signingKey(t, 1)
	s := types.SignedTx{Body: body, PublicKey: k.PublicKey(), Algorithm: k.Algorithm(), Signature: k.Sign(types.SignBytes(body))}
	raw, err := s.Marshal()
	require.NoError(t, err)
	return raw
}

// requireCode fails unless err is the refusal with that code.
func requireCode(t testing.TB, want types.Code, err error, msg ...any) {
	t.Helper()
	got, ok := types.CodeOf(err)
	require.True(t, ok, "no refusal: %v %v", err, msg)
	require.Equal(t, want.String(), got.String(), append(msg, err)...)
}

// randomMessage fills every field of the named message with something that is not its zero value.
func randomMessage(r *rand.Rand, name string) types.Msg {
	m := types.NewMsg(name)
	fill(r, reflect.ValueOf(m).Elem())
	return m
}

func fill(r *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if propose, ok := v.Addr().Interface().(*types.Propose); ok {
			fillPropose(r, propose)
			return
		}
		for i := range v.NumField() {
			fill(r, v.Field(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(r, v.Elem())
	case reflect.String:
		v.SetString([]string{"b-1", "订单-7", "USCC:91350100M000100Y43"}[r.IntN(3)])
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Interface: // the replacement of correct_record
		trace := &types.RecordTrace{}
		fill(r, reflect.ValueOf(trace).Elem())
		v.Set(reflect.ValueOf(&types.CorrectRecord_RecordTrace{RecordTrace: trace}))
	case reflect.Int32: // an enum or a day: 1 to 3 is known to every enum but Algorithm and Output
		v.SetInt(1 + r.Int64N(2))
		if v.Type() == reflect.TypeFor[types.AdverseKind]() { // each role has its own hundred
			v.SetInt(v.Int()*100 + 1)
		}
	case reflect.Int64:
		v.SetInt(1 + r.Int64N(types.MaxAmount))
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(1 + r.Uint64N(200))
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b := make([]byte, 32)
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			v.SetBytes(b)
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(r, v.Index(i))
		}
	default:
		panic("types_test: cannot fill " + v.Type().String())
	}
}

func fillPropose(r *rand.Rand, p *types.Propose) {
	admit, suspend := &types.Admit{}, &types.Suspend{}
	fill(r, reflect.ValueOf(admit).Elem())
	fill(r, reflect.ValueOf(suspend).Elem())
	p.Id = "p-1"
	if r.IntN(2) == 0 {
		p.Action = &types.Propose_Admit{Admit: admit}
		return
	}
	p.Action = &types.Propose_Suspend{Suspend: suspend}
}

// randomTransactions returns n valid transactions; every message of the table occurs when n is at least 24.
func randomTransactions(t testing.TB, n int) [][]byte {
	t.Helper()
	require.NotEmpty(t, types.Table)
	raws := make([][]byte, n)
	for i := range raws {
		r := random(uint64(i))
		var msgs []types.Msg
		for j := range 1 + r.IntN(4) {
			msgs = append(msgs, randomMessage(r, types.Table[(i+7*j)%len(types.Table)].Name))
		}
		b := sampleBody(msgs...)
		b.Reference = fmt.Sprintf("ref-%s-%04d", hex.EncodeToString([]byte{byte(i), byte(i >> 8), 1, 2, 3}), i)
		b.Atomic = r.IntN(2) == 0
		b.Messages[0].OnBehalfOf = []string{"", "USCC:91350100M000100Y43"}[r.IntN(2)]
		raw, err := types.Sign(b, signingKey(t, byte(i)))
		require.NoError(t, err, "transaction %d", i)
		raws[i] = raw
	}
	return raws
}
