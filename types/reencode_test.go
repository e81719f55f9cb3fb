package types_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// wireField is one field as it stands on the wire.
type wireField struct {
	number, kind uint64
	value        []byte // the content of bytes, or the varint itself
}

func varint(v uint64) []byte { return binary.AppendUvarint(nil, v) }

// padded is v with one byte more than it needs.
func padded(v uint64) []byte {
	b := varint(v)
	b[len(b)-1] |= 0x80
	return append(b, 0)
}

func (f wireField) bytes() []byte {
	b := varint(f.number<<3 | f.kind)
	if f.kind == 2 {
		b = append(b, varint(uint64(len(f.value)))...)
	}
	return append(b, f.value...)
}

func split(t testing.TB, b []byte) []wireField {
	t.Helper()
	var out []wireField
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		require.Positive(t, n)
		b = b[n:]
		f := wireField{number: tag >> 3, kind: tag & 7}
		v, n := binary.Uvarint(b)
		require.Positive(t, n)
		switch f.kind {
		case 0:
			f.value, b = b[:n], b[n:]
		case 2:
			f.value, b = b[n:n+int(v)], b[n+int(v):]
		default:
			require.Fail(t, "wire type")
		}
		out = append(out, f)
	}
	return out
}

func glue(fs []wireField) []byte {
	var b []byte
	for _, f := range fs {
		b = append(b, f.bytes()...)
	}
	return b
}

func find(fs []wireField, number uint64) int {
	return slices.IndexFunc(fs, func(f wireField) bool { return f.number == number })
}

// reencoding changes encoded bytes into other bytes that the generated decoder reads as nearly the same; nil when it
// does not apply.
type reencoding struct {
	name string
	edit func(t testing.TB, b []byte) []byte
	want []types.Code // any of these
}

var (
	malformed    = []types.Code{types.Code_tx_malformed}
	notCanonical = []types.Code{types.Code_tx_not_canonical}
	badField     = []types.Code{types.Code_tx_field_invalid}
)

// anyMessage is what may be done to the encoding of any message: envelope, body, wrapper, payload.
var anyMessage = []reencoding{
	{"unknown field, varint", func(t testing.TB, b []byte) []byte {
		return append(slices.Clone(b), wireField{1999, 0, varint(1)}.bytes()...)
	}, notCanonical},
	{"unknown field, bytes", func(t testing.TB, b []byte) []byte {
		return append(slices.Clone(b), wireField{1999, 2, []byte("x")}.bytes()...)
	}, notCanonical},
	{"unknown field, fixed 32", func(t testing.TB, b []byte) []byte {
		return append(slices.Clone(b), wireField{1999, 5, make([]byte, 4)}.bytes()...)
	}, notCanonical},
	{"unknown field, fixed 64", func(t testing.TB, b []byte) []byte {
		return append(slices.Clone(b), wireField{1999, 1, make([]byte, 8)}.bytes()...)
	}, notCanonical},
	{"unknown group", func(t testing.TB, b []byte) []byte {
		return slices.Concat(b, varint(1999<<3|3), varint(1999<<3|4))
	}, notCanonical},
	{"first field last", func(t testing.TB, b []byte) []byte {
		fs := split(t, b)
		if len(fs) < 2 {
			return nil
		}
		return glue(append(slices.Clone(fs[1:]), fs[0]))
	}, notCanonical},
	{"padded tag", func(t testing.TB, b []byte) []byte {
		f := split(t, b)[0]
		return append(padded(f.number<<3|f.kind), b[len(varint(f.number<<3|f.kind)):]...)
	}, notCanonical},
	{"padded length", func(t testing.TB, b []byte) []byte {
		fs := split(t, b)
		i := slices.IndexFunc(fs, func(f wireField) bool { return f.kind == 2 })
		if i < 0 {
			return nil
		}
		f := fs[i]
		return slices.Concat(glue(fs[:i]), varint(f.number<<3|2), padded(uint64(len(f.value))), f.value, glue(fs[i+1:]))
	}, notCanonical},
	{"last byte missing", func(t testing.TB, b []byte) []byte { return b[:len(b)-1] },
		[]types.Code{types.Code_tx_malformed}},
	{"a zero byte behind", func(t testing.TB, b []byte) []byte { return append(slices.Clone(b), 0) }, malformed},
	{"wrong wire type", func(t testing.TB, b []byte) []byte {
		fs := split(t, b)
		fs[0] = wireField{fs[0].number, 5, make([]byte, 4)}
		return glue(fs)
	}, malformed},
	{"end of a group that did not begin", func(t testing.TB, b []byte) []byte { return append(slices.Clone(b), varint(1999<<3|4)...) }, malformed},
}

// withScalars is what may be done to a message that has a varint.
var withScalars = []reencoding{
	{"padded value", func(t testing.TB, b []byte) []byte {
		fs := split(t, b)
		i := slices.IndexFunc(fs, func(f wireField) bool { return f.kind == 0 })
		if i < 0 {
			return nil
		}
		v, _ := binary.Uvarint(fs[i].value)
		fs[i].value = padded(v)
		if v >= 1<<63 {
			return nil
		}
		return glue(fs)
	}, notCanonical},
	{"scalar sent twice", func(t testing.TB, b []byte) []byte {
		fs := split(t, b)
		i := slices.IndexFunc(fs, func(f wireField) bool { return f.kind == 0 })
		if i < 0 {
			return nil
		}
		return glue(slices.Insert(fs, i, fs[i]))
	}, notCanonical},
	{"value with bits above 32", func(t testing.TB, b []byte) []byte { // cut off by enums, counted by others
		fs := split(t, b)
		i := slices.IndexFunc(fs, func(f wireField) bool { return f.kind == 0 && len(f.value) == 1 })
		if i < 0 || fs[i].value[0] != 1 {
			return nil
		}
		fs[i].value = varint(1<<33 + 1)
		return glue(fs)
	}, []types.Code{types.Code_tx_not_canonical, types.Code_tx_field_invalid, types.Code_ok}},
	{"value beyond 64 bits", func(t testing.TB, b []byte) []byte {
		fs := split(t, b)
		i := slices.IndexFunc(fs, func(f wireField) bool { return f.kind == 0 })
		if i < 0 {
			return nil
		}
		fs[i].value = slices.Concat(slices.Repeat([]byte{0xff}, 10), []byte{1})
		return glue(fs)
	}, malformed},
}

// onlyBody is what may be done to a body.
var onlyBody = []reencoding{
	{"default written: not atomic", func(t testing.TB, b []byte) []byte {
		fs := split(t, b)
		i := find(fs, 8)
		if find(fs, 7) >= 0 {
			return nil
		}
		return glue(slices.Insert(fs, i, wireField{7, 0, varint(0)}))
	}, notCanonical},
	{"true written as 2", func(t testing.TB, b []byte) []byte {
		fs := split(t, b)
		i := find(fs, 7)
		if i < 0 {
			return nil
		}
		fs[i].value = varint(2)
		return glue(fs)
	}, notCanonical},
	{"empty text before the text", func(t testing.TB, b []byte) []byte {
		fs := split(t, b)
		return glue(slices.Insert(fs, find(fs, 2), wireField{2, 2, nil}))
	}, notCanonical},
	{"origin in two halves", func(t testing.TB, b []byte) []byte {
		fs := split(t, b)
		i := find(fs, 6)
		halves := split(t, fs[i].value)
		first, second := fs[i], fs[i]
		first.value, second.value = glue(halves[:1]), glue(halves[1:])
		return glue(slices.Replace(fs, i, i+1, first, second))
	}, notCanonical},
	{"negative day in five bytes", func(t testing.TB, b []byte) []byte {
		fs := split(t, b)
		i := find(fs, 6)
		fs[i].value = append(slices.Clone(fs[i].value), wireField{4, 0, []byte{0xff, 0xff, 0xff, 0xff, 0x0f}}.bytes()...)
		return glue(fs)
	}, notCanonical},
	{"signer not UTF-8", func(t testing.TB, b []byte) []byte {
		fs := split(t, b)
		fs[find(fs, 2)].value = []byte{'a', 0xff}
		return glue(fs)
	}, badField},
}

// onlyWrapper is what may be done to a Message.
var onlyWrapper = []reencoding{
	{"nobody's name written", func(t testing.TB, b []byte) []byte {
		if find(split(t, b), 1) >= 0 {
			return nil
		}
		return append(wireField{1, 2, nil}.bytes(), b...)
	}, notCanonical},
	{"the same message twice", func(t testing.TB, b []byte) []byte {
		fs := split(t, b)
		return glue(append(fs, fs[len(fs)-1]))
	}, []types.Code{types.Code_tx_not_canonical}},
	{"two different messages", func(t testing.TB, b []byte) []byte {
		fs := split(t, b)
		if fs[len(fs)-1].number == 87 {
			return nil
		}
		return glue(append(fs, wireField{87, 2, wireField{1, 2, []byte("q")}.bytes()}))
	}, notCanonical},
	{"no message", func(t testing.TB, b []byte) []byte {
		return wireField{1, 2, []byte("LEI:5493001KJTIIGC8Y1R12")}.bytes()
	}, badField},
	{"a message of a later version", func(t testing.TB, b []byte) []byte {
		return wireField{999, 2, wireField{1, 2, []byte("q")}.bytes()}.bytes()
	}, notCanonical},
	{"empty message", func(t testing.TB, b []byte) []byte {
		fs := split(t, b)
		fs[len(fs)-1].value = nil
		return glue(fs)
	}, badField},
	{"nothing at all", func(t testing.TB, b []byte) []byte { return []byte{} }, badField},
}

// atBody and the like apply a re-encoding to a layer of a transaction.
func atEnvelope(t testing.TB, raw []byte, r reencoding) []byte { return r.edit(t, raw) }

func atBody(t testing.TB, raw []byte, r reencoding) []byte {
	fs := split(t, raw)
	edited := r.edit(t, fs[0].value)
	if edited == nil {
		return nil
	}
	return envelope(t, edited)
}

func atWrapper(t testing.TB, raw []byte, r reencoding) []byte {
	return atBody(t, raw, reencoding{edit: func(t testing.TB, b []byte) []byte {
		fs := split(t, b)
		edited := r.edit(t, fs[len(fs)-1].value)
		if edited == nil {
			return nil
		}
		fs[len(fs)-1].value = edited
		return glue(fs)
	}})
}

func atPayload(t testing.TB, raw []byte, r reencoding) []byte {
	return atWrapper(t, raw, reencoding{edit: func(t testing.TB, b []byte) []byte {
		fs := split(t, b)
		edited := r.edit(t, fs[len(fs)-1].value)
		if edited == nil {
			return nil
		}
		fs[len(fs)-1].value = edited
		return glue(fs)
	}})
}

// TestOneEncoding re-encodes every transaction in every way; none of the results may be accepted as another form of it.
func TestOneEncoding(t *testing.T) {
	raws := randomTransactions(t, 100)
	layers := []struct {
		name  string
		at    func(testing.TB, []byte, reencoding) []byte
		kinds []reencoding
	}{
		{"envelope", atEnvelope, slices.Concat(anyMessage, withScalars)},
		{"body", atBody, slices.Concat(anyMessage, withScalars, onlyBody)},
		{"wrapper", atWrapper, slices.Concat(anyMessage, onlyWrapper)},
		{"payload", atPayload, slices.Concat(anyMessage, withScalars)},
	}
	kinds := 0
	for _, layer := range layers {
		for _, r := range layer.kinds {
			kinds++
			t.Run(layer.name+"/"+r.name, func(t *testing.T) {
				applied := 0
				for i, raw := range raws {
					edited := layer.at(t, raw, r)
					if edited == nil {
						continue
					}
					applied++
					require.NotEqual(t, raw, edited)
					tx, err := types.Decode(edited)
					code, ok := types.CodeOf(err)
					require.True(t, ok, "transaction %d: %v", i, err)
					require.Contains(t, r.want, code, "transaction %d: %v", i, err)
					if code == types.Code_ok { // another value, not another form of the same one
						original, err := types.Decode(raw)
						require.NoError(t, err)
						require.NotEqual(t, original.Body, tx.Body)
					}
				}
				require.NotZero(t, applied, "applies to no transaction")
			})
		}
	}
	require.GreaterOrEqual(t, kinds, 24)
}

// TestOneEncodingOfLists does the same to packed lists and enums, which only some messages have.
func TestOneEncodingOfLists(t *testing.T) {
	admit := &types.Admit{Member: "bank-b", Roles: []types.Role{types.Role_COUNCIL, types.Role_BANK}}
	raw := wire(t, sampleBody(&types.Propose{Id: "p-1", Action: &types.Propose_Admit{Admit: admit}}))
	_, err := types.Decode(raw)
	require.NoError(t, err)
	const roles = 4
	packed := func(values ...[]byte) wireField { return wireField{roles, 2, slices.Concat(values...)} }
	minusOne := varint(1<<64 - 1)
	cases := []struct {
		name   string
		fields []wireField
		want   types.Code
	}{
		{"as it is", []wireField{packed(varint(1), varint(6))}, types.Code_ok},
		{"not packed", []wireField{{roles, 0, varint(1)}, {roles, 0, varint(6)}}, types.Code_tx_not_canonical},
		{"packed in two", []wireField{packed(varint(1)), packed(varint(6))}, types.Code_tx_not_canonical},
		{"packed and empty behind", []wireField{packed(varint(1), varint(6)), packed()}, types.Code_tx_not_canonical},
		{"padded", []wireField{packed(padded(1), varint(6))}, types.Code_tx_not_canonical},
		{"above 32 bits", []wireField{packed(varint(1<<32+1), varint(6))}, types.Code_tx_not_canonical},
		{"negative", []wireField{packed(minusOne)}, types.Code_tx_not_canonical},
		{"unknown", []wireField{packed(varint(1), varint(15))}, types.Code_tx_field_invalid},
		{"cut off", []wireField{packed(varint(1), []byte{0x86})}, types.Code_tx_malformed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			edited := atPayload(t, raw, reencoding{edit: func(t testing.TB, b []byte) []byte {
				fs := split(t, b)
				action := fs[find(fs, 10)].value
				inner := split(t, action)
				i := find(inner, roles)
				fs[find(fs, 10)].value = glue(slices.Replace(inner, i, i+1, c.fields...))
				return glue(fs)
			}})
			_, err := types.Decode(edited)
			requireCode(t, c.want, err)
		})
	}
}
