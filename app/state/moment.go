package state

import (
	"bytes"
	"slices"
	"sort"

	"tradecredit/types"
)

// moment is the tree as it was at one height, for proofs. It is put together from the tree of
// the newest height and the layers above, or, on an archive, from rows.
type moment struct {
	height int64
	roots  []types.NamedRoot
	tree   *tree // nil: from rows
	layers []*layer
	db     *DB
	shards []*shardMoment // those that were needed
	nodes  map[uint32]node
	err    error // the first failed read of a row
}

// shardMoment is one shard at the moment.
type shardMoment struct {
	shard uint32
	live  *shard     // the shard now; nil: all leaves are in all
	undo  []undoLeaf // what stood there at the moment, where that differs from now
	all   []leaf
}

// live is the moment of a height that the layers reach; nil if they do not. It is called, and
// the moment used, under db.mu.
func (db *DB) live(height int64) *moment {
	layers, ok := db.history.above(height, db.head.Height)
	if !ok {
		return nil
	}
	m := &moment{height: height, roots: db.head.Roots, tree: db.tree, layers: layers, db: db}
	if len(layers) > 0 {
		m.roots = layers[0].roots
	}
	return m
}

// node is the node at depth on the way to path.
func (m *moment) node(depth int, path *types.Hash) node {
	if depth <= topBits {
		return m.upper(1<<depth | bitsAt(path, 0, depth))
	}
	return m.shardAt(shardOf(path)).node(depth, path)
}

// upper is a node of the upper levels by its heap index.
func (m *moment) upper(index uint32) node {
	if m.tree == nil {
		return m.archivedNode(index)
	}
	for _, l := range m.layers {
		if n, ok := l.node(index); ok {
			return n
		}
	}
	return m.tree.top[index]
}

func (m *moment) shardAt(shard uint32) *shardMoment {
	for _, s := range m.shards {
		if s.shard == shard {
			return s
		}
	}
	s := &shardMoment{shard: shard}
	if m.tree == nil {
		s.all = m.archivedLeaves(shard)
	} else {
		s.live = &m.tree.shards[shard]
		s.undo = undoIn(m.layers, shard)
	}
	m.shards = append(m.shards, s)
	return s
}

// undoIn collects what layers say about a shard: of several words on a leaf the lowest layer's.
func undoIn(layers []*layer, shard uint32) []undoLeaf {
	var all []undoLeaf
	for _, l := range layers {
		all = append(all, l.inShard(shard)...)
	}
	slices.SortStableFunc(all, compareUndo)
	return slices.CompactFunc(all, func(a, b undoLeaf) bool { return a.path == b.path })
}

// node is the node at depth ≥ topBits on the way to path.
func (s *shardMoment) node(depth int, path *types.Hash) node {
	if s.live == nil {
		return fold(under(s.all, depth, path), depth)
	}
	own := depth - topBits
	if s.live.nodes != nil && own <= int(s.live.bits) && !s.touched(depth, path) {
		return s.live.nodes[1<<own|bitsAt(path, topBits, own)]
	}
	if s.live.nodes == nil || own >= int(s.live.bits) {
		return fold(s.leaves(depth, path), depth)
	}
	l, r := withBit(path, depth, 0), withBit(path, depth, 1)
	ln, rn := s.node(depth+1, &l), s.node(depth+1, &r)
	return combine(&ln, &rn)
}

// touched says whether a leaf under the node at depth changed since the moment.
func (s *shardMoment) touched(depth int, path *types.Hash) bool {
	low, high := bounds(path, depth)
	i := sort.Search(len(s.undo), func(i int) bool { return bytes.Compare(s.undo[i].path[:], low[:]) >= 0 })
	return i < len(s.undo) && bytes.Compare(s.undo[i].path[:], high[:]) <= 0
}

// leaves lists the leaves under a node that lies in one bucket.
func (s *shardMoment) leaves(depth int, path *types.Hash) []leaf {
	if s.live == nil {
		return under(s.all, depth, path)
	}
	var now []leaf
	if s.live.nodes != nil {
		now = under(s.live.buckets[s.live.bucketOf(path)], depth, path)
	}
	if !s.touched(depth, path) {
		return now
	}
	low, high := bounds(path, depth)
	var then []leaf
	for _, u := range s.undo {
		if bytes.Compare(u.path[:], low[:]) < 0 || bytes.Compare(u.path[:], high[:]) > 0 {
			continue
		}
		l := leaf{path: u.path, hash: u.hash}
		if u.hash != (types.Hash{}) {
			l.height = 1 // what replay takes for present; the height itself is not used
		}
		then = append(then, l)
	}
	return replay(now, then)
}

// under is the part of sorted leaves below the node at depth on the way to path.
func under(leaves []leaf, depth int, path *types.Hash) []leaf {
	low, high := bounds(path, depth)
	from, _ := search(leaves, &low)
	to, found := search(leaves, &high)
	if found {
		to++
	}
	return leaves[from:to]
}

// bounds are the lowest and the highest path that share the first depth bits of path.
func bounds(path *types.Hash, depth int) (low, high types.Hash) {
	for i := range path {
		mask := byte(0xff)
		switch bits := depth - 8*i; {
		case bits <= 0:
			mask = 0
		case bits < 8:
			mask = 0xff << (8 - bits)
		}
		low[i] = path[i] & mask
		high[i] = path[i] | ^mask
	}
	return low, high
}

// withBit is path with its bit at depth set to b.
func withBit(path *types.Hash, depth, b int) types.Hash {
	p := *path
	p[depth>>3] &^= 0x80 >> (depth & 7)
	p[depth>>3] |= byte(b<<7) >> (depth & 7)
	return p
}

// step is one inner node on the way from the root to a leaf.
type step struct {
	bit     int // where the way goes on
	sibling node
}

// spot is a leaf and the way to it.
type spot struct {
	path  types.Hash
	hash  types.Hash
	steps []step // from the root downwards
}

// walk goes from the root towards path as far as there are inner nodes. last is the node
// that it ends at, lone or empty, and its depth is the number of steps.
func (m *moment) walk(path *types.Hash) (steps []step, last node) {
	last = m.node(0, path)
	for depth := 0; last.kind == inner; depth++ {
		b := bitAt(path, depth)
		other := withBit(path, depth, 1-b)
		steps = append(steps, step{b, m.node(depth+1, &other)})
		last = m.node(depth+1, path)
	}
	return steps, last
}

// find looks for path. If it is there, left and right are the same spot; else they are its
// neighbours, of which one may be nil.
func (m *moment) find(path *types.Hash) (left, right *spot) {
	steps, last := m.walk(path)
	var beside *types.Hash
	if last.kind == lone {
		found := m.edge(len(steps), *path, 0)
		if found == *path {
			s := &spot{found, last.hash, steps}
			return s, s
		}
		beside = &found
	}
	neighbour := func(side int) *spot {
		if beside != nil && bytes.Compare(beside[:], path[:]) < 0 == (side == 0) {
			return m.spot(*beside)
		}
		for depth := len(steps) - 1; depth >= 0; depth-- {
			if steps[depth].bit != side && steps[depth].sibling.kind != empty {
				return m.spot(m.edge(depth+1, withBit(path, depth, side), 1-side))
			}
		}
		return nil
	}
	return neighbour(0), neighbour(1)
}

// spot is the way to a leaf that is known to be there.
func (m *moment) spot(path types.Hash) *spot {
	steps, last := m.walk(&path)
	return &spot{path, last.hash, steps}
}

// edge is the path of the outermost leaf, on side 0 the leftmost, under a node that is not empty.
func (m *moment) edge(depth int, path types.Hash, side int) types.Hash {
	for ; depth < topBits; depth++ {
		p := withBit(&path, depth, side)
		if n := m.node(depth+1, &p); n.kind == empty {
			p = withBit(&path, depth, 1-side)
		}
		path = p
	}
	s := m.shardAt(shardOf(&path))
	for s.live != nil && s.live.nodes != nil && depth < topBits+int(s.live.bits) {
		p := withBit(&path, depth, side)
		if n := s.node(depth+1, &p); n.kind == empty {
			p = withBit(&path, depth, 1-side)
		}
		path = p
		depth++
	}
	leaves := s.leaves(depth, &path)
	if len(leaves) == 0 { // rows that contradict each other; the proof will not check
		return types.Hash{}
	}
	if side == 0 {
		return leaves[0].path
	}
	return leaves[len(leaves)-1].path
}
