package ledger

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Thirty days after a key was marked as compromised, what it signed since then and nobody confirmed again falls to
// SELF_DECLARED (LEDGER.md §7). A sweep walks the records that such a key can have signed and lets each of them fall
// (fall.go). It takes as many blocks as it needs: what a block may look at is bounded, for all sweeps together, and the
// due item that is the sweep waits for the next second with the last key that it has looked at.
//
// A record falls once and for good; only an independent party that confirms or accepts it later raises its evidence again,
// by its own signature. One that contradicts other rows stays as it is, and a due item in the year 9999
// names it.

const (
	// confirmAgainS is how long a record that a compromised key signed may be confirmed again.
	confirmAgainS = 30 * secondsADay
	// sweepWork is what all sweeps of a block may do: a record looked at is one, and whatever may hang on a record that
	// falls, a part, a row of a log, a receivable of its order, is one more. The last record may go beyond it.
	sweepWork = 256
)

// mark is a compromise as its due item names it: holder, key, and since when.
type mark struct {
	holder, key string
	since       int64
}

func (m mark) String() string { return fmt.Sprintf("%s/%s/%d", m.holder, m.key, m.since) }

func parseMark(id string) (m mark, err error) {
	parts := strings.Split(id, "/")
	if len(parts) != 3 {
		return m, types.Refuse(types.Code_inconsistent_state, "%q names no compromise", id)
	}
	m.holder, m.key = parts[0], parts[1]
	if m.since, err = strconv.ParseInt(parts[2], 10, 64); err != nil {
		return m, types.Refuse(types.Code_inconsistent_state, "%q names no compromise", id)
	}
	return m, nil
}

// covers tells whether p was signed with the key since it was in wrong hands, and has not fallen before.
func (m mark) covers(p *types.Provenance) bool {
	return p != nil && p.Signer == m.holder && p.Key == m.key && p.Unix >= m.since && !p.Fallen
}

// stage is one kind of records that a sweep walks.
type stage struct {
	prefix string
	// fall lets the record at key fall, if the mark covers it, and returns how much that was to do beyond looking at it.
	fall func(tx *Tx, m mark, key string, value []byte) (work int, err error)
}

// stages lists what a key of that role can have signed with evidence to lose, in the order of the walk: by the messages
// that it may sign. A record id begins with its signer, so only settlements, documents, for their verdicts, adverse
// records, for their rehabilitations, disputes, for their ends, and fixings are walked through whole. Anchored documents
// and registrations are missing: nothing rests on their evidence, which is SELF_DECLARED for ever, or confirmed by a second
// member before it has any effect.
func stages(holder string, role types.Role) []stage {
	all := []struct {
		message string
		stage   stage
	}{
		{"record_order", stage{string(types.Orders) + holder + "/", fallOrder}},
		{"record_logistics_event", stage{string(types.Movements) + holder + "/", fallMovement}},
		{"record_customs_event", stage{string(types.CustomsEvents) + holder + "/", fallCustomsEvent}},
		{"verify_document", stage{string(types.Documents), fallVerdicts}},
		{"issue_receivable", stage{string(types.Receivables) + holder + "/", fallReceivable}},
		{"record_settlement", stage{string(types.Settlements), fallSettlement}},
		{"record_tax_event", stage{string(types.TaxEvents) + holder + "/", fallTaxEvent}},
		{"record_fx_event", stage{string(types.FxEvents) + holder + "/", fallFxEvent}},
		{"record_adverse", stage{string(types.Adverses), fallAdverse}},
		{"resolve_dispute", stage{string(types.Disputes), fallDispute}},
		{"publish_fixing", stage{string(types.Fixings), fallFixing}},
		{"confirm_service_progress", stage{string(types.Progresses), fallProgress}},
		{"record_return", stage{string(types.Returns) + holder + "/", fallReturn}},
		{"record_return", stage{string(types.ReturnSteps) + holder + "/",
			fallPlain(func(v *types.ReturnStep) *types.Provenance { return v.Provenance })}},
		{"record_trace", stage{string(types.Traces) + holder + "/",
			fallPlain(func(v *types.Trace) *types.Provenance { return v.Provenance })}},
		{"record_parcel_batch", stage{string(types.ParcelBatches) + holder + "/",
			fallPlain(func(v *types.ParcelBatch) *types.Provenance { return v.Provenance })}},
		{"issue_transferable", stage{string(types.Transferables) + holder + "/",
			fallPlain(func(v *types.Transferable) *types.Provenance { return v.Provenance })}},
		{"reserve_financing", stage{string(types.Financings) + holder + "/", fallFinancing}},
		{"record_repayment", stage{string(types.Repayments) + holder + "/", fallRepayment}},
		{"record_policy", stage{string(types.Policies) + holder + "/",
			fallPlain(func(v *types.Policy) *types.Provenance { return v.Provenance })}},
		{"record_claim", stage{string(types.Claims) + holder + "/",
			fallPlain(func(v *types.Claim) *types.Provenance { return v.Provenance })}},
	}
	var out []stage
	for _, s := range all {
		if slices.ContainsFunc(types.RowNamed(s.message).Permissions, func(p types.Permission) bool { return p.Role == role }) {
			out = append(out, s.stage)
		}
	}
	return out
}

// sweep goes on with what a compromised key signed, as far as this block's work allows.
func (b *Block) sweep(w *state.Batch, due *types.Due) error {
	m, err := parseMark(due.Id)
	if err != nil {
		return err
	}
	k, err := there(w, types.KeyKey(m.holder, m.key))
	if err != nil {
		return err
	}
	cursor, left := due.Cursor, stages(m.holder, k.Role)
	for i, s := range left {
		if strings.HasPrefix(cursor, s.prefix) {
			left = left[i:]
			break
		}
	}
	for _, s := range left {
		if cursor, err = b.walk(w, m, s, cursor); err != nil {
			return err
		}
		if b.swept >= sweepWork {
			next := &types.Due{Kind: due.Kind, Id: due.Id, Attempts: due.Attempts, Cursor: cursor}
			return state.Set(w, types.DueKey(b.Unix+1, due.Kind, due.Id), next)
		}
	}
	return nil
}

// walk looks at the records of a stage after the cursor, and returns the last key it has looked at.
func (b *Block) walk(w *state.Batch, m mark, s stage, cursor string) (string, error) {
	if !strings.HasPrefix(cursor, s.prefix) {
		cursor = s.prefix
	}
	limit := sweepWork - b.swept
	changes, err := look(w, s.prefix, cursor, limit)
	if err != nil {
		return cursor, err
	}
	for _, c := range changes {
		if b.swept >= sweepWork {
			break
		}
		work, err := b.fallOne(w, m, s, c)
		if err != nil {
			return cursor, err
		}
		cursor = c.Key
		b.swept += 1 + work
	}
	return cursor, nil
}

// look reads the records under a prefix behind a key, at most limit of them.
func look(r state.Reader, prefix, behind string, limit int) (out []types.Change, err error) {
	err = r.ScanFrom(prefix, behind, func(key string, value []byte) error {
		switch {
		case key == behind:
			return nil
		case len(out) >= limit:
			return state.Stop
		}
		out = append(out, types.Change{Key: key, Value: slices.Clone(value)})
		return nil
	})
	return out, err
}

// fallOne lets one record fall, if it must. What the rules refuse changes nothing and is put where it can be seen.
func (b *Block) fallOne(w *state.Batch, m mark, s stage, c types.Change) (work int, err error) {
	one := state.NewBatch(w)
	work, err = s.fall(&Tx{Batch: one, Block: b}, m, c.Key, c.Value)
	if err == nil {
		one.Merge()
		return work, nil
	}
	if _, refused := types.CodeOf(err); !refused {
		return 0, err
	}
	id := m.String() + "/" + c.Key
	stuck := &types.Due{Kind: types.DueKind_DUE_COMPROMISE, Id: id, Attempts: dueMaxAttempts, Cursor: c.Key}
	return 0, state.Set(w, types.DueKey(dueParkedUnix, stuck.Kind, id), stuck)
}

// doom puts the sweep of a mark into the queues.
func (tx *Tx) doom(k *types.KeyRecord) error {
	if len(stages(k.Holder, k.Role)) == 0 {
		return nil
	}
	m := mark{holder: k.Holder, key: k.Id, since: k.CompromisedSinceUnix}
	return tx.later(tx.Block.Unix+confirmAgainS, types.DueKind_DUE_COMPROMISE, m.String())
}
