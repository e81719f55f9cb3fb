package ledger

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
	"tradecredit/types/score"
)

// Games that an enterprise and its friends can play with payments, claims, disputes, adverse records and consents, and how
// they end (LEDGER.md §2, §8). Each is played on top of the same ordinary life, beside one in which it is not played; the
// score that the network would give must not be better for it.

// friend is unrelated on paper, and signs whatever the buyer asks for.
const friend = "CN:SAMR:friend"

// sister belongs to the buyer's own control group.
const sister = "FR:RCS:sister"

// overdue is what the life below owes.
const overdue = seller + "/n13"

// life is an ordinary payer: six obligations to two creditors, through two banks, paid ten days late, one overdue, and a
// claim of its own that was paid; then a hundred days pass.
func life(t *testing.T) *trade {
	tr := newTrade(t)
	tr.enterprise(friend, "friend-group")
	tr.enterprise(sister, "buyer-group")
	require.NoError(t, state.Set(tr, types.MemberKey("own-bank"), &types.Member{
		Id: "own-bank", ControlGroup: "buyer-group", Roles: []types.Role{types.Role_BANK}, Status: types.MemberStatus_LIVE,
	}))
	for i := range 6 {
		id := tr.owes([]string{seller, third}[i%2], buyer, 1000, tr.Today())
		tr.pass(10)
		tr.pay([]string{"bank-a", "bank-b"}[i%2], id, 1000, tr.Today())
	}
	tr.owes(seller, buyer, 500, tr.Today()-5)
	tr.pay("bank-a", tr.owes(buyer, third, 7, tr.Today()), 7, tr.Today())
	tr.pass(100)
	return tr
}

// owes lets a creditor claim an amount today, or earlier if it was due then, and the debtor accept it.
func (tr *trade) owes(creditor, debtor string, amount int64, due int32) string {
	tr.t.Helper()
	id := tr.claims(creditor, debtor, amount, due)
	tr.ok(debtor, &types.AcceptReceivable{Receivable: id, Day: tr.Today(), Commitment: digest("paper")})
	return id
}

// claims is the claim alone.
func (tr *trade) claims(creditor, debtor string, amount int64, due int32, change ...func(*types.IssueReceivable)) string {
	tr.t.Helper()
	return tr.issue(creditor, debtor, amount, due, append(change, func(m *types.IssueReceivable) {
		m.IssueDay = min(due, tr.Today())
	})...)
}

// scored is the score that a query would answer with.
func (tr *trade) scored(subject string) *types.ScoreResult {
	tr.t.Helper()
	rows, err := score.Load(tr.Get, tr.Scan, subject, tr.Today())
	require.NoError(tr.t, err)
	r, err := score.Compute(rows, score.ExpertV1(), tr.Today())
	require.NoError(tr.t, err)
	return r
}

// payerGame is one: after it everything is as if it had not been played, unless it says otherwise.
type payerGame struct {
	name    string
	play    func(t *testing.T, tr *trade)
	refused bool // every move is refused
	index   bool // the game closes a debt: only the index says how it was paid
}

func (g *payerGame) run(t *testing.T) {
	tr, without := life(t), life(t)
	require.Equal(t, types.ScoreClass_CLASS_4, without.scored(buyer).Class, "the life is worth a score")
	before := tr.rows()
	g.play(t, tr)
	if g.refused {
		require.Equal(t, before, tr.rows())
	}
	without.Unix = tr.Unix
	got, want := tr.scored(buyer), without.scored(buyer)
	tr.requireSums()
	require.NoError(t, tr.auditRights(tr))
	if g.index {
		// What is closed belongs to its creditor, and with the largest creditor it is cut: that can move the index a little.
		require.LessOrEqual(t, got.Index, want.Index+1)
		require.Equal(t, "C2", got.Points[1].Characteristic)
		require.Equal(t, want.Points[1], got.Points[1], "the worst class stays")
		return
	}
	for _, r := range []*types.ScoreResult{got, want} {
		for _, p := range r.Points {
			if p.Characteristic == "C9" {
				p.Value = 0 // a month in which somebody did anything at all is an active one
			}
		}
	}
	require.Equal(t, want.String(), got.String())
}

func TestGamesOfPayers(t *testing.T) {
	for _, g := range []payerGame{
		{name: "hides that its creditor is its sister", refused: true, play: func(t *testing.T, tr *trade) {
			require.Equal(t, types.Code_parties_related, tr.say(sister, &types.IssueReceivable{
				Id: "s", Seller: sister, Debtor: buyer, Type: "380", Currency: "CNY", AmountMinor: 9000, IssueDay: tr.Today(), DueDay: tr.Today(),
				Commitment: digest("paper"),
			}))
		}},
		{name: "pays its sister well", play: func(t *testing.T, tr *trade) {
			for range 5 {
				id := tr.claims(sister, buyer, 9000, tr.Today()+30, func(m *types.IssueReceivable) { m.Related = true })
				tr.ok(buyer, &types.AcceptReceivable{Receivable: id, Day: tr.Today(), Commitment: digest("paper")})
				tr.pay("bank-a", id, 9000, tr.Today())
			}
		}},
		{name: "and a friend send the same money to and fro", play: func(t *testing.T, tr *trade) {
			for i := range int64(6) {
				there, back := tr.claims(friend, buyer, 9000, tr.Today()+30), tr.claims(buyer, friend, 9000-50*i, tr.Today()+30)
				tr.pay("bank-a", there, 9000, tr.Today())
				tr.pay("bank-b", back, 9000-50*i, tr.Today()+1)
			}
		}},
		{name: "lets a friend claim and says nothing", play: func(t *testing.T, tr *trade) {
			for range 5 {
				tr.claims(friend, buyer, 9000, tr.Today()+30)
			}
		}},
		{name: "pays through an escrow what nobody accepted", play: func(t *testing.T, tr *trade) {
			for range 5 {
				tr.pay("shop", tr.claims(friend, buyer, 9000, tr.Today()+30), 9000, tr.Today())
			}
		}},
		{name: "brings old paper of a friend", play: func(t *testing.T, tr *trade) {
			for range 5 {
				id := tr.owes(friend, buyer, 9000, tr.Today()-31)
				tr.pay("bank-a", id, 9000, tr.Today())
			}
		}},
		{name: "lets one delegate sign for both sides", play: func(t *testing.T, tr *trade) {
			for _, s := range []string{friend, buyer} {
				tr.mandateUntil(s, "shop", tr.Today()+100)
			}
			for range 5 {
				m := &types.IssueReceivable{
					Id: tr.next(), Seller: friend, Debtor: buyer, Type: "380", Currency: "CNY", AmountMinor: 9000, IssueDay: tr.Today(),
					DueDay: tr.Today(), Commitment: digest("paper"),
				}
				tr.ok("shop for "+friend, m)
				tr.ok("shop for "+buyer, &types.AcceptReceivable{Receivable: "shop/" + m.Id, Day: tr.Today(), Commitment: digest("paper")})
				tr.pay("shop", "shop/"+m.Id, 9000, tr.Today())
			}
		}},
		{name: "has its payment taken back", play: func(t *testing.T, tr *trade) {
			for range 5 {
				id := tr.claims(friend, buyer, 9000, tr.Today()+30)
				m := tr.payment(tr.Today(), &types.Allocation{Receivable: id, AmountMinor: 9000})
				tr.ok("bank-a", m)
				tr.ok("bank-a", &types.ReverseSettlement{Settlement: m.Id, Day: tr.Today(), Reason: 1})
			}
		}},
		{name: "lets its own bank say what it paid for", refused: true, play: func(t *testing.T, tr *trade) {
			m := tr.payment(tr.Today(), &types.Allocation{Receivable: overdue, AmountMinor: 500})
			m.Side = types.SettlementSide_DEBTOR
			require.ErrorIs(t, checkRecordSettlement(m), types.Refuse(types.Code_allocations_not_allowed, ""))
			m.Side = types.SettlementSide_CREDITOR
			require.Equal(t, types.Code_own_debt, tr.say("own-bank", m))
		}},
		{name: "voids what is overdue with the creditor's help", refused: true, play: func(t *testing.T, tr *trade) {
			void := &types.VoidReceivable{Receivable: overdue, Day: tr.Today(), Reason: 1}
			require.Equal(t, types.Code_receivable_state_forbids, tr.say(seller, void))
			require.Equal(t, types.Code_receivable_state_forbids, tr.say(buyer, void))
		}},
		{name: "has its debt written off", index: true, play: func(t *testing.T, tr *trade) {
			tr.pass(100)
			tr.ok(seller, &types.WriteOff{Receivable: overdue, Day: tr.Today(), Reason: 1})
		}},
	} {
		t.Run(g.name, g.run)
	}
}

func (tr *trade) mandateUntil(subject, member string, until int32) {
	tr.mandate(subject, member)
	key := types.DelegationKey(subject, member)
	d := must(state.Get(tr, key))
	d.Mandate.UntilDay = until
	require.NoError(tr.t, state.Set(tr, key, d))
}

func TestGamesOfDisputes(t *testing.T) {
	item := "receivable/" + overdue
	answer := func(tr *trade, d, by string) {
		tr.ok(by, &types.RespondDispute{Dispute: d, Position: types.DisputePosition_UPHELD, StatementDigest: digest("no")})
	}
	withdraw := func(d string) *types.ResolveDispute {
		return &types.ResolveDispute{Dispute: d, Outcome: types.DisputeOutcome_DISPUTE_WITHDRAWN, AwardDigest: digest("never mind")}
	}
	again := &types.OpenDispute{Id: "again", Item: item, Reason: 1, StatementDigest: digest("why")}
	for _, g := range []payerGame{
		{name: "disputes what it owes and hopes for the days of the dispute", play: func(t *testing.T, tr *trade) {
			tr.open(buyer, item)
			tr.pass(19)
		}},
		{name: "disputes what it owes, and is answered", play: func(t *testing.T, tr *trade) {
			d := tr.open(buyer, item)
			tr.pass(19)
			answer(tr, d, seller)
			tr.pass(61)
			tr.begin()
			require.Equal(t, types.DisputeStatus_STANDS, must(state.Get(tr, types.DisputeKey(d))).Status)
			require.Equal(t, types.Code_dispute_needs_leave, tr.say(buyer, again))
		}},
		{name: "disputes, escalates and waits for an arbiter who never comes", play: func(t *testing.T, tr *trade) {
			d := tr.open(buyer, item)
			answer(tr, d, seller)
			tr.ok(buyer, &types.EscalateDispute{Dispute: d})
			tr.pass(61)
			tr.begin()
			require.Equal(t, types.DisputeStatus_STANDS, must(state.Get(tr, types.DisputeKey(d))).Status)
		}},
		{name: "disputes and withdraws for ever", play: func(t *testing.T, tr *trade) {
			tr.ok(buyer, withdraw(tr.open(buyer, item)))
			require.Equal(t, types.Code_dispute_needs_leave, tr.say(buyer, again))
		}},
		{name: "uses up the other party's right", play: func(t *testing.T, tr *trade) {
			payment := string(types.SettlementKey(tr.firstPayment()))
			tr.ok(seller, withdraw(tr.open(seller, payment)))
			tr.ok(buyer, withdraw(tr.open(buyer, payment)))
		}},
		{name: "is answered after the queues fell behind", play: func(t *testing.T, tr *trade) {
			d := tr.open(buyer, item)
			tr.pass(20) // nothing was worked off
			require.Equal(t, types.Code_dispute_state_forbids, tr.say(buyer, withdraw(d)))
			require.Equal(t, types.Code_dispute_state_forbids, tr.say(seller, &types.ResolveDispute{
				Dispute: d, Outcome: types.DisputeOutcome_ITEM_EXPUNGED, AwardDigest: digest("award"),
			}))
		}},
		{name: "lets the late part leave and keeps the rest of a payment", play: func(t *testing.T, tr *trade) {
			d := tr.open(buyer, string(types.SettlementKey(tr.firstPayment())))
			answer(tr, d, "bank-a") // it is the bank that answers for a payment, and not its friend
			tr.pass(61)
			tr.begin()
		}},
		{name: "says something to every bad record", play: func(t *testing.T, tr *trade) {
			tr.ok(buyer, &types.AddStatement{Id: "s", Record: item, StatementDigest: digest("it was not me")})
		}},
	} {
		t.Run(g.name, g.run)
	}
}

// firstPayment is the settlement of the first receivable of the life.
func (tr *trade) firstPayment() (id []byte) {
	require.NoError(tr.t, each(tr, types.Settlements, func(_ string, s *types.Settlement) error {
		if s.Parts[0].Receivable == seller+"/n1" {
			id = s.Id
		}
		return nil
	}))
	require.NotNil(tr.t, id)
	return id
}

// begin does what time alone does.
func (tr *trade) begin() {
	tr.swept = 0
	stats, err := tr.Begin()
	require.NoError(tr.t, err)
	require.Zero(tr.t, stats.Bad)
	tr.collect()
}

// Whoever makes a whole receivable leave the scores loses what was good of it with what was bad.
func TestSuppressionTakesTheGoodToo(t *testing.T) {
	tr := life(t)
	id := tr.owes(third, buyer, 10_000, tr.Today()+40)
	tr.pay("bank-a", id, 9_900, tr.Today()) // forty days early
	tr.pass(160)
	tr.pay("bank-b", id, 100, tr.Today()) // the rest much too late
	with := tr.scored(buyer)
	tr.open(buyer, "receivable/"+id)
	tr.pass(21)
	tr.begin()
	without := tr.scored(buyer)
	require.Less(t, without.Index, with.Index)
	require.Equal(t, with.Experiences-1, without.Experiences)
	tr.requireSums()
}

// A friend that pays a hundredfold and on time is cut to the weight of all others; alone it makes no index at all.
func TestOneFriendIsCut(t *testing.T) {
	tr := newTrade(t)
	tr.enterprise(friend, "friend-group")
	id := tr.owes(friend, buyer, 10_000_000, tr.Today())
	tr.pay("bank-a", id, 10_000_000, tr.Today())
	require.False(t, tr.scored(buyer).IndexApplicable)
	for _, creditor := range []string{seller, third} {
		late := tr.owes(creditor, buyer, 50_000, tr.Today())
		tr.pass(90)
		tr.pay("bank-b", late, 50_000, tr.Today())
		tr.Unix -= 90 * secondsADay
	}
	tr.pass(90)
	r := tr.scored(buyer)
	require.True(t, r.IndexApplicable)
	require.Equal(t, int32(55), r.Index)
	require.Greater(t, r.LargestMemberBp, int32(9000), "and the score says that one bank vouches for nearly all of it")
}

// A related creditor is left out of the pair that it makes, and of no other.
func TestRelationsGoPairByPair(t *testing.T) {
	tr := life(t)
	tr.enterprise(sister, "seller-group") // the seller's sister is none of the buyer's
	before := tr.scored(buyer)
	tr.pay("bank-a", tr.owes(sister, buyer, 1000, tr.Today()), 1000, tr.Today())
	require.Equal(t, before.Experiences+1, tr.scored(buyer).Experiences)
	id := tr.claims(sister, seller, 1000, tr.Today(), func(m *types.IssueReceivable) { m.Related = true })
	tr.pay("bank-a", id, 1000, tr.Today())
	require.Zero(t, tr.scored(seller).Experiences)
}

// What is owed never leaves by growing old; what is not due yet is no experience.
func TestDebtsDoNotGrowOld(t *testing.T) {
	tr := newTrade(t)
	tr.owes(seller, buyer, 1000, tr.Today()+30)
	require.Zero(t, tr.scored(buyer).Experiences)
	tr.pass(32)
	require.Equal(t, int64(1), tr.scored(buyer).Experiences)
	for range 5 {
		tr.pass(366)
		r := tr.scored(buyer)
		require.True(t, r.IndexApplicable)
		require.Equal(t, int32(1), r.Index)
		require.Equal(t, int64(1), r.Experiences)
	}
}

// A paper that is cut into sixteen pieces is one experience still.
func TestPiecesAreOneExperience(t *testing.T) {
	tr := life(t)
	before := tr.scored(buyer).Experiences
	id := tr.owes(seller, buyer, 1600, tr.Today()+5)
	m := &types.SplitReceivable{Receivable: id, Day: tr.Today()}
	for i := range 16 {
		m.Children = append(m.Children, &types.SplitChild{Id: fmt.Sprintf("piece-%02d", i), AmountMinor: 100})
	}
	tr.ok(seller, m)
	for _, c := range m.Children {
		tr.pay("bank-a", seller+"/"+c.Id, 100, tr.Today())
	}
	require.Equal(t, before+1, tr.scored(buyer).Experiences)
	tr.requireSums()
}

// A bank says what it likes of another bank's customer: it is shown, and moves no score. Only the role that knows states
// what caps one.
func TestACompetitorsWordCapsNothing(t *testing.T) {
	tr := life(t)
	before := tr.scored(buyer)
	for i := range 70 { // more than there may be marks
		tr.ok("bank-b", &types.RecordAdverse{
			Id: fmt.Sprintf("a%d", i), Subject: buyer, Kind: []types.AdverseKind{types.AdverseKind_LOAN_DEFAULT, types.AdverseKind_BILL_DISHONOURED}[i%2],
			Day: tr.Today(), Commitment: digest("decision"),
		})
	}
	require.Equal(t, before, tr.scored(buyer))
	for kind := range types.AdverseKind_name {
		k := types.AdverseKind(kind)
		if score.CapOf(k) != types.Cap_CAP_NONE {
			require.Equal(t, types.Code_adverse_kind_not_of_role,
				tr.say("bank-b", &types.RecordAdverse{Id: "x", Subject: buyer, Kind: k, Day: tr.Today(), Commitment: digest("decision")}))
		}
	}
	// And they leave room for what the tax authority knows.
	tr.ok("tax", &types.RecordAdverse{Id: "t", Subject: buyer, Kind: types.AdverseKind_TAX_MAJOR_VIOLATION, Day: tr.Today(), Commitment: digest("list")})
	after := tr.scored(buyer)
	require.Equal(t, int32(399), after.Cap)
	require.Equal(t, []string{"adverse/tax/t"}, after.Reasons[0].Records)
	// Nor does it end with a bank's word, or by an end long ago.
	require.Equal(t, types.Code_not_the_original_signer, tr.say("bank-b", &types.Rehabilitate{Adverse: "tax/t", EndDay: tr.Today(), Reason: 1}))
	require.Equal(t, types.Code_due_before_issue, tr.say("tax", &types.Rehabilitate{Adverse: "tax/t", EndDay: tr.Today() - 1, Reason: 1}))
	tr.ok("tax", &types.Rehabilitate{Adverse: "tax/t", EndDay: tr.Today(), Reason: 1})
	tr.pass(5*365 - 10)
	rows, err := score.Load(tr.Get, tr.Scan, buyer, tr.Today())
	require.NoError(t, err)
	require.False(t, score.Left(rows.Marks.Marks[0], tr.Today()))
	require.True(t, score.Left(rows.Marks.Marks[0], tr.Today()+20))
}

// One hand that holds the mandates of an enterprise cannot sell its credit: no consent for itself, for the registrar, or for
// their groups, and none for long or for many questions.
func TestDelegatesDoNotFarmConsents(t *testing.T) {
	tr := newTrade(t)
	tr.mandate(buyer, "bank-a")
	key := types.DelegationKey(buyer, "bank-a")
	d := must(state.Get(tr, key))
	d.Mandate.Consent = true
	require.NoError(t, state.Set(tr, key, d))
	for _, m := range []*types.Member{{Id: "factor", ControlGroup: "bank-a-group"}, {Id: "shop-2", ControlGroup: "shop-group"}} {
		m.Status, m.Roles = types.MemberStatus_LIVE, []types.Role{types.Role_BANK}
		require.NoError(t, state.Set(tr, types.MemberKey(m.Id), m))
	}
	e := must(state.Get(tr, types.EnterpriseKey(buyer)))
	e.RegistrarGroup = "shop-group"
	require.NoError(t, state.Set(tr, types.EnterpriseKey(buyer), e))
	grant := func(grantee string, days int32, uses uint32) types.Code {
		return tr.say("bank-a for "+buyer, &types.GrantConsent{
			Id: tr.next(), Grantee: grantee, Purpose: types.Purpose_CREDIT_GRANT, Scope: types.Output_SCORE, UntilDay: tr.Today() + days, Uses: uses,
		})
	}
	for _, grantee := range []string{"bank-a", "factor", "shop", "shop-2"} {
		require.Equal(t, types.Code_consent_grantee_forbidden, grant(grantee, 1, 1), grantee)
	}
	require.Equal(t, types.Code_consent_delegate_limits, grant("bank-b", 31, 1))
	require.Equal(t, types.Code_consent_delegate_limits, grant("bank-b", 30, 4))
	require.Equal(t, types.Code_ok, grant("bank-b", 30, 3))
}

// Nobody verifies its own paper, and a delivery is a sale only by an independent signature.
func TestOwnWordProvesNothing(t *testing.T) {
	tr := newTrade(t)
	tr.mandate(seller, "verifier")
	tr.mandate(seller, "shop")
	tr.ok("verifier for "+seller, &types.AnchorDocument{Id: "d", Subject: seller, Type: "861", Commitment: digest("d"), Fields: 1, IssueDay: tr.Today()})
	require.Equal(t, types.Code_own_document, tr.say("verifier", &types.VerifyDocument{
		Document: "verifier/d", Verdict: types.Verdict_MATCH, Method: types.VerdictMethod_ON_SITE, Day: tr.Today(), Commitment: digest("d"),
		CheckDigest: digest("check"),
	}))
	for range 4 { // the shop that recorded the order delivers it itself
		o := tr.ordered("shop", types.OrderKind_GOODS, tr.Today()+3)
		tr.move("shop", o, types.LogisticsEvent_DELIVERED, tr.Today())
	}
	require.Zero(t, tr.scored(seller).FulfilledSales)
	require.Equal(t, types.Segment_SEGMENT_NONE, tr.scored(seller).Segment)
}

// Every score says how much of it came late.
func TestLateShareIsSaid(t *testing.T) {
	tr := life(t)
	require.Zero(t, tr.scored(buyer).LateBp)
	m := tr.payment(tr.Today()-60, &types.Allocation{Receivable: overdue, AmountMinor: 500})
	tr.ok("bank-a", m) // late, and a bank's: it counts
	require.Positive(t, tr.scored(buyer).LateBp)
}
