package ledger

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"tradecredit/app/state"
	"tradecredit/types"
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
	var twoWays, exclusions, reversals, reopened, takenBack, dropped, weakened, expunged int
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
			weakened, expunged = weakened+h.weakened, expunged+h.expunged
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
	for _, n := range []int{twoWays, exclusions, reversals, reopened, takenBack, dropped, weakened, expunged} {
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
