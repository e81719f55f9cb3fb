package client

import (
	"context"
	"maps"
	"math/bits"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/stretchr/testify/require"

	"tradecredit/client/verifier"
	"tradecredit/types"
)

// reportNode serves a chain whose third state has a receipt, and where nothing is kept of what was scored.
func reportNode(simulation bool, change func(*types.Receipt)) (*fakeNode, verifier.Opening) {
	f := newFakeChain(4)
	state, open := scoredState(simulation, change)
	f.add(map[string][]byte{"chain": {1}})
	f.add(state)
	f.add(state)
	n := newFakeNode(f)
	n.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		if r.URL.Path == "/v1/inputs" {
			problem(w, http.StatusGone, "pruned")
			return true
		}
		return false
	}
	return n, open
}

func TestMakeReport(t *testing.T) {
	n, open := reportNode(false, nil)
	c, _ := n.serve(t)
	opts := ReportOptions{Opening: open, Entries: EntryRange{None: true}, Objects: []string{"receivable/platform/R-1"}, Documents: []string{"verifier/D-1"}}
	r, err := c.MakeReport(context.Background(), "bank-a/Q-1", opts)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "r.tcr")
	require.NoError(t, WriteReportFile(path, r))
	got, err := ReadReportFile(path)
	require.NoError(t, err)
	v, err := verifier.Verify(got, n.chain.trust(), verifier.Options{Now: n.now, Grantee: "bank-a"})
	require.NoError(t, err)
	require.Equal(t, verifier.Fresh, v.Standing)
	require.False(t, v.Recomputed, "the node keeps the rows no more")
	require.Nil(t, v.Entries)
	require.Equal(t, []verifier.Object{{Key: "receivable/platform/R-1"}}, v.Objects, "absent, and so not pledged")
	require.Equal(t, []verifier.Document{{ID: "verifier/D-1"}}, v.Documents)
	require.Equal(t, int64(3), v.Height)

	_, err = c.MakeReport(context.Background(), "bank-a/none", opts)
	require.ErrorIs(t, err, verifier.ErrReportReceipt)
	opts.Objects = []string{"member/m-1"}
	_, err = c.MakeReport(context.Background(), "bank-a/Q-1", opts)
	require.ErrorIs(t, err, verifier.ErrReportScope)
	wrong := open
	wrong.Purpose = types.Purpose_AUDIT
	_, err = c.MakeReport(context.Background(), "bank-a/Q-1", ReportOptions{Opening: wrong, Entries: EntryRange{None: true}})
	require.ErrorIs(t, err, verifier.ErrReportOpening)
}

// A report must be borne out by two thirds of the pinned validators and of each set after them, not only by a third as
// when reading: the headers in between come with it.
func TestReportOverChangedValidators(t *testing.T) {
	n, open := reportNode(false, nil)
	old := testValidators("v", 4)
	half := append(append(old[:0:0], old[:2]...), testValidators("new", 2)...)
	n.chain.sets = [][]ed25519.PrivKey{old, old, half, testValidators("new", 4)}
	c, _ := n.serve(t)
	r, err := c.MakeReport(context.Background(), "bank-a/Q-1", ReportOptions{Opening: open, Entries: EntryRange{None: true}})
	require.NoError(t, err)
	require.NotEmpty(t, r.Chain)
	v, err := verifier.Verify(r, n.chain.trust(), verifier.Options{Now: n.now})
	require.NoError(t, err)
	require.Equal(t, len(r.Chain), v.Hops)
	r.Chain = nil
	_, err = verifier.Verify(r, n.chain.trust(), verifier.Options{Now: n.now})
	require.ErrorIs(t, err, verifier.ErrTrustOverlap)
}

// blockLog is the state of a height with the hashes of all blocks up to it, and those hashes.
func (f *fakeChain) blockLog(height int64) (*types.BlockLog, [][]byte) {
	var rows [][]byte
	for h := int64(1); h <= height; h++ {
		rows = append(rows, f.header(h).Hash())
	}
	frontier, root, err := types.Frontier(nil).Extend(0, rows)
	if err != nil {
		panic(err)
	}
	return &types.BlockLog{Blocks: uint64(height), Root: root, Frontier: frontier, FirstHeight: 1}, rows
}

// logProof answers /v1/log-proof about the log of blocks.
func (n *fakeNode) logProof(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	number := func(name string) uint64 {
		v, err := strconv.ParseUint(q.Get(name), 10, 64)
		if err != nil {
			panic(err)
		}
		return v
	}
	log, rows := n.chain.blockLog(int64(number("height")))
	p, err := types.ProveLogRange(log.Blocks, number("begin"), number("end"), func(level uint, index uint64) ([]byte, error) {
		_, root, err := types.Frontier(nil).Extend(0, rows[index<<level:(index+1)<<level])
		return root, err
	})
	if err != nil {
		panic(err)
	}
	reply(w, &types.LogProofResponse{Log: q.Get("log"), Left: p.Left, Right: p.Right})
}

func TestRenewReport(t *testing.T) {
	n, open := reportNode(false, nil)
	old, half := testValidators("v", 4), append(testValidators("v", 2), testValidators("new", 2)...)
	n.chain.sets = [][]ed25519.PrivKey{old, old, old, old, old, half, testValidators("new", 4)}
	n.chain.step = 24 * time.Hour
	c, url := n.serve(t)
	r, err := c.MakeReport(context.Background(), "bank-a/Q-1", ReportOptions{Opening: open, Entries: EntryRange{None: true}})
	require.NoError(t, err)
	_, err = c.RenewReport(context.Background(), r)
	require.ErrorIs(t, err, verifier.ErrReportAnchor, "the state has no log of blocks")

	// Days later, when all validators are others.
	for h := int64(4); h <= 12; h++ {
		log, _ := n.chain.blockLog(h)
		n.chain.add(map[string][]byte{string(types.BlockLogKey): mustMarshal(log), "chain": {1}})
	}
	before := n.before
	n.before = func(w http.ResponseWriter, r *http.Request, i int) bool {
		if r.URL.Path == "/v1/log-proof" {
			n.logProof(w, r)
			return true
		}
		return before(w, r, i)
	}
	n.now = n.chain.time(13).Add(time.Second)
	trust := *n.chain.trust()
	trust.Period = 30 * 24 * time.Hour
	c, err = New(Config{Endpoints: []string{url}, Trust: &trust, Now: n.clock})
	require.NoError(t, err)
	renewed, err := c.RenewReport(context.Background(), r)
	require.NoError(t, err)
	opts := verifier.Options{Now: n.now, TrustPeriod: 8 * 24 * time.Hour}
	pin := trust
	pin.Since = n.now.AddDate(0, 0, -1)
	v, err := verifier.Verify(r, &pin, opts)
	require.NoError(t, err)
	require.Equal(t, verifier.OldTrustOnly, v.Standing, "its header is nine days old")
	v, err = verifier.Verify(renewed, &pin, opts)
	require.NoError(t, err)
	require.Equal(t, verifier.Reanchored, v.Standing)
	require.Equal(t, int64(13), v.AnchorHeight)
	require.Equal(t, int64(3), v.Height)
	require.Positive(t, v.Hops)

	// Whoever pinned today's validators believes the old report only by its anchor.
	today := verifier.TrustFrom(mustLightBlock(t, n, 13), 8*24*time.Hour)
	_, err = verifier.Verify(r, today, opts)
	require.ErrorIs(t, err, verifier.ErrTrustOverlap)
	again, err := c.RenewReport(context.Background(), renewed)
	require.NoError(t, err)
	require.Equal(t, renewed, again)
}

// TestTenYears keeps a report for ten years, in which every validator is replaced many times: a reader whose trust store
// moved forward renews it, and everybody who trusts today's validators believes it again; without that nobody does.
func TestTenYears(t *testing.T) {
	const months, month = 122, 30 * 24 * time.Hour
	n, open := reportNode(false, nil)
	f, all := n.chain, testValidators("v", 4+months/3)
	f.step, f.sets = month, nil
	for h := range months + 2 {
		f.sets = append(f.sets, all[h/3:h/3+4]) // each quarter one of four goes
	}
	before := n.before
	n.before = func(w http.ResponseWriter, r *http.Request, i int) bool {
		if r.URL.Path == "/v1/log-proof" {
			n.logProof(w, r)
			return true
		}
		return before(w, r, i)
	}
	s := httptest.NewServer(n)
	t.Cleanup(s.Close)
	pinned := *f.trust()
	pinned.Since, pinned.Period = f.time(3), 90*24*time.Hour
	path := filepath.Join(t.TempDir(), "trust.json.store")
	now := f.time(4).Add(time.Second)
	opened := func() *Client {
		store, err := OpenTrustStore(path, &pinned)
		require.NoError(t, err)
		return reader(t, f, Config{Endpoints: []string{s.URL}, Store: store, Now: func() time.Time { return now }})
	}
	none := EntryRange{None: true}
	c := opened()
	report, err := c.MakeReport(context.Background(), "bank-a/Q-1", ReportOptions{Opening: open, Entries: none})
	require.NoError(t, err)
	require.NoError(t, c.Keep())
	receipt := f.states[2]
	for h := int64(4); h < months; h++ {
		log, _ := f.blockLog(h)
		state := maps.Clone(receipt)
		state[string(types.BlockLogKey)] = mustMarshal(log)
		f.add(state)
		if h%2 == 0 { // every other month the reader asks for something
			now = f.time(h + 1).Add(time.Second)
			c = opened()
			_, err := c.Advance(context.Background())
			require.NoError(t, err, "height %d", h)
			require.NoError(t, c.Keep())
		}
	}
	now = f.time(months).Add(time.Second)
	require.Greater(t, now.Sub(testStart), 10*365*24*time.Hour)
	today := verifier.TrustFrom(mustLightBlock(t, n, months), pinned.Period)
	opts := verifier.Options{Now: now}
	v, err := verifier.Verify(report, &pinned, opts)
	require.NoError(t, err)
	require.Equal(t, verifier.OldTrustOnly, v.Standing)
	_, err = verifier.Verify(report, today, opts)
	require.ErrorIs(t, err, verifier.ErrTrustOverlap, "of those who signed it nobody is left")

	// The reader's pins moved forward; who comes with the old trust file alone cannot renew anything.
	c = opened()
	renewed, err := c.RenewReport(context.Background(), report)
	require.NoError(t, err)
	_, err = reader(t, f, Config{Endpoints: []string{s.URL}, Trust: &pinned, Now: func() time.Time { return now }}).RenewReport(context.Background(), report)
	require.ErrorIs(t, err, ErrTrustExpired)
	for name, pin := range map[string]*Trust{"pinned today": today, "moved forward": c.Newest()} {
		v, err = verifier.Verify(renewed, pin, opts)
		require.NoError(t, err, name)
		require.Equal(t, verifier.Reanchored, v.Standing, name)
		require.Equal(t, int64(3), v.Height, "what it says is ten years old, and says so")
		require.True(t, v.HeaderTime.Before(f.time(5)))
	}
	// The proof grows with the logarithm of the chain's length.
	require.LessOrEqual(t, len(renewed.Anchor.Proof.Left)+len(renewed.Anchor.Proof.Right), 2*bits.Len(months))
	small, err := report.Encode()
	require.NoError(t, err)
	large, err := renewed.Encode()
	require.NoError(t, err)
	t.Logf("%d bytes, renewed %d", len(small), len(large))

	// And a new report of that old receipt can be made, too.
	again, err := c.MakeReport(context.Background(), "bank-a/Q-1", ReportOptions{Opening: open, Entries: none})
	require.NoError(t, err)
	v, err = verifier.Verify(again, today, opts)
	require.NoError(t, err)
	require.Equal(t, verifier.Fresh, v.Standing)
}

func mustLightBlock(t *testing.T, n *fakeNode, height int64) *verifier.LightBlock {
	t.Helper()
	lb, err := verifier.DecodeLightBlock(encoded(n.chain.lightBlock(height)))
	require.NoError(t, err)
	return lb
}
