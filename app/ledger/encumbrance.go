package ledger

import (
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// An encumbrance is the one lock of an object: encumbrance/<object key> holds every live lien on it, and nothing else in
// the state does. So what this one key holds, or the proof that it is absent, is the proof of what is pledged.
//
// Objects of one trade share a second row, encumbrance/order/<id>. The same shipment can be told as a receivable, as a
// customs declaration and as a bill of lading; each of them alone would have its own balance. All liens together may hold
// what was ordered, in base currency, and no more: the tenth by which invoices may exceed an order is for what is billed
// beyond the price, freight and insurance, and no second security.

const (
	// maxLiens bounds the live liens of an encumbrance.
	maxLiens = 64
	// maxReservations is how often an object may be reserved in reservationWindow days. A bank that holds an object
	// without lending on it, with an owner that lets it, blocks it for a month at most.
	maxReservations   = 3
	reservationWindow = 30
)

// liens returns the live liens on an object: a state key as "receivable/bank-a/r1", or "order/…" for all objects of one
// trade. Nil when none rests on it: a row without live liens, which only remembers past reservations, is no lock.
func (tx *Tx) liens(object string) (*types.Encumbrance, error) {
	e, err := state.Get(tx, types.EncumbranceKey(object))
	if err != nil || e == nil || len(e.Liens) == 0 {
		return nil, err
	}
	return e, nil
}

// pledgedMinor is what the live liens of an encumbrance hold of their object, in the object's currency. Nil holds nothing.
func pledgedMinor(e *types.Encumbrance) (int64, error) {
	total := int64(0)
	if e == nil {
		return 0, nil
	}
	var err error
	for _, l := range e.Liens {
		if total, err = types.Add(total, l.AmountMinor); err != nil {
			return 0, err
		}
	}
	return total, nil
}

// encumbrance reads a row to change it; an empty one when there is none.
func (tx *Tx) encumbrance(object string) (*types.Encumbrance, error) {
	e, err := state.Get(tx, types.EncumbranceKey(object))
	if err == nil && e == nil {
		e = &types.Encumbrance{}
	}
	return e, err
}

// setEncumbrance writes a row, or deletes it when it holds no lien and remembers no recent reservation.
func (tx *Tx) setEncumbrance(object string, e *types.Encumbrance) error {
	today := tx.Block.Today()
	e.ReservationDays = slices.DeleteFunc(e.ReservationDays, func(day int32) bool { return today-day >= reservationWindow })
	if len(e.Liens) == 0 && len(e.ReservationDays) == 0 {
		tx.Delete(string(types.EncumbranceKey(object)))
	} else if err := state.Set(tx, types.EncumbranceKey(object), e); err != nil {
		return err
	}
	return tx.closeFallen(object)
}

// lienOf finds the lien of a financing on an object in a row; nil when there is none.
func lienOf(e *types.Encumbrance, financing, object string) *types.Lien {
	for _, l := range e.Liens {
		if l.Financing == financing && l.Object == object {
			return l
		}
	}
	return nil
}

// encumber puts a new lien on an object and on its trade. It refuses what does not fit under what rests there already:
// balance_short, trade_pledged, too_many_reservations, too_many_liens.
func (tx *Tx) encumber(f *types.Financing, c *collateral, amount int64) error {
	row, err := tx.encumbrance(c.object)
	if err != nil {
		return err
	}
	base, err := c.baseOf(amount)
	if err != nil {
		return err
	}
	lien := &types.Lien{
		Financing: f.Id, Lender: f.Lender, Object: c.object, AmountMinor: amount, BaseMinor: base,
		Height: tx.Block.Height, RegistryNumber: f.RegistryNumber, Reserved: true,
	}
	if err := attach(row, lien); err != nil {
		return err
	}
	if err := covered(row, c); err != nil {
		return err
	}
	if err := tx.encumberTrade(f, c, amount); err != nil {
		return err
	}
	today, recent := tx.Block.Today(), 0
	for _, day := range row.ReservationDays {
		if today-day < reservationWindow {
			recent++
		}
	}
	switch {
	case recent >= maxReservations:
		return types.Refuse(types.Code_too_many_reservations, "%s was reserved %d times in %d days", c.object, recent, reservationWindow)
	case len(row.Liens) > maxLiens:
		return types.Refuse(types.Code_too_many_liens, "%s carries %d liens", c.object, maxLiens)
	}
	row.ReservationDays = append(row.ReservationDays, today)
	return tx.setEncumbrance(c.object, row)
}

// encumberTrade puts the lien on the trade that the object belongs to, if it names one: trade_pledged, too_many_liens.
func (tx *Tx) encumberTrade(f *types.Financing, c *collateral, amount int64) error {
	if c.order == "" {
		return nil
	}
	o, err := tx.order(c.order)
	if err != nil {
		return err
	}
	trade := string(types.OrderKey(c.order))
	row, err := tx.encumbrance(trade)
	if err != nil {
		return err
	}
	base, err := c.tradeBaseOf(o, amount)
	if err != nil {
		return err
	}
	lien := &types.Lien{
		Financing: f.Id, Lender: f.Lender, Object: c.object, AmountMinor: amount, BaseMinor: base,
		Height: tx.Block.Height, Reserved: true,
	}
	if err := attach(row, lien); err != nil {
		return err
	}
	switch {
	case row.BaseMinor > o.BaseMinor:
		return types.Refuse(types.Code_trade_pledged, "%d of the %d of %s would be pledged", row.BaseMinor, o.BaseMinor, c.order)
	case len(row.Liens) > maxLiens:
		return types.Refuse(types.Code_too_many_liens, "%s carries %d liens", trade, maxLiens)
	}
	return tx.setEncumbrance(trade, row)
}

// attach adds a lien and its weight to a row.
func attach(row *types.Encumbrance, l *types.Lien) (err error) {
	row.Liens = append(row.Liens, l)
	row.BaseMinor, err = types.Add(row.BaseMinor, l.BaseMinor)
	return err
}

// covered refuses with balance_short liens that hold more of an object than it has, and a second one on what is pledged
// whole.
func covered(row *types.Encumbrance, c *collateral) error {
	pledged, err := pledgedMinor(row)
	if err != nil {
		return err
	}
	if pledged > c.free || c.whole && len(row.Liens) > 1 {
		return types.Refuse(types.Code_balance_short, "%s: liens of %d on %d", c.object, pledged, c.free)
	}
	return nil
}

// resize makes a lien as large as what was lent against it: on the object's row, and on that of its trade.
func (tx *Tx) resize(f *types.Financing, c *collateral, amount int64) (*types.Encumbrance, error) {
	base, err := c.baseOf(amount)
	if err != nil {
		return nil, err
	}
	row, err := tx.changeLien(f, c, c.object, func(l *types.Lien) {
		l.AmountMinor, l.BaseMinor, l.Reserved = amount, base, false
		l.RegistryNumber, l.RegisteredDay = f.RegistryNumber, f.RegisteredDay
	})
	if err != nil || c.order == "" {
		return row, err
	}
	o, err := tx.order(c.order)
	if err != nil {
		return nil, err
	}
	if base, err = c.tradeBaseOf(o, amount); err != nil {
		return nil, err
	}
	_, err = tx.changeLien(f, c, string(types.OrderKey(c.order)), func(l *types.Lien) {
		l.AmountMinor, l.BaseMinor, l.Reserved = amount, base, false
	})
	return row, err
}

// changeLien lets change work on the lien of a financing on an object, in the row of the object or of its trade.
func (tx *Tx) changeLien(f *types.Financing, c *collateral, key string, change func(*types.Lien)) (*types.Encumbrance, error) {
	row, err := tx.encumbrance(key)
	if err != nil {
		return nil, err
	}
	l := lienOf(row, f.Id, c.object)
	if l == nil {
		return nil, types.Refuse(types.Code_inconsistent_state, "%s holds no lien of %s", key, f.Id)
	}
	row.BaseMinor -= l.BaseMinor
	change(l)
	if row.BaseMinor, err = types.Add(row.BaseMinor, l.BaseMinor); err != nil {
		return nil, err
	}
	return row, tx.setEncumbrance(key, row)
}

// disencumber takes the lien of a financing from an object and from its trade.
func (tx *Tx) disencumber(f *types.Financing, c *collateral) error {
	keys := []string{c.object}
	if c.order != "" {
		keys = append(keys, string(types.OrderKey(c.order)))
	}
	for _, key := range keys {
		row, err := tx.encumbrance(key)
		if err != nil {
			return err
		}
		l := lienOf(row, f.Id, c.object)
		if l == nil {
			return types.Refuse(types.Code_inconsistent_state, "%s holds no lien of %s", key, f.Id)
		}
		row.BaseMinor -= l.BaseMinor
		row.Liens = slices.DeleteFunc(row.Liens, func(x *types.Lien) bool { return x == l })
		if err := tx.setEncumbrance(key, row); err != nil {
			return err
		}
	}
	return nil
}
