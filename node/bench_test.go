package node

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkProvedRead is one GET of a record with proof and header through the handler, without the network: what a read costs
// the node.
func BenchmarkProvedRead(b *testing.B) {
	c := testHome(b)
	c.RPC.Laddr, c.API.Laddr, c.Metrics.Laddr = "", "", ""
	c.Consensus.ProposalWait = Duration(100 * time.Millisecond)
	n, err := New(context.Background(), c, quiet())
	require.NoError(b, err)
	require.NoError(b, n.Start(context.Background()))
	defer func() { require.NoError(b, n.Stop()) }()
	require.Eventually(b, func() bool { return n.Height() >= 4 }, patience, 5*time.Millisecond)
	handler := n.makeAPI().handler()
	for _, parts := range []string{"", "&prove=1", "&prove=1&light=1"} {
		b.Run(fmt.Sprintf("record%s", parts), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w := httptest.NewRecorder()
				r := httptest.NewRequest(http.MethodGet, "/v1/record?key=member/council-1"+parts, nil)
				r.RemoteAddr = "127.0.0.1:1"
				handler.ServeHTTP(w, r)
				require.Equal(b, http.StatusOK, w.Code)
			}
		})
	}
}
