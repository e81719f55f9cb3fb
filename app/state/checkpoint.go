package state

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A leaf checkpoint spares the node from hashing every row when it starts. It is a file of all
// leaves by path, stamped with a height, and is only ever a help: what it gives is compared
// with the committed root like anything else.
//
// The file is written while blocks are committed, shard after shard, so that a shard may
// already be newer than the stamp. That does no harm: a start reads every key that changed
// after the stamp from the rows, and the others are the same before and after.
//
//	magic ‖ height (8) ‖ for each of 4096 shards: count (4) ‖ leaves of 72 bytes ‖ CRC-32C (4)
const (
	checkpointMagic  = "tradecredit leaves 1\n"
	checkpointPrefix = "leaves-"
	leafSize         = 72
	replayMax        = 250_000 // changed leaves that a start may read again, or a quarter of all
	replayRun        = 256     // leaves that one goroutine reads at a time
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checkpoints runs at most one at a time.
type checkpoints struct {
	writing sync.Mutex
	running sync.WaitGroup
	ended   chan struct{} // of the last one that Apply started; owned by Apply
	changes int           // since the last one was started, or the store opened; owned by Apply
}

func (c *checkpoints) wait() { c.running.Wait() }

// checkpointIfDue starts a checkpoint beside the blocks that follow: after a number of heights,
// or when a start would have many changes to read again.
func (db *DB) checkpointIfDue(changes int) {
	c := &db.checkpoints
	c.changes += changes
	due := db.head.Height%max(1, db.options.CheckpointEvery) == 0 || c.changes >= max(db.options.replay, db.tree.count/4)
	if db.options.CheckpointEvery < 0 || !due {
		return
	}
	if c.ended != nil {
		select {
		case <-c.ended:
		default:
			return // still writing the last one
		}
	}
	ended := make(chan struct{})
	c.ended, c.changes = ended, 0
	c.running.Go(func() {
		defer close(ended)
		if err := db.Checkpoint(); err != nil {
			db.log("leaf checkpoint: %v", err)
		}
	})
}

func (db *DB) checkpointDir() string { return db.fs.PathJoin(db.dir, "leaves") }

// Checkpoint writes a leaf checkpoint beside whatever is committed meanwhile, makes it durable
// and removes older ones. A failure harms nothing; the next start takes longer.
func (db *DB) Checkpoint() error {
	db.checkpoints.writing.Lock()
	defer db.checkpoints.writing.Unlock()
	height := db.Head().Height
	if height == 0 {
		return nil
	}
	dir := db.checkpointDir()
	if err := db.fs.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := syncDir(db.fs, db.dir); err != nil {
		return err
	}
	name := fmt.Sprintf("%s%020d", checkpointPrefix, height)
	scratch := db.fs.PathJoin(dir, "writing")
	if err := db.writeCheckpoint(scratch, height); err != nil {
		return err
	}
	if err := db.fs.Rename(scratch, db.fs.PathJoin(dir, name)); err != nil {
		return err
	}
	if err := syncDir(db.fs, dir); err != nil {
		return err
	}
	names, err := db.checkpointNames()
	if err != nil {
		return err
	}
	for _, old := range names {
		if old != name {
			err = errors.Join(err, db.fs.Remove(db.fs.PathJoin(dir, old)))
		}
	}
	return err
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// checkpointNames lists the checkpoint files, the newest first.
func (db *DB) checkpointNames() ([]string, error) {
	all, err := db.fs.List(db.checkpointDir())
	if err != nil {
		return nil, err
	}
	names := slices.DeleteFunc(all, func(n string) bool { return !strings.HasPrefix(n, checkpointPrefix) })
	slices.Sort(names)
	slices.Reverse(names)
	return names, nil
}

func (db *DB) writeCheckpoint(path string, height int64) error {
	f, err := db.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	// bufio keeps the first error for Flush.
	_, _ = w.WriteString(checkpointMagic)
	_, _ = w.Write(binary.BigEndian.AppendUint64(nil, uint64(height)))
	var section []byte
	for i := range shardCount {
		section = db.appendSection(section[:0], i)
		_, _ = w.Write(section)
	}
	err = w.Flush()
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// appendSection encodes one shard as it is now.
func (db *DB) appendSection(b []byte, i int) []byte {
	db.mu.RLock()
	defer db.mu.RUnlock()
	s := &db.tree.shards[i]
	b = binary.BigEndian.AppendUint32(b, uint32(s.count))
	for _, bucket := range s.buckets {
		for j := range bucket {
			b = append(b, bucket[j].path[:]...)
			b = append(b, bucket[j].hash[:]...)
			b = binary.BigEndian.AppendUint64(b, uint64(bucket[j].height))
		}
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// fromCheckpoint builds the tree from the newest checkpoint and the changes since.
func (db *DB) fromCheckpoint() (*tree, error) {
	names, err := db.checkpointNames()
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("there is none")
	}
	f, err := db.fs.Open(db.fs.PathJoin(db.checkpointDir(), names[0]), vfs.SequentialReadsOption)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 4<<20)
	height, err := readCheckpointHeader(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", names[0], err)
	}
	if height > db.head.Height || height < db.head.oldest {
		return nil, fmt.Errorf("%s: changes are kept from height %d to %d", names[0], db.head.oldest, db.head.Height)
	}
	since, err := db.leavesSince(height)
	if err != nil {
		return nil, err
	}
	t, err := readCheckpoint(r, since)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", names[0], err)
	}
	return t, nil
}

func readCheckpointHeader(r io.Reader) (int64, error) {
	var b [len(checkpointMagic) + 8]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, err
	}
	if string(b[:len(checkpointMagic)]) != checkpointMagic {
		return 0, errors.New("not a leaf checkpoint of this format")
	}
	return int64(binary.BigEndian.Uint64(b[len(checkpointMagic):])), nil
}

// readCheckpoint builds shards on all cores while the file is read.
func readCheckpoint(r io.Reader, since [][]leaf) (*tree, error) {
	t := newTree()
	var builders sync.WaitGroup
	var mu sync.Mutex
	var failed error
	slots := make(chan struct{}, 16)
	fail := func(err error) {
		mu.Lock()
		defer mu.Unlock()
		failed = cmp.Or(failed, err)
	}
	for i := range shardCount {
		section, err := readSection(r)
		if err != nil {
			fail(err)
			break
		}
		slots <- struct{}{}
		builders.Go(func() {
			defer func() { <-slots }()
			leaves, err := decodeSection(section, uint32(i))
			if err != nil {
				fail(err)
				return
			}
			if leaves = replay(leaves, since[i]); len(leaves) > 0 {
				t.shards[i] = newShard(leaves, bitsFor(leaves, 0))
				t.top[shardCount+i] = t.shards[i].root()
			}
		})
	}
	builders.Wait()
	if failed != nil {
		return nil, failed
	}
	t.finish()
	return t, nil
}

// readSection reads one shard's bytes, checksum and all.
func readSection(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := int64(binary.BigEndian.Uint32(head[:])) * leafSize
	// The count is not to be believed before the checksum: read no more than there is.
	var b bytes.Buffer
	b.Write(head[:])
	if m, err := io.CopyN(&b, r, n+4); err != nil {
		return nil, fmt.Errorf("ends after %d of %d bytes: %w", m, n+4, err)
	}
	return b.Bytes(), nil
}

func decodeSection(b []byte, shard uint32) ([]leaf, error) {
	body := b[:len(b)-4]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(b[len(body):]) {
		return nil, fmt.Errorf("checksum of shard %d", shard)
	}
	body = body[4:]
	leaves := make([]leaf, len(body)/leafSize)
	for i := range leaves {
		l, row := &leaves[i], body[i*leafSize:]
		copy(l.path[:], row)
		copy(l.hash[:], row[32:])
		l.height = int64(binary.BigEndian.Uint64(row[64:]))
		if shardOf(&l.path) != shard || i > 0 && bytes.Compare(leaves[i-1].path[:], l.path[:]) >= 0 {
			return nil, fmt.Errorf("leaves of shard %d are out of order", shard)
		}
	}
	return leaves, nil
}

// leavesSince makes the newest leaf of every key that changed after height, by shard and path;
// a deleted one has height 0.
func (db *DB) leavesSince(height int64) ([][]leaf, error) {
	var keys []string
	for h := height + 1; h <= db.head.Height; h++ {
		_, list, err := db.readChanges(h)
		if err != nil {
			return nil, err
		}
		for _, c := range list {
			keys = append(keys, c.key)
		}
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	runs := slices.Collect(slices.Chunk(keys, replayRun))
	leaves, errs := make([][]leaf, len(runs)), make([]error, len(runs))
	inParallel(len(runs), func(i int) { leaves[i], errs[i] = db.newestLeaves(runs[i]) })
	parts := make([][]leaf, shardCount)
	for _, l := range slices.Concat(leaves...) {
		i := shardOf(&l.path)
		parts[i] = append(parts[i], l)
	}
	for i := range parts {
		slices.SortFunc(parts[i], func(a, b leaf) int { return bytes.Compare(a.path[:], b.path[:]) })
	}
	return parts, errors.Join(errs...)
}

// newestLeaves makes the newest leaves of sorted keys; a deleted one has height 0.
func (db *DB) newestLeaves(keys []string) (leaves []leaf, err error) {
	it, err := db.disk.NewIter(nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for _, key := range keys {
		value, rowHeight, err := seekNewest(it, rowState, key, db.head.Height)
		if err != nil {
			return nil, err
		}
		l := leaf{path: pathOf(key)}
		if value != nil {
			l.hash, l.height = leafHash(&l.path, value), rowHeight
		}
		leaves = append(leaves, l)
	}
	return leaves, nil
}

// replay merges newer leaves into older ones.
func replay(leaves, newer []leaf) []leaf {
	if len(newer) == 0 {
		return leaves
	}
	out := make([]leaf, 0, len(leaves)+len(newer))
	for i := range newer {
		n, found := search(leaves, &newer[i].path)
		out = append(out, leaves[:n]...)
		leaves = leaves[n:]
		if found {
			leaves = leaves[1:]
		}
		if newer[i].height > 0 {
			out = append(out, newer[i])
		}
	}
	return append(out, leaves...)
}
