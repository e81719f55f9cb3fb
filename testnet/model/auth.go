package model

import (
	"crypto/sha256"
	"strings"

	"tradecredit/types"
)

// reference is what replay protection keeps.
type reference struct {
	until  int64
	digest types.Hash
}

// forgetReferences drops the hours that nothing valid can carry any more.
func (m *Model) forgetReferences() {
	for k, r := range m.references {
		if r.until/3600 < m.unix/3600 {
			delete(m.references, k)
		}
	}
}

// authenticate: window, reference, signer, key, role for every message, quota, signature.
func (m *Model) authenticate(t *types.Tx, verified bool) types.Code {
	b := &t.Body
	switch {
	case !types.Allowed(t.Signed.Algorithm, m.params.Algorithms):
		return types.Code_algorithm_not_allowed
	case b.ChainId != m.chainID:
		return types.Code_chain_id_differs
	case b.ValidUntilUnix < m.unix:
		return types.Code_tx_expired
	case b.ValidUntilUnix > m.unix+24*3600:
		return types.Code_valid_until_too_far
	}
	if r, ok := m.references[types.ReferenceKey(b.Signer, b.Reference)]; ok {
		if r.digest == t.BodyDigest {
			return types.Code_reference_used
		}
		return types.Code_reference_conflict
	}
	return refusal(m.authenticateSigner(t), m.withinQuota(t), unless(verified, types.Code_signature_invalid))
}

func (m *Model) authenticateSigner(t *types.Tx) types.Code {
	b := &t.Body
	if isEnterprise(b.Signer) {
		e, ok := m.enterprises.get(types.EnterpriseKey(b.Signer))
		if !ok || e.Status != types.EnterpriseStatus_ENTERPRISE_VERIFIED {
			return types.Code_signer_unknown
		}
	} else {
		member, ok := m.members.get(types.MemberKey(b.Signer))
		if !ok {
			return types.Code_signer_unknown
		}
		if member.Status == types.MemberStatus_SUSPENDED {
			return types.Code_member_suspended
		}
	}
	k, ok := m.keys.get(types.KeyKey(b.Signer, b.Key))
	switch {
	case !ok:
		return types.Code_key_unknown
	case k.Status == types.KeyStatus_KEY_REVOKED:
		return types.Code_key_revoked
	case !m.live(&k):
		return types.Code_key_not_live
	case string(k.PublicKey) != string(t.Signed.PublicKey) || k.Algorithm != t.Signed.Algorithm:
		return types.Code_public_key_differs
	}
	for _, wrapped := range b.Messages {
		name := types.RowOf(wrapped.Get()).Name
		if k.Role == types.Role_ENTERPRISE && wrapped.OnBehalfOf != "" {
			return types.Code_role_not_permitted
		}
		if permission(name, k.Role, relation(k.Role, wrapped.OnBehalfOf)) == types.Evidence_EVIDENCE_UNSPECIFIED {
			return types.Code_role_not_permitted
		}
	}
	return types.Code_ok
}

// live tells whether a key may sign now: from its first second until the one before its end.
func (m *Model) live(k *types.KeyRecord) bool {
	return k.Status == types.KeyStatus_KEY_LIVE && k.ValidFromUnix <= m.unix && (k.ValidUntilUnix == 0 || m.unix < k.ValidUntilUnix)
}

func relation(role types.Role, behalf string) types.Relation {
	switch {
	case role == types.Role_ENTERPRISE:
		return types.SubjectSelf
	case behalf != "":
		return types.ByMandate
	}
	return types.OwnRight
}

// usageToday is what a signer used of its quota today.
func (m *Model) usageToday(signer string) types.Usage {
	if u := m.usages.at(types.UsageKey(signer)); u.Day == m.day {
		return u
	}
	return types.Usage{Day: m.day}
}

func (m *Model) withinQuota(t *types.Tx) types.Code {
	u, quota := m.usageToday(t.Body.Signer), m.params.QuotaMessages
	if isEnterprise(t.Body.Signer) {
		quota = m.params.QuotaSubjectMessages
	}
	return refusal(
		unless(u.Messages+int64(len(t.Body.Messages)) <= quota, types.Code_quota_messages_exceeded),
		unless(u.Bytes+int64(len(t.Raw)) <= m.params.QuotaBytes, types.Code_quota_bytes_exceeded))
}

// count counts an authenticated transaction against the quota, whatever becomes of its messages.
func (m *Model) count(t *types.Tx) {
	u := m.usageToday(t.Body.Signer)
	u.Messages += int64(len(t.Body.Messages))
	u.Bytes += int64(len(t.Raw))
	m.usages.put(types.UsageKey(t.Body.Signer), u)
}

// call is one message on its way: who signs it, in which capacity.
type call struct {
	name     string
	signer   string
	key      types.KeyRecord
	behalf   string // the enterprise a member acts for, else empty
	evidence types.Evidence
	content  []byte // first 16 bytes of SHA-256 of the message
	origin   *types.Origin
}

func (m *Model) callOf(t *types.Tx, wrapped *types.Message) *call {
	c := &call{name: types.RowOf(wrapped.Get()).Name, signer: t.Body.Signer, behalf: wrapped.OnBehalfOf, origin: t.Body.Origin,
		key: m.keys.at(types.KeyKey(t.Body.Signer, t.Body.Key))}
	c.evidence = permission(c.name, c.key.Role, relation(c.key.Role, c.behalf))
	c.content = contentOf(wrapped.OnBehalfOf, wrapped.Get())
	return c
}

// contentOf is what tells an id that was sent again from one that was taken: 16 bytes of SHA-256 of the message.
func contentOf(behalf string, msg types.Msg) []byte {
	encoded, err := types.Wrap(behalf, msg).Marshal()
	if err != nil {
		panic("model: " + err.Error())
	}
	sum := sha256.Sum256(encoded)
	return sum[:16]
}

// own tells whether the signer acts in its own right as a member.
func (c *call) own() bool { return relation(c.key.Role, c.behalf) == types.OwnRight }

// party is the enterprise that the message speaks for: the signer itself, or the one it acts for; empty for a member in
// its own right.
func (c *call) party() string {
	if c.key.Role == types.Role_ENTERPRISE {
		return c.signer
	}
	return c.behalf
}

// id is the record id of a source id of this signer.
func (c *call) id(source string) string { return c.signer + "/" + source }

// provenance of a record whose event was on that day.
func (m *Model) provenance(c *call, day int32) *types.Provenance {
	p := &types.Provenance{Signer: c.signer, Key: c.key.Id, Role: c.key.Role, OnBehalfOf: c.behalf, Evidence: c.evidence,
		Height: m.height, Unix: m.unix, Origin: c.origin, Content: c.content, Lists: m.lists.Revision}
	p.Late = day < m.day-30
	p.Backfill = p.Late && m.inBackfill(c.signer, day)
	p.Counted = !p.Late || p.Backfill || (c.evidence == types.Evidence_SOURCE_SIGNED && countsLate(c.key.Role))
	return p
}

// countsLate tells the sources whose late records count.
func countsLate(r types.Role) bool {
	return r == types.Role_CUSTOMS || r == types.Role_TAX || r == types.Role_BANK
}

func (m *Model) inBackfill(signer string, day int32) bool {
	for _, w := range m.members.at(types.MemberKey(signer)).Backfills {
		if w.FromDay <= day && day <= w.UntilDay && m.unix < w.ClosesUnix {
			return true
		}
	}
	return false
}

func isEnterprise(id string) bool { return strings.Contains(id, ":") }
