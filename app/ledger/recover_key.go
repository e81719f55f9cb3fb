package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// Recovery of a key by vote (LEDGER.md §3): three quarters of the electorate give a member or subject a new key for one
// that it lost. Writes key/<holder>/<new> and public-key/<new>.
//
// The new key comes to life 72 hours after the vote and is marked as recovered for ever. Until then and later, any live
// key of the holder can revoke it (revoke_key): that is the veto, and the reason for the 72 hours. The lost key stays as it
// is; the new one revokes or replaces it once it lives. At most one recovery of a holder waits at a time.
//
// Whoever holds a stolen key can veto, too. Against that the council suspends the member first: its keys then sign nothing,
// and a key is recovered all the same before it is reinstated.

// recoveryDelay is the time for a veto, in seconds.
const recoveryDelay = 72 * 3600

// checkRecovery refuses what no state could make valid.
func checkRecovery(a *types.RecoverKey) error {
	check := types.CheckMemberID
	if types.IsSubjectID(a.Holder) {
		check = types.CheckSubjectID
	}
	if err := firstRefusal(check(a.Holder), types.CheckKeyID(a.LostKey), checkNewKey(a.NewKey)); err != nil {
		return err
	}
	if a.NewKey.ValidFromUnix != 0 {
		return types.Refuse(types.Code_field_not_of_event, "valid_from_unix: a recovered key lives 72 hours after the vote")
	}
	return nil
}

// recoverKey checks the holder, the time, the proof of possession, the two keys, and whether a recovery waits already.
func (b *Block) recoverKey(w *state.Batch, a *types.RecoverKey) error {
	k := *a.NewKey
	k.ValidFromUnix = b.Unix + recoveryDelay
	if err := holderThere(w, a.Holder); err != nil {
		return err
	}
	if err := b.possessed(a.Holder, &k); err != nil {
		return err
	}
	have, err := state.Get(w, types.KeyKey(a.Holder, k.Id))
	if err != nil {
		return err
	}
	if have != nil {
		return types.Refuse(types.Code_key_exists, "%s/%s; choose another key id", a.Holder, k.Id)
	}
	lost, err := state.Get(w, types.KeyKey(a.Holder, a.LostKey))
	switch {
	case err != nil:
		return err
	case lost == nil:
		return types.Refuse(types.Code_key_not_own, "%s has no key %s", a.Holder, a.LostKey)
	case lost.Role != k.Role:
		return types.Refuse(types.Code_key_role_differs, "%s is a %s key", lost.Id, lost.Role)
	}
	if err := newKey(w, a.Holder, lost.Id, &k); err != nil {
		return err
	}
	keys, err := keysOf(w, a.Holder, noLimit)
	if err != nil {
		return err
	}
	for _, other := range keys {
		if waitsForVeto(other, b.Unix) {
			return types.Refuse(types.Code_recovery_pending, "%s/%s is recovered and not live yet", a.Holder, other.Id)
		}
	}
	made, err := there(w, types.KeyKey(a.Holder, k.Id))
	if err != nil {
		return err
	}
	made.Recovered = true
	return state.Set(w, types.KeyKey(a.Holder, k.Id), made)
}

// waitsForVeto tells whether a recovered key waits for its life at a time.
func waitsForVeto(k *types.KeyRecord, unix int64) bool {
	return k.Recovered && k.Status == types.KeyStatus_KEY_LIVE && k.ValidFromUnix > unix
}

// holderThere refuses a holder of keys that is unknown or lapsed.
func holderThere(r state.Reader, holder string) error {
	if !types.IsSubjectID(holder) {
		_, err := member(r, holder)
		return err
	}
	e, err := state.Get(r, types.EnterpriseKey(holder))
	switch {
	case err != nil:
		return err
	case e == nil:
		return types.Refuse(types.Code_enterprise_unknown, "%s is not registered", holder)
	case e.Status == types.EnterpriseStatus_LAPSED_ENTERPRISE:
		return types.Refuse(types.Code_enterprise_lapsed, "the registration of %s lapsed; register it again", holder)
	}
	return nil
}
