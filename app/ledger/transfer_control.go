package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// TransferControl: a transferable document goes from one controller to the next.
//
// Signed by the controller, itself or through its delegate. Changes transferable/<id>; posts CONTROL to both logs. What
// is pledged stays where it is. An open offer of the document comes to nothing: whoever reserves on it finds another owner.

// checkTransferControl refuses what no state could make valid.
func checkTransferControl(m *types.TransferControl) error {
	return firstRefusal(types.CheckRecordID(m.Transferable), types.CheckSubjectID(m.To), checkEventDay(m.Day))
}

// transferControl checks: day, document, the signer's part and its mandate's limit, state, liens, the next controller.
func transferControl(tx *Tx, m *types.TransferControl) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	t, err := tx.controlled(m.Transferable, m.Day)
	if err != nil {
		return err
	}
	if _, err := tx.enterprise(m.To); err != nil {
		return err
	}
	if err := mustDiffer(t.Controller, m.To); err != nil {
		return err
	}
	from := t.Controller
	t.Controller, t.Transfers, t.ControlledSince = m.To, t.Transfers+1, tx.Block.Height
	if err := state.Set(tx, types.TransferableKey(m.Transferable), t); err != nil {
		return err
	}
	if err := tx.tellControl(m.Transferable, t, m.Day, from, m.To); err != nil {
		return err
	}
	return tx.tellControl(m.Transferable, t, m.Day, m.To, from)
}
