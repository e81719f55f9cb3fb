package ledger

import (
	"cmp"
	"reflect"
	"slices"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Governed code lists (LEDGER.md §4): currencies with their decimals, countries, HS 6, LOCODEs, customs modes.
//
// While leaf "code-lists" names no version, the lists compiled into package types hold, and no rule reads a row. The
// council adopts a version by count and root; publish_codes brings its rows; with the last one it is in force from the
// next block on. A version in force says alone what is known, more than the compiled-in list or less: a message that
// names another code is refused with code_not_in_list before anything else is asked of it. Records keep the revision of
// the lists that they were checked by. What was made before stays; but a payment in a currency that left the list is
// refused like an order, so a currency stays listed until nothing is owed in it.
//
// HS 6 and LOCODE have no compiled-in list: until one is published their form is all that is asked. A customs mode needs
// rules of its own, which come with a program; a list of modes can only take some away.

// maxCodes of a list.
const maxCodes = 200_000

func checkVersion(v string) error {
	if len(v) > 32 || types.CheckSourceID(v) != nil {
		return types.Refuse(types.Code_text_malformed, "version: 1 to 32 characters A-Z a-z 0-9 . _ -")
	}
	return nil
}

// checkAdoption refuses what no state could make valid.
func checkAdoption(a *types.AdoptCodeList) error {
	err := firstRefusal(types.CheckDigest(a.Digest), checkVersion(a.Version), required(a.List, "list"))
	if err == nil && (a.Count < 1 || a.Count > maxCodes) {
		err = types.Refuse(types.Code_count_out_of_range, "%d rows, 1 to %d", a.Count, maxCodes)
	}
	return err
}

// adoptCodeList awaits the rows of a version, in the place of one that was on its way. A version that has rows already,
// because it was in force or on its way before, needs another name.
func adoptCodeList(w *state.Batch, a *types.AdoptCodeList) error {
	lists, err := codeLists(w)
	if err != nil {
		return err
	}
	rows, err := list(w, types.Prefix[types.CodeRow](types.CodeRowKey(a.List, a.Version, "")), 1)
	if err != nil {
		return err
	}
	s := listState(lists, a.List)
	if len(rows) > 0 || s != nil && s.Coming != nil && s.Coming.Version == a.Version {
		return types.Refuse(types.Code_id_taken, "%s had a version %s; choose another name", a.List, a.Version)
	}
	if s == nil {
		s = &types.CodeListState{List: a.List}
		lists.Lists = append(lists.Lists, s)
		slices.SortFunc(lists.Lists, func(x, y *types.CodeListState) int { return cmp.Compare(x.List, y.List) })
	}
	s.Coming, s.Received, s.Frontier, s.LastCode = a, 0, nil, ""
	return state.Set(w, types.CodeListsKey, lists)
}

// codeLists reads the leaf; without one all lists are the compiled-in ones.
func codeLists(r state.Reader) (*types.CodeLists, error) {
	lists, err := state.Get(r, types.CodeListsKey)
	if err == nil && lists == nil {
		lists = &types.CodeLists{}
	}
	return lists, err
}

// version is the one of a list that was in force when the block began, empty for the compiled-in one.
func (b *Block) version(name types.CodeListName) string {
	if b.lists == nil {
		return ""
	}
	return listState(b.lists, name).GetVersion()
}

// listed tells whether a governed list has a code. While the compiled-in list holds, every code that passed its own check
// is listed.
func (b *Block) listed(r state.Reader, name types.CodeListName, code string) (bool, error) {
	version := b.version(name)
	if version == "" {
		return true, nil
	}
	row, err := state.Get(r, types.CodeRowKey(name, version, code))
	return row != nil, err
}

// exponent is how many decimals a currency's minor unit has, and whether the currency is known.
func (b *Block) exponent(r state.Reader, currency string) (int, bool, error) {
	version := b.version(types.CodeListName_CURRENCIES)
	if version == "" || currency == b.Chain.BaseCurrency {
		e, ok := types.Exponent(currency)
		return e, ok, nil
	}
	row, err := state.Get(r, types.CodeRowKey(types.CodeListName_CURRENCIES, version, currency))
	if err != nil || row == nil {
		return 0, false, err
	}
	return int(row.Exponent), true, nil
}

// shape runs a message's check. Where a governed list holds, its codes are looked up first; the check itself then sees, in
// the place of a listed code that package types does not know, one that it does.
func (tx *Tx) shape(check func(types.Msg) error) error {
	if tx.Block.lists == nil {
		return check(tx.msg)
	}
	stand, err := tx.governed()
	if err != nil {
		return err
	}
	return check(stand)
}

// governed refuses a code that a list in force has not. It returns the message, or a copy with stand-ins.
func (tx *Tx) governed() (types.Msg, error) {
	stand := tx.msg
	for i, c := range codesOf(tx.msg) {
		name, code := c.list, *c.code
		if code == "" || tx.Block.version(name) == "" {
			continue
		}
		ok, err := tx.Block.listed(tx, name, code)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, types.Refuse(types.Code_code_not_in_list, "%.12q is not in version %s of %s", code, tx.Block.version(name), name)
		}
		if name == types.CodeListName_MODES || builtIn[name].check(code) == nil {
			continue
		}
		if stand == tx.msg {
			if stand, err = clone(tx.msg); err != nil {
				return nil, err
			}
		}
		*codesOf(stand)[i].code = standIn(stand, name)
	}
	return stand, nil
}

// standIn is a code that package types knows and that the message does not hold elsewhere.
func standIn(m types.Msg, name types.CodeListName) string {
	for _, code := range builtIn[name].some {
		if !slices.ContainsFunc(codesOf(m), func(c coded) bool { return c.list == name && *c.code == code }) {
			return code
		}
	}
	return builtIn[name].some[0]
}

// builtIn is what package types asks of the codes of each list, and some that it knows, one more than a message has.
// HS 6 and LOCODE have but a form. Modes have no stand-ins: each needs rules of its own.
var builtIn = [...]struct {
	check func(string) error
	some  []string
}{
	types.CodeListName_CURRENCIES: {types.CheckCurrency, []string{"EUR", "USD", "CNY"}},
	types.CodeListName_COUNTRIES:  {types.CheckCountry, []string{"DE", "CN"}},
	types.CodeListName_HS6:        {types.CheckHS6, []string{"010121", "010129"}},
	types.CodeListName_LOCODES:    {types.CheckPlace, []string{"DEHAM", "CNSHA"}},
}

// clone copies a message with all that it holds.
func clone(m types.Msg) (types.Msg, error) {
	type encoded interface {
		Marshal() ([]byte, error)
		Unmarshal([]byte) error
	}
	raw, err := m.(encoded).Marshal()
	if err != nil {
		return nil, err
	}
	out := reflect.New(reflect.TypeOf(m).Elem()).Interface()
	return out, out.(encoded).Unmarshal(raw)
}

// coded is a field of a message that holds a code of a governed list.
type coded struct {
	list types.CodeListName
	code *string
}

// codesOf are the fields of a message that governed lists speak of. A place is a country or a LOCODE by its length.
func codesOf(m types.Msg) []coded {
	currency := func(c *string) []coded { return []coded{{types.CodeListName_CURRENCIES, c}} }
	place := func(c *string) coded {
		if len(*c) == 2 {
			return coded{types.CodeListName_COUNTRIES, c}
		}
		return coded{types.CodeListName_LOCODES, c}
	}
	switch m := m.(type) {
	case *types.Propose:
		switch a := m.Action.(type) {
		case *types.Propose_Admit:
			return jurisdiction(&a.Admit.Jurisdiction)
		case *types.Propose_Fixing:
			return currency(&a.Fixing.Currency)
		}
	case *types.RegisterEnterprise:
		return jurisdiction(&m.District)
	case *types.UpdateEnterprise:
		return jurisdiction(&m.District)
	case *types.RecordOrder:
		return []coded{{types.CodeListName_CURRENCIES, &m.Currency}, {types.CodeListName_HS6, &m.Hs6}}
	case *types.RecordCustomsEvent:
		return []coded{
			{types.CodeListName_CURRENCIES, &m.Currency}, {types.CodeListName_HS6, &m.Hs6},
			{types.CodeListName_MODES, &m.Mode}, place(&m.Place),
		}
	case *types.RecordLogisticsEvent:
		return []coded{place(&m.Place)}
	case *types.RecordReturn:
		return []coded{place(&m.Place)}
	case *types.RecordTrace:
		return []coded{place(&m.Place)}
	case *types.RecordParcelBatch:
		return []coded{place(&m.Place)}
	case *types.IssueTransferable:
		return currency(&m.Currency)
	case *types.IssueReceivable:
		return currency(&m.Currency)
	case *types.RecordSettlement:
		return currency(&m.Currency)
	case *types.RecordTaxEvent:
		return currency(&m.Currency)
	case *types.RecordFxEvent:
		return []coded{{types.CodeListName_CURRENCIES, &m.Currency}, {types.CodeListName_CURRENCIES, &m.ToCurrency}}
	case *types.PublishFixing:
		return currency(&m.Currency)
	case *types.RecordPolicy:
		return currency(&m.Currency)
	case *types.CorrectRecord:
		if m.Replacement != nil { // one of the above, or without codes
			return codesOf(reflect.ValueOf(m.Replacement).Elem().Field(0).Interface())
		}
	}
	return nil
}

// jurisdiction speaks of a country only when the whole field is one: subdivisions and districts are no governed lists.
func jurisdiction(code *string) []coded {
	if len(*code) != 2 {
		return nil
	}
	return []coded{{types.CodeListName_COUNTRIES, code}}
}
