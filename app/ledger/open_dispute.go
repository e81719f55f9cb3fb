package ledger

import (
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// OpenDispute: an enterprise says that a record about it is wrong.
//
// Signed by an enterprise that the record is about and that does not answer for it, itself or through a delegate that does
// not answer for it either. Writes dispute/<id>, FLAGGED, the item's row disputed/<item>, and the day it must be answered
// by; posts DISPUTE to the enterprise's log. A receivable is locked for new financing (dispute.go). The item is the state
// key of an adverse record, receivable, settlement, order, movement, return, customs, tax or foreign-exchange event or
// financing, or document/<id>/<verifier> for one verifier's verdict. One dispute at a time, and another one of the same
// enterprise only with an arbiter's leave; so nobody uses up the right of the other party by a dispute that it withdraws.
// What is disputed counts until the dispute ends.

// checkOpenDispute refuses what no state could make valid.
func checkOpenDispute(m *types.OpenDispute) error {
	return firstRefusal(
		types.CheckSourceID(m.Id),
		checkItem(m.Item),
		types.CheckDigest(m.StatementDigest),
		checkDisputable(m.Item),
	)
}

func checkDisputable(key string) error {
	if kind, _ := itemKindOf(key); kind == nil || kind.leave == nil {
		return types.Refuse(types.Code_item_not_disputable, "%.80q", key)
	}
	return nil
}

// openDispute checks: id, the signer's part, item, whose it is, the delegate's hands, whether it can be disputed, an open
// dispute, leave.
func openDispute(tx *Tx, m *types.OpenDispute) error {
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.DisputeKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "dispute", types.DisputeKey(id), old, old.Provenance)
	}
	subject := tx.actor()
	if _, err := tx.enterprise(subject); err != nil {
		return err
	}
	if err := tx.actsFor(subject, 0); err != nil {
		return err
	}
	it, err := tx.item(m.Item)
	if err != nil {
		return err
	}
	if err := tx.disputable(m.Item, it, subject); err != nil {
		return err
	}
	row, err := tx.undisputed(m.Item, subject)
	if err != nil {
		return err
	}
	d := &types.Dispute{Dispute: m, Subject: subject, Provider: it.provider, Provenance: tx.provenance(tx.Block.Today())}
	if err := tx.moveDispute(id, d, types.DisputeStatus_FLAGGED, tx.Block.Unix+answerS); err != nil {
		return err
	}
	if err := tx.lockDisputed(id, d); err != nil {
		return err
	}
	row.Open, row.Last = id, id
	row.Disputes++
	if slices.Contains(row.Disputants, subject) {
		row.Leave = false
	} else { // its first needs no leave, and uses none up
		row.Disputants = append(row.Disputants, subject)
	}
	if err := state.Set(tx, types.DisputedItemKey(m.Item), row); err != nil {
		return err
	}
	if err := tx.tellDispute(id, d, types.EntryKind_ENTRY_DISPUTE, d.Provenance); err != nil {
		return err
	}
	return state.Set(tx, types.DisputeKey(id), d)
}

// disputable refuses an item that is not about the subject or that it answers for itself, a delegate that answers for it,
// and what cannot be disputed now.
func (tx *Tx) disputable(key string, it *item, subject string) error {
	if tx.Relation == types.ByMandate {
		if err := tx.apartFrom(it.provider, it.signer); err != nil {
			return err
		}
	}
	switch {
	case it.unfit != "":
		return types.Refuse(types.Code_item_not_disputable, "%s: %s", key, it.unfit)
	case !slices.Contains(it.another(), subject):
		return types.Refuse(types.Code_item_of_another, "%s: %s answers for it, about %v", key, it.provider, it.another())
	}
	return nil
}

// undisputed returns an item's row, empty for one that was never disputed. It refuses one that left the scores, one under
// dispute, and another dispute of the same enterprise without leave.
func (tx *Tx) undisputed(key, subject string) (*types.DisputedItem, error) {
	row, err := state.Get(tx, types.DisputedItemKey(key))
	switch {
	case err != nil:
		return nil, err
	case row == nil:
		return &types.DisputedItem{}, nil
	case row.Left:
		return nil, types.Refuse(types.Code_item_not_disputable, "%s left the scores with %s", key, row.Last)
	case row.Open != "":
		return nil, types.Refuse(types.Code_dispute_open, "%s", row.Open)
	case slices.Contains(row.Disputants, subject) && !row.Leave:
		return nil, types.Refuse(types.Code_dispute_needs_leave, "%s disputed it before; %s ended without an arbiter's leave", subject, row.Last)
	}
	return row, nil
}
