package types

import (
	_ "embed" // the lists
	"slices"
	"strings"
)

// The lists are data with an origin of their own: lists/ORIGIN.md.
var (
	//go:embed lists/currencies.txt
	currenciesText string
	//go:embed lists/countries.txt
	countriesText string
	//go:embed lists/subdivisions.txt
	subdivisionsText string
	//go:embed lists/districts_cn.txt
	districtsText string
	//go:embed lists/documents.txt
	documentsText string
	//go:embed lists/modes.txt
	modesText string
	//go:embed lists/incoterms.txt
	incotermsText string
)

var (
	currencies   = newCodeList(currenciesText)
	countries    = newCodeList(countriesText)
	subdivisions = newCodeList(subdivisionsText)
	districts    = newCodeList(districtsText)
	documents    = newCodeList(documentsText)
	modes        = newCodeList(modesText)
	incoterms    = newCodeList(incotermsText)
)

// codeList is a sorted list of codes, some with a column beside them.
type codeList struct {
	codes  []string
	beside []string
}

func newCodeList(text string) codeList {
	var l codeList
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	slices.Sort(lines)
	for _, line := range lines {
		code, beside, _ := strings.Cut(line, " ")
		l.codes = append(l.codes, code)
		l.beside = append(l.beside, beside)
	}
	return l
}

func (l codeList) has(code string) bool {
	_, ok := slices.BinarySearch(l.codes, code)
	return ok
}

// Exponent is the number of decimals of a currency's minor unit (ISO 4217: 2 for CNY, 0 for JPY, 3 for KWD), and
// whether the currency is known.
func Exponent(currency string) (int, bool) {
	i, ok := slices.BinarySearch(currencies.codes, currency)
	if !ok {
		return 0, false
	}
	return int(currencies.beside[i][0] - '0'), true
}

// CheckCurrency refuses with currency_unknown what is no currency of ISO 4217 that has a minor unit; metals, units of
// account and test codes have none.
func CheckCurrency(c string) error {
	if !currencies.has(c) {
		return Refuse(Code_currency_unknown, "%.8q", c)
	}
	return nil
}

// CheckCountry refuses with country_unknown what is no alpha-2 code of ISO 3166-1; the user-assigned codes AA, QM–QZ,
// XA–XZ and ZZ are accepted.
func CheckCountry(alpha2 string) error {
	if !countries.has(alpha2) && !userAssigned(alpha2) {
		return Refuse(Code_country_unknown, "%.8q", alpha2)
	}
	return nil
}

func userAssigned(c string) bool {
	return c == "AA" || c == "ZZ" || (len(c) == 2 && ((c[0] == 'Q' && c[1] >= 'M' && c[1] <= 'Z') || (c[0] == 'X' && isUpper(c[1]))))
}

// CheckJurisdiction refuses with country_unknown what is neither a country (CheckCountry) nor a subdivision of ISO 3166-2.
func CheckJurisdiction(code string) error {
	if subdivisions.has(code) {
		return nil
	}
	return CheckCountry(code)
}

// CheckDistrict refuses with district_unknown what is neither a six-digit code of GB/T 2260 (province, prefecture or
// county, abolished ones too) nor a jurisdiction.
func CheckDistrict(code string) error {
	if !districts.has(code) && CheckJurisdiction(code) != nil {
		return Refuse(Code_district_unknown, "%.12q", code)
	}
	return nil
}

// CheckHS6 refuses with hs_code_malformed what has not the form of a subheading of the Harmonized System: six digits,
// chapter 01–99 without the reserved 77, heading not 00. Empty is refused: ask only where a code is given.
func CheckHS6(code string) error {
	if !allDigits(code, 6) || code[:2] == "00" || code[:2] == "77" || code[2:4] == "00" {
		return Refuse(Code_hs_code_malformed, "%.12q: six digits of the Harmonized System", code)
	}
	return nil
}

// CheckIncoterm refuses with incoterm_unknown what is no term of Incoterms 2020, or of 2010 and 2000 as it stands on
// older paper (DAT, DAF, DES, DEQ, DDU). Empty is refused: ask only where a term is given.
func CheckIncoterm(code string) error {
	if !incoterms.has(code) {
		return Refuse(Code_incoterm_unknown, "%.8q", code)
	}
	return nil
}

// CheckPlace refuses with place_unknown what is neither a country nor has the form of a UN/LOCODE of a known country:
// the country and three characters of A-Z 2-9.
func CheckPlace(code string) error {
	if len(code) == 2 && CheckCountry(code) == nil {
		return nil
	}
	if len(code) != 5 || CheckCountry(code[:2]) != nil {
		return Refuse(Code_place_unknown, "%.12q: a UN/LOCODE, else a country", code)
	}
	for i := 2; i < 5; i++ {
		if c := code[i]; !isUpper(c) && (c < '2' || c > '9') {
			return Refuse(Code_place_unknown, "%q: a UN/LOCODE ends with three characters A-Z 2-9", code)
		}
	}
	return nil
}

// CheckDocumentType refuses with document_type_unknown what is no code of UNTDID 1001, such as 380, commercial invoice.
func CheckDocumentType(code string) error {
	if !documents.has(code) {
		return Refuse(Code_document_type_unknown, "%.8q: a code of UNTDID 1001", code)
	}
	return nil
}

// CheckMode refuses with supervision_mode_unknown what is no known customs supervision mode, such as 0110, general trade.
func CheckMode(code string) error {
	if !modes.has(code) {
		return Refuse(Code_supervision_mode_unknown, "%.8q", code)
	}
	return nil
}

// CheckIndustry refuses with text_malformed what has not the form of GB/T 4754: a letter A–T and up to four digits.
// Empty is refused: ask only where an industry is given.
func CheckIndustry(code string) error {
	if len(code) < 1 || len(code) > 5 || code[0] < 'A' || code[0] > 'T' || !allDigits(code[1:], len(code)-1) {
		return Refuse(Code_text_malformed, "industry %.12q: a letter A to T and up to four digits of GB/T 4754", code)
	}
	return nil
}
