package node

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"time"

	"github.com/cometbft/cometbft/privval"
	"github.com/cometbft/cometbft/store"
	cmttypes "github.com/cometbft/cometbft/types"
)

// Bounds of the checks at start.
const (
	twinCheckHeights = 10               // newest blocks searched for signatures this validator does not remember
	clockBehind      = time.Second      // how far the last block may lie ahead of this machine's clock
	oldGenesis       = 10 * time.Minute // a first block with an older time is worth a word
)

// sameHeights refuses an application that is ahead of the blocks: CometBFT could not go on, and replaying what it lacks would
// apply blocks twice.
func sameHeights(c *Config, app, blocks int64) error {
	if app <= blocks {
		return nil
	}
	return fmt.Errorf("the state in %s is at height %d, the blocks in %s end at height %d: part of the data folder was lost or comes "+
		"from an older copy. Restore the whole folder %s from one copy; or, if there is none, move it away except for %s and let the "+
		"node fetch everything from its peers", c.StateDir(), app, c.DataDir(), blocks, c.DataDir(), c.ValidatorStateFile())
}

// refuseTwin refuses to start when the newest blocks carry a signature of this validator that it does not remember: another
// machine signs with the same key, or the note of what was signed comes from an older copy. Either would make it sign twice.
func refuseTwin(c *Config, blocks *store.BlockStore, validator *privval.FilePV) error {
	signed := validator.LastSignState.Height
	for h := blocks.Height(); h > blocks.Height()-twinCheckHeights && h > signed; h-- {
		commit := blocks.LoadSeenCommit(h)
		if commit == nil {
			continue
		}
		for _, s := range commit.Signatures {
			if s.BlockIDFlag == cmttypes.BlockIDFlagCommit && bytes.Equal(s.ValidatorAddress, validator.Key.Address) {
				return fmt.Errorf("block %d is signed by this node's validator key, but %s says that it signed nothing after height %d: "+
					"another machine uses the same key, or the file comes from an older copy. Stop the other machine; then restore the file "+
					"that goes with the key, or take a new validator key", h, c.ValidatorStateFile(), signed)
			}
		}
	}
	return nil
}

// warnOfClock tells of a clock that is behind the network, and of a genesis that is old. last is the time of the newest block,
// zero if there is none.
func warnOfClock(logger *slog.Logger, genesis, last, now time.Time) {
	if last.IsZero() {
		if age := now.Sub(genesis); age > oldGenesis {
			logger.Warn("the genesis is old, and the first block will carry its time: whatever is checked against block time "+
				"(validity of transactions, today) is off until the second block", "genesis_time", genesis.UTC(), "age", age.Round(time.Second))
		}
		return
	}
	if behind := last.Sub(now); behind > clockBehind {
		logger.Warn("this machine's clock is behind the last block: set it by NTP, or this node's votes will not count",
			"behind", behind.Round(time.Millisecond), "last_block_time", last.UTC())
	}
}

// listenProblem explains why an address cannot be listened on, and how to choose another.
func listenProblem(l listener, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s = %s: something else listens there (another ledgerd?). Choose another address with --%s HOST:PORT, %s=HOST:PORT "+
			"or %s in ledgerd.toml", l.setting, l.address, l.setting, envName(l.setting), l.setting)
	}
	if errors.Is(err, syscall.EACCES) {
		return fmt.Errorf("%s = %s: this user may not listen there; choose a port above 1023: %w", l.setting, l.address, err)
	}
	return fmt.Errorf("%s = %s: cannot listen there: %w", l.setting, l.address, err)
}

// explainListen finds out which of the addresses an error of CometBFT is about.
func explainListen(err error, listeners []listener) error {
	if !errors.Is(err, syscall.EADDRINUSE) && !strings.Contains(err.Error(), syscall.EADDRINUSE.Error()) {
		return err
	}
	for _, l := range listeners {
		if strings.Contains(err.Error(), l.address) {
			return listenProblem(l, syscall.EADDRINUSE)
		}
	}
	return err
}
