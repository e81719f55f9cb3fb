package index

import (
	"bytes"
	"errors"
	"fmt"
)

// Same compares two indexes row by row, as of now. ErrCorrupt says what this one has otherwise than the other, which is taken
// to be right.
func (x *Index) Same(right *Index) (err error) {
	for _, one := range []*Index{x, right} {
		if err := one.enter(); err != nil {
			return err
		}
		defer one.use.RUnlock()
	}
	ours, err := x.disk.NewIter(nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ours.Close()) }()
	theirs, err := right.disk.NewIter(nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, theirs.Close()) }()
	have, want := ours.First(), theirs.First()
	for have && want {
		switch c := bytes.Compare(ours.Key(), theirs.Key()); {
		case c < 0:
			return fmt.Errorf("%w: row %q should not be there", ErrCorrupt, ours.Key())
		case c > 0:
			return fmt.Errorf("%w: row %q is missing", ErrCorrupt, theirs.Key())
		}
		if !bytes.Equal(ours.Value(), theirs.Value()) {
			return fmt.Errorf("%w: row %q is %x and should be %x", ErrCorrupt, ours.Key(), ours.Value(), theirs.Value())
		}
		have, want = ours.Next(), theirs.Next()
	}
	if have {
		return fmt.Errorf("%w: row %q should not be there", ErrCorrupt, ours.Key())
	}
	if want {
		return fmt.Errorf("%w: row %q is missing", ErrCorrupt, theirs.Key())
	}
	return errors.Join(ours.Error(), theirs.Error())
}
