package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// Surrender: the controller gives a transferable document up for what it stands for, goods or money. It ends there.
//
// Signed by the controller, itself or through its delegate. Changes transferable/<id>; posts CONTROL to the controller's
// log. What is pledged is not surrendered: the lender releases it first.

// checkSurrender refuses what no state could make valid.
func checkSurrender(m *types.Surrender) error {
	return firstRefusal(types.CheckRecordID(m.Transferable), checkEventDay(m.Day))
}

// surrender checks: day, document, the signer's part and its mandate's limit, state, liens.
func surrender(tx *Tx, m *types.Surrender) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	t, err := tx.controlled(m.Transferable, m.Day)
	if err != nil {
		return err
	}
	t.Status, t.SurrenderedDay = types.TransferableStatus_SURRENDERED, m.Day
	if err := state.Set(tx, types.TransferableKey(m.Transferable), t); err != nil {
		return err
	}
	return tx.tellControl(m.Transferable, t, m.Day, t.Controller, "")
}
