package ledger

import (
	"bytes"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// breach is a trade in which keys get into wrong hands.
type breach struct {
	*trade
	rng   *rand.Rand
	said  []*said
	marks []timedMark
	done  map[string]int // what happened, for the test to see that it happened
}

// said is a message that made a record, or a side or verdict of one.
type said struct {
	signer string
	msg    types.Msg
	key    string // that vouches for it now
	unix   int64
	fallen bool
}

type timedMark struct {
	mark
	at int64
}

func newBreach(t testing.TB, seed int64) *breach {
	b := &breach{trade: newTrade(t), rng: rand.New(rand.NewSource(seed)), done: map[string]int{}}
	b.keys = map[string]string{}
	for _, m := range tradeMembers {
		b.newKey(m.id, m.roles[0], 0)
	}
	for _, s := range []string{seller, buyer, third} {
		b.newKey(s, types.Role_ENTERPRISE, 0)
	}
	return b
}

// newKey gives a holder its n-th key, to sign with from now on.
func (b *breach) newKey(holder string, role types.Role, n int) {
	id := fmt.Sprintf("k%d", n)
	b.keys[holder] = id
	require.NoError(b.t, state.Set(b, types.KeyKey(holder, id), &types.KeyRecord{
		Holder: holder, Id: id, Role: role, Status: types.KeyStatus_KEY_LIVE, PublicKey: []byte(holder + id),
	}))
}

// tell sends a message that makes a record, and remembers it if it was accepted.
func (b *breach) tell(signer string, msg types.Msg) bool {
	if b.say(signer, msg) != types.Code_ok {
		return false
	}
	b.said = append(b.said, &said{signer: signer, msg: msg, key: b.keys[signer], unix: b.Unix})
	return true
}

// mark revokes a key of a holder, or moves its mark back, and gives it a new key to go on with.
func (b *breach) mark(holder, key string, since int64) {
	if b.say(holder, &types.RevokeKey{Key: key, CompromisedSinceUnix: since}) != types.Code_ok {
		return
	}
	b.marks = append(b.marks, timedMark{mark{holder, key, since}, b.Unix})
	b.done["marks"]++
	if b.keys[holder] == key {
		k, err := state.Get(b, types.KeyKey(holder, key))
		require.NoError(b.t, err)
		b.newKey(holder, k.Role, len(b.marks))
	}
}

// head is the provenance that a message made; nil when it was another signer's.
func (b *breach) head(s *said) *types.Provenance {
	id := func(source string) string { return s.signer + "/" + source }
	switch m := s.msg.(type) {
	case *types.RecordOrder:
		return must(state.Get(b, types.OrderKey(id(m.Id)))).Provenance
	case *types.RecordLogisticsEvent:
		return must(state.Get(b, types.MovementKey(id(m.Id)))).Provenance
	case *types.RecordCustomsEvent:
		return must(state.Get(b, types.CustomsEventKey(id(m.Id)))).Provenance
	case *types.IssueReceivable:
		return must(state.Get(b, types.ReceivableKey(id(m.Id)))).Provenance
	case *types.PublishFixing:
		return must(state.Get(b, types.FixingKey(m.Currency, m.Day))).Provenance
	case *types.RecordSettlement:
		return sideOf(must(state.Get(b, types.SettlementKey(m.Id))), m.Side)
	case *types.VerifyDocument:
		for _, v := range must(state.Get(b, types.DocumentKey(m.Document))).Verdicts {
			if v.Verifier == s.signer {
				return v.Provenance
			}
		}
	}
	require.FailNow(b.t, "no record", "%v", s.msg)
	return nil
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

// covered tells whether a mark says that a key was in wrong hands when it signed.
func (b *breach) covered(s *said, by func(timedMark) bool) bool {
	return slices.ContainsFunc(b.marks, func(m timedMark) bool {
		return m.holder == s.signer && m.key == s.key && m.since <= s.unix && by(m)
	})
}

// repeat sends something again; only what a compromised key signed, and has not fallen, is confirmed by it.
func (b *breach) repeat(s *said) {
	want := types.Code_already_recorded
	confirms := b.keys[s.signer] != s.key && !s.fallen && b.covered(s, func(timedMark) bool { return true })
	if confirms {
		want = types.Code_ok
	}
	rows := len(b.all)
	require.Equal(b.t, want, b.say(s.signer, s.msg), "%s: %v", s.signer, s.msg)
	require.Len(b.t, b.all, rows, "nothing is posted")
	if confirms {
		s.key, s.unix = b.keys[s.signer], b.Unix
		b.done["confirmed again"]++
	}
}

// pass lets time pass and all sweeps that are due come to their end, and compares what fell with what should have.
func (b *breach) pass(seconds int64) {
	b.Unix += seconds
	due := func(m timedMark) bool { return m.at+confirmAgainS <= b.Unix }
	for _, s := range b.said {
		if !s.fallen && b.covered(s, due) {
			s.fallen = true
			b.done[fmt.Sprintf("fell %T", s.msg)]++
		}
	}
	b.settle()
	for _, s := range b.said {
		p := b.head(s)
		if s.fallen && !slices.Contains([]types.Role{types.Role_ENTERPRISE, types.Role_PLATFORM}, p.Role) {
			require.Equal(b.t, types.Evidence_SELF_DECLARED, p.Evidence) // nobody confirms or accepts it
		}
		require.Equal(b.t, s.fallen, p.Fallen, "%s %s: %v", s.signer, s.key, s.msg)
		require.Equal(b.t, s.key, p.Key)
		require.Equal(b.t, s.unix, p.Unix)
		require.False(b.t, p.Fallen && alone(p))
	}
}

// settle works off the queues, a second a block, and leaves the time of the first of them.
func (b *breach) settle() {
	now := b.Unix
	for blocks := 0; ; blocks++ {
		require.Less(b.t, blocks, 1000)
		b.swept = 0
		stats, err := b.Begin()
		require.NoError(b.t, err)
		require.Zero(b.t, stats.Bad)
		b.collect()
		if !stats.More && b.swept < sweepWork {
			break
		}
		b.Unix++
	}
	b.Unix = now
}

// requireAll checks the sums against the fold, the records against each other, and the sums against the records.
func (b *breach) requireAll() {
	b.t.Helper()
	b.requireSums()
	for _, audit := range []func(state.Reader) error{auditSettlements, auditOrders, auditFallen} {
		require.NoError(b.t, audit(b))
	}
	for _, subject := range []string{seller, buyer, third} {
		want, got, fulfilled := b.above(subject), int64(0), int64(0)
		require.NoError(b.t, b.Scan("month/"+subject+"/", func(_ string, value []byte) error {
			var m types.MonthSum
			require.NoError(b.t, m.Unmarshal(value))
			got += m.AboveSelf
			fulfilled += m.DeliveredOnTime + m.DeliveredLate
			return nil
		}))
		require.Equal(b.t, want[0], got, subject)
		require.Equal(b.t, want[1], fulfilled, subject)
	}
}

// above counts the events of a subject's log that are above SELF_DECLARED, and its fulfilled sales, by what the records
// say that they name, and not by the rows that took evidence away.
func (b *breach) above(subject string) (n [2]int64) {
	log := slices.DeleteFunc(slices.Clone(b.all), func(p posted) bool { return p.subject != subject })
	taken := gone(log)
	for _, p := range log {
		e, err := b.tx().logRow(subject, p.number)
		require.NoError(b.t, err)
		if !e.Counted || e.Reverses > 0 || e.Evidence <= types.Evidence_SELF_DECLARED {
			continue
		}
		fallen, event := b.fallen(e, p.number)
		if money := strings.HasPrefix(e.Record, string(types.Settlements)); money && fallen {
			require.True(b.t, taken[p.number])
		}
		if !event || taken[p.number] || fallen {
			continue
		}
		n[0]++
		if e.Independent {
			n[1]++
		}
	}
	return n
}

func (b *breach) tx() *Tx { return &Tx{Batch: b.Batch, Block: b.Block} }

// fallen tells whether what signed a row fell, and whether the row is an event.
func (b *breach) fallen(e *types.Entry, number uint64) (fallen, event bool) {
	_, id, _ := strings.Cut(e.Record, "/")
	switch e.Kind {
	case types.EntryKind_ENTRY_ORDER_BOUGHT, types.EntryKind_ENTRY_ORDER_SOLD:
		return must(state.Get(b, types.OrderKey(id))).Provenance.Fallen, true
	case types.EntryKind_ENTRY_MOVEMENT, types.EntryKind_ENTRY_DELIVERED, types.EntryKind_ENTRY_RECEIVED:
		return must(state.Get(b, types.MovementKey(id))).Provenance.Fallen, true
	case types.EntryKind_ENTRY_CUSTOMS:
		return must(state.Get(b, types.CustomsEventKey(id))).Provenance.Fallen, true
	case types.EntryKind_ENTRY_PAID, types.EntryKind_ENTRY_COLLECTED:
		return must(state.Get(b, types.Key[types.Settlement](e.Record))).CreditorSide.Fallen, true
	case types.EntryKind_ENTRY_VERDICT:
		for _, v := range must(state.Get(b, types.DocumentKey(id))).Verdicts {
			if v.Verifier == e.Member {
				return v.Provenance.Fallen, true
			}
		}
	case types.EntryKind_ENTRY_OBLIGATION:
		for _, s := range b.said {
			m, ok := s.msg.(*types.RecordSettlement)
			if !ok || m.Side != types.SettlementSide_CREDITOR || !s.fallen {
				continue
			}
			for _, p := range must(state.Get(b, types.SettlementKey(m.Id))).Parts {
				if p.Receivable == id && p.Obligation == number+1 {
					return true, true
				}
			}
		}
		return false, true
	case types.EntryKind_ENTRY_ORDER_CONFIRMED, types.EntryKind_ENTRY_DELIVERY_ACCEPTED:
		return false, true
	}
	return false, false
}

// one lets something happen.
func (b *breach) one() {
	today := b.Today()
	ago := func(n int32) int32 { return today - b.rng.Int31n(n) }
	switch n := b.rng.Intn(21); {
	case n == 20:
		b.whole()
	case n < 2:
		b.tell([]string{"shop", seller}[b.rng.Intn(2)], &types.RecordOrder{
			Id: b.next(), Kind: types.OrderKind_GOODS, Buyer: buyer, Seller: seller, OrderDay: ago(20), PromisedDay: today + 3,
			Currency: "CNY", AmountMinor: 1000, TermsDigest: digest("terms"),
		})
	case n < 3:
		if o := anyOf[*types.RecordOrder](b); o != nil {
			b.say(buyer, &types.ConfirmOrder{Order: o.signer + "/" + o.msg.(*types.RecordOrder).Id, TermsDigest: digest("terms"), Day: today})
		}
	case n < 6:
		if o := anyOf[*types.RecordOrder](b); o != nil {
			b.tell([]string{"carrier", "shop"}[b.rng.Intn(2)], &types.RecordLogisticsEvent{
				Id: b.next(), Order: o.signer + "/" + o.msg.(*types.RecordOrder).Id, Day: ago(20), Place: "DE",
				Event: []types.LogisticsEvent{types.LogisticsEvent_IN_TRANSIT, types.LogisticsEvent_DELIVERED}[b.rng.Intn(2)],
			})
		}
	case n < 8:
		b.customs(ago(60))
	case n < 10:
		m := &types.IssueReceivable{
			Id: b.next(), Seller: seller, Debtor: buyer, Type: "380", Currency: "CNY", AmountMinor: 1000 + b.rng.Int63n(60),
			IssueDay: ago(20), DueDay: today + b.rng.Int31n(20), Commitment: digest("paper"),
		}
		if b.rng.Intn(3) == 0 {
			m.Seller, m.Debtor = buyer, seller
		}
		if o := anyOf[*types.RecordOrder](b); o != nil && m.Seller == seller {
			m.Order = o.signer + "/" + o.msg.(*types.RecordOrder).Id
		}
		b.tell(m.Seller, m)
	case n < 11:
		if s := anyOf[*types.IssueReceivable](b); s != nil {
			m := s.msg.(*types.IssueReceivable)
			b.say(m.Debtor, &types.AcceptReceivable{Receivable: m.Seller + "/" + m.Id, Day: today, Commitment: m.Commitment})
		}
	case n < 16:
		b.money(ago(50))
	case n < 18:
		b.verdict(ago(50))
	case n < 19:
		day := ago(30)
		if must(state.Get(b, types.FixingKey("EUR", day))) == nil {
			b.tell("forex", &types.PublishFixing{Currency: "EUR", Day: day, RateE9: 7_700_000_000})
		}
	default:
		if s := anyOf[*types.RecordSettlement](b); s != nil {
			b.say(s.signer, &types.ReverseSettlement{Settlement: s.msg.(*types.RecordSettlement).Id, Day: today, Reason: 1})
		}
	}
}

// whole is a trade from order to money, with every leg there is.
func (b *breach) whole() {
	today := b.Today()
	order := &types.RecordOrder{
		Id: b.next(), Kind: types.OrderKind_GOODS, Buyer: buyer, Seller: seller, OrderDay: today, PromisedDay: today + 3,
		Currency: "CNY", AmountMinor: 5000, TermsDigest: digest("terms"),
	}
	b.tell("shop", order)
	id, declaration := "shop/"+order.Id, b.next()
	b.ok(buyer, &types.ConfirmOrder{Order: id, TermsDigest: digest("terms"), Day: today})
	b.tell("customs", &types.RecordCustomsEvent{
		Id: b.next(), Declaration: declaration, Event: types.CustomsEvent_DECLARED, Day: today, Mode: "0110", Order: id,
		Declarant: seller, Export: true, Currency: "CNY", ValueMinor: 5,
	})
	b.tell("customs", &types.RecordCustomsEvent{Id: b.next(), Declaration: declaration, Event: types.CustomsEvent_RELEASED, Day: today})
	b.tell("carrier", &types.RecordLogisticsEvent{Id: b.next(), Order: id, Day: today, Place: "DE", Event: types.LogisticsEvent_DELIVERED})
	r := &types.IssueReceivable{
		Id: b.next(), Order: id, Seller: seller, Debtor: buyer, Type: "380", Currency: "CNY", AmountMinor: 5000,
		IssueDay: today, DueDay: today + 9, Commitment: digest("paper"),
	}
	b.tell(seller, r)
	b.ok(buyer, &types.AcceptReceivable{Receivable: seller + "/" + r.Id, Day: today, Commitment: r.Commitment})
	b.tell("bank-a", b.payment(today, &types.Allocation{Receivable: seller + "/" + r.Id, AmountMinor: 3000}))
}

func anyOf[M types.Msg](b *breach) *said {
	for range 8 {
		if len(b.said) == 0 {
			return nil
		}
		s := b.said[b.rng.Intn(len(b.said))]
		if _, ok := s.msg.(M); ok {
			return s
		}
	}
	return nil
}

func (b *breach) customs(day int32) {
	o := anyOf[*types.RecordOrder](b)
	if o == nil {
		return
	}
	if d := anyOf[*types.RecordCustomsEvent](b); d != nil && b.rng.Intn(2) == 0 {
		b.tell("customs", &types.RecordCustomsEvent{
			Id: b.next(), Declaration: d.msg.(*types.RecordCustomsEvent).Declaration, Day: b.Today(),
			Event: []types.CustomsEvent{types.CustomsEvent_RELEASED, types.CustomsEvent_DECLARATION_REVOKED}[b.rng.Intn(2)],
		})
		return
	}
	b.tell("customs", &types.RecordCustomsEvent{
		Id: b.next(), Declaration: b.next(), Event: types.CustomsEvent_DECLARED, Day: day, Mode: "0110",
		Order: o.signer + "/" + o.msg.(*types.RecordOrder).Id, Declarant: seller, Export: true, Currency: "CNY", ValueMinor: 5,
	})
}

func (b *breach) money(day int32) {
	s := anyOf[*types.IssueReceivable](b)
	if s == nil {
		return
	}
	m := s.msg.(*types.IssueReceivable)
	id := m.Seller + "/" + m.Id
	r := b.owed(id)
	open := m.AmountMinor - r.SettledMinor
	if open == 0 {
		return
	}
	amount := open
	if b.rng.Intn(2) == 0 {
		amount = 1 + b.rng.Int63n(open)
	}
	p := b.payment(day, &types.Allocation{Receivable: id, AmountMinor: amount})
	signer := []string{"bank-a", "bank-b", "shop"}[b.rng.Intn(3)]
	if signer == "shop" {
		p.Channel = types.Channel_ESCROW
	}
	if b.tell(signer, p) && signer == "bank-a" && b.rng.Intn(3) == 0 {
		other := *p
		other.Side, other.Allocations = types.SettlementSide_DEBTOR, nil
		b.tell("bank-b", &other)
	}
}

func (b *breach) verdict(day int32) {
	id := b.next()
	b.ok(seller, &types.AnchorDocument{
		Id: id, Subject: seller, Type: "380", Commitment: digest(id), Fields: 3, IssueDay: b.Today() - 60,
	})
	b.tell([]string{"tax", "verifier"}[b.rng.Intn(2)], &types.VerifyDocument{
		Document: seller + "/" + id, Verdict: types.Verdict(1 + b.rng.Intn(5)), Method: types.VerdictMethod_ORIGINAL_SEEN,
		Day: day, Commitment: digest(id), CheckDigest: digest("check"),
	})
}

// Random lives in which keys are lost, marks are moved back, and some of what they signed is confirmed again: exactly
// what should fall falls, and the sums follow it.
func TestRandomCompromise(t *testing.T) {
	done := map[string]int{}
	for seed := range int64(12) {
		b := newBreach(t, seed)
		for step := range 220 {
			switch n := b.rng.Intn(40); {
			case n == 0:
				who := tradeMembers[b.rng.Intn(len(tradeMembers))].id
				if b.rng.Intn(5) == 0 {
					who = seller
				}
				b.mark(who, b.keys[who], b.Unix-b.rng.Int63n(20*secondsADay))
			case n == 1 && len(b.marks) > 0:
				m := b.marks[b.rng.Intn(len(b.marks))]
				b.mark(m.holder, m.key, m.since-b.rng.Int63n(9*secondsADay))
			case n < 8 && len(b.said) > 0:
				b.repeat(b.said[b.rng.Intn(len(b.said))])
			case n < 16:
				b.pass(b.rng.Int63n(2 * secondsADay))
			default:
				b.one()
			}
			if step%20 == 0 {
				b.requireAll()
			}
		}
		for range 8 {
			b.pass(5 * secondsADay)
			b.requireAll()
		}
		for _, s := range b.said {
			b.repeat(s)
		}
		for _, p := range b.all {
			done[p.entry.Kind.String()]++
		}
		for what, n := range b.done {
			done[what] += n
		}
		require.NoError(t, b.Scan(string(types.Dues), func(key string, value []byte) error {
			var due types.Due
			require.NoError(t, due.Unmarshal(value))
			require.NotEqual(t, types.DueKind_DUE_COMPROMISE, due.Kind, key)
			return nil
		}))
	}
	for _, what := range []string{
		"marks", "confirmed again", "fell *types.RecordOrder", "fell *types.RecordLogisticsEvent", "fell *types.RecordCustomsEvent",
		"fell *types.IssueReceivable", "fell *types.RecordSettlement", "fell *types.VerifyDocument", "fell *types.PublishFixing",
		"ENTRY_EVIDENCE_LOST", "ENTRY_CUSTOMS_EXCLUDED", "ENTRY_VERDICT_EXCLUDED", "ENTRY_PAID_EXCLUDED", "ENTRY_LEGS_LOST",
		"ENTRY_OBLIGATION_REVERSED",
	} {
		require.Positive(t, done[what], what)
	}
}

// A sweep over many records does a bounded amount a block, goes on where it stopped, and needs nothing but the state: a
// node that is started anew in between comes to the same.
func TestSweepIsBounded(t *testing.T) {
	const records, covered = 5000, 1500
	b := newBreach(t, 1)
	order := b.record("shop", buyer, seller)
	for i := range records {
		if i == records-covered {
			b.Unix++
		}
		b.move("carrier", order, types.LogisticsEvent_IN_TRANSIT, tradeDay)
	}
	b.mark("carrier", "k0", b.Unix)
	start := b.Unix + confirmAgainS

	dir := t.TempDir()
	db, err := state.Open(dir, state.Options{CheckpointEvery: -1})
	require.NoError(t, err)
	view := db.View()
	batch := state.NewBatch(view)
	copyState(t, b.Batch, batch)
	commit := func(height int64) {
		staged, err := db.Stage(height, batch)
		require.NoError(t, err)
		require.NoError(t, db.Apply(staged))
		require.NoError(t, view.Close())
	}
	commit(1)
	height, fallen := int64(2), 0
	for ; fallen < covered; height++ {
		require.LessOrEqual(t, height, int64(2+(records+2*covered)/(sweepWork-2)), "it comes to an end")
		running := beginBlock(t, b.Batch, b.Prev, height, start+height)
		if height%8 == 0 {
			require.NoError(t, db.Close())
			db, err = state.Open(dir, state.Options{CheckpointEvery: -1})
			require.NoError(t, err)
		}
		view = db.View()
		batch = state.NewBatch(view)
		require.Equal(t, running, beginBlock(t, batch, view, height, start+height))
		require.Greater(t, running, 0)
		require.LessOrEqual(t, running, sweepWork+2)
		commit(height)
		fallen = countFallen(t, b.Batch)
	}
	require.Equal(t, covered, fallen)
	view = db.View()
	require.Equal(t, allOf(t, b.Batch), allOf(t, view))
	require.NoError(t, view.Close())
	require.NoError(t, db.Close())
}

// beginBlock begins a block on a batch, and tells what its sweeps did.
func beginBlock(t *testing.T, batch *state.Batch, prev state.Reader, height, unix int64) int {
	block, err := NewBlock(batch, prev, height, unix)
	require.NoError(t, err)
	stats, err := block.Begin()
	require.NoError(t, err)
	require.Zero(t, stats.Bad)
	return block.swept
}

// allOf is a whole state but for the rows of logs, whose roots it holds.
func allOf(t *testing.T, r state.Reader) map[string]string {
	all := map[string]string{}
	require.NoError(t, r.Scan("", func(key string, value []byte) error {
		all[key] = string(value)
		return nil
	}))
	return all
}

// copyState puts everything that a batch holds into another one.
func copyState(t *testing.T, from, to *state.Batch) {
	require.NoError(t, from.Scan("", func(key string, value []byte) error {
		to.Set(key, bytes.Clone(value))
		subject, ok := strings.CutPrefix(key, string(types.Subjects))
		if !ok {
			return nil
		}
		var head types.SubjectHead
		require.NoError(t, head.Unmarshal(value))
		for n := range head.Entries {
			row, err := from.Entry(types.EntryLog(subject), n)
			require.NoError(t, err)
			to.Append(types.EntryLog(subject), n, row)
		}
		return nil
	}))
}

func countFallen(t *testing.T, r state.Reader) (n int) {
	require.NoError(t, r.Scan(string(types.Movements), func(_ string, value []byte) error {
		var v types.Movement
		require.NoError(t, v.Unmarshal(value))
		if v.Provenance.Fallen {
			n++
		}
		return nil
	}))
	return n
}

// A record that contradicts other rows is named in the year 9999, and the sweep goes on.
func TestSweepOverABadRecord(t *testing.T) {
	b := newBreach(t, 1)
	order := b.record("shop", buyer, seller)
	for range 3 {
		b.move("carrier", order, types.LogisticsEvent_IN_TRANSIT, tradeDay)
	}
	alterIn := func(id string, change func(*types.Movement)) {
		v := must(state.Get(b, types.MovementKey(id)))
		change(v)
		require.NoError(t, state.Set(b, types.MovementKey(id), v))
	}
	alterIn("carrier/n3", func(v *types.Movement) { v.SellerEntry = 1000 })
	b.mark("carrier", "k0", b.Unix)
	b.Unix += confirmAgainS
	b.settle()
	for id, want := range map[string]bool{"carrier/n2": true, "carrier/n3": false, "carrier/n4": true} {
		require.Equal(t, want, must(state.Get(b, types.MovementKey(id))).Provenance.Fallen, id)
	}
	stuck := 0
	require.NoError(t, b.Scan(string(types.Dues), func(key string, value []byte) error {
		var due types.Due
		require.NoError(t, due.Unmarshal(value))
		if due.Kind == types.DueKind_DUE_COMPROMISE {
			require.EqualValues(t, dueParkedUnix, dueUnix(key))
			require.Equal(t, "movement/carrier/n3", due.Cursor)
			stuck++
		}
		return nil
	}))
	require.Equal(t, 1, stuck)
}
