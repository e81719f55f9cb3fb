package state

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"tradecredit/types"
)

// Rows reads the rows of a store as they lie on disk and believes nothing of them: no tree is made, no root compared. It
// is for those who examine a store that may have been altered. It is safe for concurrent use.
type Rows struct {
	disk pebble.Reader
	own  *pebble.DB // closed with the Rows; nil: somebody else's
	head headRow
}

// RowsIn opens the store in dir for reading only; nothing in it is changed. It fails while another process has it open,
// and with ErrFuture if nothing was ever committed to it. nil stands for the disk.
func RowsIn(dir string, fs vfs.FS) (*Rows, error) {
	if fs == nil {
		fs = vfs.Default
	}
	disk, err := pebble.Open(fs.PathJoin(dir, "rows"), &pebble.Options{
		FS: fs, ReadOnly: true, Comparer: comparer, FormatMajorVersion: pebble.FormatNewest, Logger: diskLogger{Options{}},
	})
	if err != nil {
		return nil, fmt.Errorf("state in %s: %w", dir, err)
	}
	r := &Rows{disk: disk, own: disk}
	if err := r.readHead(); err != nil {
		return nil, errors.Join(fmt.Errorf("state in %s: %w", dir, err), disk.Close())
	}
	return r, nil
}

// Rows are the rows of an open store, as of now: what is committed later does not show. Close it before the store.
func (db *DB) Rows() (*Rows, error) {
	disk := db.disk.NewSnapshot()
	r := &Rows{disk: disk}
	if err := r.readHead(); err != nil {
		return nil, errors.Join(err, disk.Close())
	}
	return r, nil
}

func (r *Rows) readHead() error {
	row, err := get(r.disk, headKey)
	if err != nil {
		return err
	}
	if row == nil {
		return fmt.Errorf("%w: there is no block yet", ErrFuture)
	}
	r.head, err = decodeHead(row)
	return err
}

// Close lets go of the rows.
func (r *Rows) Close() error {
	if r.own != nil {
		return r.own.Close()
	}
	return r.disk.Close()
}

// Head says what the head row says.
func (r *Rows) Head() Head { return r.head.Head }

// Oldest is the height from which on values are complete; Changes knows the heights after it.
func (r *Rows) Oldest() int64 { return r.head.oldest }

// Changes is what the rows say of the block of a height: the roots after it, and the leaves that it changed, sorted by
// key. ErrPruned or ErrFuture if they say nothing. A leaf whose row is missing has no value, like one that was deleted.
func (r *Rows) Changes(height int64) ([]types.NamedRoot, []types.Change, error) {
	if height > r.head.Height {
		return nil, nil, fmt.Errorf("%w: height %d, newest is %d", ErrFuture, height, r.head.Height)
	}
	row, err := get(r.disk, changesRow(height))
	if err != nil {
		return nil, nil, err
	}
	if row == nil || height <= r.head.oldest {
		return nil, nil, fmt.Errorf("%w: changes of height %d", ErrPruned, height)
	}
	roots, list, err := decodeChanges(height, row)
	if err != nil {
		return nil, nil, err
	}
	changes := make([]types.Change, len(list))
	for i, c := range list {
		changes[i].Key = c.key
		if c.deleted {
			continue
		}
		if changes[i].Value, err = get(r.disk, stateRow(c.key, height)); err != nil {
			return nil, nil, err
		}
	}
	return roots, changes, nil
}

// Each visits every leaf of the newest height with the height that wrote it, keys ascending. fn may return Stop to end
// early. The value is valid until fn returns.
func (r *Rows) Each(fn func(key string, height int64, value []byte) error) error {
	it, err := r.disk.NewIter(&pebble.IterOptions{LowerBound: []byte{rowState}, UpperBound: []byte{rowState + 1}})
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.NextPrefix() {
		key, height, err := splitVersioned(it.Key())
		if err != nil {
			return err
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if len(value) == 0 {
			continue // deleted
		}
		if err := fn(string(key), height, value); err != nil {
			if errors.Is(err, Stop) {
				return nil
			}
			return err
		}
	}
	return it.Error()
}

// EachEntry visits every row of every log, logs ascending, rows in order; see Each.
func (r *Rows) EachEntry(fn func(log string, n uint64, row []byte) error) error {
	it, err := r.disk.NewIter(&pebble.IterOptions{LowerBound: []byte{rowEntry}, UpperBound: []byte{rowEntry + 1}})
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		n := len(it.Key()) - 9
		if n < 2 || it.Key()[n] != 0 {
			return fmt.Errorf("%w: log row %q", ErrCorrupt, it.Key())
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if err := fn(string(it.Key()[1:n]), binary.BigEndian.Uint64(it.Key()[n+1:]), value); err != nil {
			if errors.Is(err, Stop) {
				return nil
			}
			return err
		}
	}
	return it.Error()
}

// EachReference visits the references of all buckets that are not dropped, in the order that their digests were made in.
func (r *Rows) EachReference(fn func(bucket int64, key string, value []byte) error) error {
	return liveReferences(r.disk, r.head.floor, fn)
}
