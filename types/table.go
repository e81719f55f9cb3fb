package types

import (
	"reflect"
	"slices"
)

// Relation says in which capacity a signer stands to what a message is about.
type Relation uint8

// The relations of the table.
const (
	OwnRight    Relation = iota + 1 // a member in its own right
	ByMandate                       // a member on behalf of an enterprise
	SubjectSelf                     // the enterprise with its own key (role ENTERPRISE)
)

// String names the relation as the documentation does.
func (r Relation) String() string {
	return [...]string{"none", "own right", "by mandate", "subject"}[r]
}

// Permission is one cell of the table: who may sign a message in which relation, and what evidence that makes.
type Permission struct {
	Role     Role
	Relation Relation
	Evidence Evidence
}

// MessageRow is what the table says of one message. The table is the one source for admission, the command line's
// help and the documentation; what it does not list is refused.
type MessageRow struct {
	Name        string // snake_case: file, handler, CLI verb, script
	Cost        int64  // cost units against the block budget
	Mandatable  bool   // may stand in a mandate or delegation
	Register    bool   // counts against the registration quota
	Permissions []Permission
}

var registrars = []Role{Role_BANK, Role_PLATFORM, Role_CUSTOMS, Role_TAX}

// delegates are the roles that may hold a mandate of an enterprise.
var delegates = []Role{Role_BANK, Role_PLATFORM, Role_LOGISTICS, Role_INSURER}

// providers are the roles whose records a subject may dispute, besides enterprises.
var providers = []Role{Role_CUSTOMS, Role_TAX, Role_FOREX, Role_BANK, Role_PLATFORM, Role_LOGISTICS, Role_INSURER, Role_VERIFIER}

func own(e Evidence, roles ...Role) []Permission {
	var out []Permission
	for _, r := range roles {
		out = append(out, Permission{r, OwnRight, e})
	}
	return out
}

// party is what an enterprise may do itself, or through a delegate.
func party() []Permission {
	out := []Permission{{Role_ENTERPRISE, SubjectSelf, Evidence_SELF_DECLARED}}
	for _, r := range delegates {
		out = append(out, Permission{r, ByMandate, Evidence_SELF_DECLARED})
	}
	return out
}

// everyKey is every role in its own right, and the enterprise: messages about the signer itself.
func everyKey() []Permission {
	out := []Permission{}
	for r := Role_COUNCIL; r <= Role_AUDITOR; r++ {
		out = append(out, Permission{r, OwnRight, Evidence_SELF_DECLARED})
	}
	return append(out, Permission{Role_ENTERPRISE, SubjectSelf, Evidence_SELF_DECLARED})
}

func join(ps ...[]Permission) []Permission { return slices.Concat(ps...) }

const (
	self  = Evidence_SELF_DECLARED
	third = Evidence_THIRD_PARTY_VERIFIED
	sourc = Evidence_SOURCE_SIGNED
)

// Table is every message there is, in the order of types.proto (LEDGER.md §2, §3, §7).
var Table = []MessageRow{
	{Name: "propose", Cost: 8, Permissions: own(sourc, Role_COUNCIL)},
	{Name: "vote", Cost: 8, Permissions: own(sourc, Role_COUNCIL)},
	{Name: "rotate_key", Cost: 4, Permissions: everyKey()},
	{Name: "revoke_key", Cost: 4, Permissions: everyKey()},
	{Name: "publish_codes", Cost: 12, Permissions: own(sourc, Role_COUNCIL)},
	{Name: "register_enterprise", Cost: 6, Register: true, Permissions: own(sourc, registrars...)},
	{Name: "confirm_enterprise", Cost: 4, Permissions: own(sourc, registrars...)},
	{Name: "update_enterprise", Cost: 4, Permissions: own(sourc, registrars...)},
	{Name: "delegate", Cost: 4, Permissions: []Permission{{Role_ENTERPRISE, SubjectSelf, self}}},
	{Name: "revoke_delegation", Cost: 3, Permissions: []Permission{{Role_ENTERPRISE, SubjectSelf, self}}},
	{Name: "record_order", Cost: 5, Mandatable: true, Permissions: join(own(sourc, Role_PLATFORM), party())},
	{Name: "confirm_order", Cost: 4, Mandatable: true, Permissions: party()},
	{Name: "amend_order", Cost: 6, Mandatable: true, Permissions: join(own(sourc, Role_PLATFORM), party())},
	{Name: "cancel_order", Cost: 5, Mandatable: true, Permissions: join(own(sourc, Role_PLATFORM), party())},
	{Name: "record_service_progress", Cost: 5, Mandatable: true, Permissions: party()},
	{Name: "record_customs_event", Cost: 5, Permissions: own(sourc, Role_CUSTOMS)},
	{Name: "record_logistics_event", Cost: 4, Permissions: join(own(sourc, Role_LOGISTICS), own(third, Role_PLATFORM))},
	{Name: "accept_delivery", Cost: 4, Mandatable: true, Permissions: party()},
	{Name: "reject_delivery", Cost: 4, Mandatable: true, Permissions: party()},
	{Name: "record_return", Cost: 5, Permissions: join(own(sourc, Role_LOGISTICS, Role_CUSTOMS), own(third, Role_PLATFORM))},
	{Name: "record_trace", Cost: 3, Permissions: join(own(sourc, Role_LOGISTICS), own(third, Role_PLATFORM, Role_VERIFIER))},
	{Name: "record_parcel_batch", Cost: 3, Permissions: join(own(sourc, Role_LOGISTICS), own(third, Role_PLATFORM, Role_VERIFIER))},
	{Name: "confirm_service_progress", Cost: 5, Mandatable: true, Permissions: join(party(), own(sourc, Role_TAX))},
	{Name: "anchor_document", Cost: 3, Mandatable: true, Permissions: party()},
	{Name: "verify_document", Cost: 4, Permissions: join(own(third, Role_VERIFIER),
		own(sourc, Role_CUSTOMS, Role_TAX, Role_FOREX, Role_BANK, Role_LOGISTICS, Role_INSURER))},
	{Name: "revoke_document", Cost: 3, Mandatable: true, Permissions: join(party(),
		own(sourc, Role_CUSTOMS, Role_TAX, Role_FOREX, Role_BANK, Role_LOGISTICS, Role_INSURER, Role_VERIFIER))},
	{Name: "issue_transferable", Cost: 4, Mandatable: true, Permissions: join(own(sourc, Role_LOGISTICS), party())},
	{Name: "transfer_control", Cost: 4, Mandatable: true, Permissions: party()},
	{Name: "surrender", Cost: 3, Mandatable: true, Permissions: party()},
	{Name: "issue_receivable", Cost: 4, Mandatable: true, Permissions: party()},
	{Name: "accept_receivable", Cost: 5, Mandatable: true, Permissions: party()},
	{Name: "reject_receivable", Cost: 4, Mandatable: true, Permissions: party()},
	{Name: "void_receivable", Cost: 5, Mandatable: true, Permissions: join(party(), own(sourc, Role_TAX))},
	{Name: "adjust_receivable", Cost: 5, Mandatable: true, Permissions: party()},
	{Name: "split_receivable", Cost: 16, Mandatable: true, Permissions: party()},
	{Name: "record_settlement", Cost: 12, Permissions: own(sourc, Role_BANK, Role_PLATFORM)},
	{Name: "reverse_settlement", Cost: 12, Permissions: own(sourc, Role_BANK, Role_PLATFORM)},
	{Name: "record_tax_event", Cost: 4, Permissions: own(sourc, Role_TAX)},
	{Name: "record_fx_event", Cost: 4, Permissions: own(sourc, Role_FOREX, Role_BANK)},
	{Name: "publish_fixing", Cost: 3, Permissions: own(sourc, Role_FOREX)},
	{Name: "write_off", Cost: 6, Mandatable: true, Permissions: party()},
	{Name: "offer_financing", Cost: 5, Mandatable: true, Permissions: party()},
	{Name: "withdraw_offer", Cost: 3, Mandatable: true, Permissions: party()},
	{Name: "reserve_financing", Cost: 48, Permissions: own(sourc, Role_BANK)},
	{Name: "confirm_financing", Cost: 24, Permissions: own(sourc, Role_BANK)},
	{Name: "cancel_financing", Cost: 24, Permissions: own(sourc, Role_BANK)},
	{Name: "release_financing", Cost: 24, Permissions: own(sourc, Role_BANK)},
	{Name: "notify_assignment", Cost: 4, Permissions: own(sourc, Role_BANK)},
	{Name: "acknowledge_assignment", Cost: 4, Mandatable: true, Permissions: party()},
	{Name: "record_repayment", Cost: 12, Permissions: own(sourc, Role_BANK)},
	{Name: "declare_default", Cost: 4, Permissions: own(sourc, Role_BANK)},
	{Name: "cure_default", Cost: 4, Permissions: own(sourc, Role_BANK)},
	{Name: "record_policy", Cost: 4, Permissions: own(sourc, Role_INSURER)},
	{Name: "record_claim", Cost: 4, Permissions: own(sourc, Role_INSURER)},
	{Name: "grant_consent", Cost: 3, Mandatable: true, Permissions: party()},
	{Name: "revoke_consent", Cost: 3, Mandatable: true, Permissions: party()},
	{Name: "query_credit", Cost: 12, Permissions: own(sourc, Role_BANK, Role_PLATFORM, Role_CUSTOMS, Role_TAX,
		Role_FOREX, Role_INSURER, Role_AUDITOR)},
	{Name: "record_adverse", Cost: 4, Permissions: own(sourc, Role_CUSTOMS, Role_TAX, Role_FOREX, Role_ARBITER, Role_BANK)},
	{Name: "rehabilitate", Cost: 4, Permissions: own(sourc, Role_CUSTOMS, Role_TAX, Role_FOREX, Role_ARBITER, Role_BANK)},
	{Name: "open_dispute", Cost: 5, Mandatable: true, Permissions: party()},
	{Name: "respond_dispute", Cost: 6, Mandatable: true, Permissions: join(party(), own(sourc, append(providers, Role_ARBITER)...))},
	{Name: "escalate_dispute", Cost: 4, Mandatable: true, Permissions: join(party(), own(sourc, append(providers, Role_ARBITER)...))},
	{Name: "resolve_dispute", Cost: 8, Mandatable: true, Permissions: join(party(), own(sourc, append(providers, Role_ARBITER)...))},
	{Name: "add_statement", Cost: 3, Mandatable: true, Permissions: party()},
	{Name: "correct_record", Cost: 6, Permissions: own(sourc, append(providers, Role_ARBITER)...)},
	{Name: "erase_payload", Cost: 3, Mandatable: true, Permissions: join(party(), own(sourc, providers...))},
	{Name: "propose_model", Cost: 12, Permissions: own(sourc, Role_BUREAU)},
	{Name: "attach_validation", Cost: 4, Permissions: own(sourc, Role_AUDITOR)},
	{Name: "attest_replay", Cost: 3, Permissions: own(sourc, Role_AUDITOR)},
}

// Msg is what stands in a Message's oneof: *RecordOrder and its like.
type Msg any

// wrappers are the oneof's members in the order of types.proto.
var wrappers = (*Message)(nil).XXX_OneofWrappers()

var rowByType = func() map[reflect.Type]int {
	m := make(map[reflect.Type]int, len(wrappers))
	for i, w := range wrappers {
		m[reflect.TypeOf(w).Elem().Field(0).Type] = i
	}
	return m
}()

var rowByName = func() map[string]int {
	m := make(map[string]int, len(Table))
	for i, r := range Table {
		m[r.Name] = i
	}
	return m
}()

// RowOf returns the table's row of a message, nil when it is none.
func RowOf(m Msg) *MessageRow {
	i, ok := rowByType[reflect.TypeOf(m)]
	if !ok || i >= len(Table) {
		return nil
	}
	return &Table[i]
}

// IndexOf returns a message's place in the table; it panics when msg is no message of the ledger.
func IndexOf(m Msg) int {
	i, ok := rowByType[reflect.TypeOf(m)]
	if !ok {
		panic("types: not a message of the ledger")
	}
	return i
}

// RowNamed returns the table's row of a name, nil when there is none.
func RowNamed(name string) *MessageRow {
	if i, ok := rowByName[name]; ok {
		return &Table[i]
	}
	return nil
}

// NewMsg returns an empty message of that name, nil when there is none.
func NewMsg(name string) Msg {
	i, ok := rowByName[name]
	if !ok {
		return nil
	}
	return reflect.New(reflect.TypeOf(wrappers[i]).Elem().Field(0).Type.Elem()).Interface()
}

// Get returns the message inside the oneof, nil when unset.
func (m *Message) Get() Msg {
	if m == nil || m.Msg == nil {
		return nil
	}
	return inside(m.Msg)
}

// Get returns the message that states the record anew, nil when unset.
func (m *CorrectRecord) Get() Msg {
	if m == nil || m.Replacement == nil {
		return nil
	}
	return inside(m.Replacement)
}

// inside returns what a oneof's wrapper holds, nil when it is empty.
func inside(wrapper any) Msg {
	v := reflect.ValueOf(wrapper).Elem().Field(0)
	if v.IsNil() {
		return nil
	}
	return v.Interface()
}

// Wrap puts msg into the oneof; it panics when msg is no message of the ledger.
func Wrap(onBehalfOf string, msg Msg) *Message {
	i, ok := rowByType[reflect.TypeOf(msg)]
	if !ok {
		panic("types: not a message of the ledger")
	}
	w := reflect.New(reflect.TypeOf(wrappers[i]).Elem())
	w.Elem().Field(0).Set(reflect.ValueOf(msg))
	return &Message{OnBehalfOf: onBehalfOf, Msg: w.Interface().(isMessage_Msg)}
}

// Permit returns the evidence a role in a relation makes with this message, and whether it may sign it at all.
func (r *MessageRow) Permit(role Role, rel Relation) (Evidence, bool) {
	for _, p := range r.Permissions {
		if p.Role == role && p.Relation == rel {
			return p.Evidence, true
		}
	}
	return 0, false
}

// RelationOf derives the relation from the signer's role and whether the message names an enterprise it acts for.
func RelationOf(role Role, onBehalfOf string) Relation {
	switch {
	case role == Role_ENTERPRISE:
		return SubjectSelf
	case onBehalfOf != "":
		return ByMandate
	}
	return OwnRight
}
