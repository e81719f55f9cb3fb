package client

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

func signTest(t *testing.T, c *Client, n *fakeNode, s *Signer, msgs ...types.Msg) []byte {
	t.Helper()
	var messages []*types.Message
	for _, m := range msgs {
		messages = append(messages, types.Wrap("", m))
	}
	raw, err := s.SignTx(c.ChainID(), messages, TxOptions{ValidUntil: n.now.Add(time.Hour)})
	require.NoError(t, err)
	return raw
}

func TestSubmitFinalAndRefused(t *testing.T) {
	n := newFakeNode(memberChain(1))
	n.rule = func(_ *types.Tx, m *types.Message) types.Code {
		if r := m.GetIssueReceivable(); r != nil && r.Id == "bad" {
			return types.Code_enterprise_unknown
		}
		return types.Code_ok
	}
	c, _ := n.serve(t)
	s := testSigner("bank-a")
	good := signTest(t, c, n, s, receivable("r1", 5), receivable("r2", 5))
	mixed := signTest(t, c, n, s, receivable("r1", 5), receivable("bad", 5), receivable("r2", 6))
	wrongChain, err := s.SignTx("other", []*types.Message{types.Wrap("", receivable("r9", 1))}, TxOptions{ValidUntil: n.now.Add(time.Hour)})
	require.NoError(t, err)
	results, err := c.Submit(context.Background(), [][]byte{good, mixed, wrongChain}, SubmitOptions{})
	require.NoError(t, err)
	require.NoError(t, results[0].Err())
	require.Equal(t, 2, results[0].Accepted())
	require.Equal(t, []types.Code{types.Code_already_recorded, types.Code_enterprise_unknown, types.Code_id_taken}, results[1].Codes)
	require.Equal(t, 1, results[1].Accepted())
	require.ErrorIs(t, results[1].Err(), types.Refuse(types.Code_enterprise_unknown, ""))
	require.ErrorContains(t, results[1].Err(), "accepted 1 of 3")
	require.Equal(t, types.SubmitStatus_SUBMIT_REFUSED, results[2].Status)
	require.ErrorIs(t, results[2].Err(), types.Refuse(types.Code_chain_id_differs, ""))

	_, err = c.Submit(context.Background(), [][]byte{good[:20]}, SubmitOptions{})
	require.ErrorContains(t, err, "transaction 1")
}

// ADMITTED is not FINAL: the same bytes are sent again until they are.
func TestSubmitAdmittedIsNotFinal(t *testing.T) {
	n := newFakeNode(memberChain(1))
	n.submit = func(tx *types.Tx, seen int) *types.SubmitResult {
		if seen < 4 {
			return &types.SubmitResult{Status: types.SubmitStatus_ADMITTED, Signer: tx.Body.Signer, Reference: tx.Body.Reference}
		}
		return nil
	}
	c, _ := n.serve(t)
	raw := signTest(t, c, n, testSigner("bank-a"), receivable("r1", 5))
	results, err := c.Submit(context.Background(), [][]byte{raw}, SubmitOptions{})
	require.NoError(t, err)
	require.NoError(t, results[0].Err())
	require.Len(t, n.bodies, 4)
	for _, b := range n.bodies {
		require.Equal(t, raw, b[4:], "the same reference and the same bytes")
	}

	// If it never becomes final, nothing is acknowledged.
	n.submit = func(tx *types.Tx, _ int) *types.SubmitResult {
		return &types.SubmitResult{Status: types.SubmitStatus_ADMITTED}
	}
	results, err = c.Submit(context.Background(), [][]byte{signTest(t, c, n, testSigner("bank-a"), receivable("r2", 5))}, SubmitOptions{RetryFor: 100 * time.Millisecond})
	require.ErrorIs(t, err, ErrNotFinal)
	require.ErrorIs(t, results[0].Err(), ErrNotFinal)
	require.Equal(t, types.SubmitStatus_ADMITTED, results[0].Status)

	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = c.Submit(ctx, [][]byte{signTest(t, c, n, testSigner("bank-a"), receivable("r3", 5))}, SubmitOptions{})
	require.ErrorIs(t, err, ErrNotFinal)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// Busy nodes are given time: node-local codes, HTTP 429 and 503, connections that break.
func TestSubmitBackPressure(t *testing.T) {
	for _, code := range []types.Code{types.NodeCodeFull, types.NodeCodeBehind, types.NodeCodeQuota, types.NodeCodeStopping, types.NodeCodeDuplicate} {
		n := newFakeNode(memberChain(1))
		n.submit = func(_ *types.Tx, seen int) *types.SubmitResult {
			if seen < 3 {
				return &types.SubmitResult{Status: types.SubmitStatus_SUBMIT_REFUSED, Code: uint32(code)}
			}
			return nil
		}
		c, _ := n.serve(t)
		results, err := c.Submit(context.Background(), [][]byte{signTest(t, c, n, testSigner("bank-a"), receivable("r1", 5))}, SubmitOptions{})
		require.NoError(t, err)
		require.NoError(t, results[0].Err())
		require.Len(t, n.bodies, 3)
	}
	for name, before := range map[string]func(http.ResponseWriter){
		"429":    func(w http.ResponseWriter) { problem(w, http.StatusTooManyRequests, "slow down") },
		"503":    func(w http.ResponseWriter) { problem(w, http.StatusServiceUnavailable, "full") },
		"502":    func(w http.ResponseWriter) { problem(w, http.StatusBadGateway, "no") },
		"broken": func(w http.ResponseWriter) { w.Header().Set("Content-Length", "100"); fmt.Fprint(w, "x") },
	} {
		t.Run(name, func(t *testing.T) {
			n := newFakeNode(memberChain(1))
			n.before = func(w http.ResponseWriter, _ *http.Request, k int) bool {
				if k < 3 {
					before(w)
				}
				return k < 3
			}
			c, _ := n.serve(t)
			results, err := c.Submit(context.Background(), [][]byte{signTest(t, c, n, testSigner("bank-a"), receivable("r1", 5))}, SubmitOptions{})
			require.NoError(t, err)
			require.NoError(t, results[0].Err())
		})
	}
}

// Retry-After is obeyed.
func TestSubmitObeysRetryAfter(t *testing.T) {
	n := newFakeNode(memberChain(1))
	var first, second time.Time
	n.before = func(w http.ResponseWriter, _ *http.Request, k int) bool {
		if k == 1 {
			first = time.Now()
			w.Header().Set("Retry-After", "1")
			problem(w, http.StatusServiceUnavailable, "full")
			return true
		}
		second = time.Now()
		return false
	}
	c, _ := n.serve(t)
	_, err := c.Submit(context.Background(), [][]byte{signTest(t, c, n, testSigner("bank-a"), receivable("r1", 5))}, SubmitOptions{})
	require.NoError(t, err)
	require.GreaterOrEqual(t, second.Sub(first), 900*time.Millisecond)
}

// An answer that is lost after the transaction was included is found again by its reference.
func TestSubmitFindsLostAnswer(t *testing.T) {
	n := newFakeNode(memberChain(1))
	c, _ := n.serve(t)
	n.before = func(w http.ResponseWriter, r *http.Request, k int) bool {
		if k != 1 {
			return false
		}
		n.post(&discard{}, r) // included, and nobody hears of it
		problem(w, http.StatusBadGateway, "broken")
		return true
	}
	raw := signTest(t, c, n, testSigner("bank-a"), receivable("r1", 5))
	results, err := c.Submit(context.Background(), [][]byte{raw}, SubmitOptions{})
	require.NoError(t, err)
	require.Equal(t, []types.Code{types.Code_ok}, results[0].Codes)
	require.False(t, results[0].Earlier)
	require.Equal(t, 1, n.total)

	// The same when the node only says that the reference was used, or that the time is over.
	for _, code := range []types.Code{types.Code_reference_used, types.Code_tx_expired} {
		n.submit = func(tx *types.Tx, _ int) *types.SubmitResult {
			return &types.SubmitResult{Status: types.SubmitStatus_SUBMIT_REFUSED, Code: uint32(code)}
		}
		results, err = c.Submit(context.Background(), [][]byte{raw}, SubmitOptions{})
		require.NoError(t, err)
		require.NoError(t, results[0].Err())
	}
	// A transaction of another run under this reference is told apart.
	n.submit = nil
	n.now = n.now.Add(time.Minute)
	again := signTest(t, c, n, testSigner("bank-a"), receivable("r1", 5))
	require.NotEqual(t, raw, again)
	results, err = c.Submit(context.Background(), [][]byte{again}, SubmitOptions{})
	require.NoError(t, err)
	require.True(t, results[0].Earlier)
	require.NoError(t, results[0].Err())
	// One that expired without trace is refused.
	n.submit = func(tx *types.Tx, _ int) *types.SubmitResult {
		return &types.SubmitResult{Status: types.SubmitStatus_SUBMIT_REFUSED, Code: uint32(types.Code_tx_expired)}
	}
	results, err = c.Submit(context.Background(), [][]byte{signTest(t, c, n, testSigner("bank-a"), receivable("r7", 5))}, SubmitOptions{})
	require.NoError(t, err)
	require.ErrorIs(t, results[0].Err(), types.Refuse(types.Code_tx_expired, ""))
}

type discard struct{}

func (d *discard) Header() http.Header         { return http.Header{} }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
func (d *discard) WriteHeader(int)             {}

// Answers that do not belong to what was sent are refused.
func TestSubmitRefusesHostileAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		said *types.SubmitResult
		want error
	}{
		"other reference": {&types.SubmitResult{Status: types.SubmitStatus_FINAL, Reference: "another-reference", Height: 1, Codes: []uint32{0}}, ErrAnswer},
		"other signer":    {&types.SubmitResult{Status: types.SubmitStatus_FINAL, Signer: "bank-b", Height: 1, Codes: []uint32{0}}, ErrAnswer},
		"codes missing":   {&types.SubmitResult{Status: types.SubmitStatus_FINAL, Height: 1}, ErrAnswer},
		"too many codes":  {&types.SubmitResult{Status: types.SubmitStatus_FINAL, Height: 1, Codes: []uint32{0, 0}}, ErrAnswer},
		"no height":       {&types.SubmitResult{Status: types.SubmitStatus_FINAL, Codes: []uint32{0}}, ErrAnswer},
		"no status":       {&types.SubmitResult{}, ErrAnswer},
		"refused as ok":   {&types.SubmitResult{Status: types.SubmitStatus_SUBMIT_REFUSED}, ErrAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			n := newFakeNode(memberChain(1))
			n.submit = func(*types.Tx, int) *types.SubmitResult { return c.said }
			cl, _ := n.serve(t)
			results, err := cl.Submit(context.Background(), [][]byte{signTest(t, cl, n, testSigner("bank-a"), receivable("r1", 5))}, SubmitOptions{})
			require.ErrorIs(t, err, c.want)
			require.ErrorIs(t, results[0].Err(), ErrNotFinal)
		})
	}
	n := newFakeNode(memberChain(1))
	n.before = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		reply(w, &types.SubmitResponse{})
		return true
	}
	c, _ := n.serve(t)
	_, err := c.Submit(context.Background(), [][]byte{signTest(t, c, n, testSigner("bank-a"), receivable("r1", 5))}, SubmitOptions{})
	require.ErrorIs(t, err, ErrNotAll)
}

func TestContentReference(t *testing.T) {
	a := []*types.Message{types.Wrap("", receivable("r1", 5)), types.Wrap("", receivable("r2", 5))}
	ref := func(chain, signer string, m []*types.Message, attempt uint32) string {
		r, err := ContentReference(chain, signer, m, attempt)
		require.NoError(t, err)
		require.Regexp(t, `^[a-z2-7]{32}$`, r)
		return r
	}
	seen := map[string]bool{}
	for _, r := range []string{ref("c", "s", a, 0), ref("c", "s", a, 1), ref("d", "s", a, 0), ref("c", "t", a, 0), ref("c", "s", a[:1], 0), ref("cs", "", a, 0),
		ref("c", "s", []*types.Message{types.Wrap("XX:T:1", receivable("r1", 5)), a[1]}, 0)} {
		require.False(t, seen[r])
		seen[r] = true
	}
	require.Equal(t, ref("c", "s", a, 0), ref("c", "s", []*types.Message{types.Wrap("", receivable("r1", 5)), types.Wrap("", receivable("r2", 5))}, 0))
}

// What an earlier run had refused is tried under the next reference; what it had accepted is not.
func TestSubmitMessagesTriesAnew(t *testing.T) {
	n := newFakeNode(memberChain(1))
	missing := true
	n.rule = func(*types.Tx, *types.Message) types.Code {
		if missing {
			return types.Code_enterprise_unknown
		}
		return types.Code_ok
	}
	c, _ := n.serve(t)
	send := func(reference string) *Result {
		n.now = n.now.Add(time.Minute)
		r, tx, err := c.SubmitMessages(context.Background(), testSigner("bank-a"), []*types.Message{types.Wrap("", receivable("r1", 5))},
			TxOptions{Reference: reference, ValidUntil: n.now.Add(time.Hour)}, SubmitOptions{})
		require.NoError(t, err)
		require.Equal(t, r.Reference, tx.Body.Reference)
		return r
	}
	first := send("")
	require.Error(t, first.Err())
	missing = false
	second := send("")
	require.NoError(t, second.Err())
	require.False(t, second.Earlier)
	require.NotEqual(t, first.Reference, second.Reference)
	third := send("")
	require.True(t, third.Earlier)
	require.NoError(t, third.Err())
	require.Equal(t, second.Reference, third.Reference)

	// A reference of one's own is never changed.
	missing = true
	n.recorded = map[string][]byte{}
	require.Error(t, send("my-own-reference-1").Err())
	missing = false
	kept := send("my-own-reference-1")
	require.True(t, kept.Earlier)
	require.Error(t, kept.Err())
}

// collect gathers outcomes by name.
type collect struct {
	mu  sync.Mutex
	got map[string]Outcome
}

func (c *collect) done(name string) func(Outcome) {
	return func(o Outcome) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if _, twice := c.got[name]; twice {
			panic("told twice: " + name)
		}
		c.got[name] = o
	}
}

func TestSubmitterPacks(t *testing.T) {
	n := newFakeNode(memberChain(1))
	c, _ := n.serve(t)
	u := c.NewSubmitter(context.Background(), testSigner("bank-a"), SubmitterConfig{MessagesPerTx: 10, TxsPerRequest: 4, Requests: 2, Linger: time.Hour})
	got := &collect{got: map[string]Outcome{}}
	for i := range 101 {
		id := fmt.Sprintf("r%d", i)
		var group []*types.Message
		for k := range 1 + i%3 {
			group = append(group, types.Wrap("", receivable(fmt.Sprintf("%s.%d", id, k), 5)))
		}
		require.NoError(t, u.Add(group, got.done(id)))
	}
	require.NoError(t, u.Close())
	require.Len(t, got.got, 101)
	for i := range 101 {
		o := got.got[fmt.Sprintf("r%d", i)]
		require.NoError(t, o.Err)
		require.Len(t, o.Codes, 1+i%3)
	}
	for _, body := range n.bodies {
		txs := 0
		for len(body) > 0 {
			size := binary.BigEndian.Uint32(body)
			tx, err := types.Decode(body[4 : 4+size])
			require.NoError(t, err)
			require.LessOrEqual(t, len(tx.Body.Messages), 10)
			body = body[4+size:]
			txs++
		}
		require.LessOrEqual(t, txs, 4)
	}
	require.Error(t, u.Add([]*types.Message{types.Wrap("", receivable("x", 5))}, nil), "it is closed")
	require.Error(t, u.Close())
}

// What is not full goes when it has waited long enough.
func TestSubmitterLingers(t *testing.T) {
	n := newFakeNode(memberChain(1))
	c, _ := n.serve(t)
	u := c.NewSubmitter(context.Background(), testSigner("bank-a"), SubmitterConfig{Linger: 5 * time.Millisecond})
	done := make(chan Outcome, 1)
	require.NoError(t, u.Add([]*types.Message{types.Wrap("", receivable("r1", 5))}, func(o Outcome) { done <- o }))
	select {
	case o := <-done:
		require.NoError(t, o.Err)
	case <-time.After(10 * time.Second):
		t.Fatal("it never went")
	}
	require.NoError(t, u.Close())
	require.Error(t, c.NewSubmitter(context.Background(), testSigner("b"), SubmitterConfig{}).Add(nil, nil))
}

// One message that spoils its transaction harms no other group.
func TestSubmitterFindsTheSpoiler(t *testing.T) {
	n := newFakeNode(memberChain(1))
	n.submit = func(tx *types.Tx, _ int) *types.SubmitResult {
		for _, m := range tx.Body.Messages {
			if m.GetPublishFixing() != nil {
				return &types.SubmitResult{Status: types.SubmitStatus_SUBMIT_REFUSED, Code: uint32(types.Code_role_not_permitted), Detail: "publish_fixing"}
			}
		}
		return nil
	}
	c, _ := n.serve(t)
	u := c.NewSubmitter(context.Background(), testSigner("bank-a"), SubmitterConfig{Linger: time.Hour})
	got := &collect{got: map[string]Outcome{}}
	for i := range 50 {
		var m types.Msg = receivable(fmt.Sprintf("r%d", i), 5)
		if i == 17 {
			m = &types.PublishFixing{Currency: "EUR", Day: 20000, RateE9: 1}
		}
		if i == 33 {
			m = receivable("\xff", 5) // no UTF-8: refused before it leaves
		}
		require.NoError(t, u.Add([]*types.Message{types.Wrap("", m)}, got.done(fmt.Sprint(i))))
	}
	require.NoError(t, u.Close())
	for i := range 50 {
		switch err := got.got[fmt.Sprint(i)].Err; i {
		case 17:
			require.ErrorIs(t, err, types.Refuse(types.Code_role_not_permitted, ""))
		case 33:
			require.ErrorIs(t, err, types.Refuse(types.Code_tx_field_invalid, ""))
		default:
			require.NoError(t, err)
		}
	}
}

// The same messages in a later run: what held is not sent to be recorded again; what was refused is tried anew.
func TestSubmitterSecondRun(t *testing.T) {
	n := newFakeNode(memberChain(1))
	missing := true
	n.rule = func(*types.Tx, *types.Message) types.Code {
		if missing {
			return types.Code_enterprise_unknown
		}
		return types.Code_ok
	}
	c, _ := n.serve(t)
	send := func() Outcome {
		n.now = n.now.Add(time.Minute)
		u := c.NewSubmitter(context.Background(), testSigner("bank-a"), SubmitterConfig{})
		var out Outcome
		require.NoError(t, u.Add([]*types.Message{types.Wrap("", receivable("r1", 5))}, func(o Outcome) { out = o }))
		require.NoError(t, u.Close())
		return out
	}
	require.Equal(t, []types.Code{types.Code_enterprise_unknown}, send().Codes)
	require.Equal(t, []types.Code{types.Code_enterprise_unknown}, send().Codes)
	missing = false
	third := send()
	require.Equal(t, []types.Code{types.Code_ok}, third.Codes)
	require.False(t, third.Earlier, "this time it was recorded")
	fourth := send()
	require.Equal(t, []types.Code{types.Code_ok}, fourth.Codes)
	require.True(t, fourth.Earlier)
	require.Equal(t, 1, n.total)
}

// A transaction that expires while nodes are away is signed anew.
func TestSubmitterSignsExpiredAnew(t *testing.T) {
	n := newFakeNode(memberChain(1))
	expired := 0
	n.submit = func(tx *types.Tx, _ int) *types.SubmitResult {
		if expired == 0 {
			expired++
			n.now = n.now.Add(2 * time.Hour)
			return &types.SubmitResult{Status: types.SubmitStatus_SUBMIT_REFUSED, Code: uint32(types.Code_tx_expired)}
		}
		return nil
	}
	c, _ := n.serve(t)
	u := c.NewSubmitter(context.Background(), testSigner("bank-a"), SubmitterConfig{})
	var out Outcome
	require.NoError(t, u.Add([]*types.Message{types.Wrap("", receivable("r1", 5))}, func(o Outcome) { out = o }))
	require.NoError(t, u.Close())
	require.NoError(t, out.Err)
	require.Equal(t, 1, n.total)
}

// When everything is cancelled every owner is told, once.
func TestSubmitterCancelled(t *testing.T) {
	n := newFakeNode(memberChain(1))
	n.submit = func(*types.Tx, int) *types.SubmitResult {
		return &types.SubmitResult{Status: types.SubmitStatus_ADMITTED}
	}
	c, _ := n.serve(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	u := c.NewSubmitter(ctx, testSigner("bank-a"), SubmitterConfig{MessagesPerTx: 1, Requests: 1, TxsPerRequest: 1})
	got := &collect{got: map[string]Outcome{}}
	added := 0
	for i := range 20 {
		if i == 1 {
			cancel()
		}
		id := fmt.Sprint(i)
		err := u.Add([]*types.Message{types.Wrap("", receivable(id, 5))}, got.done(id))
		require.True(t, err == nil || errors.Is(err, context.Canceled))
		if err == nil {
			added++
		}
	}
	_ = u.Close()
	require.Len(t, got.got, added)
	for _, o := range got.got {
		require.Error(t, o.Err)
	}
}
