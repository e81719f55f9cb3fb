package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
	"tradecredit/types/score"
)

// A node passes its blocks on while it runs; stopped, its home is replayed; an archive of it fills a fresh home, which
// starts and goes on where the old one ended. The archive outlives both.
func TestARunningNodeIsExported(t *testing.T) {
	c := testHome(t)
	c.Consensus.ProposalWait = Duration(10_000_000)
	n, err := New(t.Context(), c, quiet())
	require.NoError(t, err)
	require.NoError(t, n.Start(t.Context()))
	awaitHeight(t, n, 5)
	dir := filepath.Join(t.TempDir(), "archive")
	url := "http://" + n.APIAddress()

	_, err = Export(t.Context(), ExportOptions{From: c.Home, Out: dir})
	require.ErrorIs(t, err, ErrNodeRuns)
	_, err = Replay(t.Context(), ReplayOptions{From: c.Home})
	require.ErrorIs(t, err, ErrNodeRuns)
	x, err := Export(t.Context(), ExportOptions{From: url, Out: dir, chunk: 2000})
	require.NoError(t, err)
	require.GreaterOrEqual(t, x.Last, int64(5))
	live := replayOf(t, ReplayOptions{From: url, Until: x.Last})
	require.Nil(t, live.Report.Divergence)
	require.Equal(t, x.Last, live.Report.Last)
	awaitHeight(t, n, x.Last+3)
	x, err = Export(t.Context(), ExportOptions{From: url, Out: dir})
	require.NoError(t, err)
	require.GreaterOrEqual(t, x.Last, x.First)
	require.NoError(t, n.Stop())

	r := replayOf(t, ReplayOptions{From: c.Home})
	require.Nil(t, r.Report.Divergence)
	require.Equal(t, n.Height(), r.Report.Last)
	_, err = Export(t.Context(), ExportOptions{From: c.Home, Out: dir})
	require.NoError(t, err)
	same := replayOf(t, ReplayOptions{From: dir, Against: c.Home})
	require.Equal(t, r.Report, same.Report)

	fresh := freshHome(t)
	fresh.Consensus.ProposalWait = c.Consensus.ProposalWait
	for _, files := range [][2]string{{c.ValidatorKeyFile(), fresh.ValidatorKeyFile()}, {c.ValidatorStateFile(), fresh.ValidatorStateFile()}} {
		b, err := os.ReadFile(files[0])
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(files[1], b, 0o600))
	}
	// It may have voted on the block that was next: without its log of that, a lone validator would wait for itself.
	wal := filepath.Join(t.TempDir(), "cs.wal")
	require.NoError(t, os.CopyFS(wal, os.DirFS(filepath.Join(c.DataDir(), "cs.wal"))))
	require.NoError(t, os.RemoveAll(c.DataDir()), "the network has ended")
	imported, err := Import(t.Context(), ImportOptions{From: dir, Config: fresh})
	require.NoError(t, err)
	require.Equal(t, r.Report, imported.Report)
	require.NoError(t, os.CopyFS(filepath.Join(fresh.DataDir(), "cs.wal"), os.DirFS(wal)))
	again := running(t, fresh)
	awaitHeight(t, again, imported.Report.Last+3)
}

// Blocks are for programs on the same machine, in answers of a bounded size.
func TestBlocksOverTheInterface(t *testing.T) {
	c := testHome(t)
	c.API.Laddr = ""
	n := running(t, c)
	awaitHeight(t, n, 4)
	handler := n.makeAPI().handler()
	ask := func(path, from, header string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.RemoteAddr = from
		if header != "" {
			r.Header.Set(header, "192.0.2.7")
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	for path, want := range map[string]int{
		"/v1/blocks?from=1": 200, "/v1/blocks?from=2&to=3": 200, "/v1/blocks": 400, "/v1/blocks?from=0": 400, "/v1/blocks?from=900000": 404,
		"/v1/blocks?from=3&to=2": 404, "/v1/blocks?from=1&more=1": 400, "/v1/genesis": 200,
	} {
		require.Equal(t, want, ask(path, "127.0.0.1:99", "").Code, path)
	}
	want, err := os.ReadFile(c.GenesisFile())
	require.NoError(t, err)
	require.Equal(t, want, ask("/v1/genesis", "[::1]:99", "").Body.Bytes())
	for from, header := range map[string]string{"192.0.2.7:99": "", "[2001:db8::1]:99": "", "127.0.0.1:99": "X-Forwarded-For", "[::1]:99": "Forwarded"} {
		for _, path := range []string{"/v1/blocks?from=1", "/v1/genesis"} {
			require.Equal(t, http.StatusForbidden, ask(path, from, header).Code, from)
		}
	}
}

// A score of the past is what the receipt says that was given at the time; a kept state has all heights.
func TestPastScores(t *testing.T) {
	m := standard(t)
	home := m.close()
	keep := filepath.Join(t.TempDir(), "kept")
	replayOf(t, ReplayOptions{From: home, Keep: keep})
	found := 0
	for _, id := range []string{"auditor/q1", "auditor/q2"} {
		last, err := OpenPast(keep, 0)
		require.NoError(t, err)
		value, err := last.Get(string(types.ReceiptKey(id)))
		require.NoError(t, err)
		var receipt types.Receipt
		require.NoError(t, receipt.Unmarshal(value))
		require.NoError(t, last.Close())
		found++

		r := replayOf(t, ReplayOptions{From: home, Until: receipt.ScoredHeight, Score: []ScoreRequest{{Subject: receipt.Subject, Day: receipt.Day}}})
		require.Len(t, r.Scores, 1)
		past, err := OpenPast(keep, receipt.ScoredHeight)
		require.NoError(t, err)
		kept, err := past.Score(receipt.Subject, receipt.Day)
		require.NoError(t, err)
		none, err := past.Get(string(types.ReceiptKey(id)))
		require.NoError(t, err)
		require.Nil(t, none, "it was given a height later")
		unasked, err := past.Score(receipt.Subject, 0)
		require.NoError(t, err)
		require.Equal(t, types.DayOf(past.Unix(), 8*3600), unasked.Day, "the day of the block")
		require.NoError(t, past.Close())
		for _, s := range []*types.Receipt{r.Scores[0], kept} {
			require.Equal(t, receipt.Result.String(), s.Result.String())
			require.Equal(t, receipt.InputsDigest, s.InputsDigest)
			require.Equal(t, receipt.ModelDigest, s.ModelDigest)
			require.Equal(t, receipt.ScoredHeight, s.ScoredHeight)
		}
	}
	require.Equal(t, 2, found)
	_, err := Replay(t.Context(), ReplayOptions{From: home, Keep: keep})
	require.ErrorContains(t, err, "not empty")
	_, err = Replay(t.Context(), ReplayOptions{From: home, Scratch: t.TempDir(), Score: []ScoreRequest{{Subject: "CN:NOBODY:1"}}})
	require.NoError(t, err, "a subject without history has a score too: none")
	_, err = OpenPast(keep, m.height()+1)
	require.ErrorIs(t, err, state.ErrFuture)
	_, err = OpenPast(t.TempDir(), 0)
	require.ErrorContains(t, err, "holds no state")
}

// A score of the past is that of the model that was in force then, whatever came into force since. The answers change with
// the block after the activation, which is the first that reads a state in which the new model is in force.
func TestPastScoresAcrossModels(t *testing.T) {
	m := newMaker(t, 1)
	m.block()
	m.register(3)
	m.accepted(m.tx("platform", m.order("a", 1000), m.order("b", 2000)))
	milder := score.ExpertV1()
	milder.Id, milder.Minimums = "", &types.Minimums{Experiences: 1, Counterparties: 1, Days: 1, Members: 1}
	m.accepted(m.tx("bureau", &types.ProposeModel{Id: "milder", Model: milder}))
	m.accepted(m.tx("auditor", &types.AttachValidation{
		Id: "v1", Model: "bureau/milder", ReportDigest: bytes.Repeat([]byte{3}, 32), DataDigest: bytes.Repeat([]byte{4}, 32),
		FromDay: m.today() - 400, UntilDay: m.today() - 1, Subjects: 100, Defaults: 3, AucBp: 7000,
	}))
	stage := func(id string, to types.ModelStatus, height int64) []byte {
		return m.tx("council", &types.Propose{Id: id, Action: &types.Propose_Model{Model: &types.StageModel{Model: "bureau/milder", Stage: to, Height: height}}})
	}
	m.accepted(stage("s1", types.ModelStatus_SHADOW, 0))
	active := m.height() + 3
	m.accepted(stage("s2", types.ModelStatus_MODEL_ACTIVE, active))
	for i := range 4 { // heights active-1 … active+2
		m.accepted(m.query(fmt.Sprint("q", i), makerParty(1)))
	}
	home := m.close()
	keep := filepath.Join(t.TempDir(), "kept")
	replayOf(t, ReplayOptions{From: home, Keep: keep})
	expert, err := score.ModelDigest(score.ExpertV1())
	require.NoError(t, err)
	for i := range 4 {
		last, err := OpenPast(keep, 0)
		require.NoError(t, err)
		value, err := last.Get(string(types.ReceiptKey(fmt.Sprint("auditor/q", i))))
		require.NoError(t, err)
		require.NoError(t, last.Close())
		var told types.Receipt
		require.NoError(t, told.Unmarshal(value))
		require.Equal(t, active-2+int64(i), told.ScoredHeight)
		past, err := OpenPast(keep, told.ScoredHeight)
		require.NoError(t, err)
		again, err := past.Score(told.Subject, told.Day)
		require.NoError(t, err)
		require.NoError(t, past.Close())
		r := replayOf(t, ReplayOptions{From: home, Until: told.ScoredHeight, Score: []ScoreRequest{{Subject: told.Subject, Day: told.Day}}})
		for _, s := range []*types.Receipt{again, r.Scores[0]} {
			require.Equal(t, told.Result.String(), s.Result.String(), "state of %d", told.ScoredHeight)
			require.Equal(t, told.ModelDigest, s.ModelDigest, "state of %d", told.ScoredHeight)
			require.Equal(t, told.InputsDigest, s.InputsDigest, "state of %d", told.ScoredHeight)
		}
		if told.ScoredHeight < active {
			require.Equal(t, expert[:], told.ModelDigest)
			require.Contains(t, told.Result.Unscored, types.Unscored_U3)
			continue
		}
		require.Equal(t, "bureau/milder", told.Model)
		require.NotEqual(t, expert[:], told.ModelDigest)
		require.NotContains(t, told.Result.Unscored, types.Unscored_U3, "a day is enough now")
	}
}

// The statement carries the digest of the report, and is a message that the ledger takes.
func TestStatements(t *testing.T) {
	m := standard(t)
	p := replayOf(t, ReplayOptions{From: m.close()}).Report
	report, err := p.Bytes()
	require.NoError(t, err)
	var s map[string]string
	b, err := p.Statement("RE-1")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &s))
	sum := types.Hash(sha256.Sum256(report))
	require.Equal(t, sum.String(), s["report_digest"])
	require.Equal(t, "REPLAY_MATCH", s["result"])
	require.Equal(t, p.CertifiedAppHash.String(), s["app_hash"])
	require.NotContains(t, s, "diverged_height")
	_, err = p.Statement("no id!")
	require.Error(t, err)

	d := replayOf(t, ReplayOptions{From: altered(t, func(m *maker, reference string) []byte {
		return m.sign("platform", reference, m.order("planted", 9999))
	}).close()}).Report
	b, err = d.Statement("RE-2")
	require.NoError(t, err)
	s = nil
	require.NoError(t, json.Unmarshal(b, &s))
	require.Equal(t, "REPLAY_DIVERGED", s["result"])
	require.Equal(t, "6", s["diverged_height"])
	require.Equal(t, d.Divergence.ReplayAppHash.String(), s["app_hash"])
	short := replayOf(t, ReplayOptions{From: newOther(t), Until: 1}).Report
	require.Equal(t, int64(1), short.CertifiedHeight)
}

// A replay that is interrupted says so and leaves nothing behind.
func TestReplayIsInterrupted(t *testing.T) {
	home := standard(t).close()
	ctx, cancel := context.WithCancel(t.Context())
	scratch := t.TempDir()
	o := ReplayOptions{From: home, Scratch: scratch, Progress: func(Progress) { cancel() }}
	_, err := Replay(ctx, o)
	require.ErrorIs(t, err, context.Canceled)
	left, err := os.ReadDir(scratch)
	require.NoError(t, err)
	require.Empty(t, left)
	_, err = Replay(t.Context(), ReplayOptions{From: home, Until: 1000})
	require.ErrorIs(t, err, ErrNoBlock)
	require.ErrorContains(t, err, "the newest block is")
	require.True(t, strings.Contains(err.Error(), "not yet 1000"))
}
