package ledger

import (
	"tradecredit/types"
)

// A service is performed and not carried. Its order has a contract value (合同额), which is its amount, and an executed
// value (执行额), the sum of the steps that the seller recorded. When the steps that the buyer or the tax authority
// confirmed reach the contract value, the order is DELIVERED and its promise closes, as by a delivery of goods: on the
// latest day that a confirmation named, since the seller's own word about the day proves nothing. A contract can also be
// cut to what was confirmed; if its promise was broken by then, it is performed on the day of the cut.
//
// What that is worth follows from who confirmed. It is a fulfilled sale if members that stand outside the order and the
// seller confirmed every step: the tax authority, or a delegate of the buyer. Two evidence legs come of it: that of the
// goods, for which a carrier signs otherwise, if the tax authority confirmed all steps, and that of the receipt if the
// buyer's side did.

// performedIfDone closes the promise of a service whose confirmed steps reach the contract value, on that day. act is what
// brought that about, outside whether it stands outside the order and the seller. The caller writes the order.
func (tx *Tx) performedIfDone(id string, o *types.Order, act *types.Provenance, day int32, outside bool) error {
	open := o.Status == types.OrderStatus_PROPOSED || o.Status == types.OrderStatus_CONFIRMED
	if !isService(o) || !open || o.ConfirmedMinor != o.Order.AmountMinor {
		return nil
	}
	o.Status = types.OrderStatus_ORDER_DELIVERED
	o.DeliveredDay, o.DeliveredBy = day, act.Signer
	o.DeliveredIndependent = outside && memberOf(act.Signer) != "" && o.MemberConfirmedMinor == o.Order.AmountMinor
	o.CancelAskedBy = ""
	if err := tx.lendPerformed(o, act, day); err != nil {
		return err
	}
	record := string(types.OrderKey(id))
	e := tx.orderEntry(types.EntryKind_ENTRY_DELIVERED, record, o, o.Order.Buyer, act, day)
	e.Open, e.Independent, e.OnTime = o.PromiseEntry != 0, o.DeliveredIndependent, day <= o.Order.PromisedDay
	o.PromiseEntry = 0
	sold, err := tx.post(o.Order.Seller, e)
	if err != nil {
		return err
	}
	received, err := tx.post(o.Order.Buyer, tx.orderEntry(types.EntryKind_ENTRY_RECEIVED, record, o, o.Order.Seller, act, day))
	o.DeliveredEntry, o.ReceivedEntry = sold+1, received+1
	return err
}

// lendPerformed gives the order's receivables the legs that follow from confirmed steps, or takes them: the leg of the
// goods stands while the tax authority confirmed the whole contract, that of the receipt while the buyer's side did. The
// buyer's acceptance of the whole gives the latter, too, and keeps it.
func (tx *Tx) lendPerformed(o *types.Order, act *types.Provenance, day int32) error {
	whole := o.Order.AmountMinor
	legs := o.Legs &^ legGoods
	if o.TaxConfirmedMinor == whole {
		legs |= legGoods
	}
	if o.BuyerConfirmedMinor == whole {
		legs |= legAcceptance
	}
	return tx.lend(o, legs, act, day)
}

// service refuses an order of goods.
func service(id string, o *types.Order) error {
	if !isService(o) {
		return types.Refuse(types.Code_not_a_service, "%s is %s", id, o.Order.Kind)
	}
	return nil
}

// goods refuses an order of services.
func goods(id string, o *types.Order) error {
	if isService(o) {
		return types.Refuse(types.Code_not_goods, "%s is %s: it is performed, not carried", id, o.Order.Kind)
	}
	return nil
}
