package score

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// facts of a vector: testdata/vectors.json says what they mean.
type vectorFacts struct {
	Parts, Received, Orders, Receivables, Credited []fact
	Open, Undelivered, Uncollected                 []fact
	Deliveries, Collections, Verdicts, Events      []fact
	FirstDayAgo                                    *int32      `json:"first_day_ago"`
	Adverse                                        [][4]string // record, kind, day, end
}

type fact struct {
	To, From, With, Member string
	Minor                  int64
	Dbt, Back, Past        int32
	N                      *int64
	Settles                *int64
	Touched, Unsigned      bool
	OnTime                 bool `json:"on_time"`
	InTime                 bool `json:"in_time"`
	Legs, Adverse, Late    int64
	AboveSelf              *int64 `json:"above_self"`
	Weight                 int64
}

func or(v *int64, otherwise int64) int64 {
	if v == nil {
		return otherwise
	}
	return *v
}

// world is a state in memory, filled with the sums of one subject.
type world struct {
	t       *testing.T
	subject string
	day     int32
	head    types.SubjectHead
	marks   types.AdverseMarks
	months  map[int32]*types.MonthSum
	pairs   map[string]*types.PairSum
	rows    map[string][]byte
	gets    int // rows read
}

func newWorld(t *testing.T, subject string, day int32, f *vectorFacts) *world {
	w := &world{t: t, subject: subject, day: day, months: map[int32]*types.MonthSum{}, pairs: map[string]*types.PairSum{}}
	w.debtor(f)
	w.seller(f)
	w.both(f)
	w.adverse(f)
	w.store()
	return w
}

func (w *world) month(back int32) *types.MonthSum { return w.monthOf(types.MonthOf(w.day) - back) }

func (w *world) monthOf(month int32) *types.MonthSum {
	if w.months[month] == nil {
		w.months[month] = &types.MonthSum{}
	}
	return w.months[month]
}

// pair changes what the subject and a counterparty did in a month.
func (w *world) pair(name string, back int32, change func(p *types.PairSum, m *types.PairMonth, subjectIsA bool)) {
	id := "CC:x:" + name
	if w.pairs[id] == nil {
		w.pairs[id] = &types.PairSum{}
	}
	p, month := w.pairs[id], types.MonthOf(w.day)-back
	i, ok := slices.BinarySearchFunc(p.Months, month, func(m *types.PairMonth, month int32) int { return int(m.Month - month) })
	if !ok {
		p.Months = slices.Insert(p.Months, i, &types.PairMonth{Month: month})
	}
	change(p, p.Months[i], w.subject < id)
}

func (w *world) times128(hi, lo *uint64, minor int64, p int32) {
	sum, err := types.Uint128{Hi: *hi, Lo: *lo}.AddMul(minor, int64(p))
	require.NoError(w.t, err)
	*hi, *lo = sum.Hi, sum.Lo
}

func (w *world) debtor(f *vectorFacts) {
	for _, x := range f.Parts {
		for range or(x.N, 1) {
			m, p := w.month(x.Back), PartScore(x.Dbt)
			m.ClosedMinor += x.Minor
			w.times128(&m.ClosedApHi, &m.ClosedApLo, x.Minor, p)
			if m.ClosedByDbt == nil {
				m.ClosedByDbt = make([]int64, Classes)
			}
			m.ClosedByDbt[DBTClass(x.Dbt)] += x.Minor
			m.Experiences += or(x.Settles, 1)
			w.pair(x.To, x.Back, func(s *types.PairSum, m *types.PairMonth, subjectIsA bool) {
				if subjectIsA {
					s.LifetimeAb += x.Minor
					m.ClosedAb += x.Minor
					w.times128(&m.ApAbHi, &m.ApAbLo, x.Minor, p)
				} else {
					s.LifetimeBa += x.Minor
					m.ClosedBa += x.Minor
					w.times128(&m.ApBaHi, &m.ApBaLo, x.Minor, p)
				}
			})
		}
	}
	for _, x := range f.Open {
		n, due := or(x.N, 1), w.day-x.Past
		o := types.OpenDay{Day: due, Minor: n * x.Minor, Items: n}
		if !x.Touched {
			o.Untouched = n
		}
		m := w.monthOf(types.MonthOf(due))
		m.Open = append(m.Open, &o)
		w.head.OpenMinor += o.Minor
		w.head.OpenObligations += n
	}
}

func (w *world) seller(f *vectorFacts) {
	for _, x := range f.Received {
		w.pair(x.From, x.Back, func(s *types.PairSum, m *types.PairMonth, subjectIsA bool) {
			if subjectIsA {
				s.LifetimeBa += x.Minor
				m.ClosedBa += x.Minor
			} else {
				s.LifetimeAb += x.Minor
				m.ClosedAb += x.Minor
			}
		})
	}
	for _, x := range f.Receivables {
		m := w.month(x.Back)
		m.Receivables += *x.N
		m.ReceivablesLegs += x.Legs
		m.InvoicedMinor += x.Minor
	}
	for _, x := range f.Credited {
		w.month(x.Back).CreditedMinor += x.Minor
	}
	for _, x := range f.Deliveries {
		m := w.month(x.Back)
		if x.OnTime {
			m.DeliveredOnTime += *x.N
		} else {
			m.DeliveredLate += *x.N
		}
		if !x.Unsigned {
			m.Fulfilled += *x.N
		}
	}
	for _, x := range f.Undelivered {
		m := w.monthOf(types.MonthOf(w.day - x.Past))
		m.Promised = append(m.Promised, &types.OpenDay{Day: w.day - x.Past, Items: *x.N})
	}
	for _, x := range f.Collections {
		if x.InTime {
			w.month(x.Back).CollectedInTime += *x.N
		} else {
			w.month(x.Back).CollectedLate += *x.N
		}
	}
	for _, x := range f.Uncollected {
		m := w.monthOf(types.MonthOf(w.day - x.Past))
		m.ToCollect = append(m.ToCollect, &types.OpenDay{Day: w.day - x.Past, Minor: 1, Items: *x.N})
	}
}

func (w *world) both(f *vectorFacts) {
	for _, x := range f.Orders {
		w.pair(x.With, x.Back, func(s *types.PairSum, m *types.PairMonth, _ bool) {
			s.LifetimeOrdered += or(x.N, 1) * x.Minor
			m.Ordered += or(x.N, 1) * x.Minor
		})
	}
	for _, x := range f.Verdicts {
		w.month(x.Back).Verdicts += *x.N
		w.month(x.Back).AdverseVerdicts += x.Adverse
	}
	for _, x := range f.Events {
		m, n := w.month(x.Back), or(x.N, 1)
		m.Events += n
		m.LateEvents += x.Late
		m.AboveSelf += or(x.AboveSelf, n)
		if x.Member != "" {
			m.Members = append(m.Members, &types.MemberSum{Member: x.Member, Events: n, WeightMinor: x.Weight})
		}
	}
	ago := int32(400)
	if f.FirstDayAgo != nil {
		ago = *f.FirstDayAgo
	}
	if ago >= 0 {
		w.head.FirstDay = w.day - ago
	}
}

func (w *world) adverse(f *vectorFacts) {
	for _, x := range f.Adverse {
		kind, ok := types.AdverseKind_value[x[1]]
		require.True(w.t, ok, x[1])
		m := &types.AdverseMark{Record: x[0], Kind: types.AdverseKind(kind), Day: day(w.t, x[2])}
		if x[3] != "" {
			m.EndDay = day(w.t, x[3])
		}
		w.marks.Marks = append(w.marks.Marks, m)
	}
}

type encodes interface{ Marshal() ([]byte, error) }

func (w *world) put(key string, v encodes) {
	b, err := v.Marshal()
	require.NoError(w.t, err)
	if len(b) > 0 {
		w.rows[key] = b
	}
}

func (w *world) store() {
	w.rows = map[string][]byte{}
	w.put(string(types.SubjectKey(w.subject)), &w.head)
	w.put(string(types.AdverseMarksKey(w.subject)), &w.marks)
	for month, m := range w.months {
		w.put(string(types.MonthKey(w.subject, month)), m)
	}
	for id, p := range w.pairs {
		w.put(string(types.PairKey(w.subject, id)), p)
		paid := p.LifetimeBa
		if w.subject < id {
			paid = p.LifetimeAb
		}
		for d, amount := range map[types.Dimension]int64{
			types.RankPaid: paid, types.RankTraded: p.LifetimeAb + p.LifetimeBa, types.RankOrdered: p.LifetimeOrdered,
		} {
			if amount > 0 {
				w.rows[string(types.RankKey(w.subject, d, amount, id))] = []byte{1}
			}
		}
	}
	// Neighbours that must not be read.
	w.rows[string(types.RankKey(w.subject+"0", types.RankPaid, 1, "CC:x:q"))] = []byte{1}
	w.rows[string(types.RankKey("CC:x:0", types.RankPaid, 1, w.subject))] = []byte{1}
}

func (w *world) get(key string) ([]byte, error) {
	w.gets++
	return w.rows[key], nil
}

func (w *world) scan(prefix string, fn func(key string, value []byte) error) error {
	var keys []string
	for key := range w.rows {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	for _, key := range keys {
		w.gets++
		if err := fn(key, w.rows[key]); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) load() *Rows {
	r, err := Load(w.get, w.scan, w.subject, w.day)
	require.NoError(w.t, err)
	return r
}

// A score reads about a hundred rows: the head, the marks, 48 months, three rankings of 32 and their pairs.
func TestLoadIsBounded(t *testing.T) {
	f := vectorFacts{}
	for i := range 500 {
		f.Parts = append(f.Parts, fact{To: fmt.Sprintf("p%03d", i), Minor: 7, Back: int32(i % 60)})
		f.Received = append(f.Received, fact{From: fmt.Sprintf("r%03d", i), Minor: 9, Back: int32(i % 60)})
		f.Orders = append(f.Orders, fact{With: fmt.Sprintf("o%03d", i), Minor: 11, Back: int32(i % 60)})
	}
	w := newWorld(t, "CC:x:m", 20000, &f)
	r := w.load()
	require.Len(t, r.Paid, Ranked)
	require.Len(t, r.Traded, Ranked)
	require.Len(t, r.Ordered, Ranked)
	require.Len(t, r.Pairs, 3*Ranked)
	require.Len(t, r.Months, WindowMonths)
	require.LessOrEqual(t, w.gets, 2+WindowMonths+AheadMonths+6*Ranked)
	require.Equal(t, "CC:x:p000", r.Paid[0])
}

// The digest depends on every row that was read and on nothing else.
func TestDigest(t *testing.T) {
	n := int64(1)
	f := vectorFacts{
		Parts: []fact{{To: "B", Minor: 5}, {To: "z", Minor: 7, Back: 3}}, Orders: []fact{{With: "C", Minor: 3}},
		Adverse:  [][4]string{{"m/1", "LOAN_DEFAULT", "2020-01-01", ""}},
		Verdicts: []fact{{N: &n, Back: 23}, {N: &n, Back: -24}, {N: &n, Back: 24}, {N: &n, Back: -25}},
	}
	w := newWorld(t, "CC:x:m", 20000, &f)
	digest := w.load().Digest()
	require.Equal(t, digest, w.load().Digest())
	require.Equal(t, types.Hash(sha256.Sum256([]byte("tradecredit/v1/score-inputs\x00"))), new(Rows).Digest())
	one := Rows{read: []row{{"b", []byte{7}}, {"a", []byte("xyz")}}}
	require.Equal(t, types.Hash(sha256.Sum256([]byte("tradecredit/v1/score-inputs\x00"+
		"\x00\x00\x00\x01a\x00\x00\x00\x03xyz\x00\x00\x00\x01b\x00\x00\x00\x01\x07"))), one.Digest())
	read := 0
	for key, value := range w.rows {
		w.rows[key] = slices.Concat(value, []byte{0xf8, 0x3f, 1}) // an unknown field
		if w.load().Digest() != digest {
			read++
		}
		w.rows[key] = value
	}
	require.Equal(t, digest, w.load().Digest())
	// Head, marks, months 23 back, 3 back, now and 24 ahead, seven places and three pairs; not months 24 back and 25 ahead,
	// not the places of others.
	require.Equal(t, 2+4+5+3, read)
	require.Len(t, w.rows, read+4)
}

func TestLoadRefuses(t *testing.T) {
	f := vectorFacts{Parts: []fact{{To: "B", Minor: 5}}}
	for name, spoil := range map[string]func(w *world){
		"head that does not decode":  func(w *world) { w.rows[string(types.SubjectKey(w.subject))] = []byte{0xff} },
		"month that does not decode": func(w *world) { w.rows[string(types.MonthKey(w.subject, types.MonthOf(w.day)))] = []byte{0xff} },
		"marks that do not decode":   func(w *world) { w.rows[string(types.AdverseMarksKey(w.subject))] = []byte{0xff} },
		"pair that is missing":       func(w *world) { delete(w.rows, string(types.PairKey(w.subject, "CC:x:B"))) },
		"place that is none":         func(w *world) { w.rows[string(types.RankPrefix(w.subject, types.RankOrdered))+"x"] = []byte{1} },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "CC:x:m", 20000, &f)
			spoil(w)
			_, err := Load(w.get, w.scan, w.subject, w.day)
			require.ErrorIs(t, err, types.Refuse(types.Code_inconsistent_state, ""))
		})
	}
	t.Run("store that fails", func(t *testing.T) {
		w := newWorld(t, "CC:x:m", 20000, &f)
		broken := fmt.Errorf("disk")
		_, err := Load(func(string) ([]byte, error) { return nil, broken }, w.scan, w.subject, w.day)
		require.ErrorIs(t, err, broken)
		_, err = Load(w.get, func(string, func(string, []byte) error) error { return broken }, w.subject, w.day)
		require.ErrorIs(t, err, broken)
	})
}
