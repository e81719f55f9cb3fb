package types

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
)

// The JSON form of a genesis. It stands apart so that Genesis has the types of the ledger.
type genesisJSON struct {
	BaseCurrency string          `json:"base_currency"`
	DayOffsetS   int64           `json:"day_offset_s"`
	Simulation   bool            `json:"simulation"`
	Notice       string          `json:"notice"`
	Parameters   []parameterJSON `json:"parameters"`
	Members      []memberJSON    `json:"members"`
	Validators   []validatorJSON `json:"validators,omitempty"` // a genesis without them has the form it always had
}

type parameterJSON struct {
	Name  string `json:"name"`
	Value int64  `json:"value"`
}

type memberJSON struct {
	ID           string    `json:"id"`
	ControlGroup string    `json:"control_group"`
	Jurisdiction string    `json:"jurisdiction"`
	NameDigest   string    `json:"name_digest"`
	Roles        []string  `json:"roles"`
	Keys         []keyJSON `json:"keys"`
}

type keyJSON struct {
	ID        string `json:"id"`
	Role      string `json:"role"`
	Algorithm string `json:"algorithm"`
	PublicKey string `json:"public_key"`
}

type validatorJSON struct {
	PublicKey string `json:"public_key"`
	Power     int64  `json:"power"`
	Member    string `json:"member"`
}

// MarshalJSON writes the form that ParseGenesis reads.
func (g Genesis) MarshalJSON() ([]byte, error) {
	wire := genesisJSON{
		BaseCurrency: g.BaseCurrency, DayOffsetS: g.DayOffsetS, Simulation: g.Simulation, Notice: g.Notice,
		Parameters: []parameterJSON{}, Members: []memberJSON{},
	}
	for _, p := range g.Parameters {
		wire.Parameters = append(wire.Parameters, parameterJSON(p))
	}
	for _, m := range g.Members {
		member := memberJSON{
			ID: m.ID, ControlGroup: m.ControlGroup, Jurisdiction: m.Jurisdiction,
			NameDigest: hex.EncodeToString(m.NameDigest), Roles: []string{}, Keys: []keyJSON{},
		}
		for _, r := range m.Roles {
			member.Roles = append(member.Roles, r.String())
		}
		for _, k := range m.Keys {
			member.Keys = append(member.Keys, keyJSON{
				ID: k.ID, Role: k.Role.String(), Algorithm: k.Algorithm.String(), PublicKey: hex.EncodeToString(k.PublicKey),
			})
		}
		wire.Members = append(wire.Members, member)
	}
	for _, v := range g.Validators {
		wire.Validators = append(wire.Validators, validatorJSON{hex.EncodeToString(v.PublicKey), v.Power, v.Member})
	}
	return json.Marshal(wire)
}

// UnmarshalJSON reads the same strictly.
func (g *Genesis) UnmarshalJSON(data []byte) error {
	read, err := ParseGenesis(data)
	if err == nil {
		*g = *read
	}
	return err
}

func (w *genesisJSON) genesis() (*Genesis, error) {
	g := &Genesis{BaseCurrency: w.BaseCurrency, DayOffsetS: w.DayOffsetS, Simulation: w.Simulation, Notice: w.Notice}
	for _, p := range w.Parameters {
		g.Parameters = append(g.Parameters, GenesisParameter(p))
	}
	for i := range w.Members {
		m, err := w.Members[i].member(fmt.Sprintf("members[%d]", i))
		if err != nil {
			return nil, err
		}
		g.Members = append(g.Members, m)
	}
	for i, v := range w.Validators {
		key, err := lowerHex(v.PublicKey)
		if err != nil {
			return nil, wrongAt(fmt.Sprintf("validators[%d].public_key", i), err)
		}
		g.Validators = append(g.Validators, GenesisValidator{PublicKey: key, Power: v.Power, Member: v.Member})
	}
	return g, nil
}

func (w *memberJSON) member(path string) (GenesisMember, error) {
	m := GenesisMember{ID: w.ID, ControlGroup: w.ControlGroup, Jurisdiction: w.Jurisdiction}
	var err error
	if m.NameDigest, err = lowerHex(w.NameDigest); err != nil {
		return m, wrongAt(path+".name_digest", err)
	}
	for i, name := range w.Roles {
		role, err := RoleNamed(name)
		if err != nil {
			return m, wrongAt(fmt.Sprintf("%s.roles[%d]", path, i), err)
		}
		m.Roles = append(m.Roles, role)
	}
	for i, k := range w.Keys {
		here := fmt.Sprintf("%s.keys[%d]", path, i)
		key := GenesisKey{ID: k.ID}
		if key.Role, err = RoleNamed(k.Role); err != nil {
			return m, wrongAt(here+".role", err)
		}
		if key.Algorithm, err = AlgorithmNamed(k.Algorithm); err != nil {
			return m, wrongAt(here+".algorithm", err)
		}
		if key.PublicKey, err = lowerHex(k.PublicKey); err != nil {
			return m, wrongAt(here+".public_key", err)
		}
		m.Keys = append(m.Keys, key)
	}
	return m, nil
}

// RoleNamed returns the role of that name, as the proto writes it: "BANK".
func RoleNamed(name string) (Role, error) {
	r, ok := Role_value[name]
	if !ok || r == 0 {
		return 0, fmt.Errorf("%.20q is no role", name)
	}
	return Role(r), nil
}

// AlgorithmNamed returns the algorithm of that name, as the proto writes it: "SM2_SM3".
func AlgorithmNamed(name string) (Algorithm, error) {
	a, ok := Algorithm_value[name]
	if !ok || a == 0 {
		return 0, fmt.Errorf("%.20q is no algorithm; there are ED25519 and SM2_SM3", name)
	}
	return Algorithm(a), nil
}

func lowerHex(s string) ([]byte, error) {
	if strings.ToLower(s) != s {
		return nil, fmt.Errorf("hexadecimal is lower case")
	}
	return hex.DecodeString(s)
}
