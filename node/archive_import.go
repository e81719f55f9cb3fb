package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
	dbm "github.com/cometbft/cometbft-db"
	cmtjson "github.com/cometbft/cometbft/libs/json"
	sm "github.com/cometbft/cometbft/state"
	"github.com/cometbft/cometbft/store"
	cmttypes "github.com/cometbft/cometbft/types"

	"tradecredit/app"
	"tradecredit/app/state"
)

// Errors of an import.
var (
	// ErrNotFresh: the home holds blocks or a state already.
	ErrNotFresh = errors.New("the home is not a fresh one")
	// ErrOtherGenesis: the home belongs to another network than the history.
	ErrOtherGenesis = errors.New("the history begins with another genesis than the home")
	// ErrDiverged: the history's headers do not agree with what this program computes.
	ErrDiverged = errors.New("the replay diverged")
)

// ImportOptions of Import.
type ImportOptions struct {
	From     string // an archive, a node's home, or the interface of a running node
	Config   Config // of the home to fill, made by CreateHome
	Until    int64  // last height; 0: the newest
	Logger   *slog.Logger
	Progress func(Progress)
}

// importFolder is where an import works, in the data folder, until everything is whole. Then importWhole is written there,
// the report of the replay, and the stores are moved to where the node looks for them.
const (
	importFolder = "import"
	importWhole  = "whole.json"
)

// Import fills a fresh home with a history, by replaying it: everything that Replay verifies is verified, and what the
// node keeps is what it would have if it had run all along, up to the node's own settings. A home without a genesis gets
// the one of the history. The stores are put in place when all is done. An import that was interrupted is begun again by the
// same call; one that was interrupted while the stores were put in place is ended by it.
// ErrDiverged if the history is not what this program makes of it.
func Import(ctx context.Context, o ImportOptions) (*Replayed, error) {
	h, err := openSource(ctx, o.From, orSilent(o.Logger))
	if err != nil {
		return nil, err
	}
	defer h.close()
	i := &importer{config: &o.Config, dir: filepath.Join(o.Config.DataDir(), importFolder), logger: orSilent(o.Logger)}
	if done, err := i.goOn(h); done != nil || err != nil {
		return done, err
	}
	if err := prepareHome(&o.Config, h); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(i.dir); err != nil {
		return nil, err
	}
	r := &replayer{
		options: ReplayOptions{Logger: o.Logger, Progress: o.Progress}, source: h, until: o.Until,
		setup: i.begin, keep: i.keep, open: i.openState,
	}
	if r.until == 0 {
		r.until = h.last()
	}
	if r.until > h.last() || r.until < 1 {
		return nil, errUntil(r.until, h.last())
	}
	done, err := r.replay(ctx)
	if err == nil && done.Report.Divergence != nil {
		err = fmt.Errorf("%w at height %d: 'ledgerd replay' tells where", ErrDiverged, done.Report.Divergence.Height)
	}
	if err != nil {
		return done, errors.Join(err, os.RemoveAll(i.dir))
	}
	report, err := done.Report.Bytes()
	if err != nil {
		return done, err
	}
	if err := writeWhole(filepath.Join(i.dir, importWhole), report); err != nil {
		return done, err
	}
	return done, i.putInPlace()
}

// goOn ends an import of the same history that had everything and was putting it in place; nil if there is none.
func (i *importer) goOn(h source) (*Replayed, error) {
	text, err := os.ReadFile(filepath.Join(i.dir, importWhole))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	done := new(Replayed)
	if err := json.Unmarshal(text, &done.Report); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(i.dir, importWhole), err)
	}
	genesis, err := h.genesis()
	if err != nil {
		return nil, err
	}
	if sum := digestText(genesis); sum != done.Report.GenesisSHA256 {
		return nil, fmt.Errorf("%w: %s has SHA-256 %s, not %s", ErrOtherGenesis, i.config.GenesisFile(), done.Report.GenesisSHA256, sum)
	}
	return done, i.putInPlace()
}

// imported are the stores that an import fills, by their folders in the data folder.
var imported = []string{"blockstore.db", "state.db", "state"}

// prepareHome refuses a home that is not fresh or of another network, and gives one without a genesis that of the history.
func prepareHome(c *Config, h source) error {
	for _, name := range imported {
		path := filepath.Join(c.DataDir(), name)
		if _, err := os.Stat(path); err == nil {
			return fmt.Errorf("%w: %s exists", ErrNotFresh, path)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	text, err := h.genesis()
	if err != nil {
		return err
	}
	ours, err := os.ReadFile(c.GenesisFile())
	if errors.Is(err, fs.ErrNotExist) {
		return WriteGenesis(*c, text)
	}
	if err != nil {
		return err
	}
	if string(ours) != string(text) {
		return fmt.Errorf("%w: %s has SHA-256 %s, not %s", ErrOtherGenesis, c.GenesisFile(), digestText(ours), digestText(text))
	}
	return nil
}

// importer fills the stores of a home beside a replay.
type importer struct {
	config *Config
	dir    string
	logger *slog.Logger
	stores *engineStores
	blocks *store.BlockStore
	states sm.Store
}

// openState opens the state that the home will have, and CometBFT's stores beside it.
func (i *importer) openState() (*state.DB, func() error, error) {
	o := importOptions(i.config, i.logger)
	db, err := state.Open(filepath.Join(i.dir, "state"), o)
	if err != nil {
		return nil, nil, err
	}
	i.stores = newEngineStores(i.dir, i.logger)
	return db, func() error { return errors.Join(i.flush(), db.Close(), i.stores.close(closeGrace)) }, nil
}

// importOptions are the settings of the state while it is filled.
func importOptions(c *Config, logger *slog.Logger) state.Options {
	o := state.Options{
		KeepHeights: c.State.KeepHeights, CacheBytes: c.State.CacheBytes, Volatile: true,
		Logger: func(format string, args ...any) { logger.Info("state: " + fmt.Sprintf(format, args...)) },
		Fatal:  func(err error) { pebbleLog{logger}.Fatalf("state: %v", err) },
	}
	if c.State.Archive {
		o.KeepHeights = 0
	}
	return o
}

// begin stores what CometBFT stores before the first block.
func (i *importer) begin(t *tracker) error {
	blocks, err := i.stores.get("blockstore")
	if err != nil {
		return err
	}
	states, err := i.stores.get("state")
	if err != nil {
		return err
	}
	text, err := os.ReadFile(i.config.GenesisFile())
	if err != nil {
		return err
	}
	doc, err := parseGenesis(text)
	if err != nil {
		return err
	}
	row, err := cmtjson.Marshal(doc)
	if err != nil {
		return err
	}
	if err := states.Set(genesisRow, row); err != nil {
		return err
	}
	i.blocks = store.NewBlockStore(unsynced{blocks})
	i.states = sm.NewStore(unsynced{states}, sm.StoreOptions{})
	return i.states.Save(t.State)
}

// keep stores a block with its outcome, as CometBFT does.
func (i *importer) keep(b *checkedBlock, commit *cmttypes.Commit, e *app.Executed, after *tracker) (err error) {
	defer func() {
		if p := recover(); p != nil { // CometBFT's stores panic when they cannot write
			err = fmt.Errorf("block %d cannot be stored: %v", b.height, p)
		}
	}()
	i.blocks.SaveBlock(b.block, b.parts, commit)
	if err := i.states.SaveFinalizeBlockResponse(b.height, e.Response); err != nil {
		return err
	}
	return i.states.Save(after.State)
}

// flush writes everything to disk.
func (i *importer) flush() error {
	var errs []error
	for _, d := range i.stores.open {
		errs = append(errs, d.pebble.Flush())
	}
	return errors.Join(errs...)
}

// putInPlace moves the stores to where the node looks for them.
func (i *importer) putInPlace() error {
	for _, name := range imported {
		from := filepath.Join(i.dir, name)
		if _, err := os.Stat(from); errors.Is(err, fs.ErrNotExist) {
			continue // it was moved before the last interruption
		}
		if err := os.Rename(from, filepath.Join(i.config.DataDir(), name)); err != nil {
			return err
		}
	}
	if err := syncFolder(i.config.DataDir()); err != nil { // before importWhole goes
		return err
	}
	if err := os.RemoveAll(i.dir); err != nil {
		return err
	}
	return syncFolder(i.config.DataDir())
}

// unsynced is a store that does not wait for the disk: what it holds is made again when the power fails.
type unsynced struct{ *cmtDB }

// SetSync implements dbm.DB.
func (u unsynced) SetSync(key, value []byte) error { return u.Set(key, value) }

// DeleteSync implements dbm.DB.
func (u unsynced) DeleteSync(key []byte) error { return u.Delete(key) }

// NewBatch implements dbm.DB.
func (u unsynced) NewBatch() dbm.Batch {
	return &unsyncedBatch{cmtBatch{db: u.cmtDB, batch: new(pebble.Batch)}}
}

// unsyncedBatch is a batch that does not wait for the disk.
type unsyncedBatch struct{ cmtBatch }

// WriteSync implements dbm.Batch.
func (b *unsyncedBatch) WriteSync() error { return b.Write() }
