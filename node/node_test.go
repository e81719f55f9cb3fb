package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	cmttypes "github.com/cometbft/cometbft/types"
	"github.com/cosmos/gogoproto/proto"
	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/types"
)

const testChain = "node-test"

// patience is how long a test waits for what must happen soon, on a machine that may be busy.
const patience = 60 * time.Second

// freeAddress is a loopback address nobody listens on, below the ports that outgoing connections take.
func freeAddress(t testing.TB) string {
	t.Helper()
	for range 1000 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10000+rand.IntN(20000)))
		if err == nil {
			require.NoError(t, l.Close())
			return l.Addr().String()
		}
	}
	t.Fatal("no free port")
	return ""
}

func councilKey(t testing.TB) *types.SigningKey {
	t.Helper()
	k, err := types.NewSigningKey(bytes.Repeat([]byte{42}, 32))
	require.NoError(t, err)
	return k
}

// testState is a network of one council member.
func testState(t testing.TB) *types.Genesis {
	t.Helper()
	name := sha256.Sum256([]byte("Council One"))
	return &types.Genesis{
		BaseCurrency: "USD", Simulation: true, Notice: "for tests",
		Members: []types.GenesisMember{{
			ID: "council-1", ControlGroup: "council-1", Jurisdiction: "CN", NameDigest: name[:], Roles: []types.Role{types.Role_COUNCIL},
			Keys: []types.GenesisKey{{ID: "k1", Role: types.Role_COUNCIL, Algorithm: types.Algorithm_ED25519, PublicKey: councilKey(t).PublicKey()}},
		}},
	}
}

// testConfig is a configuration with addresses of its own and blocks in quick succession.
func testConfig(t testing.TB) Config {
	t.Helper()
	c := Default(filepath.Join(t.TempDir(), "home"))
	c.Moniker = "tester"
	c.P2P.Laddr, c.RPC.Laddr = freeAddress(t), freeAddress(t)
	c.P2P.MaxInbound = 0 // nobody connects: no grace at the end
	c.API.Laddr, c.Metrics.Laddr = "127.0.0.1:0", "127.0.0.1:0"
	c.Consensus.ProposalWait = Duration(50 * time.Millisecond)
	c.State.CacheBytes = minCacheBytes
	return c
}

// testHome makes the home of a lone validator.
func testHome(t testing.TB) Config {
	t.Helper()
	c := testConfig(t)
	identity, err := CreateHome(c)
	require.NoError(t, err)
	genesis, err := Genesis(testChain, time.Now(), []Validator{{Name: c.Moniker, Key: identity.ValidatorKey}}, testState(t))
	require.NoError(t, err)
	require.NoError(t, WriteGenesis(c, genesis))
	return c
}

// logBuffer is a log that a test can read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// running starts a node that the test's end stops.
func running(t *testing.T, c Config) *Node {
	t.Helper()
	n, err := New(context.Background(), c, quiet())
	require.NoError(t, err)
	require.NoError(t, n.Start(context.Background()))
	t.Cleanup(func() { require.NoError(t, n.Stop()) })
	return n
}

func awaitHeight(t *testing.T, n *Node, height int64) {
	t.Helper()
	require.Eventually(t, func() bool { return n.Height() >= height }, patience, 5*time.Millisecond, "height %d", height)
}

// get asks the node's interface and gives status and body.
func get(t *testing.T, n *Node, path string) (int, []byte) {
	t.Helper()
	return do(t, http.MethodGet, "http://"+n.APIAddress()+path, nil, "")
}

func do(t *testing.T, method, url string, body io.Reader, accept string) (int, []byte) {
	t.Helper()
	request, err := http.NewRequest(method, url, body)
	require.NoError(t, err)
	request.Header.Set("Accept", accept)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, text
}

// framed is the body of a submission.
func framed(raw ...[]byte) []byte {
	var out []byte
	for _, tx := range raw {
		out = binary.BigEndian.AppendUint32(out, uint32(len(tx)))
		out = append(out, tx...)
	}
	return out
}

// vote is a transaction of the council about a proposal that does not exist: it becomes final, with that code.
func vote(t *testing.T, reference string) []byte {
	t.Helper()
	now := time.Now()
	raw, err := types.Sign(&types.Body{
		ChainId: testChain, Signer: "council-1", Key: "k1", Reference: reference, ValidUntilUnix: now.Add(time.Hour).Unix(),
		Origin:   &types.Origin{SourceSystem: "test", Jurisdiction: "CN", CollectedUnix: now.Unix(), Simulated: true},
		Messages: []*types.Message{{Msg: &types.Message_Vote{Vote: &types.Vote{Proposal: "council-1/none"}}}},
	}, councilKey(t))
	require.NoError(t, err)
	return raw
}

func submit(t *testing.T, n *Node, query string, raw ...[]byte) []*types.SubmitResult {
	t.Helper()
	status, body := do(t, http.MethodPost, "http://"+n.APIAddress()+"/v1/tx"+query, bytes.NewReader(framed(raw...)), "")
	require.Equal(t, http.StatusOK, status, string(body))
	var response types.SubmitResponse
	require.NoError(t, proto.Unmarshal(body, &response))
	require.Len(t, response.Results, len(raw))
	return response.Results
}

// readRecord reads a record with proof and header, and verifies both as a client would.
func readRecord(t *testing.T, n *Node, key string, height int64) (value []byte, at int64) {
	t.Helper()
	path := "/v1/record?prove=1&light=1&key=" + key
	if height > 0 {
		path += fmt.Sprintf("&height=%d", height)
	}
	status, body := get(t, n, path)
	require.Equal(t, http.StatusOK, status, string(body))
	var answer types.RecordResponse
	require.NoError(t, proto.Unmarshal(body, &answer))
	require.Equal(t, key, answer.Key)

	var block cmtproto.LightBlock
	require.NoError(t, proto.Unmarshal(answer.LightBlock, &block))
	light, err := cmttypes.LightBlockFromProto(&block)
	require.NoError(t, err)
	require.NoError(t, light.ValidateBasic(testChain))
	require.NoError(t, light.ValidatorSet.VerifyCommitLight(testChain, light.Commit.BlockID, light.Height, light.Commit))
	require.Equal(t, answer.Height+1, light.Height)

	proof := types.Proof{Ops: answer.Proof}
	var expected []byte
	if len(answer.Value) > 0 {
		expected = answer.Value
	}
	require.NoError(t, proof.Verify(types.Hash(light.AppHash), types.RootState, key, expected))
	return answer.Value, answer.Height
}

func TestNodeStartsStopsAndGoesOn(t *testing.T) {
	c := testHome(t)
	log := &logBuffer{}
	n, err := New(context.Background(), c, NewLogger(log, c.Log))
	require.NoError(t, err)
	require.NoError(t, n.Start(context.Background()))
	awaitHeight(t, n, 3)

	result := submit(t, n, "?wait=30", vote(t, "first-reference-0001"))[0]
	require.Equal(t, types.SubmitStatus_FINAL, result.Status, result.String())
	require.Equal(t, []uint32{uint32(types.Code_proposal_unknown)}, result.Codes)
	require.NoError(t, n.Stop())
	require.NoError(t, n.Stop(), "a second stop does nothing")
	require.NoError(t, n.Wait())
	stopped := n.Height()
	require.GreaterOrEqual(t, stopped, result.Height)
	require.NotContains(t, log.String(), "CONSENSUS FAILURE")
	require.NotContains(t, log.String(), "level=ERROR")

	again := running(t, c)
	require.GreaterOrEqual(t, again.Height(), stopped)
	awaitHeight(t, again, stopped+2)
	repeated := submit(t, again, "", vote(t, "first-reference-0001"))[0]
	require.Contains(t, []types.SubmitStatus{types.SubmitStatus_SUBMIT_REFUSED, types.SubmitStatus_FINAL}, repeated.Status)
	status, body := get(t, again, "/v1/reference?signer=council-1&reference=first-reference-0001")
	require.Equal(t, http.StatusOK, status, string(body))
	var reference types.Reference
	require.NoError(t, proto.Unmarshal(body, &reference))
	require.Equal(t, result.Height, reference.Height)
	require.Equal(t, result.Codes, reference.Codes)
}

// What was sent before is answered as if it had been sent now.
func TestSubmitAgain(t *testing.T) {
	n := running(t, testHome(t))
	awaitHeight(t, n, 2)
	raw := vote(t, "again-reference-00001")
	first := submit(t, n, "?wait=30", raw)[0]
	require.Equal(t, types.SubmitStatus_FINAL, first.Status, first.String())
	require.Equal(t, first, submit(t, n, "", raw)[0])
	require.Equal(t, first, submit(t, n, "?wait=30", raw)[0])

	both := submit(t, n, "?wait=30", vote(t, "again-reference-00002"), []byte("nonsense"), raw)
	require.Equal(t, types.SubmitStatus_FINAL, both[0].Status)
	require.Equal(t, types.SubmitStatus_SUBMIT_REFUSED, both[1].Status)
	require.Equal(t, uint32(types.Code_tx_malformed), both[1].Code)
	require.Equal(t, first, both[2])

	at := submit(t, n, "", vote(t, "again-reference-00003"))[0]
	require.Equal(t, types.SubmitStatus_ADMITTED, at.Status)
	require.Equal(t, "again-reference-00003", at.Reference)
	require.Zero(t, at.Code)
}

func TestRecordsAreProved(t *testing.T) {
	n := running(t, testHome(t))
	awaitHeight(t, n, 4)
	value, at := readRecord(t, n, "chain", 0)
	var chain types.Chain
	require.NoError(t, proto.Unmarshal(value, &chain))
	require.Equal(t, testChain, chain.ChainId)
	require.Equal(t, "USD", chain.BaseCurrency)
	require.GreaterOrEqual(t, at, int64(2))
	require.LessOrEqual(t, at, n.Height())

	value, _ = readRecord(t, n, "member/nobody", 0)
	require.Empty(t, value, "absence is proved, too")
	_, at = readRecord(t, n, "member/council-1", 1)
	require.EqualValues(t, 1, at)

	status, body := get(t, n, "/v1/light?height=2")
	require.Equal(t, http.StatusOK, status)
	var block cmtproto.LightBlock
	require.NoError(t, proto.Unmarshal(body, &block))
	require.EqualValues(t, 2, block.SignedHeader.Header.Height)
}

func TestStatusHealthAndMetrics(t *testing.T) {
	n := running(t, testHome(t))
	awaitHeight(t, n, 3)
	status, body := get(t, n, "/v1/status")
	require.Equal(t, http.StatusOK, status)
	var s Status
	require.NoError(t, json.Unmarshal(body, &s))
	require.Equal(t, testChain, s.ChainID)
	require.Equal(t, "tester", s.Moniker)
	require.Equal(t, n.Identity().NodeID, s.NodeID)
	require.True(t, s.Simulation)
	require.Equal(t, "for tests", s.Notice)
	require.Equal(t, "USD", s.BaseCurrency)
	require.False(t, s.CatchingUp)
	require.GreaterOrEqual(t, s.Height, int64(3))
	require.Positive(t, s.Provable)
	require.Len(t, s.AppHash, 64)
	_, err := time.Parse(time.RFC3339Nano, s.BlockTime)
	require.NoError(t, err)

	status, body = get(t, n, "/v1/health")
	require.Equal(t, http.StatusOK, status, string(body))

	status, body = do(t, http.MethodGet, "http://"+n.MetricsAddress()+"/metrics", nil, "")
	require.Equal(t, http.StatusOK, status)
	for _, name := range []string{"ledgerd_height", "ledgerd_clock_offset_seconds", "ledgerd_api_answers_total", "ledgerd_state_keys", "ledgerd_disk_free_bytes", "cometbft_consensus_height", "go_goroutines"} {
		require.Contains(t, string(body), "\n"+name, name)
	}
}

// Two nodes in one process do not share metrics, and a registry of the process is left alone.
func TestTwoNodesInOneProcess(t *testing.T) {
	a, b := running(t, testHome(t)), running(t, testHome(t))
	awaitHeight(t, a, 2)
	awaitHeight(t, b, 2)
	require.NotEqual(t, a.Identity().NodeID, b.Identity().NodeID)
}

// A node whose consensus stops by itself is no node any more: Wait says so, and health too.
func TestHaltIsNoticed(t *testing.T) {
	log := &logBuffer{}
	c := testHome(t)
	n, err := New(context.Background(), c, NewLogger(log, c.Log))
	require.NoError(t, err)
	require.NoError(t, n.Start(context.Background()))
	awaitHeight(t, n, 2)
	// Somebody else writes into the store: the application's next commit must fail.
	require.Eventually(t, func() bool {
		view := n.state.View()
		defer view.Close()
		batch := state.NewBatch(view)
		batch.Set("intruder", []byte("x"))
		staged, err := n.state.Stage(view.Height()+1, batch)
		return err == nil && n.state.Apply(staged) == nil
	}, patience, time.Millisecond)
	require.ErrorIs(t, n.Wait(), ErrHalted)
	status, body := get(t, n, "/v1/health")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, string(body), "consensus stopped by itself")
	require.Contains(t, log.String(), "CONSENSUS FAILURE")
	require.NoError(t, n.Stop())
	require.NoError(t, n.Wait())
}

// Each address in use is named together with what chooses another.
func TestPortsInUse(t *testing.T) {
	c := testHome(t)
	c.API.Laddr, c.Metrics.Laddr = freeAddress(t), freeAddress(t)
	for _, l := range c.listeners() {
		taken, err := net.Listen("tcp", l.address)
		require.NoError(t, err)
		_, err = New(context.Background(), c, quiet())
		require.ErrorContains(t, err, l.setting+" = "+l.address+": something else listens there")
		require.ErrorContains(t, err, "--"+l.setting)
		require.ErrorContains(t, err, envName(l.setting))
		require.NoError(t, taken.Close())
	}
	// Taken between the check and the start.
	for _, l := range c.listeners() {
		n, err := New(context.Background(), c, quiet())
		require.NoError(t, err)
		taken, err := net.Listen("tcp", l.address)
		require.NoError(t, err)
		err = n.Start(context.Background())
		require.ErrorContains(t, err, l.setting+" = "+l.address+": something else listens there")
		require.NoError(t, taken.Close())
	}
	running(t, c) // nothing was left open
}

// A home is of one process at a time.
func TestOneProcessAHome(t *testing.T) {
	c := testHome(t)
	running(t, c)
	c.P2P.Laddr, c.RPC.Laddr = freeAddress(t), freeAddress(t)
	_, err := New(context.Background(), c, quiet())
	require.ErrorContains(t, err, "is another ledgerd running in this home?")
}

func TestStartRefusals(t *testing.T) {
	c := testHome(t)
	n := running(t, c)
	awaitHeight(t, n, 3)
	require.NoError(t, n.Stop())
	refused := func(message string) {
		t.Helper()
		_, err := New(context.Background(), c, quiet())
		require.ErrorContains(t, err, message)
	}
	swap := func(path string, change func([]byte) []byte) (restore func()) {
		t.Helper()
		before, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, change(before), 0o600))
		return func() { require.NoError(t, os.WriteFile(path, before, 0o600)) }
	}
	replace := func(old, with string) func([]byte) []byte {
		return func(b []byte) []byte {
			require.Contains(t, string(b), old)
			return []byte(strings.Replace(string(b), old, with, 1))
		}
	}

	restore := swap(c.GenesisFile(), replace("for tests", "for others"))
	refused("is not the genesis that")
	restore()
	restore = swap(c.GenesisFile(), replace("USD", "USX"))
	refused("base_currency")
	restore()
	restore = swap(c.GenesisFile(), func([]byte) []byte { return []byte("{") })
	refused("genesis cannot be read")
	restore()

	restore = swap(c.ValidatorStateFile(), func([]byte) []byte { return []byte(`{"height":"0","round":0,"step":0}`) })
	refused("another machine uses the same key, or the file comes from an older copy")
	restore()
	require.NoError(t, os.Rename(c.ValidatorStateFile(), c.ValidatorStateFile()+".away"))
	refused("keeps it from signing twice")
	require.NoError(t, os.Rename(c.ValidatorStateFile()+".away", c.ValidatorStateFile()))

	require.NoError(t, os.Chmod(c.ValidatorKeyFile(), 0o644))
	refused("chmod 600")
	require.NoError(t, os.Chmod(c.ValidatorKeyFile(), 0o600))
	restore = swap(c.NodeKeyFile(), func([]byte) []byte { return nil })
	refused("restore it from a copy")
	restore()

	blocks := filepath.Join(c.DataDir(), "blockstore.db")
	require.NoError(t, os.Rename(blocks, blocks+".away"))
	refused("the blocks in " + c.DataDir() + " end at height 0")
	require.NoError(t, os.RemoveAll(blocks))
	require.NoError(t, os.Rename(blocks+".away", blocks))

	running(t, c) // with everything back it goes on
}

func TestHomesAreMadeOnce(t *testing.T) {
	c := testHome(t)
	before, err := os.ReadFile(c.ValidatorKeyFile())
	require.NoError(t, err)
	_, err = CreateHome(c)
	require.ErrorContains(t, err, "never overwritten")
	after, err := os.ReadFile(c.ValidatorKeyFile())
	require.NoError(t, err)
	require.Equal(t, before, after)

	made, err := ReadIdentity(c)
	require.NoError(t, err)
	require.Len(t, made.NodeID, 40)
	require.Len(t, made.ValidatorKey, 32)
	for _, path := range []string{c.NodeKeyFile(), c.ValidatorKeyFile(), c.ValidatorStateFile()} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), path)
	}
	back, err := Load(c.Home, nil, nil)
	require.NoError(t, err)
	require.Equal(t, c, back, "what was chosen stands in the file")
}

func TestClockWarnings(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		genesis, last time.Time
		message       string
	}{
		{now, time.Time{}, ""},
		{now.Add(-time.Hour), time.Time{}, "the genesis is old"},
		{now.Add(-time.Hour), now.Add(-time.Minute), ""},
		{now.Add(-time.Hour), now.Add(time.Minute), "clock is behind"},
	} {
		log := &logBuffer{}
		warnOfClock(NewLogger(log, LogConfig{Level: "info", Format: "plain"}), c.genesis, c.last, now)
		if c.message == "" {
			require.Empty(t, log.String())
			continue
		}
		require.Contains(t, log.String(), c.message)
	}
}

// The node stops before the disk is full, and does not start on one that is.
func TestDiskNearlyFull(t *testing.T) {
	c := testHome(t)
	have := func(left int64, err error) func(string) (int64, error) {
		return func(string) (int64, error) { return left, err }
	}
	require.NoError(t, checkDisk(&c, have(c.State.MinFreeBytes, nil)))
	require.NoError(t, checkDisk(&c, have(0, errNoFreeSpace)))
	err := checkDisk(&c, have(c.State.MinFreeBytes-1, nil))
	require.ErrorIs(t, err, ErrDiskFull)
	require.ErrorContains(t, err, "511 MiB are free")
	require.ErrorContains(t, checkDisk(&c, have(0, os.ErrPermission)), "permission denied")
	left, err := freeSpace(c.Home)
	require.NoError(t, err)
	require.Positive(t, left)

	full := c
	full.State.MinFreeBytes = maxMinFreeBytes
	_, err = New(context.Background(), full, quiet())
	require.ErrorIs(t, err, ErrDiskFull)

	n := running(t, c)
	awaitHeight(t, n, 2)
	n.fail(fmt.Errorf("%w: as if", ErrDiskFull))
	require.ErrorIs(t, n.Wait(), ErrDiskFull)
	status, body := get(t, n, "/v1/health")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, string(body), "nearly full")
	require.NoError(t, n.Stop())
	require.NoError(t, n.Wait())
}
