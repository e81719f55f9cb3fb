package verifier

import (
	"bytes"
	"fmt"
	"strings"

	"tradecredit/types"
	"tradecredit/types/score"
)

// EntriesVerdict says what the entries of a report are.
type EntriesVerdict struct {
	First, Count uint64 // entries First … First+Count−1
	Total        uint64 // of the whole log at the height that was proved
	Scored       uint64 // of the log when it was scored; 0: the report has no rows to tell
	// SumsChecked: all entries up to the scored height are there, and the sums behind the score were added up from them:
	// months, open obligations, first day, and what the enterprise paid to each counterparty ranked. What others paid to
	// it stands in their logs; of that, and of orders between them, the rows are as the receipt's digest names them.
	SumsChecked bool
	Rows        []*types.Entry
}

// Complete tells whether no entry of the log up to the proved height is missing.
func (e *EntriesVerdict) Complete() bool { return e.First == 0 && e.Count == e.Total }

// verifyEntries holds the entries to the head of the enterprise's log, under the proved height and when it was scored.
func (v *Verdict) verifyEntries(r *Report, _ Options) error {
	e := r.Entries
	if e == nil {
		return nil
	}
	if v.Receipt.Output != types.Output_SCORE {
		return fmt.Errorf("%w: entries, for a receipt without a score", ErrReportScope)
	}
	head := new(types.SubjectHead)
	if err := r.need(string(types.SubjectKey(v.Receipt.Subject)), head, ErrReportEntries); err != nil {
		return err
	}
	root, err := e.Proof.Root(head.Entries, e.First, e.Rows)
	if err != nil || !bytes.Equal(root, head.Root) {
		return fmt.Errorf("%w: %d from %d of %d", ErrReportEntries, len(e.Rows), e.First, head.Entries)
	}
	out := &EntriesVerdict{First: e.First, Count: uint64(len(e.Rows)), Total: head.Entries}
	for i, row := range e.Rows {
		entry := new(types.Entry)
		if err := DecodeRecord(row, entry); err != nil {
			return fmt.Errorf("%w: entry %d: %w", ErrReportEntries, e.First+uint64(i), err)
		}
		if entry.Height > v.Height || i > 0 && entry.Height < out.Rows[i-1].Height {
			return fmt.Errorf("%w: entry %d of height %d", ErrReportEntries, e.First+uint64(i), entry.Height)
		}
		out.Rows = append(out.Rows, entry)
	}
	v.Entries = out
	if r.Inputs == nil {
		return nil
	}
	return v.verifySums(r)
}

// verifySums holds entries and the rows behind the score against each other: the log that was scored is a beginning of
// the one that is proved, and the sums follow from it.
func (v *Verdict) verifySums(r *Report) error {
	rows, err := loadRows(r.Inputs, v.Receipt)
	if err != nil {
		return err
	}
	e, scored := r.Entries, rows.Head.Entries
	v.Entries.Scored = scored
	if scored > v.Entries.Total {
		return fmt.Errorf("%w: %d were scored, %d are proved", ErrReportEntries, scored, v.Entries.Total)
	}
	end := e.First + uint64(len(e.Rows))
	if scored < e.First || scored > end {
		return nil // the entries in the file do not reach to where it was scored
	}
	_, root, err := types.Frontier(e.Proof.Left).Extend(e.First, e.Rows[:scored-e.First])
	if scored > 0 && (err != nil || !bytes.Equal(root, rows.Head.Root)) {
		return fmt.Errorf("%w: those that were scored are others", ErrReportEntries)
	}
	for i, entry := range v.Entries.Rows {
		if before := e.First+uint64(i) < scored; before != (entry.Height <= v.Receipt.ScoredHeight) {
			return fmt.Errorf("%w: entry %d is of height %d, scored was %d", ErrReportEntries, e.First+uint64(i), entry.Height, v.Receipt.ScoredHeight)
		}
	}
	if e.First > 0 {
		return nil
	}
	sums, err := foldEntries(v.Entries.Rows[:scored])
	if err != nil {
		return err
	}
	if err := sums.hold(r.Inputs, rows); err != nil {
		return err
	}
	v.Entries.SumsChecked = true
	return nil
}

// hold compares the sums with the rows that were scored.
func (s *sums) hold(inputs []Record, rows *score.Rows) error {
	if h := rows.Head; h.FirstDay != s.head.FirstDay || h.OpenMinor != s.head.OpenMinor || h.OpenObligations != s.head.OpenObligations {
		return fmt.Errorf("%w: the head", ErrReportSums)
	}
	read := State{Records: inputs}
	current := types.MonthOf(rows.Day)
	for m := current - (score.WindowMonths - 1); m <= current+score.AheadMonths; m++ {
		var want []byte
		if s.months[m] != nil {
			var err error
			if want, err = s.months[m].encode(); err != nil {
				return err
			}
		}
		key := string(types.MonthKey(rows.Subject, m))
		if got, _ := read.record(key); !bytes.Equal(got, want) {
			return fmt.Errorf("%w: %s", ErrReportSums, key)
		}
	}
	for _, p := range rows.Pairs {
		if err := s.holdPair(rows.Subject, p); err != nil {
			return err
		}
	}
	return nil
}

// pairMonthsBack is how many months before the newest a pair keeps.
const pairMonthsBack = 24

// holdPair compares what the subject paid to one counterparty.
func (s *sums) holdPair(subject string, p score.Pair) error {
	paid := s.paid[p.Counterparty]
	if paid == nil {
		paid = &paidSums{}
	}
	lifetime, first := p.Sum.LifetimeAb, strings.Compare(subject, p.Counterparty) < 0
	if !first {
		lifetime = p.Sum.LifetimeBa
	}
	differs := fmt.Errorf("%w: what was paid to %s", ErrReportSums, p.Counterparty)
	if lifetime != paid.lifetime {
		return differs
	}
	kept := map[int32]bool{}
	for _, m := range p.Sum.Months {
		kept[m.Month] = true
		minor, points := m.ClosedAb, types.Uint128{Hi: m.ApAbHi, Lo: m.ApAbLo}
		if !first {
			minor, points = m.ClosedBa, types.Uint128{Hi: m.ApBaHi, Lo: m.ApBaLo}
		}
		if minor != paid.minor[m.Month] || points != paid.points[m.Month] {
			return differs
		}
	}
	for m, minor := range paid.minor {
		if minor != 0 && !kept[m] && m >= p.Sum.NewestMonth-pairMonthsBack {
			return differs
		}
	}
	return nil
}

// CheckSums adds up the sums of an enterprise from all entries of its log, and compares them with the rows that a score on
// a day reads (package score), ascending by key: the head, the months, and what it paid to each counterparty that is
// ranked. ErrReportSums names the first row that differs, or the entry that cannot be.
func CheckSums(subject string, day int32, rows []Record, entries []*types.Entry) error {
	read, err := readRows(rows, subject, day)
	if err != nil {
		return err
	}
	sums, err := foldEntries(entries)
	if err != nil {
		return err
	}
	return sums.hold(rows, read)
}
