package model

import (
	"slices"
	"strings"

	"tradecredit/types"
)

// What left the scores after a dispute counts nowhere any more; states stay.

// uncounted is a provenance of what does not count any more.
func uncounted(p *types.Provenance) *types.Provenance {
	x := *p
	x.Counted = false
	return &x
}

// excludeRow takes the row of an event out of the sums, if it counts. p is whose word the row is.
func (m *Model) excludeRow(subject string, entry uint64, p *types.Provenance) {
	m.excludeAs(subject, entry, p, types.EntryKind_ENTRY_EVENT_EXCLUDED)
}

func (m *Model) excludeAs(subject string, entry uint64, p *types.Provenance, kind types.EntryKind) {
	if entry == 0 {
		return
	}
	row := m.logs[subject][entry-1]
	if p.Fallen { // nobody sound stands behind it any more
		row.Independent, row.Counted = false, row.Counted && p.Counted
	}
	broken := row.Kind == types.EntryKind_ENTRY_DELIVERED && row.Open && !row.OnTime // a broken promise counts whoever delivered
	if !row.Counted && !broken {
		return
	}
	e := row
	e.Kind, e.Reverses = kind, entry
	if kind == types.EntryKind_ENTRY_EVENT_EXCLUDED {
		e.Excludes = row.Kind
	}
	if p.Fallen {
		e.Evidence = types.Evidence_SELF_DECLARED
	}
	m.post(subject, e)
}

func (m *Model) leaveAdverse(id string) {
	at := types.AdverseKey(id)
	x := m.adverses.at(at)
	x.Suppressed = true
	m.adverses.put(at, x)
	m.mark(id, &x)
}

// leaveReceivable: its payments and write-offs, the obligation and the claim. That it was issued stays.
func (m *Model) leaveReceivable(id string) {
	at := types.ReceivableKey(id)
	r := m.receivables.at(at)
	if r.Experience {
		for i := len(r.WriteOffs) - 1; i >= 0; i-- {
			m.excludeWriteOff(&r, i)
		}
		for len(r.ClosingEntries) > 0 {
			m.keep(id, &r)
			paid := m.logs[r.Receivable.Debtor][r.ClosingEntries[len(r.ClosingEntries)-1]]
			m.exclude(types.Key[types.Settlement](paid.Record), int(paid.Part))
			r = m.receivables.at(at)
		}
		m.oweNoMore(id, &r, types.EntryKind_ENTRY_OBLIGATION_EXCLUDED, types.EntryKind_ENTRY_CLAIM_EXCLUDED)
	}
	r.Suppressed = 1
	m.keep(id, &r)
}

// leaveSettlement: all its parts, the last first, and what rests on them.
func (m *Model) leaveSettlement(at types.Key[types.Settlement]) {
	if s := m.settlements.at(at); !s.Reversed {
		m.partsFall(at, s.CreditorSide, m.day)
	}
}

// leaveOrder: the purchase, the sale with its weight and its promise, and a promise that a cancellation left broken.
func (m *Model) leaveOrder(at types.Key[types.Order]) {
	o := m.orders.at(at)
	m.excludeRow(o.Order.Buyer, o.BoughtEntry, o.Provenance)
	switch {
	case o.PromiseEntry != 0:
		m.unsell(&o)
	case o.SaleEntry != 0:
		e := m.logs[o.Order.Seller][o.SaleEntry-1]
		e.Kind, e.Reverses, e.Open = types.EntryKind_ENTRY_ORDER_SOLD_REVERSED, o.SaleEntry, false
		if o.SaleEntry == o.SoldEntry && o.Provenance.Fallen {
			e.Evidence = types.Evidence_SELF_DECLARED
		}
		m.post(o.Order.Seller, e)
	}
	if o.CancelledEntry != 0 { // it counts whoever recorded the order
		e := m.logs[o.Order.Seller][o.CancelledEntry-1]
		e.Kind, e.Excludes, e.Reverses = types.EntryKind_ENTRY_EVENT_EXCLUDED, e.Kind, o.CancelledEntry
		m.post(o.Order.Seller, e)
	}
	o.BoughtEntry, o.SoldEntry, o.SaleEntry, o.PromiseEntry, o.CancelledEntry = 0, 0, 0, 0, 0
	o.Provenance = uncounted(o.Provenance)
	m.putOrder(at, o)
}

// leaveMovement: its rows, and of a delivery the leg of the goods. The promise stays closed.
func (m *Model) leaveMovement(at types.Key[types.Movement]) {
	x := m.movements.at(at)
	on := types.OrderKey(x.Event.Order)
	o := m.orders.at(on)
	m.excludeRow(o.Order.Seller, x.SellerEntry, x.Provenance)
	m.excludeRow(o.Order.Buyer, x.BuyerEntry, x.Provenance)
	x.Provenance, x.SellerEntry, x.BuyerEntry = uncounted(x.Provenance), 0, 0
	m.movements.put(at, x)
	if x.Event.Event == types.LogisticsEvent_DELIVERED {
		o.DeliveredIndependent = false
		m.lend(&o, o.Legs&^legGoods, x.Provenance, m.day)
		m.putOrder(on, o)
	}
}

func (m *Model) leaveReturn(at types.Key[types.ReturnRecord]) {
	x := m.returns.at(at)
	if x.Counted {
		seller := m.orders.at(types.OrderKey(x.Opened.Order)).Order.Seller
		m.excludeAs(seller, x.SellerEntry, x.Provenance, types.EntryKind_ENTRY_RETURN_EXCLUDED)
	}
	x.Counted, x.Provenance = false, uncounted(x.Provenance)
	m.returns.put(at, x)
}

// leaveCustomsEvent: its row; a release closes the balance that it opened, but for what it secures.
func (m *Model) leaveCustomsEvent(at types.Key[types.CustomsRecord], id string) {
	x := m.customsEvents.at(at)
	d := m.declarations.at(types.DeclarationKey(id))
	m.excludeRow(d.Declarant, x.Entry, x.Provenance)
	x.Provenance, x.Entry = uncounted(x.Provenance), 0
	m.customsEvents.put(at, x)
	if x.Event.Event == types.CustomsEvent_RELEASED && d.Status != types.DeclarationStatus_DECLARATION_IS_REVOKED {
		m.closeBalance(&d, x.Provenance)
	}
}

// closeBalance takes back what a release opened.
func (m *Model) closeBalance(d *types.Declaration, p *types.Provenance) {
	stood := d.ReleasedDay != 0
	d.FinanceableMinor, d.ReleasedDay = m.secured(string(types.DeclarationKey(d.Id))), 0
	m.declarations.put(types.DeclarationKey(d.Id), *d)
	if !stood || !customsModes[d.Mode].sale() {
		return
	}
	on := types.OrderKey(d.Order)
	o := m.orders.at(on)
	if o.Releases > 0 {
		o.Releases--
	}
	if o.Releases == 0 {
		o.ReleasedDay = 0
		m.lend(&o, o.Legs&^legRelease, p, m.day)
	}
	m.putOrder(on, o)
}

func (m *Model) leaveVerdict(at types.Key[types.Document], i int) {
	d := m.documents.at(at)
	v := *d.Verdicts[i]
	m.excludeAs(d.Document.Subject, v.Entry, v.Provenance, types.EntryKind_ENTRY_VERDICT_EXCLUDED)
	v.Provenance, v.Entry = uncounted(v.Provenance), 0
	d.Verdicts = replaced(d.Verdicts, i, &v)
	m.documents.put(at, d)
}

func (m *Model) leaveTaxEvent(at types.Key[types.TaxRecord]) {
	x := m.taxEvents.at(at)
	m.excludeRow(x.Event.Subject, x.Entry, x.Provenance)
	x.Provenance, x.Entry = uncounted(x.Provenance), 0
	m.taxEvents.put(at, x)
	m.invoiceFalls(&x, x.Provenance)
}

// invoiceFalls takes the leg from a receivable that a tax event verified, unless another authority verified it since. The row that
// says so has the evidence that the event had.
func (m *Model) invoiceFalls(x *types.TaxRecord, was *types.Provenance) {
	id := x.Event.Receivable
	if x.Event.Event != types.TaxEvent_INVOICE_VERIFIED || id == "" {
		return
	}
	id = m.verifiedAs(id)
	r := m.receivables.at(types.ReceivableKey(id))
	if r.TaxVerifiedBy != x.Provenance.Signer {
		return
	}
	r.TaxVerifiedBy = ""
	m.keep(id, &r)
	if r.SplitSum != nil || !acceptanceStands(&r) {
		m.stand(id, &r, r.Legs&^legInvoice, was, m.day)
		m.keep(id, &r)
	}
}

func (m *Model) leaveFxEvent(at types.Key[types.FxRecord]) {
	x := m.fxEvents.at(at)
	m.excludeRow(x.Event.Subject, x.Entry, x.Provenance)
	x.Provenance, x.Entry = uncounted(x.Provenance), 0
	m.fxEvents.put(at, x)
}

// leaveFinancing: what was repaid of it, the last first, and the obligation with what is owed.
func (m *Model) leaveFinancing(id string) {
	f := m.financings.at(types.FinancingKey(id))
	for len(f.ClosingEntries) > 0 {
		m.excludeInstallment(&f, f.ClosingEntries[len(f.ClosingEntries)-1])
	}
	if f.Experience {
		m.borrowedNoMore(&f)
	}
	f.Suppressed = 1
	m.financings.put(types.FinancingKey(id), f)
}

// excludeInstallment takes a counted part of a financing, by its row, out of the sums.
func (m *Model) excludeInstallment(f *types.Financing, entry uint64) {
	e := m.takenBack(f.Borrower, entry+1, types.EntryKind_ENTRY_PAID_EXCLUDED)
	m.post(f.Borrower, e)
	i := slices.Index(f.ClosingEntries, entry)
	f.ClosingMonths = slices.Delete(slices.Clone(f.ClosingMonths), i, i+1)
	f.ClosingEntries = slices.Delete(slices.Clone(f.ClosingEntries), i, i+1)
	if strings.HasPrefix(e.Record, "repayment/") {
		m.repayments.change(types.Key[types.Repayment](e.Record), func(x *types.Repayment) { x.Counted = false })
		return
	}
	f.ClosingCounted = false
}

// borrowedNoMore takes the obligation of a financing out of the sums.
func (m *Model) borrowedNoMore(f *types.Financing) {
	e := m.takenBack(f.Borrower, f.ObligationEntry, types.EntryKind_ENTRY_OBLIGATION_EXCLUDED)
	e.BaseMinor, e.Open = f.BaseMinor-f.RepaidBaseMinor, owed(f) > 0
	if f.Confirmed.Fallen {
		e.Evidence = types.Evidence_SELF_DECLARED
	}
	m.post(f.Borrower, e)
	f.Experience, f.ObligationEntry = false, 0
}

// partsFall takes the parts of a payment out of the sums, the last first, and what rests on each.
func (m *Model) partsFall(at types.Key[types.Settlement], p *types.Provenance, day int32) {
	for n := len(m.settlements.at(at).Parts) - 1; n >= 0; n-- {
		m.partFalls(at, n, p, day)
	}
}

// partFalls takes one part of a payment out of the sums, and what rests on it.
func (m *Model) partFalls(at types.Key[types.Settlement], n int, p *types.Provenance, day int32) {
	x := *m.settlements.at(at).Parts[n]
	if x.Counted {
		m.exclude(at, n)
		x.Counted = false
	}
	if !x.Bank {
		r := m.receivables.at(types.ReceivableKey(x.Receivable))
		m.owesOnNothing(x.Receivable, &r)
		m.keep(x.Receivable, &r)
		return
	}
	x.Bank = false
	m.settlements.change(at, func(s *types.Settlement) { s.Parts = replaced(s.Parts, n, &x) })
	r := m.receivables.at(types.ReceivableKey(x.Receivable))
	r.BankParts--
	m.lessPaid(x.Receivable, &r, p, day)
	m.keep(x.Receivable, &r)
	if r.Receivable.Order != "" {
		o := m.orders.at(types.OrderKey(r.Receivable.Order))
		o.BankPaid--
		m.putOrder(types.OrderKey(r.Receivable.Order), o)
	}
}
