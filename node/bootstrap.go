package node

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	cmtstate "github.com/cometbft/cometbft/proto/tendermint/state"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/store"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/cosmos/gogoproto/proto"
)

// A node that begins from a snapshot needs, beside the state of the application, what CometBFT would have after that height:
// its own state (validators, parameters, hashes) and the block of the height. With the block its stores are like those of any
// other node. (CometBFT's own way leaves the block out and notes the height instead; a node that ends before it has fetched
// its first block cannot start again then.)
//
// All of it is made in a folder of its own. When it is whole, the folder is marked and its parts are moved into data/; a
// process that ends in between goes on with moving when it starts again.

// Names of the scratch folder.
const (
	scratchName  = "joining"
	completeName = "complete"
)

// scratchParts are the folders that are moved into data/.
var scratchParts = []string{"state", "state.db", "blockstore.db"}

// scratch is the configuration of the folder in which a beginning is made.
func (c *Config) scratch() Config {
	s := *c
	s.Home = filepath.Join(c.DataDir(), scratchName)
	return s
}

func (c *Config) scratchDir() string { return filepath.Join(c.DataDir(), scratchName) }

// mustBeEmpty refuses a home that has a state or blocks.
func (c *Config) mustBeEmpty() error {
	for _, name := range scratchParts {
		path := filepath.Join(c.DataDir(), name)
		entries, err := os.ReadDir(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if len(entries) > 0 {
			return fmt.Errorf("%s exists: a node begins from a snapshot only with an empty data folder. Choose another home, or stop the node and "+
				"move the folder away (but keep %s, it goes with the validator key)", path, c.ValidatorStateFile())
		}
	}
	return nil
}

// isEmpty tells whether the home has neither state nor blocks.
func (c *Config) isEmpty() bool { return c.mustBeEmpty() == nil }

// beginScratch makes an empty scratch folder.
func beginScratch(c *Config) error {
	if err := c.mustBeEmpty(); err != nil {
		return err
	}
	s := c.scratch()
	return errors.Join(os.RemoveAll(c.scratchDir()), os.MkdirAll(s.DataDir(), secretDirMode))
}

// settle moves what is whole in the scratch folder into data/, and removes the folder. It may be called at any time, and goes
// on where an earlier call ended: nothing is moved over what is there.
func settle(c *Config) error {
	s := c.scratch()
	_, err := os.Stat(filepath.Join(c.scratchDir(), completeName))
	if errors.Is(err, fs.ErrNotExist) {
		return os.RemoveAll(c.scratchDir())
	}
	if err != nil {
		return err
	}
	for _, name := range scratchParts {
		from, to := filepath.Join(s.DataDir(), name), filepath.Join(c.DataDir(), name)
		if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
			continue // moved already, or none
		}
		if err := os.Rename(from, to); err != nil {
			return err
		}
	}
	if err := syncDir(c.DataDir()); err != nil {
		return err
	}
	return os.RemoveAll(c.scratchDir())
}

// complete marks the scratch folder as whole and settles it.
func complete(c *Config) error {
	if err := writeNew(filepath.Join(c.scratchDir(), completeName), nil); err != nil {
		return err
	}
	if err := errors.Join(syncDir(c.scratchDir()), syncDir(c.DataDir())); err != nil {
		return err
	}
	return settle(c)
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// beginning is what CometBFT needs to go on after a height.
type beginning struct {
	state  sm.State // after the block
	block  *cmttypes.Block
	commit *cmttypes.Commit // on the block
}

// check holds the parts to each other and to the genesis. Whether the block was decided, and the app hash is that of the state
// after it, is for others to know.
func (b *beginning) check(genesis *cmttypes.GenesisDoc) error {
	s := &b.state
	if s.ChainID != genesis.ChainID {
		return fmt.Errorf("it is of the chain %q, the genesis of %q", s.ChainID, genesis.ChainID)
	}
	if s.LastBlockHeight != b.block.Height || b.commit.Height != b.block.Height {
		return fmt.Errorf("block %d, its commit (%d) and the state (%d) are of different heights", b.block.Height, b.commit.Height, s.LastBlockHeight)
	}
	parts, err := b.block.MakePartSet(cmttypes.BlockPartSizeBytes)
	if err != nil {
		return err
	}
	id := cmttypes.BlockID{Hash: b.block.Hash(), PartSetHeader: parts.Header()}
	if !id.Equals(s.LastBlockID) || !id.Equals(b.commit.BlockID) {
		return fmt.Errorf("block %d is not the one that was committed", b.block.Height)
	}
	if err := b.block.ValidateBasic(); err != nil {
		return err
	}
	if !bytes.Equal(s.LastValidators.Hash(), b.block.ValidatorsHash) || !bytes.Equal(s.Validators.Hash(), b.block.NextValidatorsHash) {
		return fmt.Errorf("the validators are not those of block %d", b.block.Height)
	}
	return s.LastValidators.VerifyCommitLight(s.ChainID, s.LastBlockID, b.block.Height, b.commit)
}

// write makes CometBFT's stores of a data folder that has none.
func (b *beginning) write(dataDir string, logger *slog.Logger) (err error) {
	stores := newEngineStores(dataDir, logger)
	defer func() { err = errors.Join(err, stores.close(0)) }()
	states, err := stores.get("state")
	if err != nil {
		return err
	}
	blocks, err := stores.get("blockstore")
	if err != nil {
		return err
	}
	parts, err := b.block.MakePartSet(cmttypes.BlockPartSizeBytes)
	if err != nil {
		return err
	}
	if err := sm.NewStore(states, sm.StoreOptions{}).Bootstrap(b.state); err != nil {
		return err
	}
	store.NewBlockStore(blocks).SaveBlock(b.block, parts, b.commit)
	return nil
}

// beginningAt reads from the stores what another node needs to go on after a height; errNoHeader if the next height is not
// there yet.
func (c *chain) beginningAt(height int64) (*beginning, error) {
	next := c.blocks.LoadBlockMeta(height + 1)
	b := &beginning{block: c.blocks.LoadBlock(height), commit: c.blocks.LoadBlockCommit(height)}
	if next == nil || b.block == nil || b.commit == nil {
		return nil, fmt.Errorf("%w: heights %d and %d", errNoHeader, height, height+1)
	}
	meta := c.blocks.LoadBlockMeta(height)
	params, err := c.states.LoadConsensusParams(height + 1)
	if err != nil {
		return nil, err
	}
	b.state = sm.State{
		Version: cmtstate.Version{Consensus: next.Header.Version, Software: sm.InitStateVersion.Software},
		ChainID: meta.Header.ChainID, InitialHeight: 1,
		LastBlockHeight: height, LastBlockID: meta.BlockID, LastBlockTime: meta.Header.Time,
		LastHeightValidatorsChanged: height + 2, ConsensusParams: params, LastHeightConsensusParamsChanged: height + 1,
		LastResultsHash: next.Header.LastResultsHash, AppHash: next.Header.AppHash,
	}
	for i, set := range []**cmttypes.ValidatorSet{&b.state.LastValidators, &b.state.Validators, &b.state.NextValidators} {
		if *set, err = c.states.LoadValidators(height + int64(i)); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// marshal encodes the parts for files.
func (b *beginning) marshal() (state, block, commit []byte, err error) {
	ps, err := b.state.ToProto()
	if err != nil {
		return nil, nil, nil, err
	}
	if state, err = ps.Marshal(); err != nil {
		return nil, nil, nil, err
	}
	pb, err := b.block.ToProto()
	if err != nil {
		return nil, nil, nil, err
	}
	if block, err = pb.Marshal(); err != nil {
		return nil, nil, nil, err
	}
	commit, err = b.commit.ToProto().Marshal()
	return state, block, commit, err
}

// unmarshalBeginning undoes marshal. The bytes may be anybody's.
func unmarshalBeginning(state, block, commit []byte) (b *beginning, err error) {
	defer func() {
		if r := recover(); r != nil { // CometBFT's set arithmetic panics on what it takes for a bug of its caller
			b, err = nil, fmt.Errorf("the engine's part cannot be read: %v", r)
		}
	}()
	b = new(beginning)
	ps := new(cmtstate.State)
	if err := ps.Unmarshal(state); err != nil {
		return nil, err
	}
	s, err := sm.FromProto(ps)
	if err != nil {
		return nil, err
	}
	b.state = *s
	if b.block, err = unmarshalBlock(block); err != nil {
		return nil, err
	}
	pc := new(cmtproto.Commit)
	if err := proto.Unmarshal(commit, pc); err != nil {
		return nil, err
	}
	b.commit, err = cmttypes.CommitFromProto(pc)
	return b, err
}

func unmarshalBlock(b []byte) (*cmttypes.Block, error) {
	pb := new(cmtproto.Block)
	if err := pb.Unmarshal(b); err != nil {
		return nil, err
	}
	return cmttypes.BlockFromProto(pb)
}
