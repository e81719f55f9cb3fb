package score

import (
	"math/big"

	"tradecredit/types"
)

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
	weight, points := new(big.Int).Set(&f.weight), new(big.Int).Set(&f.points)
	var topWeight, topPoints big.Int
	for _, id := range rows.Paid {
		if w, p := f.paidTo(rows, id); w.Cmp(&topWeight) > 0 {
			topWeight.Set(w)
			topPoints.Set(p)
		}
	}
	limit := new(big.Int).Sub(weight, &topWeight) // the weight of all others
	if limit.Sign() < 0 || points.Cmp(&topPoints) < 0 {
		return 0, false, types.Refuse(types.Code_inconsistent_state, "subject %s: a pair exceeds the months", rows.Subject)
	}
	if topWeight.Cmp(limit) > 0 {
		cut := new(big.Int).Mul(&topPoints, limit)
		cut.Quo(cut, &topWeight)
		points.Sub(points, &topPoints).Add(points, cut)
		weight.Add(limit, limit)
	}
	addTimes(weight, uint64(f.pastDue), 2)
	points.Add(points, &f.pastDuePoints).Add(points, &f.pastDuePoints)
	if weight.Sign() == 0 {
		return 0, false, nil
	}
	points.Add(points, new(big.Int).Rsh(weight, 1))
	index := points.Quo(points, weight)
	if !index.IsInt64() || index.Int64() > 100 {
		return 0, false, types.Refuse(types.Code_inconsistent_state, "subject %s: points exceed weight", rows.Subject)
	}
	return int32(index.Int64()), true, nil
}

// paidTo is the weight and the points of the parts that the subject paid one counterparty in the window.
func (f *facts) paidTo(rows *Rows, id string) (weight, points *big.Int) {
	weight, points = new(big.Int), new(big.Int)
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
			addTimes(weight, uint64(m.ClosedAb), r)
			addWide(points, m.ApAbHi, m.ApAbLo, r)
		} else {
			addTimes(weight, uint64(m.ClosedBa), r)
			addWide(points, m.ApBaHi, m.ApBaLo, r)
		}
	}
	return weight, points
}
