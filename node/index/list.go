package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"tradecredit/types"
)

// Bounds of a request.
const (
	MaxLimit     = 200
	DefaultLimit = 50
	MaxDays      = 366 // of a range of days
)

// Query asks for a page of one list.
type Query struct {
	Kind string // one of Kinds
	By   string // one of Bys(Kind); empty: all
	// Value is what the list is made by: an id; a state, as Statuses names it; a day "2026-01-31" or days
	// "2026-01-01..2026-03-31", both included, at most MaxDays; a state key for object; nothing for all.
	Value string
	After string // Next of the page before; empty: the first page
	Limit int    // rows at most, 1 to MaxLimit; 0: DefaultLimit
}

// QueryError says which parameter of a query is wrong, and how.
type QueryError struct{ Parameter, Problem string }

// Error is a sentence for the one who asked.
func (e *QueryError) Error() string { return e.Parameter + " " + e.Problem }

func wrong(parameter, format string, args ...any) error {
	return &QueryError{parameter, fmt.Sprintf(format, args...)}
}

// Page is a part of a list at one height. Nothing in it is proved.
type Page struct {
	Kind   string `json:"kind"`
	By     string `json:"by"`
	Value  string `json:"value"`
	Height int64  `json:"height"` // of the state that total and rows are of
	Total  int64  `json:"total"`  // rows of the whole list
	Proved bool   `json:"proved"` // always false: records are read with proof under their keys
	Rows   []Row  `json:"rows"`
	Next   string `json:"next"` // cursor of the next page; empty at the end
}

// Row is one record of a list.
type Row struct {
	Key      string   `json:"key"`    // of the state
	Height   int64    `json:"height"` // at which it was recorded; 0 where the record does not say
	Status   string   `json:"status,omitempty"`
	Signers  []string `json:"signers,omitempty"`
	Subjects []string `json:"subjects,omitempty"` // its parties
	Grantee  string   `json:"grantee,omitempty"`
	Objects  []string `json:"objects,omitempty"` // state keys of what it is about
	Due      string   `json:"due,omitempty"`     // 2006-01-02
	Until    string   `json:"until,omitempty"`   // last day, 2006-01-02
}

// List answers a query from the newest state that the index shows. Records come newest first, in a list by day by day and
// then id, in the list of all by id. A cursor is a place in the order, so pages go on rightly while blocks are applied:
// what was neither on the list before nor left it meanwhile comes exactly once. The work is that of one page, wherever it
// begins. Errors: *QueryError, ErrBuilding, ErrClosed, ErrFailed.
func (x *Index) List(q Query) (*Page, error) {
	p, err := parse(q)
	if err != nil {
		return nil, err
	}
	if err := x.enter(); err != nil {
		return nil, err
	}
	defer x.use.RUnlock()
	s := x.disk.NewSnapshot()
	defer func() { _ = s.Close() }() // never fails
	head, err := get(s, headRow)
	if err != nil {
		return nil, err
	}
	building, err := get(s, buildingRow)
	if err != nil {
		return nil, err
	}
	if building != nil || len(head) != headSize {
		return nil, ErrBuilding
	}
	page := &Page{Kind: p.kind.name, By: p.by.String(), Value: q.Value, Rows: []Row{}, Height: int64(binary.BigEndian.Uint64(head))}
	if p.by.isDay() {
		return page, p.days(s, page)
	}
	list := p.from.row(rowList, p.kind.number)
	if p.by == All {
		list = recordRow(p.kind.prefix())
	}
	totalRow := p.from.row(rowTotal, p.kind.number)
	count, err := get(s, totalRow)
	if err != nil {
		return nil, err
	}
	if page.Total, err = decodeTotal(totalRow, count); err != nil || page.Total == 0 {
		return page, err
	}
	_, err = p.walk(s, page, list, append(bytes.Clone(list), p.after...), page.Total)
	return page, err
}

// plan is a query that was understood.
type plan struct {
	kind     *kind
	by       By
	from, to listing // equal but for a range of days
	after    []byte  // place in the order; nil: the beginning
	last     []byte  // place of the last row of the page
	bind     [4]byte // what a cursor of this list begins with
	limit    int
}

// days collects the totals of the days, and walks through those that have rows.
func (p *plan) days(s *pebble.Snapshot, page *Page) (err error) {
	it, err := s.NewIter(&pebble.IterOptions{LowerBound: p.from.row(rowTotal, p.kind.number), UpperBound: successor(p.to.row(rowTotal, p.kind.number))})
	if err != nil {
		return err
	}
	type day struct {
		list  []byte
		count int64
	}
	var days []day
	for ok := it.First(); ok; ok = it.Next() {
		count, err := decodeTotal(it.Key(), it.Value())
		if err != nil {
			return joinClose(err, it)
		}
		page.Total += count
		list := bytes.Clone(it.Key())
		list[0] = rowList
		days = append(days, day{list, count})
	}
	if err := joinClose(it.Error(), it); err != nil {
		return err
	}
	start := append([]byte{rowList, p.kind.number, byte(p.by)}, p.after...)
	for _, d := range days {
		if bytes.Compare(successor(d.list), start) <= 0 {
			continue // before the cursor
		}
		from := d.list
		if bytes.HasPrefix(start, d.list) {
			from = start
		}
		if full, err := p.walk(s, page, d.list, from, d.count); full || err != nil {
			return err
		}
	}
	return nil
}

// joinClose closes an iterator after its last use; its Close repeats its error.
func joinClose(err error, it *pebble.Iterator) error {
	if e := it.Close(); err == nil {
		err = e
	}
	return err
}

// walk adds the rows of a list after start; full says that the page has no room for the next one, and the cursor is set.
// count is how many rows the list has: no row is looked for beyond the last.
func (p *plan) walk(s *pebble.Snapshot, page *Page, list, start []byte, count int64) (full bool, err error) {
	it, err := s.NewIter(&pebble.IterOptions{LowerBound: list, UpperBound: successor(list)})
	if err != nil {
		return false, err
	}
	defer func() { err = joinClose(err, it) }()
	place := len(list)
	if p.by.isDay() {
		place = listHead
	}
	seen := int64(0)
	resumed := len(start) > len(list)
	for ok := it.SeekGE(start); ok; ok = it.Next() {
		if resumed && bytes.Equal(it.Key(), start) {
			continue // the last row of the page before
		}
		if len(page.Rows) == p.limit {
			page.Next = p.cursor()
			return true, nil
		}
		row, err := p.row(s, it.Key(), len(list))
		if err != nil {
			return false, err
		}
		page.Rows = append(page.Rows, row)
		p.last = append(p.last[:0], it.Key()[place:]...)
		if seen++; seen == count {
			break
		}
	}
	return false, it.Error()
}

// row reads the record that a row of a list stands for. prefix is the length of the beginning that the list's rows share.
func (p *plan) row(s *pebble.Snapshot, row []byte, prefix int) (Row, error) {
	id := row[prefix:]
	if p.by != All && !p.by.isDay() {
		if len(id) < 8 {
			return Row{}, fmt.Errorf("%w: row %q", ErrCorrupt, row)
		}
		id = id[8:]
	}
	key := p.kind.prefix() + string(id)
	value, err := get(s, recordRow(key))
	if err != nil {
		return Row{}, err
	}
	if value == nil {
		return Row{}, fmt.Errorf("%w: %s is listed by %s and not known", ErrCorrupt, key, p.by)
	}
	f, err := decodeFacts(string(id), value)
	if err != nil {
		return Row{}, err
	}
	r := Row{Key: key, Height: f.height}
	for _, l := range f.lists {
		switch l.by {
		case Signer:
			r.Signers = append(r.Signers, l.text)
		case Subject:
			r.Subjects = append(r.Subjects, l.text)
		case Status:
			r.Status = p.kind.status[l.number]
		case Due:
			r.Due = types.FormatDay(l.number)
		case Until:
			r.Until = types.FormatDay(l.number)
		case Grantee:
			r.Grantee = l.text
		case Object:
			r.Objects = append(r.Objects, l.text)
		}
	}
	return r, nil
}

// cursor is the place after the last row.
func (p *plan) cursor() string {
	place := append([]byte{cursorVersion}, p.bind[:]...)
	return base64.RawURLEncoding.EncodeToString(append(place, p.last...))
}

const (
	cursorVersion = 1
	maxCursor     = 1024
)

// parse understands a query, or says what is wrong with it.
func parse(q Query) (*plan, error) {
	p := &plan{kind: kindNamed(q.Kind), limit: q.Limit}
	if p.kind == nil {
		return nil, wrong("kind", "must be one of %s, but is %q", strings.Join(Kinds(), ", "), q.Kind)
	}
	if q.By == "" {
		q.By = All.String()
	}
	for _, by := range append([]By{All}, p.kind.bys...) {
		if by.String() == q.By {
			p.by = by
		}
	}
	switch {
	case p.by == 0:
		return nil, wrong("by", "must be one of %s for %s, but is %q", strings.Join(Bys(q.Kind), ", "), q.Kind, q.By)
	case p.limit == 0:
		p.limit = DefaultLimit
	case p.limit < 0 || p.limit > MaxLimit:
		return nil, wrong("limit", "must be from 1 to %d, but is %d", MaxLimit, q.Limit)
	}
	if err := p.parseValue(q.Value); err != nil {
		return nil, err
	}
	digest := sha256.Sum256([]byte(q.Kind + "\x00" + q.By + "\x00" + q.Value))
	p.bind = [4]byte(digest[:4])
	return p, p.parseCursor(q.After)
}

func (p *plan) parseCursor(after string) error {
	if after == "" {
		return nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(after)
	switch {
	case err != nil || len(after) > maxCursor || len(raw) < 6 || raw[0] != cursorVersion:
		return wrong("after", "is no cursor of this interface")
	case !bytes.Equal(raw[1:5], p.bind[:]):
		return wrong("after", "is the cursor of another list")
	}
	p.after = raw[5:]
	return nil
}

// parseValue checks what the list is made by, so that a slip of the pen is not taken for an empty list.
func (p *plan) parseValue(v string) (err error) {
	p.from = listing{by: p.by, text: v}
	switch {
	case p.by == All && v != "":
		return wrong("value", "must be left out with by=all")
	case p.by == All:
	case v == "":
		return wrong("value", "is missing: what to list %s by %s", p.kind.name, p.by)
	case len(v) > maxValue:
		return wrong("value", "is longer than %d bytes", maxValue)
	case p.by.isDay():
		return p.parseDays(v)
	case p.by == Status:
		return p.parseStatus(v)
	case p.by == Grantee:
		err = types.CheckMemberID(v)
	case p.by == Object:
		err = checkObject(v)
	case types.IsSubjectID(v):
		err = types.CheckSubjectID(v)
	default:
		err = types.CheckMemberID(v)
	}
	if err != nil {
		return wrong("value", "%q is wrong: %v", v, err)
	}
	p.to = p.from
	return nil
}

func checkObject(key string) error {
	if k, id := kindOf(key); k == nil || id == "" || strings.IndexByte(key, 0) >= 0 {
		return errors.New("it is no state key such as order/platform-1/PO-1001")
	}
	return nil
}

func (p *plan) parseStatus(v string) error {
	if slices.Contains(Statuses(p.kind.name), v) {
		for n, name := range p.kind.status {
			if name == v {
				p.from = listing{by: p.by, number: n}
			}
		}
		p.to = p.from
		return nil
	}
	return wrong("value", "must be one of %s, but is %q", strings.Join(Statuses(p.kind.name), ", "), v)
}

func (p *plan) parseDays(v string) error {
	first, last, isRange := strings.Cut(v, "..")
	if !isRange {
		last = first
	}
	from, err := types.ParseDay(first)
	if err != nil {
		return wrong("value", "must be a day like 2026-01-31 or days like 2026-01-01..2026-03-31, but is %q", v)
	}
	to, err := types.ParseDay(last)
	switch {
	case err != nil:
		return wrong("value", "must be a day like 2026-01-31 or days like 2026-01-01..2026-03-31, but is %q", v)
	case to < from:
		return wrong("value", "ends before it begins: %s", v)
	case to-from >= MaxDays:
		return wrong("value", "has %d days, at most %d", to-from+1, MaxDays)
	}
	p.from, p.to = listing{by: p.by, number: from}, listing{by: p.by, number: to}
	return nil
}
