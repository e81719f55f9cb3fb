package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"

	"tradecredit/types"
)

// rebuildBatch is how many bytes Rebuild writes at a time.
const rebuildBatch = 1 << 20

// Rebuild drops everything and makes the index from the state of a height. scan visits the records whose key begins with a
// prefix, as state.Reader has it; keys and values need to be valid only during the call. Until it returns, List says
// ErrBuilding; if it fails, or the process ends, the index is empty: Rebuild again.
//
// It takes memory for one batch, whatever the size of the state, and ends with ErrClosed soon after Close is called.
func (x *Index) Rebuild(height int64, scan func(prefix string, visit func(key string, value []byte) error) error) error {
	if err := x.enter(); err != nil {
		return err
	}
	defer x.use.RUnlock()
	x.write.Lock()
	defer x.write.Unlock()
	x.ready.Store(false)
	x.height.Store(0)
	x.chain.Store(&types.Hash{})
	b := &builder{x: x, batch: x.disk.NewBatch()}
	defer x.drop(b.batch)
	if err := b.clear(); err != nil {
		return err
	}
	var chain types.Hash
	err := scan(string(types.ChainKey), func(key string, value []byte) error {
		if key == string(types.ChainKey) {
			chain = sha256.Sum256(value)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range kinds {
		if err := b.kind(k, scan); err != nil {
			return err
		}
	}
	if err := b.totals(); err != nil {
		return err
	}
	if err := b.batch.Delete(buildingRow, nil); err != nil {
		return err
	}
	if err := x.show(b.batch, height, chain); err != nil {
		return err
	}
	x.ready.Store(true)
	return nil
}

// builder writes batch after batch.
type builder struct {
	x     *Index
	batch *pebble.Batch
}

// clear drops all rows, and says that others are being written.
func (b *builder) clear() error {
	if err := b.batch.DeleteRange([]byte{0}, []byte{0xff}, nil); err != nil {
		return err
	}
	if err := b.batch.Set(buildingRow, nil, nil); err != nil {
		return err
	}
	return b.write()
}

// write commits what was collected.
func (b *builder) write() error {
	if err := b.x.commit(b.batch); err != nil {
		return err
	}
	b.batch.Reset()
	return nil
}

// add writes one row, sooner or later.
func (b *builder) add(row, value []byte) error {
	if err := b.batch.Set(row, value, nil); err != nil || b.batch.Len() < rebuildBatch {
		return err
	}
	if b.x.closing.Load() {
		return ErrClosed
	}
	return b.write()
}

// kind writes the records of one kind and their number.
func (b *builder) kind(k *kind, scan func(string, func(string, []byte) error) error) error {
	var count uint64
	err := scan(k.prefix(), func(key string, value []byte) error {
		id := key[len(k.prefix()):]
		f, err := k.facts(id, value)
		if err != nil {
			return err
		}
		for _, row := range f.rows(k.number, id) {
			if err := b.add(row, nil); err != nil {
				return err
			}
		}
		count++
		return b.add(recordRow(key), f.encode(id))
	})
	if err != nil || count == 0 {
		return err
	}
	return b.add(listing{by: All}.row(rowTotal, k.number), binary.AppendUvarint(nil, count))
}

// totals counts the rows of every list, one list after the other: there may be too many lists to count them in memory.
func (b *builder) totals() error {
	if err := b.write(); err != nil {
		return err
	}
	it, err := b.x.disk.NewIter(&pebble.IterOptions{LowerBound: []byte{rowList}, UpperBound: []byte{rowList + 1}})
	if err != nil {
		return err
	}
	defer func() { _ = it.Close() }() // its error is it.Error
	var list []byte
	var count uint64
	end := func() error {
		if count == 0 {
			return nil
		}
		row := bytes.Clone(list)
		row[0] = rowTotal
		return b.add(row, binary.AppendUvarint(nil, count))
	}
	for ok := it.First(); ok; ok = it.Next() {
		n, err := listOf(it.Key())
		if err != nil {
			return err
		}
		if !bytes.Equal(list, it.Key()[:n]) {
			if err := end(); err != nil {
				return err
			}
			list, count = append(list[:0], it.Key()[:n]...), 0
		}
		count++
	}
	if err := it.Error(); err != nil {
		return err
	}
	return end()
}
