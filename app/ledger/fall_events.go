package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// How tax and foreign-exchange events fall when their key was in wrong hands; see fall.go.

// fallRow lets an event's own row lose its evidence, or leave the sums if it counted by its signature alone.
// A delivery that counted nowhere stays as it is, and so does the promise that it broke.
func (tx *Tx) fallRow(subject string, entry uint64, p *types.Provenance) error {
	if entry == 0 || !alone(p) {
		return tx.losesEvidence(subject, entry)
	}
	if e, err := tx.logRow(subject, entry-1); err != nil || !e.Counted {
		return err
	}
	return tx.excludeRow(subject, entry, p)
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
	if err := tx.invoiceFalls(v); err != nil {
		return 0, err
	}
	fell(v.Provenance)
	return 2, state.Set(tx, types.Key[types.TaxRecord](key), v)
}

// invoiceFalls takes the invoice leg from the receivable that an event verified, unless another authority verified it since.
func (tx *Tx) invoiceFalls(v *types.TaxRecord) error {
	if v.Event.Event != types.TaxEvent_INVOICE_VERIFIED || v.Event.Receivable == "" {
		return nil
	}
	id, r, err := tx.invoiced(v.Event.Receivable)
	if err != nil || r.TaxVerifiedBy != v.Provenance.Signer {
		return err
	}
	if err := tx.unverifyInvoice(id, r, v.Provenance, tx.Block.Today()); err != nil {
		return err
	}
	return state.Set(tx, types.ReceivableKey(id), r)
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
