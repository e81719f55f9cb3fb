package node

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"tradecredit/types"
)

// documentVersion is the form of the document that this program reads.
const documentVersion = 1

// Bounds of a document beside those of types.Genesis.
const (
	maxNameBytes  = 400
	earliestBegin = 2020 // year of a genesis
	latestBegin   = 2200
)

// The tables of a document. What is written in a hint is what an author should write.
var (
	documentFields = []documentField{
		{"version", kindInteger, false, "1: the form of this document"},
		{"chain_id", kindText, false, `the name of the network, for ever: "trade-1"`},
		{"genesis_time", kindMoment, false, "when the network begins, with its offset: 2026-12-01T00:00:00Z"},
		{"base_currency", kindText, false, `the ISO 4217 code of the currency of all sums, for ever: "CNY"`},
		{"day_offset_s", kindInteger, false, "what is added to UTC to get the civil day, in seconds, for ever: 28800 is UTC+8"},
		{"simulation", kindBoolean, false, "false, or true if institutions and keys are made up"},
		{"notice", kindText, true, `a sentence that goes with every answer: "…"`},
		{"parameters", kindTable, true, "a table [parameters] with a line name = number for each that differs from its default"},
		{"member", kindTables, false, "a table [[member]] for each member, in double brackets"},
		{"validator", kindTables, false, "a table [[validator]] for each validator, in double brackets"},
	}
	memberFields = []documentField{
		{"id", kindText, false, `the member's id, for ever, 2 to 32 characters a-z 0-9 -: "bank-a"`},
		{"name", kindText, false, `the legal name in full, as it is registered: "…"`},
		{"control_group", kindText, false, `who controls the member, 2 to 32 characters a-z 0-9 -; its own id if nobody else does: "bank-a"`},
		{"jurisdiction", kindText, false, `where it is established, ISO 3166: "CN" or "CN-SH"`},
		{"roles", kindTexts, false, `a list of roles: ["COUNCIL", "BANK"]`},
		{"key", kindTables, false, "a table [[member.key]] for each key, in double brackets"},
	}
	keyFields = []documentField{
		{"id", kindText, false, `the key's id, 1 to 32 characters a-z 0-9 -: "bank-1"`},
		{"role", kindText, false, `the one role that it signs for: "BANK"`},
		{"algorithm", kindText, false, `"ED25519" or "SM2_SM3"`},
		{"public_key", kindText, false, "the public key in lower-case hexadecimal, as 'ledgerctl keys show' prints it"},
	}
	validatorFields = []documentField{
		{"member", kindText, false, `the id of the member who runs it: "bank-a"`},
		{"public_key", kindText, false, "the validator key in lower-case hexadecimal, as 'ledgerd keys' prints it"},
		{"power", kindInteger, false, "its voting power: 10"},
	}
)

// fromDocument fills a founding from the fields of a document; what is wrong is noted.
func (f *Founding) fromDocument(r *documentReader, v values) {
	g := &types.Genesis{
		BaseCurrency: v.text("base_currency"), DayOffsetS: v.integer("day_offset_s"), Simulation: v.boolean("simulation"), Notice: v.text("notice"),
	}
	f.ChainID, f.Time, f.State = v.text("chain_id"), v.moment("genesis_time").UTC(), g
	if n := v.integer("version"); v.has("version") && n != documentVersion {
		r.wrong("version", fmt.Sprintf("%d; this program reads version %d", n, documentVersion))
	}
	if v.has("chain_id") {
		r.check("chain_id", types.CheckChainID(f.ChainID), "")
	}
	if y := f.Time.Year(); v.has("genesis_time") && (y < earliestBegin || y > latestBegin || f.Time.Nanosecond() != 0) {
		r.wrong("genesis_time", fmt.Sprintf("a whole second of the years %d to %d", earliestBegin, latestBegin))
	}
	if v.has("base_currency") && types.CheckCurrency(g.BaseCurrency) != nil {
		r.wrong("base_currency", fmt.Sprintf(`%q is no currency; write an ISO 4217 code such as "CNY"`, g.BaseCurrency))
	}
	if v.has("day_offset_s") {
		r.check("day_offset_s", types.CheckDayOffset(g.DayOffsetS), "28800 is UTC+8")
	}
	r.check("notice", types.CheckNotice(g.Notice, g.Simulation), "write one sentence")
	algorithms := f.parameters(r, v.table("parameters"))
	r.members(f, v, algorithms)
	r.validators(f, v)
	f.sort()
}

// parameters reads what differs from the defaults and says which algorithms may sign.
func (f *Founding) parameters(r *documentReader, table values) int64 {
	p := types.DefaultParameters()
	for _, name := range table.names() {
		path := "parameters." + name
		row := types.ParameterNamed(name)
		value, isInteger := table[name].(int64)
		switch {
		case row == nil:
			var names []string
			for _, row := range types.ParameterTable {
				names = append(names, row.Name)
			}
			r.wrong(path, "there is no such parameter"+orAll(name, names))
		case !isInteger:
			r.wrong(path, fmt.Sprintf("is %s; write a number from %d to %d (%s)", describe(table[name]), row.Min, row.Max, row.Help))
		case row.Check(value) != nil:
			r.wrong(path, fmt.Sprintf("%d is out of bounds; write a number from %d to %d (%s)", value, row.Min, row.Max, row.Help))
		default:
			if p.Set(name, value) == nil {
				f.State.Parameters = append(f.State.Parameters, types.GenesisParameter{Name: name, Value: value})
			}
		}
	}
	return p.Algorithms
}

// members reads the members. Only sound keys are compared with each other.
func (r *documentReader) members(f *Founding, v values, algorithms int64) {
	ids, keys := map[string]string{}, map[string]string{} // → the path where it stands first
	council := false
	for i, t := range v.tables("member") {
		path := fmt.Sprintf("member[%d]", i)
		read := r.read(path, t, memberFields)
		m := types.GenesisMember{ID: read.text("id"), ControlGroup: read.text("control_group"), Jurisdiction: read.text("jurisdiction")}
		if m.ID != "" {
			path += " (" + m.ID + ")"
		}
		r.memberFields(path, read, &m, ids)
		for j, kt := range read.tables("key") {
			if k, ok := r.key(fmt.Sprintf("%s.key[%d]", path, j), kt, &m, algorithms, keys); ok {
				m.Keys = append(m.Keys, k)
				council = council || k.Role == types.Role_COUNCIL
			}
		}
		f.State.Members = append(f.State.Members, m)
		f.Names = append(f.Names, read.text("name"))
	}
	if len(r.problems) == 0 && !council {
		r.wrong("member", "none has a COUNCIL key, so nothing could ever be decided; give at least one member the role COUNCIL and a key for it")
	}
}

// memberFields checks what is said of a member beside its keys.
func (r *documentReader) memberFields(path string, read values, m *types.GenesisMember, ids map[string]string) {
	if m.ID != "" {
		if err := types.CheckMemberID(m.ID); err != nil {
			r.wrong(path+".id", fmt.Sprintf("%q is no member id; write 2 to 32 characters a-z 0-9 -", m.ID))
		}
		if first, taken := ids[m.ID]; taken {
			r.wrong(path+".id", "the same as that of "+first+"; every member has its own")
		}
		ids[m.ID] = path
	}
	if name := read.text("name"); read.has("name") {
		r.check(path+".name", checkLegalName(name), "")
		digest := sha256.Sum256([]byte(name))
		m.NameDigest = digest[:]
	}
	if read.has("control_group") && types.CheckMemberGroup(m.ControlGroup) != nil {
		r.wrong(path+".control_group", fmt.Sprintf("%q is no control group; write 2 to 32 characters a-z 0-9 -", m.ControlGroup))
	}
	if read.has("jurisdiction") && types.CheckJurisdiction(m.Jurisdiction) != nil {
		r.wrong(path+".jurisdiction", fmt.Sprintf(`%q is in neither ISO 3166-1 nor ISO 3166-2; write a code such as "CN" or "CN-SH"`, m.Jurisdiction))
	}
	for i, name := range read.texts("roles") {
		here := fmt.Sprintf("%s.roles[%d]", path, i)
		role, err := memberRole(name)
		switch {
		case err != nil:
			r.check(here, err, "")
		case slices.Contains(m.Roles, role):
			r.wrong(here, name+" is there already; write each role once")
		default:
			m.Roles = append(m.Roles, role)
		}
	}
	if read.has("roles") && len(read.texts("roles")) == 0 {
		r.wrong(path+".roles", "there are none; give the member at least one")
	}
	if n := len(read.tables("key")); read.has("key") && (n < 1 || n > types.MaxGenesisKeys) {
		r.wrong(path+".key", fmt.Sprintf("%d keys; give the member 1 to %d", n, types.MaxGenesisKeys))
	}
	if slices.Contains(m.Roles, types.Role_COUNCIL) && !slices.ContainsFunc(read.tables("key"), func(k values) bool { return k["role"] == "COUNCIL" }) {
		r.wrong(path+".roles", "COUNCIL without a key for it, so the seat could never vote; add a key with the role COUNCIL, or take the role away")
	}
}

// checkLegalName keeps a name to one way of writing it, so that everybody gets its digest from it.
func checkLegalName(name string) error {
	switch {
	case len(name) > maxNameBytes:
		return fmt.Errorf("%d bytes; write at most %d", len(name), maxNameBytes)
	case strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsPrint(c) }):
		return errors.New("characters that cannot be seen, or blanks other than the space; take them out")
	case name != strings.Join(strings.Fields(name), " "):
		return errors.New("spaces at an end or several in a row; write single spaces")
	case !norm.NFC.IsNormalString(name):
		return errors.New("not in Unicode's form NFC; write letters and their accents as one character")
	}
	return nil
}

// memberRole reads a role that a member may have.
func memberRole(name string) (types.Role, error) {
	var names []string
	for r := types.Role_COUNCIL; r <= types.Role_AUDITOR; r++ {
		if r.String() == name {
			return r, nil
		}
		names = append(names, r.String())
	}
	return 0, fmt.Errorf("%.40q is no role of a member%s", name, orAll(name, names))
}

// key reads one key of a member and tells whether it is sound.
func (r *documentReader) key(path string, t values, m *types.GenesisMember, algorithms int64, keys map[string]string) (k types.GenesisKey, ok bool) {
	before := len(r.problems)
	read := r.read(path, t, keyFields)
	k.ID = read.text("id")
	if k.ID != "" && types.CheckKeyID(k.ID) != nil {
		r.wrong(path+".id", fmt.Sprintf("%q is no key id; write 1 to 32 characters a-z 0-9 -", k.ID))
	}
	if slices.ContainsFunc(m.Keys, func(other types.GenesisKey) bool { return other.ID == k.ID }) {
		r.wrong(path+".id", fmt.Sprintf("the member has a key %q already; every key has its own id", k.ID))
	}
	if read.has("role") {
		role, err := memberRole(read.text("role"))
		if err == nil && !slices.Contains(m.Roles, role) {
			err = fmt.Errorf("%s is not one of the member's roles; add it there, or give the key another", role)
		}
		r.check(path+".role", err, "")
		k.Role = role
	}
	if read.has("algorithm") {
		var err error
		if k.Algorithm, err = types.AlgorithmNamed(read.text("algorithm")); err == nil && !types.Allowed(k.Algorithm, algorithms) {
			err = fmt.Errorf("%s may not sign in this network; write algorithms = 3 into [parameters] to allow both", k.Algorithm)
		}
		r.check(path+".algorithm", err, "")
	}
	if read.has("public_key") {
		k.PublicKey = r.publicKey(path+".public_key", read.text("public_key"), k.Algorithm, keys)
	}
	return k, len(r.problems) == before
}

// publicKey reads a key in hexadecimal that stands nowhere else in the document.
func (r *documentReader) publicKey(path, text string, a types.Algorithm, keys map[string]string) []byte {
	key, err := hex.DecodeString(text)
	if err != nil || strings.ToLower(text) != text {
		r.wrong(path, fmt.Sprintf("%.20q is not lower-case hexadecimal; copy the whole key", text))
		return nil
	}
	if a != types.Algorithm_ALGORITHM_UNSPECIFIED {
		if err := types.CheckPublicKey(a, key); err != nil {
			r.wrong(path, types.DetailOf(err)+"; copy the whole key, and see that its algorithm is right")
			return nil
		}
	}
	if first, taken := keys[text]; taken {
		r.wrong(path, "the same as "+first+"; every key has one holder and one use")
		return nil
	}
	keys[text] = path
	return key
}

// validators reads who signs blocks.
func (r *documentReader) validators(f *Founding, v values) {
	keys := map[string]string{}
	for _, m := range f.State.Members {
		for _, k := range m.Keys {
			keys[hex.EncodeToString(k.PublicKey)] = fmt.Sprintf("the key %s of member %s", k.ID, m.ID)
		}
	}
	tables := v.tables("validator")
	if n := len(tables); v.has("validator") && (n < 1 || n > types.MaxGenesisValidators) {
		r.wrong("validator", fmt.Sprintf("%d validators; a network begins with 1 to %d", n, types.MaxGenesisValidators))
	}
	for i, t := range tables {
		path := fmt.Sprintf("validator[%d]", i)
		read := r.read(path, t, validatorFields)
		val := types.GenesisValidator{Member: read.text("member"), Power: read.integer("power")}
		if read.has("public_key") {
			val.PublicKey = r.publicKey(path+".public_key", read.text("public_key"), types.Algorithm_ED25519, keys)
		}
		if read.has("power") && (val.Power < 1 || val.Power > types.MaxValidatorPower) {
			r.wrong(path+".power", fmt.Sprintf("%d is out of bounds; write a number from 1 to %d", val.Power, types.MaxValidatorPower))
		}
		if read.has("member") {
			r.check(path+".member", f.runs(val.Member), "")
		}
		f.State.Validators = append(f.State.Validators, val)
	}
}

// runs tells whether a member may run a validator. The members are still in the document's order.
func (f *Founding) runs(id string) error {
	i := slices.IndexFunc(f.State.Members, func(m types.GenesisMember) bool { return m.ID == id })
	if i < 0 {
		var ids []string
		for _, m := range f.State.Members {
			ids = append(ids, m.ID)
		}
		return fmt.Errorf("%.40q is no member of this document%s", id, orAll(id, ids))
	}
	if !slices.Contains(f.State.Members[i].Roles, types.Role_OPERATOR) {
		return fmt.Errorf("%s has no OPERATOR role; add it to the member's roles", id)
	}
	return nil
}
