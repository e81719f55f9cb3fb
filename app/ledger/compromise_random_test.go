package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Random lives in which keys are lost, marks are moved back, and some of what they signed is confirmed again: exactly
// what should fall falls, and the sums follow it.
func TestRandomCompromise(t *testing.T) {
	done := map[string]int{}
	for seed := range int64(12) {
		b := newBreach(t, seed)
		for step := range 220 {
			switch n := b.rng.Intn(40); {
			case n == 0:
				who := tradeMembers[b.rng.Intn(len(tradeMembers))].id
				if b.rng.Intn(5) == 0 {
					who = seller
				}
				b.mark(who, b.keys[who], b.Unix-b.rng.Int63n(20*secondsADay))
			case n == 1 && len(b.marks) > 0:
				m := b.marks[b.rng.Intn(len(b.marks))]
				b.mark(m.holder, m.key, m.since-b.rng.Int63n(9*secondsADay))
			case n < 8 && len(b.said) > 0:
				b.repeat(b.said[b.rng.Intn(len(b.said))])
			case n < 16:
				b.pass(b.rng.Int63n(2 * secondsADay))
			default:
				b.one()
			}
			if step%20 == 0 {
				b.requireAll()
			}
		}
		for range 8 {
			b.pass(5 * secondsADay)
			b.requireAll()
		}
		for _, s := range b.said {
			b.repeat(s)
		}
		for _, p := range b.all {
			done[p.entry.Kind.String()]++
		}
		for what, n := range b.done {
			done[what] += n
		}
		require.NoError(t, b.Scan(string(types.Dues), func(key string, value []byte) error {
			var due types.Due
			require.NoError(t, due.Unmarshal(value))
			require.NotEqual(t, types.DueKind_DUE_COMPROMISE, due.Kind, key)
			return nil
		}))
	}
	for _, what := range []string{
		"marks", "confirmed again", "fell *types.RecordOrder", "fell *types.RecordLogisticsEvent", "fell *types.RecordCustomsEvent",
		"fell *types.IssueReceivable", "fell *types.RecordSettlement", "fell *types.VerifyDocument", "fell *types.PublishFixing",
		"ENTRY_EVIDENCE_LOST", "ENTRY_CUSTOMS_EXCLUDED", "ENTRY_VERDICT_EXCLUDED", "ENTRY_PAID_EXCLUDED", "ENTRY_LEGS_LOST",
		"ENTRY_OBLIGATION_REVERSED",
	} {
		require.Positive(t, done[what], what)
	}
}

// one lets something happen.
func (b *breach) one() {
	today := b.Today()
	ago := func(n int32) int32 { return today - b.rng.Int31n(n) }
	switch n := b.rng.Intn(21); {
	case n == 20:
		b.whole()
	case n < 2:
		b.tell([]string{"shop", seller}[b.rng.Intn(2)], &types.RecordOrder{
			Id: b.next(), Kind: types.OrderKind_GOODS, Buyer: buyer, Seller: seller, OrderDay: ago(20), PromisedDay: today + 3,
			Currency: "CNY", AmountMinor: 1000, TermsDigest: digest("terms"),
		})
	case n < 3:
		if o := anyOf[*types.RecordOrder](b); o != nil {
			b.say(buyer, &types.ConfirmOrder{Order: o.signer + "/" + o.msg.(*types.RecordOrder).Id, TermsDigest: digest("terms"), Day: today})
		}
	case n < 6:
		if o := anyOf[*types.RecordOrder](b); o != nil {
			b.tell([]string{"carrier", "shop"}[b.rng.Intn(2)], &types.RecordLogisticsEvent{
				Id: b.next(), Order: o.signer + "/" + o.msg.(*types.RecordOrder).Id, Day: ago(20), Place: "DE",
				Event: []types.LogisticsEvent{types.LogisticsEvent_IN_TRANSIT, types.LogisticsEvent_DELIVERED}[b.rng.Intn(2)],
			})
		}
	case n < 8:
		b.customs(ago(60))
	case n < 10:
		m := &types.IssueReceivable{
			Id: b.next(), Seller: seller, Debtor: buyer, Type: "380", Currency: "CNY", AmountMinor: 1000 + b.rng.Int63n(60),
			IssueDay: ago(20), DueDay: today + b.rng.Int31n(20), Commitment: digest("paper"),
		}
		if b.rng.Intn(3) == 0 {
			m.Seller, m.Debtor = buyer, seller
		}
		if o := anyOf[*types.RecordOrder](b); o != nil && m.Seller == seller {
			m.Order = o.signer + "/" + o.msg.(*types.RecordOrder).Id
		}
		b.tell(m.Seller, m)
	case n < 11:
		if s := anyOf[*types.IssueReceivable](b); s != nil {
			m := s.msg.(*types.IssueReceivable)
			b.say(m.Debtor, &types.AcceptReceivable{Receivable: m.Seller + "/" + m.Id, Day: today, Commitment: m.Commitment})
		}
	case n < 16:
		b.money(ago(50))
	case n < 18:
		b.verdict(ago(50))
	case n < 19:
		day := ago(30)
		if must(state.Get(b, types.FixingKey("EUR", day))) == nil {
			b.tell("forex", &types.PublishFixing{Currency: "EUR", Day: day, RateE9: 7_700_000_000})
		}
	default:
		if s := anyOf[*types.RecordSettlement](b); s != nil {
			b.say(s.signer, &types.ReverseSettlement{Settlement: s.msg.(*types.RecordSettlement).Id, Day: today, Reason: 1})
		}
	}
}

// whole is a trade from order to money, with every leg there is.
func (b *breach) whole() {
	today := b.Today()
	order := &types.RecordOrder{
		Id: b.next(), Kind: types.OrderKind_GOODS, Buyer: buyer, Seller: seller, OrderDay: today, PromisedDay: today + 3,
		Currency: "CNY", AmountMinor: 5000, TermsDigest: digest("terms"),
	}
	b.tell("shop", order)
	id, declaration := "shop/"+order.Id, b.next()
	b.ok(buyer, &types.ConfirmOrder{Order: id, TermsDigest: digest("terms"), Day: today})
	b.tell("customs", &types.RecordCustomsEvent{
		Id: b.next(), Declaration: declaration, Event: types.CustomsEvent_DECLARED, Day: today, Mode: "0110", Order: id,
		Declarant: seller, Export: true, Currency: "CNY", ValueMinor: 5,
	})
	b.tell("customs", &types.RecordCustomsEvent{Id: b.next(), Declaration: declaration, Event: types.CustomsEvent_RELEASED, Day: today})
	b.tell("carrier", &types.RecordLogisticsEvent{Id: b.next(), Order: id, Day: today, Place: "DE", Event: types.LogisticsEvent_DELIVERED})
	r := &types.IssueReceivable{
		Id: b.next(), Order: id, Seller: seller, Debtor: buyer, Type: "380", Currency: "CNY", AmountMinor: 5000,
		IssueDay: today, DueDay: today + 9, Commitment: digest("paper"),
	}
	b.tell(seller, r)
	b.ok(buyer, &types.AcceptReceivable{Receivable: seller + "/" + r.Id, Day: today, Commitment: r.Commitment})
	b.tell("bank-a", b.payment(today, &types.Allocation{Receivable: seller + "/" + r.Id, AmountMinor: 3000}))
}

func anyOf[M types.Msg](b *breach) *said {
	for range 8 {
		if len(b.said) == 0 {
			return nil
		}
		s := b.said[b.rng.Intn(len(b.said))]
		if _, ok := s.msg.(M); ok {
			return s
		}
	}
	return nil
}

func (b *breach) customs(day int32) {
	o := anyOf[*types.RecordOrder](b)
	if o == nil {
		return
	}
	if d := anyOf[*types.RecordCustomsEvent](b); d != nil && b.rng.Intn(2) == 0 {
		b.tell("customs", &types.RecordCustomsEvent{
			Id: b.next(), Declaration: d.msg.(*types.RecordCustomsEvent).Declaration, Day: b.Today(),
			Event: []types.CustomsEvent{types.CustomsEvent_RELEASED, types.CustomsEvent_DECLARATION_REVOKED}[b.rng.Intn(2)],
		})
		return
	}
	b.tell("customs", &types.RecordCustomsEvent{
		Id: b.next(), Declaration: b.next(), Event: types.CustomsEvent_DECLARED, Day: day, Mode: "0110",
		Order: o.signer + "/" + o.msg.(*types.RecordOrder).Id, Declarant: seller, Export: true, Currency: "CNY", ValueMinor: 5,
	})
}

func (b *breach) money(day int32) {
	s := anyOf[*types.IssueReceivable](b)
	if s == nil {
		return
	}
	m := s.msg.(*types.IssueReceivable)
	id := m.Seller + "/" + m.Id
	r := b.owed(id)
	open := m.AmountMinor - r.SettledMinor
	if open == 0 {
		return
	}
	amount := open
	if b.rng.Intn(2) == 0 {
		amount = 1 + b.rng.Int63n(open)
	}
	p := b.payment(day, &types.Allocation{Receivable: id, AmountMinor: amount})
	signer := []string{"bank-a", "bank-b", "shop"}[b.rng.Intn(3)]
	if signer == "shop" {
		p.Channel = types.Channel_ESCROW
	}
	if b.tell(signer, p) && signer == "bank-a" && b.rng.Intn(3) == 0 {
		other := *p
		other.Side, other.Allocations = types.SettlementSide_DEBTOR, nil
		b.tell("bank-b", &other)
	}
}

func (b *breach) verdict(day int32) {
	id := b.next()
	b.ok(seller, &types.AnchorDocument{
		Id: id, Subject: seller, Type: "380", Commitment: digest(id), Fields: 3, IssueDay: b.Today() - 60,
	})
	b.tell([]string{"tax", "verifier"}[b.rng.Intn(2)], &types.VerifyDocument{
		Document: seller + "/" + id, Verdict: types.Verdict(1 + b.rng.Intn(5)), Method: types.VerdictMethod_ORIGINAL_SEEN,
		Day: day, Commitment: digest(id), CheckDigest: digest("check"),
	})
}
