package index

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"tradecredit/types"
)

// Page is a part of a list at one height. Nothing in it is proved.
type Page struct {
	Kind   string `json:"kind"`
	By     string `json:"by"`
	Value  string `json:"value"`
	Height int64  `json:"height"` // of the state that total and rows are of
	Total  int64  `json:"total"`  // rows of the whole list
	Proved bool   `json:"proved"` // always false: records are read with proof under their keys
	Rows   []Row  `json:"rows"`
	// Next is the cursor of the next page, empty at the end. A page with a next one may be short, even empty: then there
	// was much to step over.
	Next string `json:"next"`
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

// List answers a query from the newest state that the index shows. Records come newest first, in a list by day the earliest
// day first, in the list of all by id. A cursor is a place in the order, so pages go on rightly while blocks are applied:
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
	p.began, p.time = time.Now(), x.options.pageTime
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
	page := &Page{Kind: p.kind.name, By: p.by.String(), Value: q.Value, Rows: []Row{}, Height: int64(binary.BigEndian.Uint64(head[1:]))}
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

// walk adds the rows of a list after start; full says that the page ends there, and the cursor is set. count is how many rows
// the list has: no row is looked for beyond the last.
//
// Rows that were deleted lately still lie in the way. So that a request does not step over a million of them, the list is
// walked in windows of heights, and a page ends, short or even empty, with the window in which the time is over.
func (p *plan) walk(s *pebble.Snapshot, page *Page, list, start []byte, count int64) (full bool, err error) {
	it, err := s.NewIter(&pebble.IterOptions{LowerBound: list, UpperBound: successor(list)})
	if err != nil {
		return false, err
	}
	defer func() { err = joinClose(err, it) }()
	w := &window{list: list, fixed: p.by == All, newest: ^uint64(page.Height), heights: 1}
	w.open(start)
	seen := int64(0)
	resumed := len(start) > len(list)
	for state := it.SeekGEWithLimit(start, w.limit); state != pebble.IterExhausted; state = it.NextWithLimit(w.limit) {
		if state == pebble.IterAtLimit {
			if time.Since(p.began) > p.time {
				p.last = append(p.last[:0], w.limit[p.placeIn(list):]...)
				page.Next = p.cursor()
				return true, nil
			}
			w.open(w.limit)
			continue
		}
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
		p.last = append(p.last[:0], it.Key()[p.placeIn(list):]...)
		if seen++; seen == count {
			return false, nil
		}
		if w.limit != nil && bytes.Compare(it.Key(), w.limit) >= 0 { // limits are taken lightly
			w.open(it.Key())
		}
	}
	return false, it.Error()
}

// placeIn is where, in a row of a list, the place begins that a cursor holds.
func (p *plan) placeIn(list []byte) int {
	if p.by.isDay() {
		return listHead // the day is part of the place
	}
	return len(list)
}

// window is a range of heights within a list: from a row on, it ends before limit, nil for the end of the list.
type window struct {
	list    []byte
	fixed   bool   // there is no window: the rows have no heights, and are hardly ever deleted
	newest  uint64 // the place of the newest records
	heights uint64
	opened  time.Time
	limit   []byte
}

// Bounds of windows and of the time for a page.
const (
	maxWindow   = 4096
	quickWindow = 50 * time.Microsecond // a window that takes no longer has few deleted rows
	defaultTime = 100 * time.Millisecond
)

// open begins the window that starts at a row, or at a limit before.
func (w *window) open(row []byte) {
	if w.fixed {
		return
	}
	now := time.Now()
	switch quick := now.Sub(w.opened) < quickWindow; {
	case w.opened.IsZero():
	case quick:
		w.heights = min(2*w.heights, maxWindow)
	default:
		w.heights = max(w.heights/2, 1)
	}
	w.opened = now
	from := uint64(0)
	if n := len(w.list); len(row) >= n+8 {
		from = binary.BigEndian.Uint64(row[n:])
	}
	from = max(from, w.newest)
	if from > math.MaxUint64-w.heights {
		w.limit = nil
		return
	}
	w.limit = binary.BigEndian.AppendUint64(bytes.Clone(w.list), from+w.heights)
}

// row reads the record that a row of a list stands for. prefix is the length of the beginning that the list's rows share.
func (p *plan) row(s *pebble.Snapshot, row []byte, prefix int) (Row, error) {
	id := row[prefix:]
	if p.by != All {
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
