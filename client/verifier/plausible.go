package verifier

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"tradecredit/types"
	"tradecredit/types/score"
)

// plausible holds a receipt's result to its own model: the points are those of the values it lists, they add up to the
// score under the cap, the class is that of the score, and the reasons are the largest losses. A result that fails was
// not made by the published rules, whoever signed it.
func plausible(receipt *types.Receipt, model *types.Model) error {
	r := receipt.Result
	if r.NotCalibrated == model.Calibrated {
		return implausible("calibration is not the model's")
	}
	if r.Index < 0 || r.Index > 100 || (!r.IndexApplicable && r.Index != 0) {
		return implausible("index %d", r.Index)
	}
	switch receipt.Output {
	case types.Output_INDEX:
		only := score.Restrict(r, types.Output_INDEX)
		whole, err := r.Marshal()
		restricted, err2 := only.Marshal()
		if err != nil || err2 != nil || !bytes.Equal(whole, restricted) {
			return implausible("an INDEX receipt says more than the index")
		}
		return nil
	case types.Output_SCORE:
	default:
		return implausible("output %d", receipt.Output)
	}
	for _, bp := range []int32{r.LargestMemberBp, r.LateBp} {
		if bp < 0 || bp > 10_000 {
			return implausible("share of %d basis points", bp)
		}
	}
	if r.Experiences < 0 || r.FulfilledSales < 0 || r.Counterparties < 0 {
		return implausible("a count is negative")
	}
	if r.Class == types.ScoreClass_CLASS_U || len(r.Unscored) > 0 {
		return plausibleUnscored(r)
	}
	return plausibleScore(r, model)
}

func implausible(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrReportImplausible, fmt.Sprintf(format, args...))
}

// plausibleUnscored: class U has reasons of its own and nothing else.
func plausibleUnscored(r *types.ScoreResult) error {
	if r.Class != types.ScoreClass_CLASS_U || len(r.Unscored) == 0 || r.Score != 0 || r.Cap != 0 || len(r.Points) > 0 || len(r.Reasons) > 0 {
		return implausible("an unscored result with a score")
	}
	for i, u := range r.Unscored {
		if u < types.Unscored_U1 || u > types.Unscored_U5 || (i > 0 && r.Unscored[i-1] >= u) {
			return implausible("unscored for reason %d", u)
		}
	}
	return nil
}

func plausibleScore(r *types.ScoreResult, model *types.Model) error {
	i := slices.IndexFunc(model.Scorecards, func(s *types.Scorecard) bool { return s.Segment == r.Segment })
	if i < 0 || r.Segment == types.Segment_SEGMENT_NONE {
		return implausible("segment %s has no scorecard", r.Segment)
	}
	card := model.Scorecards[i]
	if len(card.Characteristics) != len(r.Points) {
		return implausible("%d characteristics, the model has %d", len(r.Points), len(card.Characteristics))
	}
	sum := int32(0)
	var lost []*types.Reason
	for i, c := range card.Characteristics {
		p := r.Points[i]
		if p == nil || p.Characteristic != c.Id || p.MaxPoints != c.Bins[0].Points || p.Points != binPoints(c, p) {
			return implausible("points of %s", c.Id)
		}
		sum += p.Points
		if p.MaxPoints > p.Points {
			lost = append(lost, &types.Reason{Characteristic: p.Characteristic, Lost: p.MaxPoints - p.Points})
		}
	}
	capped, err := plausibleCap(r, model, sum)
	if err != nil {
		return err
	}
	if r.Class != classOf(model, r.Score) {
		return implausible("score %d is not %s", r.Score, r.Class)
	}
	return plausibleReasons(r, capped, lost)
}

// binPoints are the points of a value by the model.
func binPoints(c *types.Characteristic, p *types.CharacteristicPoints) int32 {
	if !p.Applicable {
		return c.NaPoints
	}
	for _, b := range c.Bins {
		if (c.AtLeast && p.Value >= b.Bound) || (!c.AtLeast && p.Value < b.Bound) {
			return b.Points
		}
	}
	return c.Rest
}

// plausibleCap returns the reason that a binding cap must be, nil without one.
func plausibleCap(r *types.ScoreResult, model *types.Model, sum int32) (*types.Reason, error) {
	if r.Cap == 0 {
		if r.Score != sum {
			return nil, implausible("score %d, the points add up to %d", r.Score, sum)
		}
		return nil, nil
	}
	i := slices.IndexFunc(model.Caps, func(c *types.CapRule) bool { return c.Score == r.Cap })
	if i < 0 || r.Score != r.Cap || r.Cap >= sum {
		return nil, implausible("score %d under cap %d, the points add up to %d", r.Score, r.Cap, sum)
	}
	if len(r.Reasons) > 0 {
		// Two caps may have one score; the reason says which it was.
		for _, c := range model.Caps {
			if c.Score == r.Cap && c.Cap.String() == r.Reasons[0].Characteristic {
				return &types.Reason{Characteristic: c.Cap.String(), Lost: sum - r.Cap}, nil
			}
		}
	}
	return nil, implausible("a binding cap is not the first reason")
}

func classOf(model *types.Model, s int32) types.ScoreClass {
	for i, bound := range model.ClassBounds {
		if s >= bound {
			return types.ScoreClass_CLASS_1 + types.ScoreClass(i)
		}
	}
	return types.ScoreClass_CLASS_5
}

// plausibleReasons: the binding cap, then the largest losses, ties by id, the shorter first; four in all.
func plausibleReasons(r *types.ScoreResult, capped *types.Reason, lost []*types.Reason) error {
	slices.SortStableFunc(lost, func(a, b *types.Reason) int {
		switch {
		case a.Lost != b.Lost:
			return int(b.Lost - a.Lost)
		case len(a.Characteristic) != len(b.Characteristic):
			return len(a.Characteristic) - len(b.Characteristic)
		case a.Characteristic < b.Characteristic:
			return -1
		}
		return 1
	})
	if capped != nil {
		lost = slices.Insert(lost, 0, capped)
	}
	lost = lost[:min(len(lost), 4)]
	same := slices.EqualFunc(lost, r.Reasons, func(a, b *types.Reason) bool {
		return b != nil && a.Characteristic == b.Characteristic && a.Lost == b.Lost
	})
	if !same {
		return implausible("reasons are not the largest losses")
	}
	for i, reason := range r.Reasons {
		if err := plausibleRecords(reason, capped != nil && i == 0); err != nil {
			return err
		}
	}
	return nil
}

// plausibleRecords: only a cap of adverse records names any, up to four of them in the order of their keys.
func plausibleRecords(r *types.Reason, capped bool) error {
	named := capped && r.Characteristic != types.Cap_CAP_OPEN_90.String()
	if named != (len(r.Records) > 0) || len(r.Records) > 4 {
		return implausible("%s names %d records", r.Characteristic, len(r.Records))
	}
	for i, key := range r.Records {
		if !strings.HasPrefix(key, string(types.Adverses)) || i > 0 && r.Records[i-1] >= key {
			return implausible("%s names %q", r.Characteristic, key)
		}
	}
	return nil
}
