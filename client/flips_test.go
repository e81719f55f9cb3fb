package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

// bundle is an answer about a record with all that proves it.
type bundle struct {
	name string
	key  string
	data []byte
	c    func() *Client // a reader that has seen nothing yet
}

// bundles are of trees and validator sets of several sizes, about records that are there and others that are not.
func bundles(t *testing.T, count int) (out []bundle) {
	var shared http.Client // nothing is asked
	for i := range count {
		rng := rand.New(rand.NewPCG(7, uint64(i)))
		validators, members := []int{1, 4, 4, 7}[i%4], []int{1, 2, 5, 60, 700}[i%5]
		f := newFakeChain(validators)
		state := map[string][]byte{"chain": {1}}
		for m := range members {
			id := fmt.Sprintf("m-%d", m)
			state[string(types.MemberKey(id))] = mustMarshal(&types.Member{Id: id, ControlGroup: fmt.Sprintf("g-%d", rng.IntN(1000))})
		}
		f.add(state)
		if validators == 7 {
			f.signed = func(_ int64, i int) bool { return i != 3 }
		}
		key := string(types.MemberKey(fmt.Sprintf("m-%d", rng.IntN(members))))
		if i%2 == 1 {
			key = string(types.MemberKey(fmt.Sprintf("n-%d", rng.IntN(1000))))
		}
		out = append(out, bundle{
			name: fmt.Sprintf("%d: %s among %d, %d validators", i, key, members, validators), key: key, data: mustMarshal(f.record(key, 1)),
			c: func() *Client {
				c, err := New(Config{Endpoints: []string{"http://127.0.0.1:1"}, Trust: f.trust(), HTTP: &shared, Now: f.clock, RetryFor: time.Millisecond})
				require.NoError(t, err)
				return c
			},
		})
	}
	return out
}

// TestEveryBitOfABundle turns single bits of answers: none may be accepted. A sample of the bits of each answer, all of
// them under SOAK.
func TestEveryBitOfABundle(t *testing.T) {
	const count, sample = 20, 2000
	refused := map[string]int{}
	flips := 0
	for i, b := range bundles(t, count) {
		_, err := b.c().verifyAnswer(context.Background(), b.data, b.key, GetOptions{})
		require.NoError(t, err, b.name)
		bits := make([]int, 8*len(b.data))
		for bit := range bits {
			bits[bit] = bit
		}
		if os.Getenv("SOAK") == "" {
			rand.New(rand.NewPCG(8, uint64(i))).Shuffle(len(bits), func(a, b int) { bits[a], bits[b] = bits[b], bits[a] })
			bits = bits[:min(sample, len(bits))]
		}
		for _, bit := range bits {
			b.data[bit/8] ^= 1 << (bit % 8)
			_, err := b.c().verifyAnswer(context.Background(), b.data, b.key, GetOptions{})
			b.data[bit/8] ^= 1 << (bit % 8)
			require.Error(t, err, "%s: bit %d of %d", b.name, bit, 8*len(b.data))
			refused[named(t, err)]++
			flips++
		}
	}
	require.GreaterOrEqual(t, flips, count*sample)
	t.Logf("%d flips of %d bundles, none accepted", flips, count)
	for name, n := range refused {
		t.Logf("%7d  %s", n, name)
	}
	require.Greater(t, len(refused), 10)
}

// named is the sentinel that an error carries.
func named(t *testing.T, err error) string {
	t.Helper()
	for _, want := range sentinels {
		if errors.Is(err, want) {
			return want.Error()
		}
	}
	t.Fatalf("an error without a name: %v", err)
	return ""
}

// sentinels are all errors that refuse an answer, the more telling ones first.
var sentinels = []error{
	types.ErrProofEmpty, types.ErrProofSize, types.ErrProofEncoding, types.ErrProofOperators, types.ErrProofKey, types.ErrProofRoot, types.ErrProofKind,
	types.ErrProofShape, types.ErrProofValue, types.ErrProofPath, types.ErrProofAppHash,
	ErrNoTrust, ErrTrustExpired, ErrHeaderMalformed, ErrHeaderEncoding, ErrOtherChain, ErrHeaderForged, ErrHeaderTime, ErrHeaderFuture, ErrValidatorsDiffer,
	ErrValidatorsPinned, ErrPowerShort, ErrHeaderSignature, ErrWitnessConflict, ErrNoWitness, ErrTooManyHeaders, ErrEntriesMissing, ErrEntriesDiffer,
	ErrOtherKey, ErrOtherHeight, ErrOldHeight, ErrHeightSlip, ErrStale, ErrUnproved, ErrValue, ErrAnswer, ErrAnswerSize, ErrUnreachable, ErrTrustOverlap,
}

// TestEveryBitOfAList turns single bits of the rows and of the proof of a list: what is shown is what is in the log, or it is
// refused. (What a node says of itself beside the rows is not shown.)
func TestEveryBitOfAList(t *testing.T) {
	step := 17
	if os.Getenv("SOAK") != "" {
		step = 1
	}
	l := newLogNode(12, 0)
	_, raw := entriesOf(12)
	for _, part := range [][2]int{{0, 0}, {3, 4}} {
		refused := 0
		page := mustMarshal(&types.EntriesResponse{Subject: logSubject, Total: 12, Height: 1, Next: 12, Entries: l.rows})
		want := l.rows
		var proof []byte
		if part[1] > 0 {
			page = mustMarshal(&types.EntriesResponse{Subject: logSubject, Total: 12, Height: 1, Next: 7, Entries: l.rows[3:7]})
			p, err := rangeProof(raw, 3, 7)
			require.NoError(t, err)
			want, proof = l.rows[3:7], mustMarshal(p)
		}
		honest := l.before
		l.before = func(w http.ResponseWriter, r *http.Request, n int) bool {
			switch r.URL.Path {
			case "/v1/entries":
				_, _ = w.Write(page)
			case "/v1/log-proof":
				_, _ = w.Write(proof)
			default:
				return honest(w, r, n)
			}
			return true
		}
		c, _ := l.serve(t)
		try := func() error {
			list, err := c.ProveEntries(context.Background(), logSubject, uint64(part[0]), part[1], GetOptions{})
			if err == nil && (!reflect.DeepEqual(want, list.Entries) || list.Total != 12) {
				t.Fatalf("accepted: %v", list.Entries)
			}
			return err
		}
		require.NoError(t, try())
		for _, data := range [][]byte{page, proof} {
			for bit := 0; bit < 8*len(data); bit += step {
				data[bit/8] ^= 1 << (bit % 8)
				if err := try(); err != nil {
					named(t, err)
					refused++
				}
				data[bit/8] ^= 1 << (bit % 8)
			}
		}
		require.Greater(t, refused, 8*(len(page)+len(proof))/step*9/10)
		l.before = honest
	}
}
