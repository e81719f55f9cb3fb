package types_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// FuzzDecode: whatever is accepted encodes to exactly what came in, at both layers, and is what Sign would make.
func FuzzDecode(f *testing.F) {
	f.Fuzz(func(t *testing.T, raw []byte) {
		tx, err := types.Decode(raw)
		if err != nil {
			if code, ok := types.CodeOf(err); !ok || code < types.Code_tx_too_large || code > types.Code_origin_invalid {
				t.Fatalf("not a code of decoding: %v", err)
			}
			return
		}
		body, err := tx.Body.Marshal()
		if err != nil || !bytes.Equal(body, tx.Signed.Body) {
			t.Fatalf("body encodes differently: %x, %v", body, err)
		}
		envelope, err := tx.Signed.Marshal()
		if err != nil || !bytes.Equal(envelope, raw) {
			t.Fatalf("envelope encodes differently: %x, %v", envelope, err)
		}
		for _, m := range tx.Body.Messages {
			if types.RowOf(m.Get()) == nil {
				t.Fatal("a message without a row")
			}
			if len(types.ContentDigest(m.OnBehalfOf, m.Get())) != 16 {
				t.Fatal("digest")
			}
		}
		if types.NewVerifier().VerifyTx(tx) != types.VerifySignature(tx.Signed.Algorithm, tx.Signed.PublicKey, types.SignBytes(body), tx.Signed.Signature) {
			t.Fatal("verifiers disagree")
		}
	})
}

// FuzzAmount: what is read is written as the same number.
func FuzzAmount(f *testing.F) {
	f.Fuzz(func(t *testing.T, text, currency string) {
		minor, err := types.ParseAmount(text, currency)
		if err != nil {
			if _, ok := types.CodeOf(err); !ok {
				t.Fatal(err)
			}
			return
		}
		written := types.FormatAmount(minor, currency)
		again, err := types.ParseAmount(written, currency)
		if err != nil || again != minor || minor < 0 || minor > types.MaxAmount {
			t.Fatalf("%q is %d is %q is %d, %v", text, minor, written, again, err)
		}
		trim := func(s string) string {
			if strings.Contains(s, ".") {
				s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
			}
			return strings.TrimLeft(s, "0")
		}
		if strings.TrimPrefix(trim(text), ".") != strings.TrimPrefix(trim(written), ".") {
			t.Fatalf("%q became %q", text, written)
		}
	})
}

// FuzzSubjectID: an accepted id can stand in keys of the state and in record ids, and has one spelling.
func FuzzSubjectID(f *testing.F) {
	f.Fuzz(func(t *testing.T, id string) {
		err := types.CheckSubjectID(id)
		if err != nil {
			code, ok := types.CodeOf(err)
			if !ok || (code != types.Code_subject_id_malformed && code != types.Code_check_character_wrong) {
				t.Fatal(err)
			}
			return
		}
		if !types.IsSubjectID(id) || types.CheckMemberID(id) == nil || strings.ContainsAny(id, "/ \x00") || len(id) > 61 {
			t.Fatalf("%q", id)
		}
		if types.CheckRecordID(id+"/x") != nil {
			t.Fatalf("%q signs no records", id)
		}
		if lower := strings.ToLower(id[:2]) + id[2:]; types.CheckSubjectID(lower) == nil {
			t.Fatalf("%q and %q", id, lower)
		}
	})
}

// FuzzGenesis: what is read is written and read as the same, and validating it never fails in another way than with words.
func FuzzGenesis(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := types.ParseGenesis(data)
		if err != nil {
			return
		}
		if err := g.Validate(sampleChain); err != nil && !strings.HasPrefix(err.Error(), "genesis: ") {
			t.Fatal(err)
		}
		written, err := json.Marshal(g)
		if err != nil {
			t.Fatal(err)
		}
		again, err := types.ParseGenesis(written)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := json.Marshal(again)
		if err != nil || !bytes.Equal(written, twice) {
			t.Fatalf("%s\n%s", written, twice)
		}
	})
}

// seeds are where fuzzing begins, by target; each entry is one input.
func seeds(t *testing.T) map[string][][]any {
	decode := [][]any{{[]byte{}}, {[]byte{0x0a, 0}}, {wire(t, sampleBody())}, {envelope(t, nil)}}
	for _, raw := range randomTransactions(t, 24) {
		decode = append(decode, []any{raw})
	}
	for _, r := range anyMessage {
		decode = append(decode, []any{atBody(t, decode[4][0].([]byte), r)})
	}
	var amounts, ids [][]any
	for _, s := range []string{"1234.56", "0.01", "0", "007.50", "1.", ".5", "-1", "1e3", "10000000000000", "99999999999999999999"} {
		amounts = append(amounts, []any{s, "CNY"}, []any{s, "JPY"}, []any{s, "CLF"})
	}
	for _, s := range []string{
		"USCC:91350100M000100Y43", "USCC:91330100MAWU1JT6Y0", "USCC:91330100MAYM55Q440", "USCC:91350100M000100Y4A", "LEI:5493001KJTIIGC8Y1R12",
		"DE:HRB:12345-B", "XX:TEST:a.b_c-1", "CN:USCC:91350100M000100Y43", "::", "bank-a", "",
	} {
		ids = append(ids, []any{s})
	}
	genesis, err := json.Marshal(sampleGenesis(t))
	require.NoError(t, err)
	validators, err := json.Marshal(genesisWithValidators(t))
	require.NoError(t, err)
	return map[string][][]any{
		"FuzzDecode": decode, "FuzzAmount": amounts, "FuzzSubjectID": ids, "FuzzSM2": sm2Seeds(t),
		"FuzzGenesis": {{genesis}, {[]byte(`{}`)}, {[]byte(`{"members":[{}]}`)}, {[]byte(`{"base_currency":"CNY","x":1}`)},
			{validators}, {[]byte(`{"validators":[{}]}`)}},
	}
}

// corpusFile writes one input in the form that go test reads.
func corpusFile(values []any) string {
	var b strings.Builder
	b.WriteString("go test fuzz v1\n")
	for _, v := range values {
		switch v := v.(type) {
		case []byte:
			fmt.Fprintf(&b, "[]byte(%s)\n", strconv.Quote(string(v)))
		case string:
			fmt.Fprintf(&b, "string(%s)\n", strconv.Quote(v))
		}
	}
	return b.String()
}

// TestSeeds fails when a seed of a fuzz target is missing or changed: fuzzing from nothing finds nothing.
func TestSeeds(t *testing.T) {
	for target, inputs := range seeds(t) {
		t.Run(target, func(t *testing.T) {
			require.NotEmpty(t, inputs)
			folder := filepath.Join("testdata", "fuzz", target)
			if *update {
				require.NoError(t, os.MkdirAll(folder, 0o755))
			}
			for i, values := range inputs {
				path := filepath.Join(folder, fmt.Sprintf("seed-%02d", i))
				if *update {
					require.NoError(t, os.WriteFile(path, []byte(corpusFile(values)), 0o644))
				}
				got, err := os.ReadFile(path)
				require.NoError(t, err)
				require.Equal(t, corpusFile(values), string(got), path)
			}
		})
	}
	accepted := 0
	for _, values := range seeds(t)["FuzzDecode"] {
		if _, err := types.Decode(values[0].([]byte)); err == nil {
			accepted++
		}
	}
	require.Equal(t, 24, accepted)
}
