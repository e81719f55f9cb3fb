package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// RecordOrder: a buyer ordered from a seller.
//
// Signed by a PLATFORM in its own right, which is the source of orders, or by the buyer or the seller, itself or through
// its delegate, which only declares. Writes order/<id>, ORDER_BOUGHT in the buyer's log and ORDER_SOLD in the seller's.
// A counted sale opens a promise: undelivered past its promised day it speaks against the seller. So what the buyer's
// side alone recorded is no sale until the seller confirms it. Orders between related parties count nowhere.

// orderTerm is how far after the order, in days, delivery or performance may be promised.
const orderTerm = 1098

// checkRecordOrder refuses what no state could make valid.
func checkRecordOrder(m *types.RecordOrder) error {
	return firstRefusal(
		types.CheckSourceID(m.Id),
		types.CheckSubjectID(m.Buyer), types.CheckSubjectID(m.Seller),
		types.CheckDigest(m.TermsDigest),
		required(m.Kind, "kind"),
		types.CheckAmount(m.AmountMinor),
		types.CheckCurrency(m.Currency),
		given(m.Hs6, types.CheckHS6),
		given(m.Incoterm, types.CheckIncoterm),
		checkEventDay(m.OrderDay),
		checkPromise(m),
		mustDiffer(m.Buyer, m.Seller),
	)
}

func checkPromise(m *types.RecordOrder) error {
	switch {
	case m.PromisedDay < m.OrderDay-orderLead:
		return types.Refuse(types.Code_promised_before_order, "promised for %s, ordered on %s", types.FormatDay(m.PromisedDay), types.FormatDay(m.OrderDay))
	case m.PromisedDay-m.OrderDay > orderTerm:
		return types.Refuse(types.Code_promised_too_late, "%s is more than %d days after the order", types.FormatDay(m.PromisedDay), orderTerm)
	}
	return nil
}

// recordOrder checks: day, id, both parties, the signer's part, their relation, fixing, limit of the mandate.
func recordOrder(tx *Tx, m *types.RecordOrder) error {
	if err := tx.eventDay(m.OrderDay); err != nil {
		return err
	}
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.OrderKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "order", types.OrderKey(id), old, old.Provenance)
	}
	buyer, seller, err := tx.twoParties(m.Buyer, m.Seller)
	if err != nil {
		return err
	}
	if tx.Relation != types.OwnRight {
		if _, err := tx.actsForOneOf(m.Buyer, m.Seller); err != nil {
			return err
		}
	}
	o := &types.Order{Order: m, Provenance: tx.provenance(m.OrderDay), Status: types.OrderStatus_PROPOSED}
	if o.Related, err = relation(buyer, seller, m.Related); err != nil {
		return err
	}
	if o.BaseMinor, err = tx.toBase(m.AmountMinor, m.Currency, m.OrderDay); err != nil {
		return err
	}
	if err := tx.withinMandate(o.BaseMinor); err != nil {
		return err
	}
	if err := tx.postOrder(id, o); err != nil {
		return err
	}
	if err := tx.rematch(o); err != nil {
		return err
	}
	return state.Set(tx, types.OrderKey(id), o)
}

// postOrder posts the order into both logs. The caller writes the order.
func (tx *Tx) postOrder(id string, o *types.Order) error {
	e := tx.orderEntry(types.EntryKind_ENTRY_ORDER_BOUGHT, string(types.OrderKey(id)), o, o.Order.Seller, o.Provenance, o.Order.OrderDay)
	bought, err := tx.post(o.Order.Buyer, e)
	if err != nil {
		return err
	}
	sold, err := tx.sell(id, o, o.Provenance)
	o.BoughtEntry, o.SoldEntry = bought+1, sold+1
	return err
}

// promised tells whether the seller's promise is behind an order: a platform or the seller's own side recorded it, or
// the seller confirmed, independently and in time, what the buyer recorded.
func promised(o *types.Order) bool {
	return orderCounts(o) && (recordedFor(o.Provenance) != o.Order.Buyer || o.Legs&legContract != 0)
}
