package ledger

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// transitions reads a table of states and events, "-" for what is refused, and calls fn for every cell.
func transitions(t *testing.T, table string, fn func(from, event, to string)) {
	lines := strings.Split(strings.TrimSpace(table), "\n")
	events := strings.Fields(lines[0])
	require.NotEmpty(t, events)
	for _, line := range lines[1:] {
		cells := strings.Fields(line)
		require.Len(t, cells, len(events)+1, line)
		for i, event := range events {
			fn(cells[0], event, cells[i+1])
		}
	}
}

// Every state of an order against every movement.
func TestOrderStates(t *testing.T) {
	seen := 0
	transitions(t, `
	                   IN_TRANSIT       IN_WAREHOUSE       DELIVERED       ESTIMATE
	PROPOSED           ORDER_IN_TRANSIT -                  ORDER_DELIVERED PROPOSED
	CONFIRMED          ORDER_IN_TRANSIT -                  ORDER_DELIVERED CONFIRMED
	ORDER_IN_TRANSIT   ORDER_IN_TRANSIT ORDER_IN_WAREHOUSE ORDER_DELIVERED ORDER_IN_TRANSIT
	ORDER_IN_WAREHOUSE ORDER_IN_TRANSIT ORDER_IN_WAREHOUSE ORDER_DELIVERED ORDER_IN_WAREHOUSE
	ORDER_DELIVERED    -                -                  -               -
	ORDER_ACCEPTED     -                -                  -               -
	ORDER_CLOSED       -                -                  -               -
	ORDER_CANCELLED    -                -                  -               -
	ORDER_DISPUTED     -                -                  -               -
	ORDER_RETURNING    -                -                  -               -
	ORDER_RETURNED     -                -                  -               -
	ORDER_REEXPORTED   -                -                  -               -
	`, func(from, event, to string) {
		next, ok := moved(types.OrderStatus(types.OrderStatus_value[from]), types.LogisticsEvent(types.LogisticsEvent_value[event]))
		require.Equal(t, to != "-", ok, "%s, %s", from, event)
		if ok {
			require.Equal(t, to, next.String(), "%s, %s", from, event)
		}
		seen++
	})
	require.Equal(t, (len(types.OrderStatus_name)-1)*(len(types.LogisticsEvent_name)-1), seen)
}

// Every state of a declaration against every event after DECLARED.
func TestDeclarationStates(t *testing.T) {
	seen := 0
	transitions(t, `
	                       INSPECTED RELEASED GATE_OUT DECLARATION_CLOSED DECLARATION_AMENDED DECLARATION_REVOKED SUMMARY_DECLARED SOLD_THROUGH
	DECLARATION_DECLARED   INSPECTED RELEASED -        -                  DECLARED            IS_REVOKED          -                -
	DECLARATION_INSPECTED  -         RELEASED -        -                  INSPECTED           IS_REVOKED          -                -
	DECLARATION_RELEASED   -         -        GATE_OUT -                  RELEASED            IS_REVOKED          RELEASED         -
	DECLARATION_GATE_OUT   -         -        -        IS_CLOSED          GATE_OUT            -                   GATE_OUT         GATE_OUT
	DECLARATION_IS_CLOSED  -         -        -        -                  -                   -                   -                -
	DECLARATION_IS_REVOKED -         -        -        -                  -                   -                   -                -
	`, func(from, event, to string) {
		next, ok := cleared(types.DeclarationStatus(types.DeclarationStatus_value[from]), types.CustomsEvent(types.CustomsEvent_value[event]))
		require.Equal(t, to != "-", ok, "%s, %s", from, event)
		if ok {
			require.Equal(t, "DECLARATION_"+to, next.String(), "%s, %s", from, event)
		}
		seen++
	})
	require.Equal(t, (len(types.DeclarationStatus_name)-1)*(len(types.CustomsEvent_name)-2), seen)
}

func (tr *trade) record(signer, buyer, seller string) string {
	tr.t.Helper()
	m := &types.RecordOrder{
		Id: tr.next(), Kind: types.OrderKind_GOODS, Buyer: buyer, Seller: seller, OrderDay: tradeDay - 5, PromisedDay: tradeDay,
		Currency: "CNY", AmountMinor: 1000, TermsDigest: digest("terms"),
	}
	tr.ok(signer, m)
	member, _, _ := strings.Cut(signer, " for ")
	return member + "/" + m.Id
}

func (tr *trade) move(signer, order string, event types.LogisticsEvent, day int32) {
	tr.t.Helper()
	tr.ok(signer, &types.RecordLogisticsEvent{Id: tr.next(), Order: order, Event: event, Day: day, Place: "DE"})
}

// What is sent again is already recorded, whatever became of the order or the receivable since.
func TestSentAgain(t *testing.T) {
	tr := newTrade(t)
	order := &types.RecordOrder{
		Id: "o", Kind: types.OrderKind_GOODS, Buyer: buyer, Seller: seller, OrderDay: tradeDay, PromisedDay: tradeDay,
		Currency: "CNY", AmountMinor: 1000, TermsDigest: digest("terms"),
	}
	receivable := &types.IssueReceivable{
		Id: "r", Order: "shop/o", Seller: seller, Debtor: buyer, Type: "380", Currency: "CNY", AmountMinor: 1100,
		IssueDay: tradeDay, DueDay: tradeDay, Commitment: digest("paper"),
	}
	id := seller + "/r"
	type message struct {
		signer string
		msg    types.Msg
	}
	declare := &types.RecordCustomsEvent{
		Id: "e1", Declaration: "d", Event: types.CustomsEvent_DECLARED, Day: tradeDay, Mode: "0110", Order: "shop/o",
		Declarant: seller, Export: true, Currency: "CNY", ValueMinor: 5,
	}
	all := []message{
		{"shop", order},
		{buyer, &types.ConfirmOrder{Order: "shop/o", TermsDigest: digest("terms"), Day: tradeDay}},
		{"carrier", &types.RecordLogisticsEvent{Id: "m1", Order: "shop/o", Event: types.LogisticsEvent_IN_TRANSIT, Day: tradeDay, Place: "DE"}},
		{"customs", declare},
		{"customs", &types.RecordCustomsEvent{Id: "e2", Declaration: "d", Event: types.CustomsEvent_RELEASED, Day: tradeDay}},
		{"carrier", &types.RecordLogisticsEvent{Id: "m2", Order: "shop/o", Event: types.LogisticsEvent_DELIVERED, Day: tradeDay, Place: "FR"}},
		{buyer, &types.AcceptDelivery{Order: "shop/o", Day: tradeDay}},
		{seller, receivable},
		{buyer, &types.AcceptReceivable{Receivable: id, Day: tradeDay, Commitment: digest("paper")}},
		{"bank-a", &types.RecordSettlement{
			Id: digest("p"), Side: types.SettlementSide_CREDITOR, Payer: buyer, Payee: seller, Currency: "CNY", AmountMinor: 1100,
			Day: tradeDay, Channel: types.Channel_CIPS, Stage: types.SettlementStage_SALE,
			Allocations: []*types.Allocation{{Receivable: id, AmountMinor: 1100}},
		}},
		{"bank-b", &types.RecordSettlement{
			Id: digest("p"), Side: types.SettlementSide_DEBTOR, Payer: buyer, Payee: seller, Currency: "CNY", AmountMinor: 1100,
			Day: tradeDay, Channel: types.Channel_CIPS, Stage: types.SettlementStage_SALE,
		}},
		{"bank-a", &types.ReverseSettlement{Settlement: digest("p"), Day: tradeDay, Reason: 1}},
	}
	for _, m := range all {
		tr.ok(m.signer, m.msg)
	}
	tr.requireSums()
	before := tr.rows()
	for _, days := range []int64{0, 100} {
		tr.Unix += days * 86400
		for _, m := range all {
			require.Equal(t, types.Code_already_recorded, tr.say(m.signer, m.msg), "%v", m.msg)
		}
	}
	require.Equal(t, before, tr.rows())
}

// A promise is open from the sale to the delivery, and never for what the buyer alone recorded.
func TestPromises(t *testing.T) {
	open := func(tr *trade) (items int64) {
		m, err := state.Get(tr, types.MonthKey(seller, types.MonthOf(tradeDay)))
		require.NoError(t, err)
		if m != nil {
			for _, d := range m.Promised {
				items += d.Items
			}
		}
		return items
	}
	for _, c := range []struct {
		name, signer string
		confirmer    string
		sold         int64 // open promises when recorded
		promised     int64 // and when confirmed
	}{
		{"platform", "shop", buyer, 1, 1},
		{"seller", seller, buyer, 1, 1},
		{"seller's delegate", "bank-a for " + seller, buyer, 1, 1},
		{"buyer", buyer, seller, 0, 1},
		{"buyer, one delegate of both", "bank-a for " + buyer, "bank-a for " + seller, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := newTrade(t)
			tr.mandate(seller, "bank-a")
			tr.mandate(buyer, "bank-a")
			id := tr.record(c.signer, buyer, seller)
			require.Equal(t, c.sold, open(tr))
			tr.ok(c.confirmer, &types.ConfirmOrder{Order: id, TermsDigest: digest("terms"), Day: tradeDay})
			require.Equal(t, c.promised, open(tr))
			tr.move("carrier", id, types.LogisticsEvent_IN_TRANSIT, tradeDay)
			tr.move("carrier", id, types.LogisticsEvent_DELIVERED, tradeDay)
			require.Zero(t, open(tr))
			tr.requireSums()
		})
	}
	t.Run("buyer alone", func(t *testing.T) {
		tr := newTrade(t)
		id := tr.record(buyer, buyer, seller)
		tr.move("carrier", id, types.LogisticsEvent_DELIVERED, tradeDay)
		require.Zero(t, open(tr))
		tr.requireSums()
	})
}

// Legs follow the order to all its receivables, and the fourth and fifth are told to the seller's log once.
func TestLegsFollowTheOrder(t *testing.T) {
	tr := newTrade(t)
	id := tr.record(seller, buyer, seller)
	var receivables []string
	for range maxOrderReceivables {
		receivables = append(receivables, tr.issue(seller, buyer, 30, tradeDay, func(m *types.IssueReceivable) { m.Order = id }))
	}
	require.Equal(t, types.Code_too_many_parts, tr.say(seller, &types.IssueReceivable{
		Id: "more", Order: id, Seller: seller, Debtor: buyer, Type: "380", Currency: "CNY", AmountMinor: 1,
		IssueDay: tradeDay, DueDay: tradeDay, Commitment: digest("paper"),
	}))
	for _, r := range receivables {
		tr.accept(r)
	}
	tr.ok(buyer, &types.ConfirmOrder{Order: id, TermsDigest: digest("terms"), Day: tradeDay})
	tr.move("carrier", id, types.LogisticsEvent_DELIVERED, tradeDay)
	sum := func() int64 {
		m, err := state.Get(tr, types.MonthKey(seller, types.MonthOf(tradeDay-20)))
		require.NoError(t, err)
		return m.ReceivablesLegs
	}
	require.Zero(t, sum())
	tr.ok(buyer, &types.AcceptDelivery{Order: id, Day: tradeDay})
	require.Equal(t, int64(maxOrderReceivables), sum())
	payment := tr.pay("bank-a", receivables[0], 30, tradeDay)
	require.Equal(t, legContract|legGoods|legReceipt|legInvoice|legFunds, tr.owed(receivables[0]).Legs)
	require.Equal(t, legContract|legGoods|legReceipt|legInvoice, tr.owed(receivables[1]).Legs)
	tr.reverse(payment)
	require.Equal(t, legContract|legGoods|legReceipt|legInvoice, tr.owed(receivables[0]).Legs)
	require.Equal(t, int64(maxOrderReceivables), sum())
	tr.requireSums()
}

// States that no message of this version leads to are refused all the same.
func TestClosedStatesRefuse(t *testing.T) {
	tr := newTrade(t)
	order := tr.record("shop", buyer, seller)
	o, err := state.Get(tr, types.OrderKey(order))
	require.NoError(t, err)
	o.Status = types.OrderStatus_ORDER_CANCELLED
	require.NoError(t, state.Set(tr, types.OrderKey(order), o))
	for _, m := range []struct {
		signer string
		msg    types.Msg
	}{
		{buyer, &types.ConfirmOrder{Order: order, TermsDigest: digest("terms"), Day: tradeDay}},
		{buyer, &types.AcceptDelivery{Order: order, Day: tradeDay}},
		{"carrier", &types.RecordLogisticsEvent{Id: "m", Order: order, Event: types.LogisticsEvent_ESTIMATE, Day: tradeDay, Place: "DE"}},
		{"customs", &types.RecordCustomsEvent{
			Id: "e", Declaration: "d", Event: types.CustomsEvent_DECLARED, Day: tradeDay, Mode: "0110", Order: order,
			Declarant: seller, Export: true, Currency: "CNY", ValueMinor: 5,
		}},
		{seller, &types.IssueReceivable{
			Id: "r", Order: order, Seller: seller, Debtor: buyer, Type: "380", Currency: "CNY", AmountMinor: 1,
			IssueDay: tradeDay, DueDay: tradeDay, Commitment: digest("paper"),
		}},
	} {
		require.Equal(t, types.Code_order_state_forbids, tr.say(m.signer, m.msg), "%v", m.msg)
	}
	for _, status := range []types.ReceivableStatus{
		types.ReceivableStatus_REJECTED, types.ReceivableStatus_VOID, types.ReceivableStatus_WRITTEN_OFF,
	} {
		id := tr.issue(seller, buyer, 10, tradeDay)
		r := tr.owed(id)
		r.Status = status
		require.NoError(t, state.Set(tr, types.ReceivableKey(id), r))
		require.Equal(t, types.Code_receivable_state_forbids, tr.say("bank-a", tr.payment(tradeDay, &types.Allocation{Receivable: id, AmountMinor: 1})))
		require.Equal(t, types.Code_receivable_state_forbids, tr.say(buyer, &types.AcceptReceivable{Receivable: id, Day: tradeDay, Commitment: digest("paper")}))
	}
}

// A receivable of a related order is related, whether it says so or not.
func TestRelatedOrderMakesRelatedReceivables(t *testing.T) {
	tr := newTrade(t)
	tr.ok("shop", &types.RecordOrder{
		Id: "o", Kind: types.OrderKind_GOODS, Buyer: buyer, Seller: seller, OrderDay: tradeDay, PromisedDay: tradeDay,
		Currency: "CNY", AmountMinor: 1000, TermsDigest: digest("terms"), Related: true,
	})
	id := tr.issue(seller, buyer, 10, tradeDay, func(m *types.IssueReceivable) { m.Order = "shop/o" })
	require.True(t, tr.owed(id).Related)
	tr.accept(id)
	require.False(t, tr.owed(id).Experience)
	tr.requireSums()
}
