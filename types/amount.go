package types

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// MaxAmount is the largest amount in minor units: 10^15, ten trillion of a currency with two decimals.
const MaxAmount = 1_000_000_000_000_000

// MaxRateE9 is the largest fixing: a million units of the base currency for one unit.
const MaxRateE9 = 1_000_000 * rateUnit

// maxExponent is the most decimals that a minor unit has (ISO 4217: CLF, UYW).
const maxExponent = 4

// rateUnit is the scale of a fixing: base units for one unit, times 10^9.
const rateUnit = 1_000_000_000

// CheckAmount refuses an amount in minor units outside 1 … MaxAmount: amount_not_positive, amount_too_large.
func CheckAmount(minor int64) error {
	if minor <= 0 {
		return Refuse(Code_amount_not_positive, "%d", minor)
	}
	if minor > MaxAmount {
		return Refuse(Code_amount_too_large, "%d, at most %d", minor, int64(MaxAmount))
	}
	return nil
}

// CheckRate refuses a fixing outside 1 … MaxRateE9: rate_not_positive, amount_too_large.
func CheckRate(rateE9 int64) error {
	if rateE9 <= 0 {
		return Refuse(Code_rate_not_positive, "%d", rateE9)
	}
	if rateE9 > MaxRateE9 {
		return Refuse(Code_amount_too_large, "rate %d, at most %d", rateE9, int64(MaxRateE9))
	}
	return nil
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func overflow(op string, a, b int64) error {
	return Refuse(Code_overflow, "%d %s %d", a, op, b)
}

// Add returns a + b, or overflow.
func Add(a, b int64) (int64, error) {
	if sum := a + b; (sum > a) == (b > 0) {
		return sum, nil
	}
	return 0, overflow("+", a, b)
}

// Sub returns a − b, or overflow.
func Sub(a, b int64) (int64, error) {
	if diff := a - b; (diff < a) == (b > 0) {
		return diff, nil
	}
	return 0, overflow("-", a, b)
}

// Mul returns a · b, or overflow.
func Mul(a, b int64) (int64, error) {
	if a == 0 || b == 0 {
		return 0, nil
	}
	// −1 · MinInt64 wraps to itself and divides back; it is the one product that the division below misses.
	if (a == -1 && b == math.MinInt64) || (b == -1 && a == math.MinInt64) {
		return 0, overflow("*", a, b)
	}
	if p := a * b; p/b == a {
		return p, nil
	}
	return 0, overflow("*", a, b)
}

// Share returns ⌊total · part / whole⌋ with a 128-bit product. total and part are ≥ 0, whole is > 0; anything else, and
// a result beyond int64, is overflow. Cumulative rounding takes differences of shares, so that parts add up to total.
func Share(total, part, whole int64) (int64, error) {
	if total < 0 || part < 0 || whole <= 0 {
		return 0, Refuse(Code_overflow, "share of %d by %d of %d", total, part, whole)
	}
	hi, lo := bits.Mul64(uint64(total), uint64(part))
	if hi >= uint64(whole) {
		return 0, Refuse(Code_overflow, "share of %d by %d of %d", total, part, whole)
	}
	q, _ := bits.Div64(hi, lo, uint64(whole))
	if q > math.MaxInt64 {
		return 0, Refuse(Code_overflow, "share of %d by %d of %d", total, part, whole)
	}
	return int64(q), nil
}

// ToBase converts an amount in minor units of currency into minor units of base. rateE9 is the price of one (major) unit
// of currency in (major) units of base, times 10^9; for base itself it must be 10^9. The result is rounded half up, and
// at least 1: an amount weighs something in every sum, however small its currency's unit.
// It refuses a bad amount, rate or currency, and amount_too_large when the result is beyond MaxAmount.
func ToBase(amount int64, currency string, rateE9 int64, base string) (int64, error) {
	if err := firstOf(CheckAmount(amount), CheckRate(rateE9), CheckCurrency(currency), CheckCurrency(base)); err != nil {
		return 0, err
	}
	from, _ := Exponent(currency)
	to, _ := Exponent(base)
	return Convert(amount, from, rateE9, to)
}

// Convert is ToBase for currencies whose decimals the caller knows: from of the amount, to of the base, 0 to 4 each.
func Convert(amount int64, from int, rateE9 int64, to int) (int64, error) {
	if err := firstOf(CheckAmount(amount), CheckRate(rateE9)); err != nil {
		return 0, err
	}
	if from < 0 || from > maxExponent || to < 0 || to > maxExponent {
		return 0, Refuse(Code_overflow, "%d and %d decimals", from, to)
	}
	// amount ≤ 10^15, rate ≤ 10^15, scale ≤ 10^4: at most 10^34, below 2^128.
	product, err := Uint128{}.AddMul(amount, rateE9)
	if err != nil {
		return 0, err
	}
	if product, err = product.Mul(powerOfTen(to)); err != nil {
		return 0, err
	}
	divisor := rateUnit * powerOfTen(from)
	if product, err = product.Add(Uint128{Lo: divisor / 2}); err != nil {
		return 0, err
	}
	quotient, _ := product.Div(divisor)
	if quotient.Hi != 0 || quotient.Lo > MaxAmount {
		return 0, Refuse(Code_amount_too_large, "%d minor units in the base currency, at most %d", amount, int64(MaxAmount))
	}
	return max(int64(quotient.Lo), 1), nil
}

// powerOfTen is 10^n for the exponents of currencies, 0 to 4.
func powerOfTen(n int) uint64 { return [...]uint64{1, 10, 100, 1000, 10000}[n] }

// ParseAmount reads a decimal number of major units, "1234.56", as minor units of currency: digits, and a point with at
// least one digit on either side. No sign, no grouping, no exponent. Digits beyond the currency's must be zeros, for
// nothing is rounded. Zero is read; CheckAmount refuses it where it may not be. Refusals: currency_unknown,
// text_malformed, amount_too_large.
func ParseAmount(s, currency string) (int64, error) {
	exponent, ok := Exponent(currency)
	if !ok {
		return 0, CheckCurrency(currency)
	}
	whole, fraction, point := strings.Cut(s, ".")
	if !allDigits(whole, len(whole)) || !allDigits(fraction, len(fraction)) || whole == "" || (point && fraction == "") {
		return 0, Refuse(Code_text_malformed, "amount %.40q: write digits, a point, digits", s)
	}
	if len(fraction) > exponent {
		if strings.Trim(fraction[exponent:], "0") != "" {
			return 0, Refuse(Code_text_malformed, "amount %.40q: %s has %d decimals", s, currency, exponent)
		}
		fraction = fraction[:exponent]
	}
	digits := strings.TrimLeft(whole+fraction+strings.Repeat("0", exponent-len(fraction)), "0")
	if digits == "" {
		return 0, nil
	}
	if len(digits) > 16 {
		return 0, Refuse(Code_amount_too_large, "amount %.40q", s)
	}
	minor, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, Refuse(Code_text_malformed, "amount %.40q: %v", s, err)
	}
	if minor > MaxAmount {
		return 0, Refuse(Code_amount_too_large, "amount %.40q", s)
	}
	return minor, nil
}

// FormatAmount writes minor units of currency as a decimal number of major units, "1234.56", with exactly the decimals
// of the currency; a negative amount has a sign before it. An unknown currency is written in minor units.
func FormatAmount(minor int64, currency string) string {
	exponent, _ := Exponent(currency)
	if exponent == 0 {
		return strconv.FormatInt(minor, 10)
	}
	sign, magnitude := "", uint64(minor)
	if minor < 0 {
		sign, magnitude = "-", -magnitude
	}
	digits := strconv.FormatUint(magnitude, 10)
	if missing := exponent + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	cut := len(digits) - exponent
	return sign + digits[:cut] + "." + digits[cut:]
}
