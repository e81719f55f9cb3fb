package state

import (
	"bytes"
	"fmt"
	"slices"
	"sort"

	"tradecredit/types"
)

// layer holds what one block overwrote in the tree: with the layers above a height, the tree
// of that height can be read without keeping it.
type layer struct {
	height int64             // of the block
	roots  []types.NamedRoot // before it
	leaves []undoLeaf        // before it, by path
	top    []indexed         // before it, by index
}

// undoLeaf is a leaf before a block; its hash is zero if there was none.
type undoLeaf struct {
	path types.Hash
	hash types.Hash
}

// history is the layers of the newest blocks, without gaps, oldest first.
type history struct {
	limit  int // layers to keep
	layers []*layer
}

// push adds the layer of the newest block and drops what is beyond the limit.
func (h *history) push(l *layer) {
	if h.limit == 0 {
		return
	}
	if len(h.layers) == h.limit {
		copy(h.layers, h.layers[1:])
		h.layers[len(h.layers)-1] = l
		return
	}
	h.layers = append(h.layers, l)
}

// above lists the layers of the blocks after height, the next one first; false if some are
// missing. newest is the height of the newest block.
func (h *history) above(height, newest int64) ([]*layer, bool) {
	n := newest - height
	if n > int64(len(h.layers)) {
		return nil, false
	}
	return h.layers[len(h.layers)-int(n):], true
}

// undoOf is the layer that takes the staged block back.
func undoOf(t *tree, roots []types.NamedRoot, s *Staged) *layer {
	l := &layer{height: s.head.Height, roots: roots, top: rootFirst(s.top)}
	for i := range l.top {
		l.top[i].node = t.top[l.top[i].index]
	}
	l.leaves = make([]undoLeaf, 0, len(s.changed))
	for i := range s.shards {
		for _, u := range s.shards[i].updates {
			l.leaves = append(l.leaves, undoLeaf{u.path, u.oldHash})
		}
	}
	return l
}

// rootFirst copies what climb returns, which has the lowest level first, into the order of the
// heap: level by level from the root.
func rootFirst(nodes []indexed) []indexed {
	sorted := make([]indexed, 0, len(nodes))
	for end := len(nodes); end > 0; {
		begin := end
		for begin > 0 && levelOf(nodes[begin-1].index) == levelOf(nodes[end-1].index) {
			begin--
		}
		sorted = append(sorted, nodes[begin:end]...)
		end = begin
	}
	return sorted
}

// node is the upper node that the block overwrote, if it did.
func (l *layer) node(index uint32) (node, bool) {
	i := sort.Search(len(l.top), func(i int) bool { return l.top[i].index >= index })
	if i < len(l.top) && l.top[i].index == index {
		return l.top[i].node, true
	}
	return node{}, false
}

// inShard is the part of the layer's leaves in one shard.
func (l *layer) inShard(shard uint32) []undoLeaf {
	from := sort.Search(len(l.leaves), func(i int) bool { return shardOf(&l.leaves[i].path) >= shard })
	to := from
	for to < len(l.leaves) && shardOf(&l.leaves[to].path) == shard {
		to++
	}
	return l.leaves[from:to]
}

// compareUndo orders by path.
func compareUndo(a, b undoLeaf) int { return bytes.Compare(a.path[:], b.path[:]) }

// backfill makes the layers down to a height again after a start, from the rows: each takes
// about as long as a block. The caller holds a view of the height.
func (db *DB) backfill(height int64) error {
	db.backfilling.Lock()
	defer db.backfilling.Unlock()
	for {
		db.mu.RLock()
		lowest := db.head.Height - int64(len(db.history.layers)) // the next layer to make
		full := len(db.history.layers) == db.history.limit
		db.mu.RUnlock()
		if lowest <= height || full {
			return nil
		}
		l, err := db.layerOf(lowest)
		if err != nil {
			return err
		}
		db.mu.Lock()
		if db.head.Height-int64(len(db.history.layers)) == lowest && len(db.history.layers) < db.history.limit {
			db.history.layers = slices.Insert(db.history.layers, 0, l)
		}
		db.mu.Unlock()
	}
}

// layerOf makes the layer of a block whose successors' layers are there.
func (db *DB) layerOf(height int64) (*layer, error) {
	_, list, err := db.readChanges(height)
	if err != nil {
		return nil, err
	}
	l := &layer{height: height, leaves: make([]undoLeaf, len(list))}
	if l.roots, _, err = db.readChanges(height - 1); err != nil {
		return nil, err
	}
	for i, c := range list {
		u := &l.leaves[i]
		u.path = pathOf(c.key)
		if c.old == 0 {
			continue
		}
		value, err := db.get(stateRow(c.key, c.old))
		if err != nil {
			return nil, err
		}
		u.hash = leafHash(&u.path, value)
	}
	slices.SortFunc(l.leaves, compareUndo)
	db.mu.RLock()
	defer db.mu.RUnlock()
	m := db.live(height)
	if m == nil {
		return l, nil // blocks came in between and pushed it out
	}
	after := m.upper
	before := moment{tree: m.tree, layers: append([]*layer{l}, m.layers...)}
	var level []indexed
	for i := range l.leaves {
		path := &l.leaves[i].path
		if i == 0 || shardOf(path) != shardOf(&l.leaves[i-1].path) {
			level = append(level, indexed{shardCount + shardOf(path), before.shardAt(shardOf(path)).node(topBits, path)})
		}
	}
	l.top = climb(level, func(i uint32) *node { n := after(i); return &n })
	if n := len(l.top); n > 0 && l.top[n-1].hash != (&Head{Roots: l.roots}).root(types.RootState) {
		return nil, fmt.Errorf("%w: the rows below height %d do not give its root", ErrCorrupt, height)
	}
	l.top = rootFirst(l.top)
	return l, nil
}
