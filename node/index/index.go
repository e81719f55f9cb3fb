package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"tradecredit/types"
)

// Errors that callers branch on. Any other error of this package but QueryError means that the disk failed.
var (
	// ErrGap: a block was offered before the one that precedes it.
	ErrGap = errors.New("index: the block does not follow the index")
	// ErrCorrupt: the index contradicts itself or the state; Rebuild makes it good.
	ErrCorrupt = errors.New("index: inconsistent")
	// ErrBuilding: the index is being made from the state and can say nothing yet.
	ErrBuilding = errors.New("index: being made from the state")
	// ErrFailed: the disk failed earlier; the index must be opened again.
	ErrFailed = errors.New("index: the disk failed earlier")
	// ErrClosed: Close was called.
	ErrClosed = errors.New("index: closed")
)

// Options of Open; the zero value is usable.
type Options struct {
	FS         vfs.FS                           // nil: the disk
	CacheBytes int64                            // for blocks of the disk and for what is not there yet; 0: 64 MiB
	Logger     func(format string, args ...any) // Pebble's complaints; nil: silent

	memTable uint64        // bytes before rows are flushed, for tests; 0: 64 MiB
	pageTime time.Duration // for one page, for tests; 0: 100 ms
}

// Sizes unless Options say otherwise. What is flushed seldom is flushed sorted: every row between two flushes is compacted
// once less.
const (
	defaultCacheBytes = 64 << 20
	defaultMemTable   = 64 << 20
	memTables         = 3 // at most, the one written to included
)

// Index is the database. One goroutine at a time writes; List may be called by many meanwhile.
type Index struct {
	options Options
	disk    *pebble.DB

	failing sync.Once
	failed  chan struct{} // closed when the disk has failed
	closing atomic.Bool
	use     sync.RWMutex // held for reading by every call, for writing by Close
	write   sync.Mutex   // one writer
	height  atomic.Int64
	chain   atomic.Pointer[types.Hash]
	ready   atomic.Bool // false while Rebuild is at work
}

// Open opens the index in dir, or creates it. What an interrupted Rebuild left, or a program with another layout, is dropped:
// Height is 0 then.
func Open(dir string, o Options) (*Index, error) {
	if o.CacheBytes == 0 {
		o.CacheBytes = defaultCacheBytes
	}
	if o.memTable == 0 {
		o.memTable = defaultMemTable
	}
	if o.pageTime == 0 {
		o.pageTime = defaultTime
	}
	if o.FS == nil {
		o.FS = vfs.Default
	}
	x := &Index{options: o, failed: make(chan struct{})}
	if err := x.open(dir); err != nil {
		return nil, fmt.Errorf("index in %s: %w", dir, err)
	}
	if err := x.readHead(); err != nil {
		return nil, errors.Join(fmt.Errorf("index in %s: %w", dir, err), x.disk.Close())
	}
	return x, nil
}

// open opens Pebble.
func (x *Index) open(dir string) error {
	// Pebble takes the room of memtables out of the cache.
	cache := pebble.NewCache(x.options.CacheBytes + memTables*int64(x.options.memTable))
	defer cache.Unref()
	o := &pebble.Options{
		FS:                          x.options.FS,
		Cache:                       cache,
		Comparer:                    comparer,
		FormatMajorVersion:          pebble.FormatNewest,
		Logger:                      diskLog{x},
		MemTableSize:                x.options.memTable,
		MemTableStopWritesThreshold: memTables,
		L0CompactionThreshold:       16,
		L0StopWritesThreshold:       40,
		LBaseMaxBytes:               1 << 30,
		TargetFileSizes:             [7]int64{16 << 20},
		CompactionConcurrencyRange:  func() (int, int) { return 1, 1 }, // consensus needs the other cores more
	}
	// What cannot be read is told to whoever reads it; Pebble would end the process.
	complain := diskLog{x}
	o.EventListener = &pebble.EventListener{
		BackgroundError: func(err error) { complain.Errorf("index: %v", err) },
		DataCorruption:  func(i pebble.DataCorruptionInfo) { complain.Errorf("index: damaged: %v", i.Details) },
	}
	// Rows are short and alike, and read a page at a time.
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionBalanced })
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	var disk *pebble.DB
	err := x.try(func() (err error) {
		disk, err = pebble.Open(dir, o)
		return err
	})
	if err == nil {
		x.disk = disk
	}
	return err
}

// try runs what may meet a failing disk: Pebble tells of that through diskLog.Fatalf, which must not return, in whatever
// goroutine noticed. After ErrFailed, f may still be at work, for ever.
func (x *Index) try(f func() error) error {
	result := make(chan error, 1)
	go func() {
		err := ErrFailed
		defer func() {
			if r := recover(); r != nil { // some failures are told by a panic
				err = fmt.Errorf("%w: %v", ErrFailed, r)
			}
			result <- err
		}()
		err = f()
	}()
	select {
	case err := <-result:
		return err
	case <-x.failed:
		return ErrFailed
	}
}

// fail says that the disk is of no use any more.
func (x *Index) fail() { x.failing.Do(func() { close(x.failed) }) }

// broken tells whether the disk has failed.
func (x *Index) broken() bool {
	select {
	case <-x.failed:
		return true
	default:
		return false
	}
}

// Close waits for calls under way, ends a Rebuild, and closes the disk. Later calls fail with ErrClosed. An index that
// failed is left as it is.
func (x *Index) Close() error {
	x.closing.Store(true)
	if x.broken() {
		return nil // whoever is at work there may never come back
	}
	x.use.Lock()
	defer x.use.Unlock()
	if x.disk == nil {
		return nil
	}
	disk := x.disk
	x.disk = nil
	return x.try(disk.Close)
}

// enter begins a call; the caller calls x.use.RUnlock unless it fails.
func (x *Index) enter() error {
	switch {
	case x.broken():
		return ErrFailed
	case x.closing.Load():
		return ErrClosed
	}
	x.use.RLock()
	if x.disk == nil {
		x.use.RUnlock()
		return ErrClosed
	}
	return nil
}

// Height is the height of the state that the index shows; 0 when it shows none.
func (x *Index) Height() int64 { return x.height.Load() }

// Chain is the digest of the chain's first record (types.ChainKey) in the state that the index shows, zero when it shows
// none. An index of another chain is of no use, whatever its height.
func (x *Index) Chain() types.Hash { return *x.chain.Load() }

// DiskBytes is what the index takes on the disk, obsolete files included.
func (x *Index) DiskBytes() uint64 {
	if x.enter() != nil {
		return 0
	}
	defer x.use.RUnlock()
	return x.disk.Metrics().DiskSpaceUsage()
}

// readHead reads what the index shows, and drops what is of no use.
func (x *Index) readHead() error {
	x.chain.Store(&types.Hash{})
	building, err := get(x.disk, buildingRow)
	if err != nil {
		return err
	}
	row, err := get(x.disk, headRow)
	switch {
	case err != nil:
		return err
	case building != nil || (row != nil && (len(row) != headSize || row[0] != layout)):
		b := x.disk.NewBatch()
		defer x.drop(b)
		if err := b.DeleteRange([]byte{0}, []byte{0xff}, nil); err != nil {
			return err
		}
		if err := x.commit(b); err != nil {
			return err
		}
	case row != nil:
		x.height.Store(int64(binary.BigEndian.Uint64(row[1:])))
		chain := types.Hash(row[9:])
		x.chain.Store(&chain)
	}
	x.ready.Store(true)
	return nil
}

// show makes the batch's state the one that is shown, by the row of the head, and commits it.
func (x *Index) show(b *pebble.Batch, height int64, chain types.Hash) error {
	row := binary.BigEndian.AppendUint64([]byte{layout}, uint64(height))
	if err := b.Set(headRow, append(row, chain[:]...), nil); err != nil {
		return err
	}
	if err := x.commit(b); err != nil {
		return err
	}
	x.height.Store(height)
	x.chain.Store(&chain)
	return nil
}

// commit writes a batch whole. It is not synced: see the package comment.
func (x *Index) commit(b *pebble.Batch) error {
	err := x.try(func() error { return b.Commit(pebble.NoSync) })
	if err != nil {
		x.fail()
	}
	return err
}

// drop lets go of a batch, unless a commit that never ended still has it.
func (x *Index) drop(b *pebble.Batch) {
	if !x.broken() {
		_ = b.Close() // never fails
	}
}

// diskLog takes Pebble's messages. An index whose disk fails is of no use any more, which must not end the node. (Pebble
// ends the process by itself where it cannot even create its next file; then the state, on the same disk, fares alike.)
type diskLog struct{ x *Index }

// Infof implements pebble.Logger.
func (diskLog) Infof(string, ...any) {}

// Errorf implements pebble.Logger.
func (l diskLog) Errorf(format string, args ...any) {
	if l.x.options.Logger != nil {
		l.x.options.Logger(format, args...)
	}
}

// Fatalf implements pebble.Logger. It ends the goroutine that noticed, and only that.
func (l diskLog) Fatalf(format string, args ...any) {
	l.Errorf(format, args...)
	l.x.fail()
	runtime.Goexit()
}
