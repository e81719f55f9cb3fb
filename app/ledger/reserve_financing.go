package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// ReserveFinancing: the lender that an offer names looks whether the objects are free, and locks them, in one step.
//
// Signed by a BANK. Consumes the offer; writes financing/<id> and the time it lapses, for each object its lien under
// encumbrance/<object> and, when it names an order, under encumbrance/order/<id>, and the fingerprints of its paper; posts
// RESERVED to the owner's log. All objects are reserved or none. Of two banks that reserve the same in one block the
// first gets it, and the second its code.
//
// A reservation holds for ten days. If it lapses or is cancelled, the owner has to offer again; three reservations an
// object in thirty days are the most.

// reservationDays is how long a reservation holds.
const reservationDays = 10

// checkReserveFinancing refuses what no state could make valid.
func checkReserveFinancing(m *types.ReserveFinancing) error {
	return firstRefusal(types.CheckSourceID(m.Id), types.CheckRecordID(m.Offer), checkRegistryNumber(m.RegistryNumber))
}

// reserveFinancing checks: id; the offer, its lender, whether it is open, and whether lender and owner still are
// unrelated; then object by object: what it is, its owner, rejection, dispute, other papers with its fingerprints, its
// balance, its trade's, reservations and number of liens.
func reserveFinancing(tx *Tx, m *types.ReserveFinancing) error {
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.FinancingKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "financing", types.FinancingKey(id), old, old.Provenance)
	}
	o, err := tx.offer(m.Offer)
	if err != nil {
		return err
	}
	switch {
	case o.Offer.Lender != tx.Sender.ID:
		return types.Refuse(types.Code_offer_other_lender, "%s is made to %s", m.Offer, o.Offer.Lender)
	case o.Status != types.OfferStatus_OFFER_OPEN:
		return types.Refuse(types.Code_offer_not_open, "%s is %s", m.Offer, o.Status)
	case o.Offer.UntilDay < tx.Block.Today(): // however long the queues are
		return types.Refuse(types.Code_offer_not_open, "%s ended on %s", m.Offer, types.FormatDay(o.Offer.UntilDay))
	}
	if err := tx.lender(tx.Sender.ID, o.Owner); err != nil {
		return err
	}
	f := &types.Financing{
		Id: id, Offer: m.Offer, Kind: o.Offer.Kind, Borrower: o.Owner, Lender: tx.Sender.ID, Objects: o.Offer.Objects,
		Currency: o.Currency, ReservedMinor: o.AmountMinor, Status: types.FinancingStatus_RESERVED,
		Provenance: tx.provenance(tx.Block.Today()), LapsesUnix: tx.Block.Unix + reservationDays*secondsADay,
		RegistryNumber: m.RegistryNumber, ReservedHeight: tx.Block.Height,
	}
	if err := tx.lock(f); err != nil {
		return err
	}
	tx.closeOffer(m.Offer, o, types.OfferStatus_OFFER_CONSUMED)
	o.Financing = id
	if err := state.Set(tx, types.OfferKey(m.Offer), o); err != nil {
		return err
	}
	if err := state.Set(tx, types.FinancingKey(id), f); err != nil {
		return err
	}
	if err := tx.later(f.LapsesUnix, types.DueKind_DUE_RESERVATION, id); err != nil {
		return err
	}
	e := tx.entry(types.EntryKind_ENTRY_RESERVED, string(types.FinancingKey(id)), f.Lender, f.Provenance)
	e.Day, e.DueDay = tx.Block.Today(), types.DayOf(f.LapsesUnix, tx.Block.Chain.DayOffsetS)
	_, err = tx.post(f.Borrower, e)
	return err
}

// lock puts liens and fingerprints on all objects of a new financing. The caller writes f.
func (tx *Tx) lock(f *types.Financing) error {
	return tx.eachCollateral(f, func(i int, c *collateral, first bool) error {
		amount := f.Objects[i].AmountMinor
		switch {
		case c.unfit != nil:
			return c.unfit
		case c.owner != f.Borrower:
			return types.Refuse(types.Code_object_not_owned, "%s is of %s now", c.object, c.owner)
		case c.dispute != "":
			return types.Refuse(types.Code_object_disputed, "%s is disputed by %s", c.object, c.dispute)
		}
		if first {
			if err := tx.imprint(f, c); err != nil {
				return err
			}
		}
		return tx.encumber(f, c, amount)
	})
}

// lapse ends a reservation that nobody confirmed in time.
func (b *Block) lapseReservation(w *state.Batch, id string) error {
	tx := &Tx{Batch: w, Block: b}
	f, err := there(w, types.FinancingKey(id))
	switch {
	case err != nil:
		return err
	case f.Status != types.FinancingStatus_RESERVED:
		return nil
	}
	f.Status = types.FinancingStatus_FINANCING_LAPSED
	if err := tx.unlock(f, nil, b.Today()); err != nil {
		return err
	}
	return state.Set(w, types.FinancingKey(id), f)
}
