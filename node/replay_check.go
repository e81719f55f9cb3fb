package node

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cometbft/cometbft/crypto/merkle"
	sm "github.com/cometbft/cometbft/state"
	cmttypes "github.com/cometbft/cometbft/types"

	"tradecredit/app"
	"tradecredit/types"
)

// Errors of a history that is not what two thirds of its validators signed. Each is one thing that is wrong with a block.
var (
	ErrBlockMalformed  = errors.New("the block is malformed, or its parts are not what its header says")
	ErrBlockOrder      = errors.New("the block does not have the height it should have")
	ErrBlockChain      = errors.New("the block is of another chain")
	ErrBlockLink       = errors.New("the block does not follow the one before it")
	ErrBlockTime       = errors.New("the time of the block is not the median of the votes before it")
	ErrBlockValidators = errors.New("the block is of other validators than those in force")
	ErrBlockProposer   = errors.New("the block was proposed by nobody in force")
	ErrCommit          = errors.New("the commit does not carry two thirds of the validators in force")
	ErrTransaction     = errors.New("the block holds a transaction that no honest validator lets in")
)

// tracker knows what the next header must say: it follows the chain as every node of the network does, from the genesis
// on, through the validators and versions that the application decides.
type tracker struct{ sm.State }

// newTracker begins with a genesis and the app hash that the application made of it.
func newTracker(doc *cmttypes.GenesisDoc, appHash types.Hash) (*tracker, error) {
	s, err := sm.MakeGenesisState(doc)
	if err != nil {
		return nil, fmt.Errorf("genesis: %w", err)
	}
	s.Version.Consensus.App = types.FirstAppVersion
	s.AppHash = appHash[:]
	s.LastResultsHash = merkle.HashFromByteSlices(nil)
	return &tracker{s}, nil
}

// structure checks all of a header that does not depend on what the block before it did: who made it, when, after which
// block. The commit in the block is left to VerifyCommit.
func (t *tracker) structure(b *cmttypes.Block) error {
	switch {
	case b.Height != t.LastBlockHeight+1:
		return fmt.Errorf("%w: %d, not %d", ErrBlockOrder, b.Height, t.LastBlockHeight+1)
	case b.ChainID != t.ChainID:
		return fmt.Errorf("%w: %q, not %q", ErrBlockChain, b.ChainID, t.ChainID)
	case !b.LastBlockID.Equals(t.LastBlockID):
		return fmt.Errorf("%w: it names %v, not %v", ErrBlockLink, b.LastBlockID, t.LastBlockID)
	case !bytes.Equal(b.ValidatorsHash, t.Validators.Hash()):
		return fmt.Errorf("%w: hash %X, not %X", ErrBlockValidators, b.ValidatorsHash, t.Validators.Hash())
	case !t.Validators.HasAddress(b.ProposerAddress):
		return fmt.Errorf("%w: %X", ErrBlockProposer, b.ProposerAddress)
	}
	return t.time(b)
}

// time holds the time of a block to the votes on the one before it.
func (t *tracker) time(b *cmttypes.Block) error {
	want := t.LastBlockTime // of the genesis
	if b.Height == t.InitialHeight {
		if n := len(b.LastCommit.Signatures); n > 0 {
			return fmt.Errorf("%w: the first block holds a commit with %d signatures", ErrCommit, n)
		}
	} else {
		if have, size := len(b.LastCommit.Signatures), t.LastValidators.Size(); have != size {
			return fmt.Errorf("%w: it has %d places, not %d", ErrCommit, have, size)
		}
		var err error
		if want, err = sm.MedianTime(b.LastCommit, t.LastValidators); err != nil {
			return fmt.Errorf("%w: %w", ErrCommit, err)
		}
		if !b.Time.After(t.LastBlockTime) {
			return fmt.Errorf("%w: %v, which is not after %v", ErrBlockTime, b.Time, t.LastBlockTime)
		}
	}
	if !b.Time.Equal(want) {
		return fmt.Errorf("%w: %v, not %v", ErrBlockTime, b.Time, want)
	}
	return nil
}

// What a header says about the outcome of the block before it.
const (
	sameAppHash    = "app_hash"
	sameResults    = "last_results_hash"
	sameValidator  = "next_validators_hash"
	sameAppVersion = "version.app"
	sameParameters = "consensus_hash"
)

// outcome compares a header with what the block before it came to, and names what differs.
func (t *tracker) outcome(h *cmttypes.Header) (differs []string) {
	if !bytes.Equal(h.AppHash, t.AppHash) {
		differs = append(differs, sameAppHash)
	}
	if !bytes.Equal(h.LastResultsHash, t.LastResultsHash) {
		differs = append(differs, sameResults)
	}
	if !bytes.Equal(h.NextValidatorsHash, t.NextValidators.Hash()) {
		differs = append(differs, sameValidator)
	}
	if h.Version.App != t.Version.Consensus.App {
		differs = append(differs, sameAppVersion)
	}
	if !bytes.Equal(h.ConsensusHash, t.ConsensusParams.Hash()) {
		differs = append(differs, sameParameters)
	}
	return differs
}

// passed is what holds after a block whatever it came to: enough for the structure of the next.
func (t *tracker) passed(b *checkedBlock) *tracker {
	s := t.State
	s.LastBlockHeight, s.LastBlockID, s.LastBlockTime = b.height, b.id, b.block.Time
	s.LastValidators, s.Validators = t.Validators, t.NextValidators
	return &tracker{s}
}

// after is what holds once a block was executed. It is what CometBFT makes of the application's answer.
func (t *tracker) after(b *checkedBlock, e *app.Executed) (*tracker, error) {
	s := t.passed(b).State
	next := t.NextValidators.Copy()
	changes, err := cmttypes.PB2TM.ValidatorUpdates(e.Response.ValidatorUpdates)
	if err != nil {
		return nil, fmt.Errorf("block %d: the application's change of validators: %w", b.height, err)
	}
	if len(changes) > 0 {
		if err := next.UpdateWithChangeSet(changes); err != nil {
			return nil, fmt.Errorf("block %d: the application's change of validators: %w", b.height, err)
		}
		s.LastHeightValidatorsChanged = b.height + 2
	}
	next.IncrementProposerPriority(1)
	s.NextValidators = next
	if p := e.Response.ConsensusParamUpdates; p != nil {
		s.ConsensusParams = s.ConsensusParams.Update(p)
		s.Version.Consensus.App = s.ConsensusParams.Version.App
		s.LastHeightConsensusParamsChanged = b.height + 1
	}
	s.AppHash, s.LastResultsHash = e.Response.AppHash, app.ResultsHash(app.ResultsOf(e.Response))
	return &tracker{s}, nil
}

// committed checks that the validators in force at a height signed its block.
func committed(chainID string, set *cmttypes.ValidatorSet, id cmttypes.BlockID, height int64, commit *cmttypes.Commit) error {
	if err := set.VerifyCommit(chainID, id, height, commit); err != nil {
		return fmt.Errorf("%w: block %d: %w", ErrCommit, height, err)
	}
	return nil
}
