package ledger

import (
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
			fulfilled += m.Fulfilled
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
