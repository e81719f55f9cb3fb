package sim

import (
	"fmt"
	"slices"

	"tradecredit/types"
)

// governance: the council and everybody's keys.
var governance = []generator{
	{"propose", 4, propose},
	{"vote", 14, vote},
	{"publish_codes", 3, publishCodes},
	{"rotate_key", 2, rotateKey},
	{"revoke_key", 1, revokeKey},
}

func propose(w *world) *act {
	m := &types.Propose{Id: w.id()}
	if chance(w.rng, 50) {
		w.members(m)
	} else {
		w.network(m)
	}
	if m.Action == nil {
		return nil
	}
	return own(w.member(types.Role_COUNCIL), m)
}

// members is a proposal about one of them.
func (w *world) members(m *types.Propose) {
	switch suspended := w.suspended(); w.rng.IntN(6) {
	case 0:
		id := fmt.Sprintf("late-%d", w.rng.IntN(6))
		role := oneOf(w.rng, types.Role_BANK, types.Role_LOGISTICS, types.Role_VERIFIER, types.Role_INSURER)
		m.Action = &types.Propose_Admit{Admit: &types.Admit{
			Member: id, ControlGroup: id, Jurisdiction: "SG", Roles: []types.Role{role}, NameDigest: w.digest(),
			Keys: []*types.NewKey{w.newKey(id, role)},
		}}
	case 1:
		if len(suspended) < 2 {
			m.Action = &types.Propose_Suspend{Suspend: &types.Suspend{Member: cast[w.rng.IntN(len(cast))].id, Reason: 1}}
		}
	case 2, 3:
		if len(suspended) > 0 {
			m.Action = &types.Propose_Reinstate{Reinstate: &types.Reinstate{Member: oneOf(w.rng, suspended...)}}
		}
	case 4:
		from := w.ago(300)
		m.Action = &types.Propose_Backfill{Backfill: &types.Backfill{
			Member: cast[w.rng.IntN(len(cast))].id, FromDay: from, UntilDay: min(w.today(), from+int32(w.rng.IntN(200))),
			ClosesUnix: w.now.Unix() + 1 + w.rng.Int64N(20*86400),
		}}
	case 5:
		holder := w.anybody()
		if k := w.someKey(holder); k != nil {
			m.Action = &types.Propose_RecoverKey{RecoverKey: &types.RecoverKey{Holder: holder, LostKey: k.Id, NewKey: w.newKey(holder, k.Role)}}
		}
	}
}

// network is a proposal about all of them.
func (w *world) network(m *types.Propose) {
	switch w.rng.IntN(8) {
	case 0, 1:
		m.Action = &types.Propose_Parameter{Parameter: w.parameter()}
	case 2, 3:
		m.Action = &types.Propose_Validator{Validator: w.validator()}
	case 4:
		m.Action = &types.Propose_CodeList{CodeList: w.codeList()}
	case 5:
		if s := w.stage(); s != nil {
			m.Action = &types.Propose_Model{Model: s}
		}
	case 6:
		w.epochOrUpgrade(m)
	case 7:
		i := w.rng.IntN(len(currencies))
		m.Action = &types.Propose_Fixing{Fixing: &types.PublishFixing{Currency: currencies[i], Day: w.ago(3), RateE9: rates[i] / 2 * int64(1+w.rng.IntN(4))}}
	}
}

// validator gives a node's consensus key to a member, changes its power, or takes it out.
func (w *world) validator() *types.ChangeValidator {
	k := w.secret(fmt.Sprintf("node-%d", w.rng.IntN(8)), "consensus")
	m := &types.ChangeValidator{PublicKey: k.PublicKey()}
	if chance(w.rng, 80) {
		m.Power, m.Member = 8+w.rng.Int64N(4), w.member(types.Role_OPERATOR)
	}
	return m
}

// epochOrUpgrade opens the next epoch of fingerprints, or plans an upgrade that lies beyond the end of every run.
func (w *world) epochOrUpgrade(m *types.Propose) {
	if chance(w.rng, 40) {
		plan := &types.PlanUpgrade{AppVersion: 2, Height: w.height + 1_000_000, BinaryDigest: w.digest()}
		if chance(w.rng, 40) {
			plan = &types.PlanUpgrade{AppVersion: 2} // dropped
		}
		m.Action = &types.Propose_Upgrade{Upgrade: plan}
		return
	}
	number, opens := uint32(1), w.today()
	if e := get(w, types.EpochsKey); e != nil && len(e.Epochs) > 0 {
		last := e.Epochs[len(e.Epochs)-1].Epoch
		number, opens = last.Epoch+1, max(opens, last.OpensDay+1)
	}
	m.Action = &types.Propose_Epoch{Epoch: &types.OpenEpoch{
		Epoch: number, KeyCheck: w.digest(), OpensDay: opens + int32(w.rng.IntN(3)), ClosesDay: opens + 910 + int32(w.rng.IntN(90)),
	}}
}

// someKey is a key of a holder; nil if it has none.
func (w *world) someKey(holder string) *types.KeyRecord {
	keys := w.mirror.owners[string(types.Keys)+holder+"/"]
	if len(keys) == 0 {
		return nil
	}
	raw, ok := w.mirror.rows[oneOf(w.rng, keys...)]
	if !ok {
		return nil
	}
	return decode[types.KeyRecord](raw)
}

func (w *world) suspended() (out []string) {
	for _, key := range w.mirror.kinds[string(types.Members)] {
		if m := decode[types.Member](w.mirror.rows[key]); m.Status == types.MemberStatus_SUSPENDED {
			out = append(out, m.Id)
		}
	}
	return out
}

// parameter is a parameter within its bounds that does not bring the network to a stop.
func (w *world) parameter() *types.SetParameter {
	row := oneOf(w.rng, types.ParameterTable...)
	value := oneOf(w.rng, row.Default, row.Default, min(row.Max, row.Min*2))
	if row.Name == "algorithms" {
		value = oneOf[int64](w.rng, 1, 3) // 2 would shut out every key there is
	}
	return &types.SetParameter{Name: row.Name, Value: value}
}

// newKey is a key that a holder does not have yet, with its proof of possession.
func (w *world) newKey(holder string, role types.Role) *types.NewKey {
	id := "k" + w.id()
	if chance(w.rng, 10) {
		id = sm2Key + w.id()
	}
	s := w.secret(holder, id)
	return &types.NewKey{
		Id: id, Role: role, Algorithm: s.Algorithm(), PublicKey: s.PublicKey(),
		Possession: s.Sign(types.Possession(chainID, holder, id, s.PublicKey())),
	}
}

func vote(w *world) *act {
	id, p := pick(w, types.Proposals, func(_ string, p *types.Proposal) bool { return p.Status == types.ProposalStatus_OPEN })
	if p == nil {
		return nil
	}
	var left []string
	for _, v := range p.Electorate {
		if !slices.Contains(p.Approvals, v) && !slices.Contains(p.Rejections, v) && w.holds(v, types.Role_COUNCIL) {
			left = append(left, v)
		}
	}
	if len(left) == 0 || chance(w.rng, 20) { // some proposals lapse
		return nil
	}
	return own(oneOf(w.rng, left...), &types.Vote{Proposal: id, Approve: chance(w.rng, 85)})
}

// rotateKey replaces a key, most often one that was revoked or has run out, so that its holder can go on.
func rotateKey(w *world) *act {
	holder := w.anybody()
	key, old := "", (*types.KeyRecord)(nil)
	for _, at := range w.mirror.owners[string(types.Keys)+holder+"/"] {
		raw, ok := w.mirror.rows[at]
		if !ok {
			continue
		}
		k := decode[types.KeyRecord](raw)
		if !w.holds(holder, k.Role) || old == nil && chance(w.rng, 20) {
			key, old = k.Id, k
		}
	}
	if old == nil {
		return nil
	}
	n := w.newKey(holder, old.Role)
	if chance(w.rng, 15) {
		n.ValidUntilUnix = w.now.Unix() + 40*86400
	}
	return own(holder, &types.RotateKey{OldKey: key, NewKey: n, OldValidUntilUnix: w.now.Unix() + w.rng.Int64N(5*86400)})
}

func revokeKey(w *world) *act {
	holder := w.anybody()
	k := w.someKey(holder)
	if k == nil {
		return nil
	}
	m := &types.RevokeKey{Key: k.Id}
	if chance(w.rng, 60) {
		m.CompromisedSinceUnix = w.now.Unix() - 1 - w.rng.Int64N(30*86400)
	}
	if k.Status == types.KeyStatus_KEY_REVOKED { // another mark
		return own(holder, m)
	}
	if k.Role == types.Role_COUNCIL || k.Role == types.Role_OPERATOR || chance(w.rng, 50) {
		return nil
	}
	return own(holder, m)
}
