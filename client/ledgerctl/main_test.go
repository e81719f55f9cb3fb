package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"tradecredit/client"
	"tradecredit/types"
)

// call runs the program as a user types it.
func call(t *testing.T, args ...string) (status int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	status = run(context.Background(), args, strings.NewReader(`{"currency":"EUR","day":"2025-11-21","rate_e9":1}`), &o, &e)
	return status, o.String(), e.String()
}

func must(t *testing.T, args ...string) string {
	t.Helper()
	status, out, errs := call(t, args...)
	require.Equal(t, exitDone, status, "%s: %s%s", strings.Join(args, " "), out, errs)
	return out
}

func TestEveryMessageHasACommandAndAnExample(t *testing.T) {
	require.Len(t, examples, len(types.Table))
	help := must(t, "tx", "--help")
	for i := range types.Table {
		row := &types.Table[i]
		text, ok := examples[row.Name]
		require.True(t, ok, row.Name)
		m, err := client.DecodeMessage(row.Name, []byte(text))
		require.NoError(t, err, row.Name)
		require.NotEmpty(t, m)
		require.Contains(t, help, row.Name)
		own := must(t, "tx", row.Name, "--help")
		require.Contains(t, own, text)
		for _, p := range row.Permissions {
			require.Contains(t, own, p.Role.String())
		}
		for _, f := range client.MessageFields(row.Name) {
			require.Contains(t, own, f.Name)
		}
	}
}

func TestEveryCommandHasAnExample(t *testing.T) {
	seen := 0
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		seen++
		require.NotEmpty(t, c.Short, c.CommandPath())
		require.NotEmpty(t, c.Example, c.CommandPath())
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	walk(newRoot())
	require.Greater(t, seen, 40)
}

// key makes a plain key and returns its file.
func key(t *testing.T, dir, name, holder string) string {
	t.Helper()
	must(t, "keys", "add", name, "--holder", holder, "--key-id", "k1", "--plain", "--keys", dir)
	return filepath.Join(dir, name+".key")
}

func TestKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	out := must(t, "keys", "add", "bank-a", "--holder", "bank-a", "--key-id", "bank", "--plain", "--keys", dir, "--chain-id", "c-1", "-o", "json")
	var k keyJSON
	require.NoError(t, json.Unmarshal([]byte(out), &k))
	public, err := hex.DecodeString(k.PublicKey)
	require.NoError(t, err)
	possession, err := hex.DecodeString(k.Possession)
	require.NoError(t, err)
	require.True(t, types.VerifySignature(types.Algorithm_ED25519, public, types.Possession("c-1", "bank-a", "bank", public), possession))
	require.Contains(t, must(t, "keys", "list", "--keys", dir), k.PublicKey)
	require.Contains(t, must(t, "keys", "show", "bank-a", "--keys", dir, "--possession", "--chain-id", "c-1"), k.Possession)
	require.NotContains(t, must(t, "keys", "show", "bank-a", "--keys", dir), k.Possession)

	t.Setenv(client.PassphraseVariable, "correct horse battery")
	require.Contains(t, must(t, "keys", "add", "sealed", "--holder", "bank-a", "--key-id", "b2", "--keys", dir), "sealed      true")
	require.Contains(t, must(t, "keys", "show", "sealed", "--possession", "--chain-id", "c-1", "--keys", dir), "possession")
	t.Setenv(client.PassphraseVariable, "another horse battery")
	status, _, errs := call(t, "keys", "show", "sealed", "--possession", "--chain-id", "c-1", "--keys", dir)
	require.Equal(t, exitFail, status)
	require.Contains(t, errs, "wrong passphrase")

	status, _, errs = call(t, "keys", "add", "bank-a", "--holder", "bank-a", "--key-id", "bank", "--plain", "--keys", dir)
	require.Equal(t, exitFail, status)
	require.Contains(t, errs, "never overwritten")
	status, _, _ = call(t, "keys", "show", "none", "--keys", dir)
	require.Equal(t, exitFail, status)
	must(t, "keys", "salt", filepath.Join(dir, "salt.key"))
}

// TestSM2Keys: --algorithm sm2 makes a key that proves itself and signs.
func TestSM2Keys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	out := must(t, "keys", "add", "customs-a", "--holder", "customs-a", "--key-id", "customs", "--algorithm", "sm2", "--plain", "--keys", dir, "--chain-id", "c-1", "-o", "json")
	var k keyJSON
	require.NoError(t, json.Unmarshal([]byte(out), &k))
	require.Equal(t, "SM2_SM3", k.Algorithm)
	public, err := hex.DecodeString(k.PublicKey)
	require.NoError(t, err)
	require.NoError(t, types.CheckPublicKey(types.Algorithm_SM2_SM3, public))
	possession, err := hex.DecodeString(k.Possession)
	require.NoError(t, err)
	require.True(t, types.VerifySignature(types.Algorithm_SM2_SM3, public, types.Possession("c-1", "customs-a", "customs", public), possession))
	require.Regexp(t, `customs-a +customs-a +customs +SM2_SM3 +false +`+k.PublicKey, must(t, "keys", "list", "--keys", dir))

	out = must(t, "tx", "publish_fixing", examples["publish_fixing"], "--dry-run", "--chain-id", "c-1", "--key", filepath.Join(dir, "customs-a.key"))
	var said struct{ Tx string }
	require.NoError(t, json.Unmarshal([]byte(out), &said))
	raw, err := hex.DecodeString(said.Tx)
	require.NoError(t, err)
	tx, err := types.Decode(raw)
	require.NoError(t, err)
	require.Equal(t, types.Algorithm_SM2_SM3, tx.Signed.Algorithm)
	require.True(t, types.NewVerifier().VerifyTx(tx))

	status, _, errs := call(t, "keys", "add", "x", "--holder", "customs-a", "--key-id", "x", "--algorithm", "rsa", "--plain", "--keys", dir)
	require.Equal(t, exitUsage, status)
	require.Contains(t, errs, "--algorithm must be ed25519 or sm2")
	require.NoFileExists(t, filepath.Join(dir, "x.key"))
}

func TestTxDryRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	file := key(t, dir, "forex", "forex-a")
	out := must(t, "tx", "publish_fixing", examples["publish_fixing"], "--dry-run", "--chain-id", "c-1", "--key", file)
	var said struct {
		Tx, Reference, Message string
		Fields                 map[string]any
		Sent                   bool
	}
	require.NoError(t, json.Unmarshal([]byte(out), &said))
	raw, err := hex.DecodeString(said.Tx)
	require.NoError(t, err)
	tx, err := types.Decode(raw)
	require.NoError(t, err)
	require.Equal(t, "forex-a", tx.Body.Signer)
	require.Equal(t, said.Reference, tx.Body.Reference)
	require.True(t, types.NewVerifier().VerifyTx(tx))
	require.Equal(t, "2025-11-21", said.Fields["day"])
	require.False(t, said.Sent)

	// The same, by the key's name, from the standard input and from a file.
	must(t, "tx", "publish_fixing", "-", "--dry-run", "--chain-id", "c-1", "--key", "forex", "--keys", dir)
	path := filepath.Join(t.TempDir(), "m.json")
	require.NoError(t, os.WriteFile(path, []byte(examples["publish_fixing"]), 0o600))
	must(t, "tx", "publish_fixing", "@"+path, "--dry-run", "--chain-id", "c-1", "--key", file, "--signer", "forex-a")
}

func TestUsageErrors(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	file := key(t, dir, "forex", "forex-a")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"tx", "publish_fixng", "{}"}, `did you mean "publish_fixing"?`},
		{[]string{"tx", "publish_fixing"}, "wants the message"},
		{[]string{"tx", "publish_fixing", `{"curency":"EUR"}`, "--key", file}, `did you mean "currency"?`},
		{[]string{"tx", "publish_fixing", `{}`, "--dry-run", "--key", file}, "--chain-id or --trust"},
		{[]string{"tx", "publish_fixing", `{}`, "--chain-id", "c"}, "--key is needed"},
		{[]string{"tx", "publish_fixing", `{}`, "--chain-id", "c", "--key", file, "--signer", "bank-a"}, "belongs to forex-a"},
		{[]string{"tx", "publish_fixing", `{}`, "--key", file, "--node", "http://10.0.0.1:1"}, "only a node on this machine"},
		{[]string{"get", "chain"}, "--trust is needed"},
		{[]string{"get"}, "one key"},
		{[]string{"status", "-o", "yaml"}, "human or json"},
		{[]string{"status", "--nod", "x"}, "unknown flag"},
		{[]string{"verify"}, "wants a report file"},
		{[]string{"verify", "x", "--lang", "fr"}, "en or zh"},
		{[]string{"verify", "x", "--as-of", "yesterday"}, "is a day"},
		{[]string{"entries", "nobody"}, "subject"},
		{[]string{"report", "x", "--purpose", "AUDIT"}, "record id"},
		{[]string{"report", "a-1/x"}, "--purpose is one of"},
		{[]string{"report", "a-1/x", "--purpose", "AUDIT"}, "--salt or --key"},
		{[]string{"report", "a-1/x", "--purpose", "AUDIT", "--salt", "00"}, "32 bytes"},
		{[]string{"import", "x.csv"}, "--mapping is needed"},
		{[]string{"trust", "init"}, "--genesis is needed"},
	} {
		status, _, errs := call(t, c.args...)
		require.Equal(t, exitUsage, status, "%v: %s", c.args, errs)
		require.Contains(t, errs, c.want, "%v", c.args)
	}
}

// node answers POST /v1/tx with one code a message, and the status.
func node(t *testing.T, code types.Code) (string, *[][]byte) {
	t.Helper()
	var seen [][]byte
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/status" {
			fmt.Fprint(w, `{"chain_id":"c-1","height":7,"peers":0,"simulation":false}`)
			return
		}
		if r.URL.Path != "/v1/tx" {
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"error":"nothing here"}`)
			return
		}
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		resp := &types.SubmitResponse{}
		for len(body) > 0 {
			size := binary.BigEndian.Uint32(body)
			raw := body[4 : 4+size]
			body = body[4+size:]
			seen = append(seen, raw)
			tx, err := types.Decode(raw)
			require.NoError(t, err)
			result := &types.SubmitResult{Status: types.SubmitStatus_FINAL, Height: 9, Index: 1}
			for range tx.Body.Messages {
				result.Codes = append(result.Codes, uint32(code))
			}
			if code == types.Code_signature_invalid {
				result = &types.SubmitResult{Status: types.SubmitStatus_SUBMIT_REFUSED, Code: uint32(code), Detail: "no"}
			}
			resp.Results = append(resp.Results, result)
		}
		out, err := resp.Marshal()
		require.NoError(t, err)
		_, err = w.Write(out)
		require.NoError(t, err)
	}))
	t.Cleanup(s.Close)
	return s.URL, &seen
}

func TestTx(t *testing.T) {
	file := key(t, filepath.Join(t.TempDir(), "keys"), "forex", "forex-a")
	url, seen := node(t, types.Code_ok)
	out := must(t, "tx", "publish_fixing", examples["publish_fixing"], "--node", url, "--key", file)
	require.Contains(t, out, "FINAL    height 9, index 1: accepted 1 of 1")
	tx, err := types.Decode((*seen)[0])
	require.NoError(t, err)
	require.Equal(t, "c-1", tx.Body.ChainId, "a node on this machine is asked for the network")
	must(t, "tx", "publish_fixing", examples["publish_fixing"], "--node", url, "--key", file, "--reference", "my-own-reference-1", "--on-behalf-of", "XX:T:1")
	tx, err = types.Decode((*seen)[1])
	require.NoError(t, err)
	require.Equal(t, "my-own-reference-1", tx.Body.Reference)
	require.Equal(t, "XX:T:1", tx.Body.Messages[0].OnBehalfOf)

	url, _ = node(t, types.Code_fixing_exists)
	status, out, errs := call(t, "tx", "publish_fixing", examples["publish_fixing"], "--node", url, "--key", file, "-o", "json")
	require.Equal(t, exitFail, status)
	require.Empty(t, errs)
	var r resultJSON
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Equal(t, []string{"fixing_exists"}, r.Codes)
	require.Zero(t, r.Accepted)

	url, _ = node(t, types.Code_signature_invalid)
	status, out, _ = call(t, "tx", "publish_fixing", examples["publish_fixing"], "--node", url, "--key", file)
	require.Equal(t, exitFail, status)
	require.Contains(t, out, "REFUSED  signature_invalid")
}

// A query without a salt takes one that the key's holder can derive again.
func TestTxQueryCreditDerivesSalt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	file := key(t, dir, "bank-a", "bank-a")
	out := must(t, "tx", "query_credit", examples["query_credit"], "--dry-run", "--chain-id", "c-1", "--key", file)
	secret, _, err := client.OpenKeyFile(file, nil)
	require.NoError(t, err)
	require.Contains(t, out, hex.EncodeToString(client.ReceiptSalt(secret, "bank-a/Q-1")))
}

func TestStatusAndVersion(t *testing.T) {
	url, _ := node(t, types.Code_ok)
	require.Contains(t, must(t, "status", "--node", url), "chain id")
	require.Contains(t, must(t, "status", "--node", url, "-o", "json"), `"height": 7`)
	require.Contains(t, must(t, "version"), types.Version)
	require.Contains(t, must(t, "version", "-o", "json"), types.Version)
	status, _, errs := call(t, "entries", "XX:REG:77", "--node", url)
	require.Equal(t, exitFail, status)
	require.Contains(t, errs, "nothing here")
}

// The report and trust file that the verifier's tests keep.
const (
	goldenReport = "../verifier/testdata/report.tcr"
	goldenTrust  = "../verifier/testdata/trust.json"
)

func TestVerify(t *testing.T) {
	status, out, errs := call(t, "verify", goldenReport, "--trust", goldenTrust, "--as-of", "2025-12-01")
	require.Equal(t, exitFail, status)
	require.Empty(t, out)
	require.Contains(t, errs, "NOT VERIFIED")
	require.Contains(t, errs, "--allow-simulation")

	out = must(t, "verify", goldenReport, "--trust", goldenTrust, "--as-of", "2025-12-01", "--allow-simulation", "--lang", "en")
	require.Contains(t, out, types.SimulationNotice)
	require.Contains(t, out, "375 of 1000")
	_, _, errs = call(t, "verify", goldenReport, "--trust", goldenTrust, "--as-of", "2025-12-01", "--lang", "zh")
	require.Contains(t, errs, "未通过核验：")
	require.Contains(t, errs, "--allow-simulation")
	require.Contains(t, must(t, "verify", "report", goldenReport, "--trust", goldenTrust, "--as-of", "2025-12-01", "--allow-simulation", "--lang", "zh"), "信用分")

	var v struct {
		Verified   bool
		Standing   string
		Recomputed bool `json:"score_recomputed"`
		Height     int64
		Receipt    struct{ Result struct{ Score int } }
		Entries    struct {
			Total    int
			Complete bool
		}
	}
	require.NoError(t, json.Unmarshal([]byte(must(t, "verify", goldenReport, "--trust", goldenTrust, "--as-of", "2025-12-01", "--allow-simulation", "--json")), &v))
	require.True(t, v.Verified)
	require.Equal(t, 375, v.Receipt.Result.Score)
	require.Equal(t, "fresh", v.Standing)
	require.True(t, v.Recomputed)
	require.Equal(t, 41, v.Entries.Total)
	require.True(t, v.Entries.Complete)
	out = must(t, "verify", goldenReport, "--trust", goldenTrust, "--as-of", "2025-12-01", "--allow-simulation", "--lang", "en", "--entries")
	require.Equal(t, 41, strings.Count(out, "\n")-strings.Count(out[:strings.Index(out, "BASE AMOUNT")], "\n")-1, out)

	data, err := os.ReadFile(goldenReport)
	require.NoError(t, err)
	data[len(data)/2] ^= 1
	bad := filepath.Join(t.TempDir(), "bad.tcr")
	require.NoError(t, os.WriteFile(bad, data, 0o600))
	status, out, _ = call(t, "verify", bad, "--trust", goldenTrust, "--allow-simulation", "--json")
	require.Equal(t, exitFail, status)
	require.Contains(t, out, `"verified": false`)
	status, out, _ = call(t, "verify", goldenReport, "--trust", goldenTrust, "--as-of", "2026-12-01", "--allow-simulation", "--lang", "en")
	require.Equal(t, exitOld, status)
	require.Contains(t, out, "OLD TRUST ONLY")
	require.NotContains(t, out, "VERIFIED")
	require.Contains(t, must(t, "verify", goldenReport, "--trust", goldenTrust, "--as-of", "2026-12-01", "--allow-simulation", "--lang", "en", "--trust-period", "10000h"), "VERIFIED, FRESH")
	status, _, errs = call(t, "verify", goldenReport, "--trust", goldenTrust, "--as-of", "2025-12-01", "--allow-simulation", "--max-age", "24h")
	require.Equal(t, exitFail, status)
	require.Contains(t, errs, "older than the greatest age")
	status, _, errs = call(t, "verify", goldenReport, "--trust", goldenTrust, "--as-of", "2025-12-01", "--allow-simulation", "--chain-id", "other")
	require.Equal(t, exitFail, status)
	require.Contains(t, errs, "another chain")
	status, _, errs = call(t, "verify", goldenReport, "--trust", goldenTrust, "--as-of", "2025-12-01", "--allow-simulation", "--subject", "XX:T:1")
	require.Equal(t, exitFail, status)
	require.Contains(t, errs, "something else")
}

func TestTrust(t *testing.T) {
	out := must(t, "trust", "show", "--trust", goldenTrust)
	require.Equal(t, 4, strings.Count(out, "power 10"))
	require.Contains(t, must(t, "trust", "show", "--trust", goldenTrust, "-o", "json"), "tradecredit-trust/1")

	genesis := filepath.Join(t.TempDir(), "genesis.json")
	require.NoError(t, os.WriteFile(genesis, []byte(`{"genesis_time":"2025-11-03T08:00:00Z","chain_id":"c-1","initial_height":"1","validators":[{"address":"","pub_key":{"type":"tendermint/PubKeyEd25519","value":"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="},"power":"10","name":"v"}],"app_hash":""}`), 0o600))
	file := filepath.Join(t.TempDir(), "trust.json")
	out = must(t, "trust", "init", "--genesis", genesis, "--file", file)
	require.Contains(t, out, "pins 1 validators of c-1")
	require.Contains(t, must(t, "trust", "show", "--trust", file), "d75a980182b10ab7")
}

const smallMapping = `
[origin]
source_system = "erp"
jurisdiction = "CN"
[[skip]]
column = "Total"
is = [""]
reason = "no amount"
[[record]]
message = "issue_receivable"
fields = { id = "{No}", type = "380", currency = "CNY", amount_minor = { amount = "{Total}", currency = "CNY" } }
`

func TestImport(t *testing.T) {
	dir := t.TempDir()
	file := key(t, filepath.Join(dir, "keys"), "platform", "platform-1")
	path, mapping := filepath.Join(dir, "in.csv"), filepath.Join(dir, "m.toml")
	require.NoError(t, os.WriteFile(path, []byte("No,Total\n1,5.00\n2,\n3,7.00\n"), 0o600))
	require.NoError(t, os.WriteFile(mapping, []byte(smallMapping), 0o600))
	url, _ := node(t, types.Code_ok)
	out := must(t, "import", path, "--mapping", mapping, "--key", file, "--dry-run")
	require.Contains(t, out, "DRY RUN, nothing was sent: 2 can be recorded")
	out = must(t, "import", path, "--mapping", mapping, "--key", file, "--node", url)
	require.Contains(t, out, "3 rows: 2 new, 0 already recorded\n  1 rejected: no amount\n")
	results, err := os.ReadFile(path + ".results.csv")
	require.NoError(t, err)
	require.Equal(t, "pass,row,line,status,reason,detail,messages,height\n1,1,2,new,,,1,9\n1,2,3,rejected,no amount,,0,0\n1,3,4,new,,,1,9\n", string(results))

	url, _ = node(t, types.Code_already_recorded)
	out = must(t, "import", path, "--mapping", mapping, "--key", file, "--node", url)
	require.Contains(t, out, "0 new records")
	require.Contains(t, must(t, "import", path, "--mapping", mapping, "--key", file, "--node", url, "-o", "json"), `"already_recorded": 2`)

	url, _ = node(t, types.Code_enterprise_unknown)
	status, out, _ := call(t, "import", path, "--mapping", mapping, "--key", file, "--node", url)
	require.Equal(t, exitFail, status)
	require.Contains(t, out, "2 refused by the ledger: enterprise_unknown")

	require.NoError(t, os.WriteFile(path, []byte("No,Total\n1,5.00\n2,x\n"), 0o600))
	url, _ = node(t, types.Code_ok)
	status, out, _ = call(t, "import", path, "--mapping", mapping, "--key", file, "--node", url)
	require.Equal(t, exitFail, status, "a row that the mapping does not mean to skip")
	require.Contains(t, out, "1 rejected: "+client.ReasonAmount)

	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--key", "a=" + file}, `no signer "a"`},
		{nil, "--key is needed"},
	} {
		status, _, errs := call(t, append([]string{"import", path, "--mapping", mapping, "--node", url}, c.args...)...)
		require.Equal(t, exitUsage, status)
		require.Contains(t, errs, c.want)
	}
}

// The example mapping is one that works.
func TestImportExampleMapping(t *testing.T) {
	dir := t.TempDir()
	file := key(t, filepath.Join(dir, "keys"), "erp", "platform-1")
	mapping, path, salt := filepath.Join(dir, "m.toml"), filepath.Join(dir, "in.csv"), filepath.Join(dir, "salt.key")
	require.NoError(t, os.WriteFile(mapping, []byte(must(t, "import", "--example-mapping")), 0o600))
	require.NoError(t, os.WriteFile(path, []byte("Number,Customer,State,Kind,Currency,Amount,Date,Waybill,Tax number\nA/1,Acme,open,INV,CNY,\"1,000.50\",2025/11/3,W1,\nA/2,Acme,paid,INV,CNY,7,2025/11/4,,T2\nA/3,Bolt,void,INV,CNY,7,2025/11/4,,\nA/4,Bolt,open,CN,CNY,-7,2025/11/4,,\n"), 0o600))
	must(t, "keys", "salt", salt)
	url, seen := node(t, types.Code_ok)
	out := must(t, "import", path, "--mapping", mapping, "--key", "erp="+file, "--salt-key", salt, "--epoch-key", "1="+salt, "--node", url)
	require.Contains(t, out, "8 rows: 4 new")
	require.Contains(t, out, "2 rejected: credit note")
	names := map[string]int{}
	for _, raw := range *seen {
		tx, err := types.Decode(raw)
		require.NoError(t, err)
		for _, m := range tx.Body.Messages {
			names[types.RowOf(m.Get()).Name]++
			if r := m.GetIssueReceivable(); r != nil && r.Id == "A-1" {
				require.Equal(t, int64(100050), r.AmountMinor)
				require.Equal(t, r.IssueDay+30, r.DueDay)
				require.Len(t, r.Commitment, 32)
				require.Len(t, r.Fingerprints, 1)
				require.NotEmpty(t, r.Fingerprints[0].F4)
				require.Empty(t, r.Fingerprints[0].F6)
			}
		}
	}
	require.Equal(t, map[string]int{"register_enterprise": 2, "issue_receivable": 2}, names)
	status, _, errs := call(t, "import", path, "--mapping", mapping, "--key", "erp="+file, "--node", url)
	require.Equal(t, exitUsage, status)
	require.Contains(t, errs, "--salt-key is needed")
}
