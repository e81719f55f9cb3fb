package app

import (
	"context"
	"fmt"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// wire encodes and signs a body without looking at it, as an attacker would.
func wire(t testing.TB, b *types.Body, k *types.SigningKey, edit func(*types.SignedTx)) []byte {
	t.Helper()
	encoded, err := b.Marshal()
	require.NoError(t, err)
	s := types.SignedTx{Body: encoded, PublicKey: k.PublicKey(), Algorithm: k.Algorithm(), Signature: k.Sign(types.SignBytes(encoded))}
	if edit != nil {
		edit(&s)
	}
	raw, err := s.Marshal()
	require.NoError(t, err)
	return raw
}

// authentication is a network on which every code of authentication can be had, and one transaction for each.
type authentication struct {
	*replica
	used  []byte                // a transaction of an earlier block
	cases map[types.Code][]byte // each refused, whatever else the block holds
	good  func(n int) []byte    // transactions that are not
	key2  *types.SigningKey     // of bank-a, live later
	body  func() *types.Body    // valid, of forex
	forex *types.SigningKey
}

func newAuthentication(t testing.TB) *authentication {
	t.Helper()
	w := newWorld(t, types.GenesisParameter{Name: "block_cost", Value: 12_288},
		types.GenesisParameter{Name: "quota_bytes", Value: 1 << 20}, types.GenesisParameter{Name: "quota_messages", Value: 1000})
	a := &authentication{replica: newReplica(t, w, Options{}), forex: w.keys["forex"], key2: testKey(t, "bank-a second")}
	a.block()
	a.used = w.tx(t, "forex", a.unix, fixing(0))
	newKey := &types.NewKey{
		Id: "k2", Role: types.Role_BANK, Algorithm: types.Algorithm_ED25519, PublicKey: a.key2.PublicKey(), ValidFromUnix: a.unix + 5000,
		Possession: a.key2.Sign(types.Possession(testChain, "bank-a", "k2", a.key2.PublicKey())),
	}
	bulk := func() []byte {
		return w.tx(t, "carrier", a.unix, &types.RecordLogisticsEvent{Id: "x", TransportDocument: make([]byte, 209_000)})
	}
	res := a.block(
		a.used,
		w.tx(t, "forex-b", a.unix, &types.RevokeKey{Key: "k1"}),
		w.tx(t, "council", a.unix, &types.Propose{Id: "s1", Action: &types.Propose_Suspend{Suspend: &types.Suspend{Member: "bank-b", Reason: 1}}}),
		w.tx(t, "bank-a", a.unix, &types.RotateKey{OldKey: "k1", NewKey: newKey, OldValidUntilUnix: a.unix + 9000}),
		w.tx(t, "forex-c", a.unix, fixings(500, 250)...), w.tx(t, "forex-c", a.unix, fixings(750, 250)...),
		w.tx(t, "forex-c", a.unix, fixings(1000, 250)...), w.tx(t, "forex-c", a.unix, fixings(1250, 249)...),
		bulk(), bulk(), bulk(), bulk(), bulk(),
	)
	for i, x := range res.TxResults {
		require.NotEmpty(t, x.Data, "transaction %d of the setting: %s", i, x.Log)
		if i < 4 {
			require.Zero(t, x.Code, "transaction %d of the setting: %s", i, x.Log)
		}
	}
	a.body = func() *types.Body { return w.body("forex", a.unix, fixing(2)) }
	a.good = func(n int) []byte { return w.tx(t, "forex", a.unix, fixing(10_000+n)) }
	a.makeCases(t)
	return a
}

func (a *authentication) makeCases(t testing.TB) {
	w := a.w
	edited := func(edit func(*types.Body)) []byte {
		b := a.body()
		edit(b)
		return wire(t, b, a.forex, nil)
	}
	signer := func(id string, msgs ...types.Msg) []byte {
		return wire(t, w.body(id, a.unix, msgs...), w.keys[id], nil)
	}
	usedAgain := w.body("forex", a.unix, fixing(3))
	tx, err := types.Decode(a.used)
	require.NoError(t, err)
	usedAgain.Reference = tx.Body.Reference
	a.cases = map[types.Code][]byte{
		types.Code_tx_too_large:               make([]byte, types.MaxTxBytes+1),
		types.Code_tx_malformed:               {0xff, 1},
		types.Code_tx_not_canonical:           append(a.good(0), 0x30, 0x00),
		types.Code_tx_field_invalid:           edited(func(b *types.Body) { b.Key = "" }),
		types.Code_message_count_out_of_range: edited(func(b *types.Body) { b.Messages = nil }),
		types.Code_algorithm_not_allowed:      wire(t, a.body(), a.forex, func(s *types.SignedTx) { s.Algorithm = types.Algorithm_SM2_SM3 }),
		types.Code_chain_id_differs:           edited(func(b *types.Body) { b.ChainId = "test-2" }),
		types.Code_tx_expired:                 edited(func(b *types.Body) { b.ValidUntilUnix = a.unix - 1 }),
		types.Code_valid_until_too_far:        edited(func(b *types.Body) { b.ValidUntilUnix = a.unix + 2*types.MaxValidity }),
		types.Code_reference_malformed:        edited(func(b *types.Body) { b.Reference = "short" }),
		types.Code_origin_invalid:             edited(func(b *types.Body) { b.Origin = nil }),
		types.Code_reference_used:             a.used,
		types.Code_reference_conflict:         w.sign(t, usedAgain),
		types.Code_signer_unknown:             edited(func(b *types.Body) { b.Signer = "nobody" }),
		types.Code_member_suspended:           signer("bank-b", &types.ConfirmEnterprise{Subject: "CN:TEST:1"}),
		types.Code_key_unknown:                edited(func(b *types.Body) { b.Key = "k9" }),
		types.Code_key_revoked:                signer("forex-b", fixing(4)),
		types.Code_key_not_live:               wire(t, a.withKey("bank-a", "k2", &types.ConfirmEnterprise{Subject: "CN:TEST:1"}), a.key2, nil),
		types.Code_public_key_differs:         wire(t, a.body(), w.keys["bank-a"], nil),
		types.Code_role_not_permitted:         signer("bank-a", fixing(5)),
		types.Code_quota_messages_exceeded:    signer("forex-c", fixing(6), fixing(7)),
		types.Code_quota_bytes_exceeded:       signer("carrier", &types.RecordLogisticsEvent{Id: "x", TransportDocument: make([]byte, 9_000)}),
		types.Code_signature_invalid:          wire(t, a.body(), a.forex, func(s *types.SignedTx) { s.Signature[3] ^= 1 }),
	}
}

func (a *authentication) withKey(signer, key string, msgs ...types.Msg) *types.Body {
	b := a.w.body(signer, a.unix, msgs...)
	b.Key = key
	return b
}

// TestEveryAuthenticationCode: at the ingress, over RPC, in a proposal and in a block each code is given, and in a block
// nothing changes by it.
func TestEveryAuthenticationCode(t *testing.T) {
	a := newAuthentication(t)
	empty := a.finalize(nil).AppHash
	for code := types.Code_tx_too_large; code <= types.Code_signature_invalid; code++ {
		if code == types.Code_block_cost_exceeded {
			continue // of many transactions together: TestBlockCost
		}
		t.Run(code.String(), func(t *testing.T) {
			raw, ok := a.cases[code]
			require.True(t, ok, "no case")
			got := a.Submit(context.Background(), [][]byte{raw})[0]
			require.Equal(t, code.String(), got.Code.String(), got.Detail)
			res, err := a.CheckTx(context.Background(), &abci.RequestCheckTx{Tx: raw})
			require.NoError(t, err)
			require.Equal(t, code.String(), types.Code(res.Code).String())
			require.False(t, a.process([][]byte{a.good(1), raw}))
			final := a.finalize([][]byte{raw})
			require.Equal(t, code.String(), types.Code(final.TxResults[0].Code).String(), final.TxResults[0].Log)
			require.Empty(t, final.TxResults[0].Data)
			require.Equal(t, empty, final.AppHash, "no state change, not even a reference")
		})
	}
	txs, _ := a.pool.size()
	require.Zero(t, txs)
}

// TestReplay: in the same block, a later one, after a restart, and in another encoding of the same body: 0 accepted.
func TestReplay(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{})
	r.block()
	body := w.body("forex", r.unix, fixing(0))
	raw := w.sign(t, body)
	other := *body
	other.Messages = []*types.Message{types.Wrap("", fixing(1))}
	conflict := w.sign(t, &other)
	used, differs := uint32(types.Code_reference_used), uint32(types.Code_reference_conflict)

	require.False(t, r.process([][]byte{raw, raw}), "nobody may propose it twice")
	require.False(t, r.process([][]byte{raw, conflict}))
	res := r.block(raw, raw, conflict)
	require.Equal(t, []uint32{0, used, differs}, []uint32{res.TxResults[0].Code, res.TxResults[1].Code, res.TxResults[2].Code})
	once := r.leaves()

	for _, restart := range []bool{false, true} {
		if restart {
			r.restart()
			r.block()
			require.Equal(t, once, r.leaves())
		}
		r.submit(types.Code_reference_used, raw)
		r.submit(types.Code_reference_conflict, conflict)
		require.Empty(t, r.prepare(testRoom))
		require.False(t, r.process([][]byte{raw}))
		require.False(t, r.process([][]byte{conflict}))
		res = r.block(raw, conflict)
		require.Equal(t, []uint32{used, differs}, []uint32{res.TxResults[0].Code, res.TxResults[1].Code})
		require.Equal(t, once, r.leaves(), "nothing changed")
	}
	// Once its time is over the row may be forgotten; then the window refuses it.
	r.unix = body.ValidUntilUnix + 7200
	r.block()
	r.submit(types.Code_tx_expired, raw)
	require.EqualValues(t, types.Code_tx_expired, r.block(raw).TxResults[0].Code)
}

func TestSubmitBeforeTheFirstBlock(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{})
	raw := w.tx(t, "forex", r.unix, fixing(0))
	r.submit(types.NodeCodeBehind, raw)
	r.submit(types.Code_tx_malformed, []byte{1})
	res, err := r.InsertTx(context.Background(), &abci.RequestInsertTx{Tx: raw})
	require.NoError(t, err)
	require.EqualValues(t, types.NodeCodeBehind, res.Code)
	require.Empty(t, r.prepare(testRoom), "PrepareProposal does not wait for the first block")
	r.block()
	r.submit(types.Code_ok, raw)
	r.restart()
	r.submit(types.NodeCodeBehind, w.tx(t, "forex", r.unix, fixing(1)))
	require.Empty(t, r.prepare(testRoom), "nor for the first one after a restart")
}

// TestBehind: refusals that rest on a state long past are temporary, others are not.
func TestBehind(t *testing.T) {
	a := newAuthentication(t)
	clock := a.unix
	a.options.Now = func() time.Time { return time.Unix(clock, 0) }
	clock += 3600
	for code, raw := range a.cases {
		want := code
		switch code {
		case types.Code_valid_until_too_far, types.Code_signer_unknown, types.Code_member_suspended, types.Code_key_unknown, types.Code_key_not_live,
			types.Code_public_key_differs, types.Code_quota_messages_exceeded, types.Code_quota_bytes_exceeded:
			want = types.NodeCodeBehind
		}
		a.submit(want, raw)
	}
	a.submit(types.Code_ok, a.good(0))
}

func TestSubmitAnswersInOrder(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{})
	r.block()
	var raw [][]byte
	for i := range 40 {
		switch i % 4 {
		case 0, 1:
			raw = append(raw, w.tx(t, "forex", r.unix, fixing(i)))
		case 2:
			raw = append(raw, raw[i-1])
		case 3:
			raw = append(raw, wire(t, w.body("forex", r.unix, fixing(i)), w.keys["forex"], func(s *types.SignedTx) { s.Signature[0] ^= 1 }))
		}
	}
	for i, a := range r.Submit(context.Background(), raw) {
		want := []types.Code{types.Code_ok, types.Code_ok, types.NodeCodeDuplicate, types.Code_signature_invalid}[i%4]
		require.Equal(t, want, a.Code, "%d: %s", i, a.Detail)
		require.Equal(t, hashAll(raw)[i], a.Hash)
		require.Equal(t, "forex", a.Signer)
		require.NotEmpty(t, a.Reference)
	}
	txs, res := r.propose()
	require.Len(t, txs, 20)
	for i, x := range res.TxResults {
		require.Zero(t, x.Code, fmt.Sprint(i))
	}
}

// TestVerifyOnce: what was verified at the ingress is not verified again in proposals and blocks, and what came with a
// proposal is not verified again in the block.
func TestVerifyOnce(t *testing.T) {
	w := newWorld(t)
	registry := prometheus.NewRegistry()
	r := newReplica(t, w, Options{Registerer: registry})
	r.block()
	lookups := func(known string) float64 {
		return counted(t, registry, "tradecredit_app_lookups_total", "known", known)
	}
	known := w.tx(t, "forex", r.unix, fixing(0))
	r.submit(types.Code_ok, known)
	strange := w.tx(t, "forex", r.unix, fixing(1))
	require.True(t, r.process([][]byte{known, strange}))
	require.EqualValues(t, 1, lookups("no"))
	r.block(known, strange)
	require.EqualValues(t, 1, lookups("no"))
	require.EqualValues(t, 3, lookups("yes"))
	require.Empty(t, r.seen.txs)
}

// TestPeersAreAdmittedByWorkers: InsertTx only queues, within bounds; workers admit.
func TestPeersAreAdmittedByWorkers(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{})
	r.block()
	insert := func(raw []byte) types.Code {
		res, err := r.InsertTx(context.Background(), &abci.RequestInsertTx{Tx: raw})
		require.NoError(t, err)
		return types.Code(res.Code)
	}
	for i := range 50 {
		require.Equal(t, types.Code_ok, insert(w.tx(t, "forex", r.unix, fixing(i))))
	}
	require.Equal(t, types.Code_ok, insert([]byte{1, 2}), "a worker will refuse it")
	require.Equal(t, types.Code_tx_too_large, insert(make([]byte, types.MaxTxBytes+1)))
	eventually(t, "50 admitted", func() bool { return r.Status().PendingTxs == 50 })
	eventually(t, "queue empty", func() bool { return r.peers.bytes.Load() == 0 })

	q := newPeerQueue(100)
	require.True(t, q.put(peerTx{raw: make([]byte, 60)}))
	require.False(t, q.put(peerTx{raw: make([]byte, 60)}), "no room for the bytes")
	require.True(t, q.put(peerTx{raw: make([]byte, 40)}))
	require.Len(t, q.take(nil), 2)
	require.Zero(t, q.bytes.Load())
	for range peerQueueTxs {
		require.True(t, q.put(peerTx{}))
	}
	require.False(t, q.put(peerTx{}), "no room for one more")
}

// TestPeerAhead: a peer's transaction that rests on a block which this node does not have yet is tried again after it, once.
func TestPeerAhead(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{})
	r.block()
	k := testKey(t, "forex second")
	newKey := &types.NewKey{
		Id: "k2", Role: types.Role_FOREX, Algorithm: types.Algorithm_ED25519, PublicKey: k.PublicKey(),
		Possession: k.Sign(types.Possession(testChain, "forex", "k2", k.PublicKey())),
	}
	rotate := w.tx(t, "forex", r.unix, &types.RotateKey{OldKey: "k1", NewKey: newKey, OldValidUntilUnix: r.unix + 9000})
	b := w.body("forex", r.unix, fixing(0))
	b.Key = "k2"
	early, never := wire(t, b, k, nil), w.body("forex", r.unix, fixing(1))
	never.Key = "k3"
	for _, raw := range [][]byte{early, wire(t, never, k, nil)} {
		res, err := r.InsertTx(context.Background(), &abci.RequestInsertTx{Tx: raw})
		require.NoError(t, err)
		require.Zero(t, res.Code)
	}
	kept := func() int {
		r.peers.mu.Lock()
		defer r.peers.mu.Unlock()
		return len(r.peers.early)
	}
	eventually(t, "both are kept", func() bool { return kept() == 2 })
	require.Zero(t, r.Status().PendingTxs)
	require.Zero(t, r.block(rotate).TxResults[0].Code)
	eventually(t, "one is admitted", func() bool { return r.Status().PendingTxs == 1 })
	eventually(t, "both were tried", func() bool { return r.peers.bytes.Load() == 0 })
	txs, _ := r.propose()
	require.Equal(t, [][]byte{early}, txs)
	require.Zero(t, kept())
}

func TestQuit(t *testing.T) {
	w := newWorld(t)
	r := newReplica(t, w, Options{Wait: time.Hour})
	r.block()
	prepared := make(chan [][]byte)
	awaited := make(chan *types.Reference)
	go func() { prepared <- r.prepare(testRoom) }()
	go func() {
		row, err := r.Await(context.Background(), "forex", "reference-that-never-comes")
		if err != nil {
			panic(err)
		}
		awaited <- row
	}()
	r.Quit()
	require.Empty(t, <-prepared)
	require.Nil(t, <-awaited)
	r.Quit()
	r.submit(types.NodeCodeStopping, w.tx(t, "forex", r.unix, fixing(0)))
	row, err := r.Await(context.Background(), "forex", "reference-that-never-comes")
	require.NoError(t, err)
	require.Nil(t, row)
	r.block(w.tx(t, "forex", r.unix, fixing(0)))
	require.EqualValues(t, 2, r.Height(), "blocks are still finalized and committed")
}

func TestNewRefuses(t *testing.T) {
	_, err := New(nil, Options{})
	require.Error(t, err)
	r := newReplica(t, newWorld(t), Options{})
	for _, o := range []Options{{Wait: -1}, {MaxPendingBytes: -1}, {MaxPendingBytes: 1000}, {KeepBlocks: -1}} {
		_, err := New(r.db, o)
		require.Error(t, err)
	}
}
