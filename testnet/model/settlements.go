package model

import (
	"bytes"
	"slices"

	"tradecredit/types"
)

var rulesOfSettlements = map[string]rule{
	"record_settlement":  on((*Model).recordSettlement),
	"reverse_settlement": on((*Model).reverseSettlement),
	"publish_fixing":     on((*Model).publishFixing),
}

func (m *Model) shapeOfSettlement(msg *types.RecordSettlement) types.Code {
	code := types.Code_ok
	for _, a := range msg.Allocations {
		code = refusal(code, codeOf(types.CheckRecordID(a.Receivable)))
	}
	code = refusal(code, codeOf(types.CheckSubjectID(msg.Payer)), codeOf(types.CheckSubjectID(msg.Payee)), digest(msg.Id),
		required(msg.Side), required(msg.Channel), required(msg.Stage), when(len(msg.Allocations) > 64, types.Code_list_too_long),
		amount(msg.AmountMinor))
	sum, seen, twice := int64(0), map[string]bool{}, false
	for _, a := range msg.Allocations {
		code = refusal(code, amount(a.AmountMinor))
		if code == types.Code_ok {
			sum += a.AmountMinor
		}
		twice = twice || seen[a.Receivable]
		seen[a.Receivable] = true
	}
	return refusal(code, m.currency(msg.Currency),
		when(msg.Side == types.SettlementSide_DEBTOR && len(msg.Allocations) > 0, types.Code_allocations_not_allowed), notTooEarly(msg.Day),
		when(msg.Payer == msg.Payee, types.Code_parties_must_differ), when(sum > msg.AmountMinor, types.Code_allocations_exceed_settlement),
		when(twice, types.Code_allocation_repeated))
}

func (m *Model) recordSettlement(c *call, msg *types.RecordSettlement) types.Code {
	if code := refusal(m.shapeOfSettlement(msg), m.eventDay(msg.Day)); code != types.Code_ok {
		return code
	}
	at := types.SettlementKey(msg.Id)
	s, known := m.settlements.get(at)
	if known {
		if mine := sideOf(&s, msg.Side); mine != nil && mine.Signer == c.signer && bytes.Equal(mine.Content, c.content) {
			return m.sideAgain(c, at, s, msg)
		}
	}
	if known && s.Reversed && s.CreditorSide == nil {
		s, known = types.Settlement{}, false // its only bank took its report back: the number is free
	}
	platform := c.key.Role == types.Role_PLATFORM
	code := refusal(m.registered(msg.Payer), m.registered(msg.Payee),
		when(platform && msg.Side == types.SettlementSide_DEBTOR, types.Code_not_a_party),
		when(m.groupOf(msg.Payer) == m.groupOf(c.signer), types.Code_own_debt),
		when(platform && msg.Channel != types.Channel_ESCROW, types.Code_channel_not_escrow),
		when(!platform && msg.Channel == types.Channel_ESCROW && msg.Side == types.SettlementSide_CREDITOR, types.Code_escrow_by_platform_only))
	if code == types.Code_ok && known {
		code = m.otherReport(c, &s, msg)
	}
	if code == types.Code_ok {
		code = m.allocations(c, msg)
	}
	if code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.Day)
	if !known {
		s = types.Settlement{Id: msg.Id, Payer: msg.Payer, Payee: msg.Payee, Currency: msg.Currency, AmountMinor: msg.AmountMinor,
			Day: msg.Day, Channel: msg.Channel, Stage: msg.Stage}
	}
	s.Evidence = max(s.Evidence, p.Evidence)
	if msg.Side == types.SettlementSide_DEBTOR {
		s.DebtorSide = p
	} else {
		s.CreditorSide, s.Stage = p, msg.Stage
	}
	m.settlements.put(at, s)
	for _, a := range msg.Allocations {
		m.settle(at, a, p)
	}
	return types.Code_ok
}

func sideOf(s *types.Settlement, side types.SettlementSide) *types.Provenance {
	if side == types.SettlementSide_DEBTOR {
		return s.DebtorSide
	}
	return s.CreditorSide
}

func (m *Model) sideAgain(c *call, at types.Key[types.Settlement], s types.Settlement, msg *types.RecordSettlement) types.Code {
	p, code := m.again(c, sideOf(&s, msg.Side))
	if p != nil {
		if msg.Side == types.SettlementSide_DEBTOR {
			s.DebtorSide = p
		} else {
			s.CreditorSide = p
		}
		m.settlements.put(at, s)
	}
	return code
}

// otherReport refuses what does not agree with what was reported of a payment before.
func (m *Model) otherReport(c *call, s *types.Settlement, msg *types.RecordSettlement) types.Code {
	mine, other := s.CreditorSide, s.DebtorSide
	if msg.Side == types.SettlementSide_DEBTOR {
		mine, other = other, mine
	}
	same := s.Payer == msg.Payer && s.Payee == msg.Payee && s.Currency == msg.Currency && s.AmountMinor == msg.AmountMinor &&
		s.Day == msg.Day && s.Channel == msg.Channel
	return refusal(unless(same, types.Code_settlement_terms_differ),
		when(mine != nil && mine.Signer == c.signer, types.Code_id_taken), when(mine != nil, types.Code_settlement_side_taken),
		when(other != nil && !m.independent(other.GetSigner(), c.signer), types.Code_settlement_sides_same_group), when(s.Reversed, types.Code_settlement_reversed))
}

// allocations refuses what cannot be paid so.
func (m *Model) allocations(c *call, msg *types.RecordSettlement) types.Code {
	code := types.Code_ok
	for _, a := range msg.Allocations {
		r, ok := m.receivables.get(types.ReceivableKey(a.Receivable))
		if code = refusal(code, unless(ok, types.Code_receivable_unknown)); code != types.Code_ok {
			return code
		}
		ended := !owedStill(&r) && r.Status != types.ReceivableStatus_SETTLED
		code = refusal(when(ended, types.Code_receivable_state_forbids),
			unless(r.Receivable.Currency == msg.Currency, types.Code_allocation_currency_differs),
			unless(r.Receivable.Debtor == msg.Payer && r.Receivable.Seller == msg.Payee, types.Code_allocation_parties_differ),
			when(a.AmountMinor > openOf(&r), types.Code_allocation_exceeds_open),
			when(r.Parts >= 64, types.Code_too_many_parts),
			when(r.AcknowledgedDay != 0 && r.Assignee != c.signer, types.Code_assigned_elsewhere))
	}
	return code
}

func (m *Model) publishFixing(c *call, msg *types.PublishFixing) types.Code {
	code := refusal(m.shapeOfFixing(msg), m.eventDay(msg.Day),
		when(msg.Currency == m.baseCurrency, types.Code_fixing_of_base_currency))
	if code != types.Code_ok {
		return code
	}
	at := types.FixingKey(msg.Currency, msg.Day)
	if old, ok := m.fixings.get(at); ok {
		if old.RateE9 != msg.RateE9 {
			return types.Code_fixing_exists
		}
		p, code := m.again(c, old.Provenance)
		if p != nil {
			old.Provenance = p
			m.fixings.put(at, old)
		}
		return either(code == types.Code_id_taken, types.Code_already_recorded, code)
	}
	if m.jumps(msg) {
		return types.Code_fixing_jump_needs_council
	}
	m.fixings.put(at, types.Fixing{Currency: msg.Currency, Day: msg.Day, RateE9: msg.RateE9, Provenance: m.provenance(c, msg.Day)})
	return types.Code_ok
}

func (m *Model) reverseSettlement(c *call, msg *types.ReverseSettlement) types.Code {
	code := refusal(digest(msg.Settlement), notTooEarly(msg.Day), m.eventDay(msg.Day))
	if code != types.Code_ok {
		return code
	}
	at := types.SettlementKey(msg.Settlement)
	s, ok := m.settlements.get(at)
	mine := s.CreditorSide.GetSigner() == c.signer || s.CreditorSide == nil && s.DebtorSide.GetSigner() == c.signer
	switch {
	case !ok:
		return types.Code_settlement_unknown
	case s.Reversed && mine && s.ReversedDay == msg.Day && s.ReversedReason == msg.Reason:
		return types.Code_already_recorded
	case s.Reversed:
		return types.Code_settlement_reversed
	case !mine:
		return types.Code_settlement_not_own
	case msg.Day < s.Day:
		return types.Code_day_too_early
	}
	for i := len(s.Parts) - 1; i >= 0; i-- {
		m.unsettle(at, i, m.provenance(c, msg.Day), msg.Day)
	}
	m.settlements.change(at, func(s *types.Settlement) {
		s.Reversed, s.ReversedDay, s.ReversedReason = true, msg.Day, msg.Reason
		s.Parts = slices.Clone(s.Parts)
		for i, p := range s.Parts {
			x := *p
			x.Counted = false
			s.Parts[i] = &x
		}
	})
	return types.Code_ok
}
