package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// ReverseSettlement: the money went back, or never came.
//
// Signed by the bank or platform that reported the creditor's side. Changes settlement/<id>, every receivable it settled,
// and their orders; posts PAID_REVERSED and COLLECTED_REVERSED for each part, which subtract exactly what the part had
// counted and reopen the original due day. A reversed settlement stays so; money that comes again has another number.
//
// As long as nobody reported the creditor's side, the payer's bank that reported the other one may take its report back:
// nothing rests on it. Then the number is free, and anybody's next report, on whatever terms, takes the row's place
// (record_settlement.go); until then the row stands, reversed.

// checkReverseSettlement refuses what no state could make valid.
func checkReverseSettlement(m *types.ReverseSettlement) error {
	return firstRefusal(types.CheckDigest(m.Settlement), checkEventDay(m.Day))
}

// reverseSettlement checks: day, settlement, whether this signer reversed it so before, state, signer. Parts are taken
// back in the opposite order, so that everything passes through where it was.
func reverseSettlement(tx *Tx, m *types.ReverseSettlement) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	key := types.SettlementKey(m.Settlement)
	s, err := state.Get(tx, key)
	if err != nil {
		return err
	}
	if s == nil {
		return types.Refuse(types.Code_settlement_unknown, "%x", m.Settlement)
	}
	side := s.CreditorSide
	if side == nil {
		side = s.DebtorSide
	}
	own := side.Signer == tx.Sender.ID
	switch {
	case own && s.Reversed && s.ReversedDay == m.Day && s.ReversedReason == m.Reason:
		return types.Refuse(types.Code_already_recorded, "it was reversed on that day")
	case s.Reversed:
		return types.Refuse(types.Code_settlement_reversed, "on %s", types.FormatDay(s.ReversedDay))
	case !own:
		return types.Refuse(types.Code_settlement_not_own, "%s reported it, and takes it back", side.Signer)
	case m.Day < s.Day:
		return types.Refuse(types.Code_day_too_early, "it was paid later, on %s", types.FormatDay(s.Day))
	}
	act := tx.provenance(m.Day)
	for i := len(s.Parts) - 1; i >= 0; i-- {
		if err := tx.reversePart(s, i, act, m.Day); err != nil {
			return err
		}
	}
	s.Reversed, s.ReversedDay, s.ReversedReason = true, m.Day, m.Reason
	return state.Set(tx, key, s)
}
