package node

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	sm "github.com/cometbft/cometbft/state"

	"tradecredit/app"
	"tradecredit/app/state"
	"tradecredit/types"
)

// ErrNoRollback says that the newest block cannot be taken back; the text says why. Nothing has changed.
var ErrNoRollback = errors.New("the newest block cannot be taken back")

// RolledBack says where a node is after a rollback.
type RolledBack struct {
	Height  int64
	AppHash types.Hash
	Block   bool // the block that was taken back is still there, and is executed again at the next start
}

// Rollback takes the newest block of a stopped node back, in the application and in CometBFT together. The block itself stays,
// and the next start executes it again (with another program, as a rule, because this one computed it wrong); with hard it is
// removed, too, and fetched from peers again. What a validator has signed is not forgotten in either case.
//
// A process that ends in between leaves a node that can start: it then executes the block again.
func Rollback(cfg Config, hard bool, logger *slog.Logger) (out *RolledBack, err error) {
	s, err := openStopped(&cfg, logger)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	height := s.state.Head().Height
	if err := s.mayGoBack(height); err != nil {
		return nil, err
	}
	if err := s.mayForget(height); hard && err != nil {
		return nil, err
	}
	if err := app.Rollback(s.state); err != nil {
		if errors.Is(err, state.ErrNoWayBack) {
			return nil, fmt.Errorf("%w: %w", ErrNoRollback, err)
		}
		return nil, err
	}
	if err := s.engineBack(height, hard); err != nil {
		return nil, err
	}
	// Lists and snapshots that show the height may be of another block than the one that will have it.
	if err := errors.Join(os.RemoveAll(cfg.IndexDir()), s.dropSnapshots(height)); err != nil {
		return nil, err
	}
	head := s.state.Head()
	return &RolledBack{Height: head.Height, AppHash: head.AppHash, Block: !hard}, nil
}

// mayGoBack refuses what would end half way.
func (s *stopped) mayGoBack(height int64) error {
	engine, err := s.chain.states.Load()
	if err != nil {
		return err
	}
	blocks := s.chain.blocks.Height()
	switch {
	case height < 2:
		return fmt.Errorf("%w: the state is at height %d; begin again with an empty data folder instead", ErrNoRollback, height)
	case blocks == height+1 && engine.LastBlockHeight == height:
		return fmt.Errorf("%w: block %d is there and not executed yet; start the node, which executes it", ErrNoRollback, blocks)
	case engine.LastBlockHeight != height || blocks != height:
		return fmt.Errorf("%w: the state is at height %d, CometBFT at %d with blocks to %d: start the node once and stop it, which brings them together",
			ErrNoRollback, height, engine.LastBlockHeight, blocks)
	case s.chain.blocks.LoadBlockMeta(height-1) == nil:
		return fmt.Errorf("%w: block %d is not kept here (this node began from a snapshot of height %d)", ErrNoRollback, height-1, height)
	}
	if _, err := s.chain.states.LoadValidators(height - 1); err != nil {
		return fmt.Errorf("%w: %w", ErrNoRollback, err)
	}
	return nil
}

// mayForget refuses to remove a block that nobody else has: a lone validator has signed it, and signs no other one.
func (s *stopped) mayForget(height int64) error {
	validators, err := s.chain.states.LoadValidators(height)
	if err != nil {
		return err
	}
	_, own, err := loadKeys(s.cfg)
	if err != nil {
		return err
	}
	if validators.Size() == 1 && validators.HasAddress(own.Key.Address) {
		return fmt.Errorf("%w: this node is the only validator, nobody else has block %d, and it signs no other one of that height; without --hard "+
			"the block is executed again", ErrNoRollback, height)
	}
	return nil
}

// engineBack takes CometBFT's state back, and with hard the block.
func (s *stopped) engineBack(height int64, hard bool) error {
	block := s.chain.blocks.LoadBlockMeta(height)
	if _, _, err := sm.Rollback(s.chain.blocks, s.chain.states, false); err != nil {
		return err
	}
	// CometBFT takes the version from the consensus parameters, which name none before the first upgrade. The header of the
	// block that is taken back has it.
	engine, err := s.chain.states.Load()
	if err != nil {
		return err
	}
	engine.Version.Consensus = block.Header.Version
	if err := s.chain.states.Save(engine); err != nil || !hard {
		return err
	}
	if err := s.chain.blocks.DeleteLatestBlock(); err != nil {
		return err
	}
	// The log of consensus messages has seen the end of a height that is not decided any more.
	return os.RemoveAll(filepath.Join(s.cfg.DataDir(), "cs.wal"))
}

// dropSnapshots removes snapshots from a height on.
func (s *stopped) dropSnapshots(height int64) error {
	list, err := app.OpenSnapshots(s.cfg.SnapshotDir())
	for _, one := range list {
		if one.Manifest.Height() >= height {
			err = errors.Join(err, os.RemoveAll(one.Dir))
		}
	}
	return err
}
