package model

import (
	"bytes"
	"regexp"
	"slices"

	"tradecredit/types"
)

var rulesOfFinancing = map[string]rule{
	"offer_financing":        on((*Model).offerFinancing),
	"withdraw_offer":         on((*Model).withdrawOffer),
	"reserve_financing":      on((*Model).reserveFinancing),
	"confirm_financing":      on((*Model).confirmFinancing),
	"cancel_financing":       on((*Model).cancelFinancing),
	"release_financing":      on((*Model).releaseFinancing),
	"notify_assignment":      on((*Model).notifyAssignment),
	"acknowledge_assignment": on((*Model).acknowledgeAssignment),
	"record_repayment":       on((*Model).recordRepayment),
	"declare_default":        on((*Model).declareDefault),
	"cure_default":           on((*Model).cureDefault),
}

func shapeOfOffer(msg *types.OfferFinancing) types.Code {
	codes := []types.Code{codeOf(types.CheckSourceID(msg.Id)), codeOf(types.CheckMemberID(msg.Lender)), required(msg.Kind),
		when(len(msg.Objects) == 0, types.Code_count_out_of_range), when(len(msg.Objects) > 16, types.Code_list_too_long)}
	last, amounts, objects := "", types.Code_ok, types.Code_ok
	for i, x := range msg.Objects {
		kind := x.Object[:max(0, bytes.IndexByte([]byte(x.Object), '/'))]
		unfit := msg.Kind == types.FinancingKind_FACTORING && kind != "receivable" ||
			msg.Kind == types.FinancingKind_DOCUMENT_PLEDGE && kind != "transferable"
		amounts, objects = refusal(amounts, amount(x.AmountMinor)), refusal(objects, objectOf(x.Object))
		codes = append(codes, when(i > 0 && x.Object <= last, types.Code_list_not_sorted), when(unfit, types.Code_object_not_financeable))
		last = x.Object
	}
	return lowest(append(codes, amounts, objects)...)
}

// lends refuses a lender that is no live bank, or of the owner's group.
func (m *Model) lends(lender, owner string) types.Code {
	x, ok := m.members.get(types.MemberKey(lender))
	bank := x.Status == types.MemberStatus_LIVE && slices.Contains(x.Roles, types.Role_BANK)
	return refusal(unless(ok, types.Code_member_unknown), unless(bank && m.groupOf(lender) != m.groupOf(owner), types.Code_lender_unfit))
}

func (m *Model) offerFinancing(c *call, msg *types.OfferFinancing) types.Code {
	if code := shapeOfOffer(msg); code != types.Code_ok {
		return code
	}
	at := types.OfferKey(c.id(msg.Id))
	if old, ok := m.offers.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.offers.put(at, old) })
	}
	code := m.expiry(msg.UntilDay)
	var objects []collateral
	for _, o := range msg.Objects {
		x, unknown := m.collateralOf(o.Object)
		code = refusal(code, unknown)
		objects = append(objects, x)
	}
	if code != types.Code_ok {
		return code
	}
	owner, currency, sum, base := objects[0].owner, objects[0].currency, int64(0), int64(0)
	code = m.actsFor(c, owner)
	for i, x := range objects {
		minor := msg.Objects[i].AmountMinor
		code = refusal(code, unless(x.owner == owner && x.currency == currency, types.Code_objects_differ), x.unfit,
			when(x.whole && minor != x.amount, types.Code_object_not_financeable), when(minor > x.amount, types.Code_balance_short))
		sum += minor
		if code == types.Code_ok {
			base += x.baseOf(minor)
		}
	}
	if code = refusal(code, amount(sum), m.lends(msg.Lender, owner), m.withinLimit(c, base)); code != types.Code_ok {
		return code
	}
	p := m.provenance(c, m.day)
	m.offers.put(at, types.Offer{Offer: msg, Provenance: p, Status: types.OfferStatus_OFFER_OPEN, Owner: owner, Currency: currency, AmountMinor: sum})
	m.wait(m.afterDay(msg.UntilDay), types.DueKind_DUE_OFFER, c.id(msg.Id))
	e := entryOf(types.EntryKind_ENTRY_OFFER, string(at), p, m.day)
	e.Counterparty, e.DueDay, e.BaseMinor = msg.Lender, msg.UntilDay, base
	m.post(owner, e)
	return types.Code_ok
}

// closeOffer ends an open offer.
func (m *Model) closeOffer(id string, status types.OfferStatus) {
	m.offers.change(types.OfferKey(id), func(o *types.Offer) {
		o.Status = status
		m.waitNoMore(m.afterDay(o.Offer.UntilDay), types.DueKind_DUE_OFFER, id)
	})
}

func (m *Model) withdrawOffer(c *call, msg *types.WithdrawOffer) types.Code {
	if code := codeOf(types.CheckRecordID(msg.Offer)); code != types.Code_ok {
		return code
	}
	o, ok := m.offers.get(types.OfferKey(msg.Offer))
	if !ok {
		return types.Code_offer_unknown
	}
	code := refusal(m.actsFor(c, o.Owner), when(o.Status == types.OfferStatus_OFFER_WITHDRAWN, types.Code_already_recorded),
		unless(o.Status == types.OfferStatus_OFFER_OPEN && m.day <= o.Offer.UntilDay, types.Code_offer_not_open))
	if code != types.Code_ok {
		return code
	}
	m.closeOffer(msg.Offer, types.OfferStatus_OFFER_WITHDRAWN)
	e := entryOf(types.EntryKind_ENTRY_OFFER, string(types.OfferKey(msg.Offer)), m.provenance(c, m.day), m.day)
	e.Counterparty = o.Offer.Lender
	m.post(o.Owner, e)
	return types.Code_ok
}

var registryNumber = regexp.MustCompile(`^[A-Za-z0-9._-]{0,64}$`)

func (m *Model) reserveFinancing(c *call, msg *types.ReserveFinancing) types.Code {
	code := lowest(codeOf(types.CheckSourceID(msg.Id)), codeOf(types.CheckRecordID(msg.Offer)),
		unless(registryNumber.MatchString(msg.RegistryNumber), types.Code_text_malformed))
	if code != types.Code_ok {
		return code
	}
	id := c.id(msg.Id)
	at := types.FinancingKey(id)
	if old, ok := m.financings.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.financings.put(at, old) })
	}
	o, ok := m.offers.get(types.OfferKey(msg.Offer))
	if !ok {
		return types.Code_offer_unknown
	}
	code = refusal(unless(o.Offer.Lender == c.signer, types.Code_offer_other_lender),
		unless(o.Status == types.OfferStatus_OFFER_OPEN && o.Offer.UntilDay >= m.day, types.Code_offer_not_open), m.lends(c.signer, o.Owner))
	if code != types.Code_ok {
		return code
	}
	p := m.provenance(c, m.day)
	f := types.Financing{Id: id, Offer: msg.Offer, Kind: o.Offer.Kind, Borrower: o.Owner, Lender: c.signer, Objects: o.Offer.Objects,
		Currency: o.Currency, ReservedMinor: o.AmountMinor, Status: types.FinancingStatus_RESERVED, Provenance: p,
		LapsesUnix: m.unix + 10*86400, RegistryNumber: msg.RegistryNumber, ReservedHeight: m.height}
	m.closeOffer(msg.Offer, types.OfferStatus_OFFER_CONSUMED)
	m.offers.change(types.OfferKey(msg.Offer), func(o *types.Offer) { o.Financing = id })
	papers := map[string]bool{}
	for _, object := range f.Objects {
		x, unknown := m.collateralOf(object.Object)
		rejected := x.unfit == types.Code_object_rejected
		code = refusal(unknown, when(x.unfit != types.Code_ok && !rejected, x.unfit), unless(x.owner == o.Owner, types.Code_object_not_owned),
			when(rejected, x.unfit), when(x.dispute != "", types.Code_object_disputed))
		if code == types.Code_ok && !papers[x.paper] {
			papers[x.paper] = true
			code = m.imprint(&x, &f)
		}
		if code == types.Code_ok {
			code = m.encumber(&x, types.Lien{Financing: id, Lender: c.signer, Object: x.object, AmountMinor: object.AmountMinor,
				Height: m.height, RegistryNumber: msg.RegistryNumber, Reserved: true})
		}
		if code != types.Code_ok {
			return code
		}
	}
	m.financings.put(at, f)
	m.wait(f.LapsesUnix, types.DueKind_DUE_RESERVATION, id)
	e := m.entryOfFinancing(&f, types.EntryKind_ENTRY_RESERVED, p, m.day)
	e.DueDay = types.DayOf(f.LapsesUnix, m.offset)
	m.post(f.Borrower, e)
	return types.Code_ok
}

func (m *Model) entryOfFinancing(f *types.Financing, kind types.EntryKind, p *types.Provenance, day int32) types.Entry {
	e := types.Entry{Kind: kind, Record: string(types.FinancingKey(f.Id)), Day: day}
	if p != nil {
		e = entryOf(kind, string(types.FinancingKey(f.Id)), p, day)
	}
	e.Counterparty, e.DueDay = f.Lender, f.DueDay
	return e
}

// ownFinancing reads a financing of which the signer is the lender.
func (m *Model) ownFinancing(c *call, id string) (types.Financing, types.Code) {
	f, ok := m.financings.get(types.FinancingKey(id))
	return f, refusal(unless(ok, types.Code_financing_unknown), unless(f.Lender == c.signer, types.Code_financing_of_another))
}

// said tells whether the signer said so before, in the same words.
func said(c *call, p *types.Provenance) bool {
	return p != nil && p.Signer == c.signer && bytes.Equal(p.Content, c.content)
}

// owed is what is open of a financing.
func owed(f *types.Financing) int64 { return f.AdvanceMinor - f.RepaidMinor }

func (m *Model) confirmFinancing(c *call, msg *types.ConfirmFinancing) types.Code {
	code := lowest(codeOf(types.CheckRecordID(msg.Financing)), unless(registryNumber.MatchString(msg.RegistryNumber), types.Code_text_malformed),
		amount(msg.AdvanceMinor), notTooEarly(msg.Day), when(msg.RegisteredDay != 0, notTooEarly(msg.RegisteredDay)),
		when(msg.DueDay < msg.Day, types.Code_due_before_issue), when(int64(msg.DueDay) > int64(msg.Day)+720, types.Code_due_too_late))
	if code = refusal(code, m.eventDay(msg.Day), m.eventDay(msg.RegisteredDay)); code != types.Code_ok {
		return code
	}
	f, code := m.ownFinancing(c, msg.Financing)
	if code == types.Code_ok && said(c, f.Confirmed) {
		return m.repeated(c, &f.Confirmed, func() { m.financings.put(types.FinancingKey(f.Id), f) })
	}
	number := f.RegistryNumber
	if msg.RegistryNumber != "" {
		number = msg.RegistryNumber
	}
	reserved := types.DayOf(f.LapsesUnix, m.offset) - 10
	base, unfixed := int64(0), types.Code_ok
	if code == types.Code_ok {
		base, unfixed = m.base(msg.AdvanceMinor, f.Currency, msg.Day)
	}
	code = refusal(code, unless(f.Status == types.FinancingStatus_RESERVED && m.unix < f.LapsesUnix && msg.Day >= reserved-1, types.Code_financing_state_forbids),
		when(msg.AdvanceMinor > f.ReservedMinor, types.Code_advance_exceeds_reserved),
		when(msg.RegisteredDay != 0 && number == "", types.Code_text_malformed), unfixed)
	if code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.Day)
	f.AdvanceMinor, f.BaseMinor, f.FinancedDay, f.DueDay, f.Status = msg.AdvanceMinor, base, msg.Day, msg.DueDay, types.FinancingStatus_FINANCED
	f.RegistryNumber, f.RegisteredDay, f.Confirmed = number, msg.RegisteredDay, p
	if code = m.shrink(&f); code != types.Code_ok {
		return code
	}
	m.waitNoMore(f.LapsesUnix, types.DueKind_DUE_RESERVATION, f.Id)
	e := m.entryOfFinancing(&f, types.EntryKind_ENTRY_OBLIGATION, p, msg.Day)
	f.Experience = p.Counted && m.groupOf(f.Lender) != m.groupOf(f.Borrower)
	e.BaseMinor, e.Counted, e.Open = base, f.Experience, f.Experience
	entry := m.post(f.Borrower, e)
	if f.Experience {
		f.ObligationEntry = entry
	}
	m.financings.put(types.FinancingKey(f.Id), f)
	return types.Code_ok
}

// shrink cuts the liens of a financing to what was advanced, if what they lie on still carries that.
func (m *Model) shrink(f *types.Financing) types.Code {
	sum, given := int64(0), int64(0)
	objects := slices.Clone(f.Objects)
	for i, o := range objects {
		sum += o.AmountMinor
		part := share(f.AdvanceMinor, sum, f.ReservedMinor) - given
		given += part
		x, _ := m.collateralOf(o.Object)
		if x.whole {
			part = o.AmountMinor
		}
		objects[i] = &types.OfferedObject{Object: o.Object, AmountMinor: part}
		m.changeLiens(&x, f.Id, func(l *types.Lien, trade bool) {
			l.AmountMinor, l.Reserved = part, false
			if trade {
				l.BaseMinor = m.tradeBaseOf(&x, part)
			} else {
				l.BaseMinor, l.RegistryNumber, l.RegisteredDay = x.baseOf(part), f.RegistryNumber, f.RegisteredDay
			}
		})
		code := refusal(when(x.dispute != "", types.Code_object_disputed), m.covered(&x, m.liens(x.object)))
		if code != types.Code_ok {
			return code
		}
	}
	f.Objects = objects
	return types.Code_ok
}

// unlock frees all objects of a financing, and tells the borrower. act is nil when time or a repayment ended it.
func (m *Model) unlock(f *types.Financing, act *types.Provenance, day int32) {
	papers := map[string]bool{}
	for _, o := range f.Objects {
		x, _ := m.collateralOf(o.Object)
		m.disencumber(&x, f.Id)
		if !papers[x.paper] {
			papers[x.paper] = true
			m.unprint(&x, f.Id)
		}
		if r, ok := m.receivables.get(types.Key[types.Receivable](o.Object)); ok && r.Assignment == f.Id {
			r.Assignee, r.Assignment, r.NotifiedDay, r.AcknowledgedDay = "", "", 0, 0
			m.receivables.put(types.Key[types.Receivable](o.Object), r)
		}
	}
	f.EndedDay = day
	m.post(f.Borrower, m.entryOfFinancing(f, types.EntryKind_ENTRY_FINANCING_ENDED, act, day))
}

// lapseReservation ends a reservation that nobody confirmed.
func (m *Model) lapseReservation(id string) {
	f := m.financings.at(types.FinancingKey(id))
	f.Status = types.FinancingStatus_FINANCING_LAPSED
	m.unlock(&f, nil, m.day)
	m.financings.put(types.FinancingKey(id), f)
}

// endAgain answers the words that ended a financing, said again.
func (m *Model) endAgain(c *call, f *types.Financing) types.Code {
	return m.repeated(c, &f.Ended, func() { m.financings.put(types.FinancingKey(f.Id), *f) })
}

func (m *Model) cancelFinancing(c *call, msg *types.CancelFinancing) types.Code {
	code := codeOf(types.CheckRecordID(msg.Financing))
	f, foreign := m.ownFinancing(c, msg.Financing)
	if code = refusal(code, foreign); code != types.Code_ok {
		return code
	}
	if said(c, f.Ended) {
		return m.endAgain(c, &f)
	}
	if f.Status != types.FinancingStatus_RESERVED {
		return types.Code_financing_state_forbids
	}
	p := m.provenance(c, m.day)
	f.Status, f.Ended, f.Reason = types.FinancingStatus_FINANCING_CANCELLED, p, msg.Reason
	m.waitNoMore(f.LapsesUnix, types.DueKind_DUE_RESERVATION, f.Id)
	m.unlock(&f, p, m.day)
	m.financings.put(types.FinancingKey(f.Id), f)
	return types.Code_ok
}

// repay closes a part of what is owed. It returns the number of its row, and whether it counts.
func (m *Model) repay(f *types.Financing, record string, minor int64, p *types.Provenance, day int32) (entry uint64, x types.Part) {
	x = types.Part{BaseMinor: share(f.BaseMinor, f.RepaidMinor+minor, f.AdvanceMinor) - f.RepaidBaseMinor, Dbt: day - f.DueDay}
	x.P = points(x.Dbt)
	x.Counted = f.Experience && p.Counted && f.Suppressed == 0
	e := m.entryOfFinancing(f, types.EntryKind_ENTRY_PAID, p, day)
	e.Record, e.BaseMinor, e.Dbt, e.P, e.Counted, e.Open = record, x.BaseMinor, x.Dbt, x.P, x.Counted, f.Experience
	entry = m.post(f.Borrower, e) - 1
	if x.Counted {
		f.ClosingMonths = append(slices.Clone(f.ClosingMonths), types.MonthOf(day))
		f.ClosingEntries = append(slices.Clone(f.ClosingEntries), entry)
	}
	f.RepaidMinor, f.RepaidBaseMinor = f.RepaidMinor+minor, f.RepaidBaseMinor+x.BaseMinor
	f.Parts++
	if owed(f) == 0 {
		f.RepaidDay = day
	}
	return entry, x
}

func (m *Model) recordRepayment(c *call, msg *types.RecordRepayment) types.Code {
	code := lowest(codeOf(types.CheckSourceID(msg.Id)), codeOf(types.CheckRecordID(msg.Financing)), amount(msg.AmountMinor), notTooEarly(msg.Day))
	if code = refusal(code, m.eventDay(msg.Day)); code != types.Code_ok {
		return code
	}
	at := types.RepaymentKey(c.id(msg.Id))
	if old, ok := m.repayments.get(at); ok {
		return m.repeated(c, &old.Provenance, func() { m.repayments.put(at, old) })
	}
	f, code := m.ownFinancing(c, msg.Financing)
	code = refusal(code, unless(owed(&f) > 0 && msg.Day >= f.FinancedDay, types.Code_financing_state_forbids),
		when(msg.AmountMinor > owed(&f), types.Code_repayment_exceeds_open), when(f.Parts >= 64, types.Code_too_many_parts))
	if code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.Day)
	entry, x := m.repay(&f, string(at), msg.AmountMinor, p, msg.Day)
	m.repayments.put(at, types.Repayment{Repayment: msg, Provenance: p, BaseMinor: x.BaseMinor, Dbt: x.Dbt, P: x.P, Entry: entry, Counted: x.Counted})
	if owed(&f) == 0 {
		if f.Status == types.FinancingStatus_FINANCED {
			f.Status = types.FinancingStatus_REPAID
		}
		m.unlock(&f, nil, msg.Day)
	}
	m.financings.put(types.FinancingKey(f.Id), f)
	return types.Code_ok
}

func (m *Model) releaseFinancing(c *call, msg *types.ReleaseFinancing) types.Code {
	code := lowest(codeOf(types.CheckRecordID(msg.Financing)), required(msg.Reason), notTooEarly(msg.Day))
	if code = refusal(code, m.eventDay(msg.Day)); code != types.Code_ok {
		return code
	}
	f, code := m.ownFinancing(c, msg.Financing)
	if code == types.Code_ok && said(c, f.Ended) {
		return m.endAgain(c, &f)
	}
	live := f.Status == types.FinancingStatus_FINANCED || f.Status == types.FinancingStatus_DEFAULTED && owed(&f) > 0
	code = refusal(code, unless(live && msg.Day >= f.FinancedDay, types.Code_financing_state_forbids), when(f.Parts >= 64, types.Code_too_many_parts))
	if code != types.Code_ok {
		return code
	}
	p := m.provenance(c, msg.Day)
	entry, x := m.repay(&f, string(types.FinancingKey(f.Id)), owed(&f), p, msg.Day)
	f.ClosingEntry, f.ClosingCounted, f.Ended, f.Status = entry+1, x.Counted, p, types.FinancingStatus_REPAID
	if msg.Reason == types.ReleaseReason_RELEASE_BOUGHT_BACK {
		f.Status = types.FinancingStatus_BOUGHT_BACK
	}
	m.unlock(&f, p, msg.Day)
	m.financings.put(types.FinancingKey(f.Id), f)
	return types.Code_ok
}

func (m *Model) declareDefault(c *call, msg *types.DeclareDefault) types.Code {
	code := refusal(codeOf(types.CheckRecordID(msg.Financing)), notTooEarly(msg.Day), m.eventDay(msg.Day))
	f, foreign := m.ownFinancing(c, msg.Financing)
	if code = refusal(code, foreign); code != types.Code_ok {
		return code
	}
	code = refusal(when(f.Status == types.FinancingStatus_DEFAULTED && f.DefaultDay == msg.Day && f.Reason == msg.Reason, types.Code_already_recorded),
		unless(f.Status == types.FinancingStatus_FINANCED, types.Code_financing_state_forbids), when(msg.Day <= f.DueDay, types.Code_default_too_early))
	if code != types.Code_ok {
		return code
	}
	f.Status, f.DefaultDay, f.Reason = types.FinancingStatus_DEFAULTED, msg.Day, msg.Reason
	e := m.entryOfFinancing(&f, types.EntryKind_ENTRY_DEFAULT, m.provenance(c, msg.Day), msg.Day)
	e.BaseMinor = f.BaseMinor - f.RepaidBaseMinor
	m.post(f.Borrower, e)
	m.financings.put(types.FinancingKey(f.Id), f)
	return types.Code_ok
}

func (m *Model) cureDefault(c *call, msg *types.CureDefault) types.Code {
	code := refusal(codeOf(types.CheckRecordID(msg.Financing)), notTooEarly(msg.Day), m.eventDay(msg.Day))
	f, foreign := m.ownFinancing(c, msg.Financing)
	if code = refusal(code, foreign); code != types.Code_ok {
		return code
	}
	if said(c, f.Ended) {
		return m.endAgain(c, &f)
	}
	if f.Status != types.FinancingStatus_DEFAULTED || owed(&f) > 0 || msg.Day < f.RepaidDay {
		return types.Code_financing_state_forbids
	}
	p := m.provenance(c, msg.Day)
	f.Status, f.Ended = types.FinancingStatus_CURED, p
	m.post(f.Borrower, m.entryOfFinancing(&f, types.EntryKind_ENTRY_CURED, p, msg.Day))
	m.financings.put(types.FinancingKey(f.Id), f)
	return types.Code_ok
}

func (m *Model) notifyAssignment(c *call, msg *types.NotifyAssignment) types.Code {
	code := lowest(codeOf(types.CheckRecordID(msg.Financing)), codeOf(types.CheckRecordID(msg.Receivable)), digest(msg.NoticeDigest), notTooEarly(msg.Day))
	if code = refusal(code, m.eventDay(msg.Day)); code != types.Code_ok {
		return code
	}
	at := types.ReceivableKey(msg.Receivable)
	r, ok := m.receivables.get(at)
	f, foreign := m.ownFinancing(c, msg.Financing)
	var lien *types.Lien
	for _, l := range m.liens(string(at)) {
		if l.Financing == f.Id {
			lien = l
		}
	}
	live := f.Status == types.FinancingStatus_RESERVED || f.Status == types.FinancingStatus_FINANCED || f.Status == types.FinancingStatus_DEFAULTED && owed(&f) > 0
	if code = refusal(unless(ok, types.Code_receivable_unknown), foreign); code != types.Code_ok {
		return code
	}
	code = refusal(when(r.Assignment == f.Id, types.Code_already_recorded),
		unless(live && msg.Day >= r.Receivable.IssueDay, types.Code_financing_state_forbids),
		unless(lien != nil, types.Code_not_assigned), when(r.Assignment != "", types.Code_already_assigned))
	if code != types.Code_ok {
		return code
	}
	r.Assignee, r.Assignment, r.NotifiedDay = c.signer, f.Id, msg.Day
	m.receivables.put(at, r)
	x, _ := m.collateralOf(string(at))
	m.changeLiens(&x, f.Id, func(l *types.Lien, trade bool) {
		if !trade {
			l.NotifiedDay, l.NotifiedHeight, l.NoticeDigest = msg.Day, m.height, msg.NoticeDigest
		}
	})
	m.tellAssigned(&r, msg.Receivable, m.provenance(c, msg.Day), msg.Day)
	return types.Code_ok
}

// tellAssigned posts into both parties' logs through whom a receivable is to be paid.
func (m *Model) tellAssigned(r *types.Receivable, id string, p *types.Provenance, day int32) {
	e := entryOf(types.EntryKind_ENTRY_ASSIGNED, string(types.ReceivableKey(id)), p, day)
	e.Counterparty, e.DueDay = r.Assignee, r.Receivable.DueDay
	m.post(r.Receivable.Seller, e)
	m.post(r.Receivable.Debtor, e)
}

func (m *Model) acknowledgeAssignment(c *call, msg *types.AcknowledgeAssignment) types.Code {
	code := lowest(codeOf(types.CheckRecordID(msg.Financing)), codeOf(types.CheckRecordID(msg.Receivable)), notTooEarly(msg.Day))
	if code = refusal(code, m.eventDay(msg.Day)); code != types.Code_ok {
		return code
	}
	at := types.ReceivableKey(msg.Receivable)
	r, ok := m.receivables.get(at)
	if !ok {
		return types.Code_receivable_unknown
	}
	code = refusal(m.actsFor(c, r.Receivable.Debtor), m.withinLimit(c, r.BaseMinor),
		unless(m.financings.has(types.FinancingKey(msg.Financing)), types.Code_financing_unknown),
		unless(r.Assignment == msg.Financing, types.Code_not_assigned), when(r.AcknowledgedDay != 0, types.Code_already_recorded),
		when(msg.Day < r.NotifiedDay, types.Code_financing_state_forbids))
	if code != types.Code_ok {
		return code
	}
	r.AcknowledgedDay = msg.Day
	m.receivables.put(at, r)
	m.tellAssigned(&r, msg.Receivable, m.provenance(c, msg.Day), msg.Day)
	return types.Code_ok
}
