package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// CancelOrder: there will be no trade.
//
// Signed by whoever recorded the order while it is PROPOSED, the platform in its own right or the party; once it is
// CONFIRMED by both parties, one after the other, each itself or through its delegate. Changes order/<id>: the first of
// two leaves its side in cancel_asked_by, the last makes it CANCELLED, for good. Nobody cancels what has begun: goods
// that moved or were declared, work that was done, money that is claimed and not void or rejected, or lent on a paper of it.
//
// An open promise and its weight leave the seller's sums with ORDER_SOLD_REVERSED, and ORDER_CANCELLED goes to both logs.
// Once the promised day has passed, a cancellation does not undo that: the promise is closed as broken, late for ever,
// whoever cancels. In time nothing is held against anybody.

// checkCancelOrder refuses what no state could make valid.
func checkCancelOrder(m *types.CancelOrder) error {
	return firstRefusal(types.CheckRecordID(m.Order), checkEventDay(m.Day))
}

// cancelOrder checks: day, order, the signer's part, limit of the mandate, whether it was cancelled or this side asked
// before, day of the order, use.
func cancelOrder(tx *Tx, m *types.CancelOrder) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	o, err := tx.order(m.Order)
	if err != nil {
		return err
	}
	platform := tx.Relation == types.OwnRight && o.Status == types.OrderStatus_ORDER_CANCELLED
	if o.Status == types.OrderStatus_PROPOSED || platform {
		err = tx.actsAlone(o)
	} else {
		_, err = tx.actsForOneOf(o.Order.Buyer, o.Order.Seller)
	}
	if err != nil {
		return err
	}
	if err := tx.withinMandate(o.BaseMinor); err != nil {
		return err
	}
	side := sideOfOrder(o, tx.actor())
	switch {
	case o.Status == types.OrderStatus_ORDER_CANCELLED:
		return types.Refuse(types.Code_already_recorded, "%s was cancelled on %s", m.Order, types.FormatDay(o.CancelledDay))
	case o.CancelAskedBy == side:
		return types.Refuse(types.Code_already_requested, "the %s asked to cancel %s; the other party has to", side, m.Order)
	}
	if err := sinceOrder(o, m.Day); err != nil {
		return err
	}
	if err := tx.inUse(m.Order, o); err != nil {
		return err
	}
	if o.Status == types.OrderStatus_CONFIRMED && o.CancelAskedBy == "" {
		o.CancelAskedBy = side
	} else if err := tx.cancelled(m, o); err != nil {
		return err
	}
	return state.Set(tx, types.OrderKey(m.Order), o)
}

// cancelled ends the order. The caller writes it.
func (tx *Tx) cancelled(m *types.CancelOrder, o *types.Order) error {
	act, broken := tx.provenance(m.Day), tx.broken(o)
	if o.PromiseEntry != 0 {
		if _, err := tx.unsell(o); err != nil {
			return err
		}
	}
	o.Status, o.CancelledDay, o.CancelReason = types.OrderStatus_ORDER_CANCELLED, m.Day, m.Reason
	o.Amendment, o.AmendedBy, o.AmendedSigner, o.CancelAskedBy = nil, "", "", ""
	if err := tx.rematch(o); err != nil {
		return err
	}
	e := tx.orderEntry(types.EntryKind_ENTRY_ORDER_CANCELLED, string(types.OrderKey(m.Order)), o, o.Order.Buyer, act, m.Day)
	e.Counted = broken
	n, err := tx.post(o.Order.Seller, e)
	if err != nil {
		return err
	}
	if broken {
		o.CancelledEntry = n + 1
	}
	e.Counterparty, e.Counted = o.Order.Seller, false
	_, err = tx.post(o.Order.Buyer, e)
	return err
}
