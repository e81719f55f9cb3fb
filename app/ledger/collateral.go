package ledger

import (
	"strings"

	"tradecredit/app/state"
	"tradecredit/types"
)

// collateral is what the rules of financing must know of an object: a receivable, a customs declaration, or a
// transferable document. Liens are not part of it: they lie in the object's encumbrance.
type collateral struct {
	object   string // its state key
	owner    string // the receivable's seller, the declaration's declarant, the document's controller
	debtor   string // of a receivable; otherwise empty
	order    string // the trade it belongs to; empty: none is named
	currency string
	face     int64 // its whole amount
	base     int64 // the same in base currency, as the object fixed it
	free     int64 // what could be pledged of it now if no lien rested on it
	whole    bool  // pledged whole or not at all, to one lender: a document of title goes from hand to hand
	unfit    error // why nothing can be lent on it, object_not_financeable or object_rejected; nil: nothing stands against it
	dispute  string
	paper    string // the object whose paper this is: a split receivable's root, otherwise itself
	prints   []fingerprint
}

// collateralKinds are the kinds of objects that can be financed.
var collateralKinds = [...]string{string(types.Receivables), string(types.Declarations), string(types.Transferables)}

// splitCollateral takes a state key like "receivable/<id>" apart; object_malformed when it is none of an object.
func splitCollateral(object string) (kind, id string, err error) {
	for _, kind := range collateralKinds {
		if id, ok := strings.CutPrefix(object, kind); ok && types.CheckRecordID(id) == nil {
			return kind, id, nil
		}
	}
	return "", "", types.Refuse(types.Code_object_malformed, "%.80q: receivable/…, declaration/… or transferable/…", object)
}

// collateralOf reads an object; object_unknown when there is none.
func collateralOf(r state.Reader, object string) (*collateral, error) {
	kind, id, err := splitCollateral(object)
	if err != nil {
		return nil, err
	}
	var c *collateral
	switch kind {
	case string(types.Receivables):
		c, err = receivableCollateral(r, id)
	case string(types.Declarations):
		c, err = declarationCollateral(r, id)
	default:
		c, err = transferableCollateral(r, id)
	}
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, types.Refuse(types.Code_object_unknown, "%s", object)
	}
	c.object = object
	if c.paper == "" {
		c.paper = object
	}
	return c, nil
}

// receivableCollateral: the open part can be pledged while the debtor owes it. The parts of a split receivable are one
// paper, their root's: its fingerprints are theirs, so that nobody sheds them by splitting.
func receivableCollateral(r state.Reader, id string) (*collateral, error) {
	v, err := state.Get(r, types.ReceivableKey(id))
	if err != nil || v == nil {
		return nil, err
	}
	m := v.Receivable
	c := &collateral{
		owner: m.Seller, debtor: m.Debtor, order: m.Order, currency: m.Currency,
		face: m.AmountMinor, base: v.BaseMinor, free: openMinor(v), dispute: v.Dispute,
	}
	switch v.Status {
	case types.ReceivableStatus_ISSUED, types.ReceivableStatus_ACCEPTED, types.ReceivableStatus_PARTLY_SETTLED:
		if v.Suppressed != 0 {
			c.unfit = types.Refuse(types.Code_object_not_financeable, "%s left the scores after a dispute", id)
		}
	case types.ReceivableStatus_REJECTED:
		c.unfit = types.Refuse(types.Code_object_rejected, "%s rejected %s", m.Debtor, id)
	default:
		c.unfit = types.Refuse(types.Code_object_not_financeable, "%s is %s", id, v.Status)
	}
	if v.Root != "" && v.Root != id {
		c.paper = string(types.ReceivableKey(v.Root))
		root, err := state.Get(r, types.ReceivableKey(v.Root))
		if err != nil {
			return nil, err
		}
		if root == nil {
			return nil, missing(c.paper)
		}
		m = root.Receivable
	}
	zero := types.FingerprintZero(m.Seller, m.Debtor, m.Type, m.IssueDay, m.Currency, m.AmountMinor)
	c.prints = fingerprintsOf(zero, m.Fingerprints)
	return c, nil
}

// declarationCollateral: the release opens a balance. A declaration has no fingerprints: its number is its id, and who
// finances it twice meets its balance, or that of its order.
func declarationCollateral(r state.Reader, id string) (*collateral, error) {
	v, err := state.Get(r, types.DeclarationKey(id))
	if err != nil || v == nil {
		return nil, err
	}
	c := &collateral{
		owner: v.Declarant, order: v.Order, currency: v.Currency, face: v.ValueMinor, base: v.BaseMinor, free: v.FinanceableMinor,
	}
	if v.FinanceableMinor == 0 || v.ReleasedDay == 0 { // a release that fell secures what it did, and nothing new
		c.unfit = types.Refuse(types.Code_object_not_financeable, "%s is %s: nothing of it is released", id, v.Status)
	}
	return c, nil
}

// transferableCollateral: the document itself, whole, while it is in circulation.
func transferableCollateral(r state.Reader, id string) (*collateral, error) {
	v, err := state.Get(r, types.TransferableKey(id))
	if err != nil || v == nil {
		return nil, err
	}
	m := v.Document
	c := &collateral{
		owner: v.Controller, order: m.Order, currency: m.Currency,
		face: m.AmountMinor, base: v.BaseMinor, free: m.AmountMinor, whole: true,
	}
	if v.Status != types.TransferableStatus_TRANSFERABLE_LIVE {
		c.unfit = types.Refuse(types.Code_object_not_financeable, "%s is %s", id, v.Status)
	}
	zero := types.FingerprintZero(m.Controller, "", m.Type, m.IssueDay, m.Currency, m.AmountMinor)
	c.prints = fingerprintsOf(zero, m.Fingerprints)
	return c, nil
}

// baseOf is what an amount of the object is in base currency.
func (c *collateral) baseOf(amount int64) (int64, error) { return types.Share(c.base, amount, c.face) }

// tradeBaseOf is what an amount of the object takes of its trade, in base currency. What is in the currency of the order
// is measured at the order's own rate, so that a rate that moved between order and invoice neither makes room nor takes
// it; anything else by its own base amount.
func (c *collateral) tradeBaseOf(o *types.Order, amount int64) (int64, error) {
	if c.currency == o.Order.Currency {
		return types.Share(o.BaseMinor, amount, o.Order.AmountMinor)
	}
	return c.baseOf(amount)
}
