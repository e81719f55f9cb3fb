package testnet

import (
	"crypto/sha256"
	"fmt"
	"strconv"

	"tradecredit/types"
)

// MixedRecords is how many records a mixed cycle has: 8 of orders and logistics, 4 of customs, 5 of receivables and
// settlements, 2 of documents, 1 of the tax authority.
const MixedRecords = 20

// The members that mixed cycles need beside those of Cycles.
const (
	WorkCustoms  = "customs"
	WorkVerifier = "verifier"
	WorkTax      = "tax"
)

// Mixed are the transactions of mixed cycles from ≤ i < to, as Cycles makes them of plain ones. What follows on a record of
// the same signer stands in one transaction with it if batch is a multiple of 20.
func (w *Workload) Mixed(from, to, batch int) (first, second [][]byte, err error) {
	var platform, carrier, customs, bank, verifier, tax []*types.Message
	for i := from; i < to; i++ {
		c := w.mixed(i)
		platform = append(platform, c.platform...)
		carrier = append(carrier, c.carrier...)
		customs = append(customs, c.customs...)
		bank = append(bank, c.bank...)
		verifier = append(verifier, c.verifier)
		tax = append(tax, c.tax)
	}
	if first, err = w.batches(WorkPlatform, types.Role_PLATFORM, platform, batch); err != nil {
		return nil, nil, err
	}
	for _, s := range []struct {
		member   string
		role     types.Role
		messages []*types.Message
	}{
		{WorkCarrier, types.Role_LOGISTICS, carrier}, {WorkCustoms, types.Role_CUSTOMS, customs}, {WorkBank, types.Role_BANK, bank},
		{WorkVerifier, types.Role_VERIFIER, verifier}, {WorkTax, types.Role_TAX, tax},
	} {
		txs, err := w.batches(s.member, s.role, s.messages, batch)
		if err != nil {
			return nil, nil, err
		}
		second = append(second, txs...)
	}
	return first, second, nil
}

// mixedCycle is a mixed cycle by who signs.
type mixedCycle struct {
	platform, carrier, customs, bank []*types.Message
	verifier, tax                    *types.Message
}

// mixed is three trades of one seller: all ordered and delivered, two declared and released, three invoiced, two paid, one
// with a verified document and a verified invoice.
func (w *Workload) mixed(i int) (c mixedCycle) {
	day, currency := w.today(), w.Net.Plan.BaseCurrency
	var seller, name string
	for n := range 3 {
		order, receivable, delivered, settlement := w.cycle(3*i + n)
		o, r := order.GetRecordOrder(), receivable.GetIssueReceivable()
		if n == 0 {
			seller = o.Seller
		}
		if o.Buyer == seller {
			o.Buyer = o.Seller
		}
		id := "m" + strconv.Itoa(i) + "-" + strconv.Itoa(n)
		name = WorkPlatform + "/" + id
		o.Id, o.Seller = id, seller
		r.Id, r.Order, r.Seller, r.Debtor, receivable.OnBehalfOf = id, name, seller, o.Buyer, seller
		m := delivered.GetRecordLogisticsEvent()
		m.Id, m.Order = id, name
		c.platform = append(c.platform, order, receivable)
		if n < 2 {
			moved := *m
			moved.Id, moved.Event = id+"-t", types.LogisticsEvent_IN_TRANSIT
			c.carrier = append(c.carrier, types.Wrap("", &moved))
			c.customs = append(c.customs, w.declared(id, name, o)...)
			s := settlement.GetRecordSettlement()
			end := sha256.Sum256([]byte("end-to-end " + id))
			s.Id, s.Payer, s.Payee = end[:], o.Buyer, seller
			s.Allocations[0].Receivable = name
			c.bank = append(c.bank, settlement)
		}
		c.carrier = append(c.carrier, delivered)
	}
	root := sha256.Sum256([]byte(name))
	c.platform = append(c.platform, types.Wrap(seller, &types.AnchorDocument{
		Id: "m" + strconv.Itoa(i), Subject: seller, Type: "380", Commitment: root[:], Fields: 12, IssueDay: day,
	}))
	c.verifier = types.Wrap("", &types.VerifyDocument{
		Document: fmt.Sprintf("%s/m%d", WorkPlatform, i), Verdict: types.Verdict_MATCH, Method: types.VerdictMethod_CROSS_CHECK, Day: day,
		Commitment: root[:], CheckDigest: root[:],
	})
	c.tax = types.Wrap("", &types.RecordTaxEvent{
		Id: "m" + strconv.Itoa(i), Subject: seller, Event: types.TaxEvent_INVOICE_VERIFIED, Receivable: name, Currency: currency,
		AmountMinor: 100_000, Day: day,
	})
	return c
}

// declared is the declaration of an order's export, and its release.
func (w *Workload) declared(id, order string, o *types.RecordOrder) []*types.Message {
	return []*types.Message{
		types.Wrap("", &types.RecordCustomsEvent{
			Id: id + "-d", Declaration: id, Event: types.CustomsEvent_DECLARED, Day: o.OrderDay, Mode: "0110", Order: order, Declarant: o.Seller,
			Export: true, Currency: o.Currency, ValueMinor: o.AmountMinor, Hs6: "850760", Place: "CNNGB",
		}),
		types.Wrap("", &types.RecordCustomsEvent{Id: id + "-r", Declaration: id, Event: types.CustomsEvent_RELEASED, Day: o.OrderDay}),
	}
}
