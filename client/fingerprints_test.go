package client

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

func paper() *Paper {
	return &Paper{
		Seller: "USCC:91350100M000100Y43", Debtor: "DE:HRB:1", Type: "380", Number: "INV-0088/7", IssueDay: 20000,
		Currency: "USD", AmountMinor: 1_250_000, Carrier: "carrier-1", TransportDocument: "COSU 612 345", Declaration: "220120250001", TaxInvoice: "0441",
	}
}

func TestNormaliseNumber(t *testing.T) {
	for in, want := range map[string]string{
		"INV-0088/7": "INV00887", " inv 0088 7": "INV00887", "ＩＮＶ－００８８７": "INV00887", "000441": "441", "": "", "---": "",
		"发票 00123": "发票00123",
	} {
		require.Equal(t, want, NormaliseNumber(in), in)
	}
}

// TestFingerprints: the same paper, written otherwise, has the same fingerprints; another one differs in those that hold
// what differs; another key or epoch in all.
func TestFingerprints(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	first := paper().Fingerprints(key, 3)
	require.Equal(t, uint32(3), first.Epoch)
	same := paper()
	same.Number, same.TransportDocument = "inv 00887", "cosu612345"
	require.Equal(t, first, same.Fingerprints(key, 3))

	all := func(f *types.Fingerprints) [][]byte { return [][]byte{f.F1, f.F2, f.F3, f.F4, f.F5, f.F6} }
	differs := func(change func(*Paper), want ...int) {
		t.Helper()
		p := paper()
		change(p)
		var got []int
		for i, f := range all(p.Fingerprints(key, 3)) {
			if !bytes.Equal(f, all(first)[i]) {
				got = append(got, i+1)
			}
		}
		require.Equal(t, want, got)
	}
	differs(func(p *Paper) { p.AmountMinor++ }, 1)
	differs(func(p *Paper) { p.Number = "INV-0089" }, 1, 2, 3)
	differs(func(p *Paper) { p.IssueDay++ }, 1, 2)
	differs(func(p *Paper) { p.Debtor = "DE:HRB:2" }, 1, 2)
	differs(func(p *Paper) { p.Seller = "DE:HRB:2" }, 1, 2, 3, 6)
	differs(func(p *Paper) { p.TransportDocument = "" }, 4)
	differs(func(p *Paper) { p.Declaration = "1" }, 5)
	differs(func(p *Paper) { p.TaxInvoice = "442" }, 6)
	for i, f := range all(paper().Fingerprints(bytes.Repeat([]byte{8}, 32), 3)) {
		require.NotEqual(t, all(first)[i], f)
		require.Len(t, f, 32)
	}
	// A member must come to the same bytes in ten years, with a program of its own.
	require.Equal(t, "e204a9e009ee94a998da51ea111147ba4f28037c46f2fa4ddf29045bb22d7689", hex.EncodeToString(first.F1))
	require.Equal(t, "c48408b4db753ed8732b93704fd4c123a7af0c4cd01bfe4d1909f5ec2eb47b7a", hex.EncodeToString(first.F6))
	require.Equal(t, "7b711e33452bb4e67fe5312d2797ecdda53d9d0ca8f37ec3d13aab3f1d7fb411", hex.EncodeToString(EpochCheck(key)))
}
