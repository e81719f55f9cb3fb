package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// RevokeKey: a holder ends one of its keys for good, and may say since when it was in wrong hands.
//
// Signed with any live key of the same holder, the one that is revoked included: whoever finds out first may pull the
// brake. Writes key/<holder>/<key>. The last COUNCIL key that keeps the network governable cannot be revoked.
//
// A mark of compromise may be added to a revoked key, and moved back in time, never forward. What the key signed since
// then has 30 days from the mark to be confirmed again (confirm_again.go); after that it falls to SELF_DECLARED
// (sweep.go, fall.go): orders, movements, customs events and their declarations, verdicts, receivables, both sides of
// settlements, fixings. Each mark writes one due item, due/<30 days later>/<kind>/<holder>/<key>/<since>, so moving a
// mark back gives what it newly covers its own 30 days, and takes none from the rest. Acts that leave no record of their
// own, confirmations, acceptances, reversals and consents, stay as they are: whoever reads them sees the mark on the key.

// checkRevokeKey refuses what no state could make valid.
func checkRevokeKey(m *types.RevokeKey) error {
	if err := types.CheckKeyID(m.Key); err != nil {
		return err
	}
	if m.CompromisedSinceUnix < 0 {
		return types.Refuse(types.Code_day_too_early, "compromised_since lies before 1970")
	}
	return nil
}

// revokeKey checks the time, the key, and that the network keeps a council.
func revokeKey(tx *Tx, m *types.RevokeKey) error {
	if m.CompromisedSinceUnix > tx.Block.Unix {
		return types.Refuse(types.Code_day_too_late, "compromised_since lies in the future")
	}
	k, err := state.Get(tx, types.KeyKey(tx.Sender.ID, m.Key))
	if err != nil {
		return err
	}
	if k == nil {
		return types.Refuse(types.Code_key_not_own, "%s has no key %s", tx.Sender.ID, m.Key)
	}
	worse := m.CompromisedSinceUnix != 0 && (k.CompromisedSinceUnix == 0 || m.CompromisedSinceUnix < k.CompromisedSinceUnix)
	if k.Status == types.KeyStatus_KEY_REVOKED && !worse {
		return types.Refuse(types.Code_already_recorded, "%s/%s is revoked", k.Holder, k.Id)
	}
	k.Status = types.KeyStatus_KEY_REVOKED
	if worse {
		k.CompromisedSinceUnix = m.CompromisedSinceUnix
	}
	if err := state.Set(tx, types.KeyKey(k.Holder, k.Id), k); err != nil {
		return err
	}
	if worse {
		if err := tx.doom(k); err != nil {
			return err
		}
	}
	if k.Role != types.Role_COUNCIL {
		return nil
	}
	return tx.Block.keepsCouncil(tx)
}
