package ledger

import (
	"slices"
	"strings"

	"tradecredit/app/state"
	"tradecredit/types"
	"tradecredit/types/score"
)

// dbtClasses is the number of classes of days beyond terms that a month's parts are split into.
const dbtClasses = score.Classes

func dbtClass(dbt int32) int { return score.DBTClass(dbt) }

// fold is one entry on its way into the sums. Rows are read once and written at the end; the first error stays.
type fold struct {
	w       state.Writer
	subject string
	head    *types.SubjectHead
	entry   *types.Entry
	number  uint64 // of the entry
	months  []monthRow
	err     error
}

type monthRow struct {
	month int32
	sum   *types.MonthSum
}

// month returns a month's sums to change; an empty row is written only if it is not empty in the end.
func (f *fold) month(month int32) *types.MonthSum {
	for _, m := range f.months {
		if m.month == month {
			return m.sum
		}
	}
	sum, err := state.Get(f.w, types.MonthKey(f.subject, month))
	if err != nil {
		f.fail(err)
	}
	if sum == nil {
		sum = &types.MonthSum{}
	}
	f.months = append(f.months, monthRow{month, sum})
	return sum
}

// write puts the changed months back; what has become all zero is deleted.
func (f *fold) write() error {
	for _, m := range f.months {
		if f.err != nil {
			return f.err
		}
		if !slices.ContainsFunc(m.sum.ClosedByDbt, func(v int64) bool { return v != 0 }) {
			m.sum.ClosedByDbt = nil
		}
		key := types.MonthKey(f.subject, m.month)
		if m.sum.Size() == 0 {
			f.w.Delete(string(key))
		} else if err := state.Set(f.w, key, m.sum); err != nil {
			f.fail(err)
		}
	}
	return f.err
}

func (f *fold) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

func (f *fold) inconsistent(what string) {
	f.fail(types.Refuse(types.Code_inconsistent_state, "entry %d of %s, %s: %s", f.number, f.subject, f.entry.Kind, what))
}

// add changes a sum, which stays within 0 and the largest int64.
func (f *fold) add(sum *int64, change int64) {
	v, err := types.Add(*sum, change)
	if err != nil {
		f.fail(err)
		return
	}
	if v < 0 {
		f.inconsistent("a sum would become negative")
		return
	}
	*sum = v
}

// addWide changes a 128-bit sum of base amount times points by the entry's.
func (f *fold) addWide(hi, lo *uint64, sign int64) {
	sum := types.Uint128{Hi: *hi, Lo: *lo}
	var err error
	if sign > 0 {
		sum, err = sum.AddMul(f.entry.BaseMinor, int64(f.entry.P))
	} else {
		sum, err = sum.SubMul(f.entry.BaseMinor, int64(f.entry.P))
	}
	if err != nil {
		f.fail(err)
		return
	}
	*hi, *lo = sum.Hi, sum.Lo
}

// addDay changes the row of a day in a list that is ascending by day; a row that is all zero is removed.
func (f *fold) addDay(list *[]*types.OpenDay, day int32, change types.OpenDay) {
	i, ok := slices.BinarySearchFunc(*list, day, func(o *types.OpenDay, day int32) int { return int(o.Day) - int(day) })
	if !ok {
		*list = slices.Insert(*list, i, &types.OpenDay{Day: day})
	}
	o := (*list)[i]
	f.add(&o.Minor, change.Minor)
	f.add(&o.Items, change.Items)
	f.add(&o.Untouched, change.Untouched)
	if o.Minor == 0 && o.Items == 0 && o.Untouched == 0 {
		*list = slices.Delete(*list, i, i+1)
	}
}

// addMember changes what the signing member stands for in a month; a row without events is removed.
func (f *fold) addMember(m *types.MonthSum, events, weight int64) {
	i, ok := slices.BinarySearchFunc(m.Members, f.entry.Member, func(s *types.MemberSum, id string) int {
		return strings.Compare(s.Member, id)
	})
	if !ok {
		m.Members = slices.Insert(m.Members, i, &types.MemberSum{Member: f.entry.Member})
	}
	s := m.Members[i]
	f.add(&s.Events, events)
	f.add(&s.WeightMinor, weight)
	if s.Events == 0 {
		m.Members = slices.Delete(m.Members, i, i+1)
	}
}
