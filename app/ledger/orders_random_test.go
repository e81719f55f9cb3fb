package ledger

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// market is a breach in which two enterprises, their delegates and all kinds of members say everything of orders, in any
// order, mostly sensible.
type market struct {
	*breach
	orders, steps, returns, receivables []string
	payments                            [][]byte
	seen                                map[string]int
}

func (m *market) pick(list []string) string {
	if len(list) == 0 {
		return "shop/none"
	}
	return list[len(list)-1-m.rng.Intn(min(len(list), 6))]
}

func (m *market) one(of ...string) string { return of[m.rng.Intn(len(of))] }

func (m *market) day() int32 { return m.Today() - m.rng.Int31n(6) }

// sends sends a message and counts what became of it; rows never contradict each other.
func (m *market) sends(signer string, msg types.Msg) bool {
	m.t.Helper()
	code := m.say(signer, msg)
	require.NotContains(m.t, []types.Code{types.Code_inconsistent_state, types.Code_overflow}, code, "%s: %T %v", signer, msg, msg)
	m.seen[fmt.Sprintf("%T %s", msg, code)]++
	return code == types.Code_ok
}

func (m *market) party() string {
	return m.one(buyer, seller, "bank-a for "+buyer, "bank-a for "+seller, "bank-b for "+seller)
}

func (m *market) step() {
	order, terms := m.pick(m.orders), digest(m.one("terms", "terms 2", "terms 3"))
	switch m.rng.Intn(16) {
	case 0:
		m.order(types.OrderKind(1 + m.rng.Intn(5)))
	case 1:
		m.story()
	case 2, 3:
		m.sends(m.party(), &types.ConfirmOrder{Order: order, TermsDigest: terms, Day: m.day()})
	case 4, 5:
		who := m.one("shop", m.party())
		if m.sends(who, &types.AmendOrder{
			Order: order, PromisedDay: m.Today() + m.rng.Int31n(30) - 10, AmountMinor: 1000 + 500*m.rng.Int63n(3), TermsDigest: terms, Day: m.day(),
		}) && m.rng.Intn(2) == 0 {
			m.sends(m.party(), &types.ConfirmOrder{Order: order, TermsDigest: terms, Day: m.day()})
		}
	case 6:
		m.sends(m.one("shop", m.party()), &types.CancelOrder{Order: order, Day: m.day()})
	case 7:
		s := m.one(seller, "bank-b for "+seller, "bank-a for "+seller)
		id := m.next()
		if m.sends(s, &types.RecordServiceProgress{
			Id: id, Order: order, Service: types.ServiceClass_KPO, Ebops: "SJ", ExecutedMinor: 500, Day: m.day(), Commitment: digest("paper"),
		}) {
			m.steps = append(m.steps, m.idOf(s, id))
		}
	case 8, 9:
		m.sends(m.one(buyer, "bank-a for "+buyer, "tax", "tax"), &types.ConfirmServiceProgress{
			Progress: m.pick(m.steps), ExecutedMinor: 500, Day: m.day(), Commitment: digest("paper"),
		})
	case 10, 11:
		event := types.LogisticsEvent(1 + m.rng.Intn(3))
		m.sends(m.one("carrier", "carrier", "shop"), &types.RecordLogisticsEvent{Id: m.next(), Order: order, Event: event, Day: m.day(), Place: "DE"})
	case 12:
		m.sends(m.one(buyer, "bank-a for "+buyer), &types.AcceptDelivery{Order: order, Day: m.day()})
	case 13:
		m.sends(buyer, &types.RejectDelivery{Order: order, Day: m.day(), Reason: 1})
	case 14:
		m.comesBack(order)
	default:
		m.money(order)
	}
}

func (m *market) idOf(signer, id string) string {
	for i := range signer {
		if signer[i] == ' ' {
			return signer[:i] + "/" + id
		}
	}
	return signer + "/" + id
}

// story tells the most of a trade that goes well.
func (m *market) story() {
	m.order(types.OrderKind_GOODS)
	order := m.pick(m.orders[len(m.orders)-1:])
	o, err := state.Get(m, types.OrderKey(order))
	require.NoError(m.t, err)
	receivable, payment, amount := m.next(), digest(m.next()), o.Order.AmountMinor
	for _, does := range []func(){
		func() {
			m.sends(m.one(buyer, seller), &types.ConfirmOrder{Order: order, TermsDigest: digest("terms"), Day: m.Today()})
		},
		func() {
			m.sends("carrier", &types.RecordLogisticsEvent{Id: m.next(), Order: order, Event: types.LogisticsEvent_DELIVERED, Day: m.Today(), Place: "FR"})
		},
		func() {
			m.sends(seller, &types.IssueReceivable{
				Id: receivable, Order: order, Seller: seller, Debtor: buyer, Type: "380", Currency: "CNY", AmountMinor: amount,
				IssueDay: m.Today(), DueDay: m.Today() + 30, Commitment: digest("paper"),
			})
		},
		func() { m.sends(buyer, &types.AcceptDelivery{Order: order, Day: m.Today()}) },
		func() {
			if m.sends("bank-b", &types.RecordSettlement{
				Id: payment, Side: types.SettlementSide_CREDITOR, Payer: buyer, Payee: seller, Currency: "CNY", AmountMinor: amount, Day: m.Today(),
				Channel: types.Channel_CIPS, Stage: types.SettlementStage_SALE,
				Allocations: []*types.Allocation{{Receivable: seller + "/" + receivable, AmountMinor: amount}},
			}) {
				m.payments = append(m.payments, payment)
			}
		},
	} {
		if m.rng.Intn(8) > 0 {
			does()
		}
	}
}

func (m *market) order(kind types.OrderKind) {
	signer, id := m.one("shop", "shop", buyer, seller, "bank-a for "+seller), m.next()
	if m.sends(signer, &types.RecordOrder{
		Id: id, Kind: kind, Buyer: buyer, Seller: seller, OrderDay: m.Today() - m.rng.Int31n(36), PromisedDay: m.Today() + m.rng.Int31n(9) - 3,
		Currency: "CNY", AmountMinor: 1000 + 500*m.rng.Int63n(3), TermsDigest: digest("terms"), Related: m.rng.Intn(12) == 0,
	}) {
		m.orders = append(m.orders, m.idOf(signer, id))
	}
}

func (m *market) comesBack(order string) {
	kind, who, id := types.ReturnKind(1+m.rng.Intn(3)), m.one("carrier", "shop", "customs"), m.next()
	back := &types.RecordReturn{Id: id, Order: order, Kind: kind, Stage: types.ReturnStage_RETURN_OPENED, Day: m.day(), Place: "DE"}
	back.ValueMinor, back.Fault = 500*(1+m.rng.Int63n(3)), types.Fault(1+m.rng.Intn(4)*m.rng.Intn(2))
	if m.sends(who, back) {
		m.returns = append(m.returns, who+"/"+id)
	}
	for range 3 {
		opened := m.pick(m.returns)
		r, err := state.Get(m, types.ReturnKey(opened))
		require.NoError(m.t, err)
		if r == nil {
			continue
		}
		m.sends(m.one("carrier", "shop", "customs"), &types.RecordReturn{
			Id: m.next(), Order: r.Opened.Order, Kind: r.Opened.Kind, Stage: types.ReturnStage(2 + m.rng.Intn(2)), Opened: opened,
			Day: m.Today(), Place: "FR",
		})
	}
}

func (m *market) money(order string) {
	switch m.rng.Intn(5) {
	case 0:
		if id := m.next(); m.sends(seller, &types.IssueReceivable{
			Id: id, Order: order, Seller: seller, Debtor: buyer, Type: "380", Currency: "CNY", AmountMinor: 500,
			IssueDay: m.day(), DueDay: m.Today() + 30, Commitment: digest("paper"),
		}) {
			m.receivables = append(m.receivables, seller+"/"+id)
		}
	case 1:
		m.sends(buyer, &types.RejectReceivable{Receivable: m.pick(m.receivables), Day: m.Today(), Reason: 1})
	case 2:
		if len(m.payments) > 0 {
			m.sends("bank-b", &types.ReverseSettlement{Settlement: m.payments[m.rng.Intn(len(m.payments))], Day: m.Today(), Reason: 1})
		}
	default:
		id := digest(m.next())
		if m.sends("bank-b", &types.RecordSettlement{
			Id: id, Side: types.SettlementSide_CREDITOR, Payer: buyer, Payee: seller, Currency: "CNY", AmountMinor: 500, Day: m.Today(),
			Channel: types.Channel_CIPS, Stage: types.SettlementStage_SALE,
			Allocations: []*types.Allocation{{Receivable: m.pick(m.receivables), AmountMinor: 500}},
		}) {
			m.payments = append(m.payments, id)
		}
	}
}

// Random lives of orders, with keys that are lost on the way: no rows contradict each other, all sums are those of the
// logs, every order's row says what its steps, returns and payments do, and every state was reached.
func TestRandomOrders(t *testing.T) {
	seen := map[string]int{}
	for seed := range int64(12) {
		m := &market{breach: newBreach(t, seed), seen: seen}
		m.mandate(seller, "bank-a")
		m.mandate(seller, "bank-b")
		m.mandate(buyer, "bank-a")
		for n := range 600 {
			m.step()
			switch {
			case n%9 == 0:
				m.Unix += m.rng.Int63n(2 * secondsADay)
			case n%50 == 49:
				who := m.one("shop", "carrier", "tax", "customs")
				m.mark(who, m.keys[who], m.Unix-m.rng.Int63n(30*secondsADay))
			}
			if n%16 == 0 {
				m.settle()
				m.requireGoods()
			}
		}
		m.Unix += 31 * secondsADay
		m.settle()
		m.requireGoods()
		require.NoError(t, m.Scan(string(types.Orders), func(_ string, value []byte) error {
			var o types.Order
			require.NoError(t, o.Unmarshal(value))
			seen[o.Status.String()]++
			seen[o.Match.String()]++
			return nil
		}))
		for _, p := range m.all {
			seen[p.entry.Kind.String()]++
		}
	}
	for _, what := range []string{
		"PROPOSED", "CONFIRMED", "ORDER_IN_TRANSIT", "ORDER_DELIVERED", "ORDER_ACCEPTED", "ORDER_CLOSED", "ORDER_CANCELLED",
		"ORDER_DISPUTED", "ORDER_RETURNING", "ORDER_RETURNED", "ORDER_REEXPORTED", "MATCH_INCOMPLETE", "MATCH_DIFFERS", "MATCHED",
		"ENTRY_ORDER_SOLD_REVERSED", "ENTRY_ORDER_CANCELLED", "ENTRY_PROGRESS_CONFIRMED", "ENTRY_RETURN_EXCLUDED", "ENTRY_EVIDENCE_LOST",
		"*types.CancelOrder order_in_use", "*types.AmendOrder amendment_below_use",
	} {
		require.Positive(t, seen[what], "%s in %v", what, seen)
	}
}

func (m *market) requireGoods() {
	m.t.Helper()
	m.requireSums()
	for _, audit := range []func(state.Reader) error{auditOrders, auditFallen, auditGoods} {
		require.NoError(m.t, audit(m))
	}
}
