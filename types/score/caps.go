package score

import (
	"slices"

	"tradecredit/types"
)

// adverseYears is how long an adverse record weighs after it ended. The Regulation on the Administration of the Credit
// Reporting Industry (征信业管理条例, art. 16) says so of the adverse information of individuals; the ledger keeps
// enterprises to the same term. What has not ended does not leave.
const adverseYears = 5

// capRecords is how many records a reason names.
const capRecords = 4

// CapOf is the cap that adverse records of a kind bring with them, CAP_NONE when they bring none: those are shown, and
// weigh nothing.
func CapOf(kind types.AdverseKind) types.Cap {
	switch kind {
	case types.AdverseKind_FORGERY_CONFIRMED:
		return types.Cap_CAP_FORGERY
	case types.AdverseKind_INSOLVENCY_OPENED:
		return types.Cap_CAP_INSOLVENCY
	case types.AdverseKind_DUPLICATE_FINANCING_CONFIRMED:
		return types.Cap_CAP_DUPLICATE
	case types.AdverseKind_CUSTOMS_DISCREDITED, types.AdverseKind_TAX_MAJOR_VIOLATION, types.AdverseKind_JUDGMENT_DEFAULTER:
		return types.Cap_CAP_DISHONESTY
	}
	return types.Cap_CAP_NONE
}

// Left tells whether a mark weighs no more on a day, nor ever after: five years to the day after its end, and a confirmed
// attempt at duplicate financing once the month of its day lies 24 months back.
func Left(m *types.AdverseMark, day int32) bool {
	if m.EndDay != 0 && day >= types.AddYears(m.EndDay, adverseYears) {
		return true
	}
	return m.Kind == types.AdverseKind_DUPLICATE_FINANCING_CONFIRMED &&
		types.MonthOf(day)-types.MonthOf(m.Day) >= WindowMonths
}

// held is a cap that holds, and the state keys of the adverse records that it rests on, ascending.
type held struct {
	cap     types.Cap
	records []string
}

// caps lists the caps that hold.
func (f *facts) caps(rows *Rows) []held {
	var caps []held
	for _, m := range rows.Marks.Marks {
		c := CapOf(m.Kind)
		if c == types.Cap_CAP_NONE || Left(m, f.day) {
			continue
		}
		i := slices.IndexFunc(caps, func(h held) bool { return h.cap == c })
		if i < 0 {
			i, caps = len(caps), append(caps, held{cap: c})
		}
		caps[i].records = append(caps[i].records, string(types.AdverseKey(m.Record)))
	}
	if f.outstanding > 0 && ratio(f.beyond90, f.outstanding) >= openBeyondBP {
		caps = append(caps, held{cap: types.Cap_CAP_OPEN_90})
	}
	return caps
}

func holds(caps []held, c types.Cap) bool {
	return slices.ContainsFunc(caps, func(h held) bool { return h.cap == c })
}

// recordsOf names the first records of a cap; nil where only sums speak, as for open parts.
func recordsOf(caps []held, c types.Cap) []string {
	for _, h := range caps {
		if h.cap == c {
			return h.records[:min(len(h.records), capRecords)]
		}
	}
	return nil
}
