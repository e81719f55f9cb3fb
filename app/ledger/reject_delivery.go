package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// RejectDelivery: the buyer refuses what was delivered.
//
// Signed by the buyer, itself or through its delegate. Changes order/<id>, DELIVERED or REEXPORTED to DISPUTED, and posts
// DELIVERY_REJECTED to both logs. It is the buyer's word against the carrier's and counts nowhere: the delivery stays
// what it was. The buyer may accept it after all (accept_delivery), or the goods go back (record_return).

// checkRejectDelivery refuses what no state could make valid.
func checkRejectDelivery(m *types.RejectDelivery) error {
	return firstRefusal(types.CheckRecordID(m.Order), checkEventDay(m.Day))
}

// rejectDelivery checks: day, order, the signer's part, limit of the mandate, whether it was rejected on that day
// already, state, day of the delivery.
func rejectDelivery(tx *Tx, m *types.RejectDelivery) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	o, err := tx.order(m.Order)
	if err != nil {
		return err
	}
	if err := tx.actsFor(o.Order.Buyer, o.BaseMinor); err != nil {
		return err
	}
	rejected := o.RejectedDay != 0 && o.RejectedDay == m.Day && o.RejectedReason == m.Reason
	switch {
	case rejected && !outAgain(o, m.Day):
		return types.Refuse(types.Code_already_recorded, "%s was rejected on that day", m.Order)
	case o.Status != types.OrderStatus_ORDER_DELIVERED && o.Status != types.OrderStatus_ORDER_REEXPORTED:
		return orderState(o, m.Order, "only what was delivered, and not accepted, is rejected")
	case m.Day < arrived(o):
		return orderState(o, m.Order, "it was delivered later, on "+types.FormatDay(arrived(o)))
	}
	o.Status, o.RejectedDay, o.RejectedReason, o.AcceptedDay = types.OrderStatus_ORDER_DISPUTED, m.Day, m.Reason, 0
	if err := tx.rematch(o); err != nil {
		return err
	}
	if err := state.Set(tx, types.OrderKey(m.Order), o); err != nil {
		return err
	}
	e := tx.orderEntry(types.EntryKind_ENTRY_DELIVERY_REJECTED, string(types.OrderKey(m.Order)), o, "", tx.provenance(m.Day), m.Day)
	e.Counted = false
	return tx.postBoth(o, e)
}
