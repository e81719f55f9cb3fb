package node

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/stretchr/testify/require"

	"tradecredit/app"
	"tradecredit/app/state"
	"tradecredit/types"
)

const (
	makerChain = "replay-test"
	makerUnix  = int64(1_788_000_000) // 2026-08-29
)

// maker is a network in one hand: it makes blocks, has its validators sign them and keeps them in a home as a node does,
// in milliseconds. It can execute something else than its blocks say, as a node with altered rules would.
type maker struct {
	t       testing.TB
	config  Config
	version uint64 // of the rules
	genesis []byte
	members map[string]*types.SigningKey
	signers map[string]ed25519.PrivKey // by address
	serial  int

	importer *importer
	app      *app.App
	finish   func() error
	chain    *tracker
	last     *cmttypes.Commit
	records  []*blockRecord
	hashes   [][]byte // app hashes after each block

	alter  func(height int64, txs [][]byte) [][]byte // what is executed instead; nil: what the block holds
	plant  func(b *state.Batch)                      // what the rules write more, or otherwise; nil: nothing
	tell   func(e *app.Executed)                     // alters what the nodes say that a block came to; nil: nothing
	absent int                                       // this validator of each commit does not sign; −1: all do
}

func makerKey(t testing.TB, name string) *types.SigningKey {
	t.Helper()
	seed := sha256.Sum256([]byte("replay test " + name))
	k, err := types.NewSigningKey(seed[:])
	require.NoError(t, err)
	return k
}

func consensusKey(i int) ed25519.PrivKey {
	return ed25519.GenPrivKeyFromSecret(fmt.Appendf(nil, "validator %d", i))
}

// makerMembers are the members of the network, each with one key "k1".
var makerMembers = []struct {
	id   string
	role types.Role
}{
	{"auditor", types.Role_AUDITOR}, {"bank", types.Role_BANK}, {"bureau", types.Role_BUREAU}, {"council", types.Role_COUNCIL},
	{"op-0", types.Role_OPERATOR}, {"op-1", types.Role_OPERATOR}, {"op-2", types.Role_OPERATOR}, {"op-3", types.Role_OPERATOR},
	{"op-4", types.Role_OPERATOR}, {"op-5", types.Role_OPERATOR}, {"platform", types.Role_PLATFORM},
}

// newMaker begins a network with so many validators.
func newMaker(t testing.TB, validators int) *maker {
	t.Helper()
	return newMakerOf(t, validators, types.AppVersion)
}

// newMakerOf is newMaker of a program that knows the rules up to a version.
func newMakerOf(t testing.TB, validators int, version uint64) *maker {
	t.Helper()
	m := &maker{t: t, version: version, members: map[string]*types.SigningKey{}, signers: map[string]ed25519.PrivKey{}, absent: -1}
	first := &types.Genesis{BaseCurrency: "CNY", DayOffsetS: 8 * 3600}
	for _, seat := range makerMembers {
		k, name := makerKey(t, seat.id), sha256.Sum256([]byte(seat.id))
		m.members[seat.id] = k
		first.Members = append(first.Members, types.GenesisMember{
			ID: seat.id, ControlGroup: "group-" + seat.id, Jurisdiction: "CN", NameDigest: name[:], Roles: []types.Role{seat.role},
			Keys: []types.GenesisKey{{ID: "k1", Role: seat.role, Algorithm: k.Algorithm(), PublicKey: k.PublicKey()}},
		})
	}
	var engine []Validator
	for i := range 6 {
		k := consensusKey(i)
		m.signers[string(k.PubKey().Address())] = k
		if i < validators {
			engine = append(engine, Validator{Name: fmt.Sprint("v", i), Key: k.PubKey().Bytes()})
			first.Validators = append(first.Validators, types.GenesisValidator{PublicKey: k.PubKey().Bytes(), Power: 10, Member: fmt.Sprint("op-", i)})
		}
	}
	slices.SortFunc(first.Validators, func(a, b types.GenesisValidator) int { return bytes.Compare(a.PublicKey, b.PublicKey) })
	var err error
	m.genesis, err = Genesis(makerChain, time.Unix(makerUnix, 0), engine, first)
	require.NoError(t, err)
	m.open()
	return m
}

// open makes the home and begins the chain.
func (m *maker) open() {
	m.config = Default(filepath.Join(m.t.TempDir(), "home"))
	m.config.State.Archive = true
	m.config.State.CacheBytes = minCacheBytes
	_, err := CreateHome(m.config)
	require.NoError(m.t, err)
	require.NoError(m.t, WriteGenesis(m.config, m.genesis))
	m.importer = &importer{config: &m.config, dir: filepath.Join(m.config.DataDir(), importFolder), logger: quiet()}
	var db *state.DB
	db, m.finish, err = m.importer.openState()
	require.NoError(m.t, err)
	m.app, err = app.New(db, app.Options{AppVersion: m.version})
	require.NoError(m.t, err)
	doc, err := parseGenesis(m.genesis)
	require.NoError(m.t, err)
	hash, err := m.app.Begin(doc)
	require.NoError(m.t, err)
	m.chain, err = newTracker(doc, hash)
	require.NoError(m.t, err)
	require.NoError(m.t, m.importer.begin(m.chain))
	m.last = &cmttypes.Commit{}
}

// height is that of the newest block.
func (m *maker) height() int64 { return m.chain.LastBlockHeight }

// unix is the time of the newest block.
func (m *maker) unix() int64 { return m.chain.LastBlockTime.Unix() }

func (m *maker) today() int32 { return types.DayOf(m.unix(), 8*3600) }

// tx is a transaction of a member.
func (m *maker) tx(signer string, msgs ...types.Msg) []byte {
	m.t.Helper()
	m.serial++
	return m.sign(signer, fmt.Sprintf("reference-%010d", m.serial), msgs...)
}

func (m *maker) sign(signer, reference string, msgs ...types.Msg) []byte {
	m.t.Helper()
	b := &types.Body{
		ChainId: makerChain, Signer: signer, Key: "k1", Reference: reference, ValidUntilUnix: m.unix() + 3600,
		Origin: &types.Origin{SourceSystem: "test", Jurisdiction: "CN", CollectedUnix: makerUnix - 60},
	}
	for _, msg := range msgs {
		b.Messages = append(b.Messages, types.Wrap("", msg))
	}
	raw, err := types.Sign(b, m.members[signer])
	require.NoError(m.t, err)
	return raw
}

// block makes, executes and signs a block, and gives the codes of its transactions.
func (m *maker) block(txs ...[]byte) []uint32 {
	m.t.Helper()
	list := make(cmttypes.Txs, len(txs))
	for i, raw := range txs {
		list[i] = raw
	}
	made, err := m.chain.MakeBlock(m.height()+1, list, m.last, nil, m.chain.Validators.GetProposer().Address)
	require.NoError(m.t, err)
	return m.take(made, m.chain.Validators)
}

// take executes a block and has validators sign it.
func (m *maker) take(made *cmttypes.Block, set *cmttypes.ValidatorSet) []uint32 {
	m.t.Helper()
	p, err := made.ToProto()
	require.NoError(m.t, err)
	encoded, err := p.Marshal()
	require.NoError(m.t, err)
	r := &blockRecord{height: made.Height, block: encoded}
	b, err := (&pipeline{}).open(r)
	require.NoError(m.t, err)
	executing := made.Txs.ToSliceOfBytes()
	if m.alter != nil {
		executing = m.alter(made.Height, executing)
	}
	prepared, _, _ := app.Prepare(types.NewVerifier(), [][][]byte{executing})
	b.txs = prepared[0]
	run, err := m.app.Run(b.decided())
	require.NoError(m.t, err)
	if m.plant != nil {
		m.plant(run.Batch())
	}
	executed, err := m.app.Execute(run)
	require.NoError(m.t, err)
	if m.tell != nil {
		m.tell(executed)
	}
	after, err := m.chain.after(b, executed)
	require.NoError(m.t, err)
	m.last = m.commit(b.id, made.Height, made.Time, set)
	require.NoError(m.t, m.app.CommitExecuted())
	require.NoError(m.t, m.importer.keep(b, m.last, executed, after))
	m.chain = after
	r.results, r.known = app.ResultsOf(executed.Response), true
	m.records = append(m.records, r)
	m.hashes = append(m.hashes, after.AppHash)
	codes := make([]uint32, len(r.results))
	for i := range r.results {
		codes[i] = r.results[i].Code
	}
	return codes
}

// accepted is block, all of whose messages must be accepted.
func (m *maker) accepted(txs ...[]byte) {
	m.t.Helper()
	for i, code := range m.block(txs...) {
		require.Zero(m.t, code, "transaction %d: %s", i, types.Code(code))
	}
}

// commit is the commit of a set on a block, two seconds after it.
func (m *maker) commit(id cmttypes.BlockID, height int64, at time.Time, set *cmttypes.ValidatorSet) *cmttypes.Commit {
	m.t.Helper()
	c := &cmttypes.Commit{Height: height, BlockID: id}
	for i, v := range set.Validators {
		if i == m.absent {
			c.Signatures = append(c.Signatures, cmttypes.NewCommitSigAbsent())
			continue
		}
		vote := cmttypes.Vote{
			Type: cmtproto.PrecommitType, Height: height, BlockID: id, Timestamp: at.Add(2 * time.Second),
			ValidatorAddress: v.Address, ValidatorIndex: int32(i),
		}
		signature, err := m.signers[string(v.Address)].Sign(cmttypes.VoteSignBytes(makerChain, vote.ToProto()))
		require.NoError(m.t, err)
		c.Signatures = append(c.Signatures, cmttypes.CommitSig{
			BlockIDFlag: cmttypes.BlockIDFlagCommit, ValidatorAddress: v.Address, Timestamp: vote.Timestamp, Signature: signature,
		})
	}
	return c
}

// close puts the home in place and gives its folder. The maker is of no more use.
func (m *maker) close() string {
	m.t.Helper()
	m.app.Quit()
	require.NoError(m.t, m.finish())
	require.NoError(m.t, m.importer.putInPlace())
	return m.config.Home
}

// register registers and confirms enterprises.
func (m *maker) register(n int) {
	m.t.Helper()
	var first, second []types.Msg
	for i := range n {
		first = append(first, &types.RegisterEnterprise{
			Subject: makerParty(i), District: "CN", Size_: types.EnterpriseSize_SMALL, Ownership: types.Ownership_PRIVATE, ControlGroup: fmt.Sprintf("owner-%d", i),
		})
		second = append(second, &types.ConfirmEnterprise{Subject: makerParty(i)})
	}
	m.accepted(m.tx("platform", first...))
	m.accepted(m.tx("bank", second...))
}

func makerParty(i int) string { return fmt.Sprintf("CN:TEST:%06d", i) }

// order is an order between two enterprises.
func (m *maker) order(id string, amount int64) *types.RecordOrder {
	return &types.RecordOrder{
		Id: id, Kind: types.OrderKind_GOODS, Buyer: makerParty(0), Seller: makerParty(1), OrderDay: m.today() - 1, PromisedDay: m.today() + 20,
		Currency: "CNY", AmountMinor: amount, TermsDigest: bytes.Repeat([]byte{1}, 32),
	}
}

// query asks for a subject's score on a statute.
func (m *maker) query(id, subject string) []byte {
	return m.tx("auditor", &types.QueryCredit{
		Id: id, Subject: subject, Purpose: types.Purpose_AUDIT, Output: types.Output_SCORE, StatutoryBasis: 1, Salt: bytes.Repeat([]byte{2}, 32),
	})
}

// standard is a history with everything in it: enterprises, orders, queries, refusals, empty blocks, and other validators
// on the way.
func standard(t testing.TB) *maker {
	t.Helper()
	m := newMaker(t, 4)
	m.block()
	m.register(3)
	for i := range 4 {
		m.accepted(m.tx("platform", m.order(fmt.Sprint("a", i), 1000+int64(i)), m.order(fmt.Sprint("b", i), 2000)), m.tx("platform", m.order(fmt.Sprint("c", i), 3000)))
	}
	m.absent = 2
	change := func(key int, power int64) types.Msg {
		c := &types.ChangeValidator{PublicKey: consensusKey(key).PubKey().Bytes(), Power: power}
		if power > 0 {
			c.Member = fmt.Sprint("op-", key)
		}
		return &types.Propose{Id: fmt.Sprint("change-", key, "-", power), Action: &types.Propose_Validator{Validator: c}}
	}
	m.accepted(m.tx("council", change(4, 10)))
	m.block(m.tx("platform", m.order("a0", 9))) // id_taken
	m.accepted(m.query("q1", makerParty(1)))
	m.accepted(m.tx("council", change(0, 0), change(5, 8)))
	m.block()
	m.absent = -1
	for i := range 3 {
		m.accepted(m.tx("platform", m.order(fmt.Sprint("d", i), 1000)))
	}
	m.accepted(m.query("q2", makerParty(0)))
	m.block()
	m.block()
	return m
}

func replayOf(t testing.TB, o ReplayOptions) *Replayed {
	t.Helper()
	o.Scratch = t.TempDir()
	o.CacheBytes = minCacheBytes
	r, err := Replay(t.Context(), o)
	require.NoError(t, err)
	left, err := os.ReadDir(o.Scratch)
	require.NoError(t, err)
	require.Empty(t, left, "scratch is removed")
	return r
}

// refused is the error of a replay that must fail.
func refused(t testing.TB, from string) error {
	t.Helper()
	_, err := Replay(t.Context(), ReplayOptions{From: from, Scratch: t.TempDir(), CacheBytes: minCacheBytes})
	require.Error(t, err)
	return err
}
