package state

import (
	"hash/maphash"
	"sync"
)

const cacheParts = 16

// valueCache keeps newest values by key, within a number of bytes. An entry carries the height
// of its row, so that a view of an older height does not see what was written after it.
type valueCache struct {
	seed  maphash.Seed
	parts [cacheParts]cachePart
}

type cachePart struct {
	mu     sync.Mutex
	height int64 // every entry is the newest as of this height
	size   int   // bytes in use
	limit  int
	index  map[string]int32
	slots  []cacheSlot
	hand   int // where the search for a victim goes on
}

type cacheSlot struct {
	key    string
	value  []byte
	height int64
	used   bool // since the hand last passed
}

// slotCost is what a slot and its place in the map take besides key and value.
const slotCost = 120

func newValueCache(bytes int64, height int64) *valueCache {
	c := &valueCache{seed: maphash.MakeSeed()}
	for i := range c.parts {
		c.parts[i].limit = int(bytes / cacheParts)
		c.parts[i].height = height
		c.parts[i].index = make(map[string]int32)
	}
	return c
}

func (c *valueCache) part(key string) *cachePart {
	return &c.parts[maphash.String(c.seed, key)%cacheParts]
}

// get returns the value that key has at height, if it is known.
func (c *valueCache) get(key string, height int64) ([]byte, bool) {
	p := c.part(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	i, ok := p.index[key]
	if !ok || p.slots[i].height > height {
		return nil, false
	}
	p.slots[i].used = true
	return p.slots[i].value, true
}

// offer remembers a row that a view at height found to be the newest; rowHeight is the row's.
// It is ignored if a block came in between.
func (c *valueCache) offer(key string, value []byte, rowHeight, height int64) {
	p := c.part(key)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.height == height {
		p.put(key, value, rowHeight)
	}
}

// update carries a committed block in, before any view of its height exists.
func (c *valueCache) update(height int64, changed []*update) {
	for i := range c.parts {
		c.parts[i].mu.Lock()
		c.parts[i].height = height
		c.parts[i].mu.Unlock()
	}
	for _, u := range changed {
		p := c.part(u.key)
		p.mu.Lock()
		if u.value == nil {
			p.drop(u.key)
		} else {
			p.put(u.key, u.value, height)
		}
		p.mu.Unlock()
	}
}

func (p *cachePart) put(key string, value []byte, height int64) {
	if i, ok := p.index[key]; ok {
		s := &p.slots[i]
		p.size += len(value) - len(s.value)
		s.value, s.height = value, height
	} else {
		cost := len(key) + len(value) + slotCost
		if cost > p.limit {
			return
		}
		p.size += cost
		p.index[key] = int32(len(p.slots))
		p.slots = append(p.slots, cacheSlot{key: key, value: value, height: height})
	}
	for p.size > p.limit && len(p.slots) > 0 {
		p.evict()
	}
}

// evict drops the first slot from the hand on that was not used since the hand last passed.
func (p *cachePart) evict() {
	for {
		if p.hand >= len(p.slots) {
			p.hand = 0
		}
		if s := &p.slots[p.hand]; s.used {
			s.used = false
			p.hand++
			continue
		}
		p.drop(p.slots[p.hand].key)
		p.hand++
		return
	}
}

// drop forgets a key; the last slot takes its place.
func (p *cachePart) drop(key string) {
	i, ok := p.index[key]
	if !ok {
		return
	}
	p.size -= len(key) + len(p.slots[i].value) + slotCost
	last := len(p.slots) - 1
	if int(i) != last {
		p.slots[i] = p.slots[last]
		p.index[p.slots[i].key] = i
	}
	p.slots[last] = cacheSlot{}
	p.slots = p.slots[:last]
	delete(p.index, key)
}
