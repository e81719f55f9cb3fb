package main

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// The command asks for what is on its line, prints a table that says what it is not, and follows cursors when told to.
func TestListCommand(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.RawQuery)
		if r.URL.Query().Get("after") == "" {
			_, _ = w.Write([]byte(`{"kind":"receivable","by":"due","value":"2026-01-04","height":9,"total":2,"next":"bmV4dA",` +
				`"rows":[{"key":"receivable/a-1/R-1","height":5,"status":"ISSUED","due":"2026-01-04","signers":["a-1"],"subjects":["XX:REG:1","XX:REG:2"],"objects":["order/a-1/PO-1"]}]}`))
			return
		}
		_, _ = w.Write([]byte(`{"kind":"receivable","by":"due","value":"2026-01-04","height":10,"total":2,"next":"","rows":[{"key":"receivable/a-1/R-2","height":6}]}`))
	}))
	defer server.Close()
	command := func(args ...string) (status int, out, errs string) {
		asked = nil
		var o, e bytes.Buffer
		status = run(context.Background(), append([]string{"list", "--node", server.URL}, args...), nil, &o, &e)
		return status, o.String(), e.String()
	}

	status, out, errs := command("receivable", "due", "2026-01-04", "--limit", "1")
	require.Equal(t, exitDone, status, errs)
	require.Equal(t, []string{"by=due&kind=receivable&limit=1&value=2026-01-04"}, asked)
	for _, text := range []string{"receivable/a-1/R-1", "due 2026-01-04", "XX:REG:1 XX:REG:2", "order/a-1/PO-1", "more: --after bmV4dA", "1 of 2 records at height 9", "UNPROVED"} {
		require.Contains(t, out, text)
	}
	status, out, errs = command("receivable", "due", "2026-01-04", "--all")
	require.Equal(t, exitDone, status, errs)
	require.Len(t, asked, 2)
	require.Contains(t, out, "receivable/a-1/R-2")
	require.Contains(t, out, "2 of 2 records at height 10")
	require.NotContains(t, out, "more:")
	status, out, errs = command("receivable", "due", "2026-01-04", "-o", "json")
	require.Equal(t, exitDone, status, errs)
	require.Contains(t, out, `"proved": false`)
	require.Contains(t, out, `"next": "bmV4dA"`)

	for _, args := range [][]string{{}, {"receivable", "due"}, {"a", "b", "c", "d"}, {"order", "--all", "-o", "json"}, {"order", "--limit", "many"}} {
		status, _, errs := command(args...)
		require.Equal(t, exitUsage, status, errs)
		require.Empty(t, asked)
	}
	status, _, errs = command("order") // the fake answers with another list
	require.Equal(t, exitFail, status)
	require.Contains(t, errs, "another list")
}
