package model

import (
	"slices"

	"tradecredit/types"
)

var rulesOfSubjects = map[string]rule{
	"register_enterprise": on((*Model).registerEnterprise),
	"confirm_enterprise":  on((*Model).confirmEnterprise),
	"update_enterprise":   on((*Model).updateEnterprise),
	"delegate":            on((*Model).delegate),
	"revoke_delegation":   on((*Model).revokeDelegation),
}

func (m *Model) registerEnterprise(c *call, msg *types.RegisterEnterprise) types.Code {
	code := m.shapeOfRegistration(msg)
	if code != types.Code_ok {
		return code
	}
	at := types.EnterpriseKey(msg.Subject)
	if old, ok := m.enterprises.get(at); ok && old.Status != types.EnterpriseStatus_LAPSED_ENTERPRISE {
		return fresh(c, old.Provenance)
	}
	code = m.timeOfRegistration(msg)
	if msg.Key != nil {
		code = refusal(code, m.possession(msg.Subject, msg.Key))
	}
	if msg.Mandate != nil {
		code = refusal(code, m.liveMember(msg.Mandate.Delegate))
	}
	u := m.usages.at(types.UsageKey(c.signer))
	code = refusal(code, when(u.Registrations >= m.params.QuotaRegistrations, types.Code_quota_registrations_exceeded))
	if msg.Key != nil { // a key that was revoked before the registration lapsed is still there
		code = refusal(code, when(m.keys.has(types.KeyKey(msg.Subject, msg.Key.Id)), types.Code_key_exists), m.publicKeyFree(msg.Key))
	}
	if code != types.Code_ok {
		return code
	}
	u.Registrations++
	m.usages.put(types.UsageKey(c.signer), u)
	p := m.provenance(c, m.day)
	m.enterprises.put(at, types.Enterprise{Registration: msg, Provenance: p, RegistrarGroup: m.groupOf(c.signer),
		Status: types.EnterpriseStatus_REGISTERED, Updates: m.enterprises.at(at).Updates})
	if msg.Key != nil {
		m.putKey(newKey(msg.Subject, msg.Key))
	}
	if msg.Mandate != nil {
		m.delegations.put(types.DelegationKey(msg.Subject, msg.Mandate.Delegate), types.Delegation{Subject: msg.Subject,
			Mandate: msg.Mandate, Status: types.DelegationStatus_DELEGATION_PENDING, Provenance: p})
	}
	m.wait(m.unix+180*86400, types.DueKind_DUE_ENTERPRISE, msg.Subject)
	m.post(msg.Subject, entryOf(types.EntryKind_ENTRY_REGISTERED, string(at), p, m.day))
	return types.Code_ok
}

func (m *Model) shapeOfRegistration(msg *types.RegisterEnterprise) types.Code {
	code := codeOf(types.CheckSubjectID(msg.Subject))
	for _, x := range msg.CrossReferences {
		code = refusal(code, codeOf(types.CheckSubjectID(x)))
	}
	if msg.Key != nil {
		code = refusal(code, shapeOfKeys(msg.Key))
	}
	if msg.Mandate != nil {
		code = refusal(code, digest(msg.Mandate.PaperDigest), shapeOfMandate(msg.Mandate))
	}
	code = refusal(code, codeOf(types.CheckControlGroup(msg.ControlGroup)))
	if msg.Industry != "" {
		code = refusal(code, codeOf(types.CheckIndustry(msg.Industry)))
	}
	code = refusal(code, required(msg.Size_), required(msg.Ownership), ascending(msg.CrossReferences),
		when(slices.Contains(msg.CrossReferences, msg.Subject), types.Code_list_not_sorted),
		when(len(msg.CrossReferences) > 8, types.Code_list_too_long), m.district(msg.District))
	if msg.Key != nil {
		code = refusal(code, when(msg.Key.Role != types.Role_ENTERPRISE, types.Code_key_role_differs))
	}
	return code
}

// shapeOfMandate: delegate, order of the names, limit, names.
func shapeOfMandate(x *types.Mandate) types.Code {
	code := refusal(codeOf(types.CheckMemberID(x.Delegate)), ascending(x.Messages))
	if x.AmountLimitMinor != 0 {
		code = refusal(code, amount(x.AmountLimitMinor))
	}
	code = refusal(code, when(len(x.Messages) == 0, types.Code_message_name_unknown))
	for _, name := range x.Messages {
		code = refusal(code, unless(mandatable(name), types.Code_message_name_unknown))
	}
	return code
}

func (m *Model) timeOfRegistration(msg *types.RegisterEnterprise) types.Code {
	code := types.Code_ok
	if msg.Mandate != nil {
		code = refusal(code, m.expiry(msg.Mandate.UntilDay))
	}
	if msg.Key != nil {
		code = refusal(code, m.someDay(msg.Key))
	}
	return code
}

func (m *Model) confirmEnterprise(c *call, msg *types.ConfirmEnterprise) types.Code {
	code := refusal(codeOf(types.CheckSubjectID(msg.Subject)), m.registered(msg.Subject))
	if code != types.Code_ok {
		return code
	}
	at := types.EnterpriseKey(msg.Subject)
	e := m.enterprises.at(at)
	if e.Status == types.EnterpriseStatus_ENTERPRISE_VERIFIED {
		return either(e.ConfirmedBy == c.signer, types.Code_already_recorded, types.Code_enterprise_already_verified)
	}
	group := m.groupOf(c.signer)
	related := c.signer == e.Provenance.Signer || group == e.RegistrarGroup || group == e.Registration.ControlGroup
	if mandate := e.Registration.Mandate; mandate != nil {
		related = related || !m.independent(c.signer, mandate.Delegate)
		d := types.DelegationKey(msg.Subject, mandate.Delegate)
		m.delegations.change(d, func(x *types.Delegation) { x.Status = types.DelegationStatus_DELEGATION_LIVE })
	}
	e.Status, e.ConfirmedBy, e.ConfirmedHeight = types.EnterpriseStatus_ENTERPRISE_VERIFIED, c.signer, m.height
	m.enterprises.put(at, e)
	m.post(msg.Subject, entryOf(types.EntryKind_ENTRY_CONFIRMED, string(at), m.provenance(c, m.day), m.day))
	return when(related, types.Code_confirmer_related)
}

func (m *Model) delegate(c *call, msg *types.Delegate) types.Code {
	x := &types.Mandate{Delegate: msg.Delegate, Messages: msg.Messages, AmountLimitMinor: msg.AmountLimitMinor,
		UntilDay: msg.UntilDay, Consent: msg.Consent}
	if code := shapeOfMandate(x); code != types.Code_ok {
		return code
	}
	at := types.DelegationKey(c.signer, msg.Delegate)
	old, ok := m.delegations.get(at)
	if ok && old.Status == types.DelegationStatus_DELEGATION_LIVE && old.Mandate.String() == x.String() {
		return types.Code_already_recorded
	}
	if code := refusal(m.expiry(msg.UntilDay), m.liveMember(msg.Delegate)); code != types.Code_ok {
		return code
	}
	p := m.provenance(c, m.day)
	m.delegations.put(at, types.Delegation{Subject: c.signer, Mandate: x, Status: types.DelegationStatus_DELEGATION_LIVE, Provenance: p})
	m.post(c.signer, entryOf(types.EntryKind_ENTRY_DELEGATION, string(at), p, m.day))
	return types.Code_ok
}

func (m *Model) revokeDelegation(c *call, msg *types.RevokeDelegation) types.Code {
	if code := codeOf(types.CheckMemberID(msg.Delegate)); code != types.Code_ok {
		return code
	}
	at := types.DelegationKey(c.signer, msg.Delegate)
	d, ok := m.delegations.get(at)
	switch {
	case !ok:
		return types.Code_delegation_missing
	case d.Status == types.DelegationStatus_DELEGATION_REVOKED:
		return types.Code_already_recorded
	}
	d.Status = types.DelegationStatus_DELEGATION_REVOKED
	m.delegations.put(at, d)
	m.post(c.signer, entryOf(types.EntryKind_ENTRY_DELEGATION, string(at), m.provenance(c, m.day), m.day))
	return types.Code_ok
}

func (m *Model) updateEnterprise(c *call, msg *types.UpdateEnterprise) types.Code {
	code := m.shapeOfRegistration(&types.RegisterEnterprise{Subject: msg.Subject, CrossReferences: msg.CrossReferences, District: msg.District,
		Industry: msg.Industry, Size_: msg.Size_, Ownership: msg.Ownership, ControlGroup: msg.ControlGroup})
	if code = refusal(code, m.registered(msg.Subject)); code != types.Code_ok {
		return code
	}
	at := types.EnterpriseKey(msg.Subject)
	e := m.enterprises.at(at)
	r := *e.Registration
	group := m.groupOf(c.signer)
	related := group == r.ControlGroup || group == msg.ControlGroup
	same := slices.Equal(r.CrossReferences, msg.CrossReferences) && r.District == msg.District && r.Industry == msg.Industry &&
		r.Size_ == msg.Size_ && r.Ownership == msg.Ownership && r.ControlGroup == msg.ControlGroup
	switch {
	case e.Updated != nil && string(e.Updated.Content) == string(c.content):
		return types.Code_already_recorded
	case related:
		return types.Code_confirmer_related
	case same:
		return types.Code_enterprise_unchanged
	}
	before, err := e.Marshal()
	if err != nil {
		panic("model: " + err.Error())
	}
	p := m.provenance(c, m.day)
	m.versions.put(types.VersionKey(string(at), e.Updates+1), types.RecordVersion{Record: string(at), Value: before, UntilHeight: m.height, CorrectedBy: p})
	r.CrossReferences, r.District, r.Industry = msg.CrossReferences, msg.District, msg.Industry
	r.Size_, r.Ownership, r.ControlGroup = msg.Size_, msg.Ownership, msg.ControlGroup
	e.Registration, e.Update, e.Updated = &r, msg, p
	e.Updates++
	m.enterprises.put(at, e)
	m.post(msg.Subject, entryOf(types.EntryKind_ENTRY_UPDATED, string(at), p, m.day))
	return types.Code_ok
}
