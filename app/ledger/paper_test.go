package ledger

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// desk is a trade in which everything can happen to receivables, at random.
type desk struct {
	*trade
	rng   *rand.Rand
	ids   []string
	live  [][]byte
	codes map[string]int // how often each kind of message was accepted
}

func newDesk(t *testing.T, seed int64) *desk {
	d := &desk{trade: newTrade(t), rng: rand.New(rand.NewSource(seed)), codes: map[string]int{}}
	d.mandate(seller, "shop")
	d.mandate(buyer, "shop")
	return d
}

// try sends a message, whatever comes of it but a contradiction.
func (d *desk) try(signer string, msg types.Msg) bool {
	code := d.say(signer, msg)
	require.NotEqual(d.t, types.Code_inconsistent_state, code, "%s: %v", signer, msg)
	if code == types.Code_ok {
		d.codes[types.RowOf(msg).Name]++
	}
	return code == types.Code_ok
}

// pick is one of the receivables; the newest more often than the others.
func (d *desk) pick() (string, *types.Receivable) {
	n := len(d.ids)
	id := d.ids[n-1-min(d.rng.Intn(n), d.rng.Intn(n))]
	return id, d.owed(id)
}

// experience is one of the receivables that are experiences of their debtors, or else the one given.
func (d *desk) experience(id string, r *types.Receivable) (string, *types.Receivable) {
	for range 20 {
		if id, r := d.pick(); r.Experience {
			return id, r
		}
	}
	return id, r
}

// share is a random part of an amount, often all of it.
func (d *desk) share(open int64) int64 {
	if open <= 1 || d.rng.Intn(3) == 0 {
		return open
	}
	return 1 + d.rng.Int63n(open)
}

// step lets something happen.
func (d *desk) step() {
	today := d.Today()
	if len(d.ids) == 0 || d.rng.Intn(12) == 0 {
		d.issueOne(today)
		return
	}
	id, r := d.pick()
	m := r.Receivable
	switch n := d.rng.Intn(24); {
	case n < 4:
		who := m.Debtor
		if m.Debtor == buyer && d.rng.Intn(4) == 0 {
			who = "shop for " + buyer
		}
		d.try(who, &types.AcceptReceivable{Receivable: id, Day: today - d.rng.Int31n(40), Commitment: digest("paper")})
	case n < 7:
		d.splitOne(id, r)
	case n < 13:
		d.payOne(id, r)
	case n < 15 && len(d.live) > 0:
		i := d.rng.Intn(len(d.live))
		s := d.live[i]
		d.try(d.settlement(s).CreditorSide.Signer, &types.ReverseSettlement{Settlement: s, Day: today, Reason: 1})
		d.live = slices.Delete(d.live, i, i+1)
	case n < 17:
		d.try(m.Seller, &types.AdjustReceivable{
			Id: d.next(), Receivable: id, AmountMinor: d.share(openMinor(r)), Fault: types.Fault(1 + d.rng.Intn(4)), Day: today,
			Commitment: digest("note"),
		})
	case n == 17:
		id, r = d.experience(id, r)
		m = r.Receivable
		if due := m.DueDay + writeOffTerm; today < due && d.rng.Intn(3) == 0 && openMinor(r) > 0 {
			d.Unix += int64(due-today) * secondsADay
			today = due
		}
		d.try(m.Seller, &types.WriteOff{Receivable: id, Day: today - d.rng.Int31n(35), Reason: 1})
	case n == 18:
		d.try(m.Debtor, &types.RejectReceivable{Receivable: id, Day: today, Reason: 1})
	case n < 21:
		d.try([]string{m.Seller, m.Debtor, "tax"}[d.rng.Intn(3)], &types.VoidReceivable{Receivable: id, Day: today, Reason: 1})
	case n == 21:
		d.taxOne(id, m)
	case n == 22:
		d.leaveOne(d.experience(id, r))
	default:
		d.Unix += d.rng.Int63n(30) * secondsADay
	}
}

func (d *desk) issueOne(today int32) {
	pairs := [][2]string{{seller, buyer}, {buyer, seller}, {seller, third}}
	p := pairs[d.rng.Intn(len(pairs))]
	m := &types.IssueReceivable{
		Id: d.next(), Seller: p[0], Debtor: p[1], Type: "380", Currency: "CNY", AmountMinor: 1000 + d.rng.Int63n(60),
		IssueDay: today - d.rng.Int31n(20), Commitment: digest("paper"), Related: d.rng.Intn(8) == 0,
	}
	m.DueDay = m.IssueDay + d.rng.Int31n(60)
	if p[0] == seller && d.rng.Intn(3) == 0 {
		m.Order = d.orderFor(p[0], p[1])
	}
	signer, id := p[0], p[0]
	if p[0] == seller && d.rng.Intn(4) == 0 {
		signer, id = "shop for "+seller, "shop"
	}
	if d.try(signer, m) {
		d.ids = append(d.ids, id+"/"+m.Id)
	}
}

func (d *desk) orderFor(s, b string) string {
	m := &types.RecordOrder{
		Id: d.next(), Kind: types.OrderKind_GOODS, Buyer: b, Seller: s, OrderDay: d.Today(), PromisedDay: d.Today() + 3,
		Currency: "CNY", AmountMinor: 1000, TermsDigest: digest("terms"),
	}
	d.ok(s, m)
	id := s + "/" + m.Id
	d.try(b, &types.ConfirmOrder{Order: id, TermsDigest: digest("terms"), Day: d.Today()})
	d.try("carrier", &types.RecordLogisticsEvent{Id: d.next(), Order: id, Event: types.LogisticsEvent_DELIVERED, Day: d.Today(), Place: "DE"})
	d.try(b, &types.AcceptDelivery{Order: id, Day: d.Today()})
	return id
}

func (d *desk) splitOne(id string, r *types.Receivable) {
	m := &types.SplitReceivable{Receivable: id, Day: d.Today()}
	left := openMinor(r)
	for range 1 + d.rng.Intn(4) {
		if left < 2 {
			break
		}
		c := &types.SplitChild{Id: d.next(), AmountMinor: 1 + d.rng.Int63n(left-1)}
		left -= c.AmountMinor
		m.Children = append(m.Children, c)
	}
	m.Children = append(m.Children, &types.SplitChild{Id: d.next(), AmountMinor: left})
	signer, prefix := r.Receivable.Seller, r.Receivable.Seller
	if prefix == seller && d.rng.Intn(4) == 0 {
		signer, prefix = "shop for "+seller, "shop"
	}
	if d.try(signer, m) {
		for _, c := range m.Children {
			d.ids = append(d.ids, prefix+"/"+c.Id)
		}
	}
}

func (d *desk) payOne(id string, r *types.Receivable) {
	m := d.payment(d.Today()-d.rng.Int31n(26), &types.Allocation{Receivable: id, AmountMinor: d.share(openMinor(r))})
	signer := []string{"bank-a", "bank-b", "shop"}[d.rng.Intn(3)]
	if signer == "shop" {
		m.Channel = types.Channel_ESCROW
	}
	if d.try(signer, m) {
		d.live = append(d.live, m.Id)
	}
}

func (d *desk) taxOne(id string, m *types.IssueReceivable) {
	event := []types.TaxEvent{types.TaxEvent_INVOICE_VERIFIED, types.TaxEvent_INVOICE_VOIDED}[d.rng.Intn(2)]
	d.try("tax", &types.RecordTaxEvent{
		Id: d.next(), Subject: m.Seller, Event: event, Receivable: id, Currency: "CNY", AmountMinor: 1, Day: d.Today(),
	})
}

// leaveOne takes a receivable out of the scores, as a dispute does.
func (d *desk) leaveOne(id string, r *types.Receivable) {
	if d.rng.Intn(3) > 0 || r.Suppressed > 0 || r.Status == types.ReceivableStatus_SPLIT {
		return
	}
	_, err := leaveReceivable(&Tx{Batch: d.Batch, Block: d.Block}, id)
	require.NoError(d.t, err)
	d.collect()
	d.codes["leave"]++
}

// requireAll compares the sums with the fold and the records with each other.
func (d *desk) requireAll() {
	d.t.Helper()
	d.requireSums()
	require.NoError(d.t, auditSettlements(d))
	require.NoError(d.t, auditOrders(d))
}

// Random lives: receivables that are issued, accepted, split and split again, paid, credited, written off, rejected, voided,
// disputed; payments that go back. The sums are what the logs say, and the records agree, after every act.
func TestRandomReceivables(t *testing.T) {
	done := map[string]int{}
	for seed := range int64(10) {
		d := newDesk(t, seed)
		for range 260 {
			d.step()
			if d.rng.Intn(3) == 0 {
				d.requireAll()
			}
		}
		d.requireAll()
		for _, p := range d.all {
			done[p.entry.Kind.String()]++
			if p.entry.ClaimWas != p.entry.ClaimNow {
				done[fmt.Sprintf("claim %d to %d", p.entry.ClaimWas, p.entry.ClaimNow)]++
			}
		}
		for name, n := range d.codes {
			done[name] += n
		}
	}
	// Lives in which these do not happen would prove little.
	for what, least := range map[string]int{
		"accept_receivable": 30, "split_receivable": 40, "adjust_receivable": 50, "write_off": 8, "reject_receivable": 10,
		"void_receivable": 14, "reverse_settlement": 80, "leave": 15, "ENTRY_OBLIGATION_REVERSED": 20, "ENTRY_CLAIM_EXCLUDED": 10,
		"ENTRY_WRITTEN_OFF_EXCLUDED": 1, "ENTRY_LEGS": 10, "ENTRY_LEGS_LOST": 3, "ENTRY_PAID_EXCLUDED": 10,
		"claim 1 to 2": 8, "claim 1 to 3": 6, "claim 1 to 4": 1, "claim 2 to 1": 9,
	} {
		require.GreaterOrEqual(t, done[what], least, what)
	}
}

// Whatever is split: the sums are those of the same payments, credit notes and reversals on the paper as it was.
func TestSplitsMoveNoSum(t *testing.T) {
	for seed := range int64(20) {
		rng := rand.New(rand.NewSource(seed))
		split, whole := newTrade(t), newTrade(t)
		due := tradeDay - 60 + rng.Int31n(90)
		terms := func(m *types.IssueReceivable) { m.IssueDay, m.DueDay = tradeDay-20, max(due, tradeDay-20) }
		id := split.issue(seller, buyer, 1000, due, terms)
		require.Equal(t, id, whole.issue(seller, buyer, 1000, due, terms))
		split.accept(id)
		whole.accept(id)
		ends := []string{id}
		for range 1 + rng.Intn(6) {
			i := rng.Intn(len(ends))
			r := split.owed(ends[i])
			if r.Receivable.AmountMinor < 20 || r.Level >= maxSplits {
				continue
			}
			first := 1 + rng.Int63n(r.Receivable.AmountMinor-1)
			a, b := split.next(), split.next()
			before := sumRows(split)
			split.ok(seller, &types.SplitReceivable{Receivable: ends[i], Day: tradeDay, Children: []*types.SplitChild{
				{Id: a, AmountMinor: first}, {Id: b, AmountMinor: r.Receivable.AmountMinor - first},
			}})
			require.Equal(t, before, sumRows(split))
			ends = append(slices.Delete(ends, i, i+1), seller+"/"+a, seller+"/"+b)
		}
		var paid [][2][]byte
		for step := range 30 {
			end := ends[rng.Intn(len(ends))]
			open := openMinor(split.owed(end))
			amount := 1 + rng.Int63n(max(open, 1))
			day := tradeDay - rng.Int31n(20)
			switch {
			case rng.Intn(4) == 0 && len(paid) > 0:
				i := rng.Intn(len(paid))
				split.reverse(paid[i][0])
				whole.reverse(paid[i][1])
				paid = slices.Delete(paid, i, i+1)
			case open == 0:
			case rng.Intn(4) == 0:
				note := &types.AdjustReceivable{
					Id: fmt.Sprint("note", step), AmountMinor: amount, Fault: types.Fault_FAULT_OF_SELLER, Day: tradeDay, Commitment: digest("note"),
				}
				one, other := *note, *note
				one.Receivable, other.Receivable = end, id
				split.ok(seller, &one)
				whole.ok(seller, &other)
			default:
				paid = append(paid, [2][]byte{split.pay("bank-a", end, amount, day), whole.pay("bank-a", id, amount, day)})
			}
			split.requireSums()
			require.NoError(t, auditSettlements(split))
			require.Equal(t, sumRows(whole), sumRows(split), "seed %d, step %d", seed, step)
		}
	}
}

// sumRows are the sums by month and pair, and what is open of each subject; numbers of log rows are no sums.
func sumRows(tr *trade) map[string]string {
	rows := map[string]string{}
	for key, row := range tr.rows() {
		switch {
		case strings.HasPrefix(key, "month/"), strings.HasPrefix(key, "rank/"), strings.HasPrefix(key, "subject/"):
			rows[key] = row
		case strings.HasPrefix(key, "pair/"):
			p, err := state.Get(tr, types.Key[types.PairSum](key))
			require.NoError(tr.t, err)
			for _, r := range slices.Concat(p.RecentAb, p.RecentBa) {
				r.Entry = 0
			}
			rows[key] = p.String()
		}
	}
	return rows
}

// Children of a converted receivable add up to its base amount, however small they are; and so do their parts.
func TestSplitRounding(t *testing.T) {
	for seed := range int64(30) {
		rng := rand.New(rand.NewSource(seed))
		tr := newTrade(t)
		require.NoError(t, state.Set(tr, types.FixingKey("JPY", tradeDay-25), &types.Fixing{Currency: "JPY", RateE9: 48_123_457}))
		amount := 16 + rng.Int63n(1<<uint(5+rng.Intn(40)))
		id := tr.issue(seller, buyer, amount, tradeDay, func(m *types.IssueReceivable) { m.Currency = "JPY" })
		tr.accept(id)
		ends := []string{id}
		for range 12 {
			end := ends[rng.Intn(len(ends))]
			r := tr.owed(end)
			n := int64(2 + rng.Intn(15))
			if r.Receivable.AmountMinor < n || r.Level >= maxSplits || r.Status == types.ReceivableStatus_SPLIT {
				continue
			}
			m := &types.SplitReceivable{Receivable: end, Day: tradeDay}
			left := r.Receivable.AmountMinor
			for i := n; i > 1; i-- {
				c := &types.SplitChild{Id: tr.next(), AmountMinor: 1 + rng.Int63n(left-i+1)}
				left -= c.AmountMinor
				m.Children = append(m.Children, c)
			}
			m.Children = append(m.Children, &types.SplitChild{Id: tr.next(), AmountMinor: left})
			tr.ok(seller, m)
			for _, c := range m.Children {
				ends = append(ends, seller+"/"+c.Id)
			}
			require.NoError(t, auditSettlements(tr))
		}
		for _, end := range ends {
			for r := tr.owed(end); r.Status != types.ReceivableStatus_SPLIT && openMinor(r) > 0; r = tr.owed(end) {
				tr.pay("bank-a", end, 1+rng.Int63n(openMinor(r)), tradeDay)
			}
		}
		require.NoError(t, auditSettlements(tr))
		head, err := state.Get(tr, types.SubjectKey(buyer))
		require.NoError(t, err)
		require.Zero(t, head.OpenMinor)
		require.Zero(t, head.OpenObligations)
		m, err := state.Get(tr, types.MonthKey(buyer, types.MonthOf(tradeDay)))
		require.NoError(t, err)
		require.Equal(t, tr.owed(id).BaseMinor, m.ClosedMinor)
		require.Equal(t, int64(1), m.Experiences)
	}
}
