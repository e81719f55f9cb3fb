package ledger

import (
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// everyMessage is a short life of a network in which each message is accepted at least once. What it sends are the seeds.
const everyMessage = `
register_enterprise from=platform subject=DE:HRB:1 district=DE size=SMALL ownership=PRIVATE control_group=one key.id=main key.role=ENTERPRISE
register_enterprise from=platform subject=FR:RCS:2 district=FR size=LARGE ownership=MIXED control_group=two mandate.delegate=bank-a mandate.paper_digest=#paper mandate.messages=(accept_receivable, grant_consent) mandate.until_day=D+366 mandate.consent
confirm_enterprise from=bank-b subject=DE:HRB:1
confirm_enterprise from=bank-b subject=FR:RCS:2
register_enterprise from=platform subject=IT:REA:3 district=IT size=MICRO ownership=PRIVATE control_group=three key.id=main key.role=ENTERPRISE
confirm_enterprise from=bank-b subject=IT:REA:3
propose from=bank-a id=p1 parameter.name=queue_items parameter.value=64
vote from=bank-b proposal=bank-a/p1 approve
propose from=bank-a id=p2 admit.member=ferry admit.control_group=ferry admit.jurisdiction=DE admit.name_digest=#ferry admit.roles=(LOGISTICS) admit.keys.0.id=main admit.keys.0.role=LOGISTICS
propose from=bank-b id=p3 suspend.member=insurer suspend.reason=1
propose from=platform id=p4 backfill.member=carrier backfill.from_day=2020-01-01 backfill.until_day=D backfill.closes_unix=T+30d
rotate_key from=carrier old_key=logistics new_key.id=second new_key.role=LOGISTICS old_valid_until_unix=T+10d
revoke_key from=bank-a/council key=operator compromised_since_unix=T-1d
delegate from=DE:HRB:1 delegate=platform messages=(record_order) until_day=D+30
revoke_delegation from=DE:HRB:1 delegate=platform
publish_fixing from=forex currency=EUR day=D-5 rate_e9=1090000000
record_order from=platform id=o1 kind=GOODS buyer=IT:REA:3 seller=DE:HRB:1 order_day=D-5 promised_day=D+30 currency=EUR amount_minor=1000000 terms_digest=#terms
confirm_order from=IT:REA:3 order=platform/o1 terms_digest=#terms day=D
record_customs_event from=customs id=e1 declaration=d1 event=DECLARED day=D-3 mode=0110 order=platform/o1 declarant=DE:HRB:1 export currency=EUR value_minor=900000 hs6=850760 place=DEHAM
record_logistics_event from=carrier id=m1 order=platform/o1 event=DELIVERED day=D-1 place=ITGOA
accept_delivery from=IT:REA:3 order=platform/o1 day=D
record_order from=platform id=g1 kind=GOODS buyer=IT:REA:3 seller=DE:HRB:1 order_day=D-5 promised_day=D+30 currency=USD amount_minor=1000000 terms_digest=#terms
amend_order from=platform order=platform/g1 promised_day=D+40 amount_minor=1100000 terms_digest=#terms-2 day=D
confirm_order from=IT:REA:3 order=platform/g1 terms_digest=#terms-2 day=D
amend_order from=DE:HRB:1 order=platform/g1 promised_day=D+50 amount_minor=1200000 terms_digest=#terms-3 day=D
confirm_order from=IT:REA:3 order=platform/g1 terms_digest=#terms-3 day=D
record_logistics_event from=carrier id=g1 order=platform/g1 event=DELIVERED day=D place=ITGOA
reject_delivery from=IT:REA:3 order=platform/g1 day=D reason=1
record_return from=carrier id=x1 order=platform/g1 kind=RETURN_GOODS stage=RETURN_OPENED value_minor=300000 fault=FAULT_OF_SELLER day=D place=ITGOA
record_return from=customs id=y1 order=platform/g1 kind=RETURN_GOODS stage=RETURN_RECEIVED opened=carrier/x1 day=D place=DEHAM
record_return from=platform id=x2 order=platform/g1 kind=RETURN_FOR_REPAIR stage=RETURN_OPENED value_minor=900000 fault=FAULT_OF_NOBODY day=D place=ITGOA
record_order from=DE:HRB:1 id=g2 kind=GOODS buyer=IT:REA:3 seller=DE:HRB:1 order_day=D-5 promised_day=D-1 currency=USD amount_minor=1000000 terms_digest=#terms
cancel_order from=DE:HRB:1 order=DE:HRB:1/g2 day=D reason=1
record_order from=platform id=s1 kind=SERVICE buyer=IT:REA:3 seller=DE:HRB:1 order_day=D-5 promised_day=D+30 currency=USD amount_minor=1000000 terms_digest=#terms
record_service_progress from=DE:HRB:1 id=s1 order=platform/s1 service=ITO ebops=SI executed_minor=600000 day=D commitment=#acceptance
confirm_service_progress from=IT:REA:3 progress=DE:HRB:1/s1 executed_minor=600000 day=D commitment=#acceptance
record_service_progress from=DE:HRB:1 id=s2 order=platform/s1 service=ITO ebops=SI executed_minor=400000 day=D commitment=#acceptance
confirm_service_progress from=tax progress=DE:HRB:1/s2 executed_minor=400000 day=D commitment=#acceptance
record_order from=platform id=s2 kind=DATA buyer=IT:REA:3 seller=DE:HRB:1 order_day=D-5 promised_day=D+30 currency=USD amount_minor=1000000 terms_digest=#terms
record_trace from=carrier id=t1 lot=#lot-1 event=TRACE_ORIGIN place=CNHGH day=D
record_trace from=verifier id=t2 lot=#lot-2 event=TRACE_PACKED from_lots=(#lot-1) order=platform/g1 place=CNHGH day=D commitment=#certificate
record_trace from=verifier id=t3 lot=#lot-2 event=TRACE_SHIPPED place=CNHGH day=D
record_parcel_batch from=platform id=b1 root=#root count=3 order=platform/g1 day=D place=CNHGH
anchor_document from=DE:HRB:1 id=d1 subject=DE:HRB:1 type=861 commitment=#root fields=12 issue_day=D-2
verify_document from=verifier document=DE:HRB:1/d1 verdict=MATCH method=ORIGINAL_SEEN day=D commitment=#root check_digest=#check
revoke_document from=DE:HRB:1 document=DE:HRB:1/d1 day=D reason=3
issue_receivable from=DE:HRB:1 id=r1 seller=DE:HRB:1 debtor=FR:RCS:2 type=380 currency=USD amount_minor=1000000 issue_day=D-10 due_day=D-3 commitment=#paper
accept_receivable from=bank-a for=FR:RCS:2 receivable=DE:HRB:1/r1 day=D commitment=#paper
record_settlement from=bank-b id=#p1 payer=FR:RCS:2 payee=DE:HRB:1 currency=USD amount_minor=700000 day=D channel=CIPS stage=SALE side=CREDITOR allocations.0.receivable=DE:HRB:1/r1 allocations.0.amount_minor=400000
reverse_settlement from=bank-b settlement=#p1 day=D reason=2
record_settlement from=bank-b id=#p2 payer=FR:RCS:2 payee=DE:HRB:1 currency=USD amount_minor=500000 day=D channel=CIPS stage=SALE side=CREDITOR allocations.0.receivable=DE:HRB:1/r1 allocations.0.amount_minor=500000
issue_receivable from=DE:HRB:1 id=k1 seller=DE:HRB:1 debtor=IT:REA:3 type=380 currency=USD amount_minor=1000000 issue_day=D-400 due_day=D-200 commitment=#paper
reject_receivable from=IT:REA:3 receivable=DE:HRB:1/k1 day=D reason=1
issue_receivable from=DE:HRB:1 id=k2 seller=DE:HRB:1 debtor=IT:REA:3 type=380 currency=USD amount_minor=1000000 issue_day=D-400 due_day=D-200 commitment=#paper
void_receivable from=DE:HRB:1 receivable=DE:HRB:1/k2 day=D reason=1
issue_receivable from=DE:HRB:1 id=k3 seller=DE:HRB:1 debtor=IT:REA:3 type=380 currency=USD amount_minor=1000000 issue_day=D-400 due_day=D-200 commitment=#paper
split_receivable from=DE:HRB:1 receivable=DE:HRB:1/k3 day=D children.0.id=k4 children.0.amount_minor=400000 children.1.id=k5 children.1.amount_minor=600000
adjust_receivable from=DE:HRB:1 id=n1 receivable=DE:HRB:1/k4 amount_minor=100000 fault=FAULT_OF_SELLER day=D commitment=#note
write_off from=DE:HRB:1 receivable=DE:HRB:1/k4 day=D reason=1
grant_consent from=DE:HRB:1 id=c1 grantee=bank-a purpose=CREDIT_GRANT scope=SCORE until_day=D+30 uses=9
grant_consent from=bank-a for=FR:RCS:2 id=c2 grantee=bank-b purpose=CREDIT_GRANT scope=SCORE until_day=D+30 uses=3
query_credit from=bank-a id=q1 subject=DE:HRB:1 purpose=CREDIT_GRANT output=SCORE consent=DE:HRB:1/c1 salt=#salt
revoke_consent from=DE:HRB:1 consent=DE:HRB:1/c1
issue_transferable from=carrier id=b1 type=705 controller=DE:HRB:1 order=platform/o1 currency=EUR amount_minor=300000 issue_day=D commitment=#bill
issue_transferable from=DE:HRB:1 id=n1 type=491 controller=DE:HRB:1 currency=USD amount_minor=5000 issue_day=D commitment=#note
transfer_control from=DE:HRB:1 transferable=DE:HRB:1/n1 to=IT:REA:3 day=D
surrender from=IT:REA:3 transferable=DE:HRB:1/n1 day=D
issue_receivable from=DE:HRB:1 id=f1 seller=DE:HRB:1 debtor=IT:REA:3 order=platform/o1 type=380 currency=EUR amount_minor=600000 issue_day=D-4 due_day=D+30 commitment=#paper
issue_receivable from=DE:HRB:1 id=f2 seller=DE:HRB:1 debtor=IT:REA:3 type=380 currency=USD amount_minor=600000 issue_day=D-4 due_day=D+30 commitment=#paper
offer_financing from=DE:HRB:1 id=f1 kind=SUPPLY_CHAIN lender=bank-b until_day=D+30 objects.0.object=receivable/DE:HRB:1/f1 objects.0.amount_minor=100000
offer_financing from=DE:HRB:1 id=f2 kind=SUPPLY_CHAIN lender=bank-b until_day=D+30 objects.0.object=receivable/DE:HRB:1/f1 objects.0.amount_minor=100000 objects.1.object=transferable/carrier/b1 objects.1.amount_minor=300000
offer_financing from=DE:HRB:1 id=f3 kind=FACTORING lender=bank-b until_day=D+30 objects.0.object=receivable/DE:HRB:1/f1 objects.0.amount_minor=100000
offer_financing from=DE:HRB:1 id=f4 kind=FACTORING lender=bank-a until_day=D+30 objects.0.object=receivable/DE:HRB:1/f2 objects.0.amount_minor=100000
offer_financing from=DE:HRB:1 id=f5 kind=FACTORING lender=bank-a until_day=D+30 objects.0.object=receivable/DE:HRB:1/f2 objects.0.amount_minor=100000
offer_financing from=DE:HRB:1 id=f6 kind=FACTORING lender=bank-a until_day=D+30 objects.0.object=receivable/DE:HRB:1/f2 objects.0.amount_minor=100000
offer_financing from=DE:HRB:1 id=f7 kind=FACTORING lender=bank-a until_day=D+30 objects.0.object=receivable/DE:HRB:1/f2 objects.0.amount_minor=100000
withdraw_offer from=DE:HRB:1 offer=DE:HRB:1/f6
reserve_financing from=bank-b id=f1 offer=DE:HRB:1/f1
cancel_financing from=bank-b financing=bank-b/f1 reason=1
reserve_financing from=bank-b id=f2 offer=DE:HRB:1/f2
confirm_financing from=bank-b financing=bank-b/f2 advance_minor=350000 day=D due_day=D+60 registry_number=ZD-1 registered_day=D
notify_assignment from=bank-b financing=bank-b/f2 receivable=DE:HRB:1/f1 day=D notice_digest=#notice
acknowledge_assignment from=IT:REA:3 financing=bank-b/f2 receivable=DE:HRB:1/f1 day=D
record_repayment from=bank-b id=y1 financing=bank-b/f2 amount_minor=50000 day=D
reserve_financing from=bank-b id=f3 offer=DE:HRB:1/f3
reserve_financing from=bank-a id=f4 offer=DE:HRB:1/f4
confirm_financing from=bank-a financing=bank-a/f4 advance_minor=100000 day=D due_day=D
declare_default from=bank-a financing=bank-a/f4 day=D+1 reason=1
record_repayment from=bank-a id=y2 financing=bank-a/f4 amount_minor=100000 day=D+1
cure_default from=bank-a financing=bank-a/f4 day=D+1
reserve_financing from=bank-a id=f5 offer=DE:HRB:1/f5
confirm_financing from=bank-a financing=bank-a/f5 advance_minor=90000 day=D due_day=D+30
release_financing from=bank-a financing=bank-a/f5 reason=RELEASE_REPAID day=D
reserve_financing from=bank-a id=f7 offer=DE:HRB:1/f7
confirm_financing from=bank-a financing=bank-a/f7 advance_minor=90000 day=D due_day=D
declare_default from=bank-a financing=bank-a/f7 day=D+1 reason=1
record_policy from=insurer id=p1 object=receivable/DE:HRB:1/f1 insured=bank-b currency=EUR amount_minor=80000 from_day=D until_day=D+90 commitment=#policy
record_claim from=insurer id=k1 policy=insurer/p1 event=CLAIM_FILED amount_minor=70000 day=D
record_tax_event from=tax id=t1 subject=DE:HRB:1 event=INVOICE_VERIFIED receivable=DE:HRB:1/f2 invoice=#number currency=USD amount_minor=600000 day=D
record_fx_event from=bank-b id=x1 subject=DE:HRB:1 event=FX_RECEIVED settlement=#p2 currency=USD amount_minor=500000 day=D
record_fx_event from=forex id=x2 subject=DE:HRB:1 event=FX_CONVERTED currency=USD amount_minor=500000 to_currency=EUR to_amount_minor=450000 day=D
correct_record from=carrier record=movement/carrier/g1 reason=1 record_logistics_event.id=g1 record_logistics_event.order=platform/g1 record_logistics_event.event=DELIVERED record_logistics_event.day=D record_logistics_event.place=ITNAP
correct_record from=tax record=tax-event/tax/t1 reason=1 record_tax_event.id=t1 record_tax_event.subject=DE:HRB:1 record_tax_event.event=INVOICE_VERIFIED record_tax_event.receivable=DE:HRB:1/f2 record_tax_event.currency=USD record_tax_event.amount_minor=610000 record_tax_event.day=D-1
erase_payload from=DE:HRB:1 document=DE:HRB:1/d1 day=D reason=1
record_adverse from=tax id=a1 subject=DE:HRB:1 kind=TAX_MAJOR_VIOLATION day=D-1 commitment=#decision
record_adverse from=tax id=a2 subject=DE:HRB:1 kind=TAX_ARREARS day=D-1 commitment=#decision
open_dispute from=DE:HRB:1 id=q1 item=adverse/tax/a1 reason=1 statement_digest=#why
respond_dispute from=tax dispute=DE:HRB:1/q1 position=UPHELD statement_digest=#so
escalate_dispute from=DE:HRB:1 dispute=DE:HRB:1/q1
open_dispute from=DE:HRB:1 id=q2 item=adverse/tax/a2 reason=1 statement_digest=#why
resolve_dispute from=tax dispute=DE:HRB:1/q2 outcome=ITEM_EXPUNGED award_digest=#sorry
open_dispute from=IT:REA:3 id=q3 item=receivable/DE:HRB:1/f2 reason=2 statement_digest=#why
rehabilitate from=tax adverse=tax/a1 end_day=D reason=1
add_statement from=DE:HRB:1 id=u1 record=adverse/tax/a1 statement_digest=#say
`

// signers are who may send in FuzzApply.
var signers = []string{"bank-a/bank", "bank-a/council", "bank-b/bank", "bank-b/council", "platform/platform", "carrier/second",
	"customs/customs", "tax/tax", "forex/forex", "verifier/verifier", "insurer/insurer", "auditor/auditor", "bureau/bureau", "DE:HRB:1", "IT:REA:3"}

// onBehalf are whom they may act for.
var onBehalf = []string{"", "DE:HRB:1", "FR:RCS:2", "IT:REA:3"}

// live plays a life, line by line; every message must be accepted.
func (w *world) live(text string) (lines []sent) {
	for line := range strings.Lines(strings.TrimSpace(text)) {
		name, args, err := datadriven.ParseLine(line)
		require.NoError(w.t, err)
		s := w.transaction(args, message{name, args})
		require.NoError(w.t, s.refused, line)
		results, _ := w.block([]sent{s})
		require.Equal(w.t, types.Code_ok, results[0].Code, "%s: %s", line, results[0].Detail)
		lines = append(lines, s)
	}
	return lines
}

// FuzzApply sends mutated messages from any signer into a network with a life behind it. Nothing panics, the machine
// does not fail, and what is refused leaves nothing in the state.
func FuzzApply(f *testing.F) {
	w := newWorld(f, castText, "USD", "")
	seeded := map[string]bool{}
	for _, s := range w.live(everyMessage + governanceLife[1:]) {
		m := s.tx.Body.Messages[0]
		data, err := m.Marshal()
		require.NoError(f, err)
		who := slices.IndexFunc(signers, func(signer string) bool {
			return signer == s.tx.Body.Signer || signer == s.tx.Body.Signer+"/"+s.tx.Body.Key
		})
		f.Add(uint8(max(who, 0)), uint8(slices.Index(onBehalf, m.OnBehalfOf)), data)
		seeded[types.RowOf(m.Get()).Name] = true
	}
	require.Len(f, seeded, len(handlers), "every message is a seed")
	view, prev := w.db.View(), w.db.View()
	f.Cleanup(func() {
		require.NoError(f, view.Close())
		require.NoError(f, prev.Close())
	})
	f.Fuzz(func(t *testing.T, who, whom uint8, data []byte) {
		w.t = t
		var m types.Message
		if m.Unmarshal(data) != nil {
			return
		}
		m.OnBehalfOf = onBehalf[int(whom)%len(onBehalf)]
		signer := signers[int(who)%len(signers)]
		refuse := types.Wrap("", &types.RevokeKey{Key: "none"}) // always: no signer has such a key
		b, err := NewBlock(state.NewBatch(view), prev, w.height+1, w.unix+1)
		require.NoError(t, err)
		deliver(t, w, b, signer, 0, true, &m, refuse)
		deliver(t, w, b, signer, 1, false, &m, refuse, &m)
		deliver(t, w, b, signer, 2, false, &m)
		require.NoError(t, Audit(b, b.Unix))
		b.Unix += 400 * secondsADay
		_, err = b.Begin()
		require.NoError(t, err)
	})
}

// deliver sends messages in one transaction and checks what must hold whatever they are.
func deliver(t *testing.T, w *world, b *Block, from string, index uint32, atomic bool, messages ...*types.Message) {
	before := leaves(b.Batch)
	tx, ok := w.envelope(from, index, atomic, messages)
	if !ok {
		return
	}
	r, err := b.Deliver(tx, index, true)
	require.NoError(t, err, "the machine failed")
	if atomic || !slices.Contains(r.Codes, types.Code_ok) {
		require.NotEqual(t, types.Code_ok, r.Code)
		require.Equal(t, before, leaves(b.Batch), "a refusal changed the state")
	}
	for _, c := range r.Codes {
		require.Contains(t, types.Code_name, int32(c))
	}
	reference, err := b.Reference(types.ReferenceKey(tx.Body.Signer, tx.Body.Reference))
	require.NoError(t, err)
	require.Equal(t, len(r.Codes) > 0, reference != nil, "a reference for every transaction that authenticates")
}

// envelope signs messages; ok is false for what no transaction can carry.
func (w *world) envelope(from string, index uint32, atomic bool, messages []*types.Message) (*types.Tx, bool) {
	holder, key, found := strings.Cut(from, "/")
	if !found {
		key = "main"
	}
	body := &types.Body{
		ChainId: scriptChain, Signer: holder, Key: key, Reference: "fuzz-reference-" + string(rune('a'+index)),
		ValidUntilUnix: w.unix + 600, Atomic: atomic, Messages: messages,
		Origin: &types.Origin{SourceSystem: "fuzz", Jurisdiction: "DE", CollectedUnix: scriptStart},
	}
	raw, err := types.Sign(body, w.secret(holder, key))
	if err != nil {
		return nil, false
	}
	tx, err := types.Decode(raw)
	return tx, err == nil
}
