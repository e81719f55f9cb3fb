package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// AcknowledgeAssignment: the debtor says that it will pay as the notice tells it.
//
// Signed by the debtor, itself or through its delegate. Changes receivable/<id>: from now on what is paid on it is
// reported by the lender it is assigned to (record_settlement.go). Posts ASSIGNED to both parties' logs.

// checkAcknowledgeAssignment refuses what no state could make valid.
func checkAcknowledgeAssignment(m *types.AcknowledgeAssignment) error {
	return firstRefusal(types.CheckRecordID(m.Financing), types.CheckRecordID(m.Receivable), checkEventDay(m.Day))
}

// acknowledgeAssignment checks: day, receivable, the signer's part and its mandate's limit, financing, notice, whether it
// was acknowledged before, day of the notice.
func acknowledgeAssignment(tx *Tx, m *types.AcknowledgeAssignment) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	r, err := tx.receivable(m.Receivable)
	if err != nil {
		return err
	}
	if err := tx.actsFor(r.Receivable.Debtor, r.BaseMinor); err != nil {
		return err
	}
	f, err := tx.financing(m.Financing)
	if err != nil {
		return err
	}
	switch {
	case r.Assignment != f.Id:
		return types.Refuse(types.Code_not_assigned, "nobody was told to pay %s under %s", m.Receivable, f.Id)
	case r.AcknowledgedDay != 0:
		return types.Refuse(types.Code_already_recorded, "acknowledged on %s", types.FormatDay(r.AcknowledgedDay))
	case m.Day < r.NotifiedDay:
		return financingState(f, "the notice came later, on "+types.FormatDay(r.NotifiedDay))
	}
	r.AcknowledgedDay = m.Day
	if err := state.Set(tx, types.ReceivableKey(m.Receivable), r); err != nil {
		return err
	}
	return tx.tellAssigned(f, r, m.Receivable, tx.provenance(m.Day), m.Day)
}
