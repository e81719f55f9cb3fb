package model

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"reflect"
	"regexp"
	"slices"

	"tradecredit/types"
)

// Governed code lists: while a list has no version in force, the lists of package types hold; a version in force says
// alone what is known.

var rulesOfCodeLists = map[string]rule{
	"publish_codes": on((*Model).publishCodes),
}

// listState is what the leaf says of one list.
func (m *Model) listState(list types.CodeListName) types.CodeListState {
	for _, l := range m.codeLists.at(types.CodeListsKey).Lists {
		if l.List == list {
			return *l
		}
	}
	return types.CodeListState{List: list}
}

func (m *Model) putListState(x types.CodeListState, revision uint32) {
	leaf := m.codeLists.at(types.CodeListsKey)
	leaf.Revision += revision
	leaf.Lists = slices.DeleteFunc(slices.Clone(leaf.Lists), func(l *types.CodeListState) bool { return l.List == x.List })
	leaf.Lists = append(leaf.Lists, &x)
	slices.SortFunc(leaf.Lists, func(a, b *types.CodeListState) int { return int(a.List - b.List) })
	m.codeLists.put(types.CodeListsKey, leaf)
}

// inForce is the version that held when the block began; empty: the list of package types.
func (m *Model) inForce(list types.CodeListName) string {
	for _, l := range m.lists.Lists {
		if l.List == list {
			return l.Version
		}
	}
	return ""
}

// listed tells whether a list in force has a code; governed whether one is in force at all.
func (m *Model) listed(list types.CodeListName, code string) (listed, governed bool) {
	version := m.inForce(list)
	if version == "" {
		return false, false
	}
	return m.codeRows.has(types.CodeRowKey(list, version, code)), true
}

func (m *Model) known(list types.CodeListName, code string, builtIn error) types.Code {
	if listed, governed := m.listed(list, code); governed && listed {
		return types.Code_ok
	}
	return codeOf(builtIn)
}

func (m *Model) currency(c string) types.Code {
	return m.known(types.CodeListName_CURRENCIES, c, types.CheckCurrency(c))
}

func (m *Model) hs6(c string) types.Code {
	return m.known(types.CodeListName_HS6, c, types.CheckHS6(c))
}

func (m *Model) place(c string) types.Code {
	if len(c) == 2 {
		return m.known(types.CodeListName_COUNTRIES, c, types.CheckPlace(c))
	}
	return m.known(types.CodeListName_LOCODES, c, types.CheckPlace(c))
}

func (m *Model) jurisdiction(c string) types.Code {
	return m.known(types.CodeListName_COUNTRIES, c, types.CheckJurisdiction(c))
}

func (m *Model) district(c string) types.Code {
	return m.known(types.CodeListName_COUNTRIES, c, types.CheckDistrict(c))
}

func (m *Model) exponent(currency string) (int, bool) {
	if version := m.inForce(types.CodeListName_CURRENCIES); version != "" {
		row, ok := m.codeRows.get(types.CodeRowKey(types.CodeListName_CURRENCIES, version, currency))
		return int(row.Exponent), ok
	}
	return types.Exponent(currency)
}

// governed refuses, before anything else, a code that a list in force does not have.
func (m *Model) governed(v reflect.Value) types.Code {
	if len(m.lists.Lists) == 0 {
		return types.Code_ok
	}
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return types.Code_ok
		}
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return types.Code_ok
	}
	code := types.Code_ok
	for i := range v.NumField() {
		f := v.Field(i)
		switch f.Kind() {
		case reflect.String:
			code = refusal(code, m.governedField(v.Type().Field(i).Name, f.String()))
		case reflect.Interface, reflect.Pointer:
			code = refusal(code, m.governed(f))
		}
	}
	return code
}

func (m *Model) governedField(field, code string) types.Code {
	list := types.CodeListName_CODE_LIST_UNSPECIFIED
	switch {
	case code == "":
	case field == "Currency" || field == "ToCurrency":
		list = types.CodeListName_CURRENCIES
	case field == "Hs6":
		list = types.CodeListName_HS6
	case field == "Mode":
		list = types.CodeListName_MODES
	case (field == "Place" || field == "Jurisdiction" || field == "District") && len(code) == 2:
		list = types.CodeListName_COUNTRIES
	case field == "Place":
		list = types.CodeListName_LOCODES
	}
	listed, governed := m.listed(list, code)
	return when(governed && !listed, types.Code_code_not_in_list)
}

var versionForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,32}$`)

const (
	maxCodes = 200_000
	maxRows  = 256
)

func shapeOfAdoption(a *types.AdoptCodeList) types.Code {
	return lowest(digest(a.Digest), unless(versionForm.MatchString(a.Version), types.Code_text_malformed), knownList(a.List),
		when(a.Count < 1 || a.Count > maxCodes, types.Code_count_out_of_range))
}

func knownList(l types.CodeListName) types.Code {
	return when(l < types.CodeListName_CURRENCIES || l > types.CodeListName_MODES, types.Code_enum_required)
}

// adoptable refuses a version whose name was used.
func (m *Model) adoptable(a *types.AdoptCodeList) types.Code {
	x := m.listState(a.List)
	used := x.Version == a.Version || x.Coming != nil && x.Coming.Version == a.Version
	prefix := string(types.CodeRowKey(a.List, a.Version, ""))
	for k := range m.codeRows.rows {
		used = used || len(k) > len(prefix) && k[:len(prefix)] == prefix
	}
	return when(used, types.Code_id_taken)
}

func (m *Model) adopt(a *types.AdoptCodeList) {
	x := m.listState(a.List)
	x.Coming, x.Received, x.Frontier, x.LastCode = a, 0, nil, ""
	m.putListState(x, 0)
}

var codeForms = map[types.CodeListName]*regexp.Regexp{
	types.CodeListName_CURRENCIES: regexp.MustCompile(`^[A-Z]{3}$`),
	types.CodeListName_COUNTRIES:  regexp.MustCompile(`^[A-Z]{2}$`),
	types.CodeListName_LOCODES:    regexp.MustCompile(`^[A-Z]{2}[A-Z2-9]{3}$`),
	types.CodeListName_MODES:      regexp.MustCompile(`^[0-9]{4}$`),
}

func wellFormed(list types.CodeListName, r *types.CodeRow) bool {
	switch {
	case r == nil:
		return false
	case list == types.CodeListName_HS6:
		return r.Exponent == 0 && types.CheckHS6(r.Code) == nil
	case list == types.CodeListName_CURRENCIES:
		return r.Exponent >= 0 && r.Exponent <= 4 && codeForms[list].MatchString(r.Code)
	}
	return r.Exponent == 0 && codeForms[list].MatchString(r.Code)
}

func (m *Model) publishCodes(c *call, msg *types.PublishCodes) types.Code {
	code := lowest(unless(versionForm.MatchString(msg.Version), types.Code_text_malformed), knownList(msg.List),
		when(len(msg.Rows) < 1 || len(msg.Rows) > maxRows, types.Code_count_out_of_range))
	sorted, formed := types.Code_ok, types.Code_ok
	for i, r := range msg.Rows {
		sorted = refusal(sorted, when(i > 0 && msg.Rows[i-1].Code >= r.Code, types.Code_list_not_sorted))
		formed = refusal(formed, unless(knownList(msg.List) != types.Code_ok || wellFormed(msg.List, r), types.Code_code_malformed))
	}
	if code = lowest(code, sorted, formed); code != types.Code_ok {
		return code
	}
	if m.published(msg) {
		return types.Code_already_recorded
	}
	x := m.listState(msg.List)
	if x.Coming == nil || x.Coming.Version != msg.Version {
		return types.Code_code_list_not_coming
	}
	switch {
	case msg.First != x.Received, msg.Rows[0].Code <= x.LastCode, x.Received+uint32(len(msg.Rows)) > x.Coming.Count:
		return types.Code_code_rows_out_of_order
	}
	for _, r := range msg.Rows {
		m.codeRows.put(types.CodeRowKey(msg.List, msg.Version, r.Code), *r)
	}
	x.Received += uint32(len(msg.Rows))
	x.LastCode = msg.Rows[len(msg.Rows)-1].Code
	if x.Received < x.Coming.Count {
		m.putListState(x, 0)
		return types.Code_ok
	}
	return m.complete(x)
}

// published tells whether a version, of now or of before, has these rows already.
func (m *Model) published(msg *types.PublishCodes) bool {
	return !slices.ContainsFunc(msg.Rows, func(r *types.CodeRow) bool {
		is, ok := m.codeRows.get(types.CodeRowKey(msg.List, msg.Version, r.Code))
		return !ok || is.Exponent != r.Exponent
	})
}

// rowsOf are the rows of a version, ascending by code.
func (m *Model) rowsOf(list types.CodeListName, version string) (out []types.CodeRow) {
	prefix := string(types.CodeRowKey(list, version, ""))
	for _, k := range sorted(m.codeRows.rows) {
		if len(k) > len(prefix) && k[:len(prefix)] == prefix {
			out = append(out, m.codeRows.rows[k])
		}
	}
	return out
}

// complete brings a version into force that has all its rows, if they are the adopted ones, and know the base currency.
func (m *Model) complete(x types.CodeListState) types.Code {
	var leaves [][]byte
	base := x.List != types.CodeListName_CURRENCIES
	decimals, _ := m.exponent(m.baseCurrency)
	for _, r := range m.rowsOf(x.List, x.Coming.Version) {
		raw, err := r.Marshal()
		if err != nil {
			panic(fmt.Sprintf("model: %v", err))
		}
		leaves = append(leaves, raw)
		base = base || r.Code == m.baseCurrency && int(r.Exponent) == decimals
	}
	code := refusal(unless(bytes.Equal(merkle(leaves), x.Coming.Digest), types.Code_code_list_digest_differs),
		unless(base, types.Code_code_not_in_list))
	x.Version, x.Count, x.Digest = x.Coming.Version, x.Coming.Count, x.Coming.Digest
	x.Coming, x.Received, x.LastCode = nil, 0, ""
	m.putListState(x, 1)
	return code
}

// merkle is the root of RFC 6962 over some leaves.
func merkle(leaves [][]byte) []byte {
	switch n := len(leaves); n {
	case 0:
		sum := sha256.Sum256(nil)
		return sum[:]
	case 1:
		sum := sha256.Sum256(append([]byte{0}, leaves[0]...))
		return sum[:]
	default:
		k := 1
		for k*2 < n {
			k *= 2
		}
		sum := sha256.Sum256(append(append([]byte{1}, merkle(leaves[:k])...), merkle(leaves[k:])...))
		return sum[:]
	}
}
