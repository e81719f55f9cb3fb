package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// WithdrawOffer: the owner takes an offer of financing back, as long as the lender has not reserved on it.
//
// Signed by the owner, itself or through its delegate. Changes offer/<id>; posts OFFER to the owner's log.

// checkWithdrawOffer refuses what no state could make valid.
func checkWithdrawOffer(m *types.WithdrawOffer) error { return types.CheckRecordID(m.Offer) }

// withdrawOffer checks: offer, the signer's part, state.
func withdrawOffer(tx *Tx, m *types.WithdrawOffer) error {
	o, err := tx.offer(m.Offer)
	if err != nil {
		return err
	}
	if err := tx.actsFor(o.Owner, 0); err != nil {
		return err
	}
	switch o.Status {
	case types.OfferStatus_OFFER_OPEN:
		if o.Offer.UntilDay < tx.Block.Today() { // however long the queues are
			return types.Refuse(types.Code_offer_not_open, "%s ended on %s", m.Offer, types.FormatDay(o.Offer.UntilDay))
		}
	case types.OfferStatus_OFFER_WITHDRAWN:
		return types.Refuse(types.Code_already_recorded, "%s is withdrawn", m.Offer)
	default:
		return types.Refuse(types.Code_offer_not_open, "%s is %s", m.Offer, o.Status)
	}
	tx.closeOffer(m.Offer, o, types.OfferStatus_OFFER_WITHDRAWN)
	if err := state.Set(tx, types.OfferKey(m.Offer), o); err != nil {
		return err
	}
	e := tx.entry(types.EntryKind_ENTRY_OFFER, string(types.OfferKey(m.Offer)), o.Offer.Lender, tx.provenance(tx.Block.Today()))
	e.Day = tx.Block.Today()
	_, err = tx.post(o.Owner, e)
	return err
}
