package state

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"tradecredit/types"
)

// indexFrom is the number of writes from which a batch keeps a map: most messages write a
// handful of keys, and searching those is cheaper than making a map for each message.
const indexFrom = 8

// tailMax is the number of unsorted writes that Scan filters one by one before it sorts them in.
const tailMax = 1024

// Batch is a set of changes over a Reader: one for a block over a View, one more for each
// transaction or message over that. It is not safe for concurrent use. Its zero value is not
// usable; see NewBatch.
type Batch struct {
	parent Reader
	err    error // first invalid write

	writes []write          // in the order of first writing; a key stands once
	index  map[string]int32 // key → writes, once there are indexFrom
	sorted []int32          // the first writes by key, as far as a scan sorted them

	rows     []logRow
	rowIndex map[logKey]int32

	refs     []reference // in writing order: the digests of buckets depend on it
	refIndex map[string]int32
	drop     int64 // references in buckets below are dropped; meaningful if dropped
	dropped  bool
}

type write struct {
	key   string
	value []byte // nil: deleted
}

type logKey struct {
	log string
	n   uint64
}

type logRow struct {
	logKey
	row []byte
}

type reference struct {
	bucket int64
	key    string
	value  []byte
}

// NewBatch makes an empty batch over r, a View or a Batch of this package, which must not
// change while the batch is in use, other than through Merge of this batch. It panics for
// any other Reader.
func NewBatch(r Reader) *Batch {
	_ = r.(bucketed)
	return &Batch{parent: r}
}

// Settle lays a batch over v that lay over another batch over a View: that one was committed,
// nothing else since, and v shows it. What b reads stays the same; Stage takes it now.
func (b *Batch) Settle(v *View) { b.parent = v }

func (b *Batch) find(key string) int {
	if b.index != nil {
		if i, ok := b.index[key]; ok {
			return int(i)
		}
		return -1
	}
	return slices.IndexFunc(b.writes, func(w write) bool { return w.key == key })
}

func (b *Batch) put(key string, value []byte) {
	if i := b.find(key); i >= 0 {
		b.writes[i].value = value
		return
	}
	b.writes = append(b.writes, write{key, value})
	switch {
	case b.index != nil:
		b.index[key] = int32(len(b.writes) - 1)
	case len(b.writes) == indexFrom:
		b.index = make(map[string]int32, 4*indexFrom)
		for i, w := range b.writes {
			b.index[w.key] = int32(i)
		}
	}
}

// note keeps the first invalid write for Stage.
func (b *Batch) note(err error) {
	if b.err == nil {
		b.err = err
	}
}

// Get returns the value as this batch leaves it.
func (b *Batch) Get(key string) ([]byte, error) {
	if i := b.find(key); i >= 0 {
		return b.writes[i].value, nil
	}
	return b.parent.Get(key)
}

// Set writes a leaf; see Writer.
func (b *Batch) Set(key string, value []byte) {
	if err := checkKey(key); err != nil {
		b.note(err)
	}
	if len(value) == 0 {
		b.note(fmt.Errorf("%w: empty value at %q", ErrInvalid, key))
	}
	b.put(key, value)
}

// Delete removes a leaf; see Writer.
func (b *Batch) Delete(key string) {
	if err := checkKey(key); err != nil {
		b.note(err)
	}
	b.put(key, nil)
}

// Append writes row n of a log; see Writer.
func (b *Batch) Append(log string, n uint64, row []byte) {
	if err := checkKey(log); err != nil {
		b.note(err)
	}
	if len(row) == 0 {
		b.note(fmt.Errorf("%w: empty row %d of log %q", ErrInvalid, n, log))
	}
	k := logKey{log, n}
	if _, ok := b.rowIndex[k]; ok {
		b.note(fmt.Errorf("%w: row %d of log %q appended twice", ErrInvalid, n, log))
		return
	}
	if b.rowIndex == nil {
		b.rowIndex = make(map[logKey]int32)
	}
	b.rowIndex[k] = int32(len(b.rows))
	b.rows = append(b.rows, logRow{k, row})
}

// Entry returns row n of a log; see Reader.
func (b *Batch) Entry(log string, n uint64) ([]byte, error) {
	if i, ok := b.rowIndex[logKey{log, n}]; ok {
		return b.rows[i].row, nil
	}
	return b.parent.Entry(log, n)
}

// SetReference writes a replay-protection row; see Writer.
func (b *Batch) SetReference(bucket int64, key string, value []byte) {
	if err := checkKey(key); err != nil {
		b.note(err)
	}
	if len(value) == 0 || bucket < 0 {
		b.note(fmt.Errorf("%w: reference %q in bucket %d with %d bytes", ErrInvalid, key, bucket, len(value)))
	}
	if b.dropped && bucket < b.drop {
		b.note(fmt.Errorf("%w: reference %q in the dropped bucket %d", ErrInvalid, key, bucket))
	}
	if _, ok := b.refIndex[key]; ok {
		b.note(fmt.Errorf("%w: reference %q set twice", ErrInvalid, key))
		return
	}
	if b.refIndex == nil {
		b.refIndex = make(map[string]int32)
	}
	b.refIndex[key] = int32(len(b.refs))
	b.refs = append(b.refs, reference{bucket, key, value})
}

// DropReferences forgets buckets; see Writer.
func (b *Batch) DropReferences(before int64) {
	if !b.dropped || before > b.drop {
		b.drop, b.dropped = before, true
	}
	for _, r := range b.refs {
		if r.bucket < b.drop {
			b.note(fmt.Errorf("%w: reference %q set and dropped in one batch", ErrInvalid, r.key))
		}
	}
}

// Reference returns a replay-protection row; see Reader.
func (b *Batch) Reference(key string) ([]byte, error) {
	value, _, err := b.reference(key)
	return value, err
}

// bucketed is a Reader of this package: it also knows the bucket of a reference, so that a
// batch above can drop buckets.
type bucketed interface {
	reference(key string) (value []byte, bucket int64, err error)
}

func (b *Batch) reference(key string) ([]byte, int64, error) {
	if i, ok := b.refIndex[key]; ok {
		return b.refs[i].value, b.refs[i].bucket, nil
	}
	value, bucket, err := b.parent.(bucketed).reference(key)
	if err != nil || value == nil || b.dropped && bucket < b.drop {
		return nil, 0, err
	}
	return value, bucket, nil
}

// Scan visits leaves as this batch leaves them; see Reader.
func (b *Batch) Scan(prefix string, fn func(key string, value []byte) error) error {
	return b.ScanFrom(prefix, prefix, fn)
}

// ScanFrom visits leaves as this batch leaves them; see Reader.
func (b *Batch) ScanFrom(prefix, from string, fn func(key string, value []byte) error) error {
	err := b.scan(prefix, max(prefix, from), fn)
	if errors.Is(err, Stop) {
		return nil
	}
	return err
}

func (b *Batch) scan(prefix, from string, fn func(key string, value []byte) error) error {
	own := b.matching(prefix, from)
	emit := func(upTo string, all bool) error { // own writes below upTo, or all
		for len(own) > 0 && (all || own[0].key < upTo) {
			w := own[0]
			own = own[1:]
			if w.value == nil {
				continue
			}
			if err := fn(w.key, w.value); err != nil {
				return err
			}
		}
		return nil
	}
	stopped := false
	err := b.parent.ScanFrom(prefix, from, func(key string, value []byte) error {
		err := emit(key, false)
		switch {
		case err != nil:
		case len(own) > 0 && own[0].key == key: // ours replaces it, and comes next
		default:
			err = fn(key, value)
		}
		stopped = errors.Is(err, Stop)
		return err
	})
	if err != nil || stopped {
		return err
	}
	return emit("", true)
}

// matching copies the writes whose keys begin with prefix and are not less than from, itself not less than prefix, by
// key: a copy, so that fn may write.
func (b *Batch) matching(prefix, from string) []write {
	b.sortIn()
	var own []write
	first := sort.Search(len(b.sorted), func(i int) bool { return b.writes[b.sorted[i]].key >= from })
	for _, i := range b.sorted[first:] {
		if !strings.HasPrefix(b.writes[i].key, prefix) {
			break
		}
		own = append(own, b.writes[i])
	}
	known := len(own)
	for _, w := range b.writes[len(b.sorted):] {
		if w.key >= from && strings.HasPrefix(w.key, prefix) {
			own = append(own, w)
		}
	}
	if len(own) > known {
		slices.SortFunc(own, func(a, b write) int { return strings.Compare(a.key, b.key) })
	}
	return own
}

// sortIn sorts the tail into the sorted part once it is long.
func (b *Batch) sortIn() {
	if len(b.writes)-len(b.sorted) <= tailMax {
		return
	}
	for i := len(b.sorted); i < len(b.writes); i++ {
		b.sorted = append(b.sorted, int32(i))
	}
	slices.SortFunc(b.sorted, func(x, y int32) int { return strings.Compare(b.writes[x].key, b.writes[y].key) })
}

// Merge moves the changes into the batch below and empties this one. It panics if the batch
// is not over another Batch, which is a mistake of the program.
func (b *Batch) Merge() {
	p := b.parent.(*Batch)
	if b.err != nil {
		p.note(b.err)
	}
	for _, w := range b.writes {
		p.put(w.key, w.value)
	}
	for _, r := range b.rows {
		p.Append(r.log, r.n, r.row)
	}
	if b.dropped {
		p.DropReferences(b.drop)
	}
	for _, r := range b.refs {
		p.SetReference(r.bucket, r.key, r.value)
	}
	b.Discard()
}

// Discard drops the changes; the batch is empty and may be used again.
func (b *Batch) Discard() { *b = Batch{parent: b.parent} }

// Changes lists the leaves written, sorted by key, Value nil for a deletion. A write that
// leaves a leaf as it was is listed too; Staged.Changes leaves those out.
func (b *Batch) Changes() []types.Change {
	changes := make([]types.Change, len(b.writes))
	for i, w := range b.writes {
		changes[i] = types.Change{Key: w.key, Value: w.value}
	}
	slices.SortFunc(changes, func(a, b types.Change) int { return strings.Compare(a.Key, b.Key) })
	return changes
}
