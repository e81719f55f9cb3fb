package state

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"tradecredit/types"
)

// maxBucketNumber is above every bucket.
const maxBucketNumber = math.MaxInt64

// Options of Open; the zero value is an archive on disk.
type Options struct {
	FS              vfs.FS                           // nil: the disk
	KeepHeights     int64                            // heights whose values are kept; 0: all (archive)
	ProofHeights    int64                            // newest heights that can be proved; 0: 128. An archive proves all
	CheckpointEvery int64                            // most heights between leaf checkpoints; 0: 1000, below 0: only when asked
	CacheBytes      int64                            // for blocks of the disk and for values, together; 0: 256 MiB
	Logger          func(format string, args ...any) // nil: silent
	// Volatile stores do not wait for the disk: for scratch that is made again after a loss of power, when the store may
	// be at any earlier height or be damaged. Close writes everything.
	Volatile bool
	// Fatal is called when the disk failed in a way that the store cannot survive, in whatever
	// goroutine noticed. It must not return. nil: panic, of which Apply makes an error, and
	// which ends the process if it comes from the background.
	Fatal func(err error)
	// Probe is called where a crash would be interesting, with the name of the place; tests end the process there. nil: nothing.
	Probe func(point string)
	// ChunkBytes is when a chunk of a snapshot ends. Nodes with another value make other chunks of the same state, so that a
	// peer cannot fetch from both: leave it 0, 8 MiB, outside of tests.
	ChunkBytes int

	memTable uint64 // bytes before rows are flushed, for tests; 0: 128 MiB
	replay   int    // changed leaves that make a checkpoint due, for tests; 0: replayMax
}

// Defaults of Options.
const (
	defaultProofHeights    = 128
	defaultCheckpointEvery = 1000
	defaultCacheBytes      = 256 << 20
	memTables              = 3 // at most, the one written to included
)

// DB is the store. One goroutine stages and applies blocks; everything else may be called by
// many at the same time.
type DB struct {
	options Options
	dir     string
	fs      vfs.FS
	disk    *pebble.DB
	values  *valueCache

	mu      sync.RWMutex // guards what follows, and is held only for memory
	head    headRow
	tree    *tree
	history history
	oldest  int64 // lowest height that may be opened; head.oldest follows as rows are deleted
	failed  error
	filling bool // failed only says that a restore is not finished

	dropNodes   bool  // the store is no archive any more; owned by Apply
	swept       int64 // references in buckets below are gone from disk; owned by Apply
	views       openViews
	backfilling sync.Mutex // one at a time makes layers again
	checkpoints checkpoints
}

// Open opens the store in dir, or creates it. It rebuilds the tree, from the newest leaf
// checkpoint if that is any good and else from all rows, and compares its root with what the
// last block committed; on a mismatch it fails with ErrCorrupt.
func Open(dir string, o Options) (*DB, error) {
	if o.ProofHeights == 0 {
		o.ProofHeights = defaultProofHeights
	}
	if o.CheckpointEvery == 0 {
		o.CheckpointEvery = defaultCheckpointEvery
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCacheBytes
	}
	if o.replay == 0 {
		o.replay = replayMax
	}
	if o.ChunkBytes == 0 {
		o.ChunkBytes = chunkTarget
	}
	if o.memTable == 0 {
		o.memTable = 128 << 20
	}
	if o.KeepHeights < 0 || o.ProofHeights < 0 {
		return nil, fmt.Errorf("keep heights %d, proof heights %d: must not be negative", o.KeepHeights, o.ProofHeights)
	}
	if o.KeepHeights > 0 {
		o.ProofHeights = min(o.ProofHeights, o.KeepHeights)
		// A checkpoint is of use while the changes since are kept.
		o.CheckpointEvery = min(o.CheckpointEvery, max(1, o.KeepHeights/2))
	}
	db := &DB{options: o, dir: dir, fs: o.FS}
	if db.fs == nil {
		db.fs = vfs.Default
	}
	if err := db.openDisk(); err != nil {
		return nil, fmt.Errorf("state in %s: %w", dir, err)
	}
	if err := db.boot(); err != nil {
		return nil, errors.Join(fmt.Errorf("state in %s: %w", dir, err), db.disk.Close())
	}
	return db, nil
}

// openDisk opens Pebble.
func (db *DB) openDisk() (err error) {
	// Pebble takes the room of memtables, those that wait to be flushed included, out of the cache: without an allowance for
	// them filters and index blocks are read again and again.
	cache := pebble.NewCache(db.options.CacheBytes/2 + memTables*int64(db.options.memTable))
	defer cache.Unref()
	o := &pebble.Options{
		FS:                          Durable(db.fs),
		Cache:                       cache,
		Comparer:                    comparer,
		FormatMajorVersion:          pebble.FormatNewest,
		Logger:                      diskLogger{db.options},
		MemTableSize:                db.options.memTable,
		MemTableStopWritesThreshold: memTables,
		L0CompactionThreshold:       16, // keys are spread over all rows, so each compaction rewrites all it meets: seldom and much
		L0StopWritesThreshold:       40,
		LBaseMaxBytes:               1 << 30,
		TargetFileSizes:             [7]int64{16 << 20},
		CompactionConcurrencyRange:  func() (int, int) { return 1, max(1, runtime.GOMAXPROCS(0)-1) },
		// Pebble would try a failed flush or compaction again and again, while commits wait.
		EventListener: &pebble.EventListener{BackgroundError: func(err error) {
			db.fail(err)
			diskLogger{db.options}.Fatalf("%v", err)
		}},
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	defer func() {
		if r := recover(); r != nil { // through diskLogger.Fatalf
			err = fmt.Errorf("cannot open: %v", r)
		}
	}()
	db.disk, err = pebble.Open(db.fs.PathJoin(db.dir, "rows"), o)
	return err
}

// Close waits for a running checkpoint and closes the disk. Views must not be used after it.
// A store that failed is not closed: its disk may never answer, and the process is to end.
func (db *DB) Close() error {
	db.checkpoints.wait()
	db.mu.RLock()
	failed := db.failed
	if db.filling {
		failed = nil
	}
	db.mu.RUnlock()
	if failed != nil {
		return failed
	}
	if db.options.Volatile {
		if err := db.disk.Flush(); err != nil {
			return errors.Join(err, db.disk.Close())
		}
	}
	return db.disk.Close()
}

// Head says what is committed.
func (db *DB) Head() Head {
	db.mu.RLock()
	defer db.mu.RUnlock()
	h := db.head.Head
	h.Roots = slices.Clone(h.Roots)
	return h
}

// Changes lists what the block of a height changed, sorted by key, for those who follow the
// state: an index, a feed. ErrPruned or ErrFuture if that is not kept or not committed; a
// store that was restored keeps nothing of its first height.
func (db *DB) Changes(height int64) ([]types.Change, error) {
	v, err := db.At(height)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	db.mu.RLock()
	oldest := db.oldest
	db.mu.RUnlock()
	if height <= oldest {
		return nil, fmt.Errorf("%w: changes of height %d", ErrPruned, height)
	}
	_, list, err := db.readChanges(height)
	if err != nil {
		return nil, err
	}
	changes := make([]types.Change, len(list))
	for i, c := range list {
		changes[i].Key = c.key
		if c.deleted {
			continue
		}
		changes[i].Value, err = db.get(stateRow(c.key, height))
		if err != nil {
			return nil, err
		}
		if changes[i].Value == nil {
			return nil, fmt.Errorf("%w: no row for %q at height %d", ErrCorrupt, c.key, height)
		}
	}
	return changes, nil
}

// readChanges reads the change row of a height: its roots, and its keys in order.
func (db *DB) readChanges(height int64) ([]types.NamedRoot, []changed, error) {
	row, err := db.get(changesRow(height))
	if err != nil {
		return nil, nil, err
	}
	if row == nil {
		return nil, nil, fmt.Errorf("%w: changes of height %d", ErrPruned, height)
	}
	return decodeChanges(height, row)
}

// probe tells tests where the store is.
func (db *DB) probe(point string) {
	if db.options.Probe != nil {
		db.options.Probe(point)
	}
}

// diskLogger passes Pebble's messages on.
type diskLogger struct{ options Options }

func (l diskLogger) Infof(string, ...any) {}

func (l diskLogger) Errorf(format string, args ...any) {
	if l.options.Logger != nil {
		l.options.Logger(format, args...)
	}
}

func (l diskLogger) Fatalf(format string, args ...any) {
	l.Errorf(format, args...)
	err := fmt.Errorf("disk: "+format, args...)
	if l.options.Fatal != nil {
		l.options.Fatal(err)
	}
	panic(err)
}
