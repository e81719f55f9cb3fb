package sim

import (
	"bytes"
	"fmt"
	"slices"

	abci "github.com/cometbft/cometbft/abci/types"

	"tradecredit/app/ledger"
	"tradecredit/app/state"
	"tradecredit/types"
)

// check holds the block that was committed to the oracle and to the invariants.
func (d *driver) check(txs [][]byte, outcome *abci.ResponseFinalizeBlock) error {
	view := d.reader().db.View()
	defer view.Close()
	if err := d.consult(view, txs, outcome); err != nil {
		return err
	}
	if err := d.ask(view); err != nil {
		return err
	}
	if d.height%d.config.AuditEvery != 0 && d.height != d.config.Blocks {
		return nil
	}
	return ledger.Audit(view, d.time.Unix())
}

// consult compares every code with what the oracle says.
func (d *driver) consult(view *state.View, txs [][]byte, outcome *abci.ResponseFinalizeBlock) error {
	if d.oracle == nil {
		return nil
	}
	d.oracle.Begin(d.height, d.time.Unix(), view)
	for i, raw := range txs {
		got := outcome.TxResults[i]
		var want types.Code
		var codes []types.Code
		t, err := types.Decode(raw)
		if err == nil {
			good := types.VerifySignature(t.Signed.Algorithm, t.Signed.PublicKey, types.SignBytes(t.Signed.Body), t.Signed.Signature)
			want, codes = d.oracle.Deliver(t, good)
		} else if want, _ = types.CodeOf(err); want == types.Code_ok {
			return err
		}
		if uint32(want) != got.Code || !bytes.Equal(types.EncodeCodes(codes), got.Data) {
			said, _ := types.DecodeCodes(got.Data)
			return fmt.Errorf("transaction %d: the application says %s %v, the model %s %v: %s\n%s", i, types.Code(got.Code), said, want, codes, got.Log, describe(t))
		}
	}
	return d.oracle.End(view)
}

// describe shows a transaction to whoever looks for the reason.
func describe(t *types.Tx) string {
	if t == nil {
		return "(does not decode)"
	}
	return t.Body.String()
}

// end switches everybody on, and holds the newest state to what can be computed from scratch.
func (d *driver) end() error {
	for _, r := range d.replicas {
		if !r.running() {
			if err := d.start(r); err != nil {
				return err
			}
		}
		if err := d.settle(r); err != nil {
			return err
		}
		if err := r.db.Verify(); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	view := d.reader().db.View()
	defer view.Close()
	if err := ledger.AuditSums(view); err != nil {
		return err
	}
	d.counters.hit(fold)
	return d.sameContents()
}

// sameContents compares all leaves of all replicas, whose roots are equal, and the rows of all logs.
func (d *driver) sameContents() error {
	first, err := contents(d.replicas[0])
	if err != nil {
		return err
	}
	for _, r := range d.replicas[1:] {
		other, err := contents(r)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(first, func(line string) bool { _, ok := slices.BinarySearch(other, line); return !ok }); i >= 0 || len(first) != len(other) {
			return fmt.Errorf("%s has other rows: %d, not %d, and not %.200q", r.name, len(other), len(first), first[max(i, 0)])
		}
	}
	return nil
}

// contents are all rows that a reader of the newest height can see.
func contents(r *replica) ([]string, error) {
	view := r.db.View()
	defer view.Close()
	var out []string
	err := view.Scan("", func(key string, value []byte) error {
		out = append(out, fmt.Sprintf("%s %x", key, value))
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = view.Scan(string(types.Subjects), func(key string, value []byte) error {
		head, subject := new(types.SubjectHead), key[len(types.Subjects):]
		if err := head.Unmarshal(value); err != nil {
			return err
		}
		for n := range head.Entries {
			row, err := view.Entry(types.EntryLog(subject), n)
			if err != nil {
				return err
			}
			out = append(out, fmt.Sprintf("log %s %d %x", subject, n, row))
		}
		return nil
	})
	slices.Sort(out)
	return out, err
}
