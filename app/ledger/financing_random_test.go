package ledger

import (
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

// TestFinancingAtRandom lets an owner, its debtor and two banks do what they like with six receivables, of which some are
// one paper, a declaration and two bills of lading of one trade. Every block is audited (world.audit). In the end
// everything is ended, and no lock is left.
func TestFinancingAtRandom(t *testing.T) {
	seen := map[string]int{} // code of each message
	for seed := range int64(6) {
		g := newGame(t, seed)
		for range 350 {
			g.move()
		}
		g.endAll()
		for what, n := range g.seen {
			seen[what] += n
		}
	}
	for _, what := range []string{
		"reserve_financing ok", "reserve_financing duplicate_financing", "reserve_financing balance_short", "reserve_financing trade_pledged",
		"reserve_financing too_many_reservations", "reserve_financing object_not_owned", "reserve_financing object_not_financeable",
		"reserve_financing offer_not_open", "reserve_financing offer_other_lender",
		"confirm_financing ok", "confirm_financing balance_short", "confirm_financing advance_exceeds_reserved", "confirm_financing financing_state_forbids",
		"cancel_financing ok", "release_financing ok", "record_repayment ok", "record_repayment repayment_exceeds_open",
		"declare_default ok", "declare_default default_too_early", "cure_default ok",
		"notify_assignment ok", "notify_assignment already_assigned", "acknowledge_assignment ok",
		"transfer_control ok", "transfer_control transferable_pledged", "withdraw_offer ok", "record_settlement ok",
		"split_receivable receivable_locked", "split_receivable ok",
	} {
		require.Positive(t, seen[what], "%s never happened: %v", what, seen)
	}
}

// game is a world with the means of a financing in it.
type game struct {
	*world
	rng                *rand.Rand
	seen               map[string]int
	receivables        []string
	offers, financings []string
	lenders            map[string]string // by offer
	n                  int
}

func newGame(t *testing.T, seed int64) *game {
	g := &game{world: newWorld(t, castText, "USD", ""), rng: rand.New(rand.NewSource(seed)), seen: map[string]int{}, lenders: map[string]string{}}
	for _, line := range []string{
		"register_enterprise from=platform subject=DE:HRB:1 district=DE size=SMALL ownership=PRIVATE control_group=one key.id=main key.role=ENTERPRISE",
		"register_enterprise from=platform subject=FR:RCS:2 district=FR size=SMALL ownership=PRIVATE control_group=two key.id=main key.role=ENTERPRISE",
		"confirm_enterprise from=bank-b subject=DE:HRB:1",
		"confirm_enterprise from=bank-b subject=FR:RCS:2",
		"propose from=bank-a id=e1 epoch.epoch=1 epoch.key_check=#k1 epoch.opens_day=D epoch.closes_day=D+900",
		"vote from=bank-b proposal=bank-a/e1 approve",
		"record_order from=platform id=o1 kind=GOODS buyer=FR:RCS:2 seller=DE:HRB:1 order_day=D promised_day=D+30 currency=USD amount_minor=100000 terms_digest=#terms",
		"record_customs_event from=customs id=e1 declaration=d1 event=DECLARED day=D mode=0110 order=platform/o1 declarant=DE:HRB:1 export currency=USD value_minor=90000",
		"record_customs_event from=customs id=e2 declaration=d1 event=RELEASED day=D",
		"issue_transferable from=carrier id=b0 type=705 controller=DE:HRB:1 order=platform/o1 currency=USD amount_minor=30000 issue_day=D commitment=#bill fingerprints.0.epoch=1 fingerprints.0.f1=#b0 fingerprints.0.f2=#b0 fingerprints.0.f3=#b0 fingerprints.0.f4=#ship",
		"issue_transferable from=carrier id=b1 type=705 controller=DE:HRB:1 currency=USD amount_minor=20000 issue_day=D commitment=#bill fingerprints.0.epoch=1 fingerprints.0.f1=#b1 fingerprints.0.f2=#b1 fingerprints.0.f3=#b1",
	} {
		require.Equal(t, "ok", g.say("%s", line), line)
	}
	for i := range 6 {
		order, paper := "", i
		if i < 3 {
			order = " order=platform/o1"
		}
		if i > 3 {
			paper = 3
		}
		id := fmt.Sprintf("r%d", i)
		g.receivables = append(g.receivables, "DE:HRB:1/"+id)
		require.Equal(t, "ok", g.say("issue_receivable from=DE:HRB:1 id=%s%s seller=DE:HRB:1 debtor=FR:RCS:2 type=380 currency=USD amount_minor=%d issue_day=D due_day=D+90 "+
			"commitment=#paper%d fingerprints.0.epoch=1 fingerprints.0.f1=#f1-%d fingerprints.0.f2=#f2-%d fingerprints.0.f3=#f3 fingerprints.0.f4=#ship", id, order, 30000+1000*i, i, paper, i))
	}
	return g
}

// say sends a message as a script writes it, in a block of its own.
func (g *game) say(format string, a ...any) string {
	line := fmt.Sprintf(format, a...)
	name, args, err := datadriven.ParseLine(line)
	require.NoError(g.t, err, line)
	results, _ := g.block([]sent{g.transaction(args, message{name, args})})
	require.NotEqual(g.t, types.Code_inconsistent_state, results[0].Code, "%s: %s", line, results[0].Detail)
	code := results[0].Code.String()
	g.seen[name+" "+code]++
	return code
}

func pick(rng *rand.Rand, list []string) string {
	if len(list) == 0 {
		return "bank-a/none"
	}
	return list[max(len(list)-1-rng.Intn(5), 0)] // one of the last
}

func (g *game) id(letter string) string {
	g.n++
	return fmt.Sprintf("%s%d", letter, g.n)
}

func (g *game) bank() string { return []string{"bank-a", "bank-b"}[g.rng.Intn(2)] }

// lenderOf is the bank that may speak about a financing, mostly.
func (g *game) lenderOf(id string) string {
	if g.rng.Intn(12) == 0 {
		return g.bank()
	}
	return strings.SplitN(id, "/", 2)[0]
}

// move does one thing.
func (g *game) move() {
	f := pick(g.rng, g.financings)
	switch g.rng.Intn(16) {
	case 0, 1, 2:
		g.offer()
	case 3, 4, 5:
		g.reserve()
	case 6, 7:
		g.say("confirm_financing from=%s financing=%s advance_minor=%d day=D due_day=D+%d", g.lenderOf(f), f, g.advance(f), 1+g.rng.Intn(9))
	case 8:
		g.say("cancel_financing from=%s financing=%s reason=1", g.lenderOf(f), f)
	case 9:
		amount := 1 + g.rng.Intn(60000)
		if v := g.financing(f); v != nil && owed(v) > 0 && g.rng.Intn(2) == 0 {
			amount = int(owed(v))
		}
		g.say("record_repayment from=%s id=%s financing=%s amount_minor=%d day=D", g.lenderOf(f), g.id("y"), f, amount)
	case 10:
		reason := []string{"RELEASE_REPAID", "RELEASE_BOUGHT_BACK"}[g.rng.Intn(2)]
		g.say("release_financing from=%s financing=%s reason=%s day=D", g.lenderOf(f), f, reason)
	case 11:
		g.say("declare_default from=%s financing=%s day=D reason=1", g.lenderOf(f), f)
		g.say("cure_default from=%s financing=%s day=D", g.lenderOf(f), f)
	case 12:
		r := g.held(f)
		g.say("notify_assignment from=%s financing=%s receivable=%s day=D notice_digest=#notice", g.lenderOf(f), f, r)
		g.say("acknowledge_assignment from=FR:RCS:2 financing=%s receivable=%s day=D", f, r)
	case 13:
		parties := []string{"DE:HRB:1", "FR:RCS:2"}
		i := g.rng.Intn(2)
		g.say("transfer_control from=%s transferable=carrier/b%d to=%s day=D", parties[i], g.rng.Intn(2), parties[1-i])
	case 14:
		r := g.held(f)
		if g.rng.Intn(4) == 0 {
			a, b := g.id("c"), g.id("c")
			if g.say("split_receivable from=DE:HRB:1 receivable=%s day=D children.0.id=%s children.0.amount_minor=10000 children.1.id=%s children.1.amount_minor=%d", r, a, b, g.open(r)-10000) == "ok" {
				g.receivables = append(g.receivables, "DE:HRB:1/"+a, "DE:HRB:1/"+b)
			}
			return
		}
		g.say("record_settlement from=%s id=#%s side=CREDITOR payer=FR:RCS:2 payee=DE:HRB:1 currency=USD amount_minor=9000 day=D channel=SWIFT stage=SALE allocations.0.receivable=%s allocations.0.amount_minor=%d",
			g.bank(), g.id("s"), r, 1+g.rng.Intn(9000))
	default:
		g.unix += int64(g.rng.Intn(6)) * secondsADay
		g.say("withdraw_offer from=DE:HRB:1 offer=%s", pick(g.rng, append([]string{"DE:HRB:1/none"}, g.offers...)))
	}
}

func (g *game) open(receivable string) int64 {
	view := g.db.View()
	defer func() { require.NoError(g.t, view.Close()) }()
	return openMinor(must(state.Get(view, types.ReceivableKey(receivable))))
}

// held is a receivable of a financing, if it has one, mostly.
func (g *game) held(financing string) string {
	if f := g.financing(financing); f != nil && g.rng.Intn(6) > 0 {
		for _, o := range f.Objects {
			if id, ok := strings.CutPrefix(o.Object, string(types.Receivables)); ok {
				return id
			}
		}
	}
	return g.receivables[g.rng.Intn(len(g.receivables))]
}

func (g *game) financing(id string) *types.Financing {
	view := g.db.View()
	defer func() { require.NoError(g.t, view.Close()) }()
	return must(state.Get(view, types.FinancingKey(id)))
}

// advance is what a lender says that it lent: all, a part, or more than it reserved.
func (g *game) advance(id string) int64 {
	f := g.financing(id)
	if f == nil || g.rng.Intn(8) == 0 {
		return 1 + g.rng.Int63n(90000)
	}
	return f.ReservedMinor - g.rng.Int63n(f.ReservedMinor)/2
}

// offer offers one or two objects.
func (g *game) offer() {
	objects := map[string]int{}
	for range 1 + g.rng.Intn(2) {
		switch g.rng.Intn(9) {
		case 0:
			objects["declaration/customs/d1"] = 1 + g.rng.Intn(90000)
		case 1:
			objects["transferable/carrier/b0"] = 30000
		case 2:
			objects["transferable/carrier/b1"] = 20000
		default:
			objects["receivable/"+g.receivables[g.rng.Intn(len(g.receivables))]] = 1 + g.rng.Intn(31000)
		}
	}
	line, i := "", 0
	for _, object := range slices.Sorted(maps.Keys(objects)) {
		line += fmt.Sprintf(" objects.%d.object=%s objects.%d.amount_minor=%d", i, object, i, objects[object])
		i++
	}
	id, bank := g.id("o"), g.bank()
	if g.say("offer_financing from=DE:HRB:1 id=%s kind=SUPPLY_CHAIN lender=%s until_day=D+%d%s", id, bank, g.rng.Intn(20), line) == "ok" {
		g.offers = append(g.offers, "DE:HRB:1/"+id)
		g.lenders["DE:HRB:1/"+id] = bank
	}
}

func (g *game) reserve() {
	offer := pick(g.rng, append([]string{"DE:HRB:1/none"}, g.offers...))
	id, bank := g.id("f"), g.lenders[offer]
	if bank == "" || g.rng.Intn(12) == 0 {
		bank = g.bank()
	}
	if g.say("reserve_financing from=%s id=%s offer=%s", bank, id, offer) == "ok" {
		g.financings = append(g.financings, bank+"/"+id)
	}
}

// endAll ends every financing that lives; then no lock and no fingerprint is left.
func (g *game) endAll() {
	for _, f := range g.financings {
		bank := strings.SplitN(f, "/", 2)[0]
		g.say("cancel_financing from=%s financing=%s reason=9", bank, f)
		g.say("release_financing from=%s financing=%s reason=RELEASE_REPAID day=D", bank, f)
	}
	view := g.db.View()
	defer func() { require.NoError(g.t, view.Close()) }()
	require.NoError(g.t, each(view, types.Encumbrances, func(object string, e *types.Encumbrance) error {
		require.Empty(g.t, e.Liens, object)
		require.Zero(g.t, e.BaseMinor, object)
		return nil
	}))
	require.NoError(g.t, view.Scan(string(types.Fingerprinted), func(key string, _ []byte) error {
		return fmt.Errorf("%s is left", key)
	}))
}
