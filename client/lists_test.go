package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// listNode answers every request for a list with this page, and remembers what was asked.
func listNode(t *testing.T, page any) (*Client, *string) {
	asked := new(string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = r.URL.Path + "?" + r.URL.RawQuery
		text, err := json.Marshal(page)
		if err != nil {
			panic(err)
		}
		_, _ = w.Write(text)
	}))
	t.Cleanup(server.Close)
	c, err := New(Config{Endpoints: []string{server.URL}})
	require.NoError(t, err)
	return c, asked
}

// A list is the node's word: it is read as such, whatever the node calls it, and must at least be the list that was asked for.
func TestList(t *testing.T) {
	good := ListPage{Kind: "receivable", By: "subject", Value: "XX:REG:1", Height: 7, Total: 3, Proved: true, Next: "bmV4dA",
		Rows: []ListRow{{Key: "receivable/a-1/R-1", Height: 5, Status: "ISSUED"}, {Key: "receivable/a-1/R-0", Height: 4}}}
	q := ListQuery{Kind: "receivable", By: "subject", Value: "XX:REG:1", After: "YWZ0ZXI", Limit: 2}
	c, asked := listNode(t, good)
	page, err := c.List(context.Background(), q)
	require.NoError(t, err)
	require.Equal(t, "/v1/list?after=YWZ0ZXI&by=subject&kind=receivable&limit=2&value=XX%3AREG%3A1", *asked)
	want := good
	want.Proved = false
	require.Equal(t, &want, page)

	for name, wrong := range map[string]struct {
		change func(*ListPage)
		err    error
	}{
		"other kind":      {func(p *ListPage) { p.Kind = "order" }, ErrOtherList},
		"other by":        {func(p *ListPage) { p.By = "signer" }, ErrOtherList},
		"other value":     {func(p *ListPage) { p.Value = "XX:REG:2" }, ErrOtherList},
		"other records":   {func(p *ListPage) { p.Rows = []ListRow{{Key: "order/a-1/R-1"}} }, ErrOtherKey},
		"more than total": {func(p *ListPage) { p.Total = 1 }, ErrAnswer},
		"in a circle":     {func(p *ListPage) { p.Next = q.After }, ErrAnswer},
		"too many": {func(p *ListPage) {
			p.Total = 1000
			for i := range 300 {
				p.Rows = append(p.Rows, ListRow{Key: fmt.Sprint("receivable/a-1/", i)})
			}
		}, ErrAnswer},
	} {
		page := good
		wrong.change(&page)
		c, _ := listNode(t, page)
		_, err := c.List(context.Background(), q)
		require.ErrorIs(t, err, wrong.err, name)
	}
	c, _ = listNode(t, []string{"no page"})
	_, err = c.List(context.Background(), q)
	require.ErrorIs(t, err, ErrAnswer)
}
