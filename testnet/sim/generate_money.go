package sim

import "tradecredit/types"

// money: receivables, payments, what tax and foreign-exchange authorities know of them, fixings.
var money = []generator{
	{"issue_receivable", 10, issueReceivable},
	{"accept_receivable", 8, acceptReceivable},
	{"record_settlement", 12, recordSettlement},
	{"reverse_settlement", 2, reverseSettlement},
	{"publish_fixing", 5, publishFixing},
	{"reject_receivable", 1, rejectReceivable},
	{"void_receivable", 2, voidReceivable},
	{"adjust_receivable", 4, adjustReceivable},
	{"split_receivable", 3, splitReceivable},
	{"write_off", 3, writeOff},
	{"record_tax_event", 4, recordTaxEvent},
	{"record_fx_event", 3, recordFxEvent},
}

func issueReceivable(w *world) *act {
	day := w.eventDay()
	if chance(w.rng, 6) { // long beyond its terms
		day = w.ago(500) - 200
	}
	m := &types.IssueReceivable{
		Id: w.id(), Type: "380", Currency: w.currency(), AmountMinor: w.amount(), IssueDay: day, DueDay: day + int32(w.rng.IntN(90)), Commitment: w.digest(),
		Fingerprints: w.fingerprints(),
	}
	if id, o := pick(w, types.Orders, func(_ string, o *types.Order) bool { return o.InvoicedMinor < o.Order.AmountMinor }); o != nil && chance(w.rng, 75) {
		m.Order, m.Seller, m.Debtor, m.Currency = id, o.Order.Seller, o.Order.Buyer, o.Order.Currency
		m.AmountMinor = o.Order.AmountMinor - o.InvoicedMinor
		if chance(w.rng, 40) {
			m.AmountMinor = 1 + w.rng.Int64N(m.AmountMinor)
		}
		m.Related = o.Related
	} else if m.Seller, m.Debtor = w.twoEnterprises(); m.Seller == "" {
		return nil
	} else {
		m.Related = w.related(m.Seller, m.Debtor)
	}
	return w.by(m.Seller, m)
}

func acceptReceivable(w *world) *act {
	id, r := pick(w, types.Receivables, func(_ string, r *types.Receivable) bool { return r.Status == types.ReceivableStatus_ISSUED })
	if r == nil {
		return nil
	}
	day := max(r.Receivable.IssueDay, w.ago(3))
	return w.by(r.Receivable.Debtor, &types.AcceptReceivable{Receivable: id, Day: day, Commitment: r.Receivable.Commitment})
}

// recordSettlement pays one receivable or several of the same two parties, or reports the other side of a payment.
func recordSettlement(w *world) *act {
	if _, s := pick(w, types.Settlements, func(_ string, s *types.Settlement) bool { return s.DebtorSide == nil && !s.Reversed }); s != nil && chance(w.rng, 30) {
		return own(w.member(types.Role_BANK), &types.RecordSettlement{
			Id: s.Id, Side: types.SettlementSide_DEBTOR, Payer: s.Payer, Payee: s.Payee, Currency: s.Currency, AmountMinor: s.AmountMinor,
			Day: s.Day, Channel: s.Channel, Stage: s.Stage,
		})
	}
	id, r := pick(w, types.Receivables, payable)
	if r == nil {
		return nil
	}
	m := &types.RecordSettlement{
		Id: w.digest(), Side: types.SettlementSide_CREDITOR, Payer: r.Receivable.Debtor, Payee: r.Receivable.Seller, Currency: r.Receivable.Currency,
		Day: w.eventDay(), Channel: oneOf(w.rng, types.Channel_CIPS, types.Channel_HVPS), Stage: types.SettlementStage_SALE,
	}
	w.allocate(m, id, r)
	if other, o := pick(w, types.Receivables, payable); o != nil && other != id && chance(w.rng, 60) {
		if o.Receivable.Debtor == m.Payer && o.Receivable.Seller == m.Payee && o.Receivable.Currency == m.Currency {
			w.allocate(m, other, o)
		}
	}
	if chance(w.rng, 10) { // not all of it is for receivables
		m.AmountMinor += w.amount()
	}
	role := types.Role_BANK
	if chance(w.rng, 30) {
		role, m.Channel = types.Role_PLATFORM, types.Channel_ESCROW
	}
	return own(w.member(role), m)
}

func payable(_ string, r *types.Receivable) bool {
	return openOf(r) > 0 && r.Status <= types.ReceivableStatus_PARTLY_SETTLED
}

// openOf is what was neither paid nor credited of a receivable.
func openOf(r *types.Receivable) int64 {
	return r.Receivable.AmountMinor - r.SettledMinor - r.CreditedMinor
}

// allocate adds a part to a payment, mostly all that is open.
func (w *world) allocate(m *types.RecordSettlement, id string, r *types.Receivable) {
	open := openOf(r)
	if chance(w.rng, 35) {
		open = 1 + w.rng.Int64N(open)
	}
	m.Allocations = append(m.Allocations, &types.Allocation{Receivable: id, AmountMinor: open})
	m.AmountMinor += open
}

func reverseSettlement(w *world) *act {
	_, s := pick(w, types.Settlements, func(_ string, s *types.Settlement) bool { return s.CreditorSide != nil && !s.Reversed })
	if s == nil {
		return nil
	}
	return own(s.CreditorSide.Signer, &types.ReverseSettlement{Settlement: s.Id, Day: max(s.Day, w.ago(2)), Reason: 1})
}

// rates of one unit of each of currencies, times 10^9.
var rates = []int64{7_100_000_000, 7_800_000_000, 47_000_000, 23_000_000_000}

func publishFixing(w *world) *act {
	i := w.rng.IntN(len(currencies))
	rate := rates[i] + rates[i]/100*int64(w.rng.IntN(9)-4)
	return own(w.member(types.Role_FOREX), &types.PublishFixing{Currency: currencies[i], Day: w.ago(6), RateE9: rate})
}

// fingerprints are those of a paper, one for every live epoch; now and then of a paper that was seen before.
func (w *world) fingerprints() (out []*types.Fingerprints) {
	epochs := get(w, types.EpochsKey)
	if epochs == nil {
		return nil
	}
	_, old := pick(w, types.Receivables, func(_ string, r *types.Receivable) bool { return len(r.Receivable.Fingerprints) > 0 })
	for i, e := range epochs.Epochs {
		if e.Epoch.OpensDay > w.today() || w.today() > e.Epoch.ClosesDay {
			continue
		}
		f := &types.Fingerprints{Epoch: e.Epoch.Epoch, F1: w.digest(), F2: w.digest(), F3: w.digest()}
		if chance(w.rng, 50) {
			f.F4 = w.digest()
		}
		if chance(w.rng, 50) {
			f.F6 = w.digest()
		}
		if old != nil && i < len(old.Receivable.Fingerprints) && chance(w.rng, 35) {
			same := old.Receivable.Fingerprints[i]
			switch w.rng.IntN(4) {
			case 0:
				f.F1, f.F2, f.F3 = same.F1, same.F2, same.F3
			case 1:
				f.F2 = same.F2
			case 2:
				f.F3 = same.F3
			case 3:
				f.F6 = same.F6
			}
		}
		out = append(out, f)
	}
	return out
}

func rejectReceivable(w *world) *act {
	id, r := pick(w, types.Receivables, func(_ string, r *types.Receivable) bool { return r.Status == types.ReceivableStatus_ISSUED })
	if r == nil {
		return nil
	}
	return w.by(r.Receivable.Debtor, &types.RejectReceivable{Receivable: id, Day: max(r.Receivable.IssueDay, w.ago(2)), Reason: 1})
}

func voidReceivable(w *world) *act {
	id, r := pick(w, types.Receivables, func(_ string, r *types.Receivable) bool {
		return r.Status <= types.ReceivableStatus_ACCEPTED && (r.VoidAskedBy != "" || chance(w.rng, 30))
	})
	if r == nil {
		return nil
	}
	m := &types.VoidReceivable{Receivable: id, Day: max(r.Receivable.IssueDay, w.ago(2)), Reason: 1}
	switch {
	case r.VoidAskedBy == "seller" || r.VoidAskedBy == "" && chance(w.rng, 30):
		return w.by(r.Receivable.Debtor, m)
	case r.VoidAskedBy == "" && chance(w.rng, 20):
		return own(w.member(types.Role_TAX), m)
	}
	return w.by(r.Receivable.Seller, m)
}

func adjustReceivable(w *world) *act {
	id, r := pick(w, types.Receivables, payable)
	if r == nil {
		return nil
	}
	cut := 1 + w.rng.Int64N(openOf(r))
	if chance(w.rng, 70) {
		cut = 1 + cut/10
	}
	return w.by(r.Receivable.Seller, &types.AdjustReceivable{
		Id: w.id(), Receivable: id, AmountMinor: cut, Fault: types.Fault(1 + w.rng.IntN(4)), Day: max(r.Receivable.IssueDay, w.ago(3)), Commitment: w.digest(),
	})
}

func splitReceivable(w *world) *act {
	id, r := pick(w, types.Receivables, func(_ string, r *types.Receivable) bool {
		return r.SettledMinor == 0 && openOf(r) > 1 && r.Status <= types.ReceivableStatus_ACCEPTED
	})
	if r == nil {
		return nil
	}
	m := &types.SplitReceivable{Receivable: id, Day: max(r.Receivable.IssueDay, w.ago(2))}
	for left := openOf(r); left > 0; {
		part := 1 + w.rng.Int64N(left)
		if len(m.Children) == 0 {
			part = 1 + w.rng.Int64N(left-1)
		} else if len(m.Children) == 6 {
			part = left
		}
		m.Children = append(m.Children, &types.SplitChild{Id: w.id(), AmountMinor: part})
		left -= part
	}
	return w.by(r.Receivable.Seller, m)
}

func writeOff(w *world) *act {
	id, r := pick(w, types.Receivables, func(_ string, r *types.Receivable) bool {
		return openOf(r) > 0 && r.Receivable.DueDay+180 < w.today() && r.Status != types.ReceivableStatus_WRITTEN_OFF
	})
	if r == nil {
		return nil
	}
	return w.by(r.Receivable.Seller, &types.WriteOff{Receivable: id, Day: w.ago(1), Reason: 1})
}

func recordTaxEvent(w *world) *act {
	m := &types.RecordTaxEvent{Id: w.id(), Event: types.TaxEvent(1 + w.rng.IntN(6)), Day: w.ago(5), Currency: baseCurrency, AmountMinor: w.amount()}
	switch m.Event {
	case types.TaxEvent_RETURN_FILED:
		m.Subject, m.Currency, m.AmountMinor = w.enterprise(), "", 0
		if chance(w.rng, 50) {
			m.Currency = baseCurrency
		}
	case types.TaxEvent_REBATE_GRANTED, types.TaxEvent_REBATE_REFUSED:
		id, d := pick(w, types.Declarations, func(_ string, d *types.Declaration) bool { return d.Export })
		if d == nil {
			return nil
		}
		m.Declaration, m.Subject = id, d.Declarant
	default:
		id, r := pick(w, types.Receivables, nil)
		if r == nil {
			return nil
		}
		m.Receivable, m.Subject, m.Currency, m.AmountMinor = id, r.Receivable.Seller, r.Receivable.Currency, r.Receivable.AmountMinor
		m.Invoice, m.Day = w.digest(), max(r.Receivable.IssueDay, m.Day)
	}
	return own(w.member(types.Role_TAX), m)
}

func recordFxEvent(w *world) *act {
	m := &types.RecordFxEvent{
		Id: w.id(), Event: types.FxEvent(1 + w.rng.IntN(4)), Subject: w.enterprise(), Currency: oneOf(w.rng, currencies...), AmountMinor: w.amount(), Day: w.ago(4),
	}
	if m.Event == types.FxEvent_FX_CONVERTED {
		m.ToCurrency, m.ToAmountMinor = baseCurrency, 1+m.AmountMinor*7
	}
	if _, s := pick(w, types.Settlements, nil); s != nil && chance(w.rng, 40) {
		m.Settlement, m.Subject, m.Currency, m.AmountMinor, m.Day = s.Id, s.Payee, s.Currency, s.AmountMinor, max(s.Day, m.Day)
		if m.Event == types.FxEvent_FX_PAID {
			m.Subject = s.Payer
		}
	}
	if m.Subject == "" {
		return nil
	}
	return own(w.oneWith(types.Role_FOREX, types.Role_BANK), m)
}
