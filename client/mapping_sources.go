package client

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"tradecredit/types"
)

// daySource reads a civil date.
type daySource struct {
	text    *textTemplate
	formats []string
	plus    int32
}

func parseDaySource(f *Field, t *tomlTable) (source, error) {
	if f.Kind != KindDay {
		return nil, fmt.Errorf("it is no day but %s", f.Describe())
	}
	s := &daySource{text: t.template("day"), formats: t.texts("formats"), plus: int32(take[int64](t, "plus"))}
	if len(s.formats) == 0 {
		s.formats = defaultDayFormats
	}
	for _, layout := range s.formats {
		example := time.Date(2019, 11, 28, 0, 0, 0, 0, time.UTC)
		if again, err := time.Parse(layout, example.Format(layout)); err != nil || !again.Equal(example) {
			return nil, fmt.Errorf("format %q does not say year, month and day; write it for 2 January 2006", layout)
		}
	}
	return s, nil
}

func (s *daySource) columns() []string { return s.text.columns() }

func (s *daySource) value(c *mapContext, _ *Field) (reflect.Value, error) {
	text, err := s.text.text(c)
	if err != nil {
		return reflect.Value{}, err
	}
	for _, layout := range s.formats {
		if at, err := time.Parse(layout, text); err == nil {
			return reflect.ValueOf(types.DayOf(at.Unix(), 0) + s.plus + c.shift), nil
		}
	}
	return reflect.Value{}, Reject(ReasonDay, "%.40q is written in none of %s", text, strings.Join(s.formats, ", "))
}

// amountSource reads a decimal amount, exactly.
type amountSource struct {
	text, currency *textTemplate
	grouping       string
}

func parseAmountSource(f *Field, t *tomlTable) (source, error) {
	if f.Kind != KindNumber || f.typ.Kind() != reflect.Int64 {
		return nil, fmt.Errorf("it is no amount but %s", f.Describe())
	}
	s := &amountSource{text: t.template("amount"), currency: t.template("currency"), grouping: take[string](t, "grouping")}
	if t.err == nil && len(s.currency.parts) == 0 {
		return nil, fmt.Errorf("an amount needs a currency")
	}
	return s, nil
}

func (s *amountSource) columns() []string { return append(s.text.columns(), s.currency.columns()...) }

func (s *amountSource) value(c *mapContext, _ *Field) (reflect.Value, error) {
	text, err := s.text.text(c)
	if err != nil {
		return reflect.Value{}, err
	}
	currency, err := s.currency.text(c)
	if err != nil {
		return reflect.Value{}, err
	}
	if s.grouping != "" {
		text = strings.ReplaceAll(text, s.grouping, "")
	}
	minor, err := types.ParseAmount(text, currency)
	if err == nil {
		err = types.CheckAmount(minor)
	}
	if code, refused := types.CodeOf(err); err != nil && refused {
		reason := ReasonAmount
		if code != types.Code_text_malformed {
			reason = code.String()
		}
		return reflect.Value{}, Reject(reason, "%v", err)
	}
	return reflect.ValueOf(minor), err
}

// commitSource makes the salted commitment of some columns, or of all.
type commitSource struct {
	names  []string
	record *textTemplate
}

func parseCommitSource(f *Field, t *tomlTable) (source, error) {
	if f.Kind != KindBytes {
		return nil, fmt.Errorf("it is no commitment but %s", f.Describe())
	}
	s := &commitSource{names: t.texts("commit"), record: t.template("record")}
	sorted := slices.Sorted(slices.Values(s.names))
	if t.err == nil && (len(s.names) == 0 || len(s.names) > maxCommitted || len(slices.Compact(sorted)) != len(s.names)) {
		return nil, fmt.Errorf("commit: 1 to %d different columns", maxCommitted)
	}
	if t.err == nil && len(s.record.columns()) == 0 {
		return nil, fmt.Errorf("a commitment needs record, the source id that its salts belong to")
	}
	return s, nil
}

func (s *commitSource) columns() []string {
	return append(slices.Clone(s.names), s.record.columns()...)
}

func (s *commitSource) value(c *mapContext, _ *Field) (reflect.Value, error) {
	id, err := s.record.text(c)
	if err != nil {
		return reflect.Value{}, err
	}
	var fields [][2]string
	for _, n := range s.names {
		v, ok := c.row.Lookup(n)
		if !ok {
			return reflect.Value{}, fmt.Errorf("%w: %q", ErrColumnMissing, n)
		}
		fields = append(fields, [2]string{n, v})
	}
	return reflect.ValueOf(Commit(c.saltKey, c.signer+"/"+id, fields).Root()), nil
}

// digestSource is the SHA-256 of a text.
type digestSource struct{ text *textTemplate }

func parseDigestSource(f *Field, t *tomlTable) (source, error) {
	if f.Kind != KindBytes {
		return nil, fmt.Errorf("it is no digest but %s", f.Describe())
	}
	return &digestSource{t.template("sha256")}, nil
}

func (s *digestSource) columns() []string { return s.text.columns() }

func (s *digestSource) value(c *mapContext, _ *Field) (reflect.Value, error) {
	text, err := s.text.text(c)
	if err != nil {
		return reflect.Value{}, err
	}
	sum := sha256.Sum256([]byte(text))
	return reflect.ValueOf(sum[:]), nil
}

// mapSource translates codes.
type mapSource struct {
	text      *textTemplate
	to        map[string]reflect.Value
	otherwise *reflect.Value
}

func parseMapSource(f *Field, t *tomlTable) (source, error) {
	s := &mapSource{text: t.template("map"), to: map[string]reflect.Value{}}
	to := take[map[string]any](t, "to")
	for _, from := range slices.Sorted(maps.Keys(to)) {
		v, err := f.constant(to[from])
		if err != nil {
			return nil, err
		}
		s.to[from] = v
	}
	if other, ok := t.in["otherwise"]; ok {
		t.used["otherwise"] = true
		v, err := f.constant(other)
		if err != nil {
			return nil, err
		}
		s.otherwise = &v
	}
	return s, nil
}

// constant reads a value of the mapping that no row changes; an empty text leaves the field out.
func (f *Field) constant(v any) (reflect.Value, error) {
	text := fmt.Sprint(v)
	if text == "" && f.Kind != KindText {
		return reflect.Value{}, nil
	}
	return f.parse(text, f.Name)
}

func (s *mapSource) columns() []string { return s.text.columns() }

func (s *mapSource) value(c *mapContext, f *Field) (reflect.Value, error) {
	text, err := s.text.text(c)
	if err != nil {
		return reflect.Value{}, err
	}
	if v, ok := s.to[text]; ok {
		return v, nil
	}
	if s.otherwise != nil {
		return *s.otherwise, nil
	}
	return reflect.Value{}, Reject(ReasonValue, "%s: %.40q stands not in the mapping's list", f.Name, text)
}

// listSource makes a list.
type listSource struct {
	field *Field
	items []source
}

func (s *listSource) columns() []string {
	var out []string
	for _, i := range s.items {
		out = append(out, i.columns()...)
	}
	return out
}

func (s *listSource) value(c *mapContext, f *Field) (reflect.Value, error) {
	out := reflect.MakeSlice(reflect.SliceOf(f.typ), 0, len(s.items))
	for _, i := range s.items {
		v, err := i.value(c, s.field)
		if err != nil {
			return out, err
		}
		if v.IsValid() {
			out = reflect.Append(out, v)
		}
	}
	return out, nil
}

// objectSource makes a message inside a message.
type objectSource struct{ fields []fieldMapping }

func (s *objectSource) columns() []string {
	var out []string
	for _, f := range s.fields {
		out = append(out, f.source.columns()...)
	}
	return out
}

func (s *objectSource) value(c *mapContext, f *Field) (reflect.Value, error) {
	p := reflect.New(f.typ.Elem())
	return p, fillStruct(p.Elem(), s.fields, c)
}

// needsSalt finds a commitment in a source.
func needsSalt(s source) bool {
	switch x := s.(type) {
	case *commitSource:
		return true
	case *listSource:
		return slices.ContainsFunc(x.items, needsSalt)
	case *objectSource:
		return slices.ContainsFunc(x.fields, func(f fieldMapping) bool { return needsSalt(f.source) })
	}
	return false
}
