package node

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/store"

	"tradecredit/app/state"
)

// stopped is the stores of a home whose node does not run, open for work on them.
type stopped struct {
	cfg    *Config
	state  *state.DB
	stores *engineStores
	chain  chain
}

// openStopped opens the stores of a home. ErrNodeRuns while its node runs. The caller closes them.
func openStopped(c *Config, logger *slog.Logger) (_ *stopped, err error) {
	if err := settle(c); err != nil {
		return nil, err
	}
	if _, err := os.Stat(c.StateDir()); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is missing: there is no state in %s; the node has never run", c.StateDir(), c.Home)
	}
	s := &stopped{cfg: c}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.state, err = state.Open(c.StateDir(), stateOptions(c, logger)); err != nil {
		return nil, explainLock(c.StateDir(), err)
	}
	return s, s.openEngine(logger)
}

// openEngine opens CometBFT's stores.
func (s *stopped) openEngine(logger *slog.Logger) error {
	s.stores = newEngineStores(s.cfg.DataDir(), logger)
	blocks, err := s.stores.get("blockstore")
	if err != nil {
		return explainLock(s.cfg.DataDir(), err)
	}
	states, err := s.stores.get("state")
	if err != nil {
		return explainLock(s.cfg.DataDir(), err)
	}
	s.chain = chain{lights: &lightCache{}, state: s.state, blocks: store.NewBlockStore(blocks), states: sm.NewStore(states, sm.StoreOptions{})}
	return nil
}

// close closes what is open.
func (s *stopped) close() error {
	var errs []error
	if s.stores != nil {
		errs = append(errs, s.stores.close(0))
	}
	if s.state != nil {
		errs = append(errs, s.state.Close())
	}
	return errors.Join(errs...)
}
