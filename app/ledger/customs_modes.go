package ledger

import (
	"strings"

	"tradecredit/app/state"
	"tradecredit/types"
)

// What the customs supervision modes ask for (LEDGER.md §7; types/lists/ORIGIN.md has the source of the codes).
//
//	0110  general trade
//	1210  bonded e-commerce: names its bonded zone
//	9610  retail e-commerce: a list of parcels, by root and number, and after the release a summary of it
//	9710  e-commerce between businesses, exported directly
//	9810  exported to an overseas warehouse: names it; what is sold from there is told order by order
//	1300  goods that go for repair and come back
//	1371  the same in a bonded zone
//	4561  goods that go back: names the declaration they came under
//
// Repairs and goods that go back are no sale: their release opens no balance and lends no leg.

// maxListed is the most parcels of a list.
const maxListed = 1_000_000

// modeRule is what one mode asks for.
type modeRule struct {
	mode       string
	exportOnly bool
	zone       bool // names a bonded zone
	list       bool // of parcels, and a summary
	warehouse  bool // abroad; told what is sold from it
	repair     bool // a second declaration, linked to the first, brings the goods back
	returned   bool // always linked
}

var modeRules = []modeRule{
	{mode: "0110"},
	{mode: "1210", zone: true},
	{mode: "1300", repair: true},
	{mode: "1371", repair: true, zone: true},
	{mode: "4561", returned: true},
	{mode: "9610", list: true},
	{mode: "9710", exportOnly: true},
	{mode: "9810", exportOnly: true, warehouse: true},
}

// ruleOf returns a mode's rule, nil for a mode that the lists know and these rules do not.
func ruleOf(mode string) *modeRule {
	for i := range modeRules {
		if modeRules[i].mode == mode {
			return &modeRules[i]
		}
	}
	return nil
}

// sale tells whether a declaration under this mode is of goods that were sold or are for sale.
func (r *modeRule) sale() bool { return !r.repair && !r.returned }

// checkModeFields refuses a DECLARED event that lacks what its mode asks for, or says what the mode does not ask for. A
// mode without rules here is refused with mode_not_supported.
func checkModeFields(m *types.RecordCustomsEvent) error {
	r := ruleOf(m.Mode)
	if r == nil {
		return types.Refuse(types.Code_mode_not_supported, "%s has no rules in this version", m.Mode)
	}
	switch {
	case r.exportOnly && !m.Export:
		return types.Refuse(types.Code_mode_not_supported, "%s is a mode of exports", m.Mode)
	case r.zone && m.BondedZone == "":
		return types.Refuse(types.Code_bonded_zone_required, "%s names its bonded zone", m.Mode)
	case r.list && (len(m.ListRoot) == 0 || m.ListCount == 0):
		return types.Refuse(types.Code_list_required, "%s comes with a list of parcels: root and number", m.Mode)
	case r.returned && m.Linked == "":
		return types.Refuse(types.Code_linked_declaration_required, "%s names the declaration that the goods came under", m.Mode)
	}
	return nil
}

// checkOtherModes refuses fields of other modes with a DECLARED event.
func checkOtherModes(m *types.RecordCustomsEvent) error {
	r := ruleOf(m.Mode)
	if r == nil { // checkModeFields refuses it in its place
		return nil
	}
	switch {
	case m.BondedZone != "" && !r.zone:
		return types.Refuse(types.Code_field_not_of_event, "%s has no bonded zone", m.Mode)
	case (len(m.ListRoot) > 0 || m.ListCount != 0) && !r.list:
		return types.Refuse(types.Code_field_not_of_event, "%s has no list of parcels", m.Mode)
	case m.Linked != "" && r.sale():
		return types.Refuse(types.Code_field_not_of_event, "%s goes on with no other declaration", m.Mode)
	case m.SoldMinor != 0:
		return types.Refuse(types.Code_field_not_of_event, "sold_minor stands with SOLD_THROUGH only")
	}
	return nil
}

// checkDeclaredPlace refuses a place that is none, and none where the mode names its warehouse.
func checkDeclaredPlace(m *types.RecordCustomsEvent) error {
	if r := ruleOf(m.Mode); m.Place == "" && r != nil && r.warehouse {
		return types.Refuse(types.Code_place_unknown, "%s names its warehouse: a UN/LOCODE, else a country", m.Mode)
	}
	return given(m.Place, types.CheckPlace)
}

func checkListCount(n uint32) error {
	if n > maxListed {
		return types.Refuse(types.Code_count_out_of_range, "%d parcels, at most %d", n, maxListed)
	}
	return nil
}

// checkZone refuses what is no code of a bonded zone: four to ten upper-case letters and digits.
func checkZone(code string) error {
	ok := len(code) >= 4 && len(code) <= 10
	for i := 0; ok && i < len(code); i++ {
		ok = code[i] >= '0' && code[i] <= '9' || code[i] >= 'A' && code[i] <= 'Z'
	}
	if !ok {
		return types.Refuse(types.Code_code_malformed, "bonded zone %.12q: four to ten characters A-Z 0-9", code)
	}
	return nil
}

// link ties a new declaration to the one that its goods came under: the same declarant, the other direction, released,
// and for repairs the same mode. What comes back is worth no more than what went.
func (tx *Tx) link(m *types.RecordCustomsEvent, d *types.Declaration) error {
	if m.Linked == "" {
		return nil
	}
	from, err := state.Get(tx, types.DeclarationKey(m.Linked))
	if err != nil {
		return err
	}
	if from == nil {
		return types.Refuse(types.Code_declaration_unknown, "%s", m.Linked)
	}
	if err := linkFits(m, from); err != nil {
		return err
	}
	if from.LinkedMinor, err = types.Add(from.LinkedMinor, m.ValueMinor); err != nil {
		return err
	}
	if from.LinkedMinor > from.ValueMinor {
		return types.Refuse(types.Code_linked_declaration_unfit, "%d %s would come back of %d", from.LinkedMinor, from.Currency, from.ValueMinor)
	}
	d.Linked = m.Linked
	return state.Set(tx, types.DeclarationKey(m.Linked), from)
}

func linkFits(m *types.RecordCustomsEvent, from *types.Declaration) error {
	rule, unfit := ruleOf(m.Mode), ""
	switch {
	case from.Declarant != m.Declarant:
		unfit = "it has another declarant"
	case from.Export == m.Export:
		unfit = "it goes in the same direction"
	case rule.repair && from.Mode != m.Mode:
		unfit = "it is under mode " + from.Mode
	case rule.repair && from.Linked != "":
		unfit = "it came back itself"
	case rule.returned && !ruleOf(from.Mode).sale():
		unfit = "it was no sale"
	case from.Currency != m.Currency:
		unfit = "it is in " + from.Currency
	case from.ReleasedDay == 0:
		unfit = "it is not released"
	}
	if unfit != "" {
		return types.Refuse(types.Code_linked_declaration_unfit, "%s: %s", m.Linked, unfit)
	}
	return nil
}

// unlink takes a revoked declaration from what came back.
func (tx *Tx) unlink(d *types.Declaration) error {
	if d.Linked == "" {
		return nil
	}
	key := types.DeclarationKey(d.Linked)
	from, err := state.Get(tx, key)
	if err != nil {
		return err
	}
	if from == nil || from.LinkedMinor < d.ValueMinor {
		return types.Refuse(types.Code_inconsistent_state, "%s does not hold what came back under %s", d.Linked, d.Id)
	}
	from.LinkedMinor -= d.ValueMinor
	return state.Set(tx, key, from)
}

// summarise states a list's summary: as many parcels as were listed, and their value.
func (tx *Tx) summarise(m *types.RecordCustomsEvent, d *types.Declaration) error {
	if !ruleOf(d.Mode).list {
		return types.Refuse(types.Code_field_not_of_event, "%s has no list to summarise", d.Mode)
	}
	if m.ListCount != d.ListCount {
		return types.Refuse(types.Code_list_required, "%d parcels were listed, %d are summarised", d.ListCount, m.ListCount)
	}
	d.Summarised = true
	return tx.revalue(m, d)
}

// sellThrough tells what was sold from an overseas warehouse, to the order that m names: an order of the same seller.
// What is sold secures nothing any more.
func (tx *Tx) sellThrough(m *types.RecordCustomsEvent, d *types.Declaration) error {
	if !ruleOf(d.Mode).warehouse {
		return types.Refuse(types.Code_field_not_of_event, "%s has no overseas warehouse", d.Mode)
	}
	o, err := tx.order(m.Order)
	if err != nil {
		return err
	}
	if o.Order.Seller != d.Declarant {
		return types.Refuse(types.Code_declarant_not_party, "%s is sold by %s", m.Order, o.Order.Seller)
	}
	sold, err := types.Add(d.SoldMinor, m.SoldMinor)
	if err != nil {
		return err
	}
	if sold > d.ValueMinor {
		return types.Refuse(types.Code_sold_over_value, "%d %s would be sold of %d", sold, d.Currency, d.ValueMinor)
	}
	d.SoldMinor = sold
	if d.ReleasedDay == 0 { // the release fell, and with it the balance
		return nil
	}
	return tx.refinance(d, d.ValueMinor-sold)
}

// refinance gives a declaration another balance; below what its liens secure the lender has to release them first.
func (tx *Tx) refinance(d *types.Declaration, balance int64) error {
	secured, err := tx.secured(d)
	if err != nil {
		return err
	}
	if balance < secured {
		return types.Refuse(types.Code_value_under_financing, "%d %s of %s are financed; the lender releases them first", secured, d.Currency, d.Id)
	}
	d.FinanceableMinor = balance
	return nil
}

// closeFallen takes from a declaration whose release fell what no lien secures any more. Other objects have no such balance.
func (tx *Tx) closeFallen(object string) error {
	id, ok := strings.CutPrefix(object, string(types.Declarations))
	if !ok {
		return nil
	}
	d, err := state.Get(tx, types.DeclarationKey(id))
	if err != nil || d == nil || d.ReleasedDay != 0 || d.FinanceableMinor == 0 {
		return err
	}
	if d.FinanceableMinor, err = tx.secured(d); err != nil {
		return err
	}
	return state.Set(tx, types.DeclarationKey(id), d)
}

// secured is what the liens on a declaration secure, in its currency.
func (tx *Tx) secured(d *types.Declaration) (int64, error) {
	row, err := tx.liens(string(types.DeclarationKey(d.Id)))
	if err != nil {
		return 0, err
	}
	return pledgedMinor(row)
}
