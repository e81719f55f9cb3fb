package testnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/client"
	"tradecredit/types"
)

// four is a network of four validators, each a process of its own, and who asks them.
type four struct {
	t       *testing.T
	ledgerd string
	net     *Network
	work    *Workload
	nodes   [4]*Process
	clients [4]*client.Client
	byCode  map[types.Code]int // refusals at the JSON-RPC
}

// TestFourValidators is the life of a network: load, a validator that dies in the middle of it and comes back, a restart of
// all. What was final stays so, happens once, and is the same everywhere.
func TestFourValidators(t *testing.T) {
	f := newFour(t)
	f.prepare()
	f.lone()
	f.firstRounds()
	f.death()
	f.sameEverywhere()
	f.replay("after one restart")
	f.restartAll()
	clear(f.byCode)
	f.replay("after a restart of all")
	require.Equal(t, 4, f.byCode[types.Code_reference_used], "nothing but the state remembers now, on every node")
	require.Equal(t, 4, f.byCode[types.Code_reference_conflict])
	f.sameEverywhere()
}

func newFour(t *testing.T) *four {
	f := &four{t: t, ledgerd: program(t, "ledgerd"), byCode: map[types.Code]int{}}
	var err error
	f.net, err = Make(Plan{
		Dir: t.TempDir(), ChainID: "four", BaseCurrency: "CNY", DayOffsetS: 28800, Validators: 4, Seats: WorkSeats(),
		Notice: "test", Parameters: []types.GenesisParameter{{Name: "quota_messages", Value: 1_000_000_000}},
	})
	require.NoError(t, err)
	f.work = &Workload{Net: f.net, Subjects: 40, Unix: time.Now().Unix()}
	for i, c := range f.net.Configs {
		f.start(i)
		trust, err := client.TrustFromGenesis(f.net.Genesis, time.Now(), 0)
		require.NoError(t, err)
		f.clients[i], err = client.New(client.Config{Endpoints: []string{"http://" + c.API.Laddr}, Trust: trust, RetryFor: patience})
		require.NoError(t, err)
	}
	t.Cleanup(func() {
		for _, p := range f.nodes {
			_ = p.Kill() // it may have ended
		}
	})
	f.ready()
	return f
}

func (f *four) start(i int) {
	p, err := StartProcess(f.ledgerd, f.net.Configs[i])
	require.NoError(f.t, err)
	f.nodes[i] = p
}

func (f *four) ready() {
	for _, p := range f.nodes {
		require.NoError(f.t, p.Ready(within(f.t, patience)))
	}
}

func (f *four) api(i int) string { return f.net.Configs[i%4].API.Laddr }

func (f *four) height(i int) int64 {
	s, err := statusAt(within(f.t, patience), f.api(i))
	require.NoError(f.t, err)
	return s.Height
}

// post makes transactions final at a node; every message must be accepted.
func (f *four) post(i int, txs [][]byte) {
	f.t.Helper()
	require.NoError(f.t, Post(within(f.t, patience), f.api(i), txs))
}

// prepare registers the subjects at one validator and confirms them at another.
func (f *four) prepare() {
	register, confirm, err := f.work.Prepare()
	require.NoError(f.t, err)
	f.post(0, register)
	f.post(1, confirm)
}

// lone measures how long a transaction takes that comes alone into an idle network, at each validator in turn.
func (f *four) lone() {
	const times = 16
	var took []time.Duration
	for i := range times {
		// Another block has passed with nothing in it: the network is idle, at another point of its wait each time.
		idle := f.height(i)
		eventually(f.t, "an idle block", func() (bool, string) { h := f.height(i); return h > idle, fmt.Sprint(h) })
		first, _, err := f.work.Cycles(1_000_000+i, 1_000_001+i, 2)
		require.NoError(f.t, err)
		began := time.Now()
		f.post(i, first)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	median := took[times/2]
	f.t.Logf("a lone transaction is final after %s (median of %d), %s at most", median, times, took[times-1])
	require.Less(f.t, median, time.Second)
	require.Less(f.t, took[times-1], 10*time.Second)
}

// firstRounds loads all four, and counts the heights that were decided in the first round.
func (f *four) firstRounds() {
	const heights = 120
	from := f.height(0) + 1
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var failed atomic.Value
	var records atomic.Int64
	began := time.Now()
	for i := range 4 {
		wg.Go(func() {
			for k := i * 100_000; ; k += 10 {
				select {
				case <-stop:
					return
				default:
				}
				if err := f.cycles(i, k, k+10); err != nil {
					failed.Store(err)
					return
				}
				records.Add(40)
			}
		})
	}
	eventually(f.t, "heights under load", func() (bool, string) {
		h := f.height(0)
		return h >= from+heights || failed.Load() != nil, fmt.Sprint(h)
	})
	close(stop)
	wg.Wait()
	require.Nil(f.t, failed.Load())
	took := time.Since(began)
	to := f.height(0) - 1
	first := 0
	for h := from; h <= to; h++ {
		lb, err := f.clients[0].LightBlock(within(f.t, patience), h)
		require.NoError(f.t, err)
		if lb.Commit.Round == 0 {
			first++
		}
	}
	all := int(to - from + 1)
	f.t.Logf("under load: %d records in %d blocks in %.1f s; %d of %d heights in round 0", records.Load(), all, took.Seconds(), first, all)
	require.GreaterOrEqual(f.t, all, 100)
	require.GreaterOrEqual(f.t, 100*first, 99*all, "%d of %d heights were decided in round 0", first, all)
}

// cycles records whole trades at one validator.
func (f *four) cycles(i, from, to int) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	first, second, err := f.work.Cycles(from, to, 20)
	if err != nil {
		return err
	}
	if err := Post(ctx, f.api(i), first); err != nil {
		return err
	}
	return Post(ctx, f.api(i), second)
}

// sent is a transaction on its way to a validator that dies.
type sent struct {
	raw  []byte
	said *client.Result // what the validator acknowledged as FINAL; nil: it did not
}

// death kills a validator while transactions pour into it, has its clients turn to another one or wait for it to come back,
// and compares what it had acknowledged with what holds.
func (f *four) death() {
	const victim, senders = 3, 6
	var mu sync.Mutex
	var all []*sent
	var acknowledged atomic.Int64
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for k := 2_000_000 + s*10_000; ; k++ {
				first, _, err := f.work.Cycles(k, k+1, 2)
				if err != nil {
					return
				}
				tx := &sent{raw: first[0]}
				mu.Lock()
				all = append(all, tx)
				mu.Unlock()
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				tx.said, err = f.once(ctx, victim, tx.raw)
				cancel()
				if err != nil {
					return // it is dead
				}
				if tx.said != nil {
					acknowledged.Add(1)
				}
			}
		})
	}
	eventually(f.t, "transactions that the victim acknowledged", func() (bool, string) {
		n := acknowledged.Load()
		return n >= 60, fmt.Sprint(n)
	})
	require.NoError(f.t, f.nodes[victim].Kill())
	wg.Wait()
	require.Greater(f.t, len(all), int(acknowledged.Load()), "every sender had one under way when the validator died")

	// Three of four go on; half of the clients turn to one of them.
	died := f.height(0)
	lost := 0
	for i, tx := range all {
		if tx.said == nil {
			lost++
		}
		if i%2 == 0 {
			f.settled(i%3, tx)
		}
	}
	eventually(f.t, "blocks without the fourth", func() (bool, string) { h := f.height(1); return h >= died+5, fmt.Sprint(h) })
	f.t.Logf("killed with %d transactions acknowledged and %d under way", acknowledged.Load(), lost)

	began := time.Now()
	f.start(victim)
	require.NoError(f.t, f.nodes[victim].Ready(within(f.t, patience)))
	goal := f.height(0)
	eventually(f.t, "the killed validator's height", func() (bool, string) { h := f.height(victim); return h >= goal, fmt.Sprint(h) })
	f.t.Logf("%.1f s after its start the killed validator has all %d heights", time.Since(began).Seconds(), goal)
	for _, tx := range all { // the others ask itself, and those that asked before hear the same
		f.settled(victim, tx)
	}
}

// once sends a transaction and asks for no second try. A nil result without an error: not final in time.
func (f *four) once(ctx context.Context, i int, raw []byte) (*client.Result, error) {
	body := make([]byte, 4, 4+len(raw))
	body[0], body[1], body[2], body[3] = byte(len(raw)>>24), byte(len(raw)>>16), byte(len(raw)>>8), byte(len(raw))
	res, err := post(ctx, f.api(i), append(body, raw...))
	if err != nil || len(res.Results) != 1 || res.Results[0].Status != types.SubmitStatus_FINAL {
		return nil, err
	}
	r := res.Results[0]
	out := &client.Result{Status: r.Status, Height: r.Height, Index: r.Index}
	for _, c := range r.Codes {
		out.Codes = append(out.Codes, types.Code(c))
	}
	return out, nil
}

// settled sends a transaction again, under the same reference, until it is FINAL; if that had been acknowledged before, it
// is what was acknowledged.
func (f *four) settled(i int, tx *sent) {
	f.t.Helper()
	results, err := f.clients[i].Submit(within(f.t, patience), [][]byte{tx.raw}, client.SubmitOptions{RetryFor: patience})
	require.NoError(f.t, err)
	r := results[0]
	require.NoError(f.t, r.Err())
	require.Equal(f.t, types.SubmitStatus_FINAL, r.Status)
	require.Equal(f.t, []types.Code{types.Code_ok, types.Code_ok}, r.Codes, "recorded under this reference and no other")
	if tx.said != nil {
		require.Equal(f.t, tx.said.Height, r.Height, "what is FINAL is so for ever")
		require.Equal(f.t, tx.said.Index, r.Index)
		require.Equal(f.t, tx.said.Codes, r.Codes)
	}
	tx.said = r
}

// sameEverywhere compares all four: every header with its app hash at every common height, and every entry of every subject
// when nothing is under way, where nothing may stand twice.
func (f *four) sameEverywhere() {
	ctx := within(f.t, patience)
	common := f.height(0)
	for i := range f.nodes {
		eventually(f.t, "the same height", func() (bool, string) { h := f.height(i); return h > common, fmt.Sprint(h) })
	}
	hashes := map[string]bool{}
	for h := int64(1); h <= common; h++ {
		want, err := f.clients[0].LightBlock(ctx, h)
		require.NoError(f.t, err)
		require.Len(f.t, want.AppHash, 32)
		hashes[string(want.AppHash)] = true
		for i := 1; i < 4; i++ {
			got, err := f.clients[i].LightBlock(ctx, h)
			require.NoError(f.t, err)
			require.Equal(f.t, want.AppHash, got.AppHash, "app hash in header %d of node %d", h, i)
			require.Equal(f.t, want.Hash(), got.Hash(), "header %d of node %d", h, i)
		}
	}
	require.Greater(f.t, len(hashes), 100, "the state changed again and again")
	entries := 0
	for s := range f.work.Subjects {
		want := f.entries(ctx, 0, f.work.Subject(s))
		entries += len(want)
		for i := 1; i < 4; i++ {
			require.Equal(f.t, want, f.entries(ctx, i, f.work.Subject(s)), "entries of %s at node %d", f.work.Subject(s), i)
		}
	}
	require.NotZero(f.t, entries)
	f.t.Logf("four equal histories: %d heights, %d states, %d entries", common, len(hashes), entries)
}

// entries reads the whole log of a subject and refuses anything that stands there twice.
func (f *four) entries(ctx context.Context, i int, subject string) []string {
	var out []string
	seen := map[string]bool{}
	for next := uint64(0); ; {
		page, err := f.clients[i].Entries(ctx, subject, next, 200)
		require.NoError(f.t, err)
		for _, e := range page.Entries {
			id := fmt.Sprint(e.Kind, " ", e.Record, " ", e.Part)
			require.False(f.t, seen[id], "%s stands twice in the log of %s", id, subject)
			seen[id] = true
			out = append(out, e.String())
		}
		if next = page.Next; next == page.Total {
			return out
		}
	}
}

// replay sends what is final already to every node: the same bytes are answered with what became of them then, the same
// reference over another body is refused, and neither changes anything.
func (f *four) replay(when string) {
	f.t.Helper()
	ctx := within(f.t, patience)
	first, second, err := f.work.Cycles(1_000_000, 1_000_001, 2)
	require.NoError(f.t, err)
	before := map[int]int{}
	for s := range f.work.Subjects {
		before[s] = len(f.entries(ctx, 0, f.work.Subject(s)))
	}
	for i := range f.nodes {
		for _, raw := range first {
			tx, err := types.Decode(raw)
			require.NoError(f.t, err)
			stored, err := f.clients[(i+1)%4].Reference(ctx, tx.Body.Signer, tx.Body.Reference)
			require.NoError(f.t, err)
			require.NotNil(f.t, stored)
			r, err := f.once(ctx, i, raw)
			require.NoError(f.t, err)
			require.NotNil(f.t, r, "%s, node %d", when, i)
			require.Equal(f.t, stored.Height, r.Height, "%s, node %d: it was final then, and is not done again", when, i)

			f.refusedAtBack(ctx, i, raw, types.Code_reference_used)

			other := f.underReference(second[0], tx.Body.Reference)
			f.refusedAtBack(ctx, i, other, types.Code_reference_conflict)
			results, err := f.clients[i].Submit(ctx, [][]byte{other}, client.SubmitOptions{})
			require.NoError(f.t, err)
			require.True(f.t, results[0].Earlier, "%s, node %d: another body under a used reference does nothing", when, i)
			require.Equal(f.t, stored.Height, results[0].Height)
		}
	}
	for s := range f.work.Subjects {
		require.Len(f.t, f.entries(ctx, 0, f.work.Subject(s)), before[s], "%s: a replay adds nothing", when)
	}
}

// refusedAtBack offers a transaction at a node's JSON-RPC, where it is refused with that code, or without one because
// CometBFT itself remembers the bytes since the node started.
func (f *four) refusedAtBack(ctx context.Context, i int, raw []byte, want types.Code) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/broadcast_tx_sync?tx=0x%x", f.net.Configs[i].RPC.Laddr, raw), nil)
	require.NoError(f.t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(f.t, err)
	defer res.Body.Close()
	var answer struct {
		Error  *struct{ Data string }
		Result *struct{ Code uint32 }
	}
	require.NoError(f.t, json.NewDecoder(res.Body).Decode(&answer))
	if answer.Error != nil {
		require.Equal(f.t, "tx already seen", answer.Error.Data, "node %d", i)
		return
	}
	require.NotNil(f.t, answer.Result)
	require.Equal(f.t, want, types.Code(answer.Result.Code), "node %d", i)
	f.byCode[want]++
}

// underReference signs the platform's messages of a transaction under a reference that was used before.
func (f *four) underReference(raw []byte, reference string) []byte {
	f.t.Helper()
	s := client.Signer{
		ID: WorkPlatform, KeyID: KeyID(types.Role_PLATFORM), Key: f.net.Keys.Get(WorkPlatform, KeyID(types.Role_PLATFORM)),
		Origin: types.Origin{SourceSystem: "workload", Jurisdiction: "CN", CollectedUnix: f.work.Unix, Simulated: true},
	}
	tx, err := types.Decode(raw)
	require.NoError(f.t, err)
	out, err := s.SignTx(f.net.Plan.ChainID, tx.Body.Messages, client.TxOptions{Reference: reference, ValidUntil: time.Unix(f.work.Unix, 0).Add(12 * time.Hour)})
	require.NoError(f.t, err)
	return out
}

// restartAll stops all four cleanly and starts them again.
func (f *four) restartAll() {
	before := f.height(0)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i, p := range f.nodes {
		wg.Go(func() { errs[i] = p.Stop() })
	}
	wg.Wait()
	require.NoError(f.t, errors.Join(errs...))
	for i := range f.nodes {
		f.start(i)
	}
	f.ready()
	eventually(f.t, "a block after the restart", func() (bool, string) { h := f.height(2); return h > before+1, fmt.Sprint(h) })
}
