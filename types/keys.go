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

// DueCursorKey says how far the queues are worked off: a Due whose id is a time in decimal digits, a multiple of a
// thousand seconds. Nothing waits before it.
const DueCursorKey Key[Due] = "due-cursor"

// Prefixes name all entries of one kind.
const (
	Members       Prefix[Member]        = "member/"
	Keys          Prefix[KeyRecord]     = "key/"
	Proposals     Prefix[Proposal]      = "proposal/"
	Enterprises   Prefix[Enterprise]    = "enterprise/"
	Delegations   Prefix[Delegation]    = "delegation/"
	Orders        Prefix[Order]         = "order/"
	Movements     Prefix[Movement]      = "movement/"
	Declarations  Prefix[Declaration]   = "declaration/"
	CustomsEvents Prefix[CustomsRecord] = "customs-event/"
	Documents     Prefix[Document]      = "document/"
	Receivables   Prefix[Receivable]    = "receivable/"
	Settlements   Prefix[Settlement]    = "settlement/"
	Fixings       Prefix[Fixing]        = "fixing/"
	Consents      Prefix[Consent]       = "consent/"
	Receipts      Prefix[Receipt]       = "receipt/"
	Models        Prefix[Model]         = "model/"
	Subjects      Prefix[SubjectHead]   = "subject/"
	Months        Prefix[MonthSum]      = "month/"
	Pairs         Prefix[PairSum]       = "pair/"
	Ranks         Prefix[Rank]          = "rank/"
	Dues          Prefix[Due]           = "due/"
	Usages        Prefix[Usage]         = "usage/"
)

// MemberKey names a member.
func MemberKey(id string) Key[Member] { return Key[Member]("member/" + id) }

// UsageKey names what a signer used of its quota today.
func UsageKey(signer string) Key[Usage] { return Key[Usage]("usage/" + signer) }

// KeyKey names a key of a member or subject.
func KeyKey(holder, id string) Key[KeyRecord] { return Key[KeyRecord]("key/" + holder + "/" + id) }

// PublicKeyKey says whose a public key is, so that no two keys share one.
func PublicKeyKey(public []byte) Key[KeyRecord] {
	return Key[KeyRecord]("public-key/" + hex.EncodeToString(public))
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

// ReferenceKey names the row of replay protection; it lies outside the leaf tree.
func ReferenceKey(signer, reference string) string { return signer + "/" + reference }
