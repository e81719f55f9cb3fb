package ledger

import (
	"bytes"
	"errors"
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

var errNoChain = errors.New("ledger: the state has no chain record; InitChain has not run")

// Sender is an authenticated signer: a member with a key of one role, or an enterprise with its own key.
type Sender struct {
	ID         string
	Group      string // control group
	Key        *types.KeyRecord
	Member     *types.Member     // nil for an enterprise
	Enterprise *types.Enterprise // nil for a member
}

// Authenticate checks everything about a transaction but its signature, in the order of the codes: chain and window,
// reference, signer and key, role of the key for every message, quota. It is the one function behind admission,
// proposals and blocks; it reads and does not write.
func Authenticate(r state.Reader, m *Moment, t *types.Tx) (*Sender, error) {
	if err := t.CheckWindow(m.Chain.ChainId, m.Unix, m.Params.Algorithms); err != nil {
		return nil, err
	}
	if err := checkReference(r, t); err != nil {
		return nil, err
	}
	sender, err := findSender(r, m, t)
	if err != nil {
		return nil, err
	}
	for i := range t.Body.Messages {
		msg := t.Body.Messages[i]
		row := types.RowOf(msg.Get())
		rel := types.RelationOf(sender.Key.Role, msg.OnBehalfOf)
		if rel == types.SubjectSelf && msg.OnBehalfOf != "" {
			return nil, types.Refuse(types.Code_role_not_permitted, "message %d: an enterprise acts for itself; leave on_behalf_of empty", i+1)
		}
		if _, ok := row.Permit(sender.Key.Role, rel); !ok {
			return nil, types.Refuse(types.Code_role_not_permitted, "message %d: %s does not sign %s (%s)", i+1, sender.Key.Role, row.Name, rel)
		}
	}
	u, err := usage(r, m, t)
	if err != nil {
		return nil, err
	}
	limit := m.Params.QuotaMessages
	if sender.Member == nil {
		limit = m.Params.QuotaSubjectMessages
	}
	if u.Messages > limit {
		return nil, types.Refuse(types.Code_quota_messages_exceeded, "%s may send %d messages a day", sender.ID, limit)
	}
	if u.Bytes > m.Params.QuotaBytes {
		return nil, types.Refuse(types.Code_quota_bytes_exceeded, "%s may send %d bytes a day", sender.ID, m.Params.QuotaBytes)
	}
	return sender, nil
}

func checkReference(r state.Reader, t *types.Tx) error {
	value, err := r.Reference(types.ReferenceKey(t.Body.Signer, t.Body.Reference))
	if err != nil || value == nil {
		return err
	}
	var old types.Reference
	if err := old.Unmarshal(value); err != nil {
		return err
	}
	if bytes.Equal(old.BodyDigest, t.BodyDigest[:]) {
		return types.Refuse(types.Code_reference_used, "%s is final since height %d", t.Body.Reference, old.Height)
	}
	return types.Refuse(types.Code_reference_conflict, "%s was used for another body at height %d; choose a new reference", t.Body.Reference, old.Height)
}

func findSender(r state.Reader, m *Moment, t *types.Tx) (*Sender, error) {
	s := &Sender{ID: t.Body.Signer}
	var err error
	if types.IsSubjectID(s.ID) {
		if s.Enterprise, err = state.Get(r, types.EnterpriseKey(s.ID)); err != nil {
			return nil, err
		}
		if s.Enterprise == nil || s.Enterprise.Status != types.EnterpriseStatus_ENTERPRISE_VERIFIED {
			return nil, types.Refuse(types.Code_signer_unknown, "%s is no verified enterprise", s.ID)
		}
		s.Group = s.Enterprise.Registration.ControlGroup
	} else {
		if s.Member, err = state.Get(r, types.MemberKey(s.ID)); err != nil {
			return nil, err
		}
		if s.Member == nil {
			return nil, types.Refuse(types.Code_signer_unknown, "%q is no member", s.ID)
		}
		if s.Member.Status != types.MemberStatus_LIVE {
			return nil, types.Refuse(types.Code_member_suspended, "%s since height %d", s.ID, s.Member.SuspendedHeight)
		}
		s.Group = s.Member.ControlGroup
	}
	if s.Key, err = state.Get(r, types.KeyKey(s.ID, t.Body.Key)); err != nil {
		return nil, err
	}
	return s, checkKey(s.Key, m.Unix, t)
}

func checkKey(k *types.KeyRecord, unix int64, t *types.Tx) error {
	switch {
	case k == nil:
		return types.Refuse(types.Code_key_unknown, "%s has no key %q", t.Body.Signer, t.Body.Key)
	case k.Status == types.KeyStatus_KEY_REVOKED:
		return types.Refuse(types.Code_key_revoked, "%s/%s", k.Holder, k.Id)
	case !live(k, unix):
		return types.Refuse(types.Code_key_not_live, "%s/%s is valid from %d until %d", k.Holder, k.Id, k.ValidFromUnix, k.ValidUntilUnix)
	case !bytes.Equal(k.PublicKey, t.Signed.PublicKey) || k.Algorithm != t.Signed.Algorithm:
		return types.Refuse(types.Code_public_key_differs, "the transaction shows another key than %s/%s", k.Holder, k.Id)
	}
	return nil
}

// live tells whether a key may sign at that time.
func live(k *types.KeyRecord, unix int64) bool {
	return k.Status == types.KeyStatus_KEY_LIVE && k.ValidFromUnix <= unix && (k.ValidUntilUnix == 0 || unix < k.ValidUntilUnix)
}

// usage is what the signer will have used today with this transaction.
func usage(r state.Reader, m *Moment, t *types.Tx) (*types.Usage, error) {
	u, err := state.Get(r, types.UsageKey(t.Body.Signer))
	if err != nil {
		return nil, err
	}
	today := m.Today()
	if u == nil || u.Day != today {
		u = &types.Usage{Day: today}
	}
	if u.Messages, err = types.Add(u.Messages, int64(len(t.Body.Messages))); err != nil {
		return nil, err
	}
	u.Bytes, err = types.Add(u.Bytes, int64(len(t.Raw)))
	return u, err
}

// Charge writes what the signer has used of today's quota.
func Charge(w state.Writer, m *Moment, t *types.Tx) error {
	u, err := usage(w, m, t)
	if err != nil {
		return err
	}
	return state.Set(w, types.UsageKey(t.Body.Signer), u)
}

// Cost is what the transaction takes of the block's cost budget: the fixed cost of each of its messages.
func Cost(t *types.Tx) int64 {
	var sum int64
	for i := range t.Body.Messages {
		sum += types.RowOf(t.Body.Messages[i].Get()).Cost
	}
	return sum
}

// hasRole tells whether a member was admitted with a role.
func hasRole(m *types.Member, r types.Role) bool { return slices.Contains(m.Roles, r) }
