package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// Each difference alone, against an order, a payment and a delivery that match.
func TestMatchDifferences(t *testing.T) {
	matching := func() (*types.Order, *types.Declaration) {
		return &types.Order{
				Order:  &types.RecordOrder{Kind: types.OrderKind_GOODS, OrderDay: 100, Currency: "EUR", AmountMinor: 1000, Hs6: "850760"},
				Status: types.OrderStatus_ORDER_DELIVERED, BaseMinor: 1100, ConfirmedBy: "buyer", ConfirmedIndependent: true,
				DeliveredDay: 100, DeliveredBy: "carrier", DeliveredIndependent: true, Carrier: "carrier", PaidMinor: 1000,
			}, &types.Declaration{
				Status: types.DeclarationStatus_DECLARATION_RELEASED, Currency: "EUR", ValueMinor: 1000, BaseMinor: 1100, Hs6: "850760",
			}
	}
	seen := map[types.MatchDifference]bool{}
	for _, c := range []struct {
		name    string
		change  func(*types.Order, *types.Declaration)
		status  types.MatchStatus
		differs []types.MatchDifference
	}{
		{"nothing", func(o *types.Order, d *types.Declaration) {}, types.MatchStatus_MATCHED, nil},
		{"nobody confirmed", func(o *types.Order, d *types.Declaration) { o.ConfirmedBy, o.ConfirmedIndependent = "", false },
			types.MatchStatus_MATCH_INCOMPLETE, []types.MatchDifference{types.MatchDifference_ORDER_UNCONFIRMED}},
		{"one bank confirmed for both", func(o *types.Order, d *types.Declaration) { o.ConfirmedIndependent = false },
			types.MatchStatus_MATCH_INCOMPLETE, []types.MatchDifference{types.MatchDifference_ORDER_UNCONFIRMED}},
		{"not delivered", func(o *types.Order, d *types.Declaration) { o.DeliveredDay = 0 },
			types.MatchStatus_MATCH_INCOMPLETE, []types.MatchDifference{types.MatchDifference_LOGISTICS_MISSING}},
		{"a platform said so", func(o *types.Order, d *types.Declaration) { o.DeliveredBy = "shop" },
			types.MatchStatus_MATCH_INCOMPLETE, []types.MatchDifference{types.MatchDifference_LOGISTICS_MISSING}},
		{"the seller's own carrier said so", func(o *types.Order, d *types.Declaration) { o.DeliveredIndependent = false },
			types.MatchStatus_MATCH_INCOMPLETE, []types.MatchDifference{types.MatchDifference_LOGISTICS_MISSING}},
		{"a service that members confirmed", func(o *types.Order, d *types.Declaration) {
			o.Order.Kind, o.DeliveredBy, o.Carrier = types.OrderKind_SERVICE, "tax", ""
		}, types.MatchStatus_MATCHED, nil},
		{"nothing paid", func(o *types.Order, d *types.Declaration) { o.PaidMinor = 0 },
			types.MatchStatus_MATCH_INCOMPLETE, []types.MatchDifference{types.MatchDifference_PAYMENT_MISSING}},
		{"one unit short", func(o *types.Order, d *types.Declaration) { o.PaidMinor = 999 },
			types.MatchStatus_MATCH_DIFFERS, []types.MatchDifference{types.MatchDifference_PAYMENT_SHORT}},
		{"a tenth over", func(o *types.Order, d *types.Declaration) { o.PaidMinor = 1100 }, types.MatchStatus_MATCHED, nil},
		{"more than a tenth over", func(o *types.Order, d *types.Declaration) { o.PaidMinor = 1101 },
			types.MatchStatus_MATCH_DIFFERS, []types.MatchDifference{types.MatchDifference_PAYMENT_OVER}},
		{"delivered the day before", func(o *types.Order, d *types.Declaration) { o.DeliveredDay = 99 },
			types.MatchStatus_MATCH_DIFFERS, []types.MatchDifference{types.MatchDifference_DELIVERED_BEFORE_ORDER}},
		{"declared a tenth less", func(o *types.Order, d *types.Declaration) { d.ValueMinor = 900 }, types.MatchStatus_MATCHED, nil},
		{"declared less", func(o *types.Order, d *types.Declaration) { d.ValueMinor = 899 },
			types.MatchStatus_MATCH_DIFFERS, []types.MatchDifference{types.MatchDifference_DECLARED_VALUE_DIFFERS}},
		{"declared more", func(o *types.Order, d *types.Declaration) { d.ValueMinor = 1101 },
			types.MatchStatus_MATCH_DIFFERS, []types.MatchDifference{types.MatchDifference_DECLARED_VALUE_DIFFERS}},
		{"declared in another currency", func(o *types.Order, d *types.Declaration) { d.Currency, d.ValueMinor = "JPY", 160000 },
			types.MatchStatus_MATCHED, nil},
		{"declared more in another currency", func(o *types.Order, d *types.Declaration) { d.Currency, d.BaseMinor = "JPY", 1211 },
			types.MatchStatus_MATCH_DIFFERS, []types.MatchDifference{types.MatchDifference_DECLARED_VALUE_DIFFERS}},
		{"revoked", func(o *types.Order, d *types.Declaration) {
			d.ValueMinor, d.Hs6, d.Status = 1, "010121", types.DeclarationStatus_DECLARATION_IS_REVOKED
		}, types.MatchStatus_MATCHED, nil},
		{"other goods", func(o *types.Order, d *types.Declaration) { d.Hs6 = "010121" },
			types.MatchStatus_MATCH_DIFFERS, []types.MatchDifference{types.MatchDifference_DECLARED_GOODS_DIFFER}},
		{"goods not named", func(o *types.Order, d *types.Declaration) { d.Hs6 = "" }, types.MatchStatus_MATCHED, nil},
		{"a part came back, and was not paid", func(o *types.Order, d *types.Declaration) { o.ReturnedMinor, o.PaidMinor = 300, 700 },
			types.MatchStatus_MATCH_DIFFERS, []types.MatchDifference{types.MatchDifference_RETURNED}},
		{"refused", func(o *types.Order, d *types.Declaration) { o.RejectedDay = 101 },
			types.MatchStatus_MATCH_DIFFERS, []types.MatchDifference{types.MatchDifference_DELIVERY_REFUSED}},
		{"refused and accepted", func(o *types.Order, d *types.Declaration) { o.RejectedDay, o.AcceptedDay = 101, 102 },
			types.MatchStatus_MATCHED, nil},
		{"cancelled", func(o *types.Order, d *types.Declaration) {
			o.Status, o.PaidMinor = types.OrderStatus_ORDER_CANCELLED, 0
		},
			types.MatchStatus_MATCH_NONE, nil},
		{"all at once, ascending", func(o *types.Order, d *types.Declaration) {
			o.ConfirmedIndependent, o.DeliveredDay, o.DeliveredBy, o.PaidMinor, d.ValueMinor, d.Hs6 = false, 99, "shop", 10, 1, "010121"
			o.ReturnedMinor, o.RejectedDay = 1, 101
		}, types.MatchStatus_MATCH_INCOMPLETE, []types.MatchDifference{
			types.MatchDifference_ORDER_UNCONFIRMED, types.MatchDifference_LOGISTICS_MISSING, types.MatchDifference_PAYMENT_SHORT,
			types.MatchDifference_DELIVERED_BEFORE_ORDER, types.MatchDifference_DECLARED_VALUE_DIFFERS,
			types.MatchDifference_DECLARED_GOODS_DIFFER, types.MatchDifference_RETURNED, types.MatchDifference_DELIVERY_REFUSED,
		}},
	} {
		o, d := matching()
		c.change(o, d)
		status, differs := match(o, d)
		require.Equal(t, c.status, status, c.name)
		require.Equal(t, c.differs, differs, c.name)
		if len(differs) == 1 {
			seen[differs[0]] = true
		}
	}
	require.Len(t, seen, len(types.MatchDifference_name)-1, "every difference stands alone once")
	o, _ := matching()
	status, _ := match(o, nil)
	require.Equal(t, types.MatchStatus_MATCHED, status, "nobody declares a trade within a country")
}

// The largest amounts are compared without overflow.
func TestMatchOfLargestAmounts(t *testing.T) {
	o := &types.Order{Order: &types.RecordOrder{AmountMinor: types.MaxAmount, Currency: "EUR"}, BaseMinor: 1<<62 + 7, PaidMinor: types.MaxAmount / 100 * 110}
	_, differs := match(o, &types.Declaration{Currency: "JPY", BaseMinor: 1})
	require.Contains(t, differs, types.MatchDifference_DECLARED_VALUE_DIFFERS)
	require.NotContains(t, differs, types.MatchDifference_PAYMENT_OVER)
}
