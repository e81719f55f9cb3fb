package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Games that a seller can play with orders, deliveries and services, and how they end (LEDGER.md §8).

// shares adds up what a score reads of a seller's promises: kept, broken, and open past their day.
func (tr *trade) shares(subject string) (kept, broken, overdue, fulfilled int64) {
	require.NoError(tr.t, tr.Scan("month/"+subject+"/", func(_ string, value []byte) error {
		var m types.MonthSum
		require.NoError(tr.t, m.Unmarshal(value))
		kept += m.DeliveredOnTime
		broken += m.DeliveredLate
		fulfilled += m.Fulfilled
		for _, d := range m.Promised {
			if d.Day < tr.Today() {
				overdue += d.Items
			}
		}
		return nil
	}))
	return kept, broken, overdue, fulfilled
}

// ordered records an order of that kind, promised for a day, and returns its id.
func (tr *trade) ordered(signer string, kind types.OrderKind, promised int32, change ...func(*types.RecordOrder)) string {
	tr.t.Helper()
	m := &types.RecordOrder{
		Id: tr.next(), Kind: kind, Buyer: buyer, Seller: seller, OrderDay: tr.Today() - 5, PromisedDay: promised,
		Currency: "CNY", AmountMinor: 1000, TermsDigest: digest("terms"),
	}
	for _, f := range change {
		f(m)
	}
	tr.ok(signer, m)
	for i := range signer {
		if signer[i] == ' ' {
			return signer[:i] + "/" + m.Id
		}
	}
	return signer + "/" + m.Id
}

func (tr *trade) pass(days int32) { tr.Unix += int64(days) * 86400 }

// Once the promised day has passed, no trick makes the order anything but late, and none makes it kept.
func TestBrokenPromisesStayBroken(t *testing.T) {
	confirm := func(tr *trade, id, by string) {
		tr.ok(by, &types.ConfirmOrder{Order: id, TermsDigest: digest("terms"), Day: tr.Today()})
	}
	later := func(tr *trade, id string) *types.AmendOrder {
		return &types.AmendOrder{Order: id, PromisedDay: tr.Today() + 30, AmountMinor: 1000, TermsDigest: digest("later"), Day: tr.Today()}
	}
	deliver := func(tr *trade, signer, id string, day int32) {
		tr.move(signer, id, types.LogisticsEvent_DELIVERED, day)
	}
	step := func(tr *trade, id string) string {
		m := &types.RecordServiceProgress{
			Id: tr.next(), Order: id, Service: types.ServiceClass_ITO, Ebops: "SI", ExecutedMinor: 1000, Day: tr.Today(), Commitment: digest("paper"),
		}
		tr.ok(seller, m)
		return seller + "/" + m.Id
	}
	confirmStep := func(tr *trade, step, by string, day int32) types.Code {
		return tr.say(by, &types.ConfirmServiceProgress{Progress: step, ExecutedMinor: 1000, Day: day, Commitment: digest("paper")})
	}
	for _, c := range []struct {
		name, recorder string
		kind           types.OrderKind
		before, trick  func(tr *trade, id string)
	}{
		{"amends its own order alone", seller, types.OrderKind_GOODS, nil, func(tr *trade, id string) {
			require.Equal(t, types.Code_order_state_forbids, tr.say(seller, later(tr, id)))
		}},
		{"a friendly platform amends it", "shop", types.OrderKind_GOODS, nil, func(tr *trade, id string) {
			require.Equal(t, types.Code_order_state_forbids, tr.say("shop", later(tr, id)))
		}},
		{"amends to a day in the past, and says it was long ago", seller, types.OrderKind_GOODS, nil, func(tr *trade, id string) {
			m := later(tr, id)
			m.PromisedDay, m.Day = tradeDay, tradeDay-200
			tr.ok(seller, m)
		}},
		{"amends in the name of both", "shop", types.OrderKind_GOODS, func(tr *trade, id string) { confirm(tr, id, buyer) }, func(tr *trade, id string) {
			tr.mandate(seller, "bank-a")
			tr.mandate(buyer, "bank-a")
			tr.ok("bank-a for "+seller, later(tr, id))
			m := &types.ConfirmOrder{Order: id, TermsDigest: digest("later"), Day: tr.Today()}
			require.Equal(t, types.Code_same_control_group, tr.say("bank-a for "+buyer, m))
		}},
		{"lets a bank of its own group agree for the buyer", "shop", types.OrderKind_GOODS, func(tr *trade, id string) { confirm(tr, id, buyer) }, func(tr *trade, id string) {
			tr.enterprise(seller, "bank-a-group")
			tr.mandate(seller, "bank-b")
			tr.mandate(buyer, "bank-a")
			tr.ok("bank-b for "+seller, later(tr, id))
			m := &types.ConfirmOrder{Order: id, TermsDigest: digest("later"), Day: tr.Today()}
			require.Equal(t, types.Code_same_control_group, tr.say("bank-a for "+buyer, m))
		}},
		{"cancels its own order alone", seller, types.OrderKind_GOODS, nil, func(tr *trade, id string) {
			tr.ok(seller, &types.CancelOrder{Order: id, Day: tr.Today()})
		}},
		{"cancels with a day in the past", seller, types.OrderKind_GOODS, nil, func(tr *trade, id string) {
			tr.ok(seller, &types.CancelOrder{Order: id, Day: tradeDay - 3})
		}},
		{"the platform cancels", "shop", types.OrderKind_GOODS, nil, func(tr *trade, id string) {
			tr.ok("shop", &types.CancelOrder{Order: id, Day: tr.Today()})
		}},
		{"cancels together with the buyer", "shop", types.OrderKind_GOODS, func(tr *trade, id string) { confirm(tr, id, buyer) }, func(tr *trade, id string) {
			tr.ok(buyer, &types.CancelOrder{Order: id, Day: tr.Today()})
			tr.ok(seller, &types.CancelOrder{Order: id, Day: tr.Today()})
		}},
		{"the platform that recorded the order signs the delivery", "shop", types.OrderKind_GOODS, nil, func(tr *trade, id string) {
			deliver(tr, "shop", id, tr.Today())
		}},
		{"a carrier of its own group signs the delivery", "shop", types.OrderKind_GOODS, nil, func(tr *trade, id string) {
			tr.enterprise(seller, "carrier-group")
			deliver(tr, "carrier", id, tr.Today())
		}},
		{"a delivery is reported long after, and counts nowhere", "shop", types.OrderKind_GOODS, nil, func(tr *trade, id string) {
			tr.pass(60)
			deliver(tr, "carrier", id, tradeDay+2)
		}},
		{"the buyer's own key confirms the service", "shop", types.OrderKind_SERVICE, nil, func(tr *trade, id string) {
			require.Equal(t, types.Code_ok, confirmStep(tr, step(tr, id), buyer, tr.Today()))
		}},
		{"one bank confirms its own step of a service", "shop", types.OrderKind_SERVICE, nil, func(tr *trade, id string) {
			tr.mandate(buyer, "bank-a")
			require.Equal(t, types.Code_progress_state_forbids, confirmStep(tr, step(tr, id), "bank-a for "+buyer, tradeDay))
		}},
		{"the tax authority confirms a service that is late", "shop", types.OrderKind_SERVICE, nil, func(tr *trade, id string) {
			require.Equal(t, types.Code_ok, confirmStep(tr, step(tr, id), "tax", tr.Today()))
		}},
		{"both cut the contract to what was done in time", "shop", types.OrderKind_SERVICE, func(tr *trade, id string) {
			confirm(tr, id, buyer)
			tr.ok(seller, &types.RecordServiceProgress{
				Id: "half", Order: id, Service: types.ServiceClass_ITO, Ebops: "SI", ExecutedMinor: 500, Day: tradeDay, Commitment: digest("paper"),
			})
			tr.ok("tax", &types.ConfirmServiceProgress{Progress: seller + "/half", ExecutedMinor: 500, Day: tradeDay, Commitment: digest("paper")})
		}, func(tr *trade, id string) {
			m := later(tr, id)
			m.PromisedDay, m.AmountMinor = tradeDay, 500
			tr.ok(seller, m)
			tr.ok(buyer, &types.ConfirmOrder{Order: id, TermsDigest: digest("later"), Day: tr.Today()})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := newTrade(t)
			id := tr.ordered(c.recorder, c.kind, tradeDay)
			if c.before != nil {
				c.before(tr, id)
			}
			tr.pass(3)
			_, _, overdue, _ := tr.shares(seller)
			require.Equal(t, int64(1), overdue)
			c.trick(tr, id)
			kept, broken, overdue, _ := tr.shares(seller)
			require.Zero(t, kept)
			require.Equal(t, int64(1), broken+overdue)
			tr.requireSums()
			require.NoError(t, auditGoods(tr))
		})
	}
}

// In time, a promise can be moved or taken back; and the buyer, in hands of its own, agrees to another day at any time.
func TestPromisesMoveInTime(t *testing.T) {
	for _, days := range []int32{0, 3} {
		tr := newTrade(t)
		id := tr.ordered("shop", types.OrderKind_GOODS, tradeDay)
		tr.ok(buyer, &types.ConfirmOrder{Order: id, TermsDigest: digest("terms"), Day: tradeDay})
		tr.pass(days)
		tr.ok(seller, &types.AmendOrder{Order: id, PromisedDay: tradeDay + 9, AmountMinor: 1000, TermsDigest: digest("later"), Day: tr.Today()})
		tr.ok(buyer, &types.ConfirmOrder{Order: id, TermsDigest: digest("later"), Day: tr.Today()})
		tr.pass(5)
		tr.move("carrier", id, types.LogisticsEvent_DELIVERED, tr.Today())
		kept, broken, overdue, fulfilled := tr.shares(seller)
		require.Equal(t, []int64{1, 0, 0, 1}, []int64{kept, broken, overdue, fulfilled})
		tr.requireSums()
	}
	tr := newTrade(t)
	id := tr.ordered(seller, types.OrderKind_GOODS, tradeDay)
	tr.ok(seller, &types.CancelOrder{Order: id, Day: tradeDay})
	tr.pass(3)
	kept, broken, overdue, fulfilled := tr.shares(seller)
	require.Equal(t, []int64{0, 0, 0, 0}, []int64{kept, broken, overdue, fulfilled})
	tr.requireSums()
}

// Two enterprises of one hand trade with each other: whatever they record, confirm, amend, perform, deliver and return,
// no sum of either knows of it. Who hides the relation gets no record.
func TestRelatedOrdersNeverCount(t *testing.T) {
	tr := newTrade(t)
	tr.enterprise(buyer, "seller-group")
	hidden := &types.RecordOrder{
		Id: "hidden", Kind: types.OrderKind_GOODS, Buyer: buyer, Seller: seller, OrderDay: tradeDay, PromisedDay: tradeDay,
		Currency: "CNY", AmountMinor: 1000, TermsDigest: digest("terms"),
	}
	require.Equal(t, types.Code_parties_related, tr.say("shop", hidden))
	related := func(m *types.RecordOrder) { m.Related = true }
	id := tr.ordered("shop", types.OrderKind_GOODS, tradeDay, related)
	tr.ok(buyer, &types.ConfirmOrder{Order: id, TermsDigest: digest("terms"), Day: tradeDay})
	tr.ok(seller, &types.AmendOrder{Order: id, PromisedDay: tradeDay + 1, AmountMinor: 2000, TermsDigest: digest("more"), Day: tradeDay})
	tr.ok(buyer, &types.ConfirmOrder{Order: id, TermsDigest: digest("more"), Day: tradeDay})
	tr.move("carrier", id, types.LogisticsEvent_IN_TRANSIT, tradeDay)
	tr.move("carrier", id, types.LogisticsEvent_DELIVERED, tradeDay)
	tr.ok(buyer, &types.AcceptDelivery{Order: id, Day: tradeDay})
	tr.ok("carrier", &types.RecordReturn{
		Id: "x", Order: id, Kind: types.ReturnKind_RETURN_GOODS, Stage: types.ReturnStage_RETURN_OPENED, ValueMinor: 500,
		Fault: types.Fault_FAULT_OF_SELLER, Day: tradeDay, Place: "DE",
	})
	service := tr.ordered("shop", types.OrderKind_SERVICE, tradeDay, related)
	tr.ok(seller, &types.RecordServiceProgress{
		Id: "s", Order: service, Service: types.ServiceClass_BPO, Ebops: "SJ", ExecutedMinor: 1000, Day: tradeDay, Commitment: digest("paper"),
	})
	tr.ok("tax", &types.ConfirmServiceProgress{Progress: seller + "/s", ExecutedMinor: 1000, Day: tradeDay, Commitment: digest("paper")})
	cancelled := tr.ordered("shop", types.OrderKind_GOODS, tradeDay, related)
	tr.pass(2)
	tr.ok("shop", &types.CancelOrder{Order: cancelled, Day: tr.Today()})
	for _, prefix := range []string{"month/", "pair/", "rank/"} {
		require.NoError(t, tr.Scan(prefix, func(key string, _ []byte) error {
			t.Errorf("%s knows of it", key)
			return nil
		}))
	}
	tr.requireSums()
	require.NoError(t, auditGoods(tr))
	o, err := state.Get(tr, types.OrderKey(service))
	require.NoError(t, err)
	require.Equal(t, types.OrderStatus_ORDER_DELIVERED, o.Status)
}

// A competitor that runs a platform cannot make a seller late, or give it returns, for orders that it never promised or
// that its own group bought.
func TestOthersCannotBreakPromises(t *testing.T) {
	tr := newTrade(t)
	id := tr.ordered(buyer, types.OrderKind_GOODS, tradeDay-3)
	_, _, overdue, _ := tr.shares(seller)
	require.Zero(t, overdue, "the buyer's word is no promise of the seller")
	tr.ok(buyer, &types.CancelOrder{Order: id, Day: tradeDay})
	_, broken, _, _ := tr.shares(seller)
	require.Zero(t, broken)
	tr.enterprise(buyer, "shop-group")
	id = tr.ordered(buyer, types.OrderKind_GOODS, tradeDay)
	tr.move("carrier", id, types.LogisticsEvent_DELIVERED, tradeDay)
	tr.ok("shop", &types.RecordReturn{
		Id: "x", Order: id, Kind: types.ReturnKind_RETURN_GOODS, Stage: types.ReturnStage_RETURN_OPENED, ValueMinor: 1000,
		Fault: types.Fault_FAULT_OF_SELLER, Day: tradeDay, Place: "DE",
	})
	m, err := state.Get(tr, types.MonthKey(seller, types.MonthOf(tradeDay)))
	require.NoError(t, err)
	require.Zero(t, m.CreditedMinor)
	tr.requireSums()
}
