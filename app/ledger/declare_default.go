package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// DeclareDefault: the borrower did not pay when it was due.
//
// Signed by the lender. Changes financing/<id>, FINANCED to DEFAULTED; posts DEFAULT to the borrower's log. It counts in
// no sum of its own: what is open past its due day weighs by itself, and a default that the lender reports as an adverse
// record is another message.
//
// A debt is overdue as soon as its term has passed without payment (Civil Code of China, art. 676), so the first day
// after the due day is early enough. The ninety days of the Basel framework (CRE36.69) say how a bank classifies its
// exposure, not whether its borrower is late.

// checkDeclareDefault refuses what no state could make valid.
func checkDeclareDefault(m *types.DeclareDefault) error {
	return firstRefusal(types.CheckRecordID(m.Financing), checkEventDay(m.Day))
}

// declareDefault checks: day, the financing and whose it is, state, due day.
func declareDefault(tx *Tx, m *types.DeclareDefault) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	f, err := tx.ownFinancing(m.Financing)
	if err != nil {
		return err
	}
	switch {
	case f.Status == types.FinancingStatus_DEFAULTED && f.DefaultDay == m.Day && f.Reason == m.Reason:
		return types.Refuse(types.Code_already_recorded, "%s is in default since %s", f.Id, types.FormatDay(f.DefaultDay))
	case f.Status != types.FinancingStatus_FINANCED:
		return financingState(f, "only what is financed comes into default")
	case m.Day <= f.DueDay:
		return types.Refuse(types.Code_default_too_early, "%s is due on %s", f.Id, types.FormatDay(f.DueDay))
	}
	f.Status, f.DefaultDay, f.Reason = types.FinancingStatus_DEFAULTED, m.Day, m.Reason
	if err := tx.tellBorrower(f, types.EntryKind_ENTRY_DEFAULT, tx.provenance(m.Day), m.Day); err != nil {
		return err
	}
	return state.Set(tx, types.FinancingKey(m.Financing), f)
}
