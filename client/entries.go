package client

import (
	"bytes"
	"context"
	"fmt"

	"tradecredit/types"
)

// EntryList is rows of a subject's entry log, with the proof that they are its rows and that none between is missing.
type EntryList struct {
	Subject string
	Total   uint64         // entries in the log at the height of Proven
	First   uint64         // number of the first one shown
	Entries []*types.Entry // First, First+1, …
	Proven  *Proven        // the log's head; an absent one proves that there are no entries
}

// Complete tells whether these are all entries of the subject.
func (l *EntryList) Complete() bool { return l.First == 0 && uint64(len(l.Entries)) == l.Total }

// ProveEntries reads entries of a subject from number first on, at most limit (0: all that follow), and proves them: the head
// of the subject's log, read like any record and bound by opts, holds their number and the root of an RFC 6962 tree over
// them. A node cannot leave one out, add, change or move one: ErrEntriesMissing, ErrEntriesDiffer. All of the log needs no
// more than the rows; a part of it comes with a proof of about two hashes for each doubling of the log.
func (c *Client) ProveEntries(ctx context.Context, subject string, first uint64, limit int, opts GetOptions) (*EntryList, error) {
	if err := types.CheckSubjectID(subject); err != nil {
		return nil, err
	}
	head, proven, err := Get(ctx, c, types.SubjectKey(subject), opts)
	if err != nil {
		return nil, err
	}
	out := &EntryList{Subject: subject, Proven: proven}
	if head == nil {
		return out, nil
	}
	out.Total, out.First = head.Entries, min(first, head.Entries)
	end := out.Total
	if limit > 0 {
		end = min(end, out.First+uint64(limit))
	}
	rows, err := c.entryRows(ctx, subject, out.First, end)
	if err != nil {
		return nil, err
	}
	proof := new(types.LogRange)
	if out.First > 0 || end < out.Total {
		if proof, err = c.logProof(ctx, types.EntryLog(subject), out.First, end, proven.Height); err != nil {
			return nil, err
		}
	}
	root, err := proof.Root(out.Total, out.First, rows)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEntriesDiffer, err)
	}
	if !bytes.Equal(root, head.Root) {
		return nil, fmt.Errorf("%w: rows %d to %d of %d of %s at height %d", ErrEntriesDiffer, out.First, end, out.Total, subject, proven.Height)
	}
	for _, row := range rows {
		e := new(types.Entry)
		if err := decodeStrictly(row, e); err != nil {
			return nil, fmt.Errorf("%w: an entry: %v", ErrValue, err)
		}
		out.Entries = append(out.Entries, e)
	}
	return out, nil
}
