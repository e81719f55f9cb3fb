package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// The audit passes over papers that were split, paid, credited and written off, and finds what is planted in them.
func TestAuditReceivables(t *testing.T) {
	tr := newTrade(t)
	tr.ok(seller, &types.RecordOrder{
		Id: "o", Kind: types.OrderKind_GOODS, Buyer: buyer, Seller: seller, OrderDay: tradeDay, PromisedDay: tradeDay, Currency: "CNY",
		AmountMinor: 5000, TermsDigest: digest("terms"),
	})
	order := types.OrderKey(seller + "/o")
	root := tr.issue(seller, buyer, 1000, tradeDay, func(m *types.IssueReceivable) { m.Order = seller + "/o" })
	tr.accept(root)
	ends := tr.split(seller, root, 600, 300, 100)
	tr.pay("bank-a", ends[0], 500, tradeDay)
	tr.ok(seller, note("n", ends[1], 100, types.Fault_FAULT_OF_SELLER, tradeDay))
	rejected := tr.issue(seller, buyer, 10, tradeDay)
	tr.ok(buyer, &types.RejectReceivable{Receivable: rejected, Day: tradeDay, Reason: 1})
	tr.Unix += writeOffTerm * secondsADay
	tr.ok(seller, &types.WriteOff{Receivable: ends[2], Day: tradeDay + writeOffTerm, Reason: 1})
	audits := func(b *state.Batch) error { return firstRefusal(auditSettlements(b), auditOrders(b)) }
	require.NoError(t, audits(tr.Batch))

	receivable := func(id string, change func(*types.Receivable)) func(*state.Batch) {
		return func(b *state.Batch) { alter(t, b, types.ReceivableKey(id), change) }
	}
	for what, plant := range map[string]func(*state.Batch){
		"credit notes of":             receivable(ends[1], func(r *types.Receivable) { r.CreditedBaseMinor++ }),
		"write-offs of":               receivable(ends[2], func(r *types.Receivable) { r.WrittenOffMinor++ }),
		"live parts of banks":         receivable(ends[0], func(r *types.Receivable) { r.ClosingEntries = nil }),
		"settled on":                  receivable(ends[0], func(r *types.Receivable) { r.Status = types.ReceivableStatus_WRITTEN_OFF }),
		"an experience":               receivable(ends[1], func(r *types.Receivable) { r.Experience = false }),
		"rests on nothing":            receivable(ends[1], func(r *types.Receivable) { r.AcceptedCounts = false }),
		"one side wants to void":      receivable(ends[0], func(r *types.Receivable) { r.VoidAskedBy = sideSeller }),
		"something goes on":           receivable(rejected, func(r *types.Receivable) { r.Ended = nil }),
		"is no child of it":           receivable(ends[0], func(r *types.Receivable) { r.Level++ }),
		"has other terms":             receivable(ends[0], func(r *types.Receivable) { r.Receivable.DueDay++ }),
		"the children lack":           receivable(root, func(r *types.Receivable) { r.BaseMinor++ }),
		"with 0 children":             receivable(root, func(r *types.Receivable) { r.Children = nil }),
		"it knows of":                 receivable(ends[0], func(r *types.Receivable) { r.SplitSum = &types.SplitSum{} }),
		"its ends are":                receivable(root, func(r *types.Receivable) { r.SplitSum.Open++ }),
		"closing:<month:24297":        receivable(root, func(r *types.Receivable) { r.SplitSum.Closing[0].Month++ }),
		"legs":                        receivable(root, func(r *types.Receivable) { r.Legs &^= legFunds }),
		"that are its root's":         receivable(ends[0], func(r *types.Receivable) { r.Legs |= legGoods }),
		"by banks":                    func(b *state.Batch) { alter(t, b, order, func(o *types.Order) { o.PaidMinor++ }) },
		"receivables of 1000":         func(b *state.Batch) { alter(t, b, order, func(o *types.Order) { o.InvoicedMinor++ }) },
		"receivables [DE:HRB:seller/": func(b *state.Batch) { alter(t, b, order, func(o *types.Order) { o.Receivables = nil }) },
	} {
		b := state.NewBatch(tr.Batch)
		plant(b)
		require.ErrorContains(t, audits(b), what)
	}
}
