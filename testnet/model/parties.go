package model

import (
	"math/big"

	"tradecredit/types"
)

// What rules about parties, days and amounts share.

// groupOf is the control group of a member or an enterprise.
func (m *Model) groupOf(id string) string {
	if isEnterprise(id) {
		return m.enterprises.at(types.EnterpriseKey(id)).Registration.GetControlGroup()
	}
	return m.members.at(types.MemberKey(id)).ControlGroup
}

// independent: another one, of another control group.
func (m *Model) independent(a, b string) bool { return a != b && m.groupOf(a) != m.groupOf(b) }

// registered refuses who is no enterprise of the ledger, or none any more.
func (m *Model) registered(subject string) types.Code {
	e, ok := m.enterprises.get(types.EnterpriseKey(subject))
	switch {
	case !ok:
		return types.Code_enterprise_unknown
	case e.Status == types.EnterpriseStatus_LAPSED_ENTERPRISE:
		return types.Code_enterprise_lapsed
	}
	return types.Code_ok
}

// mandate refuses a member that acts for an enterprise without the leave to send this message. Who signs for itself needs
// none.
func (m *Model) mandate(c *call) types.Code {
	if c.behalf == "" {
		return types.Code_ok
	}
	d, ok := m.delegations.get(types.DelegationKey(c.behalf, c.signer))
	switch {
	case !ok:
		return types.Code_delegation_missing
	case d.Status == types.DelegationStatus_DELEGATION_PENDING:
		return types.Code_delegation_pending
	case d.Status == types.DelegationStatus_DELEGATION_REVOKED:
		return types.Code_delegation_revoked
	case d.Mandate.UntilDay < m.day:
		return types.Code_delegation_expired
	}
	for _, name := range d.Mandate.Messages {
		if name == c.name {
			return types.Code_ok
		}
	}
	return types.Code_delegation_message_not_covered
}

// actsFor refuses a message that does not speak for that party, or without its mandate.
func (m *Model) actsFor(c *call, party string) types.Code {
	return refusal(unless(c.party() == party, types.Code_not_a_party), m.mandate(c))
}

// actsForEither refuses a message that speaks for none of the parties.
func (m *Model) actsForEither(c *call, parties ...string) types.Code {
	for _, p := range parties {
		if c.party() == p {
			return m.mandate(c)
		}
	}
	return types.Code_not_a_party
}

// withinLimit refuses what is above a mandate's limit, in base currency.
func (m *Model) withinLimit(c *call, base int64) types.Code {
	if c.behalf == "" {
		return types.Code_ok
	}
	limit := m.delegations.at(types.DelegationKey(c.behalf, c.signer)).Mandate.GetAmountLimitMinor()
	return when(limit > 0 && base > limit, types.Code_delegation_limit_exceeded)
}

// related: one control group stands behind both enterprises.
func (m *Model) related(a, b string) bool { return m.groupOf(a) == m.groupOf(b) }

// eventDay refuses an event day that lies after tomorrow.
func (m *Model) eventDay(day int32) types.Code {
	return when(day > m.day+1, types.Code_day_too_late)
}

// notTooEarly refuses an event day before 2000-01-01.
func notTooEarly(day int32) types.Code {
	return when(day < 10957, types.Code_day_too_early)
}

// expiry refuses a last day that has passed, or lies more than 366 days ahead.
func (m *Model) expiry(day int32) types.Code {
	return refusal(when(day < m.day, types.Code_expiry_passed), when(day > m.day+366, types.Code_expiry_too_far))
}

// amount refuses what is no amount: 1 to 10^15 minor units.
func amount(minor int64) types.Code {
	return refusal(when(minor <= 0, types.Code_amount_not_positive), when(minor > 1e15, types.Code_amount_too_large))
}

func digest(b []byte) types.Code { return when(len(b) != 32, types.Code_digest_length_wrong) }

func optionalDigest(b []byte) types.Code {
	return when(len(b) != 0 && len(b) != 32, types.Code_digest_length_wrong)
}

func required[E ~int32](e E) types.Code { return when(e == 0, types.Code_enum_required) }

// base converts an amount at the latest fixing of that day or the ten days before, half up, and at least one minor unit.
func (m *Model) base(minor int64, currency string, day int32) (int64, types.Code) {
	rate := int64(1e9)
	if currency != m.baseCurrency {
		var ok bool
		if rate, ok = m.rate(currency, day, 10); !ok {
			return 0, types.Code_fixing_missing
		}
	}
	from, known := m.exponent(currency)
	to, _ := m.exponent(m.baseCurrency)
	if !known {
		return 0, types.Code_currency_unknown
	}
	// minor/10^from · rate/10^9 · 10^to
	n := new(big.Int).Mul(big.NewInt(minor), big.NewInt(rate))
	n.Mul(n, ten(to))
	d := ten(from + 9)
	n.Add(n.Lsh(n, 1), d) // (2n + d) / 2d is n/d rounded half up
	n.Div(n, d.Lsh(d, 1))
	switch {
	case n.Cmp(big.NewInt(1e15)) > 0:
		return 0, types.Code_amount_too_large
	case n.Sign() == 0:
		return 1, types.Code_ok
	}
	return n.Int64(), types.Code_ok
}

func ten(exponent int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(exponent)), nil)
}

// rate is the latest fixing of a day or so many days before it.
func (m *Model) rate(currency string, day, back int32) (int64, bool) {
	for b := int32(0); b <= back; b++ {
		if f, ok := m.fixings.get(types.FixingKey(currency, day-b)); ok {
			return f.RateE9, true
		}
	}
	return 0, false
}

// share is ⌊total·part/whole⌋.
func share(total, part, whole int64) int64 {
	n := new(big.Int).Mul(big.NewInt(total), big.NewInt(part))
	return n.Div(n, big.NewInt(whole)).Int64()
}

// fresh says what becomes of an id that is taken: the same content stands already, other content does not.
func fresh(c *call, old *types.Provenance) types.Code {
	return either(string(old.Content) == string(c.content), types.Code_already_recorded, types.Code_id_taken)
}

// again is fresh for a record on whose evidence something may rest: one whose key was in wrong hands when it signed may be
// confirmed again with another key of the same role; then the code is ok and p is its new provenance.
func (m *Model) again(c *call, old *types.Provenance) (p *types.Provenance, code types.Code) {
	code = fresh(c, old)
	if code == types.Code_id_taken || !m.doubtful(old) || old.Role != c.key.Role || old.Signer != c.signer || old.Key == c.key.Id {
		return nil, code
	}
	renewed := *old
	renewed.Key, renewed.Unix, renewed.Height = c.key.Id, m.unix, m.height
	return &renewed, types.Code_ok
}

// repeated is again, and puts the record with its new provenance.
func (m *Model) repeated(c *call, of **types.Provenance, put func()) types.Code {
	p, code := m.again(c, *of)
	if p != nil {
		*of = p
		put()
	}
	return code
}

// doubtful tells whether a record was signed with a key while it was in wrong hands, and has not fallen yet.
func (m *Model) doubtful(p *types.Provenance) bool {
	k := m.keys.at(types.KeyKey(p.Signer, p.Key))
	return !p.Fallen && k.CompromisedSinceUnix != 0 && p.Unix >= k.CompromisedSinceUnix
}
