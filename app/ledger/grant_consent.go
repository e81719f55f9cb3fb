package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// GrantConsent: an enterprise lets one member ask for its credit, for one purpose, so many times, until a day.
//
// Signed by the enterprise, or by a delegate whose mandate names grant_consent and says that it may consent. Writes
// consent/<signer>/<id>, the day it expires, and the entry log. A delegate never consents in favour of itself, of the
// registrar, or of their groups, and for at most 30 days and 3 uses; such a consent is shown as by delegate.

const (
	maxUses         = 10_000
	maxDelegateUses = 3
	maxDelegateDays = 30
)

// checkGrantConsent refuses what no state could make valid.
func checkGrantConsent(m *types.GrantConsent) error {
	return firstRefusal(
		types.CheckSourceID(m.Id),
		types.CheckMemberID(m.Grantee),
		required(m.Purpose, "purpose"),
		required(m.Scope, "scope"),
		checkUses(m.Uses),
	)
}

func checkUses(n uint32) error {
	if n < 1 || n > maxUses {
		return types.Refuse(types.Code_uses_out_of_range, "%d uses, 1 to %d", n, maxUses)
	}
	return nil
}

// grantConsent checks the id, the term, the right to act, the grantee, and the limits of delegates.
func grantConsent(tx *Tx, m *types.GrantConsent) error {
	id := tx.RecordID(m.Id)
	old, err := state.Get(tx, types.ConsentKey(id))
	if err != nil {
		return err
	}
	if old != nil {
		return tx.fresh("consent", id, old.Provenance)
	}
	if err := tx.expiry(m.UntilDay, maxExpiry); err != nil {
		return err
	}
	subject := tx.actor()
	e, err := tx.enterprise(subject)
	if err != nil {
		return err
	}
	if err := tx.actsFor(subject, 0); err != nil {
		return err
	}
	if err := tx.mayConsent(subject); err != nil {
		return err
	}
	grantee, err := liveMember(tx, m.Grantee)
	if err != nil {
		return err
	}
	if err := tx.delegateLimits(m, e, grantee); err != nil {
		return err
	}
	c := &types.Consent{
		Consent: m, Subject: subject, Provenance: tx.provenance(tx.Block.Today()),
		ByDelegate: tx.Relation == types.ByMandate, Status: types.ConsentStatus_ACTIVE,
	}
	if err := state.Set(tx, types.ConsentKey(id), c); err != nil {
		return err
	}
	if err := tx.later(tx.Block.endOfDay(m.UntilDay), types.DueKind_DUE_CONSENT, id); err != nil {
		return err
	}
	return tx.note(subject, types.EntryKind_ENTRY_CONSENT, string(types.ConsentKey(id)), c.Provenance)
}

// mayConsent refuses a delegate whose mandate does not say that it may consent.
func (tx *Tx) mayConsent(subject string) error {
	if tx.Relation != types.ByMandate {
		return nil
	}
	d, err := tx.delegation(subject, tx.Sender.ID)
	if err != nil {
		return err
	}
	if !d.Mandate.Consent {
		return types.Refuse(types.Code_delegation_without_consent, "the mandate of %s does not let it consent", tx.Sender.ID)
	}
	return nil
}

// delegateLimits refuses what only the enterprise itself may consent to.
func (tx *Tx) delegateLimits(m *types.GrantConsent, e *types.Enterprise, grantee *types.Member) error {
	if tx.Relation != types.ByMandate {
		return nil
	}
	if !independent(grantee.Id, grantee.ControlGroup, tx.Sender.ID, tx.Sender.Group) {
		return types.Refuse(types.Code_consent_grantee_forbidden, "%s belongs to the delegate's group", grantee.Id)
	}
	if !independent(grantee.Id, grantee.ControlGroup, e.Provenance.Signer, e.RegistrarGroup) {
		return types.Refuse(types.Code_consent_grantee_forbidden, "%s belongs to the registrar's group", grantee.Id)
	}
	if m.UntilDay > tx.Block.Today()+maxDelegateDays || m.Uses > maxDelegateUses {
		return types.Refuse(types.Code_consent_delegate_limits, "a delegate consents for %d days and %d uses at most", maxDelegateDays, maxDelegateUses)
	}
	return nil
}
