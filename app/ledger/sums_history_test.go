package ledger

import (
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
	"tradecredit/types/score"
)

// history is a random life of a few traders. It states what the rules would state in each entry.
type history struct {
	t     testing.TB
	rng   *rand.Rand
	batch *state.Batch
	all   []posted
	pairs map[string]*naivePair

	day         int32
	undelivered []posted
	debts       []*debt
	twoWays     int
	exclusions  int
	reversals   int
	reopened    int
	takenBack   int
	weakened    int
	expunged    int
}

// debt is a receivable that is an experience of its debtor.
type debt struct {
	record                string
	debtor, creditor      string
	due                   int32
	base, rest            int64
	obligation, claim     posted
	parts                 []*paidPart
	settledInTime, exists bool
}

type paidPart struct {
	paid, collected posted
	counted, live   bool
}

var traders = []string{"CC:reg:a", "CC:reg:b", "CC:reg:c", "LEI:d"}

func newHistory(t testing.TB, empty *state.View, seed int64) *history {
	return &history{
		t: t, rng: rand.New(rand.NewSource(seed)), batch: state.NewBatch(empty), pairs: map[string]*naivePair{},
		day: 18000,
	}
}

func (h *history) chance(percent int) bool { return h.rng.Intn(100) < percent }

func (h *history) member() string {
	return []string{"", "bank-1", "bank-2", "platform-1", "carrier-1"}[h.rng.Intn(5)]
}

// when is a day around the history's present, sometimes long ago.
func (h *history) when() int32 {
	if h.chance(5) {
		return h.day - int32(h.rng.Intn(900))
	}
	return h.day - int32(h.rng.Intn(25))
}

// amount is often one of a few, so that payments answer each other.
func (h *history) amount() int64 {
	if h.chance(60) {
		return 100000 + h.rng.Int63n(8000)
	}
	return 1 + h.rng.Int63n(1<<(1+h.rng.Intn(40)))
}

func (h *history) entry(kind types.EntryKind, record, counterparty string, day int32) types.Entry {
	return types.Entry{
		Kind: kind, Record: record, Counterparty: counterparty, Member: h.member(), Day: day, Counted: h.chance(85),
		Late: h.chance(20), Evidence: types.Evidence(1 + h.rng.Intn(4)),
	}
}

func (h *history) post(subject string, e types.Entry) posted {
	n, err := post(h.batch, int64(len(h.all)), subject, e)
	require.NoError(h.t, err)
	p := posted{subject: subject, number: n, entry: e}
	h.all = append(h.all, p)
	naiveReplay(h.pairs, p)
	return p
}

// step makes one event of the history, of one or more entries.
func (h *history) step() {
	h.day += int32(h.rng.Intn(12))
	if h.chance(8) {
		h.weaken()
		return
	}
	if h.chance(4) {
		h.expunge()
		return
	}
	a := traders[h.rng.Intn(len(traders))]
	b := traders[h.rng.Intn(len(traders))]
	if a == b {
		h.single(a)
		return
	}
	switch k := h.rng.Intn(20); {
	case k < 3:
		h.order(a, b)
	case k < 5:
		h.deliver()
	case k < 8:
		h.receivable(a, b)
	case k < 15:
		h.pay()
	case k < 18:
		h.reverse()
	case k < 19:
		h.exclude()
	default:
		h.takeBack()
	}
}

func (h *history) record(kind string) string { return fmt.Sprintf("%s/bank-1/%d", kind, len(h.all)) }

// single posts what concerns one subject only.
func (h *history) single(subject string) {
	kinds := []types.EntryKind{
		types.EntryKind_ENTRY_REGISTERED, types.EntryKind_ENTRY_ORDER_CONFIRMED, types.EntryKind_ENTRY_MOVEMENT,
		types.EntryKind_ENTRY_DELIVERY_ACCEPTED, types.EntryKind_ENTRY_CUSTOMS, types.EntryKind_ENTRY_DOCUMENT,
		types.EntryKind_ENTRY_VERDICT, types.EntryKind_ENTRY_QUERY, types.EntryKind_ENTRY_RECEIVABLE_RECEIVED,
	}
	e := h.entry(kinds[h.rng.Intn(len(kinds))], h.record("x"), "", h.when())
	e.Adverse = h.chance(30)
	h.post(subject, e)
}

func (h *history) order(buyer, seller string) {
	record := h.record("order")
	e := h.entry(types.EntryKind_ENTRY_ORDER_SOLD, record, buyer, h.when())
	e.DueDay = e.Day + int32(h.rng.Intn(90))
	e.Open = e.Counted
	if h.chance(90) {
		e.BaseMinor = h.amount()
	}
	sold := h.post(seller, e)
	bought := h.entry(types.EntryKind_ENTRY_ORDER_BOUGHT, record, seller, e.Day)
	bought.BaseMinor, bought.DueDay = e.BaseMinor, e.DueDay
	h.post(buyer, bought)
	h.undelivered = append(h.undelivered, sold)
}

func (h *history) deliver() {
	if len(h.undelivered) == 0 {
		return
	}
	i := h.rng.Intn(len(h.undelivered))
	o := h.undelivered[i]
	h.undelivered = slices.Delete(h.undelivered, i, i+1)
	e := h.entry(types.EntryKind_ENTRY_DELIVERED, o.entry.Record, o.entry.Counterparty, h.when())
	e.DueDay, e.BaseMinor, e.Open = o.entry.DueDay, o.entry.BaseMinor, o.entry.Counted
	e.Independent, e.OnTime = h.chance(70), e.Day <= o.entry.DueDay
	h.post(o.subject, e)
	h.post(o.entry.Counterparty, h.entry(types.EntryKind_ENTRY_RECEIVED, e.Record, o.subject, e.Day))
}

func (h *history) receivable(seller, debtor string) {
	record := h.record("receivable")
	issued := h.entry(types.EntryKind_ENTRY_RECEIVABLE_ISSUED, record, debtor, h.when())
	issued.BaseMinor = h.amount()
	h.post(seller, issued)
	if h.chance(50) && issued.Counted {
		legs := h.entry(types.EntryKind_ENTRY_LEGS, record, debtor, issued.Day)
		legs.Counted, legs.MonthWas = true, types.MonthOf(issued.Day)
		h.post(seller, legs)
		if h.chance(40) {
			legs.Kind = types.EntryKind_ENTRY_LEGS_LOST
			h.post(seller, legs)
		}
	}
	d := &debt{record: record, debtor: debtor, creditor: seller, due: issued.Day + int32(h.rng.Intn(720)), base: issued.BaseMinor}
	h.debts = append(h.debts, d)
	h.owe(d)
}

// owe makes the receivable an experience of its debtor.
func (h *history) owe(d *debt) {
	e := h.entry(types.EntryKind_ENTRY_OBLIGATION, d.record, d.creditor, h.when())
	e.DueDay, e.BaseMinor, e.Open = d.due, d.base, true
	d.obligation = h.post(d.debtor, e)
	claim := e
	claim.Kind, claim.Counterparty = types.EntryKind_ENTRY_CLAIM, d.debtor
	d.claim = h.post(d.creditor, claim)
	d.rest, d.exists = d.base, true
}

// marked tells whether the obligation is open without a live counted part.
func (d *debt) marked() bool {
	return d.rest > 0 && !slices.ContainsFunc(d.parts, func(p *paidPart) bool { return p.live && p.counted })
}

// month is where the obligation counts as an experience; 0: nowhere.
func (d *debt) month() (m int32) {
	for _, p := range d.parts {
		if p.live && p.counted {
			m = max(m, types.MonthOf(p.paid.entry.Day))
		}
	}
	return m
}

// pickDebt finds a debt that fits; nil if a few tries find none.
func (h *history) pickDebt(fits func(*debt) bool) *debt {
	for range 8 {
		if len(h.debts) == 0 {
			return nil
		}
		if d := h.debts[h.rng.Intn(len(h.debts))]; fits(d) {
			return d
		}
	}
	return nil
}

func (h *history) pay() {
	d := h.pickDebt(func(d *debt) bool { return d.exists && d.rest > 0 })
	if d == nil {
		return
	}
	amount := d.rest
	switch {
	case h.chance(3):
		amount = 0
	case h.chance(50):
		amount = 1 + h.rng.Int63n(d.rest)
	}
	e := h.entry(types.EntryKind_ENTRY_PAID, d.record, d.creditor, h.when())
	if answered := h.answerable(d); answered != nil && h.chance(50) {
		amount, e.Day = min(d.rest, answered.BaseMinor), answered.Day+int32(h.rng.Intn(31))
	}
	e.DueDay, e.BaseMinor, e.Open, e.Dbt = d.due, amount, true, e.Day-d.due
	e.P = score.PartScore(e.Dbt)
	if e.Counted {
		e.Counted = !h.twoWay(d, e)
	}
	marked, was := d.marked(), d.month()
	d.rest -= amount
	part := &paidPart{counted: e.Counted, live: true}
	part.paid.entry = e
	d.parts = append(d.parts, part)
	e.Last, e.First = d.rest == 0, marked && !d.marked()
	e.MonthWas, e.MonthNow = was, d.month()
	if e.Last {
		d.settledInTime = e.Day <= d.due+30
	}
	e.OnTime = d.settledInTime
	part.paid = h.post(d.debtor, e)
	e.Kind, e.Counterparty = types.EntryKind_ENTRY_COLLECTED, d.debtor
	part.collected = h.post(d.creditor, e)
}

// answerable is a part that the creditor paid the debtor, if there is one.
func (h *history) answerable(d *debt) *types.Entry {
	n := h.pairs[min(d.debtor, d.creditor)+"/"+max(d.debtor, d.creditor)]
	if recent := n.recent[d.creditor]; len(recent) > 0 {
		return &recent[h.rng.Intn(len(recent))].entry
	}
	return nil
}

// twoWay excludes the part that a new one answers, and tells whether there is one.
func (h *history) twoWay(d *debt, e types.Entry) bool {
	number, hit, err := twoWay(h.batch, d.debtor, d.creditor, e.Day, e.BaseMinor)
	require.NoError(h.t, err)
	wantNumber, want := naiveTwoWay(h.pairs, d.debtor, d.creditor, e.Day, e.BaseMinor)
	require.Equal(h.t, want, hit)
	if !hit {
		return false
	}
	require.Equal(h.t, wantNumber, number)
	h.twoWays++
	for _, other := range h.debts {
		for _, p := range other.parts {
			if p.paid.subject == d.creditor && p.paid.number == number {
				h.leave(other, p, types.EntryKind_ENTRY_PAID_EXCLUDED, types.EntryKind_ENTRY_COLLECTED_EXCLUDED)
				return true
			}
		}
	}
	require.FailNow(h.t, "the part does not exist", "entry %d", number)
	return false
}

// leave posts a reversal or exclusion of a part.
func (h *history) leave(d *debt, p *paidPart, paid, collected types.EntryKind) {
	e := p.paid.entry
	e.Kind, e.Counted, e.Reverses = paid, p.counted, p.paid.number+1
	e.Open = paid == types.EntryKind_ENTRY_PAID_REVERSED
	marked, was, settled := d.marked(), d.month(), d.rest == 0
	p.counted = false
	if e.Open {
		p.live = false
		d.rest += e.BaseMinor
	}
	e.Last, e.First = settled && d.rest > 0, !marked && d.marked()
	e.OnTime, e.MonthWas, e.MonthNow = d.settledInTime, was, d.month()
	if e.Last && !p.paid.entry.Last {
		h.reopened++
	}
	h.post(d.debtor, e)
	c := p.collected.entry
	c.Kind, c.Counted, c.Reverses = collected, e.Counted, p.collected.number+1
	c.Open, c.Last, c.First, c.OnTime = e.Open, e.Last, e.First, e.OnTime
	h.post(d.creditor, c)
}

// weaken takes the evidence of an earlier row away, or the row out of the sums.
func (h *history) weaken() {
	for range 8 {
		if len(h.all) == 0 {
			return
		}
		p := h.all[h.rng.Intn(len(h.all))]
		e := p.entry
		switch e.Kind {
		case types.EntryKind_ENTRY_ORDER_BOUGHT, types.EntryKind_ENTRY_ORDER_SOLD, types.EntryKind_ENTRY_MOVEMENT,
			types.EntryKind_ENTRY_DELIVERED, types.EntryKind_ENTRY_RECEIVED:
			e.Kind = types.EntryKind_ENTRY_EVIDENCE_LOST
		case types.EntryKind_ENTRY_CUSTOMS:
			e.Kind = types.EntryKind_ENTRY_CUSTOMS_EXCLUDED
		case types.EntryKind_ENTRY_VERDICT:
			e.Kind = types.EntryKind_ENTRY_VERDICT_EXCLUDED
		default:
			continue
		}
		e.Reverses = p.number + 1
		named := slices.ContainsFunc(h.all, func(q posted) bool { return q.subject == p.subject && q.entry.Reverses == e.Reverses })
		if named || !e.Counted || e.Evidence <= types.Evidence_SELF_DECLARED {
			continue
		}
		h.post(p.subject, e)
		h.weakened++
		return
	}
}

// expunge takes an event out of the sums, with its promise if that is open; whether its evidence was taken before or not.
func (h *history) expunge() {
	for range 8 {
		if len(h.all) == 0 {
			return
		}
		p := h.all[h.rng.Intn(len(h.all))]
		e := p.entry
		switch e.Kind {
		case types.EntryKind_ENTRY_ORDER_BOUGHT, types.EntryKind_ENTRY_ORDER_SOLD, types.EntryKind_ENTRY_MOVEMENT,
			types.EntryKind_ENTRY_DELIVERED, types.EntryKind_ENTRY_RECEIVED, types.EntryKind_ENTRY_CUSTOMS:
		default:
			continue
		}
		log := slices.DeleteFunc(slices.Clone(h.all), func(q posted) bool { return q.subject != p.subject })
		if !e.Counted || gone(log)[p.number] {
			continue
		}
		if weak(log)[p.number] {
			e.Evidence, e.Independent = types.Evidence_SELF_DECLARED, false
		}
		open := len(h.undelivered)
		h.undelivered = slices.DeleteFunc(h.undelivered, func(q posted) bool { return q.subject == p.subject && q.number == p.number })
		e.Reverses = p.number + 1
		if e.Kind == types.EntryKind_ENTRY_ORDER_SOLD {
			e.Kind, e.Open = types.EntryKind_ENTRY_ORDER_SOLD_REVERSED, len(h.undelivered) < open
		} else {
			e.Kind, e.Excludes = types.EntryKind_ENTRY_EVENT_EXCLUDED, e.Kind
		}
		h.post(p.subject, e)
		h.expunged++
		return
	}
}

// reverse takes back a part with an amount, counted or not.
func (h *history) reverse() {
	d := h.pickDebt(func(d *debt) bool { return len(d.parts) > 0 })
	if d == nil {
		return
	}
	if p := d.parts[h.rng.Intn(len(d.parts))]; p.live && p.paid.entry.BaseMinor > 0 {
		h.leave(d, p, types.EntryKind_ENTRY_PAID_REVERSED, types.EntryKind_ENTRY_COLLECTED_REVERSED)
		h.reversals++
	}
}

func (h *history) exclude() {
	d := h.pickDebt(func(d *debt) bool { return len(d.parts) > 0 })
	if d == nil {
		return
	}
	if p := d.parts[h.rng.Intn(len(d.parts))]; p.live && p.counted {
		h.leave(d, p, types.EntryKind_ENTRY_PAID_EXCLUDED, types.EntryKind_ENTRY_COLLECTED_EXCLUDED)
		h.exclusions++
	}
}

// takeBack ends an experience without parts; it may become one again.
func (h *history) takeBack() {
	d := h.pickDebt(func(d *debt) bool { return d.rest == d.base })
	if d == nil || slices.ContainsFunc(d.parts, func(p *paidPart) bool { return p.live }) {
		return
	}
	if !d.exists {
		h.owe(d)
		return
	}
	e := d.obligation.entry
	e.Kind, e.Reverses = types.EntryKind_ENTRY_OBLIGATION_REVERSED, d.obligation.number+1
	h.post(d.debtor, e)
	c := d.claim.entry
	c.Kind, c.Reverses = types.EntryKind_ENTRY_CLAIM_REVERSED, d.claim.number+1
	h.post(d.creditor, c)
	d.exists = false
	h.takenBack++
}
