package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"tradecredit/types"
)

// Entries lists rows of a subject's entry log from number after on, at most limit (0: the node's default). It is the
// word of a node: the answer's order and numbers are checked, its content is not proved.
func (c *Client) Entries(ctx context.Context, subject string, after uint64, limit int) (*types.EntriesResponse, error) {
	q := url.Values{"subject": {subject}}
	if after > 0 {
		q.Set("after", strconv.FormatUint(after, 10))
	}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	data, err := c.get(ctx, "/v1/entries", q, typeProtobuf)
	if err != nil {
		return nil, err
	}
	resp := new(types.EntriesResponse)
	if err := resp.Unmarshal(data); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrAnswer, err)
	}
	if resp.Subject != subject {
		return nil, fmt.Errorf("%w: %q, asked was %q", ErrOtherKey, resp.Subject, subject)
	}
	if resp.Next != after+uint64(len(resp.Entries)) || resp.Next > resp.Total {
		return nil, fmt.Errorf("%w: %d entries after %d, next %d, total %d", ErrAnswer, len(resp.Entries), after, resp.Next, resp.Total)
	}
	resp.Proved = false // whatever the node says
	return resp, nil
}

// Status is what a node says about itself, as the JSON object it sent. It is the word of a node.
func (c *Client) Status(ctx context.Context) (map[string]any, error) {
	data, err := c.get(ctx, "/v1/status", nil, typeJSON)
	if err != nil {
		return nil, err
	}
	var out map[string]any
	if err := json.Unmarshal(data, &out); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrAnswer, err)
	}
	return out, nil
}
