package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tradecredit/client"
	"tradecredit/client/verifier"
)

// The pin, what was verified from it, and evidence that its validators signed twice.
const (
	pinned   = "../testdata/conflict.trust.json"
	evidence = "../testdata/conflict.json"
)

// copied is a file of testdata in a folder of the test's own.
func copied(t *testing.T, from, to string) string {
	data, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, data, 0o600))
	return to
}

func TestTrustEvidence(t *testing.T) {
	out := must(t, "trust", "evidence", evidence, "--trust", pinned)
	require.Contains(t, out, "somebody signed twice: height 4")
	require.Equal(t, 4, strings.Count(out, "signed both: "))
	require.Contains(t, must(t, "trust", "evidence", evidence, "--trust", pinned, "-o", "json"), `"signed_both"`)
	genesis := filepath.Join(t.TempDir(), "genesis.json")
	require.NoError(t, os.WriteFile(genesis, []byte(otherGenesis), 0o600))
	other := filepath.Join(t.TempDir(), "trust.json")
	must(t, "trust", "init", "--genesis", genesis, "--file", other)
	status, _, errs := call(t, "trust", "evidence", evidence, "--trust", other)
	require.Equal(t, exitFail, status)
	require.Contains(t, errs, "proves nothing")
	status, _, errs = call(t, "trust", "evidence", pinned, "--trust", pinned)
	require.Equal(t, exitFail, status)
	require.Contains(t, errs, "proves nothing")
}

// A conflict that was found stops every command that verifies, until a person has settled it.
func TestConflictStopsCommands(t *testing.T) {
	trust := copied(t, pinned, filepath.Join(t.TempDir(), "trust.json"))
	kept := copied(t, evidence, trust+".store.conflict")
	for _, args := range [][]string{{"get", "chain"}, {"entries", "XX:REG:7"}, {"trust", "show"}, {"trust", "update"}, {"trust", "check", "--witness", "http://127.0.0.1:2"}} {
		status, out, errs := call(t, append(args, "--trust", trust, "--node", "http://127.0.0.1:1")...)
		require.Equal(t, exitFail, status, args)
		require.Contains(t, errs, kept, args)
		require.Empty(t, out)
	}
	must(t, "trust", "evidence", kept, "--trust", trust)
	require.NoError(t, os.Remove(kept))
	must(t, "trust", "show", "--trust", trust)
}

func TestTrustStoreFile(t *testing.T) {
	trust := copied(t, pinned, filepath.Join(t.TempDir(), "trust.json"))
	require.NotContains(t, must(t, "trust", "show", "--trust", trust), "newest")
	store := copied(t, pinned+".store", trust+".store")
	out := must(t, "trust", "show", "--trust", trust)
	require.Contains(t, out, "newest verified  height 4 of 2025-11-03T08:00:04Z, believed until 2026-02-01T08:00:04Z (over: pin the validators anew)")
	require.Contains(t, out, store+", 1 headers")
	require.Contains(t, must(t, "trust", "show", "--trust", trust, "-o", "json"), `"kept": 1`)
	require.NotContains(t, must(t, "trust", "show", "--trust", trust, "--trust-store", noStore), "newest")
	require.NotContains(t, must(t, "trust", "show", "--trust", trust, "--trust-store", trust+".elsewhere"), "newest")

	// Another network is not pinned over what was verified of this one.
	genesis := filepath.Join(t.TempDir(), "genesis.json")
	require.NoError(t, os.WriteFile(genesis, []byte(otherGenesis), 0o600))
	before, err := os.ReadFile(trust)
	require.NoError(t, err)
	status, _, errs := call(t, "trust", "init", "--genesis", genesis, "--file", trust)
	require.Equal(t, exitFail, status)
	require.Contains(t, errs, "remove the store")
	after, err := os.ReadFile(trust)
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.NoError(t, os.Remove(store))
	must(t, "trust", "init", "--genesis", genesis, "--file", trust)
}

// otherGenesis has one validator.
const otherGenesis = `{"genesis_time":"2025-11-03T08:00:00Z","chain_id":"c-1","initial_height":"1","validators":[{"address":"",` +
	`"pub_key":{"type":"tendermint/PubKeyEd25519","value":"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="},"power":"10","name":"v"}],"app_hash":""}`

// A report that the trust file's own pin is too old for is borne out by what was verified since.
func TestVerifyByNewerPin(t *testing.T) {
	r, err := client.ReadReportFile(goldenReport)
	require.NoError(t, err)
	trust, err := client.ReadTrust(goldenTrust)
	require.NoError(t, err)
	old := *trust
	old.Period = time.Second
	opts := verifier.Options{Now: time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC), AllowSimulation: true}
	v, err := verifyByAny(r, []*client.Trust{&old}, opts)
	require.NoError(t, err)
	require.Equal(t, verifier.OldTrustOnly, v.Standing)
	v, err = verifyByAny(r, []*client.Trust{&old, trust}, opts)
	require.NoError(t, err)
	require.Equal(t, verifier.Fresh, v.Standing)
	opts.Subject = "XX:T:1"
	_, err = verifyByAny(r, []*client.Trust{trust, trust}, opts)
	require.ErrorIs(t, err, verifier.ErrReportNotAsked)
}
