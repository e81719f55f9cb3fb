package types_test

import (
	"encoding/csv"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// shape is a table of texts for one check; the empty code means accepted.
type shape struct {
	text string
	want types.Code
}

func requireShapes(t *testing.T, check func(string) error, shapes []shape) {
	t.Helper()
	require.NotEmpty(t, shapes)
	for _, s := range shapes {
		requireCode(t, s.want, check(s.text), s.text)
	}
}

func TestCheckSourceID(t *testing.T) {
	bad := types.Code_source_id_malformed
	requireShapes(t, types.CheckSourceID, []shape{
		{"a", 0}, {"PO-2026.07_1", 0}, {strings.Repeat("x", 64), 0}, {".", 0},
		{"", bad}, {strings.Repeat("x", 65), bad}, {"a/b", bad}, {"a b", bad}, {"a:b", bad}, {"订单", bad}, {"a\x00", bad},
	})
}

func TestCheckMemberID(t *testing.T) {
	bad := types.Code_member_id_malformed
	requireShapes(t, types.CheckMemberID, []shape{
		{"ab", 0}, {"bank-a", 0}, {"0-9", 0}, {strings.Repeat("m", 32), 0},
		{"", bad}, {"a", bad}, {strings.Repeat("m", 33), bad}, {"Bank", bad}, {"bank_a", bad}, {"bank.a", bad}, {"a:b", bad}, {"a/b", bad},
	})
}

func TestCheckKeyID(t *testing.T) {
	bad := types.Code_key_id_malformed
	requireShapes(t, types.CheckKeyID, []shape{
		{"k", 0}, {"key-2026", 0}, {strings.Repeat("k", 32), 0},
		{"", bad}, {strings.Repeat("k", 33), bad}, {"K", bad}, {"k/1", bad}, {"k.1", bad},
	})
}

func TestCheckControlGroups(t *testing.T) {
	bad := types.Code_text_malformed
	requireShapes(t, types.CheckControlGroup, []shape{
		{"ab", 0}, {"USCC:91350100M000100Y43", 0}, {"Group_1.x-y", 0}, {strings.Repeat("g", 64), 0},
		{"", bad}, {"a", bad}, {strings.Repeat("g", 65), bad}, {"a b", bad}, {"a/b", bad}, {"集团", bad},
	})
	requireShapes(t, types.CheckMemberGroup, []shape{
		{"ab", 0}, {"group-1", 0}, {strings.Repeat("g", 32), 0},
		{"", bad}, {"a", bad}, {"Group", bad}, {"a:b", bad}, {strings.Repeat("g", 33), bad},
	})
}

func TestCheckRecordID(t *testing.T) {
	bad := types.Code_record_id_malformed
	requireShapes(t, types.CheckRecordID, []shape{
		{"bank-a/PO-1", 0}, {"USCC:91350100M000100Y43/PO-1", 0}, {"DE:HRB:123/x", 0},
		{"USCC:91350100M000100Y4A/PO-1", 0}, // form only: a signer with a wrong check was never registered
		{"", bad}, {"PO-1", bad}, {"/PO-1", bad}, {"bank-a/", bad}, {"bank-a/PO/1", bad}, {"Bank/PO-1", bad},
		{"bank-a/PO 1", bad}, {"USCC:1/PO-1", bad}, {"bank-a//PO", bad},
	})
	signer, source, ok := types.SplitRecordID("bank-a/PO-1")
	require.True(t, ok)
	require.Equal(t, []string{"bank-a", "PO-1"}, []string{signer, source})
	for _, s := range []string{"", "/", "a/", "/b", "a/b/c", "ab"} {
		signer, source, ok = types.SplitRecordID(s)
		require.False(t, ok, s)
		require.Empty(t, signer+source)
	}
}

func TestCheckSubjectID(t *testing.T) {
	form, check := types.Code_subject_id_malformed, types.Code_check_character_wrong
	requireShapes(t, types.CheckSubjectID, []shape{
		{"USCC:91350100M000100Y43", 0}, {"LEI:5493001KJTIIGC8Y1R12", 0},
		{"DE:HRB:12345-B", 0}, {"XX:TEST:a.b_c-1", 0}, {"US:DELAWARE:" + strings.Repeat("9", 40), 0}, {"GB:CH:0", 0},
		{"USCC:91350100M000100Y4A", check}, {"LEI:5493001KJTIIGC8Y1R13", check},
		{"", form}, {":", form}, {"::", form}, {"USCC:", form}, {"LEI:", form}, {"USCC", form}, {"bank-a", form},
		{"uscc:91350100M000100Y43", form}, {"USCC:91350100m000100y43", form}, {"USCC:91350100M000100Y4", form},
		{"USCC:91350100M000100Y433", form}, {"USCC:91350100M000100I43", form}, {" USCC:91350100M000100Y43", form},
		{"LEI:5493001KJTIIGC8Y1R1", form}, {"LEI:5493001KJTIIGC8Y1R1A", form}, {"LEI:5493001kJTIIGC8Y1R12", form},
		{"DE:H:1", form}, {"DE:hrb:1", form}, {"DE:HRB:", form}, {"DE::1", form}, {"DE:HRB", form}, {"DE:HRB:1:2", form},
		{"DE:HRB:1/2", form}, {"D:HRB:1", form}, {"JJ:HRB:1", form}, {"US:DELAWARE:" + strings.Repeat("9", 41), form},
		{"US:ABCDEFGHIJKLMNOPQ:1", form}, {"CN:USCC:91350100M000100Y43", form}, {"US:LEI:5493001KJTIIGC8Y1R12", form},
	})
	require.True(t, types.IsSubjectID("DE:HRB:1"))
	require.False(t, types.IsSubjectID("bank-a"))
}

// vectors reads "code,verdict" lines.
func vectors(t *testing.T, path string, atLeast int) [][]string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(rows), 1+atLeast)
	return rows[1:]
}

func requireVectors(t *testing.T, check func(string) error, rows [][]string) {
	t.Helper()
	seen := map[string]int{}
	for _, row := range rows {
		seen[row[1]]++
		want := types.Code_ok
		if row[1] == "0" {
			want = types.Code_check_character_wrong
		}
		requireCode(t, want, check(row[0]), row[0])
	}
	require.Positive(t, seen["0"])
	require.Positive(t, seen["1"])
}

func TestIdentifierVectors(t *testing.T) {
	uscc := vectors(t, "testdata/uscc_vectors.csv", 16)
	// Two codes whose check is 0, on which copied snippets crash.
	uscc = append(uscc, []string{"91330100MAWU1JT6Y0", "1"}, []string{"91330100MAYM55Q440", "1"})
	requireVectors(t, types.CheckUSCC, uscc)
	requireVectors(t, types.CheckLEI, vectors(t, "testdata/lei_vectors.csv", 4))
}

// TestOneWrongCharacterIsFound: the checks find every single wrong character of a valid code; that of the LEI only a
// digit for a digit and a letter for a letter, since a letter counts as two digits.
func TestOneWrongCharacterIsFound(t *testing.T) {
	const digits, letters = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	replace := func(code string, i int, by string, check func(string) error) {
		for _, c := range by {
			if other := code[:i] + string(c) + code[i+1:]; other != code {
				require.Error(t, check(other), other)
			}
		}
	}
	uscc, lei := "91350100M000100Y43", "5493001KJTIIGC8Y1R12"
	require.NoError(t, types.CheckUSCC(uscc))
	require.NoError(t, types.CheckLEI(lei))
	for i := range uscc {
		replace(uscc, i, digits+letters, types.CheckUSCC)
	}
	for i := range lei {
		if strings.Contains(digits, lei[i:i+1]) {
			replace(lei, i, digits, types.CheckLEI)
		} else {
			replace(lei, i, letters, types.CheckLEI)
		}
	}
}
