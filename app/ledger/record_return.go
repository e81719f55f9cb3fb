package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// RecordReturn: goods of a trade go back, for good, for repair or for exchange.
//
// Signed by a PLATFORM, by LOGISTICS or by CUSTOMS in its own right. Who opened a return goes on with it; so may any carrier
// or customs, through whose hands it goes. Writes return/<id> when it is opened and return-step/<id> later, changes
// order/<id>; posts RETURN, then RETURN_STEP, to both logs.
//
//	return: OPENED → RECEIVED → REEXPORTED (repair and exchange only)
//	order:  DELIVERED, ACCEPTED, CLOSED, DISPUTED, REEXPORTED → RETURNING → RETURNED, REEXPORTED, or where it was before
//
// Only what was delivered can come back: goods that turn back on their way are the carrier's movement, and the promise stays
// open. Several returns may run at once; the order is RETURNING until the last is over. Then it is RETURNED if all of it came
// back for good, REEXPORTED if that last step sent out again all that is left, and else where it was before.
//
// The value of a return at the seller's fault weighs against it like a credit note, in the month of its opening: unless
// the order is related or late, or a member of the buyer's own control group says so.

// checkRecordReturn refuses what no state could make valid.
func checkRecordReturn(m *types.RecordReturn) error {
	return firstRefusal(
		types.CheckSourceID(m.Id),
		types.CheckRecordID(m.Order),
		checkReturnOpened(m),
		required(m.Kind, "kind"), required(m.Stage, "stage"),
		checkReturnValue(m),
		types.CheckPlace(m.Place),
		checkReturnFields(m),
		checkEventDay(m.Day),
	)
}

// checkReturnOpened asks a later step which return it goes on with.
func checkReturnOpened(m *types.RecordReturn) error {
	if m.Stage == types.ReturnStage_RETURN_OPENED || m.Stage == types.ReturnStage_RETURN_STAGE_UNSPECIFIED {
		return nil
	}
	return types.CheckRecordID(m.Opened)
}

// checkReturnValue asks an opening for fault and value.
func checkReturnValue(m *types.RecordReturn) error {
	if m.Stage != types.ReturnStage_RETURN_OPENED {
		return nil
	}
	return firstRefusal(required(m.Fault, "fault"), types.CheckAmount(m.ValueMinor))
}

// checkReturnFields refuses what stands with another stage only.
func checkReturnFields(m *types.RecordReturn) error {
	opening := m.Stage == types.ReturnStage_RETURN_OPENED
	switch {
	case opening && m.Opened != "":
		return types.Refuse(types.Code_field_not_of_event, "opened stands with the later steps of a return")
	case !opening && (m.ValueMinor != 0 || m.Fault != types.Fault_FAULT_UNSPECIFIED):
		return types.Refuse(types.Code_field_not_of_event, "value and fault stand with RETURN_OPENED only")
	}
	return nil
}

// recordReturn checks: day, id, then for an opening: order, kind of the order, state, day of the delivery, what remains;
// for a later step: return, the signer's part, order and kind of the return, state, day of the opening.
func recordReturn(tx *Tx, m *types.RecordReturn) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	id := tx.RecordID(m.Id)
	if m.Stage != types.ReturnStage_RETURN_OPENED {
		return tx.recordReturnStep(id, m)
	}
	old, err := state.Get(tx, types.ReturnKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "return", types.ReturnKey(id), old, old.Provenance)
	}
	o, err := tx.order(m.Order)
	if err != nil {
		return err
	}
	if err := goods(m.Order, o); err != nil {
		return err
	}
	if err := tx.returnable(m, o); err != nil {
		return err
	}
	r := &types.ReturnRecord{Opened: m, Provenance: tx.provenance(m.Day), Stage: m.Stage}
	if r.BaseMinor, err = types.Share(o.BaseMinor, m.ValueMinor, o.Order.AmountMinor); err != nil {
		return err
	}
	if r.Counted, err = tx.returnCounts(r, o); err != nil {
		return err
	}
	if o.Status != types.OrderStatus_ORDER_RETURNING {
		o.Before, o.Status, o.ClosedDay = o.Status, types.OrderStatus_ORDER_RETURNING, 0
	}
	o.OpenReturns++
	o.ReturnedMinor += m.ValueMinor
	if err := tx.rematch(o); err != nil {
		return err
	}
	if err := state.Set(tx, types.OrderKey(m.Order), o); err != nil {
		return err
	}
	if err := tx.postReturn(id, r, o); err != nil {
		return err
	}
	return state.Set(tx, types.ReturnKey(id), r)
}

// returnable refuses what cannot come back.
func (tx *Tx) returnable(m *types.RecordReturn, o *types.Order) error {
	switch o.Status {
	case types.OrderStatus_ORDER_DELIVERED, types.OrderStatus_ORDER_ACCEPTED, types.OrderStatus_ORDER_CLOSED,
		types.OrderStatus_ORDER_DISPUTED, types.OrderStatus_ORDER_REEXPORTED, types.OrderStatus_ORDER_RETURNING:
	default:
		return orderState(o, m.Order, "only what was delivered comes back")
	}
	left := o.Order.AmountMinor - o.ReturnedMinor
	switch {
	case m.Day < o.DeliveredDay:
		return orderState(o, m.Order, "it was delivered later, on "+types.FormatDay(o.DeliveredDay))
	case m.ValueMinor > left:
		return types.Refuse(types.Code_return_exceeds_remaining, "%d of %s are left with the buyer", left, m.Order)
	}
	return nil
}

// returnCounts tells whether a return weighs against the seller.
func (tx *Tx) returnCounts(r *types.ReturnRecord, o *types.Order) (bool, error) {
	if r.Opened.Fault != types.Fault_FAULT_OF_SELLER || !r.Provenance.Counted || !orderCounts(o) {
		return false, nil
	}
	group, err := tx.groupOf(o.Order.Buyer)
	return group != tx.Sender.Group, err
}

// postReturn tells both logs; it counts in the seller's only.
func (tx *Tx) postReturn(id string, r *types.ReturnRecord, o *types.Order) error {
	e := tx.orderEntry(types.EntryKind_ENTRY_RETURN, string(types.ReturnKey(id)), o, o.Order.Buyer, r.Provenance, r.Opened.Day)
	e.BaseMinor, e.Counted = r.BaseMinor, r.Counted
	n, err := tx.post(o.Order.Seller, e)
	if err != nil {
		return err
	}
	r.SellerEntry = n + 1
	e.Counterparty, e.Counted = o.Order.Seller, false
	_, err = tx.post(o.Order.Buyer, e)
	return err
}

// excludeReturn takes a return that weighs against the seller out of the sums; it still happened. The caller writes it.
func (tx *Tx) excludeReturn(r *types.ReturnRecord, seller string) error {
	if !r.Counted {
		return nil
	}
	e, err := tx.logRow(seller, r.SellerEntry-1)
	if err != nil {
		return err
	}
	r.Counted = false
	e.Kind, e.Reverses = types.EntryKind_ENTRY_RETURN_EXCLUDED, r.SellerEntry
	_, err = tx.post(seller, *e)
	return err
}

// recordReturnStep goes on with a return.
func (tx *Tx) recordReturnStep(id string, m *types.RecordReturn) error {
	old, err := state.Get(tx, types.ReturnStepKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "step of a return", types.ReturnStepKey(id), old, old.Provenance)
	}
	r, err := state.Get(tx, types.ReturnKey(m.Opened))
	if err != nil {
		return err
	}
	if r == nil {
		return types.Refuse(types.Code_return_unknown, "%s", m.Opened)
	}
	if err := tx.goesOn(m, r); err != nil {
		return err
	}
	o, err := tx.order(m.Order)
	if err != nil {
		return err
	}
	r.Stage = m.Stage
	if m.Stage == types.ReturnStage_RETURN_RECEIVED {
		r.Received = id
	} else {
		r.Reexported = id
	}
	if err := tx.returnMoves(m, r, o); err != nil {
		return err
	}
	if err := tx.rematch(o); err != nil {
		return err
	}
	if err := state.Set(tx, types.OrderKey(m.Order), o); err != nil {
		return err
	}
	if err := state.Set(tx, types.ReturnKey(m.Opened), r); err != nil {
		return err
	}
	act := tx.provenance(m.Day)
	e := tx.orderEntry(types.EntryKind_ENTRY_RETURN_STEP, string(types.ReturnStepKey(id)), o, "", act, m.Day)
	e.BaseMinor, e.Counted = r.BaseMinor, false
	if err := tx.postBoth(o, e); err != nil {
		return err
	}
	return state.Set(tx, types.ReturnStepKey(id), &types.ReturnStep{Step: m, Provenance: act})
}

// goesOn refuses a step that the return cannot take.
func (tx *Tx) goesOn(m *types.RecordReturn, r *types.ReturnRecord) error {
	if r.Provenance.Signer != tx.Sender.ID && tx.Sender.Key.Role == types.Role_PLATFORM {
		return types.Refuse(types.Code_not_a_party, "%s opened %s; it, a carrier or customs goes on with it", r.Provenance.Signer, m.Opened)
	}
	forbid := func(why string) error {
		return types.Refuse(types.Code_return_state_forbids, "%s is %s: %s", m.Opened, r.Stage, why)
	}
	after := types.ReturnStage_RETURN_OPENED
	if m.Stage == types.ReturnStage_RETURN_REEXPORTED {
		after = types.ReturnStage_RETURN_RECEIVED
	}
	switch {
	case m.Order != r.Opened.Order:
		return forbid("it is of " + r.Opened.Order)
	case m.Kind != r.Opened.Kind:
		return forbid("it is " + r.Opened.Kind.String())
	case m.Stage == types.ReturnStage_RETURN_REEXPORTED && m.Kind == types.ReturnKind_RETURN_GOODS:
		return forbid("what came back for good does not go out again")
	case r.Stage != after:
		return forbid("no " + m.Stage.String() + " now")
	case m.Day < r.Opened.Day:
		return forbid("it was opened later, on " + types.FormatDay(r.Opened.Day))
	}
	return nil
}

// returnMoves is what a step does to the order: goods came back for good, or went out again. The caller writes both.
func (tx *Tx) returnMoves(m *types.RecordReturn, r *types.ReturnRecord, o *types.Order) error {
	value := r.Opened.ValueMinor
	out := m.Stage == types.ReturnStage_RETURN_REEXPORTED
	if !out && r.Opened.Kind != types.ReturnKind_RETURN_GOODS {
		return nil
	}
	if o.OpenReturns == 0 || o.ReturnedMinor < value {
		return types.Refuse(types.Code_inconsistent_state, "%s has %d returns open, of %d", m.Order, o.OpenReturns, o.ReturnedMinor)
	}
	o.OpenReturns--
	left := o.Order.AmountMinor - o.BackMinor
	if out {
		o.ReturnedMinor -= value
		o.ReexportedDay = max(o.ReexportedDay, m.Day)
	} else {
		o.BackMinor += value
	}
	switch {
	case o.OpenReturns > 0:
		return nil
	case o.BackMinor == o.Order.AmountMinor:
		o.Status = types.OrderStatus_ORDER_RETURNED
	case out && value == left:
		o.Status = types.OrderStatus_ORDER_REEXPORTED
	case o.Before == types.OrderStatus_ORDER_CLOSED:
		o.Status = types.OrderStatus_ORDER_ACCEPTED // it closes again if nothing was claimed or taken back since
	default:
		o.Status = o.Before
	}
	o.Before = types.OrderStatus_ORDER_STATUS_UNSPECIFIED
	return tx.closeIfDone(o)
}
