package node

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tradecredit/types"
)

// Founding is what a council agrees on before a network begins: who is a member, with which keys and roles, who runs the
// validators, and the constants and parameters. It is read from the council's document or from the genesis file that was
// made of it.
type Founding struct {
	ChainID string
	Time    time.Time      // of the genesis, UTC
	State   *types.Genesis // what the application begins with; valid
	Names   []string       // legal names as the document has them, beside State.Members; none from a genesis file
	File    []byte         // the genesis file
	Digest  types.Hash     // SHA-256 of File: what the seats of the council sign
	Usual   bool           // File is what this program makes of what it says; else it has parameters of consensus of its own
}

// ReadFounding reads a council's document (TOML, see 'ledgerd genesis example') or a genesis file (JSON). The error lists
// everything that is wrong, each line with its path and what to do. The same document gives the same file on every machine.
func ReadFounding(text []byte) (*Founding, error) {
	f := &Founding{}
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		doc, err := parseGenesis(text)
		if err != nil {
			return nil, err
		}
		f.ChainID, f.Time, f.File = doc.ChainID, doc.GenesisTime.UTC(), text
		if f.State, err = types.ParseGenesis(doc.AppState); err != nil {
			return nil, err
		}
		var validators []Validator
		for _, v := range doc.Validators {
			validators = append(validators, Validator{Name: v.Name, Key: v.PubKey.Bytes()})
		}
		usual, err := Genesis(f.ChainID, f.Time, validators, f.State)
		f.Usual = err == nil && bytes.Equal(usual, text)
	} else if err := f.readDocument(text); err != nil {
		return nil, err
	}
	r := &documentReader{}
	f.checkShares(r)
	if err := r.failed(); err != nil {
		return nil, err
	}
	f.Digest = sha256.Sum256(f.File)
	return f, nil
}

// readDocument reads the council's document and makes the genesis file of it.
func (f *Founding) readDocument(text []byte) error {
	r := &documentReader{}
	tree := r.parse(text)
	if tree == nil {
		return r.failed()
	}
	f.fromDocument(r, r.read("", tree, documentFields))
	if err := r.failed(); err != nil {
		return err
	}
	if err := f.State.Validate(f.ChainID); err != nil {
		return err
	}
	var validators []Validator
	for _, v := range f.State.Validators {
		validators = append(validators, Validator{Name: v.Member, Key: v.PublicKey})
	}
	var err error
	f.File, err = Genesis(f.ChainID, f.Time, validators, f.State)
	f.Usual = true
	return err
}

// sort brings everything into the order of the chain, whatever the order of the document.
func (f *Founding) sort() {
	g := f.State
	slices.SortFunc(g.Parameters, func(a, b types.GenesisParameter) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(g.Validators, func(a, b types.GenesisValidator) int { return bytes.Compare(a.PublicKey, b.PublicKey) })
	names := map[string]string{}
	for i := range g.Members {
		m := &g.Members[i]
		names[m.ID] = f.Names[i]
		slices.Sort(m.Roles)
		slices.SortFunc(m.Keys, func(a, b types.GenesisKey) int { return strings.Compare(a.ID, b.ID) })
	}
	slices.SortFunc(g.Members, func(a, b types.GenesisMember) int { return strings.Compare(a.ID, b.ID) })
	for i := range g.Members {
		f.Names[i] = names[g.Members[i].ID]
	}
}

// Seats are the members with a governance seat: those with a COUNCIL key, by id.
func (f *Founding) Seats() []string {
	var out []string
	for i := range f.State.Members {
		m := &f.State.Members[i]
		if slices.ContainsFunc(m.Keys, func(k types.GenesisKey) bool { return k.Role == types.Role_COUNCIL }) {
			out = append(out, m.ID)
		}
	}
	return out
}

// Quorum is how many seats decide, ⌈2n/3⌉ of all.
func (f *Founding) Quorum() int { return (2*len(f.Seats()) + 2) / 3 }

// Share is what a control group holds of the power to decide on blocks.
type Share struct {
	Group      string
	Validators int
	Power      int64
}

// Shares are the control groups that run validators, the strongest first, and the sum of all power. There are none if the
// genesis does not say who runs its validators.
func (f *Founding) Shares() (shares []Share, total int64) {
	for _, v := range f.State.Validators {
		group := f.State.MemberNamed(v.Member).ControlGroup
		i := slices.IndexFunc(shares, func(s Share) bool { return s.Group == group })
		if i < 0 {
			i = len(shares)
			shares = append(shares, Share{Group: group})
		}
		shares[i].Validators++
		shares[i].Power += v.Power
		total += v.Power
	}
	slices.SortFunc(shares, func(a, b Share) int {
		if a.Power != b.Power {
			return int(b.Power - a.Power)
		}
		return strings.Compare(a.Group, b.Group)
	})
	return shares, total
}

// FewValidators is the number below which no rule can keep one group from stopping the network.
const FewValidators = 4

// checkShares: from four validators on, no control group has a third of the power; it could stop the network alone.
func (f *Founding) checkShares(r *documentReader) {
	if len(f.State.Validators) < FewValidators {
		return
	}
	shares, total := f.Shares()
	for _, s := range shares {
		if 3*s.Power >= total {
			r.wrong("validator", fmt.Sprintf("control group %s holds %d of %d of the power, a third or more, and could stop the network alone; "+
				"give its validators less than %d together, or others more", s.Group, s.Power, total, (total+2)/3))
		}
	}
}

// foundingJSON is a Founding for machines.
type foundingJSON struct {
	ChainID string     `json:"chain_id"`
	Time    time.Time  `json:"genesis_time"`
	Digest  string     `json:"sha256"`
	Usual   bool       `json:"usual_consensus_parameters"`
	Seats   []string   `json:"council_seats"`
	Quorum  int        `json:"quorum"`
	Groups  []shareRow `json:"validator_power"`
}

type shareRow struct {
	Group      string `json:"control_group"`
	Validators int    `json:"validators"`
	Power      int64  `json:"power"`
}

// MarshalJSON tells the digest, the council and the shares of the control groups.
func (f *Founding) MarshalJSON() ([]byte, error) {
	out := foundingJSON{ChainID: f.ChainID, Time: f.Time, Digest: f.Digest.String(), Usual: f.Usual, Seats: f.Seats(), Quorum: f.Quorum(), Groups: []shareRow{}}
	shares, _ := f.Shares()
	for _, s := range shares {
		out.Groups = append(out.Groups, shareRow(s))
	}
	return json.Marshal(out)
}
