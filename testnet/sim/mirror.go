package sim

import (
	"math/rand/v2"
	"strings"

	"tradecredit/app/state"
	"tradecredit/types"
)

// mirror is the committed state as far as picks need it, kept from what each block changed. Keys stand in the order in
// which they first came.
type mirror struct {
	rows   map[string][]byte
	kinds  map[string][]string // keys by their first part, "order/"
	owners map[string][]string // keys by their first two parts, "order/platform-a/"
	seen   map[string]bool
}

func newMirror() *mirror {
	return &mirror{rows: map[string][]byte{}, kinds: map[string][]string{}, owners: map[string][]string{}, seen: map[string]bool{}}
}

func (m *mirror) take(changes []types.Change) {
	for _, c := range changes {
		if c.Value == nil {
			delete(m.rows, c.Key)
			continue
		}
		m.rows[c.Key] = c.Value
		if m.seen[c.Key] {
			continue
		}
		m.seen[c.Key] = true
		first := strings.IndexByte(c.Key, '/')
		if first < 0 {
			continue
		}
		kind := c.Key[:first+1]
		m.kinds[kind] = append(m.kinds[kind], c.Key)
		if second := strings.IndexByte(c.Key[first+1:], '/'); second >= 0 {
			owner := c.Key[:first+second+2]
			m.owners[owner] = append(m.owners[owner], c.Key)
		}
	}
}

// get is the record at a key of the committed state; nil if there is none.
func get[V any, P types.Record[V]](w *world, key types.Key[V]) P {
	raw, ok := w.mirror.rows[string(key)]
	if !ok {
		return nil
	}
	return decode[V, P](raw)
}

func decode[V any, P types.Record[V]](raw []byte) P {
	v := P(new(V))
	if err := v.Unmarshal(raw); err != nil {
		panic(err) // the rules wrote it
	}
	return v
}

// pick finds a record of a kind that is good, mostly a recent one, and its id; nil if some tries found none. prefix may
// go on to one owner: types.Prefix[types.Order]("order/platform-a/"). The id is that of the kind.
func pick[V any, P types.Record[V]](w *world, prefix types.Prefix[V], good func(id string, v P) bool) (string, P) {
	keys, kind := w.mirror.kinds[string(prefix)], string(prefix)
	if i := strings.IndexByte(kind, '/'); i < len(kind)-1 {
		keys, kind = w.mirror.owners[string(prefix)], kind[:i+1]
	}
	const tries, recent = 16, 40
	for range tries {
		if len(keys) == 0 {
			return "", nil
		}
		key := keys[nearTheEnd(w.rng, len(keys), recent)]
		raw, ok := w.mirror.rows[key]
		if !ok {
			continue
		}
		v := decode[V, P](raw)
		id := strings.TrimPrefix(key, kind)
		if good == nil || good(id, v) {
			return id, v
		}
	}
	return "", nil
}

// nearTheEnd is an index below n, in three of four cases among the last few.
func nearTheEnd(r *rand.Rand, n, last int) int {
	if n > last && r.IntN(4) > 0 {
		return n - 1 - r.IntN(last)
	}
	return r.IntN(n)
}

// follow keeps the mirror up with a store.
func (w *world) follow(db *state.DB, height int64) error {
	changes, err := db.Changes(height)
	if err != nil {
		return err
	}
	for _, c := range changes {
		if strings.HasPrefix(c.Key, string(types.Dues)) && c.Value == nil {
			w.fellDue(c.Key)
		}
	}
	w.mirror.take(changes)
	return nil
}

// fellDue counts an item of the queues that this block has worked off: it is gone, and its time had come.
func (w *world) fellDue(key string) {
	raw, ok := w.mirror.rows[key]
	if !ok {
		return
	}
	if due := decode[types.Due](raw); string(types.DueKey(w.now.Unix(), due.Kind, due.Id)) >= key {
		w.counters.hit(fellDue(due.Kind))
	}
}
