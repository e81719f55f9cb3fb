package main

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

func day(t *testing.T, s string) int32 {
	t.Helper()
	d, err := types.ParseDay(s)
	require.NoError(t, err)
	return d
}

// lastDay is the latest date of all importable rows of a set, as it was read.
func lastDay(s *sample) (deliveries, payments int32) {
	for i := range s.deliveries {
		d := &s.deliveries[i]
		deliveries = max(deliveries, d.ordered, d.promised, d.delivered)
	}
	for i := range s.payments {
		payments = max(payments, s.payments[i].issued, s.payments[i].paid)
	}
	return deliveries, payments
}

// TestShift: at every day of three weeks no date lies after today, and one more week would put one there.
func TestShift(t *testing.T) {
	first := day(t, "2026-11-22")
	var before *sample
	moved := 0
	for today := first; today < first+21; today++ {
		s, err := readSample(today)
		require.NoError(t, err)
		require.Zero(t, s.deliveryShift%7)
		require.Zero(t, s.paymentShift%7)
		// The day a delivery was recorded counts as well; it becomes no record of its own.
		deliveries, payments := lastDay(s)
		require.LessOrEqual(t, deliveries, today)
		require.LessOrEqual(t, payments, today)
		require.Greater(t, payments+7, today)
		if before != nil {
			require.Contains(t, []int32{0, 7}, s.deliveryShift-before.deliveryShift)
			if s.paymentShift != before.paymentShift {
				moved++
			}
			// Midnight in between: what was read before it still lies in the past, in the same order.
			d, p := lastDay(before)
			require.Less(t, d, today)
			require.Less(t, p, today)
			require.Len(t, s.deliveries, len(before.deliveries))
			for i := range s.deliveries {
				require.Equal(t, s.deliveryShift-before.deliveryShift, s.deliveries[i].ordered-before.deliveries[i].ordered)
			}
		}
		before = s
	}
	require.Equal(t, 3, moved, "once a week")

	require.EqualValues(t, 0, shift(100, 100))
	require.EqualValues(t, 0, shift(100, 106))
	require.EqualValues(t, 7, shift(100, 107))
	require.EqualValues(t, 14, shift(100, 114))
}

func TestReadDelivery(t *testing.T) {
	row := func(change ...string) map[string]string {
		r := map[string]string{
			"ID": "7", "PO / SO #": "SCMS-7", "Country": "Vietnam", "Vendor INCO Term": "EXW", "PO Sent to Vendor Date": "11/13/06",
			"Scheduled Delivery Date": "2-Jun-07", "Delivered to Client Date": "4-Jun-07", "Delivery Recorded Date": "5-Jun-07",
			"Vendor": "Somebody", "Line Item Quantity": "1000", "Line Item Value": "6200.5", "Pack Price": "6.2",
		}
		for i := 0; i < len(change); i += 2 {
			require.Contains(t, r, change[i])
			r[change[i]] = change[i+1]
		}
		return r
	}
	d, recorded, lost, err := readDelivery(row())
	require.NoError(t, err)
	require.Empty(t, lost)
	require.Equal(t, day(t, "2006-11-13"), d.ordered, "the PO date")
	require.Equal(t, day(t, "2007-06-02"), d.promised)
	require.Equal(t, day(t, "2007-06-04"), d.delivered)
	require.Equal(t, day(t, "2007-06-05"), recorded)
	require.EqualValues(t, 620050, d.amount)
	require.True(t, d.match)
	require.Len(t, d.fields, 12, "every shipped column is committed to")
	require.True(t, slices.IsSortedFunc(d.fields, func(a, b [2]string) int {
		if a[0] < b[0] {
			return -1
		}
		return 1
	}))

	d, _, _, err = readDelivery(row("PO Sent to Vendor Date", "Date Not Captured"))
	require.NoError(t, err)
	require.Equal(t, d.promised, d.ordered, "else the scheduled day")

	for change, match := range map[[2]string]bool{
		{"Line Item Value", "6205.50"}:               true, // 1000 packs to half a cent, and half a dollar
		{"Line Item Value", "6205.51"}:               false,
		{"Line Item Value", "6194.50"}:               true,
		{"Line Item Value", "6194.49"}:               false,
		{"Delivery Recorded Date", "4-Jun-07"}:       true,
		{"Delivery Recorded Date", "3-Jun-07"}:       false, // recorded before it happened
		{"PO Sent to Vendor Date", "N/A - From RDC"}: true,
	} {
		d, _, lost, err := readDelivery(row(change[0], change[1]))
		require.NoError(t, err)
		require.Empty(t, lost)
		require.Equal(t, match, d.match, "%v", change)
	}
	for reason, change := range map[string][2]string{valueZero: {"Line Item Value", "0"}, noVendor: {"Vendor", " "}} {
		_, _, lost, err := readDelivery(row(change[0], change[1]))
		require.NoError(t, err)
		require.Equal(t, reason, lost)
	}
	for _, change := range [][2]string{
		{"Line Item Value", "much"}, {"Line Item Value", "1.005"}, {"Line Item Value", "-5"}, {"Scheduled Delivery Date", "soon"},
		{"Delivered to Client Date", ""}, {"Delivery Recorded Date", "x"}, {"Pack Price", "x"}, {"Line Item Quantity", ""},
	} {
		_, _, _, err := readDelivery(row(change[0], change[1]))
		require.Error(t, err, "%v", change)
	}
}

func TestReadPayment(t *testing.T) {
	row := func(vendor, amount string) map[string]string {
		return map[string]string{
			"Check": "5", "PO": "1", "Department": "mayor's office - core", "Vendor": vendor, "Invoice.Date": "2013-01-30",
			"Accounts.Payable.Date": "2013-02-01", "Check.Date": "2013-02-19", "Amount": amount,
		}
	}
	p, lost, err := readPayment(row("Vf6c0", "1e+05"))
	require.NoError(t, err)
	require.Empty(t, lost)
	require.Equal(t, payment{
		check: "5", department: "XX:NOLA:mayor-s-office-core", payer: "mayor's office - core", vendor: "XX:NOLAV:Vf6c0", amount: 10_000_000,
		issued: day(t, "2013-01-30"), paid: day(t, "2013-02-19"),
	}, p)
	for _, c := range [][3]string{{"NA", "5", noVendor}, {"", "5", noVendor}, {"V1", "NA", noAmount}, {"V1", "", noAmount}, {"V1", "0", valueZero}, {"V1", "0.00", valueZero}} {
		_, lost, err := readPayment(row(c[0], c[1]))
		require.NoError(t, err)
		require.Equal(t, c[2], lost)
	}
	for _, amount := range []string{"1.001", "-3", "x", "1e30"} {
		_, _, err := readPayment(row("V1", amount))
		require.Error(t, err, amount)
	}
}

// TestSample holds what is read against what the ledger asks of ids, and against ORIGIN.md.
func TestSample(t *testing.T) {
	s, err := readSample(day(t, "2026-11-22"))
	require.NoError(t, err)
	require.Len(t, s.deliveries, 4911)
	require.Len(t, s.payments, 11708)
	require.Equal(t, map[string]int{valueZero: 9}, s.deliveriesLost)
	require.Equal(t, map[string]int{noAmount: 220, noVendor: 726}, s.paymentsLost)
	d := &demo{sample: s}
	subjects := d.subjects()
	require.Len(t, subjects, len(s.suppliers)+len(s.buyers)+len(s.departments)+len(s.vendors))
	require.Equal(t, len(subjects), len(slices.Compact(slices.Clone(subjects))), "no two names make one id")
	for _, id := range subjects {
		require.NoError(t, types.CheckSubjectID(id), id)
	}
	ids := map[string]bool{}
	for i := range s.deliveries {
		l := &s.deliveries[i]
		require.False(t, ids[l.id])
		ids[l.id] = true
		require.Positive(t, l.amount)
		require.Len(t, l.country, 2)
		require.Equal(t, "XX:SCMS:"+l.country, l.buyer)
		require.NotEmpty(t, s.suppliers[l.seller])
	}
	require.Len(t, s.buyers, 40)
	checks := map[string]bool{}
	for i := range s.payments {
		require.False(t, checks[s.payments[i].check], "a cheque is one payment")
		checks[s.payments[i].check] = true
	}

	raw, err := files.ReadFile("sample/ORIGIN.md")
	require.NoError(t, err)
	for _, want := range []string{"4,920", "12,654", "net 30 is an **assumption**", types.SimulationNotice} {
		require.Contains(t, string(raw), want)
	}
	size := 0
	inside, err := files.ReadDir("sample")
	require.NoError(t, err)
	for _, f := range inside {
		info, err := f.Info()
		require.NoError(t, err)
		size += int(info.Size())
	}
	require.Less(t, size, 3<<20, "the sample is small")
}

// TestMost: what the tables list, and in which order.
func TestMost(t *testing.T) {
	var got []string
	for _, q := range most(map[string]int{"b": 2, "a": 2, "c": 9, "d": 1}, 3) {
		got = append(got, q.subject)
	}
	require.Equal(t, []string{"c", "a", "b"}, got)
	require.Len(t, most(map[string]int{"a": 1}, 10), 1)
	require.Equal(t, "abc", short("abc", 3))
	require.Equal(t, "ab…", short("abcd", 3))
	require.Equal(t, "q-xx-scms-vn", (&question{subject: "XX:SCMS:VN"}).id())
}

// TestCells: nothing is shown of an answer that was not verified.
func TestCells(t *testing.T) {
	q := &question{name: "somebody", records: 7, proof: "✗", failed: types.Refuse(types.Code_already_recorded, "x")}
	require.Equal(t, []any{"somebody", 7, "", "", "", "", "✗"}, []any(supplierCells(q)))
	require.Equal(t, []any{"somebody", 7, "", "✗"}, []any(payerCells(q)))

	q = &question{name: "somebody", records: 7, proof: "✓ at 9", head: &types.SubjectHead{Entries: 30}, receipt: &types.Receipt{Result: &types.ScoreResult{
		Class: types.ScoreClass_CLASS_U, Unscored: []types.Unscored{types.Unscored_U1, types.Unscored_U5},
	}}}
	require.Equal(t, []any{"somebody", 7, uint64(30), "–", "U", "too few experiences, self-declared only", "✓ at 9"}, []any(supplierCells(q)))
	require.Equal(t, "n/a", payerCells(q)[2])
	for u := range types.Unscored_name {
		if u != 0 {
			require.NotEmpty(t, why[types.Unscored(u)], "%s has words", types.Unscored(u))
		}
	}
	require.Equal(t, "no row rejected", lost(nil))
	require.Equal(t, "rejected: 2 no amount, 3 value 0", lost(map[string]int{valueZero: 3, noAmount: 2}))
}
