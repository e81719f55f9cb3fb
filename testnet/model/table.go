package model

import (
	"maps"
	"strings"

	"tradecredit/types"
)

// table is a plain map of one kind of record by state key, whose changes can be taken back, and that remembers what was
// touched since the last comparison. Rows are values: get returns a copy, put stores one. What a row points at is never
// written into, it is replaced.
type table[V any] struct {
	m       *Model
	rows    map[string]V
	touched map[string]bool
}

func newTable[V any](m *Model) *table[V] {
	t := &table[V]{m: m, rows: map[string]V{}, touched: map[string]bool{}}
	m.tables = append(m.tables, t)
	return t
}

func (t *table[V]) get(k types.Key[V]) (V, bool) {
	v, ok := t.rows[string(k)]
	return v, ok
}

// at is get where the row is there, or the zero row stands for none.
func (t *table[V]) at(k types.Key[V]) V { return t.rows[string(k)] }

func (t *table[V]) has(k types.Key[V]) bool {
	_, ok := t.rows[string(k)]
	return ok
}

func (t *table[V]) put(k types.Key[V], v V) {
	t.remember(string(k))
	t.rows[string(k)] = v
}

func (t *table[V]) drop(k types.Key[V]) {
	if t.has(k) {
		t.remember(string(k))
		delete(t.rows, string(k))
	}
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

// untouched gives back what makes the table remember again what it remembers now as touched.
func (t *table[V]) untouched() (restore func()) {
	touched := maps.Clone(t.touched)
	return func() { t.touched = touched }
}

// change applies f to a row that is there.
func (t *table[V]) change(k types.Key[V], f func(*V)) {
	v := t.at(k)
	f(&v)
	t.put(k, v)
}

// under lists the keys with a prefix.
func (t *table[V]) under(prefix string) (out []string) {
	for key := range t.rows {
		if strings.HasPrefix(key, prefix) {
			out = append(out, key)
		}
	}
	return out
}
