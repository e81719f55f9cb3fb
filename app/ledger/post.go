package ledger

import (
	"tradecredit/app/state"
	"tradecredit/types"
)

// post appends a row to the subject's entry log and folds it into the sums that scores read. It returns the row's
// number, from 0. The height is set here; everything else the caller states, and the fold reads nothing but the entry:
// the sums are a function of the log.
//
// It writes subject/<id>, month/<id>/<month> for up to four months, and for orders and parts the pair and, when an
// amount's bit length changes, its places in the rankings. Sums that would become negative, and rows that contradict
// the entry, are refused with inconsistent_state, sums that would not fit with overflow; nothing may be kept of w then.
//
// What an entry must say:
//
//   - A reversal or exclusion repeats day, due day, amount, dbt, p, member, late and evidence of the entry it takes back
//     and names it in reverses; counted says whether the part counts at that moment. month_was and month_now are those of
//     the reversal itself: where the experience counted before it, and where it counts after it. A payment that fell
//     counts no more, and its reversal says SELF_DECLARED.
//   - last means that this entry settles the receivable, or reopens a settled one, whichever part it was that settled it;
//     on_time is then that of the settlement, in time or not, that the entry makes or undoes.
//   - first means that this entry flips the mark "open without a live counted part" of the obligation: a counted part or
//     the last payment takes it away, a reversal or exclusion brings it back. So an exclusion from a settled obligation
//     has first = false.
//   - OBLIGATION_REVERSED and CLAIM_REVERSED repeat day, due day, member, late and evidence of what they take back, with
//     the amount that is open then; the obligation bears the mark above at that moment. open is false when everything was
//     settled; on_time then says whether the claim was collected in time.
//   - claim_was and claim_now say how the claim stood and stands where the entry cannot tell by itself: for CREDIT_NOTE and
//     GIVEN_UP, and for obligations and claims of a paper that was split, whose items are the paper's and not each end's, or
//     of a claim that was closed without a payment. first then is the mark of an obligation, as for a part.
//   - CREDITED closes what was open and is no part; WRITTEN_OFF is a part, and neither an event nor money. A CREDIT_NOTE that
//     counts weighs against the seller in month_was, the month of issue; its on_time is that of the block, not of its day.
//   - RECEIVABLE_ISSUED_REVERSED repeats the RECEIVABLE_ISSUED that it names, with the amount that is void, and last once
//     nothing is left of the receivable. RECEIVABLE_REJECTED counts in the seller's log only, in month_was.
//   - EVIDENCE_LOST, CUSTOMS_EXCLUDED, EVENT_EXCLUDED and VERDICT_EXCLUDED repeat the entry that they name in reverses; an
//     OBLIGATION_REVERSED of an obligation that lost its evidence says SELF_DECLARED, and so does the CLAIM_REVERSED beside it.
//   - DELIVERED has open = true only for an order whose ORDER_SOLD was counted and is open; then a day beyond the promised one
//     is late whoever signed it, and however late it was reported: the promise had been broken before.
//   - ORDER_SOLD_REVERSED repeats the counted ORDER_SOLD that it names, with open = true while its promise is; ORDER_CANCELLED
//     that counts, in the seller's log, says that the promise stays broken.
//   - RETURN counts in the seller's log only, at its fault; RETURN_EXCLUDED repeats it. Neither is an event.
//   - member is empty when an enterprise signed for itself; it then makes no row among the reporting members.
func post(w state.Writer, height int64, subject string, e types.Entry) (uint64, error) {
	e.Height = height
	row, err := e.Marshal()
	if err != nil {
		return 0, err
	}
	head, err := state.Get(w, types.SubjectKey(subject))
	if err != nil {
		return 0, err
	}
	if head == nil {
		head = &types.SubjectHead{}
	}
	n := head.Entries
	f := fold{w: w, subject: subject, head: head, entry: &e, number: n}
	if err := f.apply(); err != nil {
		return 0, err
	}
	next, err := types.Frontier(head.Frontier).Append(n, types.LogLeafHash(row))
	if err != nil {
		return 0, types.Refuse(types.Code_inconsistent_state, "log of %s: %v", subject, err)
	}
	head.Entries, head.Frontier = n+1, next
	if head.Root, err = next.Root(n + 1); err != nil {
		return 0, err
	}
	w.Append(types.EntryLog(subject), n, row)
	return n, state.Set(w, types.SubjectKey(subject), head)
}

// apply folds the entry into the sums and writes them.
func (f *fold) apply() error {
	if !f.goods() {
		f.money()
	}
	return f.write()
}

// goods folds entries about orders, goods, papers and authorities; false for others.
func (f *fold) goods() bool {
	switch f.entry.Kind {
	case types.EntryKind_ENTRY_ORDER_BOUGHT, types.EntryKind_ENTRY_ORDER_CONFIRMED, types.EntryKind_ENTRY_MOVEMENT,
		types.EntryKind_ENTRY_RECEIVED, types.EntryKind_ENTRY_DELIVERY_ACCEPTED, types.EntryKind_ENTRY_PROGRESS_CONFIRMED,
		types.EntryKind_ENTRY_CUSTOMS,
		types.EntryKind_ENTRY_TAX, types.EntryKind_ENTRY_FX:
		if f.entry.Counted {
			f.event(+1)
		}
	case types.EntryKind_ENTRY_ORDER_SOLD:
		f.orderSold(+1)
	case types.EntryKind_ENTRY_ORDER_SOLD_REVERSED:
		f.orderSold(-1)
	case types.EntryKind_ENTRY_ORDER_CANCELLED:
		f.orderCancelled(+1)
	case types.EntryKind_ENTRY_RETURN:
		f.returned(+1)
	case types.EntryKind_ENTRY_RETURN_EXCLUDED:
		f.returned(-1)
	case types.EntryKind_ENTRY_DELIVERED:
		f.delivered(+1)
	case types.EntryKind_ENTRY_VERDICT:
		f.verdict(+1)
	case types.EntryKind_ENTRY_VERDICT_EXCLUDED:
		f.verdict(-1)
	case types.EntryKind_ENTRY_CUSTOMS_EXCLUDED:
		if f.entry.Counted {
			f.event(-1)
		}
	case types.EntryKind_ENTRY_EVENT_EXCLUDED:
		f.excluded()
	case types.EntryKind_ENTRY_EVIDENCE_LOST:
		f.evidenceLost()
	default:
		return false
	}
	return true
}

// money folds entries about receivables and payments.
func (f *fold) money() {
	switch f.entry.Kind {
	case types.EntryKind_ENTRY_RECEIVABLE_ISSUED:
		f.receivableIssued()
	case types.EntryKind_ENTRY_RECEIVABLE_ISSUED_REVERSED:
		f.receivableVoid()
	case types.EntryKind_ENTRY_RECEIVABLE_REJECTED:
		f.receivableRejected()
	case types.EntryKind_ENTRY_LEGS:
		f.legs(+1)
	case types.EntryKind_ENTRY_LEGS_LOST:
		f.legs(-1)
	case types.EntryKind_ENTRY_OBLIGATION:
		f.obligation(+1)
	case types.EntryKind_ENTRY_OBLIGATION_REVERSED, types.EntryKind_ENTRY_OBLIGATION_EXCLUDED:
		f.obligation(-1)
	case types.EntryKind_ENTRY_CLAIM:
		f.claim(+1)
	case types.EntryKind_ENTRY_CLAIM_REVERSED, types.EntryKind_ENTRY_CLAIM_EXCLUDED:
		f.claim(-1)
	case types.EntryKind_ENTRY_PAID:
		f.paid(+1, f.entry.Open, f.entry.Counted)
	case types.EntryKind_ENTRY_PAID_REVERSED:
		f.paid(-1, f.entry.Open, f.entry.Counted)
	case types.EntryKind_ENTRY_PAID_EXCLUDED:
		f.paid(-1, false, true)
	case types.EntryKind_ENTRY_CREDITED:
		f.paid(+1, f.entry.Open, false)
	case types.EntryKind_ENTRY_CREDIT_NOTE, types.EntryKind_ENTRY_GIVEN_UP:
		f.cut()
	case types.EntryKind_ENTRY_WRITTEN_OFF:
		f.paid(+1, f.entry.Open, f.entry.Counted)
	case types.EntryKind_ENTRY_WRITTEN_OFF_EXCLUDED:
		f.paid(-1, false, true)
	case types.EntryKind_ENTRY_COLLECTED:
		f.collected(+1, f.entry.Open, f.entry.Counted)
	case types.EntryKind_ENTRY_COLLECTED_REVERSED:
		f.collected(-1, f.entry.Open, f.entry.Counted)
	case types.EntryKind_ENTRY_COLLECTED_EXCLUDED:
		f.collected(-1, false, true)
	}
}

// event counts the entry itself, or with sign −1 takes it back. The earliest day of the head stays.
func (f *fold) event(sign int64) {
	e := f.entry
	if sign > 0 && (f.head.FirstDay == 0 || e.Day < f.head.FirstDay) {
		f.head.FirstDay = e.Day
	}
	m := f.month(types.MonthOf(e.Day))
	f.add(&m.Events, sign)
	if e.Late {
		f.add(&m.LateEvents, sign)
	}
	if e.Evidence > types.Evidence_SELF_DECLARED {
		f.add(&m.AboveSelf, sign)
	}
	if e.Member == "" {
		return
	}
	weight := int64(0)
	if vouches(e.Kind) || vouches(e.Excludes) {
		weight = sign * e.BaseMinor
	}
	f.addMember(m, sign, weight)
}

// vouches tells whether a member vouches for the money of such an entry.
func vouches(k types.EntryKind) bool {
	switch k {
	case types.EntryKind_ENTRY_PAID, types.EntryKind_ENTRY_PAID_REVERSED, types.EntryKind_ENTRY_PAID_EXCLUDED,
		types.EntryKind_ENTRY_COLLECTED, types.EntryKind_ENTRY_COLLECTED_REVERSED,
		types.EntryKind_ENTRY_COLLECTED_EXCLUDED, types.EntryKind_ENTRY_DELIVERED:
		return true
	}
	return false
}

// orderSold opens the promise and weighs the order between the two parties, or with sign −1 takes both back.
func (f *fold) orderSold(sign int64) {
	e := f.entry
	if !e.Counted {
		return
	}
	f.event(sign)
	if e.Open {
		m := f.month(types.MonthOf(e.DueDay))
		f.addDay(&m.Promised, e.DueDay, types.OpenDay{Items: sign})
	}
	f.order(sign)
}

// orderCancelled keeps a promise broken whose day had passed before the order was cancelled, or with sign −1 forgives it.
func (f *fold) orderCancelled(sign int64) {
	if f.entry.Counted {
		f.add(&f.month(types.MonthOf(f.entry.DueDay)).DeliveredLate, sign)
	}
}

// delivered closes the promise; only a delivery that an independent member signed is a fulfilled sale, and kept in time.
// A promise that was broken is late whoever signed. With sign −1 all that is taken back, but the promise stays closed.
func (f *fold) delivered(sign int64) {
	e := f.entry
	due := f.month(types.MonthOf(e.DueDay))
	sold := e.Counted && e.Independent
	if e.Open && sign > 0 {
		f.addDay(&due.Promised, e.DueDay, types.OpenDay{Items: -1})
	}
	switch {
	case !e.OnTime && (e.Open || sold):
		f.add(&due.DeliveredLate, sign)
	case sold:
		f.add(&due.DeliveredOnTime, sign)
	}
	if e.Counted {
		f.event(sign)
	}
	if sold {
		f.add(&f.month(types.MonthOf(e.Day)).Fulfilled, sign)
	}
}

// returned weighs what came back at the seller's fault, or with sign −1 takes it back.
func (f *fold) returned(sign int64) {
	if f.entry.Counted {
		f.add(&f.month(types.MonthOf(f.entry.Day)).CreditedMinor, sign*f.entry.BaseMinor)
	}
}

// verdict counts a verdict, or with sign −1 takes it back.
func (f *fold) verdict(sign int64) {
	if !f.entry.Counted {
		return
	}
	f.event(sign)
	m := f.month(types.MonthOf(f.entry.Day))
	f.add(&m.Verdicts, sign)
	if f.entry.Adverse {
		f.add(&m.AdverseVerdicts, sign)
	}
}

// evidenceLost lets an event that counts on count as SELF_DECLARED. An independent delivery is nobody's any more: it
// stays delivered, and is no fulfilled sale; a promise that it broke stays broken.
func (f *fold) evidenceLost() {
	e := f.entry
	if !e.Counted || e.Evidence <= types.Evidence_SELF_DECLARED {
		return
	}
	m := f.month(types.MonthOf(e.Day))
	f.add(&m.AboveSelf, -1)
	if !e.Independent {
		return
	}
	f.add(&m.Fulfilled, -1)
	switch due := f.month(types.MonthOf(e.DueDay)); {
	case e.OnTime:
		f.add(&due.DeliveredOnTime, -1)
	case !e.Open:
		f.add(&due.DeliveredLate, -1)
	}
}
