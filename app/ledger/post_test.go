package ledger

import (
	"fmt"
	"math"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"tradecredit/app/state"
	"tradecredit/types"
	"tradecredit/types/score"
)

// emptyState is a state without rows, on which batches are made.
func emptyState(t testing.TB) *state.View {
	db, err := state.Open(t.TempDir(), state.Options{})
	require.NoError(t, err)
	v := db.View()
	t.Cleanup(func() {
		require.NoError(t, v.Close())
		require.NoError(t, db.Close())
	})
	return v
}

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
	p := posted{subject, n, e}
	h.all = append(h.all, p)
	naiveReplay(h.pairs, p)
	return p
}

// step makes one event of the history, of one or more entries.
func (h *history) step() {
	h.day += int32(h.rng.Intn(12))
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

// requireFold compares the state with the naive fold, and every log with the RFC 6962 root of another implementation.
func (h *history) requireFold() {
	want := naiveFold(h.all)
	got := map[string][]byte{}
	require.NoError(h.t, h.batch.Scan("", func(key string, value []byte) error {
		if !strings.HasPrefix(key, "subject/") {
			got[key] = value
		}
		return nil
	}))
	for key, value := range want.rows {
		require.Equal(h.t, describe(h.t, key, value), describe(h.t, key, got[key]), key)
		require.Equal(h.t, value, got[key], key)
	}
	require.Len(h.t, got, len(want.rows))
	for subject, head := range want.heads {
		stored, err := state.Get(h.batch, types.SubjectKey(subject))
		require.NoError(h.t, err)
		require.Equal(h.t, h.root(subject, head.Entries), stored.Root)
		stored.Root, stored.Frontier = nil, nil
		require.Equal(h.t, head.String(), stored.String())
	}
}

func (h *history) root(subject string, entries uint64) []byte {
	factory := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	r := factory.NewEmptyRange(0)
	for n := range entries {
		row, err := h.batch.Entry(types.EntryLog(subject), n)
		require.NoError(h.t, err)
		require.NotNil(h.t, row)
		require.NoError(h.t, r.Append(rfc6962.DefaultHasher.HashLeaf(row), nil))
	}
	root, err := r.GetRootHash(nil)
	require.NoError(h.t, err)
	return root
}

// describe makes a row readable when two differ.
func describe(t testing.TB, key string, value []byte) string {
	switch {
	case strings.HasPrefix(key, "month/"):
		var m types.MonthSum
		require.NoError(t, m.Unmarshal(value))
		return m.String()
	case strings.HasPrefix(key, "pair/"):
		var p types.PairSum
		require.NoError(t, p.Unmarshal(value))
		return p.String()
	}
	return fmt.Sprintf("%x", value)
}

// Sums kept entry by entry equal a fold over the logs that was written apart from them.
func TestPostEqualsFold(t *testing.T) {
	empty := emptyState(t)
	var twoWays, exclusions, reversals, reopened, takenBack, dropped int
	for seed := range int64(200) {
		ok := t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			h := newHistory(t, empty, seed)
			for len(h.all) < 300 {
				h.step()
				if len(h.all)%100 < 2 {
					h.requireFold()
				}
			}
			h.requireFold()
			twoWays, exclusions, reversals = twoWays+h.twoWays, exclusions+h.exclusions, reversals+h.reversals
			reopened, takenBack = reopened+h.reopened, takenBack+h.takenBack
			for _, p := range h.pairs {
				for _, part := range p.parts {
					if types.MonthOf(part.entry.Day) < p.newest-pairMonthsBack {
						dropped++
					}
				}
			}
		})
		require.True(t, ok, "history with seed %d differs; run -run 'TestPostEqualsFold/seed=%d$'", seed, seed)
	}
	// Histories in which these do not happen would prove little.
	t.Logf("two-way %d, excluded %d, reversed %d, reopened by an earlier part %d, experiences taken back %d, dropped from pairs %d",
		twoWays, exclusions, reversals, reopened, takenBack, dropped)
	for _, n := range []int{twoWays, exclusions, reversals, reopened, takenBack, dropped} {
		require.Greater(t, n, 50)
	}
}

// What comes back to nothing leaves no row behind.
func TestPostReversedLeavesNothing(t *testing.T) {
	empty := emptyState(t)
	h := newHistory(t, empty, 1)
	h.receivable(traders[0], traders[1])
	d := h.debts[0]
	h.batch, h.all, h.pairs = state.NewBatch(empty), nil, map[string]*naivePair{}
	h.owe(d)
	h.pay()
	h.leave(d, d.parts[0], types.EntryKind_ENTRY_PAID_REVERSED, types.EntryKind_ENTRY_COLLECTED_REVERSED)
	e, c := d.obligation.entry, d.claim.entry
	e.Kind, c.Kind = types.EntryKind_ENTRY_OBLIGATION_REVERSED, types.EntryKind_ENTRY_CLAIM_REVERSED
	h.post(d.debtor, e)
	h.post(d.creditor, c)
	require.NoError(t, h.batch.Scan("", func(key string, value []byte) error {
		require.True(t, strings.HasPrefix(key, "subject/"), key)
		return nil
	}))
}

func TestPostRefuses(t *testing.T) {
	empty := emptyState(t)
	paid := types.Entry{
		Kind: types.EntryKind_ENTRY_PAID, Counterparty: "CC:reg:b", Day: 20000, DueDay: 20000, BaseMinor: 5, P: 80, Counted: true,
	}
	with := func(change func(*types.Entry)) types.Entry {
		e := paid
		change(&e)
		return e
	}
	for name, c := range map[string]struct {
		before []types.Entry
		entry  types.Entry
		code   types.Code
	}{
		"part of nothing": {
			entry: with(func(e *types.Entry) { e.Open = true }), code: types.Code_inconsistent_state},
		"experience that was nowhere": {
			entry: with(func(e *types.Entry) { e.MonthWas = 24000 }), code: types.Code_inconsistent_state},
		"no counterparty": {
			entry: with(func(e *types.Entry) { e.Counterparty = "" }), code: types.Code_inconsistent_state},
		"oneself": {
			entry: with(func(e *types.Entry) { e.Counterparty = "CC:reg:a" }), code: types.Code_inconsistent_state},
		"reversal of nothing": {
			entry: with(func(e *types.Entry) { e.Kind, e.Reverses = types.EntryKind_ENTRY_PAID_REVERSED, 1 }),
			code:  types.Code_inconsistent_state},
		"reversal that names no entry": {
			before: []types.Entry{paid},
			entry:  with(func(e *types.Entry) { e.Kind = types.EntryKind_ENTRY_PAID_REVERSED }), code: types.Code_inconsistent_state},
		"reversal of more": {
			before: []types.Entry{paid},
			entry:  with(func(e *types.Entry) { e.Kind, e.Reverses, e.BaseMinor = types.EntryKind_ENTRY_PAID_REVERSED, 1, 6 }),
			code:   types.Code_inconsistent_state},
		"reversal under another member": {
			before: []types.Entry{paid},
			entry:  with(func(e *types.Entry) { e.Kind, e.Reverses, e.Member = types.EntryKind_ENTRY_PAID_REVERSED, 1, "bank-1" }),
			code:   types.Code_inconsistent_state},
		"delivery of nothing": {
			entry: with(func(e *types.Entry) { e.Kind, e.Open = types.EntryKind_ENTRY_DELIVERED, true }),
			code:  types.Code_inconsistent_state},
		"legs of nothing": {
			entry: with(func(e *types.Entry) { e.Kind, e.MonthWas = types.EntryKind_ENTRY_LEGS_LOST, 24000 }),
			code:  types.Code_inconsistent_state},
		"more than an int64": {
			before: []types.Entry{with(func(e *types.Entry) { e.BaseMinor = math.MaxInt64 })},
			entry:  paid, code: types.Code_overflow},
	} {
		t.Run(name, func(t *testing.T) {
			b := state.NewBatch(empty)
			for _, e := range c.before {
				_, err := post(b, 1, "CC:reg:a", e)
				require.NoError(t, err)
			}
			_, err := post(b, 1, "CC:reg:a", c.entry)
			require.ErrorIs(t, err, types.Refuse(c.code, ""))
		})
	}
}

// A recent list holds the last 32 parts that are not older than 30 days before the newest.
func TestRecentParts(t *testing.T) {
	b := state.NewBatch(emptyState(t))
	pay := func(day int32) []*types.RecentPart {
		_, err := post(b, 1, "CC:reg:b", types.Entry{
			Kind: types.EntryKind_ENTRY_PAID, Counterparty: "CC:reg:a", Day: day, DueDay: day, BaseMinor: 1, P: 80, Counted: true,
		})
		require.NoError(t, err)
		p, err := state.Get(b, types.PairKey("CC:reg:a", "CC:reg:b"))
		require.NoError(t, err)
		require.Empty(t, p.RecentAb)
		return p.RecentBa
	}
	for i := range 40 {
		pay(20000 + int32(i%2))
	}
	list := pay(20030)
	require.Len(t, list, 32)
	require.Equal(t, uint64(9), list[0].Entry)
	require.Equal(t, uint64(40), list[31].Entry)
	list = pay(20031)
	require.Len(t, list, 18, "those of day 20000 are forgotten")
	require.Len(t, pay(20000), 18, "a part that is too old already is not remembered")
	require.Len(t, pay(20001), 19)
}

// A pair keeps the newest month and the 24 before it.
func TestPairMonths(t *testing.T) {
	b := state.NewBatch(emptyState(t))
	base := types.MonthOf(20000)
	pay := func(month int32) []*types.PairMonth {
		_, err := post(b, 1, "CC:reg:a", types.Entry{
			Kind: types.EntryKind_ENTRY_PAID, Counterparty: "CC:reg:b", Day: types.FirstDay(month), DueDay: 20000, BaseMinor: 1, P: 80,
			Counted: true,
		})
		require.NoError(t, err)
		p, err := state.Get(b, types.PairKey("CC:reg:a", "CC:reg:b"))
		require.NoError(t, err)
		return p.Months
	}
	pay(base)
	require.Len(t, pay(base+24), 2)
	months := pay(base + 25)
	require.Len(t, months, 2)
	require.Equal(t, base+24, months[0].Month)
	require.Len(t, pay(base), 2, "a change to a dropped month is ignored")
	require.Len(t, pay(base+1), 3)
}

// Two-way payments: within 30 days and 5 % of the larger amount, the first in the order in which they came.
func TestTwoWay(t *testing.T) {
	b := state.NewBatch(emptyState(t))
	for _, p := range []struct {
		day  int32
		base int64
	}{{20010, 1000}, {20000, 950}, {20020, 1000}} {
		_, err := post(b, 1, "CC:reg:b", types.Entry{
			Kind: types.EntryKind_ENTRY_PAID, Counterparty: "CC:reg:a", Day: p.day, DueDay: p.day, BaseMinor: p.base, P: 80, Counted: true,
		})
		require.NoError(t, err)
	}
	for _, c := range []struct {
		day   int32
		base  int64
		entry uint64
		hit   bool
	}{
		{20010, 1000, 0, true},
		{20010, 950, 0, true},
		{20010, 949, 1, true},
		{20010, 1052, 0, true},
		{20010, 1053, 0, false},
		{20010, 903, 1, true},
		{20010, 902, 0, false},
		{20040, 1000, 0, true},
		{20041, 1000, 2, true},
		{20050, 1000, 2, true},
		{20051, 1000, 0, false},
		{19980, 1000, 0, true},
		{19979, 1000, 1, true},
		{19970, 1000, 1, true},
		{19969, 1000, 0, false},
	} {
		entry, hit, err := twoWay(b, "CC:reg:a", "CC:reg:b", c.day, c.base)
		require.NoError(t, err)
		require.Equal(t, c.hit, hit, "%v", c)
		if hit {
			require.Equal(t, c.entry, entry, "%v", c)
		}
	}
	_, hit, err := twoWay(b, "CC:reg:b", "CC:reg:a", 20010, 1000)
	require.NoError(t, err)
	require.False(t, hit, "the same direction is no two-way payment")
}

// BenchmarkPost is one entry with its sums, in a block's batch that never ends: an event that touches one month, a part
// between parties with few recent parts, and one between parties whose recent list is always full.
func BenchmarkPost(b *testing.B) {
	part := types.Entry{
		Kind: types.EntryKind_ENTRY_PAID, Record: "settlement/0123456789abcdef", Member: "bank-1", DueDay: 20000, BaseMinor: 100000,
		Dbt: 5, P: 77, Counted: true, Evidence: types.Evidence_SOURCE_SIGNED,
	}
	event := part
	event.Kind = types.EntryKind_ENTRY_MOVEMENT
	for _, c := range []struct {
		name     string
		entry    types.Entry
		subjects int
		days     int // from one part of a pair to the next
	}{{"event", event, 1000, 1}, {"part", part, 1000, 10}, {"part.recent32", part, 1, 0}} {
		b.Run(c.name, func(b *testing.B) {
			batch := state.NewBatch(emptyState(b))
			subjects := make([]string, c.subjects)
			for i := range subjects {
				subjects[i] = fmt.Sprintf("CC:reg:%04d", i)
			}
			for i := range b.N {
				e := c.entry
				e.Day = 20000 + int32(i/c.subjects*c.days%3000)
				e.Counterparty = subjects[(i+1)%c.subjects] + "x"
				if _, err := post(batch, 1, subjects[i%c.subjects], e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// withoutLog forgets the rows of logs, which scores do not read.
type withoutLog struct{ *state.Batch }

func (withoutLog) Append(string, uint64, []byte) {}

// BenchmarkScoreEntries1e6 is a score, rows read and digest included, of a subject with a million entries of two years
// and five hundred counterparties.
func BenchmarkScoreEntries1e6(b *testing.B) {
	const today = 20000
	db, err := state.Open(b.TempDir(), state.Options{})
	require.NoError(b, err)
	defer func() { require.NoError(b, db.Close()) }()
	empty := db.View()
	w := withoutLog{state.NewBatch(empty)}
	rng := rand.New(rand.NewSource(1))
	for i := range 1_000_000 {
		e := types.Entry{
			Kind: types.EntryKind_ENTRY_PAID, Counterparty: fmt.Sprintf("CC:reg:%03d", rng.Intn(500)),
			Member: fmt.Sprintf("bank-%d", rng.Intn(20)), Day: int32(today - 730 + i*730/1_000_000), BaseMinor: 1 + rng.Int63n(1_000_000),
			Dbt: int32(rng.Intn(60) - 20), Counted: true, Evidence: types.Evidence_SOURCE_SIGNED,
		}
		if i%4 == 0 {
			e.Kind, e.Open, e.DueDay = types.EntryKind_ENTRY_OBLIGATION, true, e.Day+int32(rng.Intn(90))
		}
		e.P, e.MonthNow = score.PartScore(e.Dbt), types.MonthOf(e.Day)
		_, err := post(w, 1, "CC:reg:subject", e)
		require.NoError(b, err)
	}
	block, err := db.Stage(1, w.Batch)
	require.NoError(b, err)
	require.NoError(b, db.Apply(block))
	require.NoError(b, empty.Close())
	v := db.View()
	defer func() { require.NoError(b, v.Close()) }()
	model := score.ExpertV1()
	for b.Loop() {
		rows, err := score.Load(v.Get, v.Scan, "CC:reg:subject", today)
		require.NoError(b, err)
		result, err := score.Compute(rows, model, today)
		require.NoError(b, err)
		require.NotZero(b, rows.Digest())
		require.NotEqual(b, types.ScoreClass_CLASS_U, result.Class)
	}
}
