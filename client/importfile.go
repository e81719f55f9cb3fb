package client

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// resumeFormat stands in every resume file.
const resumeFormat = "tradecredit-import/1"

// ErrResume means that a resume file belongs to another import.
var ErrResume = errors.New("resume file belongs to another import")

// saveEvery is how often the point to go on from is written.
const saveEvery = 2 * time.Second

// FileImport is the import of one CSV file by a mapping: with a result for every row, and able to go on where it was
// interrupted.
type FileImport struct {
	Importer Importer // Client, Signers, Submitter, Window, DryRun; OnResult is called after the results file was written
	Path     string
	Mapping  *Mapping
	MapText  []byte // the mapping's text: another mapping does not resume
	SaltKey  []byte // 32 bytes; nil when the mapping makes no commitments
	// Results is the file that gets a line for every row; the point to go on from is kept beside it, in
	// Results + ".resume", until the import is complete. Empty: neither.
	Results string
	// Progress is told how many bytes of how many were read, all passes together. May be nil.
	Progress func(done, total int64)

	seen   fileFacts
	passed int64
	resume resumeFile
	out    *resultsFile
	open   bool // the fate of a row is not known
}

// fileFacts is what one look at the whole file tells.
type fileFacts struct {
	size     int64
	digest   string
	encoding string
}

// resumeFile is the point to go on from.
type resumeFile struct {
	Format       string   `json:"format"`
	ChainID      string   `json:"chain_id"`
	FileDigest   string   `json:"file_sha256"`
	MapDigest    string   `json:"mapping_sha256"`
	Pass         int      `json:"pass"`
	Rows         int64    `json:"rows"`          // of the pass, that have a result
	ResultsBytes int64    `json:"results_bytes"` // of the results file up to there
	Summary      *Summary `json:"summary"`       // up to there
}

// Run imports the file. The summary counts each row once a pass, those of an interrupted run before included; resumed
// tells how many rows were not looked at again. Errors of single rows are results, not errors.
func (f *FileImport) Run(ctx context.Context) (summary *Summary, resumed int64, err error) {
	if f.seen, err = inspect(f.Path, f.Mapping.Table.Encoding); err != nil {
		return nil, 0, err
	}
	if err := f.begin(); err != nil {
		return nil, 0, err
	}
	total := f.resume.Summary
	resumed = f.resume.Summary.Rows
	for pass := f.resume.Pass; pass <= f.Mapping.Passes(); pass++ {
		f.passed = int64(pass-1) * f.seen.size
		s, err := f.pass(ctx, pass)
		if s != nil {
			total.add(s)
		}
		if err != nil {
			return total, resumed, errors.Join(err, f.close(false))
		}
		if f.open {
			break // what later passes depend on may be missing
		}
		f.resume.Pass, f.resume.Rows = pass+1, 0
	}
	return total, resumed, f.close(true)
}

// inspect reads the whole file once: its digest names it, and a byte that is not UTF-8 may come late.
func inspect(path, declared string) (facts fileFacts, err error) {
	in, err := os.Open(path)
	if err != nil {
		return facts, err
	}
	defer in.Close()
	sum := sha256.New()
	r := bufio.NewReaderSize(io.TeeReader(in, sum), 1<<20)
	start, err := r.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return facts, err
	}
	facts.encoding, _, err = sniff(slices.Clone(start), declared, false)
	if err != nil {
		return facts, err
	}
	valid := true
	var carry []byte
	buffer := make([]byte, 1<<20)
	for {
		n, err := r.Read(buffer)
		facts.size += int64(n)
		chunk := append(carry, buffer[:n]...)
		keep := incomplete(chunk)
		valid = valid && utf8.Valid(chunk[:len(chunk)-keep])
		carry = slices.Clone(chunk[len(chunk)-keep:])
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return facts, err
		}
	}
	if declared == "" || declared == EncodingAuto {
		facts.encoding = EncodingUTF8
		if !valid || len(carry) > 0 {
			facts.encoding = EncodingGB18030
		}
	}
	facts.digest = hex.EncodeToString(sum.Sum(nil))
	return facts, nil
}

// incomplete is the length of a character that the end of b cuts.
func incomplete(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if utf8.RuneStart(b[len(b)-n]) {
			if !utf8.FullRune(b[len(b)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}

// begin finds the point to go on from, and opens the results.
func (f *FileImport) begin() error {
	digest := sha256.Sum256(f.MapText)
	fresh := resumeFile{Format: resumeFormat, ChainID: f.Importer.Client.ChainID(), FileDigest: f.seen.digest,
		MapDigest: hex.EncodeToString(digest[:]), Pass: 1, Summary: &Summary{Rejected: map[string]int64{}, Refused: map[string]int64{}}}
	f.resume = fresh
	if f.Results == "" {
		return nil
	}
	if !f.Importer.DryRun {
		switch saved, err := readResume(f.resumePath()); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case saved.ChainID != fresh.ChainID || saved.FileDigest != fresh.FileDigest || saved.MapDigest != fresh.MapDigest:
			return fmt.Errorf("%w: %s is of another file, mapping or network; delete it to begin anew, which is harmless", ErrResume, f.resumePath())
		default:
			f.resume = *saved
		}
	}
	var err error
	f.out, err = openResults(f.Results, f.resume.ResultsBytes)
	return err
}

func (f *FileImport) resumePath() string { return f.Results + ".resume" }

func readResume(path string) (*resumeFile, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r := new(resumeFile)
	if err := json.Unmarshal(data, r); err != nil || r.Format != resumeFormat || r.Pass < 1 || r.Rows < 0 || r.ResultsBytes < 0 || r.Summary == nil {
		return nil, fmt.Errorf("%w: %s cannot be read", ErrResume, path)
	}
	if r.Summary.Rejected == nil || r.Summary.Refused == nil {
		return nil, fmt.Errorf("%w: %s cannot be read", ErrResume, path)
	}
	return r, nil
}

// pass reads the table once.
func (f *FileImport) pass(ctx context.Context, pass int) (*Summary, error) {
	in, err := os.Open(f.Path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	opts := f.Mapping.Table
	opts.Encoding = f.seen.encoding
	counted := &countingReader{r: in, report: func(n int64) {
		if f.Progress != nil {
			f.Progress(f.passed+n, f.seen.size*int64(f.Mapping.Passes()))
		}
	}}
	table, err := OpenTable(counted, opts)
	if err != nil {
		return nil, err
	}
	if err := table.Need(f.Mapping.Columns()); err != nil {
		return nil, err
	}
	ids := map[string]string{}
	for name, s := range f.Importer.Signers {
		ids[name] = s.ID
	}
	mapper, err := f.Mapping.Mapper(pass, ids, f.SaltKey)
	if err != nil {
		return nil, err
	}
	im := f.Importer
	p := &point{file: f, told: f.Importer.OnResult, pass: pass, sum: f.resume.Summary.clone(), row: f.resume.Rows, saved: time.Now()}
	im.OnResult = p.take
	s, err := im.Run(ctx, f.rest(table, mapper), mapper)
	if f.out != nil && !im.DryRun && !p.frozen && err != nil {
		return s, errors.Join(err, p.save())
	}
	return s, err
}

// point is how far a pass has come.
type point struct {
	file   *FileImport
	told   func(RowResult) error // the caller's
	pass   int
	sum    *Summary
	row    int64
	saved  time.Time
	frozen bool
}

// take writes a row's result and, now and then, the point to go on from. From the first row on whose fate is not known
// the point stays: a later run sends that row again.
func (p *point) take(r RowResult) error {
	keep := p.file.out != nil && !p.file.Importer.DryRun
	if r.Status == RowUnknown && keep && !p.frozen {
		if err := p.save(); err != nil {
			return err
		}
		p.frozen, p.file.open = true, true
	}
	if p.file.out != nil {
		if err := p.file.out.write(p.pass, r); err != nil {
			return err
		}
	}
	p.sum.count(r)
	p.row = r.Number
	if keep && !p.frozen && time.Since(p.saved) > saveEvery {
		if err := p.save(); err != nil {
			return err
		}
	}
	if p.told != nil {
		return p.told(r)
	}
	return nil
}

// save writes the results up to here, and then the file that says so.
func (p *point) save() error {
	n, err := p.file.out.flush()
	if err != nil {
		return err
	}
	p.saved = time.Now()
	at := p.file.resume
	at.Pass, at.Rows, at.ResultsBytes, at.Summary = p.pass, p.row, n, p.sum
	data, err := json.MarshalIndent(at, "", "  ")
	if err != nil {
		return err
	}
	return writeFileAtomic(p.file.resumePath(), append(data, '\n'), 0o600)
}

// rest yields the rows that have no result yet. The mapper sees the others, too: what it sends once it may have sent
// for one of them.
func (f *FileImport) rest(table *Table, mapper Mapper) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		for row, err := range table.Rows() {
			if err == nil && row.Number <= f.resume.Rows {
				if row.Rejected == nil {
					_, _ = mapper(row)
				}
				continue
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// close ends the results; a complete import needs no point to go on from.
func (f *FileImport) close(complete bool) error {
	if f.out == nil {
		return nil
	}
	err := f.out.close()
	if complete && !f.open && !f.Importer.DryRun {
		if gone := os.Remove(f.resumePath()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

// countingReader tells how much was read.
type countingReader struct {
	r      io.Reader
	n      int64
	report func(int64)
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.report(c.n)
	return n, err
}

// resultsFile is a CSV file with a line for every row.
type resultsFile struct {
	file *os.File
	w    *csv.Writer
	n    *countingWriter
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// openResults opens the file and drops what a run before wrote after its last saved point.
func openResults(path string, keep int64) (*resultsFile, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || info.Size() < keep {
		return nil, errors.Join(fmt.Errorf("%w: %s is shorter than it was", ErrResume, path), err, file.Close())
	}
	if err := file.Truncate(keep); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if _, err := file.Seek(keep, io.SeekStart); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	out := &resultsFile{file: file, n: &countingWriter{w: file, n: keep}}
	out.w = csv.NewWriter(out.n)
	if keep == 0 {
		return out, out.w.Write([]string{"pass", "row", "line", "status", "reason", "detail", "messages", "height"})
	}
	return out, nil
}

func (o *resultsFile) write(pass int, r RowResult) error {
	return o.w.Write([]string{strconv.Itoa(pass), strconv.FormatInt(r.Number, 10), strconv.FormatInt(r.Line, 10), string(r.Status),
		r.Reason, r.Detail, strconv.Itoa(r.Messages), strconv.FormatInt(r.Height, 10)})
}

func (o *resultsFile) flush() (int64, error) {
	o.w.Flush()
	if err := o.w.Error(); err != nil {
		return 0, err
	}
	return o.n.n, o.file.Sync()
}

func (o *resultsFile) close() error {
	_, err := o.flush()
	return errors.Join(err, o.file.Close())
}

func (s *Summary) clone() *Summary {
	c := *s
	c.Rejected, c.Refused = map[string]int64{}, map[string]int64{}
	for k, v := range s.Rejected {
		c.Rejected[k] = v
	}
	for k, v := range s.Refused {
		c.Refused[k] = v
	}
	return &c
}

// add takes in another summary.
func (s *Summary) add(o *Summary) {
	s.Rows, s.New, s.Already, s.Nothing = s.Rows+o.Rows, s.New+o.New, s.Already+o.Already, s.Nothing+o.Nothing
	s.Checked, s.Unknown, s.Messages = s.Checked+o.Checked, s.Unknown+o.Unknown, s.Messages+o.Messages
	for k, v := range o.Rejected {
		s.Rejected[k] += v
	}
	for k, v := range o.Refused {
		s.Refused[k] += v
	}
}
