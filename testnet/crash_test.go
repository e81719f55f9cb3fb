package testnet

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/app/state"
	"tradecredit/client"
	"tradecredit/node"
	"tradecredit/types"
)

// The crash matrix. Real processes of ledgerd end at named places while they are under load, by os.Exit or SIGKILL, and start
// again. What a node said was FINAL before it ended must be there afterwards, as it was said; and the whole history, executed
// again by nobody who ever crashed, must give the app hash of every header. (What a power cut leaves of unsynced writes is
// tried in packages app and app/state.)

// crashProgram is ledgerd with places at which it can be told to end.
var crashProgram = sync.OnceValues(func() (string, error) {
	path := filepath.Join(programDir, "crash", "ledgerd")
	cmd := exec.Command("go", "build", "-trimpath", "-tags", "crashpoints", "-o", path, "./node/ledgerd")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// enginePasses are the places of CometBFT v0.40.0 (libs/fail) in the order in which a lone validator passes them at a height:
// ten, the first of them with each of its two votes.
var enginePasses = []string{
	"own prevote in the log", "own precommit in the log", "before the block is saved", "block saved", "end of height in the log",
	"block executed", "response saved", "application committed", "engine's state saved", "blocks pruned", "next height begun",
}

// committedFrom is the first of enginePasses that the application has committed the block at.
const committedFrom = 7

// crashing is a lone validator that ends again and again, and what it acknowledged.
type crashing struct {
	net    *Network
	home   node.Config
	work   *Workload
	client *client.Client

	mu   sync.Mutex
	next int       // first transaction that was not sent
	all  []promise // what was said to be FINAL
}

// promise is a transaction that a node said was FINAL, and where.
type promise struct {
	raw    []byte
	record string // key
	height int64
	index  uint32
}

// crashSenders is how many transactions are under way at a time.
const crashSenders = 3

// newCrashing makes a home; nothing runs yet. It is not for goroutines: see FreePort.
func newCrashing(t *testing.T, tweak func(c *node.Config)) *crashing {
	t.Helper()
	net, err := Make(crashPlan(t, 1, func(_ int, c *node.Config) {
		c.P2P.MaxInbound = 0
		c.Consensus.ProposalWait = node.Duration(40 * time.Millisecond)
		if tweak != nil {
			tweak(c)
		}
	}))
	require.NoError(t, err)
	return crashingAt(t, net, 0)
}

func crashPlan(t *testing.T, validators int, tweak func(i int, c *node.Config)) Plan {
	return Plan{
		Dir: t.TempDir(), ChainID: "crash", BaseCurrency: "CNY", DayOffsetS: 28800, Validators: validators, Seats: WorkSeats(), Notice: "test",
		Parameters: []types.GenesisParameter{{Name: "quota_messages", Value: 1_000_000_000}, {Name: "quota_registrations", Value: 1_000_000}},
		Tweak: func(i int, c *node.Config) {
			c.API.RequestsPerSecond, c.RPC.Laddr, c.Metrics.Laddr, c.State.MinFreeBytes = 0, "", "", 0
			c.State.CacheBytes = 16 << 20
			tweak(i, c)
		},
	}
}

// crashingAt is the node i of a network.
func crashingAt(t *testing.T, net *Network, i int) *crashing {
	t.Helper()
	trust, err := client.TrustFromGenesis(net.Genesis, time.Now(), 0)
	require.NoError(t, err)
	c := &crashing{net: net, home: net.Configs[i], work: &Workload{Net: net, Subjects: 2, Unix: time.Now().Unix()}}
	c.client, err = client.New(client.Config{Endpoints: []string{"http://" + c.home.API.Laddr}, Trust: trust, RetryFor: patience})
	require.NoError(t, err)
	return c
}

// start starts the node.
func (c *crashing) start(t *testing.T, environment ...string) *Process {
	t.Helper()
	path, err := crashProgram()
	require.NoError(t, err)
	p, err := StartProcess(path, c.home, environment...)
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := p.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
	})
	return p
}

// load sends transactions until the process has ended or enough is true. Each registers an enterprise of its own.
func (c *crashing) load(p *Process, enough func() bool) {
	var wg sync.WaitGroup
	for range crashSenders {
		wg.Go(func() {
			for !p.ended() && !enough() {
				if err := c.send(p); err != nil {
					time.Sleep(2 * time.Millisecond) // nobody listens yet, or any more
				}
			}
		})
	}
	wg.Wait()
}

// ended tells whether the process has.
func (p *Process) ended() bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// send makes one transaction and notes if it is said to be FINAL.
func (c *crashing) send(p *Process) error {
	c.mu.Lock()
	i := c.next
	c.next++
	c.mu.Unlock()
	digest := sha256.Sum256([]byte("mandate"))
	raw, err := c.work.Sign(WorkPlatform, types.Role_PLATFORM, []*types.Message{types.Wrap("", &types.RegisterEnterprise{
		Subject: c.work.Subject(i), District: "CN-ZJ", Size_: types.EnterpriseSize_SMALL, Ownership: types.Ownership_PRIVATE,
		ControlGroup: fmt.Sprintf("own-%d", i),
		Mandate:      &types.Mandate{PaperDigest: digest[:], Delegate: WorkPlatform, Messages: []string{"issue_receivable"}, UntilDay: c.work.today() + 300},
	})})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := post(ctx, p.Config.API.Laddr, append(binary.BigEndian.AppendUint32(nil, uint32(len(raw))), raw...))
	if err != nil {
		return err
	}
	said := answer.Results[0]
	if said.Status != types.SubmitStatus_FINAL || len(said.Codes) != 1 || types.Code(said.Codes[0]) != types.Code_ok {
		return fmt.Errorf("not FINAL: %s", said)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, promise{raw, string(types.EnterpriseKey(c.work.Subject(i))), said.Height, said.Index})
	return nil
}

// crash runs the node under load until it ends at the place that the environment names.
func (c *crashing) crash(t *testing.T, words string, environment ...string) {
	t.Helper()
	before, err := os.ReadFile(c.home.Home + ".log")
	require.True(t, err == nil || os.IsNotExist(err))
	p := c.start(t, environment...)
	ctx := within(t, patience)
	c.load(p, func() bool { return ctx.Err() != nil })
	require.NoError(t, ctx.Err(), "%v: not reached; %s", environment, lastWords(p.Log))
	log, err := os.ReadFile(p.Log)
	require.NoError(t, err)
	require.Contains(t, string(log[len(before):]), words, "it ended elsewhere")
}

// remembers demands that a running node has everything that it ever acknowledged, as it was acknowledged.
func (c *crashing) remembers(t *testing.T, p *Process) {
	t.Helper()
	ctx := within(t, patience)
	require.NoError(t, p.Ready(ctx))
	for _, tx := range c.all {
		decoded, err := types.Decode(tx.raw)
		require.NoError(t, err)
		row, err := c.client.Reference(ctx, decoded.Body.Signer, decoded.Body.Reference)
		require.NoError(t, err)
		require.NotNil(t, row, "what was FINAL at height %d is lost", tx.height)
		require.Equal(t, tx.height, row.Height, "what is FINAL is so for ever")
		require.Equal(t, tx.index, row.Index)
	}
}

// reads reads every acknowledged record with proof, up to some.
func (c *crashing) reads(t *testing.T, most int) {
	t.Helper()
	ctx := within(t, patience)
	for _, i := range rand.New(rand.NewPCG(1, 1)).Perm(len(c.all))[:min(most, len(c.all))] {
		p, err := c.client.GetRaw(ctx, c.all[i].record, client.GetOptions{MinHeight: c.all[i].height, Patience: patience})
		require.NoError(t, err)
		require.NotEmpty(t, p.Value, "%s is lost", c.all[i].record)
	}
}

// recover starts the node, which goes on for some heights, and stops it.
func (c *crashing) recover(t *testing.T, heights int64) {
	t.Helper()
	p := c.start(t)
	c.remembers(t, p)
	ctx := within(t, patience)
	begun, err := statusAt(ctx, c.home.API.Laddr)
	require.NoError(t, err)
	c.load(p, func() bool {
		s, err := statusAt(ctx, c.home.API.Laddr)
		return ctx.Err() != nil || err == nil && s.Height >= begun.Height+heights
	})
	require.NoError(t, ctx.Err(), lastWords(p.Log))
	c.reads(t, 40)
	require.NoError(t, p.Stop())
}

// matches executes the whole history of the stopped node again, and examines everything that it keeps.
func (c *crashing) matches(t *testing.T) {
	t.Helper()
	require.NotEmpty(t, c.all)
	ctx := within(t, patience)
	r, err := node.Replay(ctx, node.ReplayOptions{From: c.home.Home, Scratch: t.TempDir(), CacheBytes: 16 << 20})
	require.NoError(t, err)
	require.Equal(t, "MATCH", r.Report.Result)
	require.GreaterOrEqual(t, r.Report.CertifiedHeight, int64(3))
	findings, err := node.Fsck(c.home, slog.New(slog.DiscardHandler), nil, nil)
	require.NoError(t, err, findings)
}

// committed is the height that the application has on disk; it is read from a copy.
func (c *crashing) committed(t *testing.T) int64 {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.CopyFS(dir, os.DirFS(c.home.StateDir())))
	db, err := state.Open(dir, state.Options{KeepHeights: c.home.State.KeepHeights, CacheBytes: 8 << 20})
	require.NoError(t, err)
	height := db.Head().Height
	require.NoError(t, db.Close())
	return height
}

// crashHeights is how many heights TestEngineCrashes covers.
func crashHeights() int {
	if os.Getenv("SOAK") != "" {
		return 10
	}
	return 3
}

// TestEngineCrashes ends a lone validator at each of CometBFT's own places, at each of its first heights.
func TestEngineCrashes(t *testing.T) {
	for height := 1; height <= crashHeights(); height++ {
		for pass, name := range enginePasses {
			c := newCrashing(t, nil)
			t.Run(fmt.Sprintf("%d %s", height, name), func(t *testing.T) {
				t.Parallel()
				index := (height-1)*len(enginePasses) + pass
				c.crash(t, fmt.Sprintf("*** fail-test %d ***", index), fmt.Sprint("FAIL_TEST_INDEX=", index))
				want := int64(height)
				if pass < committedFrom {
					want--
				}
				require.Equal(t, want, c.committed(t), "the place is another one than its name says")
				c.recover(t, 3)
				c.matches(t)
			})
		}
	}
}

// ownPlaces are the places of ours at which a node that runs can be told to end, in an order in which a home meets them again
// and again: one that ended before its block was committed executes it when it starts, and may end there once more.
var ownPlaces = []string{
	"apply.before:1", "apply.before:1", "apply.synced:1", "apply.before:4", "apply.synced:4", "apply.synced:1", "apply.before:1",
	"snapshot.begin:1", "snapshot.begin:2", "snapshot.middle:1", "snapshot.middle:3", "snapshot.end:1", "snapshot.end:2",
	"index.apply:1", "index.apply:5", "index.applied:1", "index.applied:5", "prune:1", "prune:3",
}

// TestOwnCrashes ends one lone validator at each of our own places, from its first block on, and kills it at moments that
// nobody chose, also while it stops.
func TestOwnCrashes(t *testing.T) {
	c := newCrashing(t, func(c *node.Config) {
		c.Consensus.ProposalWait = node.Duration(10 * time.Millisecond)
		c.State.KeepHeights, c.Snapshot.Interval, c.Snapshot.Share = 128, 5, 100
	})
	for _, place := range ownPlaces {
		name, _, _ := strings.Cut(place, ":")
		c.crash(t, "*** ended at "+name+",", "CRASH_POINT="+place)
	}
	moments := rand.New(rand.NewPCG(7, 1))
	for i := range 8 {
		p := c.start(t)
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.load(p, func() bool { return false })
		}()
		if i%2 == 1 { // while it stops
			require.NoError(t, p.Ready(within(t, patience)))
			require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
		}
		time.Sleep(time.Duration(moments.IntN(400)) * time.Millisecond)
		if err := p.Kill(); !errors.Is(err, os.ErrProcessDone) {
			require.NoError(t, err)
		}
		<-done
	}
	c.recover(t, 3)
	snapshots, err := node.KeptSnapshots(c.home)
	require.NoError(t, err)
	require.NotEmpty(t, snapshots)
	c.matches(t)
	t.Logf("%d transactions were acknowledged and are there, over %d heights", len(c.all), c.committed(t))
	c.exports(t)
}

// exports writes the history of the stopped node into an archive, ending at each place of an export; what is there in the end
// is the history.
func (c *crashing) exports(t *testing.T) {
	t.Helper()
	path, err := crashProgram()
	require.NoError(t, err)
	archive := filepath.Join(t.TempDir(), "archive")
	last := c.committed(t)
	export := func(place string, to int64) (string, int) {
		cmd := exec.Command(path, "export", "--home", c.home.Home, "--out", archive, "--to", fmt.Sprint(to))
		cmd.Env = append(os.Environ(), "CRASH_POINT="+place)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			require.NoError(t, err, string(out))
		}
		return string(out), cmd.ProcessState.ExitCode()
	}
	for i, to := range []int64{last / 3, last} { // a new archive, and one that is continued
		for _, place := range []string{"export.begin", "export.chunk", "export.end"} {
			out, status := export(place, to)
			require.Contains(t, out, "*** ended at "+place, "to %d", to)
			require.Equal(t, 86, status)
			if place == "export.chunk" && i == 0 {
				_, err := node.Replay(within(t, patience), node.ReplayOptions{From: archive, Scratch: t.TempDir()})
				require.Error(t, err, "an archive without an index is none")
			}
		}
		out, status := export("", to)
		require.Zero(t, status, out)
	}
	r, err := node.Replay(within(t, patience), node.ReplayOptions{From: archive, Scratch: t.TempDir(), CacheBytes: 16 << 20})
	require.NoError(t, err)
	require.Equal(t, "MATCH", r.Report.Result)
	require.Equal(t, last, r.Report.Last)
}
