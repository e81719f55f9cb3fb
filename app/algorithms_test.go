package app

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// editGenesis changes the genesis of a test network.
func (w *world) editGenesis(t testing.TB, edit func(*types.Genesis)) {
	t.Helper()
	g, err := types.ParseGenesis(w.genesis)
	require.NoError(t, err)
	edit(g)
	w.genesis, err = json.Marshal(g)
	require.NoError(t, err)
}

// sm2World is a network in which both algorithms sign: forex-b has an SM2 key.
func sm2World(t testing.TB) *world {
	t.Helper()
	w := newWorld(t, types.GenesisParameter{Name: "algorithms", Value: 3})
	secret := sha256.Sum256([]byte("app test SM2"))
	k, err := types.NewSigningKeyFor(types.Algorithm_SM2_SM3, secret[:])
	require.NoError(t, err)
	w.keys["forex-b"] = k
	w.editGenesis(t, func(g *types.Genesis) {
		g.MemberNamed("forex-b").Keys[0] = types.GenesisKey{ID: "k1", Role: types.Role_FOREX, Algorithm: k.Algorithm(), PublicKey: k.PublicKey()}
	})
	return w
}

// TestBothAlgorithms: transactions of ed25519 and SM2 pass the gate together, bad ones of each are found, and a node that
// sees the block for the first time agrees.
func TestBothAlgorithms(t *testing.T) {
	w := sm2World(t)
	r, other := newReplica(t, w, Options{}), newReplica(t, w, Options{})
	genesis := r.block()
	require.Equal(t, genesis.AppHash, other.block().AppHash)

	signers := []string{"forex", "forex-b", "forex-c"}
	var good, bad [][]byte
	for i := range 40 {
		signer := signers[i%len(signers)]
		good = append(good, w.tx(t, signer, testUnix, fixing(i)))
		if i%7 < 2 {
			spoiled := w.tx(t, signer, testUnix, fixing(i))
			spoiled[len(spoiled)-1] ^= 1 // the last byte of the signature
			bad = append(bad, spoiled)
		}
	}
	for i, res := range r.Submit(t.Context(), slices.Concat(good, bad)) { // in one batch
		want := types.Code_ok
		if i >= len(good) {
			want = types.Code_signature_invalid
		}
		require.Equal(t, want, res.Code, "transaction %d: %s", i, res.Detail)
	}
	txs := r.prepare(testRoom)
	require.Len(t, txs, len(good))
	require.True(t, r.process(txs))
	require.True(t, other.process(txs), "verified from nothing")
	require.False(t, other.process(slices.Concat(txs, bad[1:2])), "a bad SM2 signature")
	res := r.block(txs...)
	require.Equal(t, res.AppHash, other.block(txs...).AppHash)
	for _, one := range res.TxResults {
		require.Zero(t, one.Code, one.Log)
	}
	late := other.block(bad...)
	for _, one := range late.TxResults {
		require.Equal(t, uint32(types.Code_signature_invalid), one.Code)
	}
}

func TestInitChainComparesValidators(t *testing.T) {
	w := newWorld(t)
	one, two := testKey(t, "validator 1").PublicKey(), testKey(t, "validator 2").PublicKey()
	w.editGenesis(t, func(g *types.Genesis) {
		m := g.MemberNamed("bank-a")
		m.Roles = []types.Role{types.Role_OPERATOR, types.Role_BANK}
		g.Validators = []types.GenesisValidator{{PublicKey: one, Power: 10, Member: "bank-a"}, {PublicKey: two, Power: 5, Member: "bank-a"}}
		slices.SortFunc(g.Validators, func(a, b types.GenesisValidator) int { return slices.Compare(a.PublicKey, b.PublicKey) })
	})
	a, b := abci.Ed25519ValidatorUpdate(one, 10), abci.Ed25519ValidatorUpdate(two, 5)
	r := newBareReplica(t, w)
	for _, c := range []struct {
		validators []abci.ValidatorUpdate
		want       string
	}{
		{nil, "the engine begins with 0 validators, the genesis lists 2"},
		{[]abci.ValidatorUpdate{a}, "the engine begins with 1 validators, the genesis lists 2"},
		{[]abci.ValidatorUpdate{a, b, b}, "the engine begins with 3 validators"},
		{[]abci.ValidatorUpdate{a, a}, "which the genesis does not list, or lists once and the engine twice"},
		{[]abci.ValidatorUpdate{a, abci.Ed25519ValidatorUpdate(testKey(t, "x").PublicKey(), 5)}, "which the genesis does not list"},
		{[]abci.ValidatorUpdate{a, {}}, "which the genesis does not list"},
		{[]abci.ValidatorUpdate{a, abci.Ed25519ValidatorUpdate(two, 6)}, "the power 6, the genesis 5"},
	} {
		q := r.initRequest()
		q.Validators = c.validators
		_, err := r.InitChain(t.Context(), q)
		require.ErrorContains(t, err, c.want)
	}
	q := r.initRequest()
	q.Validators = []abci.ValidatorUpdate{b, a} // the engine has an order of its own
	_, err := r.InitChain(t.Context(), q)
	require.NoError(t, err)
}

// newBareReplica is a replica before InitChain.
func newBareReplica(t testing.TB, w *world) *replica {
	t.Helper()
	listed := w.genesis
	w.editGenesis(t, func(g *types.Genesis) { g.Validators = nil })
	r := newReplica(t, w, Options{})
	w.genesis = listed
	return r
}
