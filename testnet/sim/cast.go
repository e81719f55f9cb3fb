package sim

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	abci "github.com/cometbft/cometbft/abci/types"

	"tradecredit/types"
)

const (
	chainID      = "sim-1"
	baseCurrency = "CNY"
)

// cast are the members of every simulated network, by id: two of everything that must be able to contradict itself, four
// council seats in four groups, and groups that two members, or a member and an enterprise, share.
var cast = []struct {
	id, group string
	roles     []types.Role
}{
	{"arbiter-a", "court", []types.Role{types.Role_ARBITER}},
	{"auditor-a", "audit", []types.Role{types.Role_AUDITOR}},
	{"bank-a", "north", []types.Role{types.Role_COUNCIL, types.Role_OPERATOR, types.Role_BANK}},
	{"bank-b", "south", []types.Role{types.Role_COUNCIL, types.Role_OPERATOR, types.Role_BANK}},
	{"bank-c", "north", []types.Role{types.Role_BANK}},
	{"bank-d", "east", []types.Role{types.Role_OPERATOR, types.Role_BANK}},
	{"bureau-a", "bureau", []types.Role{types.Role_BUREAU}},
	{"carrier-a", "sea", []types.Role{types.Role_OPERATOR, types.Role_LOGISTICS}},
	{"carrier-b", "rail", []types.Role{types.Role_LOGISTICS}},
	{"customs-a", "customs", []types.Role{types.Role_COUNCIL, types.Role_OPERATOR, types.Role_CUSTOMS}},
	{"forex-a", "forex", []types.Role{types.Role_COUNCIL, types.Role_OPERATOR, types.Role_FOREX}},
	{"insurer-a", "cover", []types.Role{types.Role_OPERATOR, types.Role_INSURER}},
	{"platform-a", "market", []types.Role{types.Role_OPERATOR, types.Role_PLATFORM}},
	{"platform-b", "shop", []types.Role{types.Role_PLATFORM}},
	{"tax-a", "tax", []types.Role{types.Role_OPERATOR, types.Role_TAX}},
	{"verifier-a", "notary", []types.Role{types.Role_OPERATOR, types.Role_VERIFIER}},
	{"verifier-b", "inspect", []types.Role{types.Role_VERIFIER}},
	{"verifier-c", "inspect", []types.Role{types.Role_VERIFIER}},
}

// trader is an enterprise that may come to be registered.
type trader struct{ id, group string }

// traders are all enterprises there are. Two share a group with each other, two with a member.
func traders() []trader {
	var out []trader
	add := func(id, group string) { out = append(out, trader{id, group}) }
	for i := range 4 {
		add("USCC:"+uscc(fmt.Sprintf("91330100MA%07d", 1_000_037*(i+1)%10_000_000)), fmt.Sprintf("trader-%d", i))
	}
	for i := range 3 {
		add("LEI:"+lei(fmt.Sprintf("549300SIM%09d", i*7919)), fmt.Sprintf("legal-%d", i))
	}
	for i, country := range []string{"DE", "FR", "IT", "SG", "VN", "BR", "US"} {
		add(fmt.Sprintf("%s:REG:%d", country, 1000+i), fmt.Sprintf("abroad-%d", i))
	}
	out[1].group = out[0].group
	out[8].group = "shop"
	out[9].group = "north"
	return out
}

// uscc completes the first 17 characters of a unified social credit code.
func uscc(head string) string {
	for _, last := range "0123456789ABCDEFGHJKLMNPQRTUWXY" {
		if code := head + string(last); types.CheckUSCC(code) == nil {
			return code
		}
	}
	panic("sim: no check character for " + head)
}

// lei completes the first 18 characters of a legal entity identifier.
func lei(head string) string {
	for n := range 100 {
		if code := fmt.Sprintf("%s%02d", head, n); types.CheckLEI(code) == nil {
			return code
		}
	}
	panic("sim: no check digits for " + head)
}

// found makes the genesis of a seed: the same members, with other parameters and another offset of the day.
func (w *world) found() {
	g := &types.Genesis{BaseCurrency: baseCurrency, DayOffsetS: []int64{8 * 3600, 0, -5 * 3600}[w.rng.IntN(3)], Parameters: w.parameters()}
	for _, m := range cast {
		name := sha256.Sum256([]byte(m.id))
		member := types.GenesisMember{ID: m.id, ControlGroup: m.group, Jurisdiction: "CN", NameDigest: name[:], Roles: m.roles}
		for _, role := range m.roles {
			id := strings.ToLower(role.String())
			k := w.secret(m.id, id)
			member.Keys = append(member.Keys, types.GenesisKey{ID: id, Role: role, Algorithm: k.Algorithm(), PublicKey: k.PublicKey()})
		}
		slices.SortFunc(member.Keys, func(a, b types.GenesisKey) int { return strings.Compare(a.ID, b.ID) })
		g.Members = append(g.Members, member)
	}
	for i, member := range []string{"bank-a", "bank-b", "customs-a"} {
		k := w.secret(fmt.Sprintf("node-%d", i), "consensus")
		g.Validators = append(g.Validators, types.GenesisValidator{PublicKey: k.PublicKey(), Power: 10, Member: member})
	}
	slices.SortFunc(g.Validators, func(a, b types.GenesisValidator) int { return bytes.Compare(a.PublicKey, b.PublicKey) })
	raw, err := json.Marshal(g)
	if err != nil {
		panic(err) // constants
	}
	w.genesis, w.genesisJSON, w.validators = g, raw, validatorsOf(g)
}

// validatorsOf are the validators of a genesis as the engine has them.
func validatorsOf(g *types.Genesis) (out []abci.ValidatorUpdate) {
	for _, v := range g.Validators {
		out = append(out, abci.Ed25519ValidatorUpdate(v.PublicKey, v.Power))
	}
	return out
}

// parameters are sometimes so tight that quotas and bounds are met.
func (w *world) parameters() []types.GenesisParameter {
	var out []types.GenesisParameter
	set := func(name string, values ...int64) {
		if v := oneOf(w.rng, values...); v != 0 {
			out = append(out, types.GenesisParameter{Name: name, Value: v})
		}
	}
	set("algorithms", 0, 3)
	set("block_cost", 0, 0, 12_288)
	set("document_verdicts", 0, 2)
	set("queue_items", 0, 16)
	set("quota_registrations", 0, 10)
	set("quota_subject_messages", 0, 0, 10)
	return out
}
