package state

import (
	"math/bits"

	"github.com/cockroachdb/pebble/v2"
)

// writeNodes adds the changed nodes of every fourth upper level, for the proofs of an archive;
// what lies between is made from sixteen of them, what lies below from the rows of one shard.
func (s *Staged) writeNodes(w *pebble.Batch) error {
	for i := range s.top {
		n := &s.top[i]
		if level := levelOf(n.index); level == 0 || level%4 != 0 {
			continue
		}
		value := append(make([]byte, 0, 33), n.kind)
		if n.kind != empty {
			value = append(value, n.hash[:]...)
		}
		if err := w.Set(nodeRow(n.index, s.head.Height), value, nil); err != nil {
			return err
		}
	}
	return nil
}

// levelOf is the depth of a heap index.
func levelOf(index uint32) int { return bits.Len32(index) - 1 }
