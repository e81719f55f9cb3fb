package types

import (
	"math"
	"math/big"
	"math/bits"
)

// Uint128 is an unsigned number of 128 bits, for sums of amount times points. Its methods return a new value; what does
// not fit is refused with overflow.
type Uint128 struct{ Hi, Lo uint64 }

func (u Uint128) overflow(op string) error {
	return Refuse(Code_overflow, "%s of %s", op, u.Big())
}

// IsZero tells whether u is 0.
func (u Uint128) IsZero() bool { return u == Uint128{} }

// Cmp is −1, 0 or 1 as u is less than, equal to or greater than v.
func (u Uint128) Cmp(v Uint128) int {
	switch {
	case u == v:
		return 0
	case u.Hi < v.Hi || (u.Hi == v.Hi && u.Lo < v.Lo):
		return -1
	}
	return 1
}

// Add returns u + v.
func (u Uint128) Add(v Uint128) (Uint128, error) {
	lo, carry := bits.Add64(u.Lo, v.Lo, 0)
	hi, carry := bits.Add64(u.Hi, v.Hi, carry)
	if carry != 0 {
		return Uint128{}, u.overflow("sum")
	}
	return Uint128{hi, lo}, nil
}

// Sub returns u − v; a negative difference is overflow.
func (u Uint128) Sub(v Uint128) (Uint128, error) {
	lo, borrow := bits.Sub64(u.Lo, v.Lo, 0)
	hi, borrow := bits.Sub64(u.Hi, v.Hi, borrow)
	if borrow != 0 {
		return Uint128{}, u.overflow("difference")
	}
	return Uint128{hi, lo}, nil
}

// Mul returns u · n.
func (u Uint128) Mul(n uint64) (Uint128, error) {
	over, hi := bits.Mul64(u.Hi, n)
	carry, lo := bits.Mul64(u.Lo, n)
	hi, c := bits.Add64(hi, carry, 0)
	if over != 0 || c != 0 {
		return Uint128{}, u.overflow("product")
	}
	return Uint128{hi, lo}, nil
}

// product is a · b for a, b ≥ 0.
func product(a, b int64) (Uint128, error) {
	if a < 0 || b < 0 {
		return Uint128{}, overflow("*", a, b)
	}
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	return Uint128{hi, lo}, nil
}

// AddMul returns u + a·b; a negative factor is overflow.
func (u Uint128) AddMul(a, b int64) (Uint128, error) {
	p, err := product(a, b)
	if err != nil {
		return Uint128{}, err
	}
	return u.Add(p)
}

// SubMul returns u − a·b; a negative factor or difference is overflow.
func (u Uint128) SubMul(a, b int64) (Uint128, error) {
	p, err := product(a, b)
	if err != nil {
		return Uint128{}, err
	}
	return u.Sub(p)
}

// Div returns quotient and remainder of u by n; n must not be 0.
func (u Uint128) Div(n uint64) (Uint128, uint64) {
	hi, rest := u.Hi/n, u.Hi%n
	lo, rest := bits.Div64(rest, u.Lo, n)
	return Uint128{hi, lo}, rest
}

// DivFloor returns ⌊u / v⌋; division by 0 is overflow.
func (u Uint128) DivFloor(v Uint128) (Uint128, error) {
	return u.MulDiv(Uint128{Lo: 1}, v)
}

// MulDiv returns ⌊u·m / d⌋ with a 256-bit product; division by 0 and a quotient beyond 128 bits are overflow.
func (u Uint128) MulDiv(m, d Uint128) (Uint128, error) {
	if d.IsZero() {
		return Uint128{}, u.overflow("division by 0")
	}
	q := u.Big()
	q.Mul(q, m.Big()).Quo(q, d.Big())
	if q.BitLen() > 128 {
		return Uint128{}, u.overflow("quotient")
	}
	hi := new(big.Int).Rsh(q, 64).Uint64()
	lo := q.And(q, new(big.Int).SetUint64(math.MaxUint64)).Uint64()
	return Uint128{hi, lo}, nil
}

// Int64 returns u as an int64; what is larger is overflow.
func (u Uint128) Int64() (int64, error) {
	if u.Hi != 0 || u.Lo > math.MaxInt64 {
		return 0, u.overflow("int64")
	}
	return int64(u.Lo), nil
}

// Big returns u as a big integer.
func (u Uint128) Big() *big.Int {
	b := new(big.Int).SetUint64(u.Hi)
	return b.Lsh(b, 64).Or(b, new(big.Int).SetUint64(u.Lo))
}

// String is u in decimal.
func (u Uint128) String() string { return u.Big().String() }
