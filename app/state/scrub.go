package state

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// Ranges is how many ranges Scrub knows.
const Ranges = shardCount

// Range is what Scrub found in one range that is whole.
type Range struct {
	Height int64    // that was compared
	Leaves int      // compared
	Keys   []string // of the leaves
}

// Scrub compares one range of the tree, from 0, with its rows as of now, while blocks go on: that each leaf in memory is the
// hash of its row, that no row is without a leaf, and that the range's root follows from them. It reads a small part of the
// state (one of Ranges). ErrCorrupt says which key is damaged, and in what; a disk that cannot be read is another error.
func (db *DB) Scrub(index int) (*Range, error) {
	if index < 0 || index >= shardCount {
		return nil, fmt.Errorf("%w: range %d of %d", ErrInvalid, index, shardCount)
	}
	v := db.View() // holds the height
	defer v.Close()
	shard := uint32(index)
	db.mu.RLock()
	current := db.head.Height == v.height
	inMemory := db.tree.shards[shard].leaves()
	root := db.tree.top[shardCount+shard]
	db.mu.RUnlock()
	if !current { // a block came in between
		return db.Scrub(index)
	}
	rows, err := shardRows(db.disk, shard, v.height)
	if err != nil {
		return nil, err
	}
	found := &Range{Height: v.height, Leaves: len(rows)}
	onDisk := make([]leaf, len(rows))
	for i := range rows {
		onDisk[i] = rows[i].leaf
		found.Keys = append(found.Keys, rows[i].key)
		if n, is := search(inMemory, &rows[i].path); !is || inMemory[n].hash != rows[i].hash {
			return found, fmt.Errorf("%w: the row of %q at height %d is not what the tree has", ErrCorrupt, rows[i].key, v.height)
		}
	}
	for i := range inMemory {
		if _, is := search(onDisk, &inMemory[i].path); !is {
			return found, fmt.Errorf("%w: a leaf of range %d at height %d has no row", ErrCorrupt, index, v.height)
		}
	}
	if fold(onDisk, topBits) != root {
		return found, fmt.Errorf("%w: the root of range %d at height %d does not follow from its leaves", ErrCorrupt, index, v.height)
	}
	return found, nil
}

// Logs visits all rows of all logs that are on disk, by log and ascending, as of now. What a row says is good only during
// the call. It shows rows that no head counts, too.
func (db *DB) Logs(visit func(log string, n uint64, row []byte) error) (err error) {
	disk := db.disk.NewSnapshot()
	defer func() { err = errors.Join(err, disk.Close()) }()
	return eachLogRow(disk, visit)
}

// eachLogRow visits the rows of logs; nothing that it passes on outlives the call but the name of the log.
func eachLogRow(disk pebble.Reader, visit func(log string, n uint64, row []byte) error) (err error) {
	it, err := disk.NewIter(&pebble.IterOptions{LowerBound: []byte{rowEntry}, UpperBound: []byte{rowEntry + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	var log string
	for ok := it.First(); ok; ok = it.Next() {
		name, version, err := splitVersioned(it.Key())
		if err != nil {
			return err
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if log != string(name) {
			log = string(name)
		}
		if err := visit(log, ^uint64(version), slices.Clip(value)); err != nil {
			return err
		}
	}
	return it.Error()
}
