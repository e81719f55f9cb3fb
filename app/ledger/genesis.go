package ledger

import (
	"bytes"
	"fmt"

	"tradecredit/app/state"
	"tradecredit/types"
	"tradecredit/types/score"
)

// InitChain writes the state that a network begins with: the chain leaf, which is never deleted, the parameters, the
// members with their keys, the validators where the genesis names them, version 1 of the rules, and the expert model,
// which is active from the first block. genesisUnix is the genesis time in seconds. A genesis that does not validate is an
// error; so the node does not start. The caller commits the writes with the first block.
func InitChain(w state.Writer, g *types.Genesis, chainID string, genesisUnix int64) error {
	if err := g.Validate(chainID); err != nil {
		return err
	}
	params, err := g.InitialParameters()
	if err != nil {
		return err
	}
	chain := &types.Chain{
		ChainId: chainID, BaseCurrency: g.BaseCurrency, DayOffsetS: g.DayOffsetS, Simulation: g.Simulation,
		GenesisUnix: genesisUnix, Notice: g.Notice,
	}
	if err := state.Set(w, types.ChainKey, chain); err != nil {
		return err
	}
	if err := state.Set(w, types.ParametersKey, &params); err != nil {
		return err
	}
	for i := range g.Members {
		if err := foundingMember(w, &g.Members[i]); err != nil {
			return err
		}
	}
	if err := foundingValidators(w, g); err != nil {
		return err
	}
	if err := state.Set(w, types.UpgradeKey, &types.UpgradePlan{AppVersion: types.FirstAppVersion}); err != nil {
		return err
	}
	return foundingModel(w)
}

// foundingModel puts the expert model in force. Nobody proposed it, and nobody has validated it.
func foundingModel(w state.Writer) error {
	model := score.ExpertV1()
	if err := state.Set(w, types.ModelKey(model.Id), model); err != nil {
		return err
	}
	if err := state.Set(w, types.ActiveModelKey, model); err != nil {
		return err
	}
	if err := state.Set(w, types.ModelPlanKey, &types.ModelPlan{Active: model.Id}); err != nil {
		return err
	}
	return state.Set(w, types.ModelStateKey(model.Id), &types.ModelState{Model: model.Id, Status: types.ModelStatus_MODEL_ACTIVE})
}

// foundingValidators writes the validators that the genesis names, with who answers for them.
func foundingValidators(w state.Writer, g *types.Genesis) error {
	var set types.ValidatorSet
	for _, v := range g.Validators {
		set.Validators = append(set.Validators, &types.ValidatorRow{
			PublicKey: v.PublicKey, Power: v.Power, Member: v.Member, ControlGroup: g.MemberNamed(v.Member).ControlGroup,
		})
	}
	if len(set.Validators) == 0 {
		return nil
	}
	return state.Set(w, types.ValidatorsKey, &set)
}

// AdoptValidators writes validators that a genesis does not name: those that the engine begins with, for whom nobody
// answers until a vote says who. set is ascending by key, with powers of 1 to types.MaxValidatorPower.
func AdoptValidators(w state.Writer, set []*types.ValidatorRow) error {
	for i, v := range set {
		if i > 0 && bytes.Compare(set[i-1].PublicKey, v.PublicKey) >= 0 {
			return fmt.Errorf("validator %x is out of order, or repeated", v.PublicKey)
		}
		if len(v.PublicKey) != consensusKeySize {
			return fmt.Errorf("the key of a validator has %d bytes: only ed25519 keys sign blocks", len(v.PublicKey))
		}
		if v.Power < 1 || v.Power > types.MaxValidatorPower {
			return fmt.Errorf("validator %x has the power %d, not 1 to %d", v.PublicKey, v.Power, types.MaxValidatorPower)
		}
	}
	return state.Set(w, types.ValidatorsKey, &types.ValidatorSet{Validators: set})
}

// foundingMember writes a member that no vote admitted; its keys have no end.
func foundingMember(w state.Writer, m *types.GenesisMember) error {
	for _, k := range m.Keys {
		err := setKey(w, &types.KeyRecord{
			Holder: m.ID, Id: k.ID, Role: k.Role, Algorithm: k.Algorithm, PublicKey: k.PublicKey, Status: types.KeyStatus_KEY_LIVE,
		})
		if err != nil {
			return err
		}
	}
	return state.Set(w, types.MemberKey(m.ID), &types.Member{
		Id: m.ID, ControlGroup: m.ControlGroup, Jurisdiction: m.Jurisdiction, Roles: m.Roles,
		Status: types.MemberStatus_LIVE, NameDigest: m.NameDigest,
	})
}
