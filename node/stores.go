package node

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	dbm "github.com/cometbft/cometbft-db"
	cmtcfg "github.com/cometbft/cometbft/config"
)

// Sizes of CometBFT's three stores (blocks, state, evidence). They share one cache; the memtables are small because blocks
// are written once and read rarely.
const (
	storesCacheBytes    = 32 << 20
	storesMemTableBytes = 8 << 20
)

// engineStores are CometBFT's stores of one node: opened on demand, once each, and closed together, late.
type engineStores struct {
	dir    string
	logger *slog.Logger
	cache  *pebble.Cache

	mu   sync.Mutex
	open map[string]*cmtDB
}

// newEngineStores keeps stores in the folder dir. The caller calls close when CometBFT has stopped.
func newEngineStores(dir string, logger *slog.Logger) *engineStores {
	return &engineStores{dir: dir, logger: logger, cache: pebble.NewCache(storesCacheBytes), open: map[string]*cmtDB{}}
}

// provide is a CometBFT DBProvider.
func (s *engineStores) provide(ctx *cmtcfg.DBContext) (dbm.DB, error) {
	d, err := s.get(ctx.ID)
	if err != nil {
		return nil, err
	}
	return parked{d}, nil
}

// parked is a store as CometBFT gets it: a read after the close never returns. CometBFT's gossip routines outlive its Stop
// by as long as a starved machine pleases, and answer an error of a read by ending the process with a panic; what is left of
// them when the node has been stopped may as well wait for the end of the process.
type parked struct{ *cmtDB }

// Get implements dbm.DB.
func (p parked) Get(key []byte) ([]byte, error) {
	v, err := p.cmtDB.Get(key)
	if errors.Is(err, errStoreClosed) {
		select {}
	}
	return v, err
}

// Has implements dbm.DB.
func (p parked) Has(key []byte) (bool, error) {
	v, err := p.Get(key)
	return v != nil, err
}

// get opens the store with this name, or gives the one that is open.
func (s *engineStores) get(name string) (*cmtDB, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.open[name]; d != nil {
		return d, nil
	}
	d, err := openCmtDB(filepath.Join(s.dir, name+".db"), &pebble.Options{
		Cache:              s.cache,
		FormatMajorVersion: pebble.FormatNewest, // Pebble's default is the oldest
		MemTableSize:       storesMemTableBytes,
		Logger:             pebbleLog{s.logger.With("store", name)},
	})
	if err != nil {
		return nil, fmt.Errorf("%w (is another ledgerd running in this home?)", err)
	}
	s.open[name] = d
	return d, nil
}

// close closes what was opened. Stores that are still read after patience stay open, which is an error.
func (s *engineStores) close(patience time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for name, d := range s.open {
		if err := d.closeLate(patience); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	s.open = map[string]*cmtDB{}
	if s.cache != nil {
		s.cache.Unref()
		s.cache = nil
	}
	return errors.Join(errs...)
}

// pebbleLog takes Pebble's messages. Infof tells of flushes and compactions: of no use to an operator.
type pebbleLog struct{ logger *slog.Logger }

// Infof implements pebble.Logger.
func (pebbleLog) Infof(string, ...any) {}

// Errorf implements pebble.Logger.
func (l pebbleLog) Errorf(format string, args ...any) { l.logger.Error(fmt.Sprintf(format, args...)) }

// Fatalf implements pebble.Logger. Pebble calls it when it cannot keep its promises, a failed fsync or a full disk above all;
// going on would be worse than ending.
func (l pebbleLog) Fatalf(format string, args ...any) {
	l.logger.Error("the store cannot go on; the node ends here. Check the disk (space, health), then start again",
		"cause", fmt.Sprintf(format, args...))
	os.Exit(exitStoreFailed)
}

// exitStoreFailed is the process's exit status when a store failed, apart from 1 (a command failed).
const exitStoreFailed = 3
