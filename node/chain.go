package node

import (
	"errors"
	"fmt"
	"sync"
	"time"

	cmtnode "github.com/cometbft/cometbft/node"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/store"
	cmttypes "github.com/cometbft/cometbft/types"

	"tradecredit/app/state"
)

// Errors of reads, beside those of package state.
var (
	// errNoHeader: there is no block at the height yet, or none any more.
	errNoHeader = errors.New("no block is kept at this height")
	// errNothingProvable: no block follows the first committed one yet.
	errNothingProvable = errors.New("nothing can be proved before the second block")
)

// chain reads the stores of a running node. None of its methods asks the consensus state.
type chain struct {
	state  *state.DB
	blocks *store.BlockStore
	states sm.Store
	engine *cmtnode.Node
	lights *lightCache
}

// lightsKept is how many light blocks are kept encoded: most readers ask for the newest.
const lightsKept = 8

// lightCache keeps the light blocks that were asked for last. A light block never changes in what it proves.
type lightCache struct {
	mu   sync.Mutex
	ring [lightsKept]struct {
		height int64
		block  []byte
	}
	next int
}

func (l *lightCache) get(height int64) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.ring {
		if l.ring[i].height == height {
			return l.ring[i].block
		}
	}
	return nil
}

func (l *lightCache) put(height int64, block []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring[l.next].height, l.ring[l.next].block = height, block
	l.next = (l.next + 1) % lightsKept
}

// provable is the newest height whose state can be proved: its app hash stands in the header of the next.
func (c *chain) provable() (int64, error) {
	h := min(c.state.Head().Height, c.blocks.Height()-1)
	if h < 1 {
		return 0, errNothingProvable
	}
	return h, nil
}

// lightBlock is the header of a height, the commit on it and the validators that signed, encoded as CometBFT's LightBlock;
// errNoHeader if the height is not there. The caller must not change it.
func (c *chain) lightBlock(height int64) ([]byte, error) {
	if block := c.lights.get(height); block != nil {
		return block, nil
	}
	block, err := c.loadLightBlock(height, withoutTurns)
	if err == nil {
		c.lights.put(height, block)
	}
	return block, err
}

// lightBlockWithTurns is lightBlock with the validators' turns as proposers, for a node that joins: nobody signs them, and it
// must have the same.
func (c *chain) lightBlockWithTurns(height int64) ([]byte, error) {
	return c.loadLightBlock(height, func(set *cmttypes.ValidatorSet) *cmttypes.ValidatorSet { return set })
}

func (c *chain) loadLightBlock(height int64, show func(*cmttypes.ValidatorSet) *cmttypes.ValidatorSet) ([]byte, error) {
	meta := c.blocks.LoadBlockMeta(height)
	if meta == nil {
		return nil, fmt.Errorf("%w: height %d, kept are %d to %d", errNoHeader, height, c.blocks.Base(), c.blocks.Height())
	}
	// The canonical commit of a height comes with the next block; for the newest there is what this node saw.
	commit := c.blocks.LoadBlockCommit(height)
	if commit == nil {
		commit = c.blocks.LoadSeenCommit(height)
	}
	if commit == nil {
		return nil, fmt.Errorf("%w: height %d has no commit", errNoHeader, height)
	}
	validators, err := c.states.LoadValidators(height)
	if err != nil {
		return nil, fmt.Errorf("%w: the validators of height %d: %w", errNoHeader, height, err)
	}
	block := cmttypes.LightBlock{
		SignedHeader: &cmttypes.SignedHeader{Header: &meta.Header, Commit: commit}, ValidatorSet: show(validators),
	}
	var p *cmtproto.LightBlock
	if p, err = block.ToProto(); err != nil {
		return nil, err
	}
	return p.Marshal()
}

// withoutTurns drops the validators' turns as proposers, which no signature covers: clients accept nothing that nobody signed,
// and every node answers the same.
func withoutTurns(set *cmttypes.ValidatorSet) *cmttypes.ValidatorSet {
	out := &cmttypes.ValidatorSet{}
	for _, v := range set.Validators {
		v = v.Copy()
		v.ProposerPriority = 0
		out.Validators = append(out.Validators, v)
	}
	if len(out.Validators) > 0 {
		out.Proposer = out.Validators[0]
	}
	return out
}

// lastHeaderTime is the time of the newest block, zero if there is none.
func (c *chain) lastHeaderTime() time.Time {
	if meta := c.blocks.LoadBlockMeta(c.blocks.Height()); meta != nil {
		return meta.Header.Time
	}
	return time.Time{}
}

// peers counts the connected nodes.
func (c *chain) peers() int { return c.engine.Switch().Peers().Size() }

// catchingUp tells whether the node still fetches blocks from its peers.
func (c *chain) catchingUp() bool { return c.engine.ConsensusReactor().WaitSync() }
