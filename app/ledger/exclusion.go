package ledger

import (
	"tradecredit/types"
)

// An event that counted leaves the sums for good, after a dispute or a correction. Its row stays in the log; a new row,
// EVENT_EXCLUDED, repeats it, names it in reverses and its kind in excludes, and takes back what it still counts. A sale
// leaves with ORDER_SOLD_REVERSED, a verdict with VERDICT_EXCLUDED, parts, obligations and claims with their own kinds.

// excluded takes back an event; of a delivery the fulfilled sale, too, or the broken promise, and of a cancellation the
// broken promise that it kept. A promise that was closed stays closed.
func (f *fold) excluded() {
	switch f.entry.Excludes {
	case types.EntryKind_ENTRY_DELIVERED:
		f.delivered(-1)
	case types.EntryKind_ENTRY_ORDER_CANCELLED:
		f.orderCancelled(-1)
	default:
		if f.entry.Counted {
			f.event(-1)
		}
	}
}

// excludeRow takes the row of an event out of the sums: number is its own plus one, 0 if there is none. p is the
// provenance of the record that the row tells of: what fell counts as SELF_DECLARED by now, or nowhere. The caller forgets
// the number, so that nothing takes the row back twice.
func (tx *Tx) excludeRow(subject string, number uint64, p *types.Provenance) error {
	if number == 0 {
		return nil
	}
	e, err := tx.logRow(subject, number-1)
	if err != nil {
		return err
	}
	if p.Fallen {
		e.Evidence, e.Independent = types.Evidence_SELF_DECLARED, false
		e.Counted = e.Counted && p.Counted
	}
	broken := e.Kind == types.EntryKind_ENTRY_DELIVERED && e.Open && !e.OnTime
	if !e.Counted && !broken {
		return nil
	}
	e.Excludes, e.Reverses = e.Kind, number
	switch e.Kind {
	case types.EntryKind_ENTRY_VERDICT:
		e.Kind, e.Excludes = types.EntryKind_ENTRY_VERDICT_EXCLUDED, 0
	case types.EntryKind_ENTRY_ORDER_SOLD: // its promise is closed; an open one goes with Tx.unsell
		e.Kind, e.Excludes, e.Open = types.EntryKind_ENTRY_ORDER_SOLD_REVERSED, 0, false
	default:
		e.Kind = types.EntryKind_ENTRY_EVENT_EXCLUDED
	}
	_, err = tx.post(subject, *e)
	return err
}
