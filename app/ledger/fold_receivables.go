package ledger

import "tradecredit/types"

// How rows about receivables move the sums; see post.go.

func (f *fold) receivableIssued() {
	if !f.entry.Counted {
		return
	}
	f.event(+1)
	m := f.month(types.MonthOf(f.entry.Day))
	f.add(&m.Receivables, 1)
	f.add(&m.InvoicedMinor, f.entry.BaseMinor)
}

// receivableVoid takes back what was issued: its amount, and with the last of it the receivable itself.
func (f *fold) receivableVoid() {
	e := f.entry
	if !e.Counted {
		return
	}
	m := f.month(types.MonthOf(e.Day))
	f.add(&m.InvoicedMinor, -e.BaseMinor)
	if e.Last {
		f.event(-1)
		f.add(&m.Receivables, -1)
	}
}

// receivableRejected takes its amount from what was invoiced in the month of issue; the receivable stays counted.
func (f *fold) receivableRejected() {
	if e := f.entry; e.Counted {
		f.add(&f.month(e.MonthWas).InvoicedMinor, -e.BaseMinor)
	}
}

// legs moves a receivable into or out of those with four evidence legs, in its month of issue.
func (f *fold) legs(sign int64) {
	if f.entry.Counted {
		f.add(&f.month(f.entry.MonthWas).ReceivablesLegs, sign)
	}
}

// shared tells whether the entry says itself how the claim stood and stands: its items are those of a whole paper.
func (f *fold) shared() bool { return f.entry.ClaimWas != claimNone || f.entry.ClaimNow != claimNone }

// came is what the number of claims that stand so changes by.
func (f *fold) came(claim uint32) int64 {
	return number(f.entry.ClaimNow == claim) - number(f.entry.ClaimWas == claim)
}

// obligation opens what the subject owes, or with sign −1 takes it back with what is open then.
func (f *fold) obligation(sign int64) {
	e := f.entry
	if e.Counted {
		f.event(sign)
	}
	change := types.OpenDay{Items: sign, Untouched: sign}
	if f.shared() {
		change = types.OpenDay{Items: f.came(claimOpen), Untouched: sign * number(e.First)}
	} else if !e.Open {
		return
	}
	if e.Open {
		change.Minor = sign * e.BaseMinor
	}
	f.addDay(&f.month(types.MonthOf(e.DueDay)).Open, e.DueDay, change)
	f.add(&f.head.OpenMinor, change.Minor)
	f.add(&f.head.OpenObligations, change.Items)
}

// claim opens what the subject has to collect, or with sign −1 takes it back with what is open then, or as collected if
// nothing is.
func (f *fold) claim(sign int64) {
	e := f.entry
	switch m := f.month(types.MonthOf(e.DueDay)); {
	case f.shared():
		f.claimed(sign * e.BaseMinor)
	case e.Open:
		f.addDay(&m.ToCollect, e.DueDay, types.OpenDay{Minor: sign * e.BaseMinor, Items: sign})
	case sign < 0 && e.OnTime:
		f.add(&m.CollectedInTime, -1)
	case sign < 0:
		f.add(&m.CollectedLate, -1)
	}
}

// claimed changes what is to collect by an amount, if the entry moves the open part, and the claim from where it stood to
// where it stands.
func (f *fold) claimed(minor int64) {
	e := f.entry
	m := f.month(types.MonthOf(e.DueDay))
	if !e.Open {
		minor = 0
	}
	f.addDay(&m.ToCollect, e.DueDay, types.OpenDay{Minor: minor, Items: f.came(claimOpen)})
	f.add(&m.CollectedInTime, f.came(claimInTime))
	f.add(&m.CollectedLate, f.came(claimLate))
}

// cut makes less of what is to collect without a payment; a credit note that counts weighs against the seller in the month
// of issue.
func (f *fold) cut() {
	e := f.entry
	if e.Open {
		f.claimed(-e.BaseMinor)
	}
	if e.Counted {
		f.add(&f.month(e.MonthWas).CreditedMinor, e.BaseMinor)
	}
}

// paid closes a part of an obligation of the subject, or with sign −1 takes it back. A credit note closes what was open and
// is no part; a write-off is a part, and neither an event nor money.
func (f *fold) paid(sign int64, open, counted bool) {
	e := f.entry
	change := types.OpenDay{}
	if open {
		change.Minor = -sign * e.BaseMinor
		f.add(&f.head.OpenMinor, change.Minor)
		if e.Last {
			change.Items = -sign
			f.add(&f.head.OpenObligations, -sign)
		}
	}
	if e.First {
		change.Untouched = -sign
	}
	if change != (types.OpenDay{}) {
		m := f.month(types.MonthOf(e.DueDay))
		f.addDay(&m.Open, e.DueDay, change)
	}
	if !counted {
		return
	}
	if money(e.Kind) {
		f.event(sign)
	}
	m := f.month(types.MonthOf(e.Day))
	f.add(&m.ClosedMinor, sign*e.BaseMinor)
	f.addWide(&m.ClosedApHi, &m.ClosedApLo, sign)
	if len(m.ClosedByDbt) == 0 {
		m.ClosedByDbt = make([]int64, dbtClasses)
	}
	f.add(&m.ClosedByDbt[dbtClass(e.Dbt)], sign*e.BaseMinor)
	if e.MonthWas != e.MonthNow {
		if e.MonthWas != 0 {
			f.add(&f.month(e.MonthWas).Experiences, -1)
		}
		if e.MonthNow != 0 {
			f.add(&f.month(e.MonthNow).Experiences, 1)
		}
	}
	f.part(sign)
}

// money tells whether a part is a payment, and no write-off.
func money(k types.EntryKind) bool {
	return k != types.EntryKind_ENTRY_WRITTEN_OFF && k != types.EntryKind_ENTRY_WRITTEN_OFF_EXCLUDED
}

// collected closes a part of a claim of the subject, or with sign −1 takes it back.
func (f *fold) collected(sign int64, open, counted bool) {
	e := f.entry
	if open {
		m := f.month(types.MonthOf(e.DueDay))
		change := types.OpenDay{Minor: -sign * e.BaseMinor}
		if e.Last {
			change.Items = -sign
			if e.OnTime {
				f.add(&m.CollectedInTime, sign)
			} else {
				f.add(&m.CollectedLate, sign)
			}
		}
		f.addDay(&m.ToCollect, e.DueDay, change)
	}
	if counted {
		f.event(sign)
	}
}
