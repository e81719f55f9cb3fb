package ledger

import (
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// NotifyAssignment: the lender told the debtor of a receivable to pay through it.
//
// Signed by the lender of a financing that holds the receivable. Changes receivable/<id> and the lien on it, where the day
// of the notice counts among competing lenders (types.Priority); posts ASSIGNED to both parties' logs. A receivable has
// one notice at a time. It ends with the financing.

// checkNotifyAssignment refuses what no state could make valid.
func checkNotifyAssignment(m *types.NotifyAssignment) error {
	return firstRefusal(
		types.CheckRecordID(m.Financing), types.CheckRecordID(m.Receivable), types.CheckDigest(m.NoticeDigest), checkEventDay(m.Day),
	)
}

// notifyAssignment checks: day, receivable, the financing and whose it is, whether it was notified before, state, that it
// holds the receivable, other notices.
func notifyAssignment(tx *Tx, m *types.NotifyAssignment) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	r, err := tx.receivable(m.Receivable)
	if err != nil {
		return err
	}
	f, err := tx.ownFinancing(m.Financing)
	if err != nil {
		return err
	}
	key := types.ReceivableKey(m.Receivable)
	switch {
	case r.Assignment == f.Id:
		return types.Refuse(types.Code_already_recorded, "the debtor was notified on %s", types.FormatDay(r.NotifiedDay))
	case !secured(f):
		return financingState(f, "nothing is assigned under it")
	case m.Day < r.Receivable.IssueDay:
		return financingState(f, "the receivable was issued later, on "+types.FormatDay(r.Receivable.IssueDay))
	case !slices.ContainsFunc(f.Objects, func(o *types.OfferedObject) bool { return o.Object == string(key) }):
		return types.Refuse(types.Code_not_assigned, "%s does not hold %s", f.Id, m.Receivable)
	case r.Assignment != "":
		return types.Refuse(types.Code_already_assigned, "the debtor was told to pay under %s", r.Assignment)
	}
	row, err := tx.encumbrance(string(key))
	if err != nil {
		return err
	}
	l := lienOf(row, f.Id, string(key))
	if l == nil {
		return types.Refuse(types.Code_inconsistent_state, "%s holds no lien of %s", string(types.EncumbranceKey(string(key))), f.Id)
	}
	l.NotifiedDay, l.NotifiedHeight, l.NoticeDigest = m.Day, tx.Block.Height, m.NoticeDigest
	if err := tx.setEncumbrance(string(key), row); err != nil {
		return err
	}
	r.Assignee, r.Assignment, r.NotifiedDay = f.Lender, f.Id, m.Day
	if err := state.Set(tx, key, r); err != nil {
		return err
	}
	return tx.tellAssigned(f, r, m.Receivable, tx.provenance(m.Day), m.Day)
}

// tellAssigned posts into both parties' logs that a receivable is to be paid through a lender.
func (tx *Tx) tellAssigned(f *types.Financing, r *types.Receivable, id string, act *types.Provenance, day int32) error {
	e := tx.entry(types.EntryKind_ENTRY_ASSIGNED, string(types.ReceivableKey(id)), f.Lender, act)
	e.Day, e.DueDay = day, r.Receivable.DueDay
	if _, err := tx.post(r.Receivable.Debtor, e); err != nil {
		return err
	}
	_, err := tx.post(r.Receivable.Seller, e)
	return err
}
