package ledger

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cosmos/gogoproto/proto"
	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Messages from text, and records to text.

// setField sets the field that the path names, by names of types.proto; lists of messages by number.
func (w *world) setField(msg any, path []string, vals []string) {
	v := reflect.ValueOf(msg).Elem()
	for i, name := range path {
		if v.Kind() == reflect.Slice { // of messages
			n, err := strconv.Atoi(name)
			require.NoError(w.t, err, "%v", path)
			for v.Len() <= n {
				v.Set(reflect.Append(v, reflect.New(v.Type().Elem().Elem())))
			}
			v = v.Index(n).Elem()
			continue
		}
		field, tag := w.field(v, name)
		require.True(w.t, field.IsValid(), "%T has no field %s (%v)", msg, name, path)
		last := i == len(path)-1
		switch {
		case field.Kind() == reflect.Pointer:
			if field.IsNil() {
				field.Set(reflect.New(field.Type().Elem()))
			}
			v = field.Elem()
		case !last:
			v = field
		case field.Kind() == reflect.Slice && field.Type().Elem().Kind() != reflect.Uint8:
			field.SetZero()
			for _, val := range vals {
				if val == "" {
					continue
				}
				item := reflect.New(field.Type().Elem()).Elem()
				w.setScalar(item, name, tag, val)
				field.Set(reflect.Append(field, item))
			}
		default:
			value := "true"
			if len(vals) == 1 {
				value = vals[0]
			}
			w.setScalar(field, name, tag, value)
		}
	}
}

// field finds a field of a generated struct, also behind a oneof.
func (w *world) field(v reflect.Value, name string) (reflect.Value, string) {
	for i := range v.NumField() {
		if tag := v.Type().Field(i).Tag.Get("protobuf"); protoName(tag) == name {
			return v.Field(i), tag
		}
	}
	one, ok := v.Addr().Interface().(interface{ XXX_OneofWrappers() []interface{} })
	if !ok {
		return reflect.Value{}, ""
	}
	for _, wrapper := range one.XXX_OneofWrappers() {
		f := reflect.TypeOf(wrapper).Elem().Field(0)
		if protoName(f.Tag.Get("protobuf")) != name {
			continue
		}
		for i := range v.NumField() {
			slot := v.Field(i)
			if slot.Kind() != reflect.Interface || !reflect.TypeOf(wrapper).Implements(slot.Type()) {
				continue
			}
			if slot.IsNil() || slot.Elem().Type() != reflect.TypeOf(wrapper) {
				slot.Set(reflect.New(reflect.TypeOf(wrapper).Elem()))
			}
			return slot.Elem().Elem().Field(0), f.Tag.Get("protobuf")
		}
	}
	return reflect.Value{}, ""
}

func protoName(tag string) string { return tagPart(tag, "name=") }

func tagPart(tag, prefix string) string {
	for part := range strings.SplitSeq(tag, ",") {
		if rest, ok := strings.CutPrefix(part, prefix); ok {
			return rest
		}
	}
	return ""
}

func (w *world) setScalar(v reflect.Value, name, tag, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		require.NoError(w.t, err, name)
		v.SetBool(b)
	case reflect.Slice:
		v.SetBytes(w.bytes(text))
	case reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(strings.ReplaceAll(text, "_", ""), 10, 64)
		require.NoError(w.t, err, name)
		v.SetUint(n)
	case reflect.Int32, reflect.Int64:
		v.SetInt(w.integer(name, tagPart(tag, "enum="), text))
	default:
		require.Fail(w.t, "no text for this kind", "%s: %s", name, v.Kind())
	}
}

func (w *world) integer(name, enum, text string) int64 {
	if enum != "" {
		if n, ok := proto.EnumValueMap(enum)[text]; ok {
			return int64(n)
		}
	}
	switch {
	case (name == "day" || strings.HasSuffix(name, "_day")) && text != "0":
		if rest, ok := strings.CutPrefix(text, "D"); ok {
			n, err := strconv.Atoi("0" + rest)
			if rest != "" {
				n, err = strconv.Atoi(rest)
			}
			require.NoError(w.t, err, text)
			return int64(types.DayOf(w.unix+1, 0)) + int64(n)
		}
		if day, err := types.ParseDay(text); err == nil {
			return int64(day)
		}
	case strings.HasSuffix(name, "_unix") && strings.HasPrefix(text, "T"):
		return w.time(text)
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, 64)
	require.NoError(w.t, err, "%s=%s", name, text)
	return n
}

// time reads T, T+30d, T-1s around the next block's time.
func (w *world) time(text string) int64 {
	rest, ok := strings.CutPrefix(text, "T")
	require.True(w.t, ok, "%q is no time", text)
	switch {
	case rest == "":
		return w.unix + 1
	case rest[0] == '-':
		return w.unix + 1 - seconds(w.t, rest[1:])
	}
	return w.unix + 1 + seconds(w.t, rest[1:])
}

// seconds reads 90s, 5m, 12h, 30d.
func seconds(t testing.TB, text string) int64 {
	units := map[byte]int64{'s': 1, 'm': 60, 'h': 3600, 'd': 86400}
	require.NotEmpty(t, text)
	n, err := strconv.ParseInt(text[:len(text)-1], 10, 64)
	require.NoError(t, err, text)
	unit, ok := units[text[len(text)-1]]
	require.True(t, ok, text)
	return n * unit
}

func (w *world) bytes(text string) []byte {
	if word, ok := strings.CutPrefix(text, "#"); ok {
		return digestOf(word)
	}
	if whose, ok := strings.CutPrefix(text, "@"); ok {
		i := strings.LastIndex(whose, "/")
		return w.secret(whose[:i], whose[i+1:]).PublicKey()
	}
	b, err := hex.DecodeString(text)
	require.NoError(w.t, err, text)
	return b
}

// flatten writes a record as path=value, in the order of its fields, without those that are zero.
func flatten(t testing.TB, key string, value []byte) []string {
	if kind := types.KindOf(key); kind != nil {
		record := kind.New()
		require.NoError(t, record.Unmarshal(value), key)
		return fields(nil, "", reflect.ValueOf(record).Elem())
	}
	require.Fail(t, "no record type", key)
	return nil
}

// hidden are fields that say nothing to a reader.
var hidden = []string{"root", "frontier"}

func fields(out []string, path string, v reflect.Value) []string {
	if p, ok := v.Addr().Interface().(*types.Provenance); ok {
		return append(out, path+"="+provenanceText(p))
	}
	for i := range v.NumField() {
		f, tag := v.Field(i), v.Type().Field(i).Tag.Get("protobuf")
		if f.Kind() == reflect.Interface && !f.IsNil() { // a oneof: its wrapper's only field
			f, tag = f.Elem().Elem().Field(0), f.Elem().Type().Elem().Field(0).Tag.Get("protobuf")
		}
		name := protoName(tag)
		if f.IsZero() || slices.Contains(hidden, name) {
			continue
		}
		at := name
		if path != "" {
			at = path + "." + name
		}
		switch {
		case f.Kind() == reflect.Pointer:
			out = fields(out, at, f.Elem())
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Pointer:
			for j := range f.Len() {
				out = fields(out, fmt.Sprintf("%s.%d", at, j), f.Index(j).Elem())
			}
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() != reflect.Uint8:
			var items []string
			for j := range f.Len() {
				items = append(items, scalarText(name, f.Index(j)))
			}
			out = append(out, at+"=("+strings.Join(items, ", ")+")")
		default:
			out = append(out, at+"="+scalarText(name, f))
		}
	}
	return out
}

// provenanceText is the head of a record in short: who signed as what, the evidence, and what is special.
func provenanceText(p *types.Provenance) string {
	out := fmt.Sprintf("%s/%s:%s", p.Signer, p.Key, p.Evidence)
	if p.OnBehalfOf != "" {
		out += ":for:" + p.OnBehalfOf
	}
	if p.Late {
		out += ":late"
	}
	if !p.Counted {
		out += ":uncounted"
	}
	if p.Backfill {
		out += ":backfill"
	}
	if p.Fallen {
		out += ":fallen"
	}
	if p.Lists > 0 {
		out += fmt.Sprintf(":lists-%d", p.Lists)
	}
	return out
}

func scalarText(name string, v reflect.Value) string {
	if s, ok := v.Interface().(fmt.Stringer); ok {
		return s.String()
	}
	switch v.Kind() {
	case reflect.Slice:
		b := v.Bytes()
		return hex.EncodeToString(b[:min(4, len(b))]) + ".."
	case reflect.Int32:
		if strings.HasSuffix(name, "day") {
			return types.FormatDay(int32(v.Int()))
		}
		if strings.HasPrefix(name, "month") || strings.HasSuffix(name, "month") {
			return types.FormatDay(types.FirstDay(int32(v.Int())))[:7]
		}
	case reflect.Int64:
		if strings.HasSuffix(name, "_unix") {
			return time.Unix(v.Int(), 0).UTC().Format("2006-01-02T15:04:05")
		}
	}
	return fmt.Sprint(v.Interface())
}

// diff tells what a block changed: new records, changed fields, deletions, and new rows of logs.
func (w *world) diff(view *state.View, batch *state.Batch) string {
	var out, logs strings.Builder
	for _, c := range batch.Changes() {
		if strings.HasPrefix(c.Key, "usage/") || strings.HasPrefix(c.Key, "public-key/") || c.Key == string(types.DueCursorKey) {
			continue
		}
		old, err := view.Get(c.Key)
		require.NoError(w.t, err)
		if subject, ok := strings.CutPrefix(c.Key, string(types.Subjects)); ok {
			var was, is types.SubjectHead
			require.NoError(w.t, was.Unmarshal(old))
			require.NoError(w.t, is.Unmarshal(c.Value))
			logs.WriteString(logRows(w.t, batch, subject, was.Entries, is.Entries))
		}
		if strings.HasPrefix(c.Key, string(types.Dues)) {
			out.WriteString(dueText(w.t, c.Key, old, c.Value))
			continue
		}
		switch {
		case c.Key == string(types.ActiveModelKey): // its content stands under model/<id>
			fmt.Fprintf(&out, "~ %s  %s\n", c.Key, flatten(w.t, c.Key, c.Value)[0])
		case c.Value == nil && old != nil:
			fmt.Fprintf(&out, "- %s\n", c.Key)
		case c.Value != nil && old == nil:
			fmt.Fprintf(&out, "+ %s  %s\n", c.Key, strings.Join(flatten(w.t, c.Key, c.Value), " "))
		case c.Value != nil && string(old) != string(c.Value):
			fmt.Fprintf(&out, "~ %s  %s\n", c.Key, changed(flatten(w.t, c.Key, old), flatten(w.t, c.Key, c.Value)))
		}
	}
	return out.String() + logs.String()
}

// dueText tells that an item joined or left the queues, with its time in words.
func dueText(t testing.TB, key string, old, value []byte) string {
	sign, record := "+", value
	switch {
	case old == nil && value == nil:
		return ""
	case value == nil:
		sign, record = "-", old
	case old != nil:
		sign = "~"
	}
	var due types.Due
	require.NoError(t, due.Unmarshal(record))
	text := fmt.Sprintf("%s due %s %s %s", sign, time.Unix(dueUnix(key), 0).UTC().Format("2006-01-02T15:04:05"), due.Kind, due.Id)
	if due.Attempts > 0 {
		text += fmt.Sprintf(" attempts=%d", due.Attempts)
	}
	return text + "\n"
}

// changed lists the fields of b that a has not, and the names of fields of a that b has no more.
func changed(a, b []string) string {
	var out []string
	for _, f := range b {
		if !slices.Contains(a, f) {
			out = append(out, f)
		}
	}
	for _, f := range a {
		name, _, _ := strings.Cut(f, "=")
		if !slices.ContainsFunc(b, func(g string) bool { return strings.HasPrefix(g, name+"=") }) {
			out = append(out, name+"=")
		}
	}
	return strings.Join(out, " ")
}

// logRows prints rows from … to−1 of a subject's log.
func logRows(t testing.TB, r state.Reader, subject string, from, to uint64) string {
	var out strings.Builder
	for n := from; n < to; n++ {
		row, err := r.Entry(types.EntryLog(subject), n)
		require.NoError(t, err)
		var e types.Entry
		require.NoError(t, e.Unmarshal(row))
		text := fields(nil, "", reflect.ValueOf(&e).Elem())
		fmt.Fprintf(&out, "* %s #%d  %s\n", subject, n, strings.Join(text, " "))
	}
	return out.String()
}
