package score

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"tradecredit/types"
)

// What a score reads, in months and counterparties.
const (
	WindowMonths = 24 // months 0–23 back from D's month are the window
	AheadMonths  = 24 // obligations fall due at most so many months after D's month
	Ranked       = 32 // counterparties of each ranking that are looked at one by one
)

// ErrStop is what Load returns from the function it gives to scan once it has seen enough. A scan may pass it on to
// Load or swallow it.
var ErrStop = errors.New("seen enough")

// Rows is everything a score reads, as it stood at one height.
type Rows struct {
	Subject string
	Day     int32              // D
	Head    types.SubjectHead  // zero for a subject without entries
	Months  []Month            // those that exist from 23 months back to 24 ahead, ascending
	Paid    []string           // first 32 counterparties by what the subject paid them, in the order of the ranking
	Traded  []string           // by what was paid in both directions
	Ordered []string           // by what was ordered in both directions
	Pairs   []Pair             // of every counterparty named above, ascending by id
	Marks   types.AdverseMarks // of adverse records; zero for a subject without any

	read []row
}

// Month is one month's sums.
type Month struct {
	Month int32 // 12·year + month−1
	Sum   *types.MonthSum
}

// Pair is what the subject and one counterparty did with each other.
type Pair struct {
	Counterparty string
	Sum          *types.PairSum
}

type row struct {
	key   string
	value []byte
}

// Load reads what a score of the subject on day D needs. get returns nil, nil for an absent key; scan visits the keys
// with a prefix in ascending order until fn returns an error. Rows that do not decode or are missing are refused with
// inconsistent_state; every other error is one of get or scan.
func Load(get func(key string) ([]byte, error), scan func(prefix string, fn func(key string, value []byte) error) error,
	subject string, day int32) (*Rows, error) {
	r := &Rows{Subject: subject, Day: day}
	head, err := load(r, get, types.SubjectKey(subject))
	if err != nil {
		return nil, err
	}
	if head != nil {
		r.Head = *head
	}
	marks, err := load(r, get, types.AdverseMarksKey(subject))
	if err != nil {
		return nil, err
	}
	if marks != nil {
		r.Marks = *marks
	}
	current := types.MonthOf(day)
	for m := current - (WindowMonths - 1); m <= current+AheadMonths; m++ {
		sum, err := load(r, get, types.MonthKey(subject, m))
		if err != nil {
			return nil, err
		}
		if sum != nil {
			r.Months = append(r.Months, Month{m, sum})
		}
	}
	if r.Paid, err = loadRanking(r, scan, types.RankPaid); err != nil {
		return nil, err
	}
	if r.Traded, err = loadRanking(r, scan, types.RankTraded); err != nil {
		return nil, err
	}
	if r.Ordered, err = loadRanking(r, scan, types.RankOrdered); err != nil {
		return nil, err
	}
	if err := loadPairs(r, get); err != nil {
		return nil, err
	}
	return r, nil
}

// load reads one record and keeps its bytes for Digest.
func load[V any, P types.Record[V]](r *Rows, get func(string) ([]byte, error), k types.Key[V]) (P, error) {
	value, err := get(string(k))
	if err != nil || value == nil {
		return nil, err
	}
	p := P(new(V))
	if err := p.Unmarshal(value); err != nil {
		return nil, types.Refuse(types.Code_inconsistent_state, "%s does not decode: %v", string(k), err)
	}
	r.read = append(r.read, row{string(k), value})
	return p, nil
}

// loadRanking reads the first counterparties of one ranking: its keys are "…/<64 − bit length, two digits>/<id>".
func loadRanking(r *Rows, scan func(string, func(string, []byte) error) error, d types.Dimension) ([]string, error) {
	prefix := string(types.RankPrefix(r.Subject, d))
	var ids []string
	err := scan(prefix, func(key string, value []byte) error {
		rest := strings.TrimPrefix(key, prefix)
		if len(rest) < 4 || rest[2] != '/' {
			return types.Refuse(types.Code_inconsistent_state, "%s is no place in a ranking", key)
		}
		ids = append(ids, rest[3:])
		r.read = append(r.read, row{key, slices.Clone(value)})
		if len(ids) == Ranked {
			return ErrStop
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrStop) {
		return nil, err
	}
	return ids, nil
}

func loadPairs(r *Rows, get func(string) ([]byte, error)) error {
	ids := slices.Concat(r.Paid, r.Traded, r.Ordered)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		key := types.PairKey(r.Subject, id)
		sum, err := load(r, get, key)
		if err != nil {
			return err
		}
		if sum == nil {
			return types.Refuse(types.Code_inconsistent_state, "%s is ranked but missing", string(key))
		}
		r.Pairs = append(r.Pairs, Pair{id, sum})
	}
	return nil
}

// Digest names the rows that Load read: SHA-256 over "tradecredit/v1/score-inputs" ‖ 0 and, ascending by key, each key
// and value, both preceded by their length in four bytes, most significant first.
func (r *Rows) Digest() types.Hash {
	rows := slices.Clone(r.read)
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.key, b.key) })
	h := sha256.New()
	h.Write([]byte("tradecredit/v1/score-inputs\x00"))
	var size [4]byte
	framed := func(b []byte) {
		binary.BigEndian.PutUint32(size[:], uint32(len(b)))
		h.Write(size[:])
		h.Write(b)
	}
	for _, w := range rows {
		framed([]byte(w.key))
		framed(w.value)
	}
	return types.Hash(h.Sum(nil))
}

// Len is how many rows Load read.
func (r *Rows) Len() int { return len(r.read) }

// pair finds what the subject did with one counterparty; nil if it is not among the rows.
func (r *Rows) pair(id string) *types.PairSum {
	i, ok := slices.BinarySearchFunc(r.Pairs, id, func(p Pair, id string) int { return strings.Compare(p.Counterparty, id) })
	if !ok {
		return nil
	}
	return r.Pairs[i].Sum
}
