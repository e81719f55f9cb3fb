package ledger

import (
	"bytes"

	"tradecredit/app/state"
	"tradecredit/types"
)

// RecordTrace: where a lot of goods was, and what was done with it.
//
// Signed by LOGISTICS, the source of movements, or by a PLATFORM or VERIFIER as a third party. Writes trace/<id> and
// lot/<lot>, which names the lot's latest trace and counts them; each trace names the one before, so that whoever knows a lot
// walks back from sale to origin. With PROCESSED and PACKED it names the lots that went into it, and the way goes on from
// there. A trace says something of goods and nothing of a subject: no log hears of it.

// maxFromLots is how many lots may go into one.
const maxFromLots = 16

// checkRecordTrace refuses what no state could make valid.
func checkRecordTrace(m *types.RecordTrace) error {
	return firstRefusal(
		types.CheckSourceID(m.Id),
		given(m.Order, types.CheckRecordID),
		types.CheckDigest(m.Lot),
		checkFromLots(m),
		checkOptionalDigest(m.Commitment),
		required(m.Event, "event"),
		checkFromLotsOrder(m),
		types.CheckPlace(m.Place),
		checkFromLotsEvent(m),
		checkEventDay(m.Day),
	)
}

func checkFromLots(m *types.RecordTrace) error {
	for _, lot := range m.FromLots {
		if err := types.CheckDigest(lot); err != nil {
			return err
		}
	}
	return nil
}

// checkFromLotsOrder refuses lots that do not ascend, too many of them, and a lot that goes into itself.
func checkFromLotsOrder(m *types.RecordTrace) error {
	for i, lot := range m.FromLots {
		if i > 0 && bytes.Compare(m.FromLots[i-1], lot) >= 0 || bytes.Equal(lot, m.Lot) {
			return types.Refuse(types.Code_list_not_sorted, "from_lots ascend without repetition, and without the lot itself")
		}
	}
	if len(m.FromLots) > maxFromLots {
		return types.Refuse(types.Code_list_too_long, "%d lots, at most %d", len(m.FromLots), maxFromLots)
	}
	return nil
}

func checkFromLotsEvent(m *types.RecordTrace) error {
	made := m.Event == types.TraceEvent_TRACE_PROCESSED || m.Event == types.TraceEvent_TRACE_PACKED
	if len(m.FromLots) > 0 && !made {
		return types.Refuse(types.Code_field_not_of_event, "from_lots stands with TRACE_PROCESSED and TRACE_PACKED only")
	}
	return nil
}

// recordTrace checks: day, id, order, kind of the order, lots.
func recordTrace(tx *Tx, m *types.RecordTrace) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.TraceKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return again(tx, "trace", types.TraceKey(id), old, old.Provenance)
	}
	if err := tx.goodsOf(m.Order); err != nil {
		return err
	}
	for _, from := range m.FromLots {
		lot, err := state.Get(tx, types.LotKey(from))
		if err != nil {
			return err
		}
		if lot == nil {
			return types.Refuse(types.Code_record_unknown, "nobody traced %s", types.LotKey(from))
		}
	}
	lot, err := state.Get(tx, types.LotKey(m.Lot))
	if err != nil {
		return err
	}
	if lot == nil {
		lot = &types.Lot{}
	}
	t := &types.Trace{Trace: m, Provenance: tx.provenance(m.Day), Previous: lot.Last, Number: lot.Traces + 1}
	if t.Number == 0 {
		return types.Refuse(types.Code_overflow, "traces of %s", types.LotKey(m.Lot))
	}
	lot.Last, lot.Traces = id, t.Number
	if err := state.Set(tx, types.LotKey(m.Lot), lot); err != nil {
		return err
	}
	return state.Set(tx, types.TraceKey(id), t)
}

// goodsOf refuses an order that is named and unknown, or one of services.
func (tx *Tx) goodsOf(order string) error {
	if order == "" {
		return nil
	}
	o, err := tx.order(order)
	if err != nil {
		return err
	}
	return goods(order, o)
}
