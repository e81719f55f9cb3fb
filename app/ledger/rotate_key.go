package ledger

import (
	"bytes"

	"tradecredit/app/state"
	"tradecredit/types"
)

// RotateKey: a holder replaces one of its keys with a new one of the same role; for a while both may sign.
//
// Signed with the key that is replaced, or with any COUNCIL or OPERATOR key of the same member, which may also replace
// a key that was revoked or has run out. An enterprise replaces its own key. Writes key/<holder>/<new>, the end of
// key/<holder>/<old>, and public-key/<new>. The old key's end is never moved back.

// checkRotateKey refuses what no state could make valid.
func checkRotateKey(m *types.RotateKey) error {
	if err := types.CheckKeyID(m.OldKey); err != nil {
		return err
	}
	return checkNewKey(m.NewKey)
}

// rotateKey checks the time, the proof of possession, the two keys, and that the network keeps a council.
func rotateKey(tx *Tx, m *types.RotateKey) error {
	holder, b := tx.Sender.ID, tx.Block
	have, err := state.Get(tx, types.KeyKey(holder, m.NewKey.Id))
	if err != nil {
		return err
	}
	if have != nil && have.Replaces == m.OldKey && sameKey(have, m.NewKey) {
		return types.Refuse(types.Code_already_recorded, "key %s replaced %s", have.Id, m.OldKey)
	}
	switch {
	case m.OldValidUntilUnix < b.Unix:
		return types.Refuse(types.Code_expiry_passed, "the old key's end lies in the past")
	case m.OldValidUntilUnix < m.NewKey.ValidFromUnix:
		return types.Refuse(types.Code_expiry_passed, "the old key ends before the new one begins")
	case m.OldValidUntilUnix > b.Unix+keyOverlap:
		return types.Refuse(types.Code_expiry_too_far, "two keys overlap for at most 30 days")
	}
	if err := b.possessed(holder, m.NewKey); err != nil {
		return err
	}
	if have != nil {
		return types.Refuse(types.Code_key_exists, "%s/%s; choose another key id", holder, have.Id)
	}
	old, err := state.Get(tx, types.KeyKey(holder, m.OldKey))
	switch {
	case err != nil:
		return err
	case old == nil:
		return types.Refuse(types.Code_key_not_own, "%s has no key %s", holder, m.OldKey)
	case old.Role != m.NewKey.Role:
		return types.Refuse(types.Code_key_role_differs, "%s is a %s key", old.Id, old.Role)
	case !tx.rulesOver(old):
		return types.Refuse(types.Code_key_not_own, "sign with %s itself, or with a COUNCIL or OPERATOR key", old.Id)
	}
	if err := newKey(tx, holder, old.Id, m.NewKey); err != nil {
		return err
	}
	if old.Status == types.KeyStatus_KEY_LIVE && (old.ValidUntilUnix == 0 || old.ValidUntilUnix > m.OldValidUntilUnix) {
		old.ValidUntilUnix = m.OldValidUntilUnix
		if err := state.Set(tx, types.KeyKey(holder, old.Id), old); err != nil {
			return err
		}
	}
	if old.Role != types.Role_COUNCIL {
		return nil
	}
	return b.keepsCouncil(tx)
}

// rulesOver tells whether the signing key may replace another of the same holder.
func (tx *Tx) rulesOver(k *types.KeyRecord) bool {
	switch tx.Sender.Key.Role {
	case types.Role_COUNCIL, types.Role_OPERATOR:
		return true
	}
	return k.Id == tx.Sender.Key.Id
}

func sameKey(k *types.KeyRecord, n *types.NewKey) bool {
	return k.Role == n.Role && k.Algorithm == n.Algorithm && bytes.Equal(k.PublicKey, n.PublicKey) &&
		k.ValidFromUnix == n.ValidFromUnix && k.ValidUntilUnix == n.ValidUntilUnix
}
