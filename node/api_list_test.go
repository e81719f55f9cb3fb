package node

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/node/index"
	"tradecredit/types"
)

// proposal is a transaction of the council that sets a parameter: alone in the electorate, it is executed at once.
func proposal(t *testing.T, id string) []byte {
	t.Helper()
	now := time.Now()
	raw, err := types.Sign(&types.Body{
		ChainId: testChain, Signer: "council-1", Key: "k1", Reference: "reference-of-" + id, ValidUntilUnix: now.Add(time.Hour).Unix(),
		Origin: &types.Origin{SourceSystem: "test", Jurisdiction: "CN", CollectedUnix: now.Unix(), Simulated: true},
		Messages: []*types.Message{{Msg: &types.Message_Propose{Propose: &types.Propose{
			Id: id, Action: &types.Propose_Parameter{Parameter: &types.SetParameter{Name: "quota_messages", Value: 150000}}}}}},
	}, councilKey(t))
	require.NoError(t, err)
	return raw
}

// listed asks for a list until the index shows the height.
func listed(t *testing.T, n *Node, height int64, query string) *index.Page {
	t.Helper()
	var page index.Page
	require.Eventually(t, func() bool {
		status, body := get(t, n, "/v1/list?"+query)
		if status == http.StatusServiceUnavailable {
			return false // not yet
		}
		require.Equal(t, http.StatusOK, status, string(body))
		page = index.Page{}
		require.NoError(t, json.Unmarshal(body, &page))
		return page.Height >= height
	}, patience, 5*time.Millisecond)
	require.False(t, page.Proved)
	return &page
}

// Lists follow what becomes final; each row names a key under which the record can be proved; and nothing is lost when the
// node stops, or when the index is deleted, damaged, or was off for a while.
func TestLists(t *testing.T) {
	c := testHome(t)
	n := running(t, c)
	awaitHeight(t, n, 2)
	members := listed(t, n, 1, "kind=member")
	require.EqualValues(t, 1, members.Total)
	require.Equal(t, []index.Row{{Key: "member/council-1", Status: "LIVE"}}, members.Rows)

	var last int64
	for i := range 5 {
		r := submit(t, n, "?wait=30", proposal(t, fmt.Sprint("p-", i)))[0]
		require.Equal(t, []uint32{0}, r.Codes, r.String())
		last = r.Height
	}
	want := []string{"proposal/council-1/p-4", "proposal/council-1/p-3", "proposal/council-1/p-2", "proposal/council-1/p-1", "proposal/council-1/p-0"}
	check := func(n *Node) {
		t.Helper()
		for _, query := range []string{"kind=proposal&by=signer&value=council-1", "kind=proposal&by=status&value=EXECUTED"} {
			page := listed(t, n, last, query)
			require.EqualValues(t, 5, page.Total)
			var keys []string
			for more := true; more; { // a page may be short on a busy machine
				for _, r := range page.Rows {
					keys = append(keys, r.Key)
					require.Equal(t, "EXECUTED", r.Status)
					require.Equal(t, []string{"council-1"}, r.Signers)
				}
				if more = page.Next != ""; more {
					page = listed(t, n, last, query+"&after="+url.QueryEscape(page.Next))
				}
			}
			require.Equal(t, want, keys)
		}
		first := listed(t, n, last, "kind=proposal&by=signer&value=council-1&limit=3")
		second := listed(t, n, last, "kind=proposal&by=signer&value=council-1&limit=3&after="+url.QueryEscape(first.Next))
		require.NotEmpty(t, first.Next)
		require.LessOrEqual(t, len(first.Rows), 3)
		if len(first.Rows) == 3 && len(second.Rows) > 0 {
			require.Equal(t, want[3], second.Rows[0].Key)
		}
	}
	check(n)
	awaitHeight(t, n, last+1)
	value, _ := readRecord(t, n, want[0], last)
	require.NotEmpty(t, value, "what is listed can be proved")
	require.NoError(t, n.Stop())

	current := func() string {
		found, err := filepath.Glob(filepath.Join(c.IndexDir(), "MANIFEST-*"))
		require.NoError(t, err)
		require.NotEmpty(t, found)
		return found[0]
	}
	for name, harm := range map[string]func(){
		"nothing": func() {},
		"deleted": func() { require.NoError(t, os.RemoveAll(c.IndexDir())) },
		"damaged": func() { require.NoError(t, os.WriteFile(current(), []byte("no manifest"), 0o600)) },
		"no folder": func() {
			require.NoError(t, os.RemoveAll(c.IndexDir()))
			require.NoError(t, os.WriteFile(c.IndexDir(), nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			harm()
			again, err := New(context.Background(), c, quiet())
			require.NoError(t, err)
			require.NoError(t, again.Start(context.Background()))
			check(again)
			require.NoError(t, again.Stop())
		})
	}
	t.Run("off", func(t *testing.T) {
		c := c
		c.Index.Enabled = false
		off := running(t, c)
		status, body := get(t, off, "/v1/list?kind=member")
		require.Equal(t, http.StatusNotFound, status)
		require.Contains(t, errorOf(t, body), "index.enabled")
		awaitHeight(t, off, off.Height()+3)
		require.NoError(t, off.Stop())
	})
	check(running(t, c))
}

// A question that is asked wrongly is answered with what is wrong, and with what may have been meant.
func TestBadListRequests(t *testing.T) {
	n := running(t, testHome(t))
	awaitHeight(t, n, 2)
	listed(t, n, 1, "kind=member")
	for query, message := range map[string]string{
		"":                                     "the parameter kind is missing",
		"kind=receivabel":                      "; did you mean receivable?",
		"kind=month":                           "kind must be one of member, key, proposal",
		"kind=order&by=sinner":                 "; did you mean signer?",
		"kind=order&by=due&value=2026-01-01":   "by must be one of all, signer, subject, status for order",
		"kind=order&by=status&value=CONFIRMD":  "; did you mean CONFIRMED?",
		"kind=order&by=status&value=confirmed": "value must be one of PROPOSED",
		"kind=order&by=status":                 "value is missing: what to list order by status",
		"kind=order&value=x":                   "value must be left out with by=all",
		"kind=order&by=subject&value=USCC:91350100M000100Y44": "check_character_wrong",
		"kind=order&by=signer&value=Bank":                     "member_id_malformed",
		"kind=document&by=object&value=PO-1":                  "no state key such as",
		"kind=receivable&by=due&value=tomorrow":               "value must be a day like 2026-01-31",
		"kind=receivable&by=due&value=2026-02-30":             "value must be a day like 2026-01-31",
		"kind=receivable&by=due&value=2026-02-01..":           "value must be a day like 2026-01-31",
		"kind=receivable&by=due&value=2026-02-01..2026-01-31": "ends before it begins",
		"kind=receivable&by=due&value=2025-01-01..2026-01-02": "has 367 days, at most 366",
		"kind=order&limit=201":                                "limit must be a whole number from 1 to 200",
		"kind=order&limit=0":                                  "limit must be a whole number from 1 to 200",
		"kind=order&kind=order":                               "kind is given more than once",
		"kind=order&sort=day":                                 `there is no parameter "sort"; known are kind, by, value, after, limit`,
		"kind=order&vaule=x":                                  "; did you mean value?",
		"kind=order&after=AAAA":                               "after is no cursor of this interface",
		"kind=order&after=***":                                "after is no cursor of this interface",
		"kind=order&after=AQAAAAAA":                           "after is the cursor of another list",
	} {
		status, body := get(t, n, "/v1/list?"+query)
		require.Equal(t, http.StatusBadRequest, status, query)
		require.Contains(t, errorOf(t, body), message, query)
	}
	status, body := do(t, http.MethodPost, "http://"+n.APIAddress()+"/v1/list?kind=order", nil, "")
	require.Equal(t, http.StatusMethodNotAllowed, status, string(body))
	status, body = do(t, http.MethodGet, "http://"+n.MetricsAddress()+"/metrics", nil, "")
	require.Equal(t, http.StatusOK, status)
	for _, name := range []string{"ledgerd_index_height", "ledgerd_index_lag", "ledgerd_index_failed 0", "ledgerd_index_disk_bytes"} {
		require.Contains(t, string(body), "\n"+name)
	}
}
