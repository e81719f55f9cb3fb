package client

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	cmt "github.com/cometbft/cometbft/types"
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

// Every lie of a node has its own error.
func TestGetRefusesHostileAnswers(t *testing.T) {
	chain := memberChain(4)
	other := memberChain(4)
	other.id = "other-chain"
	forged := memberChain(4)
	forged.sets = append([][]ed25519.PrivKey{}, testValidators("forger", 4))
	key := types.MemberKey("b-1")
	lb := func(h int64) *cmt.LightBlock { return chain.lightBlock(h) }
	for name, c := range map[string]struct {
		change func(*types.RecordResponse)
		opts   GetOptions
		now    time.Duration
		want   error
	}{
		"other key":          {change: func(r *types.RecordResponse) { *r = *chain.record("member/c-1", 3) }, want: ErrOtherKey},
		"other key, renamed": {change: func(r *types.RecordResponse) { *r = *chain.record("member/c-1", 3); r.Key = string(key) }, want: types.ErrProofKey},
		"other key, all renamed": {change: func(r *types.RecordResponse) {
			*r = *chain.record("member/c-1", 3)
			r.Key, r.Proof[0].Key = string(key), []byte(key)
		}, want: types.ErrProofKey},
		"old height":       {change: func(r *types.RecordResponse) { *r = *chain.record(string(key), 2) }, opts: GetOptions{MinHeight: 3}, want: ErrOldHeight},
		"other height":     {change: func(r *types.RecordResponse) { *r = *chain.record(string(key), 2) }, opts: GetOptions{Height: 3}, want: ErrOtherHeight},
		"old height, lied": {change: func(r *types.RecordResponse) { *r = *chain.record(string(key), 2); r.Height = 3 }, opts: GetOptions{MinHeight: 3}, want: ErrHeightSlip},
		"old state, new header": {change: func(r *types.RecordResponse) {
			*r = *chain.record(string(key), 2)
			r.Height = 3
			r.LightBlock = encoded(lb(4))
		}, want: types.ErrProofAppHash},
		"header of its own height": {change: func(r *types.RecordResponse) { r.LightBlock = encoded(lb(3)) }, want: ErrHeightSlip},
		"stale":                    {now: time.Hour, want: ErrStale},
		"future":                   {now: -time.Hour, want: ErrHeaderFuture},
		"expired trust":            {now: 91 * 24 * time.Hour, opts: GetOptions{MaxAge: -1}, want: ErrTrustExpired},
		"other chain":              {change: func(r *types.RecordResponse) { *r = *other.record(string(key), 3) }, want: ErrOtherChain},
		"forged header":            {change: func(r *types.RecordResponse) { *r = *forged.record(string(key), 3) }, want: ErrValidatorsPinned},
		"absence of a present key": {change: func(r *types.RecordResponse) { r.Value = nil }, want: types.ErrProofKind},
		"absence, proved elsewhere": {change: func(r *types.RecordResponse) {
			absent := chain.record("member/z-1", 3)
			r.Value, r.Proof = nil, absent.Proof
			r.Proof[0].Key = []byte(key)
		}, want: types.ErrProofKey},
		"presence of an absent key": {change: func(r *types.RecordResponse) { r.Value = append([]byte{}, 10, 1, 'x') }, want: types.ErrProofValue},
		"no proof":                  {change: func(r *types.RecordResponse) { r.Proof = nil }, want: ErrUnproved},
		"no header":                 {change: func(r *types.RecordResponse) { r.LightBlock = nil }, want: ErrUnproved},
		"operators swapped":         {change: func(r *types.RecordResponse) { r.Proof[0], r.Proof[1] = r.Proof[1], r.Proof[0] }, want: types.ErrProofOperators},
		"one operator":              {change: func(r *types.RecordResponse) { r.Proof = r.Proof[:1] }, want: types.ErrProofOperators},
		"other root":                {change: func(r *types.RecordResponse) { r.Proof[1].Key = []byte(types.RootReferences) }, want: types.ErrProofRoot},
		"proof cut":                 {change: func(r *types.RecordResponse) { r.Proof[0].Data = r.Proof[0].Data[:len(r.Proof[0].Data)-1] }, want: types.ErrProofEncoding},
		"header cut":                {change: func(r *types.RecordResponse) { r.LightBlock = r.LightBlock[:len(r.LightBlock)-1] }, want: ErrHeaderMalformed},
		"header with more bytes":    {change: func(r *types.RecordResponse) { r.LightBlock = append(r.LightBlock, 0x7a, 0) }, want: ErrHeaderMalformed},
		"app hash changed": {change: func(r *types.RecordResponse) {
			b := lb(4)
			b.AppHash = filled(9)
			r.LightBlock = encoded(b)
		}, want: ErrHeaderForged},
		"validators swapped": {change: func(r *types.RecordResponse) {
			b := lb(4)
			b.ValidatorSet = validatorSet(testValidators("other", 4))
			r.LightBlock = encoded(b)
		}, want: ErrValidatorsDiffer},
		"header without validators": {change: func(r *types.RecordResponse) {
			b := lb(4)
			b.ValidatorsHash = nil
			r.LightBlock = encoded(b)
		}, want: ErrHeaderForged},
		"turns as proposers, which nobody signs": {change: func(r *types.RecordResponse) { r.LightBlock = rawLightBlock(lb(4)) }, want: ErrHeaderEncoding},
		"half the power": {change: func(r *types.RecordResponse) {
			some := *chain
			some.signed = func(_ int64, i int) bool { return i < 2 }
			r.LightBlock = encoded(some.lightBlock(4))
		}, want: ErrPowerShort},
		"one signature in four": {change: func(r *types.RecordResponse) {
			some := *chain
			some.signed = func(_ int64, i int) bool { return i < 1 }
			r.LightBlock = encoded(some.lightBlock(4))
		}, want: ErrPowerShort},
		"wrong signature": {change: func(r *types.RecordResponse) {
			b := lb(4)
			b.Commit.Signatures[0].Signature[5] ^= 1
			r.LightBlock = encoded(b)
		}, want: ErrHeaderSignature},
		"one signature four times": {change: func(r *types.RecordResponse) {
			b := lb(4)
			for i := range b.Commit.Signatures {
				b.Commit.Signatures[i] = b.Commit.Signatures[0]
			}
			r.LightBlock = encoded(b)
		}, want: ErrHeaderSignature},
		"no record": {change: func(r *types.RecordResponse) { *r = *chain.record("chain", 3); r.Key = "chain" }, want: ErrOtherKey},
	} {
		t.Run(name, func(t *testing.T) {
			n := newFakeNode(chain)
			n.record = c.change
			cl, _ := n.serve(t)
			n.now = n.now.Add(c.now)
			m, p, err := Get(context.Background(), cl, key, c.opts)
			require.ErrorIs(t, err, c.want)
			require.Nil(t, m)
			require.Nil(t, p)
		})
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
