package client

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
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

const testChain = "test-chain"

var testStart = time.Date(2025, 11, 3, 8, 0, 0, 0, time.UTC)

// fakeChain is a chain of real headers, signed by real validator keys, over states of its own.
type fakeChain struct {
	id     string
	sets   [][]ed25519.PrivKey // validators of each height; the last one goes on for ever
	states []map[string][]byte // state after height i+1
	step   time.Duration
	signed func(height int64, i int) bool // which validators sign; nil: all
	power  func(k ed25519.PrivKey) int64  // of a validator; nil: 10
}

func newFakeChain(validators int) *fakeChain {
	return &fakeChain{id: testChain, sets: [][]ed25519.PrivKey{testValidators("v", validators)}, step: time.Second}
}

func testValidators(seed string, n int) []ed25519.PrivKey {
	var out []ed25519.PrivKey
	for i := range n {
		out = append(out, ed25519.GenPrivKeyFromSecret(fmt.Appendf(nil, "%s-%d", seed, i)))
	}
	return out
}

// add appends a state and returns its height.
func (f *fakeChain) add(state map[string][]byte) int64 {
	f.states = append(f.states, state)
	return int64(len(f.states))
}

func (f *fakeChain) time(height int64) time.Time {
	return testStart.Add(time.Duration(height) * f.step)
}

func (f *fakeChain) keys(height int64) []ed25519.PrivKey {
	return f.sets[min(int(height)-1, len(f.sets)-1)]
}

func validatorSet(keys []ed25519.PrivKey) *cmt.ValidatorSet {
	var vals []*cmt.Validator
	for _, k := range keys {
		vals = append(vals, cmt.NewValidator(k.PubKey(), 10))
	}
	return cmt.NewValidatorSet(vals)
}

// set is a validator set with the chain's powers.
func (f *fakeChain) set(keys []ed25519.PrivKey) *cmt.ValidatorSet {
	if f.power == nil {
		return validatorSet(keys)
	}
	var vals []*cmt.Validator
	for _, k := range keys {
		vals = append(vals, cmt.NewValidator(k.PubKey(), f.power(k)))
	}
	return cmt.NewValidatorSet(vals)
}

func filled(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

// appHash is that of the state after a height.
func (f *fakeChain) appHash(height int64) types.Hash {
	if height < 1 || height > int64(len(f.states)) {
		return types.Hash{}
	}
	return types.AppHash(f.roots(height))
}

func (f *fakeChain) roots(height int64) []types.NamedRoot {
	tree := newTestTree(f.states[height-1])
	return []types.NamedRoot{{Name: types.RootState, Root: types.Hash(tree.root())}, {Name: types.RootReferences, Root: sha256.Sum256([]byte("references"))}}
}

func (f *fakeChain) header(height int64) *cmt.Header {
	hash := f.appHash(height - 1)
	set := f.set(f.keys(height))
	return &cmt.Header{
		Version: cmtversion.Consensus{Block: 11, App: 1}, ChainID: f.id, Height: height, Time: f.time(height),
		LastBlockID:    cmt.BlockID{Hash: filled(1), PartSetHeader: cmt.PartSetHeader{Total: 1, Hash: filled(2)}},
		LastCommitHash: filled(3), DataHash: filled(4), ValidatorsHash: set.Hash(), NextValidatorsHash: f.set(f.keys(height + 1)).Hash(),
		ConsensusHash: filled(5), AppHash: hash[:], LastResultsHash: filled(6), EvidenceHash: filled(7), ProposerAddress: set.Validators[0].Address,
	}
}

// lightBlock is the block of a height with its commit and validators.
func (f *fakeChain) lightBlock(height int64) *cmt.LightBlock {
	return f.sign(f.header(height), f.keys(height))
}

// sign makes a light block of any header.
func (f *fakeChain) sign(h *cmt.Header, keys []ed25519.PrivKey) *cmt.LightBlock {
	set := f.set(keys)
	id := cmt.BlockID{Hash: h.Hash(), PartSetHeader: cmt.PartSetHeader{Total: 1, Hash: filled(8)}}
	commit := &cmt.Commit{Height: h.Height, BlockID: id}
	for i, v := range set.Validators {
		if f.signed != nil && !f.signed(h.Height, i) {
			commit.Signatures = append(commit.Signatures, cmt.NewCommitSigAbsent())
			continue
		}
		at := slices.IndexFunc(keys, func(k ed25519.PrivKey) bool { return bytes.Equal(k.PubKey().Address(), v.Address) })
		vote := &cmt.Vote{Type: cmtproto.PrecommitType, Height: h.Height, BlockID: id, Timestamp: h.Time.Add(time.Millisecond), ValidatorAddress: v.Address, ValidatorIndex: int32(i)}
		sig, err := keys[at].Sign(cmt.VoteSignBytes(h.ChainID, vote.ToProto()))
		if err != nil {
			panic(err)
		}
		commit.Signatures = append(commit.Signatures, cmt.CommitSig{BlockIDFlag: cmt.BlockIDFlagCommit, ValidatorAddress: v.Address, Timestamp: vote.Timestamp, Signature: sig})
	}
	return &cmt.LightBlock{SignedHeader: &cmt.SignedHeader{Header: h, Commit: commit}, ValidatorSet: set}
}

// encoded is what a node sends of a light block: nothing that nobody signed.
func encoded(lb *cmt.LightBlock) []byte {
	set := &cmt.ValidatorSet{}
	for _, v := range lb.ValidatorSet.Validators {
		w := v.Copy()
		w.ProposerPriority = 0
		set.Validators = append(set.Validators, w)
	}
	set.Proposer = set.Validators[0]
	return rawLightBlock(&cmt.LightBlock{SignedHeader: lb.SignedHeader, ValidatorSet: set})
}

// rawLightBlock is CometBFT's own encoding.
func rawLightBlock(lb *cmt.LightBlock) []byte {
	pb, err := lb.ToProto()
	if err != nil {
		panic(err)
	}
	b, err := pb.Marshal()
	if err != nil {
		panic(err)
	}
	return b
}

// ours is a light block as the client reads it.
func ours(lb *cmt.LightBlock) *LightBlock {
	out, err := DecodeLightBlock(encoded(lb))
	if err != nil {
		panic(err)
	}
	return out
}

// block is the light block of a height as the client reads it.
func (f *fakeChain) block(height int64) *LightBlock { return ours(f.lightBlock(height)) }

// record answers as an honest node.
func (f *fakeChain) record(key string, height int64) *types.RecordResponse {
	state := f.states[height-1]
	outer, err := types.ProveRoot(f.roots(height), types.RootState)
	if err != nil {
		panic(err)
	}
	inner := newTestTree(state).prove(key)
	return &types.RecordResponse{Key: key, Value: state[key], Height: height, Proof: []*types.ProofOp{{Type: types.ProofOpSMT, Key: []byte(key), Data: inner}, outer},
		LightBlock: encoded(f.lightBlock(height + 1))}
}

// trust pins the first validators, as from a genesis.
func (f *fakeChain) trust() *Trust {
	t := &Trust{ChainID: f.id, Since: testStart, Period: DefaultTrustPeriod}
	set := f.set(f.keys(1))
	for _, v := range set.Validators {
		t.Validators = append(t.Validators, TrustedValidator{PublicKey: v.PubKey.Bytes(), Power: v.VotingPower})
	}
	t.NextValidatorsHash = set.Hash()
	return t
}

// testTree is the tree of ARCHITECTURE.md written anew: leaf SHA256(0 ‖ SHA256(k) ‖ SHA256(v)), ordered by SHA256(k).
type testTree struct{ leaves []testLeaf }

type testLeaf struct {
	path, key, value [32]byte // SHA256(SHA256(raw key)), SHA256(raw key), SHA256(raw value)
}

func newTestTree(state map[string][]byte) *testTree {
	t := &testTree{}
	for k, v := range state {
		l := testLeaf{key: sha256.Sum256([]byte(k)), value: sha256.Sum256(v)}
		l.path = sha256.Sum256(l.key[:])
		t.leaves = append(t.leaves, l)
	}
	slices.SortFunc(t.leaves, func(a, b testLeaf) int { return bytes.Compare(a.path[:], b.path[:]) })
	return t
}

func (l testLeaf) hash() [32]byte {
	v := sha256.Sum256(l.value[:])
	return sha256.Sum256(slices.Concat([]byte{0}, l.path[:], v[:]))
}

func bit(path [32]byte, depth int) byte { return path[depth/8] >> (7 - depth%8) & 1 }

func subtree(leaves []testLeaf, depth int) [32]byte {
	switch len(leaves) {
	case 0:
		return [32]byte{}
	case 1:
		return leaves[0].hash()
	}
	i := slices.IndexFunc(leaves, func(l testLeaf) bool { return bit(l.path, depth) == 1 })
	if i < 0 {
		i = len(leaves)
	}
	l, r := subtree(leaves[:i], depth+1), subtree(leaves[i:], depth+1)
	return sha256.Sum256(slices.Concat([]byte{1}, l[:], r[:]))
}

func (t *testTree) root() [32]byte { return subtree(t.leaves, 0) }

func (t *testTree) exist(i int) *ics23.ExistenceProof {
	l := t.leaves[i]
	p := &ics23.ExistenceProof{Key: l.key[:], Value: l.value[:], Leaf: ics23.SmtSpec.LeafSpec}
	in, depth := t.leaves, 0
	for len(in) > 1 {
		cut := slices.IndexFunc(in, func(x testLeaf) bool { return bit(x.path, depth) == 1 })
		if cut < 0 {
			cut = len(in)
		}
		op := &ics23.InnerOp{Hash: ics23.HashOp_SHA256, Prefix: []byte{1}}
		if bit(l.path, depth) == 0 {
			s := subtree(in[cut:], depth+1)
			op.Suffix, in = s[:], in[:cut]
		} else {
			s := subtree(in[:cut], depth+1)
			op.Prefix, in = append(op.Prefix, s[:]...), in[cut:]
		}
		p.Path = append([]*ics23.InnerOp{op}, p.Path...)
		depth++
	}
	return p
}

// prove shows a raw key, or its absence.
func (t *testTree) prove(raw string) []byte {
	key := sha256.Sum256([]byte(raw))
	path := sha256.Sum256(key[:])
	i, found := slices.BinarySearchFunc(t.leaves, path, func(l testLeaf, p [32]byte) int { return bytes.Compare(l.path[:], p[:]) })
	proof := &ics23.CommitmentProof{}
	if found {
		proof.Proof = &ics23.CommitmentProof_Exist{Exist: t.exist(i)}
	} else {
		absent := &ics23.NonExistenceProof{Key: key[:]}
		if i > 0 {
			absent.Left = t.exist(i - 1)
		}
		if i < len(t.leaves) {
			absent.Right = t.exist(i)
		}
		proof.Proof = &ics23.CommitmentProof_Nonexist{Nonexist: absent}
	}
	b, err := proof.Marshal()
	if err != nil {
		panic(err)
	}
	return b
}

// fakeNode is a node's API over a fakeChain, honest until a hook says otherwise.
type fakeNode struct {
	chain  *fakeChain
	now    time.Time
	record func(*types.RecordResponse)                              // changes an answer
	before func(w http.ResponseWriter, r *http.Request, n int) bool // true: it has answered
	submit func(tx *types.Tx, seen int) *types.SubmitResult         // nil: the ledger below
	rule   func(tx *types.Tx, m *types.Message) types.Code          // decides new messages; nil: ok
	bodies [][]byte                                                 // of POST requests

	mu         sync.Mutex
	requests   int
	seen       map[string]int
	references map[string]*types.Reference
	recorded   map[string][]byte // record by signer and id → content
	total      int               // messages that were new
	blocks     int64             // one a transaction
}

func newFakeNode(chain *fakeChain) *fakeNode {
	return &fakeNode{chain: chain, seen: map[string]int{}, references: map[string]*types.Reference{}, recorded: map[string][]byte{}}
}

// serve starts the node and returns a client of it.
func (n *fakeNode) serve(t *testing.T) (*Client, string) {
	t.Helper()
	s := httptest.NewServer(n)
	t.Cleanup(s.Close)
	n.now = n.chain.time(int64(len(n.chain.states)) + 1).Add(time.Second)
	c, err := New(Config{Endpoints: []string{s.URL}, ChainID: n.chain.id, Trust: n.chain.trust(), Now: n.clock, RetryFor: 5 * time.Second})
	require.NoError(t, err)
	return c, s.URL
}

// clock is the time of the client.
func (n *fakeNode) clock() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.now
}

func (n *fakeNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.requests++
	if n.before != nil && n.before(w, r, n.requests) {
		return
	}
	q := r.URL.Query()
	height, _ := strconv.ParseInt(q.Get("height"), 10, 64)
	newest := int64(len(n.chain.states))
	switch r.Method + " " + r.URL.Path {
	case "GET /v1/record":
		if height == 0 {
			height = newest
		}
		resp := n.chain.record(q.Get("key"), height)
		if n.record != nil {
			n.record(resp)
		}
		reply(w, resp)
	case "GET /v1/light":
		if height == 0 {
			height = newest + 1
		}
		w.Write(encoded(n.chain.lightBlock(height)))
	case "GET /v1/reference":
		ref := n.references[types.ReferenceKey(q.Get("signer"), q.Get("reference"))]
		if ref == nil {
			problem(w, http.StatusNotFound, "not final")
			return
		}
		reply(w, ref)
	case "GET /v1/status":
		fmt.Fprintf(w, `{"chain_id":%q,"height":%d}`, n.chain.id, n.height())
	case "POST /v1/tx":
		n.post(w, r)
	default:
		problem(w, http.StatusNotFound, "no such route")
	}
}

func (n *fakeNode) height() int64 { return int64(len(n.chain.states)) + n.blocks }

func reply(w http.ResponseWriter, m interface{ Marshal() ([]byte, error) }) {
	b, err := m.Marshal()
	if err != nil {
		panic(err)
	}
	w.Write(b)
}

func problem(w http.ResponseWriter, status int, text string) {
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":%q,"hint":"ask again"}`, text)
}

func (n *fakeNode) post(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	n.bodies = append(n.bodies, body)
	resp := &types.SubmitResponse{}
	for len(body) > 0 {
		size := binary.BigEndian.Uint32(body)
		raw := body[4 : 4+size]
		body = body[4+size:]
		resp.Results = append(resp.Results, n.take(raw))
	}
	reply(w, resp)
}

// take is a ledger in few lines: references, ids, contents.
func (n *fakeNode) take(raw []byte) *types.SubmitResult {
	tx, err := types.Decode(raw)
	if err != nil {
		code, _ := types.CodeOf(err)
		return &types.SubmitResult{Status: types.SubmitStatus_SUBMIT_REFUSED, Code: uint32(code), Detail: err.Error()}
	}
	key := types.ReferenceKey(tx.Body.Signer, tx.Body.Reference)
	n.seen[key]++
	out := &types.SubmitResult{Signer: tx.Body.Signer, Reference: tx.Body.Reference}
	refuse := func(c types.Code) *types.SubmitResult {
		out.Status, out.Code = types.SubmitStatus_SUBMIT_REFUSED, uint32(c)
		return out
	}
	if n.submit != nil {
		if said := n.submit(tx, n.seen[key]); said != nil {
			return said
		}
	}
	if err := tx.CheckWindow(n.chain.id, n.now.Unix(), 1); err != nil {
		code, _ := types.CodeOf(err)
		return refuse(code)
	}
	if ref := n.references[key]; ref != nil {
		if !bytes.Equal(ref.BodyDigest, tx.BodyDigest[:]) {
			return refuse(types.Code_reference_conflict)
		}
		out.Status, out.Height, out.Index, out.Codes = types.SubmitStatus_FINAL, ref.Height, ref.Index, ref.Codes
		return out
	}
	ref := &types.Reference{ValidUntilUnix: tx.Body.ValidUntilUnix, BodyDigest: tx.BodyDigest[:], Height: n.height() + 1}
	n.blocks++
	for _, m := range tx.Body.Messages {
		ref.Codes = append(ref.Codes, uint32(n.apply(tx, m)))
	}
	n.references[key] = ref
	out.Status, out.Height, out.Codes = types.SubmitStatus_FINAL, ref.Height, ref.Codes
	return out
}

func (n *fakeNode) apply(tx *types.Tx, m *types.Message) types.Code {
	msg := m.Get()
	id := types.RowOf(msg).Name + "/" + tx.Body.Signer
	switch x := msg.(type) {
	case *types.IssueReceivable:
		id += "/" + x.Id
	case *types.RecordOrder:
		id += "/" + x.Id
	case *types.RegisterEnterprise:
		id += "/" + x.Subject
	default:
		id += fmt.Sprintf("/%x", types.ContentDigest(m.OnBehalfOf, msg))
	}
	content := types.ContentDigest(m.OnBehalfOf, msg)
	if old, ok := n.recorded[id]; ok {
		if bytes.Equal(old, content) {
			return types.Code_already_recorded
		}
		return types.Code_id_taken
	}
	if n.rule != nil {
		if c := n.rule(tx, m); c != types.Code_ok {
			return c
		}
	}
	n.recorded[id] = content
	n.total++
	return types.Code_ok
}

func testSigner(id string) *Signer {
	seed := sha256.Sum256([]byte(id))
	key, err := types.NewSigningKey(seed[:])
	if err != nil {
		panic(err)
	}
	return &Signer{ID: id, KeyID: "k1", Key: key, Origin: types.Origin{SourceSystem: "test", Jurisdiction: "CN"}}
}

func receivable(id string, amount int64) *types.IssueReceivable {
	return &types.IssueReceivable{Id: id, Seller: "XX:T:1", Debtor: "XX:T:2", Type: "380", Currency: "CNY", AmountMinor: amount, IssueDay: 20000, DueDay: 20030}
}

// mustMarshal encodes a record.
func mustMarshal(m interface{ Marshal() ([]byte, error) }) []byte {
	b, err := m.Marshal()
	if err != nil {
		panic(err)
	}
	return b
}

// scoredState is a state with a receipt, and the opening of its commitment.
func scoredState(simulation bool, change func(*types.Receipt)) (map[string][]byte, Opening) {
	model := score.ExpertV1()
	digest, err := score.ModelDigest(model)
	if err != nil {
		panic(err)
	}
	open := Opening{Grantee: "bank-a", Purpose: types.Purpose_CREDIT_GRANT, Salt: filled(9)}
	notice := ""
	if simulation {
		notice = types.SimulationNotice
	}
	r := &types.Receipt{
		Id: "bank-a/Q-1", Subject: "USCC:91350100M000100Y43", Commitment: types.ReceiptCommitment(open.Salt, open.Grantee, open.Purpose), Output: types.Output_SCORE,
		ScoredHeight: 1, Height: 2, Day: types.DayOf(testStart.Unix(), 28800), Model: model.Id, ModelDigest: digest[:], InputsDigest: filled(10), Simulation: simulation,
		Result: &types.ScoreResult{IndexApplicable: true, Index: 76, Segment: types.Segment_PAYER, LargestMemberBp: 6200, LateBp: 150, Experiences: 12, Counterparties: 5, NotCalibrated: true},
	}
	points := []int32{290, 45, 70, 115, 80, 60, 60, 15, 30, 22}
	values := []int64{76, 59, 400, 8000, 0, 50, 9900, 4000, 14, 3}
	for i, c := range model.Scorecards[0].Characteristics {
		r.Result.Points = append(r.Result.Points, &types.CharacteristicPoints{Characteristic: c.Id, Applicable: true, Value: values[i], Points: points[i], MaxPoints: c.Bins[0].Points})
		r.Result.Score += points[i]
	}
	r.Result.Class = types.ScoreClass_CLASS_2
	r.Result.Reasons = []*types.Reason{{Characteristic: "C2", Lost: 65}, {Characteristic: "C1", Lost: 60}, {Characteristic: "C4", Lost: 25}, {Characteristic: "C8", Lost: 25}}
	if change != nil {
		change(r)
	}
	state := map[string][]byte{
		string(types.ChainKey):           mustMarshal(&types.Chain{ChainId: testChain, BaseCurrency: "CNY", DayOffsetS: 28800, Simulation: simulation, GenesisUnix: testStart.Unix(), Notice: notice}),
		string(types.ReceiptKey(r.Id)):   mustMarshal(r),
		string(types.ModelKey(model.Id)): mustMarshal(model),
	}
	for i := range 8 {
		state[fmt.Sprintf("member/m-%d", i)] = mustMarshal(&types.Member{Id: fmt.Sprintf("m-%d", i)})
	}
	return state, open
}

func readTestFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return b
}

func replaceOnce(s, old, with string) string { return strings.Replace(s, old, with, 1) }

// clock is a moment after the newest header that proves a state.
func (f *fakeChain) clock() time.Time { return f.time(int64(len(f.states)) + 1).Add(time.Second) }
