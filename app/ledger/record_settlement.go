package ledger

import (
	"bytes"
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// RecordSettlement: money moved from a payer to a payee.
//
// Signed by the bank of either side, or by a PLATFORM whose escrow holds the money for the creditor. Writes
// settlement/<id>, the id being the digest that both banks derive from the payment's own number. Only the creditor's side
// says what was paid: each of its allocations closes a part of a receivable (part.go) and posts PAID and COLLECTED. The
// other side's report on equal terms confirms the payment and allocates nothing; it may come first or second, and comes
// from another control group. The stage is no term: it is what the creditor's side says, once it spoke. No bank signs for
// a debt of its own control group. Once the debtor acknowledged that a receivable was assigned, only the assignee
// allocates to it.

const (
	maxAllocations     = 64 // of one settlement
	maxReceivableParts = 64 // live parts of one receivable
)

// checkRecordSettlement refuses what no state could make valid.
func checkRecordSettlement(m *types.RecordSettlement) error {
	return firstRefusal(
		eachAllocation(m, func(a *types.Allocation) error { return types.CheckRecordID(a.Receivable) }),
		types.CheckSubjectID(m.Payer), types.CheckSubjectID(m.Payee),
		types.CheckDigest(m.Id),
		required(m.Side, "side"), required(m.Channel, "channel"), required(m.Stage, "stage"),
		checkAllocationCount(m),
		types.CheckAmount(m.AmountMinor),
		eachAllocation(m, func(a *types.Allocation) error { return types.CheckAmount(a.AmountMinor) }),
		types.CheckCurrency(m.Currency),
		checkAllocationSide(m),
		checkEventDay(m.Day),
		mustDiffer(m.Payer, m.Payee),
		checkAllocationSum(m),
		checkAllocationsDiffer(m),
	)
}

func eachAllocation(m *types.RecordSettlement, check func(*types.Allocation) error) error {
	for _, a := range m.Allocations {
		if err := check(a); err != nil {
			return err
		}
	}
	return nil
}

func checkAllocationCount(m *types.RecordSettlement) error {
	if len(m.Allocations) > maxAllocations {
		return types.Refuse(types.Code_list_too_long, "%d allocations, at most %d", len(m.Allocations), maxAllocations)
	}
	return nil
}

func checkAllocationSide(m *types.RecordSettlement) error {
	if m.Side != types.SettlementSide_CREDITOR && len(m.Allocations) > 0 {
		return types.Refuse(types.Code_allocations_not_allowed, "only the creditor's side allocates")
	}
	return nil
}

func checkAllocationSum(m *types.RecordSettlement) error {
	left := m.AmountMinor
	for _, a := range m.Allocations {
		if a.AmountMinor > left {
			return types.Refuse(types.Code_allocations_exceed_settlement, "the allocations are more than the payment's %d", m.AmountMinor)
		}
		left -= a.AmountMinor
	}
	return nil
}

func checkAllocationsDiffer(m *types.RecordSettlement) error {
	for i, a := range m.Allocations {
		if slices.ContainsFunc(m.Allocations[:i], func(b *types.Allocation) bool { return a.Receivable == b.Receivable }) {
			return types.Refuse(types.Code_allocation_repeated, "%s", a.Receivable)
		}
	}
	return nil
}

// recordSettlement checks: day, whether this signer reported the same before, both parties, the signer's part and
// channel, what was reported so far, then every allocation in the order given.
func recordSettlement(tx *Tx, m *types.RecordSettlement) error {
	if err := tx.eventDay(m.Day); err != nil {
		return err
	}
	s, err := state.Get(tx, types.SettlementKey(m.Id))
	if err != nil {
		return err
	}
	if s != nil && tx.reported(sideOf(s, m.Side)) {
		return again(tx, "settlement", types.SettlementKey(m.Id), s, sideOf(s, m.Side))
	}
	payer, payee, err := tx.twoParties(m.Payer, m.Payee)
	if err != nil {
		return err
	}
	if err := tx.maySettle(m, payer); err != nil {
		return err
	}
	if s == nil || withdrawn(s) {
		s = &types.Settlement{
			Id: m.Id, Payer: m.Payer, Payee: m.Payee, Currency: m.Currency, AmountMinor: m.AmountMinor,
			Day: m.Day, Channel: m.Channel, Stage: m.Stage,
		}
	} else if err := tx.otherSide(s, m); err != nil {
		return err
	}
	act := tx.provenance(m.Day)
	s.Evidence = max(s.Evidence, act.Evidence)
	if m.Side == types.SettlementSide_DEBTOR {
		s.DebtorSide = act
	} else {
		s.CreditorSide, s.Stage = act, m.Stage
		bank := act.Role == types.Role_BANK && tx.Sender.Group != payee.Registration.ControlGroup
		for _, a := range m.Allocations {
			if err := tx.closePart(s, a, bank); err != nil {
				return err
			}
		}
	}
	return state.Set(tx, types.SettlementKey(m.Id), s)
}

// withdrawn tells whether the payer's bank took its report back before anybody reported the creditor's side: the number is
// free again.
func withdrawn(s *types.Settlement) bool { return s.Reversed && s.CreditorSide == nil }

// sideOf is who reported a side of a settlement, nil if nobody did.
func sideOf(s *types.Settlement, side types.SettlementSide) *types.Provenance {
	if side == types.SettlementSide_CREDITOR {
		return s.CreditorSide
	}
	return s.DebtorSide
}

// reported tells whether this very message of this signer made p.
func (tx *Tx) reported(p *types.Provenance) bool {
	return p != nil && p.Signer == tx.Sender.ID && bytes.Equal(p.Content, tx.Content())
}

// maySettle refuses a bank of the payer's own control group, and a platform for anything but its escrow.
func (tx *Tx) maySettle(m *types.RecordSettlement, payer *types.Enterprise) error {
	platform, escrow := tx.Sender.Key.Role == types.Role_PLATFORM, m.Channel == types.Channel_ESCROW
	switch {
	case platform && m.Side != types.SettlementSide_CREDITOR:
		return types.Refuse(types.Code_not_a_party, "an escrow holds the money for the creditor; the payer's bank reports the other side")
	case payer.Registration.ControlGroup == tx.Sender.Group:
		return types.Refuse(types.Code_own_debt, "%s belongs to the control group of %s", m.Payer, tx.Sender.ID)
	case platform && !escrow:
		return types.Refuse(types.Code_channel_not_escrow, "a platform settles through its escrow, not through %s", m.Channel)
	case !platform && escrow && m.Side == types.SettlementSide_CREDITOR:
		return types.Refuse(types.Code_escrow_by_platform_only, "a platform reports what its escrow paid out")
	}
	return nil
}

// otherSide refuses a report that does not fit what was reported before: other terms, a side that is taken, both sides from
// one control group, or a settlement that was taken back. The stage is no term of the payment: the first report's
// stays.
func (tx *Tx) otherSide(s *types.Settlement, m *types.RecordSettlement) error {
	if s.Payer != m.Payer || s.Payee != m.Payee || s.Currency != m.Currency || s.AmountMinor != m.AmountMinor ||
		s.Day != m.Day || s.Channel != m.Channel {
		return types.Refuse(types.Code_settlement_terms_differ, "it was reported as %d %s on %s by %s", s.AmountMinor, s.Currency, types.FormatDay(s.Day), s.Channel)
	}
	taken, other := s.CreditorSide, s.DebtorSide
	if m.Side == types.SettlementSide_DEBTOR {
		taken, other = other, taken
	}
	if taken != nil && taken.Signer == tx.Sender.ID {
		return types.Refuse(types.Code_id_taken, "%s reported this side with other allocations or another stage", taken.Signer)
	}
	if taken != nil {
		return types.Refuse(types.Code_settlement_side_taken, "%s reported this side", taken.Signer)
	}
	group, err := tx.groupOf(other.Signer)
	switch {
	case err != nil:
		return err
	case !independent(tx.Sender.ID, tx.Sender.Group, other.Signer, group):
		return types.Refuse(types.Code_settlement_sides_same_group, "%s of the same control group reported the other side", other.Signer)
	case s.Reversed:
		return types.Refuse(types.Code_settlement_reversed, "on %s", types.FormatDay(s.ReversedDay))
	}
	return nil
}
