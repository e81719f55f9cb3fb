package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// RegisterEnterprise: a registrar makes an enterprise a subject of the ledger (LEDGER.md §4).
//
// Signed by BANK, PLATFORM, CUSTOMS or TAX. Writes enterprise/<subject>, its entry log, usage/<registrar>, the day on
// which an unused registration lapses, and, where given, the enterprise's key or a mandate. Either is without effect
// until an unrelated member confirms the registration. Nobody can act for an enterprise that has neither; it can be
// named as a party. A registration that lapsed may be made again, by anybody who may register.

const (
	maxCrossReferences = 8
	registrationDays   = 180 // a registration without records lapses
)

// checkRegisterEnterprise refuses what no state could make valid.
func checkRegisterEnterprise(m *types.RegisterEnterprise) error {
	if err := types.CheckSubjectID(m.Subject); err != nil {
		return err
	}
	for _, s := range m.CrossReferences {
		if err := types.CheckSubjectID(s); err != nil {
			return err
		}
	}
	if m.Key != nil {
		if err := checkNewKey(m.Key); err != nil {
			return err
		}
	}
	if m.Mandate != nil {
		if err := types.CheckDigest(m.Mandate.PaperDigest); err != nil {
			return err
		}
		if err := checkMandate(m.Mandate); err != nil {
			return err
		}
	}
	if err := checkMasterData(m); err != nil {
		return err
	}
	if m.Key != nil && m.Key.Role != types.Role_ENTERPRISE {
		return types.Refuse(types.Code_key_role_differs, "an enterprise's key has the role ENTERPRISE, not %s", m.Key.Role)
	}
	return nil
}

func checkMasterData(m *types.RegisterEnterprise) error {
	return firstRefusal(
		types.CheckControlGroup(m.ControlGroup),
		given(m.Industry, types.CheckIndustry),
		required(m.Size_, "size"),
		required(m.Ownership, "ownership"),
		checkCrossReferences(m),
		types.CheckDistrict(m.District),
	)
}

func checkCrossReferences(m *types.RegisterEnterprise) error {
	for i, s := range m.CrossReferences {
		if s == m.Subject || i > 0 && m.CrossReferences[i-1] >= s {
			return types.Refuse(types.Code_list_not_sorted, "cross references ascend, without repetition and without the subject itself")
		}
	}
	if len(m.CrossReferences) > maxCrossReferences {
		return types.Refuse(types.Code_list_too_long, "%d cross references, at most %d", len(m.CrossReferences), maxCrossReferences)
	}
	return nil
}

// checkMandate refuses what a mandate and a delegation may not say.
func checkMandate(m *types.Mandate) error {
	if err := types.CheckMemberID(m.Delegate); err != nil {
		return err
	}
	for i, name := range m.Messages {
		if i > 0 && m.Messages[i-1] >= name {
			return types.Refuse(types.Code_list_not_sorted, "messages ascend, without repetition")
		}
	}
	if m.AmountLimitMinor != 0 {
		if err := types.CheckAmount(m.AmountLimitMinor); err != nil {
			return err
		}
	}
	if len(m.Messages) == 0 {
		return types.Refuse(types.Code_message_name_unknown, "name at least one message")
	}
	for _, name := range m.Messages {
		if row := types.RowNamed(name); row == nil || !row.Mandatable {
			return types.Refuse(types.Code_message_name_unknown, "%.40q is no message that a delegate may send", name)
		}
	}
	return nil
}

// registerEnterprise checks whether the subject is taken, the times, the key, the delegate and the quota.
func registerEnterprise(tx *Tx, m *types.RegisterEnterprise) error {
	old, err := state.Get(tx, types.EnterpriseKey(m.Subject))
	if err != nil {
		return err
	}
	if old != nil && old.Status != types.EnterpriseStatus_LAPSED_ENTERPRISE {
		return tx.fresh("enterprise", m.Subject, old.Provenance)
	}
	if m.Mandate != nil {
		if err := tx.expiry(m.Mandate.UntilDay, maxExpiry); err != nil {
			return err
		}
	}
	if m.Key != nil {
		if err := tx.Block.possessed(m.Subject, m.Key); err != nil {
			return err
		}
	}
	if m.Mandate != nil {
		if _, err := liveMember(tx, m.Mandate.Delegate); err != nil {
			return err
		}
	}
	if err := tx.countRegistration(); err != nil {
		return err
	}
	e := &types.Enterprise{
		Registration: m, Provenance: tx.provenance(tx.Block.Today()), RegistrarGroup: tx.Sender.Group,
		Status: types.EnterpriseStatus_REGISTERED, Updates: old.GetUpdates(), // versions keep their numbers
	}
	if err := tx.keepPapers(e); err != nil {
		return err
	}
	if err := state.Set(tx, types.EnterpriseKey(m.Subject), e); err != nil {
		return err
	}
	if err := tx.later(tx.Block.Unix+registrationDays*secondsADay, types.DueKind_DUE_ENTERPRISE, m.Subject); err != nil {
		return err
	}
	return tx.note(m.Subject, types.EntryKind_ENTRY_REGISTERED, string(types.EnterpriseKey(m.Subject)), e.Provenance)
}

// keepPapers writes the key and the mandate of a registration. Neither has effect before it is confirmed: only a
// VERIFIED enterprise signs, and the mandate is PENDING.
func (tx *Tx) keepPapers(e *types.Enterprise) error {
	m := e.Registration
	if m.Key != nil {
		if err := newKey(tx, m.Subject, "", m.Key); err != nil {
			return err
		}
	}
	if m.Mandate == nil {
		return nil
	}
	return state.Set(tx, types.DelegationKey(m.Subject, m.Mandate.Delegate), &types.Delegation{
		Subject: m.Subject, Mandate: m.Mandate, Status: types.DelegationStatus_DELEGATION_PENDING, Provenance: e.Provenance,
	})
}

// countRegistration takes one of today's registrations from the signer's quota.
func (tx *Tx) countRegistration() error {
	u, err := state.Get(tx, types.UsageKey(tx.Sender.ID))
	if err != nil {
		return err
	}
	today, quota := tx.Block.Today(), tx.Block.Params.QuotaRegistrations
	if u == nil || u.Day != today {
		u = &types.Usage{Day: today}
	}
	if u.Registrations >= quota {
		return types.Refuse(types.Code_quota_registrations_exceeded, "%s may register %d enterprises a day", tx.Sender.ID, quota)
	}
	u.Registrations++
	return state.Set(tx, types.UsageKey(tx.Sender.ID), u)
}

// note appends a row to a subject's log for an event of today that moves no sums.
func (tx *Tx) note(subject string, kind types.EntryKind, record string, p *types.Provenance) error {
	e := tx.entry(kind, record, "", p)
	e.Day = tx.Block.Today()
	_, err := tx.post(subject, e)
	return err
}
