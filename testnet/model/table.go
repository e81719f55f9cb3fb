package model

// table is a plain map whose changes can be taken back, and that remembers what was touched since the last comparison.
// Rows are values: get returns a copy, put stores one.
type table[V any] struct {
	m       *Model
	rows    map[string]V
	touched map[string]bool
}

func newTable[V any](m *Model) table[V] {
	return table[V]{m: m, rows: map[string]V{}, touched: map[string]bool{}}
}

func (t *table[V]) get(key string) (V, bool) {
	v, ok := t.rows[key]
	return v, ok
}

// at is get where the row is known to be there, or the zero row stands for none.
func (t *table[V]) at(key string) V { return t.rows[key] }

func (t *table[V]) has(key string) bool {
	_, ok := t.rows[key]
	return ok
}

func (t *table[V]) put(key string, v V) {
	t.remember(key)
	t.rows[key] = v
}

func (t *table[V]) drop(key string) {
	t.remember(key)
	delete(t.rows, key)
}

func (t *table[V]) remember(key string) {
	was, had := t.rows[key]
	t.touched[key] = true
	t.m.undo = append(t.m.undo, func() {
		if had {
			t.rows[key] = was
		} else {
			delete(t.rows, key)
		}
	})
}

// change applies f to a row that is there.
func (t *table[V]) change(key string, f func(*V)) {
	v := t.rows[key]
	f(&v)
	t.put(key, v)
}
