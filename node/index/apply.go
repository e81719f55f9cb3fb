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
	before, err := newLookup(x.disk)
	if err != nil {
		return err
	}
	defer before.close()
	w := &writer{before: before, batch: x.disk.NewBatch(), totals: map[string]int64{}}
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

// lookup reads rows in ascending order, most of which are not there: records are new more often than they change. A filter
// says so without a read, also on the lowest level, where Pebble's own Get does not ask it.
type lookup struct{ it *pebble.Iterator }

func newLookup(disk *pebble.DB) (*lookup, error) {
	it, err := disk.NewIter(&pebble.IterOptions{UseL6Filters: true})
	return &lookup{it}, err
}

// get is the value of a row until the next call; nil if there is none.
func (l *lookup) get(row []byte) ([]byte, error) {
	if !l.it.SeekPrefixGE(row) || !bytes.Equal(l.it.Key(), row) {
		return nil, l.it.Error()
	}
	value, err := l.it.ValueAndErr()
	if value == nil && err == nil {
		value = []byte{}
	}
	return value, err
}

func (l *lookup) close() { _ = l.it.Close() } // get has told its error

// writer makes the batch of a block.
type writer struct {
	before *lookup
	batch  *pebble.Batch
	totals map[string]int64 // by how much they change, by T row
}

// set writes a row, or deletes it if gone.
func (w *writer) set(row, value []byte, gone bool) error {
	if gone {
		return w.batch.Delete(row, nil)
	}
	return w.batch.Set(row, value, nil)
}

// change takes a record off its lists and puts it on those of its new value, nil for none.
func (w *writer) change(k *kind, id string, value []byte) error {
	row := recordRow(k.prefix() + id)
	before, err := w.before.get(row)
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
	if (before == nil) == (after == nil) && bytes.Equal(before, after) {
		return nil
	}
	if err := w.set(row, after, after == nil); err != nil {
		return err
	}
	return w.move(k, id, old, now)
}

// move writes the difference between two sets of lists.
func (w *writer) move(k *kind, id string, old, now *facts) error {
	from, to := old.rows(k.number, id), now.rows(k.number, id)
	for i, row := range from {
		if !hasRow(to, row) {
			if err := w.set(row, nil, true); err != nil {
				return err
			}
		}
		w.totals[string(old.lists[i].row(rowTotal, k.number))]--
	}
	for i, row := range to {
		if !hasRow(from, row) {
			if err := w.set(row, nil, false); err != nil {
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
		value, err := w.before.get([]byte(row))
		if err != nil {
			return err
		}
		before, err := decodeTotal([]byte(row), value)
		if err != nil {
			return err
		}
		now := before + by
		if now < 0 {
			return fmt.Errorf("%w: list %q would have %d rows", ErrCorrupt, row, now)
		}
		if err := w.set([]byte(row), binary.AppendUvarint(nil, uint64(now)), now == 0); err != nil {
			return err
		}
	}
	return nil
}
