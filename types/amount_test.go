package types_test

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

func TestCheckAmount(t *testing.T) {
	requireCode(t, types.Code_amount_not_positive, types.CheckAmount(0))
	requireCode(t, types.Code_amount_not_positive, types.CheckAmount(math.MinInt64))
	require.NoError(t, types.CheckAmount(1))
	require.NoError(t, types.CheckAmount(types.MaxAmount))
	requireCode(t, types.Code_amount_too_large, types.CheckAmount(types.MaxAmount+1))
	requireCode(t, types.Code_rate_not_positive, types.CheckRate(0))
	requireCode(t, types.Code_amount_too_large, types.CheckRate(types.MaxRateE9+1))
	require.NoError(t, types.CheckRate(types.MaxRateE9))
}

// edges are where arithmetic on 64 bits goes wrong.
var edges = []int64{
	math.MinInt64, math.MinInt64 + 1, -1 << 62, -1<<32 - 1, -1 << 32, -1 << 31, -2, -1, 0, 1, 2,
	1 << 31, 1 << 32, 1<<32 + 1, 1 << 62, math.MaxInt64 - 1, math.MaxInt64, types.MaxAmount,
}

// TestCheckedArithmetic compares with big integers over all pairs of edges and a thousand random ones.
func TestCheckedArithmetic(t *testing.T) {
	ops := []struct {
		name string
		do   func(a, b int64) (int64, error)
		big  func(z, a, b *big.Int) *big.Int
	}{
		{"add", types.Add, (*big.Int).Add}, {"sub", types.Sub, (*big.Int).Sub}, {"mul", types.Mul, (*big.Int).Mul},
	}
	compare := func(a, b int64) {
		for _, op := range ops {
			want := op.big(new(big.Int), big.NewInt(a), big.NewInt(b))
			got, err := op.do(a, b)
			if want.IsInt64() {
				require.NoError(t, err, "%s %d %d", op.name, a, b)
				require.Equal(t, want.Int64(), got, "%s %d %d", op.name, a, b)
				continue
			}
			requireCode(t, types.Code_overflow, err, op.name, a, b)
			require.Zero(t, got)
		}
	}
	for _, a := range edges {
		for _, b := range edges {
			compare(a, b)
		}
	}
	r := random(1)
	for range 1000 {
		compare(int64(r.Uint64()>>r.UintN(64)), int64(r.Uint64()>>r.UintN(64)))
	}
}

func TestShare(t *testing.T) {
	for _, bad := range [][3]int64{{-1, 1, 1}, {1, -1, 1}, {1, 1, 0}, {1, 1, -1}, {math.MaxInt64, 2, 1}, {math.MaxInt64, math.MaxInt64, 1}} {
		_, err := types.Share(bad[0], bad[1], bad[2])
		requireCode(t, types.Code_overflow, err, bad)
	}
	got, err := types.Share(math.MaxInt64, math.MaxInt64, math.MaxInt64)
	require.NoError(t, err)
	require.Equal(t, int64(math.MaxInt64), got)
	r := random(2)
	for range 1000 {
		total, whole := r.Int64N(types.MaxAmount)+1, r.Int64N(types.MaxAmount)+1
		part := r.Int64N(whole) + 1
		got, err := types.Share(total, part, whole)
		require.NoError(t, err)
		want := new(big.Int).Mul(big.NewInt(total), big.NewInt(part))
		require.Equal(t, want.Quo(want, big.NewInt(whole)).Int64(), got)
	}
}

// TestSharesAddUp: parts by differences of cumulative shares add up to the total, whatever the parts.
func TestSharesAddUp(t *testing.T) {
	r := random(3)
	for range 200 {
		total, whole := r.Int64N(types.MaxAmount)+1, r.Int64N(1_000_000)+1
		paid, before, sum := int64(0), int64(0), int64(0)
		for paid < whole {
			paid += 1 + r.Int64N(whole-paid)
			now, err := types.Share(total, paid, whole)
			require.NoError(t, err)
			require.GreaterOrEqual(t, now, before)
			sum, before = sum+now-before, now
		}
		require.Equal(t, total, sum)
	}
}

func TestToBase(t *testing.T) {
	cases := []struct {
		amount   int64
		currency string
		rateE9   int64
		base     string
		want     int64
	}{
		{100_00, "CNY", 1_000_000_000, "CNY", 100_00},
		{100_00, "USD", 7_123_400_000, "CNY", 712_34},
		{1, "USD", 7_123_400_000, "CNY", 7},
		{1_000, "JPY", 47_250_000, "CNY", 47_25},           // no decimals → two
		{1_000, "KWD", 23_150_000_000, "CNY", 23_15},       // three decimals → two
		{47_25, "CNY", 21_164_021_164, "JPY", 1_000},       // two → none
		{1, "CNY", 500_000_000, "USD", 1},                  // half a cent goes up
		{3, "CNY", 500_000_000, "USD", 2},                  // 1.5 → 2
		{1, "CNY", 499_999_999, "USD", 1},                  // 0.49… → 0, but at least 1
		{3, "CNY", 499_999_999, "USD", 1},                  // 1.49… → 1
		{1, "VND", 280_000, "CNY", 1},                      // 0.028 fen: at least 1
		{10_000, "CLF", 40_000_000_000_000, "CLP", 40_000}, // four decimals → none
		{types.MaxAmount, "CNY", 1_000_000_000, "CNY", types.MaxAmount},
		{types.MaxAmount, "JPY", 1_000_000, "CNY", types.MaxAmount / 10},
	}
	for _, c := range cases {
		got, err := types.ToBase(c.amount, c.currency, c.rateE9, c.base)
		require.NoError(t, err, "%+v", c)
		require.Equal(t, c.want, got, "%+v", c)
	}
	refusals := []struct {
		amount   int64
		currency string
		rateE9   int64
		base     string
		want     types.Code
	}{
		{0, "CNY", 1, "CNY", types.Code_amount_not_positive},
		{types.MaxAmount + 1, "CNY", 1, "CNY", types.Code_amount_too_large},
		{1, "CNY", 0, "CNY", types.Code_rate_not_positive},
		{1, "CNY", math.MaxInt64, "CNY", types.Code_amount_too_large},
		{1, "XXX", 1, "CNY", types.Code_currency_unknown},
		{1, "CNY", 1, "cny", types.Code_currency_unknown},
		{types.MaxAmount, "CNY", 1_000_000_001, "CNY", types.Code_amount_too_large},
		{types.MaxAmount, "JPY", types.MaxRateE9, "CLF", types.Code_amount_too_large},
	}
	for _, c := range refusals {
		_, err := types.ToBase(c.amount, c.currency, c.rateE9, c.base)
		requireCode(t, c.want, err, fmt.Sprintf("%+v", c))
	}
}

// TestToBaseAgainstRationals recomputes random conversions with fractions.
func TestToBaseAgainstRationals(t *testing.T) {
	r := random(4)
	currencies := []string{"CNY", "USD", "JPY", "KWD", "CLF"}
	scale := map[string]int64{"CNY": 100, "USD": 100, "JPY": 1, "KWD": 1000, "CLF": 10000}
	converted := 0
	for range 2000 {
		amount, rate := r.Int64N(1<<r.IntN(49)+1)+1, r.Int64N(1<<r.IntN(49)+1)+1
		from, to := currencies[r.IntN(5)], currencies[r.IntN(5)]
		got, err := types.ToBase(amount, from, rate, to)
		exact := new(big.Rat).SetFrac(new(big.Int).Mul(big.NewInt(amount), big.NewInt(rate)), big.NewInt(1_000_000_000))
		exact.Mul(exact, big.NewRat(scale[to], scale[from]))
		exact.Add(exact, big.NewRat(1, 2))
		want := new(big.Int).Quo(exact.Num(), exact.Denom())
		if want.Sign() == 0 {
			want.SetInt64(1)
		}
		if want.Cmp(big.NewInt(types.MaxAmount)) > 0 {
			requireCode(t, types.Code_amount_too_large, err)
			continue
		}
		converted++
		require.NoError(t, err)
		require.Equal(t, want.Int64(), got, "%d %s at %d in %s", amount, from, rate, to)
	}
	require.Greater(t, converted, 500)
}

func TestParseAmount(t *testing.T) {
	good := []struct {
		text, currency string
		want           int64
		written        string
	}{
		{"1234.56", "CNY", 123456, "1234.56"}, {"1234", "CNY", 123400, "1234.00"}, {"0.01", "CNY", 1, "0.01"},
		{"0", "CNY", 0, "0.00"}, {"0007.5", "USD", 750, "7.50"}, {"1234", "JPY", 1234, "1234"}, {"1234.00", "JPY", 1234, "1234"},
		{"1.234", "KWD", 1234, "1.234"}, {"1.2340", "KWD", 1234, "1.234"}, {"0.0001", "CLF", 1, "0.0001"},
		{"10000000000000.00", "CNY", types.MaxAmount, "10000000000000.00"},
		{"1000000000000000", "JPY", types.MaxAmount, "1000000000000000"},
	}
	for _, c := range good {
		got, err := types.ParseAmount(c.text, c.currency)
		require.NoError(t, err, c.text)
		require.Equal(t, c.want, got, c.text)
		require.Equal(t, c.written, types.FormatAmount(got, c.currency))
	}
	bad := []struct {
		text, currency string
		want           types.Code
	}{
		{"", "CNY", types.Code_text_malformed}, {".", "CNY", types.Code_text_malformed}, {"1.", "CNY", types.Code_text_malformed},
		{".5", "CNY", types.Code_text_malformed}, {"-1", "CNY", types.Code_text_malformed}, {"+1", "CNY", types.Code_text_malformed},
		{"1,000.00", "CNY", types.Code_text_malformed}, {"1e3", "CNY", types.Code_text_malformed}, {"1.2.3", "CNY", types.Code_text_malformed},
		{" 1", "CNY", types.Code_text_malformed}, {"１", "CNY", types.Code_text_malformed}, {"0x10", "CNY", types.Code_text_malformed},
		{"1_000", "CNY", types.Code_text_malformed}, {"1.001", "CNY", types.Code_text_malformed}, {"1.5", "JPY", types.Code_text_malformed},
		{"NaN", "CNY", types.Code_text_malformed}, {"1", "XAU", types.Code_currency_unknown}, {"1", "", types.Code_currency_unknown},
		{"10000000000000.01", "CNY", types.Code_amount_too_large}, {"99999999999999999999999", "CNY", types.Code_amount_too_large},
	}
	for _, c := range bad {
		got, err := types.ParseAmount(c.text, c.currency)
		requireCode(t, c.want, err, c.text)
		require.Zero(t, got)
	}
	require.Equal(t, "-0.05", types.FormatAmount(-5, "CNY"))
	require.Equal(t, "-92233720368547758.08", types.FormatAmount(math.MinInt64, "CNY"))
	require.Equal(t, "-3", types.FormatAmount(-3, "JPY"))
}

func bigOf(u types.Uint128) *big.Int { return u.Big() }

// TestUint128 compares every operation with big integers, on edges and on random numbers of all lengths.
func TestUint128(t *testing.T) {
	limit := new(big.Int).Lsh(big.NewInt(1), 128)
	requireSame := func(want *big.Int, got types.Uint128, err error) {
		if want.Sign() < 0 || want.Cmp(limit) >= 0 {
			requireCode(t, types.Code_overflow, err)
			require.True(t, got.IsZero())
			return
		}
		require.NoError(t, err)
		require.Equal(t, want.String(), got.String())
	}
	r := random(5)
	numbers := []types.Uint128{{}, {Lo: 1}, {Lo: math.MaxUint64}, {Hi: 1}, {Hi: math.MaxUint64, Lo: math.MaxUint64}, {Hi: 1 << 63}}
	for range 60 {
		n := types.Uint128{Hi: r.Uint64(), Lo: r.Uint64()}
		if shift := r.UintN(128); shift >= 64 {
			n = types.Uint128{Lo: n.Lo >> (shift - 64)}
		} else {
			n.Hi >>= shift
		}
		numbers = append(numbers, n)
	}
	for i, a := range numbers {
		for _, b := range numbers {
			require.Equal(t, bigOf(a).Cmp(bigOf(b)), a.Cmp(b))
			got, err := a.Add(b)
			requireSame(new(big.Int).Add(bigOf(a), bigOf(b)), got, err)
			got, err = a.Sub(b)
			requireSame(new(big.Int).Sub(bigOf(a), bigOf(b)), got, err)
			got, err = a.Mul(b.Lo)
			requireSame(new(big.Int).Mul(bigOf(a), new(big.Int).SetUint64(b.Lo)), got, err)
			x, y := int64(b.Lo>>1), int64(a.Lo>>1)
			xy := new(big.Int).Mul(big.NewInt(x), big.NewInt(y))
			got, err = a.AddMul(x, y)
			requireSame(new(big.Int).Add(bigOf(a), xy), got, err)
			got, err = a.SubMul(x, y)
			requireSame(new(big.Int).Sub(bigOf(a), xy), got, err)
			requireDivisions(t, a, b, numbers[(i*7+3)%len(numbers)], requireSame)
		}
	}
	_, err := types.Uint128{Lo: 1}.AddMul(-1, 1)
	requireCode(t, types.Code_overflow, err)
	_, err = types.Uint128{Lo: 1}.SubMul(1, -1)
	requireCode(t, types.Code_overflow, err)
}

func requireDivisions(t *testing.T, a, b, c types.Uint128, requireSame func(*big.Int, types.Uint128, error)) {
	t.Helper()
	if b.IsZero() {
		_, err := a.DivFloor(b)
		requireCode(t, types.Code_overflow, err)
		_, err = a.MulDiv(c, b)
		requireCode(t, types.Code_overflow, err)
		return
	}
	got, err := a.DivFloor(b)
	requireSame(new(big.Int).Quo(bigOf(a), bigOf(b)), got, err)
	got, err = a.MulDiv(c, b)
	product := new(big.Int).Mul(bigOf(a), bigOf(c))
	requireSame(product.Quo(product, bigOf(b)), got, err)
	if b.Lo != 0 {
		quotient, rest := a.Div(b.Lo)
		wantQ, wantR := new(big.Int).QuoRem(bigOf(a), new(big.Int).SetUint64(b.Lo), new(big.Int))
		requireSame(wantQ, quotient, nil)
		require.Equal(t, wantR.Uint64(), rest)
	}
	if n, err := a.Int64(); bigOf(a).IsInt64() {
		require.NoError(t, err)
		require.Equal(t, bigOf(a).Int64(), n)
	} else {
		requireCode(t, types.Code_overflow, err)
	}
}
