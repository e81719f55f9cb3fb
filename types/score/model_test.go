package score

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

func TestExpertV1(t *testing.T) {
	m := ExpertV1()
	require.NoError(t, CheckModel(m))
	require.False(t, m.Calibrated)
	for _, card := range m.Scorecards {
		total := int32(0)
		for _, c := range card.Characteristics {
			total += c.Bins[0].Points
		}
		require.Equal(t, int32(MaxScore), total, card.Segment)
	}
	require.NotSame(t, m.Scorecards[0], ExpertV1().Scorecards[0])
}

// The digest is that of the leaf, and a change to a model changes it.
func TestModelDigest(t *testing.T) {
	m := ExpertV1()
	digest, err := ModelDigest(m)
	require.NoError(t, err)
	b, err := m.Marshal()
	require.NoError(t, err)
	require.Equal(t, types.Hash(sha256.Sum256(b)), digest)
	require.Equal(t, "b3db109b4faf9bce0f7ba91d14abe59ae497e03e365ff8787d8d6cefb1a04711", digest.String(), "expert-v1 must never change: a new model has a new id")
	m.Scorecards[0].Characteristics[0].Bins[0].Points--
	other, err := ModelDigest(m)
	require.NoError(t, err)
	require.NotEqual(t, digest, other)
}

func TestCheckModelRefuses(t *testing.T) {
	payer := func(m *types.Model) *types.Scorecard { return m.Scorecards[0] }
	tpi := func(m *types.Model) *types.Characteristic { return payer(m).Characteristics[0] }
	worst := func(m *types.Model) *types.Characteristic { return payer(m).Characteristics[1] }
	for name, c := range map[string]struct {
		spoil func(m *types.Model)
		words string
	}{
		"no id":            {func(m *types.Model) { m.Id = "" }, "model id"},
		"id with a slash":  {func(m *types.Model) { m.Id = "a/b" }, "model id"},
		"one scorecard":    {func(m *types.Model) { m.Scorecards = m.Scorecards[:1] }, "has 1 scorecards"},
		"segment twice":    {func(m *types.Model) { m.Scorecards[1].Segment = types.Segment_PAYER }, "repeated"},
		"no segment":       {func(m *types.Model) { m.Scorecards[1].Segment = types.Segment_SEGMENT_NONE }, "unknown"},
		"no bins":          {func(m *types.Model) { tpi(m).Bins = nil }, "0 bins"},
		"overlap":          {func(m *types.Model) { tpi(m).Bins[1].Bound = 80 }, "overlaps"},
		"order":            {func(m *types.Model) { tpi(m).Bins[1].Bound = 90 }, "overlaps"},
		"overlap below":    {func(m *types.Model) { worst(m).Bins[1].Bound = 1 }, "overlaps"},
		"points rise":      {func(m *types.Model) { tpi(m).Bins[1].Points = 351 }, "monotone"},
		"rest rises":       {func(m *types.Model) { tpi(m).Rest = 41 }, "rest"},
		"negative rest":    {func(m *types.Model) { tpi(m).Rest = -1 }, "rest"},
		"negative points":  {func(m *types.Model) { tpi(m).Bins[5].Points = -1 }, "points"},
		"na above the top": {func(m *types.Model) { tpi(m).NaPoints = 351 }, "not applicable"},
		"direction":        {func(m *types.Model) { tpi(m).AtLeast = false }, "direction"},
		"unknown measure":  {func(m *types.Model) { tpi(m).Measure = 99 }, "unknown"},
		"measure twice":    {func(m *types.Model) { tpi(m).Measure = types.Measure_MEASURE_ON_TIME }, "repeated"},
		"id twice":         {func(m *types.Model) { tpi(m).Id = "C2" }, "repeated"},
		"reserved id":      {func(m *types.Model) { tpi(m).Id = "CAP_X" }, "reserved"},
		"more than 1000":   {func(m *types.Model) { tpi(m).Bins[0].Points = 351 }, "add up to 1001"},
		"empty scorecard":  {func(m *types.Model) { payer(m).Characteristics = nil }, "add up to 0"},
		"cap twice":        {func(m *types.Model) { m.Caps[1].Cap = types.Cap_CAP_FORGERY }, "repeated"},
		"unknown cap":      {func(m *types.Model) { m.Caps[1].Cap = 77 }, "unknown"},
		"no cap":           {func(m *types.Model) { m.Caps[1].Cap = types.Cap_CAP_NONE }, "unknown"},
		"cap of 1000":      {func(m *types.Model) { m.Caps[1].Score = 1000 }, "wants 1–999"},
		"no minimums":      {func(m *types.Model) { m.Minimums = nil }, "minimums"},
		"minimum 0":        {func(m *types.Model) { m.Minimums.Members = 0 }, "minimums"},
		"three classes":    {func(m *types.Model) { m.ClassBounds = m.ClassBounds[:3] }, "class bounds"},
		"classes rise":     {func(m *types.Model) { m.ClassBounds[1] = 800 }, "class bounds"},
		"class above 1000": {func(m *types.Model) { m.ClassBounds[0] = 1001 }, "class bounds"},
		"class at 0":       {func(m *types.Model) { m.ClassBounds[3] = 0 }, "class bounds"},
	} {
		t.Run(name, func(t *testing.T) {
			m := ExpertV1()
			c.spoil(m)
			require.ErrorContains(t, CheckModel(m), c.words)
		})
	}
}

// Rows that contradict each other are refused with a code; they never make a score, nor a panic.
func TestComputeRefuses(t *testing.T) {
	month := types.MonthOf(20000)
	one := func(m types.MonthSum) []Month { return []Month{{month, &m}} }
	huge := int64(1<<63 - 1)
	for name, r := range map[string]Rows{
		"another day":                {Day: 19999},
		"negative sum":               {Day: 20000, Months: one(types.MonthSum{Events: -1})},
		"negative closed":            {Day: 20000, Months: one(types.MonthSum{ClosedMinor: -1})},
		"negative open":              {Day: 20000, Months: one(types.MonthSum{Open: []*types.OpenDay{{Day: 1, Minor: -1, Items: 1}}})},
		"open rows exceed the head":  {Day: 20000, Months: one(types.MonthSum{Open: []*types.OpenDay{{Day: 1, Minor: 1, Items: 1}}})},
		"open items exceed the head": {Day: 20000, Head: types.SubjectHead{OpenMinor: 9}, Months: one(types.MonthSum{Open: []*types.OpenDay{{Day: 1, Minor: 1, Items: 1}}})},
		"negative head":              {Day: 20000, Head: types.SubjectHead{OpenMinor: -9}},
		"sum beyond an int64": {Day: 20000, Months: []Month{
			{month, &types.MonthSum{InvoicedMinor: huge}}, {month - 1, &types.MonthSum{InvoicedMinor: huge}}}},
		"a pair exceeds the months": {Day: 20000, Subject: "a", Paid: []string{"b"}, Pairs: []Pair{
			{"b", &types.PairSum{Months: []*types.PairMonth{{Month: month, ClosedAb: 5, ApAbLo: 5}}}}}},
		"points exceed weight": {Day: 20000, Months: one(types.MonthSum{ClosedMinor: 1, ClosedApHi: 1})},
		"negative pair":        {Day: 20000, Pairs: []Pair{{"b", &types.PairSum{Months: []*types.PairMonth{{Month: month, Ordered: -5}}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compute(&r, ExpertV1(), 20000)
			require.ErrorIs(t, err, types.Refuse(types.Code_inconsistent_state, ""))
			_, _, err = Index(&r, 20000)
			require.ErrorIs(t, err, types.Refuse(types.Code_inconsistent_state, ""))
		})
	}
}

// BenchmarkCompute is a score of the largest rows there can be: every month and every place taken.
func BenchmarkCompute(b *testing.B) {
	r := Rows{Subject: "CC:x:m", Day: 20000, Head: types.SubjectHead{FirstDay: 1, OpenMinor: 1 << 40, OpenObligations: 1 << 30}}
	for month := types.MonthOf(20000) - 23; month <= types.MonthOf(20000)+24; month++ {
		m := types.MonthSum{Events: 20000, AboveSelf: 20000, ClosedMinor: 1 << 40, ClosedApLo: 70 << 40, ClosedByDbt: make([]int64, Classes)}
		for i := range int32(31) {
			o := &types.OpenDay{Day: types.FirstDay(month) + i, Minor: 100, Items: 10, Untouched: 5}
			m.Open, m.ToCollect, m.Promised = append(m.Open, o), append(m.ToCollect, o), append(m.Promised, o)
		}
		for i := range 50 {
			m.Members = append(m.Members, &types.MemberSum{Member: fmt.Sprintf("member-%02d", i), Events: 400, WeightMinor: 5})
		}
		r.Months = append(r.Months, Month{month, &m})
	}
	for i := range 96 {
		p := &types.PairSum{}
		for month := types.MonthOf(20000) - 23; month <= types.MonthOf(20000); month++ {
			p.Months = append(p.Months, &types.PairMonth{Month: month, ClosedBa: 1 << 30, ApBaLo: 70 << 30, Ordered: 7})
		}
		id := fmt.Sprintf("CC:x:%02d", i)
		r.Pairs = append(r.Pairs, Pair{id, p})
		r.Paid = append(r.Paid, id)
	}
	r.Traded, r.Ordered, r.Paid = r.Paid[32:64], r.Paid[64:], r.Paid[:32]
	model := ExpertV1()
	for b.Loop() {
		if _, err := Compute(&r, model, 20000); err != nil {
			b.Fatal(err)
		}
	}
}
