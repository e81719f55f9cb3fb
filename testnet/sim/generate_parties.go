package sim

import (
	"slices"

	"tradecredit/types"
)

// parties: enterprises and who acts for them. The first two are what a young network needs most.
var parties = []generator{
	{"register_enterprise", 3, registerEnterprise},
	{"confirm_enterprise", 5, confirmEnterprise},
	{"delegate", 2, delegateTo},
	{"revoke_delegation", 1, revokeDelegation},
	{"update_enterprise", 2, updateEnterprise},
}

var registrars = []types.Role{types.Role_BANK, types.Role_PLATFORM, types.Role_CUSTOMS, types.Role_TAX}

func registerEnterprise(w *world) *act {
	t := w.traders[w.rng.IntN(len(w.traders))]
	if e := get(w, types.EnterpriseKey(t.id)); e != nil && e.Status != types.EnterpriseStatus_LAPSED_ENTERPRISE && chance(w.rng, 90) {
		return nil
	}
	m := &types.RegisterEnterprise{
		Subject: t.id, ControlGroup: t.group, District: oneOf(w.rng, "330106", "DE", "FR", "SG"), Industry: oneOf(w.rng, "", "C39"),
		Size_: oneOf(w.rng, types.EnterpriseSize_MICRO, types.EnterpriseSize_SMALL, types.EnterpriseSize_LARGE), Ownership: types.Ownership_PRIVATE,
	}
	if chance(w.rng, 85) {
		m.Key = w.newKey(t.id, types.Role_ENTERPRISE)
	}
	if m.Key == nil || chance(w.rng, 50) {
		m.Mandate = w.mandate()
		m.Mandate.PaperDigest = w.digest()
	}
	return own(w.oneWith(registrars...), m)
}

// mandatable are the messages that a mandate may name, in their order.
var mandatable = func() (names []string) {
	for _, row := range types.Table {
		if row.Mandatable {
			names = append(names, row.Name)
		}
	}
	slices.Sort(names)
	return names
}()

// mandate is what an enterprise may let a member do.
func (w *world) mandate() *types.Mandate {
	m := &types.Mandate{Delegate: w.oneWith(types.Role_BANK, types.Role_PLATFORM, types.Role_LOGISTICS, types.Role_INSURER), UntilDay: w.ahead(366)}
	for _, name := range mandatable {
		if chance(w.rng, 85) {
			m.Messages = append(m.Messages, name)
		}
	}
	m.Consent = chance(w.rng, 60)
	if chance(w.rng, 15) {
		m.AmountLimitMinor = 1 + w.amount()
	}
	return m
}

func confirmEnterprise(w *world) *act {
	id, e := pick(w, types.Enterprises, func(_ string, e *types.Enterprise) bool { return e.Status == types.EnterpriseStatus_REGISTERED })
	if e == nil {
		return nil
	}
	by := w.memberWith(oneOf(w.rng, registrars...), func(m *types.Member) bool {
		return m.ControlGroup != e.RegistrarGroup && m.ControlGroup != e.Registration.ControlGroup
	})
	return own(by, &types.ConfirmEnterprise{Subject: id})
}

func delegateTo(w *world) *act {
	subject := w.enterprise()
	if subject == "" || !w.holds(subject, types.Role_ENTERPRISE) {
		return nil
	}
	m := w.mandate()
	return &act{signer: subject, msg: &types.Delegate{
		Delegate: m.Delegate, Messages: m.Messages, AmountLimitMinor: m.AmountLimitMinor, UntilDay: m.UntilDay, Consent: m.Consent,
	}}
}

func revokeDelegation(w *world) *act {
	subject := w.enterprise()
	if subject == "" || !w.holds(subject, types.Role_ENTERPRISE) {
		return nil
	}
	to := w.delegate(subject, func(*types.Delegation) bool { return true })
	if to == "" {
		return nil
	}
	return &act{signer: subject, msg: &types.RevokeDelegation{Delegate: to}}
}

func updateEnterprise(w *world) *act {
	subject := w.enterprise()
	if subject == "" {
		return nil
	}
	e := get(w, types.EnterpriseKey(subject)).Registration
	return own(w.oneWith(registrars...), &types.UpdateEnterprise{
		Subject: subject, CrossReferences: e.CrossReferences, District: oneOf(w.rng, "330106", "DE", "SG"), Industry: oneOf(w.rng, "", "C39"),
		Size_: types.EnterpriseSize(1 + w.rng.IntN(4)), Ownership: e.Ownership, ControlGroup: e.ControlGroup,
	})
}
