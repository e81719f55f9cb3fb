package ledger

import (
	"slices"

	"tradecredit/types"
)

// documentSources are the roles whose own registers hold documents of a type (UNTDID 1001). What is in no list comes from
// no role of the ledger: only verifiers look at it.
var documentSources = []struct {
	role  types.Role
	codes []string
}{
	{types.Role_CUSTOMS, []string{
		"830", "929", "930", "932", "933", "934", "935", "936", // declarations of goods, cargo and value, customs papers
		"833", "950", "962", // cargo on departure, transit, the customs' answer
		"861", "865", // certificates of origin
	}},
	{types.Role_TAX, []string{
		"380", "381", "383", "384", "386", "388", "389", // invoices, credit and debit notes
		"937", "938", // tax declarations
	}},
	{types.Role_FOREX, []string{"812", "927"}}, // exchange control declarations
	{types.Role_BANK, []string{
		"425", "430", "435", "447", "450", "451", "452", "454", "455", "456", // guarantees, collections, orders and advices
		"465", "466", "467", "468", "469", "485", "493", // documentary credits, drafts, statements of account
	}},
	{types.Role_LOGISTICS, []string{
		"632", "635", "640", // warehouse and delivery
		"700", "701", "702", "703", "704", "705", "710", "714", "720", "730", "740", "741", "743", "760", "761", // transport
	}},
	{types.Role_INSURER, []string{"520", "530", "550", "575", "580"}},
}

// isSource tells whether documents of a type come from a role.
func isSource(role types.Role, code string) bool {
	for _, s := range documentSources {
		if s.role == role {
			return slices.Contains(s.codes, code)
		}
	}
	return false
}
