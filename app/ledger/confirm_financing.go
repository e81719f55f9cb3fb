package ledger

import (
	"bytes"

	"tradecredit/app/state"
	"tradecredit/types"
)

// ConfirmFinancing: the lender paid out what it had reserved, or less.
//
// Signed by the lender. Changes financing/<id>, RESERVED to FINANCED, and its liens, which shrink to what was advanced;
// posts OBLIGATION to the borrower's log, due on the day of the repayment. Between unrelated parties that is an
// experience of the borrower, like any other debt.
//
// What can have changed since the reservation is looked at again: no money goes out on what is in dispute by now, or on
// more than is left after what the debtor paid. The lender states when the financing was entered into the statutory
// register, and under which number; the chain is evidence of that statement, not the register.

// checkConfirmFinancing refuses what no state could make valid.
func checkConfirmFinancing(m *types.ConfirmFinancing) error {
	return firstRefusal(
		types.CheckRecordID(m.Financing),
		checkRegistryNumber(m.RegistryNumber),
		types.CheckAmount(m.AdvanceMinor),
		checkEventDay(m.Day),
		checkRegisteredDay(m.RegisteredDay),
		checkRepaymentTerm(m),
	)
}

func checkRegisteredDay(day int32) error {
	if day == 0 {
		return nil
	}
	return checkEventDay(day)
}

func checkRepaymentTerm(m *types.ConfirmFinancing) error {
	switch {
	case m.DueDay < m.Day:
		return types.Refuse(types.Code_due_before_issue, "due %s, advanced %s", types.FormatDay(m.DueDay), types.FormatDay(m.Day))
	case m.DueDay-m.Day > paymentTerm:
		return types.Refuse(types.Code_due_too_late, "%s is more than %d days after the advance", types.FormatDay(m.DueDay), paymentTerm)
	}
	return nil
}

// confirmFinancing checks: days, the financing and whose it is, whether it was confirmed before, state, advance, register,
// fixing, then object by object: dispute, balance.
func confirmFinancing(tx *Tx, m *types.ConfirmFinancing) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	if err := tx.eventDay(max(m.RegisteredDay, types.MinDay)); err != nil {
		return err
	}
	f, err := tx.ownFinancing(m.Financing)
	if err != nil {
		return err
	}
	key := types.FinancingKey(m.Financing)
	if f.Confirmed != nil && bytes.Equal(f.Confirmed.Content, tx.Content()) {
		return again(tx, "confirmation of", key, f, f.Confirmed)
	}
	reserved := types.DayOf(f.LapsesUnix, tx.Block.Chain.DayOffsetS) - reservationDays
	switch {
	case f.Status != types.FinancingStatus_RESERVED:
		return financingState(f, "only a reservation is confirmed")
	case tx.Block.Unix >= f.LapsesUnix: // however long the queues are
		return financingState(f, "its ten days are over")
	case m.Day < reserved-1: // the lender's own calendar may be a day behind
		return financingState(f, "it was reserved on "+types.FormatDay(reserved))
	case m.AdvanceMinor > f.ReservedMinor:
		return types.Refuse(types.Code_advance_exceeds_reserved, "%d of %d", m.AdvanceMinor, f.ReservedMinor)
	}
	if m.RegistryNumber != "" {
		f.RegistryNumber = m.RegistryNumber
	}
	if m.RegisteredDay != 0 && f.RegistryNumber == "" {
		return types.Refuse(types.Code_text_malformed, "what was entered in the register has a number there")
	}
	f.RegisteredDay, f.FinancedDay, f.DueDay = m.RegisteredDay, m.Day, m.DueDay
	if f.BaseMinor, err = tx.toBase(m.AdvanceMinor, f.Currency, m.Day); err != nil {
		return err
	}
	f.AdvanceMinor, f.Status, f.Confirmed = m.AdvanceMinor, types.FinancingStatus_FINANCED, tx.provenance(m.Day)
	if err := tx.shrink(f); err != nil {
		return err
	}
	tx.Delete(string(types.DueKey(f.LapsesUnix, types.DueKind_DUE_RESERVATION, f.Id)))
	if err := tx.advance(f); err != nil {
		return err
	}
	return state.Set(tx, key, f)
}

// shrink cuts the liens of a financing to its advance: pro rata, by cumulative rounding, so that they add up to it. What
// is pledged whole stays whole.
func (tx *Tx) shrink(f *types.Financing) error {
	before, shared := int64(0), int64(0)
	return tx.eachCollateral(f, func(i int, c *collateral, _ bool) error {
		if c.dispute != "" {
			return types.Refuse(types.Code_object_disputed, "%s is disputed by %s", c.object, c.dispute)
		}
		o := *f.Objects[i]
		before += o.AmountMinor
		share, err := types.Share(f.AdvanceMinor, before, f.ReservedMinor)
		if err != nil {
			return err
		}
		if !c.whole {
			o.AmountMinor = share - shared
		}
		shared = share
		f.Objects[i] = &o
		row, err := tx.resize(f, c, o.AmountMinor)
		if err != nil {
			return err
		}
		return covered(row, c)
	})
}

// advance posts what is owed from now on.
func (tx *Tx) advance(f *types.Financing) error {
	apart, err := tx.armsLength(f.Lender, f.Borrower)
	if err != nil {
		return err
	}
	f.Experience = apart && f.Confirmed.Counted
	e := tx.entry(types.EntryKind_ENTRY_OBLIGATION, string(types.FinancingKey(f.Id)), f.Lender, f.Confirmed)
	e.Day, e.DueDay, e.BaseMinor = f.FinancedDay, f.DueDay, f.BaseMinor
	e.Counted, e.Open = f.Experience, f.Experience
	n, err := tx.post(f.Borrower, e)
	if f.Experience {
		f.ObligationEntry = n + 1
	}
	return err
}
