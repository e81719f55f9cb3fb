package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// errorOf is the sentence of a problem.
func errorOf(t *testing.T, body []byte) string {
	t.Helper()
	var p struct{ Error string }
	require.NoError(t, json.Unmarshal(body, &p), string(body))
	require.NotEmpty(t, p.Error)
	return p.Error
}

// Whatever is asked wrongly is answered with a status and a sentence, and changes nothing.
func TestBadRequests(t *testing.T) {
	c := testHome(t)
	c.API.MaxBodyBytes = minBodyBytes
	n := running(t, c)
	awaitHeight(t, n, 3)
	good := framed(vote(t, "bad-requests-000001"))
	long := bytes.Repeat([]byte{1}, types.MaxTxBytes+1)
	for _, r := range []struct {
		name, method, path string
		body               []byte
		status             int
		message            string
	}{
		{"no route", "GET", "/", nil, 404, "there is nothing at /"},
		{"no such route", "GET", "/v1/tx/x", nil, 404, "routes: /v1/tx"},
		{"outside", "GET", "/v2/status", nil, 404, "there is nothing at /v2/status"},
		{"GET of a submission", "GET", "/v1/tx", nil, 405, "/v1/tx takes POST, not GET"},
		{"PUT of a submission", "PUT", "/v1/tx", good, 405, "/v1/tx takes POST, not PUT"},
		{"POST of a record", "POST", "/v1/record?key=a", nil, 405, "/v1/record takes GET, not POST"},
		{"DELETE of a status", "DELETE", "/v1/status", nil, 405, "/v1/status takes GET, not DELETE"},
		{"OPTIONS as browsers ask", "OPTIONS", "/v1/tx", nil, 405, "/v1/tx takes POST"},

		{"no body", "POST", "/v1/tx", nil, 400, "the body is empty"},
		{"half a length", "POST", "/v1/tx", []byte{0, 0}, 400, "byte 0: 2 bytes are left"},
		{"length 0", "POST", "/v1/tx", []byte{0, 0, 0, 0}, 400, "byte 0: transaction 0 has length 0"},
		{"length of a text", "POST", "/v1/tx", []byte(`{"tx": "…"}`), 400, "is the body a stream of length and transaction?"},
		{"length too long", "POST", "/v1/tx", framed(long)[:60], 400, "has length 262145, at most 262144"},
		{"less than said", "POST", "/v1/tx", good[:len(good)-1], 400, "bytes are left"},
		{"one good, one cut off", "POST", "/v1/tx", append(bytes.Clone(good), 0, 0, 1, 0, 7), 400, "transaction 1 has length 256, but 1 bytes are left"},
		{"too many", "POST", "/v1/tx", bytes.Repeat([]byte{0, 0, 0, 1, 7}, maxSubmitCount+1), 400, "more than 10000 transactions"},
		{"too large", "POST", "/v1/tx", make([]byte, minBodyBytes+1), 413, "the body is larger than 65536 bytes"},
		{"wait too long", "POST", "/v1/tx?wait=31", good, 400, "wait must be a whole number from 0 to 30"},
		{"wait below", "POST", "/v1/tx?wait=-1", good, 400, "wait must be a whole number"},
		{"wait in words", "POST", "/v1/tx?wait=long", good, 400, "wait must be a whole number"},
		{"unknown parameter", "POST", "/v1/tx?sync=1", good, 400, `there is no parameter "sync"; known are wait`},

		{"no key", "GET", "/v1/record", nil, 400, "the parameter key is missing"},
		{"key too long", "GET", "/v1/record?key=" + strings.Repeat("a", 513), nil, 400, "key is longer than 512 bytes"},
		{"no key of the state", "GET", "/v1/record?key=a%00b", nil, 400, "NUL"},
		{"no key, proved", "GET", "/v1/record?key=a%00b&prove=1", nil, 400, "NUL"},
		{"key twice", "GET", "/v1/record?key=a&key=b", nil, 400, "key is given more than once"},
		{"misspelt parameter", "GET", "/v1/record?key=a&proof=1", nil, 400, `there is no parameter "proof"`},
		{"prove what", "GET", "/v1/record?key=a&prove=yes", nil, 400, "prove must be 0 or 1"},
		{"height 0", "GET", "/v1/record?key=a&height=0", nil, 400, "height must be a whole number from 1"},
		{"height below", "GET", "/v1/record?key=a&height=-5", nil, 400, "height must be a whole number from 1"},
		{"height too large", "GET", "/v1/record?key=a&height=99999999999999999999", nil, 400, "height must be a whole number"},
		{"height to come", "GET", "/v1/record?key=a&height=1000000", nil, 404, "not committed yet"},
		{"height to come, proved", "GET", "/v1/record?key=a&height=1000000&prove=1", nil, 404, "not committed yet"},
		{"broken query", "GET", "/v1/record?key=%zz", nil, 400, "the query cannot be read"},
		{"semicolons", "GET", "/v1/record?key=a;b", nil, 400, "the query cannot be read"},

		{"no subject", "GET", "/v1/entries", nil, 400, "the parameter subject is missing"},
		{"limit too large", "GET", "/v1/entries?subject=a&limit=201", nil, 400, "limit must be a whole number from 1 to 200"},
		{"limit 0", "GET", "/v1/entries?subject=a&limit=0", nil, 400, "limit must be a whole number"},
		{"beyond the end", "GET", "/v1/entries?subject=a&after=5", nil, 400, "after is 5, but a has 0 entries"},
		{"no reference", "GET", "/v1/reference?signer=council-1", nil, 400, "the parameter reference is missing"},
		{"unknown reference", "GET", "/v1/reference?signer=council-1&reference=unknown-reference", nil, 404, "is final"},
		{"light to come", "GET", "/v1/light?height=1000000", nil, 404, "no block is kept at this height"},
		{"light of nothing", "GET", "/v1/light?height=x", nil, 400, "height must be a whole number"},
		{"status of what", "GET", "/v1/status?of=all", nil, 400, `there is no parameter "of"`},
	} {
		t.Run(r.name, func(t *testing.T) {
			status, body := do(t, r.method, "http://"+n.APIAddress()+r.path, bytes.NewReader(r.body), "")
			require.Equal(t, r.status, status, string(body))
			require.Contains(t, errorOf(t, body), r.message)
		})
	}
	status, _ := get(t, n, "/v1/reference?signer=council-1&reference=bad-requests-000001")
	require.Equal(t, http.StatusNotFound, status, "nothing of a refused request was taken")
}

func TestAnswersForPeopleAndBrowsers(t *testing.T) {
	n := running(t, testHome(t))
	awaitHeight(t, n, 2)
	url := "http://" + n.APIAddress()

	status, body := do(t, http.MethodPost, url+"/v1/tx?wait=30", bytes.NewReader(framed(vote(t, "people-reference-01"))), "application/json")
	require.Equal(t, http.StatusOK, status)
	var answer struct {
		Results []struct {
			Status, Reference string
			Codes             []uint32
		}
	}
	require.NoError(t, json.Unmarshal(body, &answer), string(body))
	require.Equal(t, "FINAL", answer.Results[0].Status)
	require.Equal(t, "people-reference-01", answer.Results[0].Reference)
	status, body = do(t, http.MethodGet, url+"/v1/entries?subject=x", nil, "application/json")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, string(body), `"total"`, "zeros are shown")

	request, err := http.NewRequest(http.MethodGet, url+"/v1/record?key=chain", nil)
	require.NoError(t, err)
	request.Header.Set("Origin", "https://elsewhere.example")
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, contentProtobuf, response.Header.Get("Content-Type"))
	require.Equal(t, "nosniff", response.Header.Get("X-Content-Type-Options"))
	require.Contains(t, response.Header.Get("Content-Security-Policy"), "default-src 'none'")
	require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
	for name := range response.Header {
		require.False(t, strings.HasPrefix(name, "Access-Control-"), name)
	}
}

// A request that waits ends when the node stops, and is told what is true: ADMITTED or FINAL.
func TestStopEndsWaits(t *testing.T) {
	c := testHome(t)
	n, err := New(context.Background(), c, quiet())
	require.NoError(t, err)
	require.NoError(t, n.Start(context.Background()))
	awaitHeight(t, n, 2)
	began := time.Now()
	var asking sync.WaitGroup
	for i := range 8 {
		asking.Add(1)
		go func() {
			defer asking.Done()
			body := bytes.NewReader(framed(vote(t, fmt.Sprintf("stop-ends-waits-%04d", i))))
			answer, err := http.Post("http://"+n.APIAddress()+"/v1/tx?wait=30", "", body)
			if err == nil {
				_, _ = io.Copy(io.Discard, answer.Body)
				answer.Body.Close()
			}
		}()
	}
	require.NoError(t, n.Stop())
	asking.Wait()
	require.Less(t, time.Since(began), 15*time.Second)
}

// A body that promises more than it sends, headers without end and idle connections do not hold a node.
func TestSlowAndOversizedConnections(t *testing.T) {
	n := running(t, testHome(t))
	awaitHeight(t, n, 2)

	conn, err := net.Dial("tcp", n.APIAddress())
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "GET /v1/status HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n", strings.Repeat("a", 2*httpHeaderBytes))
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(patience)))
	head := make([]byte, 64)
	_, err = io.ReadFull(conn, head)
	require.NoError(t, err)
	require.Contains(t, string(head), "431")

	for range 50 { // connections that say nothing
		idle, err := net.Dial("tcp", n.APIAddress())
		require.NoError(t, err)
		defer idle.Close()
	}
	slow, err := net.Dial("tcp", n.APIAddress())
	require.NoError(t, err)
	defer slow.Close()
	_, err = fmt.Fprint(slow, "POST /v1/tx HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
	require.NoError(t, err)
	status, body := get(t, n, "/v1/status")
	require.Equal(t, http.StatusOK, status, string(body))
}

func limitsFor(requests, perSecond int64) *limits {
	return newLimits(&APIConfig{MaxBodyBytes: 1 << 20, MaxRequests: requests, RequestsPerSecond: perSecond})
}

// One remote address has its rate; others and this machine are not touched by it.
func TestRateOfOneAddress(t *testing.T) {
	l := limitsFor(10, 1)
	allowed := func(address string) (n int) {
		for range 100 {
			if l.allow(address) {
				n++
			}
		}
		return n
	}
	require.InDelta(t, burstSeconds, allowed("192.0.2.1:1000"), 1)
	require.Zero(t, allowed("192.0.2.1:2000"), "another port is the same machine")
	require.Zero(t, allowed("[::ffff:192.0.2.1]:3000"), "and so is the same address written otherwise")
	require.InDelta(t, burstSeconds, allowed("192.0.2.2:1000"), 1)
	require.InDelta(t, burstSeconds, allowed("[2001:db8:1:2::1]:1"), 1)
	require.Zero(t, allowed("[2001:db8:1:2:ffff::9]:1"), "an IPv6 customer has a whole subnet")
	require.Equal(t, 100, allowed("127.0.0.1:1"))
	require.Equal(t, 100, allowed("[::1]:1"))
	require.Zero(t, allowed("nonsense"))
	require.Equal(t, 100, func() int { l = limitsFor(1, 0); return allowed("192.0.2.1:1000") }(), "0 is no limit")
}

// What is remembered of addresses is bounded, and the longest unseen goes first.
func TestRemotesAreForgotten(t *testing.T) {
	l := limitsFor(1, 1)
	for i := range remotesKept + 100 {
		l.allow("192.0.2.1:1") // seen all the time
		l.allow(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255))
	}
	require.Len(t, l.remotes, remotesKept)
	require.Equal(t, remotesKept, l.recent.Len())
	require.False(t, l.allow("192.0.2.1:1"))
}

func TestRequestsAtOnce(t *testing.T) {
	l := limitsFor(2, 0)
	admit := func(length int64) (*ticket, error) {
		r := httptest.NewRequest(http.MethodPost, "/v1/tx", http.NoBody)
		r.ContentLength = length
		return l.admit(httptest.NewRecorder(), r)
	}
	one, err := admit(10)
	require.NoError(t, err)
	two, err := admit(-1)
	require.NoError(t, err)
	require.EqualValues(t, 10+1<<20, l.bodies, "a body of unknown length counts as the largest")
	_, err = admit(0)
	require.ErrorContains(t, err, "api.max_requests")
	one.release()
	one.release()
	three, err := admit(0)
	require.NoError(t, err)
	two.release()
	three.release()
	require.Zero(t, l.bodies)
	require.Empty(t, l.working)

	l.bodies = bodyBytesAtOnce - 5
	_, err = admit(10)
	require.ErrorContains(t, err, "reading as much as it may")
	require.Empty(t, l.working, "a refused request holds nothing")
}

// A fault in one request is one 500, not the end of the node.
func TestPanicIsOneBadAnswer(t *testing.T) {
	log := &logBuffer{}
	n := &Node{cfg: Default(""), logger: NewLogger(log, LogConfig{Level: "info"}), registry: newRegistry()}
	a := n.makeAPI()
	w := httptest.NewRecorder()
	a.wrap("x", func(http.ResponseWriter, *http.Request) error { panic("secret detail") }).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.NotContains(t, w.Body.String(), "secret detail")
	require.Contains(t, log.String(), "secret detail")

	w = httptest.NewRecorder()
	a.wrap("y", func(http.ResponseWriter, *http.Request) error { return problemf(http.StatusServiceUnavailable, "busy") }).
		ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, "1", w.Header().Get("Retry-After"))
}

func FuzzSplitTransactions(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 0, 0, 1, 7})
	f.Add(framed([]byte("one"), []byte("two")))
	f.Fuzz(func(t *testing.T, body []byte) {
		txs, err := splitTransactions(body)
		if err == nil && !bytes.Equal(framed(txs...), body) {
			t.Fatal("framing again gives other bytes")
		}
	})
}
