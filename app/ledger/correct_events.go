package ledger

import (
	"bytes"
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// How each kind of record is corrected; see correct_record.go.

// correctMovement: day, place and transport document. The day of a delivery moves only if an independent member signed it:
// whether it was in time then follows from the new day.
func correctMovement(tx *Tx, c *correction) ([]byte, error) {
	m := c.msg.(*types.RecordLogisticsEvent)
	v, err := decode[types.Movement](c.key, c.value)
	if err != nil {
		return nil, err
	}
	was := v.Event
	if err := tx.movementDay(m); err != nil {
		return nil, err
	}
	day := min(m.Day, tx.Block.Today()+1) // an estimate speaks of days ahead
	if err := tx.mayCorrect(c, v.Provenance, m.Id, day); err != nil {
		return nil, err
	}
	if err := stays(m.Order == was.Order && m.Event == was.Event, "the order and what happened"); err != nil {
		return nil, err
	}
	o, err := tx.order(m.Order)
	if err != nil {
		return nil, err
	}
	if err := sinceOrder(o, m.Day); err != nil {
		return nil, err
	}
	v.Event = m
	if m.Event == types.LogisticsEvent_DELIVERED {
		err = tx.redeliver(c, v, o, was.Day)
	} else {
		err = tx.remove(c, v, o)
	}
	if err != nil {
		return nil, err
	}
	return v.Marshal()
}

// remove puts a movement's row in the place of the one it had.
func (tx *Tx) remove(c *correction, v *types.Movement, o *types.Order) error {
	if err := tx.corrected(c, o.Order.Seller, o.Order.Buyer); err != nil {
		return err
	}
	if err := tx.excludeRow(o.Order.Seller, v.SellerEntry, v.Provenance); err != nil {
		return err
	}
	return tx.moves(c.id, v, o)
}

// redeliver puts a delivery's two rows in the place of those it had. Where only place or paper changed, they stay.
func (tx *Tx) redeliver(c *correction, v *types.Movement, o *types.Order, was int32) error {
	for _, side := range [...][2]string{{o.Order.Seller, o.Order.Buyer}, {o.Order.Buyer, o.Order.Seller}} {
		if err := tx.corrected(c, side[0], side[1]); err != nil {
			return err
		}
	}
	day := v.Event.Day
	if day == was || v.SellerEntry == 0 { // none: it left the sums after a dispute
		return nil
	}
	sold, err := tx.logRow(o.Order.Seller, v.SellerEntry-1)
	if err != nil {
		return err
	}
	if err := stays(sold.Counted && sold.Independent && v.Provenance.Counted, "the day of a delivery that no independent member signed in time"); err != nil {
		return err
	}
	if err := tx.excludeRow(o.Order.Seller, v.SellerEntry, v.Provenance); err != nil {
		return err
	}
	if err := tx.excludeRow(o.Order.Buyer, v.BuyerEntry, v.Provenance); err != nil {
		return err
	}
	e := tx.orderEntry(types.EntryKind_ENTRY_DELIVERED, c.key, o, o.Order.Buyer, v.Provenance, day)
	e.DueDay, e.Independent, e.OnTime = sold.DueDay, true, day <= sold.DueDay // its promise is closed already
	n, err := tx.post(o.Order.Seller, e)
	if err != nil {
		return err
	}
	v.SellerEntry = n + 1
	n, err = tx.post(o.Order.Buyer, tx.orderEntry(types.EntryKind_ENTRY_RECEIVED, c.key, o, o.Order.Seller, v.Provenance, day))
	v.BuyerEntry = n + 1
	if err != nil {
		return err
	}
	o.DeliveredDay = day
	if err := tx.rematch(o); err != nil {
		return err
	}
	return state.Set(tx, types.OrderKey(v.Event.Order), o)
}

// correctTrace: place, day and commitment.
func correctTrace(tx *Tx, c *correction) ([]byte, error) {
	m := c.msg.(*types.RecordTrace)
	v, err := decode[types.Trace](c.key, c.value)
	if err != nil {
		return nil, err
	}
	if err := tx.mayCorrect(c, v.Provenance, m.Id, m.Day); err != nil {
		return nil, err
	}
	was := v.Trace
	same := bytes.Equal(m.Lot, was.Lot) && m.Event == was.Event && m.Order == was.Order &&
		slices.EqualFunc(m.FromLots, was.FromLots, bytes.Equal)
	if err := stays(same, "the lot, what went into it, its order and what happened"); err != nil {
		return nil, err
	}
	v.Trace = m
	return v.Marshal()
}

// correctTaxEvent: day, amount and invoice number.
func correctTaxEvent(tx *Tx, c *correction) ([]byte, error) {
	m := c.msg.(*types.RecordTaxEvent)
	v, err := decode[types.TaxRecord](c.key, c.value)
	if err != nil {
		return nil, err
	}
	if err := tx.mayCorrect(c, v.Provenance, m.Id, m.Day); err != nil {
		return nil, err
	}
	was := v.Event
	same := m.Subject == was.Subject && m.Event == was.Event && m.Receivable == was.Receivable && m.Declaration == was.Declaration
	if err := stays(same, "the subject, what happened and what it is about"); err != nil {
		return nil, err
	}
	if err := tx.corrected(c, m.Subject, ""); err != nil {
		return nil, err
	}
	v.Event = m
	if v.Entry > 0 {
		if err := tx.excludeRow(m.Subject, v.Entry, v.Provenance); err != nil {
			return nil, err
		}
		if err := tx.postTax(c.id, v); err != nil {
			return nil, err
		}
	}
	return v.Marshal()
}

// correctFxEvent: day and amounts.
func correctFxEvent(tx *Tx, c *correction) ([]byte, error) {
	m := c.msg.(*types.RecordFxEvent)
	v, err := decode[types.FxRecord](c.key, c.value)
	if err != nil {
		return nil, err
	}
	if err := tx.mayCorrect(c, v.Provenance, m.Id, m.Day); err != nil {
		return nil, err
	}
	was := v.Event
	if err := stays(m.Subject == was.Subject && m.Event == was.Event && bytes.Equal(m.Settlement, was.Settlement),
		"the subject, what happened and the payment"); err != nil {
		return nil, err
	}
	if err := tx.ofSettlement(m); err != nil {
		return nil, err
	}
	if err := tx.corrected(c, m.Subject, ""); err != nil {
		return nil, err
	}
	v.Event = m
	if v.Entry > 0 {
		if err := tx.excludeRow(m.Subject, v.Entry, v.Provenance); err != nil {
			return nil, err
		}
		if err := tx.postFx(c.id, v); err != nil {
			return nil, err
		}
	}
	return v.Marshal()
}
