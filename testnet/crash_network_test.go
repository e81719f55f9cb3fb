package testnet

import (
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/client"
	"tradecredit/node"
	"tradecredit/types"
)

// networkPlaces are the places at which a validator among others ends: CometBFT's own, some heights after it started, then ours.
func networkPlaces() (places []string) {
	step := 3
	if os.Getenv("SOAK") != "" {
		step = 1
	}
	for i := 0; i < len(enginePasses); i += step {
		places = append(places, fmt.Sprint("FAIL_TEST_INDEX=", 3*len(enginePasses)+i))
	}
	return append(places, "CRASH_POINT=apply.before:4", "CRASH_POINT=apply.synced:4")
}

// joiningPlaces are those at which a node ends that begins from a snapshot of the others: three of the restore, and its first
// block. It starts as if nothing had been until the snapshot is whole.
var joiningPlaces = []string{"restore.begin:1", "restore.chunk:1", "restore.end:1", "apply.before:1", "apply.synced:1"}

// TestCrashesBesideOthers ends one of four validators again and again while the others go on: they are its twins that never
// crashed. Then a fifth node joins from a snapshot, and ends again and again meanwhile.
func TestCrashesBesideOthers(t *testing.T) {
	net, err := Make(crashPlan(t, 4, func(i int, c *node.Config) {
		c.P2P.MaxInbound = 4 // the fifth is in nobody's list
		c.Snapshot.Interval, c.Snapshot.Share = 10, 100
		if i == 3 {
			c.Snapshot.Interval = 0
		}
	}))
	require.NoError(t, err)
	var nodes []*crashing
	for i := range net.Configs {
		nodes = append(nodes, crashingAt(t, net, i))
	}
	victim := nodes[3]
	var others []*Process
	for _, c := range nodes[:3] {
		others = append(others, c.start(t))
	}
	for _, p := range others {
		require.NoError(t, p.Ready(within(t, patience)))
	}
	elsewhere := nodes[0]
	elsewhere.next = 2_000_000 // other enterprises than the victim's
	var crashed atomic.Bool
	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		elsewhere.load(others[0], crashed.Load)
	}()
	for _, place := range networkPlaces() {
		victim.crash(t, "***", place)
	}
	crashed.Store(true)
	<-loaded
	p := victim.start(t)
	victim.twins(t, elsewhere, 1)
	t.Logf("the validator that crashed acknowledged %d transactions, another one %d", len(victim.all), len(elsewhere.all))
	require.NotEmpty(t, victim.all)
	require.NotEmpty(t, elsewhere.all)
	victim.all = append(victim.all, elsewhere.all...)
	victim.remembers(t, p)
	victim.reads(t, 100)

	joiner := newJoining(t, net, nodes[:3])
	for _, place := range joiningPlaces {
		joiner.crash(t, "*** ended at", "CRASH_POINT="+place)
	}
	p = joiner.start(t)
	require.NoError(t, p.Ready(within(t, patience)))
	status, err := statusAt(within(t, patience), joiner.home.API.Laddr)
	require.NoError(t, err)
	require.Greater(t, status.OldestBlock, int64(1), "it began from a snapshot")
	joiner.twins(t, nodes[1], status.OldestBlock)
	joiner.all = append(joiner.all, victim.all...)
	joiner.remembers(t, p)
	joiner.reads(t, 100)
}

// newJoining is the home of a node that the genesis does not know, and that begins from a snapshot of the others.
func newJoining(t *testing.T, net *Network, others []*crashing) *crashing {
	t.Helper()
	c, _ := addHome(t, net)
	c.StateSync.Trust = "genesis"
	for _, o := range others {
		c.StateSync.From = append(c.StateSync.From, "http://"+o.home.API.Laddr)
	}
	require.NoError(t, os.WriteFile(c.File(), c.Text(), 0o600))
	net.Configs[len(net.Configs)-1] = c
	joiner := crashingAt(t, net, len(net.Configs)-1)
	joiner.next = 1_000_000 // other enterprises than the others'
	return joiner
}

// addHome makes the home of a node that the genesis does not know, and that knows all others.
func addHome(t *testing.T, net *Network) (node.Config, node.Identity) {
	t.Helper()
	c, err := net.Plan.config(len(net.Configs))
	require.NoError(t, err)
	for _, other := range net.Configs {
		c.P2P.PersistentPeers = append(c.P2P.PersistentPeers, other.P2P.PersistentPeers...)
	}
	slices.Sort(c.P2P.PersistentPeers)
	c.P2P.PersistentPeers = slices.Compact(c.P2P.PersistentPeers)
	id, err := node.CreateHome(c)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(c.File(), c.Text(), 0o600))
	require.NoError(t, node.WriteGenesis(c, net.Genesis))
	net.Configs = append(net.Configs, c)
	return c, id
}

// twins demands that a node comes to a height of another, and has its headers from some height on: each has the app hash of
// the one before.
func (c *crashing) twins(t *testing.T, twin *crashing, first int64) {
	t.Helper()
	ctx := within(t, patience)
	goal, err := statusAt(ctx, twin.home.API.Laddr)
	require.NoError(t, err)
	eventually(t, "the height of the others", func() (bool, string) {
		s, err := statusAt(ctx, c.home.API.Laddr)
		return err == nil && s.Height > goal.Height, fmt.Sprint(s.Height, err)
	})
	compared := 0
	for h := first; h <= goal.Height; h++ {
		var hashes [2]types.Hash
		for i, one := range []*client.Client{c.client, twin.client} {
			block, err := one.LightBlock(ctx, h)
			require.NoError(t, err)
			hashes[i] = block.Hash()
		}
		require.Equal(t, hashes[1], hashes[0], "header %d", h)
		compared++
	}
	require.Greater(t, compared, 5)
	t.Logf("%d headers are the same", compared)
}
