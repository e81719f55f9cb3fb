package sim

import (
	"fmt"

	"tradecredit/app/ledger"
	"tradecredit/app/state"
	"tradecredit/types"
)

// After a block the oracle is also asked what it holds of messages that nobody sends: acts that would fit now, most of them
// spoiled. Rules and oracle answer from the state that the block left, and nothing stays of it. So every state that a
// history leads to is tried with more than its next block.

// ask asks about so many messages.
func (d *driver) ask(view *state.View) error {
	if d.oracle == nil {
		return nil
	}
	for _, raw := range d.world.unsent(d.config.Seed, d.config.Asks) {
		t, err := types.Decode(raw)
		if err != nil {
			continue // no transaction at all
		}
		b, err := ledger.NewBlock(state.NewBatch(view), view, d.height, d.time.Unix())
		if err != nil {
			return err
		}
		r, err := b.Deliver(t, 0, true)
		if err != nil {
			return fmt.Errorf("asked: %w\n%s", err, describe(t))
		}
		if err := d.oracle.Ask(t, r.Code, b.Batch); err != nil {
			return fmt.Errorf("asked after the block: %w; the rules: %s\n%s", err, r.Detail, describe(t))
		}
	}
	return nil
}

// unsent are transactions of one message that are not sent. What is sent next is the same with and without them.
func (w *world) unsent(seed uint64, n int) (all [][]byte) {
	rng, serial := w.rng, w.serial
	defer func() { w.rng, w.serial = rng, serial }()
	w.rng = source(seed, fmt.Sprint("unsent ", w.height))
	for range n {
		g := w.choose()
		a := g.make(w)
		if a == nil {
			a = w.invent(g.message)
		}
		switch w.rng.IntN(4) {
		case 0:
		case 1:
			a = w.spoil(a)
		default:
			a.msg = clone(a.msg)
			for range 1 + w.rng.IntN(2) {
				w.distort(a.msg)
			}
		}
		b := w.body(&draft{signer: a.signer, key: w.keyOf(*a), acts: []act{*a}})
		b.Reference = fmt.Sprintf("unsent-%012d", w.rng.Int64N(1e12))
		k := w.secretOf(b.Signer, b.Key)
		encoded, err := b.Marshal()
		if err != nil {
			panic(err)
		}
		s := &types.SignedTx{Body: encoded, PublicKey: k.PublicKey(), Algorithm: k.Algorithm(), Signature: make([]byte, 64)}
		raw, err := s.Marshal()
		if err != nil {
			panic(err)
		}
		all = append(all, raw)
	}
	return all
}
