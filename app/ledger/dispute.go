package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// A dispute is a subject's right against a record that speaks about it (征信业管理条例, art. 25: whoever provided the
// information checks it and answers within 20 days):
//
//	FLAGGED → RESPONDED → ESCALATED → RESOLVED by an arbiter
//	FLAGGED, RESPONDED, ESCALATED → RESOLVED by the provider or by the subject itself
//	FLAGGED → RESOLVED when the provider concedes
//	FLAGGED → SUPPRESSED after 20 days without an answer
//	RESPONDED, ESCALATED → STANDS after 60 days
//
// What is expunged or suppressed leaves the scores for good (leave.go); nothing else that ends a dispute changes them, and
// while it lasts the item counts. The item's row disputed/<item> says which dispute is open, and whether there may be
// another: the second of an enterprise needs an arbiter's leave, however the first ended. The clocks run in seconds of block time. What
// comes after its time is refused even if the queues are behind.
//
// A receivable that its debtor or seller disputes is locked until the end: no new financing; no payment is ever refused.

const (
	answerS   = 20 * secondsADay // to answer
	escalateS = 60 * secondsADay // to take it to an arbiter
	arbiterS  = 60 * secondsADay // for an arbiter to decide
)

// dispute returns a dispute.
func (tx *Tx) dispute(id string) (*types.Dispute, error) {
	d, err := state.Get(tx, types.DisputeKey(id))
	if err == nil && d == nil {
		return nil, types.Refuse(types.Code_dispute_unknown, "%s", id)
	}
	return d, err
}

// disputeEnds is the time at which the state of a dispute ends by itself; 0: it has ended.
func disputeEnds(d *types.Dispute) int64 {
	switch d.Status {
	case types.DisputeStatus_FLAGGED:
		return d.RespondByUnix
	case types.DisputeStatus_RESPONDED:
		return d.EscalateByUnix
	case types.DisputeStatus_ESCALATED:
		return d.StandsUnix
	}
	return 0
}

// disputeIs refuses a state that is not among those given, and one whose time is over.
func (tx *Tx) disputeIs(d *types.Dispute, id, what string, states ...types.DisputeStatus) error {
	for _, s := range states {
		if d.Status != s {
			continue
		}
		if tx.Block.Unix >= disputeEnds(d) {
			return types.Refuse(types.Code_dispute_state_forbids, "%s is %s, and its time is over", id, d.Status)
		}
		return nil
	}
	return types.Refuse(types.Code_dispute_state_forbids, "%s is %s: %s", id, d.Status, what)
}

// moveDispute gives a dispute its next open state, until that time, and takes its place in the queues. The caller writes
// it.
func (tx *Tx) moveDispute(id string, d *types.Dispute, status types.DisputeStatus, until int64) error {
	if was := disputeEnds(d); was != 0 {
		tx.Delete(string(types.DueKey(was, types.DueKind_DUE_DISPUTE, id)))
	}
	d.Status = status
	switch status {
	case types.DisputeStatus_FLAGGED:
		d.RespondByUnix = until
	case types.DisputeStatus_RESPONDED:
		d.EscalateByUnix = until
	case types.DisputeStatus_ESCALATED:
		d.StandsUnix = until
	}
	return tx.later(until, types.DueKind_DUE_DISPUTE, id)
}

// endDispute ends a dispute, takes it from the item, and the item out of the sums if it is expunged or suppressed. act is
// nil when time ended it. It writes the dispute and returns how much that was to do.
func (tx *Tx) endDispute(id string, d *types.Dispute, status types.DisputeStatus, act *types.Provenance) (work int, err error) {
	if was := disputeEnds(d); was != 0 {
		tx.Delete(string(types.DueKey(was, types.DueKind_DUE_DISPUTE, id)))
	}
	d.Status, d.DecidedHeight = status, tx.Block.Height
	leaves := status == types.DisputeStatus_SUPPRESSED || d.Outcome == types.DisputeOutcome_ITEM_EXPUNGED
	if err := tx.unlockDisputed(id, d); err != nil {
		return 0, err
	}
	if leaves {
		if work, err = tx.leaveSums(d.Dispute.Item); err != nil {
			return 0, err
		}
	}
	key := types.DisputedItemKey(d.Dispute.Item)
	row, err := state.Get(tx, key)
	if err != nil {
		return 0, err
	}
	if row == nil || row.Open != id {
		return 0, types.Refuse(types.Code_inconsistent_state, "%s is not under dispute %s", d.Dispute.Item, id)
	}
	row.Open, row.Leave, row.Left = "", row.Leave || d.Leave, row.Left || leaves
	if err := state.Set(tx, key, row); err != nil {
		return 0, err
	}
	if err := tx.tellDispute(id, d, types.EntryKind_ENTRY_DISPUTE_ENDED, act); err != nil {
		return 0, err
	}
	return work + 2, state.Set(tx, types.DisputeKey(id), d)
}

// tellDispute posts a row about a dispute to the log of who opened it.
func (tx *Tx) tellDispute(id string, d *types.Dispute, kind types.EntryKind, act *types.Provenance) error {
	if act == nil {
		act = &types.Provenance{}
	}
	e := tx.entry(kind, string(types.DisputeKey(id)), "", act)
	e.Day = tx.Block.Today()
	_, err := tx.post(d.Subject, e)
	return err
}

// lockDisputed sets the lock of a receivable that one of its parties disputes.
func (tx *Tx) lockDisputed(id string, d *types.Dispute) error {
	key, ok := receivableItem(d.Dispute.Item)
	if !ok {
		return nil
	}
	r, err := state.Get(tx, key)
	if err != nil {
		return err
	}
	d.Locks, r.Dispute = true, id
	return state.Set(tx, key, r)
}

// unlockDisputed takes the lock away.
func (tx *Tx) unlockDisputed(id string, d *types.Dispute) error {
	key, ok := receivableItem(d.Dispute.Item)
	if !ok || !d.Locks {
		return nil
	}
	r, err := state.Get(tx, key)
	if err != nil {
		return err
	}
	if r == nil || r.Dispute != id {
		return types.Refuse(types.Code_inconsistent_state, "%s is not locked by %s", d.Dispute.Item, id)
	}
	r.Dispute = ""
	return state.Set(tx, key, r)
}

// receivableItem tells whether an item is a receivable.
func receivableItem(key string) (types.Key[types.Receivable], bool) {
	kind, _ := itemKindOf(key)
	return types.Key[types.Receivable](key), kind != nil && kind.prefix == string(types.Receivables)
}

// answers tells whether the signer is who answers for the disputed item: that member in its own right, or whoever acts for
// that enterprise. A mandate that does not cover the message is refused.
func (tx *Tx) answers(d *types.Dispute) (bool, error) {
	if tx.Relation == types.OwnRight {
		return tx.Sender.ID == d.Provider, nil
	}
	if tx.actor() != d.Provider {
		return false, nil
	}
	return true, tx.actsFor(d.Provider, 0)
}

// disputes tells whether the signer acts for the enterprise that opened the dispute.
func (tx *Tx) disputes(d *types.Dispute) (bool, error) {
	if tx.Relation == types.OwnRight || tx.actor() != d.Subject {
		return false, nil
	}
	return true, tx.actsFor(d.Subject, 0)
}

// apartFrom refuses a delegate of one side that is, or belongs to the control group of, somebody on the other: whoever
// holds the mandates of both could end every dispute before it begins.
func (tx *Tx) apartFrom(others ...string) error {
	for _, other := range others {
		group, err := tx.groupOf(other)
		if err != nil {
			return err
		}
		if !independent(tx.Sender.ID, tx.Sender.Group, other, group) {
			return types.Refuse(types.Code_same_control_group, "%s stands on the other side", other)
		}
	}
	return nil
}

// disputeDue ends a dispute whose time is over. Taking an item out of the sums is work of the same budget as sweeps
// (sweep.go): what a block cannot do any more waits for the next second.
func (b *Block) disputeDue(w *state.Batch, due *types.Due) error {
	tx := &Tx{Batch: w, Block: b}
	d, err := there(w, types.DisputeKey(due.Id))
	switch {
	case err != nil:
		return err
	case disputeEnds(d) == 0:
		return nil
	case b.swept >= sweepWork:
		next := &types.Due{Kind: due.Kind, Id: due.Id, Attempts: due.Attempts}
		return state.Set(w, types.DueKey(b.Unix+1, due.Kind, due.Id), next)
	}
	status := types.DisputeStatus_STANDS
	if d.Status == types.DisputeStatus_FLAGGED {
		status = types.DisputeStatus_SUPPRESSED
	}
	work, err := tx.endDispute(due.Id, d, status, nil)
	b.swept += work
	return err
}
