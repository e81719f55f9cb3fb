package index

import (
	"bytes"
	"fmt"
	"hash/maphash"

	"github.com/cockroachdb/pebble/v2"
)

// Check reads the whole index, as of now, and compares its parts with each other: every place of a list belongs to a record
// and every record has its places, and every total is right. ErrCorrupt says what is not. It finds what Pebble cannot: a
// damaged manifest, for one, looks like one whose last words were never written, and takes tables with it. It takes no memory
// to speak of, and some microseconds a record; List and Apply go on meanwhile, and stop ends it early, without an error.
func (x *Index) Check(stop <-chan struct{}) error {
	if err := x.enter(); err != nil {
		return err
	}
	defer x.use.RUnlock()
	if !x.ready.Load() {
		return ErrBuilding
	}
	s := x.disk.NewSnapshot()
	defer func() { _ = s.Close() }() // never fails
	c := &checker{snapshot: s, stop: stop, seed: maphash.MakeSeed()}
	for _, part := range []func() error{c.lists, c.records} {
		if err := part(); err != nil || c.stopped {
			return err
		}
	}
	if c.places != 0 {
		return fmt.Errorf("%w: the places of the lists are not those of the records", ErrCorrupt)
	}
	return nil
}

// checker walks through a snapshot.
type checker struct {
	snapshot *pebble.Snapshot
	stop     <-chan struct{}
	stopped  bool
	seed     maphash.Seed
	// places is the sum of a number for each place, added as the lists have it and taken away as the records have it: in
	// the end nothing is left, whatever the order.
	places uint64
}

// walk visits rows until the end or stop.
func (c *checker) walk(first byte, visit func(row, value []byte) error) error {
	it, err := c.snapshot.NewIter(&pebble.IterOptions{LowerBound: []byte{first}, UpperBound: []byte{first + 1}})
	if err != nil {
		return err
	}
	n := 0
	for ok := it.First(); ok; ok = it.Next() {
		if n++; n%1024 == 0 {
			select {
			case <-c.stop:
				c.stopped = true
				return it.Close()
			default:
			}
		}
		if err := visit(it.Key(), it.Value()); err != nil {
			return joinClose(err, it)
		}
	}
	return it.Close()
}

// lists adds up the places, and counts each list beside the row that has its total.
func (c *checker) lists() error {
	totals, err := c.snapshot.NewIter(&pebble.IterOptions{LowerBound: []byte{rowTotal}, UpperBound: []byte{rowTotal + 1}})
	if err != nil {
		return err
	}
	var list []byte
	var count int64
	next := totals.First()
	end := func() error {
		for next && By(totals.Key()[2]) == All { // those are counted with the records
			next = totals.Next()
		}
		if count == 0 {
			return nil
		}
		if !next || !bytes.Equal(totals.Key()[1:], list[1:]) {
			return fmt.Errorf("%w: list %q has no total", ErrCorrupt, list)
		}
		if said, err := decodeTotal(list, totals.Value()); err != nil || said != count {
			return fmt.Errorf("%w: list %q has %d rows, not %d", ErrCorrupt, list, count, said)
		}
		next = totals.Next()
		return nil
	}
	err = c.walk(rowList, func(row, _ []byte) error {
		n, err := listOf(row)
		if err != nil {
			return err
		}
		if !bytes.Equal(list, row[:n]) {
			if err := end(); err != nil {
				return err
			}
			list, count = append(list[:0], row[:n]...), 0
		}
		count++
		c.places += maphash.Bytes(c.seed, row)
		return nil
	})
	if err == nil && !c.stopped {
		err = end()
		count = 0
		if err == nil {
			err = end() // passes over the totals of kinds
		}
		if err == nil && next {
			err = fmt.Errorf("%w: the total of %q is of no list", ErrCorrupt, totals.Key())
		}
	}
	return joinClose(err, totals)
}

// records takes the places of each record away, and counts the kinds.
func (c *checker) records() error {
	counts := map[*kind]int64{}
	err := c.walk(rowRecord, func(row, value []byte) error {
		k, id := kindOf(string(row[1:]))
		if k == nil {
			return fmt.Errorf("%w: row %q", ErrCorrupt, row)
		}
		f, err := decodeFacts(id, value)
		if err != nil {
			return err
		}
		counts[k]++
		for _, place := range f.rows(k.number, id) {
			c.places -= maphash.Bytes(c.seed, place)
		}
		return nil
	})
	if err != nil || c.stopped {
		return err
	}
	for _, k := range kinds {
		row := listing{by: All}.row(rowTotal, k.number)
		value, err := get(c.snapshot, row)
		if err != nil {
			return err
		}
		if said, err := decodeTotal(row, value); err != nil || said != counts[k] {
			return fmt.Errorf("%w: %d records of the kind %s, not %d", ErrCorrupt, counts[k], k.name, said)
		}
	}
	return nil
}
