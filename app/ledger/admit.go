package ledger

import (
	"bytes"
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Admission of a member by vote, with its keys (LEDGER.md §3).

func checkAdmit(a *types.Admit) error {
	if err := types.CheckMemberID(a.Member); err != nil {
		return err
	}
	for _, k := range a.Keys {
		if err := checkNewKey(k); err != nil {
			return err
		}
	}
	if err := types.CheckDigest(a.NameDigest); err != nil {
		return err
	}
	if err := types.CheckMemberGroup(a.ControlGroup); err != nil {
		return err
	}
	if err := checkRoles(a.Roles); err != nil {
		return err
	}
	if n := len(a.Keys); n < 1 || n > maxAdmitKeys {
		return types.Refuse(types.Code_list_too_long, "%d keys; a member is admitted with 1 to %d", n, maxAdmitKeys)
	}
	if err := types.CheckJurisdiction(a.Jurisdiction); err != nil {
		return err
	}
	return checkAdmitKeys(a)
}

// checkRoles refuses roles that are missing, no member's, or not in ascending order.
func checkRoles(roles []types.Role) error {
	if len(roles) == 0 {
		return types.Refuse(types.Code_enum_required, "roles")
	}
	for _, r := range roles {
		if r < types.Role_COUNCIL || r > types.Role_AUDITOR {
			return types.Refuse(types.Code_enum_required, "%s is no role of a member", r)
		}
	}
	for i := range roles[1:] {
		if roles[i] >= roles[i+1] {
			return types.Refuse(types.Code_list_not_sorted, "roles ascend, without repetition")
		}
	}
	return nil
}

// checkAdmitKeys compares the keys of one admission with each other and with the roles.
func checkAdmitKeys(a *types.Admit) error {
	for i, k := range a.Keys {
		for _, other := range a.Keys[:i] {
			if k.Id == other.Id {
				return types.Refuse(types.Code_key_exists, "key %s stands twice", k.Id)
			}
			if bytes.Equal(k.PublicKey, other.PublicKey) {
				return types.Refuse(types.Code_public_key_in_use, "keys %s and %s are one", other.Id, k.Id)
			}
		}
	}
	for _, k := range a.Keys {
		if !slices.Contains(a.Roles, k.Role) {
			return types.Refuse(types.Code_role_not_of_member, "key %s: %s is not among the member's roles", k.Id, k.Role)
		}
	}
	return nil
}

// admit makes a member with its keys. Its id, and every public key, is unused.
func (b *Block) admit(w *state.Batch, a *types.Admit) error {
	for _, k := range a.Keys {
		if err := b.possessed(a.Member, k); err != nil {
			return err
		}
	}
	old, err := state.Get(w, types.MemberKey(a.Member))
	if err != nil {
		return err
	}
	if old != nil {
		return types.Refuse(types.Code_member_exists, "%s, %s", a.Member, old.Status)
	}
	for _, k := range a.Keys {
		if err := newKey(w, a.Member, "", k); err != nil {
			return err
		}
	}
	return state.Set(w, types.MemberKey(a.Member), &types.Member{
		Id: a.Member, ControlGroup: a.ControlGroup, Jurisdiction: a.Jurisdiction, Roles: a.Roles,
		Status: types.MemberStatus_LIVE, NameDigest: a.NameDigest, AdmittedHeight: b.Height,
	})
}
