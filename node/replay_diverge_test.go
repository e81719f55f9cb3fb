package node

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	sm "github.com/cometbft/cometbft/state"
	"github.com/stretchr/testify/require"

	"tradecredit/app"
	"tradecredit/app/state"
	"tradecredit/types"
)

// plantedHeight is the block of altered() at which something goes wrong, and plantedAt the transaction in it.
const (
	plantedHeight = 6
	plantedAt     = 2
)

// altered is a history of which the nodes executed something else than block plantedHeight says: replace gives the
// transaction plantedAt of that block as it was executed, under the same reference.
func altered(t testing.TB, replace func(m *maker, reference string) []byte) *maker {
	t.Helper()
	m := newMaker(t, 4)
	m.block()
	m.register(3)
	for m.height() < 10 {
		if m.height()+1 == plantedHeight {
			reference := "planted-reference-1"
			planted := replace(m, reference)
			m.alter = func(_ int64, txs [][]byte) [][]byte {
				txs[plantedAt] = planted
				return txs
			}
			m.block(m.tx("platform", m.order("x0", 1)), m.tx("bank", m.order("x1", 1)), m.sign("platform", reference, m.order("planted", 5000)),
				m.tx("platform", m.order("x3", 1)))
			m.alter = nil
			continue
		}
		m.accepted(m.tx("platform", m.order(fmt.Sprint("o", m.height()), 100)))
	}
	return m
}

const plantedKey = "order/platform/planted"

func requireSides(t testing.TB, d *Divergence, want ...string) {
	t.Helper()
	var got []string
	for _, s := range d.Sides {
		got = append(got, s.Name+" "+s.Header)
	}
	require.Equal(t, want, got)
}

// All nodes ran altered rules: at one height a transaction wrote another record than it says. Headers, results and the
// nodes' state agree; only the replay does not.
func TestReplayFindsAnAlteredRecord(t *testing.T) {
	m := altered(t, func(m *maker, reference string) []byte {
		return m.sign("platform", reference, m.order("planted", 9999))
	})
	home := m.close()
	r := replayOf(t, ReplayOptions{From: home})
	d := r.Report.Divergence
	require.NotNil(t, d)
	require.Equal(t, replayDiverged, r.Report.Result)
	require.Equal(t, int64(plantedHeight-1), r.Report.Last, "up to there all was well")
	require.Equal(t, int64(plantedHeight), d.Height)
	require.Equal(t, int64(plantedHeight+1), d.HeaderHeight)
	require.Equal(t, []string{sameAppHash}, d.Differs)
	require.Equal(t, hexBytes(m.hashes[plantedHeight-1]), d.HeaderAppHash)
	require.Equal(t, d.HeaderAppHash, d.StateAppHash)
	require.NotEqual(t, d.HeaderAppHash, d.ReplayAppHash)
	requireSides(t, d, "replay disagrees", "state database agrees", "stored results agrees")
	require.Equal(t, plantedAt, d.Transaction.Index)
	require.Equal(t, "wrote", d.Transaction.How)
	require.Equal(t, "planted-reference-1", d.Transaction.Reference)
	require.Equal(t, plantedKey, d.Key)
	require.Equal(t, sideState, d.Expected)
	require.Equal(t, sideReplay, d.Found)
	require.Nil(t, d.Before)
	require.Equal(t, int64(9999), orderIn(t, d.State).AmountMinor)
	require.Equal(t, int64(5000), orderIn(t, d.Replay).AmountMinor)

	// Without a state to compare with, the height is found, and the key once a home is named.
	archive, _ := exported(t, home)
	d = replayOf(t, ReplayOptions{From: archive}).Report.Divergence
	require.Equal(t, int64(plantedHeight), d.Height)
	require.Empty(t, d.Key)
	d = replayOf(t, ReplayOptions{From: archive, Against: home}).Report.Divergence
	require.Equal(t, plantedKey, d.Key)
	require.Nil(t, replayOf(t, ReplayOptions{From: home, Until: plantedHeight - 1}).Report.Divergence)
	_, err := Import(t.Context(), ImportOptions{From: archive, Config: freshHome(t)})
	require.ErrorIs(t, err, ErrDiverged)
	require.ErrorContains(t, err, "at height 6")
}

func orderIn(t testing.TB, value []byte) *types.RecordOrder {
	t.Helper()
	var o types.Order
	require.NoError(t, o.Unmarshal(value))
	return o.Order
}

// All nodes ran altered rules: at one height a transaction made a record more. Its results tell.
func TestReplayFindsAnExtraRecord(t *testing.T) {
	m := altered(t, func(m *maker, reference string) []byte {
		return m.sign("platform", reference, m.order("planted", 5000), m.order("planted-too", 1))
	})
	d := replayOf(t, ReplayOptions{From: m.close()}).Report.Divergence
	require.NotNil(t, d)
	require.Equal(t, int64(plantedHeight), d.Height)
	require.Equal(t, []string{sameAppHash, sameResults}, d.Differs)
	require.Equal(t, plantedAt, d.Transaction.Index)
	require.Equal(t, "results", d.Transaction.How)
	require.Equal(t, 1, d.Transaction.Message, "the second message is too many")
	require.Equal(t, "order/platform/planted-too", d.Key)
	require.Nil(t, d.Replay)
	require.Equal(t, int64(1), orderIn(t, d.State).AmountMinor)
	requireSides(t, d, "replay disagrees", "state database agrees", "stored results agrees")
}

// All nodes ran altered rules: at one height a transaction made a record less.
func TestReplayFindsAMissingRecord(t *testing.T) {
	m := newMaker(t, 4)
	m.block()
	m.register(3)
	for m.height() < plantedHeight-1 {
		m.block()
	}
	m.alter = func(_ int64, txs [][]byte) [][]byte {
		txs[1] = m.sign("platform", "planted-reference-1", m.order("first", 1))
		return txs
	}
	m.block(m.tx("platform", m.order("x0", 1)), m.sign("platform", "planted-reference-1", m.order("first", 1), m.order("second", 2)))
	m.alter = nil
	m.block()
	d := replayOf(t, ReplayOptions{From: m.close()}).Report.Divergence
	require.NotNil(t, d)
	require.Equal(t, int64(plantedHeight), d.Height)
	require.Equal(t, []string{sameAppHash, sameResults}, d.Differs)
	require.Equal(t, 1, d.Transaction.Index)
	require.Equal(t, 1, d.Transaction.Message)
	require.Equal(t, "order/platform/second", d.Key)
	require.Nil(t, d.State)
	require.Equal(t, int64(2), orderIn(t, d.Replay).AmountMinor)
}

// The program that replays has altered rules: an extra record at one height, of one transaction.
func TestReplayFindsItsOwnExtraRecord(t *testing.T) {
	m := altered(t, func(m *maker, reference string) []byte {
		return m.sign("platform", reference, m.order("planted", 5000))
	})
	extra := m.sign("platform", "planted-reference-1", m.order("planted", 5000), m.order("planted-too", 1))
	home := m.close()
	require.Nil(t, replayOf(t, ReplayOptions{From: home}).Report.Divergence)
	h, err := openSource(t.Context(), home, quiet())
	require.NoError(t, err)
	defer h.close()
	for _, other := range []*state.Rows{nil, h.(*homeSource).rows} {
		r := &replayer{options: ReplayOptions{Scratch: t.TempDir(), CacheBytes: minCacheBytes}, source: h, until: h.last(), other: other}
		r.decide = func(b *checkedBlock) *app.Decided {
			d := b.decided()
			if b.height == plantedHeight {
				txs := b.block.Txs.ToSliceOfBytes()
				txs[plantedAt] = extra
				prepared, _, _ := app.Prepare(types.NewVerifier(), [][][]byte{txs})
				d.Txs = prepared[0]
			}
			return d
		}
		done, err := r.replay(t.Context())
		require.NoError(t, err)
		d := done.Report.Divergence
		require.Equal(t, int64(plantedHeight), d.Height)
		require.Equal(t, plantedAt, d.Transaction.Index)
		if other == nil {
			requireSides(t, d, "replay disagrees", "stored results agrees")
			continue
		}
		requireSides(t, d, "replay disagrees", "state database agrees", "stored results agrees")
		require.Equal(t, sideReplay, d.Found)
		require.Equal(t, "order/platform/planted-too", d.Key)
		require.Nil(t, d.State)
		require.Equal(t, int64(1), orderIn(t, d.Replay).AmountMinor)
	}
}

// alterRows writes into the state of a closed home behind the back of everybody.
func alterRows(t testing.TB, home string, alter func(db *pebble.DB)) {
	t.Helper()
	dir := (&Config{Home: home}).StateDir()
	db, err := pebble.Open(filepath.Join(dir, "rows"), &pebble.Options{Comparer: rowComparer(), FormatMajorVersion: pebble.FormatNewest, Logger: pebbleLog{quiet()}})
	require.NoError(t, err)
	alter(db)
	require.NoError(t, db.Flush())
	require.NoError(t, db.Close())
}

// rowComparer is the comparer of package state, written down once more: whoever alters rows has only the format to go by.
func rowComparer() *pebble.Comparer {
	c := *pebble.DefaultComparer
	c.Split = func(key []byte) int {
		if i := bytes.IndexByte(key, 0); i >= 0 {
			return i + 1
		}
		return len(key)
	}
	c.ImmediateSuccessor = func(dst, prefix []byte) []byte {
		dst = append(dst, prefix...)
		if n := len(dst) - 1; len(prefix) > 0 && dst[n] == 0 {
			dst[n] = 1
			return dst
		}
		return append(dst, 0)
	}
	c.Name = "tradecredit.rows.v1"
	return &c
}

// versionedRow is a row of the state as package state documents it.
func versionedRow(kind byte, key string, version int64) []byte {
	return binary.BigEndian.AppendUint64(append(append([]byte{kind}, key...), 0), ^uint64(version))
}

// Somebody altered what a node keeps: headers and replay agree, the node's state does not.
func TestReplayFindsAlteredRows(t *testing.T) {
	m := altered(t, func(m *maker, reference string) []byte {
		return m.sign("platform", reference, m.order("planted", 5000))
	})
	original := m.close()
	last := m.height()
	raw := func(db *pebble.DB, row []byte) []byte {
		value, closer, err := db.Get(row)
		require.NoError(t, err)
		defer closer.Close()
		return bytes.Clone(value)
	}
	for name, c := range map[string]struct {
		alter  func(db *pebble.DB)
		height int64
		tx     int // −2: none
		key    string
		kind   string
	}{
		"a value that still holds": {func(db *pebble.DB) {
			row := versionedRow('S', plantedKey, plantedHeight)
			require.NoError(t, db.Set(row, append(raw(db, row), 0x7a, 0), nil))
		}, plantedHeight, plantedAt, plantedKey, inLeaf},
		"a value that was superseded": {func(db *pebble.DB) {
			row := versionedRow('S', "subject/"+makerParty(0), plantedHeight)
			require.NoError(t, db.Set(row, append(raw(db, row), 0x7a, 0), nil))
		}, plantedHeight, 3, "subject/" + makerParty(0), inLeaf},
		"a record that nobody made": {func(db *pebble.DB) {
			require.NoError(t, db.Set(versionedRow('S', "order/platform/never", plantedHeight), []byte{1}, nil))
		}, plantedHeight, -2, "order/platform/never", inLeaf},
		"a newer version of a record": {func(db *pebble.DB) {
			require.NoError(t, db.Set(versionedRow('S', plantedKey, plantedHeight+1), []byte{1}, nil))
		}, plantedHeight + 1, -2, plantedKey, inLeaf},
		"a record that is gone": {func(db *pebble.DB) {
			require.NoError(t, db.Delete(versionedRow('S', plantedKey, plantedHeight), nil))
		}, plantedHeight, plantedAt, plantedKey, inLeaf},
		"an entry of a log": {func(db *pebble.DB) {
			row := binary.BigEndian.AppendUint64([]byte("E"+types.BlockLogName+"\x00"), 3)
			require.NoError(t, db.Set(row, bytes.Repeat([]byte{9}, 32), nil))
		}, last, -2, types.BlockLogName + "/00000000000000000003", inLog},
		"a row of replay protection": {func(db *pebble.DB) {
			it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte("R"), UpperBound: []byte("S")})
			require.NoError(t, err)
			defer it.Close()
			for ok := it.First(); ok; ok = it.Next() {
				if !bytes.Contains(it.Key(), []byte("planted-reference-1")) {
					continue
				}
				var x types.Reference
				require.NoError(t, x.Unmarshal(it.Value()))
				x.Codes = []uint32{7}
				value, err := x.Marshal()
				require.NoError(t, err)
				require.NoError(t, db.Set(bytes.Clone(it.Key()), value, nil))
			}
		}, plantedHeight, plantedAt, "", inReference},
	} {
		t.Run(name, func(t *testing.T) {
			home := copied(t, original)
			alterRows(t, home, c.alter)
			r := replayOf(t, ReplayOptions{From: home})
			d := r.Report.Divergence
			require.NotNil(t, d)
			require.Equal(t, c.height, d.Height)
			require.Equal(t, c.kind, d.KeyKind)
			if c.key != "" {
				require.Equal(t, c.key, d.Key)
			}
			if c.tx == -2 {
				require.Nil(t, d.Transaction)
			} else {
				require.NotNil(t, d.Transaction)
				require.Equal(t, c.tx, d.Transaction.Index)
			}
			if c.height < last {
				require.Equal(t, sideReplay, d.Expected)
				require.Equal(t, sideState, d.Found)
			}
		})
	}
}

// Somebody altered the results that a node keeps: the header tells who is right.
func TestReplayFindsAlteredResults(t *testing.T) {
	m := altered(t, func(m *maker, reference string) []byte {
		return m.sign("platform", reference, m.order("planted", 5000))
	})
	home := m.close()
	stores := newEngineStores((&Config{Home: home}).DataDir(), quiet())
	db, err := stores.get("state")
	require.NoError(t, err)
	s := sm.NewStore(db, sm.StoreOptions{})
	res, err := s.LoadFinalizeBlockResponse(plantedHeight)
	require.NoError(t, err)
	res.TxResults[1].Code = 0
	require.NoError(t, s.SaveFinalizeBlockResponse(plantedHeight, res))
	require.NoError(t, stores.close(closeGrace))
	d := replayOf(t, ReplayOptions{From: home}).Report.Divergence
	require.Equal(t, int64(plantedHeight), d.Height)
	require.Empty(t, d.Differs)
	requireSides(t, d, "replay agrees", "state database agrees", "stored results disagrees")
	require.Equal(t, 1, d.Transaction.Index)
	require.Equal(t, "results", d.Transaction.How)
	require.Equal(t, "ok", d.Transaction.Stored)
	require.NotEqual(t, "ok", d.Transaction.Replay)
}
