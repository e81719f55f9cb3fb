package ledger

import (
	"bytes"
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Validators by vote (LEDGER.md §3).
//
// Leaf "validators" is the set that will be in force once CometBFT has applied every change given to it so far: the
// pending next set. Rules test a change against that, never against who signs today, and the block gives CometBFT one
// sorted list of what differs from the block before, whatever many proposals did. So no update is ever one that CometBFT
// refuses, which would halt every node. A change given out by block H signs from block H+2 on.
//
// A suspended member's validators stay until they are voted out: taking their power away at once could leave one group
// with a third of it. A validator of a genesis that names no members has none, counts as a group of its own, and may be
// given one, or be removed, by vote.

// safeValidators is how many validators tolerate one that fails: from there on no group reaches a third, and the set
// never shrinks below.
const safeValidators = 4

// consensusKeySize is the size of an ed25519 public key, in bytes.
const consensusKeySize = 32

// checkValidator refuses what no state could make valid.
func checkValidator(a *types.ChangeValidator) error {
	if a.Power == 0 {
		if a.Member != "" || len(a.Replaces) > 0 {
			return types.Refuse(types.Code_field_not_of_event, "a removal names the key alone")
		}
		return nil
	}
	err := firstRefusal(types.CheckMemberID(a.Member), types.CheckPublicKey(types.Algorithm_ED25519, a.PublicKey))
	if err == nil && (a.Power < 0 || a.Power > types.MaxValidatorPower) {
		err = types.Refuse(types.Code_validator_power_out_of_range, "%d is not 0 to %d", a.Power, types.MaxValidatorPower)
	}
	return err
}

// changeValidator checks the member, the keys, whether anything changes, the size of the set, and the shares of power.
func changeValidator(w *state.Batch, a *types.ChangeValidator) error {
	set, err := validators(w)
	if err != nil {
		return err
	}
	next := slices.DeleteFunc(slices.Clone(set), func(v *types.ValidatorRow) bool {
		return bytes.Equal(v.PublicKey, a.PublicKey) || bytes.Equal(v.PublicKey, a.Replaces)
	})
	old := validator(set, a.PublicKey)
	if a.Power > 0 {
		m, err := validatorMember(w, a, old == nil)
		if err != nil {
			return err
		}
		row := &types.ValidatorRow{PublicKey: a.PublicKey, Power: a.Power, Member: m.Id, ControlGroup: m.ControlGroup}
		i, _ := slices.BinarySearchFunc(next, a.PublicKey, byKey)
		next = slices.Insert(next, i, row)
	}
	switch {
	case a.Power == 0 && old == nil:
		return types.Refuse(types.Code_validator_unknown, "%x is not in the set", a.PublicKey)
	case len(a.Replaces) > 0 && validator(set, a.Replaces) == nil:
		return types.Refuse(types.Code_validator_unknown, "%x is not in the set and cannot be replaced", a.Replaces)
	case bytes.Equal(a.PublicKey, a.Replaces):
		return types.Refuse(types.Code_validator_unchanged, "a key does not replace itself")
	case old != nil && old.Power == a.Power && old.Member == a.Member && len(a.Replaces) == 0:
		return types.Refuse(types.Code_validator_unchanged, "%x of %s has the power %d", a.PublicKey, a.Member, a.Power)
	}
	if least := min(safeValidators, len(set)); len(next) < least {
		return types.Refuse(types.Code_validator_set_too_small, "%d validators would be left, at least %d", len(next), least)
	}
	if err := sharesPower(set, next); err != nil {
		return err
	}
	return state.Set(w, types.ValidatorsKey, &types.ValidatorSet{Validators: next})
}

// validatorMember returns the member that answers for a validator. A new consensus key has no other use.
func validatorMember(r state.Reader, a *types.ChangeValidator, fresh bool) (*types.Member, error) {
	m, err := member(r, a.Member)
	if err != nil {
		return nil, err
	}
	if fresh {
		other, err := state.Get(r, types.PublicKeyKey(a.PublicKey))
		if err != nil {
			return nil, err
		}
		if other != nil {
			return nil, types.Refuse(types.Code_public_key_in_use, "by %s/%s; a consensus key has no other use", other.Holder, other.Id)
		}
	}
	switch {
	case m.Status != types.MemberStatus_LIVE:
		return nil, types.Refuse(types.Code_validator_member_unfit, "%s is suspended since height %d", m.Id, m.SuspendedHeight)
	case !hasRole(m, types.Role_OPERATOR):
		return nil, types.Refuse(types.Code_validator_member_unfit, "%s has no OPERATOR role", m.Id)
	}
	return m, nil
}

// sharesPower refuses a set in which one group has too much of the power: from four validators on a third, below four
// more than the largest group has now.
func sharesPower(set, next []*types.ValidatorRow) error {
	was, wasAll := largestGroup(set)
	is, all := largestGroup(next)
	if len(next) >= safeValidators {
		if third, err := types.Mul(is, 3); err != nil || third >= all {
			return types.Refuse(types.Code_validator_share_too_large, "one control group would have %d of %d, a third or more", is, all)
		}
		return nil
	}
	if len(set) == 0 || len(next) == 0 {
		return nil
	}
	left, err := types.Mul(is, wasAll)
	if err != nil {
		return err
	}
	right, err := types.Mul(was, all)
	if err != nil {
		return err
	}
	if left > right {
		return types.Refuse(types.Code_validator_share_too_large, "the largest control group would have %d of %d after %d of %d", is, all, was, wasAll)
	}
	return nil
}

// largestGroup is the power of the strongest control group and that of all. A validator without a member is a group.
func largestGroup(set []*types.ValidatorRow) (largest, all int64) {
	for i, v := range set {
		sum := v.Power
		for j, other := range set {
			if i != j && v.ControlGroup != "" && v.ControlGroup == other.ControlGroup {
				sum += other.Power
			}
		}
		largest, all = max(largest, sum), all+v.Power
	}
	return largest, all
}

// validatorGroups are the groups that a change touches: of who answers for the validator, and of who did so far.
func validatorGroups(r state.Reader, a *types.ChangeValidator) ([]string, error) {
	set, err := validators(r)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, v := range set {
		if v.ControlGroup != "" && (bytes.Equal(v.PublicKey, a.PublicKey) || bytes.Equal(v.PublicKey, a.Replaces)) {
			out = append(out, v.ControlGroup)
		}
	}
	if a.Member == "" {
		return out, nil
	}
	m, err := member(r, a.Member)
	if err != nil {
		return nil, err
	}
	return append(out, m.ControlGroup), nil
}

// validators are the pending next set, ascending by key.
func validators(r state.Reader) ([]*types.ValidatorRow, error) {
	set, err := state.Get(r, types.ValidatorsKey)
	if err != nil {
		return nil, err
	}
	return set.GetValidators(), nil
}

func byKey(v *types.ValidatorRow, key []byte) int { return bytes.Compare(v.PublicKey, key) }

// validator is the row of a key, nil when it is not in the set.
func validator(set []*types.ValidatorRow, key []byte) *types.ValidatorRow {
	i, found := slices.BinarySearchFunc(set, key, byKey)
	if !found {
		return nil
	}
	return set[i]
}

// ValidatorUpdates is what CometBFT must change after this block: every key whose power differs from the block before,
// ascending by key, once; power 0 removes it. It is computed from the two sets, so whatever proposals of one block undo
// of each other is not in it. Call it after the last transaction.
func (b *Block) ValidatorUpdates() ([]*types.ValidatorRow, error) {
	before, err := validators(b.Prev)
	if err != nil {
		return nil, err
	}
	after, err := validators(b.Batch)
	if err != nil {
		return nil, err
	}
	var out []*types.ValidatorRow
	for _, v := range before {
		if validator(after, v.PublicKey) == nil {
			out = append(out, &types.ValidatorRow{PublicKey: v.PublicKey})
		}
	}
	for _, v := range after {
		if old := validator(before, v.PublicKey); old == nil || old.Power != v.Power {
			out = append(out, &types.ValidatorRow{PublicKey: v.PublicKey, Power: v.Power})
		}
	}
	slices.SortFunc(out, func(x, y *types.ValidatorRow) int { return bytes.Compare(x.PublicKey, y.PublicKey) })
	return out, nil
}

// Validators is the set that the state says will sign blocks, ascending by key; nil when it knows of none.
func Validators(r state.Reader) ([]*types.ValidatorRow, error) { return validators(r) }
