package app

import (
	"fmt"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"

	"tradecredit/app/ledger"
	"tradecredit/app/state"
	"tradecredit/types"
)

// Upgrades. From the height on that the council chose, blocks run by another version of the rules. A program that does
// not know the version stops before that block: it neither proposes it, nor votes on it, nor computes it, and says what to
// install. Nothing is lost by that; the newer program goes on from the same store. The header of the height after, and
// Info, carry the version.

// knows refuses a block whose rules this program does not compute. prior is the state before it. version is not 0 when
// that block changes the version.
func (a *App) knows(prior state.Reader, height int64) (version uint64, err error) {
	rules, changed, err := ledger.Rules(prior, height)
	if err != nil {
		return 0, err
	}
	if rules.AppVersion > a.options.AppVersion {
		return 0, outdated(rules, height, a.options.AppVersion)
	}
	if changed {
		return rules.AppVersion, nil
	}
	return 0, nil
}

// knowsNext is knows for a block that is to be proposed; before the first one there is nothing to look at.
func (a *App) knowsNext(height int64) error {
	view := a.db.View()
	defer release(view)
	if view.Height() == 0 {
		return nil
	}
	_, err := a.knows(view, height)
	return err
}

// compatible refuses a store whose next block a program that knows newest cannot compute.
func compatible(db *state.DB, newest uint64) error {
	view := db.View()
	defer release(view)
	if view.Height() == 0 {
		return nil
	}
	rules, _, err := ledger.Rules(view, view.Height()+1)
	if err == nil && rules.AppVersion > newest {
		err = outdated(rules, view.Height()+1, newest)
	}
	return err
}

// outdated is what an operator reads when a node stops before an upgrade.
func outdated(rules *types.UpgradePlan, height int64, newest uint64) error {
	return fmt.Errorf("app: UPGRADE NEEDED: block %d runs by version %d of the rules, as the council decided; this program (%s) knows them up to "+
		"version %d. Install the release whose checksums have the SHA-256 %x and start again; no data is lost, and nothing has to be repaired",
		height, rules.AppVersion, types.Version, newest, rules.BinaryDigest)
}

// foretell tells the operator, once, that an upgrade is planned for which this program is too old.
func (a *App) foretell(r state.Reader, height int64) error {
	rules, _, err := ledger.Rules(r, height)
	if err != nil || rules.Planned == nil {
		a.warned = 0
		return err
	}
	if p := rules.Planned; p.AppVersion > a.options.AppVersion && p.AppVersion != a.warned {
		a.warned = p.AppVersion
		a.log.Warn("an upgrade is planned that this program does not know: install the new release before that height, or the node stops there",
			"version", p.AppVersion, "at", p.Height, "release", fmt.Sprintf("%x", p.BinaryDigest), "height", height)
	}
	return nil
}

// versionUpdate lets headers carry a new version of the rules; nil when it stays.
func versionUpdate(version uint64) *cmtproto.ConsensusParams {
	if version == 0 {
		return nil
	}
	return &cmtproto.ConsensusParams{Version: &cmtproto.VersionParams{App: version}}
}
