package types_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

func sampleGenesis(t testing.TB) *types.Genesis {
	t.Helper()
	digest := bytes.Repeat([]byte{7}, 32)
	key := func(id string, role types.Role, n byte) types.GenesisKey {
		return types.GenesisKey{ID: id, Role: role, Algorithm: types.Algorithm_ED25519, PublicKey: signingKey(t, n).PublicKey()}
	}
	return &types.Genesis{
		BaseCurrency: "CNY", DayOffsetS: 28800, Simulation: true, Notice: types.SimulationNotice,
		Parameters: []types.GenesisParameter{{Name: "block_cost", Value: 50_000}, {Name: "document_verdicts", Value: 2}},
		Members: []types.GenesisMember{
			{ID: "bank-a", ControlGroup: "group-a", Jurisdiction: "CN-SH", NameDigest: digest,
				Roles: []types.Role{types.Role_COUNCIL, types.Role_BANK},
				Keys:  []types.GenesisKey{key("bank", types.Role_BANK, 1), key("council", types.Role_COUNCIL, 2)}},
			{ID: "customs-a", ControlGroup: "customs", Jurisdiction: "CN", NameDigest: digest,
				Roles: []types.Role{types.Role_CUSTOMS}, Keys: []types.GenesisKey{key("k1", types.Role_CUSTOMS, 3)}},
		},
	}
}

// genesisWithValidators is the sample with two validators, SM2 and a key of it.
func genesisWithValidators(t testing.TB) *types.Genesis {
	g := sampleGenesis(t)
	g.Parameters = append([]types.GenesisParameter{{Name: "algorithms", Value: 3}}, g.Parameters...)
	bank := &g.Members[0]
	bank.Roles = []types.Role{types.Role_COUNCIL, types.Role_OPERATOR, types.Role_BANK}
	bank.Keys[0] = types.GenesisKey{ID: "bank", Role: types.Role_BANK, Algorithm: types.Algorithm_SM2_SM3, PublicKey: sm2Key(t, 1).PublicKey()}
	for _, n := range []byte{8, 9} {
		g.Validators = append(g.Validators, types.GenesisValidator{PublicKey: signingKey(t, n).PublicKey(), Power: 10, Member: "bank-a"})
	}
	slices.SortFunc(g.Validators, func(a, b types.GenesisValidator) int { return bytes.Compare(a.PublicKey, b.PublicKey) })
	return g
}

func TestGenesisWithValidators(t *testing.T) {
	g := genesisWithValidators(t)
	require.NoError(t, g.Validate(sampleChain))
	data, err := json.Marshal(g)
	require.NoError(t, err)
	require.Contains(t, string(data), `"power":10,"member":"bank-a"}]}`)
	read, err := types.ParseGenesis(data)
	require.NoError(t, err)
	require.Equal(t, g, read)
	require.Equal(t, &g.Members[1], g.MemberNamed("customs-a"))
	require.Nil(t, g.MemberNamed("bank-b"))
	_, err = types.ParseGenesis(bytes.Replace(data, []byte(`"power":10`), []byte(`"power":10.5`), 1))
	require.ErrorContains(t, err, "power")
	for _, c := range []struct {
		wrong string
		edit  func(*types.Genesis)
	}{
		{"validators[1].public_key: not in ascending order", func(g *types.Genesis) { g.Validators[0], g.Validators[1] = g.Validators[1], g.Validators[0] }},
		{"validators[1].public_key: not in ascending order", func(g *types.Genesis) { g.Validators[1] = g.Validators[0] }},
		{"validators[0].public_key: public_key_malformed", func(g *types.Genesis) { g.Validators[0].PublicKey = nil }},
		{"validators[0].public_key: public_key_malformed", func(g *types.Genesis) { g.Validators[0].PublicKey = make([]byte, 32) }},
		{"validators[0].public_key: public_key_malformed", func(g *types.Genesis) {
			g.Validators = g.Validators[:1]
			g.Validators[0].PublicKey = sm2Key(t, 2).PublicKey()
		}},
		{"validators[0].public_key: the same as members[0].keys[1].public_key", func(g *types.Genesis) {
			g.Validators = g.Validators[:1]
			g.Validators[0].PublicKey = g.Members[0].Keys[1].PublicKey
		}},
		{"validators[0].power: 0 is not 1 to 1000000", func(g *types.Genesis) { g.Validators[0].Power = 0 }},
		{"validators[1].power: -1 is not", func(g *types.Genesis) { g.Validators[1].Power = -1 }},
		{"validators[1].power: 1000001 is not", func(g *types.Genesis) { g.Validators[1].Power = 1_000_001 }},
		{`validators[0].member: "bank-b" is no member`, func(g *types.Genesis) { g.Validators[0].Member = "bank-b" }},
		{`validators[0].member: "" is no member`, func(g *types.Genesis) { g.Validators[0].Member = "" }},
		{"validators[1].member: customs-a has no OPERATOR role", func(g *types.Genesis) { g.Validators[1].Member = "customs-a" }},
		{"validators: 201 validators, at most 200", func(g *types.Genesis) { g.Validators = make([]types.GenesisValidator, 201) }},
		{"members[0].keys[0].algorithm: SM2_SM3 may not sign here: the parameter algorithms is 1", func(g *types.Genesis) { g.Parameters = g.Parameters[1:] }},
		{"members[0].keys[1].algorithm: ED25519 may not sign here: the parameter algorithms is 2", func(g *types.Genesis) { g.Parameters[0].Value = 2 }},
		{"members[0].keys[0].public_key: public_key_malformed", func(g *types.Genesis) { g.Members[0].Keys[0].PublicKey = g.Members[0].Keys[0].PublicKey[:33] }},
	} {
		g := genesisWithValidators(t)
		c.edit(g)
		require.ErrorContains(t, g.Validate(sampleChain), "genesis: "+c.wrong)
	}
}

func TestGenesisRoundTrip(t *testing.T) {
	g := sampleGenesis(t)
	require.NoError(t, g.Validate(sampleChain))
	data, err := json.Marshal(g)
	require.NoError(t, err)
	require.Contains(t, string(data), `"roles":["COUNCIL","BANK"]`)
	read, err := types.ParseGenesis(data)
	require.NoError(t, err)
	require.Equal(t, g, read)
	var inside types.Genesis
	require.NoError(t, json.Unmarshal(data, &inside))
	require.Equal(t, *g, inside)
	indented, err := json.MarshalIndent(g, "", "  ")
	require.NoError(t, err)
	read, err = types.ParseGenesis(indented)
	require.NoError(t, err)
	require.Equal(t, g, read)
	p, err := g.InitialParameters()
	require.NoError(t, err)
	want := types.DefaultParameters()
	want.BlockCost, want.DocumentVerdicts = 50_000, 2
	require.Equal(t, want, p)
}

// TestGenesisValidate makes one thing wrong at a time and requires the path of that thing.
func TestGenesisValidate(t *testing.T) {
	cases := []struct {
		path string
		edit func(*types.Genesis)
	}{
		{"base_currency", func(g *types.Genesis) { g.BaseCurrency = "RMB" }},
		{"base_currency", func(g *types.Genesis) { g.BaseCurrency = "" }},
		{"day_offset_s", func(g *types.Genesis) { g.DayOffsetS = 14*3600 + 1 }},
		{"day_offset_s", func(g *types.Genesis) { g.DayOffsetS = -14*3600 - 1 }},
		{"notice", func(g *types.Genesis) { g.Notice = "" }},
		{"notice", func(g *types.Genesis) { g.Notice = strings.Repeat("n", 501) }},
		{"notice", func(g *types.Genesis) { g.Notice = "a\x1b[31mb" }},
		{"notice", func(g *types.Genesis) { g.Notice = "a\xff" }},
		{"parameters[0]", func(g *types.Genesis) { g.Parameters[0].Name = "blockcost" }},
		{"parameters[1]", func(g *types.Genesis) { g.Parameters[1].Value = 6 }},
		{"parameters[1].name", func(g *types.Genesis) { g.Parameters[1] = g.Parameters[0] }},
		{"members", func(g *types.Genesis) { g.Members = nil }},
		{"members", func(g *types.Genesis) { g.Members = g.Members[1:] }},
		{"members", func(g *types.Genesis) { g.Members[0].Keys = g.Members[0].Keys[:1] }},
		{"members[0].id", func(g *types.Genesis) { g.Members[0].ID = "Bank" }},
		{"members[1].id", func(g *types.Genesis) { g.Members[1].ID = "bank-a" }},
		{"members[1].id", func(g *types.Genesis) { g.Members[1].ID = "aa" }},
		{"members[0].control_group", func(g *types.Genesis) { g.Members[0].ControlGroup = "" }},
		{"members[0].control_group", func(g *types.Genesis) { g.Members[0].ControlGroup = "G:1" }},
		{"members[1].jurisdiction", func(g *types.Genesis) { g.Members[1].Jurisdiction = "CN-QQ" }},
		{"members[0].name_digest", func(g *types.Genesis) { g.Members[0].NameDigest = nil }},
		{"members[1].roles", func(g *types.Genesis) { g.Members[1].Roles = nil }},
		{"members[0].roles[1]", func(g *types.Genesis) { g.Members[0].Roles[1] = types.Role_COUNCIL }},
		{"members[1].roles[0]", func(g *types.Genesis) { g.Members[1].Roles[0] = types.Role_ENTERPRISE }},
		{"members[1].roles[0]", func(g *types.Genesis) { g.Members[1].Roles[0] = 0 }},
		{"members[1].roles[0]", func(g *types.Genesis) { g.Members[1].Roles[0] = 15 }},
		{"members[1].keys", func(g *types.Genesis) { g.Members[1].Keys = nil }},
		{"members[1].keys", func(g *types.Genesis) { g.Members[1].Keys = make([]types.GenesisKey, 17) }},
		{"members[0].keys[0].id", func(g *types.Genesis) { g.Members[0].Keys[0].ID = "K" }},
		{"members[0].keys[1].id", func(g *types.Genesis) { g.Members[0].Keys[1].ID = "bank" }},
		{"members[0].keys[0].role", func(g *types.Genesis) { g.Members[0].Keys[0].Role = types.Role_TAX }},
		{"members[0].keys[0].algorithm", func(g *types.Genesis) { g.Members[0].Keys[0].Algorithm = types.Algorithm_SM2_SM3 }},
		{"members[0].keys[0].public_key", func(g *types.Genesis) { g.Members[0].Keys[0].PublicKey = make([]byte, 32) }},
		{"members[1].keys[0].public_key", func(g *types.Genesis) { g.Members[1].Keys[0].PublicKey = g.Members[0].Keys[0].PublicKey }},
	}
	for _, c := range cases {
		g := sampleGenesis(t)
		c.edit(g)
		require.ErrorContains(t, g.Validate(sampleChain), "genesis: "+c.path+": ")
	}
	for _, chain := range []string{"", strings.Repeat("c", 51), "trade 1", "trade/1"} {
		require.ErrorContains(t, sampleGenesis(t).Validate(chain), "genesis: chain_id: ", chain)
	}
	g := sampleGenesis(t)
	g.Simulation, g.Notice, g.Parameters = false, "", nil
	require.NoError(t, g.Validate(sampleChain))
}

func TestParseGenesisIsStrict(t *testing.T) {
	data, err := json.Marshal(sampleGenesis(t))
	require.NoError(t, err)
	text := string(data)
	edit := func(old, by string) string {
		require.Contains(t, text, old)
		return strings.Replace(text, old, by, 1)
	}
	for name, c := range map[string][2]string{
		"unknown field":        {edit(`"base_currency"`, `"seats":[],"base_currency"`), "unknown field"},
		"unknown field inside": {edit(`"control_group"`, `"power":1,"control_group"`), "unknown field"},
		"unknown role":         {edit(`"BANK"`, `"BANKER"`), "members[0].roles[1]"},
		"no role":              {edit(`"BANK"`, `"ROLE_UNSPECIFIED"`), "members[0].roles[1]"},
		"unknown role of key":  {edit(`"role":"BANK"`, `"role":"6"`), "members[0].keys[0].role"},
		"unknown algorithm":    {edit(`"ED25519"`, `"RSA"`), "members[0].keys[0].algorithm"},
		"digest in capitals":   {edit(`"name_digest":"07`, `"name_digest":"0A`), "members[0].name_digest"},
		"digest half a byte":   {edit(`"name_digest":"07`, `"name_digest":"7`), "members[0].name_digest"},
		"key is no hex":        {edit(`"public_key":"`, `"public_key":"xx`), "members[0].keys[0].public_key"},
		"number as text":       {edit(`28800`, `"28800"`), "day_offset_s"},
		"number with a point":  {edit(`28800`, `28800.5`), "day_offset_s"},
		"behind the object":    {text + "{}", "follows"},
		"empty":                {"", "EOF"},
		"a list":               {"[]", "array"},
		"cut off":              {text[:len(text)-2], "unexpected EOF"},
	} {
		_, err := types.ParseGenesis([]byte(c[0]))
		require.ErrorContains(t, err, c[1], name)
	}
	var inside types.Genesis
	require.Error(t, json.Unmarshal([]byte(`{"x":1}`), &inside))
}
