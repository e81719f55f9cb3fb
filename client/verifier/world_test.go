package verifier

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmtversion "github.com/cometbft/cometbft/proto/tendermint/version"
	cmt "github.com/cometbft/cometbft/types"
	ics23 "github.com/cosmos/ics23/go"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
	"tradecredit/types/score"
)

const (
	testChain   = "test-chain"
	testSubject = "USCC:91350100M000100Y43"
	scoredAt    = 2 // height of the state that is scored
	provedAt    = 4 // height of the state that a report proves
)

var testStart = time.Date(2025, 11, 3, 8, 0, 0, 0, time.UTC)

// world is a chain of real headers, signed by real validator keys over states of its own, with one enterprise that buys
// and pays. Headers, commits and signatures are CometBFT's.
type world struct {
	chain  string
	sets   [][]ed25519.PrivKey // validators of each height; the last one goes on for ever
	states []map[string][]byte // state after height i+1
	step   time.Duration
	log    []*types.Entry // as it is at provedAt
	scored int            // of them, when it was scored
	model  *types.Model
	result *types.Receipt
	open   Opening
}

type worldOptions struct {
	validators, entries int
	index, simulation   bool
	chain               string
	change              func(*types.Receipt)
	state               map[string][]byte // more records
}

func newWorld(t testing.TB, o worldOptions) *world {
	t.Helper()
	w := &world{chain: testChain, step: time.Second, model: score.ExpertV1(), sets: [][]ed25519.PrivKey{testKeys("v", o.validators)},
		open: Opening{Grantee: "bank-a", Purpose: types.Purpose_CREDIT_GRANT, Salt: filled(9)}}
	if o.chain != "" {
		w.chain = o.chain
	}
	notice := ""
	if o.simulation {
		notice = types.SimulationNotice
	}
	base := maps.Clone(o.state)
	if base == nil {
		base = map[string][]byte{}
	}
	base[string(types.ChainKey)] = marshal(&types.Chain{ChainId: w.chain, BaseCurrency: "CNY", DayOffsetS: 28800,
		Simulation: o.simulation, GenesisUnix: testStart.Unix(), Notice: notice})
	base[string(types.ModelKey(w.model.Id))] = marshal(w.model)
	day := types.DayOf(testStart.Unix(), 28800)
	w.log = trade(o.entries, day)
	w.scored = len(w.log)
	rows := stateOf(w.log)
	maps.Copy(base, rows)
	w.states = []map[string][]byte{{"chain": {1}}, base}
	w.query(o, day)
	for len(w.states) < 12 {
		w.add(w.states[len(w.states)-1])
	}
	return w
}

// query writes the receipt into the state of the third height, and into the log.
func (w *world) query(o worldOptions, day int32) {
	before := w.states[scoredAt-1]
	rows, err := score.Load(func(k string) ([]byte, error) { return before[k], nil }, scanOf(before), testSubject, day)
	must(err)
	result, err := score.Compute(rows, w.model, day)
	must(err)
	digest, err := score.ModelDigest(w.model)
	must(err)
	inputs := rows.Digest()
	r := &types.Receipt{Id: "bank-a/Q-1", Subject: testSubject, Output: types.Output_SCORE, ScoredHeight: scoredAt, Height: scoredAt + 1,
		Day: day, Model: w.model.Id, ModelDigest: digest[:], InputsDigest: inputs[:], Result: result, Simulation: o.simulation,
		Commitment: types.ReceiptCommitment(w.open.Salt, w.open.Grantee, w.open.Purpose)}
	if o.index {
		r.Output, r.Result = types.Output_INDEX, score.Restrict(result, types.Output_INDEX)
	}
	if o.change != nil {
		o.change(r)
	}
	w.result = r
	w.log = append(w.log, &types.Entry{Kind: types.EntryKind_ENTRY_QUERY, Record: "receipt/" + r.Id, Day: day, Height: scoredAt + 1})
	next := maps.Clone(before)
	maps.Copy(next, stateOf(w.log))
	next[string(types.ReceiptKey(r.Id))] = marshal(r)
	w.add(next)
}

// add appends a state, with the log of blocks up to its height.
func (w *world) add(state map[string][]byte) {
	state = maps.Clone(state)
	log, _ := w.blockLog(int64(len(w.states)) + 1)
	state[string(types.BlockLogKey)] = marshal(log)
	w.states = append(w.states, state)
}

// blockLog is the log of the hashes of all blocks up to one.
func (w *world) blockLog(height int64) (*types.BlockLog, [][]byte) {
	var rows [][]byte
	for h := int64(1); h <= height; h++ {
		rows = append(rows, w.header(h).Hash())
	}
	frontier, root, err := types.Frontier(nil).Extend(0, rows)
	must(err)
	return &types.BlockLog{Blocks: uint64(height), Root: root, Frontier: frontier, FirstHeight: 1}, rows
}

// trade is a log of so many entries: obligations that are paid on time or late, some left open, and customs events.
func trade(n int, day int32) []*types.Entry {
	var out []*types.Entry
	for i := 0; len(out) < n; i++ {
		number := sha256.Sum256(fmt.Append(nil, "number", i)) // as the numbers of real papers, which do not compress
		issued := day - 600 + int32(i*590/max(n, 1))
		due, base := issued+30, int64(100_000+i*37+int(number[11])*int(number[12])*i%9_000_000)
		paid := due + int32(i%5)*7 - 10
		with := fmt.Sprintf("USCC:seller-%d", i%6)
		record := fmt.Sprintf("receivable/platform/R-%x", number[:5])
		e := types.Entry{Record: record, Counterparty: with, Member: fmt.Sprintf("member-%d", i%3), Day: issued, DueDay: due, BaseMinor: base,
			Evidence: types.Evidence_SOURCE_SIGNED, Counted: true, Height: 1 + int64(2*len(out)/(n+1))}
		owed := e
		owed.Kind, owed.Open = types.EntryKind_ENTRY_OBLIGATION, true
		customs := types.Entry{Kind: types.EntryKind_ENTRY_CUSTOMS, Record: fmt.Sprintf("customs-event/customs/D-%x", number[5:10]), Member: "customs", Day: issued,
			Evidence: types.Evidence_SOURCE_SIGNED, Counted: i%2 == 0, Late: i%7 == 0, Height: e.Height}
		out = append(out, &customs, &owed)
		if i%9 != 8 && paid <= day {
			part := e
			part.Kind, part.Record, part.Day, part.Open, part.First, part.Last = types.EntryKind_ENTRY_PAID, fmt.Sprintf("settlement/%x", sha256.Sum256(fmt.Append(nil, i))), paid, true, true, true
			part.Dbt, part.P, part.MonthNow = paid-due, score.PartScore(paid-due), types.MonthOf(paid)
			out = append(out, &part)
		}
	}
	return out[:n]
}

// stateOf is what the rules keep of a log: head, months, pairs and rankings.
func stateOf(log []*types.Entry) map[string][]byte {
	state := map[string][]byte{}
	if len(log) == 0 {
		return state
	}
	s, err := foldEntries(log)
	must(err)
	head := s.head
	head.Entries = uint64(len(log))
	head.Frontier, head.Root, err = types.Frontier(nil).Extend(0, rowsOf(log))
	must(err)
	state[string(types.SubjectKey(testSubject))] = marshal(&head)
	for m, sum := range s.months {
		row, err := sum.encode()
		must(err)
		if len(row) > 0 {
			state[string(types.MonthKey(testSubject, m))] = row
		}
	}
	for id, p := range s.paid {
		// The subject's id is smaller than those of its sellers: it is side a.
		pair := &types.PairSum{LifetimeAb: p.lifetime}
		for _, m := range slices.Sorted(maps.Keys(p.minor)) {
			pair.NewestMonth = m
			pair.Months = append(pair.Months, &types.PairMonth{Month: m, ClosedAb: p.minor[m], ApAbHi: p.points[m].Hi, ApAbLo: p.points[m].Lo})
		}
		pair.Months = slices.DeleteFunc(pair.Months, func(m *types.PairMonth) bool { return m.Month < pair.NewestMonth-pairMonthsBack })
		state[string(types.PairKey(testSubject, id))] = marshal(pair)
		for _, d := range []types.Dimension{types.RankPaid, types.RankTraded} {
			state[string(types.RankKey(testSubject, d, p.lifetime, id))] = marshal(&types.Rank{Bits: 1})
		}
	}
	return state
}

func rowsOf(log []*types.Entry) (rows [][]byte) {
	for _, e := range log {
		rows = append(rows, marshal(e))
	}
	return rows
}

func scanOf(state map[string][]byte) func(string, func(string, []byte) error) error {
	return func(prefix string, fn func(string, []byte) error) error {
		for _, k := range slices.Sorted(maps.Keys(state)) {
			if len(k) >= len(prefix) && k[:len(prefix)] == prefix {
				if err := fn(k, state[k]); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// report makes a report as a client does, with the entries from first on, and objects with their locks.
func (w *world) report(t testing.TB, first int, keys ...string) *Report {
	t.Helper()
	all := []string{string(types.ChainKey), string(types.ReceiptKey(w.result.Id)), string(types.ModelKey(w.model.Id))}
	r := &Report{ChainID: w.chain, ReceiptID: w.result.Id, Opening: w.open, LightBlock: w.light(provedAt + 1)}
	if w.result.Output == types.Output_SCORE {
		r.Inputs = w.inputs()
		if first >= 0 {
			all = append(all, string(types.SubjectKey(testSubject)))
			rows := rowsOf(w.log)
			r.Entries = &Entries{First: uint64(first), Rows: rows[first:], Proof: *prove(t, rows, first, len(rows))}
		}
	}
	r.State = w.state(t, provedAt, append(all, keys...)...)
	return r
}

// inputs are the rows that were scored.
func (w *world) inputs() []Record {
	before, seen := w.states[scoredAt-1], map[string][]byte{}
	get := func(k string) ([]byte, error) {
		if v := before[k]; v != nil {
			seen[k] = v
		}
		return before[k], nil
	}
	scan := func(prefix string, fn func(string, []byte) error) error {
		return scanOf(before)(prefix, func(k string, v []byte) error { seen[k] = v; return fn(k, v) })
	}
	_, err := score.Load(get, scan, testSubject, w.result.Day)
	must(err)
	out := []Record{}
	for _, k := range slices.Sorted(maps.Keys(seen)) {
		out = append(out, Record{k, seen[k]})
	}
	return out
}

func prove(t testing.TB, rows [][]byte, begin, end int) *types.LogRange {
	t.Helper()
	p, err := types.ProveLogRange(uint64(len(rows)), uint64(begin), uint64(end), func(level uint, index uint64) ([]byte, error) {
		_, root, err := types.Frontier(nil).Extend(0, rows[index<<level:(index+1)<<level])
		return root, err
	})
	require.NoError(t, err)
	return p
}

// state proves keys of a height, present or absent.
func (w *world) state(t testing.TB, height int64, keys ...string) State {
	t.Helper()
	tree := newTestTree(w.states[height-1])
	outer, err := types.ProveRoot(w.roots(height), types.RootState)
	require.NoError(t, err)
	var records []Record
	var proofs [][]*types.ProofOp
	for _, k := range keys {
		ops := []*types.ProofOp{{Type: types.ProofOpSMT, Key: []byte(k), Data: tree.prove(k)}, outer}
		value := w.states[height-1][k]
		require.NoError(t, (&types.Proof{Ops: ops}).Verify(w.appHash(height), types.RootState, k, value))
		records, proofs = append(records, Record{k, value}), append(proofs, ops)
	}
	s, err := NewState(records, proofs)
	require.NoError(t, err)
	return s
}

// anchor renews a report under the header after a height.
func (w *world) anchor(t testing.TB, height int64) *Anchor {
	t.Helper()
	_, rows := w.blockLog(height)
	return &Anchor{State: w.state(t, height, string(types.BlockLogKey)), LightBlock: w.light(height + 1),
		Proof: *prove(t, rows, provedAt, provedAt+1)}
}

func (w *world) now() time.Time { return w.time(provedAt + 1).Add(time.Second) }

// trust pins the first validators, as from a genesis.
func (w *world) trust() *Trust {
	t := &Trust{ChainID: w.chain, Since: testStart, Period: 90 * 24 * time.Hour, NextValidatorsHash: validatorSet(w.keys(1)).Hash()}
	for _, k := range w.keys(1) {
		t.Validators = append(t.Validators, TrustedValidator{PublicKey: k.PubKey().Bytes(), Power: 10})
	}
	return t
}

func (w *world) time(height int64) time.Time { return testStart.Add(time.Duration(height) * w.step) }

func (w *world) keys(height int64) []ed25519.PrivKey {
	return w.sets[min(int(height)-1, len(w.sets)-1)]
}

func testKeys(seed string, n int) (out []ed25519.PrivKey) {
	for i := range n {
		out = append(out, ed25519.GenPrivKeyFromSecret(fmt.Appendf(nil, "%s-%d", seed, i)))
	}
	return out
}

func validatorSet(keys []ed25519.PrivKey) *cmt.ValidatorSet {
	var vals []*cmt.Validator
	for _, k := range keys {
		vals = append(vals, cmt.NewValidator(k.PubKey(), 10))
	}
	return cmt.NewValidatorSet(vals)
}

func filled(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func (w *world) roots(height int64) []types.NamedRoot {
	return []types.NamedRoot{{Name: types.RootState, Root: newTestTree(w.states[height-1]).root()},
		{Name: types.RootReferences, Root: sha256.Sum256([]byte("references"))}}
}

func (w *world) appHash(height int64) types.Hash {
	if height < 1 {
		return types.Hash{}
	}
	return types.AppHash(w.roots(height))
}

func (w *world) header(height int64) *cmt.Header {
	hash, set := w.appHash(height-1), validatorSet(w.keys(height))
	return &cmt.Header{
		Version: cmtversion.Consensus{Block: 11, App: 1}, ChainID: w.chain, Height: height, Time: w.time(height),
		LastBlockID:    cmt.BlockID{Hash: filled(1), PartSetHeader: cmt.PartSetHeader{Total: 1, Hash: filled(2)}},
		LastCommitHash: filled(3), DataHash: filled(4), ValidatorsHash: set.Hash(), NextValidatorsHash: validatorSet(w.keys(height + 1)).Hash(),
		ConsensusHash: filled(5), AppHash: hash[:], LastResultsHash: filled(6), EvidenceHash: filled(7), ProposerAddress: set.Validators[0].Address,
	}
}

// light is the light block of a height as a report has it.
func (w *world) light(height int64) []byte {
	lb, err := DecodeLightBlock(encodeCmt(signHeader(w.header(height), w.keys(height), nil)))
	must(err)
	return lb.Normal()
}

// signHeader makes a light block of any header; flag says how each validator votes, nil: all for it.
func signHeader(h *cmt.Header, keys []ed25519.PrivKey, flag func(i int) cmt.BlockIDFlag) *cmt.LightBlock {
	set := validatorSet(keys)
	id := cmt.BlockID{Hash: h.Hash(), PartSetHeader: cmt.PartSetHeader{Total: 1, Hash: filled(8)}}
	commit := &cmt.Commit{Height: h.Height, BlockID: id}
	for i, v := range set.Validators {
		voted := cmt.BlockIDFlagCommit
		if flag != nil {
			voted = flag(i)
		}
		if voted == cmt.BlockIDFlagAbsent {
			commit.Signatures = append(commit.Signatures, cmt.NewCommitSigAbsent())
			continue
		}
		at := slices.IndexFunc(keys, func(k ed25519.PrivKey) bool { return bytes.Equal(k.PubKey().Address(), v.Address) })
		vote := &cmt.Vote{Type: cmtproto.PrecommitType, Height: h.Height, Timestamp: h.Time.Add(time.Millisecond), ValidatorAddress: v.Address, ValidatorIndex: int32(i)}
		if voted == cmt.BlockIDFlagCommit {
			vote.BlockID = id
		}
		sig, err := keys[at].Sign(cmt.VoteSignBytes(h.ChainID, vote.ToProto()))
		must(err)
		commit.Signatures = append(commit.Signatures, cmt.CommitSig{BlockIDFlag: voted, ValidatorAddress: v.Address, Timestamp: vote.Timestamp, Signature: sig})
	}
	return &cmt.LightBlock{SignedHeader: &cmt.SignedHeader{Header: h, Commit: commit}, ValidatorSet: set}
}

func encodeCmt(lb *cmt.LightBlock) []byte {
	pb, err := lb.ToProto()
	must(err)
	return marshal(pb)
}

func marshal(m interface{ Marshal() ([]byte, error) }) []byte {
	b, err := m.Marshal()
	must(err)
	return b
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// testTree is the tree of the state written anew: leaf SHA256(0 ‖ SHA256(k) ‖ SHA256(v)), ordered by SHA256(k).
type testTree []testLeaf

type testLeaf struct{ path, key, value types.Hash }

func newTestTree(state map[string][]byte) testTree {
	var t testTree
	for k, v := range state {
		l := testLeaf{key: sha256.Sum256([]byte(k)), value: sha256.Sum256(v)}
		l.path = sha256.Sum256(l.key[:])
		t = append(t, l)
	}
	slices.SortFunc(t, func(a, b testLeaf) int { return bytes.Compare(a.path[:], b.path[:]) })
	return t
}

func (t testTree) cut(depth int) int {
	if i := slices.IndexFunc(t, func(l testLeaf) bool { return pathBit(&l.path, depth) == 1 }); i >= 0 {
		return i
	}
	return len(t)
}

func (t testTree) hash(depth int) types.Hash {
	switch len(t) {
	case 0:
		return types.Hash{}
	case 1:
		v := sha256.Sum256(t[0].value[:])
		return sha256.Sum256(slices.Concat([]byte{0}, t[0].path[:], v[:]))
	}
	i := t.cut(depth)
	l, r := t[:i].hash(depth+1), t[i:].hash(depth+1)
	return sha256.Sum256(slices.Concat([]byte{1}, l[:], r[:]))
}

func (t testTree) root() types.Hash { return t.hash(0) }

func (t testTree) exist(l testLeaf) *ics23.ExistenceProof {
	p := &ics23.ExistenceProof{Key: l.key[:], Value: l.value[:], Leaf: ics23.SmtSpec.LeafSpec}
	for in, depth := t, 0; len(in) > 1; depth++ {
		i := in.cut(depth)
		op := &ics23.InnerOp{Hash: ics23.HashOp_SHA256, Prefix: []byte{1}}
		if pathBit(&l.path, depth) == 0 {
			s := in[i:].hash(depth + 1)
			op.Suffix, in = s[:], in[:i]
		} else {
			s := in[:i].hash(depth + 1)
			op.Prefix, in = append(op.Prefix, s[:]...), in[i:]
		}
		p.Path = append([]*ics23.InnerOp{op}, p.Path...)
	}
	return p
}

// prove shows a raw key, or its absence.
func (t testTree) prove(raw string) []byte {
	key := types.Hash(sha256.Sum256([]byte(raw)))
	path := treePath(key)
	i, found := slices.BinarySearchFunc(t, path, func(l testLeaf, p types.Hash) int { return bytes.Compare(l.path[:], p[:]) })
	if found {
		return marshal(&ics23.CommitmentProof{Proof: &ics23.CommitmentProof_Exist{Exist: t.exist(t[i])}})
	}
	absent := &ics23.NonExistenceProof{Key: key[:]}
	if i > 0 {
		absent.Left = t.exist(t[i-1])
	}
	if i < len(t) {
		absent.Right = t.exist(t[i])
	}
	return marshal(&ics23.CommitmentProof{Proof: &ics23.CommitmentProof_Nonexist{Nonexist: absent}})
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}
