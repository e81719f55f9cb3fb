package ledger

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// TestFinancingLimits: a trade carries 64 liens, a row of fingerprints names 64 financings and counts the rest, and a
// financing keeps 32 alerts. What was counted is gone again when everything ends.
func TestFinancingLimits(t *testing.T) {
	w := newWorld(t, castText, "USD", "")
	say := func(format string, a ...any) (types.Code, string) {
		line := fmt.Sprintf(format, a...)
		name, args, err := datadriven.ParseLine(line)
		require.NoError(t, err, line)
		results, _ := w.block([]sent{w.transaction(args, message{name, args})})
		return results[0].Code, line + ": " + results[0].Detail
	}
	ok := func(format string, a ...any) {
		code, detail := say(format, a...)
		require.Equal(t, types.Code_ok, code, detail)
	}
	ok("register_enterprise from=platform subject=DE:HRB:1 district=DE size=SMALL ownership=PRIVATE control_group=one key.id=main key.role=ENTERPRISE")
	ok("register_enterprise from=platform subject=FR:RCS:2 district=FR size=SMALL ownership=PRIVATE control_group=two key.id=main key.role=ENTERPRISE")
	ok("confirm_enterprise from=bank-b subject=DE:HRB:1")
	ok("propose from=bank-a id=e1 epoch.epoch=1 epoch.key_check=#k1 epoch.opens_day=D epoch.closes_day=D+900")
	ok("vote from=bank-b proposal=bank-a/e1 approve")
	ok("record_order from=platform id=o1 kind=GOODS buyer=FR:RCS:2 seller=DE:HRB:1 order_day=D promised_day=D+30 currency=USD amount_minor=100000 terms_digest=#terms")

	// 70 documents of one voyage; the first 65 belong to one order.
	const documents, perOffer = 70, 10
	for i := range documents {
		order := " order=platform/o1"
		if i >= maxLiens+1 {
			order = ""
		}
		ok("issue_transferable from=carrier id=b%03d%s type=705 controller=DE:HRB:1 currency=USD amount_minor=%d issue_day=D commitment=#bill "+
			"fingerprints.0.epoch=1 fingerprints.0.f1=#1-%d fingerprints.0.f2=#2-%d fingerprints.0.f3=#3-%d fingerprints.0.f4=#voyage", i, order, 1+i, i, i, i)
	}
	for i := range documents / perOffer {
		line := ""
		for j := range perOffer {
			line += fmt.Sprintf(" objects.%d.object=transferable/carrier/b%03d objects.%d.amount_minor=%d", j, perOffer*i+j, j, 1+perOffer*i+j)
		}
		ok("offer_financing from=DE:HRB:1 id=o%d kind=DOCUMENT_PLEDGE lender=bank-a until_day=D+30%s", i, line)
	}
	for i := range 6 {
		ok("reserve_financing from=bank-a id=f%d offer=DE:HRB:1/o%d", i, i)
	}
	code, detail := say("reserve_financing from=bank-a id=f6 offer=DE:HRB:1/o6")
	require.Equal(t, types.Code_too_many_liens, code, detail)

	// Without the 65th of that trade the rest fits.
	line := ""
	for j := maxLiens + 1; j < documents; j++ {
		line += fmt.Sprintf(" objects.%d.object=transferable/carrier/b%03d objects.%d.amount_minor=%d", j-maxLiens-1, j, j-maxLiens-1, 1+j)
	}
	ok("offer_financing from=DE:HRB:1 id=o7 kind=DOCUMENT_PLEDGE lender=bank-b until_day=D+30%s", line)
	ok("reserve_financing from=bank-b id=f7 offer=DE:HRB:1/o7")

	voyage := fingerprint{4, 1, digestOf("voyage")}.key()
	read := func() (*types.FingerprintHits, *types.Financing) {
		view := w.db.View()
		defer func() { require.NoError(t, view.Close()) }()
		return must(state.Get(view, voyage)), must(state.Get(view, types.FinancingKey("bank-b/f7")))
	}
	row, last := read()
	require.Len(t, row.Hits, maxHits)
	require.Equal(t, uint64(60+documents-maxLiens-1-maxHits), row.Unnamed)
	require.Len(t, last.Alerts, 6, "of each other financing one, and none of itself")

	ok("cancel_financing from=bank-b financing=bank-b/f7")
	row, _ = read()
	require.Len(t, row.Hits, 60)
	require.Zero(t, row.Unnamed)
	for i := range 6 {
		ok("cancel_financing from=bank-a financing=bank-a/f%d", i)
	}
	row, _ = read()
	require.Nil(t, row)
}

// TestAlertsAreBounded: more than 32 of them say nothing new, and one of a kind is enough.
func TestAlertsAreBounded(t *testing.T) {
	f := &types.Financing{}
	for range 2 {
		for i := range 40 {
			warn(f, types.Alert{Fingerprint: 4, Epoch: uint32(1 + i%2), Financing: fmt.Sprintf("bank-a/f%d", i)})
		}
	}
	require.Len(t, f.Alerts, maxAlerts)
}
