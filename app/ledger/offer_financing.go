package ledger

import (
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// OfferFinancing: the owner of receivables, declarations or transferable documents offers them to one lender.
//
// Signed by the owner, itself or through its delegate. Writes offer/<id> and the day it lapses; posts OFFER to the owner's
// log. Without an offer nobody can reserve anything, so nobody blocks what is not his to lend on. An offer locks nothing:
// the owner may make several, to several lenders, and withdraw them. Whether the objects are free is asked when one of
// the lenders reserves them, so an offer says nothing about what is pledged elsewhere.
//
// Factoring assigns receivables (Civil Code of China, art. 761) and a pledge of documents takes documents: those two kinds
// have objects of their own.

// maxOffered bounds the objects of an offer.
const maxOffered = 16

// checkOfferFinancing refuses what no state could make valid.
func checkOfferFinancing(m *types.OfferFinancing) error {
	return firstRefusal(
		types.CheckSourceID(m.Id),
		types.CheckMemberID(m.Lender),
		required(m.Kind, "kind"),
		checkOfferedOrder(m.Objects),
		checkOfferedCount(m.Objects),
		eachOffered(m, func(o *types.OfferedObject) error { return types.CheckAmount(o.AmountMinor) }),
		eachOffered(m, func(o *types.OfferedObject) error { _, _, err := splitCollateral(o.Object); return err }),
		eachOffered(m, func(o *types.OfferedObject) error { return checkKind(m.Kind, o.Object) }),
	)
}

func eachOffered(m *types.OfferFinancing, check func(*types.OfferedObject) error) error {
	for _, o := range m.Objects {
		if err := check(o); err != nil {
			return err
		}
	}
	return nil
}

func checkOfferedOrder(objects []*types.OfferedObject) error {
	for i := 1; i < len(objects); i++ {
		if objects[i-1].Object >= objects[i].Object {
			return types.Refuse(types.Code_list_not_sorted, "objects stand in ascending order, each once")
		}
	}
	return nil
}

func checkOfferedCount(objects []*types.OfferedObject) error {
	if len(objects) > maxOffered {
		return types.Refuse(types.Code_list_too_long, "%d objects, at most %d", len(objects), maxOffered)
	}
	if len(objects) == 0 {
		return types.Refuse(types.Code_count_out_of_range, "no object is offered")
	}
	return nil
}

// checkKind refuses objects that a kind of financing does not take.
func checkKind(k types.FinancingKind, object string) error {
	kind, _, _ := splitCollateral(object)
	if k == types.FinancingKind_FACTORING && kind != string(types.Receivables) {
		return types.Refuse(types.Code_object_not_financeable, "factoring takes receivables, not %s", object)
	}
	if k == types.FinancingKind_DOCUMENT_PLEDGE && kind != string(types.Transferables) {
		return types.Refuse(types.Code_object_not_financeable, "a pledge of documents takes transferable documents, not %s", object)
	}
	return nil
}

// offerFinancing checks: id, term, the objects, the signer's part, that they belong together, what they are, the lender,
// limit of the mandate.
func offerFinancing(tx *Tx, m *types.OfferFinancing) error {
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.OfferKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "offer", types.OfferKey(id), old, old.Provenance)
	}
	if err := tx.expiry(m.UntilDay, maxExpiry); err != nil {
		return err
	}
	objects := make([]*collateral, len(m.Objects))
	for i, o := range m.Objects {
		if objects[i], err = collateralOf(tx, o.Object); err != nil {
			return err
		}
	}
	o := &types.Offer{
		Offer: m, Provenance: tx.provenance(tx.Block.Today()), Status: types.OfferStatus_OFFER_OPEN,
		Owner: objects[0].owner, Currency: objects[0].currency,
	}
	if err := tx.actsFor(o.Owner, 0); err != nil {
		return err
	}
	base, err := tx.addUp(o, objects)
	if err != nil {
		return err
	}
	if err := tx.lender(m.Lender, o.Owner); err != nil {
		return err
	}
	if err := tx.withinMandate(base); err != nil {
		return err
	}
	if err := state.Set(tx, types.OfferKey(id), o); err != nil {
		return err
	}
	if err := tx.later(tx.Block.endOfDay(m.UntilDay), types.DueKind_DUE_OFFER, id); err != nil {
		return err
	}
	e := tx.entry(types.EntryKind_ENTRY_OFFER, string(types.OfferKey(id)), m.Lender, o.Provenance)
	e.Day, e.DueDay, e.BaseMinor = tx.Block.Today(), m.UntilDay, base
	_, err = tx.post(o.Owner, e)
	return err
}

// addUp adds up what is offered, in the offer's currency and, as its result, in base currency. It refuses objects of
// several owners or currencies, objects that cannot be lent on, and a part of what is pledged whole.
func (tx *Tx) addUp(o *types.Offer, objects []*collateral) (base int64, err error) {
	for i, c := range objects {
		amount := o.Offer.Objects[i].AmountMinor
		if c.owner != o.Owner || c.currency != o.Currency {
			return 0, types.Refuse(types.Code_objects_differ, "%s is of %s in %s, not of %s in %s", c.object, c.owner, c.currency, o.Owner, o.Currency)
		}
		if c.unfit != nil {
			return 0, c.unfit
		}
		if c.whole && amount != c.face {
			return 0, types.Refuse(types.Code_object_not_financeable, "%s is pledged whole: %d", c.object, c.face)
		}
		if amount > c.face {
			return 0, types.Refuse(types.Code_balance_short, "%s is %d in all", c.object, c.face)
		}
		if o.AmountMinor, err = types.Add(o.AmountMinor, amount); err != nil {
			return 0, err
		}
		share, err := c.baseOf(amount)
		if err != nil {
			return 0, err
		}
		if base, err = types.Add(base, share); err != nil {
			return 0, err
		}
	}
	return base, types.CheckAmount(o.AmountMinor)
}

// lender refuses who cannot lend to an owner: no member, not live, without the BANK role, or of its control group.
func (tx *Tx) lender(id, owner string) error {
	m, err := member(tx, id)
	if err != nil {
		return err
	}
	if m.Status != types.MemberStatus_LIVE || !slices.Contains(m.Roles, types.Role_BANK) {
		return types.Refuse(types.Code_lender_unfit, "%s is no live member with the role BANK", id)
	}
	apart, err := tx.armsLength(id, owner)
	if err == nil && !apart {
		return types.Refuse(types.Code_lender_unfit, "%s belongs to the control group of %s", id, owner)
	}
	return err
}

// offer returns a recorded offer.
func (tx *Tx) offer(id string) (*types.Offer, error) {
	o, err := state.Get(tx, types.OfferKey(id))
	if err == nil && o == nil {
		return nil, types.Refuse(types.Code_offer_unknown, "%s", id)
	}
	return o, err
}

// closeOffer ends an open offer and takes it from the queues. The caller writes it.
func (tx *Tx) closeOffer(id string, o *types.Offer, status types.OfferStatus) {
	o.Status = status
	tx.Delete(string(types.DueKey(tx.Block.endOfDay(o.Offer.UntilDay), types.DueKind_DUE_OFFER, id)))
}

// lapseOffer ends an offer whose last day has passed.
func lapseOffer(w *state.Batch, id string) error {
	o, err := there(w, types.OfferKey(id))
	switch {
	case err != nil:
		return err
	case o.Status != types.OfferStatus_OFFER_OPEN:
		return nil
	}
	o.Status = types.OfferStatus_OFFER_LAPSED
	return state.Set(w, types.OfferKey(id), o)
}
