package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// AcceptDelivery: the buyer took what was delivered.
//
// Signed by the buyer, itself or through its delegate. Changes order/<id> to ACCEPTED, from DELIVERED, from DISPUTED when
// the buyer had rejected it, or from REEXPORTED when it was repaired or exchanged; posts DELIVERY_ACCEPTED to both logs. A
// signer independent of who recorded the order and of the seller gives the order's receivables the third leg. An order of
// which everything is paid is CLOSED at once (match.go).

// checkAcceptDelivery refuses what no state could make valid.
func checkAcceptDelivery(m *types.AcceptDelivery) error {
	return firstRefusal(types.CheckRecordID(m.Order), checkEventDay(m.Day))
}

// acceptDelivery checks: day, order, the signer's part, limit of the mandate, whether it was accepted on that day
// already, state, day of the delivery.
func acceptDelivery(tx *Tx, m *types.AcceptDelivery) error {
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
	switch {
	case o.AcceptedDay != 0 && o.AcceptedDay == m.Day && !outAgain(o, m.Day):
		return types.Refuse(types.Code_already_recorded, "%s was accepted on that day", m.Order)
	case !acceptable(o.Status):
		return orderState(o, m.Order, "only what was delivered is accepted")
	case m.Day < arrived(o):
		return orderState(o, m.Order, "it was delivered later, on "+types.FormatDay(arrived(o)))
	case m.Day < o.RejectedDay:
		return orderState(o, m.Order, "it was rejected later, on "+types.FormatDay(o.RejectedDay))
	}
	act := tx.provenance(m.Day)
	outside, err := tx.independentOfOrder(o)
	if err != nil {
		return err
	}
	if outside {
		act.Evidence = types.Evidence_COUNTERPARTY_CONFIRMED
	}
	o.Status, o.AcceptedDay = types.OrderStatus_ORDER_ACCEPTED, m.Day
	if outside && act.Counted {
		if err := tx.lend(o, o.Legs|legAcceptance, act, m.Day); err != nil {
			return err
		}
	}
	if err := tx.closeIfDone(o); err != nil {
		return err
	}
	if err := tx.rematch(o); err != nil {
		return err
	}
	if err := state.Set(tx, types.OrderKey(m.Order), o); err != nil {
		return err
	}
	return tx.postBoth(o, tx.orderEntry(types.EntryKind_ENTRY_DELIVERY_ACCEPTED, string(types.OrderKey(m.Order)), o, "", act, m.Day))
}

// acceptable tells whether goods lie with a buyer that has not accepted them.
func acceptable(s types.OrderStatus) bool {
	switch s {
	case types.OrderStatus_ORDER_DELIVERED, types.OrderStatus_ORDER_DISPUTED, types.OrderStatus_ORDER_REEXPORTED:
		return true
	}
	return false
}

// arrived is the day on which the goods came to lie with the buyer, last.
func arrived(o *types.Order) int32 { return max(o.DeliveredDay, o.ReexportedDay) }

// outAgain tells whether a day is one on which the buyer may look at repaired or exchanged goods, whatever it said before.
func outAgain(o *types.Order, day int32) bool {
	return o.Status == types.OrderStatus_ORDER_REEXPORTED && day >= o.ReexportedDay
}
