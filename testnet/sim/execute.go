package sim

import (
	"bytes"
	"fmt"

	abci "github.com/cometbft/cometbft/abci/types"

	"tradecredit/types"
)

// execute finalizes a decided block at all replicas, some of which lose power before or after, and compares.
func (d *driver) execute(txs [][]byte) (*abci.ResponseFinalizeBlock, error) {
	var outcome *abci.ResponseFinalizeBlock
	for _, r := range d.live() {
		if chance(d.chance, 3) {
			if err := d.crash(r, crashedBeforeFinalize); err != nil {
				return nil, err
			}
		}
		if chance(d.chance, 4) { // an earlier round was executed in vain
			if _, err := d.finalize(r, d.height, d.time, d.world.mangle(txs)); err != nil {
				return nil, err
			}
			d.counters.hit(finalizedOther)
		}
		times := 1
		if chance(d.chance, 6) {
			times++
			d.counters.hit(finalizedTwice)
		}
		for range times {
			res, err := d.finalize(r, d.height, d.time, txs)
			if err != nil {
				return nil, err
			}
			if outcome == nil {
				outcome = res
			}
			if err := sameOutcome(r, outcome, res); err != nil {
				return nil, err
			}
		}
	}
	return outcome, nil
}

// sameOutcome compares what of a result is consensus: codes, data, validators, app hash.
func sameOutcome(r *replica, want, got *abci.ResponseFinalizeBlock) error {
	for i, x := range want.TxResults {
		y := got.TxResults[i]
		if x.Code != y.Code || !bytes.Equal(x.Data, y.Data) || x.GasUsed != y.GasUsed || x.GasWanted != y.GasWanted {
			return fmt.Errorf("%s: transaction %d: code %s, data %x, %q; others %s, %x, %q", r.name, i, types.Code(y.Code), y.Data, y.Log, types.Code(x.Code), x.Data, x.Log)
		}
	}
	if len(want.ValidatorUpdates) != len(got.ValidatorUpdates) {
		return fmt.Errorf("%s: %d validator updates, others %d", r.name, len(got.ValidatorUpdates), len(want.ValidatorUpdates))
	}
	for i := range want.ValidatorUpdates {
		if want.ValidatorUpdates[i].String() != got.ValidatorUpdates[i].String() {
			return fmt.Errorf("%s: validator update %d is %v, others %v", r.name, i, got.ValidatorUpdates[i], want.ValidatorUpdates[i])
		}
	}
	if !bytes.Equal(want.AppHash, got.AppHash) {
		return fmt.Errorf("%s: app hash %X, others %X, with equal results", r.name, got.AppHash, want.AppHash)
	}
	return nil
}

// finish commits the executed block at a replica. What loses power between the two has the block in its store, like
// CometBFT's own, and executes it again.
func (d *driver) finish(r *replica) error {
	if chance(d.chance, 4) {
		if err := d.crash(r, crashedBeforeCommit); err != nil { // start replays the block, and commits it
			return err
		}
	} else if err := d.commit(r, d.time); err != nil {
		return err
	}
	if chance(d.chance, 2) {
		if err := d.crash(r, crashedAfterCommit); err != nil {
			return err
		}
	}
	height, appHash, err := r.info()
	if err != nil {
		return err
	}
	if want := d.chain[d.height-1].outcome.AppHash; height != d.height || !bytes.Equal(appHash, want) {
		return fmt.Errorf("%s: Info after Commit says height %d, %X; should be %X", r.name, height, appHash, want)
	}
	return nil
}

// crash lets a replica lose power and starts it again.
func (d *driver) crash(r *replica, when string) error {
	d.counters.hit(when)
	if d.height == 1 && when != crashedAfterCommit {
		d.counters.hit(crashedFirstBlock)
	}
	if err := r.powerLoss(oneOf(d.chance, 0, 50, 100)); err != nil {
		return err
	}
	return d.start(r)
}

// trouble comes between blocks: restarts, nodes that are switched off for a while, disks that are replaced.
func (d *driver) trouble() error {
	if !chance(d.chance, 8) {
		return nil
	}
	r := oneOf(d.chance, d.replicas...)
	if !r.running() {
		return nil
	}
	switch n := d.chance.IntN(6); {
	case n < 2:
		d.counters.hit(restarted)
		if err := r.shut(); err != nil {
			return err
		}
		return d.start(r)
	case n < 4 && len(d.live()) == replicaCount:
		d.counters.hit(wasDown)
		r.downTo = d.height + 1 + d.chance.Int64N(12)
		if n == 2 {
			return r.shut()
		}
		return r.powerLoss(oneOf(d.chance, 0, 50, 100))
	case len(d.live()) > 1:
		return d.replace(r)
	}
	return nil
}

// replace gives a replica an empty disk and another one's snapshot.
func (d *driver) replace(r *replica) error {
	if err := r.shut(); err != nil {
		return err
	}
	snapshot, err := d.reader().snapshot()
	if err != nil {
		return err
	}
	if err := r.restore(snapshot); err != nil {
		return err
	}
	d.counters.hit(restoredSnapshot)
	return d.settle(r)
}

// settle restarts a restored replica, so that it goes through the handshake.
func (d *driver) settle(r *replica) error {
	if err := r.shut(); err != nil {
		return err
	}
	return d.start(r)
}

// wake switches replicas on whose time has come.
func (d *driver) wake() error {
	for _, r := range d.replicas {
		if !r.running() && r.downTo <= d.height {
			if err := d.start(r); err != nil {
				return err
			}
		}
	}
	return nil
}
