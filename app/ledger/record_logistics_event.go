package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// RecordLogisticsEvent: goods moved, arrived in a warehouse, were delivered, or are expected.
//
// Signed by LOGISTICS, the source of movements, or by a PLATFORM as a third party. Writes movement/<id>, changes
// order/<id>, posts MOVEMENT to the seller's log, or DELIVERED to the seller's and RECEIVED to the buyer's. A delivery
// closes the seller's promise; it is a fulfilled sale only if its signer stands outside the order and the seller, and
// late after the promised day whoever signed. The carrier's own signature gives the order's receivables the goods leg. An
// estimate moves nothing and counts nowhere. Services are not carried: see service.go.

// estimateTerm is how far ahead, in days, an arrival may be estimated.
const estimateTerm = 366

// checkRecordLogisticsEvent refuses what no state could make valid.
func checkRecordLogisticsEvent(m *types.RecordLogisticsEvent) error {
	return firstRefusal(
		types.CheckSourceID(m.Id),
		types.CheckRecordID(m.Order),
		checkOptionalDigest(m.TransportDocument),
		required(m.Event, "event"),
		types.CheckPlace(m.Place),
		checkEventDay(m.Day),
	)
}

func checkOptionalDigest(digest []byte) error {
	if len(digest) == 0 {
		return nil
	}
	return types.CheckDigest(digest)
}

// recordLogisticsEvent checks: day, id, order, kind, state, day of the order.
func recordLogisticsEvent(tx *Tx, m *types.RecordLogisticsEvent) error {
	if err := tx.movementDay(m); err != nil {
		return err
	}
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.MovementKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "movement", types.MovementKey(id), old, old.Provenance)
	}
	o, err := tx.order(m.Order)
	if err != nil {
		return err
	}
	if err := goods(m.Order, o); err != nil {
		return err
	}
	next, ok := moved(o.Status, m.Event)
	if !ok {
		return orderState(o, m.Order, "it cannot be "+m.Event.String()+" now")
	}
	if err := sinceOrder(o, m.Day); err != nil {
		return err
	}
	o.Status = next
	if m.Event != types.LogisticsEvent_ESTIMATE {
		o.CancelAskedBy = ""
		if tx.Sender.Key.Role == types.Role_LOGISTICS {
			o.Carrier = tx.Sender.ID
		}
	}
	v := &types.Movement{Event: m, Provenance: tx.provenance(m.Day)}
	if m.Event == types.LogisticsEvent_DELIVERED {
		err = tx.delivered(id, v, o)
	} else {
		err = tx.moves(id, v, o)
	}
	if err != nil {
		return err
	}
	return state.Set(tx, types.MovementKey(id), v)
}

// moves tells the seller's log of a movement that is no delivery. The caller writes the movement.
func (tx *Tx) moves(id string, v *types.Movement, o *types.Order) error {
	if err := tx.rematch(o); err != nil {
		return err
	}
	if err := state.Set(tx, types.OrderKey(v.Event.Order), o); err != nil {
		return err
	}
	e := tx.orderEntry(types.EntryKind_ENTRY_MOVEMENT, string(types.MovementKey(id)), o, o.Order.Buyer, v.Provenance, v.Event.Day)
	e.Counted = e.Counted && v.Event.Event != types.LogisticsEvent_ESTIMATE
	n, err := tx.post(o.Order.Seller, e)
	v.SellerEntry = n + 1
	return err
}

// movementDay refuses a day that has not come; only an estimate speaks of days ahead.
func (tx *Tx) movementDay(m *types.RecordLogisticsEvent) error {
	if m.Event != types.LogisticsEvent_ESTIMATE {
		return tx.eventDay(m.Day)
	}
	if m.Day > tx.Block.Today()+estimateTerm {
		return types.Refuse(types.Code_day_too_late, "%s is more than %d days ahead", types.FormatDay(m.Day), estimateTerm)
	}
	return nil
}

// moved is the order's state after a movement, and whether it can happen in this one (LEDGER.md §7). A carrier may
// report the same state again from another place. What was delivered moves no more.
func moved(from types.OrderStatus, event types.LogisticsEvent) (types.OrderStatus, bool) {
	switch from {
	case types.OrderStatus_PROPOSED, types.OrderStatus_CONFIRMED:
		if event == types.LogisticsEvent_IN_WAREHOUSE {
			return 0, false
		}
	case types.OrderStatus_ORDER_IN_TRANSIT, types.OrderStatus_ORDER_IN_WAREHOUSE:
	default:
		return 0, false
	}
	switch event {
	case types.LogisticsEvent_IN_TRANSIT:
		return types.OrderStatus_ORDER_IN_TRANSIT, true
	case types.LogisticsEvent_IN_WAREHOUSE:
		return types.OrderStatus_ORDER_IN_WAREHOUSE, true
	case types.LogisticsEvent_DELIVERED:
		return types.OrderStatus_ORDER_DELIVERED, true
	}
	return from, true
}

// delivered closes the seller's promise and tells both parties' logs. The caller writes the movement.
func (tx *Tx) delivered(id string, v *types.Movement, o *types.Order) error {
	m, act := v.Event, v.Provenance
	outside, err := tx.independentOfOrder(o)
	if err != nil {
		return err
	}
	o.DeliveredDay, o.DeliveredBy, o.DeliveredIndependent = m.Day, tx.Sender.ID, outside
	if outside && act.Counted && tx.Sender.Key.Role == types.Role_LOGISTICS {
		if err := tx.lend(o, o.Legs|legGoods, act, m.Day); err != nil {
			return err
		}
	}
	record := string(types.MovementKey(id))
	e := tx.orderEntry(types.EntryKind_ENTRY_DELIVERED, record, o, o.Order.Buyer, act, m.Day)
	e.Open, e.Independent, e.OnTime = o.PromiseEntry != 0, outside, m.Day <= o.Order.PromisedDay
	o.PromiseEntry = 0
	if err := tx.rematch(o); err != nil {
		return err
	}
	if err := state.Set(tx, types.OrderKey(m.Order), o); err != nil {
		return err
	}
	sold, err := tx.post(o.Order.Seller, e)
	if err != nil {
		return err
	}
	received, err := tx.post(o.Order.Buyer, tx.orderEntry(types.EntryKind_ENTRY_RECEIVED, record, o, o.Order.Seller, act, m.Day))
	v.SellerEntry, v.BuyerEntry = sold+1, received+1
	return err
}
