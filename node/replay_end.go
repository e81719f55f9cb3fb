package node

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tradecredit/app"
	"tradecredit/app/state"
	"tradecredit/types"
)

// conclude compares the whole state with the node's, and answers the questions about the last height.
func (r *replayer) conclude() error {
	if r.done.Report.Divergence == nil && r.other != nil && r.other.Head().Height == r.db.Head().Height {
		if err := r.compareWhole(); err != nil {
			return err
		}
	}
	if r.done.Report.Divergence != nil || len(r.options.Score) == 0 {
		return nil
	}
	view := r.app.View()
	defer func() { _ = view.Close() }()
	for _, q := range r.options.Score {
		day := q.Day
		if day == 0 {
			var err error
			if day, err = app.Today(view, r.chain.LastBlockTime.Unix()); err != nil {
				return err
			}
		}
		receipt, err := app.Score(view, q.Subject, day)
		if err != nil {
			return fmt.Errorf("score of %s at height %d: %w", q.Subject, view.Height(), err)
		}
		receipt.ScoredHeight = view.Height()
		r.done.Scores = append(r.done.Scores, receipt)
	}
	return nil
}

// row is a row of a state at its newest height.
type row struct {
	key    string
	height int64
	value  []byte
}

// compareWhole compares every row: what was slipped into a node's state beside its blocks is in no list of changes.
func (r *replayer) compareWhole() error {
	mine, err := r.db.Rows()
	if err != nil {
		return err
	}
	defer func() { _ = mine.Close() }()
	for _, part := range []struct {
		kind string
		each func(*state.Rows) func(func(row) error) error
	}{
		{inLeaf, func(s *state.Rows) func(func(row) error) error {
			return func(emit func(row) error) error {
				return s.Each(func(key string, height int64, value []byte) error { return emit(row{key, height, value}) })
			}
		}},
		{inLog, func(s *state.Rows) func(func(row) error) error {
			return func(emit func(row) error) error {
				return s.EachEntry(func(log string, n uint64, value []byte) error {
					return emit(row{key: fmt.Sprintf("%s\x00%020d", log, n), value: value})
				})
			}
		}},
		{inReference, sortedReferences},
	} {
		first, count, err := firstDifference(part.each(mine), part.each(r.other))
		unreadable := errors.Is(err, state.ErrCorrupt)
		if err != nil && !unreadable {
			return err
		}
		if count > 0 || unreadable {
			d := r.lateDivergence(part.kind, first, count)
			if unreadable {
				d.Differs = append(d.Differs, err.Error())
			}
			r.diverge(d)
			return nil
		}
	}
	if r.other.Head().AppHash != r.db.Head().AppHash {
		r.diverge(r.lateDivergence(inHead, pairOf{}, 1))
	}
	return nil
}

// sortedReferences visits the live references by bucket, then by key.
func sortedReferences(s *state.Rows) func(func(row) error) error {
	return func(emit func(row) error) error {
		var list []row
		err := s.EachReference(func(bucket int64, key string, value []byte) error {
			x := row{key: fmt.Sprintf("%020d\x00%s", bucket, key), value: bytes.Clone(value)}
			var content types.Reference
			if content.Unmarshal(value) == nil {
				x.height = content.Height
			}
			list = append(list, x)
			return nil
		})
		slices.SortFunc(list, func(a, b row) int { return strings.Compare(a.key, b.key) })
		for i := range list {
			if err := emit(list[i]); err != nil {
				return err
			}
		}
		return err
	}
}

// pairOf is what two states have of one key; nil: nothing.
type pairOf struct{ mine, other *row }

// height is where the pair parted: the newer of the two rows.
func (p *pairOf) height() int64 {
	var h int64
	for _, x := range []*row{p.mine, p.other} {
		if x != nil {
			h = max(h, x.height)
		}
	}
	return h
}

// firstDifference walks through two states side by side. The first difference is the one of the lowest height.
func firstDifference(mine, other func(func(row) error) error) (first pairOf, count int64, err error) {
	type item struct {
		row row
		err error
	}
	theirs := make(chan item, 256)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		defer close(theirs)
		err := other(func(x row) error {
			x.value = bytes.Clone(x.value)
			select {
			case theirs <- item{row: x}:
				return nil
			case <-stop:
				return state.Stop
			}
		})
		if err != nil {
			select {
			case theirs <- item{err: err}:
			case <-stop:
			}
		}
	}()
	meet := func(a, b *row) {
		if a != nil && b != nil && a.height == b.height && bytes.Equal(a.value, b.value) {
			return
		}
		p := pairOf{a, b}
		if count++; count == 1 || p.height() < first.height() {
			for _, x := range []*row{a, b} {
				if x != nil {
					x.value = bytes.Clone(x.value)
				}
			}
			first = p
		}
	}
	next, ok := <-theirs
	err = mine(func(x row) error {
		for ok && next.err == nil && next.row.key < x.key {
			lone := next.row
			meet(nil, &lone)
			next, ok = <-theirs
		}
		if next.err != nil {
			return next.err
		}
		if ok && next.row.key == x.key {
			both := next.row
			meet(&x, &both)
			next, ok = <-theirs
			return nil
		}
		meet(&x, nil)
		return nil
	})
	for ; ok && err == nil; next, ok = <-theirs {
		if err = next.err; err == nil {
			lone := next.row
			meet(nil, &lone)
		}
	}
	return first, count, err
}

// lateDivergence is a row that a node's state should not have, or lacks, or has otherwise.
func (r *replayer) lateDivergence(kind string, p pairOf, count int64) *Divergence {
	hash := r.other.Head().AppHash
	d := &Divergence{
		Height: p.height(), Differs: []string{}, ReplayAppHash: hexBytes(r.chain.AppHash), StateAppHash: hash[:],
		Sides: []Side{{sideReplay, agrees}, {sideState, disagrees}}, Keys: count, KeyKind: kind, late: kind == inLeaf,
	}
	if d.Height == 0 {
		d.Height = r.done.Report.Last
	}
	d.HeaderHeight = d.Height + 1
	if d.Height == r.done.Report.Last {
		d.HeaderHeight, d.Sides[0].Header, d.Sides[1].Header = 0, unknown, unknown
	}
	for _, x := range []*row{p.mine, p.other} {
		if x != nil {
			d.Key = strings.ReplaceAll(x.key, "\x00", "/")
		}
	}
	if p.mine != nil {
		d.Replay = p.mine.value
	}
	if p.other != nil {
		d.State = p.other.value
	}
	if kind == inLeaf && d.Height > 1 {
		if view, err := r.db.At(d.Height - 1); err == nil {
			defer func() { _ = view.Close() }()
			if before, err := view.Get(d.Key); err == nil {
				d.Before = before
			}
		}
	}
	d.name()
	if kind == inReference {
		d.Transaction = indexIn(d.State, d.Replay)
	}
	return d
}

// indexIn is the transaction that the first of these rows of replay protection is of.
func indexIn(rows ...[]byte) *DivergedTransaction {
	for _, b := range rows {
		var x types.Reference
		if b != nil && x.Unmarshal(b) == nil {
			return &DivergedTransaction{Index: int(x.Index), How: "wrote", Message: -1}
		}
	}
	return nil
}
