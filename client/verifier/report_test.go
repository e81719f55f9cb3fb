package verifier

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

func encode(t testing.TB, r *Report) []byte {
	t.Helper()
	file, err := r.Encode()
	require.NoError(t, err)
	return file
}

func TestReportVerifies(t *testing.T) {
	w := newWorld(t, worldOptions{validators: 4, entries: 60})
	file := encode(t, w.report(t, 0))
	r, err := Decode(file)
	require.NoError(t, err)
	require.Equal(t, file, encode(t, r), "the same report gives the same bytes")
	v, err := Verify(r, w.trust(), Options{Now: w.now(), MaxAge: time.Minute, Subject: testSubject, Grantee: "bank-a", Receipt: "bank-a/Q-1", ChainID: testChain})
	require.NoError(t, err)
	require.Equal(t, Fresh, v.Standing)
	require.True(t, v.Recomputed)
	require.True(t, v.Entries.Complete() && v.Entries.SumsChecked)
	require.Equal(t, uint64(61), v.Entries.Count)
	require.Equal(t, uint64(60), v.Entries.Scored)
	require.Equal(t, int64(provedAt), v.Height)
	require.Equal(t, 4, v.Signed)
	require.Equal(t, int64(10_000), v.SignedBp)
	require.Equal(t, "CNY", v.BaseCurrency)
	require.NotZero(t, v.Receipt.Result.Score)

	// Some entries only, and no rows.
	r = w.report(t, 40)
	v, err = Verify(r, w.trust(), Options{Now: w.now()})
	require.NoError(t, err)
	require.False(t, v.Entries.Complete())
	require.False(t, v.Entries.SumsChecked)
	require.Equal(t, uint64(60), v.Entries.Scored)
	r.Inputs = nil
	v, err = Verify(r, w.trust(), Options{Now: w.now()})
	require.NoError(t, err)
	require.False(t, v.Recomputed)
}

func TestStandings(t *testing.T) {
	w := newWorld(t, worldOptions{validators: 4, entries: 12})
	w.step = 24 * time.Hour
	r := newWorldReport(t, w)
	standing := func(r *Report, trust *Trust, days int) Standing {
		v, err := Verify(r, trust, Options{Now: w.time(provedAt+1).AddDate(0, 0, days)})
		require.NoError(t, err)
		return v.Standing
	}
	pin := w.trust()
	pin.Period = 7 * 24 * time.Hour
	require.Equal(t, Fresh, standing(r, pin, 1))
	require.Equal(t, OldTrustOnly, standing(r, pin, 20), "the pin is too old")
	again := w.trust()
	again.Period, again.Since = pin.Period, pin.Since.AddDate(0, 0, 20)
	require.Equal(t, OldTrustOnly, standing(r, again, 20), "the header is too old")
	again.Since = pin.Since.AddDate(0, 0, 7)
	renewed := *r
	renewed.Anchor = w.anchor(t, 10)
	require.Equal(t, Reanchored, standing(&renewed, again, 8))
	require.Equal(t, OldTrustOnly, standing(&renewed, again, 30), "the anchor is too old")
	again.Period = 0
	require.Equal(t, Fresh, standing(r, again, 4000), "a pin without end")

	v, err := Verify(r, pin, Options{Now: w.time(provedAt+1).AddDate(0, 0, 20), TrustPeriod: 90 * 24 * time.Hour})
	require.NoError(t, err)
	require.Equal(t, Fresh, v.Standing, "the period comes from the reader")
	_, err = Verify(&renewed, again, Options{Now: w.time(provedAt+1).AddDate(0, 0, 8), MaxAge: 5 * 24 * time.Hour})
	require.ErrorIs(t, err, ErrStale, "renewing makes nothing younger")
	for _, lang := range []Language{English, Chinese} {
		v, err := Verify(&renewed, again, Options{Now: w.time(40)})
		require.NoError(t, err)
		require.Contains(t, pageOf(t, v, lang), wording[lang].standings[Reanchored])
	}
}

// newWorldReport makes the states anew after the world's clock was changed, as headers carry times.
func newWorldReport(t testing.TB, w *world) *Report {
	t.Helper()
	for h := scoredAt; h < len(w.states); h++ {
		log, _ := w.blockLog(int64(h) + 1)
		w.states[h][string(types.BlockLogKey)] = marshal(log)
	}
	return w.report(t, 0)
}

func pageOf(t testing.TB, v *Verdict, lang Language) string {
	t.Helper()
	var page bytes.Buffer
	require.NoError(t, WritePage(&page, v, lang))
	require.NotContains(t, page.String(), "<no value>")
	require.NotContains(t, page.String(), "%!")
	return page.String()
}

// The pin's validators left one after the other: the headers between carry the trust.
func TestChainOfTrust(t *testing.T) {
	w := newWorld(t, worldOptions{validators: 4, entries: 12})
	old, fresh := testKeys("v", 4), testKeys("n", 4)
	w.sets = [][]ed25519.PrivKey{old, slices.Concat(old[:3], fresh[:1]), slices.Concat(old[:2], fresh[:2]), slices.Concat(old[:1], fresh[:3]), fresh}
	r := newWorldReport(t, w)
	trust, opts := w.trust(), Options{Now: w.now()}
	_, err := Verify(r, trust, opts)
	require.ErrorIs(t, err, ErrTrustOverlap)
	r.Chain = [][]byte{w.light(2), w.light(3), w.light(4)}
	v, err := Verify(r, trust, opts)
	require.NoError(t, err)
	require.Equal(t, 3, v.Hops)
	r, err = Decode(encode(t, r))
	require.NoError(t, err)

	// A pin in the middle takes the shorter way, and one beyond needs none.
	lb, err := DecodeLightBlock(w.light(3))
	require.NoError(t, err)
	v, err = Verify(r, TrustFrom(lb, 0), opts)
	require.NoError(t, err)
	require.Equal(t, 1, v.Hops)
	lb, err = DecodeLightBlock(w.light(9))
	require.NoError(t, err)
	v, err = Verify(r, TrustFrom(lb, 0), opts)
	require.NoError(t, err)
	require.Zero(t, v.Hops)

	for name, chain := range map[string][][]byte{
		"one missing": {w.light(2), w.light(4)}, "out of order": {w.light(3), w.light(2), w.light(4)}, "twice": {w.light(2), w.light(2), w.light(3), w.light(4)},
		"beyond": {w.light(2), w.light(3), w.light(4), w.light(6)},
	} {
		bad := *r
		bad.Chain = chain
		_, err = Verify(&bad, trust, opts)
		require.Error(t, err, name)
	}
}

// TestEveryBitOfSmallReports flips every bit of three report files of at most 4 KB, and every bit of what is in them with
// checksums made anew: nothing that was changed is accepted.
func TestEveryBitOfSmallReports(t *testing.T) {
	reasons := map[string]bool{}
	for name, r := range smallReports(t) {
		trust, opts := r.world.trust(), r.options
		file := encode(t, r.report)
		require.LessOrEqual(t, len(file), 4096, name)
		require.NoError(t, try(file, trust, opts), name)
		for i := range file {
			for bit := range 8 {
				file[i] ^= 1 << bit
				require.Error(t, try(file, trust, opts), "%s: byte %d, bit %d", name, i, bit)
				file[i] ^= 1 << bit
			}
		}
		sections, err := decodeContainer(file)
		require.NoError(t, err)
		flips, absent := 0, 0
		for _, s := range sections {
			for i := range s.content {
				for bit := range 8 {
					s.content[i] ^= 1 << bit
					got, err := decodeSections(sections)
					if err == nil {
						_, err = Verify(got, trust, opts)
					}
					if err == nil && r.world.bearsOut(got) {
						absent++ // it asks for another key, and proves truly that there is none
					} else {
						require.Error(t, err, "%s: section %d, byte %d, bit %d", name, s.kind, i, bit)
						reasons[innermost(err).Error()] = true
					}
					s.content[i] ^= 1 << bit
					flips++
				}
			}
		}
		t.Logf("%s: %d bytes, %d flips in the file, %d in the content, of which %d name another absent key", name, len(file), 8*len(file), flips, absent)
	}
	require.Greater(t, len(reasons), 15, "the checks behind the checksums did the work: %v", reasons)
}

// bearsOut tells whether a report differs from what the world would say in the name of absent records only, which are
// absent there, too.
func (w *world) bearsOut(r *Report) bool {
	absent := 0
	for _, rec := range r.State.Records {
		if value := w.states[provedAt-1][rec.Key]; !bytes.Equal(value, rec.Value) {
			return false
		}
		if rec.Value == nil {
			absent++
		}
	}
	return absent > 0 && r.ReceiptID == w.result.Id && bytes.Equal(r.LightBlock, w.light(provedAt+1))
}

func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

func try(file []byte, trust *Trust, opts Options) error {
	r, err := Decode(file)
	if err != nil {
		return err
	}
	_, err = Verify(r, trust, opts)
	return err
}

type smallReport struct {
	world   *world
	report  *Report
	options Options
}

func smallReports(t testing.TB) map[string]smallReport {
	index := newWorld(t, worldOptions{validators: 1, entries: 6, index: true})
	scored := newWorld(t, worldOptions{validators: 1, entries: 6})
	renewed := newWorld(t, worldOptions{validators: 1, entries: 3})
	last := renewed.report(t, 3)
	last.Anchor = renewed.anchor(t, 9)
	return map[string]smallReport{
		"an index, and what is not pledged": {index, index.report(t, -1, "receivable/platform/R-1", "encumbrance/receivable/platform/R-1", "document/verifier/D-1"), Options{Now: index.now()}},
		"a score with all entries":          {scored, scored.report(t, 0), Options{Now: scored.now()}},
		"a renewed one":                     {renewed, last, Options{Now: renewed.time(11)}},
	}
}

// TestSampledBitsOfALargeReport flips 20,000 bits of a report with 5,000 entries, twenty times as many under SOAK, and 200 of its entries behind the
// checksum.
func TestSampledBitsOfALargeReport(t *testing.T) {
	w := newWorld(t, worldOptions{validators: 4, entries: 5000})
	trust, opts := w.trust(), Options{Now: w.now()}
	r := w.report(t, 0)
	file := encode(t, r)
	require.NoError(t, try(file, trust, opts))
	rng := rand.New(rand.NewPCG(5, 6))
	flips := 20_000
	if os.Getenv("SOAK") != "" {
		flips = 400_000
	}
	for range flips {
		i, bit := rng.IntN(len(file)), rng.IntN(8)
		file[i] ^= 1 << bit
		require.Error(t, try(file, trust, opts), "byte %d, bit %d", i, bit)
		file[i] ^= 1 << bit
	}
	head := &types.SubjectHead{}
	require.NoError(t, r.need(string(types.SubjectKey(testSubject)), head, ErrReportEntries))
	for range 200 {
		n := rng.IntN(len(r.Entries.Rows))
		row := r.Entries.Rows[n]
		i, bit := rng.IntN(len(row)), rng.IntN(8)
		row[i] ^= 1 << bit
		root, err := r.Entries.Proof.Root(head.Entries, 0, r.Entries.Rows)
		require.True(t, err != nil || !bytes.Equal(root, head.Root), "entry %d, byte %d, bit %d", n, i, bit)
		row[i] ^= 1 << bit
	}
}

// TestEntriesOfOthers: one entry removed, added, moved, or from another height or chain.
func TestEntriesOfOthers(t *testing.T) {
	w := newWorld(t, worldOptions{validators: 4, entries: 40})
	other := newWorld(t, worldOptions{validators: 4, entries: 40, chain: "other-chain"})
	trust, opts := w.trust(), Options{Now: w.now()}
	require.NoError(t, try(encode(t, w.report(t, 0)), trust, opts))
	n := 41
	for name, c := range map[string]struct {
		want   error
		change func(r *Report)
	}{
		"the first removed":      {ErrReportEntries, func(r *Report) { r.Entries.Rows = r.Entries.Rows[1:] }},
		"the last removed":       {ErrReportEntries, func(r *Report) { r.Entries.Rows = r.Entries.Rows[:n-1] }},
		"one removed":            {ErrReportEntries, func(r *Report) { r.Entries.Rows = slices.Delete(r.Entries.Rows, 20, 21) }},
		"one added":              {ErrReportEntries, func(r *Report) { r.Entries.Rows = append(r.Entries.Rows, r.Entries.Rows[3]) }},
		"two exchanged":          {ErrReportEntries, func(r *Report) { s := r.Entries.Rows; s[4], s[5] = s[5], s[4] }},
		"one twice":              {ErrReportEntries, func(r *Report) { r.Entries.Rows[7] = r.Entries.Rows[6] }},
		"none":                   {ErrReportEntries, func(r *Report) { r.Entries.Rows = nil }},
		"from a later place":     {ErrReportEntries, func(r *Report) { r.Entries.First = 1 }},
		"a hash too many":        {ErrReportEntries, func(r *Report) { r.Entries.Proof.Right = [][]byte{filled(1)} }},
		"those of a part":        {ErrReportEntries, func(r *Report) { r.Entries = w.report(t, 10).Entries; r.Entries.First = 0 }},
		"one of another height":  {ErrReportEntries, func(r *Report) { e := *w.log[3]; e.Height++; r.Entries.Rows[3] = marshal(&e) }},
		"one padded":             {ErrReportEntries, func(r *Report) { r.Entries.Rows[3] = append(slices.Clone(r.Entries.Rows[3]), 0x80, 1, 0) }},
		"head of another height": {types.ErrProofAppHash, func(r *Report) { r.State = w.state(t, scoredAt, "chain", "subject/"+testSubject) }},
		"head of another chain": {types.ErrProofAppHash, func(r *Report) {
			r.State = other.state(t, provedAt, "chain", "receipt/bank-a/Q-1", "model/expert-v1", "subject/"+testSubject)
		}},
		"header of another chain": {ErrOtherChain, func(r *Report) { r.LightBlock = other.light(provedAt + 1) }},
		"all of another chain":    {ErrOtherChain, func(r *Report) { *r = *other.report(t, 0) }},
		"renamed":                 {ErrOtherChain, func(r *Report) { *r = *other.report(t, 0); r.ChainID = testChain }},
		"no head": {ErrReportEntries, func(r *Report) {
			r.State = w.state(t, provedAt, "chain", "receipt/bank-a/Q-1", "model/expert-v1")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.report(t, 0)
			r.Entries.Rows = slices.Clone(r.Entries.Rows)
			c.change(r)
			require.ErrorIs(t, try(encode(t, r), trust, opts), c.want)
		})
	}
}

// Every part of a report is checked, with an error of its own.
func TestReportRefusals(t *testing.T) {
	w := newWorld(t, worldOptions{validators: 4, entries: 40})
	simulated := newWorld(t, worldOptions{validators: 4, entries: 40, simulation: true})
	index := newWorld(t, worldOptions{validators: 4, entries: 40, index: true})
	strangers := newWorld(t, worldOptions{validators: 4, entries: 3})
	strangers.sets = [][]ed25519.PrivKey{testKeys("x", 4)}
	all := []string{"chain", "receipt/bank-a/Q-1", "model/expert-v1", "subject/" + testSubject}
	records := func(t *testing.T, keys ...string) State {
		return w.state(t, provedAt, append(slices.Clone(all), keys...)...)
	}
	for name, c := range map[string]struct {
		change func(t *testing.T, r *Report)
		opts   Options
		want   error
	}{
		"other chain id":          {change: func(_ *testing.T, r *Report) { r.ChainID = "x" }, want: ErrOtherChain},
		"another was asked":       {opts: Options{ChainID: "x"}, want: ErrOtherChain},
		"other receipt":           {change: func(_ *testing.T, r *Report) { r.ReceiptID = "bank-a/Q-2" }, want: ErrReportReceipt},
		"no receipt id":           {change: func(_ *testing.T, r *Report) { r.ReceiptID = "" }, want: ErrReportReceipt},
		"no chain":                {change: func(t *testing.T, r *Report) { r.State = w.state(t, provedAt, all[1:]...) }, want: ErrReportChain},
		"no model":                {change: func(t *testing.T, r *Report) { r.State = w.state(t, provedAt, all[0], all[1], all[3]) }, want: ErrReportModel},
		"something else":          {change: func(t *testing.T, r *Report) { r.State = records(t, "block-log") }, want: ErrReportScope},
		"lock without object":     {change: func(t *testing.T, r *Report) { r.State = records(t, "encumbrance/receivable/a/b") }, want: ErrReportScope},
		"object without lock":     {change: func(t *testing.T, r *Report) { r.State = records(t, "receivable/a/b") }, want: ErrReportScope},
		"no such kind":            {change: func(t *testing.T, r *Report) { r.State = records(t, "encumbrance/member/b", "member/b") }, want: ErrReportScope},
		"other height":            {change: func(_ *testing.T, r *Report) { r.LightBlock = w.light(provedAt + 2) }, want: types.ErrProofAppHash},
		"no header":               {change: func(_ *testing.T, r *Report) { r.LightBlock = nil }, want: ErrHeaderMalformed},
		"other grantee":           {change: func(_ *testing.T, r *Report) { r.Opening.Grantee = "bank-b" }, want: ErrReportOpening},
		"other purpose":           {change: func(_ *testing.T, r *Report) { r.Opening.Purpose = 2 }, want: ErrReportOpening},
		"unknown purpose":         {change: func(_ *testing.T, r *Report) { r.Opening.Purpose = 99 }, want: ErrReportOpening},
		"other salt":              {change: func(_ *testing.T, r *Report) { r.Opening.Salt = filled(1) }, want: ErrReportOpening},
		"short salt":              {change: func(_ *testing.T, r *Report) { r.Opening.Salt = filled(9)[1:] }, want: ErrReportOpening},
		"a row missing":           {change: func(_ *testing.T, r *Report) { r.Inputs = r.Inputs[:len(r.Inputs)-1] }, want: ErrReportInputs},
		"a row more":              {change: func(_ *testing.T, r *Report) { r.Inputs = append(r.Inputs, Record{"zzz", []byte{1}}) }, want: ErrReportInputs},
		"rows of none":            {change: func(_ *testing.T, r *Report) { r.Inputs = []Record{} }, want: ErrReportInputs},
		"not about them":          {opts: Options{Subject: "XX:T:1"}, want: ErrReportNotAsked},
		"not for them":            {opts: Options{Grantee: "bank-b"}, want: ErrReportNotAsked},
		"not that receipt":        {opts: Options{Receipt: "bank-a/Q-2"}, want: ErrReportNotAsked},
		"too old":                 {opts: Options{MaxAge: time.Millisecond}, want: ErrStale},
		"simulated":               {change: func(t *testing.T, r *Report) { *r = *simulated.report(t, 0) }, want: ErrReportSimulation},
		"strangers":               {change: func(t *testing.T, r *Report) { *r = *newWorldReport(t, strangers) }, want: ErrTrustOverlap},
		"rows of an index":        {change: func(t *testing.T, r *Report) { *r = *index.report(t, -1); r.Inputs = w.report(t, -1).Inputs }, want: ErrReportScope},
		"entries of an index":     {change: func(t *testing.T, r *Report) { *r = *index.report(t, -1); r.Entries = w.report(t, 0).Entries }, want: ErrReportScope},
		"a chain and an anchor":   {change: func(t *testing.T, r *Report) { r.Chain, r.Anchor = [][]byte{w.light(2)}, w.anchor(t, 9) }, want: ErrReportSections},
		"an anchor before":        {change: func(t *testing.T, r *Report) { r.Anchor = w.anchor(t, 9); r.Anchor.LightBlock = w.light(3) }, want: ErrReportAnchor},
		"an anchor's other state": {change: func(t *testing.T, r *Report) { r.Anchor = w.anchor(t, 9); r.Anchor.State = w.state(t, 9, "chain") }, want: ErrReportAnchor},
		"an anchor's other block": {change: func(t *testing.T, r *Report) {
			_, rows := w.blockLog(9)
			r.Anchor = w.anchor(t, 9)
			r.Anchor.Proof = *prove(t, rows, 3, 4)
		}, want: ErrReportAnchor},
		"an anchor's other height": {change: func(t *testing.T, r *Report) { r.Anchor = w.anchor(t, 9); r.Anchor.LightBlock = w.light(9) }, want: types.ErrProofAppHash},
	} {
		t.Run(name, func(t *testing.T) {
			r := w.report(t, 0)
			if c.change != nil {
				c.change(t, r)
			}
			c.opts.Now = w.time(15)
			_, err := Verify(r, w.trust(), c.opts)
			require.ErrorIs(t, err, c.want)
		})
	}
	_, err := Verify(w.report(t, 0), w.trust(), Options{})
	require.ErrorContains(t, err, "needs the time")
	_, err = Verify(nil, w.trust(), Options{Now: w.now()})
	require.ErrorIs(t, err, ErrReportMalformed)
	_, err = Verify(w.report(t, 0), nil, Options{Now: w.now()})
	require.ErrorIs(t, err, ErrNoTrust)
	_, err = Verify(w.report(t, 0), w.trust(), Options{Now: testStart.AddDate(-1, 0, 0)})
	require.ErrorIs(t, err, ErrHeaderFuture)
}

// What a receipt's own proof holds up, but its rows, entries or model do not, is refused, whoever signed it.
func TestReceiptsThatDoNotFollow(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *types.Receipt)
		want   error
	}{
		"another score":    {func(r *types.Receipt) { r.Result.Experiences++ }, ErrReportScore},
		"another late":     {func(r *types.Receipt) { r.Result.LateBp++ }, ErrReportScore},
		"another day":      {func(r *types.Receipt) { r.Day -= 200 }, ErrReportScore},
		"another digest":   {func(r *types.Receipt) { r.InputsDigest[3] ^= 1 }, ErrReportInputs},
		"another subject":  {func(r *types.Receipt) { r.Subject = "USCC:91330100MAWU1JT6Y0" }, ErrReportInputs},
		"another model":    {func(r *types.Receipt) { r.ModelDigest[0] ^= 1 }, ErrReportModel},
		"no such model":    {func(r *types.Receipt) { r.Model = "none" }, ErrReportModel},
		"heights":          {func(r *types.Receipt) { r.ScoredHeight = 3 }, ErrReportTime},
		"a later height":   {func(r *types.Receipt) { r.Height, r.ScoredHeight = 9, 8 }, ErrReportTime},
		"a later day":      {func(r *types.Receipt) { r.Day += 2 }, ErrReportTime},
		"simulation":       {func(r *types.Receipt) { r.Simulation = true }, ErrReportReceipt},
		"no result":        {func(r *types.Receipt) { r.Result = nil }, ErrReportReceipt},
		"sum of points":    {func(r *types.Receipt) { r.Result.Score++ }, ErrReportImplausible},
		"class":            {func(r *types.Receipt) { r.Result.Class = types.ScoreClass_CLASS_1 }, ErrReportImplausible},
		"an earlier state": {func(r *types.Receipt) { r.ScoredHeight, r.Height = 1, 2 }, ErrReportEntries},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{validators: 4, entries: 40, change: c.change})
			r := w.report(t, 0)
			if name == "no such model" {
				r.State = w.state(t, provedAt, "chain", "receipt/bank-a/Q-1", "subject/"+testSubject)
			}
			_, err := Verify(r, w.trust(), Options{Now: w.now()})
			require.ErrorIs(t, err, c.want)
		})
	}
}

// Sums that do not follow from the log are refused, though the state proves both.
func TestSumsThatDoNotFollow(t *testing.T) {
	for name, key := range map[string]string{"a month": "month/", "a pair": "pair/", "the head": "subject/"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, worldOptions{validators: 4, entries: 40})
			before, changed := w.states[scoredAt-1], false
			for _, row := range w.inputs() {
				if changed || len(row.Key) < len(key) || row.Key[:len(key)] != key {
					continue
				}
				switch key {
				case "month/":
					m := new(types.MonthSum)
					require.NoError(t, m.Unmarshal(row.Value))
					m.Receivables++
					before[row.Key] = marshal(m)
				case "pair/":
					p := new(types.PairSum)
					require.NoError(t, p.Unmarshal(row.Value))
					p.LifetimeAb++
					before[row.Key] = marshal(p)
				default:
					h := new(types.SubjectHead)
					require.NoError(t, h.Unmarshal(row.Value))
					h.FirstDay++
					before[row.Key] = marshal(h)
				}
				changed = true
			}
			require.True(t, changed)
			w.states = w.states[:scoredAt]
			w.log = w.log[:w.scored]
			w.query(worldOptions{}, w.result.Day)
			for len(w.states) < 6 {
				w.add(w.states[len(w.states)-1])
			}
			_, err := Verify(w.report(t, 0), w.trust(), Options{Now: w.now()})
			require.ErrorIs(t, err, ErrReportSums)
		})
	}
}

func TestReportFileShape(t *testing.T) {
	w := newWorld(t, worldOptions{validators: 1, entries: 6})
	good := encode(t, w.report(t, 0))
	sections, err := decodeContainer(good)
	require.NoError(t, err)
	file := func(sections ...section) []byte {
		b, err := encodeContainer(sections)
		require.NoError(t, err)
		return b
	}
	change := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(good)) }
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"empty":            {nil, ErrReportMagic},
		"no report":        {[]byte("PK\x03\x04 something else"), ErrReportMagic},
		"earlier version":  {change(func(b []byte) []byte { b[9] = 1; return b }), ErrReportVersion},
		"later version":    {change(func(b []byte) []byte { b[9] = 3; return b }), ErrReportVersion},
		"cut in the head":  {good[:10], ErrReportCut},
		"cut in the table": {good[:60], ErrReportCut},
		"cut":              {good[:len(good)-1], ErrReportCut},
		"trailing":         {append(bytes.Clone(good), 0), ErrReportTrailing},
		"no sections":      {file(), ErrReportSections},
		"one missing":      {file(sections[1:]...), ErrReportSections},
		"section twice":    {file(sections[0], sections[0]), ErrReportSections},
		"out of order":     {file(sections[1], sections[0], sections[2]), ErrReportSections},
		"foreign section":  {file(append(slices.Clone(sections), section{77, []byte("x")})...), ErrReportSections},
		"checksum":         {change(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), ErrReportChecksum},
		"huge section":     {change(func(b []byte) []byte { b[14] = 0xff; return b }), ErrReportSize},
		"huge file":        {make([]byte, MaxFileSize+1), ErrReportSize},
		"nonsense":         {file(section{sectionAbout, []byte("\xff\xff")}, sections[1], sections[2]), ErrReportMalformed},
		"goes on":          {file(section{sectionAbout, append(bytes.Clone(sections[0].content), 0)}, sections[1], sections[2]), ErrReportMalformed},
		"an empty chain":   {file(append(slices.Clone(sections), section{sectionChain, []byte{0}})...), ErrReportMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Decode(c.file)
			require.ErrorIs(t, err, c.want)
			require.Nil(t, got)
		})
	}
	// A second frame behind the last section's, with the checksum made anew.
	last := len(sections) - 1
	row := containerHeader + last*tableRow
	hidden := append(bytes.Clone(good), 0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 'x')
	hidden[row+9] += 9
	stored := int(hidden[row+6])<<24 | int(hidden[row+7])<<16 | int(hidden[row+8])<<8 | int(hidden[row+9])
	sum := sectionSum(hidden[row:row+10], hidden[len(hidden)-stored:])
	copy(hidden[row+10:], sum[:])
	_, err = Decode(hidden)
	require.ErrorIs(t, err, ErrReportFrame)
}

// What is taken out of the partial tree is what was put in, byte for byte: any ICS-23 verifier can check it.
func TestPartialTree(t *testing.T) {
	state := map[string][]byte{}
	for i := range 300 {
		state[fmt.Sprintf("key/%d", i)] = fmt.Appendf(nil, "value %d", i)
	}
	w := &world{chain: testChain, states: []map[string][]byte{state}}
	tree := newTestTree(state)
	var keys []string
	for i := range 40 {
		keys = append(keys, fmt.Sprintf("key/%d", i*9), fmt.Sprintf("no key/%d", i))
	}
	s := w.state(t, 1, keys...)
	in := &reader{rest: s.encode(nil)}
	var got State
	got.decode(in)
	require.NoError(t, in.end())
	require.NoError(t, got.verify(w.appHash(1)))
	proofs, err := got.proofs()
	require.NoError(t, err)
	size := 0
	for i, r := range got.Records {
		require.Equal(t, tree.prove(r.Key), proofs[i].Ops[0].Data, r.Key)
		size += len(proofs[i].Ops[0].Data)
	}
	t.Logf("80 proofs of %d bytes in %d", size, len(s.tree.encode(nil)))
	require.Less(t, len(s.tree.encode(nil)), size/4)

	// A tree that shows more than its records need is refused.
	more := w.state(t, 1, append(keys, "key/1")...)
	more.Records = slices.DeleteFunc(more.Records, func(r Record) bool { return r.Key == "key/1" })
	in = &reader{rest: more.encode(nil)}
	got = State{}
	got.decode(in)
	require.Error(t, in.end())
	require.Error(t, got.verify(types.Hash{}))
}

// A file of a few kilobytes that unpacks to a tree of millions of nodes is given up early.
func TestTreeBomb(t *testing.T) {
	w := newWorld(t, worldOptions{validators: 1, entries: 6})
	sections, err := decodeContainer(encode(t, w.report(t, 0)))
	require.NoError(t, err)
	head := putBytes(nil, "operator")
	few := putNumber(head, 0)
	many := putNumber(head, 1000)
	for i := range 1000 {
		many = append(putBytes(many, fmt.Sprintf("absent/%04d", i)), 0)
	}
	wide := []byte{nodeEmpty} // full, 21 levels: 4 million nodes
	for range 21 {
		wide = slices.Concat([]byte{nodeInner}, wide, wide)
	}
	leaves := []byte{nodeEmpty}
	for range 200 {
		leaves = slices.Concat([]byte{nodeInner, nodeNeighbour}, filled(1), filled(2), leaves)
	}
	for name, tree := range map[string][]byte{"wide": wide, "one side": bytes.Repeat([]byte{nodeInner}, 1<<22), "neighbours": leaves} {
		for what, records := range map[string][]byte{"no records": few, "a thousand": many} {
			bad := slices.Clone(sections)
			bad[1].content = slices.Concat(records, tree)
			file, err := encodeContainer(bad)
			require.NoError(t, err)
			require.Less(t, len(file), 100_000)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err = Decode(file)
			runtime.ReadMemStats(&after)
			require.ErrorIs(t, err, ErrReportMalformed, "%s, %s", name, what)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(250<<20), "%s, %s", name, what)
			t.Logf("%s, %s: %d bytes, %d MiB", name, what, len(file), (after.TotalAlloc-before.TotalAlloc)>>20)
		}
	}
}

// A report file comes from strangers.
func FuzzReport(f *testing.F) {
	for _, r := range smallReports(f) {
		file := encode(f, r.report)
		f.Add(file)
		f.Add(file[:len(file)/2])
		sections, err := decodeContainer(file)
		require.NoError(f, err)
		for _, s := range sections {
			f.Add(s.content)
		}
	}
	trust := &Trust{ChainID: testChain, NextValidatorsHash: filled(1), Validators: []TrustedValidator{{filled(1), 1}}}
	f.Fuzz(func(t *testing.T, data []byte) {
		for kind := uint16(sectionAbout); kind <= sectionAnchor; kind++ {
			_ = new(Report).decodeSection(kind, &reader{rest: data})
		}
		r, err := Decode(data)
		if err != nil {
			require.Nil(t, r)
			return
		}
		_, err = Verify(r, trust, Options{Now: testStart})
		require.Error(t, err)
	})
}
