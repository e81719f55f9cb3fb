package types

import (
	"fmt"
	"slices"
	"strings"
)

// CheckCodeRow refuses with code_malformed a row that has not the form of its list: currencies three letters and 0 to 4
// decimals, countries two letters, HS 6 six digits, LOCODEs two letters and three of A-Z 2-9, modes four digits; only
// currencies have decimals. enum_required: no such list.
func CheckCodeRow(list CodeListName, r *CodeRow) error {
	ok := false
	switch list {
	case CodeListName_CURRENCIES:
		ok = allUpper(r.Code, 3) && r.Exponent >= 0 && r.Exponent <= maxExponent
	case CodeListName_COUNTRIES:
		ok = allUpper(r.Code, 2)
	case CodeListName_HS6:
		ok = CheckHS6(r.Code) == nil
	case CodeListName_LOCODES:
		ok = len(r.Code) == 5 && allUpper(r.Code[:2], 2) && isLocation(r.Code[2:])
	case CodeListName_MODES:
		ok = allDigits(r.Code, 4)
	default:
		return Refuse(Code_enum_required, "list")
	}
	if !ok || list != CodeListName_CURRENCIES && r.Exponent != 0 {
		return Refuse(Code_code_malformed, "%.12q with %d decimals has not the form of %s", r.Code, r.Exponent, list)
	}
	return nil
}

func allUpper(s string, n int) bool {
	return len(s) == n && !strings.ContainsFunc(s, func(r rune) bool { return r < 'A' || r > 'Z' })
}

// isLocation tells whether s is the second half of a UN/LOCODE: three characters of A-Z 2-9.
func isLocation(s string) bool {
	return len(s) == 3 && !strings.ContainsFunc(s, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '2' || r > '9') })
}

// CodeRowsRoot is what AdoptCodeList binds a version by: the RFC 6962 root over the encoded rows, in ascending order of
// their codes. Rows out of order, repeated or malformed are errors.
func CodeRowsRoot(list CodeListName, rows []*CodeRow) ([]byte, error) {
	encoded := make([][]byte, len(rows))
	for i, r := range rows {
		if err := CheckCodeRow(list, r); err != nil {
			return nil, err
		}
		if i > 0 && rows[i-1].Code >= r.Code {
			return nil, fmt.Errorf("%s after %s: not in ascending order, or repeated", r.Code, rows[i-1].Code)
		}
		b, err := r.Marshal()
		if err != nil {
			return nil, err
		}
		encoded[i] = b
	}
	_, root, err := Frontier(nil).Extend(0, encoded)
	return root, err
}

// BuiltInRows are the rows of the compiled-in version of a list, ascending; none of HS 6 and LOCODE, which have no such
// version, and of countries without the user-assigned codes that are accepted beside them.
func BuiltInRows(list CodeListName) []*CodeRow {
	var from codeList
	switch list {
	case CodeListName_CURRENCIES:
		from = currencies
	case CodeListName_COUNTRIES:
		from = countries
	case CodeListName_MODES:
		from = modes
	}
	rows := make([]*CodeRow, len(from.codes))
	for i, code := range from.codes {
		rows[i] = &CodeRow{Code: code}
		if list == CodeListName_CURRENCIES {
			exponent, _ := Exponent(code)
			rows[i].Exponent = int32(exponent)
		}
	}
	slices.SortFunc(rows, func(a, b *CodeRow) int { return strings.Compare(a.Code, b.Code) })
	return rows
}
