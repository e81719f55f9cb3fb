package node

import (
	"fmt"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/stretchr/testify/require"

	"tradecredit/app"
	"tradecredit/app/state"
	"tradecredit/types"
)

// planting is a history of which all nodes ran rules with one thing planted into block plantedHeight: the headers, the
// results and the state that they keep agree with each other.
func planting(t testing.TB, plant func(m *maker)) (home string) {
	t.Helper()
	m := newMaker(t, 4)
	m.block()
	m.register(3)
	for m.height() < 10 {
		if m.height()+1 != plantedHeight {
			m.accepted(m.tx("platform", m.order(fmt.Sprint("o", m.height()), 100)))
			continue
		}
		plant(m)
		m.block(m.tx("auditor", &types.QueryCredit{Id: "none"}), m.tx("platform", m.order("x1", 1)), m.sign("platform", "planted-reference-1", m.order("planted", 5000)),
			m.tx("council", &types.Propose{Id: "in", Action: &types.Propose_Validator{
				Validator: &types.ChangeValidator{PublicKey: consensusKey(4).PubKey().Bytes(), Power: 10, Member: "op-4"}}}),
			m.tx("platform", m.order("x4", 1)))
		m.plant, m.tell = nil, nil
	}
	return m.close()
}

// orderAs is the record of the planted order, altered.
func orderAs(t testing.TB, b *state.Batch, alter func(o *types.Order)) []byte {
	t.Helper()
	value, err := b.Get(plantedKey)
	require.NoError(t, err)
	var o types.Order
	require.NoError(t, o.Unmarshal(value))
	alter(&o)
	value, err = o.Marshal()
	require.NoError(t, err)
	return value
}

// Whatever is planted into the rules of all nodes at one height is found at that height, with the key that it touches and
// the transaction that it belongs to, if it belongs to any.
func TestReplayFindsWhatWasPlanted(t *testing.T) {
	const more, elsewhere, none = "order/platform/more", "subject/CN:TEST:000002", -2
	tax := func(m *maker) func(*types.Order) {
		return func(o *types.Order) { o.Provenance.Content = []byte("of no message !!") }
	}
	for name, c := range map[string]struct {
		plant   func(m *maker)
		differs []string
		tx      int
		how     string
		key     string
		had     [3]bool // whether there is a value before, in the replay, and in the state
	}{
		"an extra write": {func(m *maker) {
			m.plant = func(b *state.Batch) { b.Set(more, orderAs(t, b, func(*types.Order) {})) }
		}, []string{sameAppHash}, 2, byContent, more, [3]bool{false, false, true}},
		"an extra write of the council's only transaction": {func(m *maker) {
			m.plant = func(b *state.Batch) {
				b.Set(more, orderAs(t, b, func(o *types.Order) {
					tax(m)(o)
					o.Provenance.Signer = "council"
				}))
			}
		}, []string{sameAppHash}, 3, bySigner, more, [3]bool{false, false, true}},
		"an extra write of one of several transactions": {func(m *maker) {
			m.plant = func(b *state.Batch) { b.Set(more, orderAs(t, b, tax(m))) }
		}, []string{sameAppHash}, none, "", more, [3]bool{false, false, true}},
		"an extra write that says nothing": {func(m *maker) {
			m.plant = func(b *state.Batch) { b.Set("zz/hidden", []byte{1}) }
		}, []string{sameAppHash}, none, "", "zz/hidden", [3]bool{false, false, true}},
		"a missing write": {func(m *maker) {
			m.plant = func(b *state.Batch) { b.Delete(plantedKey) }
		}, []string{sameAppHash}, 2, byTrace, plantedKey, [3]bool{false, true, false}},
		"another value": {func(m *maker) {
			m.plant = func(b *state.Batch) {
				b.Set(plantedKey, orderAs(t, b, func(o *types.Order) { o.Order.AmountMinor++ }))
			}
		}, []string{sameAppHash}, 2, byTrace, plantedKey, [3]bool{false, true, true}},
		"another value of a record that the block leaves alone": {func(m *maker) {
			m.plant = func(b *state.Batch) { b.Set(elsewhere, []byte{1}) }
		}, []string{sameAppHash}, none, "", elsewhere, [3]bool{true, true, true}},
		"a record removed that the block leaves alone": {func(m *maker) {
			m.plant = func(b *state.Batch) { b.Delete(elsewhere) }
		}, []string{sameAppHash}, none, "", elsewhere, [3]bool{true, true, false}},
		"a wrong code in the results": {func(m *maker) {
			m.tell = func(e *app.Executed) { e.Response.TxResults[2].Code = uint32(types.Code_id_taken) }
		}, []string{sameResults}, 2, byResults, "", [3]bool{}},
	} {
		t.Run(name, func(t *testing.T) {
			home := planting(t, c.plant)
			r := replayOf(t, ReplayOptions{From: home})
			d := r.Report.Divergence
			require.NotNil(t, d)
			require.Equal(t, int64(plantedHeight), d.Height)
			require.Equal(t, int64(plantedHeight-1), r.Report.Last)
			require.Equal(t, c.differs, d.Differs)
			requireSides(t, d, "replay disagrees", "state database agrees", "stored results agrees")
			require.Equal(t, c.key, d.Key)
			require.Equal(t, c.had, [3]bool{d.Before != nil, d.Replay != nil, d.State != nil})
			if c.key != "" {
				require.Equal(t, int64(1), d.Keys)
				require.Equal(t, []string{sideState, sideReplay}, []string{d.Expected, d.Found})
			}
			if c.tx == none {
				require.Nil(t, d.Transaction)
			} else {
				require.NotNil(t, d.Transaction)
				require.Equal(t, c.tx, d.Transaction.Index)
				require.Equal(t, c.how, d.Transaction.How)
			}
			again := replayOf(t, ReplayOptions{From: home}).Report
			require.Equal(t, r.Report, again, "the report is the same whenever it is written")

			archive, _ := exported(t, home)
			d = replayOf(t, ReplayOptions{From: archive}).Report.Divergence
			require.Equal(t, int64(plantedHeight), d.Height, "without the state")
			require.Equal(t, c.differs, d.Differs)
			d = replayOf(t, ReplayOptions{From: archive, Against: home}).Report.Divergence
			require.Equal(t, c.key, d.Key, "with the state beside")
		})
	}
}

// All nodes put other validators in force than the state says: the header tells the height, the stored outcome which
// validator, and the council's transaction elected it.
func TestReplayFindsAWrongElection(t *testing.T) {
	set := func(key int, power int64) func(m *maker) {
		return func(m *maker) {
			m.tell = func(e *app.Executed) {
				require.Len(t, e.Response.ValidatorUpdates, 1)
				e.Response.ValidatorUpdates = []abci.ValidatorUpdate{abci.Ed25519ValidatorUpdate(consensusKey(key).PubKey().Bytes(), power)}
			}
		}
	}
	ten, eleven := int64(10), int64(11)
	for name, c := range map[string]struct {
		plant  func(m *maker)
		want   *DivergedValidator
		either *DivergedValidator // or this one: the first by key
	}{
		"another power":     {set(4, 11), &DivergedValidator{consensusKey(4).PubKey().Bytes(), &ten, &eleven}, nil},
		"another validator": {set(5, 10), &DivergedValidator{consensusKey(4).PubKey().Bytes(), &ten, nil}, &DivergedValidator{consensusKey(5).PubKey().Bytes(), nil, &ten}},
		"none": {func(m *maker) { m.tell = func(e *app.Executed) { e.Response.ValidatorUpdates = nil } },
			&DivergedValidator{consensusKey(4).PubKey().Bytes(), &ten, nil}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			home := planting(t, c.plant)
			d := replayOf(t, ReplayOptions{From: home}).Report.Divergence
			require.NotNil(t, d)
			require.Equal(t, int64(plantedHeight), d.Height)
			require.Equal(t, []string{sameValidator}, d.Differs)
			require.Contains(t, []*DivergedValidator{c.want, c.either}, d.Validator)
			if d.Validator.Replay != nil {
				require.Equal(t, 3, d.Transaction.Index)
				require.Equal(t, "council", d.Transaction.Signer)
			}
			archive, _ := exported(t, home)
			d = replayOf(t, ReplayOptions{From: archive}).Report.Divergence
			require.Equal(t, int64(plantedHeight), d.Height, "without the outcome")
			require.Equal(t, []string{sameValidator}, d.Differs)
			require.Nil(t, d.Validator)
		})
	}
}
