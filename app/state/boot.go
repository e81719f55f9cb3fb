package state

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"tradecredit/types"
)

// boot reads the head and rebuilds what is in memory.
func (db *DB) boot() error {
	db.tree = newTree()
	row, err := db.get(headKey)
	if err != nil {
		return err
	}
	if row == nil {
		if err := db.dropUnfinished(); err != nil {
			return err
		}
		if err := db.mustBeEmpty(); err != nil {
			return err
		}
		db.head = headRow{Head: Head{Schema: Schema}, archive: db.options.KeepHeights == 0}
	} else {
		if db.head, err = decodeHead(row); err != nil {
			return err
		}
		if err := db.rebuild(); err != nil {
			return err
		}
		// Nodes are of use only if every block wrote them.
		db.dropNodes = db.head.archive && db.options.KeepHeights > 0
		db.head.archive = db.head.archive && !db.dropNodes
	}
	db.oldest = db.head.oldest
	db.history.limit = int(max(0, db.options.ProofHeights-1))
	db.values = newValueCache(db.options.CacheBytes/2, db.head.Height)
	return nil
}

// dropUnfinished removes what a restore left that was not finished. Nothing else can be there: a restore begins in an empty
// store only.
func (db *DB) dropUnfinished() error {
	_, closer, err := db.disk.Get(restoringRow)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := closer.Close(); err != nil {
		return err
	}
	db.log("a restore from a snapshot was not finished; what it left is removed")
	return db.clear()
}

// mustBeEmpty refuses rows without a head.
func (db *DB) mustBeEmpty() (err error) {
	it, err := db.disk.NewIter(nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	if it.First() {
		return fmt.Errorf("%w: it holds rows but no block: something was removed from it. Restore this node from a backup or a snapshot of "+
			"another member, and keep this directory for examination", ErrCorrupt)
	}
	return it.Error()
}

// rebuild makes the tree from the newest usable checkpoint, or else from all rows.
func (db *DB) rebuild() error {
	want := db.head.root(types.RootState)
	t, err := db.fromCheckpoint()
	switch {
	case err != nil:
		db.log("leaf checkpoint not used: %v", err)
	case t.root() == want:
		db.tree = t
		return nil
	default:
		db.log("leaf checkpoint not used: it gives root %s, the head has %s", t.root(), want)
	}
	if t, err = fromRows(db.disk, db.head.Height); err != nil {
		return err
	}
	if t.root() != want {
		return fmt.Errorf("%w: the rows give state root %s, but height %d was committed with %s; "+
			"the disk has changed what was written: restore this node from a backup or a snapshot of another member, "+
			"and keep this directory for examination", ErrCorrupt, t.root(), db.head.Height, want)
	}
	db.tree = t
	return nil
}

func (db *DB) log(format string, args ...any) {
	if db.options.Logger != nil {
		db.options.Logger(format, args...)
	}
}

// scanned is a run of rows on the way to becoming leaves.
type scanned struct {
	bytes  []byte // keys and values, one after the other
	rows   []scannedRow
	leaves []leaf
}

type scannedRow struct {
	key, value int // lengths
	height     int64
}

const scanRun = 4096

// fromRows builds the tree of the newest height from the newest version of every row, hashing
// them on all cores while the disk is read.
func fromRows(disk pebble.Reader, height int64) (*tree, error) {
	work := make(chan *scanned, runtime.GOMAXPROCS(0))
	done := make(chan *scanned, runtime.GOMAXPROCS(0))
	var hashers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		hashers.Go(func() {
			for s := range work {
				s.hash()
				done <- s
			}
		})
	}
	parts := make([][]leaf, shardCount)
	var collector sync.WaitGroup
	collector.Go(func() {
		for s := range done {
			for _, l := range s.leaves {
				i := shardOf(&l.path)
				parts[i] = append(parts[i], l)
			}
		}
	})
	err := scanRows(disk, height, func(s *scanned) { work <- s })
	close(work)
	hashers.Wait()
	close(done)
	collector.Wait()
	if err != nil {
		return nil, err
	}
	inParallel(shardCount, func(i int) {
		slices.SortFunc(parts[i], func(a, b leaf) int { return bytes.Compare(a.path[:], b.path[:]) })
	})
	return treeOf(parts), nil
}

// scanRows reads the newest version of every key.
func scanRows(disk pebble.Reader, newest int64, emit func(*scanned)) error {
	it, err := disk.NewIter(&pebble.IterOptions{LowerBound: []byte{rowState}, UpperBound: []byte{rowState + 1}})
	if err != nil {
		return err
	}
	defer it.Close()
	s := new(scanned)
	for ok := it.First(); ok; ok = it.NextPrefix() {
		key, height, err := splitVersioned(it.Key())
		if err != nil {
			return err
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		if height > newest {
			return fmt.Errorf("%w: a row of height %d above the head %d", ErrCorrupt, height, newest)
		}
		if len(value) == 0 {
			continue // deleted
		}
		s.bytes = append(append(s.bytes, key...), value...)
		s.rows = append(s.rows, scannedRow{len(key), len(value), height})
		if len(s.rows) == scanRun {
			emit(s)
			s = new(scanned)
		}
	}
	emit(s)
	return it.Error()
}

// hash makes leaves of rows.
func (s *scanned) hash() {
	s.leaves = make([]leaf, len(s.rows))
	b := s.bytes
	for i, r := range s.rows {
		path := pathOf(string(b[:r.key]))
		s.leaves[i] = leaf{path, leafHash(&path, b[r.key:r.key+r.value]), r.height}
		b = b[r.key+r.value:]
	}
	s.bytes, s.rows = nil, nil
}

// treeOf builds a tree from the sorted leaves of every shard, and lets go of them on the way.
func treeOf(parts [][]leaf) *tree {
	t := newTree()
	inParallel(shardCount, func(i int) {
		if len(parts[i]) > 0 {
			t.shards[i] = newShard(parts[i], bitsFor(parts[i], 0))
			t.top[shardCount+i] = t.shards[i].root()
			parts[i] = nil
		}
	})
	t.finish()
	return t
}

// finish computes the upper nodes and the count from the shards.
func (t *tree) finish() {
	for i := shardCount - 1; i >= 1; i-- {
		t.top[i] = combine(&t.top[2*i], &t.top[2*i+1])
	}
	for i := range t.shards {
		t.count += t.shards[i].count
	}
}
