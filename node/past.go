package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"tradecredit/app"
	"tradecredit/app/state"
	"tradecredit/types"
)

// Past is a state that a replay kept, open at one height.
type Past struct {
	db   *state.DB
	view *state.View
}

// OpenPast opens what ReplayOptions.Keep kept, at a height from 1 to the replay's last one; 0 is the last.
func OpenPast(dir string, height int64) (*Past, error) {
	path := filepath.Join(dir, "state")
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%s holds no state that 'ledgerd replay --keep' kept: %w", dir, err)
	}
	db, err := state.Open(path, state.Options{KeepHeights: allHeights, CheckpointEvery: -1})
	if err != nil {
		return nil, err
	}
	p := &Past{db: db}
	if height == 0 {
		height = db.Head().Height
	}
	if p.view, err = db.At(height); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return p, nil
}

// Close lets go of it.
func (p *Past) Close() error { return errors.Join(p.view.Close(), p.db.Close()) }

// Height is the height that it is open at.
func (p *Past) Height() int64 { return p.view.Height() }

// Get is the value of a key, nil if there was none.
func (p *Past) Get(key string) ([]byte, error) { return p.view.Get(key) }

// List gives the keys with a prefix and their values, ascending, at most so many.
func (p *Past) List(prefix string, limit int) (list []types.Change, err error) {
	err = p.view.Scan(prefix, func(key string, value []byte) error {
		if len(list) >= limit {
			return state.Stop
		}
		list = append(list, types.Change{Key: key, Value: append([]byte(nil), value...)})
		return nil
	})
	return list, err
}

// Score is the score of a subject by this state, on a civil day, with the model that was active then: what a query in the
// block after it was told, if that block was of this day.
func (p *Past) Score(subject string, day int32) (*types.Receipt, error) {
	r, err := app.Score(p.view, subject, day)
	if err != nil {
		return nil, err
	}
	r.ScoredHeight = p.view.Height()
	return r, nil
}
