package types_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// TestListFiles: each list is sorted, without repetition, and as long as its origin says.
func TestListFiles(t *testing.T) {
	lengths := map[string]int{
		"countries": 249, "subdivisions": 5127, "currencies": 168, "districts_cn": 3764, "documents": 803, "modes": 8, "incoterms": 16, "hs6": 5612,
	}
	origin, err := os.ReadFile("lists/ORIGIN.md")
	require.NoError(t, err)
	files, err := os.ReadDir("lists")
	require.NoError(t, err)
	require.Len(t, files, len(lengths)+1)
	for name, length := range lengths {
		b, err := os.ReadFile("lists/" + name + ".txt")
		require.NoError(t, err)
		lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
		require.Len(t, lines, length, name)
		require.True(t, slices.IsSorted(lines), name)
		require.Len(t, slices.Compact(lines), length, name)
		require.Contains(t, string(origin), "`"+name+".txt`")
	}
}

func TestCurrencies(t *testing.T) {
	exponents := map[int]string{
		0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
		3: "BHD IQD JOD KWD LYD OMR TND",
		4: "CLF UYW",
	}
	special := map[string]int{}
	for n, list := range exponents {
		for _, c := range strings.Fields(list) {
			special[c] = n
		}
	}
	b, err := os.ReadFile("lists/currencies.txt")
	require.NoError(t, err)
	seen := 0
	for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		code := line[:3]
		want, ok := special[code]
		if !ok {
			want = 2
		} else {
			seen++
		}
		got, known := types.Exponent(code)
		require.True(t, known, code)
		require.Equal(t, want, got, code)
		require.NoError(t, types.CheckCurrency(code))
	}
	require.Equal(t, len(special), seen)
	bad := types.Code_currency_unknown
	requireShapes(t, types.CheckCurrency, []shape{
		{"CNY", 0}, {"USD", 0}, {"", bad}, {"cny", bad}, {"CN", bad}, {"CNYY", bad}, {"XAU", bad}, {"XTS", bad}, {"XXX", bad}, {"XDR", bad}, {"CNY 2", bad}, {"RMB", bad},
	})
	_, known := types.Exponent("XAG")
	require.False(t, known)
}

func TestCountries(t *testing.T) {
	bad := types.Code_country_unknown
	requireShapes(t, types.CheckCountry, []shape{
		{"CN", 0}, {"US", 0}, {"NA", 0}, {"TW", 0}, {"HK", 0}, {"AA", 0}, {"ZZ", 0}, {"QM", 0}, {"QZ", 0}, {"XA", 0}, {"XX", 0}, {"XZ", 0},
		{"", bad}, {"C", bad}, {"CHN", bad}, {"cn", bad}, {"QL", bad}, {"JJ", bad}, {"X1", bad}, {"UK", bad}, {"Xé", bad}, {"XX ", bad},
	})
	requireShapes(t, types.CheckJurisdiction, []shape{
		{"CN", 0}, {"CN-SH", 0}, {"US-CA", 0}, {"XX", 0}, {"", bad}, {"CN-", bad}, {"CN-QQ", bad}, {"XX-1", bad}, {"310000", bad}, {"cn-sh", bad},
	})
	bad = types.Code_district_unknown
	requireShapes(t, types.CheckDistrict, []shape{
		{"110101", 0}, {"110000", 0}, {"310115", 0}, {"440300", 0}, {"CN-SH", 0}, {"DE", 0},
		{"", bad}, {"999999", bad}, {"11010", bad}, {"1101011", bad}, {"11010a", bad}, {"JJ", bad},
	})
}

func TestPlaces(t *testing.T) {
	bad := types.Code_place_unknown
	requireShapes(t, types.CheckPlace, []shape{
		{"CNSHA", 0}, {"DEHAM", 0}, {"US2AB", 0}, {"XZPRT", 0}, {"CN", 0}, {"XX", 0},
		{"", bad}, {"C", bad}, {"CNS", bad}, {"CNSH", bad}, {"CNSHAA", bad}, {"cnsha", bad}, {"CNsha", bad}, {"JJSHA", bad},
		{"CNSH1", bad}, {"CNSH0", bad}, {"CN SHA", bad}, {"CN-SH", bad}, {"JJ", bad},
	})
}

func TestGoodsCodes(t *testing.T) {
	bad := types.Code_hs_code_malformed
	requireShapes(t, types.CheckHS6, []shape{
		{"850440", 0}, {"010121", 0}, {"970600", 0}, {"980400", 0}, {"990000", bad},
		{"", bad}, {"85044", bad}, {"8504400", bad}, {"85044O", bad}, {"8504.40", bad}, {"000000", bad}, {"770100", bad}, {"850040", bad}, {"８50440", bad},
	})
	bad = types.Code_incoterm_unknown
	for _, term := range strings.Fields("EXW FCA CPT CIP DAP DPU DDP FAS FOB CFR CIF DAT DAF DES DEQ DDU") {
		require.NoError(t, types.CheckIncoterm(term), term)
	}
	requireShapes(t, types.CheckIncoterm, []shape{{"", bad}, {"fob", bad}, {"C&F", bad}, {"FOBX", bad}})
	bad = types.Code_supervision_mode_unknown
	requireShapes(t, types.CheckMode, []shape{
		{"0110", 0}, {"1210", 0}, {"9610", 0}, {"9710", 0}, {"9810", 0}, {"", bad}, {"110", bad}, {"0000", bad}, {"9999", bad},
	})
}

func TestDocumentsAndIndustries(t *testing.T) {
	bad := types.Code_document_type_unknown
	requireShapes(t, types.CheckDocumentType, []shape{
		{"380", 0}, {"381", 0}, {"705", 0}, {"740", 0}, {"861", 0}, {"1", 0}, {"", bad}, {"0", bad}, {"01", bad}, {"0380", bad}, {"9999", bad}, {"invoice", bad},
	})
	bad = types.Code_text_malformed
	requireShapes(t, types.CheckIndustry, []shape{
		{"C", 0}, {"C39", 0}, {"F516", 0}, {"C3922", 0}, {"T9700", 0}, {"A01", 0},
		{"", bad}, {"U01", bad}, {"c39", bad}, {"C39222", bad}, {"39", bad}, {"CC", bad}, {"C-1", bad}, {"C３", bad},
	})
}

func TestDigestsAndSalts(t *testing.T) {
	for _, size := range []int{0, 16, 31, 33, 64} {
		requireCode(t, types.Code_digest_length_wrong, types.CheckDigest(make([]byte, size)))
		requireCode(t, types.Code_salt_length_wrong, types.CheckSalt(make([]byte, size)))
	}
	require.NoError(t, types.CheckDigest(make([]byte, 32)))
	require.NoError(t, types.CheckSalt(make([]byte, 32)))
}

func TestReceiptCommitment(t *testing.T) {
	salt := make([]byte, 32)
	salt[0] = 1
	c := types.ReceiptCommitment(salt, "bank-a", types.Purpose_CREDIT_GRANT)
	require.Len(t, c, 32)
	require.Equal(t, c, types.ReceiptCommitment(salt, "bank-a", types.Purpose_CREDIT_GRANT))
	for _, other := range [][]byte{
		types.ReceiptCommitment(make([]byte, 32), "bank-a", types.Purpose_CREDIT_GRANT),
		types.ReceiptCommitment(salt, "bank-b", types.Purpose_CREDIT_GRANT),
		types.ReceiptCommitment(salt, "bank-a", types.Purpose_AUDIT),
	} {
		require.NotEqual(t, c, other)
	}
}
