package node

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

var update = flag.Bool("update", false, "write the seeds of fuzz targets instead of comparing with them")

// exampleDigest is the SHA-256 of the genesis file of the example. If it changes, nodes that make the file with this version
// do not agree with those that made it with another.
const exampleDigest = "4a72df161dd2c3557a7e2b88e50fc80c73e6159208a511f731033525938fc7ab"

func exampleText(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("ledgerd/genesis.example.toml")
	require.NoError(t, err)
	return string(text)
}

// exampleKey is a key of the example: its secret is made from its name.
func exampleKey(t testing.TB, name string, a types.Algorithm) *types.SigningKey {
	t.Helper()
	secret := sha256.Sum256([]byte("genesis example " + name))
	k, err := types.NewSigningKeyFor(a, secret[:])
	require.NoError(t, err)
	return k
}

func TestFoundingOfTheExample(t *testing.T) {
	f, err := ReadFounding([]byte(exampleText(t)))
	require.NoError(t, err)
	require.Equal(t, exampleDigest, f.Digest.String())
	require.Equal(t, "trade-1", f.ChainID)
	require.Equal(t, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), f.Time)
	require.Equal(t, []string{"bank-a", "bank-b", "customs-a", "platform-a"}, f.Seats())
	require.Equal(t, 3, f.Quorum())
	require.True(t, f.Usual)
	require.Len(t, f.State.Members, 4)
	require.Equal(t, "示例海关", f.Names[2])
	require.Equal(t, digestOf("示例海关"), f.State.Members[2].NameDigest)
	require.Equal(t, exampleKey(t, "customs-a/sm2-council", types.Algorithm_SM2_SM3).PublicKey(), f.State.Members[2].Keys[0].PublicKey)
	require.Equal(t, []types.GenesisParameter{{Name: "algorithms", Value: 3}, {Name: "document_verdicts", Value: 2}}, f.State.Parameters)
	shares, total := f.Shares()
	require.EqualValues(t, 40, total)
	require.Equal(t, Share{Group: "bank-a", Validators: 1, Power: 10}, shares[0])

	// The file that was made says the same, and nodes take it.
	require.NoError(t, CheckGenesis(f.File))
	again, err := ReadFounding(f.File)
	require.NoError(t, err)
	require.Equal(t, f.State, again.State)
	require.Equal(t, f.Digest, again.Digest)
	require.Equal(t, f.Time, again.Time)
	require.True(t, again.Usual)
	require.Empty(t, again.Names)
	doc, err := parseGenesis(f.File)
	require.NoError(t, err)
	require.Len(t, doc.Validators, 4)
	require.Equal(t, "customs-a", doc.Validators[0].Name)

	other, err := ReadFounding(bytes.Replace(f.File, []byte(`"max_bytes": "2097152"`), []byte(`"max_bytes": "3097152"`), 1))
	require.NoError(t, err)
	require.False(t, other.Usual)
	require.NotEqual(t, f.Digest, other.Digest)
}

func digestOf(s string) []byte {
	d := sha256.Sum256([]byte(s))
	return d[:]
}

// TestFoundingKnowsNoOrder: tables in another order, comments, blanks and another way to write the same moment give the
// same bytes.
func TestFoundingKnowsNoOrder(t *testing.T) {
	text := exampleText(t)
	head, rest, ok := strings.Cut(text, "[[member]]")
	require.True(t, ok)
	rest, tail, ok := strings.Cut(rest, "# Validators sign blocks.")
	require.True(t, ok)
	_, tail, ok = strings.Cut(tail, "[[validator]]")
	require.True(t, ok)
	members, validators := strings.Split(rest, "[[member]]"), strings.Split(tail, "[[validator]]")
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 5))
		for i, m := range members {
			parts := strings.Split(m, "[[member.key]]")
			r.Shuffle(len(parts)-1, func(i, j int) { parts[i+1], parts[j+1] = parts[j+1], parts[i+1] })
			members[i] = strings.Join(parts, "\n[[member.key]] # a key\n")
		}
		r.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		r.Shuffle(len(validators), func(i, j int) { validators[i], validators[j] = validators[j], validators[i] })
		moment := []string{"2026-12-01T00:00:00Z", "2026-12-01T08:00:00+08:00", "2026-11-30 19:00:00-05:00"}[seed%3]
		shuffled := strings.Replace(head, "2026-12-01T00:00:00Z", moment, 1)
		shuffled = strings.Replace(shuffled, `"COUNCIL", "OPERATOR", "BANK"`, `"BANK", "COUNCIL", "OPERATOR"`, 1)
		shuffled += "\n[[validator]]" + strings.Join(validators, "\n[[validator]]") + "\n[[member]]" + strings.Join(members, "\n[[member]]")
		f, err := ReadFounding([]byte(shuffled))
		require.NoError(t, err, "seed %d", seed)
		require.Equal(t, exampleDigest, f.Digest.String(), "seed %d", seed)
	}
}

// badDocuments spoils the example in one place each; want is the whole error.
var badDocuments = []struct{ old, by, want string }{
	{`version        = 1 `, `version        = 2 `, "version: 2; this program reads version 1"},
	{`version        = 1 `, `version        = "1" `, `version: is the text "1"; write 1: the form of this document`},
	{`version        = 1 `, `# `, "version: is missing; write 1: the form of this document"},
	{`chain_id       = "trade-1"`, `chain_id       = "trade 1"`, "chain_id: 1 to 50 characters A-Z a-z 0-9 . _ -"},
	{`chain_id       = "trade-1"`, `chian_id       = "trade-1"`,
		"chian_id: there is no such field; did you mean chain_id?\nchain_id: is missing; write the name of the network, for ever: \"trade-1\""},
	{`chain_id       = "trade-1"`, `chain_id       = `, "line 11, column 30: unexpected character U+0023 '#' at start of value"},
	{`chain_id       = "trade-1"`, `version        = 1`, "line 11, column 1: key version is already defined"},
	{`2026-12-01T00:00:00Z`, `2026-12-01T00:00:00`, "genesis_time: is 2026-12-01T00:00:00; write when the network begins, with its offset: 2026-12-01T00:00:00Z"},
	{`2026-12-01T00:00:00Z`, `"2026-12-01"`, "genesis_time: is the text \"2026-12-01\"; write when the network begins, with its offset: 2026-12-01T00:00:00Z"},
	{`2026-12-01T00:00:00Z`, `1999-12-01T00:00:00Z`, "genesis_time: a whole second of the years 2020 to 2200"},
	{`2026-12-01T00:00:00Z`, `2026-12-01T00:00:00.5Z`, "genesis_time: a whole second of the years 2020 to 2200"},
	{`base_currency  = "CNY"`, `base_currency  = "RMB"`, `base_currency: "RMB" is no currency; write an ISO 4217 code such as "CNY"`},
	{`= 28800 `, `= 50401 `, "day_offset_s: 50401 is beyond ±14 hours; 28800 is UTC+8"},
	{`= 28800 `, `= 8.0 `, "day_offset_s: is the number 8; write what is added to UTC to get the civil day, in seconds, for ever: 28800 is UTC+8"},
	{`simulation     = true`, `simulation     = "yes"`, `simulation: is the text "yes"; write false, or true if institutions and keys are made up`},
	{`notice         = "An example. Its institutions and keys are made up."`, `notice = ""`, "notice: a simulation needs one; write one sentence"},
	{`algorithms = 3 `, `algorithms = 4 `, "parameters.algorithms: 4 is out of bounds; write a number from 1 to 3 (bit mask of the algorithms that may sign: 1 ed25519, 2 SM2 with SM3, 3 both)\n" +
		"member[2] (customs-a).key[0].algorithm: SM2_SM3 may not sign in this network; write algorithms = 3 into [parameters] to allow both\n" +
		"member[2] (customs-a).key[1].algorithm: SM2_SM3 may not sign in this network; write algorithms = 3 into [parameters] to allow both"},
	{`document_verdicts = 2`, `document_verdict = 2`, "parameters.document_verdict: there is no such parameter; did you mean document_verdicts?"},
	{`document_verdicts = 2`, `document_verdicts = "2"`, `parameters.document_verdicts: is the text "2"; write a number from 1 to 5 (equal verdicts that decide a document)`},
	{`id            = "bank-a"`, `id            = "Bank A"`, "member[0] (Bank A).id: \"Bank A\" is no member id; write 2 to 32 characters a-z 0-9 -\n" +
		`validator[0].member: "bank-a" is no member of this document; did you mean bank-b?`},
	{`id            = "bank-a"`, ``, "member[0].id: is missing; write the member's id, for ever, 2 to 32 characters a-z 0-9 -: \"bank-a\"\n" +
		`validator[0].member: "bank-a" is no member of this document; did you mean bank-b?`},
	{`id            = "bank-b"`, `id            = "bank-a"`, "member[1] (bank-a).id: the same as that of member[0] (bank-a); every member has its own\n" +
		`validator[1].member: "bank-b" is no member of this document; did you mean bank-a?`},
	{`"First Example Bank Co., Ltd."`, `" First Example Bank"`, "member[0] (bank-a).name: spaces at an end or several in a row; write single spaces"},
	{`"First Example Bank Co., Ltd."`, `"First\u200b Bank"`, "member[0] (bank-a).name: characters that cannot be seen, or blanks other than the space; take them out"},
	{`"First Example Bank Co., Ltd."`, `"Cre\u0301dit"`, "member[0] (bank-a).name: not in Unicode's form NFC; write letters and their accents as one character"},
	{`"First Example Bank Co., Ltd."`, `""`, "member[0].name: is missing; write the legal name in full, as it is registered: \"…\""},
	{`control_group = "holding-b"`, `control_group = "Holding"`, `member[1] (bank-b).control_group: "Holding" is no control group; write 2 to 32 characters a-z 0-9 -`},
	{`"CN-BJ"`, `"CN-QQ"`, `member[1] (bank-b).jurisdiction: "CN-QQ" is in neither ISO 3166-1 nor ISO 3166-2; write a code such as "CN" or "CN-SH"`},
	{`"OPERATOR", "CUSTOMS"]`, `"OPERATOR", "CUSTOM"]`, "member[2] (customs-a).roles[2]: \"CUSTOM\" is no role of a member; did you mean CUSTOMS?\n" +
		"member[2] (customs-a).key[1].role: CUSTOMS is not one of the member's roles; add it there, or give the key another"},
	{`"OPERATOR", "CUSTOMS"]`, `"ENTERPRISE", "OPERATOR", "CUSTOMS"]`, "member[2] (customs-a).roles[1]: \"ENTERPRISE\" is no role of a member; there are COUNCIL, OPERATOR, " +
		"CUSTOMS, TAX, FOREX, BANK, PLATFORM, LOGISTICS, INSURER, VERIFIER, ARBITER, BUREAU, AUDITOR"},
	{`"OPERATOR", "CUSTOMS"]`, `"OPERATOR", "CUSTOMS", "COUNCIL"]`, "member[2] (customs-a).roles[3]: COUNCIL is there already; write each role once"},
	{`["COUNCIL", "OPERATOR", "CUSTOMS"]`, `"CUSTOMS"`, "member[2].roles: is the text \"CUSTOMS\"; write a list of roles: [\"COUNCIL\", \"BANK\"]\n" +
		"member[2] (customs-a).key[0].role: COUNCIL is not one of the member's roles; add it there, or give the key another\n" +
		"member[2] (customs-a).key[1].role: CUSTOMS is not one of the member's roles; add it there, or give the key another\n" +
		"validator[2].member: customs-a has no OPERATOR role; add it to the member's roles"},
	{`["COUNCIL", "OPERATOR", "CUSTOMS"]`, `["COUNCIL", "CUSTOMS"]`, "validator[2].member: customs-a has no OPERATOR role; add it to the member's roles"},
	{"role       = \"COUNCIL\"\nalgorithm  = \"SM2_SM3\"", "role       = \"OPERATOR\"\nalgorithm  = \"SM2_SM3\"",
		"member[2] (customs-a).roles: COUNCIL without a key for it, so the seat could never vote; add a key with the role COUNCIL, or take the role away"},
	{`id         = "customs-1"`, `id         = "council-1"`, `member[2] (customs-a).key[1].id: the member has a key "council-1" already; every key has its own id`},
	{`id         = "customs-1"`, `id         = "Customs"`, `member[2] (customs-a).key[1].id: "Customs" is no key id; write 1 to 32 characters a-z 0-9 -`},
	{`role       = "CUSTOMS"`, `role       = "BANK"`, "member[2] (customs-a).key[1].role: BANK is not one of the member's roles; add it there, or give the key another"},
	{`algorithm  = "SM2_SM3"`, `algorithm  = "SM2"`, `member[2] (customs-a).key[0].algorithm: "SM2" is no algorithm; there are ED25519 and SM2_SM3`},
	{`algorithm  = "SM2_SM3"`, `algorithm  = "ED25519"`, "member[2] (customs-a).key[0].public_key: an ed25519 key has 32 bytes, not 65; copy the whole key, and see that its algorithm is right"},
	{`"04d92123`, `"04D92123`, `member[2] (customs-a).key[0].public_key: "04D92123b27d435f27b2" is not lower-case hexadecimal; copy the whole key`},
	{`"04d92123`, `"04d92124`, "member[2] (customs-a).key[0].public_key: not a point of the SM2 curve, or not written canonically; copy the whole key, and see that its algorithm is right"},
	{`"2ee22ca4b3efd3bfc0c1929edee12ffaf06a09e64aaf33e8b6396f802658a74c"`, `"a3fd480ecbe7939d00a4059ed1cc3175efc0a7bbdbabdd1bf8da2be2e729fe3f"`,
		"member[1] (bank-b).key[1].public_key: the same as member[0] (bank-a).key[1].public_key; every key has one holder and one use"},
	{`"584de253feabd11d28b89555713143ee99eca5f53ec149c8363206b29a58cda8"`, `"a3fd480ecbe7939d00a4059ed1cc3175efc0a7bbdbabdd1bf8da2be2e729fe3f"`,
		"validator[0].public_key: the same as the key bank-1 of member bank-a; every key has one holder and one use"},
	{`"584de253feabd11d28b89555713143ee99eca5f53ec149c8363206b29a58cda8"`, `"6b75ff73f6889c4bff1edac6c03fdc1c6d0f6d72fdfc4122efb8f50cb354d71a"`,
		"validator[1].public_key: the same as validator[0].public_key; every key has one holder and one use"},
	{`"584de253feabd11d28b89555713143ee99eca5f53ec149c8363206b29a58cda8"`, `"584de253"`,
		"validator[0].public_key: an ed25519 key has 32 bytes, not 4; copy the whole key, and see that its algorithm is right"},
	{`power      = 10`, `power      = 0`, "validator[0].power: 0 is out of bounds; write a number from 1 to 1000000"},
	{`power      = 10`, `power      = 1000001`, "validator[0].power: 1000001 is out of bounds; write a number from 1 to 1000000"},
	{`power      = 10`, `weight     = 10`, "validator[0].weight: there is no such field; there are member, public_key, power\nvalidator[0].power: is missing; write its voting power: 10"},
	{`power      = 10`, `power      = 15`, "validator: control group bank-a holds 15 of 45 of the power, a third or more, and could stop the network alone; " +
		"give its validators less than 15 together, or others more"},
	{`control_group = "holding-b"`, `control_group = "bank-a"`, "validator: control group bank-a holds 20 of 40 of the power, a third or more, and could stop the network alone; " +
		"give its validators less than 14 together, or others more"},
}

// TestBadDocuments: each is refused with exactly these words.
func TestBadDocuments(t *testing.T) {
	require.GreaterOrEqual(t, len(badDocuments), 20)
	for _, c := range badDocuments {
		text := exampleText(t)
		require.Contains(t, text, c.old)
		_, err := ReadFounding([]byte(strings.Replace(text, c.old, c.by, 1)))
		require.EqualError(t, err, c.want, "%s → %s", c.old, c.by)
	}
	for text, want := range map[string]string{
		"":                 "version: is missing",
		"version = 1":      "chain_id: is missing",
		"\xff":             "line 1, column 1",
		"{":                "genesis cannot be read",
		"{}":               "genesis",
		"member = 3":       "member: is the number 3; write a table [[member]] for each member",
		"[member]\nid='a'": "member: is a table; write a table [[member]] for each member, in double brackets",
		"validator = []":   "validator: 0 validators; a network begins with 1 to 200",
		"parameters = []":  "parameters: is a list of something else; write a table [parameters]",
	} {
		_, err := ReadFounding([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}

// TestFoundingWithoutCouncil: somebody has to decide.
func TestFoundingWithoutCouncil(t *testing.T) {
	text := strings.ReplaceAll(exampleText(t), `"COUNCIL", "OPERATOR"`, `"OPERATOR"`)
	text = strings.ReplaceAll(text, `role       = "COUNCIL"`, `role       = "OPERATOR"`)
	_, err := ReadFounding([]byte(text))
	require.EqualError(t, err, "member: none has a COUNCIL key, so nothing could ever be decided; give at least one member the role COUNCIL and a key for it")
}

// TestFoundingWithFewValidators: below four no share is refused.
func TestFoundingWithFewValidators(t *testing.T) {
	text := exampleText(t)
	cut := strings.LastIndex(text, "[[validator]]")
	three, err := ReadFounding([]byte(strings.Replace(text[:cut], "power      = 10", "power      = 1000", 1)))
	require.NoError(t, err)
	require.Len(t, three.State.Validators, 3)
	shares, total := three.Shares()
	require.Equal(t, Share{Group: "bank-a", Validators: 1, Power: 1000}, shares[0])
	require.EqualValues(t, 1020, total)
}

// TestFoundingOfAnotherFile: a file whose two lists of validators differ, or that begins with a bad share, is refused, and
// one that does not say who runs its validators is read.
func TestFoundingOfAnotherFile(t *testing.T) {
	f, err := ReadFounding([]byte(exampleText(t)))
	require.NoError(t, err)
	file := string(f.File)
	i := strings.Index(file, `"power": "10"`)
	require.Positive(t, i)
	_, err = ReadFounding([]byte(file[:i] + strings.Replace(file[i:], `"power": "10"`, `"power": "11"`, 1)))
	require.ErrorContains(t, err, "app_state.validators[0]: power 10, but 11 beside app_state")
	_, err = ReadFounding([]byte(strings.Replace(file, `"power": 10`, `"power": 11`, 1)))
	require.ErrorContains(t, err, "app_state.validators[0]: power 11, but 10 beside app_state")

	bad := strings.Replace(file, `"power": "10"`, `"power": "1000"`, 1)
	bad = strings.Replace(bad, `"power": 10`, `"power": 1000`, 1)
	_, err = ReadFounding([]byte(bad))
	require.ErrorContains(t, err, "control group customs-a holds 1000 of 1030 of the power")

	c := Default(t.TempDir())
	identity, err := CreateHome(c)
	require.NoError(t, err)
	text, err := Genesis(testChain, time.Unix(1_800_000_000, 0), []Validator{{Name: "n", Key: identity.ValidatorKey}}, testState(t))
	require.NoError(t, err)
	plain, err := ReadFounding(text)
	require.NoError(t, err)
	require.True(t, plain.Usual)
	shares, total := plain.Shares()
	require.Empty(t, shares)
	require.Zero(t, total)
}

func TestSeatSignatures(t *testing.T) {
	f, err := ReadFounding([]byte(exampleText(t)))
	require.NoError(t, err)
	seats := map[string]*types.SigningKey{
		"bank-a":    exampleKey(t, "bank-a/council", types.Algorithm_ED25519),
		"customs-a": exampleKey(t, "customs-a/sm2-council", types.Algorithm_SM2_SM3),
	}
	for member, key := range seats {
		text, err := f.Sign(member, key)
		require.NoError(t, err)
		again, err := f.Sign(member, key)
		require.NoError(t, err)
		require.Equal(t, text, again)
		signed, err := f.Verify(text)
		require.NoError(t, err)
		require.Equal(t, member, signed)
	}
	bank := seats["bank-a"]
	_, err = f.Sign("bank-a", exampleKey(t, "bank-a/bank", types.Algorithm_ED25519))
	require.EqualError(t, err, "this is no COUNCIL key of bank-a in this genesis")
	_, err = f.Sign("bank-b", bank)
	require.EqualError(t, err, "this is no COUNCIL key of bank-b in this genesis")
	_, err = f.Sign("bank-z", bank)
	require.EqualError(t, err, "bank-z is no member of this genesis")

	good, err := f.Sign("bank-a", bank)
	require.NoError(t, err)
	for _, c := range []struct{ old, by, want string }{
		{`"bank-a"`, `"bank-b"`, "the signature of bank-b does not verify"},
		{`"bank-a"`, `"bank-z"`, "bank-z is no member"},
		{`"council-1"`, `"bank-1"`, "this is no COUNCIL key of bank-a"},
		{`"trade-1"`, `"trade-2"`, `bank-a signed another genesis, "trade-2"`},
		{exampleDigest, strings.Repeat("0", 64), "signed another genesis"},
		{`"version": 1`, `"version": 2`, "version 2"},
		{`"member"`, `"members"`, "unknown field"},
		{"}\n", "}{}", "something follows"},
		{"}\n", "}" + strings.Repeat(" ", 5000), "at most 4096 bytes"},
		{"{", "", "no signature file"},
		{`"signature": "`, `"signature": "00`, "does not verify"},
		{`"signature": "`, `"signature": "x`, "does not verify"},
	} {
		require.Contains(t, string(good), c.old)
		_, err := f.Verify([]byte(strings.Replace(string(good), c.old, c.by, 1)))
		require.ErrorContains(t, err, c.want)
	}
	// The signature is over the digest under a name of its own.
	require.Equal(t, "tradecredit/v1/genesis\x00"+string(f.Digest[:]), string(types.GenesisSignBytes(f.Digest)))
}

// FuzzFounding: no document makes the reader panic, and what it accepts it accepts again, from the file it made, as the
// same.
func FuzzFounding(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		read, err := ReadFounding(text)
		if err != nil {
			return
		}
		again, err := ReadFounding(read.File)
		if err != nil {
			t.Fatalf("the file that was made is refused: %v", err)
		}
		if again.Digest != read.Digest || fmt.Sprint(again.State) != fmt.Sprint(read.State) {
			t.Fatal("the file says something else")
		}
	})
}

// TestFoundingSeeds fails when a seed of the fuzz target is missing or changed.
func TestFoundingSeeds(t *testing.T) {
	text := exampleText(t)
	cut := strings.Index(text, "[[member]]\nid            = \"bank-b\"") // one member, one validator: small
	one := text[:cut] + text[strings.LastIndex(text, "[[validator]]"):]
	one = strings.ReplaceAll(one, `member     = "platform-a"`, `member     = "bank-a"`)
	_, err := ReadFounding([]byte(one))
	require.NoError(t, err)
	seeds := []string{text, "", "version = 1", "{}", one}
	for i := 0; i < len(badDocuments); i += 9 {
		seeds = append(seeds, strings.Replace(text, badDocuments[i].old, badDocuments[i].by, 1))
	}
	f, err := ReadFounding([]byte(text))
	require.NoError(t, err)
	seeds = append(seeds, string(f.File))
	for i, seed := range seeds {
		path := fmt.Sprintf("testdata/fuzz/FuzzFounding/seed-%02d", i)
		want := fmt.Sprintf("go test fuzz v1\n[]byte(%q)\n", seed)
		if *update {
			require.NoError(t, os.MkdirAll("testdata/fuzz/FuzzFounding", 0o755))
			require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		}
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, want, string(got), path)
	}
}
