package main

import (
	"fmt"
	"time"

	"tradecredit/app/ledger"
	"tradecredit/app/state"
	"tradecredit/testnet"
	"tradecredit/types"
	"tradecredit/types/score"
)

// local is the rules on a store without consensus, mempool or signatures: what a measurement of the rules alone needs.
type local struct {
	db     *state.DB
	work   *testnet.Workload
	height int64
}

func (b *bench) newLocal(name string, subjects int) (*local, error) {
	n, err := testnet.Make(testnet.Plan{
		Dir: b.home(name), ChainID: "bench", BaseCurrency: "CNY", Validators: 1, Seats: testnet.WorkSeats(),
		Parameters: []types.GenesisParameter{{Name: "quota_messages", Value: 1_000_000_000}, {Name: "quota_registrations", Value: 1_000_000}},
	})
	if err != nil {
		return nil, err
	}
	l := &local{work: &testnet.Workload{Net: n, Subjects: subjects, Unix: time.Now().Unix()}}
	if l.db, err = state.Open(b.home(name+"-state"), state.Options{KeepHeights: 128}); err != nil {
		return nil, err
	}
	batch := state.NewBatch(l.db.View())
	if err := ledger.InitChain(batch, n.State, n.Plan.ChainID, l.work.Unix); err != nil {
		return nil, err
	}
	if err := l.commit(batch); err != nil {
		return nil, err
	}
	register, confirm, err := l.work.Prepare()
	if err != nil {
		return nil, err
	}
	for _, txs := range [][][]byte{register, confirm} {
		if _, err := l.block(txs); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *local) commit(batch *state.Batch) error {
	l.height++
	staged, err := l.db.Stage(l.height, batch)
	if err != nil {
		return err
	}
	return l.db.Apply(staged)
}

// block runs transactions as one block and returns how many keys of the tree it changed.
func (l *local) block(txs [][]byte) (keys int, err error) {
	view := l.db.View()
	defer view.Close()
	batch := state.NewBatch(view)
	block, err := ledger.NewBlock(batch, view, l.height+1, l.work.Unix)
	if err != nil {
		return 0, err
	}
	if _, err := block.Begin(); err != nil {
		return 0, err
	}
	for i, raw := range txs {
		tx, err := types.Decode(raw)
		if err != nil {
			return 0, err
		}
		res, err := block.Deliver(tx, uint32(i), true)
		if err != nil {
			return 0, err
		}
		if res.Code != types.Code_ok {
			return 0, fmt.Errorf("transaction %d: %s", i, res.Detail)
		}
	}
	keys = len(batch.Changes())
	return keys, l.commit(batch)
}

// treeKeys counts the keys of the tree that one record changes when nothing shares a block with it, and coalesced.
func treeKeys(b *bench) error {
	l, err := b.newLocal("keys", 1000)
	if err != nil {
		return err
	}
	defer l.db.Close()
	names := []string{"record_order", "issue_receivable", "record_logistics_event", "record_settlement"}
	sum := make([]int, len(names))
	const cycles = 200
	for i := range cycles {
		first, second, err := l.work.Cycles(i, i+1, 1)
		if err != nil {
			return err
		}
		for j, raw := range append(first, second...) {
			keys, err := l.block([][]byte{raw})
			if err != nil {
				return err
			}
			sum[j] += keys - 1 // the signer's usage row is one a transaction, not one a record
		}
	}
	for j, name := range names {
		b.add("keys.record."+name, float64(sum[j])/cycles, "keys", "5")
	}
	first, second, err := l.work.Cycles(cycles, cycles+1000, 100)
	if err != nil {
		return err
	}
	keys, err := l.block(append(first, second...))
	if err != nil {
		return err
	}
	b.add("keys.record.coalesced", float64(keys)/(1000*recordsPerCycle), "keys", "5")
	b.note("tree keys a record: alone in its block between fresh pairs of 1,000 subjects (first trades also write rankings); coalesced: 4,000 records in one block")
	return nil
}

// scoreMillion times the score of a subject with a million entries.
func scoreMillion(b *bench) error {
	l, err := b.newLocal("score", 60)
	if err != nil {
		return err
	}
	defer l.db.Close()
	l.work.Seller = l.work.Subject(0)
	const step = 1000
	for next := 0; ; next += step {
		first, second, err := l.work.Cycles(next, next+step, 100)
		if err != nil {
			return err
		}
		if _, err := l.block(append(first, second...)); err != nil {
			return err
		}
		head, err := state.Get(l.db.View(), types.SubjectKey(l.work.Seller))
		if err != nil {
			return err
		}
		if head.Entries >= 1_000_000 {
			break
		}
	}
	var took []time.Duration
	day := types.DayOf(l.work.Unix, 0)
	for range 200 {
		began := time.Now()
		view := l.db.View()
		rows, err := score.Load(view.Get, view.Scan, l.work.Seller, day)
		if err != nil {
			return err
		}
		if _, err := score.Compute(rows, score.ExpertV1(), day); err != nil {
			return err
		}
		if err := view.Close(); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	b.add("score.entries1e6", millis(took, 50), "ms", "5")
	return nil
}
