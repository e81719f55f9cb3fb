package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tradecredit/node"
	"tradecredit/types"
)

// simulationNotice is shown with every answer of a simulated network unless --notice says otherwise.
const simulationNotice = "Simulation: institutions, keys and signatures are made up."

// councilKeyID is the id of the first key of a council member that --council makes.
const councilKeyID = "council-1"

// network says what 'ledgerd init' begins or joins.
type network struct {
	chainID, genesisFile, stateFile string
	currency, jurisdiction, notice  string
	council                         []string
	simulation                      bool
	dayOffset                       time.Duration
}

func newInit() *cobra.Command {
	var n network
	c := &cobra.Command{
		Use:   "init",
		Short: "Make the home of a node: folders, keys, settings, genesis",
		Long: "init makes a home that does not exist yet: a node key, a validator key, config/ledgerd.toml with the settings given as flags, and the genesis. " +
			"Nothing is ever overwritten.\n\n" +
			"To join a network, give its genesis with --genesis. To begin one with this node as its only validator, give --chain-id and either\n" +
			"  --state FILE            members and parameters as JSON (the app_state of a genesis), or\n" +
			"  --council ID=PUBLICKEY  a council member and its ed25519 key in hexadecimal, once for each.\n" +
			"Further members, validators and parameters are voted in by the council.",
		Example: "  ledgerd init --chain-id trade-1 --council council-1=3d40…660c --base-currency USD --jurisdiction CN\n" +
			"  ledgerd init --chain-id trade-test --state members.json --moniker 'Bank A' --home ./node-a\n" +
			"  ledgerd init --genesis genesis.json --p2p.persistent_peers <node id>@10.0.0.1:26656",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runInit(c, n) },
	}
	f := c.Flags()
	f.StringVar(&n.chainID, "chain-id", "", "name of the network, for ever; 1 to 50 characters A-Z a-z 0-9 . _ -")
	f.StringVar(&n.genesisFile, "genesis", "", "genesis file of the network to join")
	f.StringVar(&n.stateFile, "state", "", "file with the members and parameters that a new network begins with")
	f.StringArrayVar(&n.council, "council", nil, "ID=PUBLICKEY of a council member of a new network; may be repeated")
	f.StringVar(&n.currency, "base-currency", "", "ISO 4217 code of the currency of all sums of a new network, for ever (with --council)")
	f.StringVar(&n.jurisdiction, "jurisdiction", "", "ISO 3166 code of the place where the council members are established, such as CN or CN-GD (with --council)")
	f.DurationVar(&n.dayOffset, "day-offset", 0, "what is added to UTC to get the civil day of a new network, for ever, such as 8h (with --council)")
	f.BoolVar(&n.simulation, "simulation", false, "the network is a simulation; every answer and report will say so (with --council)")
	f.StringVar(&n.notice, "notice", "", "sentence that goes with every answer of the network (with --council)")
	addSettings(c)
	return c
}

func runInit(c *cobra.Command, n network) error {
	home, err := homeOf(c)
	if err != nil {
		return err
	}
	cfg := node.Default(home)
	if err := cfg.Apply(givenSettings(c)); err != nil {
		return err
	}
	if err := cfg.Validate(); err != nil {
		return err
	}
	if err := n.check(); err != nil {
		return err
	}
	joined, first, err := n.read() // before anything is written
	if err != nil {
		return err
	}
	identity, err := node.CreateHome(cfg)
	if err != nil {
		return err
	}
	if joined == nil {
		validator := node.Validator{Name: cfg.Moniker, Key: identity.ValidatorKey}
		if joined, err = node.Genesis(n.chainID, time.Now(), []node.Validator{validator}, first); err != nil {
			return err
		}
	}
	if err := node.WriteGenesis(cfg, joined); err != nil {
		return err
	}
	out := c.OutOrStdout()
	_, made := fmt.Fprintf(out, "Made %s\n\n", home)
	shown := printIdentity(out, identity)
	_, next := fmt.Fprintf(out, "\nSettings: %s\nNext:     ledgerd start --home %s\n", cfg.File(), home)
	return errors.Join(made, shown, next)
}

// check refuses flags that contradict each other, and says what is missing.
func (n *network) check() error {
	ways := 0
	for _, given := range []bool{n.genesisFile != "", n.stateFile != "", len(n.council) > 0} {
		if given {
			ways++
		}
	}
	switch {
	case ways == 0:
		return errors.New("which network? Give --genesis FILE to join one, or --chain-id with --state FILE or --council ID=PUBLICKEY to begin one")
	case ways > 1:
		return errors.New("--genesis, --state and --council exclude each other: join a network or begin one")
	case n.genesisFile != "" && n.chainID != "":
		return errors.New("--chain-id stands in the genesis already; leave it out")
	case n.genesisFile == "" && n.chainID == "":
		return errors.New("--chain-id is missing: the name of the new network, such as trade-1")
	case len(n.council) == 0 && (n.currency != "" || n.notice != "" || n.jurisdiction != "" || n.simulation || n.dayOffset != 0):
		return errors.New("--base-currency, --jurisdiction, --day-offset, --simulation and --notice go with --council; otherwise the file says it")
	case len(n.council) > 0 && n.currency == "":
		return errors.New("--base-currency is missing: the ISO 4217 code of the currency of all sums, such as USD; it cannot be changed later")
	case len(n.council) > 0 && n.jurisdiction == "":
		return errors.New("--jurisdiction is missing: the ISO 3166 code of the place where the council members are established, such as CN")
	}
	return nil
}

// read gives the genesis to join, or the state to begin with.
func (n *network) read() (joined []byte, first *types.Genesis, err error) {
	switch {
	case n.genesisFile != "":
		if joined, err = os.ReadFile(n.genesisFile); err != nil {
			return nil, nil, fmt.Errorf("--genesis: %w", err)
		}
		return joined, nil, node.CheckGenesis(joined)
	case n.stateFile != "":
		text, err := os.ReadFile(n.stateFile)
		if err != nil {
			return nil, nil, fmt.Errorf("--state: %w", err)
		}
		if first, err = types.ParseGenesis(text); err != nil {
			return nil, nil, fmt.Errorf("--state %s: %w", n.stateFile, err)
		}
	default:
		if first, err = n.councilState(); err != nil {
			return nil, nil, err
		}
	}
	return nil, first, first.Validate(n.chainID)
}

// councilState is the state of a network that has a council and nothing else. Each member is its own control group, and its
// legal name is its id until the council says otherwise.
func (n *network) councilState() (*types.Genesis, error) {
	g := &types.Genesis{
		BaseCurrency: n.currency, DayOffsetS: int64(n.dayOffset / time.Second), Simulation: n.simulation, Notice: n.notice,
	}
	if g.Simulation && g.Notice == "" {
		g.Notice = simulationNotice
	}
	for _, s := range n.council {
		id, text, ok := strings.Cut(s, "=")
		key, err := hex.DecodeString(text)
		if !ok || err != nil || len(key) != 32 {
			return nil, fmt.Errorf("--council %q must be ID=PUBLICKEY with the 32 bytes of an ed25519 key in hexadecimal ('ledgerctl keys show' prints it)", s)
		}
		name := sha256.Sum256([]byte(id))
		g.Members = append(g.Members, types.GenesisMember{
			ID: id, ControlGroup: id, Jurisdiction: n.jurisdiction, NameDigest: name[:], Roles: []types.Role{types.Role_COUNCIL},
			Keys: []types.GenesisKey{{ID: councilKeyID, Role: types.Role_COUNCIL, Algorithm: types.Algorithm_ED25519, PublicKey: key}},
		})
	}
	slices.SortFunc(g.Members, func(a, b types.GenesisMember) int { return strings.Compare(a.ID, b.ID) })
	return g, nil
}
