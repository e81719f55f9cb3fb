package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// An encumbrance is the one lock of an object: encumbrance/<object key> holds every live lien on it, and nothing else in
// the state does. So the proof that this one key is absent, or what it holds, is the proof of what is pledged.

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
