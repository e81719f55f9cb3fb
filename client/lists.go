package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

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

// ListQuery asks a node for a page of records; see ledgerctl list --help for kinds and ways to list them.
type ListQuery struct {
	Kind  string // such as receivable
	By    string // all (also when empty), signer, subject, status, due, outstanding, until, grantee or object
	Value string // an id, a state, a day or two days "2026-01-01..2026-03-31"; nothing with all
	After string // Next of the page before
	Limit int    // rows at most, 1 to 200; 0: the node's default
}

// ListPage is a page of a list at one height, as a node tells it.
type ListPage struct {
	Kind   string    `json:"kind"`
	By     string    `json:"by"`
	Value  string    `json:"value"`
	Height int64     `json:"height"`
	Total  int64     `json:"total"` // rows of the whole list
	Proved bool      `json:"proved"`
	Rows   []ListRow `json:"rows"`
	Next   string    `json:"next"` // empty at the end
}

// ListRow is one record; Get reads it under its key, with proof.
type ListRow struct {
	Key      string   `json:"key"`
	Height   int64    `json:"height"` // at which it was recorded; 0 where the record does not say
	Status   string   `json:"status,omitempty"`
	Signers  []string `json:"signers,omitempty"`
	Subjects []string `json:"subjects,omitempty"`
	Grantee  string   `json:"grantee,omitempty"`
	Objects  []string `json:"objects,omitempty"`
	Due      string   `json:"due,omitempty"`
	Until    string   `json:"until,omitempty"`
}

// List reads a page of records by member, party, state or day. It is the word of a node: nothing of it is proved, not even
// that the list is complete; Entries of a subject are what can be complete.
func (c *Client) List(ctx context.Context, q ListQuery) (*ListPage, error) {
	values := url.Values{"kind": {q.Kind}}
	for name, v := range map[string]string{"by": q.By, "value": q.Value, "after": q.After} {
		if v != "" {
			values.Set(name, v)
		}
	}
	if q.Limit != 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	data, err := c.get(ctx, "/v1/list", values, typeJSON)
	if err != nil {
		return nil, err
	}
	page := new(ListPage)
	if err := json.Unmarshal(data, page); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrAnswer, err)
	}
	if page.Kind != q.Kind || page.Value != q.Value || (q.By != "" && page.By != q.By) {
		return nil, fmt.Errorf("%w: %s by %s %q", ErrOtherList, page.Kind, page.By, page.Value)
	}
	if len(page.Rows) > max(q.Limit, maxListRows) || int64(len(page.Rows)) > page.Total || (page.Next != "" && page.Next == q.After) {
		return nil, fmt.Errorf("%w: %d rows of %d", ErrAnswer, len(page.Rows), page.Total)
	}
	for _, r := range page.Rows {
		if !strings.HasPrefix(r.Key, q.Kind+"/") {
			return nil, fmt.Errorf("%w: %q among %s", ErrOtherKey, r.Key, q.Kind)
		}
	}
	page.Proved = false // whatever the node says
	return page, nil
}

// maxListRows is what a node gives at most.
const maxListRows = 200

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
