package ledger

import (
	"bytes"

	"tradecredit/app/state"
	"tradecredit/types"
)

// ConfirmOrder: the other party says that these are the terms.
//
// Signed by the party that did not record the order, itself or through its delegate; by either party when a platform
// recorded it in its own right. Changes order/<id>, PROPOSED to CONFIRMED; posts ORDER_CONFIRMED to both logs, and
// ORDER_SOLD to the seller's when the seller confirms what the buyer recorded. Only a signer that is independent of
// whoever recorded the order raises the evidence and gives its receivables the contract leg: one institution that speaks
// for both sides proves nothing by agreeing with itself.
//
// With the terms of an amendment that waits, the party that did not ask for it brings it into force: see amend_order.go.

// checkConfirmOrder refuses what no state could make valid.
func checkConfirmOrder(m *types.ConfirmOrder) error {
	return firstRefusal(types.CheckRecordID(m.Order), types.CheckDigest(m.TermsDigest), checkEventDay(m.Day))
}

// confirmOrder checks: day, order, the signer's part, whether it did so before, limit of the mandate, terms, state, day of
// the order. already_recorded is told by signer and terms.
func confirmOrder(tx *Tx, m *types.ConfirmOrder) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	o, err := tx.order(m.Order)
	if err != nil {
		return err
	}
	actor, err := tx.actsForOneOf(o.Order.Buyer, o.Order.Seller)
	if err != nil {
		return err
	}
	inForce := bytes.Equal(m.TermsDigest, o.Order.TermsDigest)
	switch {
	case o.Amendment != nil && bytes.Equal(m.TermsDigest, o.Amendment.TermsDigest):
		return tx.confirmAmendment(m, o, actor)
	case inForce && o.ConfirmedBy == tx.Sender.ID:
		return types.Refuse(types.Code_already_recorded, "%s confirmed %s", o.ConfirmedBy, m.Order)
	case actor == recordedFor(o.Provenance):
		return types.Refuse(types.Code_not_a_party, "%s recorded the order; the other party confirms it", actor)
	}
	if err := tx.withinMandate(o.BaseMinor); err != nil {
		return err
	}
	switch {
	case !inForce && o.ConfirmedBy != "" && o.Amendment == nil:
		return types.Refuse(types.Code_nothing_to_confirm, "%s confirmed %s, and no amendment waits", o.ConfirmedBy, m.Order)
	case !inForce:
		return types.Refuse(types.Code_terms_differ, "%s has other terms than the signed ones", m.Order)
	case o.ConfirmedBy != "":
		return types.Refuse(types.Code_already_confirmed, "%s confirmed %s", o.ConfirmedBy, m.Order)
	case o.Status != types.OrderStatus_PROPOSED:
		return orderState(o, m.Order, "only a proposed order is confirmed")
	}
	if err := sinceOrder(o, m.Day); err != nil {
		return err
	}
	return tx.confirmed(m, o)
}

// recordedFor is the enterprise for which a record was made: itself, or under its mandate; empty when a member made it
// in its own right.
func recordedFor(p *types.Provenance) string {
	if p.Role == types.Role_ENTERPRISE {
		return p.Signer
	}
	return p.OnBehalfOf
}

func (tx *Tx) confirmed(m *types.ConfirmOrder, o *types.Order) error {
	act, sold := tx.provenance(m.Day), promised(o)
	var err error
	if o.ConfirmedIndependent, err = tx.independentOf(o.Provenance); err != nil {
		return err
	}
	o.Status, o.ConfirmedBy = types.OrderStatus_CONFIRMED, tx.Sender.ID
	if o.ConfirmedIndependent {
		act.Evidence = types.Evidence_COUNTERPARTY_CONFIRMED
		o.Provenance.Evidence = max(o.Provenance.Evidence, act.Evidence)
		if act.Counted {
			if err := tx.lend(o, o.Legs|legContract, act, m.Day); err != nil {
				return err
			}
		}
	}
	if !sold && promised(o) {
		if _, err := tx.sell(m.Order, o, act); err != nil {
			return err
		}
	}
	if err := tx.rematch(o); err != nil {
		return err
	}
	if err := state.Set(tx, types.OrderKey(m.Order), o); err != nil {
		return err
	}
	return tx.postBoth(o, tx.orderEntry(types.EntryKind_ENTRY_ORDER_CONFIRMED, string(types.OrderKey(m.Order)), o, "", act, m.Day))
}
