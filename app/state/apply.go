package state

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2"
)

// sweepMin is how many superseded rows a block removes at least, if there are any; a block
// with many changes removes twice as many rows as it adds, so that pruning keeps up.
const sweepMin = 1000

// Apply commits a staged block: one write with all rows and the head, synced unless the store is Volatile, then memory
// follows. ErrStale if another block was applied since Stage. After any other error it is
// unknown whether the block is on disk: every later call fails with ErrFailed, and the store
// must be opened again. Stage and Apply are for one goroutine; views may be read meanwhile.
func (db *DB) Apply(s *Staged) (err error) {
	db.mu.RLock()
	failed, stale := db.failed, s.db != db || s.base != db.head.AppHash
	db.mu.RUnlock()
	if failed != nil {
		return failed
	}
	if stale {
		return fmt.Errorf("%w: height %d", ErrStale, s.head.Height)
	}
	defer func() {
		// Pebble reports a failed commit by a panic, or through Logger.Fatalf, which must not
		// return.
		if r := recover(); r != nil {
			err = fmt.Errorf("commit of height %d: %v", s.head.Height, r)
		}
		if err != nil {
			db.fail(err)
		}
	}()
	w := db.disk.NewBatchWithSize(s.size())
	defer w.Close()
	if err := s.write(w); err != nil {
		return err
	}
	done, err := db.sweep(w, s)
	if err != nil {
		return err
	}
	if err := w.Set(headKey, s.head.encode(), nil); err != nil {
		return err
	}
	durability := pebble.Sync
	if db.options.Volatile {
		durability = pebble.NoSync
	}
	db.probe("apply.before")
	if err := w.Commit(durability); err != nil {
		return err
	}
	db.probe("apply.synced")
	db.follow(s, done)
	db.checkpointIfDue(len(s.changed))
	return nil
}

// fail makes the store unusable.
func (db *DB) fail(err error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.failed == nil || db.filling {
		db.filling = false
		db.failed = fmt.Errorf("%w: %v", ErrFailed, err)
	}
}

// size estimates the bytes of the block's rows.
func (s *Staged) size() int {
	n := 4096
	for i := range s.changed {
		n += 2*len(s.changed[i].key) + len(s.changed[i].value) + 64
	}
	for _, r := range s.rows {
		n += len(r.log) + len(r.row) + 24
	}
	for _, r := range s.refs {
		n += 2*len(r.key) + len(r.value) + 24
	}
	return n
}

// write adds the rows of the block, except the head.
func (s *Staged) write(w *pebble.Batch) error {
	list := make([]changed, len(s.changed))
	for i, u := range s.changed {
		list[i] = changed{u.key, u.oldHeight, u.value == nil}
		if err := w.Set(stateRow(u.key, s.head.Height), u.value, nil); err != nil {
			return err
		}
	}
	// Rows of one kind together and in order are inserted faster.
	for i := range s.shards {
		for _, u := range s.shards[i].updates {
			if u.oldHeight > 0 {
				continue
			}
			if err := w.Set(pathRow(&u.path, u.key), nil, nil); err != nil {
				return err
			}
		}
	}
	for _, r := range s.rows {
		if err := w.Set(entryRow(r.log, r.n), r.row, nil); err != nil {
			return err
		}
	}
	lists := func(bucket int64) []byte { return bucketRow(bucket, s.head.Height) }
	if err := writeReferences(w, s.refs, lists); err != nil {
		return err
	}
	if s.head.archive {
		if err := s.writeNodes(w); err != nil {
			return err
		}
	}
	return w.Set(changesRow(s.head.Height), encodeChanges(s.head.Height, s.head.Roots, list), nil)
}

// sweep adds the deletions that are due, a bounded number: versions that no kept height shows,
// and references of dropped buckets. It says whether the latter are all gone.
func (db *DB) sweep(w *pebble.Batch, s *Staged) (done bool, err error) {
	limit := max(sweepMin, 2*(len(s.changed)+len(s.refs)))
	if err := db.prune(w, s, limit); err != nil {
		return false, err
	}
	if db.dropNodes {
		if err := w.DeleteRange([]byte{rowNode}, []byte{rowNode + 1}, nil); err != nil {
			return false, err
		}
	}
	// What this block drops goes with the next one, so that this one can be taken back.
	if db.head.floor == db.swept {
		return true, nil
	}
	return db.sweepReferences(w, db.head.floor, limit)
}

// prune deletes what was superseded at heights that are no longer kept.
func (db *DB) prune(w *pebble.Batch, s *Staged, limit int) error {
	if db.options.KeepHeights == 0 {
		return nil
	}
	target := db.closeBelow(s.head.Height - db.options.KeepHeights)
	if s.head.oldest < target {
		db.probe("prune")
	}
	for s.head.oldest < target && limit > 0 {
		height := s.head.oldest + 1
		_, list, err := db.readChanges(height)
		if err != nil {
			return err
		}
		for _, c := range list {
			if err := db.pruneOne(w, s, height, c); err != nil {
				return err
			}
		}
		if err := w.SingleDelete(changesRow(height), nil); err != nil {
			return err
		}
		limit -= len(list) + 1
		s.head.oldest = height
	}
	return nil
}

// closeBelow decides which heights may be pruned, at most up to height, and lets no view open
// at them any more.
func (db *DB) closeBelow(height int64) int64 {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.oldest = max(db.oldest, db.views.oldest(height))
	return db.oldest
}

// pruneOne deletes the version that was superseded at height, and with a deletion the
// deletion's own row and, unless the key came back since, its place in the tree.
func (db *DB) pruneOne(w *pebble.Batch, s *Staged, height int64, c changed) error {
	if c.old > 0 {
		if err := w.SingleDelete(stateRow(c.key, c.old), nil); err != nil {
			return err
		}
	}
	if !c.deleted {
		return nil
	}
	if err := w.SingleDelete(stateRow(c.key, height), nil); err != nil {
		return err
	}
	_, newest, err := db.newestUpTo(rowState, c.key, math.MaxInt64)
	if err != nil || newest > height || s.touches(c.key) {
		return err
	}
	path := pathOf(c.key)
	return w.Delete(pathRow(&path, c.key), nil)
}

// touches says whether the block changes the key.
func (s *Staged) touches(key string) bool {
	_, found := slices.BinarySearchFunc(s.changed, key, func(u *update, key string) int { return strings.Compare(u.key, key) })
	return found
}

// follow carries the committed block into memory.
func (db *DB) follow(s *Staged, swept bool) {
	db.values.update(s.head.Height, s.changed)
	db.mu.Lock()
	defer db.mu.Unlock()
	db.history.push(undoOf(db.tree, db.head.Roots, s))
	db.tree.apply(s)
	if swept {
		db.swept = db.head.floor
	}
	db.head = s.head
	db.oldest = max(db.oldest, s.head.oldest)
	db.dropNodes = false
}

// apply makes the staged block the tree.
func (t *tree) apply(s *Staged) {
	for i := range s.shards {
		g := &s.shards[i]
		sh := &t.shards[g.shard]
		before := sh.count
		if g.grown != nil {
			*sh = *g.grown
		} else {
			for _, u := range g.updates {
				sh.apply(u, s.head.Height)
			}
			for _, n := range g.nodes {
				sh.nodes[n.index] = n.node
			}
		}
		t.count += sh.count - before
	}
	for _, n := range s.top {
		t.top[n.index] = n.node
	}
}

// apply puts one leaf into its bucket, without hashes.
func (s *shard) apply(u *update, height int64) {
	b := &s.buckets[s.bucketOf(&u.path)]
	i, found := search(*b, &u.path)
	switch {
	case u.value == nil:
		*b = slices.Delete(*b, i, i+1)
		s.count--
	case found:
		(*b)[i].hash, (*b)[i].height = u.hash, height
	default:
		if len(*b) == cap(*b) { // grow by an eighth: leaves are most of the memory
			*b = append(make([]leaf, 0, len(*b)+1+len(*b)/8), *b...)
		}
		*b = slices.Insert(*b, i, leaf{u.path, u.hash, height})
		s.count++
	}
}
