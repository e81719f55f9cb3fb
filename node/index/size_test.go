package index

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// trade is what a network of some thousand enterprises records: orders with their delivery, document, receivable and payment,
// five records a trade, each of which changes when a later one comes.
type trade struct {
	rng     *rand.Rand
	height  int64
	n       int
	records int
	changes map[string][]byte
}

func newTrade() *trade { return &trade{rng: rand.New(rand.NewPCG(1, 2))} }

func (w *trade) subject() string {
	return fmt.Sprintf("USCC:91350100M%06dY43", w.rng.IntN(3000))
}

func (w *trade) put(t testing.TB, key string, r interface{ Marshal() ([]byte, error) }) {
	value, err := r.Marshal()
	require.NoError(t, err)
	w.changes[key] = value
}

// block records some trades; each is whole within its block but for the payment, which settles an older one.
func (w *trade) block(t testing.TB, trades int) []types.Change {
	w.height++
	w.changes = map[string][]byte{}
	if w.height == 1 {
		w.changes["chain"] = []byte("chain")
	}
	for range trades {
		platform, bank := fmt.Sprintf("platform-%d", 1+w.rng.IntN(3)), fmt.Sprintf("bank-%d", 1+w.rng.IntN(5))
		id := fmt.Sprintf("%s/PO-%d-%06d", platform, 2024+w.n/100000, w.n)
		signed := func(m string) *types.Provenance { return &types.Provenance{Signer: m, Height: w.height} }
		buyer, seller, day := w.subject(), w.subject(), 20000+int32(w.n/1000)
		w.put(t, "order/"+id, &types.Order{Provenance: signed(platform), Status: types.OrderStatus_ORDER_DELIVERED, Order: &types.RecordOrder{Buyer: buyer, Seller: seller}})
		w.put(t, "movement/"+id, &types.Movement{Provenance: signed(platform), Event: &types.RecordLogisticsEvent{Order: id}})
		w.put(t, "document/"+id, &types.Document{Provenance: signed(platform), Status: types.DocumentStatus_DOCUMENT_VERIFIED,
			Document: &types.AnchorDocument{Subject: seller, Object: "order/" + id}})
		w.put(t, "receivable/"+id, &types.Receivable{Provenance: signed(platform), Status: types.ReceivableStatus_SETTLED,
			Receivable: &types.IssueReceivable{Seller: seller, Debtor: buyer, DueDay: day + int32(30*(1+w.rng.IntN(3))), Order: id}})
		end := sha256.Sum256([]byte(id))
		w.put(t, "settlement/"+hex.EncodeToString(end[:]), &types.Settlement{CreditorSide: signed(bank), Payer: buyer, Payee: seller,
			Parts: []*types.Part{{Receivable: id}}})
		w.n++
		w.records += 5
	}
	var out []types.Change
	for key, value := range w.changes {
		out = append(out, types.Change{Key: key, Value: value})
	}
	slices.SortFunc(out, func(a, b types.Change) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// What the index takes on the disk stays within its budget.
func TestBytesPerRecord(t *testing.T) {
	x, err := Open("index", Options{FS: vfs.NewMem()})
	require.NoError(t, err)
	w := newTrade()
	for range 200 {
		changes := w.block(t, 100)
		require.NoError(t, x.Apply(w.height, changes))
	}
	require.NoError(t, x.disk.Flush())
	require.NoError(t, x.disk.Compact(t.Context(), []byte{0}, []byte{0xff}, false))
	for _, first := range []byte{rowList, rowRecord, rowTotal} {
		size, err := x.disk.EstimateDiskUsage([]byte{first}, []byte{first + 1})
		require.NoError(t, err)
		t.Logf("%c rows: %d bytes a record", first, size/uint64(w.records))
	}
	size, err := x.disk.EstimateDiskUsage([]byte{0}, []byte{0xff})
	require.NoError(t, err)
	rows := dump(t, x)
	raw := 0
	for k, v := range rows {
		raw += len(k) + len(v)
	}
	t.Logf("%d records, %d rows, %d bytes a record on the disk, %d as they are", w.records, len(rows), size/uint64(w.records), raw/w.records)
	require.Less(t, size/uint64(w.records), uint64(150))
	require.NoError(t, x.Close())
}

// BenchmarkApply applies blocks of 500 records to an index that grows; b.N blocks.
func BenchmarkApply(b *testing.B) {
	x, err := Open(b.TempDir(), Options{})
	require.NoError(b, err)
	defer x.Close()
	w := newTrade()
	b.ResetTimer()
	for b.Loop() {
		b.StopTimer()
		changes := w.block(b, 100)
		b.StartTimer()
		require.NoError(b, x.Apply(w.height, changes))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(w.records), "ns/record")
}
