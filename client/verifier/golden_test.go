package verifier

import (
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

var rewrite = flag.Bool("rewrite", false, "write the golden reports anew; only with a line in the change log")

// goldenScope is what the golden report speaks of beside the score: a pledged receivable, one that is free while its trade
// is not, one that is not on the ledger, and two documents.
func goldenScope() (state map[string][]byte, keys []string) {
	lien := &types.Lien{Financing: "bank-b/F-1", Lender: "bank-b", Object: "receivable/platform/R-1", AmountMinor: 8_000_000, BaseMinor: 8_000_000}
	receivable := func(order string) *types.Receivable {
		return &types.Receivable{Status: types.ReceivableStatus_ACCEPTED, Receivable: &types.IssueReceivable{Order: order, Currency: "CNY", AmountMinor: 10_000_000}}
	}
	disputed := receivable("platform/O-1")
	disputed.Dispute = "platform/X-1"
	rows := map[string]interface{ Marshal() ([]byte, error) }{
		"receivable/platform/R-1":             receivable(""),
		"encumbrance/receivable/platform/R-1": &types.Encumbrance{Liens: []*types.Lien{lien}, BaseMinor: 8_000_000},
		"receivable/platform/R-2":             disputed,
		"encumbrance/order/platform/O-1":      &types.Encumbrance{Liens: []*types.Lien{lien}},
		"document/verifier/D-1": &types.Document{Status: types.DocumentStatus_DOCUMENT_VERIFIED, Verdicts: []*types.GivenVerdict{{}},
			Document: &types.AnchorDocument{Type: "705", ValidUntilDay: 20500, Subject: testSubject}},
	}
	state = map[string][]byte{}
	for k, v := range rows {
		state[k] = marshal(v)
		keys = append(keys, k)
	}
	return state, append(keys, "encumbrance/receivable/platform/R-2", "receivable/platform/R-3", "encumbrance/receivable/platform/R-3", "document/verifier/D-2")
}

// TestGoldenReports verifies report files that an earlier version wrote: reports are kept for years.
func TestGoldenReports(t *testing.T) {
	state, keys := goldenScope()
	w := newWorld(t, worldOptions{validators: 4, entries: 40, simulation: true, state: state})
	full, renewed := w.report(t, 0, keys...), w.report(t, 30)
	renewed.Anchor = w.anchor(t, 10)
	index := newWorld(t, worldOptions{validators: 4, entries: 9, simulation: true, index: true})
	opts := Options{Now: testStart.AddDate(0, 0, 30), AllowSimulation: true}
	for name, r := range map[string]*Report{"report": full, "renewed": renewed, "index": index.report(t, -1)} {
		t.Run(name, func(t *testing.T) {
			path := "testdata/" + name
			if *rewrite {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(path+".tcr", encode(t, r), 0o644))
				text, err := json.MarshalIndent(w.trust(), "", "  ")
				require.NoError(t, err)
				require.NoError(t, os.WriteFile("testdata/trust.json", append(text, '\n'), 0o644))
			}
			trust := new(Trust)
			require.NoError(t, json.Unmarshal(readFile(t, "testdata/trust.json"), trust))
			kept, err := Decode(readFile(t, path+".tcr"))
			require.NoError(t, err)
			require.Equal(t, sectionsOf(t, r), sectionsOf(t, kept), "the content of the format has changed")
			v, err := Verify(kept, trust, opts)
			require.NoError(t, err)
			for _, lang := range []Language{English, Chinese} {
				file, page := path+"."+string(lang)+".txt", pageOf(t, v, lang)
				if *rewrite {
					require.NoError(t, os.WriteFile(file, []byte(page), 0o644))
				}
				require.Equal(t, string(readFile(t, file)), page)
			}
		})
	}
	v, err := Verify(full, w.trust(), Options{Now: testStart.AddDate(10, 0, 0), AllowSimulation: true})
	require.NoError(t, err)
	require.Equal(t, OldTrustOnly, v.Standing, "ten years later it must have been renewed")
	require.Contains(t, pageOf(t, v, English), "OLD TRUST ONLY")
	require.Equal(t, time.UTC, testStart.Location())
}

func sectionsOf(t *testing.T, r *Report) []section {
	t.Helper()
	sections, err := decodeContainer(encode(t, r))
	require.NoError(t, err)
	return sections
}
