package model

import (
	"bytes"

	"tradecredit/types"
)

var rulesOfConsent = map[string]rule{
	"grant_consent":  on((*Model).grantConsent),
	"revoke_consent": on((*Model).revokeConsent),
	"query_credit":   on((*Model).queryCredit),
}

func (m *Model) grantConsent(c *call, msg *types.GrantConsent) types.Code {
	code := refusal(codeOf(types.CheckSourceID(msg.Id)), codeOf(types.CheckMemberID(msg.Grantee)), required(msg.Purpose), required(msg.Scope),
		when(msg.Uses < 1 || msg.Uses > 10000, types.Code_uses_out_of_range))
	if code != types.Code_ok {
		return code
	}
	at := types.ConsentKey(c.id(msg.Id))
	if old, ok := m.consents.get(at); ok {
		return fresh(c, old.Provenance)
	}
	code = refusal(m.expiry(msg.UntilDay), m.registered(c.party()), m.mandate(c))
	if code == types.Code_ok && c.behalf != "" {
		code = unless(m.delegations.at(types.DelegationKey(c.behalf, c.signer)).Mandate.Consent, types.Code_delegation_without_consent)
	}
	code = refusal(code, m.liveMember(msg.Grantee))
	if code == types.Code_ok && c.behalf != "" {
		e := m.enterprises.at(types.EnterpriseKey(c.behalf))
		group := m.groupOf(msg.Grantee)
		code = refusal(when(group == m.groupOf(c.signer) || group == e.RegistrarGroup, types.Code_consent_grantee_forbidden),
			when(msg.UntilDay > m.day+30 || msg.Uses > 3, types.Code_consent_delegate_limits))
	}
	if code != types.Code_ok {
		return code
	}
	p := m.provenance(c, m.day)
	m.consents.put(at, types.Consent{Consent: msg, Subject: c.party(), Provenance: p, ByDelegate: c.behalf != "",
		Status: types.ConsentStatus_ACTIVE})
	m.wait(m.afterDay(msg.UntilDay), types.DueKind_DUE_CONSENT, c.id(msg.Id))
	m.post(c.party(), entryOf(types.EntryKind_ENTRY_CONSENT, string(at), p, m.day))
	return types.Code_ok
}

func (m *Model) revokeConsent(c *call, msg *types.RevokeConsent) types.Code {
	if code := codeOf(types.CheckRecordID(msg.Consent)); code != types.Code_ok {
		return code
	}
	at := types.ConsentKey(msg.Consent)
	x, ok := m.consents.get(at)
	if !ok {
		return types.Code_consent_unknown
	}
	if code := m.actsFor(c, x.Subject); code != types.Code_ok {
		return code
	}
	switch x.Status {
	case types.ConsentStatus_ACTIVE:
	case types.ConsentStatus_CONSENT_REVOKED:
		return types.Code_already_recorded
	default:
		return types.Code_consent_not_active
	}
	x.Status = types.ConsentStatus_CONSENT_REVOKED
	m.consents.put(at, x)
	m.waitNoMore(m.afterDay(x.Consent.UntilDay), types.DueKind_DUE_CONSENT, msg.Consent)
	m.post(x.Subject, entryOf(types.EntryKind_ENTRY_CONSENT_REVOKED, string(at), m.provenance(c, m.day), m.day))
	return types.Code_ok
}

// asksFor are the purposes for which a role asks.
var asksFor = map[types.Role][]types.Purpose{
	types.Role_BANK:     {types.Purpose_CREDIT_GRANT, types.Purpose_POST_LOAN, types.Purpose_TRADE_PARTNER},
	types.Role_PLATFORM: {types.Purpose_TRADE_PARTNER},
	types.Role_CUSTOMS:  {types.Purpose_CLEARANCE, types.Purpose_SUPERVISION},
	types.Role_TAX:      {types.Purpose_SUPERVISION},
	types.Role_FOREX:    {types.Purpose_SUPERVISION},
	types.Role_INSURER:  {types.Purpose_INSURANCE, types.Purpose_TRADE_PARTNER},
	types.Role_AUDITOR:  {types.Purpose_AUDIT, types.Purpose_SUPERVISION},
}

// byStatute are the roles that may ask without consent.
var byStatute = []types.Role{types.Role_CUSTOMS, types.Role_TAX, types.Role_FOREX, types.Role_AUDITOR}

func (m *Model) queryCredit(c *call, msg *types.QueryCredit) types.Code {
	code := codeOf(types.CheckSourceID(msg.Id))
	if msg.Consent != "" {
		code = refusal(code, codeOf(types.CheckRecordID(msg.Consent)))
	}
	code = refusal(code, codeOf(types.CheckSubjectID(msg.Subject)), required(msg.Purpose), when(len(msg.Salt) != 32, types.Code_salt_length_wrong),
		when(msg.Output == types.Output_OUTPUT_UNSPECIFIED, types.Code_output_required))
	if code != types.Code_ok {
		return code
	}
	at := types.ReceiptKey(c.id(msg.Id))
	commitment := types.ReceiptCommitment(msg.Salt, c.signer, msg.Purpose)
	if old, ok := m.receipts.get(at); ok {
		same := old.Subject == msg.Subject && old.Output == msg.Output && bytes.Equal(old.Commitment, commitment)
		return either(same, types.Code_already_recorded, types.Code_id_taken)
	}
	code = refusal(m.registered(msg.Subject), m.leave(c, msg), unless(contains(asksFor[c.key.Role], msg.Purpose), types.Code_purpose_not_allowed))
	if code != types.Code_ok {
		return code
	}
	r := types.Receipt{Id: c.id(msg.Id), Subject: msg.Subject, Commitment: commitment, Output: msg.Output, ScoredHeight: m.height - 1,
		Day: m.day, Height: m.height}
	if msg.Consent != "" {
		r.ByDelegate = m.spend(msg.Consent)
	}
	m.receipts.put(at, r)
	p := m.provenance(c, m.day)
	m.post(msg.Subject, entryOf(types.EntryKind_ENTRY_QUERY, string(at), p, m.day))
	return types.Code_ok
}

// leave refuses a question without a consent that covers it, or a statute.
func (m *Model) leave(c *call, msg *types.QueryCredit) types.Code {
	statute := when(msg.StatutoryBasis != 0 && (msg.Consent != "" || !contains(byStatute, c.key.Role)), types.Code_statutory_basis_not_allowed)
	if msg.Consent == "" {
		return refusal(when(msg.StatutoryBasis == 0, types.Code_consent_required), statute)
	}
	x, ok := m.consents.get(types.ConsentKey(msg.Consent))
	if !ok {
		return types.Code_consent_unknown
	}
	return refusal(
		when(x.Status == types.ConsentStatus_CONSENT_REVOKED, types.Code_consent_revoked),
		when(x.Status == types.ConsentStatus_EXHAUSTED, types.Code_consent_exhausted),
		when(x.Status == types.ConsentStatus_EXPIRED || x.Consent.UntilDay < m.day, types.Code_consent_expired),
		when(x.Subject != msg.Subject, types.Code_consent_other_subject),
		when(x.Consent.Grantee != c.signer, types.Code_consent_other_grantee),
		when(x.Consent.Purpose != msg.Purpose, types.Code_consent_other_purpose),
		when(x.Consent.Scope < msg.Output, types.Code_consent_scope_exceeded), statute)
}

// spend uses a consent once, and says whether a delegate gave it.
func (m *Model) spend(id string) (byDelegate bool) {
	at := types.ConsentKey(id)
	x := m.consents.at(at)
	if x.Used++; x.Used == x.Consent.Uses {
		x.Status = types.ConsentStatus_EXHAUSTED
		m.waitNoMore(m.afterDay(x.Consent.UntilDay), types.DueKind_DUE_CONSENT, id)
	}
	m.consents.put(at, x)
	return x.ByDelegate
}
