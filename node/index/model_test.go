package index

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// model is a state as a map, with a history that is a function of its seed.
type model struct {
	rng    *rand.Rand
	height int64
	state  map[string]string
}

func newModel(seed uint64) *model {
	return &model{rng: rand.New(rand.NewPCG(seed, 7)), state: map[string]string{}}
}

func (m *model) pick(from ...string) string { return from[m.rng.IntN(len(from))] }

func (m *model) member() string {
	return m.pick("bank-a", "bank-b", "platform-1", "customs-1", "carrier-1")
}

func (m *model) subject() string {
	return m.pick("USCC:91350100M000100Y43", "XX:REG:1", "XX:REG:10", "XX:REG:2", "LEI:5493001KJTIIGC8Y1R12")
}

func (m *model) source() string   { return m.pick("A", "B", "C", "AA", "A.1", "Z-9", "0") }
func (m *model) recordID() string { return m.member() + "/" + m.source() }

func (m *model) provenance() *types.Provenance {
	p := &types.Provenance{Signer: m.member(), Height: m.height, Evidence: types.Evidence_SOURCE_SIGNED}
	if m.rng.IntN(5) == 0 {
		p.Signer = m.subject()
	}
	return p
}

// day is often the same one, sometimes far away.
func (m *model) day() int32 {
	switch m.rng.IntN(10) {
	case 0:
		return 0
	case 1:
		return -5
	}
	return 20000 + int32(m.rng.IntN(8))
}

// record makes one record of a kind, with an id that may be in use.
func (m *model) record(kind string) (id string, r interface{ Marshal() ([]byte, error) }) {
	id = m.recordID()
	signer, _, _ := strings.Cut(id, "/")
	p := m.provenance()
	if m.rng.IntN(2) == 0 {
		p.Signer = signer
	}
	order := m.pick("", m.recordID())
	state := int32(1 + m.rng.IntN(4))
	switch kind {
	case "member":
		id = m.member()
		return id, &types.Member{Id: id, Status: types.MemberStatus(1 + m.rng.IntN(2)), AdmittedHeight: m.height / 3}
	case "key":
		holder := m.pick(m.member(), m.subject())
		return holder + "/k1", &types.KeyRecord{Holder: holder, Id: "k1", Status: types.KeyStatus(1 + m.rng.IntN(2))}
	case "proposal":
		return id, &types.Proposal{Id: id, Provenance: p, Status: types.ProposalStatus(state), Proposal: &types.Propose{
			Id: "p", Action: &types.Propose_Suspend{Suspend: &types.Suspend{Member: m.member()}}}}
	case "enterprise":
		return m.subject(), &types.Enterprise{Provenance: p, Status: types.EnterpriseStatus(1 + m.rng.IntN(3))}
	case "delegation":
		s, d := m.subject(), m.member()
		return s + "/" + d, &types.Delegation{Subject: s, Provenance: p, Status: types.DelegationStatus(1 + m.rng.IntN(3)),
			Mandate: &types.Mandate{Delegate: d, UntilDay: m.day()}}
	case "order":
		return id, &types.Order{Provenance: p, Status: types.OrderStatus(state), Order: &types.RecordOrder{Buyer: m.subject(), Seller: m.subject()}}
	case "movement":
		return id, &types.Movement{Provenance: p, Event: &types.RecordLogisticsEvent{Order: order}}
	case "declaration":
		return id, &types.Declaration{Provenance: p, Status: types.DeclarationStatus(state), Declarant: m.subject(), Order: order}
	case "customs-event":
		return id, &types.CustomsRecord{Provenance: p, Event: &types.RecordCustomsEvent{Order: order, Declaration: m.source()}}
	case "document":
		return id, &types.Document{Provenance: p, Status: types.DocumentStatus(state), Document: &types.AnchorDocument{
			Subject: m.subject(), Issuer: m.pick("", m.member(), m.subject()), ValidUntilDay: m.day(), Object: m.pick("", "order/"+m.recordID())}}
	case "receivable":
		return id, &types.Receivable{Provenance: p, Status: types.ReceivableStatus(state), Receivable: &types.IssueReceivable{
			Seller: m.subject(), Debtor: m.subject(), DueDay: m.day(), Order: order}}
	case "settlement":
		s := &types.Settlement{CreditorSide: p, Payer: m.subject(), Payee: m.subject(), Reversed: m.rng.IntN(3) == 0}
		if m.rng.IntN(2) == 0 {
			s.DebtorSide = &types.Provenance{Signer: m.member(), Height: m.height / 2}
		}
		for range m.rng.IntN(3) {
			s.Parts = append(s.Parts, &types.Part{Receivable: m.recordID()})
		}
		return fmt.Sprintf("%064x", m.rng.IntN(20)), s
	case "fixing":
		return "USD/020000", &types.Fixing{Provenance: p, Day: 20000}
	case "consent":
		return id, &types.Consent{Provenance: p, Status: types.ConsentStatus(state), Subject: m.subject(),
			Consent: &types.GrantConsent{Grantee: m.member(), UntilDay: m.day()}}
	case "receipt":
		return id, &types.Receipt{Id: id, Subject: m.subject(), Height: m.height}
	case "model":
		return "expert-" + m.source(), &types.Model{Id: "x"}
	}
	if r := m.paper(kind, order, p); r != nil {
		return id, r
	}
	if r := m.right(kind, p); r != nil {
		return id, r
	}
	panic(kind)
}

// block changes some records, and things that are none.
func (m *model) block(t testing.TB) []types.Change {
	m.height++
	changed := map[string][]byte{}
	if m.height == 1 {
		changed["chain"] = []byte("the chain")
	}
	for range m.rng.IntN(12) {
		k := kinds[m.rng.IntN(len(kinds))]
		id, r := m.record(k.name)
		value, err := r.Marshal()
		require.NoError(t, err)
		require.NotEmpty(t, value)
		changed[k.prefix()+id] = value
	}
	present := slices.Sorted(maps.Keys(m.state))
	for range m.rng.IntN(4) { // deletions, of what is not there too
		key := "order/" + m.recordID()
		if len(present) > 0 && m.rng.IntN(4) > 0 {
			key = m.pick(present...)
		}
		if key != "chain" {
			changed[key] = nil
		}
	}
	for _, other := range []string{"subject/XX:REG:1", "month/XX:REG:1/24300", "due/00000000000000000001/1/x", "public-key/00", "usage/bank-a", "parameters"} {
		if m.rng.IntN(3) == 0 {
			changed[other] = []byte("no record")
		}
	}
	var out []types.Change
	for _, key := range slices.Sorted(maps.Keys(changed)) {
		out = append(out, types.Change{Key: key, Value: changed[key]})
		if changed[key] == nil {
			delete(m.state, key)
		} else {
			m.state[key] = string(changed[key])
		}
	}
	return out
}

// follow gives the next block to an index.
func (m *model) follow(t testing.TB, x *Index) {
	changes := m.block(t)
	require.NoError(t, x.Apply(m.height, changes))
}

// scan is the state's Scan.
func (m *model) scan(prefix string, visit func(string, []byte) error) error {
	for _, key := range slices.Sorted(maps.Keys(m.state)) {
		if strings.HasPrefix(key, prefix) {
			value := []byte(m.state[key])
			if err := visit(key, value); err != nil {
				return err
			}
			clear(value) // it is only lent
		}
	}
	return nil
}

// place is one record in one list, as the specification has it.
type place struct {
	value  string // of the list
	height int64
	day    int32
	key    string
}

// lists says, apart from the code under test, what is on the lists of a kind by something.
func (m *model) lists(t testing.TB, kind, by string) []place {
	var out []place
	for key, raw := range m.state {
		if !strings.HasPrefix(key, kind+"/") {
			continue
		}
		for _, p := range placesOf(t, kind, by, key, []byte(raw)) {
			p.key = key
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	slices.SortFunc(out, func(a, b place) int {
		if by == "due" || by == "outstanding" || by == "until" {
			return cmp.Or(cmp.Compare(a.day, b.day), -cmp.Compare(a.height, b.height), cmp.Compare(a.key, b.key))
		}
		if by == "all" {
			return cmp.Compare(a.key, b.key)
		}
		return cmp.Or(-cmp.Compare(a.height, b.height), cmp.Compare(a.key, b.key))
	})
	return out
}

func decoded[R interface{ Unmarshal([]byte) error }](t testing.TB, r R, raw []byte) R {
	require.NoError(t, r.Unmarshal(raw))
	return r
}

// side is what the naive model knows of a record.
type side struct {
	height                                     int64
	signers, parties, objects, grantee, status []string
	due, outstanding, until                    []int32
}

func placesOf(t testing.TB, kind, by, key string, raw []byte) []place {
	s := sideOf(t, kind, key, raw)
	texts := map[string][]string{"all": {""}, "signer": s.signers, "subject": s.parties, "object": s.objects, "grantee": s.grantee, "status": s.status}
	var out []place
	for _, v := range texts[by] {
		if v != "" || by == "all" {
			out = append(out, place{value: v, height: s.height})
		}
	}
	for _, d := range map[string][]int32{"due": s.due, "outstanding": s.outstanding, "until": s.until}[by] {
		out = append(out, place{height: s.height, day: d})
	}
	return out
}

func sideOf(t testing.TB, kind, key string, raw []byte) (s side) {
	provenance := func(p *types.Provenance) { s.height, s.signers = p.Height, []string{p.Signer} }
	order := func(id string) {
		if id != "" {
			s.objects = append(s.objects, "order/"+id)
		}
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(key, kind+"/"), "/")
	switch kind {
	case "member":
		r := decoded(t, new(types.Member), raw)
		s.height, s.status = r.AdmittedHeight, []string{r.Status.String()}
	case "key":
		r := decoded(t, new(types.KeyRecord), raw)
		s.parties, s.status = []string{r.Holder}, []string{r.Status.String()}
	case "proposal":
		r := decoded(t, new(types.Proposal), raw)
		provenance(r.Provenance)
		s.parties, s.status = []string{r.Proposal.GetSuspend().Member}, []string{r.Status.String()}
	case "enterprise":
		r := decoded(t, new(types.Enterprise), raw)
		provenance(r.Provenance)
		s.status = []string{r.Status.String()}
	case "delegation":
		r := decoded(t, new(types.Delegation), raw)
		provenance(r.Provenance)
		s.parties, s.status, s.grantee, s.until = []string{r.Subject}, []string{r.Status.String()}, []string{r.Mandate.Delegate}, []int32{r.Mandate.UntilDay}
	case "order":
		r := decoded(t, new(types.Order), raw)
		provenance(r.Provenance)
		s.parties, s.status = []string{r.Order.Buyer, r.Order.Seller}, []string{r.Status.String()}
	case "movement":
		r := decoded(t, new(types.Movement), raw)
		provenance(r.Provenance)
		order(r.Event.Order)
	case "declaration":
		r := decoded(t, new(types.Declaration), raw)
		provenance(r.Provenance)
		order(r.Order)
		s.parties, s.status = []string{r.Declarant}, []string{r.Status.String()}
	case "customs-event":
		r := decoded(t, new(types.CustomsRecord), raw)
		provenance(r.Provenance)
		order(r.Event.Order)
		s.objects = append(s.objects, "declaration/"+first+"/"+r.Event.Declaration)
	case "document":
		r := decoded(t, new(types.Document), raw)
		provenance(r.Provenance)
		s.parties, s.status, s.objects = []string{r.Document.Subject, r.Document.Issuer}, []string{r.Status.String()}, []string{r.Document.Object}
		if r.Document.ValidUntilDay != 0 {
			s.until = []int32{r.Document.ValidUntilDay}
		}
	case "receivable":
		r := decoded(t, new(types.Receivable), raw)
		provenance(r.Provenance)
		order(r.Receivable.Order)
		s.parties, s.status = []string{r.Receivable.Seller, r.Receivable.Debtor}, []string{r.Status.String()}
		s.due = []int32{r.Receivable.DueDay}
		if r.Status <= types.ReceivableStatus_PARTLY_SETTLED {
			s.outstanding = s.due
		}
	case "settlement":
		r := decoded(t, new(types.Settlement), raw)
		provenance(r.CreditorSide)
		if d := r.DebtorSide; d != nil {
			s.signers = append(s.signers, d.Signer)
			s.height = min(s.height, d.Height)
		}
		s.parties, s.status = []string{r.Payer, r.Payee}, []string{map[bool]string{false: "STANDING", true: "REVERSED"}[r.Reversed]}
		for _, p := range r.Parts {
			s.objects = append(s.objects, "receivable/"+p.Receivable)
		}
	case "fixing":
		provenance(decoded(t, new(types.Fixing), raw).Provenance)
	case "consent":
		r := decoded(t, new(types.Consent), raw)
		provenance(r.Provenance)
		s.parties, s.status, s.grantee, s.until = []string{r.Subject}, []string{r.Status.String()}, []string{r.Consent.Grantee}, []int32{r.Consent.UntilDay}
	case "receipt":
		r := decoded(t, new(types.Receipt), raw)
		s.height, s.signers, s.parties = r.Height, []string{first}, []string{r.Subject}
	case "model":
	default:
		p, more, ok := paperSide(t, kind, raw)
		if !ok {
			p, more, ok = rightSide(t, kind, raw)
		}
		if !ok {
			t.Fatal(kind)
		}
		s = more
		provenance(p)
	}
	return s
}

// pages reads a whole list.
func pages(t testing.TB, x *Index, q Query) (keys []string, rows []Row) {
	t.Helper()
	for n := 0; ; n++ {
		require.Less(t, n, 10000)
		p, err := x.List(q)
		require.NoError(t, err, "%+v", q)
		require.False(t, p.Proved)
		require.Equal(t, x.Height(), p.Height)
		require.LessOrEqual(t, len(p.Rows), q.Limit)
		for _, r := range p.Rows {
			keys, rows = append(keys, r.Key), append(rows, r)
		}
		if p.Next == "" {
			require.Equal(t, int64(len(keys)), p.Total, "%+v", q)
			return keys, rows
		}
		if x.options.pageTime > 0 {
			require.Len(t, p.Rows, q.Limit, "a page with a next one is full")
		}
		q.After = p.Next
	}
}

// compare demands that every list of the index is what the model says, and gives the number of rows seen.
func (m *model) compare(t testing.TB, x *Index) (seen int) {
	t.Helper()
	require.Equal(t, m.height, x.Height())
	for _, kind := range Kinds() {
		for _, by := range Bys(kind) {
			places := m.lists(t, kind, by)
			byList := map[string][]string{}
			for _, p := range places {
				v := p.value
				if by == "due" || by == "outstanding" || by == "until" {
					v = types.FormatDay(p.day)
				}
				byList[v] = append(byList[v], p.key)
			}
			for v, want := range byList {
				got, _ := pages(t, x, Query{Kind: kind, By: by, Value: v, Limit: 1 + m.rng.IntN(5)})
				require.Equal(t, want, got, "%s by %s %s", kind, by, v)
				seen += len(got)
			}
		}
	}
	m.compareDays(t, x)
	return seen
}

func (m *model) compareDays(t testing.TB, x *Index) {
	for _, q := range []Query{
		{Kind: "receivable", By: "due"}, {Kind: "receivable", By: "outstanding"}, {Kind: "document", By: "until"},
		{Kind: "consent", By: "until"}, {Kind: "delegation", By: "until"},
	} {
		from := 19995 + int32(m.rng.IntN(10))
		to := from + int32(m.rng.IntN(10))
		if m.rng.IntN(4) == 0 {
			from, to = -100, 100
		}
		q.Value, q.Limit = types.FormatDay(from)+".."+types.FormatDay(to), 1+m.rng.IntN(5)
		var want []string
		for _, p := range m.lists(t, q.Kind, q.By) {
			if from <= p.day && p.day <= to {
				want = append(want, p.key)
			}
		}
		got, _ := pages(t, x, q)
		require.Equal(t, want, got, "%+v", q)
	}
}

// dump is every row of the database.
func dump(t testing.TB, x *Index) map[string]string {
	t.Helper()
	it, err := x.disk.NewIter(nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, it.Close()) }()
	out := map[string]string{}
	for ok := it.First(); ok; ok = it.Next() {
		out[string(it.Key())] = string(it.Value())
	}
	return out
}

func open(t testing.TB, fs vfs.FS) *Index {
	t.Helper()
	x, err := Open("index", Options{FS: fs, memTable: 64 << 10, CacheBytes: 1 << 20, pageTime: time.Hour})
	require.NoError(t, err)
	return x
}
