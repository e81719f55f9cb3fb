package node

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"tradecredit/app"
	"tradecredit/app/state"
	"tradecredit/types"
)

// timesFile lies beside a state that a replay kept: of each height the time of its block, seconds since 1970, as eight bytes,
// big-endian.
const timesFile = "block-times"

// timesKeeper writes the file.
type timesKeeper struct {
	file *os.File
	to   *bufio.Writer
}

func newTimesKeeper(dir string) (*timesKeeper, error) {
	f, err := os.Create(filepath.Join(dir, timesFile))
	if err != nil {
		return nil, err
	}
	return &timesKeeper{file: f, to: bufio.NewWriter(f)}, nil
}

// add enters the next height; nil keeps nothing.
func (k *timesKeeper) add(unix int64) error {
	if k == nil {
		return nil
	}
	_, err := k.to.Write(binary.BigEndian.AppendUint64(nil, uint64(unix)))
	return err
}

func (k *timesKeeper) close() error {
	if k == nil {
		return nil
	}
	return errors.Join(k.to.Flush(), k.file.Close())
}

// Past is a state that a replay kept, open at one height.
type Past struct {
	db   *state.DB
	view *state.View
	unix int64
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
	if p.unix, err = timeAt(dir, height); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// timeAt reads the time of a block.
func timeAt(dir string, height int64) (int64, error) {
	f, err := os.Open(filepath.Join(dir, timesFile))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var b [8]byte
	if _, err := f.ReadAt(b[:], 8*(height-1)); err != nil {
		return 0, fmt.Errorf("%s: the time of block %d: %w", f.Name(), height, err)
	}
	return int64(binary.BigEndian.Uint64(b[:])), nil
}

// Close lets go of it.
func (p *Past) Close() error { return errors.Join(p.view.Close(), p.db.Close()) }

// Height is the height that it is open at.
func (p *Past) Height() int64 { return p.view.Height() }

// Unix is the time of the block of that height, seconds.
func (p *Past) Unix() int64 { return p.unix }

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

// Score is the score of a subject by this state, on a civil day (0: that of the block), with the model that was active then:
// what a query in the block after it was told, if that block was of this day.
func (p *Past) Score(subject string, day int32) (*types.Receipt, error) {
	if day == 0 {
		var err error
		if day, err = app.Today(p.view, p.unix); err != nil {
			return nil, err
		}
	}
	r, err := app.Score(p.view, subject, day)
	if err != nil {
		return nil, err
	}
	r.ScoredHeight = p.view.Height()
	return r, nil
}
