package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// Upgrades by vote: a new version of the rules comes into force at a height that the council chose.
//
// Leaf "upgrade" holds the version in force and what is planned. The first block of the planned height begins by writing
// the new version; the application refuses that block when its program does not know the version (package app), so every
// node stops at the same height, before anything was computed two ways. Headers carry the version from the height after.

// checkUpgrade refuses what no state could make valid.
func checkUpgrade(a *types.PlanUpgrade) error {
	if a.Height != 0 {
		return types.CheckDigest(a.BinaryDigest)
	}
	if len(a.BinaryDigest) > 0 {
		return types.Refuse(types.Code_field_not_of_event, "height 0 drops an upgrade, which needs no release")
	}
	return nil
}

// planUpgrade plans an upgrade, in the place of what was planned before, or drops that. It checks the height, then
// the version.
func (b *Block) planUpgrade(w *state.Batch, proposal string, a *types.PlanUpgrade) error {
	u, err := upgradeLeaf(w)
	switch {
	case err != nil:
		return err
	case a.Height == 0 && u.Planned.GetAppVersion() != a.AppVersion:
		return types.Refuse(types.Code_upgrade_not_planned, "no upgrade to version %d", a.AppVersion)
	case a.Height == 0:
		u.Planned, u.Proposal = nil, ""
		return state.Set(w, types.UpgradeKey, u)
	case a.Height <= b.Height:
		return types.Refuse(types.Code_upgrade_height_passed, "height %d is not after %d", a.Height, b.Height)
	case a.AppVersion <= u.AppVersion:
		return types.Refuse(types.Code_upgrade_version_unfit, "%d is not above the present %d", a.AppVersion, u.AppVersion)
	}
	u.Planned, u.Proposal = a, proposal
	return state.Set(w, types.UpgradeKey, u)
}

// upgradeLeaf reads the leaf; a state without one is of the first version.
func upgradeLeaf(r state.Reader) (*types.UpgradePlan, error) {
	u, err := state.Get(r, types.UpgradeKey)
	if err == nil && u == nil {
		u = &types.UpgradePlan{AppVersion: types.FirstAppVersion}
	}
	return u, err
}

// Rules is the leaf as the block of a height runs by it, over state r, the one of the height before: a plan whose height
// has come is in force already. changed says that this block is the one that brings it.
func Rules(r state.Reader, height int64) (u *types.UpgradePlan, changed bool, err error) {
	u, err = upgradeLeaf(r)
	if err != nil || u.Planned == nil || u.Planned.Height > height {
		return u, false, err
	}
	return &types.UpgradePlan{AppVersion: u.Planned.AppVersion, BinaryDigest: u.Planned.BinaryDigest}, true, nil
}

// upgradeNow writes the version that this block begins with.
func (b *Block) upgradeNow() error {
	u, changed, err := Rules(b, b.Height)
	if err != nil || !changed {
		return err
	}
	return state.Set(b, types.UpgradeKey, u)
}
