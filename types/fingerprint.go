package types

import (
	"crypto/sha256"
	"strconv"
	"strings"
)

// FingerprintZero is F0, the fingerprint that the rules make themselves of what a paper shows in clear (LEDGER.md §7):
// SHA-256 over "tradecredit/v1/f0", a zero byte, and the fields with "|" between them: seller, debtor (empty on a
// transferable document, whose seller is its first controller), UNTDID 1001 type, issue day as 2024-01-31, currency, and
// the amount in minor units as decimal digits. None of the fields can contain "|", so no two papers give the same bytes.
// The digest hides nothing: whoever guesses the fields finds it.
func FingerprintZero(seller, debtor, documentType string, issueDay int32, currency string, amountMinor int64) []byte {
	fields := []string{seller, debtor, documentType, FormatDay(issueDay), currency, strconv.FormatInt(amountMinor, 10)}
	d := sha256.Sum256([]byte("tradecredit/v1/f0\x00" + strings.Join(fields, "|")))
	return d[:]
}
