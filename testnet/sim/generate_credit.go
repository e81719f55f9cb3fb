package sim

import "tradecredit/types"

// credit: consents and what is asked under them.
var credit = []generator{
	{"grant_consent", 4, grantConsent},
	{"revoke_consent", 1, revokeConsent},
	{"query_credit", 6, queryCredit},
}

// asks says what a role that asks for credit asks for.
var asks = []struct {
	role    types.Role
	purpose types.Purpose
}{
	{types.Role_BANK, types.Purpose_CREDIT_GRANT}, {types.Role_BANK, types.Purpose_POST_LOAN},
	{types.Role_PLATFORM, types.Purpose_TRADE_PARTNER}, {types.Role_INSURER, types.Purpose_INSURANCE},
	{types.Role_CUSTOMS, types.Purpose_SUPERVISION}, {types.Role_TAX, types.Purpose_SUPERVISION},
	{types.Role_AUDITOR, types.Purpose_AUDIT},
}

func grantConsent(w *world) *act {
	subject := w.enterprise()
	if subject == "" {
		return nil
	}
	a := oneOf(w.rng, asks[:4]...)
	m := &types.GrantConsent{
		Id: w.id(), Grantee: w.member(a.role), Purpose: a.purpose, Scope: oneOf(w.rng, types.Output_INDEX, types.Output_SCORE), UntilDay: w.ahead(30),
		Uses: 1 + uint32(w.rng.IntN(3)),
	}
	return w.by(subject, m)
}

func revokeConsent(w *world) *act {
	id, c := pick(w, types.Consents, func(_ string, c *types.Consent) bool { return c.Status == types.ConsentStatus_ACTIVE })
	if c == nil {
		return nil
	}
	return w.by(c.Subject, &types.RevokeConsent{Consent: id})
}

func queryCredit(w *world) *act {
	if chance(w.rng, 30) {
		subject, a := w.enterprise(), oneOf(w.rng, asks[4:]...)
		if subject == "" {
			return nil
		}
		return own(w.member(a.role), &types.QueryCredit{
			Id: w.id(), Subject: subject, Purpose: a.purpose, Output: types.Output_SCORE, StatutoryBasis: 1, Salt: w.digest(),
		})
	}
	id, c := pick(w, types.Consents, func(_ string, c *types.Consent) bool { return c.Status == types.ConsentStatus_ACTIVE })
	if c == nil {
		return nil
	}
	return own(c.Consent.Grantee, &types.QueryCredit{
		Id: w.id(), Subject: c.Subject, Purpose: c.Consent.Purpose, Output: c.Consent.Scope, Consent: id, Salt: w.digest(),
	})
}
