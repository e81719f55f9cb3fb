package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	cmttypes "github.com/cometbft/cometbft/types"

	"tradecredit/types"
)

// Consensus parameters of a new network.
const (
	blockMaxBytes    = 2 << 20
	evidenceMaxBytes = 64 << 10
	// evidenceDuration is longer than any client trusts a header (14 days), so that whoever fools a client can still be shown up.
	evidenceDuration = 21 * 24 * time.Hour
	evidenceBlocks   = int64(evidenceDuration / time.Second) // at one block a second; both bounds must pass
	validatorPower   = 10
)

// Validator is one signer of blocks in a genesis.
type Validator struct {
	Name string
	Key  []byte // ed25519 public key, 32 bytes
}

// Genesis is the file that a network begins with, the same on all nodes: validators, the parameters of consensus, and the
// application's first state, which is validated. Validators have the powers that the first state lists, which must then
// list just these; else they have equal power. The same arguments give the same bytes on every machine.
func Genesis(chainID string, at time.Time, validators []Validator, first *types.Genesis) ([]byte, error) {
	if err := first.Validate(chainID); err != nil {
		return nil, err
	}
	appState, err := json.Marshal(first)
	if err != nil {
		return nil, err
	}
	params := cmttypes.DefaultConsensusParams()
	params.Block = cmttypes.BlockParams{MaxBytes: blockMaxBytes, MaxGas: -1}
	params.Evidence = cmttypes.EvidenceParams{
		MaxAgeNumBlocks: evidenceBlocks, MaxAgeDuration: evidenceDuration, MaxBytes: evidenceMaxBytes,
	}
	doc := cmttypes.GenesisDoc{
		ChainID: chainID, GenesisTime: at.UTC().Truncate(time.Millisecond), InitialHeight: 1, ConsensusParams: params, AppState: appState,
	}
	for _, v := range validators {
		if len(v.Key) != ed25519.PubKeySize {
			return nil, fmt.Errorf("the key of validator %q has %d bytes, not %d", v.Name, len(v.Key), ed25519.PubKeySize)
		}
		key, power := ed25519.PubKey(v.Key), int64(validatorPower)
		for _, listed := range first.Validators {
			if bytes.Equal(listed.PublicKey, v.Key) {
				power = listed.Power
			}
		}
		doc.Validators = append(doc.Validators, cmttypes.GenesisValidator{Address: key.Address(), PubKey: key, Power: power, Name: v.Name})
	}
	if len(doc.Validators) == 0 {
		return nil, errors.New("a network needs at least one validator")
	}
	if err := doc.ValidateAndComplete(); err != nil {
		return nil, fmt.Errorf("genesis: %w", err)
	}
	if err := sameValidators(doc.Validators, first.Validators); err != nil {
		return nil, err
	}
	return cmtjson.MarshalIndent(&doc, "", "  ")
}

// CheckGenesis tells whether a network can begin with this genesis.
func CheckGenesis(text []byte) error {
	_, err := parseGenesis(text)
	return err
}

// WriteGenesis puts a genesis into a home that has none.
func WriteGenesis(c Config, text []byte) error {
	if err := CheckGenesis(text); err != nil {
		return err
	}
	return writeNew(c.GenesisFile(), text)
}

// readGenesis reads the genesis of a home.
func readGenesis(c *Config) (*cmttypes.GenesisDoc, error) {
	text, err := os.ReadFile(c.GenesisFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing: put the genesis of the network you join there (every member has it)", c.GenesisFile())
	}
	if err != nil {
		return nil, err
	}
	doc, err := parseGenesis(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.GenesisFile(), err)
	}
	return doc, nil
}

// parseGenesis reads and checks a genesis, the application's part included.
func parseGenesis(text []byte) (*cmttypes.GenesisDoc, error) {
	doc, err := cmttypes.GenesisDocFromJSON(text)
	if err != nil {
		return nil, fmt.Errorf("genesis cannot be read: %w", err)
	}
	for _, v := range doc.Validators {
		if _, ok := v.PubKey.(ed25519.PubKey); !ok {
			return nil, fmt.Errorf("genesis: the key of validator %q is not ed25519", v.Name)
		}
	}
	switch p := doc.ConsensusParams; {
	case p.Block.MaxBytes < maxTxBytes:
		return nil, fmt.Errorf("genesis: blocks of %d bytes cannot hold a transaction of %d", p.Block.MaxBytes, maxTxBytes)
	case p.ABCI.VoteExtensionsEnableHeight != 0:
		return nil, errors.New("genesis: vote extensions are not part of this ledger")
	case doc.InitialHeight != 1:
		return nil, fmt.Errorf("genesis: the first height must be 1, not %d", doc.InitialHeight)
	}
	first, err := types.ParseGenesis(doc.AppState)
	if err != nil {
		return nil, err
	}
	if err := first.Validate(doc.ChainID); err != nil {
		return nil, err
	}
	return doc, sameValidators(doc.Validators, first.Validators)
}

// sameValidators refuses a genesis whose two lists of validators differ: CometBFT's, and that of the first state if it has
// one.
func sameValidators(engine []cmttypes.GenesisValidator, listed []types.GenesisValidator) error {
	if len(listed) == 0 {
		return nil
	}
	if len(engine) != len(listed) {
		return fmt.Errorf("genesis: validators lists %d keys, app_state.validators %d: they must be the same", len(engine), len(listed))
	}
	for i, v := range listed {
		n := slices.IndexFunc(engine, func(e cmttypes.GenesisValidator) bool { return bytes.Equal(e.PubKey.Bytes(), v.PublicKey) })
		if n < 0 {
			return fmt.Errorf("genesis: app_state.validators[%d]: %x is not among the validators beside app_state", i, v.PublicKey)
		}
		if engine[n].Power != v.Power {
			return fmt.Errorf("genesis: app_state.validators[%d]: power %d, but %d beside app_state", i, v.Power, engine[n].Power)
		}
	}
	return nil
}

// genesisRow is where CometBFT's state store keeps the genesis that a home began with.
var genesisRow = []byte("genesisDoc")

// sameGenesis refuses a genesis file that is not the one this home began with: CometBFT would go on with the old one and
// say nothing.
func sameGenesis(c *Config, doc *cmttypes.GenesisDoc, stores *engineStores) error {
	state, err := stores.get("state")
	if err != nil {
		return err
	}
	began, err := state.Get(genesisRow)
	if err != nil || began == nil {
		return err
	}
	now, err := cmtjson.Marshal(doc)
	if err != nil {
		return err
	}
	if !bytes.Equal(began, now) {
		return fmt.Errorf("%s is not the genesis that %s began with: put the old one back, or begin with an empty data folder "+
			"(keep %s, it goes with the validator key)", c.GenesisFile(), c.DataDir(), c.ValidatorStateFile())
	}
	return nil
}
