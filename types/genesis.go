package types

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Genesis is what a network begins with: the app_state of CometBFT's genesis file. In JSON, bytes are lower-case
// hexadecimal and roles and algorithms go by their names (genesis_json.go); unknown fields are refused.
type Genesis struct {
	BaseCurrency string             // ISO 4217; the currency of all sums, for ever
	DayOffsetS   int64              // what is added to UTC to get the civil day, seconds, ±14 h; for ever
	Simulation   bool               // institutions and keys are made up: shown with every answer
	Notice       string             // shown with every answer; required of a simulation
	Parameters   []GenesisParameter // those that differ from DefaultParameters, ascending by name
	Members      []GenesisMember    // ascending by id; at least one with a COUNCIL key
	Validators   []GenesisValidator // ascending by public key; none: the engine's genesis alone says who signs blocks
}

// GenesisParameter sets one parameter.
type GenesisParameter struct {
	Name  string
	Value int64
}

// GenesisMember is a member that is there from the beginning.
type GenesisMember struct {
	ID           string
	ControlGroup string
	Jurisdiction string
	NameDigest   []byte // SHA-256 of the legal name, 32 bytes
	Roles        []Role // ascending, without repetition; not ENTERPRISE
	Keys         []GenesisKey
}

// GenesisKey is a key of such a member. It needs no proof of possession: who starts the network vouches for it.
type GenesisKey struct {
	ID        string
	Role      Role // one of the member's
	Algorithm Algorithm
	PublicKey []byte
}

// GenesisValidator is a validator that is there from the beginning, and who answers for it.
type GenesisValidator struct {
	PublicKey []byte // consensus key, ed25519, 32 bytes; no member's key
	Power     int64  // 1 to MaxValidatorPower
	Member    string // who runs it; has the OPERATOR role
}

// MaxValidatorPower is the largest voting power of one validator, so that sums and shares of power never overflow.
const MaxValidatorPower = 1_000_000

// Bounds of a genesis.
const (
	// MaxGenesisKeys is how many keys a member may begin with; the least is 1.
	MaxGenesisKeys = 16
	// MaxGenesisValidators is how many validators a network may begin with.
	MaxGenesisValidators = 200

	maxChainID     = 50 // CometBFT's own bound
	maxNotice      = 500
	maxDayOffset   = 14 * 60 * 60
	maxGenesisSize = 64 << 20
)

// domainGenesis keeps a council's signature under a genesis from standing for anything else.
const domainGenesis = "tradecredit/v1/genesis"

// GenesisSignBytes is what a council seat signs to approve a genesis: "tradecredit/v1/genesis" ‖ 0 ‖ SHA-256 of the file
// that the nodes begin with, all of it.
func GenesisSignBytes(digest Hash) []byte {
	return append(append([]byte(domainGenesis), 0), digest[:]...)
}

// ParseGenesis reads a genesis strictly: one JSON object, no unknown fields, nothing behind it. It does not Validate.
func ParseGenesis(data []byte) (*Genesis, error) {
	if len(data) > maxGenesisSize {
		return nil, fmt.Errorf("genesis: %d bytes, at most %d", len(data), maxGenesisSize)
	}
	var wire genesisJSON
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&wire); err != nil {
		return nil, fmt.Errorf("genesis: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("genesis: something follows the object")
	}
	return wire.genesis()
}

// InitialParameters are the defaults with the genesis' own values over them. Errors name the place.
func (g *Genesis) InitialParameters() (Parameters, error) {
	p := DefaultParameters()
	for i, set := range g.Parameters {
		if i > 0 && g.Parameters[i-1].Name >= set.Name {
			return p, wrongAt(fmt.Sprintf("parameters[%d].name", i), errOrder)
		}
		if err := p.Set(set.Name, set.Value); err != nil {
			return p, wrongAt(fmt.Sprintf("parameters[%d]", i), err)
		}
	}
	return p, nil
}

// Validate reports the first field that is wrong, with its path: "members[2].keys[0].public_key: …". nil means that a
// network with this chain id can begin.
func (g *Genesis) Validate(chainID string) error {
	if err := CheckChainID(chainID); err != nil {
		return wrongAt("chain_id", err)
	}
	if err := CheckCurrency(g.BaseCurrency); err != nil {
		return wrongAt("base_currency", err)
	}
	if err := CheckDayOffset(g.DayOffsetS); err != nil {
		return wrongAt("day_offset_s", err)
	}
	if err := CheckNotice(g.Notice, g.Simulation); err != nil {
		return wrongAt("notice", err)
	}
	p, err := g.InitialParameters()
	if err != nil {
		return err
	}
	keys, err := g.validateMembers(p.Algorithms)
	if err != nil {
		return err
	}
	return g.validateValidators(keys)
}

var errOrder = errors.New("not in ascending order, or repeated")

func wrongAt(path string, err error) error { return fmt.Errorf("genesis: %s: %w", path, err) }

// CheckChainID says what is wrong with the name of a network.
func CheckChainID(s string) error {
	if !isToken(s, 1, maxChainID) {
		return errors.New("1 to 50 characters A-Z a-z 0-9 . _ -")
	}
	return nil
}

// CheckDayOffset says what is wrong with what is added to UTC to get the civil day, in seconds.
func CheckDayOffset(seconds int64) error {
	if seconds < -maxDayOffset || seconds > maxDayOffset {
		return fmt.Errorf("%d is beyond ±14 hours", seconds)
	}
	return nil
}

// CheckNotice says what is wrong with the sentence that goes with every answer; a simulation requires one.
func CheckNotice(s string, required bool) error {
	switch {
	case s == "" && required:
		return errors.New("a simulation needs one")
	case len(s) > maxNotice:
		return fmt.Errorf("%d bytes, at most %d", len(s), maxNotice)
	case !utf8.ValidString(s):
		return errors.New("not UTF-8")
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return errors.New("control characters")
	}
	return nil
}

// validateMembers gives the paths of all keys by their public half; it is read by key only.
func (g *Genesis) validateMembers(algorithms int64) (holders map[string]string, err error) {
	council := false
	holders = map[string]string{}
	for i := range g.Members {
		m := &g.Members[i]
		path := fmt.Sprintf("members[%d]", i)
		if i > 0 && g.Members[i-1].ID >= m.ID {
			return nil, wrongAt(path+".id", errOrder)
		}
		if err := m.validate(path, algorithms); err != nil {
			return nil, err
		}
		for j, k := range m.Keys {
			here := fmt.Sprintf("%s.keys[%d].public_key", path, j)
			if first, taken := holders[string(k.PublicKey)]; taken {
				return nil, wrongAt(here, fmt.Errorf("the same as %s", first))
			}
			holders[string(k.PublicKey)] = here
			council = council || k.Role == Role_COUNCIL
		}
	}
	if !council {
		return nil, wrongAt("members", errors.New("none has a COUNCIL key: nothing could ever be decided"))
	}
	return holders, nil
}

// validateValidators checks who signs blocks. holders are the keys of the members: a consensus key has no other use.
func (g *Genesis) validateValidators(holders map[string]string) error {
	if n := len(g.Validators); n > MaxGenesisValidators {
		return wrongAt("validators", fmt.Errorf("%d validators, at most %d", n, MaxGenesisValidators))
	}
	for i := range g.Validators {
		v := &g.Validators[i]
		path := fmt.Sprintf("validators[%d]", i)
		if i > 0 && bytes.Compare(g.Validators[i-1].PublicKey, v.PublicKey) >= 0 {
			return wrongAt(path+".public_key", errOrder)
		}
		if err := CheckPublicKey(Algorithm_ED25519, v.PublicKey); err != nil {
			return wrongAt(path+".public_key", err)
		}
		if taken, is := holders[string(v.PublicKey)]; is {
			return wrongAt(path+".public_key", fmt.Errorf("the same as %s; a consensus key has no other use", taken))
		}
		if v.Power < 1 || v.Power > MaxValidatorPower {
			return wrongAt(path+".power", fmt.Errorf("%d is not 1 to %d", v.Power, MaxValidatorPower))
		}
		m := g.MemberNamed(v.Member)
		if m == nil {
			return wrongAt(path+".member", fmt.Errorf("%.40q is no member of this genesis", v.Member))
		}
		if !slices.Contains(m.Roles, Role_OPERATOR) {
			return wrongAt(path+".member", fmt.Errorf("%s has no OPERATOR role", v.Member))
		}
	}
	return nil
}

// MemberNamed returns the member of an id, nil when there is none. Members must be in order.
func (g *Genesis) MemberNamed(id string) *GenesisMember {
	i, found := slices.BinarySearchFunc(g.Members, id, func(m GenesisMember, id string) int { return strings.Compare(m.ID, id) })
	if !found {
		return nil
	}
	return &g.Members[i]
}

func (m *GenesisMember) validate(path string, algorithms int64) error {
	if err := CheckMemberID(m.ID); err != nil {
		return wrongAt(path+".id", err)
	}
	if err := CheckMemberGroup(m.ControlGroup); err != nil {
		return wrongAt(path+".control_group", err)
	}
	if err := CheckJurisdiction(m.Jurisdiction); err != nil {
		return wrongAt(path+".jurisdiction", err)
	}
	if len(m.NameDigest) != sha256.Size {
		return wrongAt(path+".name_digest", fmt.Errorf("%d bytes, not %d", len(m.NameDigest), sha256.Size))
	}
	if len(m.Roles) == 0 {
		return wrongAt(path+".roles", errors.New("none"))
	}
	for i, r := range m.Roles {
		here := fmt.Sprintf("%s.roles[%d]", path, i)
		if r < Role_COUNCIL || r > Role_AUDITOR {
			return wrongAt(here, fmt.Errorf("%s is no role of a member", r))
		}
		if i > 0 && m.Roles[i-1] >= r {
			return wrongAt(here, errOrder)
		}
	}
	if n := len(m.Keys); n < 1 || n > MaxGenesisKeys {
		return wrongAt(path+".keys", fmt.Errorf("%d keys, 1 to %d", n, MaxGenesisKeys))
	}
	for i := range m.Keys {
		here := fmt.Sprintf("%s.keys[%d]", path, i)
		if i > 0 && m.Keys[i-1].ID >= m.Keys[i].ID {
			return wrongAt(here+".id", errOrder)
		}
		if err := m.Keys[i].validate(here, m.Roles, algorithms); err != nil {
			return err
		}
	}
	return nil
}

func (k *GenesisKey) validate(path string, roles []Role, algorithms int64) error {
	if err := CheckKeyID(k.ID); err != nil {
		return wrongAt(path+".id", err)
	}
	if !slices.Contains(roles, k.Role) {
		return wrongAt(path+".role", fmt.Errorf("%s is not one of the member's roles", k.Role))
	}
	if !Allowed(k.Algorithm, algorithms) {
		return wrongAt(path+".algorithm", fmt.Errorf("%s may not sign here: the parameter algorithms is %d", k.Algorithm, algorithms))
	}
	if err := CheckPublicKey(k.Algorithm, k.PublicKey); err != nil {
		return wrongAt(path+".public_key", err)
	}
	return nil
}
