package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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

// plan is a query that was understood.
type plan struct {
	kind     *kind
	by       By
	from, to listing // equal but for a range of days
	after    []byte  // place in the order; nil: the beginning
	last     []byte  // place of the last row of the page
	bind     [4]byte // what a cursor of this list begins with
	limit    int
	began    time.Time
	time     time.Duration // after which a page ends where it is
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
	if lot, ok := strings.CutPrefix(key, string(types.Lots)); ok && lot != "" && strings.IndexByte(key, 0) < 0 {
		return nil // a lot of goods is no record of its own: its traces are
	}
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
