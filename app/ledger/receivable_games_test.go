package ledger

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Games that somebody could play with receivables and payments, each played, and lost (LEDGER.md §8, against gaming).

func (tr *trade) month(subject string, day int32) *types.MonthSum {
	tr.t.Helper()
	m, err := state.Get(tr, types.MonthKey(subject, types.MonthOf(day)))
	require.NoError(tr.t, err)
	if m == nil {
		m = &types.MonthSum{}
	}
	return m
}

// experiences is how often a subject counts as having paid, in all months.
func (tr *trade) experiences(subject string) (n int64) {
	require.NoError(tr.t, tr.Scan("month/"+subject+"/", func(_ string, value []byte) error {
		var m types.MonthSum
		require.NoError(tr.t, m.Unmarshal(value))
		n += m.Experiences
		return nil
	}))
	return n
}

func (tr *trade) split(signer, id string, amounts ...int64) []string {
	tr.t.Helper()
	m := &types.SplitReceivable{Receivable: id, Day: tr.Today()}
	var ids []string
	for _, a := range amounts {
		c := &types.SplitChild{Id: tr.next(), AmountMinor: a}
		m.Children = append(m.Children, c)
		ids = append(ids, signer+"/"+c.Id)
	}
	tr.ok(signer, m)
	return ids
}

func note(id, receivable string, amount int64, fault types.Fault, day int32) *types.AdjustReceivable {
	return &types.AdjustReceivable{Id: id, Receivable: receivable, AmountMinor: amount, Fault: fault, Day: day, Commitment: digest("note")}
}

// Dust, prepaid in 64 parts, is one experience, and one claim that was collected.
func TestGameOfDust(t *testing.T) {
	tr := newTrade(t)
	id := tr.issue(seller, buyer, 64, tradeDay+30)
	tr.accept(id)
	for range 64 {
		tr.pay("bank-a", id, 1, tradeDay)
	}
	tr.requireSums()
	require.Equal(t, int64(1), tr.experiences(buyer))
	require.Equal(t, int64(64), tr.month(buyer, tradeDay).ClosedMinor)
	require.Equal(t, int64(1), tr.month(seller, tradeDay+30).CollectedInTime)
}

// A paper cut into 16, and paid piece by piece, is one experience, one receivable and one claim, in time or not: one late
// piece makes all of it late.
func TestGameOfSplits(t *testing.T) {
	tr := newTrade(t)
	id := tr.issue(seller, buyer, 1600, tradeDay)
	tr.accept(id)
	amounts := make([]int64, 16)
	for i := range amounts {
		amounts[i] = 100
	}
	ends := tr.split(seller, id, amounts...)
	for _, end := range ends[1:] {
		tr.pay("bank-a", end, 100, tradeDay)
	}
	head, err := state.Get(tr, types.SubjectKey(buyer))
	require.NoError(t, err)
	require.Equal(t, int64(1), head.OpenObligations)
	require.Equal(t, int64(100), head.OpenMinor)
	tr.Unix += 40 * secondsADay
	tr.pay("bank-a", ends[0], 100, tradeDay+40)
	tr.requireSums()
	require.Equal(t, int64(1), tr.experiences(buyer))
	require.Equal(t, int64(1), tr.month(buyer, tradeDay+40).Experiences, "it counts where it ended")
	due := tr.month(seller, tradeDay)
	require.Equal(t, []int64{0, 1}, []int64{due.CollectedInTime, due.CollectedLate})
	require.Equal(t, int64(1), tr.month(seller, tradeDay-20).Receivables)
}

// A delegate of both sides owes nothing that a score believes, not even when another delegate splits in between.
func TestGameOfOwnAcceptance(t *testing.T) {
	tr := newTrade(t)
	for _, who := range []string{seller, buyer} {
		tr.mandate(who, "shop")
	}
	tr.mandate(seller, "bank-b")
	m := &types.IssueReceivable{
		Id: "x", Seller: seller, Debtor: buyer, Type: "380", Currency: "CNY", AmountMinor: 100, IssueDay: tradeDay, DueDay: tradeDay,
		Commitment: digest("paper"),
	}
	tr.ok("shop for "+seller, m)
	tr.ok("bank-b for "+seller, &types.SplitReceivable{Receivable: "shop/x", Day: tradeDay, Children: []*types.SplitChild{
		{Id: "y", AmountMinor: 60}, {Id: "z", AmountMinor: 40},
	}})
	tr.ok("bank-b for "+seller, &types.SplitReceivable{Receivable: "bank-b/y", Day: tradeDay, Children: []*types.SplitChild{
		{Id: "y1", AmountMinor: 30}, {Id: "y2", AmountMinor: 30},
	}})
	for _, end := range []string{"bank-b/y1", "bank-b/z"} {
		tr.ok("shop for "+buyer, &types.AcceptReceivable{Receivable: end, Day: tradeDay, Commitment: digest("paper")})
		require.False(t, tr.owed(end).Experience || tr.owed(end).AcceptedIndependent)
	}
	require.Zero(t, tr.owed("shop/x").Legs)
	tr.accept("bank-b/y2")
	require.True(t, tr.owed("bank-b/y2").Experience, "the debtor itself stands outside all of them")
	require.Equal(t, legInvoice, tr.owed("shop/x").Legs)
	tr.requireSums()
}

// A seller that forgives a late debtor makes no payer of it, and bears the credit note, whatever fault it names and whatever
// day it writes on it; its claim was collected late. In time and at nobody's fault nobody bears it.
func TestGameOfCreditNotes(t *testing.T) {
	tr := newTrade(t)
	late, early := tr.issue(seller, buyer, 1000, tradeDay), tr.issue(seller, buyer, 500, tradeDay+90)
	tr.accept(late)
	tr.accept(early)
	tr.Unix += 60 * secondsADay
	tr.ok(seller, note("n1", late, 1000, types.Fault_FAULT_OF_NOBODY, tradeDay-10))
	tr.ok(seller, note("n2", early, 500, types.Fault_FAULT_OF_NOBODY, tradeDay+60))
	tr.requireSums()
	require.Zero(t, tr.experiences(buyer))
	require.Zero(t, tr.month(buyer, tradeDay-10).ClosedMinor)
	issued := tr.month(seller, tradeDay-20)
	require.Equal(t, []int64{1500, 1000}, []int64{issued.InvoicedMinor, issued.CreditedMinor})
	require.Equal(t, int64(1), tr.month(seller, tradeDay).CollectedLate)
	due := tr.month(seller, tradeDay+90)
	require.Zero(t, due.CollectedInTime+due.CollectedLate)
}

// What is overdue is not undone by both sides as if it had never been.
func TestGameOfVoidingWhatIsOverdue(t *testing.T) {
	tr := newTrade(t)
	id := tr.issue(seller, buyer, 1000, tradeDay)
	tr.accept(id)
	void := &types.VoidReceivable{Receivable: id, Day: tradeDay, Reason: 1}
	tr.ok(buyer, void)
	tr.Unix += secondsADay
	require.Equal(t, types.Code_receivable_state_forbids, tr.say(seller, void))
	require.Equal(t, int64(1000), tr.month(buyer, tradeDay).Open[0].Minor)
}

// A related creditor writes off what it likes; nothing of it counts. Neither does one that nobody else believes.
func TestGameOfWriteOffs(t *testing.T) {
	for _, related := range []bool{true, false} {
		tr := newTrade(t)
		id := tr.issue(seller, buyer, 1000, tradeDay, func(m *types.IssueReceivable) { m.Related = related })
		if related {
			tr.accept(id)
			tr.pay("bank-a", id, 1, tradeDay)
		} else {
			tr.pay("shop", id, 1, tradeDay)
		}
		tr.Unix += writeOffTerm * secondsADay
		tr.ok(seller, &types.WriteOff{Receivable: id, Day: tradeDay + writeOffTerm, Reason: 1})
		tr.requireSums()
		require.Zero(t, tr.experiences(buyer))
		require.Zero(t, tr.month(buyer, tradeDay+writeOffTerm).ClosedMinor)
		require.Equal(t, types.ReceivableStatus_WRITTEN_OFF, tr.owed(id).Status)
	}
}

// A payment in time that is taken back and made again later counts from the original due day; in between it is overdue.
func TestGameOfReversals(t *testing.T) {
	tr := newTrade(t)
	id := tr.issue(seller, buyer, 1000, tradeDay)
	tr.accept(id)
	first := tr.pay("bank-a", id, 1000, tradeDay-1)
	require.Equal(t, int32(-1), tr.settlement(first).Parts[0].Dbt)
	tr.Unix += 100 * secondsADay
	tr.ok("bank-a", &types.ReverseSettlement{Settlement: first, Day: tradeDay + 100, Reason: 1})
	require.Equal(t, []*types.OpenDay{{Day: tradeDay, Minor: 1000, Items: 1, Untouched: 1}}, tr.month(buyer, tradeDay).Open)
	again := tr.pay("bank-a", id, 1000, tradeDay+100)
	require.Equal(t, int32(100), tr.settlement(again).Parts[0].Dbt)
	tr.requireSums()
	m := tr.month(buyer, tradeDay+100)
	require.Equal(t, []int64{0, 0, 0, 0, 0, 1000}, m.ClosedByDbt)
	require.Zero(t, tr.month(buyer, tradeDay-1).ClosedMinor)
	require.Equal(t, int64(1), tr.month(seller, tradeDay).CollectedLate)
}

// Claims that their debtors reject stay among the seller's receivables, without evidence, and no longer among what it
// invoiced: neither its share of well evidenced ones nor its share of credit notes is better for them.
func TestGameOfInventedClaims(t *testing.T) {
	tr := newTrade(t)
	good := tr.issue(seller, buyer, 1000, tradeDay+30)
	tr.ok(seller, note("n1", good, 100, types.Fault_FAULT_OF_SELLER, tradeDay))
	for range 4 {
		for _, end := range tr.split(seller, tr.issue(seller, third, 100_000, tradeDay+30), 40_000, 60_000) {
			tr.ok(third, &types.RejectReceivable{Receivable: end, Day: tradeDay, Reason: 1})
		}
	}
	tr.requireSums()
	m := tr.month(seller, tradeDay-20)
	require.Equal(t, []int64{5, 1000, 100}, []int64{m.Receivables, m.InvoicedMinor, m.CreditedMinor})
}

// Two payments of like amounts in opposite directions within 30 days leave the sums, also when one of them is for pieces of
// a paper; a write-off is no payment, and makes none of the two.
func TestGameOfMoneyGoingRound(t *testing.T) {
	tr := newTrade(t)
	there, back := tr.issue(seller, buyer, 10_000, tradeDay), tr.issue(buyer, seller, 9_600, tradeDay)
	tr.accept(there)
	tr.accept(back)
	end := tr.split(seller, there, 9_700, 300)[0]
	first := tr.pay("bank-a", end, 9_700, tradeDay-10)
	require.Equal(t, int64(1), tr.experiences(buyer))
	tr.pay("bank-b", back, 9_600, tradeDay)
	tr.requireSums()
	require.False(t, tr.settlement(first).Parts[0].Counted)
	require.Zero(t, tr.experiences(buyer)+tr.experiences(seller))

	tr = newTrade(t)
	there, back = tr.issue(seller, buyer, 10_000, tradeDay), tr.issue(buyer, seller, 10_000, tradeDay+170)
	tr.accept(there)
	tr.accept(back)
	tr.Unix += writeOffTerm * secondsADay
	tr.ok(seller, &types.WriteOff{Receivable: there, Day: tradeDay + writeOffTerm, Reason: 1})
	paid := tr.pay("bank-a", back, 10_000, tradeDay+writeOffTerm)
	tr.requireSums()
	require.True(t, tr.settlement(paid).Parts[0].Counted)
	require.Equal(t, int64(10_000), tr.month(buyer, tradeDay+writeOffTerm).ClosedByDbt[5])
}

// What secures a financing is neither rejected nor voided nor credited nor split nor written off; what is disputed is not
// split.
func TestGameOfPledgedReceivables(t *testing.T) {
	tr := newTrade(t)
	id := tr.issue(seller, buyer, 1000, tradeDay)
	key := types.EncumbranceKey(string(types.ReceivableKey(id)))
	lien := &types.Encumbrance{Liens: []*types.Lien{{Financing: "bank-a/f", Lender: "bank-a", AmountMinor: 1}}}
	require.NoError(t, state.Set(tr, key, lien))
	cut := &types.SplitReceivable{Receivable: id, Day: tradeDay, Children: []*types.SplitChild{{Id: "a", AmountMinor: 1}, {Id: "b", AmountMinor: 999}}}
	locked := func(signer string, m types.Msg) {
		t.Helper()
		require.Equal(t, types.Code_receivable_locked, tr.say(signer, m))
	}
	locked(buyer, &types.RejectReceivable{Receivable: id, Day: tradeDay})
	locked(seller, &types.VoidReceivable{Receivable: id, Day: tradeDay})
	locked("tax", &types.VoidReceivable{Receivable: id, Day: tradeDay})
	locked(seller, note("n", id, 1, types.Fault_FAULT_OF_SELLER, tradeDay))
	locked(seller, cut)
	tr.Unix += writeOffTerm * secondsADay
	locked(seller, &types.WriteOff{Receivable: id, Day: tradeDay + writeOffTerm})
	tr.Delete(string(key))

	r := tr.owed(id)
	r.Dispute = "FR:RCS:buyer/d"
	require.NoError(t, state.Set(tr, types.ReceivableKey(id), r))
	require.Equal(t, types.Code_object_disputed, tr.say(seller, cut))
	tr.pay("bank-a", id, 1000, tradeDay)
}

// The tax authority verifies the invoice of a paper that was split, and takes its word back; what pieces of it were accepted
// keeps the leg, and an acceptance that came late gave none.
func TestInvoiceOfASplitPaper(t *testing.T) {
	for _, late := range []bool{false, true} {
		tr := newTrade(t)
		root := tr.issue(seller, buyer, 1000, tradeDay+90, func(m *types.IssueReceivable) { m.Related = late })
		day := tradeDay
		if late {
			tr.Unix += 40 * secondsADay
		}
		tr.ok(buyer, &types.AcceptReceivable{Receivable: root, Day: day, Commitment: digest("paper")})
		ends := tr.split(seller, root, 600, 400)
		for _, e := range []types.TaxEvent{types.TaxEvent_INVOICE_VERIFIED, types.TaxEvent_INVOICE_VOIDED} {
			for _, id := range []string{root, ends[0]} {
				if late && id != root {
					continue
				}
				tr.ok("tax", &types.RecordTaxEvent{
					Id: tr.next(), Subject: seller, Event: e, Receivable: id, Currency: "CNY", AmountMinor: 1, Day: tr.Today(),
				})
				require.NoError(t, auditSettlements(tr))
			}
		}
		require.Equal(t, late, tr.owed(root).Legs&legInvoice == 0)
	}
}
