package model

import (
	"bytes"
	"slices"
	"strings"

	"tradecredit/types"
)

var rulesOfGovernance = map[string]rule{
	"propose": on((*Model).propose),
	"vote":    on((*Model).vote),
}

const fortnight = 14 * 86400

func (m *Model) propose(c *call, msg *types.Propose) types.Code {
	id := c.id(msg.Id)
	code := refusal(codeOf(types.CheckSourceID(msg.Id)), m.shapeOfAction(msg))
	if code != types.Code_ok {
		return code
	}
	if old, ok := m.proposals.get(types.ProposalKey(id)); ok {
		return fresh(c, old.Provenance)
	}
	if code := refusal(m.timeOfAction(msg), m.actionNow(msg)); code != types.Code_ok {
		return code
	}
	electorate := m.electorate(m.touched(msg))
	switch {
	case len(electorate) == 0:
		return types.Code_electorate_empty
	case !slices.Contains(electorate, c.signer):
		return types.Code_not_in_electorate
	}
	p := types.Proposal{Id: id, Proposal: msg, Provenance: m.provenance(c, m.day), Electorate: electorate,
		Approvals: []string{c.signer}, Status: types.ProposalStatus_OPEN, LapsesUnix: m.unix + fortnight}
	m.wait(p.LapsesUnix, types.DueKind_DUE_PROPOSAL, id)
	m.decide(p)
	return types.Code_ok
}

func (m *Model) vote(c *call, msg *types.Vote) types.Code {
	if code := codeOf(types.CheckRecordID(msg.Proposal)); code != types.Code_ok {
		return code
	}
	p, ok := m.proposals.get(types.ProposalKey(msg.Proposal))
	if !ok {
		return types.Code_proposal_unknown
	}
	approved, rejected := slices.Contains(p.Approvals, c.signer), slices.Contains(p.Rejections, c.signer)
	switch {
	case approved && msg.Approve || rejected && !msg.Approve:
		return types.Code_already_recorded
	case p.Status != types.ProposalStatus_OPEN || m.unix >= p.LapsesUnix:
		return types.Code_proposal_not_open
	case !slices.Contains(p.Electorate, c.signer):
		return types.Code_not_in_electorate
	case approved || rejected:
		return types.Code_vote_already_given
	}
	if msg.Approve {
		p.Approvals = append(slices.Clone(p.Approvals), c.signer)
	} else {
		p.Rejections = append(slices.Clone(p.Rejections), c.signer)
	}
	m.decide(p)
	return types.Code_ok
}

// decide stores a proposal after a vote, and carries it out at two thirds, rounded up.
func (m *Model) decide(p types.Proposal) {
	n := len(p.Electorate)
	quorum := (2*n + 2) / 3
	if _, ok := p.Proposal.Action.(*types.Propose_RecoverKey); ok {
		quorum = (3*n + 3) / 4
	}
	switch {
	case len(p.Approvals) >= quorum:
		p.Status = types.ProposalStatus_EXECUTED
		if code := refusal(m.timeOfAction(p.Proposal), m.actionNow(p.Proposal)); code != types.Code_ok {
			p.Status, p.Failure = types.ProposalStatus_FAILED, uint32(code)
		} else {
			m.carryOut(&p)
		}
	case n-len(p.Rejections) < quorum:
		p.Status = types.ProposalStatus_LAPSED_PROPOSAL
	}
	if p.Status != types.ProposalStatus_OPEN {
		p.DecidedHeight = m.height
		m.waitNoMore(p.LapsesUnix, types.DueKind_DUE_PROPOSAL, p.Id)
	}
	m.proposals.put(types.ProposalKey(p.Id), p)
}

// shapeOfAction is what no state could make valid.
func (m *Model) shapeOfAction(msg *types.Propose) types.Code {
	switch a := msg.Action.(type) {
	case *types.Propose_Admit:
		return m.shapeOfAdmission(a.Admit)
	case *types.Propose_Suspend:
		return codeOf(types.CheckMemberID(a.Suspend.Member))
	case *types.Propose_Reinstate:
		return codeOf(types.CheckMemberID(a.Reinstate.Member))
	case *types.Propose_Parameter:
		var p types.Parameters
		return codeOf(p.Set(a.Parameter.Name, a.Parameter.Value))
	case *types.Propose_Backfill:
		b := a.Backfill
		return refusal(codeOf(types.CheckMemberID(b.Member)), notTooEarly(b.FromDay), when(b.UntilDay < b.FromDay, types.Code_day_too_early))
	case *types.Propose_Validator:
		return shapeOfValidator(a.Validator)
	case *types.Propose_CodeList:
		return shapeOfAdoption(a.CodeList)
	case *types.Propose_Model:
		return shapeOfStage(a.Model)
	case *types.Propose_Upgrade:
		return shapeOfUpgrade(a.Upgrade)
	case *types.Propose_RecoverKey:
		return shapeOfRecovery(a.RecoverKey)
	case *types.Propose_Epoch:
		return shapeOfEpoch(a.Epoch)
	case *types.Propose_Fixing:
		return m.shapeOfFixing(a.Fixing)
	}
	return types.Code_enum_required
}

func (m *Model) shapeOfAdmission(a *types.Admit) types.Code {
	code := refusal(codeOf(types.CheckMemberID(a.Member)), shapeOfKeys(a.Keys...), digest(a.NameDigest),
		codeOf(types.CheckMemberGroup(a.ControlGroup)))
	code = refusal(code, when(len(a.Roles) == 0, types.Code_enum_required))
	for _, r := range a.Roles {
		code = refusal(code, when(r < types.Role_COUNCIL || r > types.Role_AUDITOR, types.Code_enum_required))
	}
	code = refusal(code, ascending(a.Roles), when(len(a.Keys) < 1 || len(a.Keys) > 16, types.Code_list_too_long),
		m.jurisdiction(a.Jurisdiction))
	alien := false
	for i, k := range a.Keys {
		alien = alien || !slices.Contains(a.Roles, k.Role)
		for _, other := range a.Keys[:i] {
			code = refusal(code, when(k.Id == other.Id, types.Code_key_exists),
				when(bytes.Equal(k.PublicKey, other.PublicKey), types.Code_public_key_in_use))
		}
	}
	return refusal(code, when(alien, types.Code_role_not_of_member))
}

// ascending refuses a list that does not ascend, or repeats.
func ascending[E ~int32 | ~string](list []E) types.Code {
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			return types.Code_list_not_sorted
		}
	}
	return types.Code_ok
}

// timeOfAction is what only the clock decides.
func (m *Model) timeOfAction(msg *types.Propose) types.Code {
	switch a := msg.Action.(type) {
	case *types.Propose_Backfill:
		b := a.Backfill
		return refusal(m.eventDay(b.UntilDay), when(b.ClosesUnix <= m.unix, types.Code_expiry_passed),
			when(b.ClosesUnix > m.unix+366*86400, types.Code_expiry_too_far))
	case *types.Propose_Epoch:
		return refusal(when(a.Epoch.ClosesDay < m.day, types.Code_expiry_passed), when(a.Epoch.OpensDay > m.day+366, types.Code_expiry_too_far))
	case *types.Propose_Fixing:
		return m.eventDay(a.Fixing.Day)
	}
	return types.Code_ok
}

// actionNow is what the present state does not allow.
func (m *Model) actionNow(msg *types.Propose) types.Code {
	switch a := msg.Action.(type) {
	case *types.Propose_Admit:
		code := types.Code_ok
		for _, k := range a.Admit.Keys {
			code = refusal(code, m.someDay(k), m.possession(a.Admit.Member, k))
		}
		code = refusal(code, when(m.members.has(types.MemberKey(a.Admit.Member)), types.Code_member_exists))
		for _, k := range a.Admit.Keys {
			code = refusal(code, m.publicKeyFree(k))
		}
		return code
	case *types.Propose_Suspend:
		return refusal(m.liveMember(a.Suspend.Member), unless(m.governable(m.algorithms(), func(k *types.KeyRecord) bool {
			return k.Holder != a.Suspend.Member
		}), types.Code_last_council_seat))
	case *types.Propose_Parameter:
		return when(a.Parameter.Name == "algorithms" && !m.governable(a.Parameter.Value, anyKey), types.Code_last_council_seat)
	case *types.Propose_Reinstate:
		x, ok := m.members.get(types.MemberKey(a.Reinstate.Member))
		return refusal(unless(ok, types.Code_member_unknown), when(x.Status == types.MemberStatus_LIVE, types.Code_member_not_suspended))
	case *types.Propose_Backfill:
		open := m.openWindows(m.members.at(types.MemberKey(a.Backfill.Member)))
		return refusal(m.liveMember(a.Backfill.Member), when(len(open) >= 16, types.Code_too_many_windows))
	case *types.Propose_Validator:
		return m.validatorNow(a.Validator)
	case *types.Propose_CodeList:
		return m.adoptable(a.CodeList)
	case *types.Propose_Model:
		return m.stageNow(a.Model)
	case *types.Propose_Upgrade:
		return m.upgradeNow(a.Upgrade)
	case *types.Propose_RecoverKey:
		return m.recoveryNow(a.RecoverKey)
	case *types.Propose_Epoch:
		return m.epochNow(a.Epoch)
	case *types.Propose_Fixing:
		return m.fixingNow(a.Fixing)
	}
	return types.Code_ok
}

// liveMember refuses who is no member, or suspended.
func (m *Model) liveMember(id string) types.Code {
	x, ok := m.members.get(types.MemberKey(id))
	return refusal(unless(ok, types.Code_member_unknown), when(x.Status == types.MemberStatus_SUSPENDED, types.Code_member_not_live))
}

// touched are the control groups that a vote is about.
func (m *Model) touched(msg *types.Propose) []string {
	switch a := msg.Action.(type) {
	case *types.Propose_Admit:
		return []string{a.Admit.ControlGroup}
	case *types.Propose_Suspend:
		return []string{m.groupOf(a.Suspend.Member)}
	case *types.Propose_Reinstate:
		return []string{m.groupOf(a.Reinstate.Member)}
	case *types.Propose_Backfill:
		return []string{m.groupOf(a.Backfill.Member)}
	case *types.Propose_Validator:
		return m.validatorGroups(a.Validator)
	case *types.Propose_Model:
		return []string{m.modelGroup(a.Model.Model)}
	case *types.Propose_RecoverKey:
		return []string{m.groupOf(a.RecoverKey.Holder)}
	}
	return nil
}

// electorate are the members with a live council seat, whose key may still sign, less the groups that the vote touches.
func (m *Model) electorate(groups []string) []string {
	var out []string
	for _, id := range sorted(m.members.rows) {
		x := m.members.rows[id]
		if x.Status != types.MemberStatus_LIVE || contains(groups, x.ControlGroup) {
			continue
		}
		for _, k := range m.keysOf(x.Id) {
			if k.Role == types.Role_COUNCIL && m.live(&k) && types.Allowed(k.Algorithm, m.params.Algorithms) {
				out = append(out, x.Id)
				break
			}
		}
	}
	return out
}

// algorithms are those that may sign.
func (m *Model) algorithms() int64 { return m.parameters.at(types.ParametersKey).Algorithms }

// governable tells whether some live member keeps a COUNCIL key without an end among the keys that stay, which may sign with
// these algorithms, now or within a month.
func (m *Model) governable(algorithms int64, stays func(*types.KeyRecord) bool) bool {
	for _, k := range m.keys.rows {
		if k.Role == types.Role_COUNCIL && k.Status == types.KeyStatus_KEY_LIVE && k.ValidUntilUnix == 0 && stays(&k) &&
			k.ValidFromUnix <= m.unix+month && types.Allowed(k.Algorithm, algorithms) &&
			m.members.at(types.MemberKey(k.Holder)).Status == types.MemberStatus_LIVE {
			return true
		}
	}
	return false
}

// keysOf are the keys of a holder, ascending by id.
func (m *Model) keysOf(holder string) []types.KeyRecord {
	var out []types.KeyRecord
	for _, k := range m.keys.rows {
		if k.Holder == holder {
			out = append(out, k)
		}
	}
	slices.SortFunc(out, func(a, b types.KeyRecord) int { return strings.Compare(a.Id, b.Id) })
	return out
}

// carryOut does what was voted.
func (m *Model) carryOut(p *types.Proposal) {
	switch a := p.Proposal.Action.(type) {
	case *types.Propose_Admit:
		x := a.Admit
		m.members.put(types.MemberKey(x.Member), types.Member{Id: x.Member, ControlGroup: x.ControlGroup, Jurisdiction: x.Jurisdiction,
			Roles: x.Roles, Status: types.MemberStatus_LIVE, NameDigest: x.NameDigest, AdmittedHeight: m.height})
		for _, k := range x.Keys {
			m.putKey(newKey(x.Member, k))
		}
	case *types.Propose_Suspend:
		m.members.change(types.MemberKey(a.Suspend.Member), func(x *types.Member) {
			x.Status, x.SuspendedHeight, x.SuspensionReason = types.MemberStatus_SUSPENDED, m.height, a.Suspend.Reason
		})
	case *types.Propose_Reinstate:
		m.members.change(types.MemberKey(a.Reinstate.Member), func(x *types.Member) {
			x.Status, x.SuspendedHeight, x.SuspensionReason = types.MemberStatus_LIVE, 0, 0
		})
	case *types.Propose_Parameter:
		m.parameters.change(types.ParametersKey, func(x *types.Parameters) {
			if err := x.Set(a.Parameter.Name, a.Parameter.Value); err != nil {
				panic("model: " + err.Error())
			}
		})
	case *types.Propose_Backfill:
		b := a.Backfill
		m.members.change(types.MemberKey(b.Member), func(x *types.Member) {
			x.Backfills = append(m.openWindows(*x), &types.BackfillWindow{FromDay: b.FromDay, UntilDay: b.UntilDay,
				ClosesUnix: b.ClosesUnix, Proposal: p.Id})
		})
		m.wait(b.ClosesUnix, types.DueKind_DUE_BACKFILL, b.Member)
	case *types.Propose_Validator:
		m.validators.put(types.ValidatorsKey, m.changed(a.Validator))
	case *types.Propose_CodeList:
		m.adopt(a.CodeList)
	case *types.Propose_Model:
		m.stage(a.Model)
	case *types.Propose_Upgrade:
		m.planUpgrade(a.Upgrade, p.Id)
	case *types.Propose_RecoverKey:
		m.recover(a.RecoverKey)
	case *types.Propose_Epoch:
		m.openEpoch(a.Epoch, p.Id)
	case *types.Propose_Fixing:
		f := a.Fixing
		signed := *p.Provenance
		signed.Height, signed.Unix, signed.Content = m.height, m.unix, contentOf("", f)
		m.fixings.put(types.FixingKey(f.Currency, f.Day), types.Fixing{Currency: f.Currency, Day: f.Day, RateE9: f.RateE9, Provenance: &signed})
	}
}
