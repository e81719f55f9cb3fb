package index

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// While blocks come between its pages, a walk through a list meets everything that was on it all the time, once and in
// order, and nothing twice.
func TestCursorsAreStable(t *testing.T) {
	steady, walks := 0, 0
	for seed := range uint64(30) {
		m := newModel(seed + 100)
		x := open(t, vfs.NewMem())
		for range 50 {
			m.follow(t, x)
		}
		for _, q := range []Query{
			{Kind: "order", By: "status", Value: "CONFIRMED"}, {Kind: "receivable", By: "subject", Value: "XX:REG:1"}, {Kind: "document", By: "all"},
			{Kind: "receivable", By: "outstanding", Value: "2024-10-01..2024-10-14"}, {Kind: "settlement", By: "signer", Value: "bank-a"},
		} {
			q.Limit = 1 + m.rng.IntN(2)
			stayed := map[place]bool{}
			for _, p := range m.listed(t, q) {
				stayed[p] = true
			}
			first := m.listed(t, q)
			var got []string
			for n := 0; ; n++ {
				require.Less(t, n, 1000)
				page, err := x.List(q)
				require.NoError(t, err)
				for _, r := range page.Rows {
					got = append(got, r.Key)
				}
				if q.After = page.Next; q.After == "" {
					break
				}
				m.follow(t, x)
				now := m.listed(t, q)
				maps.DeleteFunc(stayed, func(p place, _ bool) bool { return !slices.Contains(now, p) })
			}
			var want, met []string
			for _, p := range first {
				if stayed[p] {
					want = append(want, p.key)
				}
			}
			for _, key := range got {
				if slices.Contains(want, key) {
					met = append(met, key)
				}
			}
			require.Equal(t, want, met, "seed %d, %+v", seed, q)
			steady, walks = steady+len(want), walks+1
		}
		require.NoError(t, x.Close())
	}
	t.Logf("%d walks met %d records that stayed", walks, steady)
	require.Greater(t, steady, 200)
}

// listed is the list of a query as the model has it.
func (m *model) listed(t *testing.T, q Query) (out []place) {
	from, to, isRange := strings.Cut(q.Value, "..")
	for _, p := range m.lists(t, q.Kind, q.By) {
		day := types.FormatDay(p.day)
		if (isRange && from <= day && day <= to) || (!isRange && p.value == q.Value) {
			out = append(out, p)
		}
	}
	return out
}

// No cursor, however it was made, does more than begin somewhere in its own list.
func TestForgedCursors(t *testing.T) {
	m := newModel(8)
	x := open(t, vfs.NewMem())
	for range 150 {
		m.follow(t, x)
	}
	for _, q := range []Query{
		{Kind: "order", By: "all"}, {Kind: "receivable", By: "subject", Value: "XX:REG:1"}, {Kind: "receivable", By: "due", Value: "2024-10-01..2024-10-14"},
		{Kind: "document", By: "until", Value: "2024-10-01..2024-10-14"}, {Kind: "key", By: "status", Value: "KEY_LIVE"},
	} {
		q.Limit = MaxLimit
		all, err := x.List(q)
		require.NoError(t, err)
		require.Greater(t, len(all.Rows), 1, "%+v", q)
		q.Limit = 1
		page, err := x.List(q)
		require.NoError(t, err)
		good, err := base64.RawURLEncoding.DecodeString(page.Next)
		require.NoError(t, err)
		for range 300 {
			forged := slices.Clone(good)
			switch m.rng.IntN(3) {
			case 0:
				forged[m.rng.IntN(len(forged))] ^= byte(1 << m.rng.IntN(8))
			case 1:
				forged = forged[:m.rng.IntN(len(forged))]
			default:
				forged = append(forged[:5], make([]byte, m.rng.IntN(40))...)
				for i := range forged[5:] {
					forged[5+i] = byte(m.rng.Uint32())
				}
			}
			q.After, q.Limit = base64.RawURLEncoding.EncodeToString(forged), MaxLimit
			page, err := x.List(q)
			if err != nil {
				require.ErrorAs(t, err, new(*QueryError))
				continue
			}
			for _, r := range page.Rows {
				require.True(t, slices.ContainsFunc(all.Rows, func(a Row) bool { return a.Key == r.Key }), "%+v", r)
			}
		}
	}
	require.NoError(t, x.Close())
}

// A page costs what it shows, not what the list has or once had.
func TestPagesOfLargeLists(t *testing.T) {
	x, err := Open("index", Options{FS: vfs.NewMem(), pageTime: time.Hour})
	require.NoError(t, err)
	receivable := func(n int, height int64, status types.ReceivableStatus) types.Change {
		r := &types.Receivable{Provenance: &types.Provenance{Signer: "bank-a", Height: height}, Status: status,
			Receivable: &types.IssueReceivable{Seller: "XX:REG:1", Debtor: "XX:REG:2", DueDay: 20000 + int32(height)}}
		value, err := r.Marshal()
		require.NoError(t, err)
		return types.Change{Key: fmt.Sprintf("receivable/bank-a/R-%07d", n), Value: value}
	}
	const blocks, each = 60, 1000
	for at := int64(1); at <= 2*blocks; at++ {
		var changes []types.Change
		for i := range each {
			if at <= blocks {
				changes = append(changes, receivable(int(at)*each+i, at, types.ReceivableStatus_ISSUED))
			} else if n := int(at-blocks)*each + i; n > each+5 { // all but the oldest five are settled
				changes = append(changes, receivable(n, at-blocks, types.ReceivableStatus_SETTLED))
			}
		}
		require.NoError(t, x.Apply(at, changes))
	}
	worst := time.Duration(0)
	for _, q := range []Query{
		{Kind: "receivable", By: "subject", Value: "XX:REG:1"},
		{Kind: "receivable", By: "status", Value: "ISSUED"},
		{Kind: "receivable", By: "status", Value: "SETTLED"},
		{Kind: "receivable", By: "outstanding", Value: types.FormatDay(20001) + ".." + types.FormatDay(20300)},
		{Kind: "receivable"},
	} {
		q.Limit = MaxLimit
		began := time.Now()
		page, err := x.List(q)
		took := time.Since(began)
		require.NoError(t, err)
		t.Logf("%-12s %6d records, %3d rows in %v", q.By, page.Total, len(page.Rows), took.Round(time.Microsecond))
		worst = max(worst, took)
		want := map[string]int64{"ISSUED": 6, "SETTLED": blocks*each - 6}[q.Value]
		if want > 0 {
			require.Equal(t, want, page.Total)
		}
	}
	t.Logf("slowest page: %v", worst.Round(time.Microsecond))

	// With less time than the rows in the way take, the page ends before, and the next ones find what is there.
	x.options.pageTime = 100 * time.Microsecond
	for by, value := range map[string]string{"status": "ISSUED", "outstanding": types.FormatDay(20001) + ".." + types.FormatDay(20300)} {
		q, found, count := Query{Kind: "receivable", By: by, Value: value}, 0, 0
		for more := true; more; more = q.After != "" {
			page, err := x.List(q)
			require.NoError(t, err)
			require.EqualValues(t, 6, page.Total)
			q.After, found, count = page.Next, found+len(page.Rows), count+1
			require.Less(t, count, 10000)
		}
		require.Equal(t, 6, found)
		t.Logf("by %s: %d records found on %d pages", by, found, count)
	}
	require.NoError(t, x.Close())
}
