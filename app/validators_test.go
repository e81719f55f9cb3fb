package app

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/cometbft/cometbft/crypto/ed25519"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/stretchr/testify/require"

	"tradecredit/app/ledger"
	"tradecredit/app/state"
	"tradecredit/types"
)

// operators run validators: op-0 … op-8 of six groups, so that op-6, op-7 and op-8 share theirs with op-0, op-1 and op-2.
const operators, operatorGroups = 9, 6

func operator(i int) string { return fmt.Sprintf("op-%d", i) }

func operatorGroup(member string) string {
	return fmt.Sprintf("ring-%d", int(member[len(member)-1]-'0')%operatorGroups)
}

// newValidatorWorld is a network whose one council seat decides at once, with operators, and validators of the genesis.
func newValidatorWorld(t testing.TB, powers ...int64) *world {
	w := newWorld(t)
	w.editGenesis(t, func(g *types.Genesis) {
		for i := range operators {
			k, id := testKey(t, operator(i)), operator(i)
			w.keys[id] = k
			g.Members = append(g.Members, types.GenesisMember{
				ID: id, ControlGroup: operatorGroup(id), Jurisdiction: "CN", NameDigest: bytes.Repeat([]byte{byte(i)}, 32),
				Roles: []types.Role{types.Role_OPERATOR},
				Keys:  []types.GenesisKey{{ID: "k1", Role: types.Role_OPERATOR, Algorithm: k.Algorithm(), PublicKey: k.PublicKey()}},
			})
		}
		slices.SortFunc(g.Members, func(a, b types.GenesisMember) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) })
		for i, p := range powers {
			g.Validators = append(g.Validators, types.GenesisValidator{PublicKey: consensusKey(t, i), Power: p, Member: operator(i)})
		}
		slices.SortFunc(g.Validators, func(a, b types.GenesisValidator) int { return bytes.Compare(a.PublicKey, b.PublicKey) })
	})
	return w
}

func consensusKey(t testing.TB, n int) []byte {
	return testKey(t, fmt.Sprintf("consensus %d", n)).PublicKey()
}

// engine is what CometBFT keeps of validators: its own set, changed by its own rules.
type engine struct {
	t   testing.TB
	set *cmttypes.ValidatorSet
}

func newEngine(t testing.TB, r *replica) *engine {
	set, err := ledger.Validators(r.view(t))
	require.NoError(t, err)
	e := &engine{t: t}
	var list []*cmttypes.Validator
	for _, v := range set {
		list = append(list, cmttypes.NewValidator(ed25519.PubKey(v.PublicKey), v.Power))
	}
	e.set = cmttypes.NewValidatorSet(list)
	return e
}

// apply does what CometBFT's updateState does with the changes of a block; an error there halts every node.
func (e *engine) apply(changes []abci.ValidatorUpdate) {
	e.t.Helper()
	for i := range changes {
		require.GreaterOrEqual(e.t, changes[i].Power, int64(0))
		if i > 0 {
			require.Negative(e.t, bytes.Compare(changes[i-1].PubKey.GetEd25519(), changes[i].PubKey.GetEd25519()), "sorted, each key once")
		}
	}
	list, err := cmttypes.PB2TM.ValidatorUpdates(changes)
	require.NoError(e.t, err)
	next := e.set.Copy()
	require.NoError(e.t, next.UpdateWithChangeSet(list))
	next.IncrementProposerPriority(1)
	e.set = next
}

// agree requires that the state and CometBFT know the same validators, and that the set is one that we allow.
func (e *engine) agree(r *replica, least int) {
	e.t.Helper()
	rows, err := ledger.Validators(r.view(e.t))
	require.NoError(e.t, err)
	require.Equal(e.t, e.set.Size(), len(rows))
	require.GreaterOrEqual(e.t, len(rows), least)
	groups, all := map[string]int64{}, int64(0) // summed up apart from the rules
	for _, v := range rows {
		_, known := e.set.GetByAddress(ed25519.PubKey(v.PublicKey).Address())
		require.NotNil(e.t, known)
		require.Equal(e.t, known.VotingPower, v.Power)
		require.Equal(e.t, operatorGroup(v.Member), v.ControlGroup)
		groups[v.ControlGroup] += v.Power
		all += v.Power
	}
	require.Equal(e.t, all, e.set.TotalVotingPower())
	if len(rows) >= 4 {
		for group, power := range groups {
			require.Less(e.t, 3*power, all, group)
		}
	}
}

// Whatever the council decides, in whatever order and however much of it in one block, CometBFT accepts.
func TestEveryValidatorUpdateIsAccepted(t *testing.T) {
	for _, powers := range [][]int64{{10}, {10, 5}, {7, 7, 7, 7}, {10, 10, 10, 10, 10, 10}} {
		t.Run(fmt.Sprint(powers), func(t *testing.T) {
			w := newValidatorWorld(t, powers...)
			r := newReplica(t, w, Options{})
			r.block()
			e := newEngine(t, r)
			rnd := random(uint64(len(powers)))
			accepted, refused, merged, serial := 0, 0, 0, 0
			for range 250 {
				least := min(4, e.set.Size())
				var txs [][]byte
				for range rnd.IntN(5) {
					serial++
					_, unix := r.next()
					txs = append(txs, w.tx(t, "council", unix, randomChange(t, rnd, serial)))
				}
				res := r.block(txs...)
				here := 0
				for _, one := range res.TxResults {
					if one.Code == 0 {
						here++
					} else {
						refused++
					}
				}
				accepted += here
				if here > len(res.ValidatorUpdates) {
					merged++
				}
				e.apply(res.ValidatorUpdates)
				e.agree(r, least)
			}
			t.Logf("%d changes accepted, %d refused, %d blocks merged several, %d validators at the end", accepted, refused, merged, e.set.Size())
			require.Greater(t, accepted, 20)
			require.Greater(t, refused, 20)
		})
	}
}

// randomChange is any change of any of twelve keys, likely and unlikely ones.
func randomChange(t testing.TB, rnd *rand.Rand, serial int) *types.Propose {
	powers := []int64{0, 0, 0, 1, 2, 3, 5, 7, 8, 9, 10, 10, 11, 13, 20, 40, 1_000_000}
	a := &types.ChangeValidator{PublicKey: consensusKey(t, rnd.IntN(12)), Power: powers[rnd.IntN(len(powers))]}
	if a.Power > 0 {
		a.Member = operator(rnd.IntN(operators))
		if rnd.IntN(4) == 0 {
			a.Replaces = consensusKey(t, rnd.IntN(12))
		}
	}
	return &types.Propose{Id: fmt.Sprint("change-", serial), Action: &types.Propose_Validator{Validator: a}}
}

// Every way in which CometBFT refuses a set of changes, as proposals: none of them halts anything.
func TestChangesThatCometBFTRefuses(t *testing.T) {
	change := func(key int, power int64) *types.ChangeValidator {
		a := &types.ChangeValidator{PublicKey: consensusKey(t, key), Power: power}
		if power != 0 {
			a.Member = operator(key)
		}
		return a
	}
	short := change(4, 10)
	short.PublicKey = short.PublicKey[:31]
	for name, c := range map[string]struct {
		changes []*types.ChangeValidator
		codes   []types.Code
		updates int
	}{
		"negative power":       {[]*types.ChangeValidator{change(4, -1)}, []types.Code{types.Code_validator_power_out_of_range}, 0},
		"power above the most": {[]*types.ChangeValidator{change(4, 1<<60)}, []types.Code{types.Code_validator_power_out_of_range}, 0},
		"total above the most": {[]*types.ChangeValidator{change(4, 1_000_001), change(5, 1<<62)},
			[]types.Code{types.Code_validator_power_out_of_range, types.Code_validator_power_out_of_range}, 0},
		"removal of a stranger": {[]*types.ChangeValidator{change(5, 0)}, []types.Code{types.Code_validator_unknown}, 0},
		"a malformed key":       {[]*types.ChangeValidator{short}, []types.Code{types.Code_public_key_malformed}, 0},
		"one key twice":         {[]*types.ChangeValidator{change(4, 10), change(4, 9)}, []types.Code{0, 0}, 1},
		"there and gone again":  {[]*types.ChangeValidator{change(4, 10), change(4, 0)}, []types.Code{0, 0}, 0},
		"changed and back":      {[]*types.ChangeValidator{change(0, 9), change(0, 10)}, []types.Code{0, 0}, 0},
		"gone twice":            {[]*types.ChangeValidator{change(4, 10), change(0, 0), change(0, 0)}, []types.Code{0, 0, types.Code_validator_unknown}, 2},
		"all gone": {[]*types.ChangeValidator{change(0, 0), change(1, 0), change(2, 0), change(3, 0)},
			slices.Repeat([]types.Code{types.Code_validator_set_too_small}, 4), 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newValidatorWorld(t, 10, 10, 10, 10)
			r := newReplica(t, w, Options{})
			r.block()
			e := newEngine(t, r)
			var msgs []types.Msg
			for i, a := range c.changes {
				msgs = append(msgs, &types.Propose{Id: fmt.Sprint("p", i), Action: &types.Propose_Validator{Validator: a}})
			}
			_, unix := r.next()
			raw := w.tx(t, "council", unix, msgs...)
			once := r.finalize([][]byte{raw})
			res := r.block(raw) // asked again it says the same
			require.Equal(t, once.ValidatorUpdates, res.ValidatorUpdates)
			require.Equal(t, c.codes, codes(t, res.TxResults[0]))
			require.Len(t, res.ValidatorUpdates, c.updates)
			e.apply(res.ValidatorUpdates)
			e.agree(r, 4)
			require.Empty(t, r.block().ValidatorUpdates, "given once")
		})
	}
}

// Where the genesis names no validators, the state begins with the engine's, for whom nobody answers until a vote says who.
func TestValidatorsOfTheEngine(t *testing.T) {
	w := newValidatorWorld(t)
	r := newReplica(t, w, Options{})
	q := r.initRequest()
	q.Validators = []abci.ValidatorUpdate{abci.Ed25519ValidatorUpdate(consensusKey(t, 0), 10), abci.Ed25519ValidatorUpdate(consensusKey(t, 1), 10)}
	_, err := r.InitChain(t.Context(), q)
	require.NoError(t, err)
	_, unix := r.next()
	adopt := &types.ChangeValidator{PublicKey: consensusKey(t, 0), Power: 10, Member: operator(3)}
	res := r.block(w.tx(t, "council", unix, &types.Propose{Id: "adopt", Action: &types.Propose_Validator{Validator: adopt}}))
	require.Equal(t, []types.Code{0}, codes(t, res.TxResults[0]))
	require.Empty(t, res.ValidatorUpdates, "the power stays")
	rows, err := ledger.Validators(r.view(t))
	require.NoError(t, err)
	require.Len(t, rows, 2)
	for _, v := range rows {
		require.Equal(t, bytes.Equal(v.PublicKey, adopt.PublicKey), v.Member == operator(3))
	}

	q.Validators[1].Power = 1_000_001
	_, err = newReplica(t, w, Options{}).InitChain(t.Context(), q)
	require.ErrorContains(t, err, "has the power 1000001")
	q.Validators[1] = abci.UpdateValidator(make([]byte, 33), 10, "secp256k1")
	_, err = newReplica(t, w, Options{}).InitChain(t.Context(), q)
	require.ErrorContains(t, err, "only ed25519 keys sign blocks")
}

// view is the committed state; it is closed with the test.
func (r *replica) view(t testing.TB) *state.View {
	v := r.View()
	t.Cleanup(func() { require.NoError(t, v.Close()) })
	return v
}
