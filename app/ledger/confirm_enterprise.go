package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// ConfirmEnterprise: a second registrar confirms a registration, which makes its key and its mandate effective.
//
// Signed by BANK, PLATFORM, CUSTOMS or TAX: another member, of another control group, than the registrar and the
// mandate's delegate, and not of the enterprise's own group. Writes enterprise/<subject>, its entry log, and
// delegation/<subject>/<delegate>.

// checkConfirmEnterprise refuses what no state could make valid.
func checkConfirmEnterprise(m *types.ConfirmEnterprise) error { return types.CheckSubjectID(m.Subject) }

// confirmEnterprise checks the registration, then that the confirmer is unrelated to all who stand behind it.
func confirmEnterprise(tx *Tx, m *types.ConfirmEnterprise) error {
	e, err := tx.enterprise(m.Subject)
	if err != nil {
		return err
	}
	if e.Status == types.EnterpriseStatus_ENTERPRISE_VERIFIED {
		if e.ConfirmedBy == tx.Sender.ID {
			return types.Refuse(types.Code_already_recorded, "%s is confirmed since height %d", m.Subject, e.ConfirmedHeight)
		}
		return types.Refuse(types.Code_enterprise_already_verified, "by %s at height %d", e.ConfirmedBy, e.ConfirmedHeight)
	}
	if err := tx.unrelatedTo(e); err != nil {
		return err
	}
	e.Status, e.ConfirmedBy, e.ConfirmedHeight = types.EnterpriseStatus_ENTERPRISE_VERIFIED, tx.Sender.ID, tx.Block.Height
	if err := state.Set(tx, types.EnterpriseKey(m.Subject), e); err != nil {
		return err
	}
	if err := tx.enliven(e); err != nil {
		return err
	}
	return tx.note(m.Subject, types.EntryKind_ENTRY_CONFIRMED, string(types.EnterpriseKey(m.Subject)), tx.provenance(tx.Block.Today()))
}

// unrelatedTo refuses a confirmer that stands behind the registration: as registrar, as delegate, or in one of the
// groups of these or of the enterprise.
func (tx *Tx) unrelatedTo(e *types.Enterprise) error {
	who := tx.Sender
	if !independent(who.ID, who.Group, e.Provenance.Signer, e.RegistrarGroup) {
		return types.Refuse(types.Code_confirmer_related, "to the registrar %s", e.Provenance.Signer)
	}
	if who.Group == e.Registration.ControlGroup {
		return types.Refuse(types.Code_confirmer_related, "to the enterprise: %s is one control group", who.Group)
	}
	if e.Registration.Mandate == nil {
		return nil
	}
	delegate := e.Registration.Mandate.Delegate
	group, err := tx.groupOf(delegate)
	if err != nil {
		return err
	}
	if !independent(who.ID, who.Group, delegate, group) {
		return types.Refuse(types.Code_confirmer_related, "to the delegate %s", delegate)
	}
	return nil
}

// enliven makes the mandate of a registration effective.
func (tx *Tx) enliven(e *types.Enterprise) error {
	if e.Registration.Mandate == nil {
		return nil
	}
	key := types.DelegationKey(e.Registration.Subject, e.Registration.Mandate.Delegate)
	d, err := state.Get(tx, key)
	if err != nil {
		return err
	}
	if d == nil {
		return types.Refuse(types.Code_inconsistent_state, "%s is missing", string(key))
	}
	d.Status = types.DelegationStatus_DELEGATION_LIVE
	return state.Set(tx, key, d)
}
