package model

import (
	"slices"
	"strconv"
	"strings"

	"tradecredit/types"
)

// What a key in wrong hands signed falls to SELF_DECLARED after 30 days, unless it was confirmed again. States stay.

// mark is a compromise: whose key, and since when.
type mark struct {
	holder, key string
	since       int64
}

// covers tells whether a signature falls with the mark.
func (k *mark) covers(p *types.Provenance) bool {
	return p != nil && p.Signer == k.holder && p.Key == k.key && p.Unix >= k.since && !p.Fallen
}

// fell is a provenance that nobody sound stands behind.
func fell(p *types.Provenance) *types.Provenance {
	x := *p
	x.Fallen, x.Evidence = true, types.Evidence_SELF_DECLARED
	x.Counted = x.Counted && (!x.Late || x.Backfill)
	return &x
}

// falls lists what falls, in the order of the walk: by the message that a key of its role may sign.
var falls = []struct {
	message string
	prefix  string // and the holder, where a slash ends it
	fall    func(m *Model, k *mark, key string)
}{
	{"record_order", "order/", (*Model).orderFalls},
	{"record_logistics_event", "movement/", (*Model).movementFalls},
	{"record_customs_event", "customs-event/", (*Model).customsEventFalls},
	{"verify_document", "document", (*Model).verdictsFall},
	{"issue_receivable", "receivable/", (*Model).receivableFalls},
	{"record_settlement", "settlement", (*Model).settlementFalls},
	{"record_tax_event", "tax-event/", (*Model).taxEventFalls},
	{"record_fx_event", "fx-event/", (*Model).fxEventFalls},
	{"record_adverse", "adverse", (*Model).adverseFalls},
	{"resolve_dispute", "dispute", (*Model).disputeFalls},
	{"publish_fixing", "fixing", (*Model).fixingFalls},
	{"confirm_service_progress", "progress", (*Model).progressFalls},
	{"record_return", "return/", (*Model).returnFalls},
	{"record_return", "return-step/", plainFalls(func(m *Model) *table[types.ReturnStep] { return m.returnSteps },
		func(x *types.ReturnStep) **types.Provenance { return &x.Provenance })},
	{"record_trace", "trace/", plainFalls(func(m *Model) *table[types.Trace] { return m.traces },
		func(x *types.Trace) **types.Provenance { return &x.Provenance })},
	{"record_parcel_batch", "parcels/", plainFalls(func(m *Model) *table[types.ParcelBatch] { return m.parcelBatches },
		func(x *types.ParcelBatch) **types.Provenance { return &x.Provenance })},
	{"issue_transferable", "transferable/", plainFalls(func(m *Model) *table[types.Transferable] { return m.transferables },
		func(x *types.Transferable) **types.Provenance { return &x.Provenance })},
	{"reserve_financing", "financing/", (*Model).financingFalls},
	{"record_repayment", "repayment/", (*Model).repaymentFalls},
	{"record_policy", "policy/", plainFalls(func(m *Model) *table[types.Policy] { return m.policies },
		func(x *types.Policy) **types.Provenance { return &x.Provenance })},
	{"record_claim", "claim/", plainFalls(func(m *Model) *table[types.Claim] { return m.claims },
		func(x *types.Claim) **types.Provenance { return &x.Provenance })},
}

// compromised lets fall what a key signed since it was in wrong hands; the item's id is <holder>/<key>/<since>. It goes on
// behind the item's cursor, and as far as the state's, if the walk is not done with this block.
func (m *Model) compromised(d *types.Due) {
	f := strings.Split(d.Id, "/")
	since, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil {
		panic("model: " + d.Id)
	}
	begun, stop := d.Cursor == "", m.stopsAt(d)
	k := &mark{f[0], f[1], since}
	role := m.keys.at(types.KeyKey(k.holder, k.key)).Role
	for _, s := range falls {
		if !signs(role, s.message) {
			continue
		}
		prefix := s.prefix + "/"
		if strings.HasSuffix(s.prefix, "/") {
			prefix = s.prefix + k.holder + "/"
		}
		if !begun && !strings.HasPrefix(d.Cursor, prefix) {
			continue
		}
		begun = true
		stopped := stop != "" && strings.HasPrefix(stop, prefix)
		for _, key := range m.keysUnder(prefix) {
			behind := !strings.HasPrefix(d.Cursor, prefix) || key > d.Cursor
			if behind && (!stopped || key <= stop) {
				s.fall(m, k, key)
			}
		}
		if stopped {
			m.dues.put(types.DueKey(m.unix+1, d.Kind, d.Id), types.Due{Kind: d.Kind, Id: d.Id, Cursor: stop})
			return
		}
	}
}

// stopsAt is the last key that a walk looks at in this block, "" if it comes to its end.
func (m *Model) stopsAt(d *types.Due) string {
	rest, _ := m.postponed(d)
	return rest.Cursor
}

// postponed is what waits for the next second, if the block had no work to spare for all of an item.
func (m *Model) postponed(d *types.Due) (types.Due, bool) {
	if m.after == nil {
		return types.Due{}, false
	}
	rest, err := rowOf[types.Due](m.after, string(types.DueKey(m.unix+1, d.Kind, d.Id)))
	if err != nil {
		panic("model: " + err.Error())
	}
	return rest, rest.Id != ""
}

// signs tells whether a role may sign a message in any relation.
func signs(role types.Role, message string) bool {
	for _, rel := range relations {
		if permission(message, role, rel) != types.Evidence_EVIDENCE_UNSPECIFIED {
			return true
		}
	}
	return false
}

// canFall tells whether a key of a role can have signed anything that falls.
func canFall(role types.Role) bool {
	for _, s := range falls {
		if signs(role, s.message) {
			return true
		}
	}
	return false
}

// keysUnder are the keys of all records under a prefix, ascending.
func (m *Model) keysUnder(prefix string) (out []string) {
	for _, t := range m.tables {
		out = append(out, t.under(prefix)...)
	}
	slices.Sort(out)
	return out
}

// loses posts that a row counts as SELF_DECLARED from now on, or, if its signature alone let it count, nowhere.
func (m *Model) loses(subject string, entry uint64, was, is *types.Provenance, excluded types.EntryKind) {
	if entry == 0 || !m.logs[subject][entry-1].Counted || m.takenBackSince(subject, entry) {
		return
	}
	if was.Counted && !is.Counted {
		m.excludeAs(subject, entry, was, excluded)
		return
	}
	e := m.logs[subject][entry-1]
	if e.Evidence <= types.Evidence_SELF_DECLARED {
		return
	}
	e.Kind, e.Reverses = types.EntryKind_ENTRY_EVIDENCE_LOST, entry
	m.post(subject, e)
}

// takenBackSince tells whether a row was taken out of the sums.
func (m *Model) takenBackSince(subject string, entry uint64) bool {
	return slices.ContainsFunc(m.logs[subject][entry:], func(e types.Entry) bool {
		return e.Reverses == entry && e.Kind != types.EntryKind_ENTRY_EVIDENCE_LOST
	})
}

const excluded = types.EntryKind_ENTRY_EVENT_EXCLUDED

func (m *Model) orderFalls(k *mark, key string) {
	at := types.Key[types.Order](key)
	o := m.orders.at(at)
	if !k.covers(o.Provenance) {
		return
	}
	was := o.Provenance
	o.Provenance = fell(was)
	m.loses(o.Order.Buyer, o.BoughtEntry, was, o.Provenance, excluded)
	m.loses(o.Order.Seller, o.SoldEntry, was, o.Provenance, excluded)
	m.putOrder(at, o)
}

func (m *Model) movementFalls(k *mark, key string) {
	at := types.Key[types.Movement](key)
	x := m.movements.at(at)
	if !k.covers(x.Provenance) {
		return
	}
	was := x.Provenance
	x.Provenance = fell(was)
	m.movements.put(at, x)
	on := types.OrderKey(x.Event.Order)
	o := m.orders.at(on)
	m.loses(o.Order.Seller, x.SellerEntry, was, x.Provenance, excluded)
	m.loses(o.Order.Buyer, x.BuyerEntry, was, x.Provenance, excluded)
	if x.Event.Event == types.LogisticsEvent_DELIVERED {
		o.DeliveredIndependent = false
		m.lend(&o, o.Legs&^legGoods, was, m.day)
		m.putOrder(on, o)
	}
}

func (m *Model) customsEventFalls(k *mark, key string) {
	at := types.Key[types.CustomsRecord](key)
	x := m.customsEvents.at(at)
	if !k.covers(x.Provenance) {
		return
	}
	was := x.Provenance
	x.Provenance = fell(was)
	m.customsEvents.put(at, x)
	d := m.declarations.at(types.DeclarationKey(was.Signer + "/" + x.Event.Declaration))
	m.loses(d.Declarant, x.Entry, was, x.Provenance, types.EntryKind_ENTRY_CUSTOMS_EXCLUDED)
	if x.Event.Event == types.CustomsEvent_DECLARED {
		d.Provenance = fell(d.Provenance)
		m.declarations.put(types.DeclarationKey(d.Id), d)
	}
	if x.Event.Event == types.CustomsEvent_RELEASED && d.Status != types.DeclarationStatus_DECLARATION_IS_REVOKED {
		m.closeBalance(&d, was)
	}
}

func (m *Model) verdictsFall(k *mark, key string) {
	at := types.Key[types.Document](key)
	d := m.documents.at(at)
	for i, old := range d.Verdicts {
		if k.covers(old.Provenance) {
			v := *old
			v.Provenance = fell(old.Provenance)
			m.loses(d.Document.Subject, v.Entry, old.Provenance, v.Provenance, types.EntryKind_ENTRY_VERDICT_EXCLUDED)
			d.Verdicts = replaced(d.Verdicts, i, &v)
			m.documents.put(at, d)
		}
	}
}

func (m *Model) receivableFalls(k *mark, key string) {
	at := types.Key[types.Receivable](key)
	r := m.receivables.at(at)
	if k.covers(r.Provenance) {
		r.Provenance = fell(r.Provenance)
		m.receivables.put(at, r)
	}
}

func (m *Model) settlementFalls(k *mark, key string) {
	at := types.Key[types.Settlement](key)
	s := m.settlements.at(at)
	creditor := k.covers(s.CreditorSide)
	if !creditor && !k.covers(s.DebtorSide) {
		return
	}
	was := s.CreditorSide
	if k.covers(s.DebtorSide) {
		s.DebtorSide = fell(s.DebtorSide)
	}
	if creditor {
		s.CreditorSide = fell(s.CreditorSide)
	}
	s.Evidence = max(s.CreditorSide.GetEvidence(), s.DebtorSide.GetEvidence())
	m.settlements.put(at, s)
	if !creditor {
		return
	}
	for n := len(s.Parts) - 1; n >= 0; n-- {
		if !s.Reversed {
			m.partFalls(at, n, was, m.day)
		}
		m.obligationFalls(s.Parts[n])
	}
}

// obligationFalls: an obligation that a payment brought about counts as SELF_DECLARED, if other words keep it one.
func (m *Model) obligationFalls(x *types.Part) {
	r := m.receivables.at(types.ReceivableKey(x.Receivable))
	if x.Obligation == 0 || r.ObligationEntry != x.Obligation || r.ObligationFallen {
		return
	}
	e := m.logs[r.Receivable.Debtor][r.ObligationEntry-1]
	e.Kind, e.Reverses = types.EntryKind_ENTRY_EVIDENCE_LOST, r.ObligationEntry
	m.post(r.Receivable.Debtor, e)
	r.ObligationFallen = true
	m.keep(x.Receivable, &r)
}

func (m *Model) taxEventFalls(k *mark, key string) {
	at := types.Key[types.TaxRecord](key)
	x := m.taxEvents.at(at)
	if !k.covers(x.Provenance) {
		return
	}
	was := x.Provenance
	x.Provenance = fell(was)
	m.taxEvents.put(at, x)
	m.loses(x.Event.Subject, x.Entry, was, x.Provenance, excluded)
	m.invoiceFalls(&x, was)
}

func (m *Model) fxEventFalls(k *mark, key string) {
	at := types.Key[types.FxRecord](key)
	x := m.fxEvents.at(at)
	if !k.covers(x.Provenance) {
		return
	}
	was := x.Provenance
	x.Provenance = fell(was)
	m.fxEvents.put(at, x)
	m.loses(x.Event.Subject, x.Entry, was, x.Provenance, excluded)
}

func (m *Model) adverseFalls(k *mark, key string) {
	at := types.Key[types.Adverse](key)
	x := m.adverses.at(at)
	ended := k.covers(x.Ended)
	if !ended && !k.covers(x.Provenance) {
		return
	}
	if ended {
		x.Ended, x.EndDay = fell(x.Ended), x.Adverse.EndDay
	}
	if k.covers(x.Provenance) {
		x.Provenance = fell(x.Provenance)
	}
	m.adverses.put(at, x)
	m.mark(strings.TrimPrefix(key, "adverse/"), &x)
}

// disputeFalls: nobody is forgiven by a stolen key. An adverse record that it let go weighs again; what else it let go had
// its place in sums that went on without it, and stays out.
func (m *Model) disputeFalls(k *mark, key string) {
	at := types.Key[types.Dispute](key)
	d := m.disputes.at(at)
	if !k.covers(d.Responded) && !k.covers(d.Resolved) {
		return
	}
	if k.covers(d.Responded) {
		d.Responded = fell(d.Responded)
	}
	if k.covers(d.Resolved) {
		d.Resolved = fell(d.Resolved)
	}
	m.disputes.put(at, d)
	end := d.Resolved
	if end == nil {
		end = d.Responded
	}
	id, adverse := strings.CutPrefix(d.Dispute.Item, "adverse/")
	if !adverse || d.Outcome != types.DisputeOutcome_ITEM_EXPUNGED || !end.Fallen {
		return
	}
	x := m.adverses.at(types.AdverseKey(id))
	x.Suppressed = false
	m.adverses.put(types.AdverseKey(id), x)
	m.mark(id, &x)
	m.disputed.change(types.DisputedItemKey(d.Dispute.Item), func(row *types.DisputedItem) { row.Left = false })
}

func (m *Model) fixingFalls(k *mark, key string) {
	at := types.Key[types.Fixing](key)
	if x := m.fixings.at(at); k.covers(x.Provenance) {
		x.Provenance = fell(x.Provenance)
		m.fixings.put(at, x)
	}
}

func (m *Model) progressFalls(k *mark, key string) {
	at := types.Key[types.Progress](key)
	x := m.progresses.at(at)
	if !k.covers(x.Tax) {
		return
	}
	was, outside := x.Tax, x.TaxOutside
	x.Tax, x.TaxOutside = fell(was), false
	m.progresses.put(at, x)
	on := types.OrderKey(x.Progress.Order)
	o := m.orders.at(on)
	m.loses(o.Order.Seller, x.TaxSellerEntry, was, x.Tax, excluded)
	m.loses(o.Order.Buyer, x.TaxBuyerEntry, was, x.Tax, excluded)
	x.TaxSellerEntry, x.TaxBuyerEntry = 0, 0
	evidence := types.Evidence_SELF_DECLARED
	if x.Buyer != nil {
		evidence = x.Buyer.Evidence
	}
	x.Provenance = withEvidence(x.Provenance, evidence)
	m.progresses.put(at, x)
	if outside {
		o.TaxConfirmedMinor -= x.Progress.ExecutedMinor
		if !(x.BuyerOutside && x.Buyer.Role != types.Role_ENTERPRISE) {
			o.MemberConfirmedMinor -= x.Progress.ExecutedMinor
		}
	}
	if o.DeliveredDay != 0 {
		m.performedFalls(&o, was, x.Tax)
	}
	m.putOrder(on, o)
}

// performedFalls takes from a performed service what rests on a tax authority's word: the leg of the goods, and the
// fulfilled sale, or what that authority signed of it.
func (m *Model) performedFalls(o *types.Order, was, is *types.Provenance) {
	m.lendPerformed(o, was, m.day)
	if !(o.DeliveredIndependent && o.MemberConfirmedMinor != o.Order.AmountMinor) && o.DeliveredBy != was.Signer {
		return
	}
	m.loses(o.Order.Seller, o.DeliveredEntry, was, is, excluded)
	m.loses(o.Order.Buyer, o.ReceivedEntry, was, is, excluded)
	o.DeliveredEntry, o.ReceivedEntry, o.DeliveredIndependent = 0, 0, false
}

func (m *Model) returnFalls(k *mark, key string) {
	at := types.Key[types.ReturnRecord](key)
	x := m.returns.at(at)
	if !k.covers(x.Provenance) {
		return
	}
	if x.Counted {
		seller := m.orders.at(types.OrderKey(x.Opened.Order)).Order.Seller
		m.excludeAs(seller, x.SellerEntry, x.Provenance, types.EntryKind_ENTRY_RETURN_EXCLUDED)
	}
	x.Counted, x.Provenance = false, fell(x.Provenance)
	m.returns.put(at, x)
}

// plainFalls: nothing rests on the record but itself.
func plainFalls[V any](tableOf func(*Model) *table[V], provenance func(*V) **types.Provenance) func(*Model, *mark, string) {
	return func(m *Model, k *mark, key string) {
		t, at := tableOf(m), types.Key[V](key)
		if x := t.at(at); k.covers(*provenance(&x)) {
			t.change(at, func(x *V) { *provenance(x) = fell(*provenance(x)) })
		}
	}
}

func (m *Model) financingFalls(k *mark, key string) {
	at := types.Key[types.Financing](key)
	f := m.financings.at(at)
	confirmed, over := k.covers(f.Confirmed), k.covers(f.Ended)
	if !k.covers(f.Provenance) && !confirmed && !over {
		return
	}
	if k.covers(f.Provenance) {
		f.Provenance = fell(f.Provenance)
	}
	if over {
		f.Ended = fell(f.Ended)
		if f.ClosingCounted {
			m.excludeInstallment(&f, f.ClosingEntry-1)
		}
	}
	if confirmed {
		f.Confirmed = fell(f.Confirmed)
		if f.Experience {
			e := m.logs[f.Borrower][f.ObligationEntry-1]
			e.Kind, e.Reverses = types.EntryKind_ENTRY_EVIDENCE_LOST, f.ObligationEntry
			m.post(f.Borrower, e)
		}
	}
	m.absolve(&f)
	m.financings.put(at, f)
}

// absolve ends an experience whose advance nobody sound confirmed, and of which no counted part is left.
func (m *Model) absolve(f *types.Financing) {
	if !f.Experience || !f.Confirmed.Fallen || len(f.ClosingEntries) > 0 {
		return
	}
	e := m.takenBack(f.Borrower, f.ObligationEntry, types.EntryKind_ENTRY_OBLIGATION_REVERSED)
	e.BaseMinor, e.Open, e.Evidence = f.BaseMinor-f.RepaidBaseMinor, owed(f) > 0, types.Evidence_SELF_DECLARED
	m.post(f.Borrower, e)
	f.Experience, f.ObligationEntry = false, 0
}

func (m *Model) repaymentFalls(k *mark, key string) {
	at := types.Key[types.Repayment](key)
	x := m.repayments.at(at)
	if !k.covers(x.Provenance) {
		return
	}
	on := types.FinancingKey(x.Repayment.Financing)
	f := m.financings.at(on)
	if x.Counted {
		m.excludeInstallment(&f, x.Entry)
	}
	m.absolve(&f)
	m.financings.put(on, f)
	m.repayments.change(at, func(x *types.Repayment) { x.Provenance = fell(x.Provenance) })
}
