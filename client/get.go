package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"tradecredit/types"
)

// DefaultMaxAge is how old an answer about the present may be. Header time is older than the block by up to twice the
// wait for a first transaction, so it must stay well above that.
const DefaultMaxAge = 2 * time.Minute

// GetOptions bind an answer in time.
type GetOptions struct {
	// Height is the one state that is asked for; 0: the newest.
	Height int64
	// MinHeight refuses an older state, for reading what one has written; 0: no bound.
	MinHeight int64
	// Patience is for how long to ask again while the node can only prove states below MinHeight: what became final in the
	// newest block is proved by the header of the next. 0: not at all.
	Patience time.Duration
	// MaxAge refuses a header older than that; 0: DefaultMaxAge, or no bound with a Height; negative: no bound.
	MaxAge time.Duration
	// Now is the time the age is measured at; zero: the client's clock.
	Now time.Time
}

func (o GetOptions) maxAge() time.Duration {
	switch {
	case o.MaxAge > 0:
		return o.MaxAge
	case o.MaxAge < 0 || o.Height > 0:
		return 0
	}
	return DefaultMaxAge
}

// Proven is a value with what proved it.
type Proven struct {
	Key        string
	Value      []byte // nil: proved to be absent
	Height     int64  // of the state
	Time       time.Time
	AppHash    types.Hash
	Proof      *types.Proof
	LightBlock []byte // of Height+1, as CometBFT encodes it
}

// Get reads one record and verifies everything: the answer is about key and nothing else, on this chain, at the height
// and of the age that opts demand, proved by a header that Trust vouches for. A nil value with a nil error is a proved
// absence. Errors are this package's sentinels and the ErrProof errors of package types.
func Get[V any, P types.Record[V]](ctx context.Context, c *Client, key types.Key[V], opts GetOptions) (P, *Proven, error) {
	proven, err := c.GetRaw(ctx, string(key), opts)
	if err != nil || proven.Value == nil {
		return nil, proven, err
	}
	v := P(new(V))
	if err := v.Unmarshal(proven.Value); err != nil {
		return nil, nil, fmt.Errorf("%w: %v", ErrValue, err)
	}
	// Anything but the canonical encoding would mean that the state was written by other rules than ours.
	if again, err := v.Marshal(); err != nil || !bytes.Equal(again, proven.Value) {
		return nil, nil, fmt.Errorf("%w: it does not encode to itself", ErrValue)
	}
	return v, proven, nil
}

// provablePause is how long GetRaw waits before it asks again for a state that cannot be proved yet.
const provablePause = 50 * time.Millisecond

// GetRaw is Get without decoding the record.
func (c *Client) GetRaw(ctx context.Context, key string, opts GetOptions) (*Proven, error) {
	for deadline := time.Now().Add(opts.Patience); ; {
		proven, err := c.getOnce(ctx, key, opts)
		if !errors.Is(err, ErrOldHeight) || time.Now().After(deadline) {
			return proven, err
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(err, ctx.Err())
		case <-time.After(provablePause):
		}
	}
}

// getOnce asks once and verifies the answer.
func (c *Client) getOnce(ctx context.Context, key string, opts GetOptions) (*Proven, error) {
	q := url.Values{"key": {key}, "prove": {"1"}, "light": {"1"}}
	if opts.Height > 0 {
		q.Set("height", strconv.FormatInt(opts.Height, 10))
	}
	data, err := c.get(ctx, "/v1/record", q, typeProtobuf)
	if err != nil {
		return nil, err
	}
	return c.verifyAnswer(ctx, data, key, opts)
}

// verifyAnswer believes nothing in an answer about a key: not one bit of it can be changed without being refused.
func (c *Client) verifyAnswer(ctx context.Context, data []byte, key string, opts GetOptions) (*Proven, error) {
	resp := new(types.RecordResponse)
	if err := decodeStrictly(data, resp); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrAnswer, err)
	}
	now := opts.Now
	if now.IsZero() {
		now = c.now()
	}
	if err := bindAnswer(resp, key, opts); err != nil {
		return nil, err
	}
	lb, err := DecodeLightBlock(resp.LightBlock)
	if err != nil {
		return nil, err
	}
	if lb.Height != resp.Height+1 {
		return nil, fmt.Errorf("%w: header %d, state %d", ErrHeightSlip, lb.Height, resp.Height)
	}
	if err := c.verifyHeader(ctx, lb, now, opts.maxAge()); err != nil {
		return nil, err
	}
	return proveRecord(resp, key, lb)
}

// bindAnswer compares what the answer says it is about with what was asked.
func bindAnswer(resp *types.RecordResponse, key string, opts GetOptions) error {
	if resp.Key != key {
		return fmt.Errorf("%w: %q, asked was %q", ErrOtherKey, resp.Key, key)
	}
	if opts.Height > 0 && resp.Height != opts.Height {
		return fmt.Errorf("%w: %d, asked was %d", ErrOtherHeight, resp.Height, opts.Height)
	}
	if resp.Height < opts.MinHeight {
		return fmt.Errorf("%w: %d, asked was at least %d", ErrOldHeight, resp.Height, opts.MinHeight)
	}
	if len(resp.Proof) == 0 || len(resp.LightBlock) == 0 {
		return ErrUnproved
	}
	return nil
}

// proveRecord leads from the key that was asked to the app hash of a verified header.
func proveRecord(resp *types.RecordResponse, key string, lb *LightBlock) (*Proven, error) {
	appHash, err := appHashOf(lb)
	if err != nil {
		return nil, err
	}
	value := resp.Value
	if len(value) == 0 {
		value = nil
	}
	proof := &types.Proof{Ops: resp.Proof}
	if err := proof.Verify(appHash, types.RootState, key, value); err != nil {
		return nil, err
	}
	return &Proven{Key: key, Value: value, Height: resp.Height, Time: lb.Time, AppHash: appHash, Proof: proof,
		LightBlock: resp.LightBlock}, nil
}
