package model

import (
	"strconv"

	"tradecredit/types"
)

var rulesOfKeys = map[string]rule{
	"rotate_key": on((*Model).rotateKey),
	"revoke_key": on((*Model).revokeKey),
}

const month = 30 * 86400

func (m *Model) putKey(k types.KeyRecord) {
	m.keys.put(types.KeyKey(k.Holder, k.Id), k)
	m.publicKeys.put(types.PublicKeyKey(k.PublicKey), types.KeyRecord{Holder: k.Holder, Id: k.Id})
}

func newKey(holder string, k *types.NewKey) types.KeyRecord {
	return types.KeyRecord{Holder: holder, Id: k.Id, Role: k.Role, Algorithm: k.Algorithm, PublicKey: k.PublicKey,
		ValidFromUnix: k.ValidFromUnix, ValidUntilUnix: k.ValidUntilUnix, Status: types.KeyStatus_KEY_LIVE}
}

// sameKey tells whether a key is the one that is to be added.
func sameKey(k *types.KeyRecord, n *types.NewKey) bool {
	return k.Role == n.Role && k.Algorithm == n.Algorithm && string(k.PublicKey) == string(n.PublicKey) &&
		k.ValidFromUnix == n.ValidFromUnix && k.ValidUntilUnix == n.ValidUntilUnix
}

// shapeOfKeys: one key after the other, its id, what it is made of, its role.
func shapeOfKeys(keys ...*types.NewKey) types.Code {
	for _, k := range keys {
		if k == nil {
			return types.Code_key_id_malformed
		}
		code := refusal(codeOf(types.CheckKeyID(k.Id)), codeOf(types.CheckPublicKey(k.Algorithm, k.PublicKey)), required(k.Role))
		if code != types.Code_ok {
			return code
		}
	}
	return types.Code_ok
}

// someDay refuses a key that would never be valid.
func (m *Model) someDay(k *types.NewKey) types.Code {
	return when(k.ValidUntilUnix != 0 && (k.ValidUntilUnix <= m.unix || k.ValidUntilUnix <= k.ValidFromUnix), types.Code_expiry_passed)
}

// possession refuses a key that did not sign for itself.
func (m *Model) possession(holder string, k *types.NewKey) types.Code {
	signed := types.Possession(m.chainID, holder, k.Id, k.PublicKey)
	return unless(types.VerifySignature(k.Algorithm, k.PublicKey, signed, k.Possession), types.Code_possession_invalid)
}

func (m *Model) publicKeyFree(k *types.NewKey) types.Code {
	return when(m.publicKeys.has(types.PublicKeyKey(k.PublicKey)), types.Code_public_key_in_use)
}

func (m *Model) rotateKey(c *call, msg *types.RotateKey) types.Code {
	k := msg.NewKey
	code := refusal(codeOf(types.CheckKeyID(msg.OldKey)), shapeOfKeys(k))
	if code != types.Code_ok {
		return code
	}
	there, known := m.keys.get(types.KeyKey(c.signer, k.Id))
	if known && there.Replaces == msg.OldKey && sameKey(&there, k) {
		return types.Code_already_recorded
	}
	code = refusal(
		when(msg.OldValidUntilUnix < m.unix || msg.OldValidUntilUnix < k.ValidFromUnix, types.Code_expiry_passed),
		when(msg.OldValidUntilUnix > m.unix+month, types.Code_expiry_too_far), m.someDay(k))
	if code != types.Code_ok {
		return code
	}
	old, ok := m.keys.get(types.KeyKey(c.signer, msg.OldKey))
	chief := c.key.Role == types.Role_COUNCIL || c.key.Role == types.Role_OPERATOR
	code = refusal(m.possession(c.signer, k), when(known, types.Code_key_exists), unless(ok, types.Code_key_not_own), when(old.Role != k.Role, types.Code_key_role_differs),
		unless(c.key.Id == msg.OldKey || chief, types.Code_key_not_own), m.publicKeyFree(k))
	if code != types.Code_ok {
		return code
	}
	added := newKey(c.signer, k)
	added.Replaces = msg.OldKey
	m.putKey(added)
	if old.Status == types.KeyStatus_KEY_LIVE && (old.ValidUntilUnix == 0 || msg.OldValidUntilUnix < old.ValidUntilUnix) {
		old.ValidUntilUnix = msg.OldValidUntilUnix
		m.keys.put(types.KeyKey(c.signer, msg.OldKey), old)
	}
	return unless(m.governable(m.algorithms(), anyKey), types.Code_last_council_seat)
}

func anyKey(*types.KeyRecord) bool { return true }

func (m *Model) revokeKey(c *call, msg *types.RevokeKey) types.Code {
	since := msg.CompromisedSinceUnix
	code := refusal(codeOf(types.CheckKeyID(msg.Key)), when(since < 0, types.Code_day_too_early), when(since > m.unix, types.Code_day_too_late))
	if code != types.Code_ok {
		return code
	}
	at := types.KeyKey(c.signer, msg.Key)
	k, ok := m.keys.get(at)
	if !ok {
		return types.Code_key_not_own
	}
	marks := since != 0 && (k.CompromisedSinceUnix == 0 || since < k.CompromisedSinceUnix)
	if k.Status == types.KeyStatus_KEY_REVOKED && !marks {
		return types.Code_already_recorded
	}
	k.Status = types.KeyStatus_KEY_REVOKED
	if marks {
		k.CompromisedSinceUnix = since
	}
	if marks && canFall(k.Role) {
		m.wait(m.unix+month, types.DueKind_DUE_COMPROMISE, c.signer+"/"+msg.Key+"/"+strconv.FormatInt(since, 10))
	}
	m.keys.put(at, k)
	return unless(m.governable(m.algorithms(), anyKey), types.Code_last_council_seat)
}
