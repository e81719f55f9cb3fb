package node

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// networkHomes makes the homes of a network: validators, and one node that only follows.
func networkHomes(t *testing.T, validators int) []Config {
	t.Helper()
	var configs []Config
	var identities []Identity
	var signers []Validator
	for i := range validators + 1 {
		c := testConfig(t)
		c.Home = filepath.Join(t.TempDir(), "home")
		c.Moniker = fmt.Sprintf("node-%d", i)
		c.P2P.LocalNetwork, c.P2P.MaxInbound = true, 10
		c.RPC.Laddr, c.Metrics.Laddr = "", ""
		c.Consensus.ProposalWait = Duration(100 * time.Millisecond)
		identity, err := CreateHome(c)
		require.NoError(t, err)
		configs, identities = append(configs, c), append(identities, identity)
		if i < validators {
			signers = append(signers, Validator{Name: c.Moniker, Key: identity.ValidatorKey})
		}
	}
	genesis, err := Genesis(testChain, time.Now(), signers, testState(t))
	require.NoError(t, err)
	for i := range configs {
		require.NoError(t, WriteGenesis(configs[i], genesis))
		for j := range configs {
			if i != j {
				configs[i].P2P.PersistentPeers = append(configs[i].P2P.PersistentPeers, identities[j].NodeID+"@"+configs[j].P2P.Laddr)
			}
		}
	}
	return configs
}

// headerAppHash is the app hash in the header of a height, in hexadecimal.
func headerAppHash(t *testing.T, n *Node, height int64) string {
	t.Helper()
	meta := n.chain.blocks.LoadBlockMeta(height)
	require.NotNil(t, meta, "height %d of %s", height, n.cfg.Moniker)
	return meta.Header.AppHash.String()
}

// Four validators, one of which stops and comes back, and a node that joins late: same blocks, same state.
func TestNetworkOfFour(t *testing.T) {
	configs := networkHomes(t, 4)
	nodes := make([]*Node, len(configs))
	for i := range 4 {
		nodes[i] = running(t, configs[i])
	}
	awaitHeight(t, nodes[3], 3)

	result := submit(t, nodes[1], "?wait=30", vote(t, "network-reference-01"))[0]
	require.Equal(t, types.SubmitStatus_FINAL, result.Status, result.String())

	require.NoError(t, nodes[2].Stop())
	down := nodes[0].Height()
	result = submit(t, nodes[3], "?wait=30", vote(t, "network-reference-02"))[0]
	require.Equal(t, types.SubmitStatus_FINAL, result.Status, "three of four go on")
	awaitHeight(t, nodes[0], down+3)

	nodes[2] = running(t, configs[2])
	nodes[4] = running(t, configs[4]) // joins late, and does not vote
	goal := nodes[0].Height() + 3
	for _, n := range nodes {
		awaitHeight(t, n, goal)
	}
	for _, n := range nodes {
		require.Equal(t, headerAppHash(t, nodes[0], goal), headerAppHash(t, n, goal))
		status, body := get(t, n, "/v1/reference?signer=council-1&reference=network-reference-02")
		require.Equal(t, http.StatusOK, status, string(body))
		require.Eventually(t, func() bool {
			status, _ := get(t, n, "/v1/health")
			return status == http.StatusOK
		}, patience, 20*time.Millisecond)
		status, body = get(t, n, "/v1/status")
		require.Equal(t, http.StatusOK, status)
		var s Status
		require.NoError(t, json.Unmarshal(body, &s))
		require.Positive(t, s.Peers)
	}
	readRecord(t, nodes[4], "chain", 0)

	// A transaction given to the node that does not vote gets to those that do.
	result = submit(t, nodes[4], "?wait=30", vote(t, "network-reference-03"))[0]
	require.Equal(t, types.SubmitStatus_FINAL, result.Status, result.String())
}
