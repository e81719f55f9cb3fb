package client

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/transform"
)

// Bounds of a table.
const (
	maxRowBytes = 1 << 20
	maxColumns  = 1024
	sniffBytes  = 256 << 10
)

// Errors of a table as such; nothing of it is imported.
var (
	ErrTableEmpty    = errors.New("table is empty: there is no line of column names")
	ErrTableEncoding = errors.New("table is in an encoding that is not supported")
	ErrColumnMissing = errors.New("table lacks a column")
	ErrColumnTwice   = errors.New("table has two columns of one name")
	ErrRowTooLong    = errors.New("table has a row of more than 1 MiB: a quotation mark that is never closed?")
)

// Reasons why a row is rejected before its mapping is tried.
const (
	ReasonFieldCount  = "wrong number of fields"
	ReasonUnreadable  = "unreadable row"
	ReasonEncoding    = "characters that are not in the encoding"
	ReasonLastLineCut = "last line is cut off"
)

// Encodings of tables.
const (
	EncodingAuto    = "auto"
	EncodingUTF8    = "utf-8"
	EncodingGB18030 = "gb18030"
)

// Row is one row of a table.
type Row struct {
	Number int64 // 1 for the first row after the column names
	Line   int64 // of the file where it begins, 1 for the first
	// Rejected says why the row cannot be used at all; nil for a good one.
	Rejected *Rejection

	columns map[string]int
	values  []string
}

// NewRow makes a row from columns and values, for programs whose rows come from elsewhere.
func NewRow(number int64, columns, values []string) *Row {
	r := &Row{Number: number, columns: make(map[string]int, len(columns)), values: values}
	for i, c := range columns {
		r.columns[c] = i
	}
	return r
}

// Get returns a column's value without surrounding space; empty when there is no such column.
func (r *Row) Get(column string) string {
	v, _ := r.Lookup(column)
	return v
}

// Lookup is Get, and tells whether there is such a column.
func (r *Row) Lookup(column string) (string, bool) {
	i, ok := r.columns[column]
	if !ok || i >= len(r.values) {
		return "", false
	}
	return strings.TrimSpace(r.values[i]), true
}

// Rejection says why a row is not recorded; it is no error of the import.
type Rejection struct {
	Reason string // few different ones: they are counted
	Detail string
}

// Error is reason and detail.
func (r *Rejection) Error() string {
	if r.Detail == "" {
		return r.Reason
	}
	return r.Reason + ": " + r.Detail
}

// Reject makes a rejection.
func Reject(reason, format string, args ...any) *Rejection {
	return &Rejection{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// TableOptions say how a table is written.
type TableOptions struct {
	Encoding  string // EncodingAuto (also when empty), EncodingUTF8 or EncodingGB18030
	Delimiter rune   // 0: comma
	// AcceptLastLine takes a last line without a line end for whole. Without it the line is rejected as cut off: an
	// amount that lost its last digits looks like any other.
	AcceptLastLine bool
}

// Table reads rows of a CSV file (RFC 4180) one by one.
type Table struct {
	Columns  []string
	Encoding string // as found

	reader  *csv.Reader
	guard   *guardedReader
	tail    *tailReader
	opts    TableOptions
	columns map[string]int
	offset  int64
}

// OpenTable reads the line of column names. A byte order mark is dropped; with EncodingAuto a text that is not UTF-8 in
// its first 256 KiB is taken for GB18030. UTF-16 is refused.
func OpenTable(r io.Reader, opts TableOptions) (*Table, error) {
	head := bufio.NewReaderSize(r, sniffBytes)
	start, err := head.Peek(sniffBytes)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, err
	}
	found, mark, err := sniff(start, opts.Encoding, len(start) < sniffBytes)
	if err != nil {
		return nil, err
	}
	if _, err := head.Discard(mark); err != nil {
		return nil, err
	}
	var text io.Reader = head
	if found == EncodingGB18030 {
		text = transform.NewReader(head, simplifiedchinese.GB18030.NewDecoder())
	}
	t := &Table{Encoding: found, opts: opts, columns: map[string]int{}}
	t.tail = &tailReader{r: text}
	t.guard = &guardedReader{r: t.tail}
	t.reader = csv.NewReader(t.guard)
	t.reader.FieldsPerRecord, t.reader.ReuseRecord = -1, false
	if opts.Delimiter != 0 {
		t.reader.Comma = opts.Delimiter
	}
	return t, t.readColumns()
}

// sniff finds the encoding and the length of a byte order mark.
func sniff(start []byte, declared string, whole bool) (encoding string, mark int, err error) {
	if bytes.HasPrefix(start, []byte{0xff, 0xfe}) || bytes.HasPrefix(start, []byte{0xfe, 0xff}) {
		return "", 0, fmt.Errorf("%w: it is UTF-16; save it as UTF-8", ErrTableEncoding)
	}
	bom := bytes.HasPrefix(start, []byte{0xef, 0xbb, 0xbf})
	switch strings.ToLower(declared) {
	case "", EncodingAuto:
		switch {
		case bom:
			return EncodingUTF8, 3, nil
		case validUTF8(start, whole):
			return EncodingUTF8, 0, nil
		}
		return EncodingGB18030, 0, nil
	case EncodingUTF8:
		if bom {
			mark = 3
		}
		return EncodingUTF8, mark, nil
	case EncodingGB18030:
		if bytes.HasPrefix(start, []byte{0x84, 0x31, 0x95, 0x33}) { // the mark, in GB18030
			mark = 4
		}
		return EncodingGB18030, mark, nil
	}
	return "", 0, fmt.Errorf("%w: %q; known are %s, %s and %s", ErrTableEncoding, declared, EncodingAuto, EncodingUTF8, EncodingGB18030)
}

// validUTF8 allows a character that is cut by the end of what was read.
func validUTF8(b []byte, whole bool) bool {
	if !whole {
		for cut := 0; cut < utf8.UTFMax && cut < len(b); cut++ {
			if utf8.RuneStart(b[len(b)-1-cut]) {
				if !utf8.FullRune(b[len(b)-1-cut:]) {
					b = b[:len(b)-1-cut]
				}
				break
			}
		}
	}
	return utf8.Valid(b)
}

func (t *Table) readColumns() error {
	names, err := t.reader.Read()
	if errors.Is(err, io.EOF) {
		return ErrTableEmpty
	}
	if err != nil {
		return fmt.Errorf("the line of column names: %w", err)
	}
	if len(names) > maxColumns {
		return fmt.Errorf("%d columns, at most %d", len(names), maxColumns)
	}
	for i, n := range names {
		n = strings.TrimSpace(n)
		if _, twice := t.columns[n]; twice && n != "" {
			return fmt.Errorf("%w: %q", ErrColumnTwice, n)
		}
		t.columns[n] = i
		t.Columns = append(t.Columns, n)
	}
	t.progress()
	return nil
}

// Need refuses a table without one of the columns, and names the first one that is missing.
func (t *Table) Need(columns []string) error {
	for _, c := range columns {
		if _, ok := t.columns[c]; !ok {
			return fmt.Errorf("%w: %q%s", ErrColumnMissing, c, didYouMean(c, t.Columns))
		}
	}
	return nil
}

// Offset is how many bytes of text (after decoding) were read as rows.
func (t *Table) Offset() int64 { return t.offset }

func (t *Table) progress() {
	t.offset = t.reader.InputOffset()
	t.guard.taken = t.offset
}

// Rows yields the rows in order, once. A row that cannot be used comes with Rejected set; an error ends the table.
func (t *Table) Rows() iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		for number := int64(1); ; number++ {
			row, err := t.next(number)
			if errors.Is(err, io.EOF) {
				return
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

func (t *Table) next(number int64) (*Row, error) {
	values, err := t.reader.Read()
	defer t.progress()
	row := &Row{Number: number, columns: t.columns, values: values}
	var parse *csv.ParseError
	switch {
	case errors.As(err, &parse):
		row.Line = int64(parse.StartLine)
		row.Rejected = Reject(ReasonUnreadable, "line %d, column %d: %v", parse.Line, parse.Column, parse.Err)
		if t.atCutEnd() {
			row.Rejected = Reject(ReasonLastLineCut, "%v", parse.Err)
		}
		return row, nil
	case err != nil:
		return nil, err
	}
	line, _ := t.reader.FieldPos(0)
	row.Line = int64(line)
	row.Rejected = t.judge(values)
	return row, nil
}

// judge finds what makes a row unusable before anybody looks at its content.
func (t *Table) judge(values []string) *Rejection {
	if t.atCutEnd() {
		if len(values) != len(t.Columns) {
			return Reject(ReasonLastLineCut, "%d of %d fields and no line end", len(values), len(t.Columns))
		}
		if !t.opts.AcceptLastLine {
			return Reject(ReasonLastLineCut, "it has all fields but no line end; add one if the line is whole")
		}
	}
	if len(values) != len(t.Columns) {
		return Reject(ReasonFieldCount, "%d, the line of column names has %d", len(values), len(t.Columns))
	}
	for i, v := range values {
		if !utf8.ValidString(v) || strings.ContainsRune(v, utf8.RuneError) {
			return Reject(ReasonEncoding, "column %q is no %s", t.Columns[i], t.Encoding)
		}
	}
	return nil
}

// atCutEnd tells whether everything was read and the last line had no end.
func (t *Table) atCutEnd() bool {
	return t.tail.ended && t.tail.last != '\n' && t.reader.InputOffset() >= t.tail.n
}

// tailReader remembers the last byte and whether the end was seen.
type tailReader struct {
	r     io.Reader
	n     int64
	last  byte
	ended bool
}

func (t *tailReader) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if n > 0 {
		t.n += int64(n)
		t.last = p[n-1]
	}
	t.ended = t.ended || errors.Is(err, io.EOF)
	return n, err
}

// guardedReader bounds what is read ahead of the last row that was taken.
type guardedReader struct {
	r     io.Reader
	n     int64
	taken int64
}

func (g *guardedReader) Read(p []byte) (int, error) {
	if g.n-g.taken > maxRowBytes {
		return 0, ErrRowTooLong
	}
	n, err := g.r.Read(p)
	g.n += int64(n)
	return n, err
}
