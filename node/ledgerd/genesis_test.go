package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tradecredit/client"
	"tradecredit/types"
)

// exampleSeats writes the council keys of the example into a key folder; the last one is sealed.
func exampleSeats(t *testing.T, dir string) (keys map[string]string) {
	t.Helper()
	folder, err := client.OpenKeyFolder(dir)
	require.NoError(t, err)
	keys = map[string]string{}
	for _, seat := range []struct {
		member, name string
		algorithm    types.Algorithm
	}{
		{"bank-a", "bank-a/council", types.Algorithm_ED25519}, {"customs-a", "customs-a/sm2-council", types.Algorithm_SM2_SM3},
		{"bank-b", "bank-b/council", types.Algorithm_ED25519},
	} {
		secret := sha256.Sum256([]byte("genesis example " + seat.name))
		key, err := types.NewSigningKeyFor(seat.algorithm, secret[:])
		require.NoError(t, err)
		if seat.member == "bank-b" {
			_, err = folder.Add(seat.member, seat.member, "council-1", key, []byte("correct horse battery"))
		} else {
			_, err = folder.AddPlain(seat.member, seat.member, "council-1", key)
		}
		require.NoError(t, err)
		keys[seat.member] = filepath.Join(dir, seat.member+".key")
	}
	return keys
}

// As a council does it: the example, its check, its file, the seats' signatures, the check of those, a home.
func TestGenesisOfACouncil(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	keys := exampleSeats(t, at("keys"))
	require.NoError(t, os.WriteFile(at("trade-1.toml"), []byte(must(t, "genesis", "example")), 0o600))
	table := must(t, "genesis", "validate", at("trade-1.toml"))
	for _, want := range []string{
		`(?m)^member +control group +jurisdiction +roles +keys +legal name$`,
		`(?m)^customs-a +customs-a +CN +COUNCIL, OPERATOR, CUSTOMS +council-1 COUNCIL \(SM2\), customs-1 CUSTOMS \(SM2\) +示例海关$`,
		`(?m)^council: 4 seats \(bank-a, bank-b, customs-a, platform-a\); 3 decide$`,
		`(?m)^584de253feabd11d28b89555713143ee99eca5f53ec149c8363206b29a58cda8 +bank-a +bank-a +10$`,
		`(?m)^largest control group: bank-a with 10 of 40 of the power \(25\.00 %\)$`,
		`(?m)^algorithms +3 \(default 1\)$`,
	} {
		require.Regexp(t, want, table)
	}
	require.NotContains(t, table, "fewer than 4 validators")

	made := must(t, "genesis", "make", at("trade-1.toml"), "--out", at("genesis.json"))
	require.Contains(t, made, "3 of the 4 seats of the council must sign it")
	file, err := os.ReadFile(at("genesis.json"))
	require.NoError(t, err)
	var told struct {
		Digest string `json:"sha256"`
		Quorum int
	}
	require.NoError(t, json.Unmarshal([]byte(must(t, "genesis", "validate", at("genesis.json"), "-o", "json")), &told))
	require.Equal(t, 3, told.Quorum)
	require.Contains(t, made, told.Digest)
	require.Contains(t, table, told.Digest)
	must(t, "genesis", "make", at("trade-1.toml"), "--out", at("again.json"))
	again, err := os.ReadFile(at("again.json"))
	require.NoError(t, err)
	require.Equal(t, file, again)
	_, err = ledgerd(context.Background(), "genesis", "make", at("trade-1.toml"), "--out", at("again.json"))
	require.ErrorContains(t, err, "is not overwritten")

	// One signs the file, one the document: it is the same digest. Two of four do not suffice.
	require.Contains(t, must(t, "genesis", "sign", at("genesis.json"), "--key", keys["bank-a"]), "bank-a signed the genesis of trade-1\nSHA-256  "+told.Digest)
	must(t, "genesis", "sign", at("trade-1.toml"), "--key", keys["customs-a"], "--out", at("customs.sig"))
	two := []string{"genesis", "validate", at("genesis.json"), "--signatures", at("genesis.json.bank-a.sig") + "," + at("customs.sig")}
	out, err := ledgerd(context.Background(), two...)
	require.EqualError(t, err, "2 of 4 seats signed; 3 are needed")
	require.Regexp(t, `(?m)^bank-a +yes\nbank-b +no\ncustoms-a +yes\nplatform-a +no$`, out)
	_, err = ledgerd(context.Background(), append(two, "--signatures", at("customs.sig"))...)
	require.EqualError(t, err, "2 of 4 seats signed; 3 are needed", "nobody signs twice")

	_, err = ledgerd(context.Background(), "genesis", "sign", at("genesis.json"), "--key", keys["bank-a"])
	require.ErrorContains(t, err, "is not overwritten")
	t.Setenv(client.PassphraseVariable, "wrong horse battery")
	_, err = ledgerd(context.Background(), "genesis", "sign", at("genesis.json"), "--key", keys["bank-b"])
	require.ErrorIs(t, err, client.ErrPassphraseWrong)
	t.Setenv(client.PassphraseVariable, "correct horse battery")
	must(t, "genesis", "sign", at("genesis.json"), "--key", keys["bank-b"])
	require.Contains(t, must(t, "genesis", "validate", at("genesis.json"), "--signatures", dir), "3 of 4 seats signed; 3 are needed")
	require.Contains(t, must(t, "genesis", "validate", at("trade-1.toml"), "--signatures", dir), "3 of 4 seats signed")

	must(t, "init", "--home", at("home"), "--genesis", at("genesis.json"))

	// Another document is not what was signed.
	other := strings.Replace(exampleDocument, "document_verdicts = 2", "document_verdicts = 3", 1)
	require.NoError(t, os.WriteFile(at("other.toml"), []byte(other), 0o600))
	_, err = ledgerd(context.Background(), "genesis", "validate", at("other.toml"), "--signatures", dir)
	require.ErrorContains(t, err, "customs-a signed another genesis")
	require.ErrorContains(t, err, "0 of 4 seats signed; 3 are needed")
}

// What cannot be is told with everything that is wrong, and nothing is left behind.
func TestGenesisRefusals(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	keys := exampleSeats(t, at("keys"))
	bad := strings.Replace(exampleDocument, `"CN-BJ"`, `"CN-QQ"`, 1)
	bad = strings.Replace(bad, "power      = 10", "power      = 0", 1)
	require.NoError(t, os.WriteFile(at("bad.toml"), []byte(bad), 0o600))
	require.NoError(t, os.WriteFile(at("good.toml"), []byte(exampleDocument), 0o600))
	require.NoError(t, os.WriteFile(at("x.sig"), []byte("{}"), 0o600))
	require.NoError(t, os.MkdirAll(at("empty"), 0o700))
	_, err := ledgerd(context.Background(), "genesis", "validate", at("bad.toml"))
	require.EqualError(t, err, at("bad.toml")+" cannot found a network:\n"+
		`member[1] (bank-b).jurisdiction: "CN-QQ" is in neither ISO 3166-1 nor ISO 3166-2; write a code such as "CN" or "CN-SH"`+"\n"+
		"validator[0].power: 0 is out of bounds; write a number from 1 to 1000000")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"validate"}, "wants one file, but got 0"},
		{[]string{"validate", at("good.toml"), at("bad.toml")}, "wants one file, but got 2"},
		{[]string{"validate", at("none.toml")}, "no such file"},
		{[]string{"validate", at("good.toml"), "-o", "xml"}, "--output must be table or json"},
		{[]string{"validate", at("good.toml"), "--signatures", at("none.sig")}, "no such file"},
		{[]string{"validate", at("good.toml"), "--signatures", at("empty")}, "holds no file *.sig"},
		{[]string{"validate", at("good.toml"), "--signatures", at("x.sig")}, "x.sig: signature file of version 0"},
		{[]string{"make", at("bad.toml"), "--out", at("out")}, "cannot found a network"},
		{[]string{"sign", at("bad.toml"), "--key", keys["bank-a"], "--out", at("out")}, "cannot found a network"},
		{[]string{"sign", at("good.toml"), "--out", at("out")}, "--key is missing"},
		{[]string{"sign", at("good.toml"), "--key", at("keys/none.key"), "--out", at("out")}, "no such key"},
		{[]string{"sign", at("good.toml"), "--key", at("good.toml"), "--out", at("out")}, "is no key file"},
		{[]string{"make", at("good.toml"), "--out", at("no/such/folder")}, "no such file"},
	} {
		out, err := ledgerd(context.Background(), append([]string{"genesis"}, c.args...)...)
		require.ErrorContains(t, err, c.want, "%v\n%s", c.args, out)
		require.NoFileExists(t, at("out"))
	}
	folder, err := client.OpenKeyFolder(at("keys"))
	require.NoError(t, err)
	stranger, err := types.GenerateSigningKey()
	require.NoError(t, err)
	_, err = folder.AddPlain("stranger", "bank-a", "council-1", stranger)
	require.NoError(t, err)
	_, err = ledgerd(context.Background(), "genesis", "sign", at("good.toml"), "--key", at("keys/stranger.key"), "--out", at("out"))
	require.ErrorContains(t, err, "this is no COUNCIL key of bank-a in this genesis")
	require.NoFileExists(t, at("out"))
}

// Below four validators no rule can keep one in check, and the table says so.
func TestGenesisWithFewValidators(t *testing.T) {
	path := filepath.Join(t.TempDir(), "three.toml")
	cut := strings.LastIndex(exampleDocument, "[[validator]]")
	require.NoError(t, os.WriteFile(path, []byte(exampleDocument[:cut]), 0o600))
	require.Contains(t, must(t, "genesis", "validate", path), "fewer than 4 validators (3): a third or more is in one hand, and one that stops can stop the network")

	home := filepath.Join(t.TempDir(), "home")
	must(t, council(t, home)...)
	out := must(t, "genesis", "validate", filepath.Join(home, "config", "genesis.json"))
	require.Contains(t, out, "validators: the genesis does not say who runs them")
	require.NotContains(t, out, "This file is not what")
}
