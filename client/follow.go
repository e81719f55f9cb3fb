package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	cmt "github.com/cometbft/cometbft/types"
)

// maxSteps bounds how many headers are fetched to get from the trusted validators to today's.
const maxSteps = 64

// maxVerified bounds the memory of headers that were verified already.
const maxVerified = 1024

// LightBlock fetches the light block of a height (0: the newest) from the nodes. It is decoded, and not verified.
func (c *Client) LightBlock(ctx context.Context, height int64) (*cmt.LightBlock, error) {
	q := url.Values{}
	if height > 0 {
		q.Set("height", strconv.FormatInt(height, 10))
	}
	data, err := c.get(ctx, "/v1/light", q, typeProtobuf)
	if err != nil {
		return nil, err
	}
	lb, err := DecodeLightBlock(data)
	if err != nil {
		return nil, err
	}
	if height > 0 && lb.Height != height {
		return nil, fmt.Errorf("%w: header %d, asked was %d", ErrOtherHeight, lb.Height, height)
	}
	return lb, nil
}

// Advance verifies the newest header and returns a trust that pins it, for the next trust file.
func (c *Client) Advance(ctx context.Context) (*Trust, error) {
	lb, err := c.LightBlock(ctx, 0)
	if err != nil {
		return nil, err
	}
	if err := c.verifyHeader(ctx, lb, c.now(), DefaultMaxAge); err != nil {
		return nil, err
	}
	return trustFrom(lb, c.root.Period)
}

// verifyHeader verifies a light block from what is trusted, by way of headers between them where validators changed.
func (c *Client) verifyHeader(ctx context.Context, lb *cmt.LightBlock, now time.Time, maxAge time.Duration) error {
	if c.root == nil {
		return ErrNoTrust
	}
	sum := lb.Hash()
	if len(sum) != 32 { // nil for a header that names no validators
		return fmt.Errorf("%w: it has no hash", ErrHeaderMalformed)
	}
	hash := [32]byte(sum)
	from := c.trustBelow(lb.Height)
	if c.seen(lb.Height, hash) {
		// The header is the one that was verified before, whatever commit comes with it; only time has passed.
		if err := from.expired(now); err != nil {
			return err
		}
	} else {
		if err := c.verifyFrom(ctx, from, lb, now); err != nil {
			return err
		}
		if err := c.askWitnesses(ctx, lb); err != nil {
			return err
		}
		c.note(lb.Height, hash)
	}
	if age := now.Sub(lb.Time); maxAge > 0 && age > maxAge {
		return fmt.Errorf("%w: the header is %s old", ErrStale, age.Round(time.Second))
	}
	if lb.Time.After(now.Add(DefaultClockDrift)) {
		return fmt.Errorf("%w: %s, now %s; is the clock right?", ErrHeaderFuture, lb.Time, now)
	}
	return nil
}

// seen tells whether that header was verified before.
func (c *Client) seen(height int64, hash [32]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	have, ok := c.verified[height]
	return ok && have == hash
}

// note remembers a verified header.
func (c *Client) note(height int64, hash [32]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.verified) >= maxVerified {
		clear(c.verified)
	}
	c.verified[height] = hash
}

// trustBelow is the best trust for a header of that height.
func (c *Client) trustBelow(height int64) *Trust {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.advanced != nil && c.advanced.Height < height {
		return c.advanced
	}
	return c.root
}

// verifyFrom is skipping verification: straight where enough of the trusted validators signed, else by bisection.
func (c *Client) verifyFrom(ctx context.Context, from *Trust, target *cmt.LightBlock, now time.Time) error {
	pending := []*cmt.LightBlock{target}
	for range maxSteps {
		next := pending[len(pending)-1]
		err := verifyLightBlock(next, from, now, 0, oneThird)
		switch {
		case err == nil && len(pending) == 1:
			return nil
		case err == nil:
			if from, err = trustFrom(next, from.Period); err != nil {
				return err
			}
			// The pin's own age is what expires, not that of a header in between.
			from.Since = maxTime(from.Since, c.root.Since)
			c.remember(from)
			pending = pending[:len(pending)-1]
		case errors.Is(err, ErrTrustOverlap) && next.Height > from.Height+1:
			middle, err := c.LightBlock(ctx, from.Height+(next.Height-from.Height)/2)
			if err != nil {
				return err
			}
			pending = append(pending, middle)
		default:
			return err
		}
	}
	return ErrTooManyHeaders
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func (c *Client) remember(t *Trust) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.advanced == nil || c.advanced.Height < t.Height {
		c.advanced = t
	}
}

// askWitnesses compares a verified header with what other members' nodes show at that height.
func (c *Client) askWitnesses(ctx context.Context, lb *cmt.LightBlock) error {
	for _, base := range c.witnesses {
		data, err := c.ask(ctx, base, "GET", "/v1/light?height="+strconv.FormatInt(lb.Height, 10), nil, typeProtobuf)
		if err != nil {
			continue // a witness that is away, or behind, is no objection
		}
		other, err := DecodeLightBlock(data)
		if err != nil || other.Height != lb.Height || bytes.Equal(other.Hash(), lb.Hash()) {
			continue
		}
		// Only a header that stands up to the same rules accuses anybody.
		if verifyLightBlock(other, c.trustBelow(lb.Height), c.now(), 0, oneThird) == nil {
			return fmt.Errorf("%w: height %d, %X and, from %s, %X", ErrWitnessConflict, lb.Height, lb.Hash(), base, other.Hash())
		}
	}
	return nil
}
