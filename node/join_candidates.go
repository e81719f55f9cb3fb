package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"tradecredit/app"
	"tradecredit/app/state"
)

// candidate is a snapshot and who offers it.
type candidate struct {
	info    SnapshotInfo
	senders []*offerer
	gone    bool // somebody had it, and has it no more
}

// candidates lists what is offered, the newest first.
func (j *joining) candidates(ctx context.Context) []*candidate {
	var out []*candidate
	for _, s := range j.sources {
		list, err := s.snapshots(ctx)
		if err != nil {
			j.refused("snapshots of "+s.url, err)
			continue
		}
		for _, info := range list {
			i := slices.IndexFunc(out, func(c *candidate) bool { return c.info == info })
			if i < 0 {
				i, out = len(out), append(out, &candidate{info: info})
			}
			if !slices.Contains(out[i].senders, s) {
				out[i].senders = append(out[i].senders, s)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b *candidate) int {
		if a.info.Height != b.info.Height {
			return int(min(max(b.info.Height-a.info.Height, -1), 1))
		}
		return len(b.senders) - len(a.senders)
	})
	return out
}

// errNoSender: whoever offered the snapshot lied about it, or does not answer.
var errNoSender = errors.New("nobody is left who offers it")

// errGone: the snapshot was removed where it was offered, as those that newer ones replace are.
var errGone = fmt.Errorf("%w: it was removed meanwhile", errNoSender)

// sendersFault tells whether another sender may have what is right.
func sendersFault(err error) bool {
	for _, one := range []error{app.ErrSnapshotHash, state.ErrChunkHash, state.ErrChunkPlace, errOtherBlock} {
		if errors.Is(err, one) {
			return true
		}
	}
	return false
}

// ask lets the senders of a candidate answer by turns until take accepts an answer. A sender whose answer take refuses, or who
// fails again and again, is not asked any more; one that has the snapshot no more is asked for others.
func (j *joining) ask(ctx context.Context, c *candidate, turn int, get func(*offerer) ([]byte, error), take func([]byte) error) error {
	for {
		var alive []*offerer
		for _, s := range c.senders {
			if s.dropped == nil {
				alive = append(alive, s)
			}
		}
		if len(alive) == 0 && c.gone {
			return errGone
		}
		if len(alive) == 0 {
			return errNoSender
		}
		s := alive[turn%len(alive)]
		body, err := get(s)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var answer *errAnswer
		if errors.As(err, &answer) && answer.status == http.StatusNotFound {
			c.gone = true
			c.senders = slices.DeleteFunc(c.senders, func(one *offerer) bool { return one == s })
			continue
		}
		if err != nil {
			if s.fails++; s.fails >= maxOfferFails {
				s.dropped = err
				j.refused(s.url, err)
			}
			turn++
			continue
		}
		s.fails = 0
		if err = take(body); err == nil {
			return nil
		}
		s.dropped = err
		j.refused(s.url, err)
		if !sendersFault(err) {
			return err
		}
	}
}
