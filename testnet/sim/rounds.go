package sim

import (
	"context"
	"fmt"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmttypes "github.com/cometbft/cometbft/types"
)

// decide goes through the rounds of a height and returns the block that was decided.
func (d *driver) decide() ([][]byte, error) {
	proposer := oneOf(d.chance, d.live()...)
	txs, err := d.propose(proposer)
	if err != nil {
		return nil, err
	}
	if chance(d.chance, 12) { // the first proposal is lost, or its proposer
		d.counters.hit(secondRound)
		first := len(txs)
		d.time = d.time.Add(time.Duration(1+d.chance.Int64N(2000)) * time.Millisecond)
		d.world.begin(d.height, d.world.before, d.time)
		if txs, err = d.propose(oneOf(d.chance, d.live()...)); err != nil {
			return nil, err
		}
		if first != len(txs) {
			d.counters.hit(otherBlock)
		}
	}
	if chance(d.chance, 10) {
		if err := d.mangled(txs); err != nil {
			return nil, err
		}
	}
	if chance(d.chance, 7) {
		return d.imposed(txs)
	}
	return txs, nil
}

// propose lets one replica propose and all examine it: what a correct proposer makes, everybody accepts.
func (d *driver) propose(by *replica) ([][]byte, error) {
	res, err := by.app.PrepareProposal(context.Background(), &abci.RequestPrepareProposal{MaxTxBytes: blockRoom, Height: d.height, Time: d.time})
	if err != nil {
		return nil, fmt.Errorf("%s: PrepareProposal: %w", by.name, err)
	}
	if err := cmttypes.ToTxs(res.Txs).Validate(blockRoom); err != nil {
		return nil, fmt.Errorf("%s proposes too much: %w", by.name, err)
	}
	good, err := d.process(res.Txs)
	if err != nil {
		return nil, err
	}
	if !good {
		return nil, fmt.Errorf("%s proposes %d transactions that are rejected", by.name, len(res.Txs))
	}
	return res.Txs, nil
}

// process lets all replicas examine a proposal; they must agree.
func (d *driver) process(txs [][]byte) (bool, error) {
	verdict := false
	for i, r := range d.live() {
		height, hash, err := r.info()
		if err != nil {
			return false, err
		}
		res, err := r.app.ProcessProposal(context.Background(), &abci.RequestProcessProposal{Txs: txs, Height: d.height, Time: d.time})
		if err != nil {
			return false, fmt.Errorf("%s: ProcessProposal: %w", r.name, err)
		}
		if i > 0 && res.IsAccepted() != verdict {
			return false, fmt.Errorf("%s says %s to a proposal of %d transactions, others do not", r.name, res.Status, len(txs))
		}
		verdict = res.IsAccepted()
		if again, now, err := r.info(); err != nil || again != height || string(now) != string(hash) {
			return false, fmt.Errorf("%s: ProcessProposal left something behind: %w", r.name, err)
		}
	}
	return verdict, nil
}

// mangled shows everybody a few proposals that somebody has tampered with.
func (d *driver) mangled(txs [][]byte) error {
	for range 4 {
		good, err := d.process(d.world.mangle(txs))
		if err != nil {
			return err
		}
		if !good {
			d.counters.hit(proposalRejected)
		}
	}
	return nil
}

// imposed is a block that no honest validator voted for: transactions that would not be admitted stand in it. It must be
// executed like any other, each of them with its code.
func (d *driver) imposed(txs [][]byte) ([][]byte, error) {
	var out [][]byte
	for _, raw := range txs {
		if chance(d.chance, 40) {
			out = append(out, d.world.bad())
		}
		out = append(out, raw)
	}
	out = append(out, d.world.bad())
	good, err := d.process(out)
	if err == nil && !good {
		d.counters.hit(decidedRejected)
	}
	return out, err
}
