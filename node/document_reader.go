package node

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// fieldKind is what a field of a genesis document holds.
type fieldKind int

const (
	kindText    fieldKind = iota // "text"
	kindInteger                  // 12
	kindBoolean                  // true
	kindMoment                   // 2026-12-01T00:00:00Z
	kindTexts                    // ["A", "B"]
	kindTable                    // [parameters]
	kindTables                   // [[member]]
)

// documentField is one field of a table: its name as it must be spelt, and what to write there.
type documentField struct {
	name     string
	kind     fieldKind
	optional bool
	hint     string
}

// documentReader reads tables of a TOML document strictly and collects everything that is wrong with them, so that an author
// sees all of it at once.
type documentReader struct{ problems []error }

// values are the fields of a table that are there and of their kind.
type values map[string]any

func (v values) text(name string) string      { s, _ := v[name].(string); return s }
func (v values) integer(name string) int64    { n, _ := v[name].(int64); return n }
func (v values) boolean(name string) bool     { b, _ := v[name].(bool); return b }
func (v values) moment(name string) time.Time { t, _ := v[name].(time.Time); return t }
func (v values) texts(name string) []string   { l, _ := v[name].([]string); return l }
func (v values) table(name string) values     { t, _ := v[name].(map[string]any); return t }
func (v values) tables(name string) []values  { l, _ := v[name].([]values); return l }
func (v values) has(name string) bool         { _, ok := v[name]; return ok }
func (v values) names() []string              { return slices.Sorted(maps.Keys(v)) }
func (r *documentReader) failed() error       { return errors.Join(r.problems...) }
func (r *documentReader) wrong(path, what string) {
	r.problems = append(r.problems, errors.New(path+": "+what))
}

// check notes err, if there is one, with what to do about it.
func (r *documentReader) check(path string, err error, do string) {
	if err == nil {
		return
	}
	if do != "" {
		do = "; " + do
	}
	r.wrong(path, err.Error()+do)
}

// parse reads the text of a document.
func (r *documentReader) parse(text []byte) values {
	var tree map[string]any
	err := toml.Unmarshal(text, &tree)
	var at *toml.DecodeError
	if errors.As(err, &at) {
		row, column := at.Position()
		r.wrong(fmt.Sprintf("line %d, column %d", row, column), strings.TrimPrefix(at.Error(), "toml: "))
		return nil
	}
	r.check("document", err, "")
	return tree
}

// orAll ends a sentence about a name that is not known: which may have been meant, or all there are.
func orAll(name string, names []string) string {
	if near := nearest(name, names); near != "" {
		return near
	}
	return "; there are " + strings.Join(names, ", ")
}

// read takes the fields of a table. path is empty for the document itself, else "member[0]".
func (r *documentReader) read(path string, t values, fields []documentField) values {
	under := func(name string) string {
		if path == "" {
			return name
		}
		return path + "." + name
	}
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	for _, name := range t.names() {
		if slices.Contains(names, name) {
			continue
		}
		r.wrong(under(name), "there is no such field"+orAll(name, names))
	}
	out := values{}
	for _, f := range fields {
		v, given := t[f.name]
		if given {
			v = f.kind.convert(v)
		}
		switch {
		case given && v == nil:
			r.wrong(under(f.name), fmt.Sprintf("is %s; write %s", describe(t[f.name]), f.hint))
		case given && v != "":
			out[f.name] = v
		case !f.optional:
			r.wrong(under(f.name), "is missing; write "+f.hint)
		}
	}
	return out
}

// convert gives a parsed value the type that values promises; nil if it is of another kind.
func (k fieldKind) convert(v any) any {
	switch v := v.(type) {
	case string:
		if k == kindText {
			return v
		}
	case int64:
		if k == kindInteger {
			return v
		}
	case bool:
		if k == kindBoolean {
			return v
		}
	case time.Time:
		if k == kindMoment {
			return v
		}
	case map[string]any:
		if k == kindTable {
			return v
		}
	case []any:
		return k.convertList(v)
	}
	return nil
}

func (k fieldKind) convertList(list []any) any {
	texts, tables := []string{}, []values{}
	for _, item := range list {
		switch item := item.(type) {
		case string:
			texts = append(texts, item)
		case map[string]any:
			tables = append(tables, item)
		}
	}
	switch {
	case k == kindTexts && len(texts) == len(list):
		return texts
	case k == kindTables && len(tables) == len(list):
		return tables
	}
	return nil
}
