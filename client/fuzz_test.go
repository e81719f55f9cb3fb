package client

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/stretchr/testify/require"

	"tradecredit/types"
)

var update = flag.Bool("update", false, "write the seeds of the fuzz targets instead of comparing with them")

// answers is a transport with one answer a path, and no network.
type answers map[string][]byte

// RoundTrip implements http.RoundTripper.
func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	data, ok := a[r.URL.Path]
	if !ok {
		return nil, errors.New("nobody is there")
	}
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(data)), Request: r}, nil
}

// alone is a client that hears those answers.
func alone(t testing.TB, f *fakeChain, a answers) *Client {
	c, err := New(Config{Endpoints: []string{"http://node"}, Trust: f.trust(), HTTP: &http.Client{Transport: a}, Now: f.clock, RetryFor: time.Nanosecond})
	require.NoError(t, err)
	return c
}

// FuzzRecordResponse: of all answers about a key, a true one alone is believed.
func FuzzRecordResponse(f *testing.F) {
	chain := memberChain(4)
	key := types.MemberKey("b-1")
	good := mustMarshal(chain.record(string(key), 3))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, p, err := Get(context.Background(), alone(t, chain, answers{"/v1/record": data}), key, GetOptions{Height: 3})
		switch {
		case err != nil && (m != nil || p != nil):
			t.Fatal("something is shown beside an error")
		case err != nil && bytes.Equal(data, good):
			t.Fatal(err)
		case err != nil:
			named(t, err)
		case m == nil || m.Id != "b-1" || p.Height != 3 || p.AppHash != chain.appHash(3):
			t.Fatalf("believed: %x", data)
		}
	})
}

// FuzzLightBlock: what is read is what nodes send, and no other header verifies.
func FuzzLightBlock(f *testing.F) {
	chain := newFakeChain(4)
	chain.add(map[string][]byte{"chain": {1}})
	good, trust, now := chain.block(2), chain.trust(), chain.time(3)
	f.Fuzz(func(t *testing.T, data []byte) {
		lb, err := DecodeLightBlock(data)
		if err != nil {
			named(t, err)
			return
		}
		if !bytes.Equal(lb.Normal(), data) {
			t.Fatal("it encodes differently")
		}
		if err := VerifyLightBlock(lb, trust, now, 0); err == nil && lb.Hash() != good.Hash() && lb.Hash() != chain.block(1).Hash() {
			t.Fatalf("believed: %x", data)
		}
	})
}

// FuzzEntriesResponse: whatever a node answers about entries and their proof, what is shown is in the log.
func FuzzEntriesResponse(f *testing.F) {
	l := newLogNode(7, 0)
	record := mustMarshal(l.chain.record(string(types.SubjectKey(logSubject)), 1))
	f.Fuzz(func(t *testing.T, page, proof []byte, first uint8, limit uint8) {
		c := alone(t, l.chain, answers{"/v1/record": record, "/v1/entries": page, "/v1/log-proof": proof})
		list, err := c.ProveEntries(context.Background(), logSubject, uint64(first), int(limit), GetOptions{})
		if err != nil {
			named(t, err)
			return
		}
		from := min(int(first), 7)
		end := 7
		if limit > 0 {
			end = min(end, from+int(limit))
		}
		if list.Total != 7 || list.First != uint64(from) || len(list.Entries) != end-from || (end > from && !reflect.DeepEqual(list.Entries, l.rows[from:end])) {
			t.Fatalf("rows %d to %d: %v", from, end, list)
		}
	})
}

// FuzzTrustStore: whatever stands in the file, what comes of it was signed by validators that are believed.
func FuzzTrustStore(f *testing.F) {
	chain := longChain(12)
	trust := chain.trust()
	real := map[types.Hash]bool{}
	for h := int64(1); h <= 11; h++ {
		real[chain.block(h).Hash()] = true
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := readStore(data, trust)
		if err != nil {
			if !errors.Is(err, ErrTrustStore) && !errors.Is(err, ErrTrustStoreOther) {
				t.Fatal(err)
			}
			return
		}
		for _, k := range p[1:] {
			if !real[k.lb.Hash()] {
				t.Fatalf("believed: header %d", k.lb.Height)
			}
		}
	})
}

// seeds are where fuzzing begins, by target; each entry is one input.
func seeds(t *testing.T) map[string][][]any {
	chain := memberChain(4)
	record := func(key string, height int64) []byte { return mustMarshal(chain.record(key, height)) }
	good := record("member/b-1", 3)
	records := [][]any{{good}, {record("member/b-1", 2)}, {record("member/c-1", 3)}, {record("member/a-1", 3)}, {good[:len(good)/2]}, {append(bytes.Clone(good), 0x7a, 0)}, {[]byte{}}}
	small := newFakeChain(4)
	small.add(map[string][]byte{"chain": {1}})
	block := small.block(2).Normal()
	absent := *small
	absent.signed = func(_ int64, i int) bool { return i != 1 }
	blocks := [][]any{{block}, {small.block(1).Normal()}, {ours(absent.lightBlock(2)).Normal()}, {rawLightBlock(small.lightBlock(2))}, {block[:len(block)/2]}, {[]byte{}}}
	l := newLogNode(7, 0)
	_, raw := entriesOf(7)
	page := func(from, end int) []byte {
		return mustMarshal(&types.EntriesResponse{Subject: logSubject, Total: 7, Height: 1, Next: uint64(end), Entries: l.rows[from:end]})
	}
	proof := func(from, end uint64) []byte {
		p, err := rangeProof(raw, from, end)
		require.NoError(t, err)
		return mustMarshal(p)
	}
	entries := [][]any{
		{page(0, 7), []byte{}, uint8(0), uint8(0)}, {page(2, 5), proof(2, 5), uint8(2), uint8(3)}, {page(6, 7), proof(6, 7), uint8(6), uint8(0)},
		{page(2, 5), proof(1, 4), uint8(2), uint8(3)}, {page(0, 6), []byte{}, uint8(0), uint8(0)}, {[]byte{}, proof(7, 7), uint8(9), uint8(0)},
	}
	long, strange := longChain(12), longChain(12)
	strange.sets = [][]ed25519.PrivKey{testValidators("x", 4)}
	store := storeOf(long.trust(), long.block(3), long.block(5), long.block(7))
	stores := [][]any{{store}, {storeOf(long.trust(), long.block(9))}, {storeOf(strange.trust(), strange.block(3))}, {[]byte(`{}`)}, {store[:len(store)/2]}}
	return map[string][][]any{"FuzzRecordResponse": records, "FuzzLightBlock": blocks, "FuzzEntriesResponse": entries, "FuzzTrustStore": stores}
}

// TestSeeds fails when a seed of a fuzz target is missing or changed: fuzzing from nothing finds nothing.
func TestSeeds(t *testing.T) {
	all := seeds(t)
	require.Len(t, all, 4)
	for target, inputs := range all {
		t.Run(target, func(t *testing.T) {
			require.NotEmpty(t, inputs)
			folder := filepath.Join("testdata", "fuzz", target)
			if *update {
				require.NoError(t, os.MkdirAll(folder, 0o755))
			}
			for i, values := range inputs {
				path := filepath.Join(folder, fmt.Sprintf("seed-%02d", i))
				if *update {
					require.NoError(t, os.WriteFile(path, []byte(corpusFile(values)), 0o644))
				}
				require.Equal(t, corpusFile(values), string(readTestFile(t, path)), path)
			}
		})
	}
}

// corpusFile writes one input in the form that go test reads.
func corpusFile(values []any) string {
	var b strings.Builder
	b.WriteString("go test fuzz v1\n")
	for _, v := range values {
		switch v := v.(type) {
		case []byte:
			fmt.Fprintf(&b, "[]byte(%s)\n", strconv.Quote(string(v)))
		case uint8:
			fmt.Fprintf(&b, "byte(%q)\n", rune(v))
		}
	}
	return b.String()
}
