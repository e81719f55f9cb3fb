package ledger

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// Settled and reversed, everything is as it was, whoever settled and whether the debtor had accepted or not.
func TestReversalIsExact(t *testing.T) {
	for _, c := range []struct {
		name            string
		signer          string
		accepted        bool
		amount, settled int64
		experience      bool // after the settlement
		status          types.ReceivableStatus
	}{
		{"bank, all, accepted", "bank-a", true, 1000, 1000, true, types.ReceivableStatus_SETTLED},
		{"bank, part, accepted", "bank-a", true, 1000, 333, true, types.ReceivableStatus_PARTLY_SETTLED},
		{"bank, all, not accepted", "bank-a", false, 1000, 1000, true, types.ReceivableStatus_SETTLED},
		{"bank, part, not accepted", "bank-a", false, 1000, 1, true, types.ReceivableStatus_PARTLY_SETTLED},
		{"escrow, all, accepted", "shop", true, 1000, 1000, true, types.ReceivableStatus_SETTLED},
		{"escrow, all, not accepted", "shop", false, 1000, 1000, false, types.ReceivableStatus_SETTLED},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := newTrade(t)
			other := tr.issue(seller, buyer, 77, tradeDay-5)
			tr.accept(other)
			tr.pay("bank-b", other, 7, tradeDay)
			id := tr.issue(seller, buyer, c.amount, tradeDay-3)
			if c.accepted {
				tr.accept(id)
			}
			before := tr.rows()
			payment := tr.pay(c.signer, id, c.settled, tradeDay)
			r := tr.owed(id)
			require.Equal(t, c.status, r.Status)
			require.Equal(t, c.experience, r.Experience)
			require.Equal(t, c.signer == "bank-a", r.Legs&legFunds != 0)
			tr.requireSums()
			tr.reverse(payment)
			tr.requireSums()
			require.Equal(t, before, tr.rows())
			s := tr.settlement(payment)
			require.True(t, s.Reversed)
			require.False(t, s.Parts[0].Counted)
			require.Equal(t, types.Code_already_recorded, tr.say(c.signer, &types.ReverseSettlement{Settlement: payment, Day: tradeDay, Reason: 1}))
		})
	}
}

// One payment for many receivables is taken back as one.
func TestReversalOfManyParts(t *testing.T) {
	tr := newTrade(t)
	var parts []*types.Allocation
	for i := range 64 {
		id := tr.issue(seller, buyer, 1000+int64(i), tradeDay-int32(i%40)+20)
		if i%3 == 0 {
			tr.accept(id)
		}
		parts = append(parts, &types.Allocation{Receivable: id, AmountMinor: 1000 + int64(i%2)*int64(i)})
	}
	before := tr.rows()
	m := tr.payment(tradeDay, parts...)
	tr.ok("bank-a", m)
	tr.requireSums()
	tr.reverse(m.Id)
	tr.requireSums()
	require.Equal(t, before, tr.rows())
}

// Parts of a converted receivable add up to its base amount to the last unit, whatever was taken back in between.
func TestPartsAddUp(t *testing.T) {
	for seed := range int64(40) {
		rng := rand.New(rand.NewSource(seed))
		tr := newTrade(t)
		require.NoError(t, state.Set(tr, types.FixingKey("JPY", tradeDay-25), &types.Fixing{Currency: "JPY", RateE9: 48_123_457}))
		amount := 1 + rng.Int63n(1<<uint(1+rng.Intn(30)))
		id := tr.issue(seller, buyer, amount, tradeDay, func(m *types.IssueReceivable) { m.Currency = "JPY" })
		var live [][]byte
		for tr.owed(id).Status != types.ReceivableStatus_SETTLED {
			r := tr.owed(id)
			open := amount - r.SettledMinor
			pay := 1 + rng.Int63n(open)
			if len(live) > 20 {
				pay = open
			}
			live = append(live, tr.pay("bank-a", id, pay, tradeDay))
			if rng.Intn(3) == 0 && len(live) < 20 {
				i := rng.Intn(len(live))
				tr.reverse(live[i])
				live = append(live[:i], live[i+1:]...)
			}
			r = tr.owed(id)
			sum, base := int64(0), int64(0)
			for _, s := range live {
				part := tr.settlement(s).Parts[0]
				require.GreaterOrEqual(t, part.BaseMinor, int64(0))
				sum, base = sum+part.AmountMinor, base+part.BaseMinor
			}
			require.Equal(t, r.SettledMinor, sum)
			require.Equal(t, r.SettledBaseMinor, base)
			require.LessOrEqual(t, base, r.BaseMinor)
		}
		require.Equal(t, tr.owed(id).BaseMinor, tr.owed(id).SettledBaseMinor)
	}
}

// Without reversals a part's base amount is the difference of two shares.
func TestCumulativeRounding(t *testing.T) {
	r := &types.Receivable{Receivable: &types.IssueReceivable{AmountMinor: 7}, BaseMinor: 10}
	for _, want := range []int64{1, 1, 2, 1, 2, 1, 2} {
		base, err := nextBase(r, 1)
		require.NoError(t, err)
		require.Equal(t, want, base)
		require.NoError(t, addPart(r, tradeDay, &types.Part{AmountMinor: 1, BaseMinor: base}))
	}
	require.Equal(t, r.BaseMinor, r.SettledBaseMinor)
}

// Two payments of like amounts in opposite directions within 30 days: neither counts, both close what they closed.
func TestTwoWayPaymentsAreExcluded(t *testing.T) {
	tr := newTrade(t)
	there, back := tr.issue(seller, buyer, 10000, tradeDay), tr.issue(buyer, seller, 9600, tradeDay)
	tr.accept(there)
	tr.accept(back)
	first := tr.pay("bank-a", there, 10000, tradeDay-10)
	require.True(t, tr.settlement(first).Parts[0].Counted)
	require.Equal(t, []int32{types.MonthOf(tradeDay - 10)}, tr.owed(there).ClosingMonths)
	second := tr.pay("bank-b", back, 9600, tradeDay)
	require.False(t, tr.settlement(first).Parts[0].Counted)
	require.False(t, tr.settlement(second).Parts[0].Counted)
	require.Empty(t, tr.owed(there).ClosingMonths)
	require.Empty(t, tr.owed(back).ClosingMonths)
	require.Equal(t, types.ReceivableStatus_SETTLED, tr.owed(there).Status)
	tr.requireSums()
	for _, subject := range []string{buyer, seller} {
		head, err := state.Get(tr, types.SubjectKey(subject))
		require.NoError(t, err)
		require.Zero(t, head.OpenMinor)
		m, err := state.Get(tr, types.MonthKey(subject, types.MonthOf(tradeDay)))
		require.NoError(t, err)
		require.Zero(t, m.ClosedMinor)
		require.Zero(t, m.Experiences)
	}
	tr.reverse(second)
	tr.requireSums()
	tr.reverse(first)
	tr.requireSums()
	require.Equal(t, types.ReceivableStatus_ACCEPTED, tr.owed(there).Status)
	head, err := state.Get(tr, types.SubjectKey(buyer))
	require.NoError(t, err)
	require.Equal(t, int64(10000), head.OpenMinor)

	third := tr.pay("bank-a", there, 10000, tradeDay)
	require.True(t, tr.settlement(third).Parts[0].Counted, "what was reversed makes no two-way payment")
}

// An excluded part of an open obligation leaves it untouched; an obligation that only a bank had made ends with it.
func TestExclusionOfAPart(t *testing.T) {
	tr := newTrade(t)
	there, back := tr.issue(seller, buyer, 20000, tradeDay), tr.issue(buyer, seller, 10000, tradeDay)
	first := tr.pay("bank-a", there, 10000, tradeDay)
	tr.pay("bank-a", back, 10000, tradeDay)
	tr.requireSums()
	r := tr.owed(there)
	require.True(t, r.Experience, "the bank's payment stands")
	month, err := state.Get(tr, types.MonthKey(buyer, types.MonthOf(tradeDay)))
	require.NoError(t, err)
	require.Equal(t, []*types.OpenDay{{Day: tradeDay, Minor: 10000, Items: 1, Untouched: 1}}, month.Open)
	tr.reverse(first)
	tr.requireSums()
	require.False(t, tr.owed(there).Experience)
	require.Equal(t, types.ReceivableStatus_ISSUED, tr.owed(there).Status)
}

// An escrow's payment of what nobody accepted counts only once a bank made it an experience, and then keeps it one until
// nothing counted is left.
func TestEscrowBeforeBank(t *testing.T) {
	tr := newTrade(t)
	id := tr.issue(seller, buyer, 1000, tradeDay)
	early := tr.pay("shop", id, 100, tradeDay)
	require.False(t, tr.owed(id).Experience)
	bank := tr.pay("bank-a", id, 200, tradeDay)
	require.True(t, tr.owed(id).Experience)
	late := tr.pay("shop", id, 300, tradeDay)
	require.True(t, tr.settlement(late).Parts[0].Counted)
	tr.requireSums()
	tr.reverse(early)
	tr.requireSums()
	tr.reverse(bank)
	tr.requireSums()
	require.True(t, tr.owed(id).Experience, "a counted part is left")
	require.Zero(t, tr.owed(id).Legs&legFunds)
	tr.reverse(late)
	tr.requireSums()
	require.False(t, tr.owed(id).Experience)
	require.Equal(t, types.ReceivableStatus_ISSUED, tr.owed(id).Status)
	tr.accept(id)
	tr.requireSums()
	require.True(t, tr.owed(id).Experience)
}

// What makes an experience: a debtor's side that is independent and outside the seller's group, or a bank outside it.
func TestExperience(t *testing.T) {
	t.Run("one delegate of both sides", func(t *testing.T) {
		tr := newTrade(t)
		tr.mandate(seller, "shop")
		tr.mandate(buyer, "shop")
		m := &types.IssueReceivable{
			Id: "x", Seller: seller, Debtor: buyer, Type: "380", Currency: "CNY", AmountMinor: 5, IssueDay: tradeDay, DueDay: tradeDay,
			Commitment: digest("paper"),
		}
		tr.ok("shop for "+seller, m)
		tr.ok("shop for "+buyer, &types.AcceptReceivable{Receivable: "shop/x", Day: tradeDay, Commitment: digest("paper")})
		r := tr.owed("shop/x")
		require.Equal(t, types.ReceivableStatus_ACCEPTED, r.Status)
		require.False(t, r.Experience || r.AcceptedIndependent || r.Legs&legInvoice != 0)
		require.Equal(t, types.Evidence_SELF_DECLARED, r.Provenance.Evidence)
		tr.pay("bank-a", "shop/x", 5, tradeDay)
		require.True(t, tr.owed("shop/x").Experience, "the bank's payment makes it one")
		tr.requireSums()
	})
	t.Run("debtor itself", func(t *testing.T) {
		tr := newTrade(t)
		id := tr.issue(seller, buyer, 5, tradeDay)
		tr.accept(id)
		r := tr.owed(id)
		require.True(t, r.Experience && r.AcceptedIndependent && r.AcceptedCounts)
		require.Equal(t, legInvoice, r.Legs)
		require.Equal(t, types.Evidence_COUNTERPARTY_CONFIRMED, r.Provenance.Evidence)
	})
	t.Run("related parties", func(t *testing.T) {
		tr := newTrade(t)
		id := tr.issue(seller, buyer, 5, tradeDay, func(m *types.IssueReceivable) { m.Related = true })
		tr.accept(id)
		tr.pay("bank-a", id, 5, tradeDay)
		require.False(t, tr.owed(id).Experience)
		require.Equal(t, types.ReceivableStatus_SETTLED, tr.owed(id).Status)
		tr.requireSums()
	})
	t.Run("a bank of the seller's group", func(t *testing.T) {
		tr := newTrade(t)
		tr.enterprise(seller, "bank-a-group")
		id := tr.issue(seller, buyer, 5, tradeDay)
		tr.pay("bank-a", id, 5, tradeDay)
		require.False(t, tr.owed(id).Experience)
		require.Zero(t, tr.owed(id).Legs)
	})
	t.Run("a late receivable", func(t *testing.T) {
		tr := newTrade(t)
		id := tr.issue(seller, buyer, 5, tradeDay, func(m *types.IssueReceivable) { m.IssueDay = tradeDay - 31 })
		tr.accept(id)
		tr.pay("bank-a", id, 5, tradeDay)
		require.False(t, tr.owed(id).Experience)
		tr.requireSums()
	})
	t.Run("a late acceptance", func(t *testing.T) {
		tr := newTrade(t)
		id := tr.issue(seller, buyer, 5, tradeDay, func(m *types.IssueReceivable) { m.IssueDay = tradeDay - 20 })
		tr.Unix += 40 * 86400
		tr.ok(buyer, &types.AcceptReceivable{Receivable: id, Day: tradeDay, Commitment: digest("paper")})
		require.False(t, tr.owed(id).Experience)
		tr.pay("bank-a", id, 5, tradeDay)
		require.True(t, tr.owed(id).Experience)
		tr.requireSums()
	})
}

// Random lives of receivables between three traders: after every message the sums equal a fold over the logs, and after
// everything was reversed nothing is left but what was accepted.
func TestRandomPayments(t *testing.T) {
	pairs := [][2]string{{seller, buyer}, {buyer, seller}, {seller, third}, {third, buyer}}
	excluded, absolved := 0, 0
	for seed := range int64(12) {
		rng := rand.New(rand.NewSource(seed))
		tr := newTrade(t)
		var ids []string
		var live [][]byte
		for step := range 120 {
			switch n := rng.Intn(10); {
			case n < 2 || len(ids) == 0:
				p := pairs[rng.Intn(len(pairs))]
				ids = append(ids, tr.issue(p[0], p[1], 1000+rng.Int63n(60), tradeDay-20+rng.Int31n(60)))
			case n < 3:
				if id := ids[rng.Intn(len(ids))]; tr.owed(id).Status == types.ReceivableStatus_ISSUED {
					tr.accept(id)
				}
			case n < 8:
				r := tr.owed(ids[rng.Intn(len(ids))])
				id := fmt.Sprintf("%s/%s", r.Provenance.Signer, r.Receivable.Id)
				if open := r.Receivable.AmountMinor - r.SettledMinor; open > 0 {
					amount := open
					if rng.Intn(2) == 0 {
						amount = 1 + rng.Int63n(open)
					}
					signer := []string{"bank-a", "bank-b", "shop"}[rng.Intn(3)]
					live = append(live, tr.pay(signer, id, amount, tradeDay-25+rng.Int31n(26)))
				}
			case len(live) > 0:
				i := rng.Intn(len(live))
				tr.reverse(live[i])
				live = append(live[:i], live[i+1:]...)
			}
			if step%4 == 0 {
				tr.requireSums()
			}
		}
		for len(live) > 0 {
			i := rng.Intn(len(live))
			tr.reverse(live[i])
			live = append(live[:i], live[i+1:]...)
			tr.requireSums()
		}
		for _, id := range ids {
			r := tr.owed(id)
			require.Zero(t, r.SettledMinor+r.SettledBaseMinor+int64(r.Parts)+int64(r.BankParts)+int64(len(r.ClosingMonths)))
			require.Equal(t, r.AcceptedCounts, r.Experience)
		}
		for _, p := range tr.all {
			switch p.entry.Kind {
			case types.EntryKind_ENTRY_PAID_EXCLUDED:
				excluded++
			case types.EntryKind_ENTRY_OBLIGATION_REVERSED:
				absolved++
			}
		}
	}
	require.Greater(t, excluded, 5)
	require.Greater(t, absolved, 5)
}
