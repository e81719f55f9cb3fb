package app

import (
	"errors"
	"fmt"

	"tradecredit/app/ledger"
	"tradecredit/app/state"
)

// Check is one examination of a whole state, from its rows alone.
type Check struct {
	Name string
	Run  func(rows func(n int)) error // rows is told of progress, as far as it can be counted
}

// Checks are all examinations of a store, whose newest block has the time unix: what the app hash commits to, what the heads
// of logs commit to, what sums say, and what must hold of records. Each reads everything, and needs memory for the tree and
// for all entries of logs. An error says what is damaged first.
func Checks(db *state.DB, unix int64) []Check {
	onView := func(audit func(state.Reader) error) func(func(int)) error {
		return func(func(int)) error {
			view := db.View()
			defer release(view)
			return audit(view)
		}
	}
	return []Check{
		{"state and references against the app hash", func(func(int)) error { return db.Verify() }},
		{"logs against their heads", func(rows func(int)) error { return checkLogs(db, rows) }},
		{"sums against the logs", onView(ledger.AuditSums)},
		{"invariants of the records", onView(func(r state.Reader) error { return ledger.Audit(r, unix) })},
	}
}

// checkLogs holds all rows of logs to the heads, those that no head counts included.
func checkLogs(db *state.DB, rows func(int)) error {
	view := db.View()
	defer release(view)
	c := ledger.NewLogCheck(view.Get)
	if err := view.Scan("", func(key string, value []byte) error { return c.Leaf(key, value) }); err != nil {
		return err
	}
	n := 0
	err := db.Logs(func(log string, row uint64, value []byte) error {
		if n++; n%10_000 == 0 {
			rows(n)
		}
		return c.Row(log, row, value)
	})
	rows(n)
	return errors.Join(err, c.End())
}

// Scrubbed is what one step of the scrubber looked at.
type Scrubbed struct {
	Height int64
	Leaves int
	Rows   uint64 // of logs
}

// Scrub compares one part of the state, 0 ≤ part < state.Ranges, with the committed roots, while blocks go on: the rows of
// the leaves, and the rows of the logs whose heads are among them. The error says what is damaged.
func (a *App) Scrub(part int) (s Scrubbed, err error) {
	if !a.begin() {
		return s, errQuitting
	}
	defer a.busy.Done()
	found, err := a.db.Scrub(part)
	if err != nil {
		return s, err
	}
	s.Height, s.Leaves = found.Height, found.Leaves
	view := a.db.View()
	defer release(view)
	for _, key := range found.Keys {
		if a.quitting() {
			return s, errQuitting
		}
		rows, err := ledger.CheckLog(view, key)
		if err != nil {
			return s, fmt.Errorf("%w: %w", state.ErrCorrupt, err)
		}
		s.Rows += rows
	}
	return s, nil
}

// IsQuitting tells whether the work ended because the application was told to stop.
func IsQuitting(err error) bool { return errors.Is(err, errQuitting) }

// Rollback takes the newest block of a store back that nobody else uses; see state.DB.Rollback.
func Rollback(db *state.DB) error {
	height := db.Head().Height
	changes, err := db.Changes(height)
	if err != nil {
		return fmt.Errorf("%w: %v", state.ErrNoWayBack, err)
	}
	before, err := db.At(height - 1)
	if err != nil {
		return fmt.Errorf("%w: %v", state.ErrNoWayBack, err)
	}
	tails, err := ledger.LogTails(before, changes)
	release(before)
	if err != nil {
		return err
	}
	return db.Rollback(tails)
}
