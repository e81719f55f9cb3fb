package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxSteps bounds how many headers are fetched to get from the trusted validators to today's. Each of them was signed by
// validators that are believed, so only a history with as many changes of all validators comes near.
const maxSteps = 10_000

// maxVerified bounds the memory of headers that were verified already.
const maxVerified = 1024

// LightBlock fetches the light block of a height (0: the newest) from the nodes. It is decoded, and not verified.
func (c *Client) LightBlock(ctx context.Context, height int64) (*LightBlock, error) {
	data, err := c.get(ctx, "/v1/light", heightQuery(height), typeProtobuf)
	if err != nil {
		return nil, err
	}
	return lightBlockAt(data, height)
}

// lightBlockOf is LightBlock of one node, asked once.
func (c *Client) lightBlockOf(ctx context.Context, base string, height int64) (*LightBlock, error) {
	path := "/v1/light"
	if height > 0 {
		path += "?" + heightQuery(height).Encode()
	}
	data, err := c.ask(ctx, base, http.MethodGet, path, nil, typeProtobuf)
	if err != nil {
		return nil, err
	}
	return lightBlockAt(data, height)
}

func heightQuery(height int64) url.Values {
	if height <= 0 {
		return nil
	}
	return url.Values{"height": {strconv.FormatInt(height, 10)}}
}

// lightBlockAt reads an answer about a height, 0 for any.
func lightBlockAt(data []byte, height int64) (*LightBlock, error) {
	lb, err := DecodeLightBlock(data)
	if err != nil {
		return nil, err
	}
	if height > 0 && lb.Height != height {
		return nil, fmt.Errorf("%w: header %d, asked was %d", ErrOtherHeight, lb.Height, height)
	}
	return lb, nil
}

// Advance verifies the newest header, by way of others where the validators changed, and moves the pins forward to it. It
// returns the pin of that header, for a trust file of its own.
func (c *Client) Advance(ctx context.Context) (*Trust, error) {
	lb, err := c.LightBlock(ctx, 0)
	if err != nil {
		return nil, err
	}
	if err := c.verifyHeader(ctx, lb, c.now(), DefaultMaxAge); err != nil {
		return nil, err
	}
	return c.Newest(), nil
}

// Newest is the newest header that is believed, as a trust: what the trust file pins at first. Nil without any trust.
func (c *Client) Newest() *Trust {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.root == nil {
		return nil
	}
	return c.pins.newest().trust
}

// oldestPin is the pin farthest back that is believed still: what leads from it to a header leads there from most readers'
// pins. The trust file's own when none is.
func (c *Client) oldestPin() *Trust {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.pins {
		if k.trust.Expired(c.now()) == nil {
			return k.trust
		}
	}
	return c.root
}

// verifyHeader verifies a light block from what is trusted, by way of headers between them where validators changed, and
// asks the witnesses. It moves the pins forward. After a conflict nothing is verified any more.
func (c *Client) verifyHeader(ctx context.Context, lb *LightBlock, now time.Time, maxAge time.Duration) error {
	if c.root == nil {
		return ErrNoTrust
	}
	id := idOf(lb)
	from, pinned, seen, err := c.believed(lb.Height, now)
	if err != nil {
		return err
	}
	if seen == id { // nothing but time has passed
		if err := from.Expired(now); err != nil {
			return err
		}
		return fresh(lb, now, maxAge)
	}
	steps, err := follow(ctx, c.LightBlock, from, lb, now)
	if err != nil {
		return err
	}
	if pinned != nil && pinned.Hash() != id.header {
		return c.conflict(newConflict(from, side{"what was verified before", []*LightBlock{pinned}}, side{"the node", steps}))
	}
	// Another commit on a header that was compared before accuses nobody.
	if seen.header != id.header {
		if err := c.askWitnesses(ctx, from, steps, now); err != nil {
			return err
		}
	}
	c.note(id, steps, now)
	return fresh(lb, now, maxAge)
}

// believed is what there is to verify a height with: the pin to begin from, the pinned header of that very height, and
// what was verified there before.
func (c *Client) believed(height int64, now time.Time) (from *Trust, pinned *LightBlock, seen blockID, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pins.from(height, now), c.pins.at(height), c.verified[height], c.stopped
}

// note remembers a verified header, and moves the pins forward to it.
func (c *Client) note(id blockID, steps []*LightBlock, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.verified) >= maxVerified {
		clear(c.verified)
	}
	target := steps[len(steps)-1]
	c.verified[target.Height] = id
	if target.Height > c.pins.newest().trust.Height {
		c.pins = c.pins.extend(steps, now)
	}
}

// follow is skipping verification: straight where enough of the trusted validators signed, else by way of headers between,
// which fetch gets, down to the next height where it must be; the farthest is tried first. It returns the headers that were
// verified, each from the one before; the last one is target.
func follow(ctx context.Context, fetch func(context.Context, int64) (*LightBlock, error), from *Trust, target *LightBlock,
	now time.Time) (steps []*LightBlock, err error) {
	pending, at := []*LightBlock{target}, 0 // by falling height; those before at do not verify from here
	for fetched := 0; fetched <= maxSteps; {
		next := pending[at]
		err := verifyLightBlock(next, from, now)
		switch {
		case err == nil:
			steps = append(steps, next)
			if at == 0 {
				return steps, nil
			}
			from, pending, at = nextTrust(from, next), pending[:at], 0
		case !errors.Is(err, ErrTrustOverlap) || next.Height <= from.Height+1:
			return nil, err
		case at+1 < len(pending):
			at++
		default:
			d := next.Height - from.Height
			height := from.Height + d/16*9 + d%16*9/16 // as light: 9/16 of the way
			middle, err := fetch(ctx, height)
			if err != nil {
				return nil, err
			}
			if middle.Height != height { // else it might never end
				return nil, fmt.Errorf("%w: header %d, asked was %d", ErrOtherHeight, middle.Height, height)
			}
			pending, at, fetched = append(pending, middle), at+1, fetched+1
		}
	}
	return nil, ErrTooManyHeaders
}
