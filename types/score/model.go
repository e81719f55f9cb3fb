package score

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"tradecredit/types"
)

// higherIsBetter tells in which direction a measure is good; a measure that is not listed does not exist.
var higherIsBetter = map[types.Measure]bool{
	types.Measure_MEASURE_TPI:              true,
	types.Measure_MEASURE_WORST_DBT:        false,
	types.Measure_MEASURE_PAST_DUE:         false,
	types.Measure_MEASURE_EVIDENCE_LEGS:    true,
	types.Measure_MEASURE_ADVERSE_VERDICTS: false,
	types.Measure_MEASURE_CREDIT_NOTES:     false,
	types.Measure_MEASURE_ON_TIME:          true,
	types.Measure_MEASURE_CONCENTRATION:    false,
	types.Measure_MEASURE_ACTIVE_MONTHS:    true,
	types.Measure_MEASURE_MEMBERS:          true,
	types.Measure_MEASURE_COLLECTED:        true,
}

// ExpertV1 is the first scorecard, set by experts and not calibrated on outcomes (LEDGER.md §8). Every call returns a
// fresh copy.
func ExpertV1() *types.Model {
	return &types.Model{
		Id: "expert-v1",
		Scorecards: []*types.Scorecard{
			{Segment: types.Segment_PAYER, Characteristics: []*types.Characteristic{
				atLeast("C1", types.Measure_MEASURE_TPI, 90, 0, bins(80, 350, 70, 290, 60, 220, 50, 150, 40, 90, 30, 40)),
				below("C2", types.Measure_MEASURE_WORST_DBT, 45, 0, bins(1, 110, 15, 95, 30, 75, 60, 45, 90, 15)),
				below("C3", types.Measure_MEASURE_PAST_DUE, 60, 0, bins(1, 90, 500, 70, 1500, 45, 3000, 20)),
				evidenceLegs("C4"), adverseVerdicts("C5", 80, 60, 30, 30), creditNotes("C6", 60, 45, 25, 25),
				atLeast("C7", types.Measure_MEASURE_ON_TIME, 25, 0, bins(9800, 60, 9500, 45, 9000, 25)),
				concentration("C8", 40, 30, 15),
				atLeast("C9", types.Measure_MEASURE_ACTIVE_MONTHS, 0, 5, bins(18, 40, 12, 30, 6, 15)),
				atLeast("C10", types.Measure_MEASURE_MEMBERS, 0, 0, bins(4, 30, 3, 22, 2, 12)),
			}},
			{Segment: types.Segment_SELLER, Characteristics: []*types.Characteristic{
				atLeast("S1", types.Measure_MEASURE_ON_TIME, 65, 0, bins(9800, 260, 9500, 200, 9000, 130, 8000, 60)),
				sellerLegs("S2"), adverseVerdicts("S3", 100, 75, 40, 40), creditNotes("S4", 100, 75, 40, 40),
				atLeast("S5", types.Measure_MEASURE_COLLECTED, 50, 0, bins(9500, 120, 8500, 90, 7000, 50)),
				concentration("S6", 60, 45, 20),
				atLeast("S7", types.Measure_MEASURE_ACTIVE_MONTHS, 0, 10, bins(18, 100, 12, 75, 6, 40)),
				atLeast("S8", types.Measure_MEASURE_MEMBERS, 0, 0, bins(4, 60, 3, 45, 2, 25)),
			}},
		},
		Caps: []*types.CapRule{
			{Cap: types.Cap_CAP_FORGERY, Score: 199},
			{Cap: types.Cap_CAP_INSOLVENCY, Score: 299},
			{Cap: types.Cap_CAP_OPEN_90, Score: 499},
			{Cap: types.Cap_CAP_DUPLICATE, Score: 349},
			{Cap: types.Cap_CAP_DISHONESTY, Score: 399},
		},
		Minimums:    &types.Minimums{Experiences: 3, Counterparties: 2, Days: 90, Members: 2},
		ClassBounds: []int32{800, 650, 500, 350},
	}
}

func evidenceLegs(id string) *types.Characteristic {
	return atLeast(id, types.Measure_MEASURE_EVIDENCE_LEGS, 0, 0, bins(9000, 140, 7500, 115, 5000, 80, 2500, 40))
}

func sellerLegs(id string) *types.Characteristic {
	return atLeast(id, types.Measure_MEASURE_EVIDENCE_LEGS, 0, 0, bins(9000, 200, 7500, 160, 5000, 110, 2500, 60))
}

func adverseVerdicts(id string, none, few, some, na int32) *types.Characteristic {
	return below(id, types.Measure_MEASURE_ADVERSE_VERDICTS, na, 0, bins(1, none, 100, few, 300, some))
}

func creditNotes(id string, few, some, more, na int32) *types.Characteristic {
	return below(id, types.Measure_MEASURE_CREDIT_NOTES, na, 0, bins(100, few, 300, some, 700, more))
}

func concentration(id string, low, medium, high int32) *types.Characteristic {
	return below(id, types.Measure_MEASURE_CONCENTRATION, 0, 0, bins(1500, low, 2500, medium, 5000, high))
}

func atLeast(id string, m types.Measure, na, rest int32, b []*types.Bin) *types.Characteristic {
	return &types.Characteristic{Id: id, Measure: m, AtLeast: true, Bins: b, Rest: rest, NaPoints: na}
}

func below(id string, m types.Measure, na, rest int32, b []*types.Bin) *types.Characteristic {
	return &types.Characteristic{Id: id, Measure: m, Bins: b, Rest: rest, NaPoints: na}
}

// bins takes bound and points in turns.
func bins(v ...int32) []*types.Bin {
	b := make([]*types.Bin, 0, len(v)/2)
	for i := 0; i < len(v); i += 2 {
		b = append(b, &types.Bin{Bound: int64(v[i]), Points: v[i+1]})
	}
	return b
}

// ModelDigest is the SHA-256 of the model's deterministic encoding: the value of its leaf.
func ModelDigest(m *types.Model) (types.Hash, error) {
	b, err := m.Marshal()
	if err != nil {
		return types.Hash{}, fmt.Errorf("model %s does not encode: %w", m.Id, err)
	}
	return sha256.Sum256(b), nil
}

// MaxScore is the highest score a model may give.
const MaxScore = 1000

// CheckModel tells what is wrong with a model, nil if it may be used: an id, one scorecard for each segment, bins in
// strict order (so without overlap; rest closes the gap after the last), points that never rise as the measure gets
// worse, sums of 1–1000, known caps once each in the order of their numbers, and descending class bounds.
func CheckModel(m *types.Model) error {
	if types.CheckSourceID(m.Id) != nil && types.CheckRecordID(m.Id) != nil {
		return fmt.Errorf("model id %q: a name, or <signer>/<name>", m.Id)
	}
	seen := map[types.Segment]bool{}
	for i, s := range m.Scorecards {
		if (s.Segment != types.Segment_PAYER && s.Segment != types.Segment_SELLER) || seen[s.Segment] {
			return fmt.Errorf("scorecard %d: segment %s unknown or repeated", i, s.Segment)
		}
		seen[s.Segment] = true
		if err := checkScorecard(s); err != nil {
			return fmt.Errorf("scorecard %s: %w", s.Segment, err)
		}
	}
	if len(seen) != 2 {
		return fmt.Errorf("model has %d scorecards, wants one for payers and one for sellers", len(seen))
	}
	return checkLimits(m)
}

func checkScorecard(s *types.Scorecard) error {
	ids, measures := map[string]bool{}, map[types.Measure]bool{}
	total := int64(0)
	for i, c := range s.Characteristics {
		if types.CheckSourceID(c.Id) != nil || len(c.Id) > 16 || strings.HasPrefix(c.Id, "CAP_") || ids[c.Id] {
			return fmt.Errorf("characteristic %d: id %.20q is no name of 1–16 characters, reserved or repeated", i, c.Id)
		}
		better, known := higherIsBetter[c.Measure]
		if !known || measures[c.Measure] {
			return fmt.Errorf("%s: measure %s unknown or repeated", c.Id, c.Measure)
		}
		if c.AtLeast != better {
			return fmt.Errorf("%s: at_least = %t is the wrong direction for %s", c.Id, c.AtLeast, c.Measure)
		}
		ids[c.Id], measures[c.Measure] = true, true
		if err := checkBins(c); err != nil {
			return fmt.Errorf("%s: %w", c.Id, err)
		}
		total += int64(c.Bins[0].Points)
	}
	if total == 0 || total > MaxScore {
		return fmt.Errorf("points add up to %d, wants 1–%d", total, MaxScore)
	}
	return nil
}

func checkBins(c *types.Characteristic) error {
	if len(c.Bins) == 0 || len(c.Bins) > 32 {
		return fmt.Errorf("%d bins, wants 1–32", len(c.Bins))
	}
	for i, b := range c.Bins {
		if b.Points < 0 || b.Points > MaxScore {
			return fmt.Errorf("bin %d: %d points, wants 0–%d", i, b.Points, MaxScore)
		}
		if i == 0 {
			continue
		}
		before := c.Bins[i-1]
		if c.AtLeast && b.Bound >= before.Bound || !c.AtLeast && b.Bound <= before.Bound {
			return fmt.Errorf("bin %d: bound %d after %d leaves a gap or overlaps", i, b.Bound, before.Bound)
		}
		if b.Points > before.Points {
			return fmt.Errorf("bin %d: %d points after %d are not monotone", i, b.Points, before.Points)
		}
	}
	if last := c.Bins[len(c.Bins)-1]; c.Rest < 0 || c.Rest > last.Points {
		return fmt.Errorf("rest of %d points, wants 0–%d", c.Rest, last.Points)
	}
	if c.NaPoints < 0 || c.NaPoints > c.Bins[0].Points {
		return fmt.Errorf("%d points where not applicable, wants 0–%d", c.NaPoints, c.Bins[0].Points)
	}
	return nil
}

func checkLimits(m *types.Model) error {
	last := types.Cap_CAP_NONE
	for _, c := range m.Caps {
		if _, known := types.Cap_name[int32(c.Cap)]; !known || c.Cap <= last {
			return fmt.Errorf("cap %s unknown, repeated or out of order", c.Cap)
		}
		last = c.Cap
		if c.Score < 1 || c.Score >= MaxScore {
			return fmt.Errorf("cap %s: score %d, wants 1–%d", c.Cap, c.Score, MaxScore-1)
		}
	}
	n := m.Minimums
	if n == nil || n.Experiences < 1 || n.Counterparties < 1 || n.Days < 1 || n.Members < 1 {
		return fmt.Errorf("minimums must be given, each at least 1")
	}
	if len(m.ClassBounds) != 4 {
		return fmt.Errorf("%d class bounds, wants 4", len(m.ClassBounds))
	}
	upper := int32(MaxScore + 1)
	for _, b := range m.ClassBounds {
		if b < 1 || b >= upper {
			return fmt.Errorf("class bounds %v must fall from at most %d to at least 1", m.ClassBounds, MaxScore)
		}
		upper = b
	}
	return nil
}
