package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// How tax and foreign-exchange events fall when their key was in wrong hands; see fall.go.

// fallRow lets an event's own row lose its evidence, or leave the sums if it counted by its signature alone.
func (tx *Tx) fallRow(subject string, entry uint64, p *types.Provenance) error {
	if alone(p) {
		return tx.excludeRow(subject, entry, p)
	}
	return tx.losesEvidence(subject, entry)
}

// fallTaxEvent: its row loses its evidence, and the receivable that it verified its leg.
func fallTaxEvent(tx *Tx, m mark, key string, value []byte) (int, error) {
	v, err := decode[types.TaxRecord](key, value)
	if err != nil || !m.covers(v.Provenance) {
		return 0, err
	}
	if err := tx.fallRow(v.Event.Subject, v.Entry, v.Provenance); err != nil {
		return 0, err
	}
	work := 1
	if v.Event.Event == types.TaxEvent_INVOICE_VERIFIED && v.Event.Receivable != "" {
		r, err := tx.receivable(v.Event.Receivable)
		if err != nil {
			return 0, err
		}
		if r.TaxVerifiedBy == v.Provenance.Signer {
			if err := tx.unverifyInvoice(v.Event.Receivable, r, v.Provenance, tx.Block.Today()); err != nil {
				return 0, err
			}
			if err := state.Set(tx, types.ReceivableKey(v.Event.Receivable), r); err != nil {
				return 0, err
			}
		}
		work++
	}
	fell(v.Provenance)
	return work, state.Set(tx, types.Key[types.TaxRecord](key), v)
}

// fallFxEvent: its row loses its evidence.
func fallFxEvent(tx *Tx, m mark, key string, value []byte) (int, error) {
	v, err := decode[types.FxRecord](key, value)
	if err != nil || !m.covers(v.Provenance) {
		return 0, err
	}
	if err := tx.fallRow(v.Event.Subject, v.Entry, v.Provenance); err != nil {
		return 0, err
	}
	fell(v.Provenance)
	return 1, state.Set(tx, types.Key[types.FxRecord](key), v)
}
