package ledger

import (
	"slices"

	"tradecredit/types"
)

// WriteOff: the creditor gives up what is open of a receivable.
//
// Signed by the seller, itself or through its delegate, not before 180 days beyond terms. Changes receivable/<id> to
// WRITTEN_OFF, and order/<id> when it names one; posts WRITTEN_OFF to the debtor's log and GIVEN_UP to the seller's. Of an
// experience, which somebody else than the seller made one, it closes a part at p = 1 with its days beyond terms, unless
// the act is LATE; of anything else it counts nowhere. It is no money: it makes no leg, no experience and no two-way
// payment, and no member vouches for it. The debtor may dispute it. What is written off is paid no more: money that comes
// after all is for a new receivable.

const (
	writeOffTerm  = 180 // days beyond terms before which nothing is written off
	writtenOffPay = 1   // payment score of what is written off
)

// checkWriteOff refuses what no state could make valid.
func checkWriteOff(m *types.WriteOff) error {
	return firstRefusal(types.CheckRecordID(m.Receivable), checkEventDay(m.Day))
}

// writeOff checks: day, receivable, whether this signer wrote it off so before, the signer's part and its mandate's limit,
// state, number of parts, liens, terms.
func writeOff(tx *Tx, m *types.WriteOff) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	p, err := tx.paper(m.Receivable)
	if err != nil {
		return err
	}
	if done, err := p.endedBefore("write-off"); done || err != nil {
		return err
	}
	if err := tx.actsFor(p.r.Receivable.Seller, openBase(p.r)); err != nil {
		return err
	}
	switch p.r.Status {
	case types.ReceivableStatus_ISSUED, types.ReceivableStatus_ACCEPTED, types.ReceivableStatus_PARTLY_SETTLED:
	default:
		return p.forbids("nothing is open of it")
	}
	due := p.r.Receivable.DueDay
	if len(p.r.WriteOffs) >= maxReceivableParts {
		return types.Refuse(types.Code_too_many_parts, "%s was written off %d times", m.Receivable, maxReceivableParts)
	}
	if err := p.unlocked(); err != nil {
		return err
	}
	if m.Day < due+writeOffTerm {
		return types.Refuse(types.Code_write_off_too_early, "not before %s", types.FormatDay(due+writeOffTerm))
	}
	if err := p.giveUp(m); err != nil {
		return err
	}
	if err := p.write(); err != nil {
		return err
	}
	return p.reviewOrder()
}

// giveUp closes what is open.
func (p *paper) giveUp(m *types.WriteOff) error {
	r, act := p.r, p.tx.provenance(m.Day)
	part := &types.Part{
		Receivable: p.id, AmountMinor: openMinor(r), BaseMinor: openBase(r), Dbt: m.Day - r.Receivable.DueDay, P: writtenOffPay,
		Counted: r.Experience && act.Counted,
	}
	was := p.standing()
	r.WrittenOffMinor += part.AmountMinor
	r.WrittenOffBaseMinor += part.BaseMinor
	if part.Counted {
		r.ClosingMonths = append(r.ClosingMonths, types.MonthOf(m.Day))
	}
	r.WrittenOffDay = m.Day
	closed(r, m.Day)
	p.ends(act, m.Day, m.Reason)
	if err := p.follow(); err != nil {
		return err
	}
	e := p.writeOffEntry(part, len(r.WriteOffs), act, m.Day, was)
	var err error
	if part.DebtorEntry, err = p.tx.post(r.Receivable.Debtor, e); err != nil {
		return err
	}
	if part.Counted {
		r.ClosingEntries = append(r.ClosingEntries, part.DebtorEntry)
	}
	r.WriteOffs = append(r.WriteOffs, part)
	e.Kind, e.Counterparty, e.Counted = types.EntryKind_ENTRY_GIVEN_UP, r.Receivable.Debtor, false
	e.MonthWas, e.MonthNow, e.First = 0, 0, false
	e.ClaimWas, e.ClaimNow = was.claim, p.standing().claim
	part.CreditorEntry, err = p.tx.post(r.Receivable.Seller, e)
	return err
}

// writeOffEntry is the row of a write-off, for the debtor.
func (p *paper) writeOffEntry(part *types.Part, index int, act *types.Provenance, day int32, was standing) types.Entry {
	e := p.tx.entry(types.EntryKind_ENTRY_WRITTEN_OFF, string(types.ReceivableKey(p.id)), p.r.Receivable.Seller, act)
	e.Day, e.DueDay, e.BaseMinor = day, p.r.Receivable.DueDay, part.BaseMinor
	e.Dbt, e.P, e.Part = part.Dbt, part.P, uint32(index)
	e.Counted, e.Open = part.Counted, p.r.Experience
	p.moves(&e, was)
	return e
}

// forgiveWriteOffs takes the write-offs that count out of the sums, the last first; they still close what they closed. The
// caller writes the paper.
func (p *paper) forgiveWriteOffs() error {
	r := p.r
	for i, part := range slices.Backward(r.WriteOffs) {
		if !part.Counted {
			continue
		}
		e, err := p.tx.logRow(r.Receivable.Debtor, part.DebtorEntry)
		if err != nil {
			return err
		}
		was := p.standing()
		if err := uncount(r, e.Day, part.DebtorEntry); err != nil {
			return err
		}
		if err := p.follow(); err != nil {
			return err
		}
		e.Kind, e.Reverses, e.Open, e.Part = types.EntryKind_ENTRY_WRITTEN_OFF_EXCLUDED, part.DebtorEntry+1, false, uint32(i)
		p.moves(e, was)
		if _, err := p.tx.post(r.Receivable.Debtor, *e); err != nil {
			return err
		}
		part.Counted = false
	}
	return nil
}
