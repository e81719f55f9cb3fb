package verifier

import (
	"strings"

	"tradecredit/types"
)

// Groups of entries, as a page counts them.
const (
	groupParty     = "party"
	groupOrders    = "orders"
	groupGoods     = "goods"
	groupDocuments = "documents"
	groupIssued    = "issued"
	groupOwed      = "owed"
	groupDue       = "due"
	groupFinancing = "financing"
	groupRights    = "rights"
	groupAdverse   = "adverse"
	groupOther     = "other"
)

// groups are the groups in the order of a page.
var groups = []string{groupParty, groupOrders, groupGoods, groupDocuments, groupIssued, groupOwed, groupDue, groupFinancing,
	groupRights, groupAdverse, groupOther}

// kindGroups says which group kinds of entries belong to, from one number to another; the first row that fits counts.
var kindGroups = []struct {
	first, last types.EntryKind
	group       string
}{
	{types.EntryKind_ENTRY_REGISTERED, types.EntryKind_ENTRY_DELEGATION, groupParty},
	{types.EntryKind_ENTRY_ORDER_BOUGHT, types.EntryKind_ENTRY_ORDER_CONFIRMED, groupOrders},
	{types.EntryKind_ENTRY_MOVEMENT, types.EntryKind_ENTRY_CUSTOMS_EXCLUDED, groupGoods},
	{types.EntryKind_ENTRY_DOCUMENT, types.EntryKind_ENTRY_VERDICT_EXCLUDED, groupDocuments},
	{types.EntryKind_ENTRY_OBLIGATION, types.EntryKind_ENTRY_OBLIGATION, groupOwed},
	{types.EntryKind_ENTRY_CLAIM, types.EntryKind_ENTRY_CLAIM, groupDue},
	{types.EntryKind_ENTRY_OBLIGATION_REVERSED, types.EntryKind_ENTRY_OBLIGATION_REVERSED, groupOwed},
	{types.EntryKind_ENTRY_CLAIM_REVERSED, types.EntryKind_ENTRY_CLAIM_REVERSED, groupDue},
	{types.EntryKind_ENTRY_RECEIVABLE_ISSUED, types.EntryKind_ENTRY_LEGS_LOST, groupIssued},
	{types.EntryKind_ENTRY_COLLECTED, types.EntryKind_ENTRY_COLLECTED, groupDue},
	{types.EntryKind_ENTRY_COLLECTED_REVERSED, types.EntryKind_ENTRY_COLLECTED_REVERSED, groupDue},
	{types.EntryKind_ENTRY_COLLECTED_EXCLUDED, types.EntryKind_ENTRY_COLLECTED_EXCLUDED, groupDue},
	{types.EntryKind_ENTRY_PAID, types.EntryKind_ENTRY_PAID_EXCLUDED, groupOwed},
	{types.EntryKind_ENTRY_CONSENT, types.EntryKind_ENTRY_QUERY, groupRights},
	{types.EntryKind_ENTRY_EVIDENCE_LOST, types.EntryKind_ENTRY_EVIDENCE_LOST, groupAdverse},
	{types.EntryKind_ENTRY_ORDER_SOLD_REVERSED, types.EntryKind_ENTRY_RETURN_EXCLUDED, groupOrders},
	{types.EntryKind_ENTRY_CREDIT_NOTE, types.EntryKind_ENTRY_CREDIT_NOTE, groupDue},
	{types.EntryKind_ENTRY_GIVEN_UP, types.EntryKind_ENTRY_GIVEN_UP, groupDue},
	{types.EntryKind_ENTRY_CREDITED, types.EntryKind_ENTRY_WRITTEN_OFF, groupOwed},
	{types.EntryKind_ENTRY_RECEIVABLE_REJECTED, types.EntryKind_ENTRY_RECEIVABLE_SPLIT, groupIssued},
	{types.EntryKind_ENTRY_WRITTEN_OFF_EXCLUDED, types.EntryKind_ENTRY_WRITTEN_OFF_EXCLUDED, groupOwed},
	{types.EntryKind_ENTRY_TAX, types.EntryKind_ENTRY_FX, groupGoods},
	{types.EntryKind_ENTRY_TRANSFERABLE, types.EntryKind_ENTRY_CLAIMED, groupFinancing},
	{types.EntryKind_ENTRY_ADVERSE, types.EntryKind_ENTRY_STATEMENT, groupAdverse},
	{types.EntryKind_ENTRY_UPDATED, types.EntryKind_ENTRY_CORRECTED, groupParty},
	{types.EntryKind_ENTRY_EVENT_EXCLUDED, types.EntryKind_ENTRY_CLAIM_EXCLUDED, groupAdverse},
}

func groupOf(kind types.EntryKind) string {
	for _, g := range kindGroups {
		if g.first <= kind && kind <= g.last {
			return g.group
		}
	}
	return groupOther
}

// Money prints an amount of minor units with its currency, the digits before the point in groups of three.
func Money(minor int64, currency string) string {
	whole, rest, _ := strings.Cut(types.FormatAmount(minor, currency), ".")
	digits := strings.TrimPrefix(whole, "-")
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	if whole[0] == '-' {
		digits = "-" + digits
	}
	if rest != "" {
		digits += "." + rest
	}
	return digits + " " + currency
}
