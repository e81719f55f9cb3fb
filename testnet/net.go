package testnet

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tradecredit/node"
	"tradecredit/types"
)

// Seat is a member that stands in the genesis, with its keys.
type Seat struct {
	ID           string
	Jurisdiction string
	Roles        []types.Role // ascending; one key each, its id the role's name in lower case
}

// operate gives a seat the OPERATOR role.
func (s *Seat) operate() {
	if !slices.Contains(s.Roles, types.Role_OPERATOR) {
		s.Roles = append(slices.Clone(s.Roles), types.Role_OPERATOR)
		slices.Sort(s.Roles)
	}
}

// Plan says what network to make on this machine.
type Plan struct {
	Dir          string // its homes are Dir/node0 …
	ChainID      string
	BaseCurrency string
	DayOffsetS   int64  // what is added to UTC to get the civil day
	Validators   int    // node i is run by seat i, by turns; who runs one gets the OPERATOR role
	FirstPort    int    // four ports a node from here on; 0: free ports below the ephemeral range
	API          string // address of node 0's API; empty: from FirstPort
	Notice       string // not empty: a simulation
	Seats        []Seat
	Parameters   []types.GenesisParameter
	Tweak        func(i int, c *node.Config) // last word on a node's configuration; may be nil
}

// Network is what Make made: homes on disk, nothing running.
type Network struct {
	Plan    Plan
	Configs []node.Config
	Genesis []byte         // the file
	State   *types.Genesis // what the application makes of it
	Keys    Keyring
}

// validatorPower is the same for all validators of a network.
const validatorPower = 10

// Keyring holds signing keys by holder and key id.
type Keyring map[string]*types.SigningKey

// Put makes a new key and keeps it.
func (k Keyring) Put(holder, id string) (*types.SigningKey, error) {
	key, err := types.GenerateSigningKey()
	if err != nil {
		return nil, err
	}
	k[holder+"/"+id] = key
	return key, nil
}

// Get returns a key that Put made; it panics when there is none, which is a mistake of the caller.
func (k Keyring) Get(holder, id string) *types.SigningKey {
	key := k[holder+"/"+id]
	if key == nil {
		panic(fmt.Sprintf("testnet: no key %s/%s", holder, id))
	}
	return key
}

// KeyID is the id that seats give the key of a role: its name in lower case.
func KeyID(r types.Role) string { return strings.ToLower(r.String()) }

// Make writes the homes and the genesis of a new network. The folder must be empty or missing.
func Make(p Plan) (*Network, error) {
	if len(p.Seats) == 0 {
		return nil, errors.New("testnet: a network needs members")
	}
	p.Seats = slices.Clone(p.Seats)
	for i := range min(p.Validators, len(p.Seats)) {
		p.Seats[i].operate()
	}
	n := &Network{Plan: p, Keys: Keyring{}}
	seats, err := n.seats()
	if err != nil {
		return nil, err
	}
	n.State = &types.Genesis{
		BaseCurrency: p.BaseCurrency, DayOffsetS: p.DayOffsetS, Simulation: p.Notice != "", Notice: p.Notice, Parameters: p.Parameters, Members: seats,
	}
	var validators []node.Validator
	var peers []string
	for i := range p.Validators {
		c, err := p.config(i)
		if err != nil {
			return nil, err
		}
		id, err := node.CreateHome(c)
		if err != nil {
			return nil, err
		}
		validators = append(validators, node.Validator{Name: c.Moniker, Key: id.ValidatorKey})
		n.State.Validators = append(n.State.Validators, types.GenesisValidator{
			PublicKey: id.ValidatorKey, Power: validatorPower, Member: p.Seats[i%len(p.Seats)].ID,
		})
		peers = append(peers, id.NodeID+"@"+c.P2P.Laddr)
		n.Configs = append(n.Configs, c)
	}
	slices.SortFunc(n.State.Validators, func(a, b types.GenesisValidator) int { return bytes.Compare(a.PublicKey, b.PublicKey) })
	if n.Genesis, err = node.Genesis(p.ChainID, time.Now(), validators, n.State); err != nil {
		return nil, err
	}
	for i := range n.Configs {
		c := &n.Configs[i]
		c.P2P.PersistentPeers = slices.Delete(slices.Clone(peers), i, i+1)
		if err := os.WriteFile(c.File(), c.Text(), 0o600); err != nil {
			return nil, err
		}
		if err := node.WriteGenesis(*c, n.Genesis); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// seats makes the keys of the genesis members.
func (n *Network) seats() ([]types.GenesisMember, error) {
	var out []types.GenesisMember
	for _, s := range n.Plan.Seats {
		name := sha256.Sum256([]byte(s.ID))
		m := types.GenesisMember{
			ID: s.ID, ControlGroup: "group-" + s.ID, Jurisdiction: s.Jurisdiction, NameDigest: name[:], Roles: s.Roles,
		}
		for _, r := range s.Roles {
			key, err := n.Keys.Put(s.ID, KeyID(r))
			if err != nil {
				return nil, err
			}
			m.Keys = append(m.Keys, types.GenesisKey{
				ID: KeyID(r), Role: r, Algorithm: key.Algorithm(), PublicKey: key.PublicKey(),
			})
		}
		slices.SortFunc(m.Keys, func(a, b types.GenesisKey) int { return strings.Compare(a.ID, b.ID) })
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b types.GenesisMember) int { return strings.Compare(a.ID, b.ID) })
	return out, nil
}

// config is the configuration of node i: loopback addresses only.
func (p *Plan) config(i int) (node.Config, error) {
	c := node.Default(filepath.Join(p.Dir, fmt.Sprintf("node%d", i)))
	c.Moniker = fmt.Sprintf("node%d", i)
	addresses := []*string{&c.P2P.Laddr, &c.RPC.Laddr, &c.API.Laddr, &c.Metrics.Laddr}
	for j, a := range addresses {
		port := p.FirstPort + 4*i + j
		if p.FirstPort == 0 {
			var err error
			if port, err = FreePort(); err != nil {
				return c, err
			}
		}
		*a = fmt.Sprintf("127.0.0.1:%d", port)
	}
	if i == 0 && p.API != "" {
		c.API.Laddr = p.API
	}
	c.P2P.LocalNetwork = true
	if p.Tweak != nil {
		p.Tweak(i, &c)
	}
	return c, c.Validate()
}

// nextPort hands out ports below the kernel's ephemeral range, where an outgoing connection could take one between asking
// and listening.
var nextPort = 10000 + os.Getpid()*37%15000

// FreePort returns a loopback port that was free a moment ago, another one each time.
func FreePort() (int, error) {
	for range 5000 {
		nextPort++
		if nextPort >= 30000 {
			nextPort = 10000
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", nextPort))
		if err == nil {
			return nextPort, l.Close()
		}
	}
	return 0, errors.New("no free port between 10000 and 30000")
}

// Free tells whether an address can be listened on; the error says why not.
func Free(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	return l.Close()
}
