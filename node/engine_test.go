package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What the safety of the network rests on, as CometBFT will see it, whatever the file says.
func TestEngineIsHardened(t *testing.T) {
	c := Default(t.TempDir())
	c.P2P.PersistentPeers = []string{"0123456789abcdef0123456789abcdef01234567@10.0.0.1:26656"}
	require.NoError(t, c.Validate())
	e := engineConfig(&c)
	require.NoError(t, e.ValidateBasic())

	require.False(t, e.P2P.PexReactor)
	require.False(t, e.P2P.LibP2PEnabled())
	require.Empty(t, e.P2P.Seeds)
	require.True(t, e.P2P.AddrBookStrict)
	require.False(t, e.P2P.AllowDuplicateIP)
	require.Equal(t, "0123456789abcdef0123456789abcdef01234567", e.P2P.UnconditionalPeerIDs)
	require.Equal(t, "tcp://0.0.0.0:26656", e.P2P.ListenAddress)

	require.Equal(t, "tcp://127.0.0.1:26657", e.RPC.ListenAddress)
	require.False(t, e.RPC.Unsafe)
	require.False(t, e.RPC.IsCorsEnabled())
	require.False(t, e.RPC.IsPprofEnabled())
	require.Empty(t, e.RPC.GRPCListenAddress)
	require.LessOrEqual(t, e.RPC.MaxBodyBytes, int64(512<<10))

	require.Equal(t, "app", e.Mempool.Type)
	require.Equal(t, 10*time.Millisecond, e.Mempool.ReapInterval)
	require.Equal(t, 256<<10, e.Mempool.MaxTxBytes)

	require.Zero(t, e.Consensus.TimeoutCommit)
	require.True(t, e.Consensus.SkipTimeoutCommit)
	require.True(t, e.Consensus.CreateEmptyBlocks)
	require.False(t, e.Consensus.WaitForTxs())
	require.Equal(t, 2*time.Second, e.Consensus.TimeoutPropose)
	require.LessOrEqual(t, e.Consensus.BlockTimeTolerance, 30*time.Second)
	require.Greater(t, closeGrace, e.Consensus.PeerQueryMaj23SleepDuration, "the stores must outlive the gossip")

	require.False(t, e.BlockSync.AdaptiveSync)
	require.False(t, e.StateSync.Enable)
	require.Equal(t, "null", e.TxIndex.Indexer)
	require.False(t, e.Storage.DiscardABCIResponses)
	require.False(t, e.Instrumentation.Prometheus)

	c.P2P.LocalNetwork = true
	c.RPC.Laddr = ""
	e = engineConfig(&c)
	require.False(t, e.P2P.AddrBookStrict)
	require.True(t, e.P2P.AllowDuplicateIP)
	require.Empty(t, e.RPC.ListenAddress)
}
