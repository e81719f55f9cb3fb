package sim

import "tradecredit/types"

// money: receivables, payments, fixings.
var money = []generator{
	{"issue_receivable", 10, issueReceivable},
	{"accept_receivable", 8, acceptReceivable},
	{"record_settlement", 12, recordSettlement},
	{"reverse_settlement", 2, reverseSettlement},
	{"publish_fixing", 5, publishFixing},
}

func issueReceivable(w *world) *act {
	day := w.eventDay()
	m := &types.IssueReceivable{
		Id: w.id(), Type: "380", Currency: w.currency(), AmountMinor: w.amount(), IssueDay: day, DueDay: day + int32(w.rng.IntN(90)), Commitment: w.digest(),
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
	return r.SettledMinor < r.Receivable.AmountMinor && r.Status <= types.ReceivableStatus_PARTLY_SETTLED
}

// allocate adds a part to a payment, mostly all that is open.
func (w *world) allocate(m *types.RecordSettlement, id string, r *types.Receivable) {
	open := r.Receivable.AmountMinor - r.SettledMinor
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
