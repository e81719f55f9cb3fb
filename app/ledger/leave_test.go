package ledger

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// open lets an enterprise dispute an item, and returns the dispute.
func (tr *trade) open(subject, item string) string {
	tr.t.Helper()
	m := &types.OpenDispute{Id: tr.next(), Item: item, Reason: 1, StatementDigest: digest("why")}
	tr.ok(subject, m)
	return subject + "/" + m.Id
}

// expunge lets an enterprise dispute an item and whoever answers for it concede.
func (tr *trade) expunge(subject, item string) {
	tr.t.Helper()
	d := tr.open(subject, item)
	tr.ok(must(state.Get(tr, types.DisputeKey(d))).Provider,
		&types.RespondDispute{Dispute: d, Position: types.DisputePosition_CONCEDED, StatementDigest: digest("yes")})
}

// sums are the rows that scores read.
func (tr *trade) sums() map[string]string {
	rows := tr.rows()
	for key, text := range rows {
		if text == "0 0" { // a head on which nothing is open
			delete(rows, key)
		}
		if !slices.ContainsFunc([]string{"month/", "pair/", "rank/", "adverse-marks/", "subject/"}, func(p string) bool { return strings.HasPrefix(key, p) }) {
			delete(rows, key)
		}
	}
	return rows
}

// leaving is one kind of item: what goes before it, what makes it, and what may follow before it is disputed.
var leaving = []struct {
	name   string
	before func(tr *trade)
	item   func(tr *trade) (subject, key string)
}{
	{"adverse record", nil, func(tr *trade) (string, string) {
		tr.ok("tax", &types.RecordAdverse{Id: "a", Subject: seller, Kind: types.AdverseKind_TAX_MAJOR_VIOLATION, Day: tradeDay, Commitment: digest("a")})
		return seller, "adverse/tax/a"
	}},
	{"order", nil, func(tr *trade) (string, string) { return seller, "order/" + tr.shopOrder() }},
	{"order, cancelled too late", nil, func(tr *trade) (string, string) {
		o := tr.shopOrder()
		tr.Unix += 10 * secondsADay
		tr.ok("shop", &types.CancelOrder{Order: o, Day: tr.Today(), Reason: 1})
		return seller, "order/" + o
	}},
	{"customs event", func(tr *trade) { tr.shopOrder() }, func(tr *trade) (string, string) {
		tr.declare(types.CustomsEvent_DECLARED)
		return seller, "customs-event/customs/" + tr.last()
	}},
	{"tax event", nil, func(tr *trade) (string, string) {
		tr.ok("tax", &types.RecordTaxEvent{Id: "t", Subject: seller, Event: types.TaxEvent_REBATE_REFUSED, Currency: "CNY", AmountMinor: 5, Day: tradeDay})
		return seller, "tax-event/tax/t"
	}},
	{"foreign-exchange event", nil, func(tr *trade) (string, string) {
		tr.ok("forex", &types.RecordFxEvent{Id: "f", Subject: seller, Event: types.FxEvent_FX_RECEIVED, Currency: "CNY", AmountMinor: 5, Day: tradeDay})
		return seller, "fx-event/forex/f"
	}},
	{"verdict", nil, func(tr *trade) (string, string) {
		tr.ok(seller, &types.AnchorDocument{Id: "d", Subject: seller, Type: "861", Commitment: digest("d"), Fields: 1, IssueDay: tradeDay - 1})
		tr.ok("verifier", &types.VerifyDocument{
			Document: seller + "/d", Verdict: types.Verdict_MISMATCH, Method: types.VerdictMethod_ON_SITE, Day: tradeDay,
			Commitment: digest("d"), CheckDigest: digest("check"),
		})
		return seller, "document/" + seller + "/d/verifier"
	}},
	{"receivable, accepted", issueOne, func(tr *trade) (string, string) {
		tr.accept(seller + "/n1")
		return buyer, "receivable/" + seller + "/n1"
	}},
	{"receivable, paid in parts, one taken back, the rest written off", issueOne, func(tr *trade) (string, string) {
		id := seller + "/n1"
		tr.accept(id)
		tr.pay("bank-a", id, 300, tradeDay)
		back := tr.pay("shop", id, 200, tradeDay-1)
		tr.pay("bank-b", id, 100, tradeDay-2)
		tr.reverse(back)
		tr.Unix += 200 * secondsADay
		tr.ok(seller, &types.WriteOff{Receivable: id, Day: tr.Today(), Reason: 1})
		return buyer, "receivable/" + id
	}},
	{"receivable, settled", issueOne, func(tr *trade) (string, string) {
		tr.accept(seller + "/n1")
		tr.pay("shop", seller+"/n1", 1000, tradeDay)
		return buyer, "receivable/" + seller + "/n1"
	}},
	{"delivery, late", func(tr *trade) { tr.shopOrder(); tr.Unix += 10 * secondsADay }, func(tr *trade) (string, string) {
		tr.deliver("carrier")
		return seller, "movement/carrier/" + tr.last()
	}},
	{"return", func(tr *trade) { tr.shopOrder(); tr.deliver("carrier"); tr.ids-- }, func(tr *trade) (string, string) {
		order := "shop/" + tr.last()
		tr.ok("carrier", &types.RecordReturn{
			Id: tr.next(), Order: order, Kind: types.ReturnKind_RETURN_GOODS, Stage: types.ReturnStage_RETURN_OPENED,
			ValueMinor: 70, Fault: types.Fault_FAULT_OF_SELLER, Day: tr.Today(), Place: "DE",
		})
		return seller, "return/carrier/" + tr.last()
	}},
	{"half of a receivable that was split", issueOne, func(tr *trade) (string, string) {
		tr.accept(seller + "/n1")
		tr.ok(seller, &types.SplitReceivable{Receivable: seller + "/n1", Day: tradeDay, Children: []*types.SplitChild{
			{Id: "left", AmountMinor: 400}, {Id: "right", AmountMinor: 600},
		}})
		tr.pay("bank-a", seller+"/left", 100, tradeDay)
		tr.expunge(buyer, "receivable/"+seller+"/right")
		return buyer, "receivable/" + seller + "/left"
	}},
	{"financing, partly repaid", func(tr *trade) {
		issueOne(tr)
		tr.ok(seller, &types.OfferFinancing{
			Id: "o", Kind: types.FinancingKind_FACTORING, Lender: "bank-a", UntilDay: tradeDay + 30,
			Objects: []*types.OfferedObject{{Object: "receivable/" + seller + "/n1", AmountMinor: 800}},
		})
		tr.ok("bank-a", &types.ReserveFinancing{Id: "f", Offer: seller + "/o"})
	}, func(tr *trade) (string, string) {
		tr.ok("bank-a", &types.ConfirmFinancing{Financing: "bank-a/f", AdvanceMinor: 800, Day: tradeDay, DueDay: tradeDay + 3})
		for i, amount := range []int64{300, 1, 200} {
			tr.ok("bank-a", &types.RecordRepayment{Id: tr.next(), Financing: "bank-a/f", AmountMinor: amount, Day: tradeDay + int32(i%2)})
		}
		return seller, "financing/bank-a/f"
	}},
	{"settlement of what was accepted", func(tr *trade) { issueOne(tr); tr.accept(seller + "/n1"); tr.pay("bank-b", seller+"/n1", 1, tradeDay) },
		func(tr *trade) (string, string) {
			m := tr.payment(tradeDay, &types.Allocation{Receivable: seller + "/n1", AmountMinor: 400})
			tr.ok("bank-a", m)
			return buyer, string(types.SettlementKey(m.Id))
		}},
}

func issueOne(tr *trade) { tr.issue(seller, buyer, 1000, tradeDay-5) }

// last is the id of the record made last.
func (tr *trade) last() string { tr.ids--; return tr.next() }

// shopOrder is an order that the shop recorded, promised in five days.
func (tr *trade) shopOrder() string {
	m := &types.RecordOrder{
		Id: tr.next(), Kind: types.OrderKind_GOODS, Buyer: buyer, Seller: seller, OrderDay: tradeDay - 3, PromisedDay: tradeDay + 5,
		Currency: "CNY", AmountMinor: 700, TermsDigest: digest("terms"),
	}
	tr.ok("shop", m)
	return "shop/" + m.Id
}

// deliver lets a member deliver the order made before.
func (tr *trade) deliver(member string) {
	order := "shop/" + tr.last()
	tr.ok(member, &types.RecordLogisticsEvent{
		Id: tr.next(), Order: order, Event: types.LogisticsEvent_DELIVERED, Day: tr.Today(), Place: "DE",
	})
}

// declare lets customs take a declaration of the order made before.
func (tr *trade) declare(event types.CustomsEvent) {
	order := "shop/" + tr.last()
	tr.ok("customs", &types.RecordCustomsEvent{
		Id: tr.next(), Declaration: "decl", Event: event, Day: tradeDay, Mode: "0110", Order: order, Declarant: seller, Export: true,
		Currency: "CNY", ValueMinor: 700, Hs6: "850760", Place: "DE",
	})
}

// What is expunged leaves the sums as if it had never been, but for what a receivable's own issue counts and what a payment
// closed.
func TestLeavingIsExact(t *testing.T) {
	for _, c := range leaving {
		t.Run(c.name, func(t *testing.T) {
			tr := newTrade(t)
			if c.before != nil {
				c.before(tr)
			}
			before := tr.sums()
			subject, key := c.item(tr)
			tr.requireSums()
			with := tr.sums()
			require.NotEqual(t, before, with)
			tr.expunge(subject, key)
			tr.requireSums()
			after := tr.sums()
			for k, text := range before { // a promise that was kept or broken is closed
				if strings.HasPrefix(key, "movement/") {
					before[k] = strings.Replace(text, "promised:<day:20005 items:1 > ", "", 1)
				}
			}
			if strings.HasPrefix(key, "settlement/") { // it closed what it closed
				for k := range after {
					if strings.HasPrefix(k, "month/"+buyer) || strings.HasPrefix(k, "subject/") || strings.HasPrefix(k, "month/"+seller) {
						delete(after, k)
						delete(before, k)
					}
				}
			}
			require.Equal(t, before, after)
			require.True(t, must(state.Get(tr, types.DisputedItemKey(key))).Left)
			require.NoError(t, tr.auditRights(tr))
		})
	}
}

// What comes later of an item that left counts nowhere.
func TestNothingCountsAfterLeaving(t *testing.T) {
	tr := newTrade(t)
	order := tr.shopOrder()
	tr.expunge(buyer, "order/"+order)
	before := tr.sums()
	tr.ok(seller, &types.ConfirmOrder{Order: order, Day: tradeDay, TermsDigest: digest("terms")})
	tr.ok("carrier", &types.RecordLogisticsEvent{Id: "m", Order: order, Event: types.LogisticsEvent_DELIVERED, Day: tradeDay, Place: "DE"})
	tr.ok(buyer, &types.AcceptDelivery{Order: order, Day: tradeDay})
	require.Equal(t, before, tr.sums())

	id := tr.issue(seller, buyer, 1000, tradeDay-5)
	tr.expunge(buyer, "receivable/"+id)
	before = tr.sums()
	tr.accept(id)
	paid := tr.pay("bank-a", id, 400, tradeDay)
	require.Equal(t, before, tr.sums())
	tr.reverse(paid)
	tr.ok(seller, &types.SplitReceivable{Receivable: id, Day: tradeDay, Children: []*types.SplitChild{
		{Id: "left", AmountMinor: 400}, {Id: "right", AmountMinor: 600},
	}})
	tr.pay("bank-a", seller+"/left", 400, tradeDay)
	require.Equal(t, before, tr.sums())
	require.Equal(t, uint32(1), tr.owed(seller+"/left").Suppressed)
	require.NoError(t, tr.auditRights(tr))
	tr.requireSums()
}

// Random lives in which records are disputed, conceded, left unanswered, upheld and decided, while keys are lost, money is
// taken back and goods move: the sums follow all of it, and what left counts nowhere.
func TestRandomDisputes(t *testing.T) {
	done := map[string]int{}
	for seed := range int64(10) {
		b := newBreach(t, seed)
		b.mandate(seller, "carrier")
		for step := range 260 {
			switch n := b.rng.Intn(40); {
			case n == 0:
				who := tradeMembers[b.rng.Intn(len(tradeMembers))].id
				b.mark(who, b.keys[who], b.Unix-b.rng.Int63n(20*secondsADay))
			case n < 12:
				b.dispute()
			case n < 18:
				b.answer()
			case n < 22:
				b.pass(b.rng.Int63n(8 * secondsADay))
			default:
				b.one()
			}
			if step%20 == 0 {
				b.requireAll()
				require.NoError(t, b.auditRights(b))
			}
		}
		b.pass(90 * secondsADay)
		b.requireAll()
		require.NoError(t, b.auditRights(b))
		require.NoError(t, each(b, types.Disputes, func(id string, d *types.Dispute) error {
			require.Zero(t, disputeEnds(d), id)
			kind, _ := itemKindOf(d.Dispute.Item)
			done[d.Status.String()]++
			if must(state.Get(b, types.DisputedItemKey(d.Dispute.Item))).Left {
				done[kind.prefix]++
			}
			return nil
		}))
		for _, p := range b.all {
			done[p.entry.Kind.String()]++
		}
	}
	for _, what := range []string{
		"SUPPRESSED", "STANDS", "RESOLVED", "receivable/", "settlement/", "order/", "movement/", "customs-event/", "document/",
		"ENTRY_EVENT_EXCLUDED", "ENTRY_OBLIGATION_EXCLUDED", "ENTRY_CLAIM_EXCLUDED", "ENTRY_PAID_EXCLUDED",
		"ENTRY_COLLECTED_EXCLUDED", "ENTRY_VERDICT_EXCLUDED", "ENTRY_ORDER_SOLD_REVERSED", "ENTRY_EVIDENCE_LOST",
	} {
		require.Greater(t, done[what], 5, what)
	}
	t.Log(done)
}

// dispute lets a party open a dispute about something that was said.
func (b *breach) dispute() {
	if len(b.said) == 0 {
		return
	}
	s := b.said[b.rng.Intn(len(b.said))]
	key := ""
	id := func(source string) string { return s.signer + "/" + source }
	switch m := s.msg.(type) {
	case *types.RecordOrder:
		key = string(types.OrderKey(id(m.Id)))
	case *types.RecordLogisticsEvent:
		key = string(types.MovementKey(id(m.Id)))
	case *types.RecordCustomsEvent:
		key = string(types.CustomsEventKey(id(m.Id)))
	case *types.IssueReceivable:
		key = string(types.ReceivableKey(id(m.Id)))
	case *types.RecordSettlement:
		key = string(types.SettlementKey(m.Id))
	case *types.VerifyDocument:
		key = string(types.DocumentKey(m.Document)) + "/" + s.signer
	default:
		return
	}
	it := must(b.tx().item(key))
	if others := it.another(); len(others) > 0 {
		b.say(others[b.rng.Intn(len(others))], &types.OpenDispute{Id: b.next(), Item: key, Reason: 1, StatementDigest: digest("why")})
	}
}

// answer lets somebody do something about an open dispute.
func (b *breach) answer() {
	var open []string
	require.NoError(b.t, each(b, types.Disputes, func(id string, d *types.Dispute) error {
		if disputeEnds(d) > 0 {
			open = append(open, id)
		}
		return nil
	}))
	if len(open) == 0 {
		return
	}
	id := open[b.rng.Intn(len(open))]
	d := must(state.Get(b, types.DisputeKey(id)))
	switch b.rng.Intn(6) {
	case 0:
		b.say(d.Provider, &types.RespondDispute{Dispute: id, Position: types.DisputePosition_CONCEDED, StatementDigest: digest("yes")})
	case 1, 2:
		b.say(d.Provider, &types.RespondDispute{Dispute: id, Position: types.DisputePosition_UPHELD, StatementDigest: digest("no")})
	case 3:
		b.say(d.Subject, &types.EscalateDispute{Dispute: id})
	case 4:
		b.say(d.Provider, &types.ResolveDispute{Dispute: id, Outcome: types.DisputeOutcome_ITEM_EXPUNGED, AwardDigest: digest("award")})
	case 5:
		b.say(d.Subject, &types.ResolveDispute{Dispute: id, Outcome: types.DisputeOutcome_DISPUTE_WITHDRAWN, AwardDigest: digest("award")})
	}
}

// What leaves at once by the thousand leaves over many blocks: a block does no more than its share.
func TestLeavingIsBoundedPerBlock(t *testing.T) {
	tr := newTrade(t)
	var disputes []string
	for range 8 {
		id := tr.issue(seller, buyer, 6000, tradeDay-5)
		tr.accept(id)
		for range 40 {
			tr.pay("bank-a", id, 100, tradeDay)
		}
		disputes = append(disputes, tr.open(buyer, "receivable/"+id))
	}
	tr.Unix += answerS
	blocks := 0
	for ; blocks < 20; blocks++ {
		tr.swept = 0
		stats, err := tr.Begin()
		require.NoError(t, err)
		require.Zero(t, stats.Bad)
		tr.collect()
		require.Less(t, tr.swept, sweepWork+4*maxReceivableParts)
		tr.Unix++
		if stats.Due == 0 {
			break
		}
	}
	require.Equal(t, 4, blocks, "two a block")
	for _, d := range disputes {
		require.Equal(t, types.DisputeStatus_SUPPRESSED, must(state.Get(tr, types.DisputeKey(d))).Status)
	}
	tr.requireSums()
	require.NoError(t, tr.auditRights(tr))
}

// A thief with the key of an authority, or of an arbiter, forgives nobody for long.
func TestStolenKeysForgiveNobody(t *testing.T) {
	for _, by := range []string{"answer", "end"} {
		b := newBreach(t, 1)
		b.ok("tax", &types.RecordAdverse{Id: "a", Subject: seller, Kind: types.AdverseKind_TAX_MAJOR_VIOLATION, Day: tradeDay, Commitment: digest("a")})
		marked := b.sums()["adverse-marks/"+seller]
		require.NotEmpty(t, marked)
		b.Unix += secondsADay
		if d := b.open(seller, "adverse/tax/a"); by == "answer" {
			b.ok("tax", &types.RespondDispute{Dispute: d, Position: types.DisputePosition_CONCEDED, StatementDigest: digest("yes")})
		} else {
			b.ok("tax", &types.ResolveDispute{Dispute: d, Outcome: types.DisputeOutcome_ITEM_EXPUNGED, AwardDigest: digest("award")})
		}
		require.Empty(t, b.sums()["adverse-marks/"+seller])
		b.mark("tax", "k0", b.Unix)
		b.pass(31 * secondsADay)
		require.Equal(t, marked, b.sums()["adverse-marks/"+seller])
		require.NoError(t, b.auditRights(b))
		require.Equal(t, types.Code_dispute_needs_leave, b.say(seller, &types.OpenDispute{
			Id: "again", Item: "adverse/tax/a", Reason: 1, StatementDigest: digest("why"),
		}))
	}
}
