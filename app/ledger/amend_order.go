package ledger

import (
	"bytes"

	"tradecredit/app/state"
	"tradecredit/types"
)

// AmendOrder: new terms of an order.
//
// Signed by whoever recorded the order while it is PROPOSED, the platform in its own right or the party: then the terms
// are in force at once. Later signed by either party, itself or through its delegate: the amendment waits in order/<id>
// until the other party signs the digest of its terms with confirm_order. A new amendment takes the place of the one that
// waits, whoever asked: an answer with other terms is a refusal. One that states the terms in force withdraws one's own.
//
// In force it changes order/<id> and posts ORDER_AMENDED to both logs. An open promise leaves the seller's sums with
// ORDER_SOLD_REVERSED and comes back with the new day and amount, at the fixing of the order day. What both sides signed
// is evidence by its own signatures: COUNTERPARTY_CONFIRMED with the contract leg if they are independent, nothing if one
// institution signed for both.
//
// Nobody moves a promise alone once its day has passed, and one institution that signs for both sides neither; the buyer
// can agree to another day. After the delivery only the amount can change; it stays above what was invoiced, executed,
// returned, or pledged.

// checkAmendOrder refuses what no state could make valid.
func checkAmendOrder(m *types.AmendOrder) error {
	return firstRefusal(
		types.CheckRecordID(m.Order),
		types.CheckDigest(m.TermsDigest),
		types.CheckAmount(m.AmountMinor),
		checkEventDay(m.Day),
		checkEventDay(m.PromisedDay),
	)
}

// amendOrder checks: day, order, the signer's part, whether these are its terms already, promised day, terms, state,
// use, fixing, liens, day of the order, limit of the mandate.
func amendOrder(tx *Tx, m *types.AmendOrder) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	o, err := tx.order(m.Order)
	if err != nil {
		return err
	}
	alone := o.Status == types.OrderStatus_PROPOSED
	if alone {
		err = tx.actsAlone(o)
	} else {
		_, err = tx.actsForOneOf(o.Order.Buyer, o.Order.Seller)
	}
	if err != nil {
		return err
	}
	side := sideOfOrder(o, tx.actor())
	own := o.Amendment != nil && o.AmendedBy == side
	switch {
	case statesTerms(m, o) && own:
		o.Amendment, o.AmendedBy, o.AmendedSigner = nil, "", ""
		return state.Set(tx, types.OrderKey(m.Order), o)
	case statesTerms(m, o):
		return types.Refuse(types.Code_already_recorded, "these are the terms of %s", m.Order)
	case own && sameAmendment(m, o.Amendment):
		return types.Refuse(types.Code_already_recorded, "this amendment of %s waits for the other party", m.Order)
	}
	base, err := tx.amendable(m.Order, o, m)
	if err != nil {
		return err
	}
	if err := sinceOrder(o, m.Day); err != nil {
		return err
	}
	if err := tx.withinMandate(base); err != nil {
		return err
	}
	if !alone {
		o.Amendment, o.AmendedBy, o.AmendedSigner = m, side, tx.Sender.ID
		return state.Set(tx, types.OrderKey(m.Order), o)
	}
	recorded := o.SoldEntry != 0 && o.SoldEntry == o.PromiseEntry && !o.Provenance.Fallen // else the new row is this signer's word
	if err := tx.amended(o, m, base, tx.provenance(m.Day), m.Day, false); err != nil {
		return err
	}
	if recorded {
		o.SoldEntry = o.SaleEntry // it may be performed by now, and the promise closed
	}
	return state.Set(tx, types.OrderKey(m.Order), o)
}

// statesTerms tells whether an amendment says what is in force anyway.
func statesTerms(m *types.AmendOrder, o *types.Order) bool {
	return bytes.Equal(m.TermsDigest, o.Order.TermsDigest) && m.AmountMinor == o.Order.AmountMinor && m.PromisedDay == o.Order.PromisedDay
}

func sameAmendment(a, b *types.AmendOrder) bool {
	return bytes.Equal(a.TermsDigest, b.TermsDigest) && a.AmountMinor == b.AmountMinor && a.PromisedDay == b.PromisedDay && a.Day == b.Day
}

// amendable refuses an amendment that cannot come into force now, and returns the order's new base amount.
func (tx *Tx) amendable(id string, o *types.Order, a *types.AmendOrder) (base int64, err error) {
	moved := a.PromisedDay != o.Order.PromisedDay
	if err := checkPromise(&types.RecordOrder{OrderDay: o.Order.OrderDay, PromisedDay: a.PromisedDay}); err != nil {
		return 0, err
	}
	if bytes.Equal(a.TermsDigest, o.Order.TermsDigest) {
		return 0, types.Refuse(types.Code_terms_differ, "another day or amount, and the digest of the old terms")
	}
	switch o.Status {
	case types.OrderStatus_ORDER_CANCELLED, types.OrderStatus_ORDER_CLOSED, types.OrderStatus_ORDER_RETURNED:
		return 0, orderState(o, id, "it is over")
	case types.OrderStatus_PROPOSED:
		if moved && tx.Block.Today() > o.Order.PromisedDay {
			return 0, orderState(o, id, "the promised day has passed, and only the other party could agree to another")
		}
	}
	if o.DeliveredDay != 0 && moved {
		return 0, orderState(o, id, "it was delivered; only the amount can change")
	}
	if used := max(o.InvoicedMinor, o.ExecutedMinor, o.ReturnedMinor); a.AmountMinor < used {
		return 0, types.Refuse(types.Code_amendment_below_use, "%d of it is invoiced, executed or returned", used)
	}
	if base, err = tx.toBase(a.AmountMinor, o.Order.Currency, o.Order.OrderDay); err != nil {
		return 0, err
	}
	row, err := tx.liens(string(types.OrderKey(id)))
	if err == nil && row != nil && base < row.BaseMinor {
		return 0, types.Refuse(types.Code_value_under_financing, "%d of %s is pledged", row.BaseMinor, id)
	}
	return base, err
}

// confirmAmendment brings the amendment that waits into force. It checks: which side signs, what amendable checks, day of
// the order, limit of the mandate, and whose word moves a broken promise.
func (tx *Tx) confirmAmendment(m *types.ConfirmOrder, o *types.Order, actor string) error {
	a := o.Amendment
	if sideOfOrder(o, actor) == o.AmendedBy {
		return types.Refuse(types.Code_not_a_party, "the %s asked for the amendment; the other party confirms it", o.AmendedBy)
	}
	base, err := tx.amendable(m.Order, o, a)
	if err != nil {
		return err
	}
	if err := sinceOrder(o, m.Day); err != nil {
		return err
	}
	if err := tx.withinMandate(base); err != nil {
		return err
	}
	outside, err := tx.outsideOf(o, o.AmendedSigner)
	if err != nil {
		return err
	}
	if !outside && tx.broken(o) && a.PromisedDay != o.Order.PromisedDay {
		return types.Refuse(types.Code_same_control_group, "the promised day has passed: both sides sign for another one in hands of their own")
	}
	act := tx.provenance(m.Day)
	legs := o.Legs &^ legContract
	if outside {
		act.Evidence = types.Evidence_COUNTERPARTY_CONFIRMED
		if act.Counted {
			legs |= legContract
		}
	}
	o.ConfirmedBy, o.ConfirmedIndependent, o.Provenance.Evidence = tx.Sender.ID, outside, act.Evidence
	if err := tx.lend(o, legs, act, m.Day); err != nil {
		return err
	}
	if err := tx.amended(o, a, base, act, m.Day, outside); err != nil {
		return err
	}
	return state.Set(tx, types.OrderKey(m.Order), o)
}

// amended puts new terms into force by an act on that day; outside says that both sides signed in independent hands. The
// caller writes the order.
func (tx *Tx) amended(o *types.Order, a *types.AmendOrder, base int64, act *types.Provenance, day int32, outside bool) error {
	var sold types.Entry
	var err error
	open := o.PromiseEntry != 0
	if open {
		if sold, err = tx.unsell(o); err != nil {
			return err
		}
	}
	o.Order.PromisedDay, o.Order.AmountMinor, o.Order.TermsDigest, o.BaseMinor = a.PromisedDay, a.AmountMinor, a.TermsDigest, base
	o.Amendment, o.AmendedBy, o.AmendedSigner, o.CancelAskedBy = nil, "", "", ""
	o.Amendments++
	switch {
	case open:
		sold.DueDay, sold.BaseMinor, sold.Member, sold.Evidence = a.PromisedDay, base, memberOf(act.Signer), act.Evidence
		n, err := tx.post(o.Order.Seller, sold)
		if err != nil {
			return err
		}
		o.PromiseEntry, o.SaleEntry = n+1, n+1
	case o.DeliveredDay == 0 && promised(o):
		if _, err := tx.sell(a.Order, o, act); err != nil {
			return err
		}
	}
	e := tx.orderEntry(types.EntryKind_ENTRY_ORDER_AMENDED, string(types.OrderKey(a.Order)), o, "", act, day)
	e.Counted = false
	if err := tx.postBoth(o, e); err != nil {
		return err
	}
	if isService(o) && o.DeliveredDay != 0 {
		err = tx.lendPerformed(o, act, day)
	} else {
		err = tx.cutToPerformed(a.Order, o, act, outside)
	}
	if err != nil {
		return err
	}
	return tx.rematch(o)
}

// cutToPerformed closes the promise of a service whose contract was cut to the steps that were confirmed.
func (tx *Tx) cutToPerformed(id string, o *types.Order, act *types.Provenance, outside bool) error {
	day := o.PerformedDay
	if tx.broken(o) {
		day = max(day, tx.Block.Today())
	}
	return tx.performedIfDone(id, o, act, day, outside)
}
