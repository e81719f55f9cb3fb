package types

import (
	"encoding/hex"
	"fmt"
	"math/bits"
)

// Every key of the state stands in this file. Keys are readable and sortable; ids cannot contain "/" except where a
// record id "<signer>/<source id>" ends the key, so no key is a prefix of another kind's.

// ChainKey is the one leaf that can never be deleted.
const ChainKey Key[Chain] = "chain"

// ParametersKey holds what the council may set.
const ParametersKey Key[Parameters] = "parameters"

// ActiveModelKey names the scorecard in force: a Model whose content is the active one.
const ActiveModelKey Key[Model] = "model-active"

// ValidatorsKey holds the validators that will be in force once CometBFT has applied every change given to it.
const ValidatorsKey Key[ValidatorSet] = "validators"

// CodeListsKey says which version of each governed list is in force; absent while all are the built-in ones.
const CodeListsKey Key[CodeLists] = "code-lists"

// UpgradeKey holds the version of the application in force, and the one that is planned.
const UpgradeKey Key[UpgradePlan] = "upgrade"

// EpochsKey holds the epochs of the consortium key of duplicate fingerprints; absent before the first.
const EpochsKey Key[Epochs] = "epochs"

// ModelPlanKey says which models are in shadow and which comes into force when.
const ModelPlanKey Key[ModelPlan] = "model-plan"

// BlockLogKey is the head of the log of block hashes.
const BlockLogKey Key[BlockLog] = "block-log"

// BlockLogName names the log of block hashes; see EntryLog. No subject is called so.
const BlockLogName = "block-log"

// DueCursorKey says how far the queues are worked off: a Due whose id is a time in decimal digits, a multiple of a
// thousand seconds. Nothing waits before it.
const DueCursorKey Key[Due] = "due-cursor"

// Prefixes name all entries of one kind.
const (
	Members       Prefix[Member]          = "member/"
	Keys          Prefix[KeyRecord]       = "key/"
	Proposals     Prefix[Proposal]        = "proposal/"
	Enterprises   Prefix[Enterprise]      = "enterprise/"
	Delegations   Prefix[Delegation]      = "delegation/"
	Orders        Prefix[Order]           = "order/"
	Movements     Prefix[Movement]        = "movement/"
	Declarations  Prefix[Declaration]     = "declaration/"
	CustomsEvents Prefix[CustomsRecord]   = "customs-event/"
	Documents     Prefix[Document]        = "document/"
	Receivables   Prefix[Receivable]      = "receivable/"
	Settlements   Prefix[Settlement]      = "settlement/"
	Fixings       Prefix[Fixing]          = "fixing/"
	Consents      Prefix[Consent]         = "consent/"
	Receipts      Prefix[Receipt]         = "receipt/"
	Models        Prefix[Model]           = "model/"
	Subjects      Prefix[SubjectHead]     = "subject/"
	Months        Prefix[MonthSum]        = "month/"
	Pairs         Prefix[PairSum]         = "pair/"
	Ranks         Prefix[Rank]            = "rank/"
	Dues          Prefix[Due]             = "due/"
	Usages        Prefix[Usage]           = "usage/"
	Progresses    Prefix[Progress]        = "progress/"
	Returns       Prefix[ReturnRecord]    = "return/"
	ReturnSteps   Prefix[ReturnStep]      = "return-step/"
	Traces        Prefix[Trace]           = "trace/"
	Lots          Prefix[Lot]             = "lot/"
	ParcelBatches Prefix[ParcelBatch]     = "parcels/"
	Transferables Prefix[Transferable]    = "transferable/"
	CreditNotes   Prefix[CreditNote]      = "credit-note/"
	TaxEvents     Prefix[TaxRecord]       = "tax-event/"
	FxEvents      Prefix[FxRecord]        = "fx-event/"
	Offers        Prefix[Offer]           = "offer/"
	Financings    Prefix[Financing]       = "financing/"
	Encumbrances  Prefix[Encumbrance]     = "encumbrance/"
	Fingerprinted Prefix[FingerprintHits] = "fingerprint/"
	Repayments    Prefix[Repayment]       = "repayment/"
	Policies      Prefix[Policy]          = "policy/"
	Claims        Prefix[Claim]           = "claim/"
	Adverses      Prefix[Adverse]         = "adverse/"
	AdverseSums   Prefix[AdverseMarks]    = "adverse-marks/"
	Disputes      Prefix[Dispute]         = "dispute/"
	DisputedItems Prefix[DisputedItem]    = "disputed/"
	Statements    Prefix[Statement]       = "statement/"
	Versions      Prefix[RecordVersion]   = "version/"
	ModelStates   Prefix[ModelState]      = "model-state/"
	Validations   Prefix[Validation]      = "validation/"
	Shadows       Prefix[Shadow]          = "shadow/"
	Attestations  Prefix[Attestation]     = "attestation/"
)

const (
	publicKeys = "public-key/"
	codeRows   = "code/"
)

// MemberKey names a member.
func MemberKey(id string) Key[Member] { return Key[Member]("member/" + id) }

// UsageKey names what a signer used of its quota today.
func UsageKey(signer string) Key[Usage] { return Key[Usage]("usage/" + signer) }

// KeyKey names a key of a member or subject.
func KeyKey(holder, id string) Key[KeyRecord] { return Key[KeyRecord]("key/" + holder + "/" + id) }

// PublicKeyKey says whose a public key is, so that no two keys share one.
func PublicKeyKey(public []byte) Key[KeyRecord] {
	return Key[KeyRecord](publicKeys + hex.EncodeToString(public))
}

// ProposalKey names a proposal by its record id.
func ProposalKey(id string) Key[Proposal] { return Key[Proposal]("proposal/" + id) }

// EnterpriseKey names an enterprise's registration.
func EnterpriseKey(subject string) Key[Enterprise] { return Key[Enterprise]("enterprise/" + subject) }

// DelegationKey names what a delegate may do for a subject.
func DelegationKey(subject, delegate string) Key[Delegation] {
	return Key[Delegation]("delegation/" + subject + "/" + delegate)
}

// OrderKey names an order by its record id.
func OrderKey(id string) Key[Order] { return Key[Order]("order/" + id) }

// MovementKey names a logistics event by its record id.
func MovementKey(id string) Key[Movement] { return Key[Movement]("movement/" + id) }

// DeclarationKey names a customs declaration by its record id.
func DeclarationKey(id string) Key[Declaration] { return Key[Declaration]("declaration/" + id) }

// CustomsEventKey names a customs event by its record id.
func CustomsEventKey(id string) Key[CustomsRecord] { return Key[CustomsRecord]("customs-event/" + id) }

// DocumentKey names an anchored document by its record id.
func DocumentKey(id string) Key[Document] { return Key[Document]("document/" + id) }

// ReceivableKey names a receivable by its record id.
func ReceivableKey(id string) Key[Receivable] { return Key[Receivable]("receivable/" + id) }

// SettlementKey names a settlement by the digest of its UETR, CIPS or end-to-end id.
func SettlementKey(id []byte) Key[Settlement] {
	return Key[Settlement]("settlement/" + hex.EncodeToString(id))
}

// FixingKey names a fixing.
func FixingKey(currency string, day int32) Key[Fixing] {
	return Key[Fixing](fmt.Sprintf("fixing/%s/%06d", currency, day))
}

// ConsentKey names a consent by its record id.
func ConsentKey(id string) Key[Consent] { return Key[Consent]("consent/" + id) }

// ReceiptKey names the receipt of a query by its record id.
func ReceiptKey(id string) Key[Receipt] { return Key[Receipt]("receipt/" + id) }

// ModelKey names a scorecard.
func ModelKey(id string) Key[Model] { return Key[Model]("model/" + id) }

// SubjectKey names the head of a subject's entry log.
func SubjectKey(subject string) Key[SubjectHead] { return Key[SubjectHead]("subject/" + subject) }

// EntryLog names a subject's entry log: append-only rows outside the leaf tree.
func EntryLog(subject string) string { return subject }

// MonthKey names a subject's sums of one month; month = 12·year + month−1.
func MonthKey(subject string, month int32) Key[MonthSum] {
	return Key[MonthSum](fmt.Sprintf("month/%s/%05d", subject, month))
}

// PairKey names what two subjects did with each other; the order of the arguments does not matter.
func PairKey(x, y string) Key[PairSum] {
	if x > y {
		x, y = y, x
	}
	return Key[PairSum]("pair/" + x + "/" + y)
}

// Dimension says by what a subject's counterparties are ranked.
type Dimension string

// The dimensions of a ranking: base amounts the subject paid, traded (paid and collected), and ordered (both sides).
const (
	RankPaid    Dimension = "paid"
	RankTraded  Dimension = "traded"
	RankOrdered Dimension = "ordered"
)

// RankPrefix names a subject's counterparties in one ranking, first the largest bit length, then by id (LEDGER.md §8).
func RankPrefix(subject string, d Dimension) Prefix[Rank] {
	return Prefix[Rank]("rank/" + subject + "/" + string(d) + "/")
}

// RankKey names one counterparty's place; amount is its lifetime amount, > 0.
func RankKey(subject string, d Dimension, amount int64, counterparty string) Key[Rank] {
	return Key[Rank](fmt.Sprintf("%s%02d/%s", RankPrefix(subject, d), 64-bits.Len64(uint64(amount)), counterparty))
}

// DueKey names an item of the queues that time works off, in the order of their time.
func DueKey(unix int64, kind DueKind, id string) Key[Due] {
	return Key[Due](fmt.Sprintf("due/%020d/%d/%s", unix, kind, id))
}

// DuePrefix names the items due in the 10^zeros seconds from unix on, which must end in so many zeros.
func DuePrefix(unix int64, zeros int) Prefix[Due] {
	digits := fmt.Sprintf("%020d", unix)
	return Prefix[Due]("due/" + digits[:len(digits)-zeros])
}

// ProgressKey names a recorded step of a service by its record id.
func ProgressKey(id string) Key[Progress] { return Key[Progress]("progress/" + id) }

// ReturnKey names a return by the record id of its opening.
func ReturnKey(id string) Key[ReturnRecord] { return Key[ReturnRecord]("return/" + id) }

// ReturnStepKey names a later step of a return by its record id.
func ReturnStepKey(id string) Key[ReturnStep] { return Key[ReturnStep]("return-step/" + id) }

// TraceKey names a trace by its record id.
func TraceKey(id string) Key[Trace] { return Key[Trace]("trace/" + id) }

// ParcelBatchKey names a batch of parcels by its record id.
func ParcelBatchKey(id string) Key[ParcelBatch] { return Key[ParcelBatch]("parcels/" + id) }

// TransferableKey names a transferable document by its record id.
func TransferableKey(id string) Key[Transferable] { return Key[Transferable]("transferable/" + id) }

// CreditNoteKey names a credit note by its record id.
func CreditNoteKey(id string) Key[CreditNote] { return Key[CreditNote]("credit-note/" + id) }

// TaxEventKey names a tax event by its record id.
func TaxEventKey(id string) Key[TaxRecord] { return Key[TaxRecord]("tax-event/" + id) }

// FxEventKey names a foreign-exchange event by its record id.
func FxEventKey(id string) Key[FxRecord] { return Key[FxRecord]("fx-event/" + id) }

// OfferKey names an offer of financing by its record id.
func OfferKey(id string) Key[Offer] { return Key[Offer]("offer/" + id) }

// FinancingKey names a financing by its record id.
func FinancingKey(id string) Key[Financing] { return Key[Financing]("financing/" + id) }

// RepaymentKey names a repayment by its record id.
func RepaymentKey(id string) Key[Repayment] { return Key[Repayment]("repayment/" + id) }

// PolicyKey names a credit insurance policy by its record id.
func PolicyKey(id string) Key[Policy] { return Key[Policy]("policy/" + id) }

// ClaimKey names a claim on a policy by its record id.
func ClaimKey(id string) Key[Claim] { return Key[Claim]("claim/" + id) }

// AdverseKey names an adverse record by its record id.
func AdverseKey(id string) Key[Adverse] { return Key[Adverse]("adverse/" + id) }

// DisputeKey names a dispute by its record id.
func DisputeKey(id string) Key[Dispute] { return Key[Dispute]("dispute/" + id) }

// StatementKey names a subject's statement by its record id.
func StatementKey(id string) Key[Statement] { return Key[Statement]("statement/" + id) }

// ModelStateKey names the life of a model.
func ModelStateKey(id string) Key[ModelState] { return Key[ModelState]("model-state/" + id) }

// ValidationKey names a validation of a model by its record id.
func ValidationKey(id string) Key[Validation] { return Key[Validation]("validation/" + id) }

// ShadowKey names what models in shadow would have said to the query of a receipt.
func ShadowKey(id string) Key[Shadow] { return Key[Shadow]("shadow/" + id) }

// AttestationKey names an attested replay by its record id.
func AttestationKey(id string) Key[Attestation] { return Key[Attestation]("attestation/" + id) }

// LotKey names a lot of goods by the salted digest of its number.
func LotKey(lot []byte) Key[Lot] { return Key[Lot]("lot/" + hex.EncodeToString(lot)) }

// EncumbranceKey names the lock of an object by the object's own key ("receivable/…", "declaration/…", "transferable/…"),
// or of all objects of one trade by the key of their order ("order/…").
func EncumbranceKey(object string) Key[Encumbrance] { return Key[Encumbrance]("encumbrance/" + object) }

// FingerprintKey names the live financings that rest on one fingerprint: number 0–6, epoch 0 for F0, and the digest.
func FingerprintKey(number int, epoch uint32, digest []byte) Key[FingerprintHits] {
	return Key[FingerprintHits](fmt.Sprintf("fingerprint/%d/%06d/%s", number, epoch, hex.EncodeToString(digest)))
}

// AdverseMarksKey names what a subject's score must know of its adverse records.
func AdverseMarksKey(subject string) Key[AdverseMarks] {
	return Key[AdverseMarks]("adverse-marks/" + subject)
}

// DisputedItemKey names an item's standing among disputes by the item's own key.
func DisputedItemKey(item string) Key[DisputedItem] { return Key[DisputedItem]("disputed/" + item) }

// VersionKey names a record as it was before its n-th correction, from 1.
func VersionKey(record string, n uint32) Key[RecordVersion] {
	return Key[RecordVersion](fmt.Sprintf("version/%s/%06d", record, n))
}

// CodeRowKey names a row of a version of a governed list.
func CodeRowKey(list CodeListName, version, code string) Key[CodeRow] {
	return Key[CodeRow](fmt.Sprintf(codeRows+"%d/%s/%s", list, version, code))
}

// ReferenceKey names the row of replay protection; it lies outside the leaf tree.
func ReferenceKey(signer, reference string) string { return signer + "/" + reference }
