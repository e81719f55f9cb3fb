package client

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"tradecredit/types"
)

// rowNumber stands in braces for the row's number.
const rowNumber = "#"

// Reasons why a mapping rejects a row, beside codes of the ledger.
const (
	ReasonDay    = "day cannot be read"
	ReasonAmount = "amount cannot be read"
	ReasonValue  = "value cannot be used"
)

// defaultDayFormats are tried in turn; none of them can be mistaken for another. Days written day first or month first
// have no default: a mapping must say which.
var defaultDayFormats = []string{"2006-01-02", "2006/1/2", "2006-1-2", "20060102", "2-Jan-06", "2-Jan-2006", "2006年1月2日"}

// mapContext is what a value is made from.
type mapContext struct {
	row     *Row
	signer  string // id of the signing member or subject
	saltKey []byte
	shift   int32
	epochs  []EpochKey // of fingerprints
}

// source makes the value of one field; it returns what Field.parse or a constructor takes.
type source interface {
	columns() []string
	value(c *mapContext, f *Field) (reflect.Value, error)
}

// fieldMapping is one field and where its value comes from.
type fieldMapping struct {
	field  *Field
	source source
}

// fillMessage sets the fields of a message from a row.
func fillMessage(msg types.Msg, fields []fieldMapping, c *mapContext) error {
	return fillStruct(reflect.ValueOf(msg).Elem(), fields, c)
}

func fillStruct(m reflect.Value, fields []fieldMapping, c *mapContext) error {
	for _, f := range fields {
		v, err := f.source.value(c, f.field)
		if err != nil {
			return err
		}
		if !v.IsValid() {
			continue
		}
		if f.field.wrapper != nil {
			w := reflect.New(f.field.wrapper.Elem())
			w.Elem().Field(0).Set(v)
			v = w
		}
		m.FieldByIndex(f.field.index).Set(v)
	}
	return nil
}

// parseFields reads the table of fields of one message or object.
func parseFields(fields []Field, given map[string]any) ([]fieldMapping, error) {
	var out []fieldMapping
	for _, name := range slices.Sorted(maps.Keys(given)) {
		f := fieldNamed(fields, name)
		if f == nil {
			return nil, fmt.Errorf("there is no field %q%s", name, didYouMean(name, fieldNames(fields)))
		}
		s, err := parseSource(f, given[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, fieldMapping{f, s})
	}
	return out, nil
}

// parseSource reads one field's value in the mapping.
func parseSource(f *Field, v any) (source, error) {
	if f.Repeated {
		list, ok := v.([]any)
		if !ok {
			return nil, fmt.Errorf("a list [ ] is wanted")
		}
		out := &listSource{}
		single := *f
		single.Repeated = false
		out.field = &single
		for _, item := range list {
			s, err := parseSource(&single, item)
			if err != nil {
				return nil, err
			}
			out.items = append(out.items, s)
		}
		return out, nil
	}
	switch x := v.(type) {
	case string:
		return parseText(f, x)
	case int64, bool:
		return parseText(f, fmt.Sprint(x))
	case map[string]any:
		if f.Kind == KindObject {
			fields, err := parseFields(f.Fields, x)
			return &objectSource{fields}, err
		}
		return parseTransform(f, x)
	}
	return nil, fmt.Errorf("%s is wanted, text in quotes or a table { }", f.Describe())
}

// parseText reads a template; one without columns is tried at once, so that a mistake shows before the first row.
func parseText(f *Field, text string) (source, error) {
	if f.Kind == KindObject {
		return nil, fmt.Errorf("%s is wanted", f.Describe())
	}
	t, err := parseTemplate(text)
	if err != nil {
		return nil, err
	}
	if len(t.columns()) == 0 {
		if _, err := f.parse(text, f.Name); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// parseTransform reads a table with one of the keys day, amount, commit, sha256 and map.
func parseTransform(f *Field, in map[string]any) (source, error) {
	kinds := map[string]func(*Field, *tomlTable) (source, error){
		"day": parseDaySource, "amount": parseAmountSource, "commit": parseCommitSource, "sha256": parseDigestSource, "map": parseMapSource,
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if _, ok := in[kind]; ok {
			t := &tomlTable{in: in, used: map[string]bool{}}
			s, err := kinds[kind](f, t)
			if err == nil {
				err = t.done()
			}
			return s, err
		}
	}
	return nil, fmt.Errorf("the table has none of day, amount, commit, sha256, map%s", didYouMean(firstKey(in), slices.Sorted(maps.Keys(kinds))))
}

func firstKey(in map[string]any) string {
	for _, k := range slices.Sorted(maps.Keys(in)) {
		return k
	}
	return ""
}

// tomlTable reads the keys of an inline table; the first mistake stays.
type tomlTable struct {
	in   map[string]any
	used map[string]bool
	err  error
}

func take[T any](t *tomlTable, key string) T {
	t.used[key] = true
	var zero T
	v, ok := t.in[key]
	if !ok {
		return zero
	}
	x, ok := v.(T)
	if !ok && t.err == nil {
		t.err = fmt.Errorf("%s: %T is wanted, not %T", key, zero, v)
	}
	return x
}

func (t *tomlTable) template(key string) *textTemplate {
	text := take[string](t, key)
	p, err := parseTemplate(text)
	if err != nil && t.err == nil {
		t.err = fmt.Errorf("%s: %w", key, err)
	}
	return p
}

func (t *tomlTable) texts(key string) []string {
	var out []string
	for _, v := range take[[]any](t, key) {
		s, ok := v.(string)
		if !ok && t.err == nil {
			t.err = fmt.Errorf("%s: a list of texts is wanted", key)
		}
		out = append(out, s)
	}
	return out
}

func (t *tomlTable) done() error {
	if t.err != nil {
		return t.err
	}
	for _, k := range slices.Sorted(maps.Keys(t.in)) {
		if !t.used[k] {
			return fmt.Errorf("unknown key %q%s", k, didYouMean(k, slices.Sorted(maps.Keys(t.used))))
		}
	}
	return nil
}

// textTemplate is text with columns in braces.
type textTemplate struct {
	parts []templatePart
}

type templatePart struct {
	literal string
	column  string // empty: literal
	filter  func(string) string
}

var templateFilters = map[string]func(string) string{
	"upper": strings.ToUpper,
	"lower": strings.ToLower,
	"id": func(s string) string {
		return strings.Map(func(r rune) rune {
			if r < 128 && (r == '.' || r == '_' || r == '-' || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z')) {
				return r
			}
			return '-'
		}, s)
	},
	"digits": func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return r
			}
			return -1
		}, s)
	},
}

func parseTemplate(text string) (*textTemplate, error) {
	t := &textTemplate{}
	for text != "" {
		open := strings.IndexByte(text, '{')
		if open < 0 {
			t.parts = append(t.parts, templatePart{literal: text})
			break
		}
		if open > 0 {
			t.parts = append(t.parts, templatePart{literal: text[:open]})
		}
		end := strings.IndexByte(text[open:], '}')
		if end < 0 {
			return nil, fmt.Errorf("the brace in %q is never closed", text)
		}
		column, filter, filtered := strings.Cut(text[open+1:open+end], "|")
		p := templatePart{column: column}
		if column == "" {
			return nil, fmt.Errorf("there is no column in the braces of %q", text)
		}
		if filtered {
			if p.filter = templateFilters[filter]; p.filter == nil {
				return nil, fmt.Errorf("there is no filter %q%s", filter, didYouMean(filter, slices.Sorted(maps.Keys(templateFilters))))
			}
		}
		t.parts = append(t.parts, p)
		text = text[open+end+1:]
	}
	return t, nil
}

func (t *textTemplate) columns() []string {
	var out []string
	for _, p := range t.parts {
		if p.column != "" {
			out = append(out, p.column)
		}
	}
	return out
}

func (t *textTemplate) text(c *mapContext) (string, error) {
	var b strings.Builder
	for _, p := range t.parts {
		v := p.literal
		switch {
		case p.column == rowNumber:
			v = strconv.FormatInt(c.row.Number, 10)
		case p.column != "":
			var ok bool
			if v, ok = c.row.Lookup(p.column); !ok {
				return "", fmt.Errorf("%w: %q", ErrColumnMissing, p.column)
			}
		}
		if p.filter != nil {
			v = p.filter(v)
		}
		b.WriteString(v)
	}
	return b.String(), nil
}

// value parses the text as the field's kind; days without a format are those of "day".
func (t *textTemplate) value(c *mapContext, f *Field) (reflect.Value, error) {
	text, err := t.text(c)
	if err != nil {
		return reflect.Value{}, err
	}
	if text == "" && f.Kind != KindText {
		return reflect.Value{}, nil // left out
	}
	if f.Kind == KindDay {
		at := *c
		if len(t.columns()) == 0 {
			at.shift = 0 // a day that the mapping itself states is meant as it stands
		}
		return (&daySource{text: t, formats: defaultDayFormats}).value(&at, f)
	}
	v, err := f.parse(text, f.Name)
	if err != nil {
		return v, Reject(ReasonValue, "%v", err)
	}
	return v, nil
}
