package ledger

import (
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// What the messages about orders share: who stands on which side, and the seller's promise in the sums.
//
// A counted sale is a promise to deliver by a day (record_order.go). It is open, with promise_entry naming its row in the
// seller's log, until the goods are delivered, the service is performed, or the order is cancelled. It can be moved or
// taken back before its day has passed. Afterwards it is broken, and stays so: no delivery and no cancellation takes that
// back, whoever signs; only the buyer's own side can agree to another day (amend_order.go).

// The sides of an order, as Order.amended_by and Order.cancel_asked_by name them.
const (
	sideBuyer  = "buyer"
	sideSeller = "seller"
)

// sideOfOrder names the side on which a party of the order stands.
func sideOfOrder(o *types.Order, party string) string {
	if party == o.Order.Seller {
		return sideSeller
	}
	return sideBuyer
}

// actsAlone refuses a signer that did not record the order: the platform in its own right, or whoever acts for the party
// for which it was recorded.
func (tx *Tx) actsAlone(o *types.Order) error {
	recorded := recordedFor(o.Provenance)
	if tx.Relation == types.OwnRight {
		if recorded != "" || o.Provenance.Signer != tx.Sender.ID {
			return types.Refuse(types.Code_not_a_party, "%s did not record the order", tx.Sender.ID)
		}
		return nil
	}
	actor, err := tx.actsForOneOf(o.Order.Buyer, o.Order.Seller)
	if err != nil {
		return err
	}
	if actor != recorded {
		return types.Refuse(types.Code_not_a_party, "while the order is only proposed, it is for whoever recorded it to change it")
	}
	return nil
}

// broken tells whether the promised day has passed and the promise is still open.
func (tx *Tx) broken(o *types.Order) bool {
	return o.PromiseEntry != 0 && tx.Block.Today() > o.Order.PromisedDay
}

// sell posts the order into the seller's log, counted if the seller's promise is behind it, and then open until it is
// delivered. The caller writes the order.
func (tx *Tx) sell(id string, o *types.Order, act *types.Provenance) (uint64, error) {
	e := tx.orderEntry(types.EntryKind_ENTRY_ORDER_SOLD, string(types.OrderKey(id)), o, o.Order.Buyer, act, o.Order.OrderDay)
	e.Counted = e.Counted && promised(o)
	e.Open = e.Counted
	n, err := tx.post(o.Order.Seller, e)
	if e.Open {
		o.PromiseEntry, o.SaleEntry = n+1, n+1
	}
	return n, err
}

// unsell takes the open promise and its weight out of the sums, and returns the row that had brought them. The caller
// writes the order.
func (tx *Tx) unsell(o *types.Order) (types.Entry, error) {
	row, err := tx.logRow(o.Order.Seller, o.PromiseEntry-1)
	if err != nil {
		return types.Entry{}, err
	}
	back := *row
	back.Kind, back.Reverses = types.EntryKind_ENTRY_ORDER_SOLD_REVERSED, o.PromiseEntry
	if o.SoldEntry == o.PromiseEntry {
		if o.Provenance.Fallen {
			back.Evidence = types.Evidence_SELF_DECLARED
		}
		o.SoldEntry = 0
	}
	o.PromiseEntry, o.SaleEntry = 0, 0
	_, err = tx.post(o.Order.Seller, back)
	return *row, err
}

// outsideOf tells whether two signatures, one for each side, come from independent hands, the buyer's from outside the
// seller's control group. asker is who asked before on the other side.
func (tx *Tx) outsideOf(o *types.Order, asker string) (bool, error) {
	group, err := tx.groupOf(asker)
	if err != nil || !independent(tx.Sender.ID, tx.Sender.Group, asker, group) {
		return false, err
	}
	if tx.actor() == o.Order.Buyer {
		group = tx.Sender.Group
	}
	own, err := tx.groupOf(o.Order.Seller)
	return group != own, err
}

// inUse refuses to cancel what has begun: goods moved or lie at customs, work was done, money is claimed, or lent.
func (tx *Tx) inUse(id string, o *types.Order) error {
	use := func(what string) error {
		return types.Refuse(types.Code_order_in_use, "%s is %s: %s", id, o.Status, what)
	}
	switch {
	case o.Status != types.OrderStatus_PROPOSED && o.Status != types.OrderStatus_CONFIRMED:
		return use("it has begun")
	case o.ExecutedMinor > 0:
		return use("a part was performed")
	case o.Releases > 0:
		return use("customs released its goods")
	}
	if o.Declaration != "" {
		d, err := state.Get(tx, types.DeclarationKey(o.Declaration))
		if err != nil {
			return err
		}
		if d != nil && d.Status != types.DeclarationStatus_DECLARATION_IS_REVOKED {
			return use("its goods were declared")
		}
	}
	gone := []types.ReceivableStatus{types.ReceivableStatus_VOID, types.ReceivableStatus_REJECTED}
	for _, r := range o.Receivables {
		v, err := tx.receivable(r)
		if err != nil {
			return err
		}
		if !slices.Contains(gone, v.Status) {
			return use(r + " claims money for it")
		}
	}
	row, err := tx.liens(string(types.OrderKey(id)))
	if err == nil && row != nil {
		return use(row.Liens[0].Object + " of it is pledged")
	}
	return err
}
