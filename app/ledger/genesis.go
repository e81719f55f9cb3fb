package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
	"tradecredit/types/score"
)

// InitChain writes the state that a network begins with: the chain leaf, which is never deleted, the parameters, the
// members with their keys, and the expert model, which is active from the first block. genesisUnix is the genesis time
// in seconds. A genesis that does not validate is an error; so the node does not start. The caller commits the writes
// with the first block.
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
	model := score.ExpertV1()
	if err := state.Set(w, types.ModelKey(model.Id), model); err != nil {
		return err
	}
	return state.Set(w, types.ActiveModelKey, model)
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
