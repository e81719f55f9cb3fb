package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// Duration is a time.Duration written as "500ms" or "2s".
type Duration time.Duration

// String is the duration as it is written in the file.
func (d Duration) String() string { return time.Duration(d).String() }

// Setting is one setting of a node, for help and flags.
type Setting struct {
	Name    string // "p2p.laddr"; also the flag's name
	Env     string // "LEDGERD_P2P_LADDR"
	Doc     string // one sentence
	Default string // as it would be written in the file
}

// Settings lists every setting in the order of the file.
func Settings() []Setting {
	c := Default("")
	var out []Setting
	for _, f := range c.fields() {
		out = append(out, Setting{Name: f.name, Env: envName(f.name), Doc: f.doc, Default: f.text()})
	}
	return out
}

// envPrefix begins every environment variable that is ours.
const envPrefix = "LEDGERD_"

// envHome names the home folder; the only variable that is no setting of the file.
const envHome = envPrefix + "HOME"

func envName(name string) string {
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(name))
}

// field is one setting bound to a Config.
type field struct {
	name  string
	doc   string
	value reflect.Value
}

// fields lists the settings of c, in the order of the struct.
func (c *Config) fields() []field {
	var out []field
	var walk func(prefix string, v reflect.Value)
	walk = func(prefix string, v reflect.Value) {
		for i := range v.NumField() {
			sf := v.Type().Field(i)
			tag := sf.Tag.Get("toml")
			if tag == "-" {
				continue
			}
			if sf.Type.Kind() == reflect.Struct {
				walk(prefix+tag+".", v.Field(i))
				continue
			}
			out = append(out, field{name: prefix + tag, doc: sf.Tag.Get("doc"), value: v.Field(i)})
		}
	}
	walk("", reflect.ValueOf(c).Elem())
	return out
}

func (c *Config) find(name string) (field, bool) {
	for _, f := range c.fields() {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

// wants says what the field takes, with an example.
func (f field) wants() string {
	switch f.value.Interface().(type) {
	case Duration:
		return `a duration in quotes such as "500ms" or "2s"`
	case string:
		return "a text in quotes"
	case bool:
		return "true or false"
	case int64:
		return "a whole number"
	default:
		return `a list of texts such as ["a", "b"]`
	}
}

// text is the value as it is written in the file.
func (f field) text() string {
	switch v := f.value.Interface().(type) {
	case Duration:
		return strconv.Quote(v.String())
	case string:
		return strconv.Quote(v)
	case []string:
		quoted := make([]string, len(v))
		for i, s := range v {
			quoted[i] = strconv.Quote(s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	default:
		return fmt.Sprint(v)
	}
}

// setParsed takes a value as the TOML decoder gives it. The error names neither file nor setting.
func (f field) setParsed(v any) error {
	wrong := func() error { return fmt.Errorf("must be %s, but is %s", f.wants(), describe(v)) }
	switch f.value.Interface().(type) {
	case Duration:
		s, ok := v.(string)
		if !ok {
			return wrong()
		}
		d, err := time.ParseDuration(s)
		if err != nil {
			return wrong()
		}
		f.value.SetInt(int64(d))
	case string:
		s, ok := v.(string)
		if !ok {
			return wrong()
		}
		f.value.SetString(s)
	case bool:
		b, ok := v.(bool)
		if !ok {
			return wrong()
		}
		f.value.SetBool(b)
	case int64:
		n, ok := v.(int64)
		if !ok {
			return wrong()
		}
		f.value.SetInt(n)
	default:
		list, ok := v.([]any)
		if !ok {
			return wrong()
		}
		texts := make([]string, len(list))
		for i := range list {
			if texts[i], ok = list[i].(string); !ok {
				return wrong()
			}
		}
		f.value.Set(reflect.ValueOf(texts))
	}
	return nil
}

// setText takes a value as a flag or an environment variable gives it: without quotes, lists with commas.
func (f field) setText(s string) error {
	switch f.value.Interface().(type) {
	case Duration, string:
		return f.setParsed(s)
	case bool:
		b, err := strconv.ParseBool(s)
		if err != nil {
			return fmt.Errorf("must be %s, but is %q", f.wants(), s)
		}
		return f.setParsed(b)
	case int64:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return fmt.Errorf("must be %s, but is %q", f.wants(), s)
		}
		return f.setParsed(n)
	default:
		list := []any{}
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return f.setParsed(list)
	}
}

// describe names a TOML value for an error.
func describe(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("the text %q", v)
	case bool:
		return fmt.Sprintf("%t", v)
	case int64, float64:
		return fmt.Sprintf("the number %v", v)
	case []any:
		return "a list of something else"
	case map[string]any:
		return "a table"
	default:
		return fmt.Sprintf("%v", v)
	}
}

// decode applies the text of a ledgerd.toml.
func (c *Config) decode(text []byte) error {
	var tree map[string]any
	if err := toml.Unmarshal(text, &tree); err != nil {
		var at *toml.DecodeError
		if errors.As(err, &at) {
			row, column := at.Position()
			return fmt.Errorf("%s: line %d, column %d: %w", c.File(), row, column, err)
		}
		return fmt.Errorf("%s: %w", c.File(), err)
	}
	flat := map[string]any{}
	c.flatten("", tree, flat)
	names := make([]string, 0, len(flat))
	for name := range flat {
		names = append(names, name)
	}
	sort.Strings(names)
	var errs []error
	for _, name := range names {
		f, known := c.find(name)
		if !known {
			errs = append(errs, fmt.Errorf("%s: %w", c.File(), unknownSetting(name)))
			continue
		}
		if err := f.setParsed(flat[name]); err != nil {
			errs = append(errs, fmt.Errorf("%s: %s %w", c.File(), name, err))
		}
	}
	return errors.Join(errs...)
}

// flatten turns nested tables into dotted names. A table where a setting is expected stays a value, so that its type is
// complained about under the setting's name.
func (c *Config) flatten(prefix string, tree map[string]any, out map[string]any) {
	for k, v := range tree {
		name := prefix + k
		sub, isTable := v.(map[string]any)
		_, isSetting := c.find(name)
		if isTable && !isSetting && len(sub) > 0 {
			c.flatten(name+".", sub, out)
			continue
		}
		if isTable && slices.Contains(c.tables(), name) { // [p2p] with nothing in it
			continue
		}
		out[name] = v
	}
}

// tables lists the names of the tables of the file.
func (c *Config) tables() []string {
	var out []string
	for _, f := range c.fields() {
		if table, _, ok := strings.Cut(f.name, "."); ok && !slices.Contains(out, table) {
			out = append(out, table)
		}
	}
	return out
}

func (c *Config) applyEnvironment(environ []string) error {
	byVariable := map[string]field{}
	for _, f := range c.fields() {
		byVariable[envName(f.name)] = f
	}
	var errs []error
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, envPrefix) || name == envHome {
			continue
		}
		f, known := byVariable[name]
		if !known {
			var names []string
			for _, s := range Settings() {
				names = append(names, s.Env)
			}
			errs = append(errs, fmt.Errorf("environment: %s is no setting%s", name, didYouMean(name, names)))
			continue
		}
		if err := f.setText(value); err != nil {
			errs = append(errs, fmt.Errorf("environment: %s %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// Apply sets settings by name, from texts as flags give them: without quotes, lists with commas.
func (c *Config) Apply(overrides map[string]string) error {
	var errs []error
	for _, f := range c.fields() {
		value, given := overrides[f.name]
		if !given {
			continue
		}
		if err := f.setText(value); err != nil {
			errs = append(errs, fmt.Errorf("--%s %w", f.name, err))
		}
	}
	for name := range overrides {
		if _, known := c.find(name); !known {
			errs = append(errs, fmt.Errorf("--%s: %w", name, unknownSetting(name)))
		}
	}
	return errors.Join(errs...)
}

// Text is the configuration as a ledgerd.toml: each setting with its sentence; those that have their default are commented
// out, so that a later default takes effect.
func (c *Config) Text() []byte {
	defaults := Default(c.Home)
	var b strings.Builder
	b.WriteString("# Settings of this node. What is commented out shows the default.\n" +
		"# Each can also be set by environment (p2p.laddr: LEDGERD_P2P_LADDR) or flag (--p2p.laddr), which win over this file.\n")
	table := ""
	for _, f := range c.fields() {
		key := f.name
		if t, k, ok := strings.Cut(f.name, "."); ok {
			key = k
			if t != table {
				table = t
				fmt.Fprintf(&b, "\n[%s]\n", t)
			}
		}
		fmt.Fprintf(&b, "\n# %s\n", f.doc)
		if d, _ := defaults.find(f.name); d.text() == f.text() {
			b.WriteString("# ")
		}
		fmt.Fprintf(&b, "%s = %s\n", key, f.text())
	}
	return []byte(b.String())
}

// refuseForeignFiles keeps an operator from editing files that have no effect.
func refuseForeignFiles(home string) error {
	for _, name := range []string{"config.toml", "app.toml"} {
		path := filepath.Join(home, "config", name)
		if _, err := os.Stat(path); err == nil {
			return fmt.Errorf("%s is not read by ledgerd: all settings stand in ledgerd.toml beside it; "+
				"carry over what you need and remove the file", path)
		}
	}
	return nil
}

// homeProblem explains why the home cannot be read.
func homeProblem(home string, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is no home of a node (config/ledgerd.toml is missing): make one with 'ledgerd init --home %s', "+
			"or name another with --home or %s", home, home, envHome)
	}
	return fmt.Errorf("read the configuration: %w", err)
}
