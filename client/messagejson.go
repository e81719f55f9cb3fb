package client

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"

	"github.com/cosmos/gogoproto/proto"

	"tradecredit/types"
)

// ErrMessageJSON is any mistake in a message written as JSON; the text names the place.
var ErrMessageJSON = errors.New("message cannot be read")

// maxMessageDepth bounds nested objects in JSON.
const maxMessageDepth = 8

// DecodeMessage reads the message of that name from JSON, strictly: unknown and repeated fields are refused with a
// proposal. Bytes are hexadecimal, enums their names, days "2006-01-02" or a number of days since 1970, numbers JSON
// numbers or strings of digits.
func DecodeMessage(name string, data []byte) (types.Msg, error) {
	m := types.NewMsg(name)
	if m == nil {
		var names []string
		for _, r := range types.Table {
			names = append(names, r.Name)
		}
		return nil, fmt.Errorf("%w: there is no message %q%s", ErrMessageJSON, name, didYouMean(name, names))
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := readJSON(d, 0)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows the object")
		}
	}
	if err == nil {
		err = setMessage(reflect.ValueOf(m).Elem(), v, "")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %v", ErrMessageJSON, name, err)
	}
	return m, nil
}

// jsonObject keeps the order of its members, and refuses repeated ones.
type jsonObject struct {
	names  []string
	values []any
}

// readJSON reads one value: string, json.Number, bool, nil, []any or *jsonObject.
func readJSON(d *json.Decoder, depth int) (any, error) {
	if depth > maxMessageDepth {
		return nil, errors.New("objects are nested too deeply")
	}
	t, err := d.Token()
	if err != nil {
		return nil, jsonError(d, err)
	}
	switch t {
	case json.Delim('{'):
		return readObject(d, depth)
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := readJSON(d, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, jsonError(d, err)
	}
	return t, nil
}

func readObject(d *json.Decoder, depth int) (any, error) {
	o := &jsonObject{}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return nil, jsonError(d, err)
		}
		name, _ := t.(string)
		for _, n := range o.names {
			if n == name {
				return nil, fmt.Errorf("%q is given twice", name)
			}
		}
		v, err := readJSON(d, depth+1)
		if err != nil {
			return nil, err
		}
		o.names, o.values = append(o.names, name), append(o.values, v)
	}
	_, err := d.Token()
	return o, jsonError(d, err)
}

func jsonError(d *json.Decoder, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the JSON ends too early, at byte %d", d.InputOffset())
	}
	return fmt.Errorf("no JSON at byte %d: %v", d.InputOffset(), err)
}

// setMessage fills a message from an object.
func setMessage(m reflect.Value, v any, at string) error {
	o, ok := v.(*jsonObject)
	if !ok {
		return fmt.Errorf("%s: an object { } is wanted", place(at))
	}
	fields := fieldsOf(m.Type())
	chosen := map[string]string{}
	for i, name := range o.names {
		here := strings.TrimPrefix(at+"."+name, ".")
		f := fieldNamed(fields, name)
		if f == nil {
			return fmt.Errorf("%s: there is no such field%s", here, didYouMean(name, fieldNames(fields)))
		}
		if f.Choice != "" {
			if other := chosen[f.Choice]; other != "" {
				return fmt.Errorf("%s: only one of %s and %s may be given", here, other, name)
			}
			chosen[f.Choice] = name
		}
		if err := f.set(m, o.values[i], here); err != nil {
			return err
		}
	}
	return nil
}

func place(at string) string {
	if at == "" {
		return "the message"
	}
	return at
}

// set puts a JSON value into the field of m.
func (f *Field) set(m reflect.Value, v any, at string) error {
	target := m.FieldByIndex(f.index)
	if f.Repeated {
		list, ok := v.([]any)
		if !ok {
			return fmt.Errorf("%s: a list [ ] is wanted", at)
		}
		for i, item := range list {
			one, err := f.value(item, fmt.Sprintf("%s[%d]", at, i))
			if err != nil {
				return err
			}
			target.Set(reflect.Append(target, one))
		}
		return nil
	}
	one, err := f.value(v, at)
	if err != nil {
		return err
	}
	if f.wrapper != nil {
		w := reflect.New(f.wrapper.Elem())
		w.Elem().Field(0).Set(one)
		one = w
	}
	target.Set(one)
	return nil
}

// value converts one JSON value.
func (f *Field) value(v any, at string) (reflect.Value, error) {
	if f.Kind == KindObject {
		p := reflect.New(f.typ.Elem())
		return p, setMessage(p.Elem(), v, at)
	}
	if b, ok := v.(bool); ok && f.Kind == KindBool {
		return reflect.ValueOf(b), nil
	}
	var text string
	switch x := v.(type) {
	case string:
		text = x
	case json.Number:
		if f.Kind == KindNumber || f.Kind == KindDay {
			return f.number(x.String(), at)
		}
		return reflect.Value{}, fmt.Errorf("%s: %s is wanted, not a number", at, f.Describe())
	default:
		return reflect.Value{}, fmt.Errorf("%s: %s is wanted", at, f.Describe())
	}
	if f.Kind == KindBool {
		return reflect.Value{}, fmt.Errorf("%s: true or false is wanted, without quotes", at)
	}
	return f.parse(text, at)
}

// parse converts text.
func (f *Field) parse(text, at string) (reflect.Value, error) {
	switch f.Kind {
	case KindText:
		return reflect.ValueOf(text), nil
	case KindBytes:
		b, err := hex.DecodeString(text)
		if err != nil {
			return reflect.Value{}, fmt.Errorf("%s: %.40q is not hexadecimal", at, text)
		}
		return reflect.ValueOf(b), nil
	case KindEnum:
		n, ok := proto.EnumValueMap(f.Enum)[text]
		if !ok || n == 0 {
			return reflect.Value{}, fmt.Errorf("%s: %.40q is not known%s", at, text, didYouMean(text, EnumNames(f.Enum)))
		}
		v := reflect.New(f.typ).Elem()
		v.SetInt(int64(n))
		return v, nil
	case KindDay:
		if day, err := types.ParseDay(text); err == nil {
			return reflect.ValueOf(day), nil
		}
		return reflect.Value{}, fmt.Errorf("%s: %.40q is no day; write it as 2006-01-02", at, text)
	case KindBool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return reflect.Value{}, fmt.Errorf("%s: %.40q is neither true nor false", at, text)
		}
		return reflect.ValueOf(b), nil
	}
	return f.number(text, at)
}

// number converts digits, within the bounds of the field's type.
func (f *Field) number(text, at string) (reflect.Value, error) {
	v := reflect.New(f.typ).Elem()
	switch {
	case f.typ.Kind() == reflect.Uint32 || f.typ.Kind() == reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, f.typ.Bits())
		if err != nil {
			return v, fmt.Errorf("%s: %.40q is no whole number that fits", at, text)
		}
		v.SetUint(n)
	default:
		n, err := strconv.ParseInt(text, 10, f.typ.Bits())
		if err != nil {
			return v, fmt.Errorf("%s: %.40q is no whole number that fits", at, text)
		}
		v.SetInt(n)
	}
	return v, nil
}

// EncodeMessage writes a message or a record as JSON with the conventions of DecodeMessage: fields in the order of
// types.proto, empty ones left out.
func EncodeMessage(m any) ([]byte, error) {
	v := reflect.ValueOf(m)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("client: %T is no message", m)
	}
	return appendMessage(nil, v.Elem())
}

func appendMessage(b []byte, m reflect.Value) ([]byte, error) {
	b = append(b, '{')
	first := true
	fields := fieldsOf(m.Type())
	for i := range fields {
		f := &fields[i]
		v := m.FieldByIndex(f.index)
		if f.wrapper != nil {
			if v.IsNil() || v.Elem().Type() != f.wrapper {
				continue
			}
			v = v.Elem().Elem().Field(0)
		}
		if v.IsZero() || (v.Kind() == reflect.Slice && v.Len() == 0) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(strconv.AppendQuote(b, f.Name), ':')
		var err error
		if b, err = f.append(b, v); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// append writes a field's value.
func (f *Field) append(b []byte, v reflect.Value) ([]byte, error) {
	if !f.Repeated {
		return f.appendOne(b, v)
	}
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = f.appendOne(b, v.Index(i)); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func (f *Field) appendOne(b []byte, v reflect.Value) ([]byte, error) {
	switch f.Kind {
	case KindObject:
		return appendMessage(b, v.Elem())
	case KindBytes:
		return strconv.AppendQuote(b, hex.EncodeToString(v.Bytes())), nil
	case KindEnum:
		return strconv.AppendQuote(b, v.Interface().(fmt.Stringer).String()), nil
	case KindDay:
		return strconv.AppendQuote(b, types.FormatDay(int32(v.Int()))), nil
	}
	text, err := json.Marshal(v.Interface())
	return append(b, text...), err
}
