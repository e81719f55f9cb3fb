package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"tradecredit/types"
)

// Apply writes what the block of a height changed: all of it or nothing. changes must be complete for that block; each key
// stands in it once. A height that is shown already is no error and changes nothing; ErrGap when blocks before it are
// missing. ErrCorrupt when the index does not fit the changes; the height stays what it was.
func (x *Index) Apply(height int64, changes []types.Change) error {
	if err := x.enter(); err != nil {
		return err
	}
	defer x.use.RUnlock()
	x.write.Lock()
	defer x.write.Unlock()
	switch at := x.Height(); {
	case !x.ready.Load():
		return ErrBuilding
	case height <= at:
		return nil
	case height > at+1:
		return fmt.Errorf("%w: block %d, the index is at %d", ErrGap, height, at)
	}
	w := &writer{disk: x.disk, batch: x.disk.NewBatch(), totals: map[string]int64{}}
	defer x.drop(w.batch)
	chain := x.Chain()
	for _, c := range changes {
		if c.Key == string(types.ChainKey) {
			chain = sha256.Sum256(c.Value)
		}
		if k, id := kindOf(c.Key); k != nil {
			if err := w.change(k, id, c.Value); err != nil {
				return err
			}
		}
	}
	if err := w.count(); err != nil {
		return err
	}
	return x.show(w.batch, height, chain)
}

// writer makes the batch of a block.
type writer struct {
	disk   *pebble.DB
	batch  *pebble.Batch
	totals map[string]int64 // by how much they change, by T row
}

// change takes a record off its lists and puts it on those of its new value, nil for none.
func (w *writer) change(k *kind, id string, value []byte) error {
	row := recordRow(k.prefix() + id)
	before, err := get(w.disk, row)
	if err != nil {
		return err
	}
	old, now := &facts{}, &facts{}
	var after []byte
	if before != nil {
		if old, err = decodeFacts(id, before); err != nil {
			return err
		}
		w.totals[string(listing{by: All}.row(rowTotal, k.number))]--
	}
	if value != nil {
		if now, err = k.facts(id, value); err != nil {
			return err
		}
		after = now.encode(id)
		w.totals[string(listing{by: All}.row(rowTotal, k.number))]++
	}
	switch {
	case before == nil && after == nil, before != nil && bytes.Equal(before, after):
		return nil
	case after == nil:
		err = w.batch.Delete(row, nil)
	default:
		err = w.batch.Set(row, after, nil)
	}
	if err != nil {
		return err
	}
	return w.move(k, id, old, now)
}

// move writes the difference between two sets of lists.
func (w *writer) move(k *kind, id string, old, now *facts) error {
	from, to := old.rows(k.number, id), now.rows(k.number, id)
	for i, row := range from {
		if !hasRow(to, row) {
			if err := w.batch.Delete(row, nil); err != nil {
				return err
			}
		}
		w.totals[string(old.lists[i].row(rowTotal, k.number))]--
	}
	for i, row := range to {
		if !hasRow(from, row) {
			if err := w.batch.Set(row, nil, nil); err != nil {
				return err
			}
		}
		w.totals[string(now.lists[i].row(rowTotal, k.number))]++
	}
	return nil
}

func hasRow(rows [][]byte, row []byte) bool {
	return slices.ContainsFunc(rows, func(r []byte) bool { return bytes.Equal(r, row) })
}

// count writes the totals that change.
func (w *writer) count() error {
	for _, row := range slices.Sorted(maps.Keys(w.totals)) {
		by := w.totals[row]
		if by == 0 {
			continue
		}
		before, err := total(w.disk, []byte(row))
		if err != nil {
			return err
		}
		switch now := before + by; {
		case now < 0:
			return fmt.Errorf("%w: list %q would have %d rows", ErrCorrupt, row, now)
		case now == 0:
			err = w.batch.Delete([]byte(row), nil)
		default:
			err = w.batch.Set([]byte(row), binary.AppendUvarint(nil, uint64(now)), nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
