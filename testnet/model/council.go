package model

import (
	"bytes"
	"slices"

	"tradecredit/types"
)

// What the council decides besides members and parameters: validators, epochs, rates, upgrades, recovered keys.

const recoveryDelay = 72 * 3600

func shapeOfValidator(v *types.ChangeValidator) types.Code {
	if v.Power == 0 { // what is no key is in no set
		return when(v.Member != "" || len(v.Replaces) > 0, types.Code_field_not_of_event)
	}
	return lowest(codeOf(types.CheckMemberID(v.Member)), codeOf(types.CheckPublicKey(types.Algorithm_ED25519, v.PublicKey)),
		when(v.Power < 0 || v.Power > 1e6, types.Code_validator_power_out_of_range))
}

func (m *Model) validator(key []byte) *types.ValidatorRow {
	for _, v := range m.validators.at(types.ValidatorsKey).Validators {
		if bytes.Equal(v.PublicKey, key) {
			return v
		}
	}
	return nil
}

// changed is the set after a change.
func (m *Model) changed(v *types.ChangeValidator) types.ValidatorSet {
	var out types.ValidatorSet
	for _, x := range m.validators.at(types.ValidatorsKey).Validators {
		if !bytes.Equal(x.PublicKey, v.PublicKey) && !bytes.Equal(x.PublicKey, v.Replaces) {
			out.Validators = append(out.Validators, x)
		}
	}
	if v.Power > 0 {
		out.Validators = append(out.Validators, &types.ValidatorRow{PublicKey: v.PublicKey, Power: v.Power, Member: v.Member,
			ControlGroup: m.groupOf(v.Member)})
	}
	slices.SortFunc(out.Validators, func(a, b *types.ValidatorRow) int { return bytes.Compare(a.PublicKey, b.PublicKey) })
	return out
}

func (m *Model) validatorNow(v *types.ChangeValidator) types.Code {
	is := m.validator(v.PublicKey)
	var code types.Code
	if v.Power == 0 {
		code = unless(is != nil, types.Code_validator_unknown)
	} else {
		x, ok := m.members.get(types.MemberKey(v.Member))
		fit := x.Status == types.MemberStatus_LIVE && contains(x.Roles, types.Role_OPERATOR)
		code = refusal(unless(ok, types.Code_member_unknown),
			when(is == nil && m.publicKeys.has(types.PublicKeyKey(v.PublicKey)), types.Code_public_key_in_use),
			unless(fit, types.Code_validator_member_unfit),
			when(len(v.Replaces) > 0 && m.validator(v.Replaces) == nil, types.Code_validator_unknown),
			when(len(v.Replaces) > 0 && bytes.Equal(v.Replaces, v.PublicKey), types.Code_validator_unchanged),
			when(is != nil && is.Power == v.Power && is.Member == v.Member && len(v.Replaces) == 0, types.Code_validator_unchanged))
	}
	before, after := m.validators.at(types.ValidatorsKey).Validators, m.changed(v).Validators
	most, all := largestGroup(after)
	was, wasAll := largestGroup(before)
	third := len(after) >= 4 && most*3 >= all
	raises := len(after) < 4 && len(before) > 0 && most*wasAll > was*all
	return refusal(code, when(len(after) < min(4, len(before)), types.Code_validator_set_too_small),
		when(third || raises, types.Code_validator_share_too_large))
}

// largestGroup is the power of the strongest control group, and of all. Who answers to no member is a group.
func largestGroup(set []*types.ValidatorRow) (most, all int64) {
	groups := map[string]int64{}
	for _, v := range set {
		name := "group " + v.ControlGroup
		if v.Member == "" {
			name = "key " + string(v.PublicKey)
		}
		groups[name] += v.Power
		most = max(most, groups[name])
		all += v.Power
	}
	return most, all
}

// validatorGroups are those that a change touches: of who answers for the validators after it, and before.
func (m *Model) validatorGroups(v *types.ChangeValidator) (out []string) {
	if v.Power > 0 {
		out = append(out, m.groupOf(v.Member))
	}
	for _, key := range [][]byte{v.PublicKey, v.Replaces} {
		if x := m.validator(key); x != nil && x.Member != "" {
			out = append(out, x.ControlGroup)
		}
	}
	return out
}

func shapeOfEpoch(e *types.OpenEpoch) types.Code {
	return lowest(digest(e.KeyCheck), notTooEarly(e.OpensDay), when(int64(e.ClosesDay) < int64(e.OpensDay)+900, types.Code_epoch_too_short))
}

func (m *Model) epochNow(e *types.OpenEpoch) types.Code {
	last, days := uint32(0), []int32{e.OpensDay} // there may be more only on days on which one opens
	for _, x := range m.epochs.at(types.EpochsKey).Epochs {
		last = max(last, x.Epoch.Epoch)
		if day := x.Epoch.OpensDay; e.OpensDay <= day && day <= e.ClosesDay {
			days = append(days, day)
		}
	}
	live := 0
	for _, day := range days {
		n := 1
		for _, x := range m.epochs.at(types.EpochsKey).Epochs {
			if x.Epoch.ClosesDay >= m.day && x.Epoch.OpensDay <= day && day <= x.Epoch.ClosesDay {
				n++
			}
		}
		live = max(live, n)
	}
	return refusal(unless(e.Epoch == last+1, types.Code_epoch_number_wrong), when(live > 2, types.Code_too_many_epochs))
}

// liveEpochs are the epochs that are open on a day, ascending.
func (m *Model) liveEpochs(day int32) (out []uint32) {
	for _, x := range m.epochs.at(types.EpochsKey).Epochs {
		if x.Epoch.OpensDay <= day && day <= x.Epoch.ClosesDay {
			out = append(out, x.Epoch.Epoch)
		}
	}
	return out
}

// openEpoch keeps what is live or comes, and the last for its number.
func (m *Model) openEpoch(e *types.OpenEpoch, proposal string) {
	var leaf types.Epochs
	for _, x := range m.epochs.at(types.EpochsKey).Epochs {
		if x.Epoch.ClosesDay >= m.day {
			leaf.Epochs = append(leaf.Epochs, x)
		}
	}
	leaf.Epochs = append(leaf.Epochs, &types.Epoch{Epoch: e, Proposal: proposal})
	m.epochs.put(types.EpochsKey, leaf)
}

func (m *Model) shapeOfFixing(f *types.PublishFixing) types.Code {
	return refusal(m.currency(f.Currency), when(f.RateE9 <= 0, types.Code_rate_not_positive), when(f.RateE9 > 1e15, types.Code_amount_too_large),
		notTooEarly(f.Day))
}

// jumps tells a rate that differs by more than a fifth from the latest of the ten days before.
func (m *Model) jumps(f *types.PublishFixing) bool {
	last, ok := m.rate(f.Currency, f.Day-1, 9)
	return ok && max(f.RateE9-last, last-f.RateE9)*5 > last
}

func (m *Model) fixingNow(f *types.PublishFixing) types.Code {
	if old, ok := m.fixings.get(types.FixingKey(f.Currency, f.Day)); ok {
		return either(old.RateE9 == f.RateE9, types.Code_already_recorded, types.Code_fixing_exists)
	}
	return refusal(when(f.Currency == m.baseCurrency, types.Code_fixing_of_base_currency), unless(m.jumps(f), types.Code_fixing_jump_absent))
}

func shapeOfUpgrade(u *types.PlanUpgrade) types.Code {
	if u.Height == 0 {
		return when(len(u.BinaryDigest) > 0, types.Code_field_not_of_event)
	}
	return digest(u.BinaryDigest)
}

func (m *Model) upgradeNow(u *types.PlanUpgrade) types.Code {
	x := m.upgrade.at(types.UpgradeKey)
	if u.Height == 0 {
		return when(x.Planned == nil || x.Planned.AppVersion != u.AppVersion, types.Code_upgrade_not_planned)
	}
	return refusal(when(u.Height <= m.height, types.Code_upgrade_height_passed), when(u.AppVersion <= x.AppVersion, types.Code_upgrade_version_unfit))
}

func (m *Model) planUpgrade(u *types.PlanUpgrade, proposal string) {
	x := m.upgrade.at(types.UpgradeKey)
	x.Planned, x.Proposal = u, proposal
	if u.Height == 0 {
		x.Planned, x.Proposal = nil, ""
	}
	m.upgrade.put(types.UpgradeKey, x)
}

// beginHeight is what a height brings: an upgrade, a model.
func (m *Model) beginHeight() {
	if x := m.upgrade.at(types.UpgradeKey); x.Planned != nil && x.Planned.Height <= m.height {
		m.upgrade.put(types.UpgradeKey, types.UpgradePlan{AppVersion: x.Planned.AppVersion, BinaryDigest: x.Planned.BinaryDigest})
	}
	m.activateModel()
}

func shapeOfRecovery(r *types.RecoverKey) types.Code {
	holder := codeOf(types.CheckMemberID(r.Holder))
	if isEnterprise(r.Holder) {
		holder = codeOf(types.CheckSubjectID(r.Holder))
	}
	code := refusal(holder, codeOf(types.CheckKeyID(r.LostKey)), shapeOfKeys(r.NewKey))
	return refusal(code, when(r.NewKey.GetValidFromUnix() != 0, types.Code_field_not_of_event))
}

func (m *Model) recoveryNow(r *types.RecoverKey) types.Code {
	there := unless(m.members.has(types.MemberKey(r.Holder)), types.Code_member_unknown)
	if isEnterprise(r.Holder) {
		there = m.registered(r.Holder)
	}
	lost, ok := m.keys.get(types.KeyKey(r.Holder, r.LostKey))
	waits := false
	for _, k := range m.keysOf(r.Holder) {
		waits = waits || k.Recovered && k.Status == types.KeyStatus_KEY_LIVE && k.ValidFromUnix > m.unix
	}
	if there != types.Code_ok {
		return there
	}
	until := r.NewKey.ValidUntilUnix
	return refusal(when(until != 0 && until <= m.unix+recoveryDelay, types.Code_expiry_passed),
		m.possession(r.Holder, r.NewKey), when(m.keys.has(types.KeyKey(r.Holder, r.NewKey.Id)), types.Code_key_exists),
		unless(ok, types.Code_key_not_own), when(lost.Role != r.NewKey.Role, types.Code_key_role_differs), m.publicKeyFree(r.NewKey),
		when(waits, types.Code_recovery_pending))
}

func (m *Model) recover(r *types.RecoverKey) {
	k := newKey(r.Holder, r.NewKey)
	k.ValidFromUnix, k.Recovered, k.Replaces = m.unix+recoveryDelay, true, r.LostKey
	m.putKey(k)
}
