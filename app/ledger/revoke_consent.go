package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// RevokeConsent: an enterprise takes a consent back. Answers that were given under it stand.
//
// Signed by the enterprise the consent is of, whoever gave it, or by a delegate whose mandate names revoke_consent; to
// take back needs no leave to consent. Writes consent/<id> and the entry log.

// checkRevokeConsent refuses what no state could make valid.
func checkRevokeConsent(m *types.RevokeConsent) error { return types.CheckRecordID(m.Consent) }

// revokeConsent checks the right to act, then that there is something to take back.
func revokeConsent(tx *Tx, m *types.RevokeConsent) error {
	key := types.ConsentKey(m.Consent)
	c, err := state.Get(tx, key)
	if err != nil {
		return err
	}
	if c == nil {
		return types.Refuse(types.Code_consent_unknown, "%s", m.Consent)
	}
	if err := tx.actsFor(c.Subject, 0); err != nil {
		return err
	}
	switch c.Status {
	case types.ConsentStatus_ACTIVE:
	case types.ConsentStatus_CONSENT_REVOKED:
		return types.Refuse(types.Code_already_recorded, "%s is revoked", m.Consent)
	default:
		return types.Refuse(types.Code_consent_not_active, "%s is %s", m.Consent, c.Status)
	}
	c.Status = types.ConsentStatus_CONSENT_REVOKED
	if err := state.Set(tx, key, c); err != nil {
		return err
	}
	tx.Delete(string(tx.consentDue(m.Consent, c)))
	return tx.note(c.Subject, types.EntryKind_ENTRY_CONSENT_REVOKED, string(key), tx.provenance(tx.Block.Today()))
}

// consentDue is where a consent waits for its end.
func (tx *Tx) consentDue(id string, c *types.Consent) types.Key[types.Due] {
	return types.DueKey(tx.Block.endOfDay(c.Consent.UntilDay), types.DueKind_DUE_CONSENT, id)
}
