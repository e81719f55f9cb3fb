package client

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/cosmos/gogoproto/proto"

	"tradecredit/types"
)

// Field is one field of a message, as people write it in JSON and in mappings.
type Field struct {
	Name     string  // as in types.proto
	Kind     string  // text, number, yes/no, hexadecimal, day, one of an enum's names, object
	Enum     string  // full name of the enum; empty for other kinds
	Repeated bool    // a list
	Choice   string  // name of the oneof it belongs to; at most one of it may be set
	Fields   []Field // of an object

	index   []int        // of the Go field; for a choice, of the oneof's interface
	wrapper reflect.Type // of a choice: *Propose_Admit and its like
	typ     reflect.Type // of one value
}

// Kinds of fields.
const (
	KindText   = "text"
	KindNumber = "number"
	KindBool   = "true/false"
	KindBytes  = "hexadecimal"
	KindDay    = "day"
	KindEnum   = "name"
	KindObject = "object"
)

// MessageFields lists the fields of the message of that name, in the order of types.proto; nil when there is none.
func MessageFields(name string) []Field {
	m := types.NewMsg(name)
	if m == nil {
		return nil
	}
	return fieldsOf(reflect.TypeOf(m).Elem())
}

// EnumNames lists the names of an enum in the order of their numbers, without the unspecified one.
func EnumNames(enum string) []string {
	values := proto.EnumValueMap(enum)
	var names []string
	for name, number := range values {
		if number != 0 {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return int(values[a] - values[b]) })
	return names
}

func fieldsOf(t reflect.Type) []Field {
	var out []Field
	for i := range t.NumField() {
		f := t.Field(i)
		if choice := f.Tag.Get("protobuf_oneof"); choice != "" {
			out = append(out, choicesOf(t, i, choice)...)
			continue
		}
		if tag := f.Tag.Get("protobuf"); tag != "" {
			out = append(out, fieldOf(tag, f.Type, []int{i}))
		}
	}
	return out
}

// choicesOf lists the members of a oneof, each as a field of its own.
func choicesOf(t reflect.Type, i int, choice string) []Field {
	m, ok := reflect.New(t).Interface().(interface{ XXX_OneofWrappers() []any })
	if !ok {
		return nil
	}
	var out []Field
	for _, w := range m.XXX_OneofWrappers() {
		wt := reflect.TypeOf(w)
		if !wt.Implements(t.Field(i).Type) {
			continue
		}
		inner := wt.Elem().Field(0)
		f := fieldOf(inner.Tag.Get("protobuf"), inner.Type, []int{i})
		f.Choice, f.wrapper = choice, wt
		out = append(out, f)
	}
	return out
}

func fieldOf(tag string, t reflect.Type, index []int) Field {
	f := Field{index: index}
	for _, part := range strings.Split(tag, ",") {
		if name, ok := strings.CutPrefix(part, "name="); ok {
			f.Name = name
		}
		if enum, ok := strings.CutPrefix(part, "enum="); ok {
			f.Enum = enum
		}
	}
	if t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8 {
		f.Repeated, t = true, t.Elem()
	}
	f.typ = t
	switch {
	case f.Enum != "":
		f.Kind = KindEnum
	case t.Kind() == reflect.Pointer:
		f.Kind, f.Fields = KindObject, fieldsOf(t.Elem())
	case t.Kind() == reflect.Slice:
		f.Kind = KindBytes
	case t.Kind() == reflect.Bool:
		f.Kind = KindBool
	case t.Kind() == reflect.String:
		f.Kind = KindText
	case t.Kind() == reflect.Int32 && isDayField(f.Name):
		f.Kind = KindDay
	default:
		f.Kind = KindNumber
	}
	return f
}

// isDayField tells the fields that hold civil days.
func isDayField(name string) bool { return name == "day" || strings.HasSuffix(name, "_day") }

// Describe says what may stand in a field.
func (f *Field) Describe() string {
	s := f.Kind
	switch f.Kind {
	case KindEnum:
		s = strings.Join(EnumNames(f.Enum), " | ")
	case KindDay:
		s = "day, \"2006-01-02\""
	case KindObject:
		var parts []string
		for i := range f.Fields {
			parts = append(parts, f.Fields[i].Name)
		}
		s = "{" + strings.Join(parts, ", ") + "}"
	case KindBytes:
		s = "bytes, hexadecimal"
	}
	if f.Repeated {
		s = "list of " + s
	}
	if f.Choice != "" {
		s += " (one of: " + f.Choice + ")"
	}
	return s
}

func fieldNamed(fields []Field, name string) *Field {
	for i := range fields {
		if fields[i].Name == name {
			return &fields[i]
		}
	}
	return nil
}

func fieldNames(fields []Field) []string {
	out := make([]string, len(fields))
	for i := range fields {
		out[i] = fields[i].Name
	}
	return out
}

// didYouMean proposes the nearest of some names, or lists them when there are few; empty when nothing is near.
func didYouMean(name string, names []string) string {
	best, distance := "", 1+max(2, len(name)/3)
	for _, n := range names {
		if d := editDistance(strings.ToLower(name), strings.ToLower(n)); d < distance {
			best, distance = n, d
		}
	}
	for _, n := range names {
		if best == "" && len(name) >= 3 && strings.HasPrefix(n, name) {
			best = n
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf("; did you mean %q?", best)
	case len(names) > 0 && len(names) <= 24:
		return "; there are " + strings.Join(names, ", ")
	}
	return ""
}

// editDistance is Levenshtein's, over runes.
func editDistance(a, b string) int {
	x, y := []rune(a), []rune(b)
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j, s := range y {
			cost := 1
			if r == s {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(y)]
}
