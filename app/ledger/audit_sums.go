package ledger

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"tradecredit/app/state"
	"tradecredit/types"
)

// AuditSums folds all entry logs of a state again, from nothing, and compares what comes out with its sum rows and with
// what the heads say besides: every sum row equals a fold over the entry logs (LEDGER.md §7). It needs memory for all
// entries; it returns the first contradiction, with its key. r is a View or a Batch.
func AuditSums(r state.Reader) error {
	logged, err := allEntries(r)
	if err != nil {
		return err
	}
	again := state.NewBatch(r)
	for _, prefix := range sumPrefixes {
		if err := r.Scan(prefix, func(key string, _ []byte) error { again.Delete(key); return nil }); err != nil {
			return err
		}
	}
	for i := range logged {
		if err := logged[i].fold(again); err != nil {
			return fmt.Errorf("audit: entry %d of %s: %w", logged[i].number, logged[i].subject, err)
		}
	}
	for _, prefix := range sumPrefixes {
		if err := sameRows(r, again, prefix); err != nil {
			return err
		}
	}
	return nil
}

// sumPrefixes are all rows that are a fold over the logs.
var sumPrefixes = [...]string{string(types.Subjects), string(types.Months), string(types.Pairs), string(types.Ranks)}

// logEntry is one row of one log.
type logEntry struct {
	subject string
	number  uint64
	entry   types.Entry
}

// allEntries reads all rows of all logs in the order of their heights. Within a block the logs follow each other: the
// sums that two logs share do not depend on who of them was first.
func allEntries(r state.Reader) ([]logEntry, error) {
	var out []logEntry
	err := each(r, types.Subjects, func(subject string, head *types.SubjectHead) error {
		for n := range head.Entries {
			row, err := r.Entry(types.EntryLog(subject), n)
			if err != nil {
				return err
			}
			e := logEntry{subject: subject, number: n}
			if err := e.entry.Unmarshal(row); err != nil {
				return err
			}
			out = append(out, e)
		}
		return nil
	})
	slices.SortStableFunc(out, func(a, b logEntry) int { return int(a.entry.Height - b.entry.Height) })
	return out, err
}

// fold adds the entry to the sums in w, like post, and leaves the log and its root alone.
func (e *logEntry) fold(w state.Writer) error {
	key := types.SubjectKey(e.subject)
	head, err := state.Get(w, key)
	if err != nil {
		return err
	}
	if head == nil {
		head = &types.SubjectHead{}
	}
	head.Entries = e.number + 1
	f := fold{w: w, subject: e.subject, head: head, entry: &e.entry, number: e.number}
	if err := f.apply(); err != nil {
		return err
	}
	return state.Set(w, key, head)
}

// sameRows compares the rows of a kind with those that were computed again.
func sameRows(r, again state.Reader, prefix string) error {
	rows := 0
	err := r.Scan(prefix, func(key string, value []byte) error {
		rows++
		want, err := again.Get(key)
		if err != nil {
			return err
		}
		if strings.HasPrefix(key, string(types.Subjects)) {
			if value, err = withoutRoot(value); err != nil {
				return err
			}
		}
		if !bytes.Equal(value, want) {
			return fmt.Errorf("audit: %s: the logs say %x, the row %x", key, want, value)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return again.Scan(prefix, func(key string, _ []byte) error {
		if rows--; rows < 0 {
			return fmt.Errorf("audit: %s: the logs give more rows than there are", key)
		}
		return nil
	})
}

// withoutRoot is a head without what auditLogs compares.
func withoutRoot(value []byte) ([]byte, error) {
	var head types.SubjectHead
	if err := head.Unmarshal(value); err != nil {
		return nil, err
	}
	head.Root, head.Frontier = nil, nil
	return head.Marshal()
}
