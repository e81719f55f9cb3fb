package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	abci "github.com/cometbft/cometbft/abci/types"

	"tradecredit/app"
	"tradecredit/app/state"
	"tradecredit/types"
)

// storeDir is where a replica's store lies on its file system.
const storeDir = "state"

// replica is one node: the application over its store on a file system that can lose power.
type replica struct {
	name   string
	fs     *vfs.MemFS
	keep   int64 // heights whose values the store keeps; 0: all
	app    *app.App
	db     *state.DB
	clock  atomic.Int64 // what the node's own clock shows, seconds
	downTo int64        // it is switched off until the network has this height
	lost   *rand.Rand   // what a loss of power takes; how often it is asked depends on background work, so it is nobody else's
}

// open opens the store as it lies on the file system, and the application over it.
func (r *replica) open() error {
	db, err := state.Open(storeDir, state.Options{FS: r.fs, KeepHeights: r.keep, CheckpointEvery: 40, CacheBytes: 8 << 20})
	if err != nil {
		return fmt.Errorf("%s does not open: %w", r.name, err)
	}
	a, err := app.New(db, app.Options{Now: func() time.Time { return time.Unix(r.clock.Load(), 0) }})
	if err != nil {
		return errors.Join(err, db.Close())
	}
	r.db, r.app = db, a
	return nil
}

// running tells whether the replica is switched on.
func (r *replica) running() bool { return r.app != nil }

// shut stops the application and closes the store; what was not committed is forgotten.
func (r *replica) shut() error {
	if !r.running() {
		return nil
	}
	r.app.Quit()
	err := r.db.Close()
	r.app, r.db = nil, nil
	return err
}

// powerLoss switches the replica off without warning: some percent of what was not synced survives.
func (r *replica) powerLoss(percent int) error {
	after := r.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: r.lost})
	err := r.shut() // onto a file system that nobody looks at any more
	r.fs = after
	return err
}

// height is what Info says.
func (r *replica) info() (height int64, appHash []byte, err error) {
	res, err := r.app.Info(context.Background(), &abci.RequestInfo{})
	if err != nil {
		return 0, nil, fmt.Errorf("%s: Info: %w", r.name, err)
	}
	return res.LastBlockHeight, res.LastBlockAppHash, nil
}

// chunks is a snapshot on its way.
type chunks struct {
	manifest []byte
	list     [][]byte
	height   int64
	appHash  types.Hash
}

// snapshot takes the newest height.
func (r *replica) snapshot() (*chunks, error) {
	c := &chunks{}
	s, err := r.db.Snapshot()
	if err != nil {
		return nil, fmt.Errorf("%s: snapshot: %w", r.name, err)
	}
	defer s.Close()
	m, err := s.Write(func(_ int, chunk []byte) error {
		c.list = append(c.list, append([]byte(nil), chunk...))
		return nil
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: snapshot: %w", r.name, err)
	}
	c.height, c.appHash = m.Height(), m.AppHash()
	c.manifest, err = m.Marshal()
	return c, err
}

// restore puts an empty disk into the replica, which is switched off, fills it from a snapshot and switches it on.
func (r *replica) restore(c *chunks) error {
	r.fs = vfs.NewCrashableMem()
	db, err := state.Open(storeDir, state.Options{FS: r.fs, CheckpointEvery: -1, CacheBytes: 8 << 20})
	if err != nil {
		return err
	}
	if err := c.into(db); err != nil {
		return errors.Join(fmt.Errorf("%s: restore: %w", r.name, err), db.Close())
	}
	if err := db.Close(); err != nil {
		return err
	}
	return r.open()
}

func (c *chunks) into(db *state.DB) error {
	m := new(state.Manifest)
	if err := m.Unmarshal(c.manifest); err != nil {
		return err
	}
	in, err := db.Restore(m, c.height, c.appHash)
	if err != nil {
		return err
	}
	for i, chunk := range c.list {
		if err := in.Chunk(i, chunk); err != nil {
			return err
		}
	}
	return in.Finish()
}
