package types_test

import (
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// sm2File is testdata/sm2.json: what another implementation needs to check itself. All bytes are hexadecimal.
type sm2File struct {
	About      string             `json:"about"`
	UserID     string             `json:"user_id"`
	Keys       []sm2KeyCase       `json:"keys"`
	Signatures []sm2SignatureCase `json:"signatures"`
}

// sm2KeyCase says whether a public key may be registered.
type sm2KeyCase struct {
	Comment   string `json:"comment"`
	PublicKey string `json:"public_key"`
	Valid     bool   `json:"valid"`
}

// sm2SignatureCase says whether a signature verifies.
type sm2SignatureCase struct {
	Comment   string `json:"comment"`
	PublicKey string `json:"public_key"`
	Message   string `json:"message"`
	Signature string `json:"signature"`
	Valid     bool   `json:"valid"`
}

// sm2Maker writes the cases, with the naive implementation alone but where a case says so.
type sm2Maker struct {
	t      testing.TB
	random *rand.Rand
	file   sm2File
}

// signed is a good signature and everything that a bad one is made of.
type signed struct {
	comment string
	d, k    *big.Int
	r, s    *big.Int
	public  []byte
	msg     []byte
}

func (m *sm2Maker) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.random.Uint32())
	}
	return b
}

// scalar is a number between 1 and n−2.
func (m *sm2Maker) scalar() *big.Int {
	return plus(mod(new(big.Int).SetBytes(m.bytes(40)), new(big.Int).Sub(naiveN, big.NewInt(2))), big.NewInt(1), naiveN)
}

// sign makes a good signature with the first nonce from k on that good likes; k goes up by one.
func (m *sm2Maker) sign(comment string, d, k *big.Int, msg []byte, good func(r, s *big.Int) bool) signed {
	public := times(d, naiveG).encode()
	e := naiveDigest(naiveID, public, msg)
	k = new(big.Int).Set(k)
	for p := times(k, naiveG); ; p, k = add(p, naiveG), plus(k, big.NewInt(1), naiveN) {
		if r, s := naiveSignAt(d, k, p.x, e); r != nil && (good == nil || good(r, s)) {
			return signed{comment: comment, d: d, k: k, r: r, s: s, public: public, msg: msg}
		}
	}
}

// key is the first secret from d on whose public key good likes.
func (m *sm2Maker) key(d *big.Int, good func(p point) bool) *big.Int {
	d = new(big.Int).Set(d)
	for p := times(d, naiveG); !good(p); p = add(p, naiveG) {
		d.Add(d, big.NewInt(1))
	}
	return d
}

func (m *sm2Maker) add(comment string, public, msg, sig []byte, valid bool) {
	m.file.Signatures = append(m.file.Signatures, sm2SignatureCase{
		Comment: comment, PublicKey: hex.EncodeToString(public), Message: hex.EncodeToString(msg), Signature: hex.EncodeToString(sig), Valid: valid,
	})
}

func (m *sm2Maker) addKey(comment string, public []byte, valid bool) {
	m.file.Keys = append(m.file.Keys, sm2KeyCase{Comment: comment, PublicKey: hex.EncodeToString(public), Valid: valid})
}

func (c *signed) bytes() []byte { return append(bytes32(c.r), bytes32(c.s)...) }

func shortOf(n *big.Int) bool { return n.BitLen() <= 248 }

// good writes the signatures that verify and returns some to spoil.
func (m *sm2Maker) good() []signed {
	one, two := big.NewInt(1), big.NewInt(2)
	example := number("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
	exampleK := number("59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21")
	short := func(r, s *big.Int) bool { return shortOf(r) }
	all := []signed{
		m.sign("the example of GB/T 32918.5 A.2", example, exampleK, []byte("message digest"), nil),
		m.sign("r has a leading zero byte", m.scalar(), m.scalar(), m.bytes(40), short),
		m.sign("s has a leading zero byte", m.scalar(), m.scalar(), m.bytes(41), func(r, s *big.Int) bool { return shortOf(s) }),
		m.sign("an empty message", m.scalar(), m.scalar(), nil, nil),
	}
	for _, n := range []int{1, 31, 32, 33, 55, 56, 63, 64, 65, 119, 120, 500} {
		all = append(all, m.sign(fmt.Sprintf("a message of %d bytes", n), m.scalar(), m.scalar(), m.bytes(n), nil))
	}
	for _, d := range []*big.Int{one, two, minus(naiveN, two, naiveN), minus(naiveN, big.NewInt(3), naiveN), new(big.Int).Sub(new(big.Int).Lsh(one, 128), one)} {
		all = append(all, m.sign(fmt.Sprintf("the secret is %x", d), d, m.scalar(), []byte("secret"), nil))
	}
	for _, k := range []*big.Int{one, two, minus(naiveN, one, naiveN), minus(naiveN, two, naiveN)} {
		all = append(all, m.sign(fmt.Sprintf("the nonce is %x", k), m.scalar(), k, []byte("nonce"), nil))
	}
	for _, tops := range [][2]uint{{0, 0}, {0, 1}, {1, 0}, {1, 1}} {
		fits := func(r, s *big.Int) bool { return r.Bit(255) == tops[0] && s.Bit(255) == tops[1] }
		all = append(all, m.sign(fmt.Sprintf("the first bits of r and s are %d and %d", tops[0], tops[1]), m.scalar(), m.scalar(), m.bytes(20), fits))
	}
	shortX := m.key(m.scalar(), func(p point) bool { return shortOf(p.x) })
	shortY := m.key(m.scalar(), func(p point) bool { return shortOf(p.y) })
	all = append(all, m.sign("x of the key has a leading zero byte", shortX, m.scalar(), m.bytes(9), nil),
		m.sign("y of the key has a leading zero byte", shortY, m.scalar(), m.bytes(9), nil))
	for _, c := range all {
		m.add(c.comment, c.public, c.msg, c.bytes(), true)
	}
	return all[:4]
}

// numbers gives a signature other numbers.
func (c *signed) numbers() []sm2SignatureCase {
	one := big.NewInt(1)
	n, top := naiveN, new(big.Int).Sub(new(big.Int).Lsh(one, 256), one)
	below, above := new(big.Int).Sub(n, one), new(big.Int).Add(n, one)
	zero := new(big.Int)
	var out []sm2SignatureCase
	put := func(comment string, r, s *big.Int) {
		out = append(out, sm2SignatureCase{Comment: comment, Signature: hex.EncodeToString(append(bytes32(r), bytes32(s)...))})
	}
	for _, v := range []struct {
		name  string
		value *big.Int
	}{{"0", zero}, {"1", one}, {"n−1", below}, {"n", n}, {"n+1", above}, {"2²⁵⁶−1", top}} {
		put("r is "+v.name, v.value, c.s)
		put("s is "+v.name, c.r, v.value)
	}
	put("r and s are 0", zero, zero)
	put("r is n and s is 0", n, zero)
	put("s is negated", c.r, minus(n, c.s, n))
	put("r is negated", minus(n, c.r, n), c.s)
	put("r and s are negated", minus(n, c.r, n), minus(n, c.s, n))
	put("r and s are swapped", c.s, c.r)
	put("r is one more", plus(c.r, one, n), c.s)
	put("s is one more", c.r, plus(c.s, one, n))
	put("r+s is n", c.r, minus(n, c.r, n))
	put("r+s is n, by s", minus(n, c.s, n), c.s)
	put("s is r", c.r, c.r)
	inverseD := inverse(c.d, n)
	put("[s]G+[r+s]P is infinity", mul(minus(zero, mul(c.s, plus(c.d, one, n), n), n), inverseD, n), c.s)
	put("[s]G and [r+s]P are the same point", mul(c.s, minus(inverseD, one, n), n), c.s)
	e := naiveDigest(naiveID, c.public, c.msg)
	x := mod(times(c.k, naiveG).x, n)
	put("r without the digest", x, c.s)
	put("s without the inverse of 1+d", c.r, minus(c.k, mul(c.r, c.d, n), n))
	put("ECDSA over the same curve and digest", x, mul(inverse(c.k, n), plus(e, mul(x, c.d, n), n), n))
	return out
}

// digests signs something else with the right key.
func (c *signed) digests() []sm2SignatureCase {
	var out []sm2SignatureCase
	put := func(comment string, e *big.Int) {
		r, s := naiveSign(c.d, c.k, mod(e, naiveN))
		out = append(out, sm2SignatureCase{Comment: comment, Signature: hex.EncodeToString(append(bytes32(r), bytes32(s)...))})
	}
	put("the user id is ALICE123@YAHOO.COM", naiveDigest([]byte("ALICE123@YAHOO.COM"), c.public, c.msg))
	put("the user id is empty", naiveDigest(nil, c.public, c.msg))
	put("the user id is 1234567812345679", naiveDigest([]byte("1234567812345679"), c.public, c.msg))
	put("Z_A is left out", new(big.Int).SetBytes(naiveSM3(c.msg)))
	put("Z_A is of another key", naiveDigest(naiveID, naiveG.encode(), c.msg))
	sha := sha256.Sum256(c.msg)
	put("SHA-256 of the message alone", new(big.Int).SetBytes(sha[:]))
	return out
}

// forms writes a good signature in other ways.
func (c *signed) forms(t testing.TB) []sm2SignatureCase {
	sig := c.bytes()
	der, err := asn1.Marshal(struct{ R, S *big.Int }{c.r, c.s})
	require.NoError(t, err)
	backwards := slices.Clone(sig)
	slices.Reverse(backwards[:32])
	slices.Reverse(backwards[32:])
	zeros := make([]byte, 64)
	var out []sm2SignatureCase
	for _, f := range []struct {
		comment string
		sig     []byte
	}{
		{"DER", der}, {"empty", nil}, {"r alone", sig[:32]}, {"63 bytes", sig[:63]}, {"63 bytes, the first is missing", sig[1:]},
		{"65 bytes, a zero behind", append(slices.Clone(sig), 0)}, {"65 bytes, a zero in front", append([]byte{0}, sig...)},
		{"twice", append(slices.Clone(sig), sig...)}, {"little-endian", backwards}, {"as hexadecimal text", []byte(hex.EncodeToString(sig))},
		{"64 zero bytes", zeros},
	} {
		out = append(out, sm2SignatureCase{Comment: f.comment, Signature: hex.EncodeToString(f.sig)})
	}
	return out
}

// bad spoils a good signature in every way there is.
func (m *sm2Maker) bad(c signed) {
	for _, bad := range slices.Concat(c.numbers(), c.digests(), c.forms(m.t)) {
		m.add(c.comment+": "+bad.Comment, c.public, c.msg, unhex(m.t, bad.Signature), false)
	}
	m.add(c.comment+": a byte more of message", c.public, append(slices.Clone(c.msg), 0), c.bytes(), false)
	m.add(c.comment+": another message", c.public, []byte("another"), c.bytes(), false)
	m.add(c.comment+": another key", naiveG.encode(), c.msg, c.bytes(), false)
	p, _ := naivePoint(c.public)
	m.add(c.comment+": the negated key", point{p.x, minus(naiveP, p.y, naiveP)}.encode(), c.msg, c.bytes(), false)
	m.add(c.comment+": the key is compressed", append([]byte{2 + byte(p.y.Bit(0))}, c.public[1:33]...), c.msg, c.bytes(), false)
	m.add(c.comment+": the key is hybrid", append([]byte{6 + byte(p.y.Bit(0))}, c.public[1:]...), c.msg, c.bytes(), false)
	m.add(c.comment+": the key has no 04", c.public[1:], c.msg, c.bytes(), false)
	m.add(c.comment+": the key is infinity", []byte{0}, c.msg, c.bytes(), false)
}

// flips turns single bits.
func (m *sm2Maker) flips(c signed) {
	turn := func(b []byte, bit int) []byte {
		b = slices.Clone(b)
		b[bit/8] ^= 0x80 >> (bit % 8)
		return b
	}
	for bit := 0; bit < 512; bit += 73 {
		m.add(fmt.Sprintf("bit %d of the signature", bit), c.public, c.msg, turn(c.bytes(), bit), false)
	}
	for bit := 0; bit < 8*len(c.msg); bit += 37 {
		m.add(fmt.Sprintf("bit %d of the message", bit), c.public, turn(c.msg, bit), c.bytes(), false)
	}
	for bit := 0; bit < 520; bit += 75 {
		m.add(fmt.Sprintf("bit %d of the key", bit), turn(c.public, bit), c.msg, c.bytes(), false)
	}
}

// goodKeys and badKeys write the public keys.
func (m *sm2Maker) goodKeys() {
	m.addKey("G", naiveG.encode(), true)
	m.addKey("2G", times(big.NewInt(2), naiveG).encode(), true)
	m.addKey("−2G, the largest secret", times(minus(naiveN, big.NewInt(2), naiveN), naiveG).encode(), true)
	for range 4 {
		m.addKey("a point", times(m.scalar(), naiveG).encode(), true)
	}
	x, y := m.smallX()
	m.addKey("the smallest x", point{x, y}.encode(), true)
	m.addKey("the smallest x, the other y", point{x, minus(naiveP, y, naiveP)}.encode(), true)
	zero := new(big.Int).ModSqrt(naiveB, naiveP)
	if zero != nil {
		m.addKey("x is 0", point{new(big.Int), zero}.encode(), true)
	}
}

// smallX is the point with the smallest x above 0.
func (m *sm2Maker) smallX() (x, y *big.Int) {
	for x = big.NewInt(1); ; x.Add(x, big.NewInt(1)) {
		if y = new(big.Int).ModSqrt(rightSide(x), naiveP); y != nil {
			return x, y
		}
	}
}

func (m *sm2Maker) badKeys() {
	p := times(m.scalar(), naiveG)
	good := p.encode()
	x, y := m.smallX()
	odd := byte(p.y.Bit(0))
	nist := elliptic.P256().Params()
	info := unhex(m.t, "3059301306072a8648ce3d020106082a811ccf5501822d034200")
	for _, c := range []struct {
		comment string
		public  []byte
	}{
		{"empty", nil}, {"04 alone", good[:1]}, {"64 bytes: cut", good[:64]}, {"64 bytes: no 04", good[1:]}, {"66 bytes", append(slices.Clone(good), 0)},
		{"compressed", append([]byte{2 + odd}, good[1:33]...)}, {"compressed, the other y", append([]byte{3 - odd}, good[1:33]...)},
		{"compressed, first byte 05", append([]byte{5}, good[1:33]...)},
		{"hybrid", append([]byte{6 + odd}, good[1:]...)}, {"hybrid, the wrong parity", append([]byte{7 - odd}, good[1:]...)},
		{"first byte 00", append([]byte{0}, good[1:]...)}, {"first byte 02, 65 bytes", append([]byte{2}, good[1:]...)},
		{"first byte 05", append([]byte{5}, good[1:]...)}, {"first byte 84", append([]byte{0x84}, good[1:]...)},
		{"infinity", []byte{0}}, {"infinity as 65 zero bytes", make([]byte, 65)}, {"x and y are 0", append([]byte{4}, make([]byte, 64)...)},
		{"not on the curve: y is one more", point{p.x, plus(p.y, big.NewInt(1), naiveP)}.encode()},
		{"not on the curve: x is one more", point{plus(p.x, big.NewInt(1), naiveP), p.y}.encode()},
		{"not on the curve: x and y swapped", point{p.y, p.x}.encode()},
		{"not on the curve: y is 0", point{p.x, new(big.Int)}.encode()},
		{"the point G of NIST P-256", point{nist.Gx, nist.Gy}.encode()},
		{"x is p + the smallest x", point{new(big.Int).Add(naiveP, x), y}.encode()},
		{"x is p", point{naiveP, p.y}.encode()}, {"y is p", point{p.x, naiveP}.encode()},
		{"all bits set", append([]byte{4}, slices.Repeat([]byte{0xff}, 64)...)},
		{"little-endian", func() []byte {
			b := slices.Clone(good)
			slices.Reverse(b[1:33])
			slices.Reverse(b[33:])
			return b
		}()},
		{"as a certificate holds it, SubjectPublicKeyInfo", append(info, good...)},
		{"as hexadecimal text", []byte(hex.EncodeToString(good))},
		{"32 bytes of an ed25519 key", signingKey(m.t, 1).PublicKey()},
		{"−G: its secret would be n−1, which cannot sign", point{naiveG.x, minus(naiveP, naiveG.y, naiveP)}.encode()},
	} {
		m.addKey(c.comment, c.public, false)
	}
}

// makeSM2Vectors makes the file anew, the same every time.
func makeSM2Vectors(t testing.TB) []byte {
	m := &sm2Maker{t: t, random: random(32918)}
	m.file.About = "SM2 with SM3 (GB/T 32918.2, GB/T 32905) as this ledger takes it: public keys are 04‖x‖y, signatures r‖s of 64 bytes, " +
		"digests SM3(Z_A‖message). keys: whether a key may be registered. signatures: whether one verifies."
	m.file.UserID = string(naiveID)
	m.goodKeys()
	m.badKeys()
	bases := m.good()
	for _, c := range bases {
		m.bad(c)
	}
	m.flips(bases[0])
	for n := range byte(3) {
		k := sm2Key(t, n)
		msg := []byte(fmt.Sprintf("message %d", n))
		m.add("made by the ledger's own signer: the nonce comes from RFC 6979 with HMAC-SM3", k.PublicKey(), msg, k.Sign(msg), true)
	}
	text, err := json.MarshalIndent(m.file, "", " ")
	require.NoError(t, err)
	return append(text, '\n')
}

const sm2VectorPath = "testdata/sm2.json"

// TestSM2Vectors: the file is what the maker makes; go test ./types -run TestSM2Vectors -update writes it anew.
func TestSM2Vectors(t *testing.T) {
	got := makeSM2Vectors(t)
	if *update {
		require.NoError(t, os.WriteFile(sm2VectorPath, got, 0o644))
	}
	want, err := os.ReadFile(sm2VectorPath)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "if that is meant, run with -update and say so: it is consensus")
}

func readSM2Vectors(t testing.TB) (file sm2File) {
	t.Helper()
	text, err := os.ReadFile(sm2VectorPath)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &file))
	require.GreaterOrEqual(t, len(file.Keys), 40)
	require.GreaterOrEqual(t, len(file.Signatures), 200)
	return file
}

// TestSM2VectorsVerify reads the file alone, as another implementation would, and asks the ledger and the yardstick.
func TestSM2VectorsVerify(t *testing.T) {
	file := readSM2Vectors(t)
	valid := 0
	for i, c := range file.Keys {
		public := unhex(t, c.PublicKey)
		err := types.CheckPublicKey(types.Algorithm_SM2_SM3, public)
		if c.Valid {
			require.NoError(t, err, "key %d: %s", i, c.Comment)
			valid++
		} else {
			requireCode(t, types.Code_public_key_malformed, err, i, c.Comment)
		}
		_, naive := naivePoint(public)
		require.Equal(t, c.Valid || c.Comment[:len("−G")] == "−G", naive, "key %d: %s", i, c.Comment)
	}
	require.GreaterOrEqual(t, valid, 9)
	valid = 0
	for i, c := range file.Signatures {
		public, msg, sig := unhex(t, c.PublicKey), unhex(t, c.Message), unhex(t, c.Signature)
		require.Equal(t, c.Valid, types.VerifySignature(types.Algorithm_SM2_SM3, public, msg, sig), "signature %d: %s", i, c.Comment)
		require.Equal(t, c.Valid, naiveVerify(public, msg, sig), "signature %d: %s", i, c.Comment)
		if c.Valid {
			valid++
		}
	}
	require.GreaterOrEqual(t, valid, 30)
}
