package sim

import (
	"slices"
	"strings"

	"tradecredit/types"
)

// This file has what generators pick from: parties, signers, days, amounts, ids. All of it is from the committed state of
// the height before, or made up.

// digest is 32 bytes that nobody has seen.
func (w *world) digest() []byte {
	b := make([]byte, 32)
	for i := range b {
		b[i] = byte(w.rng.Uint32())
	}
	return b
}

// ago is a day up to so many days back, today included.
func (w *world) ago(days int) int32 { return w.today() - int32(w.rng.IntN(days+1)) }

// eventDay is when something happened: mostly these days, sometimes so long ago that it is LATE.
func (w *world) eventDay() int32 {
	if chance(w.rng, 8) {
		return w.ago(120)
	}
	return w.ago(8)
}

// ahead is a day in so many days, tomorrow at the earliest.
func (w *world) ahead(days int) int32 { return w.today() + 1 + int32(w.rng.IntN(days)) }

// amount is a count of minor units, often one of a few, so that payments answer each other.
func (w *world) amount() int64 {
	if chance(w.rng, 40) {
		return 1_000_000 + w.rng.Int64N(50_000)
	}
	return 1 + w.rng.Int64N(1<<(4+w.rng.IntN(30)))
}

// currencies that are traded in besides the base currency.
var currencies = []string{"USD", "EUR", "JPY", "KWD"}

// currency is mostly the base currency; others need a fixing.
func (w *world) currency() string {
	if chance(w.rng, 75) {
		return baseCurrency
	}
	return oneOf(w.rng, currencies...)
}

// member is a live member with a role and a key of it that signs now; "" if there is none.
func (w *world) member(role types.Role) string {
	return w.memberWith(role, func(*types.Member) bool { return true })
}

// memberWith is member, one that satisfies good.
func (w *world) memberWith(role types.Role, good func(*types.Member) bool) string {
	found, n := "", 0
	for _, key := range w.mirror.kinds[string(types.Members)] {
		m := decode[types.Member](w.mirror.rows[key])
		if m.Status == types.MemberStatus_LIVE && slices.Contains(m.Roles, role) && good(m) && w.holds(m.Id, role) {
			if n++; w.rng.IntN(n) == 0 {
				found = m.Id
			}
		}
	}
	return found
}

// oneWith is a live member with one of some roles, each role as likely as the others.
func (w *world) oneWith(roles ...types.Role) string { return w.member(oneOf(w.rng, roles...)) }

// groupOf is the control group of a member or an enterprise.
func (w *world) groupOf(id string) string {
	if types.IsSubjectID(id) {
		if e := get(w, types.EnterpriseKey(id)); e != nil {
			return e.Registration.ControlGroup
		}
		return ""
	}
	if m := get(w, types.MemberKey(id)); m != nil {
		return m.ControlGroup
	}
	return ""
}

// enterprise is a registered, verified enterprise; "" if there is none.
func (w *world) enterprise() string {
	id, _ := pick(w, types.Enterprises, func(_ string, e *types.Enterprise) bool {
		return e.Status == types.EnterpriseStatus_ENTERPRISE_VERIFIED
	})
	return id
}

// twoEnterprises are two different ones, mostly of different groups; "" if there are none.
func (w *world) twoEnterprises() (a, b string) {
	for range 8 {
		a, b = w.enterprise(), w.enterprise()
		if a != "" && a != b && (w.groupOf(a) != w.groupOf(b) || chance(w.rng, 10)) {
			return a, b
		}
	}
	return "", ""
}

// related tells whether two parties belong to one group. Now and then somebody hides it, or marks what need not be.
func (w *world) related(a, b string) bool {
	return (w.groupOf(a) == w.groupOf(b)) != chance(w.rng, 4)
}

// by completes an act of an enterprise: it signs itself, or one of its delegates whose mandate covers the message does.
// nil if nobody can.
func (w *world) by(subject string, msg types.Msg) *act {
	name := types.RowOf(msg).Name
	delegate := w.delegate(subject, func(d *types.Delegation) bool { return slices.Contains(d.Mandate.Messages, name) })
	self := w.holds(subject, types.Role_ENTERPRISE)
	switch {
	case self && (delegate == "" || chance(w.rng, 60)):
		return &act{signer: subject, msg: msg}
	case delegate != "":
		return &act{signer: delegate, behalf: subject, msg: msg}
	}
	return nil
}

// delegate is a member that acts for an enterprise now; "" if there is none.
func (w *world) delegate(subject string, good func(*types.Delegation) bool) string {
	_, d := pick(w, types.Prefix[types.Delegation](types.DelegationKey(subject, "")), func(_ string, d *types.Delegation) bool {
		return d.Status == types.DelegationStatus_DELEGATION_LIVE && d.Mandate.UntilDay >= w.today() && good(d)
	})
	if d == nil {
		return ""
	}
	return d.Mandate.Delegate
}

// own is an act of a member in its own right; nil if there is no such member.
func own(signer string, msg types.Msg) *act {
	if signer == "" {
		return nil
	}
	return &act{signer: signer, msg: msg}
}

// anybody is a member or an enterprise, known or not.
func (w *world) anybody() string {
	if chance(w.rng, 40) {
		return w.anyTrader()
	}
	return cast[w.rng.IntN(len(cast))].id
}

func (w *world) anyTrader() string { return w.traders[w.rng.IntN(len(w.traders))].id }

// anyMember is a member of the cast with a role; "" if there is none.
func (w *world) anyMember(role types.Role) string {
	found, n := "", 0
	for _, m := range cast {
		if slices.Contains(m.roles, role) {
			if n++; w.rng.IntN(n) == 0 {
				found = m.id
			}
		}
	}
	return found
}

// peer is another member with one of a member's roles, or another enterprise.
func (w *world) peer(id string) string {
	m := get(w, types.MemberKey(id))
	if m == nil {
		return w.anyTrader()
	}
	return w.anyMember(oneOf(w.rng, m.Roles...))
}

// anyText is what might stand in a text field that holds was, or is called so: something of the same kind that exists,
// something of another kind, nothing.
func (w *world) anyText(was string) string {
	switch w.rng.IntN(10) {
	case 0:
		return ""
	case 1:
		return strings.Repeat("x", 1+w.rng.IntN(300))
	case 2:
		return w.anyTrader()
	case 3:
		return cast[w.rng.IntN(len(cast))].id
	case 4:
		return oneOf(w.rng, "CNY", "USD", "XXX", "380", "0110", "9810", "DE", "CNSHA", "ZZZ", "850440", "FOB")
	case 5, 6:
		return w.id()
	}
	if strings.Contains(was, "/") || w.rng.IntN(2) == 0 {
		if id := w.anyRecord(was); id != "" {
			return id
		}
	}
	return was
}

// recordKinds are kinds of records that messages name by their ids.
var recordKinds = []string{
	string(types.Orders), string(types.Receivables), string(types.Documents), string(types.Consents), string(types.Proposals),
	string(types.Declarations),
}

// anyRecord is the id of some record, or its whole key where was is one.
func (w *world) anyRecord(was string) string {
	keys := w.mirror.kinds[oneOf(w.rng, recordKinds...)]
	if len(keys) == 0 {
		return ""
	}
	kind, id, _ := strings.Cut(oneOf(w.rng, keys...), "/")
	if strings.HasPrefix(was, kind+"/") {
		return kind + "/" + id
	}
	return id
}
