package ledger

import (
	"fmt"

	"tradecredit/app/state"
	"tradecredit/types"
)

// How each kind of record falls to SELF_DECLARED, and what falls with it. Rows of logs are never changed: a new row
// names the old one and takes back exactly what no longer holds of it (post.go). States stay as they are, for goods and
// papers went where they went: an order stays confirmed or delivered, a document verified, and what is settled stays
// settled.

// decode reads a record that a walk found; one that does not decode halts the node like any other.
func decode[V any, P types.Record[V]](key string, value []byte) (P, error) {
	v := P(new(V))
	if err := v.Unmarshal(value); err != nil {
		return nil, fmt.Errorf("%w: record at %q does not decode: %v", state.ErrCorrupt, key, err)
	}
	return v, nil
}

// fell marks a provenance. What was late counts on only if a backfill window covered it.
func fell(p *types.Provenance) {
	p.Evidence, p.Fallen = types.Evidence_SELF_DECLARED, true
	p.Counted = p.Counted && (!p.Late || p.Backfill)
}

// alone tells whether a late record counts by its signature alone, as its source's (LEDGER.md §2).
func alone(p *types.Provenance) bool { return p.Counted && p.Late && !p.Backfill }

// losesEvidence posts that a row of a log, whose number plus one is given, counts as SELF_DECLARED from now on.
func (tx *Tx) losesEvidence(subject string, number uint64) error {
	return tx.amendRow(subject, number, types.EntryKind_ENTRY_EVIDENCE_LOST)
}

// amendRow posts a row of that kind about an earlier one, unless there is none or it counts nowhere.
func (tx *Tx) amendRow(subject string, number uint64, kind types.EntryKind) error {
	if number == 0 {
		return nil
	}
	e, err := tx.logRow(subject, number-1)
	if err != nil || !e.Counted || e.Evidence <= types.Evidence_SELF_DECLARED {
		return err
	}
	e.Kind, e.Reverses = kind, number
	_, err = tx.post(subject, *e)
	return err
}

// fallOrder: the two rows that a platform's order left lose their evidence. What an independent party confirmed keeps the
// contract leg, which rests on the confirmation.
func fallOrder(tx *Tx, m mark, key string, value []byte) (int, error) {
	o, err := decode[types.Order](key, value)
	if err != nil || !m.covers(o.Provenance) {
		return 0, err
	}
	fell(o.Provenance)
	if err := state.Set(tx, types.Key[types.Order](key), o); err != nil {
		return 0, err
	}
	if err := tx.losesEvidence(o.Order.Buyer, o.BoughtEntry); err != nil {
		return 0, err
	}
	return 2, tx.losesEvidence(o.Order.Seller, o.SoldEntry)
}

// fallMovement: its rows lose their evidence. A delivery is no fulfilled sale any more, and the goods leg goes.
func fallMovement(tx *Tx, m mark, key string, value []byte) (int, error) {
	v, err := decode[types.Movement](key, value)
	if err != nil || !m.covers(v.Provenance) {
		return 0, err
	}
	o, err := tx.order(v.Event.Order)
	if err != nil {
		return 0, err
	}
	if err := tx.losesEvidence(o.Order.Seller, v.SellerEntry); err != nil {
		return 0, err
	}
	if err := tx.losesEvidence(o.Order.Buyer, v.BuyerEntry); err != nil {
		return 0, err
	}
	work := 2
	if v.Event.Event == types.LogisticsEvent_DELIVERED {
		work += len(o.Receivables)
		o.DeliveredIndependent = false
		if err := tx.lend(o, o.Legs&^legGoods, v.Provenance, tx.Block.Today()); err != nil {
			return 0, err
		}
		if err := tx.rematch(o); err != nil {
			return 0, err
		}
		if err := state.Set(tx, types.OrderKey(v.Event.Order), o); err != nil {
			return 0, err
		}
	}
	fell(v.Provenance)
	return work, state.Set(tx, types.Key[types.Movement](key), v)
}

// fallCustomsEvent: its row loses its evidence, or leaves the sums if it was late. A declaration falls with its first
// event. A release closes the balance that it opened, for good, but for what it secures, and its leg goes; values that were
// amended stay.
func fallCustomsEvent(tx *Tx, m mark, key string, value []byte) (int, error) {
	v, err := decode[types.CustomsRecord](key, value)
	if err != nil || !m.covers(v.Provenance) {
		return 0, err
	}
	id := m.holder + "/" + v.Event.Declaration
	d, err := there(tx, types.DeclarationKey(id))
	if err != nil {
		return 0, err
	}
	kind := types.EntryKind_ENTRY_EVIDENCE_LOST
	if alone(v.Provenance) {
		kind = types.EntryKind_ENTRY_CUSTOMS_EXCLUDED
	}
	if err := tx.amendRow(d.Declarant, v.Entry, kind); err != nil {
		return 0, err
	}
	work := 1
	switch v.Event.Event {
	case types.CustomsEvent_DECLARED:
		fell(d.Provenance)
	case types.CustomsEvent_RELEASED:
		o, err := tx.order(d.Order)
		if err != nil {
			return 0, err
		}
		work += len(o.Receivables)
		if err := tx.releaseFalls(d, o, v.Provenance); err != nil {
			return 0, err
		}
		if err := state.Set(tx, types.OrderKey(d.Order), o); err != nil {
			return 0, err
		}
	}
	if err := state.Set(tx, types.DeclarationKey(id), d); err != nil {
		return 0, err
	}
	fell(v.Provenance)
	return work, state.Set(tx, types.Key[types.CustomsRecord](key), v)
}

// fallVerdicts: the row of the key's verdict loses its evidence, or leaves the sums if it was late. The document stays
// what the verdicts made it: a holder who doubts that anchors it again and has it verified by somebody else.
func fallVerdicts(tx *Tx, m mark, key string, value []byte) (int, error) {
	d, err := decode[types.Document](key, value)
	if err != nil {
		return 0, err
	}
	work := 0
	for _, v := range d.Verdicts {
		if !m.covers(v.Provenance) {
			continue
		}
		kind := types.EntryKind_ENTRY_EVIDENCE_LOST
		if alone(v.Provenance) {
			kind = types.EntryKind_ENTRY_VERDICT_EXCLUDED
		}
		if err := tx.amendRow(d.Document.Subject, v.Entry, kind); err != nil {
			return 0, err
		}
		fell(v.Provenance)
		work++
	}
	if work == 0 {
		return 0, nil
	}
	return work, state.Set(tx, types.Key[types.Document](key), d)
}

// fallReceivable: the evidence that the debtor's acceptance gave it goes from the seller's record. The acceptance, its
// leg and the obligation rest on the debtor's signature and stay. Its own row is SELF_DECLARED from the start.
func fallReceivable(tx *Tx, m mark, key string, value []byte) (int, error) {
	r, err := decode[types.Receivable](key, value)
	if err != nil || !m.covers(r.Provenance) {
		return 0, err
	}
	fell(r.Provenance)
	return 0, state.Set(tx, types.Key[types.Receivable](key), r)
}

// fallSettlement: only money signed by its source makes parts, so with the creditor's side all parts leave the sums and
// no longer count as a bank's. The debtor's side made nothing but evidence. A settlement that was taken back has no part
// to lose, but an obligation that it brought about may stand.
func fallSettlement(tx *Tx, m mark, key string, value []byte) (int, error) {
	s, err := decode[types.Settlement](key, value)
	if err != nil {
		return 0, err
	}
	creditor, debtor := m.covers(s.CreditorSide), m.covers(s.DebtorSide)
	if !creditor && !debtor {
		return 0, nil
	}
	work := 1
	if creditor {
		if err := tx.fallParts(s); err != nil {
			return 0, err
		}
		work += 4 * len(s.Parts)
	}
	s.Evidence = types.Evidence_SELF_DECLARED
	for _, side := range [...]*types.Provenance{s.CreditorSide, s.DebtorSide} {
		if m.covers(side) {
			fell(side)
		}
		if side != nil {
			s.Evidence = max(s.Evidence, side.Evidence)
		}
	}
	return work, state.Set(tx, types.Key[types.Settlement](key), s)
}

// fallParts takes the parts of a settlement out of the sums, the last first, and what rests on them.
func (tx *Tx) fallParts(s *types.Settlement) error {
	for i := len(s.Parts) - 1; i >= 0; i-- {
		if !s.Reversed {
			if err := tx.fallPart(s, i); err != nil {
				return err
			}
		}
		if err := tx.obligationFalls(s.Parts[i]); err != nil {
			return err
		}
	}
	return nil
}

// fallPart takes one part out of the sums, with what hangs on it: the funds leg, and the experience if nobody else's word
// makes it one. What the part closed stays closed. A payment in the other direction that it had made a two-way payment stays out too.
func (tx *Tx) fallPart(s *types.Settlement, i int) error {
	part := s.Parts[i]
	p, err := tx.paper(part.Receivable)
	if err != nil {
		return err
	}
	r, bank := p.r, part.Bank
	if err := p.uncountPart(s, i); err != nil {
		return err
	}
	if bank {
		if r.BankParts == 0 {
			return types.Refuse(types.Code_inconsistent_state, "%s has no part of a bank", part.Receivable)
		}
		part.Bank = false
		r.BankParts--
	}
	if r.BankParts == 0 {
		if err := p.setLegs(r.Legs&^legFunds, s.CreditorSide, tx.Block.Today()); err != nil {
			return err
		}
	}
	if err := p.absolve(); err != nil {
		return err
	}
	if err := p.write(); err != nil || !bank {
		return err
	}
	return tx.orderPaid(r, 0, -1)
}

// obligationFalls lets the obligation that a part brought about count as SELF_DECLARED, if the receivable still is that
// experience: other parts or the debtor's acceptance keep it one, even when the part itself was taken back.
func (tx *Tx) obligationFalls(part *types.Part) error {
	if part.Obligation == 0 {
		return nil
	}
	r, err := tx.receivable(part.Receivable)
	if err != nil || r.ObligationEntry != part.Obligation {
		return err
	}
	if err := tx.losesEvidence(r.Receivable.Debtor, r.ObligationEntry); err != nil {
		return err
	}
	r.ObligationFallen = true
	return state.Set(tx, types.ReceivableKey(part.Receivable), r)
}

func fallFixing(tx *Tx, m mark, key string, value []byte) (int, error) {
	f, err := decode[types.Fixing](key, value)
	if err != nil || !m.covers(f.Provenance) {
		return 0, err
	}
	fell(f.Provenance)
	return 0, state.Set(tx, types.Key[types.Fixing](key), f)
}
