package ledger

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// The traders and members of these tests. A member's control group is its id with "-group"; so is a trader's, by its
// last part.
const (
	seller = "DE:HRB:seller"
	buyer  = "FR:RCS:buyer"
	third  = "IT:REA:third"
)

var tradeMembers = []struct {
	id    string
	roles []types.Role
}{
	{"bank-a", []types.Role{types.Role_BANK}}, {"bank-b", []types.Role{types.Role_BANK}},
	{"shop", []types.Role{types.Role_PLATFORM}}, {"carrier", []types.Role{types.Role_LOGISTICS}},
	{"customs", []types.Role{types.Role_CUSTOMS}}, {"forex", []types.Role{types.Role_FOREX}},
	{"tax", []types.Role{types.Role_TAX}}, {"verifier", []types.Role{types.Role_VERIFIER}},
}

// trade is one block that never ends, on day 20000, and everything its messages posted.
type trade struct {
	*Block
	t    testing.TB
	ids  int
	read map[string]uint64 // entries of each log that all has
	keys map[string]string // which key a signer uses; "k" if it says nothing
	all  []posted
}

const tradeDay int32 = 20000

func newTrade(t testing.TB) *trade {
	view := emptyState(t)
	b := state.NewBatch(view)
	require.NoError(t, state.Set(b, types.ChainKey, &types.Chain{ChainId: "trade", BaseCurrency: "CNY"}))
	params := types.DefaultParameters()
	require.NoError(t, state.Set(b, types.ParametersKey, &params))
	for _, m := range tradeMembers {
		require.NoError(t, state.Set(b, types.MemberKey(m.id), &types.Member{
			Id: m.id, ControlGroup: m.id + "-group", Roles: m.roles, Status: types.MemberStatus_LIVE,
		}))
	}
	block, err := NewBlock(b, view, 1, int64(tradeDay)*86400)
	require.NoError(t, err)
	tr := &trade{Block: block, t: t, read: map[string]uint64{}}
	for _, s := range []string{seller, buyer, third} {
		tr.enterprise(s, s[strings.LastIndexByte(s, ':')+1:]+"-group")
	}
	return tr
}

func (tr *trade) enterprise(subject, group string) {
	require.NoError(tr.t, state.Set(tr, types.EnterpriseKey(subject), &types.Enterprise{
		Registration: &types.RegisterEnterprise{Subject: subject, ControlGroup: group},
		Provenance:   &types.Provenance{Signer: "shop"}, Status: types.EnterpriseStatus_ENTERPRISE_VERIFIED,
	}))
}

// mandate lets a member do everything for a subject.
func (tr *trade) mandate(subject, member string) {
	var names []string
	for _, row := range types.Table {
		names = append(names, row.Name)
	}
	slices.Sort(names)
	require.NoError(tr.t, state.Set(tr, types.DelegationKey(subject, member), &types.Delegation{
		Subject: subject, Status: types.DelegationStatus_DELEGATION_LIVE,
		Mandate: &types.Mandate{Delegate: member, Messages: names, UntilDay: tradeDay + 100},
	}))
}

func digest(s string) []byte {
	d := sha256.Sum256([]byte(s))
	return d[:]
}

// say lets a signer send a message; "member for subject" uses a mandate.
func (tr *trade) say(signer string, msg types.Msg) types.Code {
	member, subject, _ := strings.Cut(signer, " for ")
	s := &Sender{ID: member, Key: &types.KeyRecord{Holder: member, Id: "k", Role: types.Role_ENTERPRISE}}
	if k := tr.keys[member]; k != "" {
		s.Key.Id = k
	}
	if types.IsSubjectID(member) {
		e, err := state.Get(tr, types.EnterpriseKey(member))
		require.NoError(tr.t, err)
		s.Enterprise, s.Group = e, e.Registration.ControlGroup
	} else {
		m, err := state.Get(tr, types.MemberKey(member))
		require.NoError(tr.t, err)
		s.Member, s.Group, s.Key.Role = m, m.ControlGroup, m.Roles[0]
	}
	code, _, err := tr.message(tr.Batch, s, &types.Tx{Body: types.Body{Signer: member}}, types.Wrap(subject, msg))
	require.NoError(tr.t, err)
	tr.collect()
	return code
}

func (tr *trade) ok(signer string, msg types.Msg) {
	tr.t.Helper()
	require.Equal(tr.t, types.Code_ok, tr.say(signer, msg), "%v", msg)
}

// collect reads what the logs have gained; of several logs in one message those of the payee come first, as exclusions
// do.
func (tr *trade) collect() {
	for _, s := range []string{friend, sister, seller, third, buyer} {
		head, err := state.Get(tr, types.SubjectKey(s))
		require.NoError(tr.t, err)
		if head == nil {
			continue
		}
		for n := tr.read[s]; n < head.Entries; n++ {
			row, err := tr.Entry(types.EntryLog(s), n)
			require.NoError(tr.t, err)
			var e types.Entry
			require.NoError(tr.t, e.Unmarshal(row))
			p := posted{subject: s, number: n, entry: e}
			about(tr.t, tr, &p)
			tr.all = append(tr.all, p)
		}
		tr.read[s] = head.Entries
	}
}

func (tr *trade) next() string {
	tr.ids++
	return fmt.Sprintf("n%d", tr.ids)
}

// issue makes a receivable of the seller s against the debtor d and returns its id.
func (tr *trade) issue(s, d string, amount int64, due int32, change ...func(*types.IssueReceivable)) string {
	tr.t.Helper()
	m := &types.IssueReceivable{
		Id: tr.next(), Seller: s, Debtor: d, Type: "380", Currency: "CNY", AmountMinor: amount,
		IssueDay: tradeDay - 20, DueDay: due, Commitment: digest("paper"),
	}
	for _, f := range change {
		f(m)
	}
	tr.ok(s, m)
	return s + "/" + m.Id
}

func (tr *trade) accept(id string) {
	tr.t.Helper()
	tr.ok(tr.owed(id).Receivable.Debtor, &types.AcceptReceivable{Receivable: id, Day: tradeDay, Commitment: digest("paper")})
}

func (tr *trade) owed(id string) *types.Receivable {
	r, err := state.Get(tr, types.ReceivableKey(id))
	require.NoError(tr.t, err)
	require.NotNil(tr.t, r)
	return r
}

// payment is a creditor side's report of a payment for receivables, all between the same parties.
func (tr *trade) payment(day int32, parts ...*types.Allocation) *types.RecordSettlement {
	r := tr.owed(parts[0].Receivable).Receivable
	m := &types.RecordSettlement{
		Id: digest(tr.next()), Side: types.SettlementSide_CREDITOR, Payer: r.Debtor, Payee: r.Seller, Currency: r.Currency,
		Day: day, Channel: types.Channel_CIPS, Stage: types.SettlementStage_SALE, Allocations: parts,
	}
	for _, a := range parts {
		m.AmountMinor += a.AmountMinor
	}
	return m
}

// pay settles a part of one receivable through a bank, or through the shop's escrow.
func (tr *trade) pay(signer, id string, amount int64, day int32) []byte {
	tr.t.Helper()
	m := tr.payment(day, &types.Allocation{Receivable: id, AmountMinor: amount})
	if signer == "shop" {
		m.Channel = types.Channel_ESCROW
	}
	tr.ok(signer, m)
	return m.Id
}

func (tr *trade) settlement(id []byte) *types.Settlement {
	s, err := state.Get(tr, types.SettlementKey(id))
	require.NoError(tr.t, err)
	require.NotNil(tr.t, s)
	return s
}

func (tr *trade) reverse(id []byte) {
	tr.t.Helper()
	tr.ok(tr.settlement(id).CreditorSide.Signer, &types.ReverseSettlement{Settlement: id, Day: tradeDay, Reason: 1})
}

// rows are all leaves but settlements; of heads, what is open.
func (tr *trade) rows() map[string]string {
	rows := map[string]string{}
	require.NoError(tr.t, tr.Scan("", func(key string, value []byte) error {
		switch {
		case strings.HasPrefix(key, "settlement/"):
		case strings.HasPrefix(key, "subject/"):
			var h types.SubjectHead
			require.NoError(tr.t, h.Unmarshal(value))
			rows[key] = fmt.Sprint(h.OpenMinor, h.OpenObligations)
		case strings.HasPrefix(key, "receivable/"):
			var r types.Receivable
			require.NoError(tr.t, r.Unmarshal(value))
			rows[key] = r.String()
		default:
			rows[key] = describe(tr.t, key, value)
		}
		return nil
	}))
	return rows
}

// requireSums compares the sums with the fold that was written apart from them, and what receivables say of themselves
// with what is open.
func (tr *trade) requireSums() {
	tr.t.Helper()
	want := naiveFold(tr.all)
	got := map[string][]byte{}
	require.NoError(tr.t, tr.Scan("", func(key string, value []byte) error {
		if strings.HasPrefix(key, "month/") || strings.HasPrefix(key, "pair/") || strings.HasPrefix(key, "rank/") {
			got[key] = bytes.Clone(value)
		}
		return nil
	}))
	for key, value := range want.rows {
		require.Equal(tr.t, describe(tr.t, key, value), describe(tr.t, key, got[key]), key)
	}
	require.Len(tr.t, got, len(want.rows))
	open := map[string]int64{}
	require.NoError(tr.t, tr.Scan(string(types.Receivables), func(_ string, value []byte) error {
		var r types.Receivable
		require.NoError(tr.t, r.Unmarshal(value))
		if r.Experience {
			open[r.Receivable.Debtor] += openBase(&r)
		}
		require.Equal(tr.t, openMinor(&r) == 0, r.SettledDay != 0)
		require.LessOrEqual(tr.t, len(r.ClosingMonths), int(r.Parts)+len(r.WriteOffs))
		return nil
	}))
	require.NoError(tr.t, each(tr, types.Financings, func(_ string, f *types.Financing) error {
		if f.Experience {
			open[f.Borrower] += f.BaseMinor - f.RepaidBaseMinor
		}
		return nil
	}))
	for subject, head := range want.heads {
		stored, err := state.Get(tr, types.SubjectKey(subject))
		require.NoError(tr.t, err)
		require.Equal(tr.t, open[subject], stored.OpenMinor)
		require.Equal(tr.t, head.OpenMinor, stored.OpenMinor)
		require.Equal(tr.t, head.OpenObligations, stored.OpenObligations)
	}
}
