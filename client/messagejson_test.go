package client

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// Every message of the table can be written as JSON and read again, whatever its fields hold.
func TestMessageJSONRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range types.Table {
		name := types.Table[i].Name
		require.NotEmpty(t, MessageFields(name))
		for range 50 {
			m := types.NewMsg(name)
			fillRandomly(rng, reflect.ValueOf(m).Elem())
			text, err := EncodeMessage(m)
			require.NoError(t, err)
			require.True(t, json.Valid(text), "%s", text)
			got, err := DecodeMessage(name, text)
			require.NoError(t, err, "%s", text)
			require.Equal(t, mustMarshal(m.(record)), mustMarshal(got.(record)), "%s", text)
		}
	}
	require.Nil(t, MessageFields("none"))
}

func fillRandomly(rng *rand.Rand, m reflect.Value) {
	fields := fieldsOf(m.Type())
	chosen := false
	for i := range fields {
		f := &fields[i]
		if rng.IntN(4) == 0 || (f.wrapper != nil && chosen) {
			continue
		}
		v := randomValue(rng, f)
		if f.wrapper != nil {
			chosen = true
			w := reflect.New(f.wrapper.Elem())
			w.Elem().Field(0).Set(v)
			v = w
		}
		target := m.FieldByIndex(f.index)
		if f.Repeated {
			target.Set(reflect.Append(target, v, randomValue(rng, f)))
			continue
		}
		target.Set(v)
	}
}

func randomValue(rng *rand.Rand, f *Field) reflect.Value {
	switch f.Kind {
	case KindObject:
		p := reflect.New(f.typ.Elem())
		fillRandomly(rng, p.Elem())
		return p
	case KindBytes:
		return reflect.ValueOf(filled(byte(rng.IntN(256)))[:1+rng.IntN(32)])
	case KindText:
		return reflect.ValueOf([]string{"a", "é\"\\\n", "杭州", "XX:T:1"}[rng.IntN(4)])
	case KindBool:
		return reflect.ValueOf(true)
	}
	v := reflect.New(f.typ).Elem()
	switch {
	case f.Kind == KindEnum:
		names := EnumNames(f.Enum)
		one, err := f.parse(names[rng.IntN(len(names))], "")
		if err != nil {
			panic(err)
		}
		return one
	case f.Kind == KindDay:
		v.SetInt(10957 + rng.Int64N(20000))
	case f.typ.Kind() == reflect.Uint32 || f.typ.Kind() == reflect.Uint64:
		v.SetUint(rng.Uint64() >> (64 - f.typ.Bits()))
	default:
		v.SetInt(int64(rng.Uint64()) >> (64 - f.typ.Bits()))
	}
	return v
}

// Mistakes name the place and what was probably meant.
func TestMessageJSONMistakes(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"record_ordr", `{}`, `did you mean "record_order"?`},
		{"record_order", ``, "ends too early"},
		{"record_order", `{"id":"a"`, "ends too early"},
		{"record_order", `{"id":"a"}{}`, "something follows"},
		{"record_order", `[]`, "an object { } is wanted"},
		{"record_order", `"x"`, "an object { } is wanted"},
		{"record_order", `{"id":"a","id":"b"}`, `"id" is given twice`},
		{"record_order", `{"byer":"a"}`, `byer: there is no such field; did you mean "buyer"?`},
		{"record_order", `{"id":7}`, "id: text is wanted, not a number"},
		{"record_order", `{"id":null}`, "id: text is wanted"},
		{"record_order", `{"kind":"GODS"}`, `did you mean "GOODS"?`},
		{"record_order", `{"kind":"ORDER_KIND_UNSPECIFIED"}`, "not known"},
		{"record_order", `{"kind":1}`, "is wanted, not a number"},
		{"record_order", `{"order_day":"3.11.2025"}`, "write it as 2006-01-02"},
		{"record_order", `{"order_day":"2025-02-30"}`, "is no day"},
		{"record_order", `{"order_day":99999999999}`, "no whole number that fits"},
		{"record_order", `{"amount_minor":1.5}`, "no whole number"},
		{"record_order", `{"amount_minor":1e3}`, "no whole number"},
		{"record_order", `{"amount_minor":"12.50"}`, "no whole number"},
		{"record_order", `{"amount_minor":9223372036854775808}`, "no whole number that fits"},
		{"record_order", `{"terms_digest":"xyz"}`, "not hexadecimal"},
		{"record_order", `{"related":"true"}`, "without quotes"},
		{"record_order", `{"related":1}`, "is wanted"},
		{"grant_consent", `{"uses":-1}`, "no whole number that fits"},
		{"record_settlement", `{"allocations":{}}`, "a list [ ] is wanted"},
		{"record_settlement", `{"allocations":[{"recivable":"x"}]}`, `allocations[0].recivable: there is no such field; did you mean "receivable"?`},
		{"propose", `{"id":"p","suspend":{"member":"a"},"reinstate":{"member":"b"}}`, "only one of suspend and reinstate"},
		{"propose", `{"id":"p","admit":{"keys":[{"role":"BANK","algorithm":"RSA"}]}}`, "admit.keys[0].algorithm"},
		{"record_order", `{"id":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}}}}`, "nested too deeply"},
	} {
		_, err := DecodeMessage(c.name, []byte(c.text))
		require.ErrorIs(t, err, ErrMessageJSON, c.text)
		require.ErrorContains(t, err, c.want, c.text)
	}
	m, err := DecodeMessage("publish_fixing", []byte(`{"currency":"EUR","day":"2025-11-21","rate_e9":"7800000000"}`))
	require.NoError(t, err)
	require.Equal(t, &types.PublishFixing{Currency: "EUR", Day: 20413, RateE9: 7_800_000_000}, m)
	m, err = DecodeMessage("publish_fixing", []byte(`{"day":20413}`))
	require.NoError(t, err)
	require.Equal(t, int32(20413), m.(*types.PublishFixing).Day)
	_, err = EncodeMessage(7)
	require.Error(t, err)
}

func FuzzDecodeMessage(f *testing.F) {
	for i := range types.Table {
		f.Add(types.Table[i].Name, []byte(`{"id":"x","day":"2025-11-03","admit":{"keys":[{"role":"BANK"}]}}`))
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		m, err := DecodeMessage(name, data)
		if err != nil {
			return
		}
		text, err := EncodeMessage(m)
		require.NoError(t, err)
		again, err := DecodeMessage(name, text)
		require.NoError(t, err, "%s", text)
		require.Equal(t, mustMarshal(m.(record)), mustMarshal(again.(record)))
	})
}
