package sim

import (
	"fmt"
	"slices"

	"tradecredit/types"
)

// governance: the council and everybody's keys.
var governance = []generator{
	{"propose", 2, propose},
	{"vote", 8, vote},
	{"rotate_key", 2, rotateKey},
	{"revoke_key", 1, revokeKey},
}

func propose(w *world) *act {
	m := &types.Propose{Id: w.id()}
	switch n := w.rng.IntN(20); {
	case n < 3:
		id := fmt.Sprintf("late-%d", w.rng.IntN(6))
		role := oneOf(w.rng, types.Role_BANK, types.Role_LOGISTICS, types.Role_VERIFIER, types.Role_INSURER)
		m.Action = &types.Propose_Admit{Admit: &types.Admit{
			Member: id, ControlGroup: id, Jurisdiction: "SG", Roles: []types.Role{role}, NameDigest: w.digest(),
			Keys: []*types.NewKey{w.newKey(id, role)},
		}}
	case n < 5:
		if suspended := w.suspended(); len(suspended) < 2 {
			m.Action = &types.Propose_Suspend{Suspend: &types.Suspend{Member: cast[w.rng.IntN(len(cast))].id, Reason: 1}}
		}
	case n < 9:
		if suspended := w.suspended(); len(suspended) > 0 {
			m.Action = &types.Propose_Reinstate{Reinstate: &types.Reinstate{Member: oneOf(w.rng, suspended...)}}
		}
	case n < 14:
		m.Action = &types.Propose_Parameter{Parameter: w.parameter()}
	default:
		from := w.ago(300)
		m.Action = &types.Propose_Backfill{Backfill: &types.Backfill{
			Member: cast[w.rng.IntN(len(cast))].id, FromDay: from, UntilDay: min(w.today(), from+int32(w.rng.IntN(200))),
			ClosesUnix: w.now.Unix() + 1 + w.rng.Int64N(20*86400),
		}}
	}
	if m.Action == nil {
		return nil
	}
	return own(w.member(types.Role_COUNCIL), m)
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
	return &types.SetParameter{Name: row.Name, Value: value}
}

// newKey is a key that a holder does not have yet, with its proof of possession.
func (w *world) newKey(holder string, role types.Role) *types.NewKey {
	id := "k" + w.id()
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
		k := decode[types.KeyRecord](w.mirror.rows[at])
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
	keys := w.mirror.owners[string(types.Keys)+holder+"/"]
	if len(keys) == 0 {
		return nil
	}
	raw, ok := w.mirror.rows[oneOf(w.rng, keys...)]
	if !ok {
		return nil
	}
	k := decode[types.KeyRecord](raw)
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
