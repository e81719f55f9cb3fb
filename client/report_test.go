package client

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
	"tradecredit/types/score"
)

// reportNode serves a chain whose third state has a receipt.
func reportNode(simulation bool, change func(*types.Receipt)) (*fakeNode, Opening) {
	f := newFakeChain(4)
	state, open := scoredState(simulation, change)
	f.add(map[string][]byte{"chain": {1}})
	f.add(state)
	f.add(state)
	return newFakeNode(f), open
}

func makeTestReport(t *testing.T, simulation bool, change func(*types.Receipt)) (*types.Report, *fakeNode, error) {
	t.Helper()
	n, open := reportNode(simulation, change)
	c, _ := n.serve(t)
	r, err := c.MakeReport(context.Background(), "bank-a/Q-1", open)
	return r, n, err
}

func mustReport(t *testing.T, simulation bool) (*types.Report, *fakeNode) {
	t.Helper()
	r, n, err := makeTestReport(t, simulation, nil)
	require.NoError(t, err)
	return r, n
}

func reportBytes(t *testing.T, r *types.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, WriteReport(&b, r))
	return b.Bytes()
}

func TestReportVerifiesOffline(t *testing.T) {
	r, n := mustReport(t, false)
	path := filepath.Join(t.TempDir(), "r.tcr")
	require.NoError(t, WriteReportFile(path, r))
	got, err := ReadReportFile(path)
	require.NoError(t, err)
	require.Equal(t, r, got)
	v, err := Verify(got, n.chain.trust(), VerifyOptions{Now: n.now, MaxAge: time.Minute, Subject: "USCC:91350100M000100Y43", Grantee: "bank-a", Receipt: "bank-a/Q-1"})
	require.NoError(t, err)
	require.Equal(t, int32(787), v.Receipt.Result.Score)
	require.Equal(t, int64(3), v.Height)
	require.Equal(t, 4, v.Signed)
	require.Equal(t, int64(10_000), v.SignedBp)
	require.Equal(t, "CNY", v.BaseCurrency)
	require.Equal(t, reportBytes(t, r), reportBytes(t, got), "the same report gives the same bytes")

	// A pin that was advanced since verifies it, too.
	later, err := trustFrom(n.chain.lightBlock(9), time.Hour)
	require.NoError(t, err)
	_, err = Verify(got, later, VerifyOptions{Now: n.now.Add(time.Minute)})
	require.NoError(t, err)

	// Ten years later it verifies as of the day it was filed.
	_, err = Verify(got, n.chain.trust(), VerifyOptions{Now: n.now.AddDate(10, 0, 0)})
	require.ErrorIs(t, err, ErrTrustExpired)
}

func TestReportOfSimulatedNetwork(t *testing.T) {
	r, n := mustReport(t, true)
	_, err := Verify(r, n.chain.trust(), VerifyOptions{Now: n.now})
	require.ErrorIs(t, err, ErrReportSimulation)
	v, err := Verify(r, n.chain.trust(), VerifyOptions{Now: n.now, AllowSimulation: true})
	require.NoError(t, err)
	for _, lang := range []Language{English, Chinese} {
		var page bytes.Buffer
		require.NoError(t, WritePage(&page, v, lang))
		require.Contains(t, page.String(), types.SimulationNotice)
	}
}

// TestReportBitFlips flips every bit of a report file, and every bit of the report inside one whose checksum was made
// anew: nothing that was changed is accepted.
func TestReportBitFlips(t *testing.T) {
	r, n := mustReport(t, false)
	trust, opts := n.chain.trust(), VerifyOptions{Now: n.now}
	try := func(file []byte) error {
		got, err := ReadReport(bytes.NewReader(file))
		if err != nil {
			return err
		}
		_, err = Verify(got, trust, opts)
		return err
	}
	file := reportBytes(t, r)
	require.NoError(t, try(file))
	flips := 0
	for i := range file {
		for bit := range 8 {
			file[i] ^= 1 << bit
			require.Error(t, try(file), "byte %d, bit %d", i, bit)
			file[i] ^= 1 << bit
			flips++
		}
	}
	content := mustMarshal(r)
	reasons := map[string]bool{}
	for i := range content {
		for bit := range 8 {
			content[i] ^= 1 << bit
			got, err := decodeReport(content)
			if err == nil {
				_, err = Verify(got, trust, opts)
			}
			require.Error(t, err, "byte %d, bit %d of the content", i, bit)
			reasons[sentinel(err).Error()] = true
			content[i] ^= 1 << bit
			flips++
		}
	}
	require.NoError(t, try(file))
	require.Greater(t, len(reasons), 12, "the checks behind the checksum did the work: %v", reasons)
	t.Logf("%d flips of %d + %d bytes, %d different reasons", flips, len(file), len(content), len(reasons))
}

func TestReportFileShape(t *testing.T) {
	r, _ := mustReport(t, false)
	good := reportBytes(t, r)
	change := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	twice, err := encodeContainer([]section{{sectionReport, mustMarshal(r)}, {sectionReport, mustMarshal(r)}})
	require.NoError(t, err)
	empty, err := encodeContainer(nil)
	require.NoError(t, err)
	foreign, err := encodeContainer([]section{{7, mustMarshal(r)}})
	require.NoError(t, err)
	nonsense, err := encodeContainer([]section{{sectionReport, []byte("\xff\xff")}})
	require.NoError(t, err)
	padded, err := encodeContainer([]section{{sectionReport, append(mustMarshal(r), 0x8a, 1, 0)}})
	require.NoError(t, err)
	later := *r
	later.Version = 2
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"empty":           {nil, ErrReportMagic},
		"no report":       {[]byte("PK\x03\x04 something else"), ErrReportMagic},
		"later container": {change(func(b []byte) []byte { b[9] = 2; return b }), ErrReportVersion},
		"later report":    {reportBytes(t, &later), ErrReportVersion},
		"cut in the head": {good[:10], ErrReportCut},
		"cut":             {good[:len(good)-1], ErrReportCut},
		"trailing":        {append(bytes.Clone(good), 0), ErrReportTrailing},
		"no sections":     {empty, ErrReportSections},
		"section twice":   {twice, ErrReportSections},
		"foreign section": {foreign, ErrReportSections},
		"checksum":        {change(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), ErrReportChecksum},
		"huge section":    {change(func(b []byte) []byte { b[14] = 0xff; return b }), ErrReportSize},
		"no protobuf":     {nonsense, ErrReportMalformed},
		"unknown field":   {padded, ErrReportMalformed},
		"huge file":       {make([]byte, maxContainerSize+1), ErrReportSize},
		"hidden frame":    {resum(append(bytes.Clone(good), 0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 'x'), 9), ErrReportFrame},
		"no frame":        {resum(change(func(b []byte) []byte { b[54] ^= 0xff; return b }), 0), ErrReportFrame},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadReport(bytes.NewReader(c.file))
			require.ErrorIs(t, err, c.want)
			require.Nil(t, got)
		})
	}
	_, err = ReadReportFile(filepath.Join(t.TempDir(), "none"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// resum makes the only section longer and its checksum right.
func resum(file []byte, more byte) []byte {
	file[containerHeader+9] += more
	sum := sectionSum(file[containerHeader:containerHeader+10], file[containerHeader+sectionHeader:])
	copy(file[containerHeader+10:], sum[:])
	return file
}

// Every part of a report is checked, with an error of its own.
func TestReportRefusals(t *testing.T) {
	r, n := mustReport(t, false)
	other, otherNode := mustReport(t, true)
	for name, c := range map[string]struct {
		change func(*types.Report)
		opts   VerifyOptions
		want   error
	}{
		"other version":      {change: func(r *types.Report) { r.Version = 0 }, want: ErrReportVersion},
		"other chain id":     {change: func(r *types.Report) { r.ChainId = "x" }, want: ErrReportChain},
		"other notice":       {change: func(r *types.Report) { r.Notice = "all is well" }, want: ErrReportNotice},
		"other key":          {change: func(r *types.Report) { r.ReceiptKey = "receipt/bank-a/Q-2" }, want: ErrProofReceipt},
		"no receipt key":     {change: func(r *types.Report) { r.ReceiptKey = "chain" }, want: ErrReportReceipt},
		"other receipt":      {change: func(r *types.Report) { r.Receipt = other.Receipt }, want: ErrProofReceipt},
		"no receipt":         {change: func(r *types.Report) { r.Receipt = nil }, want: ErrProofReceipt},
		"other chain leaf":   {change: func(r *types.Report) { r.Chain = other.Chain; r.ChainProof = other.ChainProof }, want: ErrProofChain},
		"other model":        {change: func(r *types.Report) { r.Model = append(bytes.Clone(r.Model), 8, 1) }, want: ErrProofModel},
		"proofs swapped":     {change: func(r *types.Report) { r.ModelProof, r.ReceiptProof = r.ReceiptProof, r.ModelProof }, want: ErrProofReceipt},
		"other height":       {change: func(r *types.Report) { r.Height++ }, want: ErrHeightSlip},
		"other header":       {change: func(r *types.Report) { r.LightBlock = other.LightBlock }, want: types.ErrProofAppHash},
		"no header":          {change: func(r *types.Report) { r.LightBlock = nil }, want: ErrHeaderMalformed},
		"proposer turns":     {change: func(r *types.Report) { r.LightBlock = encoded(n.chain.lightBlock(4)) }, want: ErrHeaderEncoding},
		"made another time":  {change: func(r *types.Report) { r.MadeUnix++ }, want: ErrReportTime},
		"other grantee":      {change: func(r *types.Report) { r.Grantee = "bank-b" }, want: ErrReportOpening},
		"other purpose":      {change: func(r *types.Report) { r.Purpose = 2 }, want: ErrReportOpening},
		"unknown purpose":    {change: func(r *types.Report) { r.Purpose = 99 }, want: ErrReportOpening},
		"other salt":         {change: func(r *types.Report) { r.Salt = filled(1) }, want: ErrReportOpening},
		"short salt":         {change: func(r *types.Report) { r.Salt = r.Salt[1:] }, want: ErrReportOpening},
		"not about them":     {opts: VerifyOptions{Subject: "XX:T:1"}, want: ErrReportNotAsked},
		"not for them":       {opts: VerifyOptions{Grantee: "bank-b"}, want: ErrReportNotAsked},
		"not that receipt":   {opts: VerifyOptions{Receipt: "bank-a/Q-2"}, want: ErrReportNotAsked},
		"too old":            {opts: VerifyOptions{MaxAge: time.Millisecond}, want: ErrStale},
		"simulated, renamed": {change: func(r *types.Report) { *r = *other; r.Notice = "" }, want: ErrReportNotice},
	} {
		t.Run(name, func(t *testing.T) {
			bad := new(types.Report)
			require.NoError(t, bad.Unmarshal(mustMarshal(r)))
			if c.change != nil {
				c.change(bad)
			}
			c.opts.Now = n.now
			_, err := Verify(bad, n.chain.trust(), c.opts)
			require.ErrorIs(t, err, c.want)
		})
	}
	_, err := Verify(r, n.chain.trust(), VerifyOptions{})
	require.ErrorContains(t, err, "needs the time")
	_, err = Verify(nil, n.chain.trust(), VerifyOptions{Now: n.now})
	require.ErrorIs(t, err, ErrReportVersion)
	_, err = Verify(r, nil, VerifyOptions{Now: n.now})
	require.ErrorIs(t, err, ErrNoTrust)
	strangers := newFakeChain(4)
	strangers.sets[0] = testValidators("x", 4)
	_, err = Verify(r, strangers.trust(), VerifyOptions{Now: n.now})
	require.ErrorIs(t, err, ErrTrustOverlap)
	_ = otherNode
}

// A report must be signed by more than two thirds of the pinned validators, not of any others.
func TestReportNeedsTwoThirdsOfThePinned(t *testing.T) {
	n, open := reportNode(false, nil)
	old := testValidators("v", 4)
	changed := append(append(old[:0:0], old[:2]...), testValidators("new", 2)...)
	n.chain.sets = [][]ed25519.PrivKey{old, old, changed}
	c, _ := n.serve(t)
	_, err := c.MakeReport(context.Background(), "bank-a/Q-1", open)
	require.ErrorIs(t, err, ErrTrustOverlap, "half of the pinned power is enough for reading, not for a report")
	_, _, err = Get(context.Background(), c, types.ReceiptKey("bank-a/Q-1"), GetOptions{})
	require.NoError(t, err)
}

// What a report's proofs hold up but its own model does not is refused, too.
func TestReportImplausible(t *testing.T) {
	for name, change := range map[string]func(r *types.Receipt){
		"sum":               func(r *types.Receipt) { r.Result.Score++ },
		"class":             func(r *types.Receipt) { r.Result.Class = types.ScoreClass_CLASS_1 },
		"points of a value": func(r *types.Receipt) { r.Result.Points[0].Value = 40 },
		"points":            func(r *types.Receipt) { r.Result.Points[9].Points = 30; r.Result.Score += 8 },
		"most points":       func(r *types.Receipt) { r.Result.Points[0].MaxPoints = 290 },
		"characteristic":    func(r *types.Receipt) { r.Result.Points[0].Characteristic = "C2" },
		"one point less":    func(r *types.Receipt) { r.Result.Points = r.Result.Points[:9]; r.Result.Score -= 22 },
		"reason left out":   func(r *types.Receipt) { r.Result.Reasons = r.Result.Reasons[1:] },
		"reasons in turn":   func(r *types.Receipt) { s := r.Result.Reasons; s[0], s[1] = s[1], s[0] },
		"loss":              func(r *types.Receipt) { r.Result.Reasons[0].Lost = 1 },
		"cap that is none":  func(r *types.Receipt) { r.Result.Cap = 600 },
		"cap not binding":   func(r *types.Receipt) { r.Result.Cap = 499 },
		"segment":           func(r *types.Receipt) { r.Result.Segment = types.Segment_SELLER },
		"index":             func(r *types.Receipt) { r.Result.Index = 101 },
		"share":             func(r *types.Receipt) { r.Result.LateBp = 10_001 },
		"count":             func(r *types.Receipt) { r.Result.Experiences = -1 },
		"calibrated":        func(r *types.Receipt) { r.Result.NotCalibrated = false },
		"unscored score":    func(r *types.Receipt) { r.Result.Class = types.ScoreClass_CLASS_U },
		"unscored, no why": func(r *types.Receipt) {
			r.Result = &types.ScoreResult{Class: types.ScoreClass_CLASS_U, NotCalibrated: true}
		},
		"records of a loss":   func(r *types.Receipt) { r.Result.Reasons[0].Records = []string{"adverse/arbiter/a"} },
		"forgery of nothing":  func(r *types.Receipt) { forged(r) },
		"forgery of an order": func(r *types.Receipt) { forged(r, "order/arbiter/a") },
		"forgery out of turn": func(r *types.Receipt) { forged(r, "adverse/arbiter/b", "adverse/arbiter/a") },
		"five forgeries": func(r *types.Receipt) {
			forged(r, "adverse/a/1", "adverse/a/2", "adverse/a/3", "adverse/a/4", "adverse/a/5")
		},
		"INDEX with score": func(r *types.Receipt) { r.Output = types.Output_INDEX },
		"no output":        func(r *types.Receipt) { r.Output = 0 },
		"unscored twice": func(r *types.Receipt) {
			r.Result = &types.ScoreResult{Class: types.ScoreClass_CLASS_U, NotCalibrated: true, Unscored: []types.Unscored{types.Unscored_U2, types.Unscored_U2}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := makeTestReport(t, false, change)
			require.ErrorIs(t, err, ErrReportImplausible)
		})
	}
	for name, c := range map[string]struct {
		change func(r *types.Receipt)
		want   error
	}{
		"model digest": {func(r *types.Receipt) { r.ModelDigest[0] ^= 1 }, ErrReportModel},
		"no such id":   {func(r *types.Receipt) { r.Model = "none" }, ErrReportModel},
		"heights":      {func(r *types.Receipt) { r.ScoredHeight = 2 }, ErrReportTime},
		"later height": {func(r *types.Receipt) { r.Height, r.ScoredHeight = 9, 8 }, ErrReportTime},
		"later day":    {func(r *types.Receipt) { r.Day += 2 }, ErrReportTime},
		"simulation":   {func(r *types.Receipt) { r.Simulation = true }, ErrReportReceipt},
		"no result":    {func(r *types.Receipt) { r.Result = nil }, ErrReportReceipt},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := makeTestReport(t, false, c.change)
			require.ErrorIs(t, err, c.want)
		})
	}
}

// forged caps a receipt for a forgery that an arbiter confirmed.
func forged(r *types.Receipt, records ...string) {
	r.Result.Cap, r.Result.Score, r.Result.Class = 199, 199, types.ScoreClass_CLASS_5
	r.Result.Reasons = append([]*types.Reason{{Characteristic: "CAP_FORGERY", Lost: 588, Records: records}}, r.Result.Reasons[:3]...)
}

// What the score package computes is plausible, with and without a cap; so the two descriptions of the rules agree.
func TestPlausibleTakesWhatTheScoreGives(t *testing.T) {
	capped := func(r *types.Receipt) {
		r.Result.Cap, r.Result.Score, r.Result.Class = 499, 499, types.ScoreClass_CLASS_4
		r.Result.Reasons = append([]*types.Reason{{Characteristic: "CAP_OPEN_90", Lost: 288}}, r.Result.Reasons[:3]...)
	}
	index := func(r *types.Receipt) {
		r.Output = types.Output_INDEX
		r.Result = score.Restrict(r.Result, types.Output_INDEX)
	}
	unscored := func(r *types.Receipt) {
		r.Result = &types.ScoreResult{Class: types.ScoreClass_CLASS_U, NotCalibrated: true, Unscored: []types.Unscored{types.Unscored_U1, types.Unscored_U4}}
	}
	for name, c := range map[string]struct {
		change func(*types.Receipt)
		en, zh string
	}{
		"capped":   {capped, "capped at 499", "封顶为 499"},
		"forged":   {func(r *types.Receipt) { forged(r, "adverse/arbiter/a") }, "adverse/arbiter/a", "adverse/arbiter/a"},
		"index":    {index, "no score, no class", "无信用分"},
		"unscored": {unscored, "class U", "未评分"},
		"scored":   {nil, "787 of 1000, class 2", "787(满分 1000)"},
	} {
		t.Run(name, func(t *testing.T) {
			r, n, err := makeTestReport(t, false, c.change)
			require.NoError(t, err)
			v, err := Verify(r, n.chain.trust(), VerifyOptions{Now: n.now})
			require.NoError(t, err)
			for lang, want := range map[Language]string{English: c.en, Chinese: c.zh} {
				var page bytes.Buffer
				require.NoError(t, WritePage(&page, v, lang))
				require.Contains(t, page.String(), want)
				require.NotContains(t, page.String(), "<no value>")
				require.NotContains(t, page.String(), "%!")
				require.LessOrEqual(t, strings.Count(page.String(), "\n"), 60, "one page")
			}
		})
	}
	r, n := mustReport(t, false)
	v, err := Verify(r, n.chain.trust(), VerifyOptions{Now: n.now})
	require.NoError(t, err)
	require.Error(t, WritePage(&bytes.Buffer{}, v, "fr"))
}

func TestMakeReportRefuses(t *testing.T) {
	n, open := reportNode(false, nil)
	c, _ := n.serve(t)
	_, err := c.MakeReport(context.Background(), "bank-a/none", open)
	require.ErrorIs(t, err, ErrReportReceipt)
	wrong := open
	wrong.Purpose = types.Purpose_AUDIT
	_, err = c.MakeReport(context.Background(), "bank-a/Q-1", wrong)
	require.ErrorIs(t, err, ErrReportOpening)
}

// A report file comes from strangers.
func FuzzReadReport(f *testing.F) {
	state, _ := scoredState(false, nil)
	file, err := encodeContainer([]section{{sectionReport, mustMarshal(&types.Report{Version: 1, Receipt: state["receipt/bank-a/Q-1"]})}})
	require.NoError(f, err)
	f.Add(file)
	f.Add(file[:30])
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ReadReport(bytes.NewReader(data))
		if err != nil {
			require.Nil(t, r)
			return
		}
		_, err = Verify(r, nil, VerifyOptions{Now: testStart})
		require.Error(t, err)
		require.False(t, errors.Is(err, context.Canceled))
	})
}
