package types_test

import (
	"encoding/binary"
	"math/big"
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"
)

// SM2 and SM3 as the standards write them, with math/big and affine points: slow, not constant in time, and sharing no
// line with what the ledger runs. The tests hold the ledger's verifier against it.

func number(hex string) *big.Int {
	n, ok := new(big.Int).SetString(hex, 16)
	if !ok {
		panic("types_test: no number " + hex)
	}
	return n
}

// The curve of GB/T 32918.5-2017, y² = x³ + ax + b over F_p, with the point G of order n.
var (
	naiveP = number("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF")
	naiveA = number("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC")
	naiveB = number("28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93")
	naiveN = number("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123")
	naiveG = point{
		number("32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"),
		number("BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"),
	}
	naiveID = []byte("1234567812345678")
)

// point is a point of the curve; the zero value is infinity.
type point struct{ x, y *big.Int }

func mod(n, m *big.Int) *big.Int { return new(big.Int).Mod(n, m) }

func mul(a, b, m *big.Int) *big.Int { return mod(new(big.Int).Mul(a, b), m) }

func plus(a, b, m *big.Int) *big.Int { return mod(new(big.Int).Add(a, b), m) }

func minus(a, b, m *big.Int) *big.Int { return mod(new(big.Int).Sub(a, b), m) }

func inverse(a, m *big.Int) *big.Int { return new(big.Int).ModInverse(a, m) }

// rightSide is x³ + ax + b.
func rightSide(x *big.Int) *big.Int {
	cube := mul(mul(x, x, naiveP), x, naiveP)
	return plus(plus(cube, mul(naiveA, x, naiveP), naiveP), naiveB, naiveP)
}

// add is the group law (GB/T 32918.1-2016, 3.2.3.1).
func add(a, b point) point {
	if a.x == nil {
		return b
	}
	if b.x == nil {
		return a
	}
	var slope *big.Int
	switch {
	case a.x.Cmp(b.x) != 0:
		slope = mul(minus(b.y, a.y, naiveP), inverse(minus(b.x, a.x, naiveP), naiveP), naiveP)
	case a.y.Cmp(b.y) == 0 && a.y.Sign() != 0:
		top := plus(mul(big.NewInt(3), mul(a.x, a.x, naiveP), naiveP), naiveA, naiveP)
		slope = mul(top, inverse(plus(a.y, a.y, naiveP), naiveP), naiveP)
	default:
		return point{}
	}
	x := minus(minus(mul(slope, slope, naiveP), a.x, naiveP), b.x, naiveP)
	return point{x, minus(mul(slope, minus(a.x, x, naiveP), naiveP), a.y, naiveP)}
}

func times(k *big.Int, p point) point {
	var sum point
	for i := k.BitLen() - 1; i >= 0; i-- {
		sum = add(sum, sum)
		if k.Bit(i) == 1 {
			sum = add(sum, p)
		}
	}
	return sum
}

func bytes32(n *big.Int) []byte { return n.FillBytes(make([]byte, 32)) }

// encode is 04‖x‖y.
func (p point) encode() []byte { return append(append([]byte{4}, bytes32(p.x)...), bytes32(p.y)...) }

// naivePoint reads 04‖x‖y.
func naivePoint(public []byte) (point, bool) {
	if len(public) != 65 || public[0] != 4 {
		return point{}, false
	}
	p := point{new(big.Int).SetBytes(public[1:33]), new(big.Int).SetBytes(public[33:])}
	ok := p.x.Cmp(naiveP) < 0 && p.y.Cmp(naiveP) < 0 && mul(p.y, p.y, naiveP).Cmp(rightSide(p.x)) == 0
	return p, ok
}

// naiveDigest is e of GB/T 32918.2-2016, 6.1 A1 and A2, with Z_A of 5.5.
func naiveDigest(id, public, msg []byte) *big.Int {
	z := binary.BigEndian.AppendUint16(nil, uint16(8*len(id)))
	for _, part := range [][]byte{id, bytes32(naiveA), bytes32(naiveB), bytes32(naiveG.x), bytes32(naiveG.y), public[1:]} {
		z = append(z, part...)
	}
	return new(big.Int).SetBytes(naiveSM3(append(naiveSM3(z), msg...)))
}

// naiveSign is 6.1 with the random number k; both results are nil if the standard wants another k.
func naiveSign(d, k, e *big.Int) (r, s *big.Int) {
	return naiveSignAt(d, k, times(k, naiveG).x, e)
}

// naiveSignAt is the same when the x of [k]G is known.
func naiveSignAt(d, k, x, e *big.Int) (r, s *big.Int) {
	r = plus(e, x, naiveN)
	if r.Sign() == 0 || plus(r, k, naiveN).Sign() == 0 {
		return nil, nil
	}
	s = mul(inverse(plus(d, big.NewInt(1), naiveN), naiveN), minus(k, mul(r, d, naiveN), naiveN), naiveN)
	if s.Sign() == 0 {
		return nil, nil
	}
	return r, s
}

// naiveVerify is 7.1 for the default user id; signatures are r‖s.
func naiveVerify(public, msg, sig []byte) bool {
	p, ok := naivePoint(public)
	if !ok || len(sig) != 64 {
		return false
	}
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
	for _, v := range []*big.Int{r, s} { // B1, B2
		if v.Sign() == 0 || v.Cmp(naiveN) >= 0 {
			return false
		}
	}
	e := naiveDigest(naiveID, public, msg) // B3, B4
	t := plus(r, s, naiveN)                // B5
	if t.Sign() == 0 {
		return false
	}
	sum := add(times(s, naiveG), times(t, p))                 // B6
	return sum.x != nil && plus(e, sum.x, naiveN).Cmp(r) == 0 // B7
}

// naiveSM3 is GB/T 32905-2016.
func naiveSM3(msg []byte) []byte {
	v := [8]uint32{0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e}
	padded := append(append([]byte(nil), msg...), 0x80)
	for len(padded)%64 != 56 {
		padded = append(padded, 0)
	}
	padded = binary.BigEndian.AppendUint64(padded, uint64(8*len(msg)))
	for ; len(padded) > 0; padded = padded[64:] {
		v = naiveCompress(v, padded[:64])
	}
	var out []byte
	for _, word := range v {
		out = binary.BigEndian.AppendUint32(out, word)
	}
	return out
}

// naiveCompress is the compression function CF of 5.3.
func naiveCompress(v [8]uint32, block []byte) [8]uint32 {
	p1 := func(x uint32) uint32 { return x ^ bits.RotateLeft32(x, 15) ^ bits.RotateLeft32(x, 23) }
	var w [68]uint32
	for j := range w {
		if j < 16 {
			w[j] = binary.BigEndian.Uint32(block[4*j:])
			continue
		}
		w[j] = p1(w[j-16]^w[j-9]^bits.RotateLeft32(w[j-3], 15)) ^ bits.RotateLeft32(w[j-13], 7) ^ w[j-6]
	}
	a, b, c, d, e, f, g, h := v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]
	for j := range 64 {
		t, ff, gg := uint32(0x79cc4519), a^b^c, e^f^g
		if j >= 16 {
			t, ff, gg = 0x7a879d8a, a&b|a&c|b&c, e&f|^e&g
		}
		ss1 := bits.RotateLeft32(bits.RotateLeft32(a, 12)+e+bits.RotateLeft32(t, j), 7)
		tt1 := ff + d + (ss1 ^ bits.RotateLeft32(a, 12)) + (w[j] ^ w[j+4])
		tt2 := gg + h + ss1 + w[j]
		a, b, c, d = tt1, a, bits.RotateLeft32(b, 9), c
		e, f, g, h = tt2^bits.RotateLeft32(tt2, 9)^bits.RotateLeft32(tt2, 17), e, bits.RotateLeft32(f, 19), g
	}
	return [8]uint32{v[0] ^ a, v[1] ^ b, v[2] ^ c, v[3] ^ d, v[4] ^ e, v[5] ^ f, v[6] ^ g, v[7] ^ h}
}

// TestNaiveSM2 holds the yardstick itself against the examples of the standards: SM3 of GB/T 32905-2016 A.1 and A.2, the
// signature of GB/T 32918.5-2017 A.2.
func TestNaiveSM2(t *testing.T) {
	require.Equal(t, number("66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"), new(big.Int).SetBytes(naiveSM3([]byte("abc"))))
	long := []byte("abcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcd")
	require.Equal(t, number("debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"), new(big.Int).SetBytes(naiveSM3(long)))

	d := number("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
	k := number("59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21")
	public := times(d, naiveG)
	require.Equal(t, number("09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"), public.x)
	require.Equal(t, number("CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"), public.y)
	e := naiveDigest(naiveID, public.encode(), []byte("message digest"))
	require.Equal(t, number("F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640"), e)
	r, s := naiveSign(d, k, e)
	require.Equal(t, number("F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"), r)
	require.Equal(t, number("B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"), s)
	require.True(t, naiveVerify(public.encode(), []byte("message digest"), append(bytes32(r), bytes32(s)...)))
	require.False(t, naiveVerify(public.encode(), []byte("message digesT"), append(bytes32(r), bytes32(s)...)))
	require.Nil(t, times(naiveN, naiveG).x, "n is the order of G")
}
