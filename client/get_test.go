package client

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// memberChain has three states, with and without a member.
func memberChain(validators int) *fakeChain {
	f := newFakeChain(validators)
	f.add(map[string][]byte{"chain": {1}, "member/a-1": mustMarshal(&types.Member{Id: "a-1", ControlGroup: "g1"})})
	f.add(map[string][]byte{"chain": {1}, "member/a-1": mustMarshal(&types.Member{Id: "a-1", ControlGroup: "g2"}), "member/b-1": mustMarshal(&types.Member{Id: "b-1"})})
	f.add(map[string][]byte{"chain": {1}, "member/b-1": mustMarshal(&types.Member{Id: "b-1"}), "member/c-1": mustMarshal(&types.Member{Id: "c-1"})})
	return f
}

func TestGetProvesValueAndAbsence(t *testing.T) {
	for _, validators := range []int{1, 4, 7} {
		c, _ := newFakeNode(memberChain(validators)).serve(t)
		m, p, err := Get(context.Background(), c, types.MemberKey("b-1"), GetOptions{})
		require.NoError(t, err)
		require.Equal(t, "b-1", m.Id)
		require.Equal(t, int64(3), p.Height)

		m, p, err = Get(context.Background(), c, types.MemberKey("a-1"), GetOptions{})
		require.NoError(t, err)
		require.Nil(t, m)
		require.Nil(t, p.Value)

		m, p, err = Get(context.Background(), c, types.MemberKey("a-1"), GetOptions{Height: 2})
		require.NoError(t, err)
		require.Equal(t, "g2", m.ControlGroup)
		require.Equal(t, int64(2), p.Height)
	}
}

// A proved value that is no record of its kind is refused.
func TestGetRefusesForeignRecord(t *testing.T) {
	f := newFakeChain(1)
	f.add(map[string][]byte{"chain": {1}, "member/a-1": {0xff, 0xff}, "member/b-1": {0x7a, 0}})
	c, _ := newFakeNode(f).serve(t)
	for _, id := range []string{"a-1", "b-1"} {
		_, _, err := Get(context.Background(), c, types.MemberKey(id), GetOptions{})
		require.ErrorIs(t, err, ErrValue)
	}
}

func TestGetNeedsTrust(t *testing.T) {
	n := newFakeNode(memberChain(1))
	_, url := n.serve(t)
	c, err := New(Config{Endpoints: []string{url}, ChainID: testChain, Now: func() time.Time { return n.now }})
	require.NoError(t, err)
	_, _, err = Get(context.Background(), c, types.MemberKey("b-1"), GetOptions{})
	require.ErrorIs(t, err, ErrNoTrust)

	other := memberChain(1).trust()
	_, err = New(Config{Endpoints: []string{url}, ChainID: "x", Trust: other})
	require.ErrorIs(t, err, ErrOtherChain)
	_, err = New(Config{Endpoints: []string{"ftp://x"}})
	require.ErrorContains(t, err, "base URL")
	_, err = New(Config{})
	require.ErrorContains(t, err, "no endpoint")
}

// A header that was verified is not verified again, but time passes for it all the same.
func TestGetRemembersHeaders(t *testing.T) {
	n := newFakeNode(memberChain(4))
	c, _ := n.serve(t)
	read := func() error {
		_, _, err := Get(context.Background(), c, types.MemberKey("b-1"), GetOptions{MaxAge: time.Hour})
		return err
	}
	require.NoError(t, read())
	require.NoError(t, read())
	// Another header of that height is not taken for it.
	n.record = func(r *types.RecordResponse) {
		b := n.chain.lightBlock(4)
		b.AppHash = filled(9)
		r.LightBlock = encoded(b)
	}
	require.ErrorIs(t, read(), ErrHeaderForged)
	n.record = nil
	n.now = n.now.Add(2 * time.Hour)
	require.ErrorIs(t, read(), ErrStale)
	n.now = n.now.Add(-4 * time.Hour)
	require.ErrorIs(t, read(), ErrHeaderFuture)
	n.now = n.now.Add(100 * 24 * time.Hour)
	require.ErrorIs(t, read(), ErrTrustExpired)
}

func BenchmarkGet(b *testing.B) {
	n := newFakeNode(memberChain(4))
	answer := mustMarshal(n.chain.record("member/b-1", 3))
	n.before = func(w http.ResponseWriter, _ *http.Request, _ int) bool { _, _ = w.Write(answer); return true }
	s := httptest.NewServer(n)
	defer s.Close()
	c, err := New(Config{Endpoints: []string{s.URL}, Trust: n.chain.trust(), Now: func() time.Time { return n.chain.time(5) }})
	require.NoError(b, err)
	for b.Loop() {
		_, _, err := Get(context.Background(), c, types.MemberKey("b-1"), GetOptions{})
		require.NoError(b, err)
	}
}

// Where the validators change, the client goes by way of headers between.
func TestGetFollowsValidators(t *testing.T) {
	f := newFakeChain(4)
	all := testValidators("v", 4+40)
	f.sets = nil
	for h := range 40 { // every height one validator leaves and another comes
		f.sets = append(f.sets, all[h:h+4])
	}
	for range 38 {
		f.add(map[string][]byte{"chain": {1}, "member/b-1": mustMarshal(&types.Member{Id: "b-1"})})
	}
	n := newFakeNode(f)
	c, _ := n.serve(t)
	m, p, err := Get(context.Background(), c, types.MemberKey("b-1"), GetOptions{})
	require.NoError(t, err)
	require.Equal(t, "b-1", m.Id)
	require.Equal(t, int64(38), p.Height)
	first := n.requests
	require.Greater(t, first, 5, "it had to ask for headers between")
	_, _, err = Get(context.Background(), c, types.MemberKey("b-1"), GetOptions{})
	require.NoError(t, err)
	require.LessOrEqual(t, n.requests, first+2, "what was verified is remembered")

	next, err := c.Advance(context.Background())
	require.NoError(t, err)
	require.Equal(t, int64(39), next.Height)

	// Without the headers between there is no way.
	n.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.URL.Path != "/v1/light" {
			return false
		}
		problem(w, http.StatusNotFound, "pruned")
		return true
	}
	fresh, err := New(Config{Endpoints: c.endpoints, Trust: f.trust(), Now: func() time.Time { return n.now }})
	require.NoError(t, err)
	_, _, err = Get(context.Background(), fresh, types.MemberKey("b-1"), GetOptions{})
	var refused *APIError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, http.StatusNotFound, refused.Status)
}

func TestGetRetriesAndFailsOver(t *testing.T) {
	n := newFakeNode(memberChain(1))
	n.before = func(w http.ResponseWriter, r *http.Request, k int) bool {
		if k > 2 {
			return false
		}
		problem(w, http.StatusServiceUnavailable, "starting")
		return true
	}
	c, url := n.serve(t)
	_, _, err := Get(context.Background(), c, types.MemberKey("b-1"), GetOptions{})
	require.NoError(t, err)
	require.Equal(t, 3, n.requests)

	two, err := New(Config{Endpoints: []string{"http://127.0.0.1:1", url}, Trust: n.chain.trust(), Now: func() time.Time { return n.now }})
	require.NoError(t, err)
	_, _, err = Get(context.Background(), two, types.MemberKey("b-1"), GetOptions{})
	require.NoError(t, err)

	none, err := New(Config{Endpoints: []string{"http://127.0.0.1:1"}, Trust: n.chain.trust(), RetryFor: 50 * time.Millisecond})
	require.NoError(t, err)
	_, _, err = Get(context.Background(), none, types.MemberKey("b-1"), GetOptions{})
	require.ErrorIs(t, err, ErrUnreachable)

	n.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		problem(w, http.StatusBadRequest, "bad key")
		return true
	}
	_, _, err = Get(context.Background(), c, types.MemberKey("b-1"), GetOptions{})
	require.ErrorContains(t, err, "bad key: ask again (HTTP 400)")

	n.before = func(w http.ResponseWriter, r *http.Request, _ int) bool { fmt.Fprint(w, "\xff\xff"); return true }
	_, _, err = Get(context.Background(), c, types.MemberKey("b-1"), GetOptions{})
	require.ErrorIs(t, err, ErrAnswer)
}
