package state

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"tradecredit/types"
)

// update is one written leaf on its way into the tree.
type update struct {
	key       string
	value     []byte // nil: deleted
	path      types.Hash
	hash      types.Hash // zero if deleted
	oldHash   types.Hash // zero if there was none
	oldHeight int64      // 0 if there was none
}

// changes says whether the update leaves the tree other than it was.
func (u *update) changes() bool { return u.hash != u.oldHash }

// indexed is a node of the next tree and its place in its heap.
type indexed struct {
	index uint32
	node
}

// stagedShard is what becomes of one shard.
type stagedShard struct {
	shard   uint32
	updates []*update // those that change something, by path
	nodes   []indexed // changed nodes, the root last
	grown   *shard    // the shard whole, if its shape changes
}

// root is the root of the shard after the block.
func (g *stagedShard) root() node {
	if g.grown != nil {
		return g.grown.root()
	}
	return g.nodes[len(g.nodes)-1].node
}

// Staged is a block computed but not committed: its roots, and all that Apply has to write.
type Staged struct {
	db      *DB
	base    types.Hash // app hash it continues
	head    headRow
	shards  []stagedShard
	top     []indexed // changed upper nodes
	changed []*update // by key
	rows    []logRow
	refs    []reference
}

// Height is the height of the staged block.
func (s *Staged) Height() int64 { return s.head.Height }

// AppHash is the app hash after the block.
func (s *Staged) AppHash() types.Hash { return s.head.AppHash }

// Roots are the named roots after the block, by name.
func (s *Staged) Roots() []types.NamedRoot { return slices.Clone(s.head.Roots) }

// Changes lists the leaves that the block really changes, sorted by key.
func (s *Staged) Changes() []types.Change {
	list := make([]types.Change, len(s.changed))
	for i := range s.changed {
		list[i] = types.Change{Key: s.changed[i].key, Value: s.changed[i].value}
	}
	return list
}

// References lists the references that the block writes, sorted by key.
func (s *Staged) References() []types.Change {
	list := make([]types.Change, len(s.refs))
	for i, r := range s.refs {
		list[i] = types.Change{Key: r.key, Value: r.value}
	}
	slices.SortFunc(list, func(a, b types.Change) int { return strings.Compare(a.Key, b.Key) })
	return list
}

// Stage computes what the state becomes with the changes of b at height. It changes nothing,
// in memory or on disk, and may be called again for the same height. b must lie over a View of
// the newest height (ErrStale), and height must follow it; the first height may be any from 1.
// ErrInvalid if the batch cannot be stored, ErrEmptyState if no leaf would be left. b must not
// change until the result is applied or dropped.
func (db *DB) Stage(height int64, b *Batch) (*Staged, error) {
	db.mu.RLock() // for failed: all else that is read here changes in this goroutine only
	failed := db.failed
	db.mu.RUnlock()
	if failed != nil {
		return nil, failed
	}
	v, ok := b.parent.(*View)
	if !ok || v.db != db || v.height != db.head.Height {
		return nil, fmt.Errorf("%w: the batch is not over a view of height %d", ErrStale, db.head.Height)
	}
	if height < 1 || db.head.Height > 0 && height != db.head.Height+1 {
		return nil, fmt.Errorf("%w: height %d cannot follow %d", ErrStale, height, db.head.Height)
	}
	if b.err != nil {
		return nil, b.err
	}
	s := &Staged{db: db, base: db.head.AppHash, head: db.head.clone(), rows: b.rows, refs: b.refs}
	s.head.Height, s.head.Schema = height, Schema
	if db.head.Height == 0 {
		s.head.oldest = height - 1 // the empty state before the first block
	}
	if err := s.head.stageReferences(b); err != nil {
		return nil, err
	}
	root, err := s.stageTree(db.tree, b.writes)
	if err != nil {
		return nil, err
	}
	s.head.Roots = []types.NamedRoot{
		{Name: types.RootReferences, Root: referencesRoot(s.head.buckets)},
		{Name: types.RootState, Root: root},
	}
	s.head.AppHash = types.AppHash(s.head.Roots)
	return s, nil
}

// stageTree computes the next tree's changed nodes and returns its root.
func (s *Staged) stageTree(t *tree, writes []write) (types.Hash, error) {
	updates := make([]update, len(writes))
	inParallel(len(writes), func(i int) {
		u := &updates[i]
		u.key, u.value = writes[i].key, writes[i].value
		u.path = pathOf(u.key)
		if u.value != nil {
			u.hash = leafHash(&u.path, u.value)
		}
	})
	s.shards = groupByShard(byPath(updates))
	inParallel(len(s.shards), func(i int) { s.shards[i].stage(t, s.head.Height) })
	s.shards = slices.DeleteFunc(s.shards, func(g stagedShard) bool { return len(g.updates) == 0 })

	count := t.count
	for i := range s.shards {
		for _, u := range s.shards[i].updates {
			if u.oldHeight == 0 {
				count++
			}
			if u.value == nil {
				count--
			}
		}
		s.changed = append(s.changed, s.shards[i].updates...)
	}
	if count == 0 {
		return types.Hash{}, ErrEmptyState
	}
	slices.SortFunc(s.changed, func(a, b *update) int { return strings.Compare(a.key, b.key) })

	level := make([]indexed, len(s.shards))
	for i := range s.shards {
		level[i] = indexed{shardCount + s.shards[i].shard, s.shards[i].root()}
	}
	s.top = climb(level, func(i uint32) *node { return &t.top[i] })
	if len(s.top) == 0 {
		return t.root(), nil
	}
	return s.top[len(s.top)-1].hash, nil
}

// byPath orders updates by path, comparing eight bytes before it looks at the rest.
func byPath(updates []update) []*update {
	type place struct {
		begin uint64
		at    *update
	}
	places := make([]place, len(updates))
	for i := range updates {
		places[i] = place{binary.BigEndian.Uint64(updates[i].path[:]), &updates[i]}
	}
	slices.SortFunc(places, func(a, b place) int {
		if a.begin != b.begin {
			return cmp.Compare(a.begin, b.begin)
		}
		return bytes.Compare(a.at.path[:], b.at.path[:])
	})
	sorted := make([]*update, len(places))
	for i := range places {
		sorted[i] = places[i].at
	}
	return sorted
}

func groupByShard(updates []*update) (groups []stagedShard) {
	for len(updates) > 0 {
		k := shardOf(&updates[0].path)
		n := 1
		for n < len(updates) && shardOf(&updates[n].path) == k {
			n++
		}
		groups = append(groups, stagedShard{shard: k, updates: updates[:n:n]})
		updates = updates[n:]
	}
	return groups
}

// climb computes all nodes above the changed nodes of one level of a heap and returns both,
// the root last. level is sorted by index; at reads the nodes that did not change.
func climb(level []indexed, at func(index uint32) *node) []indexed {
	all := level
	for len(level) > 0 && level[0].index > 1 {
		next := make([]indexed, 0, len(level))
		for i := 0; i < len(level); i++ {
			x := level[i].index
			pair := [2]*node{}
			pair[x&1] = &level[i].node
			if x&1 == 0 && i+1 < len(level) && level[i+1].index == x+1 {
				i++
				pair[1] = &level[i].node
			} else {
				pair[1-x&1] = at(x ^ 1)
			}
			next = append(next, indexed{x >> 1, combine(pair[0], pair[1])})
		}
		all = append(all, next...)
		level = next
	}
	return all
}

// stage computes the shard after its updates, and drops those that change nothing.
func (g *stagedShard) stage(t *tree, height int64) {
	s := &t.shards[g.shard]
	if s.nodes == nil {
		g.keepChanging()
		g.regrow(nil, height, 0)
		return
	}
	count, kept := s.count, g.updates[:0]
	var level []indexed
	var room [4 * bucketLeaves]leaf
	scratch := room[:0]
	crowded := false
	for us := g.updates; len(us) > 0; {
		b := s.bucketOf(&us[0].path)
		n := 1
		for n < len(us) && s.bucketOf(&us[n].path) == b {
			n++
		}
		scratch = merge(scratch[:0], s.buckets[b], us[:n], height)
		before := len(kept)
		for _, u := range us[:n] {
			if u.changes() {
				kept = append(kept, u)
			}
		}
		if len(kept) > before {
			count += len(scratch) - len(s.buckets[b])
			crowded = crowded || len(scratch) > bucketMax
			level = append(level, indexed{1<<s.bits + b, fold(scratch, topBits+int(s.bits))})
		}
		us = us[n:]
	}
	g.updates = kept
	if count > bucketLeaves<<s.bits || crowded {
		if g.regrow(s, height, s.bits) {
			return
		}
	}
	g.nodes = climb(level, func(i uint32) *node { return &s.nodes[i] })
}

// keepChanging drops updates that change nothing: here deletions of what is not there.
func (g *stagedShard) keepChanging() {
	g.updates = slices.DeleteFunc(g.updates, func(u *update) bool { return !u.changes() })
}

// regrow builds the shard anew if it deserves more levels than least, or has none yet.
func (g *stagedShard) regrow(s *shard, height int64, least uint8) bool {
	if len(g.updates) == 0 {
		return false
	}
	var before []leaf
	if s != nil {
		before = s.leaves()
	}
	all := merge(make([]leaf, 0, len(before)+len(g.updates)), before, g.updates, height)
	bits := bitsFor(all, least)
	if s != nil && bits == least {
		return false
	}
	grown := newShard(all, bits)
	g.grown = &grown
	return true
}

// merge appends to dst the sorted leaves with the sorted updates applied, and notes in each
// update what it replaces. An update that changes nothing leaves its leaf's height alone.
func merge(dst, leaves []leaf, updates []*update, height int64) []leaf {
	for _, u := range updates {
		n, found := search(leaves, &u.path)
		dst = append(dst, leaves[:n]...)
		leaves = leaves[n:]
		if found {
			u.oldHash, u.oldHeight = leaves[0].hash, leaves[0].height
			leaves = leaves[1:]
		}
		switch {
		case u.value == nil:
		case u.changes():
			dst = append(dst, leaf{u.path, u.hash, height})
		default:
			dst = append(dst, leaf{u.path, u.hash, u.oldHeight})
		}
	}
	return append(dst, leaves...)
}
