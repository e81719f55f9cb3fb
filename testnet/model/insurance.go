package model

import "tradecredit/types"

var rulesOfInsurance = map[string]rule{
	"record_policy": on((*Model).recordPolicy),
	"record_claim":  on((*Model).recordClaim),
}

func (m *Model) shapeOfPolicy(msg *types.RecordPolicy) types.Code {
	insured := codeOf(types.CheckMemberID(msg.Insured))
	if isEnterprise(msg.Insured) {
		insured = codeOf(types.CheckSubjectID(msg.Insured))
	}
	return lowest(codeOf(types.CheckSourceID(msg.Id)), insured, digest(msg.Commitment), amount(msg.AmountMinor), m.currency(msg.Currency),
		notTooEarly(msg.FromDay), when(msg.UntilDay < msg.FromDay, types.Code_due_before_issue), objectOf(msg.Object))
}

func (m *Model) recordPolicy(c *call, msg *types.RecordPolicy) types.Code {
	code := m.shapeOfPolicy(msg)
	if code != types.Code_ok {
		return code
	}
	at := types.PolicyKey(c.id(msg.Id))
	if old, ok := m.policies.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.policies.put(at, old) })
	}
	code = refusal(m.eventDay(msg.FromDay), m.expiry(msg.UntilDay))
	x, unknown := m.collateralOf(msg.Object)
	lends := false
	for _, l := range m.liens(msg.Object) {
		lends = lends || l.Lender == msg.Insured
	}
	code = refusal(code, unknown, when(m.groupOf(msg.Insured) == m.groupOf(c.signer), types.Code_same_control_group),
		unless(msg.Insured == x.owner || lends, types.Code_object_not_owned))
	if code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.FromDay)
	m.policies.put(at, types.Policy{Policy: msg, Provenance: p, Status: types.PolicyStatus_POLICY_LIVE})
	m.wait(m.afterDay(msg.UntilDay), types.DueKind_DUE_POLICY, c.id(msg.Id))
	e := entryOf(types.EntryKind_ENTRY_POLICY, string(at), p, msg.FromDay)
	e.DueDay = msg.UntilDay
	m.post(x.owner, e)
	return types.Code_ok
}

func (m *Model) recordClaim(c *call, msg *types.RecordClaim) types.Code {
	filing, rejected := msg.Event == types.ClaimEvent_CLAIM_FILED, msg.Event == types.ClaimEvent_CLAIM_REJECTED
	codes := []types.Code{codeOf(types.CheckSourceID(msg.Id)), codeOf(types.CheckRecordID(msg.Policy)), required(msg.Event), notTooEarly(msg.Day)}
	codes = append(codes, when(filing && msg.Filed != "", types.Code_field_not_of_event))
	if !filing && msg.Event != 0 || msg.Filed != "" {
		codes = append(codes, codeOf(types.CheckRecordID(msg.Filed)))
	}
	if rejected {
		codes = append(codes, when(msg.AmountMinor != 0, types.Code_field_not_of_event))
	} else {
		codes = append(codes, amount(msg.AmountMinor))
	}
	if code := refusal(lowest(codes...), m.eventDay(msg.Day)); code != types.Code_ok {
		return code
	}
	id := c.id(msg.Id)
	at := types.ClaimKey(id)
	if old, ok := m.claims.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.claims.put(at, old) })
	}
	policy, ok := m.policies.get(types.PolicyKey(msg.Policy))
	code := refusal(unless(ok, types.Code_policy_unknown), unless(policy.Provenance.GetSigner() == c.signer, types.Code_not_a_party))
	if code != types.Code_ok {
		return code
	}
	if filing {
		code = m.fileClaim(&policy, msg)
	} else {
		code = m.answerClaim(&policy, id, msg)
	}
	if code != types.Code_ok {
		return code
	}
	m.policies.put(types.PolicyKey(msg.Policy), policy)
	p := m.provenance(c, msg.Day)
	m.claims.put(at, types.Claim{Claim: msg, Provenance: p, State: msg.Event})
	x, _ := m.collateralOf(policy.Policy.Object)
	m.post(x.owner, entryOf(types.EntryKind_ENTRY_CLAIMED, string(at), p, msg.Day))
	return types.Code_ok
}

// fileClaim refuses a claim outside the cover.
func (m *Model) fileClaim(policy *types.Policy, msg *types.RecordClaim) types.Code {
	covers := policy.Status == types.PolicyStatus_POLICY_LIVE && msg.Day >= policy.Policy.FromDay && msg.Day <= policy.Policy.UntilDay
	policy.Claims++
	return unless(covers, types.Code_policy_not_in_force)
}

// answerClaim marks the claim that is answered.
func (m *Model) answerClaim(policy *types.Policy, id string, msg *types.RecordClaim) types.Code {
	at := types.ClaimKey(msg.Filed)
	filed, ok := m.claims.get(at)
	if !ok || filed.Claim.Event != types.ClaimEvent_CLAIM_FILED || filed.Claim.Policy != msg.Policy {
		return types.Code_claim_unknown
	}
	code := refusal(when(filed.AnsweredBy != "" || msg.Day < filed.Claim.Day, types.Code_claim_state_forbids),
		when(msg.AmountMinor > filed.Claim.AmountMinor, types.Code_claims_exceed_policy),
		when(policy.PaidMinor+msg.AmountMinor > policy.Policy.AmountMinor, types.Code_claims_exceed_policy))
	if code != types.Code_ok {
		return code
	}
	policy.PaidMinor += msg.AmountMinor
	filed.AnsweredBy, filed.State = id, msg.Event
	m.claims.put(at, filed)
	return types.Code_ok
}
