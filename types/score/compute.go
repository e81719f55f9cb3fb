package score

import (
	"cmp"
	"math"
	"slices"

	"tradecredit/types"
)

// maxReasons is how many reasons a score names.
const maxReasons = 4

// Compute is the score of the rows on day D by a model that CheckModel passed. The result says everything (SCORE); see
// Restrict. Rows that contradict each other are refused with inconsistent_state; other errors there are none.
func Compute(rows *Rows, model *types.Model, day int32) (*types.ScoreResult, error) {
	f, err := gather(rows, day)
	if err != nil {
		return nil, err
	}
	index, applicable, err := f.index(rows)
	if err != nil {
		return nil, err
	}
	res := &types.ScoreResult{
		IndexApplicable: applicable,
		Index:           index,
		Experiences:     f.experiences(),
		FulfilledSales:  f.fulfilled,
		Counterparties:  int32(f.counterparties),
		LargestMemberBp: f.largestMember(),
		LateBp:          int32(min(badRatio(f.late, f.events), 10000)),
		NotCalibrated:   !model.Calibrated,
	}
	switch {
	case res.Experiences > 0:
		res.Segment = types.Segment_PAYER
	case f.fulfilled > 0 && rows.Head.OpenObligations == 0:
		res.Segment = types.Segment_SELLER
	}
	res.Unscored = f.unscored(res, model, rows.Head.FirstDay)
	if len(res.Unscored) > 0 {
		res.Class = types.ScoreClass_CLASS_U
		return res, nil
	}
	card, err := scorecard(model, res.Segment)
	if err != nil {
		return nil, err
	}
	for _, c := range card.Characteristics {
		value, ok := f.measure(c.Measure, index, applicable)
		res.Points = append(res.Points, &types.CharacteristicPoints{
			Characteristic: c.Id, Applicable: ok, Value: value, Points: pointsOf(c, value, ok), MaxPoints: c.Bins[0].Points,
		})
	}
	conclude(res, model, f.caps(rows))
	return res, nil
}

// Restrict leaves what an output may say. INDEX keeps the index and the mark that the model is not calibrated, nothing
// that a score or class could be read from. Whatever is not SCORE is treated as INDEX. The result given is not changed.
func Restrict(result *types.ScoreResult, output types.Output) *types.ScoreResult {
	if output == types.Output_SCORE {
		whole := *result
		return &whole
	}
	return &types.ScoreResult{
		IndexApplicable: result.IndexApplicable, Index: result.Index, NotCalibrated: result.NotCalibrated,
	}
}

// unscored lists which minimum the data misses, ascending.
func (f *facts) unscored(res *types.ScoreResult, model *types.Model, firstDay int32) []types.Unscored {
	var u []types.Unscored
	items := res.Experiences
	if res.Segment == types.Segment_SELLER {
		items = res.FulfilledSales
	}
	if res.Segment == types.Segment_SEGMENT_NONE || items < int64(model.Minimums.GetExperiences()) {
		u = append(u, types.Unscored_U1)
	}
	if f.counterparties < int64(model.Minimums.GetCounterparties()) {
		u = append(u, types.Unscored_U2)
	}
	if firstDay == 0 || f.day-firstDay < model.Minimums.GetDays() {
		u = append(u, types.Unscored_U3)
	}
	if len(f.members) < int(model.Minimums.GetMembers()) {
		u = append(u, types.Unscored_U4)
	}
	if f.aboveSelf == 0 {
		u = append(u, types.Unscored_U5)
	}
	return u
}

func scorecard(model *types.Model, s types.Segment) (*types.Scorecard, error) {
	for _, card := range model.Scorecards {
		if card.Segment == s {
			return card, nil
		}
	}
	return nil, types.Refuse(types.Code_inconsistent_state, "model %s has no scorecard for %s", model.Id, s)
}

// measure is the value of a measure and whether there is one.
func (f *facts) measure(m types.Measure, index int32, indexApplicable bool) (int64, bool) {
	switch m {
	case types.Measure_MEASURE_TPI:
		return int64(index), indexApplicable
	case types.Measure_MEASURE_WORST_DBT:
		return f.worstClass()
	case types.Measure_MEASURE_PAST_DUE:
		return badRatio(f.pastDue, f.outstanding), f.outstanding > 0
	case types.Measure_MEASURE_EVIDENCE_LEGS:
		return ratio(f.withLegs, f.receivables), f.receivables > 0
	case types.Measure_MEASURE_ADVERSE_VERDICTS:
		return badRatio(f.adverse, f.verdicts), f.verdicts > 0
	case types.Measure_MEASURE_CREDIT_NOTES:
		return badRatio(f.credited, f.invoiced), f.invoiced > 0
	case types.Measure_MEASURE_ON_TIME:
		return ratio(f.onTime, f.deliveries), f.deliveries > 0
	case types.Measure_MEASURE_CONCENTRATION:
		return f.concentration, f.hasConcentration
	case types.Measure_MEASURE_ACTIVE_MONTHS:
		return f.activeMonths, true
	case types.Measure_MEASURE_MEMBERS:
		return int64(len(f.members)), true
	case types.Measure_MEASURE_COLLECTED:
		return ratio(f.inTime, f.dueCollections), f.dueCollections > 0
	}
	return 0, false
}

// worstClass is the worst class of days beyond terms with at least 1 % of the weight of twelve months.
func (f *facts) worstClass() (int64, bool) {
	var total types.Uint128
	for _, minor := range f.byClass {
		f.addTimes(&total, minor, 1)
	}
	if total.IsZero() {
		return 0, false
	}
	for c := Classes - 1; c > 0; c-- {
		var part types.Uint128
		if f.addTimes(&part, f.byClass[c], 100); part.Cmp(total) >= 0 {
			return classDays[c], true
		}
	}
	return classDays[0], true
}

// pointsOf finds the first bin that holds.
func pointsOf(c *types.Characteristic, value int64, applicable bool) int32 {
	if !applicable {
		return c.NaPoints
	}
	for _, b := range c.Bins {
		if c.AtLeast && value >= b.Bound || !c.AtLeast && value < b.Bound {
			return b.Points
		}
	}
	return c.Rest
}

// conclude adds up the points, applies the lowest cap that binds, and names class and reasons.
func conclude(res *types.ScoreResult, model *types.Model, caps []held) {
	for _, p := range res.Points {
		res.Score += p.Points
		if lost := p.MaxPoints - p.Points; lost > 0 {
			res.Reasons = append(res.Reasons, &types.Reason{Characteristic: p.Characteristic, Lost: lost})
		}
	}
	slices.SortFunc(res.Reasons, func(a, b *types.Reason) int {
		return cmp.Or(cmp.Compare(b.Lost, a.Lost), cmp.Compare(len(a.Characteristic), len(b.Characteristic)),
			cmp.Compare(a.Characteristic, b.Characteristic))
	})
	binding, sum := types.Cap_CAP_NONE, res.Score
	for _, rule := range model.Caps {
		if holds(caps, rule.Cap) && rule.Score < res.Score {
			binding, res.Score, res.Cap = rule.Cap, rule.Score, rule.Score
		}
	}
	if binding != types.Cap_CAP_NONE {
		reason := &types.Reason{Characteristic: binding.String(), Lost: sum - res.Score, Records: recordsOf(caps, binding)}
		res.Reasons = slices.Insert(res.Reasons, 0, reason)
	}
	res.Reasons = res.Reasons[:min(len(res.Reasons), maxReasons)]
	res.Class = types.ScoreClass_CLASS_5
	for i, bound := range model.ClassBounds {
		if res.Score >= bound {
			res.Class = types.ScoreClass_CLASS_1 + types.ScoreClass(i)
			break
		}
	}
}

// ratio is ⌊10000·part/whole⌋ basis points, 0 if whole is 0; what does not fit is as much as fits.
func ratio(part, whole int64) int64 {
	return shareOf(part, types.Uint128{Lo: uint64(whole)})
}

func shareOf(part int64, whole types.Uint128) int64 {
	if whole.IsZero() {
		return 0
	}
	bp, err := types.Uint128{Lo: uint64(part)}.MulDiv(types.Uint128{Lo: 10000}, whole)
	if err != nil || bp.Hi != 0 || bp.Lo > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(bp.Lo)
}

// badRatio is ratio, but at least 1 for a part that is not 0: only none at all is 0.
func badRatio(part, whole int64) int64 {
	bp := ratio(part, whole)
	if bp == 0 && part > 0 && whole > 0 {
		return 1
	}
	return bp
}

// largestMember is the share, in basis points, of the money and deliveries counted in the window that one member
// vouches for; 0 if there is none.
func (f *facts) largestMember() int32 {
	total, largest := types.Uint128{}, int64(0)
	for _, m := range f.members {
		f.addTimes(&total, m.WeightMinor, 1)
		largest = max(largest, m.WeightMinor)
	}
	return int32(shareOf(largest, total))
}
