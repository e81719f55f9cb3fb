package score

import "tradecredit/types"

// Index is the Trade Payment Index of the rows on day D, 0–100: how promptly the subject pays, weighted by amount, recent
// months twice, with the largest counterparty cut to the weight of all others. applicable is false when there is nothing
// to weigh, as with a lone counterparty; the index is 0 then and means nothing. Rows that contradict each other are
// refused with inconsistent_state.
func Index(rows *Rows, day int32) (index int32, applicable bool, err error) {
	f, err := gather(rows, day)
	if err != nil {
		return 0, false, err
	}
	return f.index(rows)
}

func (f *facts) index(rows *Rows) (int32, bool, error) {
	weight, points, err := f.cut(rows)
	if err != nil {
		return 0, false, err
	}
	f.addTimes(&weight, f.pastDue, 2)
	f.addWide(&points, f.pastDuePoints.Hi, f.pastDuePoints.Lo, 2)
	if weight.IsZero() {
		return 0, false, nil
	}
	half, _ := weight.Div(2)
	f.addWide(&points, half.Hi, half.Lo, 1)
	index, err := points.DivFloor(weight)
	if err != nil || f.broken || index.Hi != 0 || index.Lo > 100 {
		return 0, false, types.Refuse(types.Code_inconsistent_state, "subject %s: points exceed weight", rows.Subject)
	}
	return int32(index.Lo), true, nil
}

// cut is weight and points of the closed parts after the counterparty that outweighs all others, if there is one among
// those ranked, was cut to their weight.
func (f *facts) cut(rows *Rows) (weight, points types.Uint128, err error) {
	var topWeight, topPoints types.Uint128
	for _, id := range rows.Paid {
		if w, p := f.paidTo(rows, id); w.Cmp(topWeight) > 0 {
			topWeight, topPoints = w, p
		}
	}
	limit, err := f.weight.Sub(topWeight) // the weight of all others
	rest, err2 := f.points.Sub(topPoints)
	if err != nil || err2 != nil || f.broken {
		return weight, points, types.Refuse(types.Code_inconsistent_state, "subject %s: a pair exceeds the months", rows.Subject)
	}
	if topWeight.Cmp(limit) <= 0 {
		return f.weight, f.points, nil
	}
	kept, err := topPoints.MulDiv(limit, topWeight)
	if err != nil {
		return weight, points, err
	}
	f.addWide(&weight, limit.Hi, limit.Lo, 2)
	f.addWide(&rest, kept.Hi, kept.Lo, 1)
	return weight, rest, nil
}

// paidTo is the weight and the points of the parts that the subject paid one counterparty in the window.
func (f *facts) paidTo(rows *Rows, id string) (weight, points types.Uint128) {
	p := rows.pair(id)
	if p == nil {
		return weight, points
	}
	for _, m := range p.Months {
		back := f.month - m.Month
		if back < 0 || back >= WindowMonths {
			continue
		}
		r := windowWeight(back)
		if rows.Subject < id { // the smaller id is side a
			f.addTimes(&weight, m.ClosedAb, r)
			f.addWide(&points, m.ApAbHi, m.ApAbLo, r)
		} else {
			f.addTimes(&weight, m.ClosedBa, r)
			f.addWide(&points, m.ApBaHi, m.ApBaLo, r)
		}
	}
	return weight, points
}
