package client

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"tradecredit/types"
)

// Domains of what is made under the consortium key; see Fingerprints.
const (
	domainFingerprint = "tradecredit/v1/fingerprint/"
	domainEpoch       = "tradecredit/v1/epoch"
)

// Paper is what duplicate fingerprints are made of: the numbers on an invoice, as everybody who sees that paper reads them.
// None of it goes on the chain. Empty texts mean that the paper has no such number.
type Paper struct {
	Seller, Debtor    string // subject ids
	Type              string // UNTDID 1001
	Number            string // of the invoice, needed
	IssueDay          int32
	Currency          string
	AmountMinor       int64
	Carrier           string // member or subject id; with TransportDocument
	TransportDocument string
	Declaration       string // number of the customs declaration
	TaxInvoice        string // number of the tax invoice
}

// Fingerprints makes the fingerprints F1 to F6 of a paper under the consortium key of an epoch (LEDGER.md §7):
// HMAC-SHA-256 of "tradecredit/v1/fingerprint/<n>" ‖ 0 and the parts, each after its length in four bytes, big-endian.
// Numbers are normalised first, so that spaces, dashes, case and full-width letters make no other paper of one. Whoever
// holds the key can guess what a fingerprint stands for: it stays in the gateways of members, and so does trust in them.
func (p *Paper) Fingerprints(key []byte, epoch uint32) *types.Fingerprints {
	number := NormaliseNumber(p.Number)
	day, amount := types.FormatDay(p.IssueDay), types.FormatAmount(p.AmountMinor, p.Currency)
	f := &types.Fingerprints{
		Epoch: epoch,
		F1:    fingerprint(key, '1', p.Seller, p.Debtor, p.Type, number, day, p.Currency, amount),
		F2:    fingerprint(key, '2', p.Seller, p.Debtor, p.Type, number, day, p.Currency),
		F3:    fingerprint(key, '3', p.Seller, number),
	}
	if t := NormaliseNumber(p.TransportDocument); t != "" {
		f.F4 = fingerprint(key, '4', p.Carrier, t)
	}
	if d := NormaliseNumber(p.Declaration); d != "" {
		f.F5 = fingerprint(key, '5', d)
	}
	if t := NormaliseNumber(p.TaxInvoice); t != "" {
		f.F6 = fingerprint(key, '6', p.Seller, t)
	}
	return f
}

func fingerprint(key []byte, n byte, parts ...string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(append([]byte(domainFingerprint), n, 0))
	for _, p := range parts {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p))))
		mac.Write([]byte(p))
	}
	return mac.Sum(nil)
}

// EpochCheck is what stands on the chain of a consortium key, so that gateways see that they hold the same one.
func EpochCheck(key []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(domainEpoch))
	return mac.Sum(nil)
}

// NormaliseNumber brings the number of a paper into the form that fingerprints are made of: compatibility forms are
// resolved (Unicode NFKC: full-width digits become plain ones), letters become capitals, and everything that is neither a
// letter nor a digit is dropped, as are zeros in front.
func NormaliseNumber(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToUpper(r)
		}
		return -1
	}, norm.NFKC.String(s))
	return strings.TrimLeft(s, "0")
}
