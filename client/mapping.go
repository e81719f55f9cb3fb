package client

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"tradecredit/types"
)

// ErrMapping is any mistake in a mapping file; the text names the place.
var ErrMapping = errors.New("mapping cannot be used")

// Mapping says how the rows of a table become messages. It is read from TOML:
//
//	encoding  = "auto"             # auto, utf-8, gb18030
//	delimiter = ","
//	last_line = "reject"           # what has no line end may be cut off; "accept" takes it for whole
//
//	[origin]                       # the label of where the facts come from
//	source_system = "erp-7"
//	jurisdiction  = "CN-33"
//	shift_days    = 0              # added to every day; a shifted or made-up set is simulated
//	simulated     = false
//
//	[[skip]]                       # rows that cannot be recorded; the first that holds gives the reason
//	column = "Amount"
//	is     = ["", "NA"]            # or: matches = "regular expression", or not_in = [ … ]
//	reason = "no amount"
//
//	[[record]]                     # one message a row
//	message      = "issue_receivable"
//	signer       = "platform"      # name of a key given at the command line; may be left out when there is one
//	on_behalf_of = "CN:FIRM:{Seller}"
//	pass         = 1               # the table is read once a pass: 1 before 2
//	once         = false           # only for the first row of each different message
//	when         = { column = "State", is = ["valid"] }
//	[record.fields]
//	id           = "{Number}"      # text with columns in braces; {#} is the row's number
//	type         = "380"
//	currency     = "CNY"
//	amount_minor = { amount = "{Total}", currency = "CNY" }
//	issue_day    = { day = "{Date}", formats = ["2006/1/2"] }
//	due_day      = { day = "{Date}", plus = 30 }
//	commitment   = { commit = ["Number", "Date", "Total"], record = "{Number}" }
//	terms_digest = { sha256 = "terms of {Number}" }
//	incoterm     = { map = "{Terms}", to = { "EXW" = "EXW" }, otherwise = "" }
//	allocations  = [ { receivable = "platform/{Number}", amount_minor = { amount = "{Total}", currency = "CNY" } } ]
//
//	[record.fingerprints]          # of a receivable, made under EpochKeys; and carrier, transport_document, declaration
//	number       = "{Number}"
//	tax_invoice  = "{Tax number}"
//
// In braces, "{Column|lower}", upper, id (what source ids cannot hold becomes "-") and digits change the text.
type Mapping struct {
	Table  TableOptions
	Origin types.Origin // collected_unix is left to the importer
	// EpochKeys are the consortium keys under which fingerprints are made, ascending; none while no epoch is open.
	EpochKeys []EpochKey

	skips   []condition
	records []*recordMapping
}

type mappingFile struct {
	Encoding  string        `toml:"encoding"`
	Delimiter string        `toml:"delimiter"`
	LastLine  string        `toml:"last_line"`
	Origin    originFile    `toml:"origin"`
	Skip      []conditionIn `toml:"skip"`
	Record    []recordFile  `toml:"record"`
}

type originFile struct {
	SourceSystem string `toml:"source_system"`
	Jurisdiction string `toml:"jurisdiction"`
	ShiftDays    int32  `toml:"shift_days"`
	Simulated    bool   `toml:"simulated"`
}

type conditionIn struct {
	Column  string   `toml:"column"`
	Is      []string `toml:"is"`
	NotIn   []string `toml:"not_in"`
	Matches string   `toml:"matches"`
	Reason  string   `toml:"reason"`
}

type recordFile struct {
	Message    string            `toml:"message"`
	Signer     string            `toml:"signer"`
	OnBehalfOf string            `toml:"on_behalf_of"`
	Pass       int               `toml:"pass"`
	Once       bool              `toml:"once"`
	When       *conditionIn      `toml:"when"`
	Fields     map[string]any    `toml:"fields"`
	Paper      map[string]string `toml:"fingerprints"`
}

// recordMapping makes one message of a row.
type recordMapping struct {
	message    string
	signer     string
	onBehalfOf *textTemplate
	pass       int
	once       bool
	when       *condition
	fields     []fieldMapping
	paper      *paperMapping
}

// ReadMapping reads a mapping file.
func ReadMapping(path string) (*Mapping, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	m, err := ParseMapping(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// ParseMapping reads a mapping strictly: unknown keys, messages, fields and names are refused, with a proposal.
func ParseMapping(data []byte) (*Mapping, error) {
	var f mappingFile
	d := toml.NewDecoder(strings.NewReader(string(data))).DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrMapping, tomlError(err))
	}
	m := &Mapping{Table: TableOptions{Encoding: f.Encoding}, Origin: types.Origin{
		SourceSystem: f.Origin.SourceSystem, Jurisdiction: f.Origin.Jurisdiction, ShiftDays: f.Origin.ShiftDays, Simulated: f.Origin.Simulated}}
	err := m.tableOptions(&f)
	for i := range f.Skip {
		if err == nil {
			var c *condition
			if c, err = newCondition(&f.Skip[i], fmt.Sprintf("skip %d", i+1)); err == nil && c.reason == "" {
				err = fmt.Errorf("skip %d: it needs a reason", i+1)
			}
			if err == nil {
				m.skips = append(m.skips, *c)
			}
		}
	}
	if err == nil && len(f.Record) == 0 {
		err = errors.New("there is no [[record]]")
	}
	for i := range f.Record {
		if err == nil {
			err = m.addRecord(&f.Record[i], i+1)
		}
	}
	if err == nil {
		err = types.CheckOrigin(&m.Origin)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMapping, err)
	}
	return m, nil
}

// tomlError names line and key of what TOML refused.
func tomlError(err error) string {
	var missing *toml.StrictMissingError
	var decode *toml.DecodeError
	switch {
	case errors.As(err, &missing) && len(missing.Errors) > 0:
		row, _ := missing.Errors[0].Position()
		key := missing.Errors[0].Key()
		known := []string{"encoding", "delimiter", "last_line", "origin", "skip", "record", "source_system", "jurisdiction", "shift_days", "simulated",
			"column", "is", "not_in", "matches", "reason", "message", "signer", "on_behalf_of", "pass", "once", "when", "fields", "fingerprints"}
		return fmt.Sprintf("line %d: unknown key %q%s", row, strings.Join(key, "."), didYouMean(key[len(key)-1], known))
	case errors.As(err, &decode):
		row, column := decode.Position()
		return fmt.Sprintf("line %d, column %d: %v", row, column, decode)
	}
	return err.Error()
}

func (m *Mapping) tableOptions(f *mappingFile) error {
	switch r := []rune(f.Delimiter); {
	case len(r) == 1:
		m.Table.Delimiter = r[0]
	case len(r) > 1:
		return fmt.Errorf("delimiter %q is not one character", f.Delimiter)
	}
	switch f.LastLine {
	case "", "reject":
	case "accept":
		m.Table.AcceptLastLine = true
	default:
		return fmt.Errorf("last_line is %q; it is reject or accept", f.LastLine)
	}
	_, _, err := sniff(nil, f.Encoding, true)
	return err
}

func (m *Mapping) addRecord(f *recordFile, n int) error {
	at := fmt.Sprintf("record %d (%s)", n, f.Message)
	fields := MessageFields(f.Message)
	if fields == nil {
		var names []string
		for _, r := range types.Table {
			names = append(names, r.Name)
		}
		return fmt.Errorf("%s: there is no such message%s", at, didYouMean(f.Message, names))
	}
	r := &recordMapping{message: f.Message, signer: f.Signer, pass: max(f.Pass, 1), once: f.Once}
	if f.Pass < 0 || f.Pass > 16 {
		return fmt.Errorf("%s: pass %d; passes are 1 to 16", at, f.Pass)
	}
	var err error
	if r.onBehalfOf, err = parseTemplate(f.OnBehalfOf); err != nil {
		return fmt.Errorf("%s: on_behalf_of: %w", at, err)
	}
	if f.When != nil {
		if r.when, err = newCondition(f.When, at+": when"); err != nil {
			return err
		}
	}
	if r.fields, err = parseFields(fields, f.Fields); err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	if r.paper, err = parsePaper(f.Message, f.Paper); err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	m.records = append(m.records, r)
	return nil
}

// Passes is how often the table is read.
func (m *Mapping) Passes() int {
	n := 1
	for _, r := range m.records {
		n = max(n, r.pass)
	}
	return n
}

// Signers lists the names of signers that the mapping uses, sorted; "" where it leaves them out.
func (m *Mapping) Signers() []string {
	var out []string
	for _, r := range m.records {
		out = append(out, r.signer)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Columns lists the columns that the mapping needs, in the order in which it names them.
func (m *Mapping) Columns() []string {
	var out []string
	add := func(names ...string) {
		for _, n := range names {
			if n != rowNumber && !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	for _, s := range m.skips {
		add(s.column)
	}
	for _, r := range m.records {
		add(r.onBehalfOf.columns()...)
		if r.when != nil {
			add(r.when.column)
		}
		for _, f := range r.fields {
			add(f.source.columns()...)
		}
		for _, t := range r.paper.templates() {
			add(t.columns()...)
		}
	}
	return out
}

// NeedsSalt tells whether the mapping makes salted commitments.
func (m *Mapping) NeedsSalt() bool {
	for _, r := range m.records {
		for _, f := range r.fields {
			if needsSalt(f.source) {
				return true
			}
		}
	}
	return false
}

// Mapper returns the function that maps rows in one pass. signers gives the member or subject id of each signer name,
// for record ids in commitments; saltKey may be nil when NeedsSalt is false. The mapper remembers what it sent once:
// use a fresh one for each reading of the table.
func (m *Mapping) Mapper(pass int, signers map[string]string, saltKey []byte) (Mapper, error) {
	if m.NeedsSalt() && len(saltKey) != 32 {
		return nil, fmt.Errorf("%w: it makes salted commitments, and there is no salt key", ErrMapping)
	}
	for _, name := range m.Signers() {
		if signers[name] == "" {
			return nil, fmt.Errorf("%w: there is no signer %q", ErrMapping, name)
		}
	}
	seen := map[string]struct{}{}
	return func(row *Row) ([]Step, error) {
		for i := range m.skips {
			if m.skips[i].holds(row) {
				return nil, &Rejection{Reason: m.skips[i].reason}
			}
		}
		var steps []Step
		for _, r := range m.records {
			if r.pass != pass || (r.when != nil && !r.when.holds(row)) {
				continue
			}
			step, err := r.step(&mapContext{row: row, signer: signers[r.signer], saltKey: saltKey, shift: m.Origin.ShiftDays, epochs: m.EpochKeys})
			if err != nil {
				return nil, err
			}
			if r.once {
				id := r.signer + "\x00" + string(types.ContentDigest(step.OnBehalfOf, step.Msg))
				if _, again := seen[id]; again {
					continue
				}
				seen[id] = struct{}{}
			}
			steps = append(steps, *step)
		}
		return steps, nil
	}, nil
}

func (r *recordMapping) step(c *mapContext) (*Step, error) {
	msg := types.NewMsg(r.message)
	if err := fillMessage(msg, r.fields, c); err != nil {
		return nil, err
	}
	if receivable, ok := msg.(*types.IssueReceivable); ok && r.paper != nil {
		if err := r.paper.fill(receivable, c); err != nil {
			return nil, err
		}
	}
	onBehalfOf, err := r.onBehalfOf.text(c)
	if err != nil {
		return nil, err
	}
	return &Step{Signer: r.signer, OnBehalfOf: onBehalfOf, Msg: msg}, nil
}

// OriginAt is the label of origin for an import at that time.
func (m *Mapping) OriginAt(now time.Time) types.Origin {
	o := m.Origin
	o.CollectedUnix = now.Unix()
	return o
}

// condition tells whether a column's value is one of some.
type condition struct {
	column  string
	is      []string
	notIn   []string
	matches *regexp.Regexp
	reason  string
}

func newCondition(in *conditionIn, at string) (*condition, error) {
	c := &condition{column: in.Column, is: in.Is, notIn: in.NotIn, reason: in.Reason}
	n := 0
	for _, given := range []bool{in.Is != nil, in.NotIn != nil, in.Matches != ""} {
		if given {
			n++
		}
	}
	if in.Column == "" || n != 1 {
		return nil, fmt.Errorf("%s: it needs a column and one of is, not_in and matches", at)
	}
	if in.Matches != "" {
		var err error
		if c.matches, err = regexp.Compile(in.Matches); err != nil {
			return nil, fmt.Errorf("%s: matches: %w", at, err)
		}
	}
	return c, nil
}

func (c *condition) holds(row *Row) bool {
	v := row.Get(c.column)
	switch {
	case c.matches != nil:
		return c.matches.MatchString(v)
	case c.notIn != nil:
		return !slices.Contains(c.notIn, v)
	}
	return slices.Contains(c.is, v)
}

// SkipReasons lists the reasons of the mapping's own skips: rows that are left out on purpose.
func (m *Mapping) SkipReasons() []string {
	var out []string
	for _, s := range m.skips {
		out = append(out, s.reason)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
