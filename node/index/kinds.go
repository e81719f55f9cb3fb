package index

import (
	"fmt"
	"slices"
	"strings"

	"tradecredit/types"
)

// By says what the lists of a kind are made by.
type By uint8

// The ways to list. Numbers stand in rows and are never reused.
const (
	All         By = 1 // every record of the kind, by id
	Signer      By = 2 // member or subject whose key signed
	Subject     By = 3 // any party: of both sides of a trade, holder, issuer, member that a vote is about
	Status      By = 4
	Due         By = 5 // due day of a receivable or financing
	Outstanding By = 6 // due day of one that is neither settled nor at another end
	Until       By = 7 // last day of what has one: documents, consents, delegations, offers, policies
	Grantee     By = 8 // member that may ask, act or lend
	Object      By = 9 // state key of the record that this one is about: joins goods, documents and money of a trade
)

// maxValue bounds the text of a list, in bytes.
const maxValue = 256

var byNames = [...]string{All: "all", Signer: "signer", Subject: "subject", Status: "status", Due: "due", Outstanding: "outstanding",
	Until: "until", Grantee: "grantee", Object: "object"}

// String is the name that queries use.
func (b By) String() string {
	if int(b) < len(byNames) && byNames[b] != "" {
		return byNames[b]
	}
	return fmt.Sprintf("by-%d", uint8(b))
}

func (b By) isDay() bool    { return b == Due || b == Outstanding || b == Until }
func (b By) isNumber() bool { return b == Status || b.isDay() }

// kind is one kind of record: a prefix of the state's keys.
type kind struct {
	number byte   // stands in rows, never reused
	name   string // the prefix without its slash
	bys    []By   // beside All
	read   func(id string, value []byte, f *facts) error
	status map[int32]string // names of its states, nil if it has none
}

// SettlementStatus has the names for a settlement, whose record has no such field.
var settlementStatus = map[int32]string{1: "STANDING", 2: "REVERSED"}

// of decodes a record and lets read list it.
func of[V any, P types.Record[V]](_ types.Prefix[V], read func(id string, r P, f *facts)) func(string, []byte, *facts) error {
	return func(id string, value []byte, f *facts) error {
		r := P(new(V))
		if err := r.Unmarshal(value); err != nil {
			return err
		}
		read(id, r, f)
		f.sort()
		return nil
	}
}

// kinds are the records that are listed, in the order of types/keys.go. Sums, queues, quotas and heads are none.
var kinds = []*kind{
	{1, "member", []By{Status}, of(types.Members, listMember), types.MemberStatus_name},
	{2, "key", []By{Subject, Status}, of(types.Keys, listKey), types.KeyStatus_name},
	{3, "proposal", []By{Signer, Subject, Status}, of(types.Proposals, listProposal), types.ProposalStatus_name},
	{4, "enterprise", []By{Signer, Status}, of(types.Enterprises, listEnterprise), types.EnterpriseStatus_name},
	{5, "delegation", []By{Signer, Subject, Status, Until, Grantee}, of(types.Delegations, listDelegation), types.DelegationStatus_name},
	{6, "order", []By{Signer, Subject, Status}, of(types.Orders, listOrder), types.OrderStatus_name},
	{7, "movement", []By{Signer, Object}, of(types.Movements, listMovement), nil},
	{8, "declaration", []By{Signer, Subject, Status, Object}, of(types.Declarations, listDeclaration), types.DeclarationStatus_name},
	{9, "customs-event", []By{Signer, Subject, Object}, of(types.CustomsEvents, listCustomsEvent), nil},
	{10, "document", []By{Signer, Subject, Status, Until, Object}, of(types.Documents, listDocument), types.DocumentStatus_name},
	{11, "receivable", []By{Signer, Subject, Status, Due, Outstanding, Object}, of(types.Receivables, listReceivable), types.ReceivableStatus_name},
	{12, "settlement", []By{Signer, Subject, Status, Object}, of(types.Settlements, listSettlement), settlementStatus},
	{13, "fixing", []By{Signer}, of(types.Fixings, listFixing), nil},
	{14, "consent", []By{Signer, Subject, Status, Until, Grantee}, of(types.Consents, listConsent), types.ConsentStatus_name},
	{15, "receipt", []By{Signer, Subject}, of(types.Receipts, listReceipt), nil},
	{16, "model", nil, of(types.Models, func(string, *types.Model, *facts) {}), nil},
	{17, "progress", []By{Signer, Status, Object}, of(types.Progresses, listProgress), types.ProgressStatus_name},
	{18, "return", []By{Signer, Status, Object}, of(types.Returns, listReturn), types.ReturnStage_name},
	{19, "trace", []By{Signer, Object}, of(types.Traces, listTrace), nil},
	{20, "parcels", []By{Signer, Object}, of(types.ParcelBatches, listParcels), nil},
	{21, "transferable", []By{Signer, Subject, Status, Object}, of(types.Transferables, listTransferable), types.TransferableStatus_name},
	{22, "credit-note", []By{Signer, Object}, of(types.CreditNotes, listCreditNote), nil},
	{23, "tax-event", []By{Signer, Subject, Object}, of(types.TaxEvents, listTaxEvent), nil},
	{24, "fx-event", []By{Signer, Subject, Object}, of(types.FxEvents, listFxEvent), nil},
	{25, "offer", []By{Signer, Subject, Status, Until, Grantee, Object}, of(types.Offers, listOffer), types.OfferStatus_name},
	{26, "financing", []By{Signer, Subject, Status, Due, Outstanding, Object}, of(types.Financings, listFinancing), types.FinancingStatus_name},
	{27, "repayment", []By{Signer, Object}, of(types.Repayments, listRepayment), nil},
	{28, "policy", []By{Signer, Subject, Status, Until, Object}, of(types.Policies, listPolicy), types.PolicyStatus_name},
	{29, "claim", []By{Signer, Status, Object}, of(types.Claims, listClaim), types.ClaimEvent_name},
	{30, "adverse", []By{Signer, Subject}, of(types.Adverses, listAdverse), nil},
	{31, "dispute", []By{Signer, Subject, Status, Object}, of(types.Disputes, listDispute), types.DisputeStatus_name},
	{32, "statement", []By{Signer, Subject, Object}, of(types.Statements, listStatement), nil},
	{33, "model-state", []By{Signer, Status}, of(types.ModelStates, listModelState), types.ModelStatus_name},
	{34, "validation", []By{Signer, Object}, of(types.Validations, listValidation), nil},
	{35, "attestation", []By{Signer, Status}, of(types.Attestations, listAttestation), types.ReplayResult_name},
}

func (k *kind) prefix() string { return k.name + "/" }

// facts reads a record.
func (k *kind) facts(id string, value []byte) (*facts, error) {
	f := &facts{}
	if err := k.read(id, value, f); err != nil {
		return nil, fmt.Errorf("%w: %s/%s does not decode: %v", ErrCorrupt, k.name, id, err)
	}
	return f, nil
}

// kindOf splits a state key; nil when its kind is not listed.
func kindOf(key string) (*kind, string) {
	name, id, ok := strings.Cut(key, "/")
	if !ok {
		return nil, ""
	}
	return kindNamed(name), id
}

func kindNamed(name string) *kind {
	for _, k := range kinds {
		if k.name == name {
			return k
		}
	}
	return nil
}

// Kinds names what can be listed.
func Kinds() []string {
	var out []string
	for _, k := range kinds {
		out = append(out, k.name)
	}
	return out
}

// Bys names how a kind can be listed; nil when there is no such kind.
func Bys(kind string) []string {
	k := kindNamed(kind)
	if k == nil {
		return nil
	}
	out := []string{All.String()}
	for _, by := range k.bys {
		out = append(out, by.String())
	}
	return out
}

// Statuses names the states of a kind, in their order; nil when it has none.
func Statuses(kind string) []string {
	k := kindNamed(kind)
	if k == nil || k.status == nil {
		return nil
	}
	var numbers []int32
	for n := range k.status {
		if n > 0 {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	var out []string
	for _, n := range numbers {
		out = append(out, k.status[n])
	}
	return out
}
