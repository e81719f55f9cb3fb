package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/app"
	"tradecredit/app/state"
	"tradecredit/types"
)

// sourceNetwork is a network of two validators with a snapshot, and the home of a node that wants to join.
func sourceNetwork(t *testing.T) (nodes []*Node, joiner Config) {
	t.Helper()
	configs := networkHomes(t, 2)
	for i := range 2 {
		configs[i].Snapshot.Interval = 4
		configs[i].Snapshot.Share = 100
		nodes = append(nodes, running(t, configs[i]))
	}
	awaitHeight(t, nodes[0], 2)
	result := submit(t, nodes[0], "?wait=30", vote(t, "join-reference-01"))[0]
	require.Equal(t, types.SubmitStatus_FINAL, result.Status)
	// A snapshot can be joined from when the block two after it is there.
	require.Eventually(t, func() bool {
		for _, n := range nodes {
			list, err := n.app.Snapshots()
			require.NoError(t, err)
			if len(list) == 0 || n.Height() < list[0].Manifest.Height()+3 {
				return false
			}
		}
		return true
	}, patience, 10*time.Millisecond)
	return nodes, configs[2]
}

func from(c Config, trust string, urls ...string) Config {
	c.StateSync.From, c.StateSync.Trust = urls, trust
	return c
}

func apiOf(n *Node) string { return "http://" + n.APIAddress() }

// goesOn starts a node that has joined and lets it follow the network.
func goesOn(t *testing.T, c Config, peer *Node, joined int64) *Node {
	t.Helper()
	n := running(t, c)
	require.GreaterOrEqual(t, n.Height(), joined)
	goal := peer.Height() + 3
	awaitHeight(t, n, goal)
	require.Equal(t, headerAppHash(t, peer, goal), headerAppHash(t, n, goal))
	require.Equal(t, joined, n.chain.blocks.Base())
	status, body := get(t, n, "/v1/reference?signer=council-1&reference=join-reference-01")
	require.Equal(t, http.StatusOK, status, string(body))
	readRecord(t, n, "chain", 0)
	return n
}

// TestJoin: a node begins from a snapshot, trusting the genesis or one header, and goes on with the others. A process that ends
// before it has fetched a block, or between the moves of its folders, starts again.
func TestJoin(t *testing.T) {
	nodes, c := sourceNetwork(t)
	trusted := nodes[0].chain.blocks.LoadBlockMeta(2).BlockID.Hash.String()
	c = from(c, "2:"+strings.ToLower(trusted), apiOf(nodes[0]), apiOf(nodes[1]))
	joined, err := Join(context.Background(), c, quiet())
	require.NoError(t, err)
	require.Positive(t, joined.Height)
	require.Empty(t, joined.Refused)
	require.NoDirExists(t, c.scratchDir())
	_, err = Join(context.Background(), c, quiet())
	require.ErrorContains(t, err, "only with an empty data folder")

	// As if the process had ended while its folders were being moved.
	scratch := c.scratch()
	require.NoError(t, os.MkdirAll(scratch.DataDir(), 0o700))
	require.NoError(t, os.Rename(filepath.Join(c.DataDir(), "state.db"), filepath.Join(scratch.DataDir(), "state.db")))
	require.NoError(t, os.WriteFile(filepath.Join(c.scratchDir(), completeName), nil, 0o600))
	for range 2 { // and starts in vain, with nobody to fetch a block from
		alone := c
		alone.P2P.PersistentPeers = nil
		n, err := New(context.Background(), alone, quiet())
		require.NoError(t, err)
		require.NoError(t, n.Start(context.Background()))
		require.Equal(t, joined.Height, n.Height())
		require.NoError(t, n.Stop())
	}
	goesOn(t, c, nodes[0], joined.Height)
}

// TestStartJoins: an empty node that is told where joins when it starts.
func TestStartJoins(t *testing.T) {
	nodes, c := sourceNetwork(t)
	c = from(c, "genesis", apiOf(nodes[0]), apiOf(nodes[1]))
	// What a join left that was not finished is of no use.
	require.NoError(t, os.MkdirAll(filepath.Join(c.scratchDir(), "data", "state"), 0o700))
	n := running(t, c)
	require.Positive(t, n.chain.blocks.Base())
	goesOn2 := n.chain.blocks.Base()
	require.Greater(t, goesOn2, int64(1))
	awaitHeight(t, n, nodes[0].Height()+2)
}

// liar stands before an honest node and changes what it says.
func liar(t *testing.T, honest *Node, change func(r *http.Request, body []byte) ([]byte, error)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		res, err := http.Get(apiOf(honest) + r.URL.RequestURI())
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err == nil && res.StatusCode == http.StatusOK {
			body, err = change(r, body)
		}
		if errors.Is(err, errHangUp) {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(res.StatusCode)
		_, _ = w.Write(body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

var errHangUp = errors.New("hang up")

func isPart(r *http.Request, part string) bool {
	return r.URL.Path == "/v1/snapshot" && (part == "" || r.URL.Query().Get("part") == part)
}

// TestJoinBesideALiar: a hostile node beside two honest ones, asked first; the joining node ends with the right state, and says
// what it refused.
func TestJoinBesideALiar(t *testing.T) {
	nodes, c := sourceNetwork(t)
	home := c.Home
	for name, lie := range map[string]struct {
		change  func(r *http.Request, body []byte) ([]byte, error)
		refused string
	}{
		"chunks": {func(r *http.Request, body []byte) ([]byte, error) {
			if isPart(r, "0") {
				body[len(body)/2] ^= 1
			}
			return body, nil
		}, "bytes of a chunk"},
		"manifest": {func(r *http.Request, body []byte) ([]byte, error) {
			if isPart(r, "manifest") {
				body[40] ^= 1
			}
			return body, nil
		}, "hash of the manifest"},
		"block": {func(r *http.Request, body []byte) ([]byte, error) {
			if isPart(r, "block") {
				body[len(body)-1] ^= 1
			}
			return body, nil
		}, "not the block of the verified header"},
		"falls silent": {func(r *http.Request, body []byte) ([]byte, error) {
			if isPart(r, "") {
				return nil, errHangUp
			}
			return body, nil
		}, "EOF"},
		"headers": {func(r *http.Request, body []byte) ([]byte, error) {
			if r.URL.Path == "/v1/light" {
				body[len(body)/2] ^= 1
			}
			return body, nil
		}, "headers of"},
		"turns of the validators": {func(r *http.Request, body []byte) ([]byte, error) {
			if r.URL.Path != "/v1/light" {
				return body, nil
			}
			return otherTurns(body)
		}, "header"},
		"snapshots that are none": {func(r *http.Request, body []byte) ([]byte, error) {
			if r.URL.Path == "/v1/snapshots" {
				return bytes.ReplaceAll(body, []byte(`"chunks": `), []byte(`"chunks": 10`)), nil
			}
			return body, nil
		}, ""}, // more offer the true one
		"a list without end": {func(r *http.Request, body []byte) ([]byte, error) {
			if r.URL.Path == "/v1/snapshots" {
				return make([]byte, maxListBytes+1), nil
			}
			return body, nil
		}, "more than"},
		"a newer height that is not there": {func(r *http.Request, body []byte) ([]byte, error) {
			if r.URL.Path == "/v1/snapshots" {
				return bytes.ReplaceAll(body, []byte(`"height": `), []byte(`"height": 9`)), nil
			}
			return body, nil
		}, ""}, // there is no such header
	} {
		t.Run(name, func(t *testing.T) {
			c := c
			c.Home = filepath.Join(t.TempDir(), "home")
			require.NoError(t, os.CopyFS(c.Home, os.DirFS(home)))
			for _, key := range []string{c.NodeKeyFile(), c.ValidatorKeyFile(), c.ValidatorStateFile()} {
				require.NoError(t, os.Chmod(key, 0o600))
			}
			c = from(c, "genesis", liar(t, nodes[0], lie.change), apiOf(nodes[0]), apiOf(nodes[1]))
			joined, err := Join(context.Background(), c, quiet())
			require.NoError(t, err)
			require.Contains(t, strings.Join(joined.Refused, "\n"), lie.refused)
			hash, err := nodes[1].chain.lightBlock(joined.Height + 1)
			require.NoError(t, err)
			block, err := decodeLightBlock(hash)
			require.NoError(t, err)
			require.Equal(t, []byte(block.AppHash), joined.AppHash[:])
			n, err := New(context.Background(), c, quiet())
			require.NoError(t, err)
			require.Equal(t, joined.AppHash, n.state.Head().AppHash)
			require.NoError(t, n.state.Verify())
			require.NoError(t, n.abandon())
		})
	}
}

// otherTurns changes whose turn it is to propose, which no hash covers.
func otherTurns(body []byte) ([]byte, error) {
	block, err := decodeLightBlock(body)
	if err != nil {
		return nil, err
	}
	block.ValidatorSet.IncrementProposerPriority(1)
	p, err := block.ToProto()
	if err != nil {
		return nil, err
	}
	return p.Marshal()
}

// TestJoinRefuses: what no honest second node can mend.
func TestJoinRefuses(t *testing.T) {
	nodes, c := sourceNetwork(t)
	a, b := apiOf(nodes[0]), apiOf(nodes[1])
	meta := nodes[0].chain.blocks.LoadBlockMeta(2)
	hash := meta.BlockID.Hash.String()
	old, err := nodes[0].app.Snapshots()
	require.NoError(t, err)
	newest := nodes[0].chain.blocks.LoadBlockMeta(old[0].Manifest.Height() + 1)
	for _, bad := range []struct {
		name  string
		c     Config
		is    error
		words string
	}{
		{"one server", from(c, "genesis", a), nil, "two different members"},
		{"one server twice", from(c, "genesis", a, a), nil, "listed twice"},
		{"nothing trusted", from(c, "", a, b), nil, "statesync.trust must be"},
		{"another hash", from(c, "2:"+strings.Repeat("ab", 32), a, b), ErrTrust, ""},
		{"another height", from(c, "3:"+hash, a, b), ErrTrust, ""},
		{"nobody there", from(c, "2:"+hash, "http://"+freeAddress(t), "http://"+freeAddress(t)), ErrTrust, ""},
		{"all lie", from(c, "2:"+hash, liar(t, nodes[0], badChunk), liar(t, nodes[1], badChunk)), ErrNoSnapshot, "bytes of a chunk"},
		{"all snapshots are old", from(c, "", a, b), nil, ""},
	} {
		t.Run(bad.name, func(t *testing.T) {
			if bad.name == "all snapshots are old" {
				// Both are asked through somebody who hides what is newer than the trusted header.
				hide := func(r *http.Request, body []byte) ([]byte, error) {
					if r.URL.Path == "/v1/snapshots" {
						return []byte(`{"snapshots": [{"height": 1, "format": 1, "chunks": 1}]}`), nil
					}
					return body, nil
				}
				bad.c = from(c, "2:"+hash, liar(t, nodes[0], hide), liar(t, nodes[1], hide))
				bad.is, bad.words = ErrNoSnapshot, "older than the trusted header"
			}
			_, err := Join(context.Background(), bad.c, quiet())
			require.Error(t, err)
			if bad.is != nil {
				require.ErrorIs(t, err, bad.is)
			}
			require.ErrorContains(t, err, bad.words)
			require.NoDirExists(t, bad.c.StateDir())
			require.NoDirExists(t, bad.c.scratchDir())
		})
	}
	require.NotNil(t, newest)
	expired := from(c, "2:"+hash, a, b)
	expired.StateSync.TrustPeriod = Duration(time.Hour)
	_, err = Join(context.Background(), expired, quiet())
	require.NoError(t, err, "an hour has not passed")
}

// TestAskTurnsToOthers: one sender sends what is not the snapshot, one does not answer, one has it no more, and the last one
// has it; who lied or failed is not asked again, who has removed it is.
func TestAskTurnsToOthers(t *testing.T) {
	senders := make([]*offerer, 4)
	for i := range senders {
		senders[i] = newOfferer(fmt.Sprintf("http://%d.example", i), testChain)
	}
	j := &joining{logger: quiet()}
	get := func(s *offerer) ([]byte, error) {
		switch s {
		case senders[1]:
			return nil, io.ErrUnexpectedEOF
		case senders[2]:
			return nil, &errAnswer{s.url, http.StatusNotFound, "gone"}
		}
		return []byte(s.url), nil
	}
	for _, fault := range []error{app.ErrSnapshotHash, state.ErrChunkHash, state.ErrChunkPlace, errOtherBlock} {
		for turn := range senders {
			for _, s := range senders {
				s.dropped, s.fails = nil, 0
			}
			c := &candidate{senders: slices.Clone(senders)}
			take := func(body []byte) error {
				if string(body) == senders[0].url {
					return fmt.Errorf("some chunk: %w", fault)
				}
				return nil
			}
			for range 2 * maxOfferFails { // as many parts
				require.NoError(t, j.ask(context.Background(), c, turn, get, take))
			}
			require.Nil(t, senders[2].dropped)
			require.Nil(t, senders[3].dropped)
			if turn == 0 {
				require.ErrorIs(t, senders[0].dropped, fault)
			}
		}
	}
	gone := &candidate{senders: senders[2:3]}
	require.ErrorIs(t, j.ask(context.Background(), gone, 0, get, func([]byte) error { return nil }), errGone)
	require.NotErrorIs(t, errNoSender, errGone)
}

func badChunk(r *http.Request, body []byte) ([]byte, error) {
	if isPart(r, "0") {
		body[0] ^= 0x10
	}
	return body, nil
}

// TestSnapshotRoutes: what the interface says of snapshots.
func TestSnapshotRoutes(t *testing.T) {
	nodes, _ := sourceNetwork(t)
	n := nodes[0]
	status, body := get(t, n, "/v1/snapshots")
	require.Equal(t, http.StatusOK, status, string(body))
	require.Contains(t, string(body), `"app_hash"`)
	for path, want := range map[string]int{
		"/v1/snapshot?height=4":                        http.StatusBadRequest,
		"/v1/snapshot?part=0":                          http.StatusNotFound,
		"/v1/snapshot?height=1&part=0":                 http.StatusNotFound,
		"/v1/snapshot?height=x&part=0":                 http.StatusBadRequest,
		"/v1/snapshots?x=1":                            http.StatusBadRequest,
		"/v1/snapshot?part=" + url.QueryEscape("../x"): http.StatusNotFound,
	} {
		status, body = get(t, n, path)
		require.Equal(t, want, status, "%s: %s", path, body)
	}
	list, err := n.app.Snapshots()
	require.NoError(t, err)
	height := list[0].Manifest.Height()
	for part, want := range map[string]int{"manifest": 200, "block": 200, "0": 200, "1000": 404, "-1": 400, "x": 400} {
		status, _ = get(t, n, "/v1/snapshot?height="+fmt.Sprint(height)+"&part="+part)
		if status != http.StatusNotFound || want == 200 { // the snapshot may have been replaced by a newer one
			require.Contains(t, []int{want, http.StatusNotFound}, status, part)
		}
	}
}
